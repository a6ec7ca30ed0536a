"""How good and how fast: the proof ladder, and what things cost, beside other implementations.

    python scripts/bench COMMAND ... --write docs/results.md

--write puts a table between its marks, as <!-- ladder --> and <!-- /ladder -->.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))  # where a folder is run, it is the only place

import common
from common import cells, publish, table

from bench import contestants, costs
from bench.contestants import VOCAB, Act, compete, in_turn, ours, stepping
from poetvae.config import configure
from poetvae.data.dataset import Batch, encode_poems
from poetvae.data.store import open_store
from poetvae.evaluation.ngram import NGram
from poetvae.evaluation.samples import compare
from poetvae.generation.generate import generate as write_poems
from poetvae.generation.options import SamplingOptions
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.runtime import bf16_is_faster, keep_freed_memory
from poetvae.text.poem import Poem
from poetvae.training.spec import read_run
from poetvae.training.trainer import train as train_model

THREADS = os.cpu_count() or 1
QUALITY = "judge_nll_per_char:.3f judge_ar_nll_per_char:.3f reverse_nll_per_char:.3f"
QUALITY += " tone_accuracy:.1% tone_chance:.1% repeat_rate:.1% distinct_2:.3f self_bleu_3:.3f"
QUALITY += " two_sample_auc:.3f"


@click.group()
def main() -> None:
    """Measure how good and how fast models are; in turn, where things are compared."""
    keep_freed_memory()


command = partial(common.command, main)
LADDER: dict[str, Any] = {"out": Path, "epochs": 9.0, "seed_epochs": 100.0, "seeds": "1,2"}
LADDER |= {"preset": ("seed", "base", "ar"), "samples": 10_000, "iw": 100, "seconds": 3.0}


@command("corpus...", **LADDER)
def ladder(o: SimpleNamespace) -> None:
    """Train and score the rungs on 5x2 couplets of CORPUS: one split, one budget, one table.

    Runs in --out are continued, or taken as they are when done; so are scores. The budget of the
    preset seed is --seed-epochs, as published; speed is measured for --seconds.
    """
    runs = {f"{preset}-{seed}": preset for preset in o.preset for seed in o.seeds.split(",")}
    for name, preset in runs.items():
        epochs = o.seed_epochs if preset == "seed" else o.epochs
        common.trained(o.out / name, o.corpus, preset, epochs, seed=int(name.rpartition("-")[2]))
    last = next((name for name in reversed(runs) if name.startswith("ar")), None)
    referee = common.load_judge(o.out / last if last else None)

    def rung(name: str) -> dict[str, Any]:
        run = o.out / (name if name in runs else next(iter(runs)))
        if name not in runs:
            return ngram_rung(1 if name == "unigram" else 4, run, referee, o.samples)
        scores = common.scored(run, o.samples, o.iw, referee, curve=100)
        loaded = Poet.from_pretrained(run)
        many, alone = (in_turn([act], 1, o.seconds).item() for act in writing(loaded))
        return {**scores, "poems_per_s": 256 / many, "ms_per_poem": 1000 * alone}

    rows, human = [], {}
    for name in ("unigram", "4-gram", *runs):
        r = common.once(o.out / f"{name}.json", partial(rung, name))
        r["±"] = common.nats(r)
        r["time"] = ", ".join(cells(r, "steps:,d seconds:,.0f"))
        own, rates = "parameters:,d time ± bound", "poems_per_s:,.0f ms_per_poem:.1f passes"
        rows.append([name, *cells(r, own), *cells(r["samples"], QUALITY), *cells(r, rates)])
        human = r["human"]
    rows.append(["human poems", *[""] * 4, *cells(human, QUALITY), *[""] * 3])
    columns = "rung, seed|parameters|steps, seconds|nats/char|bound|4-gram judge|`ar` judge|reverse"
    columns += "|tones|by chance|repeats|distinct-2|self-BLEU-3|AUC|poems/s|ms a poem|passes"
    publish(o.write, "ladder", table(columns, rows))


def ngram_rung(order: int, run: Path, judge: common.Judge | None, n: int) -> dict[str, Any]:
    """An n-gram model as a rung: exact likelihood, samples drawn character by character."""
    codec, data = Poet.from_pretrained(run).codec, read_run(run)
    began = time.perf_counter()
    model = NGram.fit([codec.encode(p) for p in data.train], len(codec.tokenizer), order)
    fitted = time.perf_counter() - began
    nll = model.nll([codec.encode(poem) for poem in data.test])
    (form,) = codec.forms
    began = time.perf_counter()
    drawn = model.sample(n, codec.max_len, allowed=codec.writable())
    written = [Poem(tuple(codec.decode(ids, form).split("\n"))) for ids in drawn.tolist()]
    found = {"bound": "exact", "passes": codec.max_len, "seconds": fitted}
    found["poems_per_s"] = n / (time.perf_counter() - began)
    found["nll_per_char"] = float(nll.sum()) / (form.size * len(data.test))
    asked = [form] * n
    return found | compare(codec, written, data.test, data.train, asked=asked, judge=judge)


def writing(poet: Poet, passes: int | None = None) -> list[Act]:
    """Batches of 256 poems, and a poem by itself, in so many passes."""

    def write(n: int, number: int) -> None:
        options = SamplingOptions(1.0, seed=number, passes=passes)
        write_poems(poet.model, poet.codec, n, options=options)

    return [stepping(partial(write, n)) for n in (256, 1)]


@command("run", poems=100, candidates=256)
def correlation(o: SimpleNamespace) -> None:
    """Dual total correlation of held-out poems under an autoregressive RUN, in nats a poem.

    D = H(X) - sum_i H(X_i | X_-i) (Han 1978): what z must carry at least for a decoder whose
    positions are independent given z. Both terms are of one model: by Bayes' rule p(x_i | x_-i) =
    p(x) / sum_v p(x with v at i). Half of the candidates v are the likeliest given what stands
    before, summed as they are; the rest are drawn from the remaining ones and stand for them.
    """
    poet, rows = Poet.from_pretrained(o.run), []
    model, codec = poet.model.causal, poet.codec
    unknown, generator = codec.tokenizer.unk_id, torch.Generator().manual_seed(0)
    test = [poem for poem in read_run(o.run).test if unknown not in codec.encode(poem)]
    store = encode_poems(codec, test)
    for place in np.unique(np.linspace(0, len(test) - 1, o.poems).astype(np.int64)):
        rows.append(one_out(model, store.batch([int(place)]).tokens[0], o.candidates, generator))
        if len(rows) % 10 == 0:
            click.echo(f"{len(rows)} poems: {np.mean([a - b for a, b in rows]):.2f}", err=True)
    whole, alone = np.array(rows).T
    found = {"poems": len(rows), "nll_per_poem": whole.mean()}
    found["left_out_nll_per_poem"] = alone.mean()
    found["dual_total_correlation"] = (whole - alone).mean()
    found["standard_error"] = (whole - alone).std(ddof=1) / len(rows) ** 0.5
    click.echo(json.dumps(found))


@torch.no_grad()
def one_out(
    model: Autoregressive, tokens: Tensor, candidates: int, generator: torch.Generator
) -> tuple[float, float]:
    """-log p(x), and -sum_i log p(x_i | x_-i), of tokens (T,); nats."""
    log_p = model.decode(tokens[None])[0].log_softmax(dim=1)  # (T, V): of v at i, given before
    own = log_p.gather(1, tokens[:, None])
    whole, alone = float(own.sum()), float(own[-1])
    top = min(candidates // 2, log_p.shape[1])
    for i in range(len(tokens) - 1):
        likely = log_p[i].topk(top).indices
        tail = log_p[i].exp()
        tail[likely] = 0
        n = candidates - top if top < len(tail) else 0
        drawn = torch.multinomial(tail, n, True, generator=generator) if n else likely[:0]
        tried = torch.cat([likely, drawn])
        texts = tokens.repeat(len(tried), 1)
        texts[:, i] = tried
        after = torch.zeros(texts.shape, dtype=torch.bool)
        after[:, i + 1 :] = True
        rest = -model.nll(Batch(texts, after)).double()  # log p of what follows, given v at i
        share = float(tail.sum()) / max(n, 1)
        weight = torch.cat([log_p[i][likely], torch.full((len(drawn),), share).log()]).double()
        alone += whole - float(own[:i].sum()) - float(torch.logsumexp(weight + rest, dim=0))
    return -whole, -alone


@command("runs...", seconds=3.0, rounds=3, threads=THREADS)
def generate(o: SimpleNamespace) -> None:
    """Poems a second and ms for one poem of trained RUNS, in each number of passes, in turn."""
    torch.set_num_threads(o.threads)
    poets = [(run.name, Poet.from_pretrained(run)) for run in o.runs]
    kinds = [(name, p, n) for name, p in poets for n in p.model.pass_choices or (None,)]
    acts = [act for _, poet, passes in kinds for act in writing(poet, passes)]
    rows = []
    spent = iter(in_turn(acts, o.rounds, o.seconds))
    first: dict[str, float] = {}
    for name, poet, passes in kinds:
        many, alone = (float(np.median(next(spent))) for _ in range(2))
        r = {"poems": 256 / many, "ms": 1000 * alone, "passes": poet.model.network_passes(passes)}
        r |= {"name": name, "ratio": many / first.setdefault(name, many)}
        rows.append(cells(r, "name passes poems:,.0f ratio:.2f ms:.1f"))
    columns = "|passes|poems/s, batches of 256|time by that of the first|ms for one poem"
    publish(o.write, "generation-speed", table(columns, rows))


@command(preset=("seed", "base"), batch_size=0, rounds=7, seconds=2.0, threads=THREADS, keras=True)
def train(o: SimpleNamespace) -> None:
    """Training throughput of presets, of plain PyTorch and of Keras, in couplets per second.

    Random tokens, in float32 and, where this machine does not emulate it, bfloat16. Without
    --batch-size seed has 64 and 512, others that of the preset. Of Keras the fastest way is shown.
    """
    torch.set_num_threads(o.threads)
    keras = contestants.load_keras() if o.keras else None
    precisions = ("fp32", "bf16") if bf16_is_faster(torch.device("cpu")) else ("fp32",)
    field = [contestants.peak(precision) for precision in precisions]
    for preset in o.preset:
        seed = preset == "seed"
        for size in [o.batch_size] if o.batch_size or not seed else [64, 512]:
            field += [ours(preset, precision, size) for precision in precisions]
            field += [contestants.plain(size)] if seed else []
            if seed and keras:
                ways = contestants.keras_variants(keras, size, precisions)
                tried = [(compete([c], 3, o.seconds / 2)[0]["couplets_per_s"], c) for c in ways]
                field.append(max(tried, key=lambda pair: pair[0])[1])
    peaks: dict[str, float] = {}
    rows = []
    for c, row in zip(field, compete(field, o.rounds, o.seconds), strict=True):
        peaks.setdefault(c.precision, row["gflops_per_s"])  # that of the matrix product
        row["of_peak"] = row["gflops_per_s"] / peaks[c.precision]
        formats = "gflops_per_s:,.0f of_peak:.0% plain:.2f keras:.2f"
        couplets = cells(row, "batch couplets_per_s:,.0f") if c.batch else ["", ""]
        rows.append([c.name, *couplets, *cells(row, formats)])
    above = f"torch {torch.__version__}{f', keras {keras.__version__}' if keras else ''}; "
    above += f"{o.threads} threads, {VOCAB:,} tokens, median of {o.rounds} rounds"
    columns = "|batch|couplets/s|GFLOP/s|of the peak|beside plain|beside Keras"
    publish(o.write, "training-speed", f"{above}\n\n{table(columns, rows)}")


@command("corpus", preset="small", batch_size=64, rounds=7, seconds=2.0, threads=1)
def lengths(o: SimpleNamespace) -> None:
    """Training throughput on forms of several lengths, of a CORPUS from `poetvae corpus tokenize`.

    Batches of one length beside batches of all, computed to the longest; float32, in turn.
    """
    torch.set_num_threads(o.threads)
    data = open_store(Path(o.corpus))
    field = [contestants.of_lengths(data, o.preset, o.batch_size, apart) for apart in (False, True)]
    found = compete(field, o.rounds, o.seconds)
    rows = [
        [
            c.name,
            *cells(
                {**row, "times": row["couplets_per_s"] / found[0]["couplets_per_s"]},
                "couplets_per_s:,.0f times:.2f",
            ),
        ]
        for c, row in zip(field, found, strict=True)
    ]
    forms = ", ".join(f"{n:,} {form}" for form, n in data.codec.forms.items())
    columns = f"`{o.preset}`, batch {o.batch_size}|poems/s|times"
    publish(o.write, "lengths", f"{forms}\n\n{table(columns, rows)}")


@command(preset=("base", "seed"), steps=20, threads=THREADS)
def where(o: SimpleNamespace) -> None:
    """Where a training step's time goes, in ms by kind of work; float32, one column a preset."""
    torch.set_num_threads(o.threads)
    found = [ours(preset) for preset in o.preset]
    kinds = [costs.where_time_goes(c, o.steps) for c in found]
    rows = [
        [kind, *(f"{1000 * x[kind]:.1f} ms, {x[kind] / x['whole step']:.0%}" for x in kinds)]
        for kind in kinds[0]
    ]
    names = (f"`{preset}`, batch {c.batch}" for preset, c in zip(o.preset, found, strict=True))
    publish(o.write, "where", table("|".join(["", *names]), rows))


@command(preset=("tiny", "seed", "small", "base"))
def memory(o: SimpleNamespace) -> None:
    """Peak resident memory of training each preset, five steps in a process of its own."""
    rows = []
    for preset in o.preset:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            batch, parameters, before, after = pool.apply(costs.peaks, (preset,))
        kept = parameters * (4 if configure(preset).train.ema else 3) / 2**18  # 4 bytes each
        mib = [f"{size:,.0f}" for size in (kept, before, after)]
        rows.append([f"`{preset}`", f"{batch:,}", f"{parameters:,}", *mib])
    columns = "preset|batch|parameters|weights, moments, average: MiB|torch alone: MiB|peak: MiB"
    publish(o.write, "memory", table(columns, rows))


@command("[run]", rounds=7)
def startup(o: SimpleNamespace) -> None:
    """Seconds of commands beside those of importing torch, in turn; RUN absent: a tiny new one."""
    with tempfile.TemporaryDirectory() as folder:
        run = o.run or Path(folder) / "run"
        if not o.run:
            train_model(out=run, preset="tiny", steps=5, forms=["5x2"], quiet=True)
        poetvae = [sys.executable, "-m", "poetvae"]
        commands = {
            "python -c 'import torch'": [sys.executable, "-c", "import torch"],
            "poetvae --help": [*poetvae, "--help"],
            "poetvae generate -n 1": [*poetvae, "generate", "--model", str(run), "-n", "1"],
        }
        spent = in_turn([stepping(partial(run_command, x)) for x in commands.values()], o.rounds)
    rows = [
        [f"`{name}`", f"{np.median(own):.2f}", f"{np.median(own / spent[0]):.2f}"]
        for name, own in zip(commands, spent, strict=True)
    ]
    publish(o.write, "startup", table("|seconds|beside the import of torch", rows))


def run_command(words: Sequence[str], number: int) -> None:
    """Run it to its end."""
    subprocess.run(words, check=True, capture_output=True)


SCALE: dict[str, Any] = {"preset": "base", "seconds": 1.5, "rounds": 3, "threads": THREADS}
SCALE |= {"lengths": "10,20,40,80", "vocabularies": "1000,3000,6000,12000,50000"}
SCALE |= {"batches": "16,64,256,1024", "corpora": "10000,100000,1000000,10000000"}


@command(**SCALE, processes="1,2,4", plot=None)
def scale(o: SimpleNamespace) -> None:
    """How cost grows with length, vocabulary, batch, corpus and processes; an empty list = none.

    The first three are steps of one process; a corpus costs what drawing a batch of 256 takes;
    processes are launched by torchrun with a thread each, and share one batch of 256.
    """
    torch.set_num_threads(o.threads)

    def steps(key: str, sizes: list[int]) -> Iterable[costs.Cost]:
        return costs.step_seconds(o.preset, key, sizes, o.rounds, o.seconds) if sizes else []

    axes: dict[str, tuple[str, Callable[[list[int]], Iterable[costs.Cost]]]] = {
        "length": (o.lengths, partial(steps, "length")),
        "vocabulary": (o.vocabularies, partial(steps, "vocab")),
        "batch": (o.batches, partial(steps, "batch")),
        "corpus": (o.corpora, partial(map, costs.draw_seconds)),
        "processes": (o.processes, partial(costs.distributed_seconds, o.preset)),
    }
    found, rows = {}, []
    for axis, (text, measure) in axes.items():
        sizes = [int(part) for part in text.split(",") if part]
        found[axis] = dict(zip(sizes, measure(sizes), strict=True))
        for n, (seconds, rate) in found[axis].items():
            ms = f"{1000 * seconds:,.{1 if seconds >= 0.01 else 3}f}"
            rows.append([axis, f"{n:,}", ms, f"{rate:,.0f}"])
    publish(o.write, "scale", table("what grows|to|ms a step or draw|characters/s", rows))
    if o.plot:
        costs.plot_scale(found, o.plot)


@command(lines=(100_000, 1_000_000))
def lines(o: SimpleNamespace) -> None:
    """Time and memory to tokenize corpora of so many --lines, and to begin to train on them."""
    rows = []
    for count in o.lines:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            costs.make_corpus(folder / "corpus.txt", count)
            words = f"corpus tokenize corpus.txt --out ids --form 5x2 --workers {costs.WORKERS}"
            seconds, _, reader, worker = costs.measure(folder, words, "ids")
            words = "train ids --out run --preset tiny --steps 20 --set log_every=1 --quiet"
            _, first, trainer, _ = costs.measure(folder, words, "run/metrics.jsonl")
            size = sum(path.stat().st_size for path in (folder / "ids").iterdir()) / 2**20
        row = [f"{x:,.0f}" for x in (count, seconds, reader, worker, size)]
        rows.append([*row, f"{first:.1f}", f"{trainer:,.0f}"])
    click.echo(f"{costs.WORKERS} workers, {costs.LIMIT} GiB of address space for each process\n")
    columns = "lines|to tokenize, s|memory of the reader, MiB|of a worker, MiB|folder, MiB"
    publish(o.write, "lines", table(f"{columns}|`train` to first step, s|its memory, MiB", rows))


if __name__ == "__main__":
    main()

"""How good and how fast: the proof ladder, and what things cost, beside other implementations.

    python scripts/bench COMMAND ... --write docs/results.md

--write puts a table between its marks, as <!-- ladder --> and <!-- /ladder -->.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
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

from bench import contestants, costs, lines
from bench.contestants import VOCAB, Act, compete, in_turn, ours, stepping
from poetvae.data.dataset import Batch, encode_poems
from poetvae.evaluation.ngram import NGram
from poetvae.evaluation.samples import compare
from poetvae.generation.generate import generate as write_poems
from poetvae.generation.options import SamplingOptions
from poetvae.generation.passes import logits_at
from poetvae.models import Autoregressive, LatentModel
from poetvae.poet import Poet
from poetvae.runtime import bf16_is_faster, keep_freed_memory
from poetvae.text.poem import Poem
from poetvae.training.spec import read_run
from poetvae.training.trainer import train as train_model

THREADS = os.cpu_count() or 1
QUALITY = {
    "judge_nll_per_char": ".3f",
    "judge_ar_nll_per_char": ".3f",
    "reverse_nll_per_char": ".3f",
    "tone_accuracy": ".1%",
    "repeat_rate": ".1%",
    "distinct_2": ".3f",
    "self_bleu_3": ".3f",
    "two_sample_auc": ".3f",
}


@click.group()
def main() -> None:
    """Measure how good and how fast models are; in turn, where things are compared."""
    keep_freed_memory()


command = partial(common.command, main)


@command(
    "corpus...",
    out=Path,
    epochs=9.0,
    seed_epochs=100.0,
    preset=("seed", "base", "ar"),
    seeds="1,2",
    samples=10_000,
    iw=100,
    seconds=3.0,
)
def ladder(o: SimpleNamespace) -> None:
    """Train and score the rungs on 5x2 couplets of CORPUS: one split, one budget, one table.

    Runs in --out are continued, or taken as they are when done; so are scores. The budget of the
    preset seed is --seed-epochs, as published; speed is measured for --seconds.
    """
    runs = {f"{preset}-{seed}": preset for preset in o.preset for seed in o.seeds.split(",")}
    for name, preset in runs.items():
        epochs = o.seed_epochs if preset == "seed" else o.epochs
        settings = {"seed": int(name.rpartition("-")[2])}
        common.trained(o.out / name, o.corpus, preset, epochs, settings)
    last = next((name for name in reversed(runs) if name.startswith("ar")), None)
    referee = common.load_judge(o.out / last if last else None)

    def rung(name: str) -> dict[str, Any]:
        run = o.out / (name if name in runs else next(iter(runs)))
        if name not in runs:
            return ngram_rung(1 if name == "unigram" else 4, run, referee, o.samples)
        scores = common.scored(run, samples=o.samples, iw=o.iw, judge=referee, curve=100)
        many, alone = (in_turn([act], 1, o.seconds)[0].item() for act in writing(run)[:2])
        return {**scores, "poems_per_s": 256 / many, "ms_per_poem": 1000 * alone}

    rows, human = [], {}
    for name in ("unigram", "4-gram", *runs):
        r = common.once(o.out / f"{name}.json", partial(rung, name))
        low, high = r.get("ci", {}).get("nll_per_char", (0, 0))
        r["±"] = f"{r['nll_per_char']:.3f}" + (f" ± {(high - low) / 2:.3f}" if high else "")
        r["time"] = ", ".join(cells(r, {"steps": ",d", "seconds": ",.0f"}))
        own = cells(r, {"parameters": ",d", "time": "", "±": "", "bound": ""})
        rates = cells(r, {"poems_per_s": ",.0f", "ms_per_poem": ".1f", "passes": ""})
        rows.append([name, *own, *cells(r["samples"], QUALITY), *rates])
        human = r["human"]
    rows.append(["human poems", *[""] * 4, *cells(human, QUALITY), *[""] * 3])
    columns = "rung, seed|parameters|steps, seconds|nats/char|bound|4-gram judge|`ar` judge|reverse"
    columns += "|tones|repeats|distinct-2|self-BLEU-3|AUC|poems/s|ms a poem|passes"
    publish(o.write, "ladder", table(columns.split("|"), rows))


def ngram_rung(order: int, run: Path, judge: common.Judge | None, n: int) -> dict[str, Any]:
    """An n-gram model as a rung: exact likelihood, samples drawn character by character."""
    codec, data = Poet.from_pretrained(run).codec, read_run(run)
    began = time.perf_counter()
    model = NGram.fit([codec.encode(p) for p in data.train], len(codec.tokenizer), order)
    seconds = time.perf_counter() - began
    nll = model.nll([codec.encode(poem) for poem in data.test])
    (form,) = codec.forms
    began = time.perf_counter()
    drawn = model.sample(n, codec.max_len, allowed=codec.writable())
    written = [Poem(tuple(codec.decode(ids, form).split("\n"))) for ids in drawn.tolist()]
    return {
        "bound": "exact",
        "nll_per_char": float(nll.sum()) / (form.size * len(data.test)),
        "passes": codec.max_len,
        "seconds": seconds,
        "poems_per_s": n / (time.perf_counter() - began),
        **compare(codec, written, data.test, data.train, asked=[form] * n, judge=judge),
    }


def writing(run: Path) -> list[Act]:
    """Batches of 256 poems, and a poem by itself; beside them what the decoder does alone."""
    poet = Poet.from_pretrained(run)
    model, codec = poet.model, poet.codec

    def write(n: int) -> Act:
        return stepping(
            lambda number: write_poems(model, codec, n, options=SamplingOptions(seed=number))
        )

    decoding = [stepping(partial(decode, model.latent))] if model.has_latent else []
    return [write(256), write(1), *decoding]


@torch.no_grad()
def decode(model: LatentModel, number: int) -> None:
    """Logits of a batch of 256 from new z, in each pass of the positions that it decides."""
    z = model.prior(256).sample()
    for t in range(model.passes):
        logits_at(model, z, slice(t, None, model.passes), passes=model.passes)


@command("run", poems=100, candidates=256)
def correlation(o: SimpleNamespace) -> None:
    """Dual total correlation of held-out poems under an autoregressive RUN, in nats a poem.

    D = H(X) - sum_i H(X_i | X_-i) (Han 1978): what z must carry at least for a decoder whose
    positions are independent given z. Both terms are of one model: by Bayes' rule p(x_i | x_-i) =
    p(x) / sum_v p(x with v at i). Half of the candidates v are the likeliest given what stands
    before, summed as they are; the rest are drawn from the remaining ones and stand for them.
    """
    judge = common.load_judge(o.run)
    assert judge
    model, codec = judge
    unknown = codec.tokenizer.unk_id
    test = [poem for poem in read_run(o.run).test if unknown not in codec.encode(poem)]
    store, generator, rows = encode_poems(codec, test), torch.Generator().manual_seed(0), []
    for place in np.unique(np.linspace(0, len(test) - 1, o.poems).astype(np.int64)):
        rows.append(one_out(model, store.batch([int(place)]).tokens[0], o.candidates, generator))
        if len(rows) % 10 == 0:
            click.echo(f"{len(rows)} poems: {np.mean([a - b for a, b in rows]):.2f}", err=True)
    whole, alone = (np.array(column) for column in zip(*rows, strict=True))
    found = {
        "poems": len(rows),
        "nll_per_poem": whole.mean(),
        "left_out_nll_per_poem": alone.mean(),
        "dual_total_correlation": (whole - alone).mean(),
        "standard_error": (whole - alone).std(ddof=1) / len(rows) ** 0.5,
    }
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
    """Poems a second and ms for one poem of trained RUNS, in turn: one pass, or one a character.

    Beside them is what the decoder does by itself, for nothing but the logits, in as many passes.
    """
    torch.set_num_threads(o.threads)
    acts = [(run.name, writing(run)) for run in o.runs]
    spent = iter(in_turn([act for _, own in acts for act in own], o.rounds, o.seconds)[0])
    rows = []
    for name, own in acts:
        many, alone, *bare = (next(spent) for _ in own)
        r = {"poems": 256 / np.median(many), "ms": 1000 * np.median(alone)}
        r["spread"] = f"{256 / many.max():,.0f} to {256 / many.min():,.0f}"
        if bare:
            r |= {"bare": 256 / np.median(bare[0]), "share": np.median(bare[0] / many)}
        formats = {"poems": ",.0f", "spread": "", "bare": ",.0f", "share": ".0%", "ms": ".1f"}
        rows.append([name, *cells(r, formats)])
    columns = ["", "poems/s, batches of 256", "lowest to highest", "decoder alone", "share of that"]
    publish(o.write, "generation-speed", table([*columns, "ms for one poem"], rows))


@command(
    preset=("seed", "base"),
    batch_size=0,
    rounds=7,
    seconds=2.0,
    threads=THREADS,
    keras=True,
    json=False,
)
def train(o: SimpleNamespace) -> None:
    """Training throughput of presets, of plain PyTorch and of Keras, in couplets per second.

    Random tokens, in float32 and, where this machine does not emulate it, bfloat16. Without
    --batch-size seed has 64 and 512, others that of the preset.
    """
    torch.set_num_threads(o.threads)
    keras = contestants.load_keras() if o.keras else None
    precisions = ("fp32", "bf16") if bf16_is_faster(torch.device("cpu")) else ("fp32",)
    field, variants = [contestants.peak(precision) for precision in precisions], {}
    for preset in o.preset:
        seed = preset == "seed"
        for size in [o.batch_size] if o.batch_size or not seed else [64, 512]:
            field += [ours(preset, precision, batch=size) for precision in precisions]
            if seed:
                field.append(contestants.plain(size))
            if seed and keras:
                found = [
                    (compete([c], 3, o.seconds / 2)[0]["couplets_per_s"], c)
                    for c in contestants.keras_variants(keras, size, precisions)
                ]
                variants[str(size)] = {c.name: rate for rate, c in found}
                field.append(max(found, key=lambda pair: pair[0])[1])
    rows = compete(field, o.rounds, o.seconds)
    peaks = {row["precision"]: row["gflops_per_s"] for row in rows[: len(precisions)]}
    for row in rows:
        row["of_peak"] = row["gflops_per_s"] / peaks[row["precision"]]
    modules = [torch, keras, import_module("tensorflow")] if keras else [torch]
    results = {
        "command": shlex.join(["python", *sys.argv]),
        "versions": {module.__name__: module.__version__ for module in modules},
        "threads": o.threads,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "vocab_size": VOCAB,
        "rounds": o.rounds,
        "rows": rows,
        "keras_variants": variants,
    }
    if o.json:
        click.echo(json.dumps(results, indent=2))
    else:
        publish(o.write, "training-speed", costs.training_table(results))


@command(preset=("base", "seed"), steps=20, threads=THREADS)
def where(o: SimpleNamespace) -> None:
    """Where a training step's time goes, in ms by kind of work; float32, one column a preset."""
    torch.set_num_threads(o.threads)
    found = [ours(preset) for preset in o.preset]
    columns = {
        f"`{preset}`, batch {c.batch}": costs.where_time_goes(c, o.steps)
        for preset, c in zip(o.preset, found, strict=True)
    }
    publish(o.write, "where", costs.shares_table(columns))


@command(preset=("tiny", "seed", "small", "base"))
def memory(o: SimpleNamespace) -> None:
    """Peak resident memory of training each preset, five steps in a process of its own."""
    rows = [[f"`{preset}`", *costs.memory_cells(preset)] for preset in o.preset]
    columns = ["preset", "batch", "parameters", "weights, moments, average: MiB"]
    publish(o.write, "memory", table([*columns, "torch alone: MiB", "peak: MiB"], rows))


@command("[run]", rounds=7)
def startup(o: SimpleNamespace) -> None:
    """Seconds of commands beside those of importing torch, in turn; RUN absent: a tiny new one."""
    python = [sys.executable, "-m", "poetvae"]
    with tempfile.TemporaryDirectory() as folder:
        run = o.run or Path(folder) / "run"
        if not o.run:
            train_model(out=run, preset="tiny", steps=5, forms=["5x2"], quiet=True)
        commands = {
            "python -c 'import torch'": [sys.executable, "-c", "import torch"],
            "poetvae --help": [*python, "--help"],
            "poetvae generate -n 1": [*python, "generate", "--model", str(run), "-n", "1"],
        }
        acts = [stepping(partial(run_command, words)) for words in commands.values()]
        spent, _ = in_turn(acts, o.rounds)
    publish(o.write, "startup", costs.startup_table(list(commands), spent))


def run_command(words: Sequence[str], number: int) -> None:
    subprocess.run(words, check=True, capture_output=True)


@command(
    preset="base",
    lengths="10,20,40,80",
    vocabularies="1000,3000,6000,12000,50000",
    batches="16,64,256,1024",
    corpora="10000,100000,1000000,10000000",
    processes="1,2,4",
    seconds=1.5,
    rounds=3,
    threads=THREADS,
    plot=None,
)
def scale(o: SimpleNamespace) -> None:
    """How cost grows with length, vocabulary, batch, corpus and processes; an empty list = none.

    The first three are steps of one process; a corpus costs what drawing a batch of 256 takes;
    processes are launched by torchrun with a thread each, and share one batch of 256.
    """
    torch.set_num_threads(o.threads)

    def steps(key: str, sizes: list[int]) -> list[costs.Cost]:
        return costs.step_seconds(o.preset, [{key: n} for n in sizes], o.rounds, o.seconds)

    def each(sizes: str, measure: Callable[[list[int]], list[costs.Cost]]) -> costs.Costs:
        numbers = [int(part) for part in sizes.split(",") if part]
        return dict(zip(numbers, measure(numbers), strict=True))

    found = {
        "length": each(o.lengths, partial(steps, "length")),
        "vocabulary": each(o.vocabularies, partial(steps, "vocab")),
        "batch": each(o.batches, partial(steps, "batch")),
        "corpus": each(o.corpora, lambda sizes: [*map(costs.draw_seconds, sizes)]),
        "processes": each(o.processes, partial(costs.distributed_seconds, o.preset)),
    }
    publish(o.write, "scale", costs.scale_table(found))
    if o.plot:
        costs.plot_scale(found, o.plot)


command(lines=(100_000, 1_000_000))(lines.lines)

if __name__ == "__main__":
    main()

"""How good and how fast: the proof ladder, and speed beside other implementations.

    python scripts/bench.py ladder CORPUS... --out RUNS
    python scripts/bench.py correlation RUN
    python scripts/bench.py train
    python scripts/bench.py where
    python scripts/bench.py memory
    python scripts/bench.py generate RUN...
    python scripts/bench.py startup [RUN]
    python scripts/bench.py scale

Contestants take turns, see contestants.py. With --write FILE a table goes between its marks.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import costs
import numpy as np
import torch
from common import figure, load_judge, once, publish, scored, table, trained
from contestants import compete, keras_variants, load_keras, ours, peak, plain
from torch import Tensor

from poetvae.config import PRESETS, configure
from poetvae.data.dataset import TokenStore, encode_poems
from poetvae.data.tokenize import prepare
from poetvae.evaluation.ngram import NGram
from poetvae.evaluation.samples import compare
from poetvae.generation.generate import generate as write
from poetvae.generation.passes import logits_at
from poetvae.models import VAE, Autoregressive, Model
from poetvae.poet import Poet
from poetvae.runtime import bf16_is_faster, keep_freed_memory
from poetvae.text.poem import Form, Poem
from poetvae.training.spec import RunSpec, read

SEED_BATCHES = (64, 512)


def read_store(corpus: str | None, vocab: int, length: int) -> tuple[TokenStore, int]:
    """Couplets and the size of their vocabulary: the corpus's, or random ones."""
    if corpus is None:
        return costs.random_store(length, vocab), vocab
    job = RunSpec(configure(), (corpus,), (), (Form.parse("5x2"),), (), False)
    with tempfile.TemporaryDirectory() as folder:  # what is mapped outlives its name
        log = partial(click.echo, err=True)
        data, config = prepare(job, torch.device("cpu"), log, Path(folder) / "data")
    return data.train, config.model.vocab_size


def training_table(results: dict[str, Any]) -> str:
    """The results of `train` as Markdown."""
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())

    def cells(row: dict[str, Any]) -> list[str]:
        ratios = [figure(row["beside"].get(name), ".2f") for name in ("plain", "keras")]
        speed = [f"{row['couplets_per_s']:,.0f}", f"{row['low']:,.0f} to {row['high']:,.0f}"]
        return [
            row["name"],
            *([str(row["batch"]), *speed] if row["batch"] else [""] * 3),
            f"{row['gflops_per_s']:,.0f}",
            f"{row['of_peak']:.0%}",
            *ratios,
            f"{row['faults_per_step']:,.1f}",
        ]

    columns = ["", "batch", "couplets/s", "lowest to highest", "GFLOP/s", "of the peak"]
    columns += ["beside plain", "beside Keras", "page faults a step"]
    return (
        f"`{results['command']}`: {versions}; {results['threads']} threads ({results['cpu']}), "
        f"{results['vocab_size']:,} tokens, median of {results['rounds']} rounds\n\n"
        + table(columns, map(cells, results["rows"]))
    )


def speed(model: Model, poet: Poet, seconds: float) -> dict[str, float]:
    """Poems a second in batches of 256, and milliseconds for a poem by itself."""

    def rate(batch: int) -> float:
        write(model, poet.codec, batch, seed=0)
        began, times = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            write(model, poet.codec, batch, seed=times)
            times += 1
        return times * batch / (time.perf_counter() - began)

    return {"poems_per_s": rate(256), "ms_per_poem": 1000 / rate(1)}


@torch.no_grad()
def bare(model: Model, seconds: float) -> dict[str, float]:
    """Poems a second of the decoder by itself, as `bare`: logits of batches of 256 from new z, in
    each pass of the positions that it decides."""
    if isinstance(model, Autoregressive):
        return {}

    def batch() -> None:
        z = model.prior(256).sample()
        for t in range(model.passes):
            logits_at(model, z, slice(t, None, model.passes), passes=model.passes)

    batch()
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        batch()
        times += 1
    return {"bare": times * 256 / (time.perf_counter() - began)}


def ngram_rung(
    order: int, poet: Poet, referee: Any, known: list[Poem], test: list[Poem], n: int
) -> dict[str, Any]:
    """An n-gram model as a rung: exact likelihood, samples drawn character by character."""
    began = time.perf_counter()
    codec = poet.codec
    model = NGram.fit([codec.encode(p) for p in known], len(codec.tokenizer), order)
    seconds = time.perf_counter() - began
    nll = model.nll([codec.encode(poem) for poem in test])
    (form,) = codec.forms
    began = time.perf_counter()
    drawn = model.sample(n, codec.max_len, allowed=codec.writable())
    written = [Poem(tuple(codec.decode(ids, form).split("\n"))) for ids in drawn.tolist()]
    rate = n / (time.perf_counter() - began)
    return {
        "bound": "exact",
        "nll_per_char": float(nll.sum()) / sum(form.size for _ in test),
        "elbo_per_char": None,
        "parameters": None,
        "passes": codec.max_len,
        "seconds": seconds,
        "steps": None,
        "poems_per_s": rate,
        "ms_per_poem": None,
        **compare(codec, written, test, known, asked=[form] * n, judge=referee),
    }


def ladder_table(rungs: dict[str, dict[str, Any]]) -> str:
    """The ladder as Markdown, human poems last."""
    lines = [
        "| rung, seed | parameters | steps, seconds | nats/char | bound | 4-gram judge |"
        " `ar` judge | reverse | tones | repeats | distinct-2 | self-BLEU-3 | AUC | poems/s |"
        " ms a poem | passes |",
        "|---" * 16 + "|",
    ]

    def row(name: str, r: dict[str, Any], side: str) -> str:
        v = r[side]
        interval = r.get("ci", {}).get("nll_per_char")
        spread = f" ± {(interval[1] - interval[0]) / 2:.3f}" if interval else ""
        own = (
            ["", "", "", ""]
            if side == "human"
            else [
                figure(r["parameters"], ",d"),
                f"{figure(r['steps'], ',d')}, {r['seconds']:,.0f}",
                f"{r['nll_per_char']:.3f}{spread}",
                r["bound"],
            ]
        )
        rest = (
            ["", "", ""]
            if side == "human"
            else [f"{r['poems_per_s']:,.0f}", figure(r["ms_per_poem"], ".1f"), str(r["passes"])]
        )
        middle = [
            figure(v["judge_nll_per_char"], ".3f"),
            figure(v["judge_ar_nll_per_char"], ".3f"),
            figure(v["reverse_nll_per_char"], ".3f"),
            figure(v["tone_accuracy"], ".1%"),
            figure(v["repeat_rate"], ".1%"),
            figure(v["distinct_2"], ".3f"),
            figure(v["self_bleu_3"], ".3f"),
            figure(v["two_sample_auc"], ".3f"),
        ]
        return "| " + " | ".join([name, *own, *middle, *rest]) + " |"

    lines += [row(name, r, "samples") for name, r in rungs.items()]
    last = list(rungs.values())[-1]
    return "\n".join([*lines, row("human poems", last, "human")])


def numbers(context: click.Context, option: click.Parameter, value: str) -> list[int]:
    """A list with commas."""
    return [int(part) for part in value.split(",") if part]


write_option = click.option(
    "--write", "path", type=click.Path(path_type=Path), help="docs/results.md"
)
threads_option = click.option(
    "--threads", type=int, default=lambda: os.cpu_count() or 1, help="Absent: all."
)


@click.group()
def main() -> None:
    """Measure how good and how fast models are."""


@main.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--epochs", default=9.0, show_default=True, help="Budget of base and ar.")
@click.option("--seed-epochs", default=100.0, show_default=True, help="As published.")
@click.option("--preset", "presets", multiple=True, default=("seed", "base", "ar"))
@click.option("--seeds", default="1,2", show_default=True, help="Of the runs.")
@click.option("--samples", default=10_000, show_default=True)
@click.option("--iw", default=100, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="How long to measure speed.")
@click.option("--write", "path", type=click.Path(path_type=Path), help="docs/results.md")
def ladder(
    corpus: tuple[str, ...],
    out: Path,
    epochs: float,
    seed_epochs: float,
    presets: tuple[str, ...],
    seeds: str,
    samples: int,
    iw: int,
    seconds: float,
    path: Path | None,
) -> None:
    """Train and score the rungs on 5x2 couplets of CORPUS: one split, one budget, one table.

    Runs in --out are continued, or taken as they are when done; so are scores.
    """
    keep_freed_memory()
    runs = {
        f"{preset}-{seed}": trained(
            out / f"{preset}-{seed}",
            corpus,
            preset,
            seed_epochs if preset == "seed" else epochs,
            {"seed": int(seed)},
        )
        for preset in presets
        for seed in seeds.split(",")
    }
    data = read(next(iter(runs.values())))
    last = next((name for name in reversed(runs) if name.startswith("ar")), None)
    referee = load_judge(out / last if last else None)

    def rung(name: str) -> dict[str, Any]:
        if name in runs:
            poet = Poet.from_pretrained(out / name)
            scores = scored(out / name, data, samples=samples, iw=iw, judge=referee, curve=100)
            return {**scores, **speed(poet.model, poet, seconds)}
        poet = Poet.from_pretrained(out / next(iter(runs)))
        order = 1 if name == "unigram" else 4
        return ngram_rung(order, poet, referee, data.train, data.test, samples)

    rungs = {
        name: once(out / f"{name}.json", partial(rung, name))
        for name in ["unigram", "4-gram", *runs]
    }
    publish(path, "ladder", ladder_table(rungs))


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--poems", default=100, show_default=True, help="Held-out poems, spread evenly.")
@click.option("--candidates", default=256, show_default=True, help="Characters tried at a place.")
def correlation(run: Path, poems: int, candidates: int) -> None:
    """Dual total correlation of held-out poems under an autoregressive RUN, in nats a poem.

    D = H(X) - sum_i H(X_i | X_-i) (Han 1978): what z must carry at least for a decoder whose
    positions are independent given z. Both terms are of one model: by Bayes' rule p(x_i | x_-i) =
    p(x) / sum_v p(x with v at i). Half of the candidates v are the likeliest given what stands
    before, summed as they are; the rest are drawn from the remaining ones and stand for them.
    """
    keep_freed_memory()
    poet = Poet.from_pretrained(run)
    model, codec = poet.model, poet.codec
    if not isinstance(model, Autoregressive):
        raise click.ClickException(f"{run} is no autoregressive model")
    test = [
        p for p in read(RunSpec.load(run)).test if codec.tokenizer.unk_id not in codec.encode(p)
    ]
    store = encode_poems(codec, test)
    generator = torch.Generator().manual_seed(0)
    rows = []
    places = np.unique(np.linspace(0, len(test) - 1, poems).astype(np.int64))
    for place in places:
        batch = store.batch([int(place)])
        tokens = batch.tokens[0]
        rows.append(one_out(model, tokens, candidates, generator))
        if len(rows) % 10 == 0:
            click.echo(f"{len(rows)} poems: {np.mean([a - b for a, b in rows]):.2f}", err=True)
    whole, alone = (np.array(column) for column in zip(*rows, strict=True))
    error = (whole - alone).std(ddof=1) / len(rows) ** 0.5
    click.echo(
        json.dumps(
            {
                "poems": len(rows),
                "nll_per_poem": whole.mean(),
                "left_out_nll_per_poem": alone.mean(),
                "dual_total_correlation": (whole - alone).mean(),
                "standard_error": error,
            }
        )
    )


@torch.no_grad()
def one_out(
    model: Autoregressive, tokens: Tensor, candidates: int, generator: torch.Generator
) -> tuple[float, float]:
    """-log p(x), and -sum_i log p(x_i | x_-i), of tokens (T,); nats."""
    log_p = model.decode(tokens[None])[0].log_softmax(dim=1)  # (T, V): of v at i, given before
    whole = float(log_p.gather(1, tokens[:, None]).sum())
    length, alone = len(tokens), float(log_p[-1, tokens[-1]])
    top = min(candidates // 2, log_p.shape[1])
    for i in range(length - 1):
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
        rest = -model.nll(texts, after).double()  # log p of what follows, given v at i
        share = float(tail.sum()) / max(n, 1)
        weight = torch.cat([log_p[i][likely], torch.full((len(drawn),), share).log()]).double()
        alone += whole - float(log_p[:i].gather(1, tokens[:i, None]).sum())
        alone -= float(torch.logsumexp(weight + rest, dim=0))
    return -whole, -alone


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--seconds", default=3.0, show_default=True, help="How long a turn lasts.")
@click.option("--rounds", default=3, show_default=True)
@threads_option
@write_option
def generate(
    runs: tuple[Path, ...], seconds: float, rounds: int, threads: int, path: Path | None
) -> None:
    """Poems a second and ms for one poem of trained RUNS, in turn: one pass, or one a character.

    Beside them is what the decoder does by itself, for nothing but the logits, in as many passes.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    poets = {run.name: Poet.from_pretrained(run) for run in runs}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in poets}
    for _ in range(rounds):
        for name, poet in poets.items():
            turns[name].append(speed(poet.model, poet, seconds) | bare(poet.model, seconds))
    rows = []
    for name, rates in turns.items():
        many = sorted(rate["poems_per_s"] for rate in rates)
        alone = statistics.median(rate["ms_per_poem"] for rate in rates)
        cells = [f"{statistics.median(many):,.0f}", f"{many[0]:,.0f} to {many[-1]:,.0f}"]
        if "bare" in rates[0]:
            share = statistics.median(rate["poems_per_s"] / rate["bare"] for rate in rates)
            cells += [f"{statistics.median(rate['bare'] for rate in rates):,.0f}", f"{share:.0%}"]
        else:
            cells += ["", ""]
        rows.append([name, *cells, f"{alone:.1f}"])
    columns = ["", "poems/s, batches of 256", "lowest to highest", "decoder alone", "share of that"]
    publish(path, "generation-speed", table([*columns, "ms for one poem"], rows))


@main.command()
@click.option(
    "--preset", "presets", type=click.Choice(list(PRESETS)), multiple=True, default=("seed", "base")
)
@click.option("--batch-size", "sizes", type=int, multiple=True, help="Absent: 64 and 512 for seed.")
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(["fp32", "bf16"]),
    multiple=True,
    help="Absent: fp32, and bf16 where this machine does not emulate it.",
)
@click.option("--corpus", help="A corpus whose 5x2 couplets are taken instead of random tokens.")
@click.option("--vocab", default=6076, show_default=True, help="Random tokens: how many there are.")
@click.option("--length", default=10, show_default=True, help="Random tokens: how many in a poem.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="How long a turn lasts.")
@threads_option
@click.option("--square", default=2048, show_default=True, help="Side of the matrices of the peak.")
@click.option("--keras/--no-keras", "with_keras", default=True, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a Markdown table.")
@write_option
def train(
    presets: tuple[str, ...],
    sizes: tuple[int, ...],
    precisions: tuple[str, ...],
    corpus: str | None,
    vocab: int,
    length: int,
    rounds: int,
    seconds: float,
    threads: int,
    square: int,
    with_keras: bool,
    as_json: bool,
    path: Path | None,
) -> None:
    """Training throughput of presets, of plain PyTorch and of Keras, in couplets per second."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    keras = load_keras(threads) if with_keras else None
    if not precisions:
        precisions = ("fp32", "bf16") if bf16_is_faster(torch.device("cpu")) else ("fp32",)
    store, vocab = read_store(corpus, vocab, length)
    contestants = [peak(precision, square) for precision in precisions]
    variants = {}
    for preset in presets:
        own = SEED_BATCHES if preset == "seed" else (configure(preset).train.batch_size,)
        for size in sizes or own:
            for precision in precisions:
                settings = {"vocab_size": vocab, "max_len": store.max_len, "precision": precision}
                config = configure(preset, settings)
                contestants.append(ours(f"{preset}, {precision}", config, store, size))
            if preset == "seed":
                model = VAE(config.model)
                contestants.append(plain(model, store, size))
                if keras is not None:
                    found = [
                        (compete([c], 3, seconds / 2)[0]["couplets_per_s"], c)
                        for c in keras_variants(keras, model, store, size, precisions)
                    ]
                    variants[str(size)] = {c.name: rate for rate, c in found}
                    contestants.append(max(found, key=lambda pair: pair[0])[1])
    rows = compete(contestants, rounds, seconds)
    peaks = {row["precision"]: row["gflops_per_s"] for row in rows[: len(precisions)]}
    for row in rows:
        row["of_peak"] = row["gflops_per_s"] / peaks.get(row["precision"], max(peaks.values()))
    modules = [torch] if keras is None else [torch, keras, import_module("tensorflow")]
    results = {
        "command": shlex.join(["python", *sys.argv]),
        "versions": {module.__name__: module.__version__ for module in modules},
        "threads": threads,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "vocab_size": vocab,
        "rounds": rounds,
        "rows": rows,
        "keras_variants": variants,
    }
    if as_json:
        click.echo(json.dumps(results, indent=2))
    else:
        publish(path, "training-speed", training_table(results))


@main.command()
@click.option("--preset", "presets", multiple=True, default=("base", "seed"), show_default=True)
@click.option("--batch-size", "sizes", type=int, multiple=True, default=(256, 64))
@click.option("--steps", default=20, show_default=True)
@threads_option
@write_option
def where(
    presets: tuple[str, ...], sizes: tuple[int, ...], steps: int, threads: int, path: Path | None
) -> None:
    """Where a training step's time goes, in ms by kind of work; float32, one column a preset."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    store, vocab = read_store(None, 6076, 10)
    columns = {}
    for preset, size in zip(presets, sizes, strict=True):
        settings = {"vocab_size": vocab, "max_len": store.max_len, "precision": "fp32"}
        contestant = ours(preset, configure(preset, settings), store, size)
        columns[f"`{preset}`, batch {size}"] = costs.where_time_goes(contestant, steps)
    publish(path, "where", costs.shares_table(columns))


@main.command()
@click.option("--preset", "presets", multiple=True, default=("tiny", "seed", "small", "base"))
@click.option("--vocab", default=6076, show_default=True)
@click.option("--length", default=10, show_default=True)
@click.option("--steps", default=5, show_default=True)
@write_option
def memory(
    presets: tuple[str, ...], vocab: int, length: int, steps: int, path: Path | None
) -> None:
    """Peak resident memory of training each preset, in a process of its own."""
    rows = []
    for preset in presets:
        r = costs.memory_of(preset, vocab, length, steps)
        numbers = [f"{r[k] / 2**20:,.0f}" for k in ("state", "before", "peak")]
        rows.append([f"`{preset}`", f"{r['batch']:,.0f}", f"{r['parameters']:,.0f}", *numbers])
    columns = ["preset", "batch", "parameters", "weights, moments, average: MiB"]
    columns += ["torch alone: MiB", "peak: MiB"]
    publish(path, "memory", table(columns, rows))


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--rounds", default=7, show_default=True)
@write_option
def startup(run: Path | None, rounds: int, path: Path | None) -> None:
    """Seconds of commands beside those of importing torch, in turn; RUN absent: a tiny new one."""
    with tempfile.TemporaryDirectory() as folder:
        model = run or costs.tiny_run(Path(folder) / "run")
        found = costs.command_seconds(model, rounds)
    publish(path, "startup", costs.startup_table(found))


@main.command()
@click.option("--preset", default="base", show_default=True)
@click.option("--lengths", default="10,20,40,80", show_default=True, callback=numbers)
@click.option("--vocabularies", default="1000,3000,6000,12000,50000", callback=numbers)
@click.option("--batches", default="16,64,256,1024", show_default=True, callback=numbers)
@click.option("--corpora", default="10000,100000,1000000,10000000", callback=numbers)
@click.option("--processes", default="1,2,4", show_default=True, callback=numbers)
@click.option("--seconds", default=1.5, show_default=True, help="How long a turn lasts.")
@click.option("--rounds", default=3, show_default=True)
@threads_option
@click.option("--plot", type=click.Path(path_type=Path), help="docs/scale.png")
@write_option
def scale(
    preset: str,
    lengths: list[int],
    vocabularies: list[int],
    batches: list[int],
    corpora: list[int],
    processes: list[int],
    seconds: float,
    rounds: int,
    threads: int,
    plot: Path | None,
    path: Path | None,
) -> None:
    """How cost grows with length, vocabulary, batch, corpus and processes; an empty list = none.

    The first three are steps of one process; a corpus costs what drawing a batch of 256 takes;
    processes are launched by torchrun with a thread each, and share one batch of 256.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    clock = partial(costs.step_seconds, preset, rounds=rounds, seconds=seconds)
    found = {
        "length": dict(zip(lengths, clock([{"length": n} for n in lengths]), strict=True)),
        "vocabulary": dict(
            zip(vocabularies, clock([{"vocab": n} for n in vocabularies]), strict=True)
        ),
        "batch": dict(zip(batches, clock([{"batch": n} for n in batches]), strict=True)),
        "corpus": {n: costs.draw_seconds(n) for n in corpora},
        "processes": {n: costs.distributed_seconds(preset, n) for n in processes},
    }
    publish(path, "scale", costs.scale_table(found))
    if plot:
        costs.plot_scale(found, plot)


if __name__ == "__main__":
    main()

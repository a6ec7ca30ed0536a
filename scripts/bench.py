"""How good and how fast: the proof ladder, and speed beside other implementations.

    python scripts/bench.py ladder CORPUS... --out RUNS
    python scripts/bench.py correlation RUN
    python scripts/bench.py train
    python scripts/bench.py generate RUN...

Contestants take turns (A B C A B C ...), each turn as long as any other, so that whatever else the
machine does falls on all alike. FLOPs are those of matrix products, two for a multiply-add; a
backward pass counts as two forward passes. All run in one process, so what poetvae asks of malloc
serves all of them.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from common import figure, load_judge, once, publish, scored, trained
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from poetvae.config import PRESETS, Config, configure
from poetvae.data import TokenStore, batch_index, derive_seed, encode_poems
from poetvae.generation import generate as write
from poetvae.job import Job, read
from poetvae.models import VAE, Autoregressive, Model
from poetvae.poet import Poet
from poetvae.prepare import prepare
from poetvae.quality import compare
from poetvae.runtime import keep_freed_memory
from poetvae.step import Slice, average, make_optimizer, update
from poetvae.text.ngram import NGram
from poetvae.text.poem import Form, Poem

SEED_BATCHES = (64, 512)


@dataclass(frozen=True)
class Contestant:
    """What is timed: `run(n)` takes n steps, each of so many couplets and FLOPs."""

    name: str
    batch: int
    couplets: int
    flops: float
    run: Callable[[int], object]


def stepping(step: Callable[[int], object]) -> Callable[[int], None]:
    """Takes n more steps at each call; the steps are numbered on from call to call."""
    numbers = itertools.count()

    def run(steps: int) -> None:
        for number in itertools.islice(numbers, steps):
            step(number)

    return run


def peak(dtype: torch.dtype, name: str, side: int) -> Contestant:
    """Products of square matrices."""
    x, out = torch.randn(side, side).to(dtype), torch.empty(side, side, dtype=dtype)
    run = stepping(lambda number: torch.mm(x, x, out=out))
    return Contestant(f"matrix product, {name}", 0, 0, 2.0 * side**3, run)


def training_flops(model: VAE) -> float:
    """FLOPs of one poem, forward and backward."""
    tokens = torch.zeros(1, model.config.max_len, dtype=torch.int64)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return 3.0 * int(counter.get_total_flops())


def ours(name: str, config: Config, store: TokenStore, size: int) -> Contestant:
    """The loop of `poetvae.trainer.fit`: batch, noise, update, average."""
    model = VAE(config.model)
    averaged, optimizer = copy.deepcopy(model), make_optimizer(model, config.train)
    flops = training_flops(model)

    def step(number: int) -> None:
        batch = store.batch(batch_index(len(store), size, 0, number))
        update(model, optimizer, [Slice(batch, derive_seed(0, "noise", number))], config, 0.5)
        if config.train.ema:
            average(averaged, model, config.train.ema)

    return Contestant(name, size, size, flops * size, stepping(step))


class Gated(nn.Module):
    """x + value * sigmoid(gate), both from one convolution: (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, 3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + F.glu(self.conv(x), dim=1)
        return y


class Plain(nn.Module):
    """The preset `seed` as one would first write it in PyTorch: tokens (B, T) -> loss."""

    def __init__(self, vocab: int, length: int, channels: int = 64, latent: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, channels)
        self.encoder = nn.Sequential(Gated(channels), Gated(channels))
        self.mean, self.logvar = nn.Linear(channels, latent), nn.Linear(channels, latent)
        self.heads = nn.Linear(latent, length * channels)
        self.decoder, self.logits = Gated(channels), nn.Linear(channels, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.encoder(self.embedding(tokens).transpose(1, 2)).mean(dim=2)
        mean, logvar = self.mean(x), self.logvar(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        x = self.heads(z).unflatten(1, (tokens.shape[1], -1)).transpose(1, 2)
        logits = self.logits(self.decoder(x).transpose(1, 2))
        nll = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="sum")
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum()
        loss: Tensor = (nll + kl) / len(tokens)
        return loss


def plain(model: VAE, store: TokenStore, size: int) -> Contestant:
    """The usual loop around `Plain`: Adam at 1e-3, all logits at once, float32."""
    tokens = store.tokens.view(len(store), -1).long()
    module = Plain(model.config.vocab_size, store.max_len)
    assert sum(p.numel() for p in module.parameters()) == model.num_parameters()
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)

    def step(number: int) -> None:
        optimizer.zero_grad()
        loss = module(tokens[torch.from_numpy(batch_index(len(store), size, 0, number))])
        torch.autograd.backward(loss)
        optimizer.step()

    name = "plain PyTorch seed, fp32"
    return Contestant(name, size, size, training_flops(model) * size, stepping(step))


def keras_model(keras: Any, vocab: int, length: int, channels: int = 64, latent: int = 64) -> Any:
    """The preset `seed` in Keras: tokens (B, T) -> logits (B, T, V); the KL is an added loss."""
    layers, ops = keras.layers, keras.ops

    class Sample(layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(dtype="float32")
            self.noise = keras.random.SeedGenerator(0)

        def call(self, inputs: Any) -> Any:
            mean, logvar = inputs
            kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(logvar) - 1 - logvar, axis=1)
            self.add_loss(ops.mean(kl))
            return mean + ops.exp(0.5 * logvar) * keras.random.normal(
                ops.shape(mean), seed=self.noise
            )

    def gated(x: Any) -> Any:
        y = layers.Conv1D(2 * channels, 3, padding="same")(x)
        return x + y[..., :channels] * ops.sigmoid(y[..., channels:])

    tokens = keras.Input((length,), dtype="int32")
    x = gated(gated(layers.Embedding(vocab, channels)(tokens)))
    x = layers.GlobalAveragePooling1D()(x)
    z = Sample()([layers.Dense(latent)(x), layers.Dense(latent)(x)])
    x = gated(layers.Reshape((length, channels))(layers.Dense(length * channels)(z)))
    return keras.Model(tokens, layers.Dense(vocab)(x))


def keras_variants(keras: Any, model: VAE, store: TokenStore, size: int) -> Iterator[Contestant]:
    """Ways to train with Keras on TensorFlow: how it is fed, compiled or not, which precision.

    Keras gets its batches for nothing: they lie ready as tensors.
    """
    tf, ops, executed = import_module("tensorflow"), keras.ops, 4
    indices = (batch_index(len(store), size, 0, number) for number in range(64))
    batches = tf.constant(np.stack([store.batch(i).tokens.numpy() for i in indices]), "int32")
    single, flops = tf.unstack(batches), training_flops(model) * size
    data = tf.data.Dataset.from_tensor_slices((batches, batches)).repeat().prefetch(2)

    def nll(tokens: Any, logits: Any) -> Any:
        logits = ops.cast(logits, "float32")
        rows = ops.sparse_categorical_crossentropy(tokens, logits, from_logits=True)
        return ops.sum(rows, axis=1)

    for fit, jit, precision in itertools.product((0, 1), (False, True), ("fp32", "bf16")):
        keras.config.set_dtype_policy("float32" if precision == "fp32" else "mixed_bfloat16")
        net = keras_model(keras, model.config.vocab_size, store.max_len)
        assert net.count_params() == model.num_parameters()
        count = executed if fit else 1
        adam = keras.optimizers.Adam(1e-3)
        net.compile(adam, nll, jit_compile=jit, steps_per_execution=count)

        def run_fit(steps: int, net: Any = net) -> None:
            net.fit(data, steps_per_epoch=executed * steps, shuffle=False, verbose=0)

        def step(number: int, net: Any = net) -> None:
            batch = single[number % len(single)]
            net.train_on_batch(batch, batch)

        name = f"Keras seed, {precision}, {'fit' if fit else 'train_on_batch'}{', XLA' * jit}"
        run = run_fit if fit else stepping(step)
        yield Contestant(name, size, count * size, count * flops, run)


def load_keras(threads: int) -> Any:
    """Keras on TensorFlow with so many threads; None, and a line that says so, without them."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    try:
        tf, keras = import_module("tensorflow"), import_module("keras")
    except ImportError as error:
        click.echo(f"Keras is left out ({error}): pip install tensorflow-cpu keras", err=True)
        return None
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    return keras


def timed(contestant: Contestant, steps: int) -> float:
    began = time.perf_counter()
    contestant.run(steps)
    return time.perf_counter() - began


def steps_in(contestant: Contestant, seconds: float) -> int:
    """How many steps take so long, after a first one that does not count."""
    contestant.run(1)
    steps = 1
    while (spent := timed(contestant, steps)) < seconds / 4:
        steps *= 2
    return max(1, round(steps * seconds / spent))


def compete(contestants: list[Contestant], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """A row of results for each contestant: medians over the rounds, and their spread."""
    steps = [steps_in(c, seconds) for c in contestants]
    turns = [
        [n / timed(c, n) for c, n in zip(contestants, steps, strict=True)] for _ in range(rounds)
    ]
    return [
        {
            "name": c.name,
            "batch": c.batch,
            "couplets_per_s": statistics.median(rates) * c.couplets,
            "low": min(rates) * c.couplets,
            "high": max(rates) * c.couplets,
            "gflops_per_s": statistics.median(rates) * c.flops / 1e9,
        }
        for c, rates in zip(contestants, zip(*turns, strict=True), strict=True)
    ]


def read_store(corpus: str | None, vocab: int, length: int) -> tuple[TokenStore, int]:
    """Couplets and the size of their vocabulary: the corpus's, or random ones."""
    if corpus is None:
        poems = np.random.default_rng(0).integers(5, vocab, (2**16, length)).tolist()
        return TokenStore(poems, length, 0), vocab
    job = Job(configure(), (corpus,), (), (Form.parse("5x2"),), (), False)
    with tempfile.TemporaryDirectory() as folder:  # what is mapped outlives its name
        log = partial(click.echo, err=True)
        data, config = prepare(job, torch.device("cpu"), log, Path(folder) / "data")
    return data.train, config.model.vocab_size


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    lines = [
        f"`{results['command']}`: {versions}; {results['threads']} threads ({results['cpu']}), "
        f"{results['vocab_size']:,} tokens, median of {results['rounds']} rounds",
        "",
        "| | batch | couplets/s | lowest to highest | GFLOP/s | of bf16 peak | of fp32 peak |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        speed = f"{row['couplets_per_s']:,.0f} | {row['low']:,.0f} to {row['high']:,.0f}"
        lines.append(
            f"| {row['name']} | {row['batch'] or ''} | {speed if row['batch'] else '|'} | "
            f"{row['gflops_per_s']:,.0f} | {row['of_bf16']:.0%} | {row['of_fp32']:.0%} |"
        )
    return "\n".join(lines)


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
    test = [p for p in read(Job.load(run)).test if codec.tokenizer.unk_id not in codec.encode(p)]
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
def generate(runs: tuple[Path, ...], seconds: float, rounds: int) -> None:
    """Poems a second and ms for one poem of trained RUNS, in turn: one pass, or one a character."""
    keep_freed_memory()
    poets = {run.name: Poet.from_pretrained(run) for run in runs}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in poets}
    for _ in range(rounds):
        for name, poet in poets.items():
            turns[name].append(speed(poet.model, poet, seconds))
    click.echo("| | poems/s, batches of 256 | lowest to highest | ms for one poem |")
    click.echo("|---|---:|---:|---:|")
    for name, rates in turns.items():
        many = sorted(rate["poems_per_s"] for rate in rates)
        alone = statistics.median(rate["ms_per_poem"] for rate in rates)
        middle = statistics.median(many)
        click.echo(f"| {name} | {middle:,.0f} | {many[0]:,.0f} to {many[-1]:,.0f} | {alone:.1f} |")


@main.command()
@click.option(
    "--preset", "presets", type=click.Choice(list(PRESETS)), multiple=True, default=("seed", "base")
)
@click.option("--batch-size", "sizes", type=int, multiple=True, help="Absent: 64 and 512 for seed.")
@click.option("--corpus", help="A corpus whose 5x2 couplets are taken instead of random tokens.")
@click.option("--vocab", default=6076, show_default=True, help="Random tokens: how many there are.")
@click.option("--length", default=10, show_default=True, help="Random tokens: how many in a poem.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="How long a turn lasts.")
@click.option("--threads", type=int, default=lambda: os.cpu_count() or 1, help="Absent: all.")
@click.option("--square", default=2048, show_default=True, help="Side of the matrices of the peak.")
@click.option("--keras/--no-keras", "with_keras", default=True, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a Markdown table.")
def train(
    presets: tuple[str, ...],
    sizes: tuple[int, ...],
    corpus: str | None,
    vocab: int,
    length: int,
    rounds: int,
    seconds: float,
    threads: int,
    square: int,
    with_keras: bool,
    as_json: bool,
) -> None:
    """Training throughput of presets, of plain PyTorch and of Keras, in couplets per second."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    keras = load_keras(threads) if with_keras else None
    store, vocab = read_store(corpus, vocab, length)
    contestants = [peak(torch.bfloat16, "bf16", square), peak(torch.float32, "fp32", square)]
    variants = {}
    for preset in presets:
        own = SEED_BATCHES if preset == "seed" else (configure(preset).train.batch_size,)
        for size in sizes or own:
            for precision in ("bf16", "fp32"):
                settings = {"vocab_size": vocab, "max_len": store.max_len, "precision": precision}
                config = configure(preset, settings)
                contestants.append(ours(f"{preset}, {precision}", config, store, size))
            if preset == "seed":
                model = VAE(config.model)
                contestants.append(plain(model, store, size))
                if keras is not None:
                    found = [
                        (compete([c], 3, seconds / 2)[0]["couplets_per_s"], c)
                        for c in keras_variants(keras, model, store, size)
                    ]
                    variants[str(size)] = {c.name: rate for rate, c in found}
                    contestants.append(max(found, key=lambda pair: pair[0])[1])
    rows = compete(contestants, rounds, seconds)
    for row in rows:
        row["of_bf16"] = row["gflops_per_s"] / rows[0]["gflops_per_s"]
        row["of_fp32"] = row["gflops_per_s"] / rows[1]["gflops_per_s"]
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
    click.echo(json.dumps(results, indent=2) if as_json else table(results))


if __name__ == "__main__":
    main()

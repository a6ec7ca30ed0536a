"""Who takes part in the comparison of training speed, and how they are timed.

Contestants take turns (A B C A B C ...), each turn as long as any other, so that whatever else the
machine does falls on all alike. FLOPs are those of matrix products, two for a multiply-add; a
backward pass counts as two forward passes. All run in one process, so what poetvae asks of malloc
serves all of them.
"""

from __future__ import annotations

import copy
import itertools
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from poetvae.config import Config
from poetvae.data.dataset import TokenStore, batch_index, derive_seed
from poetvae.models import VAE
from poetvae.training.step import Slice, average, make_optimizer, update


@dataclass(frozen=True)
class Contestant:
    """What is timed: `run(n)` takes n steps, each of so many couplets and FLOPs in a precision."""

    name: str
    batch: int
    couplets: int
    flops: float
    run: Callable[[int], object]
    precision: str = "fp32"
    parameters: int = 0


def stepping(step: Callable[[int], object]) -> Callable[[int], None]:
    """Takes n more steps at each call; the steps are numbered on from call to call."""
    numbers = itertools.count()

    def run(steps: int) -> None:
        for number in itertools.islice(numbers, steps):
            step(number)

    return run


def peak(precision: str, side: int) -> Contestant:
    """Products of square matrices."""
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    x, out = torch.randn(side, side).to(dtype), torch.empty(side, side, dtype=dtype)
    run = stepping(lambda number: torch.mm(x, x, out=out))
    return Contestant(f"matrix product, {precision}", 0, 0, 2.0 * side**3, run, precision)


def training_flops(model: VAE) -> float:
    """FLOPs of one poem, forward and backward."""
    tokens = torch.zeros(1, model.config.max_len, dtype=torch.int64)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return 3.0 * int(counter.get_total_flops())


def ours(name: str, config: Config, store: TokenStore, size: int) -> Contestant:
    """The loop of `poetvae.training.trainer.fit`: batch, noise, update, average."""
    model = VAE(config.model)
    averaged, optimizer = copy.deepcopy(model), make_optimizer(model, config.train)
    flops = training_flops(model)

    def step(number: int) -> None:
        batch = store.batch(batch_index(len(store), size, 0, number))
        update(model, optimizer, [Slice(batch, derive_seed(0, "noise", number))], config, 0.5)
        if config.train.ema:
            average(averaged, model, config.train.ema)

    precision, count = config.train.precision, model.num_parameters()
    return Contestant(name, size, size, flops * size, stepping(step), precision, count)


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
    tokens = store.batch(np.arange(len(store))).tokens
    module = Plain(model.config.vocab_size, store.max_len)
    assert sum(p.numel() for p in module.parameters()) == model.num_parameters()
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)

    def step(number: int) -> None:
        optimizer.zero_grad()
        loss = module(tokens[torch.from_numpy(batch_index(len(store), size, 0, number))])
        torch.autograd.backward(loss)
        optimizer.step()

    name = "plain PyTorch seed, fp32"
    flops = training_flops(model) * size
    return Contestant(name, size, size, flops, stepping(step))


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


def keras_variants(
    keras: Any, model: VAE, store: TokenStore, size: int, precisions: Sequence[str]
) -> Iterator[Contestant]:
    """Ways to train with Keras on TensorFlow: how it is fed, compiled or not, in which precision.

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

    for fit, jit, precision in itertools.product((0, 1), (False, True), precisions):
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
        yield Contestant(name, size, count * size, count * flops, run, precision)


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


def page_faults() -> int:
    """How often this process was given memory by the kernel since it began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


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
    """A row of results for each contestant: medians over the rounds, and their spread.

    `beside` has the median ratios to plain PyTorch and to Keras on batches of the same size.
    """
    steps = [steps_in(c, seconds) for c in contestants]
    faults = [0] * len(contestants)
    turns: list[list[float]] = []
    for _ in range(rounds):
        turn = []
        for i, (c, n) in enumerate(zip(contestants, steps, strict=True)):
            before = page_faults()
            turn.append(n / timed(c, n))
            faults[i] += page_faults() - before
        turns.append(turn)
    rates = list(zip(*turns, strict=True))

    def beside(place: int) -> dict[str, float]:
        own = contestants[place]
        others = [
            (other.name.split()[0].lower(), theirs, other)
            for theirs, other in zip(rates, contestants, strict=True)
            if other.name.startswith(("plain", "Keras")) and other.batch == own.batch
        ]
        return {
            name: statistics.median(
                a * own.couplets / (b * other.couplets)
                for a, b in zip(rates[place], theirs, strict=True)
            )
            for name, theirs, other in others
            if other is not own and own.name.startswith("seed")
        }

    return [
        {
            "name": c.name,
            "batch": c.batch,
            "precision": c.precision,
            "couplets_per_s": statistics.median(rates[i]) * c.couplets,
            "low": min(rates[i]) * c.couplets,
            "high": max(rates[i]) * c.couplets,
            "gflops_per_s": statistics.median(rates[i]) * c.flops / 1e9,
            "faults_per_step": faults[i] / (rounds * steps[i]),
            "beside": beside(i),
        }
        for i, c in enumerate(contestants)
    ]

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
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from poetvae.config import Config, configure
from poetvae.data.dataset import Batch, Data, TokenStore, batch_index, derive_seed
from poetvae.models import VAE, TextModel
from poetvae.training.parallel import alone
from poetvae.training.run import LENGTHS
from poetvae.training.step import (
    Slice,
    average,
    make_optimizer,
    poems_a_step,
    slices,
    update,
)

VOCAB, LENGTH, RIVALS = 6076, 10, ("plain", "keras")
Act = Callable[[int], object]  # takes so many steps
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Contestant:
    """What is timed: `run(n)` takes n steps, each of so many couplets and FLOPs in a precision."""

    name: str
    batch: int
    couplets: int
    flops: float
    run: Act
    precision: str = "fp32"
    parameters: int = 0


def stepping(step: Act) -> Act:
    """Takes n more steps at each call; the steps are numbered on from call to call."""
    numbers = itertools.count()
    return lambda steps: deque(map(step, itertools.islice(numbers, steps)), maxlen=0)


def peak(precision: str, side: int = 2048) -> Contestant:
    """Products of square matrices."""
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    x, out = torch.randn(side, side).to(dtype), torch.empty(side, side, dtype=dtype)
    run = stepping(lambda _: torch.mm(x, x, out=out))
    return Contestant(f"matrix product, {precision}", 0, 0, 2.0 * side**3, run, precision)


def random_store(vocab: int = VOCAB, length: int = LENGTH) -> TokenStore:
    """Poems of random tokens."""
    tokens = np.random.default_rng(0).integers(5, vocab, (2**14, length))
    return TokenStore(tokens.tolist(), length, 0)


def ours(
    preset: str, precision: str = "fp32", batch: int = 0, vocab: int = VOCAB, length: int = LENGTH
) -> Contestant:
    """The loop of `poetvae.training.trainer.fit` on random tokens: batch, noise, update, average;
    batch 0 is the preset's."""
    settings = {"vocab_size": vocab, "max_len": length, "precision": precision}
    config, store = configure(preset, settings), random_store(vocab, length)
    size, model = batch or config.train.batch_size, VAE(config.model)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(Batch.whole(torch.zeros(1, length, dtype=torch.int64)))

    def batches(number: int) -> Iterator[Slice]:
        batch = store.batch(batch_index(len(store), size, 0, number))
        yield Slice(batch, derive_seed(0, "noise", number))

    name, flops = f"{preset}, {precision}", 3.0 * int(counter.get_total_flops()) * size
    run = looping(model, config, batches)
    return Contestant(name, size, size, flops, run, precision, model.num_parameters())


def looping(model: TextModel, config: Config, batches: Callable[[int], Iterator[Slice]]) -> Act:
    """The loop of training over the slices of numbered steps, without its pauses."""
    averaged, optimizer = copy.deepcopy(model), make_optimizer(model, config.train)

    def step(number: int) -> None:
        update(model, optimizer, batches(number), config, 0.5)
        if config.train.ema:
            average(averaged, model, config.train.ema)

    return stepping(step)


def of_lengths(data: Data, preset: str, batch: int, by_length: bool) -> Contestant:
    """The same on numbered poems of several lengths: in slices of one length, as training does on a
    CPU, or all at once, computed to the longest. Without a count of FLOPs."""
    codec = data.codec
    sizes = {"vocab_size": len(codec.tokenizer), "max_len": codec.max_len, "precision": "fp32"}
    sizes |= {"label_sizes": codec.label_sizes, "form_known": True, "by_length": by_length}
    parts = min(LENGTHS, batch) if by_length else 1
    config = configure(preset, {**sizes, "batch_size": batch, "slices": parts})
    model = VAE(config.model)
    run = looping(model, config, lambda number: slices(data.train, config, number, alone()))
    poems = round(poems_a_step(data.train, config))
    name = f"{parts} slices of one length" if by_length else "all lengths, computed to the longest"
    return Contestant(name, batch, poems, 0, run, parameters=model.num_parameters())


class Gated(nn.Conv1d):
    """x + value * sigmoid(gate), both from one convolution: (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * channels, 3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        return x + F.glu(super().forward(x), dim=1)


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
        loss: Tensor = nll + 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum()
        return loss / len(tokens)


def plain(size: int) -> Contestant:
    """The usual loop around `Plain`: Adam at 1e-3, all logits at once, float32."""
    store, ref, module = random_store(), ours("seed", batch=size), Plain(VOCAB, LENGTH)
    tokens = store.batch(np.arange(len(store))).tokens
    assert sum(p.numel() for p in module.parameters()) == ref.parameters
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)

    def step(number: int) -> None:
        optimizer.zero_grad()
        loss = module(tokens[torch.from_numpy(batch_index(len(store), size, 0, number))])
        torch.autograd.backward(loss)
        optimizer.step()

    return Contestant("plain PyTorch seed, fp32", size, size, ref.flops, stepping(step))


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
            noise = keras.random.normal(ops.shape(mean), seed=self.noise)
            return mean + ops.exp(0.5 * logvar) * noise

    def gated(x: Any) -> Any:
        y = layers.Conv1D(2 * channels, 3, padding="same")(x)
        return x + y[..., :channels] * ops.sigmoid(y[..., channels:])

    tokens = keras.Input((length,), dtype="int32")
    x = gated(gated(layers.Embedding(vocab, channels)(tokens)))
    x = layers.GlobalAveragePooling1D()(x)
    z = Sample()([layers.Dense(latent)(x), layers.Dense(latent)(x)])
    x = gated(layers.Reshape((length, channels))(layers.Dense(length * channels)(z)))
    return keras.Model(tokens, layers.Dense(vocab)(x))


def keras_variants(keras: Any, size: int, precisions: Sequence[str]) -> Iterator[Contestant]:
    """Ways to train with Keras on TensorFlow: how it is fed, compiled or not, in which precision.

    Keras gets its batches for nothing: they lie ready as tensors.
    """
    tf, ops, executed = import_module("tensorflow"), keras.ops, 4
    store, ref = random_store(), ours("seed", batch=size)
    indices = (batch_index(len(store), size, 0, number) for number in range(64))
    batches = tf.constant(np.stack([store.batch(i).tokens.numpy() for i in indices]), "int32")
    single = tf.unstack(batches)
    data = tf.data.Dataset.from_tensor_slices((batches, batches)).repeat().prefetch(2)

    def nll(tokens: Any, logits: Any) -> Any:
        logits = ops.cast(logits, "float32")
        rows = ops.sparse_categorical_crossentropy(tokens, logits, from_logits=True)
        return ops.sum(rows, axis=1)

    for fit, jit, precision in itertools.product((0, 1), (False, True), precisions):
        keras.config.set_dtype_policy("float32" if precision == "fp32" else "mixed_bfloat16")
        net, count = keras_model(keras, VOCAB, LENGTH), executed if fit else 1
        assert net.count_params() == ref.parameters
        adam = keras.optimizers.Adam(1e-3)
        net.compile(adam, nll, jit_compile=jit, steps_per_execution=count)

        def run_fit(steps: int, net: Any = net) -> None:
            net.fit(data, steps_per_epoch=executed * steps, shuffle=False, verbose=0)

        def step(number: int, net: Any = net) -> None:
            net.train_on_batch(single[number % len(single)], single[number % len(single)])

        name = f"Keras seed, {precision}, {'fit' if fit else 'train_on_batch'}{', XLA' * jit}"
        run = run_fit if fit else stepping(step)
        yield Contestant(name, size, count * size, count * ref.flops, run, precision)


def load_keras() -> Any:
    """Keras on TensorFlow, its threads those of torch; None, and a line that says so, without."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    try:
        tf, keras = import_module("tensorflow"), import_module("keras")
    except ImportError as error:
        click.echo(f"Keras is left out ({error}): pip install tensorflow-cpu keras", err=True)
        return None
    tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
    return keras


def timed(act: Act, steps: int) -> float:
    """Seconds of so many steps."""
    began = time.perf_counter()
    act(steps)
    return time.perf_counter() - began


def steps_in(act: Act, seconds: float) -> int:
    """How many steps take so long, after a first one that does not count."""
    act(1)
    steps = 1
    while (spent := timed(act, steps)) < seconds / 4:
        steps *= 2
    return max(1, round(steps * seconds / spent))


def in_turn(acts: Sequence[Act], rounds: int, seconds: float = 0.0) -> Table:
    """Seconds of a step, (acts, rounds). A turn takes so long, or is one step of what is longer."""
    steps = [steps_in(act, seconds) for act in acts]
    turns = [[timed(act, n) / n for act, n in zip(acts, steps, strict=True)] for _ in range(rounds)]
    return np.array(turns).T


def compete(contestants: Sequence[Contestant], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """A row of results for each contestant: medians over the rounds, among them those of the ratios
    to plain PyTorch and to Keras on batches of the same size."""
    spent = in_turn([c.run for c in contestants], rounds, seconds)
    speed = np.array([[c.couplets] for c in contestants]) / spent
    rows = []
    for own, rates, taken in zip(contestants, speed, spent, strict=True):
        row = {"name": own.name, "batch": own.batch, "couplets_per_s": float(np.median(rates))}
        row["gflops_per_s"] = float(np.median(own.flops / taken)) / 1e9
        for other, theirs in zip(contestants, speed, strict=True):
            kind = other.name.split()[0].lower()
            if own.name.startswith("seed") and other.batch == own.batch and kind in RIVALS:
                row[kind] = float(np.median(rates / theirs))
        rows.append(row)
    return rows

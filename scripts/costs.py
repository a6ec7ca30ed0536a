"""What things cost: a step by kind of work, memory, start-up, and how they grow."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from common import table
from contestants import Contestant, compete, ours, timed
from torch.profiler import ProfilerActivity, profile

from poetvae.config import configure
from poetvae.data.dataset import TokenStore, batch_index
from poetvae.plotting.curves import SUFFIXES, picture
from poetvae.runtime import keep_freed_memory
from poetvae.training.trainer import train

KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "softmax over characters": ("_softmax",),
    "gates": ("sigmoid", "sigmoid_backward", "mul"),
    "norms": ("native_layer_norm", "native_layer_norm_backward"),
    "copies, pads, sums": ("copy_", "cat", "fill_", "add", "add_", "sum", "constant_pad_nd"),
    "optimizer, clipping, average": ("_fused_adamw_", "lerp_", "mul_", "linalg_vector_norm"),
}
AXES = ("length", "vocabulary", "batch", "corpus", "processes")
Growth = Mapping[str, Mapping[int, Mapping[str, float]]]


def by_kind(seconds: Iterable[tuple[str, float]], whole: float) -> dict[str, float]:
    """Seconds of torch's operators by kind of work; what no kind has is other work, and what is
    left of the whole is Python."""
    kinds = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names}
    found = dict.fromkeys([*KINDS, "other operators"], 0.0)
    for name, spent in seconds:
        found[kinds.get(name, "other operators")] += spent
    return {**found, "Python": max(0.0, whole - sum(found.values())), "whole step": whole}


def where_time_goes(contestant: Contestant, steps: int) -> dict[str, float]:
    """Seconds of a step by kind of work; what the profiler takes counts as Python."""
    contestant.run(3)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        whole = timed(contestant, steps) / steps
    operators = [
        (event.key, event.self_cpu_time_total / 1e6 / steps)
        for event in profiler.key_averages()
        if event.key.startswith("aten::")
    ]
    return by_kind(operators, whole)


def shares_table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Milliseconds and shares of the step by kind of work, a column each."""
    kinds = list(next(iter(columns.values())))

    def cell(column: Mapping[str, float], kind: str) -> str:
        return f"{1000 * column[kind]:.1f} ms, {column[kind] / column['whole step']:.0%}"

    rows = [[kind, *(cell(column, kind) for column in columns.values())] for kind in kinds]
    return table(["", *columns], rows)


def random_store(length: int, vocab: int, poems: int = 2**14) -> TokenStore:
    """Poems of random tokens."""
    return TokenStore(
        np.random.default_rng(0).integers(5, vocab, (poems, length)).tolist(), length, 0
    )


def trainee(preset: str, *, vocab: int = 6076, length: int = 10, batch: int = 0) -> Contestant:
    """Training steps of a preset in float32; batch 0 = the preset's."""
    settings = {"vocab_size": vocab, "max_len": length, "precision": "fp32"}
    config = configure(preset, settings)
    return ours(preset, config, random_store(length, vocab), batch or config.train.batch_size)


def memory_of(preset: str, vocab: int, length: int, steps: int) -> dict[str, float]:
    """Bytes that training takes in a fresh process: at its peak, and before anything is built."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory, (preset, vocab, length, steps))


def _memory(preset: str, vocab: int, length: int, steps: int) -> dict[str, float]:
    keep_freed_memory()
    before = _resident_peak()
    config = configure(preset, {"vocab_size": vocab, "max_len": length, "precision": "fp32"})
    contestant = trainee(preset, vocab=vocab, length=length)
    contestant.run(steps)
    return {
        "batch": contestant.batch,
        "parameters": contestant.parameters,
        "state": 4.0 * contestant.parameters * (4 if config.train.ema else 3),
        "before": before,
        "peak": _resident_peak(),
    }


def _resident_peak() -> float:
    # Not ru_maxrss: that begins at what the parent process had.
    status = Path("/proc/self/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024.0 * int(line.split()[1])


def tiny_run(run: Path) -> Path:
    """A run of a few steps on the embedded sample."""
    train(out=run, preset="tiny", steps=5, forms=["5x2"], quiet=True)
    return run


def command_seconds(model: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of commands from start to end, in turn."""
    python = [sys.executable, "-m", "poetvae"]
    commands = {
        "python -c 'import torch'": [sys.executable, "-c", "import torch"],
        "poetvae --help": [*python, "--help"],
        "poetvae generate -n 1": [*python, "generate", "--model", str(model), "-n", "1"],
    }
    return turns(
        {
            name: partial(subprocess.run, command, check=True, capture_output=True)
            for name, command in commands.items()
        },
        rounds,
    )


def turns(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in turn, after a first round that does not count."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, act in work.items():
            began = time.perf_counter()
            act()
            if number:
                found[name].append(time.perf_counter() - began)
    return found


def startup_table(found: Mapping[str, Sequence[float]]) -> str:
    """Medians, and the median of the ratios to the first command, turn by turn."""
    first = next(iter(found.values()))
    rows = [
        [
            f"`{name}`",
            f"{statistics.median(spent):.2f}",
            f"{min(spent):.2f} to {max(spent):.2f}",
            f"{statistics.median(a / b for a, b in zip(spent, first, strict=True)):.2f}",
        ]
        for name, spent in found.items()
    ]
    return table(["", "seconds", "lowest to highest", "beside the import of torch"], rows)


def step_seconds(
    preset: str, cases: Sequence[Mapping[str, int]], *, rounds: int, seconds: float
) -> list[dict[str, float]]:
    """Of training steps that differ in vocab, length or batch: seconds, and characters a second."""
    contestants = [trainee(preset, **case) for case in cases]
    rates = [row["couplets_per_s"] for row in compete(contestants, rounds, seconds)]
    return [
        {"seconds": c.batch / rate, "rate": rate * case.get("length", 10)}
        for c, rate, case in zip(contestants, rates, cases, strict=True)
    ]


def draw_seconds(poems: int, batch: int = 256, times: int = 50) -> dict[str, float]:
    """Of drawing a batch from so many poems of ten characters."""
    store = TokenStore([list(range(5, 15))] * poems, 10, 0)
    spent = []
    for step in range(times):
        began = time.perf_counter()
        store.batch(batch_index(poems, batch, 0, step * (poems // batch) // times))
        spent.append(time.perf_counter() - began)
    middle = statistics.median(spent)
    return {"seconds": middle, "rate": 10 * batch / middle}


def distributed_seconds(preset: str, processes: int, batch: int = 256) -> dict[str, float]:
    """Of training steps by processes of a thread each that share batches of random couplets."""
    draw = random.Random(0)
    chars = [chr(code) for code in range(0x4E00, 0x4E00 + 6000)]
    verses = ["".join(draw.choices(chars, k=5)) for _ in range(20_000)]
    couplets = [f"{a}，{b}。" for a, b in zip(verses[::2], verses[1::2], strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        corpus, run = Path(folder) / "couplets.txt", Path(folder) / "run"
        corpus.write_text("\n\n".join(couplets), encoding="utf-8")
        options = f"--preset {preset} --form 5x2 --steps 12 --batch-size {batch} --quiet"
        settings = ("slices=4", "log_every=4", "min_count=1", "precision=fp32", "validate_on=1")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(processes), "-m", "poetvae", "train", str(corpus)]
        command += ["--out", str(run), *options.split()]
        command += [part for setting in settings for part in ("--set", setting)]
        subprocess.run(
            command, check=True, stdout=sys.stderr, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    first, *_, last = [line for line in lines if "seconds" in line]
    seconds = (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])
    return {"seconds": seconds, "rate": 10 * batch / seconds}


def scale_table(found: Growth) -> str:
    """A row for each size on each axis."""
    rows = [
        [
            axis,
            f"{size:,}",
            f"{1000 * cost['seconds']:,.{1 if cost['seconds'] >= 0.01 else 3}f}",
            f"{cost['rate']:,.0f}",
        ]
        for axis in AXES
        for size, cost in found[axis].items()
    ]
    return table(["what grows", "to", "ms a step or draw", "characters/s"], rows)


def plot_scale(found: Growth, out: Path) -> None:
    """Milliseconds by size, a panel for each axis, beside growth in proportion."""
    axes = [axis for axis in AXES if found[axis]]
    with picture(out, SUFFIXES, (2.6 * len(axes), 2.8), dpi=100) as figure:
        for place, axis in enumerate(axes, 1):
            sizes = list(found[axis])
            spent = [1000 * cost["seconds"] for cost in found[axis].values()]
            panel = figure.add_subplot(1, len(axes), place)
            panel.loglog(sizes, spent, "o-")
            falls = axis == "processes"
            line = [spent[0] * (sizes[0] / n if falls else n / sizes[0]) for n in sizes]
            panel.loglog(sizes, line, "k:", linewidth=0.8)
            panel.set(title=axis, ylabel="ms" if place == 1 else "")
            panel.set_xticks(sizes, [f"{n // 1000}k" if n >= 1000 else str(n) for n in sizes])
            panel.minorticks_off()

"""What things cost: a step by kind of work, memory, start-up, and how they grow."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import cells, table
from torch.profiler import ProfilerActivity, profile

from bench.contestants import Contestant, Table, compete, in_turn, ours, stepping, timed
from poetvae.config import configure
from poetvae.data.dataset import TokenStore, batch_index
from poetvae.plotting.curves import SUFFIXES, save
from poetvae.runtime import keep_freed_memory

KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "softmax over characters": ("_softmax",),
    "gates": ("sigmoid", "sigmoid_backward", "mul"),
    "norms": ("native_layer_norm", "native_layer_norm_backward"),
    "copies, pads, sums": ("copy_", "cat", "fill_", "add", "add_", "sum", "constant_pad_nd"),
    "optimizer, clipping, average": ("_fused_adamw_", "lerp_", "mul_", "linalg_vector_norm"),
}
Cost = tuple[float, float]  # seconds of a step or draw, and characters a second
Costs = dict[int, Cost]  # by size


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
        whole = timed(contestant.run, steps) / steps
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


def memory_cells(preset: str, steps: int = 5) -> list[str]:
    """Batch, parameters, MiB of what training keeps, of torch alone, and of the peak of a fresh
    process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        batch, parameters, before, after = pool.apply(peaks, (preset, steps))
    kept = 4 * parameters * (4 if configure(preset).train.ema else 3)
    return [f"{batch:,}", f"{parameters:,}", *(f"{x / 2**20:,.0f}" for x in (kept, before, after))]


def peaks(preset: str, steps: int) -> tuple[int, int, int, int]:
    """Batch, parameters, and the resident peak in bytes before anything is built and after."""
    keep_freed_memory()
    before, contestant = resident_peak(), ours(preset)
    contestant.run(steps)
    return contestant.batch, contestant.parameters, before, resident_peak()


def resident_peak() -> int:
    # Not ru_maxrss: that begins at what the parent process had.
    status = Path("/proc/self/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


def training_table(results: dict[str, Any]) -> str:
    """The results of `train` as Markdown."""
    formats = {"name": "", "batch": "", "couplets_per_s": ",.0f", "spread": ""}
    formats |= {"gflops_per_s": ",.0f", "of_peak": ".0%"}
    formats |= {"plain": ".2f", "keras": ".2f", "faults_per_step": ",.1f"}
    rows = []
    for row in results["rows"]:
        row = {**row, **row["beside"], "spread": f"{row['low']:,.0f} to {row['high']:,.0f}"}
        if not row["batch"]:  # a matrix product
            row |= {"batch": None, "couplets_per_s": None, "spread": None}
        rows.append(cells(row, formats))
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    columns = ["", "batch", "couplets/s", "lowest to highest", "GFLOP/s", "of the peak"]
    columns += ["beside plain", "beside Keras", "page faults a step"]
    return (
        f"`{results['command']}`: {versions}; {results['threads']} threads ({results['cpu']}), "
        f"{results['vocab_size']:,} tokens, median of {results['rounds']} rounds\n\n"
        + table(columns, rows)
    )


def startup_table(names: Sequence[str], spent: Table) -> str:
    """Medians, and the median of the ratios to the first command, turn by turn."""
    rows = [
        [
            f"`{name}`",
            f"{np.median(own):.2f}",
            f"{own.min():.2f} to {own.max():.2f}",
            f"{ratio:.2f}",
        ]
        for name, own, ratio in zip(names, spent, np.median(spent / spent[0], axis=1), strict=True)
    ]
    return table(["", "seconds", "lowest to highest", "beside the import of torch"], rows)


def step_seconds(
    preset: str, cases: Sequence[dict[str, Any]], rounds: int, seconds: float
) -> list[Cost]:
    """Of training steps that differ in vocab, length or batch."""
    contestants = [ours(preset, **case) for case in cases]
    rates = [row["couplets_per_s"] for row in compete(contestants, rounds, seconds)]
    return [
        (c.batch / rate, rate * case.get("length", 10))
        for c, rate, case in zip(contestants, rates, cases, strict=True)
    ]


def draw_seconds(poems: int, batch: int = 256, times: int = 50) -> Cost:
    """Of drawing a batch from so many poems of ten characters."""
    store = TokenStore([list(range(5, 15))] * poems, 10, 0)
    steps = (step * (poems // batch) // times for step in range(times + 2))
    draw = stepping(lambda _: store.batch(batch_index(poems, batch, 0, next(steps))))
    seconds = float(np.median(in_turn([draw], times)[0]))
    return seconds, 10 * batch / seconds


def distributed_seconds(preset: str, processes: Sequence[int], batch: int = 256) -> list[Cost]:
    """Of training steps by processes of a thread each that share batches of random couplets."""
    codes = np.random.default_rng(0).integers(0x4E00, 0x4E00 + 6000, (10_000, 10)).tolist()
    texts = ("".join(map(chr, row)) for row in codes)
    options = f"--preset {preset} --form 5x2 --steps 12 --batch-size {batch} --quiet --set slices=4"
    options += " --set log_every=4 --set min_count=1 --set precision=fp32 --set validate_on=1"
    environment, found = {**os.environ, "OMP_NUM_THREADS": "1"}, []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "couplets.txt"
        corpus.write_text("\n\n".join(f"{x[:5]}，{x[5:]}。" for x in texts), encoding="utf-8")
        for n in processes:
            run = Path(folder) / f"run-{n}"
            words = f"-m torch.distributed.run --standalone --nproc-per-node {n} -m poetvae train"
            words = f"{sys.executable} {words} {corpus} --out {run} {options}"
            subprocess.run(words.split(), check=True, stdout=sys.stderr, env=environment)
            lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
            rows = [row for row in map(json.loads, lines) if "seconds" in row]
            seconds = rows[-1]["seconds"] - rows[0]["seconds"]
            seconds /= rows[-1]["step"] - rows[0]["step"]
            found.append((seconds, 10 * batch / seconds))
    return found


def scale_table(found: Mapping[str, Costs]) -> str:
    """A row for each size on each axis."""
    rows = [
        [axis, f"{size:,}", f"{1000 * seconds:,.{1 if seconds >= 0.01 else 3}f}", f"{rate:,.0f}"]
        for axis, costs in found.items()
        for size, (seconds, rate) in costs.items()
    ]
    return table(["what grows", "to", "ms a step or draw", "characters/s"], rows)


def plot_scale(found: Mapping[str, Costs], out: Path) -> None:
    """Milliseconds by size, a panel for each axis, beside growth in proportion."""

    def draw() -> Any:
        from matplotlib.figure import Figure

        axes = [axis for axis in found if found[axis]]
        figure = Figure(figsize=(2.6 * len(axes), 2.8), layout="constrained")
        for place, axis in enumerate(axes, 1):
            sizes = list(found[axis])
            spent = [1000 * seconds for seconds, _ in found[axis].values()]
            panel = figure.add_subplot(1, len(axes), place)
            panel.loglog(sizes, spent, "o-")
            falls = axis == "processes"
            line = [spent[0] * (sizes[0] / n if falls else n / sizes[0]) for n in sizes]
            panel.loglog(sizes, line, "k:", linewidth=0.8)
            panel.set(title=axis, ylabel="ms" if place == 1 else "")
            panel.set_xticks(sizes, [f"{n // 1000}k" if n >= 1000 else str(n) for n in sizes])
            panel.minorticks_off()
        return figure

    save(out, SUFFIXES, draw)

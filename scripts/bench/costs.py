"""What things cost: a step by kind of work, memory, and how they grow."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import timed_lines
from torch.profiler import ProfilerActivity, profile

from bench.contestants import Contestant, compete, in_turn, ours, stepping, timed
from poetvae.data.dataset import TokenStore, batch_index
from poetvae.plotting.curves import SUFFIXES, picture
from poetvae.runtime import keep_freed_memory

KINDS = {
    "matrix products": "mm addmm bmm baddbmm",
    "softmax over characters": "_softmax",
    "gates": "sigmoid sigmoid_backward mul",
    "norms": "native_layer_norm native_layer_norm_backward",
    "copies, pads, sums": "copy_ cat fill_ add add_ sum constant_pad_nd",
    "optimizer, clipping, average": "_fused_adamw_ lerp_ mul_ linalg_vector_norm",
}
WORKERS, LIMIT = 2, 4  # processes that tokenize, and GiB of address space of each
Cost = tuple[float, float]  # seconds of a step or draw, and characters a second


def by_kind(seconds: Iterable[tuple[str, float]], whole: float) -> dict[str, float]:
    """Seconds of torch's operators by kind of work; what no kind has is other work, and what is
    left of the whole is Python."""
    kinds = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names.split()}
    found = dict.fromkeys([*KINDS, "other operators"], 0.0)
    for name, spent in seconds:
        found[kinds.get(name, "other operators")] += spent
    return {**found, "Python": max(0.0, whole - sum(found.values())), "whole step": whole}


def where_time_goes(contestant: Contestant, steps: int) -> dict[str, float]:
    """Seconds of a step by kind of work; what the profiler takes counts as Python."""
    contestant.run(3)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        whole = timed(contestant.run, steps) / steps
    events = [event for event in profiler.key_averages() if event.key.startswith("aten::")]
    return by_kind(((e.key, e.self_cpu_time_total / 1e6 / steps) for e in events), whole)


def memory(field: str, pid: int | str = "self") -> float:
    """What /proc says of the memory of a process, in MiB; 0 when it has ended."""
    with contextlib.suppress(OSError):
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


def peaks(preset: str) -> tuple[int, int, float, float]:
    """Batch, parameters, and the resident peak in MiB before anything is built and after training.

    Not ru_maxrss: that begins at what the parent process had.
    """
    keep_freed_memory()
    before, contestant = memory("VmHWM"), ours(preset)
    contestant.run(5)
    return contestant.batch, contestant.parameters, before, memory("VmHWM")


def step_seconds(preset: str, key: str, sizes: Sequence[int], *turns: Any) -> Iterator[Cost]:
    """Of training steps that differ in vocab, length or batch, in so many rounds of seconds."""
    contestants = [ours(preset, "fp32", **{key: n}) for n in sizes]
    for c, n, row in zip(contestants, sizes, compete(contestants, *turns), strict=True):
        rate = row["couplets_per_s"]
        yield c.batch / rate, rate * (n if key == "length" else 10)


def draw_seconds(poems: int, batch: int = 256, times: int = 50) -> Cost:
    """Of drawing a batch from so many poems of ten characters."""
    store = TokenStore([list(range(5, 15))] * poems, 10, 0)
    steps = (step * (poems // batch) // times for step in range(times + 2))
    draw = stepping(lambda _: store.batch(batch_index(poems, batch, 0, next(steps))))
    seconds = float(np.median(in_turn([draw], times)))
    return seconds, 10 * batch / seconds


def distributed_seconds(preset: str, processes: Sequence[int], batch: int = 256) -> Iterator[Cost]:
    """Of training steps by processes of a thread each that share batches of random couplets."""
    options = f"--preset {preset} --form 5x2 --steps 12 --batch-size {batch} --quiet --set slices=4"
    options += " --set log_every=4 --set min_count=1 --set precision=fp32 --set validate_on=1"
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "couplets.txt"
        make_corpus(corpus, 10_000, characters=6000)
        for n in processes:
            run = Path(folder) / f"run-{n}"
            words = f"-m torch.distributed.run --standalone --nproc-per-node {n} -m poetvae train"
            line = [
                sys.executable,
                *words.split(),
                str(corpus),
                "--out",
                str(run),
                *options.split(),
            ]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            subprocess.run(line, check=True, stdout=sys.stderr, env=environment)
            first, *_, last = timed_lines(run)
            seconds = (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])
            yield seconds, 10 * batch / seconds


def plot_scale(found: Mapping[str, Mapping[int, Cost]], out: Path) -> None:
    """Milliseconds by size, a panel for each axis, beside growth in proportion."""
    drawn = {axis: costs for axis, costs in found.items() if costs}
    with picture(out, SUFFIXES, (2.6 * len(drawn), 2.8), dpi=100) as figure:
        for place, (axis, costs) in enumerate(drawn.items(), 1):
            sizes, spent = np.array(list(costs)), [1000 * seconds for seconds, _ in costs.values()]
            panel = figure.add_subplot(1, len(drawn), place)
            panel.loglog(sizes, spent, "o-")
            growth = sizes[0] / sizes if axis == "processes" else sizes / sizes[0]
            panel.loglog(sizes, spent[0] * growth, "k:", linewidth=0.8)
            panel.set(title=axis, ylabel="ms" if place == 1 else "")
            panel.set_xticks(sizes, [f"{n // 1000}k" if n >= 1000 else str(n) for n in sizes])
            panel.minorticks_off()


def make_corpus(path: Path, lines: int, characters: int = 5000, part: int = 100_000) -> None:
    """Couplets by Zipf's law, a line each, such as 五言五言五，言五言五言。"""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(10, 10 + characters)
    order = rng.permutation(np.arange(0x4E00, 0x4E00 + characters, dtype="<u4"))
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, lines, part):
            size = min(part, lines - start), 10
            drawn = order[rng.choice(characters, size, p=chances / chances.sum())]
            row = np.full((size[0], 13), ord("，"), "<u4")
            row[:, :5], row[:, 6:11], row[:, 11], row[:, 12] = *np.hsplit(drawn, 2), ord("。"), 10
            file.write(row.tobytes().decode("utf-32-le"))


def measure(folder: Path, words: str, until: str) -> tuple[float, float, float, float]:
    """Run a command of poetvae in a folder: seconds until it ended, and until a file that it writes
    was there; most anonymous memory of the process, and of one that it started, in MiB.

    It has a limit on its address space, so that memory that grew with the corpus would end it. What
    the system caches of files, and can drop at any time, is not anonymous.
    """
    began, first, parent, child = time.perf_counter(), 0.0, 0.0, 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "poetvae", *words.split()],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT * 2**30,) * 2),
    )
    while process.poll() is None:
        parent = max(parent, memory("RssAnon", process.pid))
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{process.pid}/task").glob("*/children"):
                child = max([child, *(memory("RssAnon", pid) for pid in path.read_text().split())])
        if not first and (folder / until).exists():
            first = time.perf_counter() - began
        time.sleep(0.05)
    if process.returncode:
        raise click.ClickException(f"poetvae {words} has failed")
    return time.perf_counter() - began, first, parent, child

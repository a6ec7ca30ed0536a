"""How a corpus of any size is prepared and trained on: time and memory by the number of poems.

A corpus is so many couplets, a line each, of characters drawn by Zipf's law. `poetvae corpus
tokenize` and a few steps of `poetvae train` run as a user would run them, but with a limit on the
address space of each process, so that memory that grew with the corpus would end them. Memory is
what /proc tells of anonymous memory, several times a second: what the system caches of files, and
can drop at any time, is not in it.
"""

from __future__ import annotations

import contextlib
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import torch
from common import publish, table

CHARACTERS, PART = 5000, 100_000
WORKERS, LIMIT = 2, 4  # processes, and GiB of address space of each
POLL, GIB, MIB = 0.05, 2**30, 2**20


def make(path: Path, lines: int) -> None:
    """A corpus of couplets, a line each, such as 五言五言五，言五言五言。"""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(10, 10 + CHARACTERS)
    order = rng.permutation(np.arange(0x4E00, 0x4E00 + CHARACTERS, dtype="<u4"))
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, lines, PART):
            size = min(PART, lines - start), 10
            drawn = order[rng.choice(CHARACTERS, size, p=chances / chances.sum())]
            row = np.full((size[0], 13), ord("，"), "<u4")
            row[:, :5], row[:, 6:11], row[:, 11], row[:, 12] = *np.hsplit(drawn, 2), ord("。"), 10
            file.write(row.tobytes().decode("utf-32-le"))


def measure(*words: str | Path, until: Path) -> tuple[float, float, int, int]:
    """Run a command of poetvae: seconds until it ended, and until a file that it writes was there;
    most anonymous memory of the process, and of one that it started, in bytes."""
    began, first, parent, child = time.perf_counter(), 0.0, 0, 0
    process = subprocess.Popen(
        [sys.executable, "-m", "poetvae", *map(str, words)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT * GIB, LIMIT * GIB)),
    )
    while process.poll() is None:
        parent = max(parent, anonymous(process.pid))
        child = max([child, *map(anonymous, children(process.pid))])
        if not first and until.exists():
            first = time.perf_counter() - began
        time.sleep(POLL)
    if process.returncode:
        raise click.ClickException(f"poetvae {' '.join(map(str, words))} has failed")
    return time.perf_counter() - began, first, parent, child


def anonymous(pid: int) -> int:
    """Anonymous memory of a process, in bytes; 0 when it has ended."""
    with contextlib.suppress(OSError):
        match = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(match[1]) * 1024 if match else 0
    return 0


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    return found


def lines(o: SimpleNamespace) -> None:
    """Time and memory to tokenize corpora of so many --lines, and to begin to train on them."""
    rows = []
    for count in o.lines:
        with tempfile.TemporaryDirectory() as folder:
            corpus, numbered, run = (Path(folder) / name for name in ("corpus.txt", "ids", "run"))
            make(corpus, count)
            words: list[str | Path] = ["corpus", "tokenize", corpus, "--out", numbered]
            words += ["--form", "5x2", "--workers", str(WORKERS)]
            seconds, _, reader, worker = measure(*words, until=numbered)
            words = ["train", numbered, "--out", run, "--preset", "tiny", "--steps", "20"]
            words += ["--set", "log_every=1", "--quiet"]
            _, first, memory, _ = measure(*words, until=run / "metrics.jsonl")
            size = sum(path.stat().st_size for path in numbered.iterdir())
            row = [count, corpus.stat().st_size / MIB, seconds, count / seconds]
            row += [reader / MIB, worker / MIB, size / MIB]
        rows.append([*(f"{x:,.0f}" for x in row), f"{first:.1f}", f"{memory / MIB:,.0f}"])
        click.echo(" | ".join(rows[-1]), err=True)
    known = f"Python {platform.python_version()}, torch {torch.__version__}"
    click.echo(f"{WORKERS} workers, {LIMIT} GiB of address space for each process; {known}\n")
    columns = "lines|corpus, MiB|to tokenize, s|lines/s|memory of the reader, MiB|of a worker, MiB"
    columns += "|folder, MiB|`train` to first step, s|its memory, MiB"
    publish(o.write, "lines", table(columns.split("|"), rows))

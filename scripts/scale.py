"""How a corpus of any size is prepared and trained on: time and memory by the number of poems.

    python scripts/scale.py --lines 1000000 --lines 10000000

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
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
from common import publish, table

CHARACTERS = 5000
PART = 100_000
POLL = 0.05
GIB, MIB = 2**30, 2**20
RUN = ("--preset", "tiny", "--steps", "20", "--set", "log_every=1", "--quiet")


@dataclass
class Measured:
    """What a command took.

    Attributes:
        seconds: until it ended.
        first: until a file that it writes was there.
        parent, child: most anonymous memory of the process, and of one that it started, in bytes.
    """

    seconds: float = 0.0
    first: float = 0.0
    parent: int = 0
    child: int = 0


def make(path: Path, lines: int) -> None:
    """A corpus of couplets, a line each, such as 五言五言五，言五言五言。"""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(10, 10 + CHARACTERS)
    order = rng.permutation(np.arange(0x4E00, 0x4E00 + CHARACTERS, dtype="<u4"))
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, lines, 100_000):
            size = min(100_000, lines - start), 10
            drawn = order[rng.choice(CHARACTERS, size, p=chances / chances.sum())]
            row = np.full((size[0], 13), ord("，"), "<u4")
            row[:, :5], row[:, 6:11], row[:, 11], row[:, 12] = *np.hsplit(drawn, 2), ord("。"), 10
            file.write(row.tobytes().decode("utf-32-le"))


def measure(*words: str | Path, limit: float, until: Path) -> Measured:
    """Run a command of poetvae."""
    found, began = Measured(), time.perf_counter()
    space = int(limit * GIB)
    process = subprocess.Popen(
        [sys.executable, "-m", "poetvae", *map(str, words)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space)),
    )
    while process.poll() is None:
        found.parent = max(found.parent, anonymous(process.pid))
        found.child = max([found.child, *map(anonymous, children(process.pid))])
        if not found.first and until.exists():
            found.first = time.perf_counter() - began
        time.sleep(POLL)
    if process.returncode:
        raise click.ClickException(f"poetvae {' '.join(map(str, words))} has failed")
    found.seconds = time.perf_counter() - began
    return found


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


def row(folder: Path, lines: int, workers: int, limit: float) -> list[str]:
    """Make, tokenize and train on a corpus. Returns a row of the table."""
    corpus, numbered, run = folder / "corpus.txt", folder / "numbered", folder / "run"
    make(corpus, lines)
    options = ("--form", "5x2", "--workers", str(workers), "--out", numbered)
    ready = measure("corpus", "tokenize", corpus, *options, limit=limit, until=numbered)
    metrics = run / "metrics.jsonl"
    trained = measure("train", numbered, "--out", run, *RUN, limit=limit, until=metrics)
    size = sum(path.stat().st_size for path in numbered.iterdir())
    return [
        f"{lines:,}",
        f"{corpus.stat().st_size / MIB:,.0f}",
        f"{ready.seconds:,.0f}",
        f"{lines / ready.seconds:,.0f}",
        f"{ready.parent / MIB:,.0f}",
        f"{ready.child / MIB:,.0f}",
        f"{size / MIB:,.0f}",
        f"{trained.first:.1f}",
        f"{trained.parent / MIB:,.0f}",
    ]


COLUMNS = (
    "lines",
    "corpus, MiB",
    "to tokenize, s",
    "lines/s",
    "memory of the reader, MiB",
    "of a worker, MiB",
    "folder, MiB",
    "`train` to first step, s",
    "its memory, MiB",
)


@click.command()
@click.option("--lines", multiple=True, type=int, default=(100_000, 1_000_000), show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--limit", default=4.0, show_default=True, help="GiB of address space of a process.")
@click.option("--folder", type=click.Path(path_type=Path), help="For the files, removed after use.")
@click.option("--write", "path", type=click.Path(path_type=Path), help="docs/results.md")
def main(
    lines: tuple[int, ...], workers: int, limit: float, folder: Path | None, path: Path | None
) -> None:
    """Print a Markdown table."""
    rows = []
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    for count in lines:
        work = Path(tempfile.mkdtemp(dir=folder))
        try:
            rows.append(row(work, count, workers, limit))
        finally:
            shutil.rmtree(work)
        click.echo(" | ".join(rows[-1]), err=True)
    known = f"Python {platform.python_version()}, torch {version('torch')}"
    click.echo(f"{workers} workers, {limit:g} GiB of address space for each process; {known}\n")
    publish(path, "lines", table(COLUMNS, rows))


if __name__ == "__main__":
    main()

"""What goes wrong with machines, done to a process on purpose, and checks.

A child is a fork, with torch imported; its parent must have run no tensor operation, which would
leave it with threads.
"""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import os
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from functools import partial
from multiprocessing import Process
from pathlib import Path
from typing import Any

from poetvae import cli

sys.path.append(str(Path(__file__).parents[1]))

from common import publish as publish
from common import table as table

LIMIT = 180.0  # seconds after which a child hangs
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.ESTALE)
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


class WrongError(Exception):
    """Something that should hold does not."""


def check(holds: object, message: str) -> None:
    """Raise WrongError where it does not hold."""
    if not holds:
        raise WrongError(message)


class Child(Process):
    """Work in a fork, then a command line, if there is one; its streams are files of a folder.

    Ended it has an exit code (negative: by that signal), what it printed, how long it ran.
    """

    def __init__(self, folder: Path, *words: Any, work: Any = int, stdin: bytes = b"") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.streams = [folder / name for name in ("stdin", "stdout", "stderr")]
        for path, data in zip(self.streams, (stdin, b"", b""), strict=True):
            path.write_bytes(data)
        self.words, self.work, self.began = words, work, time.monotonic()
        super().__init__()
        self.start()

    def run(self) -> None:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number, path in enumerate(self.streams):
            os.dup2(os.open(path, os.O_WRONLY if number else os.O_RDONLY), number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, buffering, "utf-8", closefd=False)  # noqa: SIM115
            for number, mode, buffering in ((0, "r", -1), (1, "w", -1), (2, "w", 1))
        )
        warnings.resetwarnings()
        self.work()
        if self.words:
            sys.argv = ["poetvae", *map(str, self.words)]
            cli.main()

    def end(self, *signals: tuple[float, int]) -> Child:
        """Wait; signals come so many seconds after its start, and after one another."""
        due = self.began
        for seconds, signum in signals:
            due += seconds
            self.join(max(0.0, due - time.monotonic()))
            if self.exitcode is None and self.pid:
                os.kill(self.pid, signum)
        self.join(LIMIT)
        self.seconds = time.monotonic() - self.began
        _, self.out, self.err = (path.read_text("utf-8", "replace") for path in self.streams)
        self.last = (self.err.splitlines() or [""])[-1]  # line for people
        if self.exitcode is None and self.pid:
            os.killpg(self.pid, signal.SIGKILL)
            raise WrongError(f"it hangs: {self.err[-300:]}")
        self.code = self.exitcode
        return self


class FileCalls:
    """Counts the calls that change files below a folder; at one, or each, something happens.

    A write that is chosen is done by half before. `unsynced` are the files with data that a power
    cut may lose. `begin` is a part of a path: calls are counted from the first with it on.
    """

    def __init__(self, root: Path, at: int = 0, happens: Any = None, begin: str = "") -> None:
        self.root, self.at, self.happens, self.begin = str(root), at, happens, begin
        self.seen: list[str] = []
        self.unsynced: dict[str, int] = {}  # with the size that is on disk for sure

    def count(self, name: str, path: str) -> None:
        if path.startswith(self.root) and self.begin in path:
            self.begin = ""
            self.seen.append(f"{name} {path.removeprefix(self.root)}")
            if self.happens and self.at in (0, len(self.seen)):
                self.happens(self)

    def install(self) -> None:
        """From now on, in this process for good."""
        real_open, real_sync = builtins.open, os.fsync

        def fsync(handle: int) -> None:
            path = _where(handle)
            self.count("fsync", path)
            real_sync(handle)
            self.unsynced.pop(path, None)

        def watched_open(file: Any, mode: str = "r", *args: Any, **how: Any) -> Any:
            opened: Any = real_open(file, mode, *args, **how)
            path = _where(file)
            if path.startswith(self.root) and set(mode) & set("wax+"):
                opened.write = partial(self._write, opened, opened.write, path)
            return opened

        sys.addaudithook(self._audit)
        os.fsync, builtins.open, io.open = fsync, watched_open, watched_open  # type: ignore[assignment]

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Before a file is opened to be written, moved, removed or cut; or a folder."""
        writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes and event not in CHANGES:
            return
        folder = -1 if event in ("open", "os.truncate") else args[-2:][event != "os.rename"]
        path = _where(args[0], folder)
        self.count(event, path)
        if event == "open" and args[2] & os.O_TRUNC:
            self.unsynced[path] = 0
        if event == "os.rename":
            new = _where(args[1], args[3])
            for old in [p for p in self.unsynced if p == path or p.startswith(path + "/")]:
                self.unsynced[new + old[len(path) :]] = self.unsynced.pop(old)

    def _write(self, file: Any, real: Any, path: str, data: Any) -> int:
        """Half, then the call is counted, then the rest."""
        half = len(data) // 2
        self.unsynced.setdefault(path, os.path.getsize(path))
        real(data[:half])
        if len(self.seen) + 1 == self.at:
            file.flush()
        self.count("write", path)
        return half + int(real(data[half:]))


def _where(path: Any, folder: int = -1) -> str:
    """The whole path of a file by its name, perhaps in an open folder, or by its handle."""
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    return os.path.abspath(os.path.join(_where(folder) if folder >= 0 else "", os.fsdecode(path)))


def die(calls: FileCalls, rng: random.Random) -> None:
    """The process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut_power(calls: FileCalls, rng: random.Random) -> None:
    """The power is cut; of data that was not synchronised some part is there."""
    for path, least in sorted(calls.unsynced.items()):
        if os.path.exists(path):
            os.truncate(path, rng.randint(least, max(least, os.path.getsize(path))))
    die(calls, rng)


def fail(calls: FileCalls, rng: random.Random) -> None:
    """The call fails with one of these errors, once."""
    number = rng.choice(ERRORS)
    raise OSError(number, os.strerror(number))


def before_call(module: Any, name: str, number: int, happens: Any) -> None:
    """Something happens before the numberth call of a function, or an error comes."""
    real, count = getattr(module, name), itertools.count(1)

    def watched(*arguments: Any) -> Any:
        if next(count) == number:
            if isinstance(happens, Exception):
                raise happens
            happens(*arguments)
        return real(*arguments)

    setattr(module, name, watched)


def bound_memory(more: int) -> None:
    """It may take so many bytes of addresses more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def bound_files(size: int) -> None:
    """No file of it may grow beyond so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def jump(rng: random.Random, sizes: Sequence[float]) -> None:
    """Its clocks are wrong, each time by up to one of these seconds."""
    for name in ("time", "monotonic", "perf_counter"):
        real, size = getattr(time, name), rng.choice(sizes)
        setattr(time, name, lambda real=real, size=size: real() + rng.uniform(-size, size))

"""What goes wrong with machines, done to a process on purpose: for `torture.py` and the tests.

A child is a fork, so it begins where its parent stands, with torch imported; the parent must have
run no tensor operation, which would leave it with threads. All that a child does to files goes
through Python, where `FileCalls` counts it: any of these calls can be the last, or fail.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from poetvae import cli
from poetvae.checkpoints.model_folder import checkpoints, latest_checkpoint, load_state

LIMIT = 120.0  # seconds after which a child hangs
COMPARED = ("train", "metrics", "samples", "state", "averaged", "best")


class Ended(NamedTuple):
    """How a child ended: exit code (negative: by that signal), what it printed, what it took."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int

    @property
    def last(self) -> str:
        """The last line for people."""
        return (self.err.splitlines() or [""])[-1]


class LostError(Exception):
    """Something that should have held did not."""


def check(holds: object, message: str) -> None:
    """Raise LostError where it does not hold."""
    if not holds:
        raise LostError(message)


def poetvae(*arguments: str | Path) -> Callable[[], None]:
    """The work of a child: a command line."""

    def work() -> None:
        sys.argv = ["poetvae", *map(str, arguments)]
        cli.main()

    return work


def child(
    work: Callable[[], object],
    folder: Path,
    *,
    stdin: bytes = b"",
    signals: tuple[tuple[float, int], ...] = (),
) -> Ended:
    """Run work in a fork; signals come so many seconds after its start, and after one another.

    Raises:
        LostError: it hangs.
    """
    out, err, given = folder / "stdout", folder / "stderr", folder / "stdin"
    folder.mkdir(parents=True, exist_ok=True)
    given.write_bytes(stdin)
    for path in (out, err):
        path.write_bytes(b"")  # it may not live to do it
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        _be_the_child(work, given, out, err)
    due = began
    for seconds, signum in signals:
        due += seconds
        ended = _wait(pid, due)
        if ended:
            break
        os.kill(pid, signum)
    else:
        ended = _wait(pid, began + LIMIT)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        os.wait4(pid, 0)
        raise LostError(f"it hangs: {sys.argv} {err.read_text('utf-8', 'replace')[-300:]}")
    status, usage = ended
    return Ended(
        os.waitstatus_to_exitcode(status),
        out.read_text("utf-8", "replace"),
        err.read_text("utf-8", "replace"),
        time.monotonic() - began,
        usage.ru_maxrss * 1024,
    )


def _wait(pid: int, until: float) -> tuple[int, resource.struct_rusage] | None:
    """The end of a child, if it comes by then."""
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage
        if time.monotonic() >= until:
            return None
        time.sleep(0.002)


def _be_the_child(work: Callable[[], object], given: Path, out: Path, err: Path) -> None:
    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number, path, flags in (
            (0, given, os.O_RDONLY),
            (1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            handle = os.open(path, flags)
            os.dup2(handle, number)
            os.close(handle)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        warnings.resetwarnings()
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                code = code or 120  # as the interpreter does
        os._exit(code)


class FileCalls:
    """Counts the calls that change files below a folder; at the chosen one something happens.

    A write that is chosen is done by half before. `unsynced` are the files with data that a power
    cut may lose. `begin` is a part of a path: calls are counted from the first with it on.
    """

    def __init__(
        self,
        root: Path,
        at: int = 0,
        happens: Callable[[FileCalls], None] | None = None,
        begin: str = "",
    ) -> None:
        self.root, self.at, self.happens, self.begin = str(root), at, happens, begin
        self.seen: list[str] = []
        self.unsynced: dict[str, int] = {}  # with the size that is on disk for sure

    def __call__(self, name: str, path: str) -> None:
        """Count a call."""
        if not self.begin or self.begin in path:
            self.begin = ""
            self.seen.append(f"{name} {path.removeprefix(self.root)}")
            if self.happens and len(self.seen) == self.at:
                self.happens(self)

    def install(self) -> None:
        """From now on, in this process for good."""
        real: dict[str, Any] = {n: getattr(os, n) for n in _OS}
        real_open = builtins.open

        def watched_open(file: Any, mode: str = "r", *args: Any, **how: Any) -> Any:
            path = "" if isinstance(file, int) else os.path.abspath(os.fsdecode(file))
            if not path.startswith(self.root) or not set(mode) & set("wax+"):
                return real_open(file, mode, *args, **how)
            self(f"open {mode}", path)
            if "w" in mode:
                self.unsynced[path] = 0
            return _Watched(self, real_open(file, mode, *args, **how), path)

        def watch(name: str) -> Callable[..., Any]:
            def watched(first: Any, *args: Any, **how: Any) -> Any:
                path = _where(first, how.get("dir_fd") or how.get("src_dir_fd"))
                reads = name == "open" and not args[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
                if not path.startswith(self.root) or reads:
                    return real[name](first, *args, **how)
                self(name, path)
                result = real[name](first, *args, **how)
                if name == "fsync":
                    self.unsynced.pop(path, None)
                if name in ("rename", "replace"):
                    self._moved(path, _where(args[0], how.get("dst_dir_fd")))
                return result

            return watched

        for name in _OS:
            setattr(os, name, watch(name))
        builtins.open = io.open = watched_open

    def _moved(self, old: str, new: str) -> None:
        for path in list(self.unsynced):
            if path == old or path.startswith(old + "/"):
                self.unsynced[new + path[len(old) :]] = self.unsynced.pop(path)


_OS = ("open", "fsync", "replace", "rename", "unlink", "remove", "mkdir", "rmdir", "truncate")


def _where(first: Any, folder: int | None) -> str:
    if isinstance(first, int):
        return os.readlink(f"/proc/self/fd/{first}")
    path = os.fsdecode(first)
    if folder is not None and not os.path.isabs(path):
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
    return os.path.abspath(path)


class _Watched:
    """A file whose writes are counted."""

    def __init__(self, calls: FileCalls, file: Any, path: str) -> None:
        self._calls, self._file, self._path = calls, file, path

    def write(self, data: Any) -> Any:
        half = len(data) // 2
        if self._path not in self._calls.unsynced:
            self._calls.unsynced[self._path] = os.path.getsize(self._path)
        self._file.write(data[:half])
        if len(self._calls.seen) + 1 == self._calls.at:
            self._file.flush()
        self._calls("write", self._path)
        return half + self._file.write(data[half:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)


def die(calls: FileCalls) -> None:
    """What happens: the process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut_power(seed: int) -> Callable[[FileCalls], None]:
    """What happens: the power is cut; of data that was not synchronised some part is there."""

    def happens(calls: FileCalls) -> None:
        rng = random.Random(seed)
        for path, least in sorted(calls.unsynced.items()):
            if os.path.exists(path):
                os.truncate(path, rng.randint(least, max(least, os.path.getsize(path))))
        os.kill(os.getpid(), signal.SIGKILL)

    return happens


def fail(number: int) -> Callable[[FileCalls], None]:
    """What happens: the call fails with this error, once."""

    def happens(calls: FileCalls) -> None:
        raise OSError(number, os.strerror(number))

    return happens


ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.ESTALE)


def outcome(run: Path) -> dict[str, Any]:
    """All that a finished run has to show, save how long it took."""
    step, final = checkpoints(run)[-1]
    metrics = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    job = json.loads((run / "train.json").read_bytes())
    return {
        "step": step,
        "train": job,
        "metrics": [{**json.loads(line), "seconds": 0} for line in metrics],
        "samples": (run / "samples.jsonl").read_text("utf-8"),
        "state": plain(load_state(final)),
        "averaged": (final / "model.safetensors").read_bytes(),
        "best": (run / "model.safetensors").read_bytes(),
    }


def plain(value: Any) -> Any:
    """Nested tensors as bytes that can be compared."""
    if hasattr(value, "numpy"):
        array = value.detach().numpy()
        return str(array.dtype), array.shape, array.tobytes()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """The parts in which two outcomes differ."""
    return [name for name in a if a[name] != b[name]]


def newest(run: Path) -> int:
    """The step of the newest checkpoint that verifies; 0 where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = latest_checkpoint(run)
    return int(found.name.removeprefix("step-")) if found else 0


def leftovers(run: Path) -> list[str]:
    """Temporary files and folders below a run, and beside it."""
    return sorted(
        str(p.relative_to(run.parent))
        for p in (*run.rglob("*"), *run.parent.glob(f".{run.name}*"))
        if p.name.endswith((".tmp", ".part", ".partial")) or ".tmp." in p.name
    )

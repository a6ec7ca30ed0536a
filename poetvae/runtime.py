"""The machine a model runs on: its devices, its memory, its signals."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
import signal
import sys
import timeit
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import FrameType

import torch

from .errors import ConfigError
from .i18n import _

if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    # The threads of torch are not in a forked process, which would wait for them for ever.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one: CUDA's, or Apple's (MPS).
    Raises ConfigError: it cannot be used here."""
    if name == "auto":
        apple = "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device("cuda" if torch.cuda.is_available() else apple)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(_("device {name!r} cannot be used here; try cpu", name=name)) from error
    return device


def bf16_is_faster(device: torch.device) -> bool:
    """Whether bfloat16 matrix products beat float32 ones here; on a CPU it is measured, in ms."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False

    def seconds(dtype: torch.dtype) -> float:
        x = torch.ones(512, 512, dtype=dtype)
        return min(timeit.repeat(lambda: x @ x, number=1, repeat=8))

    return seconds(torch.bfloat16) < seconds(torch.float32)


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed what sampling, dropout and draws on the CPU take from; torch.manual_seed asks all
    devices, which takes longer than drawing."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def keep_freed_memory() -> None:
    """Ask glibc, where it is used, to keep freed memory for the next step: without this, page
    faults cost `base` a tenth to a quarter of its time on a CPU, as activations come and go."""
    _mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD of malloc.h
    _mallopt(-3, 2**30)  # M_MMAP_THRESHOLD


def share_freed_memory() -> None:
    """Ask glibc, where it is used, for one heap for all threads: each would have one of its own, as
    large as its largest poem, in a server of many."""
    _mallopt(-8, 1)  # M_ARENA_MAX of malloc.h


def _mallopt(setting: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(setting, value)


@contextlib.contextmanager
def silenced(*loggers: str) -> Iterator[None]:
    """Nothing that libraries warn of and print, nor what these loggers say; then all as before."""
    levels = {logger: logger.level for logger in map(logging.getLogger, loggers)}
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        for logger in levels:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in levels.items():
                logger.setLevel(level)


def without_bar(quiet: bool) -> bool | None:
    """What tqdm takes as `disable`: a bar is for people, on terminals that can overwrite a line."""
    return quiet or os.environ.get("TERM") == "dumb" or None


class Aside:
    """Standard error, for what people may like to know: where it is closed, full, or its reader has
    left, nothing is said and nothing fails."""

    def write(self, text: str) -> None:
        """Say it, if anybody can hear it."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """As of any stream."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()

    def fileno(self) -> int:
        """Of the terminal, whose width a bar asks for."""
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:
        """What a bar can be drawn with."""
        return sys.stderr.encoding

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return sys.stderr.isatty()
        return False


def fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes of a corpus leave a GPU the room that training needs, by far."""
    return device.type == "cuda" and size < torch.cuda.mem_get_info(device)[0] / 4


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was not enough, on whatever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


@dataclass
class Stopped:
    """The signal that came, or 0."""

    signum: int = 0


@contextlib.contextmanager
def interruption() -> Iterator[Stopped]:
    """Note the first SIGINT or SIGTERM instead of dying of it; the second one is as ever. SIGHUP is
    noted, too, unless it is ignored, as by nohup: a terminal that closes may send it twice."""
    stopped = Stopped()
    heard = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup and signal.getsignal(hangup) != signal.SIG_IGN:
        heard.append(hangup)

    def note(signum: int, frame: FrameType | None) -> None:
        stopped.signum = signum
        if signum != hangup:
            signal.signal(signum, before[signal.Signals(signum)])

    try:
        before = {s: signal.signal(s, note) for s in heard}
    except ValueError:  # not in the main thread, where signals do not arrive
        yield stopped
        return
    try:
        yield stopped
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)

"""What people see of work that takes its time, on a standard error that is a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm


def without_bar(quiet: bool) -> bool | None:
    """What tqdm takes as `disable`: a bar is for people, on terminals that can overwrite a line."""
    return quiet or os.environ.get("TERM") == "dumb" or None


@contextlib.contextmanager
def working(what: str, quiet: bool) -> Iterator[tqdm[NoReturn]]:
    """Shows a line that says what is being done, which goes away when it is done.

    To print in the meantime, `clear` what is yielded.
    """
    from tqdm import tqdm

    disable, aside = without_bar(quiet), Aside()
    with tqdm(bar_format=f"{what} …", leave=False, disable=disable, file=aside) as line:
        yield line


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

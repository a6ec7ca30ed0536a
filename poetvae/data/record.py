"""One entry of a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import CorpusError
from ..i18n import _
from .encoding import BROKEN

MAX_ENTRY = 2**24
"""Characters of a line, or of an entry of JSON: more are a mistake, or malice."""


class Problem(NamedTuple):
    """What is wrong with an entry: one of few words for it, and what is told of it besides.

    Undecoded: it may be only that its bytes are not in the encoding of the file.
    """

    name: str
    detail: str = ""
    undecoded: bool = False


class Record(NamedTuple):
    """One entry of a source: where it stands, and its text and meta, or the problem with it."""

    where: str
    text: str = ""
    meta: Mapping[str, str] = {}
    problem: str = ""
    detail: str = ""

    def checked(self, encoding: str) -> Record:
        """The same, or that bytes of it are not in the encoding of its file."""
        if BROKEN not in self.text:
            return self
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        return Record(self.where, problem=f"not {name}")


def tidy(text: str) -> str:
    """A string for one line of output: single blanks, nothing that UTF-8 or a terminal minds."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def check_size(size: int, where: str) -> None:
    """Raises CorpusError: an entry has more characters than one can have."""
    if size > MAX_ENTRY:
        raise CorpusError(
            _(
                "{where}: an entry of more than {most:,} characters; expected poems; check the "
                "file",
                where=where,
                most=MAX_ENTRY,
            )
        )

"""Files of JSON: a list of entries, one, or one a line; memory holds one of them at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..i18n import N_
from .encoding import BROKEN
from .record import Problem, check_size

JSON_LINES = (".jsonl", ".ndjson")
BROKEN_JSON = N_("broken JSON")
Entry = tuple[str, Any]
"""Where something of JSON stands, and what it is."""


class Whole(NamedTuple):
    """What is a file of its own, no entry of a list."""

    value: Any


# Numbers are never read, and whole ones of thousands of digits take long.
_DECODER = json.JSONDecoder(parse_int=float)
_BEHIND = ("", " ", "\t", "\n", "\r", ",", "]")  # what stands behind a value
_SPACE = re.compile(r"[ \t\n\r]*")


def is_json(head: str) -> bool:
    """Whether a text of unknown format begins as JSON."""
    start = "".join(head[:1000].split())
    return start.startswith(('{"', "[{", "[[", '["'))


def has_entry_a_line(head: str) -> bool:
    """Whether the first line of a file is an entry, with another behind it."""
    first, _, rest = head.strip().partition("\n")
    return bool(rest.strip()) and not isinstance(_parsed(first), Problem)


def line_entries(lines: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    """An entry per line."""
    return ((where, _parsed(text)) for where, text in lines if text.strip())


def document_entries(name: str, parts: Iterable[str]) -> Iterator[Entry]:
    """The values of a file one after the other, a list's own; up to where it is broken."""
    text, number, listed = _Text(name, parts), 0, False
    while char := text.next():
        if char == "[" and not listed:
            listed = True
        elif char == "]" and listed:
            listed = False
        elif char != "," or not listed:
            value = text.value()
            if isinstance(value, Problem):
                yield f"{name}:{text.line()}", value
                return
            number += 1
            yield f"{name}: entry {number}", value if listed else Whole(value)
            continue
        text.place += 1
    if listed:
        yield f"{name}:{text.line()}", Problem(BROKEN_JSON)


class _Text:
    """The text of a file from some place on, of which more is read when it is wanted."""

    def __init__(self, name: str, parts: Iterable[str]) -> None:
        self._name, self._parts = name, iter(parts)
        self._text, self._lines = "", 1
        self.place = 0

    def line(self) -> int:
        """The number of the line that this is."""
        return self._lines + self._text.count("\n", 0, self.place)

    def next(self) -> str:
        """The first character that is no space, which is gone to; none at the end."""
        while True:
            match = _SPACE.match(self._text, self.place)
            self.place = match.end() if match else self.place
            if self.place < len(self._text):
                return self._text[self.place]
            if not self._more(1):
                return ""

    def value(self) -> Any:
        """The value that stands here, which is gone behind; or what is wrong with it."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self.place)
                if self._text[end : end + 1] not in _BEHIND:
                    return Problem(BROKEN_JSON)
                self.place = end
                return value
            except RecursionError:
                return Problem(BROKEN_JSON)
            except ValueError:
                # As much again each time, so that a long value is not begun too often.
                left = len(self._text) - self.place
                check_size(left, self._name)
                if not self._more(left):
                    return Problem(BROKEN_JSON, undecoded=BROKEN in self._text)

    def _more(self, least: int) -> bool:
        """Read so many characters; False where there are none left."""
        self._lines, rest = self.line(), self._text[self.place :]
        new: list[str] = []
        while sum(map(len, new)) < least and (part := next(self._parts, None)) is not None:
            new.append(part)
        self._text, self.place = rest + "".join(new), 0
        return any(new)


def _parsed(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    # A hostile file nests more deeply than Python recurses.
    except (ValueError, RecursionError):
        return Problem(BROKEN_JSON, undecoded=BROKEN in text)

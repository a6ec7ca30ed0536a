"""The report on verses that were read by patterns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest

from ..interface import FREE
from ..report import Fault, Line, Report
from .scansion import Sounds, read


def report(
    text: str,
    form: str,
    kind: str,
    verses: Sequence[str],
    sounds: Sounds,
    notes: Sequence[Fault],
    patterns: Sequence[str] = (),
    rhyme: str | None = None,
    scheme: str = "",
) -> Report:
    """A report on verses that were read by these patterns, each empty or as long as its verse."""
    notes = sorted(notes, key=lambda note: (note.line, note.remark, note.position))
    of_line = {n: tuple(group) for n, group in groupby(notes, key=lambda note: note.line)}
    lines = tuple(
        Line(
            verse,
            read(verse, pattern or FREE * len(verse), sounds),
            tuple(map(sounds.levels, verse)),
            pattern,
            of_line.get(n, ()),
        )
        for n, (verse, pattern) in enumerate(zip_longest(verses, patterns, fillvalue=""), 1)
    )
    return Report(text, form, kind, sounds.book, rhyme, lines, tuple(notes), scheme)

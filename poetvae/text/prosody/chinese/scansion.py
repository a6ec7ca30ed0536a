"""Scansion: what characters sound like by a book, which pattern a verse comes nearest to, and what
is told of it. A character of several readings is read as fits; what hardly ever is meant costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ....errors import either
from ....i18n import N_, _
from ..interface import FREE, LEVEL, OBLIQUE
from ..report import Fault
from .books import readings_in

RARE, WRONG = 0.4, 1.0
"""What it costs to read a character as verse hardly ever means it, and what a wrong tone does."""
WORDS = (N_("level"), N_("oblique"))


@dataclass(frozen=True)
class Sounds:
    """What the characters of one poem sound like: by a book of `BOOKS`, in one script."""

    book: str
    simplified: bool = True

    def levels(self, char: str, usual: bool = True) -> str:
        """What a character may be: 平, 仄, 平仄 for either, or "" if it is not known."""
        return _levels(char, self.book, self.simplified, usual)

    def rhymes(self, char: str, sides: str, usual: bool = True) -> frozenset[str]:
        """The rhymes of a character where it is of one of these sides, 平, 仄 or both."""
        found = readings_in(char, self.book, self.simplified, usual)
        return frozenset(rhyme for tone, rhyme in found if _side(tone) in sides)

    def cost(self, char: str, wanted: str) -> float:
        """What it costs to read a character as 平 or 仄; nothing for 中, or if it is not known."""
        usual = self.levels(char)
        if wanted == FREE or wanted in usual or not usual:
            return 0
        return RARE if wanted in self.levels(char, usual=False) else WRONG


@cache
def _levels(char: str, book: str, simplified: bool, usual: bool) -> str:
    found = {_side(tone) for tone, __ in readings_in(char, book, simplified, usual)}
    return "".join(side for side in (LEVEL, OBLIQUE) if side in found)


def _side(tone: str) -> str:
    return LEVEL if tone == LEVEL else OBLIQUE


class Fit(NamedTuple):
    """How a verse fits a pattern: the places (from 0) that do not, and those of rare readings."""

    pattern: str
    cost: float = 0
    wrong: tuple[int, ...] = ()
    rare: tuple[int, ...] = ()


def fit(verse: str, pattern: str, sounds: Sounds) -> Fit:
    """How a verse fits a pattern of its length."""
    costs = [sounds.cost(char, wanted) for char, wanted in zip(verse, pattern, strict=True)]
    wrong, rare = (tuple(i for i, c in enumerate(costs) if c == x) for x in (WRONG, RARE))
    return Fit(pattern, sum(costs), wrong, rare)


def read(verse: str, pattern: str, sounds: Sounds) -> str:
    """The tones of a verse as the pattern reads them: 平, 仄, 中 where either would do, ？ for what
    is not known. A free place leaves a character what it is."""

    def tone(char: str, wanted: str) -> str:
        if sounds.cost(char, wanted) < WRONG and wanted != FREE and sounds.levels(char):
            return wanted
        found = sounds.levels(char)
        return FREE if len(found) > 1 else found or "？"

    return "".join(tone(char, wanted) for char, wanted in zip(verse, pattern, strict=True))


def misplaced(line: int, verse: str, fit: Fit, name: str) -> list[Fault]:
    """The wrong tones of a verse, under this name, and the rare readings that it needs."""
    found = []
    for place, char in enumerate(verse):
        side, other = WORDS if fit.pattern[place : place + 1] == LEVEL else WORDS[::-1]
        if place in fit.wrong:
            why = _("{char} is {tone}; expected {wanted}", char=char, tone=_(other), wanted=_(side))
            found.append(Fault(name, line, place + 1, why))
        elif place in fit.rare:
            why = _(
                "{char} fits only as {tone}, which verse hardly ever means",
                char=char,
                tone=_(side),
            )
            found.append(Fault("異讀", line, place + 1, why, remark=True))
    return found


def common_rhyme(ends: Iterable[tuple[str, str]], sounds: Sounds) -> str | None:
    """The rhyme that most characters have, each where it is of its sides; the one of the first
    where several are as common. None where none is known."""
    found: Counter[str] = Counter()
    for i, (char, sides) in enumerate(ends):
        usual = sounds.rhymes(char, sides)
        for name in sorted(sounds.rhymes(char, sides, usual=False)):
            found[name] += 1000 * (2 if name in usual else 1) + (i == 0)
    return max(sorted(found), key=found.__getitem__, default=None)


def all_rhyme(ends: Iterable[tuple[str, str]], name: str, sounds: Sounds) -> bool:
    """Whether all characters may rhyme so, each where it is of its sides."""
    return all(name in sounds.rhymes(char, sides, usual=False) for char, sides in ends)


def out_of_rhyme(
    line: int,
    verse: str,
    side: str,
    name: str,
    sounds: Sounds,
    opening: frozenset[str] = frozenset(),
) -> list[Fault]:
    """What is to be said of the end of a verse that has to rhyme in `name`, or may in `opening`."""
    char, place = verse[-1], len(verse)
    usual = sounds.rhymes(char, side)
    if name in usual or not sounds.levels(char):
        return []
    if name in sounds.rhymes(char, side, usual=False):
        why = _(
            "{char} is of {rhyme} only in a reading that verse hardly ever means",
            char=char,
            rhyme=name,
        )
        return [Fault("異讀", line, place, why, remark=True)]
    if usual & opening:
        why = _(
            "{char} is of {own}, a neighbour of {rhyme}, as a first line may be",
            char=char,
            own=either(sorted(usual)),
            rhyme=name,
        )
        return [Fault("鄰韻", line, place, why, remark=True)]
    if usual:
        own = either(sorted(usual))
        why = _("{char} is of {own}; expected {rhyme}", char=char, own=own, rhyme=name)
    else:
        tone = _(WORDS[side == LEVEL])
        why = _("{char} is {tone}; expected {wanted}", char=char, tone=tone, wanted=name)
    return [Fault("出韻", line, place, why)]


def repeated_rhymes(ends: Iterable[tuple[int, str]], remark: bool = False) -> list[Fault]:
    """重韻: what rhymes twice, of the verses of these numbers."""
    first: dict[str, int] = {}
    return [
        Fault(
            "重韻",
            n,
            len(verse),
            _("{char} rhymes in line {line} already", char=verse[-1], line=then),
            remark,
        )
        for n, verse in ends
        if (then := first.setdefault(verse[-1], n)) != n
    ]


def repeated(verses: Sequence[str]) -> list[Fault]:
    """重字: the characters of several verses; what a verse repeats by itself is meant."""
    first: dict[str, int] = {}
    return [
        Fault(
            "重字",
            n,
            place,
            _("{char} stands in line {line} already", char=char, line=then),
            remark=True,
        )
        for n, verse in enumerate(verses, 1)
        for place, char in enumerate(verse, 1)
        if (then := first.setdefault(char, n)) != n and char not in verse[: place - 1]
    ]

"""What regulated verse (近體詩) has against its rules, verse by verse and between verses.

Of the kinds of verse that `shi` names, each verse is taken to be of the one that makes the
fewest faults in the whole poem. A wrong tone costs more than that verses which are sound do not go
together: that they are not opposite in a couplet (失對), or not of one tone between two (失粘).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ....i18n import N_, _
from ..interface import LEVEL, OBLIQUE
from ..report import Fault
from .books import CLASSES, GROUPS
from .scansion import (
    Fit,
    Sounds,
    common_rhyme,
    fit,
    misplaced,
    out_of_rhyme,
    repeated_rhymes,
)
from .shi import COMPLIANCE, opens, variants

_COSTS = dict(zip(COMPLIANCE, (0.0, 0.1, 0.2, 0.0, 0.9, 0.9), strict=False))
_APART = 0.4  # what it costs that two verses do not go together, each of which is sound
_NEXT = 0.2  # that the next verse mends one
_ALONE = 0.95  # that the first verse ends level without rhyme, or does not end so, with rhyme
_LIKELY = 0.05  # that it does not, though it may
_MENDED, _MENDING = "仄仄+", "平平+"
_RISING = ("平仄", "仄仄", _MENDED)  # the kinds of the first verses of couplets
_FALLING = ("仄平", "平平", _MENDING)


# By kind and degree of compliance: the name, the place among the last five, and why.
_BY_ITSELF = N_("oblique for level, mended by the level third of the last five")
_THREE = N_("the line ends in three level tones; expected oblique here")
_ALONE_LEVEL = N_(
    "one level tone stands alone beside that of the end; expected level here or in the third of "
    "the last five"
)
_NAMED = {
    ("平仄", "拗救"): ("拗救", 4, N_("平仄 for 仄平 at the end of 平平仄平仄, which mends itself")),
    ("平平", "拗救"): ("拗救", 1, _BY_ITSELF),
    (_MENDED, "拗救"): ("拗救", 4, N_("oblique for level, mended by the next line")),
    (_MENDING, "拗救"): ("拗救", 1, _BY_ITSELF),
    ("平仄", "三仄尾"): ("三仄尾", 3, N_("the line ends in three oblique tones")),
    ("平平", "孤平"): ("孤平", 1, _ALONE_LEVEL),
    ("仄平", "三平尾"): ("三平調", 3, _THREE),
}


class Way(NamedTuple):
    """A verse as one of a kind: how nearly, of `COMPLIANCE`, and how it fits."""

    kind: str
    degree: str
    fit: Fit

    @property
    def cost(self) -> float:
        """How much is against it. What is out of place is not mended where more is, nor by a rare
        reading."""
        degree, fit = _COSTS[self.degree], self.fit
        mends = degree or self.kind in (_MENDED, _MENDING)
        alone = mends and (fit.wrong or fit.rare)
        return (
            fit.cost + _NEXT * (self.kind == _MENDED) + (max(degree, _ALONE) if alone else degree)
        )

    @property
    def plain(self) -> str:
        """The plain pattern of its kind."""
        return variants(self.kind, len(self.fit.pattern))[0][1] if self.fit.pattern else ""


def nearest(verses: Sequence[str], length: int, sounds: Sounds, rhyme: str | None) -> list[Way]:
    """The ways of the verses of a poem that together have the fewest faults; `rhyme` is that of the
    even verses, None where they need none. A verse of another length has no pattern."""
    against = dict.fromkeys((*_RISING, *_FALLING), 0.0)
    if rhyme and _joins(verses[0], rhyme, sounds):
        only = sounds.levels(verses[0][-1]) == LEVEL
        against |= dict.fromkeys(_RISING, _ALONE if only else _LIKELY)
    elif rhyme:
        against |= dict.fromkeys(_FALLING, _ALONE)
    best: dict[str, tuple[float, tuple[Any, ...]]] = {}  # by kind, the cost, and the ways linked
    for i, verse in enumerate(verses):
        reached = {}
        for kind in _FALLING if i % 2 else _RISING if i else (*_RISING, *_FALLING[:2]):
            way = _way(verse, kind, length, sounds)
            cost, path = min(
                ((cost + _between(i, before, kind), path) for before, (cost, path) in best.items()),
                key=lambda one: one[0],
                default=(against[kind], ()),
            )
            reached[kind] = cost + way.cost, (way, path)
        best = reached
    __, path = min((one for kind, one in best.items() if kind != _MENDED), key=lambda one: one[0])
    ways = []
    while path:
        way, path = path
        ways.append(way)
    return ways[::-1]


def _way(verse: str, kind: str, length: int, sounds: Sounds) -> Way:
    """The nearest way in which a verse is of a kind."""
    if len(verse) != length:
        return Way(kind, COMPLIANCE[0], Fit(""))
    ways = (Way(kind, d, fit(verse, pattern, sounds)) for d, pattern in variants(kind, length))
    return min(ways, key=lambda way: way.cost)


def _between(i: int, before: str, kind: str) -> float:
    """What it costs that verse i (from 0) of a kind follows one of another."""
    if (before == _MENDED) != (kind == _MENDING):
        return float("inf")
    return _APART if (before[0] == kind[0]) == (i % 2 == 1) else 0


def scheme(ways: Sequence[Way]) -> str:
    """The name of the scheme of a poem, as 仄起，首句入韻: the tone of its second character, and
    whether the first verse rhymes. Empty where that is of another length."""
    if not ways[0].plain:
        return ""
    rhymes = "入韻" if ways[0].kind in _FALLING else "不入韻"
    return f"{ways[0].plain[1]}起，首句{rhymes}"


def tone_faults(verses: Sequence[str], ways: Sequence[Way], sounds: Sounds) -> list[Fault]:
    """What is to be said of the tones of verses that are taken so. The ends of even verses are left
    to `rhyme_faults`, where there are enough to rhyme."""
    found = []
    for i, (verse, way) in enumerate(zip(verses, ways, strict=True)):
        if i and _between(i, ways[i - 1].kind, way.kind):
            name, why = (
                "失粘",
                N_(
                    "{a} and {b}, second in lines {i} and {j}, differ in tone; between couplets "
                    "they agree"
                ),
            )
            if i % 2:
                name, why = (
                    "失對",
                    N_(
                        "{a} and {b}, second in lines {i} and {j}, agree in tone; within a couplet "
                        "they differ"
                    ),
                )
            a, b = verses[i - 1][1:2], verse[1:2]
            found.append(Fault(name, i + 1, 2, _(why, a=a, b=b, i=i, j=i + 1)))
        if way.degree != COMPLIANCE[0] and not way.fit.wrong:
            name, place, why = _NAMED[way.kind, way.degree]
            remark = _COSTS[way.degree] < _COSTS["孤平"]
            found.append(Fault(name, i + 1, len(verse) - 5 + place, _(why), remark))
        rhymes = i % 2 == 1 and len(verses) >= 4
        found += [
            _renamed(note, verse, way, sounds)
            for note in misplaced(i + 1, verse[: len(verse) - rhymes], way.fit, "拗")
        ]
    return found


def _renamed(note: Fault, verse: str, way: Way, sounds: Sounds) -> Fault:
    """The same, or what is wrong with the last but one character of a verse, by its own name."""
    if note.remark or note.position != len(verse) - 1:
        return note
    if way.kind in _FALLING and all(sounds.levels(char) == LEVEL for char in verse[-3:]):
        return replace(note, name="三平調", why=_(_THREE))
    if way.kind == "仄仄":
        return replace(
            note,
            why=_(
                "{why}, or in the next line a level third of the last five, which would mend it",
                why=note.why,
            ),
        )
    return note


def rhyme_faults(
    verses: Sequence[str], ways: Sequence[Way], name: str, sounds: Sounds
) -> list[Fault]:
    """What is to be said of the ends of verses that are taken so, where the even ones rhyme, level,
    in `name`. 撞韻 is told by the groups of 詞林正韻, which hold both level and oblique."""
    both = replace(sounds, book=GROUPS) if sounds.book == CLASSES else sounds
    group = common_rhyme([(verse[-1], LEVEL) for verse in verses[1::2]], both)
    found, rhyming = [], []
    for n, (verse, way) in enumerate(zip(verses, ways, strict=True), 1):
        if way.kind in _FALLING:
            rhyming.append((n, verse))
            opening = _opening(name, sounds) if n == 1 else frozenset()
            found += out_of_rhyme(n, verse, LEVEL, name, sounds, opening)
        elif group in both.rhymes(verse[-1], OBLIQUE):
            why = _(
                "{char} is of {rhyme} as the rhyme is, but oblique", char=verse[-1], rhyme=group
            )
            found.append(Fault("撞韻", n, len(verse), why, remark=True))
    return found + repeated_rhymes(rhyming)


def _joins(first: str, name: str, sounds: Sounds) -> bool:
    """Whether a first verse may end level, and as verses that rhyme in `name` allow it to."""
    said = out_of_rhyme(1, first, LEVEL, name, sounds, _opening(name, sounds))
    return LEVEL in sounds.levels(first[-1]) and all(note.remark for note in said)


def _opening(name: str, sounds: Sounds) -> frozenset[str]:
    """The rhymes beside `name` in which a first verse may end."""
    return opens(name) if sounds.book == CLASSES else frozenset()

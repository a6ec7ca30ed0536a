"""What a ci (詞) has against its tune: verses of other lengths, tones, rhymes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from ....i18n import _
from ...poem import NAME_END
from ..interface import LEVEL, OBLIQUE
from ..report import Fault
from .books import CLASSES
from .scansion import (
    Fit,
    Sounds,
    all_rhyme,
    common_rhyme,
    fit,
    misplaced,
    out_of_rhyme,
    repeated_rhymes,
)
from .tunes import Tune, tunes, tunes_named

_LOST = 3.0  # what a verse costs that the tune has, or the poem, and the other has not


class Sung(NamedTuple):
    """A ci beside a tune.

    Attributes:
        verses: as the tune parts them, where it has as many characters.
        fits: of each verse, empty where it is none of the tune or of another length.
        rhyme: those of the tune in the order in which they come, joined by commas.
    """

    tune: Tune
    verses: tuple[str, ...]
    fits: tuple[Fit, ...]
    rhyme: str
    notes: tuple[Fault, ...]
    cost: float


def named(title: str) -> tuple[Tune, ...]:
    """The layouts of the tune that a title names, by itself or beside other words."""
    names = (name for name in (title, *NAME_END.split(title)) if name)
    return next(filter(None, map(tunes_named, names)), ())


def of_lengths(lengths: Sequence[int]) -> tuple[Tune, ...]:
    """The tunes whose verses have these lengths."""
    return tuple(tune for tune in tunes().values() if tune.lengths == tuple(lengths))


def of_nearly(lengths: Sequence[int]) -> tuple[Tune, ...]:
    """The tunes of nearly these lengths: parted elsewhere at one place in eight, or with one verse
    in eight that is longer or shorter."""
    ends, most = {*accumulate(lengths)}, max(1, len(lengths) // 8)

    def is_near(tune: Tune) -> bool:
        if sum(tune.lengths) == sum(lengths):
            return len(ends ^ {*accumulate(tune.lengths)}) <= most
        differing = sum(a != b for a, b in zip(tune.lengths, lengths, strict=False))
        return len(tune.lengths) == len(lengths) and differing <= most

    return tuple(filter(is_near, tunes().values()))


def nearest_tune(verses: Sequence[str], among: Iterable[Tune], sounds: Sounds) -> Sung | None:
    """The one of these tunes that verses come nearest to."""
    sung = (_sing(verses, tune, sounds) for tune in among)
    return min(sung, key=lambda one: one.cost, default=None)


def _sing(verses: Sequence[str], tune: Tune, sounds: Sounds) -> Sung:
    chars, ends = "".join(verses), [0, *accumulate(tune.lengths)]
    if len(chars) == ends[-1]:
        verses = [chars[a:b] for a, b in pairwise(ends)]
    places, notes = _align([len(verse) for verse in verses], tune.lengths)
    fits = [Fit("")] * len(verses)
    for i, j in places.items():
        if len(verses[i]) == tune.lengths[j]:
            among = (fit(verses[i], pattern, sounds) for pattern in tune.tones[j].split("|"))
            fits[i] = min(among, key=lambda one: one.cost)
    letters = {i: tune.rhymes[j] for i, j in places.items() if tune.rhymes[j] != "."}
    names = _names(verses, letters, sounds)
    for i, verse in enumerate(verses):
        rhyme, heard = names.get(letters.get(i, ""), ("", sounds))
        notes += misplaced(i + 1, verse[: len(verse) - bool(rhyme)], fits[i], "出律")
        if rhyme:
            notes += out_of_rhyme(i + 1, verse, _side(letters[i]), rhyme, heard)
    notes += repeated_rhymes([(i + 1, verses[i]) for i in letters], remark=True)
    cost = sum(_LOST if note.name == "句數" else 1 for note in notes if not note.remark)
    rhyme = ", ".join(dict.fromkeys(rhyme for rhyme, __ in names.values()))
    return Sung(tune, tuple(verses), tuple(fits), rhyme, tuple(notes), cost)


def _side(letter: str) -> str:
    return LEVEL if letter.isupper() else OBLIQUE


def _names(
    verses: Sequence[str], letters: Mapping[int, str], sounds: Sounds
) -> dict[str, tuple[str, Sounds]]:
    """By letter of the tune, the rhyme of the verses that have it, and the book that says so.

    Both cases of a letter share it, save in 平水, whose classes are of one tone each. Where verses
    do not rhyme in 詞林 and all do in 平水, as in 灰, which that divides, they do.
    """
    found = {}
    for letter in dict.fromkeys(letters.values()):
        for book in dict.fromkeys((sounds.book, CLASSES)):
            heard = replace(sounds, book=book)
            both = str if book == CLASSES else str.lower
            alike = [(i, x) for i, x in letters.items() if both(x) == both(letter)]
            ends = [(verses[i][-1], _side(x)) for i, x in alike]
            name = common_rhyme(ends, heard)
            if name and (letter not in found or all_rhyme(ends, name, heard)):
                found[letter] = name, heard
            if name and all_rhyme(ends, name, heard):
                break
    return found


def _align(own: Sequence[int], wanted: Sequence[int]) -> tuple[dict[int, int], list[Fault]]:
    """Which verse of the tune each of a poem is, by their lengths, and what does not agree."""
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(own) + 1):
        for j in range(len(wanted) + 1):
            ways = []
            if i and j:
                apart = abs(own[i - 1] - wanted[j - 1])
                ways.append((best[i - 1, j - 1][0] + apart, (i - 1, j - 1)))
            if i:
                ways.append((best[i - 1, j][0] + _LOST, (i - 1, j)))
            if j:
                ways.append((best[i, j - 1][0] + _LOST, (i, j - 1)))
            if ways:
                best[i, j] = min(ways)
    places, notes = {}, []
    i, j = len(own), len(wanted)
    while (i, j) != (0, 0):
        before = best[i, j][1]
        if before == (i - 1, j - 1):
            places[i - 1] = j - 1
            if own[i - 1] != wanted[j - 1]:
                why = _("{n} characters; the tune has {wanted}", n=own[i - 1], wanted=wanted[j - 1])
                notes.append(Fault("字數", i, 0, why))
        elif before == (i - 1, j):
            notes.append(Fault("句數", i, 0, _("the tune has no such verse here")))
        else:
            why = _(
                "the tune has a verse of {n} characters behind line {line}",
                n=wanted[j - 1],
                line=i,
            )
            notes.append(Fault("句數", 0, 0, why))
        i, j = before
    return dict(sorted(places.items())), notes[::-1]

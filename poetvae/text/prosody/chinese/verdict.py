"""What verse of a form has to keep, and whether verses keep it: of a tune (詞) the patterns and the
rhymes of the table, by the groups of 詞林正韻; of other forms what `shi` says of verse (詩).

The form of verses is what their lengths tell where none is given, and so that of no tune.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from ...poem import Form
from ..interface import FREE, LENIENT, LEVEL, OBLIQUE, STRICT, UNHEARD, USUAL, Reading, Rhyme
from . import shi
from .books import CILIN, CLASSES, GROUPS, readings_in
from .rhyme_names import rhyme_classes
from .shi import REGULATED, TONE, sounds
from .tunes import Tune, tunes

_ENTERING = "入"


@cache
def _tune(form: Form | None) -> Tune | None:
    """The tune that a form is of, where it has the lengths that the table gives."""
    tune = tunes().get(form.tune) if form and form.tune else None
    return tune if tune and form and tune.lengths == form.lengths else None


@cache
def patterns(form: Form) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The patterns of 平, 仄 and 中 that a form has, by scheme and part: of a tune one scheme, its
    parts the verses; of regulated verse two, of couplets, see `shi.patterns`."""
    if tune := _tune(form):
        return (tuple(tuple(pattern.split("|")) for pattern in tune.tones),)
    return shi.patterns(form)


@cache
def rhymes_of(form: Form) -> tuple[Rhyme, ...]:
    """The rhymes that a form has: of a tune one for each letter of the table, in the order in which
    they begin; of others, even in lines, the one of their even verses, which the first verse of
    four or more joins where it ends level, see `shi.rhyme_ok`; none with odd lines."""
    if tune := _tune(form):
        letters = dict.fromkeys(tune.rhymes.lower().replace(".", ""))
        return tuple(_of_letter(tune, letter) for letter in letters)
    if form.lines % 2:
        return ()
    classes = {}
    for name, tone in TONE.items():
        classes[name] = dict.fromkeys(range(1, form.lines, 2), frozenset({Reading(tone, name)}))
        if form.lines > 2:
            near = {Reading(TONE[other], other) for other in shi.opens(name)}
            classes[name][0] = frozenset({*near, UNHEARD})
    return (Rhyme(CLASSES, classes, tuple(classes)),)


def _of_letter(tune: Tune, letter: str) -> Rhyme:
    """The rhyme of the verses that have a letter: 部 by 部, in the tone that its case says."""
    verses = {i: one for i, one in enumerate(tune.rhymes) if one.lower() == letter}
    entering = tune.entering and not any(map(str.isupper, verses.values()))
    found = {}
    for group, names in CILIN.items():
        readings = {Reading(TONE[name], group) for name in names}
        level = frozenset(reading for reading in readings if reading.tone == LEVEL)
        ends = {i: level if one.isupper() else readings - level for i, one in verses.items()}
        if all(ends.values()):
            found[group] = {i: frozenset(end) for i, end in ends.items()}
    held = (name for name in found if not entering or TONE[CILIN[name][0]] == _ENTERING)
    return Rhyme(GROUPS, found, tuple(held))


def readings_named(name: str, book: str) -> frozenset[Reading]:
    """The readings, in a book of rhymes, that the name of a rhyme stands for: a class of the 106 or
    a final of pinyin, see `rhyme_classes`; a group of that book, as 第三部; another character, by
    what it usually is. Empty where nothing has the name."""
    if book == GROUPS and name in CILIN:
        return frozenset(Reading(TONE[one], name) for one in CILIN[name])
    if not (classes := rhyme_classes(name)):
        return readings_in(name, book, usual=True)
    if book == CLASSES:
        return frozenset(Reading(TONE[one], one) for one in classes)
    parts = ((one, group) for one in classes for group, held in CILIN.items() if one in held)
    return frozenset(Reading(TONE[one], group) for one, group in parts)


def regulated(
    verses: Sequence[str],
    strict: bool | None = None,
    strictness: str = USUAL,
    compliance: str = REGULATED,
    form: Form | None = None,
) -> bool | None:
    """Whether verses keep the tones of their form: of a tune each verse one of its patterns, place
    by place; else those of regulated verse, see `shi.regulated` for the other arguments. None
    where the form has none. Raises ConfigError: another strictness or compliance."""
    if (tune := _tune(form)) is None:
        return shi.regulated(verses, strict, strictness, compliance)
    if strict is not None:
        strictness = STRICT if strict else LENIENT
    every, heard = strictness == STRICT, sounds(strictness)
    return _lengths(verses) == tune.lengths and all(
        any(_fits(verse.translate(heard), pattern, every) for pattern in line.split("|"))
        for verse, line in zip(verses, tune.tones, strict=True)
    )


def _fits(verse: str, pattern: str, every: bool) -> bool:
    """Whether the sounds of a verse, of 平, 仄, and 中 for either, are those of a pattern: either
    will not do where `every` reading has to fit, nor what is unknown."""
    slots = {LEVEL: LEVEL, OBLIQUE: OBLIQUE, FREE: LEVEL + OBLIQUE + FREE}
    either = "" if every else FREE
    pairs = zip(verse, pattern, strict=True)
    return all(sound in slots[wanted] + either for sound, wanted in pairs)


def _lengths(verses: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(len, verses))


def rhyme(verses: Sequence[str], strictness: str = USUAL, form: Form | None = None) -> str | None:
    """The rhyme that the verses share which have to; of a tune with several the groups in the order
    in which they come, "第三部, 第七部". None where they do not rhyme, or none has to, see
    `shi.rhyme`. Raises ConfigError: another strictness."""
    if form is None or (tune := _tune(form)) is None:
        return shi.rhyme(verses, strictness)
    if _lengths(verses) != tune.lengths:
        return None
    ends = [_heard(verse[-1], strictness) for verse in verses]
    every = strictness == STRICT
    shared = [next(_shared(one, ends, every), None) for one in rhymes_of(form)]
    return None if None in shared else ", ".join(dict.fromkeys(filter(None, shared)))


def rhyme_ok(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether all verses rhyme that have to, in different characters, save that of a tune a verse
    may end as the one before it (疊韻); None where none has to, see `shi.rhyme_ok`.
    Raises ConfigError: another strictness."""
    if form is None or _tune(form) is None:
        return shi.rhyme_ok(verses, strictness)
    return rhyme(verses, strictness, form) is not None and not self_rhymes(verses, form)


def self_rhymes(verses: Sequence[str], form: Form | None = None) -> bool | None:
    """Whether one character ends two verses of those that rhyme, the first one included where it
    may join them, save by 疊韻; None where none has to rhyme, see `rhyme_ok`."""
    if (tune := _tune(form)) is None:
        ends = [verse[-1] for verse in (*verses[:1], *verses[1::2]) if verse]
        return None if shi.rhyme_ok(verses) is None else len(set(ends)) < len(ends)
    if form is None or _lengths(verses) != tune.lengths:
        return False
    sung = {i: verses[i][-1] for one in rhymes_of(form) for i in one.verses}
    fresh = [char for i, char in sung.items() if sung.get(i - 1) != char]
    return len(set(fresh)) < len(fresh)


def first_rhymes(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether the verses share a level rhyme, see `rhyme`, and the first one joins it: ends level
    in its class, or in one that `shi.opens` it. None where a first verse has no such choice:
    of a tune, or where none has to rhyme. Raises ConfigError: another strictness."""
    if _tune(form) or shi.rhyme_ok(verses, strictness) is None:
        return None
    name, usual = shi.rhyme(verses, strictness), shi.only_usual(strictness)
    if name is None or TONE[name] != LEVEL:
        return False
    near = shi.opens(name) & shi.rhymes(verses[0][-1], usual)
    return any(TONE[one] == LEVEL for one in near)


def _heard(char: str, strictness: str) -> frozenset[Reading]:
    return readings_in(char, GROUPS, usual=shi.only_usual(strictness))


def _shared(rhyme: Rhyme, ends: Sequence[frozenset[Reading]], every: bool) -> Iterator[str]:
    """The sounds in which all verses rhyme that have to, their ends having these readings."""
    for name, wanted in rhyme.sounds.items():
        if all(
            ends[i] and ends[i] <= readings if every else ends[i] & readings
            for i, readings in wanted.items()
        ):
            yield name

"""Tones and rhymes of classical verse: readings of characters, regulated patterns, rhyme.

Middle Chinese had four tones. Verse opposes the level one (平) to the three oblique ones (仄: 上,
去 and the entering tone, 入), and rhymes by the 106 classes of 平水韻. Modern pronunciation tells
neither: Mandarin has lost the entering tone. The readings are those of the 廣韻, by way of
nk2028's tshet-uinh (MIT licence); scripts/make_prosody_table.py writes the table. It lists every
reading, also those that no poet meant, so what is told of verses here is either lenient (some
choice of readings fits) or strict (every choice fits); the truth lies between.

Regulated verse (近體詩) has verses of five or seven characters. After 王力, 漢語詩律學 (1958), four
kinds of five-character verse are allowed, where 中 is free:

    中仄中平仄    中平平仄仄, or 平平仄平仄
    中仄仄平平    平平中仄平, or 中平平仄平

so that a verse never ends in three level or three oblique characters, and 平平仄仄平 never keeps a
single level character before its last (孤平). The seven-character kinds have two characters more in
front: a free one, and one opposite to the second of the five. Two licences are not taken:
three oblique characters at the end of a first verse, and what one verse mends in another (拗救).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import product

from ..poem import Form, form_of, is_han
from .interface import FREE, LEVEL, OBLIQUE, Reading

RHYMES = {
    "平": "東冬江支微魚虞齊佳灰真文元寒刪先蕭肴豪歌麻陽庚青蒸尤侵覃鹽咸",
    "上": "董腫講紙尾語麌薺蟹賄軫吻阮旱潸銑篠巧皓哿馬養梗迥有寢感儉豏",
    "去": "送宋絳寘未御遇霽泰卦隊震問願翰諫霰嘯效號箇禡漾敬徑宥沁勘豔陷",
    "入": "屋沃覺質物月曷黠屑藥陌錫職緝合葉洽",
}
"""The 106 rhyme classes of 平水韻 by tone; each is named by a character that no other has."""
TONE_NAMES = {"平": "level", "上": "rising", "去": "departing", "入": "entering"}
_TONE = {name: tone for tone, names in RHYMES.items() for name in names}
_ORDER = {name: i for i, name in enumerate(_TONE)}
_OPPOSITE = {LEVEL: OBLIQUE, OBLIQUE: LEVEL}

# The kinds of five-character verse, by their second and their last character.
_FIVE = {
    (OBLIQUE, OBLIQUE): ("中仄中平仄",),
    (LEVEL, OBLIQUE): ("中平平仄仄", "平平仄平仄"),
    (OBLIQUE, LEVEL): ("中仄仄平平",),
    (LEVEL, LEVEL): ("平平中仄平", "中平平仄平"),
}


@cache
def _table() -> dict[str, tuple[str, str]]:
    """The rhyme classes of each character: its own, and those that simplified text adds."""
    text = files(__package__).joinpath("chinese.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {char: (own, "".join(also)) for char, own, *also in rows}


def readings(char: str, simplified: bool = True) -> frozenset[Reading]:
    """All readings of a character; none if it is not known. If `simplified`, it may stand for
    others, as in simplified text: 征 for 徵, 里 for 裏. If not, 东 and 国 are not known."""
    own, also = _table().get(char, ("", ""))
    return frozenset(Reading(_TONE[name], name) for name in (own + also if simplified else own))


def tones(char: str) -> frozenset[str]:
    """The tones that a character may have, of 平上去入; none if it is not known."""
    return frozenset(reading.tone for reading in readings(char))


def rhymes(char: str) -> frozenset[str]:
    """The rhyme classes that a character may belong to; none if it is not known."""
    return frozenset(reading.rhyme for reading in readings(char))


@cache
def levels(char: str) -> frozenset[str]:
    """What a character may be, of 平 (level) and 仄 (oblique); none if it is not known."""
    return frozenset(LEVEL if tone == LEVEL else OBLIQUE for tone in tones(char))


def unknown(text: str) -> Counter[str]:
    """The Han characters of a text that have no reading here, counted."""
    return Counter(char for char in text if not levels(char) and is_han(char))


@cache
def _allowed(length: int, second: str, last: str) -> frozenset[str]:
    """All tone patterns of a kind of verse, its kind given by its last five characters."""
    front = FREE + _OPPOSITE[second] if length == 7 else ""
    slots = {LEVEL: LEVEL, OBLIQUE: OBLIQUE, FREE: LEVEL + OBLIQUE}
    return frozenset(
        "".join(choice)
        for pattern in _FIVE[second, last]
        for choice in product(*(slots[slot] for slot in front + pattern))
    )


def _fits(verse: str, allowed: Iterable[str], strict: bool) -> bool:
    """Whether a verse fits one of the patterns: with all of its readings, or with some."""
    options = [levels(char) for char in verse]
    if strict:
        return all(options) and all("".join(choice) in allowed for choice in product(*options))
    free = frozenset(_OPPOSITE)
    return any("".join(choice) in allowed for choice in product(*(o or free for o in options)))


@cache
def schemes(form: Form) -> tuple[tuple[frozenset[str], ...], ...]:
    """The two ways in which a form keeps the tones of regulated verse, see `regulated`: for the
    scheme whose first verse has a level character at the second place of its last five, and for the
    one with an oblique character there, by verse, all tone patterns (of 平 and 仄) that it may
    have, whatever the other verses have. Empty where no regulated verse has such a form."""
    if form.length not in (5, 7) or form.lines % 2:
        return ()

    def verse(start: str, i: int) -> frozenset[str]:
        second = _OPPOSITE[start] if i % 4 in (1, 2) else start
        lasts = LEVEL if i % 2 else OBLIQUE if i else LEVEL + OBLIQUE
        return frozenset().union(*(_allowed(form.length, second, last) for last in lasts))

    return tuple(tuple(verse(start, i) for i in range(form.lines)) for start in (LEVEL, OBLIQUE))


@cache
def patterns(form: Form) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The `schemes` of a form as patterns with free places, by scheme and verse: 中仄仄平平.

    They are all the largest ones: a verse that fits with every reading of its characters fits one
    of them so, place by place, and likewise a verse that fits with some reading. They may overlap.
    """
    return tuple(tuple(_largest(allowed) for allowed in scheme) for scheme in schemes(form))


def _largest(allowed: frozenset[str]) -> tuple[str, ...]:
    """The patterns of 平, 仄 and 中 that hold nothing else and are part of no other such pattern.

    The prime implicants of Quine (1952), "The problem of simplifying truth functions": two patterns
    that differ in one place alone are one that is free there.
    """
    largest: set[str] = set()
    current = set(allowed)
    while current:
        pairs = [
            (pattern, other, pattern[:i] + FREE + pattern[i + 1 :])
            for pattern in current
            for i, tone in enumerate(pattern)
            if tone == LEVEL and (other := pattern[:i] + OBLIQUE + pattern[i + 1 :]) in current
        ]
        largest |= current - {part for pair in pairs for part in pair[:2]}
        current = {joined for _, _, joined in pairs}
    return tuple(sorted(largest))


def regulated(verses: Sequence[str], strict: bool = False) -> bool | None:
    """Whether verses keep the tones of regulated verse (近體詩).

    Each verse is of one of the four kinds that the module names. The verses of a couplet are
    opposite in their second characters and so in all even ones (對); the first verse of a couplet
    agrees there with the verse before it (粘). The second verse of each couplet ends level, the
    first one oblique; the very first one may end level, since it may rhyme. Whether the verses
    rhyme is for `rhyme_ok` to tell.

    If `strict`, every reading of every character must fit, and an unknown character does not; if
    not, some reading must, and an unknown character fits anywhere. None where the question has no
    answer: verses that are not all of five or seven Han characters, or not even in number.
    """
    form = form_of(verses)
    if form is None or not schemes(form):
        return None
    return any(
        all(_fits(verse, allowed, strict) for verse, allowed in zip(verses, scheme, strict=True))
        for scheme in schemes(form)
    )


def _rhyming(verses: Sequence[str]) -> bool:
    """Whether there is anything to rhyme: four verses or more, even in number, none empty."""
    return len(verses) >= 4 and len(verses) % 2 == 0 and all(verses)


def rhyme(verses: Sequence[str]) -> str | None:
    """The rhyme class that the last characters of all even verses may share.

    Where they share several of `RHYMES`, one that the first verse has too goes first, then a level
    one. A character rhymes with itself; one that is not known rhymes with nothing. None if they
    share none, or with fewer than four verses or an odd number, where nothing has to rhyme.
    """
    if not _rhyming(verses):
        return None
    shared = frozenset.intersection(*(rhymes(verse[-1]) for verse in verses[1::2]))
    return min(shared & rhymes(verses[0][-1]) or shared, key=_ORDER.__getitem__, default=None)


def rhyme_ok(verses: Sequence[str]) -> bool | None:
    """Whether all even verses may rhyme with each other; None where `rhyme` has nothing to say."""
    return rhyme(verses) is not None if _rhyming(verses) else None

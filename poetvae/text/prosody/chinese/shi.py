"""Tones and rhymes of classical verse: readings of characters, regulated patterns, rhyme.

Middle Chinese had four tones. Verse opposes the level one (平) to the three oblique ones (仄: 上,
去 and the entering tone, 入), and rhymes by the 106 classes of 平水韻. Modern pronunciation tells
neither: Mandarin has lost the entering tone. The readings are those of the 廣韻 (1008), whose 206
rhymes are merged into the 106 classes, and those that the books of 平水韻 add, of which poets made
use; `book` says which has one. scripts/make_prosody_table.py writes the table.

Many characters have readings that verse hardly ever means: 風 may be oblique, 居 in the rhyme 支. A
reading is *usual* where the corpus shows it, see the script. What is told of verses is `strict`
(every reading fits), `usual` (some usual reading does) or `lenient` (some reading does).

Regulated verse (近體詩) has verses of five or seven characters. After 王力, 漢語詩律學 (1958), four
kinds of five-character verse are allowed, where 中 is free:

    中平平仄仄    中仄中平仄    中仄仄平平    平平中仄平

The seven-character kinds have two characters more in front: a free one, and one opposite to the
second of the five. `COMPLIANCE` names what readers allow or note beyond these.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, product

from ....errors import ConfigError, either, listed
from ....i18n import N_, _
from ...form import Form, is_han, is_kana
from ...poem import form_of
from ..interface import (
    FREE,
    LENIENT,
    LEVEL,
    OBLIQUE,
    OPPOSITE,
    STRICT,
    STRICTNESS,
    USUAL,
    Reading,
)

RHYMES = {
    "平": "東冬江支微魚虞齊佳灰真文元寒刪先蕭肴豪歌麻陽庚青蒸尤侵覃鹽咸",
    "上": "董腫講紙尾語麌薺蟹賄軫吻阮旱潸銑篠巧皓哿馬養梗迥有寢感儉豏",
    "去": "送宋絳寘未御遇霽泰卦隊震問願翰諫霰嘯效號箇禡漾敬徑宥沁勘豔陷",
    "入": "屋沃覺質物月曷黠屑藥陌錫職緝合葉洽",
}
"""The 106 rhyme classes of 平水韻 by tone; each is named by a character that no other has."""
TONE_NAMES = {"平": N_("level"), "上": N_("rising"), "去": N_("departing"), "入": N_("entering")}
TONE = {name: tone for tone, names in RHYMES.items() for name in names}
"""The tone of each class."""
_ORDER = {name: i for i, name in enumerate(TONE)}
# Level classes in whose neighbours a first verse may rhyme (孤雁入群), after 詞林正韻 (1821).
_NEIGHBOURS = ["東冬", "江陽", "支微齊灰", "佳灰", "佳麻", "魚虞", "真文元", "元寒刪先"]
_NEIGHBOURS += ["蕭肴豪", "庚青蒸", "覃鹽咸"]
_UNKNOWN = "？"

COMPLIANCE = ("正格", "拗救", "三仄尾", "失粘", "孤平", "三平尾", "出律")
"""How nearly verses keep the tones, from the four kinds alone to none of these; each allows what
those before it do. 拗救: what is out of place is mended, 中平仄平仄 by the place behind it,
中平平仄平 by a level third character, which also mends 中仄中仄仄 in the verse before. 三仄尾:
中平仄仄仄. Up to here verse is regulated. 失粘: couplets follow each other in either order. 孤平:
仄平仄仄平. 三平尾: 中仄中平平."""
REGULATED = "三仄尾"

# The kinds of five-character verse by their second and last character, and what each degree of
# compliance adds. A verse of the kind `+` of 仄仄 needs one of the kind `+` of 平平 after it.
_KINDS = {
    "平仄": ("中平平仄仄", {"拗救": "中平仄平仄", "三仄尾": "中平仄仄仄"}),
    "仄仄": ("中仄中平仄", {}),
    "仄平": ("中仄仄平平", {"三平尾": "中仄中平平"}),
    "平平": ("平平中仄平", {"拗救": "中平平仄平", "孤平": "中平中仄平"}),
    "仄仄+": ("中仄中平仄", {"拗救": "中仄中仄仄"}),
    "平平+": ("平平平仄平", {"拗救": "中平平仄平"}),
}


# The kinds that the two verses of a couplet may be of, by the second tone of its first verse. Its
# second verse ends level, its first one oblique; the very first one may end level.
_COUPLETS = {
    LEVEL: (("平仄", "仄平"),),
    OBLIQUE: (("仄仄", "平平"), ("仄仄+", "平平+")),
}
_OPENING = {
    LEVEL: (("平仄 平平", "仄平"),),
    OBLIQUE: (("仄仄 仄平", "平平"), ("仄仄+ 仄平", "平平+")),
}
_NAMES = sorted(
    {kind for by in (_COUPLETS, _OPENING) for pairs in by.values() for kind in chain(*pairs)}
)

# Which books have a reading, by its mark in the table.
BOOKS = {"": "廣韻、平水韻", "g": "廣韻", "p": "平水韻", "j": "集韻", "v": "verse alone"}
_MARKED = re.compile(r"(.)([gpjv]?)(-?)")


@cache
def _table() -> dict[str, tuple[str, str]]:
    """The rhyme classes of each character, marked: its own, and those that simplified text adds."""
    text = files(__package__).joinpath("chinese.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {char: (own, "".join(also)) for char, own, *also in rows}


@cache
def _entries(char: str, simplified: bool) -> dict[str, tuple[str, bool]]:
    """By rhyme class of a character, the mark of its book, and whether the reading is usual."""
    own, also = _table().get(char, ("", ""))
    found = _MARKED.findall(own + also if simplified else own)
    return {name: (mark, not rare) for name, mark, rare in found}


def readings(char: str, simplified: bool = True, usual: bool = False) -> frozenset[Reading]:
    """All readings of a character, or its usual ones; none if it is not known. If `simplified`, it
    may stand for others, as in simplified text: 征 for 徵, 里 for 裏. If not, 东 is not known."""
    entries = _entries(char, simplified).items()
    return frozenset(
        Reading(TONE[name], name) for name, (_, common) in entries if common or not usual
    )


def book(char: str, rhyme: str) -> str | None:
    """Which books have a character in a rhyme class, of `BOOKS`; None where it is in no such."""
    entry = _entries(char, True).get(rhyme)
    return None if entry is None else BOOKS[entry[0]]


def tones(char: str, usual: bool = False) -> frozenset[str]:
    """The tones that a character may have, of 平上去入; none if it is not known."""
    return frozenset(reading.tone for reading in readings(char, usual=usual))


@cache
def rhymes(char: str, usual: bool = False) -> frozenset[str]:
    """The rhyme classes that a character may belong to; none if it is not known."""
    return frozenset(reading.rhyme for reading in readings(char, usual=usual))


@cache
def levels(char: str, usual: bool = False) -> frozenset[str]:
    """What a character may be, of 平 (level) and 仄 (oblique); none if it is not known."""
    return frozenset(LEVEL if tone == LEVEL else OBLIQUE for tone in tones(char, usual))


def unknown(text: str) -> Counter[str]:
    """The Han characters of a text that have no reading here, counted."""
    return Counter(char for char in text if not levels(char) and is_han(char))


def only_usual(strictness: str) -> bool:
    """Whether usual readings alone count. Raises ConfigError: no strictness."""
    _check(N_("strictness"), strictness, STRICTNESS)
    return strictness == USUAL


def _check(name: str, value: str, among: Sequence[str]) -> None:
    if value not in among:
        raise ConfigError(
            _(
                "the {name} is {value!r}; expected {wanted}",
                name=_(name),
                value=value,
                wanted=either([listed(among[:-1]), among[-1]]),
            )
        )


class _Sounds(dict[int, str]):
    """What the characters of verses are, for `str.translate`: 平, 仄, 中 for either, or unknown."""

    def __init__(self, strictness: str) -> None:
        self.usual = only_usual(strictness)
        self.unknown = _UNKNOWN if strictness == STRICT else FREE

    def __missing__(self, code: int) -> str:
        found = levels(chr(code), self.usual)
        self[code] = FREE if len(found) > 1 else "".join(found) or self.unknown
        return self[code]


sounds = cache(_Sounds)


@cache
def variants(kind: str, length: int) -> tuple[tuple[str, str], ...]:
    """The patterns of a kind of verse, each behind the degree of `COMPLIANCE` that allows it; the
    plain one comes first."""
    plain, more = _KINDS[kind]
    front = FREE + OPPOSITE[plain[1]] if length == 7 else ""
    return tuple((degree, front + five) for degree, five in {COMPLIANCE[0]: plain, **more}.items())


@cache
def allowed(kind: str, length: int, compliance: str = REGULATED) -> frozenset[str]:
    """All tone patterns of a kind of verse, or of several."""
    known = COMPLIANCE[: COMPLIANCE.index(compliance) + 1]
    found: set[str] = set()
    for degree, pattern in chain(*(variants(name, length) for name in kind.split())):
        if degree in known:
            found.update(map("".join, _choices(pattern)))
    return frozenset(found)


def _choices(sounds: str) -> Iterator[tuple[str, ...]]:
    return product(*(LEVEL + OBLIQUE if sound == FREE else sound for sound in sounds))


@cache
def kinds(sounds: str, strict: bool = False, compliance: str = REGULATED) -> frozenset[str]:
    """The kinds of verse that one of these sounds may be, named as in `schemes`. 中 stands for a
    character that is either: both fit if `strict`, else one has to."""
    if _UNKNOWN in sounds:
        return frozenset()
    tried = list(map("".join, _choices(sounds)))
    fits = all if strict else any
    return frozenset(
        kind
        for kind in _NAMES
        if fits(choice in allowed(kind, len(sounds), compliance) for choice in tried)
    )


@cache
def schemes(form: Form) -> tuple[tuple[tuple[tuple[str, str], ...], ...], ...]:
    """The two ways in which a form keeps the tones of regulated verse, see `regulated`: for the
    scheme whose first verse has a level character at the second place of its last five, and for the
    one with an oblique character there, by couplet, the pairs of `kinds` that its verses may be of,
    whatever the other couplets are. Empty where no regulated verse has such a form."""
    if form.uniform not in (5, 7) or form.lines % 2:
        return ()
    return tuple(
        (_OPENING[start], *(_COUPLETS[seconds[i % 2]] for i in range(1, form.lines // 2)))
        for start in (LEVEL, OBLIQUE)
        for seconds in [(start, OPPOSITE[start])]
    )


@cache
def patterns(form: Form) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The `schemes` of a form as patterns with free places, by scheme and couplet.

    They are all the largest ones: a couplet that fits with every reading of its characters fits one
    of them so, place by place, and likewise one that fits with some reading. They may overlap.
    """

    def couplet(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        largest = [
            a + b
            for pair in pairs
            for a, b in product(*(_largest(allowed(k, form.uniform, REGULATED)) for k in pair))
        ]
        return tuple(x for x in largest if not any(x != y and _within(x, y) for y in largest))

    return tuple(tuple(map(couplet, scheme)) for scheme in schemes(form))


def _within(part: str, whole: str) -> bool:
    return all(b in (FREE, a) for a, b in zip(part, whole, strict=True))


@cache
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


def regulated(
    verses: Sequence[str],
    strict: bool | None = None,
    strictness: str = USUAL,
    compliance: str = REGULATED,
) -> bool | None:
    """Whether verses keep the tones of regulated verse (近體詩).

    Each verse is of one of the four kinds that the module names, or of those that `COMPLIANCE`
    adds up to a name. The verses of a couplet are opposite in their second characters and so in all
    even ones that are not mended (對); the first verse of a couplet agrees there with the verse
    before it (粘). The second verse of each couplet ends level, the first one oblique; the very
    first one may end level, since it may rhyme. Whether the verses rhyme is for `rhyme_ok` to tell.

    Args:
        verses: without punctuation.
        strictness: "strict", every reading of every character fits, and one that is not known does
            not; "usual", some usual reading does, and one that is not known fits anywhere;
            "lenient", some reading does.
        compliance: what is allowed, of `COMPLIANCE`.
        strict: the older word, True for "strict" and False for "lenient".

    None where the question has no answer: verses that are not all of five or seven Han characters,
    or not even in number.

    Raises ConfigError: another strictness or compliance.
    """
    if strict is not None:
        strictness = STRICT if strict else LENIENT
    _check(N_("compliance"), compliance, COMPLIANCE[:-1])
    heard, form = sounds(strictness), form_of(verses)
    if form is None or not (schemes(form) and is_han("".join(verses))):
        return None
    every = strictness == STRICT
    found = [kinds(verse.translate(heard), every, compliance) for verse in verses]
    fits = [
        [
            any(a in found[2 * i] and b in found[2 * i + 1] for a, b in pairs)
            for i, pairs in enumerate(scheme)
        ]
        for scheme in schemes(form)
    ]
    if compliance in COMPLIANCE[: COMPLIANCE.index(REGULATED) + 1]:
        return any(map(all, fits))
    return all(map(any, zip(*fits, strict=True)))


def compliance(verses: Sequence[str], strictness: str = USUAL) -> str | None:
    """How nearly verses keep the tones of regulated verse, of `COMPLIANCE`; None as `regulated`."""
    if regulated(verses, strictness=strictness) is None:
        return None
    *degrees, none = COMPLIANCE
    kept = (d for d in degrees if regulated(verses, strictness=strictness, compliance=d))
    return next(kept, none)


def _rhyming(verses: Sequence[str]) -> bool:
    """Whether there is anything to rhyme: four verses or more, even in number, none empty or
    of kana."""
    text = "".join(verses)
    return len(verses) >= 4 and len(verses) % 2 == 0 and all(verses) and not is_kana(text)


def _shared(verses: Sequence[str], strictness: str) -> frozenset[str]:
    """The classes that the last characters of all even verses share, no two the same."""
    ends = [verse[-1] for verse in verses[1::2]]
    classes = [rhymes(char, only_usual(strictness)) for char in ends]
    if len(set(ends)) < len(ends) or (strictness == STRICT and max(map(len, classes)) > 1):
        return frozenset()
    return frozenset.intersection(*classes)


def rhyme(verses: Sequence[str], strictness: str = USUAL) -> str | None:
    """The rhyme class that the last characters of all even verses share, in some usual reading, in
    some reading ("lenient"), or in the only one that each has ("strict").

    Where they share several of `RHYMES`, one that the first verse has too goes first, then a level
    one. No character rhymes with itself, and one that is not known with nothing. None if they share
    none, or with fewer than four verses or an odd number, where nothing has to rhyme.

    Raises ConfigError: another strictness.
    """
    if not _rhyming(verses):
        return None
    shared = _shared(verses, strictness)
    first = rhymes(verses[0][-1], only_usual(strictness))
    return min(shared & first or shared, key=_ORDER.__getitem__, default=None)


@cache
def opens(name: str) -> frozenset[str]:
    """The rhyme classes that a first verse may end in where the even verses rhyme in `name`: any
    oblique one; of the level ones, where those rhyme level, the same and its neighbours."""
    if TONE[name] != LEVEL:
        return frozenset(TONE)
    near = {name}.union(*(group for group in _NEIGHBOURS if name in group))
    return frozenset(near.union(*(names for tone, names in RHYMES.items() if tone != LEVEL)))


def rhyme_ok(verses: Sequence[str], strictness: str = USUAL) -> bool | None:
    """Whether all even verses rhyme, and the first verse with them where it ends level as they do,
    in their class or one that `opens` it, in another character; None as `rhyme`.
    Raises ConfigError: another strictness."""
    if not _rhyming(verses):
        return None
    end = verses[0][-1]
    if any(end == verse[-1] for verse in verses[1::2]):
        return False
    classes, shared = rhymes(end, only_usual(strictness)), _shared(verses, strictness)
    if strictness == STRICT:
        return bool(classes) and any(classes <= opens(name) for name in shared)
    return any(not classes or classes & opens(name) for name in shared)

"""Metres of English verse: where the beat falls, which syllables may stand there, and what rhymes.

A metre is a foot that comes again: iambic, weak and strong. A line that is a syllable longer than
its feet has a feminine ending, one that is shorter lacks a last weak one (catalexis). The stress of
a word of several syllables falls on a strong place, and what stands beside it in the word on a weak
one; words of one syllable stand anywhere (Halle and Keyser 1971, English Stress; Kiparsky 1977,
"The rhythmic structure of English verse"). An iambic foot may be inverted: begin with the stress
of a word that goes on. "strict" allows none, and no article on a strong place; "usual" the first
one; "lenient" any but the last, no two beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ....errors import ConfigError, ConstraintError, listed
from ....i18n import N_, _
from ...form import Form
from ...graphemes import SYLLABLE
from ...poem import form_of
from ..interface import STRICT, USUAL, Known, Rhyme
from ..interface import Reading as Sound
from .lines import read, words
from .tokens import ARTICLE, STRESSED, UNSTRESSED, Reading, parsed, readings

FEET = {N_("iambic"): "x/", N_("trochaic"): "/x", N_("anapaestic"): "xx/", N_("dactylic"): "/xx"}
METRES = tuple(FEET)
ASKS = frozenset(("metre", "strictness", "rhyme", "rhyme_scheme"))
WEAK, STRONG, INVERTED, AFTER = "x", "/", "!", "."
"""Places of a line: without the beat and with it; of an inverted first foot."""
BOOK, RICH = "english", 6  # sounds of which so many beginnings are known leave a choice
PLACES: Mapping[str, str] = {
    WEAK: N_("a syllable without stress"),
    STRONG: N_("a syllable with the beat"),
    INVERTED: N_("the stress of a word that goes on"),
    AFTER: N_("a syllable that a word goes on with"),
}
SAYS: Mapping[str, str] = {
    "no metre": N_("English verse may be iambic, trochaic, anapaestic, dactylic"),
    "no tones": N_("English verse has a metre and no tones; ask for one, such as iambic"),
    "no rhyme": N_(
        "verse of {form} has no rhyme of its own; give a scheme with a letter for each of the "
        "{lines} lines, such as ABAB"
    ),
    "rhyme": N_("a word of a known sound, such as light"),
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def pattern(metre: str, length: int) -> str:
    """The places of a line of so many syllables. Raises ConfigError: no metre has the name."""
    if metre not in FEET:
        raise ConfigError(
            _("the metre is {metre!r}; expected {metres}", metre=metre, metres=listed(METRES))
        )
    return (FEET[metre] * length)[:length]


@lru_cache(maxsize=64)
def lines_of(length: int, metre: str, strictness: str) -> tuple[str, ...]:
    """The patterns of a line of so many syllables, the plain one first; no reading fits two."""
    plain = pattern(metre, length)
    feet = range(0, length - 2, 2) if metre == METRES[0] and strictness != STRICT else ()
    if strictness == USUAL:
        feet = feet[:1]
    found = [plain]
    for start in feet:
        fresh = (one for one in found if start < 2 or one[start - 2] != INVERTED)
        found += [one[:start] + INVERTED + AFTER + one[start + 2 :] for one in [*fresh]]
    return tuple(found)


def patterns(
    form: Form, metre: str = "", strictness: str = USUAL
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The patterns of the lines of a form in a metre; none without one: it has no tones.
    Raises ConfigError: no metre has the name."""
    if not metre:
        return ()
    return (tuple(lines_of(length, metre, strictness) for length in form.lengths),)


@lru_cache(maxsize=1 << 12)
def places(beat: str, begins: bool, ends: bool, strictness: str) -> frozenset[str]:
    """The places at which a syllable may stand, of a word that begins, or ends, with it."""
    found = set()
    if beat != STRESSED:
        found.add(WEAK)
        if not begins:
            found.add(AFTER)
    elif begins and not ends:
        found.add(INVERTED)
    if beat not in ((UNSTRESSED, ARTICLE) if strictness == STRICT else (UNSTRESSED,)):
        found.add(STRONG)
    return frozenset(found)


def slots(token: str, strictness: str) -> frozenset[str]:
    """The places at which a token may stand; none for what is no syllable."""
    if not SYLLABLE.fullmatch(token):
        return frozenset()
    one = parsed(token)
    return places(one.beat, one.begins, one.ends, strictness)


def fitting(line: str, pattern: str, strictness: str) -> tuple[Reading, ...] | None:
    """The words of a line as the least bent readings that fill a pattern; None where none do. Of a
    line in syllables each is a word by itself."""
    if tokens := SYLLABLE.findall(line):
        fits = len(tokens) == len(pattern) and all(
            place in slots(token, strictness) for token, place in zip(tokens, pattern, strict=True)
        )
        return tuple(_alone(token) for token in tokens) if fits else None

    def against(beats: str, place: int) -> float:
        fills = _fill(beats, pattern[place : place + len(beats)], strictness)
        return 0.0 if fills else math.inf

    found = read(line, against, len(pattern)).get(len(pattern))
    return found.words if found else None


def _fill(beats: str, pattern: str, strictness: str) -> bool:
    last = len(beats) - 1
    return len(pattern) == len(beats) and all(
        place in places(beat, i == 0, i == last, strictness)
        for i, (beat, place) in enumerate(zip(beats, pattern, strict=True))
    )


def regulated(
    verses: Sequence[str], *, strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether the verses keep the metre of their form, see `metre_of`, each in some reading; None
    where it has none."""
    form = form or form_of(verses)
    if form is None or (metre := metre_of(form)) is None:
        return None
    return len(verses) == form.lines and all(
        any(fitting(verse, one, strictness) for one in lines_of(length, metre, strictness))
        for verse, length in zip(verses, form.lengths, strict=True)
    )


def metre_of(form: Form) -> str | None:
    """The metre that verse of a form has where nobody says: iambic, of lines of an even number of
    syllables, four or more; None else."""
    even = all(length % 2 == 0 and length >= 4 for length in form.lengths)
    return METRES[0] if even else None


def scheme_of(form: Form | None) -> str:
    """The rhymes that verse of a form has where nobody says: a couplet's; of four lines crossed
    ones, or the even ones alone where two lengths go by turns; "" of others."""
    lengths = form.lengths if form else ()
    if len(lengths) not in (2, 4) or lengths[:2] * (len(lengths) // 2) != lengths:
        return ""
    if len(lengths) == 2:
        return "AA" * (lengths[0] == lengths[1])
    return "ABAB" if lengths[0] == lengths[1] else "ABCB"


def rhymes_of(form: Form, scheme: str = "", known: Known | None = None) -> tuple[Rhyme, ...]:
    """The rhymes of a scheme, absent: of that which the form has, one a letter that comes again,
    in the sounds that are known. Raises ConstraintError: a scheme of another length."""
    letters = "".join(scheme.split()).upper() or scheme_of(form)
    if letters and (len(letters) != form.lines or not letters.isalpha()):
        wanted = _(
            "a letter for each of the {lines} lines of {form}, such as ABAB, or none",
            lines=form.lines,
            form=form,
        )
        raise ConstraintError(
            _("the rhyme scheme is {scheme!r}; expected {wanted}", scheme=scheme, wanted=wanted)
        )
    groups: dict[str, list[int]] = {}
    for i, letter in enumerate(letters):
        groups.setdefault(letter, []).append(i)
    by_rhyme: dict[str, set[Sound]] = {}
    for sound in known(BOOK) if known else ():
        by_rhyme.setdefault(sound.rhyme, {Sound("", sound.rhyme)}).add(sound)
    names = tuple(sorted(filter(None, by_rhyme)))
    held = tuple(name for name in names if len(by_rhyme[name]) > RICH) or names
    return tuple(
        Rhyme(BOOK, {n: dict.fromkeys(verses, frozenset(by_rhyme[n])) for n in names}, held)
        for verses in groups.values()
        if len(verses) > 1 and names
    )


def rhyme_readings(token: str, book: str) -> frozenset[Sound]:
    """The consonants before the rhyme of a token, and its rhyme; nothing where it has none."""
    one = parsed(token) if SYLLABLE.fullmatch(token) else None
    return frozenset({Sound(one.onset, one.rhyme)}) if one and one.rhyme else frozenset()


def rhyme_names() -> Mapping[str, str]:
    """None: any word names its rhyme."""
    return {}


def readings_named(name: str, book: str) -> frozenset[Sound]:
    """The rhymes that a word stands for."""
    found = (one.rhyme.replace(" ", ".") for one in readings(name))
    return frozenset(Sound("", rhyme) for rhyme in found if rhyme)


def rhyme(verses: Sequence[str], strictness: str = USUAL, form: Form | None = None) -> str | None:
    """How verses rhyme, a letter each, ABAB or ABCB; None where none rhymes with another."""
    letters = list[str]()
    for i, verse in enumerate(verses):
        with_it = (letters[j] for j in range(i) if rhyming(verses[j], verse))
        letters.append(next(with_it, _LETTERS[len(set(letters)) % len(_LETTERS)]))
    return "".join(letters) if len(set(letters)) < len(letters) else None


def rhyme_ok(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether verses rhyme as couplets do, or quatrains: the even ones, or the outer and the inner
    ones, or the first two and the last two; None of other forms."""
    if not (scheme := scheme_of(form or form_of(verses))):
        return None
    if len(verses) != len(scheme):
        return False
    if len(verses) == 2:
        return rhyming(*verses)
    a, b, c, d = verses
    return rhyming(b, d) or (rhyming(a, b) and rhyming(c, d)) or (rhyming(a, d) and rhyming(b, c))


def self_rhymes(verses: Sequence[str], form: Form | None = None) -> bool | None:
    """Whether two of the verses end in the same word; None as `rhyme_ok`."""
    if not scheme_of(form or form_of(verses)):
        return None
    ends = [last_word(verse).lower() for verse in verses]
    return len(set(ends)) < len(ends)


def first_rhymes(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """None: the first verse has no choice of its own."""
    return None


def rhyming(verse: str, other: str) -> bool:
    """Whether two verses rhyme by sound in some reading of their last words, not with the same
    consonants before the rhyme."""
    first, second = (
        [_alone(tokens[-1])] if (tokens := SYLLABLE.findall(one)) else readings(last_word(one))
        for one in (verse, other)
    )
    return any(a.rhymes(b) for a in first for b in second)


def _alone(token: str) -> Reading:
    one = parsed(token)
    return Reading((token,), one.beat, 0.0, one.onset, one.rhyme)


def last_word(verse: str) -> str:
    """The word that a verse ends in; "" where it has none."""
    found = SYLLABLE.findall(verse) or words(verse)
    return found[-1] if found else ""

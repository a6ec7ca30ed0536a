"""Chinese verse as it is written: characters, the marks behind verses, and what a title says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from ....errors import ConstraintError, either
from ....i18n import N_, _
from ...form import Form, is_han
from ...graphemes import clusters
from ...poem import has_han
from ..characters import (
    characters,
    couplets,
    joins,
    letters,
    lexicon,
    means,
    spellings,
    syllables,
    titled,
    units,
)
from ..characters import lengths as _lengths
from ..interface import FREE, LEVEL, OBLIQUE, STRICT, USUAL, Known, Part, Reading, Rhyme
from . import verdict
from .books import readings_in
from .rhyme_names import class_words
from .shi import TONE, TONE_NAMES, levels, readings
from .tunes import tunes

NAME, CODE = "chinese", "zh"
ASKS = frozenset(("tones", "rhyme"))
METRES: tuple[str, ...] = ()
PLACES: Mapping[str, str] = {LEVEL: N_("a level tone"), OBLIQUE: N_("an oblique tone")}
SAYS: Mapping[str, str] = {
    "no metre": N_("Chinese verse has tones and no metre; ask for those"),
    "no tones": N_(
        "regulated verse has lines of 5 or 7 characters, even in number, and a tune those of the "
        "table; not {form}"
    ),
    "no rhyme": N_("even lines rhyme, and {form} has {lines}; take an even number"),
    "rhyme": N_("a rhyme class such as 尤, 七陽 or ang, or a character of a known sound"),
}
__all__ = ["ASKS", "CODE", "METRES", "NAME", "PLACES", "SAYS", "characters", "heading", "heard"]
__all__ += ["joins", "lengths", "letters", "lexicon", "means", "parts", "patterns", "rhyme_names"]
__all__ += ["rhyme_readings", "rhymes_of", "said", "slots", "speaks", "spellings", "syllables"]
__all__ += ["titled", "units", "written"]

_ORDER = {name: i for i, name in enumerate(TONE)}
_NUMBER = "[一二三四五六七八九十百〇]+"
_PART = re.compile(f"(?:其{_NUMBER}|{_NUMBER}[首絕绝])+$")  # of a title: which of how many poems


def said(verse: str) -> list[str]:
    """The characters of a verse that have a known sound."""
    return [char for char in clusters(verse) if levels(char)]


def speaks(text: str) -> bool:
    """Whether there is any Han character in a text."""
    return has_han(text)


def lengths(verses: Sequence[str]) -> tuple[int, ...] | None:
    """The characters of each verse; None with any but Han characters."""
    return _lengths(verses) if is_han("".join(verses)) else None


def written(verses: Sequence[str], form: Form) -> str:
    """The verses with the marks of their form, 秦川雄帝宅，函谷壯皇居。 and a line per couplet; of
    a tune with its own marks, and a line per stanza."""
    pairs = zip(verses, _marks(form), strict=True)
    return "".join(verse + mark for verse, mark in pairs).rstrip("\n")


@lru_cache(maxsize=1024)
def _marks(form: Form) -> tuple[str, ...]:
    """What stands behind each verse, line breaks included."""
    tune = tunes().get(form.tune) if form.tune else None
    if tune and tune.lengths == form.lengths:
        stanzas = set(accumulate(tune.stanzas))
        return tuple(m + "\n" * (i in stanzas) for i, m in enumerate(tune.marks, 1))
    return tuple("。\n" if i % 2 or i == form.lines - 1 else "，" for i in range(form.lines))


def parts(text: str, wanted: Iterable[tuple[int, ...]]) -> Iterator[Part]:
    """The couplets of a longer text."""
    return couplets(text, wanted, written)


def heading(text: str) -> str:
    """The characters of a title; which of how many poems it is, as in 秋興八首其一, is not read."""
    return _PART.sub("", "".join(filter(str.isalnum, text))) or text


def rhyme_readings(token: str, book: str) -> frozenset[Reading]:
    """The usual readings of a character in a book of rhymes."""
    return readings_in(token, book, usual=True)


def heard(token: str) -> str:
    """How a character sounds: "陌, entering tone"."""
    found = sorted(readings(token), key=lambda reading: _ORDER[reading.rhyme])
    words = [
        _("{rhyme}, {tone} tone", rhyme=reading.rhyme, tone=_(TONE_NAMES[reading.tone]))
        for reading in found
    ]
    return either(words) or _("no known sound")


def slots(token: str, strictness: str) -> frozenset[str]:
    """Of 平 and 仄 those that a character fits: by every reading ("strict"), by some usual one
    ("usual") or by some. In the first case what is not known fits nowhere, and a free place, 中, is
    one; else it fits everywhere."""
    found = levels(token, strictness == USUAL)
    if strictness == STRICT:
        return (found if len(found) == 1 else frozenset()) | {FREE} if found else found
    return found or frozenset((LEVEL, OBLIQUE))


def patterns(
    form: Form, metre: str = "", strictness: str = USUAL
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The tones of a form, see `verdict.patterns`; none in a metre."""
    return () if metre else verdict.patterns(form)


def rhyme_names() -> Mapping[str, str]:
    """The 106 classes of 平水韻, as in 一東 (level: 空 kōng, 風 fēng)."""
    return {name: class_words(name) for name in TONE}


def rhymes_of(form: Form, scheme: str = "", known: Known | None = None) -> tuple[Rhyme, ...]:
    """The rhymes of a form, see `verdict.rhymes_of`. Raises ConstraintError: a scheme is given."""
    if scheme:
        raise ConstraintError(
            _(
                "the rhyme scheme is {scheme!r}, and Chinese verse rhymes as its form has it; "
                "leave it out",
                scheme=scheme,
            )
        )
    return verdict.rhymes_of(form)

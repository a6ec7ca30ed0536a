"""The languages whose verse has positions, and what verse of any of them keeps.

A language is told by its letters, and where those are of many languages, by its words. Text of none
of them is asked as Chinese, of which it has nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

from ...errors import CorpusError
from ...i18n import _
from ..form import Form
from . import chinese, english, japanese
from .interface import USUAL, Language, Reading
from .report import Report

LANGUAGES: Mapping[str, Language] = {
    language.NAME: language for language in (chinese, japanese, english)
}
METRES = tuple(chain.from_iterable(language.METRES for language in LANGUAGES.values()))


@lru_cache(maxsize=1 << 14)
def language_of(text: str) -> Language | None:
    """The language that a text is of, as people write it or in tokens; None: of none here."""
    return next((one for one in LANGUAGES.values() if one.speaks(text)), None)


def check_all(text: str, form: Form | None = None, book: str | None = None) -> list[Report]:
    """What is wrong with the poems of a text, see `Language.checked`.
    Raises CorpusError: of a language that none here is."""
    if (language := language_of(text)) is None:
        raise CorpusError(
            _(
                "the text has no verse of Chinese characters, of kana or of English words; "
                "expected a poem"
            )
        )
    return language.checked(text, form, book)


def _asked(verses: Sequence[str], strictness: str) -> Language:
    """The language of verses that are asked about so. Raises ConfigError: another strictness."""
    chinese.only_usual(strictness)
    return _of(verses)


def _of(verses: Sequence[str]) -> Language:
    return language_of("\n".join(verses)) or chinese


def readings(token: str, simplified: bool = True, usual: bool = False) -> frozenset[Reading]:
    """All readings of a token, or its usual ones, see `Language.readings`."""
    return _of([token]).readings(token, simplified, usual)


def said(verse: str) -> list[str]:
    """What of a verse would be heard again, see `Language.said`."""
    return _of([verse]).said(verse)


def regulated(
    verses: Sequence[str],
    strict: bool | None = None,
    strictness: str = USUAL,
    compliance: str = chinese.REGULATED,
    form: Form | None = None,
) -> bool | None:
    """Whether verses keep the tones or the metre of their form, see `Language.regulated`; `strict`
    and `compliance` are of Chinese verse."""
    if (language := _asked(verses, strictness)) is not chinese:
        return language.regulated(verses, strictness=strictness, form=form)
    return chinese.regulated(verses, strict, strictness, compliance, form)


def rhyme(verses: Sequence[str], strictness: str = USUAL, form: Form | None = None) -> str | None:
    """The rhyme that verses share, or how they rhyme, see `Language.rhyme`."""
    return _asked(verses, strictness).rhyme(verses, strictness, form)


def rhyme_ok(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether all verses rhyme that have to, see `Language.rhyme_ok`."""
    return _asked(verses, strictness).rhyme_ok(verses, strictness, form)


def self_rhymes(verses: Sequence[str], form: Form | None = None) -> bool | None:
    """Whether one token or word ends two verses that rhyme, see `Language.self_rhymes`."""
    return _of(verses).self_rhymes(verses, form)


def first_rhymes(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """Whether the first verse joins the others in their rhyme, see `Language.first_rhymes`."""
    return _asked(verses, strictness).first_rhymes(verses, strictness, form)

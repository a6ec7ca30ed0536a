"""What a language tells of its verse: the one thing that the rest of the package knows of it.

A language is a module of facts and functions that fits `Language`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ..poem import Form

LEVEL, OBLIQUE, FREE = "平", "仄", "中"
"""The two kinds of syllable that metre opposes, and either."""
OPPOSITE = {LEVEL: OBLIQUE, OBLIQUE: LEVEL}
STRICTNESS = STRICT, USUAL, LENIENT = "strict", "usual", "lenient"
"""What has to fit: every reading of each token, some usual reading, or some reading."""


class Reading(NamedTuple):
    """One reading of a token: its tone, and its rhyme class."""

    tone: str
    rhyme: str


UNHEARD = Reading("", "")
"""Stands among readings for a token that has none."""


class Rhyme(NamedTuple):
    """Verses of a form that rhyme with each other.

    Attributes:
        book: the book of rhymes that tells the readings.
        sounds: by name of each sound in which they may rhyme, the readings that fit, by verse,
            counted from 0.
        held: the names of those that poets hold to.
    """

    book: str
    sounds: Mapping[str, Mapping[int, frozenset[Reading]]]
    held: tuple[str, ...]

    @property
    def verses(self) -> tuple[int, ...]:
        """The verses, in order."""
        return tuple(next(iter(self.sounds.values())))


class Language(Protocol):
    """What is asked of a language; tokens are single characters."""

    def readings(
        self, char: str, simplified: bool = True, usual: bool = False
    ) -> frozenset[Reading]:
        """All readings of a token, or its usual ones; none if it is not known."""

    def levels(self, char: str, usual: bool = False) -> frozenset[str]:
        """What a token may be, of LEVEL and OBLIQUE; none if it is not known."""

    def patterns(self, form: Form) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """The metrical patterns of a form, by scheme and part, parts such as couplets or verses
        being independent and making up the poem one after another; empty where it has none."""

    def rhymes_of(self, form: Form) -> tuple[Rhyme, ...]:
        """The rhymes of a form; empty where it has none."""

    def readings_named(self, name: str, book: str) -> frozenset[Reading]:
        """The readings, in a book of rhymes, that the name of a rhyme stands for."""

    def regulated(
        self,
        verses: Sequence[str],
        strict: bool | None = None,
        strictness: str = USUAL,
        *,
        form: Form | None = None,
    ) -> bool | None:
        """Whether verses keep a metre of their form; None where it has none. Without a form it is
        what their lengths tell."""

    def rhyme(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> str | None:
        """The rhyme class that verses share; None if they share none or need none."""

    def rhyme_ok(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> bool | None:
        """Whether all verses rhyme that have to; None where none has to."""

    def self_rhymes(self, verses: Sequence[str], form: Form | None = None) -> bool | None:
        """Whether one token ends two verses of those that rhyme; None as `rhyme_ok`."""

    def first_rhymes(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> bool | None:
        """Whether the verses rhyme and the first one, which may, joins them; None where it may not
        choose."""

    def unknown(self, text: str) -> Counter[str]:
        """The tokens of a text without a known sound, counted."""

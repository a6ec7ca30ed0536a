"""What a language tells of its verse: the one thing that the rest of the package knows of it.

A language is a module of facts and functions that fits `Language`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..poem import Form

LEVEL, OBLIQUE, FREE = "平", "仄", "中"
"""The two kinds of syllable that metre opposes, and either."""
STRICTNESS = STRICT, USUAL, LENIENT = "strict", "usual", "lenient"
"""What has to fit: every reading of each token, some usual reading, or some reading."""


class Reading(NamedTuple):
    """One reading of a token: its tone, and its rhyme class."""

    tone: str
    rhyme: str


class Language(Protocol):
    """What is asked of a language; tokens are single characters."""

    def readings(
        self, char: str, simplified: bool = True, usual: bool = False
    ) -> frozenset[Reading]:
        """All readings of a token, or its usual ones; none if it is not known."""

    def levels(self, char: str, usual: bool = False) -> frozenset[str]:
        """What a token may be, of LEVEL and OBLIQUE; none if it is not known."""

    def patterns(self, form: Form) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """The metrical patterns of a form, by scheme and part, parts such as couplets being
        independent and making up the poem; empty where it has none."""

    def regulated(
        self, verses: Sequence[str], strict: bool | None = None, strictness: str = USUAL
    ) -> bool | None:
        """Whether verses keep a metre of their form; None where it has none."""

    def rhyme(self, verses: Sequence[str], strictness: str = USUAL) -> str | None:
        """The rhyme class that verses share; None if they share none or need none."""

    def rhyme_ok(self, verses: Sequence[str], strictness: str = USUAL) -> bool | None:
        """Whether all verses rhyme that have to; None where none has to."""

    def unknown(self, text: str) -> Counter[str]:
        """The tokens of a text without a known sound, counted."""

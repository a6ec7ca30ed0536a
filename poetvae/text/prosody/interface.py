"""What a language tells of its verse: the one thing that the rest of the package knows of it.

A language is a module of facts and functions that fits `Language`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...i18n import N_
from ..poem import Form

if TYPE_CHECKING:
    from .report import Report

LEVEL, OBLIQUE, FREE = "平", "仄", "中"
"""The two kinds of syllable that metre opposes, and either."""
OPPOSITE = {LEVEL: OBLIQUE, OBLIQUE: LEVEL}
STRICTNESS = STRICT, USUAL, LENIENT = N_("strict"), N_("usual"), N_("lenient")
"""How nearly verse keeps its tones or its metre. Tones: every reading of each token fits, some
usual reading, or some reading. Metre: no liberty is taken, the usual ones, or all."""
SOUND = frozenset(("tones", "rhyme", "metre", "strictness", "rhyme_scheme"))
"""What is asked of how verse sounds, in one language or another."""
WHOLE, HEAD, END, ANY = "whole", "head", "end", "any"
"""What of a token something typed may be: all of it, what it begins or ends with, or any part."""


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


Known = Callable[[str], Collection[Reading]]
"""By book of rhymes the readings that a model's tokens have."""
Part = tuple[tuple[str, ...], tuple[int, ...]]
"""The verses of a part of a text, and how many tokens each has in it."""


class Language(Protocol):
    """What is asked of a language. Verses are texts as people write them, without punctuation where
    that tells verses apart; a token is one syllable as it is learnt: a character, or more of them
    that `graphemes` takes for one.

    Attributes:
        NAME, CODE: the language, in English and by ISO 639-1.
        ASKS: what may be asked of how verse sounds, of `SOUND`.
        METRES: those that may be asked for; none where verse has tones, or neither.
        PLACES: the places of `patterns`, in words: "a level tone".
        SAYS: what to say to somebody who asks for what verse has not: "no tones", "no metre" and
            "no rhyme", of a {form} of so many {lines}; and "rhyme", the name that is expected.
    """

    NAME: str
    CODE: str
    ASKS: frozenset[str]
    METRES: tuple[str, ...]
    PLACES: Mapping[str, str]
    SAYS: Mapping[str, str]

    def speaks(self, text: str) -> bool:
        """Whether a text is of this language, as people write it or in tokens."""

    def lengths(self, verses: Sequence[str]) -> tuple[int, ...] | None:
        """How many syllables each verse has; None where that cannot be told."""

    def syllables(self, verses: Sequence[str], sizes: Sequence[int]) -> str | None:
        """The tokens of the verses, end to end; None where they cannot be read as so many each."""

    def written(self, verses: Sequence[str], form: Form) -> str:
        """The text, as people read it, of the tokens of each verse of a form."""

    def units(
        self, text: str, form: Form | None = None, verse: int = 0
    ) -> tuple[list[str], set[int]]:
        """The tokens of what somebody typed, with LACUNA for what is open, and after how many of
        them, short of all, a verse ends. Where several readings would do, it is that which fits the
        lengths of a form from this verse on."""

    def characters(self, text: str) -> list[str]:
        """What of an acrostic stands in a line each, and what a ban bans."""

    def means(self, typed: str, token: str, part: str) -> bool:
        """Whether something typed is a token, or a part of it, of `WHOLE` to `ANY`."""

    def letters(self, token: str) -> str:
        """How a token is written, and whether its word goes on, without how it sounds."""

    def heading(self, text: str) -> str:
        """The tokens of what a title says."""

    def titled(self, tokens: str) -> str:
        """The way back from `heading`: what people read."""

    def said(self, verse: str) -> list[str]:
        """What of a verse would be heard again if it came again: its characters, or its words."""

    def parts(self, text: str, wanted: Iterable[tuple[int, ...]]) -> Iterator[Part]:
        """What of a longer text makes a poem by itself in lengths that are wanted."""

    def joins(self, token: str) -> tuple[bool, bool]:
        """Whether the word of a token began before it, and whether it goes on behind."""

    def lexicon(self) -> frozenset[str]:
        """The words that may be written, by their letters; none where each token is one."""

    def spellings(self, word: str) -> frozenset[tuple[str, ...]]:
        """The tokens of each reading of a word of `lexicon`."""

    def readings(
        self, token: str, simplified: bool = True, usual: bool = False
    ) -> frozenset[Reading]:
        """All readings of a token, or its usual ones; none if it is not known."""

    def rhyme_readings(self, token: str, book: str) -> frozenset[Reading]:
        """The usual readings of a token by which it rhymes, in a book of rhymes."""

    def heard(self, token: str) -> str:
        """How a token sounds, in words."""

    def slots(self, token: str, strictness: str) -> frozenset[str]:
        """The places of `patterns` at which a token may stand."""

    def patterns(
        self, form: Form, metre: str = "", strictness: str = USUAL
    ) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """The patterns of a form in a metre, or of its tones where none is named, by scheme and
        part, parts such as couplets or verses being independent and making up the poem one after
        another; empty where it has none. A place that every token fits may be any."""

    def rhymes_of(
        self, form: Form, scheme: str = "", known: Known | None = None
    ) -> tuple[Rhyme, ...]:
        """The rhymes of a form, by a scheme such as ABAB where the language leaves a choice, in the
        readings that are known in a book of rhymes; empty where it has none.
        Raises ConstraintError: no such scheme."""

    def rhyme_names(self) -> Mapping[str, str]:
        """The names of all rhymes, with words for each; none where they are too many."""

    def readings_named(self, name: str, book: str) -> frozenset[Reading]:
        """The readings, in a book of rhymes, that the name of a rhyme stands for."""

    def checked(self, text: str, form: Form | None = None, book: str | None = None) -> list[Report]:
        """What is wrong with the poems of a text, which ought to be of a form, by a book of rhymes.
        Raises ConfigError: another book; CorpusError: there is no verse in it, or too much."""

    def unknown(self, text: str) -> Counter[str]:
        """What of a text has no known sound, counted."""

    def regulated(
        self, verses: Sequence[str], *, strictness: str = USUAL, form: Form | None = None
    ) -> bool | None:
        """Whether verses keep the tones or the metre of their form; None where it has none. Without
        a form it is what their lengths tell."""

    def rhyme(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> str | None:
        """The rhyme that verses share, or how they rhyme; None if they do not, or need not."""

    def rhyme_ok(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> bool | None:
        """Whether all verses rhyme that have to; None where none has to."""

    def self_rhymes(self, verses: Sequence[str], form: Form | None = None) -> bool | None:
        """Whether one token or word ends two verses of those that rhyme; None as `rhyme_ok`."""

    def first_rhymes(
        self, verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
    ) -> bool | None:
        """Whether the verses rhyme and the first one, which may, joins them; None where it may not
        choose."""

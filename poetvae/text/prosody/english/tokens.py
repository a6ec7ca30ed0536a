"""English syllables as tokens: how a word is written as positions of verse, and read again.

A token is a piece of a word with what makes it unambiguous, between angle brackets: ⟨de-0⟩⟨-light1:
L:AY.T⟩ is delight. A hyphen stands where the word has a syllable before or behind; the digit tells
how the beat may fall, see `UNSTRESSED`; where the word ends there, the consonants before the rhyme
and the rhyme follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ...poem import LACUNA
from .sounds import LETTERS
from .verse import PLAIN
from .words import Pronunciation, is_function_word, pronunciations

UNSTRESSED, STRESSED, EITHER, CONTENT, FUNCTION, ARTICLE = "0", "1", "2", "3", "4", "5"
"""How the beat may fall on a syllable: beside the stress of its word, not; on it, always; on one
with a lighter stress, or that is apart from the main one, or not known, as it likes. So on words of
one syllable, of which those that say something like it better than those that only join, and a, an
and the hardly bear it."""
_ARTICLES = frozenset(("a", "an", "the"))
TOKEN = re.compile(r"⟨(-?)([^⟨⟩:-]+)(-?)([0-5])(?::([A-Z.]*):([A-Z.]+))?⟩")

LICENCE, _GUESS, _LATER = 0.6, 0.5, 0.4  # what a reading costs: bent, guessed, not the first


class Token(NamedTuple):
    """What a token tells.

    Attributes:
        piece: its letters, small.
        begins, ends: whether its word begins, and ends, with it.
        beat: one of `UNSTRESSED` to `ARTICLE`.
        onset, rhyme: the consonants before the rhyme of its word, and the rhyme, "." between
            sounds; "" where the word goes on, or has no known sound.
    """

    piece: str
    begins: bool
    ends: bool
    beat: str
    onset: str = ""
    rhyme: str = ""

    def __str__(self) -> str:
        before, behind = "-" * (not self.begins), "-" * (not self.ends)
        sounds = f":{self.onset}:{self.rhyme}" if self.rhyme else ""
        return f"⟨{before}{self.piece}{behind}{self.beat}{sounds}⟩"


class Reading(NamedTuple):
    """A word as tokens: their beats, what speaks against reading it so, and its rhyme, with the
    consonants before it, from its last beat on; "" where that is not known."""

    tokens: tuple[str, ...]
    beats: str
    cost: float
    onset: str
    rhyme: str

    def rhymes(self, other: Reading) -> bool:
        """Whether two words rhyme by sound, and not each with itself: with other consonants before
        the rhyme, or, where the beat lifts a last syllable, in other words: memory, masonry."""
        lifted = self.beats[-1] == other.beats[-1] == EITHER and self.tokens != other.tokens
        apart = self.onset != other.onset or (lifted and len(self.beats) > 1)
        return bool(self.rhyme) and self.rhyme == other.rhyme and apart


@lru_cache(maxsize=1 << 15)
def parsed(token: str) -> Token:
    """What a token tells. Raises ValueError: it is none."""
    if not (match := TOKEN.fullmatch(token)):
        raise ValueError(f"{token!r} is no English syllable; expected one as ⟨-light1:L:AY.T⟩")
    goes_on, piece, more, beat, onset, rhyme = match.groups()
    return Token(piece, not goes_on, not more, beat, onset or "", rhyme or "")


def beats(word: str, reading: Pronunciation) -> str:
    """How the beat may fall on each syllable of a word."""
    syllables = reading.syllables
    if len(syllables) == 1:
        joins = ARTICLE if word.lower() in _ARTICLES else FUNCTION
        return joins if is_function_word(word) else CONTENT
    main = [i for i, one in enumerate(syllables) if one.stress == 1]

    def beat(i: int, stress: int | None) -> str:
        if stress == 1:
            return STRESSED
        beside = any(abs(i - j) == 1 for j in main)
        return UNSTRESSED if stress == 0 and beside else EITHER

    return "".join(beat(i, one.stress) for i, one in enumerate(syllables))


@lru_cache(maxsize=1 << 17)
def readings(word: str) -> tuple[Reading, ...]:
    """All ways to write a word as tokens, the least bent first; none where it has no letter."""
    if word == LACUNA:
        return (Reading((word,), EITHER, 0.0, "", ""),)
    found: dict[tuple[str, ...], Reading] = {}
    for rank, one in enumerate(pronunciations(word)):
        beat = beats(word, one)
        tokens = tuple(map(str, _tokens(one, beat)))
        last = len(beat) - 1
        place = one.stressed if beat[last] == UNSTRESSED else last
        rhyme, onset = one.rhyme_from(place) or "", one.syllables[place].onset or ""
        cost = LICENCE * (one.licence != PLAIN) + _GUESS * (one.source == LETTERS)
        cost += _LATER * (rank > 0 and one.licence == PLAIN)
        if not any(t.startswith("⟨-0") for t in tokens):
            found.setdefault(tokens, Reading(tokens, beat, cost, onset, rhyme))
    return tuple(sorted(found.values(), key=lambda one: one.cost))


def _tokens(reading: Pronunciation, beat: str) -> Iterator[Token]:
    last = len(beat) - 1
    for i, one in enumerate(reading.syllables):
        piece = one.piece.lower().replace("’", "'").replace("-", "").replace("‐", "")
        token = Token(piece, i == 0, i == last, beat[i])
        if i == last and beat[i] != UNSTRESSED:
            rime = reading.rhyme_from(i)
            onset = (one.onset or "").replace(" ", ".")
            yield token._replace(onset=onset, rhyme=rime.replace(" ", ".")) if rime else token
        else:
            yield token

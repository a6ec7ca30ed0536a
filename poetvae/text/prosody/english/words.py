"""English words as syllables: how each may be read, where it is stressed, what it rhymes with.

A syllable is a position of the verse. The pieces of a word, one a syllable, are its letters as they
are written; most words have one reading, many have more: record, a noun or a verb; fire, of one
syllable or two; and what verse makes of them, see `verse`.

Words are read one by one: th', written apart, is a syllable here, though verse makes it part of the
next word; th'expanse is read as one word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise, product
from typing import NamedTuple

from .letters import VOWELS, split_by_letters
from .sounds import LETTERS, SOURCES, sounds
from .spelling import onset, split
from .table import Phones, is_vowel
from .verse import LICENCES, PLAIN, licences

IDENTICAL, PERFECT = "identical", "perfect"
_FUNCTION_WORDS = (
    "a an the and or nor but if as than that at by for from in of on to with into unto upon o'er "
    "i me my mine thou thee thy thine he him his she her it its we us our you your ye they them "
    "their who whom whose which what am is are was were be been art wast wert do does did dost "
    "doth have has had hast hath hadst shall shalt will wilt would should can could may might must "
    "so no not there when where while ere"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that speech hardly stresses; a metre may lift them."""

_ORDER = (PLAIN, *LICENCES)
_MOST = 16  # readings of a word of several parts
_LETTER = re.compile(r".[\u0300-\u036f]*", re.DOTALL)
_PLAIN = {"’": "'", "‘": "'", "`": "'", "æ": "e", "œ": "e", "ø": "o", "ß": "s", "ð": "d", "þ": "t"}
# Full vowels by their letters, for weak ones that the beat lifts.
_FULL = {"e": "EH", "i": "IH"}
# Sounds of vowels with r, which the dictionary has now one way, now the other.
_WITH_R = {"IY R": "IH R", "EY R": "EH R", "OW R": "AO R", "UW R": "UH R", "ER R ": "ER "}


class Syllable(NamedTuple):
    """One syllable of a word.

    Attributes:
        piece: its letters, as they are written.
        stress: 1, the main one of the word; 2, a lighter one; 0, none; None, not known.
        onset: the consonants before its vowel, as in "S T R"; None if they are not known.
        rime: its vowel, without stress, and what is behind it; None if that is not known.
    """

    piece: str
    stress: int | None
    onset: str | None
    rime: str | None


class Pronunciation(NamedTuple):
    """One reading of a word.

    Attributes:
        syllables: one or more; their pieces joined are the word.
        source: where it comes from, of `sounds.SOURCES`; of several parts, the least sure one.
        licence: what verse has done to it, of `verse.LICENCES`; "" for nothing; of several
            licences, the last one there.
    """

    syllables: tuple[Syllable, ...]
    source: str
    licence: str

    @property
    def pieces(self) -> tuple[str, ...]:
        """The letters of each syllable."""
        return tuple(syllable.piece for syllable in self.syllables)

    @property
    def stressed(self) -> int:
        """The place of the last stressed syllable; of the last one where none is."""
        places = [i for i, syllable in enumerate(self.syllables) if syllable.stress]
        return places[-1] if places else len(self.syllables) - 1

    @property
    def rhyme(self) -> str | None:
        """The sounds from the last stressed vowel to the end, without stress; None if not known."""
        return self.rhyme_from(self.stressed)

    @property
    def onset(self) -> str | None:
        """The consonants before the vowel in which `rhyme` begins; None if not known."""
        return self.syllables[self.stressed].onset

    def rhyme_from(self, place: int) -> str | None:
        """The sounds from the vowel of a syllable to the end, as a metre may stress one that speech
        does not: liberty, free; happiness, bless. Behind it, unstressed vowels as those of roses
        and haven count as one.

        Args:
            place: of the syllable, from 0; negative, from the end.

        Returns:
            None where they are not known.

        Raises:
            IndexError: there is no such syllable.
        """
        first, rest = self.syllables[place], self.syllables[place:][1:]
        said = [_lifted(first)]
        for one in rest:
            said += [one.onset, _weakened(one)]
        if None in said:
            return None
        found = " ".join(filter(None, said))
        for now, always in _WITH_R.items():
            found = found.replace(now, always)
        return found


def _lifted(syllable: Syllable) -> str | None:
    """The rime of a syllable under the beat: one without stress sounds as it is written there."""
    rime = syllable.rime
    if rime is None or syllable.stress != 0 or rime[:3] not in ("AH ", "IH "):
        return rime
    letter = next((char for char in syllable.piece.lower() if char in VOWELS), "")
    return _FULL.get(letter, rime[:2]) + rime[2:]


def _weakened(syllable: Syllable) -> str | None:
    """The rime of a syllable behind the beat."""
    rime = syllable.rime
    return f"AH{rime[2:]}" if rime and syllable.stress == 0 and rime[:2] == "IH" else rime


def rhyme_kind(first: Pronunciation, second: Pronunciation) -> str | None:
    """How two readings rhyme: `PERFECT`, `IDENTICAL` where the consonants before the rhyme are the
    same too, or None for not at all or not known."""
    if first.rhyme is None or first.rhyme != second.rhyme:
        return None
    return IDENTICAL if first.onset == second.onset else PERFECT


def is_function_word(word: str) -> bool:
    """Whether a word, in any case, is one of `FUNCTION_WORDS`."""
    return word.lower().replace("’", "'") in FUNCTION_WORDS


@lru_cache(maxsize=1 << 16)
def pronunciations(word: str) -> tuple[Pronunciation, ...]:
    """All readings of a written word, those of speech first, the commonest of them at the head;
    then those of verse in the order of `LICENCES`.

    Args:
        word: letters, apostrophes of either form and hyphens, in any case; an accent on the e of
            -ed, as in blessèd, says that it is sounded.

    Returns:
        One reading or more, no two with the same pieces and sounds; none where there is no letter.
    """
    if not any(map(str.isalpha, word)):
        return ()
    parts = re.findall(r"[^-‐]+[-‐]*|^[-‐]+", word)
    if not any(map(str.isalpha, parts[0])):
        parts = ["".join(parts[:2]), *parts[2:]]
    found = [tuple(dict.fromkeys(_readings(part))) for part in parts]
    if len(found) == 1:
        return found[0]
    joined = map(_joined, islice(product(*found), _MOST))
    return tuple(sorted(joined, key=lambda reading: _ORDER.index(reading.licence)))


def _joined(parts: tuple[Pronunciation, ...]) -> Pronunciation:
    return Pronunciation(
        tuple(syllable for part in parts for syllable in part.syllables),
        max((part.source for part in parts), key=SOURCES.index),
        max((part.licence for part in parts), key=_ORDER.index),
    )


def _readings(written: str) -> Iterator[Pronunciation]:
    """The readings of a word without hyphens inside."""
    letters = _LETTER.findall(written)
    plain = "".join(map(_plain, letters))
    bare = plain.strip("-")
    source, readings = sounds(bare)
    fitting = range(1, len(bare) + 1)
    readings = tuple(phones for phones in readings if sum(map(is_vowel, phones)) in fitting)
    if not readings:
        yield _unknown(letters, split_by_letters(plain))
        return
    found = dict.fromkeys(readings, PLAIN)
    said = set(map(_merged, readings))
    for phones in readings:
        for licence, other in licences(bare, phones):
            if _merged(other) not in said:
                said.add(_merged(other))
                found[other] = licence
    if plain.endswith("ed") and _plain(letters[-2]) != letters[-2].lower():
        heard = [phones for phones in found if phones[-2:-1] in (("AH0",), ("IH0",))]
        found = {phones: found[phones] for phones in heard or found}
    for phones, licence in sorted(found.items(), key=lambda item: _ORDER.index(item[1])):
        yield _reading(letters, split(plain, phones), phones, source, licence)


def _merged(phones: Phones) -> Phones:
    """Sounds with the weak vowels that the dictionary has now one way, now the other, as one."""
    return tuple("AH0" if phone == "IH0" else phone for phone in phones)


def _plain(letter: str) -> str:
    """The one small letter without accent, or the mark, that a letter stands for."""
    small = letter.lower()
    return _PLAIN.get(small, unicodedata.normalize("NFKD", small)[0])


def _written(letters: list[str], pieces: tuple[str, ...]) -> Iterator[str]:
    """The pieces of plain letters as they are written."""
    rest = iter(letters)
    return ("".join(islice(rest, len(piece))) for piece in pieces)


def _unknown(letters: list[str], pieces: tuple[str, ...]) -> Pronunciation:
    syllables = (Syllable(piece, None, None, None) for piece in _written(letters, pieces))
    return Pronunciation(tuple(syllables), LETTERS, PLAIN)


def _reading(
    letters: list[str], pieces: tuple[str, ...], phones: Phones, source: str, licence: str
) -> Pronunciation:
    vowels = [j for j, phone in enumerate(phones) if is_vowel(phone)]
    starts = [0]
    for p, q in pairwise(vowels):
        starts.append(q - len(onset(phones[p + 1 : q])))
    ends = [*starts[1:], len(phones)]
    syllables = (
        Syllable(
            piece,
            int(phones[vowel][-1]),
            " ".join(phones[start:vowel]) or "R" * (vowel > 0 and phones[vowel - 1][:2] == "ER"),
            " ".join([phones[vowel][:-1], *phones[vowel + 1 : end]]),
        )
        for piece, vowel, start, end in zip(
            _written(letters, pieces), vowels, starts, ends, strict=True
        )
    )
    return Pronunciation(tuple(syllables), source, licence)

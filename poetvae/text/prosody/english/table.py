"""The dictionary of English sounds, and the verse words that it lacks or has amiss.

cmudict.tsv.gz is written by scripts/make_english_table.py from the CMU Pronouncing Dictionary;
archaic.tsv is written by hand: contractions and old forms that verse alone has, names, and words of
which the dictionary lacks a reading; it has the last word. Both spell sounds in the ARPAbet, vowels
with their stress behind them: 0 none, 1 the main one, 2 a lighter one.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

Phones = tuple[str, ...]
"""The sounds of a word, such as ("L", "AH1", "V")."""


def is_vowel(phone: str) -> bool:
    """Whether a sound is a vowel, and so makes a syllable."""
    return phone[-1].isdigit()


@cache
def _table(name: str) -> dict[str, str]:
    """The readings of each word of a file, not yet taken apart."""
    data = files(__package__).joinpath(name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    rows = (line.partition("\t") for line in text.splitlines() if not line.startswith("#"))
    return {word: readings for word, _, readings in rows}


def _readings(name: str, word: str) -> tuple[Phones, ...]:
    found = _table(name).get(word)
    return tuple(tuple(reading.split()) for reading in found.split("\t")) if found else ()


def vocabulary() -> tuple[str, ...]:
    """All words of the dictionary, in its order."""
    return tuple(_table("cmudict.tsv.gz"))


def dictionary(word: str) -> tuple[Phones, ...]:
    """The readings of a word in small letters, the commonest first; none if it is not there."""
    return _readings("cmudict.tsv.gz", word)


def archaic(word: str) -> tuple[Phones, ...]:
    """The readings of a word of the table by hand, in small letters; none if it is not there."""
    return _readings("archaic.tsv", word)

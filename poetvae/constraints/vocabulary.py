"""What the tokens of a model mean: what a typed character may be, how characters sound.

Where a text is typed in simplified characters and the model knows traditional ones, or lacks a
character, a character stands for all that it may mean and the model knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import ConstraintError
from ..text.codec import PoemCodec
from ..text.prosody import (
    FREE,
    LEVEL,
    OBLIQUE,
    RHYMES,
    STRICT,
    TONE_NAMES,
    UNHEARD,
    USUAL,
    Reading,
    levels,
    readings,
)
from ..text.prosody.books import readings_in
from ..text.tokenizer import PoemTokenizer
from ..text.variants import is_simplified, to_simplified, traditional_variants

CLASSES = "".join(RHYMES.values())  # the names of all rhyme classes


def mask(codec: PoemCodec, ids: Iterable[int]) -> Tensor:
    """The set of token ids as (V,) bool."""
    found = torch.zeros(len(codec.tokenizer), dtype=torch.bool)
    found[list(ids)] = True
    return found


def tokens_of(codec: PoemCodec, typed: Sequence[str], missing: bool = False) -> list[list[int]]:
    """By character as typed the tokens that it may be: none where it may be missing.

    Raises:
        ConstraintError: characters that the model cannot write.
    """
    writable = set(codec.writable()) - {codec.tokenizer.eos_id}
    simplified = is_simplified("".join(typed)) and not codec.simplified

    def known(chars: Iterable[str]) -> list[int]:
        return sorted(writable.intersection(codec.ids("".join(chars))))

    found = [
        (known(traditional_variants(char)) if simplified else known(char))
        or known(traditional_variants(char) | {to_simplified(char)})
        for char in typed
    ]
    lacking = [char for char, ids in zip(typed, found, strict=True) if not ids]
    if lacking and not missing:
        raise unknown(lacking)
    return found


def unknown(chars: Iterable[str]) -> ConstraintError:
    """The error for characters that a model cannot write."""
    return ConstraintError(
        f"this model cannot write {' '.join(dict.fromkeys(chars))}; take other characters"
    )


def sound(chars: Iterable[str]) -> str:
    """How characters sound, in words: "陌, entering tone"."""
    found = {reading for char in chars for reading in readings(char)}
    ordered = sorted(found, key=lambda reading: CLASSES.index(reading.rhyme))
    words = [f"{reading.rhyme}, {TONE_NAMES[reading.tone]} tone" for reading in ordered]
    return " or ".join(words) or "no known sound"


@lru_cache(maxsize=4)
def tone_masks(tokenizer: PoemTokenizer, strictness: str) -> dict[str, Tensor]:
    """Which tokens fit a level place, and which an oblique one, (V,) bool: by every reading
    ("strict"), by some usual one ("usual") or by some. In the first case what is not known fits
    nowhere, a free place included; else it fits everywhere, and free places are left out."""
    found = [levels(char, strictness == USUAL) for char in _chars(tokenizer)]
    level, oblique = (torch.tensor([tone in tones for tones in found]) for tone in (LEVEL, OBLIQUE))
    if strictness == STRICT:
        return {LEVEL: level & ~oblique, OBLIQUE: oblique & ~level, FREE: level | oblique}
    return {LEVEL: level | ~oblique, OBLIQUE: oblique | ~level}


@lru_cache(maxsize=4)
def reading_masks(tokenizer: PoemTokenizer, book: str) -> dict[Reading, Tensor]:
    """By reading in a book of rhymes, which tokens usually have it, (V,) bool; by `UNHEARD` those
    that have none."""
    table: dict[Reading, Tensor] = {}
    for i, char in enumerate(_chars(tokenizer)):
        for reading in readings_in(char, book, usual=True) or (UNHEARD,):
            if reading not in table:
                table[reading] = torch.zeros(len(tokenizer), dtype=torch.bool)
            table[reading][i] = True
    return table


@lru_cache(maxsize=4)
def _chars(tokenizer: PoemTokenizer) -> list[str]:
    return [tokenizer.decode([i]) for i in range(len(tokenizer))]

"""What the tokens of a model mean: what a typed character may be, how characters sound.

Where a text is typed in simplified characters and the model knows traditional ones, or lacks a
character, a character stands for all that it may mean and the model knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import ConstraintError, either
from ..i18n import _
from ..text.codec import PoemCodec, language_of_tokens
from ..text.prosody import LANGUAGES, UNHEARD, Language, Reading
from ..text.prosody.interface import WHOLE
from ..text.tokenizer import PoemTokenizer
from ..text.variants import is_simplified, to_simplified, traditional_variants


def mask(codec: PoemCodec, ids: Iterable[int]) -> Tensor:
    """The set of token ids as (V,) bool."""
    found = torch.zeros(len(codec.tokenizer), dtype=torch.bool)
    found[list(ids)] = True
    return found


def tokens_of(
    codec: PoemCodec, typed: Sequence[str], missing: bool = False, part: str = WHOLE
) -> list[list[int]]:
    """By character or syllable as typed the tokens that it may be, or may be a part of, see
    `Language.means`: none where it may be missing.

    Raises:
        ConstraintError: characters that the model cannot write.
    """
    writable = set(codec.writable()) - {codec.tokenizer.eos_id}
    simplified = is_simplified("".join(typed)) and not codec.simplified
    language = language_of_tokens(codec.tokenizer)

    def known(chars: Iterable[str]) -> list[int]:
        return sorted(writable.intersection(codec.ids("".join(chars))))

    def meant(unit: str) -> list[int]:
        if language and codec.spelt:
            tokens = _chars(codec.tokenizer)
            return [i for i in sorted(writable) if language.means(unit, tokens[i], part)]
        return (known(traditional_variants(unit)) if simplified else known(unit)) or known(
            traditional_variants(unit) | {to_simplified(unit)}
        )

    found = [meant(unit) for unit in typed]
    lacking = [unit for unit, ids in zip(typed, found, strict=True) if not ids]
    if lacking and not missing:
        whole = language and codec.spelt and part == WHOLE
        raise unknown(map(language.letters, lacking) if language and whole else lacking)
    return found


def unknown(chars: Iterable[str]) -> ConstraintError:
    """The error for characters that a model cannot write."""
    return ConstraintError(
        _(
            "this model cannot write {chars}; take other characters",
            chars=" ".join(dict.fromkeys(chars)),
        )
    )


def language_for(tokenizer: PoemTokenizer) -> Language:
    """The language of a model's tokens; Chinese where that cannot be told, to say what it lacks."""
    return language_of_tokens(tokenizer) or LANGUAGES["chinese"]


def sound(codec: PoemCodec, tokens: Iterable[str]) -> str:
    """How tokens sound, in words: "陌, entering tone"."""
    language = language_for(codec.tokenizer)
    return either(dict.fromkeys(map(language.heard, tokens)))


@lru_cache(maxsize=8)
def slot_masks(tokenizer: PoemTokenizer, strictness: str) -> dict[str, Tensor]:
    """Which tokens may stand at each kind of place, (V,) bool, see `Language.slots`."""
    language = language_for(tokenizer)
    found = [language.slots(char, strictness) for char in _chars(tokenizer)]
    kinds = sorted(set[str]().union(*found))
    return {kind: torch.tensor([kind in some for some in found]) for kind in kinds}


@lru_cache(maxsize=8)
def reading_masks(tokenizer: PoemTokenizer, book: str) -> dict[Reading, Tensor]:
    """By reading in a book of rhymes, which tokens usually have it, (V,) bool; by `UNHEARD` those
    that have none."""
    table: dict[Reading, Tensor] = {}
    language = language_for(tokenizer)
    for i, char in enumerate(_chars(tokenizer)):
        for reading in language.rhyme_readings(char, book) or (UNHEARD,):
            if reading not in table:
                table[reading] = torch.zeros(len(tokenizer), dtype=torch.bool)
            table[reading][i] = True
    return table


@lru_cache(maxsize=8)
def sounds_alike(tokenizer: PoemTokenizer, book: str) -> Tensor:
    """Numbers (V,), the same for tokens of one sound from the consonants before the rhyme on, which
    rhyme with each other as a word does with itself."""
    language, numbers = language_for(tokenizer), dict[object, int]()
    heard = (language.rhyme_readings(char, book) for char in _chars(tokenizer))
    keys = (next(iter(some)) if len(some) == 1 else i for i, some in enumerate(heard))
    return torch.tensor([numbers.setdefault(key, i) for i, key in enumerate(keys)])


@lru_cache(maxsize=4)
def _chars(tokenizer: PoemTokenizer) -> list[str]:
    return [tokenizer.decode([i]) for i in range(len(tokenizer))]

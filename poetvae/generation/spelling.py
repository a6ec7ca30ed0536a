"""What was typed comes back as it was typed, and what is written around it in the same script."""

from __future__ import annotations

from collections.abc import Callable

from ..constraints.vocabulary import tokens_of
from ..text.codec import PoemCodec
from ..text.poem import has_han, is_han
from ..text.variants import respelled, script, to_simplified, to_traditional

Spell = Callable[[str], str]


def as_typed(codec: PoemCodec, typed: str) -> Spell:
    """Brings what a model wrote into the script of what was typed, if that tells one. A character
    that may be one of those that were typed is written as it was: 牀 for 床, 个 for 個."""
    if not has_han(typed):
        return str
    told = script(typed)
    convert = to_simplified if told > 0 else to_traditional if told < 0 else str
    chars = "".join(dict.fromkeys(filter(is_han, typed)))
    spellings: dict[str, str] = {}
    for char, ids in zip(chars, tokens_of(codec, chars, missing=True), strict=True):
        for one in map(codec.tokenizer.decode, ([i] for i in ids)):
            spellings |= {one: char, respelled(one): char}
    spellings |= zip(chars, chars, strict=True)

    def spell(text: str) -> str:
        pairs = zip(text, convert(text), strict=True)
        return "".join(spellings.get(was, char) for was, char in pairs)

    return spell

"""What was typed comes back as it was typed, and what is written around it in the same script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..constraints.vocabulary import tokens_of
from ..text.codec import PoemCodec
from ..text.poem import has_han, is_han
from ..text.variants import respelled, script, to_simplified, to_traditional

Spell = Callable[[str], str]
_WORD = re.compile(r"[^\W\d_]+")
_MARK = re.compile(r"[^\w\s]+$")


def _letters(line: str) -> str:
    """A line without what makes no difference."""
    return "".join(filter(str.isalnum, line.casefold()))


def _as_line(line: str, typed: Mapping[str, str]) -> str:
    """A line as it was typed, if it was, with the mark behind it where that had none; else with the
    capitals that were typed."""
    if (own := typed.get(_letters(line))) is None:
        words = {w.casefold(): w for text in typed.values() for w in _WORD.findall(text)[1:]}
        large = {word: own for word, own in words.items() if own != word}
        return _WORD.sub(lambda match: large.get(match[0].casefold(), match[0]), line)
    end = _MARK.search(line)
    return own if _MARK.search(own) or not end else own + end[0]


def as_typed(codec: PoemCodec, typed: str) -> Spell:
    """Brings what a model wrote into the script of what was typed, if that tells one. A character
    that may be one of those that were typed is written as it was: 牀 for 床, 个 for 個."""
    if not has_han(typed):
        lines = {_letters(line): line.strip() for line in typed.split("\n") if _letters(line)}
        return lambda text: "\n".join(_as_line(line, lines) for line in text.split("\n"))
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

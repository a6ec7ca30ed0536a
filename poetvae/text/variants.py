"""Simplified and traditional characters: which stand for which, by OpenCC.

One simplified character may stand for several traditional ones, 发 for 發 and 髮, and for itself:
里 is 裏 simplified, and a character of its own. A text tells that it is simplified by a character
that is nothing else, such as 东; without one it is taken as it stands.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, Protocol

from .poem import is_han
from .prosody import readings

# The Han characters of poem.HAN, without compatibility forms, which no cleaned text has.
_HAN = (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0x20000, 0x2F800))


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _converter(config: Literal["s2t", "t2s"]) -> _Converter:
    # OpenCC takes a path as well, so that nothing that somebody typed may come here.
    from opencc import OpenCC

    converter: _Converter = OpenCC(config)
    return converter


@cache
def _table() -> dict[str, frozenset[str]]:
    """The traditional characters that each simplified one stands for, itself left out."""
    text = "\n".join(map(chr, _HAN))  # a line each, so that no phrase is seen
    long_of = zip(to_simplified(text).split("\n"), text.split("\n"), strict=True)
    of_short = zip(text.split("\n"), _converter("s2t").convert(text).split("\n"), strict=True)
    table: dict[str, set[str]] = {}
    for short, long in (*long_of, *of_short):
        if short != long:
            table.setdefault(short, set()).add(long)
    return {char: frozenset(longs) for char, longs in table.items()}


def only_simplified(char: str) -> bool:
    """Whether a character is the simplified form of others and none of the 廣韻 itself."""
    return is_han(char) and not readings(char, simplified=False) and char in _table()


def traditional_variants(char: str) -> frozenset[str]:
    """All traditional characters that one may stand for where text is simplified.

    With itself where it is one, as the 廣韻 has it: 发 is 發 or 髮, 里 is 裏, 裡 or 里, 國 is 國.
    """
    if not is_han(char):
        return frozenset(char)
    itself = frozenset() if only_simplified(char) else frozenset(char)
    return _table().get(char, frozenset()) | itself


def is_simplified(text: str) -> bool:
    """Whether a text has a character that is only simplified."""
    return any(map(only_simplified, text))


def to_simplified(text: str) -> str:
    """The text in simplified characters."""
    return _converter("t2s").convert(text)


def to_traditional(text: str) -> str:
    """The text in traditional characters; as it is where nothing tells that it is simplified. Where
    a character stands for several the words around it decide, and the commonest one where they do
    not: `traditional_variants` has them all."""
    return _converter("s2t").convert(text) if is_simplified(text) else text

"""How a poem is set: which of its verses, and where their characters stand.

Chinese verse stands in columns from right to left, a verse each, without marks, as books had it;
other verse in lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..text.poem import has_verses, split_verses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_VERSES = 4
PITCH, COLUMN, LINE = 1.12, 1.55, 1.45
"""In ems: from character to character down a column, from column to column, from line to line."""
_ENDS = re.compile(r"(?<=[，。！？；])\s*|\n")


def verses_of(text: str, most: int = MOST_VERSES, length: float = 24) -> list[str]:
    """The first verses of a text, and of one that is wider than so many ems its beginning."""
    upright = is_upright(text)
    verses = split_verses(text) if upright else [line.strip() for line in _ENDS.split(text)]
    return [_shortened(verse, length) for verse in verses if verse][:most]


def is_upright(text: str) -> bool:
    """Whether a text stands in columns."""
    return has_verses(text)


def extent(verses: list[str], upright: bool) -> tuple[float, float]:
    """How wide and how high verses are that stand so, in ems."""
    if upright:
        return len(verses) * COLUMN, max(map(len, verses), default=0) * PITCH
    return max(map(ems, verses), default=0.0), len(verses) * LINE


def ems(line: str) -> float:
    """About how wide a line is: Chinese characters are square."""
    return sum(1 if char >= "\u2e80" else 0.52 for char in line)


def write_verses(
    figure: Figure,
    verses: list[str],
    upright: bool,
    at: tuple[float, float],
    size: float,
    **look: Any,
) -> None:
    """Put verses on a figure, their upper left corner `at` a place in points from its own."""
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    wide, _ = extent(verses, upright)
    for i, verse in enumerate(verses):
        pieces = enumerate(verse) if upright else [(0, verse)]
        for k, piece in pieces:
            x = at[0] + (wide - (i + 0.5) * COLUMN) * size if upright else at[0]
            y = at[1] + ((k + 0.5) * PITCH if upright else (i + 0.5) * LINE) * size
            text = figure.text(x / width, 1 - y / height, piece, fontsize=size, **look)
            text.set(ha="center" if upright else "left", va="center_baseline", parse_math=False)


def _shortened(line: str, length: float) -> str:
    while ems(line) > length:
        line = line.removesuffix("...")[:-1].rstrip() + "..."
    return line

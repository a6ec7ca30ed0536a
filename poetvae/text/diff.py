"""Where two texts differ, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def changed(before: Sequence[str], after: Sequence[str], fixed: bool) -> list[int]:
    """The places of `after`, a text or its words, where it differs from `before`. If `fixed` they
    have one form: where they are as long as each other, places correspond. English syllables have
    letters as they have, and other texts no form: these are aligned with the fewest changes
    (Levenshtein 1966), and what was only left out has no place."""
    if fixed and len(before) == len(after):
        return [i for i, (x, y) in enumerate(zip(before, after, strict=True)) if x != y]
    table = _edits(before, after)
    i, j, places = len(before), len(after), []
    while j:
        same = i and before[i - 1] == after[j - 1]
        if i and table[i][j] == table[i - 1][j - 1] + (not same):
            places += [] if same else [j - 1]
            i, j = i - 1, j - 1
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
            places.append(j)
    return places[::-1]


def distance(a: str, b: str, fixed: bool) -> int:
    """How many characters differ: the Hamming distance in a fixed form, else Levenshtein's, and so
    too where the texts of a form are not of one length, as in English."""
    if fixed and len(a) == len(b):
        return len(changed(a, b, fixed=True))
    return _edits(a, b)[-1][-1]


def _edits(a: Sequence[str], b: Sequence[str]) -> list[list[int]]:
    """The edit distance of every beginning of a (rows) and every beginning of b (columns)."""
    table = [list(range(len(b) + 1))]
    for i, x in enumerate(a):
        row = [i + 1]
        for j, y in enumerate(b):
            row.append(min(table[i][j] + (x != y), table[i][j + 1] + 1, row[j] + 1))
        table.append(row)
    return table


def marked(text: str, places: Iterable[int]) -> str:
    """The text with 【】 around what stands at these places, neighbours together."""
    chosen = set(places)
    opened = ("【" if i in chosen and i - 1 not in chosen else "" for i in range(len(text)))
    closed = ("】" if i in chosen and i + 1 not in chosen else "" for i in range(len(text)))
    return "".join(o + char + c for o, char, c in zip(opened, text, closed, strict=True))

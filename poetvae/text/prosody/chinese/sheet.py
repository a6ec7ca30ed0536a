"""Poems as people write them down: titles, notes in brackets, several in one text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...poem import has_han, split_verses
from .ci import named, of_lengths

_BLANK = re.compile(r"\n\s*\n")
_MARK = re.compile("[，。？！；、,.?!;]")
_NOTES = re.compile(r"（[^（）]*）|\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|[（(\[【].*")

_HEAD = 3  # lines that may stand before a poem: its tune, its title, its author


def split_poems(text: str) -> list[str]:
    """The poems of a text, between which stand blank lines. A block of one line without marks is
    the title of the next one; two that have the lines of a tune together are its stanzas."""
    poems: list[str] = []
    joins = False
    for block in filter(has_han, _BLANK.split(text)):
        if joins or (poems and are_stanzas(poems[-1], block)):
            poems[-1] += f"\n{block.strip()}"
        else:
            poems.append(block.strip())
        joins = is_heading(poems[-1])
    return poems or [text]


def is_heading(text: str) -> bool:
    """Whether a block may be the title of the next one: a line without marks."""
    return "\n" not in text and not _MARK.search(text)


def are_stanzas(one: str, other: str) -> bool:
    """Whether two blocks are a tune together, which the first alone is not: by their lengths, or
    nearly so where the title names it."""
    title, body = untitled(one)
    first, both = _lengths(body), _lengths(f"{body}\n{other}")
    if untitled(other)[0] or of_lengths(first):
        return False
    if told := named(title):
        return any(abs(len(tune.lengths) - len(both)) <= len(both) / 8 for tune in told)
    return bool(of_lengths(both)) and (len({*first}) > 1 or len(first) % 2 == 1)


def _lengths(text: str) -> tuple[int, ...]:
    return tuple(map(len, split_verses(text)))


def untitled(text: str) -> tuple[str, str]:
    """The title of a poem, or "", and the poem without it and without notes in brackets."""
    lines = [line.strip() for line in _NOTES.sub("", text).splitlines() if has_han(line)]
    titles: list[str] = []
    while len(titles) < _HEAD and len(lines) > 1 and _is_title(lines[0], lines[1:]):
        titles.append(lines.pop(0).strip("# 《》"))
    return " ".join(titles), "\n".join(lines)


def _is_title(line: str, others: Sequence[str]) -> bool:
    """Whether a line is the title of those behind it: it has no marks where they do, or another
    length than all of them, or it names the tune that they keep, or it is marked as one."""
    if line.startswith("#") or (line.startswith("《") and line.endswith("》")):
        return True
    if _MARK.search(line):
        return False
    verses = split_verses("\n".join(others))
    lengths = {len(verse) for verse in verses}
    if any(tune.lengths == tuple(map(len, verses)) for tune in named(line)):
        return True
    if any(map(_MARK.search, others)):
        return bool(named(line)) or len(line) not in lengths or len(verses) % 2 == 0
    return len(lengths) == 1 and len(verses) > 1 and len(line) not in lengths

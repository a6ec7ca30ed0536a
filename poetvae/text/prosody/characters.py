"""What languages have in common of which a character is a position."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..form import Form
from ..graphemes import clusters
from ..poem import form_of, run_of, split_verses
from .interface import Part

_SENTENCE_END = re.compile(r"[。？！；.?!;]+")


def lengths(verses: Sequence[str]) -> tuple[int, ...]:
    """The characters of each verse."""
    return tuple(len(clusters(verse)) for verse in verses)


def syllables(verses: Sequence[str], sizes: Sequence[int]) -> str | None:
    """The verses end to end; None where they have not so many characters each."""
    return "".join(verses) if lengths(verses) == tuple(sizes) else None


def letters(token: str) -> str:
    """The character."""
    return token


def couplets(
    text: str,
    wanted: Iterable[tuple[int, ...]],
    written: Callable[[Sequence[str], Form], str],
) -> Iterator[Part]:
    """The couplets of wanted lengths, as they are written: the pairs of verses of a sentence
    (…，…。) that has an even number of them, all of one length. So a poem of mixed verse lengths or
    with a lacuna gives the couplets that it has."""
    forms = {size[0]: Form(size) for size in wanted if len(size) == 2 and size[0] == size[1]}
    for sentence in _SENTENCE_END.split(text) if forms else ():
        verses = split_verses(sentence)
        form = form_of(verses)
        if form and form.lines % 2 == 0 and (couplet := forms.get(form.uniform)):
            for i in range(0, form.lines, 2):
                yield (written(verses[i : i + 2], couplet),), couplet.lengths


def units(text: str, form: Form | None = None, verse: int = 0) -> tuple[list[str], set[int]]:
    """The characters of a text, and after how many of them a verse ends: see `poem.run_of`."""
    chars, ends = run_of(text)
    return clusters(chars), ends


def characters(text: str) -> list[str]:
    """The characters of a text without marks and blanks."""
    return units(text)[0]


def means(typed: str, token: str, part: str) -> bool:
    """Whether they are one character."""
    return typed == token


def joins(token: str) -> tuple[bool, bool]:
    """Never: a character is a word."""
    return False, False


def spellings(word: str) -> frozenset[tuple[str, ...]]:
    """The characters of a word."""
    return frozenset((tuple(clusters(word)),))


def titled(tokens: str) -> str:
    """The same."""
    return tokens


def lexicon() -> frozenset[str]:
    """None: any character is one."""
    return frozenset()


def said(verse: str) -> list[str]:
    """The characters of a verse."""
    return clusters(verse)

"""Files of plain text: what in them is a poem, and what its title.

Blank lines part poems; where many of them come in pairs, those part poems, and single ones stanzas.
A file without any has a poem a line. Before a poem may stand its title and a colon, or title and
author as in title::author::text; before a ci, on lines of their own, the name of its tune and what
else a title has, and single blank lines between its stanzas.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..i18n import N_, _
from ..text.poem import has_han, is_regular, split_verses
from ..text.prosody.chinese.ci import named
from ..text.prosody.chinese.sheet import are_stanzas, is_heading, untitled
from .encoding import BROKEN
from .reading import ReadingOptions
from .record import Record, check_size, tidy

Line = tuple[str, str]
"""A line of a file: where it stands, and its text."""
FEWER_LINES = N_("too few lines for a poem")

_BLANK_RUN = re.compile(r"\n(?:[^\S\n]*\n)+")
_TITLE = re.compile(r"([^:：，。？！；、,.?!;\n]{1,99})[:：](.+)", re.DOTALL)
_SENTENCE_TITLE = re.compile(r"([^:：。？！；?!;\n]{1,99})[:：](.+)", re.DOTALL)
_PARTED = re.compile("::|：：")


def text_records(
    name: str, lines: Iterable[Line], head: str, options: ReadingOptions
) -> Iterator[Record]:
    """The poems of a text file; its first part tells how they are laid out."""
    if options.file_is_poem:
        title = tidy(Path(name).name.partition(".")[0])
        yield from (r._replace(meta={"title": title}) for r in _blocks(lines, math.inf))
    elif options.lines_per_poem is not None:
        yield from _counted(lines, options.lines_per_poem)
    elif runs := [run.count("\n") - 1 for run in _BLANK_RUN.findall(head.strip("\n"))]:
        blocks = _BLANK_RUN.split(head.strip("\n"))
        fixed = sum(is_regular(split_verses(block)) for block in blocks)
        stanzas = 10 * sum(n > 1 for n in runs) >= len(runs) and 1 in runs
        yield from _titled(_blocks(lines, 2 if stanzas and 2 * fixed <= len(blocks) else 1))
    else:
        for where, text in lines:
            if text.strip():
                yield line_record(where, text)


def line_record(where: str, text: str) -> Record:
    """A poem in one line, which may begin with a title."""
    line = text.strip()
    if has_han(line) and len(parts := _PARTED.split(line)) > 1:
        title, *others, poem = parts
        named = {"title": title, **({"author": others[0]} if others else {})}
        return Record(where, poem, {key: tidy(part) for key, part in named.items() if part.strip()})
    match = _TITLE.fullmatch(line)
    if match and has_han(match[2]):
        return Record(where, match[2], {"title": tidy(match[1])})
    # In a title with commas nothing but what follows it tells that a poem begins there.
    match = _SENTENCE_TITLE.fullmatch(line)
    if match and is_regular(split_verses(match[2])):
        return Record(where, match[2], {"title": tidy(match[1])})
    return Record(where, text)


def _blocks(lines: Iterable[Line], least: float) -> Iterator[Record]:
    """Poems with so many blank lines between them, or more; fewer are between stanzas."""
    block: list[Line] = []
    blank = size = 0
    for where, text in lines:
        if text.strip():
            block += [*[(where, "")] * blank, (where, text)]
            blank, size = 0, size + len(text) + 1
            check_size(size, where)
        elif block:
            blank += 1
            if blank == least:
                yield _joined(block)
                block, blank, size = [], 0, 0
    if block:
        yield _joined(block)


def _titled(records: Iterable[Record]) -> Iterator[Record]:
    """Poems, ci without the names of their tunes, which are their titles, and in one piece where
    blank lines part them."""
    held: Record | None = None
    for record in records:
        if held and _go_together(held.text, record.text):
            held = held._replace(text=f"{held.text}\n{record.text}")
            continue
        if held:
            yield _untitled(held)
        held = record
    if held:
        yield _untitled(held)


def _go_together(one: str, other: str) -> bool:
    """Whether a block is the name of the tune of the next one, or both are stanzas of one ci."""
    if not (has_han(one) and has_han(other)):
        return False
    return bool(is_heading(one) and named(one)) or are_stanzas(one, other)


def _untitled(record: Record) -> Record:
    """The poem without the title that names its tune."""
    title, text = untitled(record.text) if has_han(record.text) else ("", "")
    if not title and (match := _TITLE.fullmatch(record.text)):
        title, text = match.groups()
    return record._replace(text=text, meta={"title": tidy(title)}) if named(title) else record


def _counted(lines: Iterable[Line], count: int) -> Iterator[Record]:
    """Poems of so many lines; blank ones are none."""
    block: list[Line] = []
    for line in lines:
        if line[1].strip():
            block.append(line)
            if len(block) == count:
                yield _joined(block)
                block = []
    if block:
        yield Record(
            block[0][0], problem=FEWER_LINES, detail=_("{n} of {count}", n=len(block), count=count)
        )


def _joined(block: list[Line]) -> Record:
    where = next((where for where, text in block if BROKEN in text), block[0][0])
    return Record(where, "\n".join(text for _, text in block))

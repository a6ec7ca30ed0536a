"""Which part of an entry is the poem: of an object of JSON or a row, however deep it lies.

A name that collections give to a poem's text comes first; where there is none of these, the field
whose values are most like verse. An object that holds others, as a book its sections, passes on
what it says of them: author, dynasty, and its title as that of the book.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple

from ..errors import several
from ..i18n import N_
from ..text.cleaning import clean
from ..text.poem import has_han, split_verses
from .documents import Entry, Whole
from .encoding import BROKEN
from .layouts import line_record
from .reading import ReadingOptions
from .record import Problem, Record, tidy

MAX_FIELDS = 1000
"""Of an entry, or columns of a table: more are a mistake, or malice."""
NO_TEXT, NO_ENTRY = N_("none of the fields is a poem"), N_("not an object")
TOO_WIDE = N_("too many fields")

# As collections name them; without case, blanks, - and _. The earlier one is taken.
_RANKS = {
    meaning: {name: rank for rank, name in enumerate(names.split())}
    for meaning, names in {
        "text": """text poem content paragraphs lines poemtext poemcontent fulltext poetry body
            verse verses stanzas stanza para paragraph strophes strophe poesie poema gedicht texte
            texto 內容 内容 正文 詩文 诗文 詩句 诗句 原文 全文 詩詞 诗词 詩歌 诗歌 詩詞內容 诗词内容
            詩歌內容 诗歌内容 詩 诗 詞 词 曲 賦 赋 文本 文字 段落 句子 句 本文 俳句 和歌 短歌 歌 시
            본문 내용 s line sentence""",
        "title": """title 標題 标题 題目 题目 詩題 诗题 詩名 诗名 篇名 題名 题名 題 题 poemname
            poemtitle subchapter chapter titre título titolo titel タイトル 제목""",
        "author": "author poet 作者 詩人 诗人 著者 作家 詞人 词人 auteur autor poetname 지은이",
        "dynasty": "dynasty 朝代 年代 時代 时代",
    }.items()
}
# The file names of chinese-poetry tell the dynasty: poet.tang.0.json.
_FILES = {"tang": "tang", "song": "song", "yuanqu": "yuan"}

_HEAD = 1000  # entries that tell whether a field is named
_LOOKED_AT = 200  # of them, by whose values it is found where it is not
_LIKE_VERSE = 0.35  # on average: songs have 0.6, regulated verse 1, prose and titles 0.2 to 0.3
_DEEPEST = 20
Given = Mapping[str, str]


class _Leaf(NamedTuple):
    """What may be one poem, what the objects around it say of it, and which field is named so."""

    value: Any
    given: Given
    key: str | None = None


def entry_records(name: str, entries: Iterable[Entry], options: ReadingOptions) -> Iterator[Record]:
    """The poems in the entries of a file; one record with what is wrong where no field is one."""
    found = ((where, leaf) for where, value in entries for leaf in _leaves(value, {}, options))
    head = list(islice(found, _HEAD))
    objects = [leaf.value for _, leaf in head if isinstance(leaf.value, dict)]
    field = None
    if objects and not any(leaf.key for _, leaf in head):
        field = None if options.text_field else _likeliest(objects[:_LOOKED_AT])
        if field is None and len(objects) == len(head):
            yield Record(name, problem=NO_TEXT, detail=_names(objects))
            return
    dynasty = [_FILES[part] for part in os.path.basename(name).split(".") if part in _FILES]
    for where, leaf in chain(head, found):
        record = _record(where, leaf, field, options)
        yield record._replace(meta={"dynasty": dynasty[0], **record.meta}) if dynasty else record


def likeness(value: object) -> float:
    """How much a text is like verse: the share of its verses that have the commonest length.
    0 for what is too short or too uniform to tell, or has longer verses than verse has."""
    text, _ = clean((_text(value) or "")[:2000])
    verses = split_verses(text)
    if not verses:
        return 0.0
    length, count = Counter(map(len, verses)).most_common(1)[0]
    if not has_han(text):
        lines = sum(len(verse) <= 90 for verse in verses)
        return lines / len(verses) if len(verses) > 1 and len(text) > 20 else 0.0
    plain = (
        len(verses) > 1 and 3 <= length <= 12 and len(set(text)) > 6 and sum(map(len, verses)) >= 10
    )
    return count / len(verses) if plain else 0.0


def _leaves(value: Any, given: Given, options: ReadingOptions, depth: int = 0) -> Iterator[_Leaf]:
    """The parts of an entry that hold no others with a poem in them."""
    whole = isinstance(value, Whole)
    value = value.value if isinstance(value, Whole) else value
    if isinstance(value, list) and not _are_lines(value) and depth < _DEEPEST:
        for part in value:
            yield from _leaves(part, given, options, depth + 1)
    elif not isinstance(value, dict):
        yield _Leaf(value, given)
    elif key := _text_key(value, options):
        yield _Leaf(value, given, key)
    elif inner := [(k, v) for k, v in value.items() if _holds_entries(v)]:
        around = _meta(value, "", given, options)
        for name, part in inner if depth < _DEEPEST else ():
            named = {"title": tidy(name)} if isinstance(part, dict) and has_han(name) else {}
            yield from _leaves(Whole(part), {**around, **named}, options, depth + 1)
    elif whole and _are_titled(value):
        yield from (_Leaf({"title": k, "text": v}, given, "text") for k, v in value.items())
    else:
        yield _Leaf(value, given)


def _record(where: str, leaf: _Leaf, field: str | None, options: ReadingOptions) -> Record:
    value, given, key = leaf
    if isinstance(value, Problem):
        undecoded = BROKEN if value.undecoded else ""
        return Record(where, undecoded, problem=value.name, detail=value.detail)
    if isinstance(value, str):
        record = line_record(where, value)
        return record._replace(meta={**given, **record.meta})
    if not isinstance(value, dict):
        text = _text(value)
        return Record(where, text, given) if text else Record(where, problem=NO_ENTRY)
    if len(value) > MAX_FIELDS:
        return Record(where, problem=TOO_WIDE, detail=f"{len(value):,}")
    key = key or field or _first(value, "text")
    if key is None or key not in value:
        return Record(where, problem=NO_TEXT, detail=_names([value]))
    return Record(where, _text(value[key]) or "", _meta(value, key, given, options))


def _meta(value: Mapping[str, Any], text: str, given: Given, options: ReadingOptions) -> Given:
    """What an object says of its poem, beside what is given for it: all its other strings."""
    others = ((k, v) for k, v in value.items() if k != text and isinstance(v, str) and v.strip())
    own = {tidy(k): tidy(v) for k, v in others}
    for name in ("title", "author", "dynasty"):
        key = options.title_field if name == "title" else None
        key = key if key in own else _first(own, name)
        if key is not None and (key == options.title_field or name not in own):
            own[name] = own[key]
    if given.get("title") and own.get("title", given["title"]) != given["title"]:
        own.setdefault("book", given["title"])
    return {**given, **own}


def _text_key(value: Mapping[str, Any], options: ReadingOptions) -> str | None:
    """The name of the field that is a poem by its name."""
    if options.text_field is not None:
        return options.text_field if _text(value.get(options.text_field)) else None
    return _first({k: v for k, v in value.items() if _is_named(k, "text") and _text(v)}, "text")


def _first(keys: Iterable[str], meaning: str) -> str | None:
    """The name among these that means this, as title; the most usual one of several."""
    ranks = _RANKS[meaning]
    return min(
        (k for k in keys if _is_named(k, meaning)), key=lambda k: ranks[_plain(k)], default=None
    )


def _is_named(key: str, meaning: str) -> bool:
    return _plain(key) in _RANKS[meaning]


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    return "".join(char for char in key.casefold() if char not in "-_" and not char.isspace())


def _text(value: object) -> str | None:
    """The text in a field: a string, a list of lines, or one of stanzas; None if it is none."""
    if isinstance(value, str):
        return value if value.strip() else None
    if not isinstance(value, list):
        return None
    if _are_lines(value):
        lines = [line or "" for line in value]
        stanzas = any("\n" in line.strip() for line in lines)
        text = ("\n\n" if stanzas else "\n").join(lines)
    else:
        parts = [_text(part) if isinstance(part, list) else None for part in value]
        text = "\n\n".join(part for part in parts if part) if all(parts) else ""
    return text if text.strip() else None


def _are_lines(value: Sequence[object]) -> bool:
    return all(isinstance(line, str) or line is None for line in value)


def _holds_entries(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(part, dict) for part in value)
    )


def _are_titled(value: Mapping[str, Any]) -> bool:
    """Whether an object has poems by their titles."""
    texts = list(islice(value.values(), _LOOKED_AT))
    like = sum(likeness(text) >= _LIKE_VERSE for text in texts)
    return len(texts) > 1 and 5 * like >= 4 * len(texts)


def _likeliest(objects: Sequence[Mapping[str, Any]]) -> str | None:
    """The field whose values are most like verse; None where none is enough."""
    keys = dict.fromkeys(key for each in objects for key in islice(each, MAX_FIELDS))
    means = {k: sum(likeness(each.get(k)) for each in objects) / len(objects) for k in keys}
    best = max(means, key=lambda key: means[key], default="")
    return best if means.get(best, 0) >= _LIKE_VERSE else None


def _names(objects: Iterable[Mapping[str, Any]]) -> str:
    names = list(
        dict.fromkeys(tidy(key)[:40] for each in objects for key in islice(each, MAX_FIELDS))
    )
    return several(names)

"""Books of rhyme: the groups in which the readings of a character rhyme, by the book one goes by.

平水 are the 106 classes of `shi`, by which 詩 rhymes. 詞林正韻 (戈載, 1821) sorts the rhymes of
the 集韻 into 19 groups (部) by how the poets of the Song rhymed in 詞: 14 hold the level, rising
and departing tones of one sound, five the entering tone. A group holds whole classes of the 106,
save for ten classes that it divides: 元 is 第七部, but 魂 and 痕, which are of that class, are
第六部. Of those, cilin.tsv tells which character goes where; scripts/make_prosody_table.py writes
it. 新韻 is the 中華新韻, by which some rhyme today: 14 rhymes of Mandarin, whose first two tones
are level; scripts/make_modern_table.py writes modern.tsv.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ....errors import ConfigError, either
from ....i18n import _
from ..interface import Reading
from . import shi

BOOKS = CLASSES, GROUPS, MODERN = ("平水", "詞林", "新韻")

_CILIN = """
一 東冬董腫送宋       二 江陽講養絳漾       三 支微齊灰紙尾薺賄寘未霽泰隊
四 魚虞語麌御遇       五 佳灰蟹賄泰卦隊     六 真文元軫吻阮震問願
七 元寒刪先阮旱潸銑願翰諫霰                  八 蕭肴豪篠巧皓嘯效號
九 歌哿箇             十 佳麻馬卦禡         十一 庚青蒸梗迥敬徑
十二 尤有宥           十三 侵寢沁           十四 覃鹽咸感儉豏勘豔陷
十五 屋沃             十六 覺藥             十七 質陌錫職緝
十八 物月曷黠屑葉     十九 葉合洽
"""
CILIN = {f"第{n}部": names for n, names in zip(*[iter(_CILIN.split())] * 2, strict=True)}
"""The groups of 詞林正韻, each with the classes of the 106 that it holds, whole or in part."""


@cache
def _divided() -> dict[tuple[str, str], tuple[str, ...]]:
    """The groups of a character in a class that 詞林正韻 divides, by both."""
    text = files(__package__).joinpath("cilin.tsv").read_text(encoding="utf-8")
    groups: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, group, chars = line.split("\t")
            for char in chars:
                groups[char, name] = (*groups.get((char, name), ()), group)
    return groups


@cache
def groups(char: str, name: str) -> tuple[str, ...]:
    """The groups of 詞林正韻 in which a character rhymes where it is read in a class of the 106:
    one, or both parts of a divided class where it is in either."""
    whole = tuple(group for group, names in CILIN.items() if name in names)
    return _divided().get((char, name), whole)


@cache
def _modern() -> dict[str, dict[Reading, bool]]:
    """By character, its readings in Mandarin, and whether they are usual."""
    text = files(__package__).joinpath("modern.tsv").read_text(encoding="utf-8")
    found: dict[str, dict[Reading, bool]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, tone, *parts = line.split("\t")
            for usual, chars in zip((True, False), parts, strict=False):
                for char in chars:
                    found.setdefault(char, {})[Reading(tone, name)] = usual
    return found


@cache
def readings_in(
    char: str, book: str, simplified: bool = True, usual: bool = False
) -> frozenset[Reading]:
    """The readings of a character, as `shi.readings`, with the rhymes of a book of `BOOKS`: a
    class of the 106; 第一部 to 第十九部, which tell level from oblique by the tone alone; or one of
    14 of today, of the tone 平 or 仄. Raises ConfigError: another book."""
    if book == MODERN:
        spoken = _modern().get(char, {}).items()
        return frozenset(reading for reading, common in spoken if common or not usual)
    found = shi.readings(char, simplified, usual)
    if book == CLASSES:
        return found
    if book != GROUPS:
        raise ConfigError(
            _(
                "the book of rhymes is {book!r}; expected {books}",
                book=book,
                books=either(BOOKS),
            )
        )
    return frozenset(Reading(tone, group) for tone, name in found for group in groups(char, name))

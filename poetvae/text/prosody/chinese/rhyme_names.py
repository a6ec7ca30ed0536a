"""Names of rhyme classes as people say them: 陽, 下平七陽, 阳韵, or a final of pinyin, ang."""

from __future__ import annotations

import re
import unicodedata

from .shi import RHYMES

_LEVEL = RHYMES["平"]
_BOOKS = {
    "上平": _LEVEL[:15],
    "下平": _LEVEL[15:],
    **{tone: names for tone, names in RHYMES.items() if tone != "平"},
}
"""The books of 平水韻, each with its classes in order: a class is named by its number, too."""
_NAME = re.compile("(上平|下平|平|上|去|入)?[聲声]?([一二三四五六七八九十]+|[0-9]+)?(.)[韻韵部]?")
_DIGITS = {char: n for n, char in enumerate("零一二三四五六七八九")}
# Class names in other spellings, simplified characters among them, and 琰, as many books have 儉.
_SPELLINGS = dict(
    zip(
        "东鱼齐删萧阳盐肿讲语荠贿轸铣养俭豏宋绛御霁队问愿谏啸号个個祃径艳艷豔质觉药锡职缉叶琰眞马纸寝筱筿",
        "東魚齊刪蕭陽鹽腫講語薺賄軫銑養儉豏宋絳御霽隊問願諫嘯號箇箇禡徑豔豔豔質覺藥錫職緝葉儉真馬紙寢篠篠",
        strict=True,
    )
)

# By final, whatever glide stands before it, the classes of which at least a quarter of the
# characters that end even verses of the corpus have it in Mandarin; level classes first.
FINALS = {
    "a ia ua": "佳麻馬禡黠合洽",
    "e o uo": "歌哿馬箇覺曷藥陌職葉",
    "ie ue ve üe": "蟹月屑葉",
    "ai uai": "佳灰蟹賄泰卦隊",
    "ei ui uei": "微灰尾賄寘未泰隊",
    "ao iao": "蕭肴豪篠巧皓嘯效號",
    "ou iu iou": "尤有宥",
    "an ian uan van üan": "元寒刪先覃鹽咸阮旱潸銑感儉豏願翰諫霰勘豔陷",
    "en in un uen vn ün": "真文元侵軫吻阮寢震問願沁",
    "ang iang uang": "江陽講養絳漾",
    "eng ing ueng": "庚青蒸梗迥送敬徑",
    "ong iong": "東冬董腫送宋絳",
    "i": "支微齊紙薺寘未霽質錫職緝陌",
    "u ü v": "魚虞語麌御遇屋沃物",
    "er": "支紙寘",
}
_BY_FINAL = {final: classes for finals, classes in FINALS.items() for final in finals.split()}
_MARKS = re.compile("[\u0300-\u0307\u0309-\u036f-]")  # of tones; ü keeps its own


def rhyme_classes(name: str) -> str:
    """The classes that a name stands for; none where it is the name of none.

    A number has to be the one that the class has: 七陽 is 陽 of 下平, 八陽 none.
    """
    text = unicodedata.normalize("NFKD", name.strip().casefold())
    if found := _BY_FINAL.get(unicodedata.normalize("NFC", _MARKS.sub("", text))):
        return found
    match = _NAME.fullmatch(unicodedata.normalize("NFKC", name.strip()))
    if match is None:
        return ""
    book, number, char = match[1] or "", match[2], _SPELLINGS.get(match[3], match[3])
    for title, names in _BOOKS.items():
        if char in names and (not book or book in title):
            return char if not number or names.index(char) + 1 == _number(number) else ""
    return ""


def _number(text: str) -> int:
    """十七 and 17 as 17."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_DIGITS.get(tens, 1) if ten else 0) * 10 + _DIGITS.get(ones, 0)

"""Names as people say them, in either script and in English: of forms, of fields, of dynasties."""

from __future__ import annotations

import re
import unicodedata

from ..i18n import N_

ABOUT = "about"  # what a poem is about, whatever that field is called
_NUMBERS = {char: n for n, char in enumerate("零一二三四五六七八九十")}
_NUMBERS |= {"兩": 2, "两": 2, "five": 5, "penta": 5, "wu": 5, "seven": 7, "hepta": 7, "qi": 7}
_NUMBERS |= {str(n): n for n in range(1, 10)}
_OF_LENGTH = f"({'|'.join(_NUMBERS)})?(?:言|字|character|word|syllabic|syllable|yan)?"
_LINES = {
    **dict.fromkeys(("絕句", "絕", "四句", "quatrain", "jueju", "jue"), 4),
    **dict.fromkeys(("律詩", "律", "八句", "octave", "lushi", "lvshi", "lu", "lv"), 8),
    **dict.fromkeys(("對句", "對聯", "聯語", "聯", "對", "二句", "兩句", "couplet"), 2),
}
_FORM = re.compile(f"{_OF_LENGTH}({'|'.join(_LINES)})s?")
_LENGTHS = {
    **dict.fromkeys(("haiku", "俳句", "hokku", "發句", "senryu", "川柳"), (5, 7, 5)),
    **dict.fromkeys(("tanka", "短歌", "waka", "和歌"), (5, 7, 5, 7, 7)),
    **dict.fromkeys(("ballad", "balladstanza", "commonmetre", "commonmeter"), (8, 6, 8, 6)),
    **dict.fromkeys(("heroiccouplet", "pentametercouplet"), (10,) * 2),
    **dict.fromkeys(("heroicquatrain", "pentameterquatrain"), (10,) * 4),
    "sonnet": (10,) * 14,
    "tetrametercouplet": (8,) * 2,
    "tetrameterquatrain": (8,) * 4,
}
_SAID = str.maketrans("绝絶诗对联两发", "絕絕詩對聯兩發")

_CALLED = {(5,) * n: f"五言{name}" for n, name in ((2, "對句"), (4, "絕句"), (8, "律詩"))}
_CALLED |= {(7,) * len(lengths): f"七{name[1:]}" for lengths, name in _CALLED.items()}
_CALLED |= {(5, 7, 5): N_("haiku"), (5, 7, 5, 7, 7): N_("tanka"), (8, 6, 8, 6): N_("ballad stanza")}
_CALLED |= {
    (10,) * 2: N_("heroic couplet"),
    (10,) * 4: N_("pentameter quatrain"),
    (10,) * 14: N_("sonnet"),
}
_CALLED |= {(8,) * 2: N_("tetrameter couplet"), (8,) * 4: N_("tetrameter quatrain")}

FIELDS = {
    "dynasty": ("朝代", "时代", "年代"),
    "author": ("作者", "诗人", "词人", "poet"),
    "title": ("题目", "标题", "诗题"),
    "form": ("体裁", "诗体"),
    "tune": ("rhythmic", "词牌", "詞牌", "词牌名", "詞牌名", "词调", "詞調", "cipai"),
}
DYNASTIES = {
    "先秦": ("preqin",),
    "秦": ("qin",),
    "汉": ("han",),
    "隋": ("sui",),
    "唐": ("tang",),
    "五代": ("fivedynasties",),
    "宋": ("song", "sung"),
    "辽": ("liao",),
    "元": ("yuan",),
    "明": ("ming",),
    "清": ("qing", "ching"),
}
_FIELD = {other: name for name, others in FIELDS.items() for other in others}
_DYNASTY = {other: name for name, others in DYNASTIES.items() for other in (name, *others)}
_OF_DYNASTY = re.compile(r"(.+?)(?:王朝|朝|代|dynasty)")


def said(text: str) -> str:
    """A name without what makes no difference: width, case, blanks, hyphens, accents."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in text if char.isalnum())


def form_named(text: str) -> tuple[int, ...]:
    """The lengths of the lines of a form by its name: (7, 7, 7, 7) for 七絕, 七言绝句,
    seven-character quatrain, (5, 7, 5) for haiku. Where it does not say how long lines are, they
    have five characters: couplet is (5, 5). Empty where nothing
    has the name."""
    name = said(text).translate(_SAID)
    match = _FORM.fullmatch(name)
    return (_NUMBERS[match[1] or "五"],) * _LINES[match[2]] if match else _LENGTHS.get(name, ())


def called(lengths: tuple[int, ...]) -> str:
    """What verse of lines of these lengths is called: 七言絕句, haiku; "" where it has no name."""
    return _CALLED.get(lengths, "")


def field_key(name: str) -> str:
    """The same for all names of a field, given in simplified characters: dynasty for 朝代."""
    return _FIELD.get(said(name), said(name))


def value_key(value: str) -> str:
    """The same for all names of a value, given in simplified characters: 唐 for Tang and 唐代."""
    value = said(value)
    match = _OF_DYNASTY.fullmatch(value)
    return _DYNASTY.get(value) or (match and _DYNASTY.get(match[1])) or value

"""One spelling for each character, and the poem without what its editors added.

Every text is brought to NFC with one kind of line break, single blanks, and one empty line between
stanzas; what was written as one line, with | or / between verses, is several. In Chinese texts
notes in brackets go, and a character that is lost, or described because Unicode lacks it, is □.
Brackets are left alone in texts without Han characters: there they belong to the poem.
"""

from __future__ import annotations

import re
import unicodedata

from ..i18n import N_
from .poem import HAN, LACUNA, has_han

_LINE_BREAK = re.compile("[\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_CARRIAGE_RETURNS = re.compile("\r+\n")
_BLANKS = re.compile(r"[^\S\n]*\n\s*|[^\S\n]{2,}|[^\S\n ]")

# Controls, soft hyphen, zero-width and bidirectional marks, tags, noncharacters, and the two marks
# that sentencepiece keeps for itself. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
_CONTROLS = re.compile(
    "[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f▁▅]"
)
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What is invisible wherever it stands: between Han characters joiners are that, too.
_INVISIBLE = re.compile(
    "[\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u3164\uffa0"
    "\U0001d173-\U0001d17a]"
)

# Other code points of the same characters and marks: those of radicals, as some PDFs give them, by
# Unicode's Equivalent_Unified_Ideograph, _ where there is none; upright, small and narrow marks.
_RADICALS = (
    "_厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵_旡日月歺母民氵氺灬爫爫丬牛犭王𤴔目示"
    "礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦"
    "页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)
_CODES = (*range(0x2F00, 0x2FD6), 0x3038, 0x3039, 0x303A, *range(0xFE10, 0xFE17))
_CODES = (*_CODES, *range(0xFE35, 0xFE45), *range(0xFE50, 0xFE5F), *range(0xFF61, 0xFF66))
_WIDE = str.maketrans(",.:;?!()", "，。：；？！（）")
_SAME = {c: unicodedata.normalize("NFKC", chr(c)).translate(_WIDE) for c in _CODES}
_SAME |= {c: char for c, char in enumerate(_RADICALS, 0x2E80) if char != "_"}
_OTHER_CODE = re.compile(f"[{''.join(map(chr, _SAME))}]")

# In Chinese texts circles stand for characters lost in print; U+FFFD, private use and surrogates
# for those lost on the way into the file.
_LOST = re.compile("[○●◯◌\ufffd\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DESCRIBED = re.compile(f"\\{{[^{{}}\n]{{1,20}}\\}}|<[{HAN}]{{2,4}}>")
_IDS_ARITY = {**dict.fromkeys("⿰⿱⿴⿵⿶⿷⿸⿹⿺⿻", 2), **dict.fromkeys("⿲⿳", 3)}
_IDS = re.compile("[⿰-⿻]")
_BRACKET = re.compile(r"[（）()〔〕〖〗［］\[\]]")
_INSIDE = r"[^（）()〔〕〖〗［］\[\]]*"
_RESTORED = re.compile(r"\[(?![一二三四五六七八九十百〇○0-9]+\])" + f"({_INSIDE})" + r"\]")
_NOTE = re.compile(rf"[（(]{_INSIDE}[）)]|〔{_INSIDE}〕|〖{_INSIDE}〗|［{_INSIDE}］|\[{_INSIDE}\]")
_NESTING = 8
# Between verses; in a text without Han characters, blanks around it tell it from and/or.
_HAN_SEPARATOR = re.compile(
    rf"(?<=[{HAN}□，。！？；：、])[^\S\n]*[|｜/／]+[^\S\n]*(?=[{HAN}□「『“《\n]|$)"
)
_SEPARATOR = re.compile(r"[^\S\n]+[/|]+[^\S\n]+|[^\S\n]*\|+[^\S\n]*")
_WORD = re.compile(f"[^\\W_]|{LACUNA}")
UNBALANCED = N_("unbalanced brackets")


def clean(text: str) -> tuple[str, list[str]]:
    """The text as it is learnt from, and what was altered to get there. The text is empty when
    there is no character of writing in it; `UNBALANCED` among the names of alterations means that
    notes could not be told from the poem."""
    altered: dict[str, None] = {}
    for _ in range(_NESTING):  # what one step leaves may be for an earlier one
        before, text = text, _altered(text, altered)
        if text == before:
            break
    return (text if _WORD.search(text) else ""), list(altered)


def _altered(text: str, altered: dict[str, None]) -> str:
    """The text after each step once; the names of those that alter it are added to `altered`."""

    def alter(name: str, new: str) -> None:
        nonlocal text
        if new != text:
            altered[name] = None
            text = new

    text = _CARRIAGE_RETURNS.sub("\n", text)
    alter(N_("line breaks"), _LINE_BREAK.sub("\n", text))
    alter(N_("control characters"), _CONTROLS.sub("", text))
    alter(N_("variation selectors"), _VARIATIONS.sub("", text))
    if _OTHER_CODE.search(text):
        alter(N_("radicals"), text.translate(_SAME))
    if has_han(text):
        alter(N_("control characters"), _INVISIBLE.sub("", text))
        alter(N_("described characters"), _replace_ids(_DESCRIBED.sub(LACUNA, text)))
        alter(N_("restored text"), _RESTORED.sub(r"\1", text))
        alter(N_("notes"), _without_notes(text))
        if _BRACKET.search(text):
            altered[UNBALANCED] = None
        alter(N_("lost characters"), _LOST.sub(LACUNA, text))
        alter(N_("separators"), _HAN_SEPARATOR.sub("\n", text))
    elif "\n" not in text.strip():
        alter(N_("separators"), _SEPARATOR.sub("\n", text))
    alter(N_("lost characters"), _SURROGATE.sub("\ufffd", text))
    # Only now: without what stood between them, a letter and an accent may have come together.
    alter(N_("not NFC"), unicodedata.normalize("NFC", text))
    alter(N_("blanks"), _BLANKS.sub(lambda m: "\n" * min(2, m[0].count("\n")) or " ", text.strip()))
    return text


def _without_notes(text: str) -> str:
    """The text without bracketed notes, innermost first, and without lines that were only notes."""
    if not _BRACKET.search(text):
        return text
    for _ in range(_NESTING):
        text, count = _NOTE.subn("", text)
        if not count:
            break
    return "\n".join(line for line in text.split("\n") if not line or _WORD.search(line))


def _replace_ids(text: str) -> str:
    """The text with □ for each ideographic description sequence, such as ⿰木養."""
    if not _IDS.search(text):
        return text
    chars, missing = [], 0
    for char in text:
        if not missing:
            chars.append(LACUNA if char in _IDS_ARITY else char)
            missing = 1
        missing += _IDS_ARITY.get(char, 0) - 1
    return "".join(chars)

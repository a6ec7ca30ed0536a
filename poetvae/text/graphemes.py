"""What readers see as one character: a letter with its points, a syllable of an Indian script, a
kana with the small one behind it, which are one mora; and what a language writes as one syllable,
see `SYLLABLE`.

The rules are those of Unicode's extended grapheme clusters, save for Hangul in pieces, which NFC
puts together.
"""

from __future__ import annotations

import re
import unicodedata

# Blocks with marks in them; a text that has none of these, as Chinese and Western ones, is fast.
_MAY_JOIN = re.compile(
    "[⟨\u0300-\u1fffぁぃぅぇぉゃゅょゎァィゥェォャュョヮ\u200c\u200d\u20d0-\u20ff\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f"
    "\u3099\u309a\ua66f-\uabff\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f\U00010000-\U0001ffff]"
)
SYLLABLE = re.compile(r"⟨[^⟨⟩\s]*[0-9][^⟨⟩\s]*⟩")
"""A syllable of a language whose letters are none, with what is known of it: ⟨-light1:L:AY.T⟩."""
_SYLLABLES = re.compile(f"({SYLLABLE.pattern})")
_JOINERS = "\u200c\u200d"
_SMALL = frozenset(
    "ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ"
)  # kana that stand for no mora of their own
_SKIN = range(0x1F3FB, 0x1F400)  # colours of an emoji
_FLAG = range(0x1F1E6, 0x1F200)  # letters, two of which are one
# Of those signs that take a vowel away the ones that bind consonants to one syllable.
_LINKERS = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")


def may_join(text: str) -> bool:
    """Whether a text has what may be no character by itself; False is certain."""
    return _MAY_JOIN.search(text) is not None


def clusters(text: str) -> list[str]:
    """The characters of a text as readers see them; joined they are the text again."""
    if not may_join(text):
        return list(text)
    if "⟨" in text and len(parts := _SYLLABLES.split(text)) > 1:
        return [u for i, part in enumerate(parts) for u in ([part] if i % 2 else clusters(part))]
    found: list[str] = []
    for char in text:
        if found and not found[-1].isspace() and _joins(found[-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def is_mark(char: str) -> bool:
    """Whether a character belongs to the letter before it, and is none where nothing is."""
    return len(char) == 1 and len(clusters("a" + char)) == 1


def _joins(before: str, char: str) -> bool:
    kind = unicodedata.category(char)
    if kind in ("Mn", "Mc", "Me") or char in _JOINERS or ord(char) in _SKIN:
        return True
    if char in _SMALL:
        return "ぁ" <= before[0] <= "ヺ"
    last = before.rstrip(_JOINERS)[-1:]
    bound = last in _LINKERS or (before.endswith("\u200d") and kind == "So")
    pair = len(before) == 1 and ord(before) in _FLAG and ord(char) in _FLAG
    return (bound and kind in ("Lo", "So")) or pair

"""How poets bend words: a vowel left out, two drawn into one, one sounded that speech leaves out.

Each licence has a name, so that a metre may allow some and not others. What is not here is read as
the dictionary has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .spelling import align
from .table import Phones, dictionary, is_vowel

PLAIN, SYNCOPE, SYNERESIS, DIERESIS, SOUNDED = "", "syncope", "syneresis", "dieresis", "sounded"
OLD_DIERESIS = "old dieresis"
LICENCES = (SYNCOPE, SYNERESIS, DIERESIS, SOUNDED, OLD_DIERESIS)
"""The commonest first. Syncope: an unstressed vowel falls, glitt'ring, heav'n. Syneresis: two
vowels are one, power, being, glorious. Dieresis: one becomes two, fire as in higher. Sounded: the
-ed of lovèd is heard. Old dieresis, of the Renaissance alone: the i of na-ti-on is heard."""

_SHORTENING = (SYNCOPE, SYNERESIS)
_HEAVEN = re.compile(r"(eav|ev|iv|fall|stol|swoll)en('?s|s'|l[iy].*|wards?)?$")
# Words whose last vowel may fall although it does not elsewhere: e'er, whe'er, de'il, gav'st.
_FALLING = re.compile(
    r"((n|so|for|how.*|wh.+)?ever|over|whether|n?either|t?hither|d?evil|spirit)('?s|s')?"
    r"|(cam|gav|mad|spak|took|held|stood|went|.*ught)est"
)
_HUSHED = ("SH", "ZH")
_GLIDING = ("AY1", "AW1", "OY1", "AY2", "AW2", "OY2")
_TENSE = ("IY", "EY", "AY", "OY", "UW", "OW", "AW")  # vowels that end in a glide
_WEAK = ("AH0", "IH0", "EH0", "ER0")
_MELTING = (("L",), ("M",), ("N",), ("NG",), ("T",), ("TH",))
# Weak vowels with the glides that they become before another one.
_SLIDING = {"IY0": "Y", "IY2": "Y", "UW0": "W", "OW0": "W"}


def licences(letters: str, phones: Phones) -> Iterator[tuple[str, Phones]]:
    """The other readings that verse gives a word, each with the name of its licence; of two that
    shorten a word, as heaven-liest, the name of the less common one.

    Args:
        letters: the word in small letters.
        phones: one reading of the dictionary.
    """
    once = [*_bent(letters, phones)]
    yield from once
    for first, shorter in once:
        for second, shortest in _bent(letters, shorter) if first in _SHORTENING else ():
            if second in _SHORTENING:
                yield max(first, second, key=LICENCES.index), shortest


def _bent(letters: str, phones: Phones) -> Iterator[tuple[str, Phones]]:
    """The readings that are one licence away, each with its name."""
    for j, phone in enumerate(phones):
        before, after = phones[:j], phones[j + 1 :]
        falls = _falls(phones, j) or _falls_last(letters, phones, j)
        if falls or (_HEAVEN.search(letters) and _falls_before_n(phones, j)):
            yield SYNCOPE, (*before, *_consonant(phone), *after)
        if j and _melts(phones, j):
            yield SYNERESIS, (*before, *_consonant(phone), *after)
        if j and _slides(phones, j):
            yield SYNERESIS, (*before, _SLIDING[phone], *after)
        if j and _doubles(letters, phones, j):
            yield SYNERESIS, (*before, *after)
        if _opens(letters, phones, j):
            yield DIERESIS, (*before, phone, "ER0", *after[1:])
        if j and _widens(letters, phones, j):
            yield OLD_DIERESIS, (*before, "IY0", *phones[j:])
    if _silent_ed(letters, phones):
        yield SOUNDED, (*phones[:-1], "AH0", "D")


def _consonant(vowel: str) -> Phones:
    """What is left of a vowel that falls: the r of er."""
    return ("R",) if vowel.startswith("ER") else ()


def _falls(phones: Phones, j: int) -> bool:
    """Whether a vowel stands unstressed between a consonant, with a syllable before it, and r, l or
    n before another unstressed vowel: glittering, family, reasoning; no r or l behind another
    consonant is left without a vowel, as in natur(a)lly once it is nat'rally."""
    if phones[j] not in ("AH0", "IH0", "ER0") or not any(map(is_vowel, phones[:j])):
        return False
    after = phones[j + 1 :] if phones[j] == "ER0" else phones[j + 2 :]
    liquid = phones[j] == "ER0" or phones[j + 1 : j + 2] in (("R",), ("L",), ("N",))
    crowded = phones[j - 1] in ("R", "L") and not is_vowel(phones[j - 2])
    held = is_vowel(phones[j - 1]) or phones[j - 1] in ("Y", "W") or crowded
    return not held and liquid and after[:1] != () and after[0][-1] == "0"


def _falls_last(letters: str, phones: Phones, j: int) -> bool:
    """Whether the last vowel stands unstressed in one of a few words, as in ever; or in the ending
    of a verb with thou: mak'st, remember'st."""
    if phones[j] not in ("AH0", "IH0", "ER0") or any(map(is_vowel, phones[j + 1 :])):
        return False
    if _FALLING.fullmatch(letters):
        return True
    verb = letters.endswith("est") and dictionary(letters[:-3] + "ing") and not dictionary(letters)
    held = is_vowel(phones[j - 1]) and not phones[j - 1].startswith("ER")
    crowded = phones[j - 1] in ("R", "L", "N") and phones[j - 2][-1] not in "012R"
    return bool(verb) and phones[j:] == ("IH0", "S", "T") and not held and not crowded


def _falls_before_n(phones: Phones, j: int) -> bool:
    """Whether a vowel stands unstressed before n and the end, s, or an ending: heaven, heavenly."""
    following = phones[j + 2 : j + 3] in ((), ("Z",), ("L",), ("W",))
    return phones[j] in ("AH0", "IH0") and phones[j + 1 : j + 2] == ("N",) and following


def _melts(phones: Phones, j: int) -> bool:
    """Whether an unstressed vowel melts into the one before it, which glides towards it, before a
    consonant that verse has it with: power, being, poem, quiet, highest, but not pious or idea."""
    before, after = phones[j - 1], phones[j + 1 :]
    if before[:-1] not in _TENSE or before[-1] == "0" or before in _SLIDING:
        return False
    if phones[j] == "ER0":
        return _glides(phones, j - 1)
    melting = after[:1] in _MELTING and after[:2] != ("M", "F")  # not triumph
    return phones[j] in _WEAK and (melting or after[:2] == ("S", "T"))


def _slides(phones: Phones, j: int) -> bool:
    """Whether a weak vowel behind a consonant slides into the weak one that follows: glo-rious,
    In-dian, hap-pier, vir-tuous, fol-lowing, sha-dowy; not in a first syllable, as of react."""
    following = phones[j + 1 : j + 2] or ("",)
    weak = following[0] in (*_WEAK, "IY0", "EH2", "OW0", "OW2")
    inside = any(map(is_vowel, phones[:j])) and not is_vowel(phones[j - 1])
    return phones[j] in _SLIDING and weak and inside


def _doubles(letters: str, phones: Phones, j: int) -> bool:
    """Whether a weak vowel stands before w and another one, where u alone writes all three, as the
    dictionary has it in usual."""
    soft = phones[j - 1] in ("SH", "ZH", "CH", "JH", "Y")
    return soft and "w" not in letters and phones[j : j + 3] == ("AH0", "W", "AH0")


def _glides(phones: Phones, j: int) -> bool:
    """Whether a vowel glides to an er behind it, as in power."""
    return phones[j] in _GLIDING and phones[j + 1 : j + 2] == ("ER0",)


def _opens(letters: str, phones: Phones, j: int) -> bool:
    """Whether a vowel glides to an r that no vowel follows, and is not written as cut short."""
    following = phones[j + 2 : j + 3]
    glides = phones[j] in _GLIDING and phones[j + 1 : j + 2] == ("R",)
    return glides and "'r" not in letters and not any(map(is_vowel, following))


def _widens(letters: str, phones: Phones, j: int) -> bool:
    """Whether the last vowel stands unstressed behind sh or zh, and i or e writes that too."""
    if phones[j] != "AH0" or phones[j - 1] not in _HUSHED or any(map(is_vowel, phones[j + 1 :])):
        return False
    place = align(letters, phones)[j - 1]
    return re.match(r"[csthxz]*[ie][aeou]", letters[place:]) is not None


def _silent_ed(letters: str, phones: Phones) -> bool:
    """Whether a word ends in an e that is not heard, behind no vowel letter but a weak i, and d."""
    if letters.endswith("ied") and phones[-2:] == ("IY0", "D"):
        return True
    ending = re.search(r"[^aeio']ed$", letters) and not re.search(r"[^aeiouyr]red$", letters)
    if not ending or phones[-1] not in ("D", "T") or _glides(phones, len(phones) - 3):
        return False
    places = align(letters, phones)
    heard = {place for phone, place in zip(phones, places, strict=True) if is_vowel(phone)}
    return len(letters) - 2 not in heard

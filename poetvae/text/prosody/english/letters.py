"""Syllables told by letters alone, for words whose sounds are not known, such as names."""

from __future__ import annotations

import re
from itertools import pairwise

VOWELS = "aeiouy"
MARKS = "'-"

# Letters that may be the vowel of a syllable: not u in qu, i in -tion, or y beside another one.
_NUCLEUS = re.compile(
    r"(?<=q)u|(?<=[cst])i(?=o[nu])|(?<=[aeou])y|(?<![^aeiou])y(?=[aeiou])|([aeiouy])"
)
_HIATUS = ("ia", "io", "iu", "eo", "ua", "uo", "ya", "yo")
# Names from the Greek, whose last e is heard: Alcathoe, Polydes, Orestes, but not Hittites.
_NAME = re.compile(r"(phe|(th|rh|[lnr])oe|(d|[^i]t)es)('?s|')?$")
# The consonant letters that may begin a syllable, with an i that is none of its own.
_ONSET = re.compile(r"(?:[bcdfghjklmnpqrstvwyz]|[cgpstw]h|qu|[bcdfgkpt]r|[bcfgp]l|[cpst]hr)i?$")


def split_by_letters(letters: str) -> tuple[str, ...]:
    """A word cut into the syllables that its letters suggest, for one whose sounds are not known.

    Args:
        letters: a word in small letters, with one letter or more.
    """
    nuclei = [found.start() for found in _NUCLEUS.finditer(letters) if found.group(1)]
    paired = {i for i in nuclei if letters[i : i + 2] not in _HIATUS}
    paired -= {len(letters) - 2} if _NAME.search(letters) else set()
    vowels = [
        i for i in nuclei if i - 1 not in paired and not (i > nuclei[0] and _mute(letters, i))
    ]
    cuts = [_cut(letters, p, q) for p, q in pairwise(vowels)]
    return pieces(letters, cuts)


def _mute(letters: str, i: int) -> bool:
    """Whether a vowel letter is an e at the end that is not heard."""
    before, rest = letters[max(0, i - 2) : i], letters[i : i + 4].replace("'", "")
    if rest not in ("e", "es", "ed") or _NAME.search(letters):
        return False
    if rest == "e":
        return re.search(r"[^aeiouylr]l$|[^aeiouywlr]r$", before) is None
    if rest == "es":
        return re.search(r"([sxzcg]|[cs]h|[^aeiouyr]l)$", before) is None
    return before[-1] not in "td" and re.search(r"[^aeiouylr]l$", before) is None


def _cut(letters: str, p: int, q: int) -> int:
    """Where the syllable of the vowel letter q begins, after that of p."""
    start = next((i for i in range(p + 1, q) if letters[i] not in VOWELS), q)
    last = letters[q : q + 4].replace("'", "") in ("e", "es", "ed")
    if last and q - start >= 2 and letters[q - 1] in "lr":
        return q - 2  # ta-ble, cen-tre
    for cut in range(max(start, q - 3), q):
        if _ONSET.match(letters[cut:q]):
            return cut
    return q


def pieces(letters: str, cuts: list[int]) -> tuple[str, ...]:
    """The pieces between cuts, which are moved where a piece would have no letter.

    Args:
        letters: of a word, more of them than cuts.
        cuts: the place of the first letter of each piece but the first.
    """
    firsts, count = [0], len(cuts)
    for k, cut in enumerate(cuts):
        last = len(letters) - (count - k)
        firsts.append(max(firsts[-1] + 1, min(cut, last)))
    return tuple(letters[a:b] for a, b in zip(firsts, [*firsts[1:], len(letters)], strict=True))

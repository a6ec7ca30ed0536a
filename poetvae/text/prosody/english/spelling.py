"""Spelling shared among syllables: each gets the letters that write it, as in de-light, po-em.

Letters are laid beside sounds at the least cost: a letter writes a sound, is silent, or a sound has
no letter, as the second one of x or the last vowel of prism. A syllable then begins at the letter
of its first sound. Which consonants it begins with follows the ear: as many as may begin a word,
but a short stressed vowel keeps one behind it, so mas-ter and rec-ord beside a-cross and re-port.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from .letters import MARKS, VOWELS, pieces
from .table import Phones, dictionary, is_vowel

# The letters that usually write each sound, or begin to.
_WRITTEN = {
    "P": "p", "B": "b", "T": "td", "D": "d", "K": "ckqx", "G": "gx", "F": "fpg", "V": "vfu",
    "TH": "t", "DH": "t", "S": "scz", "Z": "szx", "SH": "sct", "ZH": "sgzt", "CH": "ct",
    "JH": "jgd", "M": "m", "N": "n", "NG": "n", "L": "l", "R": "r", "W": "wu", "Y": "yi",
    "HH": "hw", "AA": "ao", "AE": "a", "AH": "aeiou", "AO": "aou", "AW": "o", "AY": "iy",
    "EH": "ea", "ER": "eiouyar", "EY": "ae", "IH": "iye", "IY": "eiy", "OW": "o", "OY": "o",
    "UH": "uo", "UW": "uoe",
}  # fmt: skip
_SHORT = ("AA", "AE", "AH", "AO", "EH", "IH", "UH")
# The consonants that may begin a syllable together.
_ONSETS = """
P L, P R, B L, B R, T R, T W, D R, D W, K L, K R, K W, G L, G R, G W, F L, F R, TH R, TH W, SH R,
S P, S T, S K, S L, S M, S N, S W, S P L, S P R, S T R, S K R, S K W, P Y, B Y, T Y, D Y, K Y, G Y,
F Y, V Y, M Y, N Y, L Y, R Y, HH Y, S P Y, S K Y, CH W, JH W, SH W, ZH W, F L W
"""
_ONSET = frozenset(" ".join(onset.split()) for onset in _ONSETS.split(","))
# Endings that are kept whole, and those that are where the word without them is known.
_ENDING = re.compile(
    r"(?<=..)(?:ment|less|ness|(?<=[^aeiouys])ward|way|some|like|ship|hood|ful|wood|men"
    r"|(?<=[kfes])ly)s?$"
)
_PREFIX_SOUNDS = {
    "under": "AH2 N D ER0", "inter": "IH2 N T ER0", "over": "OW2 V ER0", "o'er": "AO2 R",
    "fore": "F AO2 R", "down": "D AW2 N", "self": "S EH2 L F", "mis": "M IH0 S",
    "dis": "D IH0 S", "non": "N AA0 N", "pre": "P R IY0", "out": "AW2 T", "all": "AO2 L",
    "mid": "M IH2 D",
    "un": "AH0 N", "re": "R IY0", "in": "IH0 N", "up": "AH2 P", "be": "B IH0", "en": "EH0 N",
    "em": "EH0 M", "im": "IH0 M", "a": "AH0", "where": "W EH2 R",
    "there": "DH EH2 R",
}  # fmt: skip
PREFIXES = {prefix: tuple(sounds.split()) for prefix, sounds in _PREFIX_SOUNDS.items()}
"""What words may begin with, the longer ones first, with its sounds."""
_INFLECTION = re.compile(r"(?<=..)(?:ings?|in'?|est|eth|ed|ers?|en|y)$")


@cache
def _cost(letter: str, phone: str) -> float:
    """How unlikely it is that a letter writes a sound."""
    plain = phone.rstrip("012")
    if letter in _WRITTEN[plain]:
        return 0
    if letter in MARKS:
        return 20
    return 1 if is_vowel(phone) and letter in VOWELS else 4


def _silence(letters: str, i: int, before: str) -> float:
    """How unlikely it is that a letter writes nothing after a sound."""
    letter, last = letters[i], letters[:i].rstrip(MARKS)[-1:]
    if letter in MARKS:
        return 0
    if letter == last or (letter == "r" and before.startswith("ER")):
        return 0.1
    if letter == "e" and letters[i + 1 :] in ("", "s", "d"):
        return 0.2
    if letter == "h" and last and last in "cgpstw":
        return 0.2
    if letter in "aeiouywgh" and last and last in VOWELS:
        return 0.4
    return 1 if letter in VOWELS else 1.5


def _absence(phones: Phones, j: int) -> float:
    """How unlikely it is that a sound has no letter."""
    following = phones[j + 1 : j + 2]
    if not is_vowel(phones[j]):
        return 0.5 if phones[j] in ("Y", "S", "Z") or following == ("W",) else 2
    return 1.5 if phones[j] in ("AH0", "ER0") and following in (("L",), ("M",), ("N",), ()) else 3


def align(letters: str, phones: Phones) -> tuple[int, ...]:
    """By sound, the place of the first letter that writes it; for a sound without a letter, the
    place of the next one that writes something.

    Args:
        letters: a word in small letters.
        phones: its sounds.
    """
    # best[i][j]: the least cost of laying the letters from i on beside the sounds from j on.
    n, m = len(letters), len(phones)
    absent = [_absence(phones, j) for j in range(m)]
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    step = [[""] * (m + 1) for _ in range(n + 1)]
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            ways = []
            if i < n and j < m:
                ways.append((_cost(letters[i], phones[j]) + best[i + 1][j + 1], 0, "written"))
            if i < n:
                quiet = _silence(letters, i, phones[j - 1] if j else "")
                ways.append((quiet + best[i + 1][j], 1, "silent"))
            if j < m:
                ways.append((absent[j] + best[i][j + 1], 2, "absent"))
            if ways:
                best[i][j], _, step[i][j] = min(ways)
    places, i = [], 0
    for j in range(m):
        while step[i][j] == "silent":
            i += 1
        places.append(i)
        i += step[i][j] == "written"
    return tuple(places)


def onset(consonants: Phones) -> Phones:
    """The longest end of the consonants between two vowels that may begin a syllable."""
    for k in range(len(consonants)):
        rest = consonants[k:]
        if " ".join(rest) in _ONSET or (len(rest) == 1 and rest != ("NG",)):
            return rest
    return ()


def split(letters: str, phones: Phones) -> tuple[str, ...]:
    """A word cut into as many pieces as its sounds have vowels; joined they give the word.

    Args:
        letters: a word in small letters, of as many letters as vowels or more.
        phones: its sounds, one vowel at least.
    """
    vowels = [j for j, phone in enumerate(phones) if is_vowel(phone)]
    if len(vowels) == 1:
        return (letters,)
    places = align(letters, phones)
    cuts = [_cut(letters, phones, places, p, q) for p, q in pairwise(vowels)]
    if ending := _ending(letters, phones):
        cuts[-1] = ending
    if joint := _joint(letters, phones):
        cuts[joint[0]] = joint[1]
    return pieces(letters, cuts)


def _ending(letters: str, phones: Phones) -> int | None:
    """Where the last syllable begins if it is an ending, so ask-ing and case-ment; None if not. No
    consonant written twice is kept together: run-ning, fal-ling."""
    if found := _ENDING.search(letters):
        return found.start()
    found = _INFLECTION.search(letters)
    stem = letters[: found.start()] if found else ""
    if found is None or stem[-1] == stem[-2]:
        return None
    known = (*dictionary(stem), *(dictionary(stem + "e") if letters[-1] != "y" else ()))
    rests = [phones[len(one) :] for one in known if phones[: len(one)] == one]
    same = any(is_vowel(rest[0]) for rest in rests if rest)
    return found.start() if same else None


def _joint(letters: str, phones: Phones) -> tuple[int, int] | None:
    """Where a word is made of two, or has a prefix: the number of that cut, and its place."""
    sounds = _unstressed(phones)
    for place in range(2, len(letters) - 1):
        first, second = letters[:place], letters[place:]
        parted = first[-1] != first[-2] or second[0] not in VOWELS  # not bill-ow
        whole = place > 3 and len(second) > 2 and parted
        for tail in map(_unstressed, dictionary(second)):
            head = sounds[: len(sounds) - len(tail)]
            heads = [*(dictionary(first) if whole else ()), PREFIXES.get(first, ())]
            if head and head + tail == sounds and head in map(_unstressed, heads):
                return sum(map(is_vowel, phones[: len(head)])) - 1, place
    return None


def _unstressed(phones: Phones) -> Phones:
    return tuple(phone.rstrip("012") for phone in phones)


def _cut(letters: str, phones: Phones, places: tuple[int, ...], p: int, q: int) -> int:
    """Where the syllable of the vowel q begins, after that of the vowel p."""
    between, place = phones[p + 1 : q], places[q]
    if letters[place - 1 :] == "'s":
        return place - 1  # press-'s
    if letters.startswith("un") and phones[0].startswith("AH") and between == ("N",) and p == 0:
        return 2  # un-able
    if places[p + 1] == places[p]:  # the vowel has no letter: peo-pl-ing
        return places[p] + 1
    if letters[place : place + 1] == "l" and place in places[q + 1 :] and between:
        return place - (letters[place - 2 : place] != "ck")  # trou-ble, cas-tle, pick-le
    if not between and phones[p].startswith("ER") and places[p] == 0:
        return 1  # a-round, whose er is written ar
    k = q - len(onset(between))
    if between and k == p + 1 and _closes(letters, phones, places, p):
        if _doubled(letters, places[k]):
            return places[k] + 1
        k += 1
    if k == q:
        return _behind(letters, places[q - 1], place) if between else place
    cut = places[k]
    prefixed = re.match(r"[dm]is[^aeiouy]", letters) and cut == 2 and phones[k] == "S"
    held = letters[cut - 2 : cut + 1] == "ght" or letters[cut : cut + 2] == "nt"
    if prefixed or held or _doubled(letters, cut):
        return cut + 1
    if phones[k] == "Y" and cut and _doubled(letters, cut - 2):
        return cut - 1  # mil-lion
    return cut - (letters[cut - 1 : cut + 1] == "kn" and cut - 1 not in places)


def _closes(letters: str, phones: Phones, places: tuple[int, ...], p: int) -> bool:
    """Whether a vowel keeps the consonant behind it: it is short and stressed, and the consonant is
    not one that i or u softens, as in special, nature and pleasure."""
    soft = phones[p + 1] in ("SH", "ZH", "CH", "JH")
    softened = soft and re.match(r"[cst]{1,2}[iu]|gi[ao]", letters[places[p + 1] :]) is not None
    return phones[p][:-1] in _SHORT and phones[p][-1] != "0" and not softened


def _doubled(letters: str, place: int) -> bool:
    """Whether a letter stands twice."""
    return letters[place : place + 1] == letters[place + 1 : place + 2] != ""


def _behind(letters: str, place: int, limit: int) -> int:
    """The place behind the letters of a consonant, before that of the next sound."""
    end = place + 1
    if _doubled(letters, place):
        return end
    while end < limit and (letters[end] in "hkge'-" or letters[end : end + 2] == "ch"):
        end += 1
    return end


def eye_rhymes(word: str, other: str) -> bool:
    """Whether two words are spelt alike from their last vowels but a silent e on: love, move."""
    first, second = (_END.findall(one.lower()) for one in (word, other))
    return bool(first) and first == second and word.lower() != other.lower()


_END = re.compile(r"[aeiouy]+[^aeiouy]+e?$|[aeiouy]+$")

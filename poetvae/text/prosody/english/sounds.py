"""The sounds of words that the dictionary lacks: made of words that it has.

A rule takes a word apart, into a stem and an ending or into two words, or spells it otherwise, and
puts the sounds of the parts together. The first rule that finds all parts decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from .spelling import PREFIXES, align
from .table import Phones, archaic, dictionary, is_vowel

DICTIONARY, ARCHAIC, RULE, LETTERS = "dictionary", "archaic", "rule", "letters"
SOURCES = (DICTIONARY, ARCHAIC, RULE, LETTERS)
"""Where a reading comes from, the surest first. `ARCHAIC` is the table by hand, of old forms and of
names; by its letters alone a word has no sounds."""

_LONGEST = 40  # letters; rules would take a longer string apart for nothing
_SIBILANTS = ("S", "Z", "SH", "ZH", "CH", "JH")
_VOICELESS = ("P", "T", "K", "F", "TH", "S", "SH", "CH")

# Endings of verbs and adjectives; others that begin with a vowel, and with a consonant.
_INFLECTIONS = {"ing": "IH0 NG", "eth": "IH0 TH", "est": "IH0 S T", "er": "ER0"}
_OPEN_ENDINGS = {
    "ation": "EY1 SH AH0 N", "able": "AH0 B AH0 L", "ish": "IH0 SH", "ous": "AH0 S", "or": "ER0",
    "en": "AH0 N", "y": "IY0",
}  # fmt: skip
_CLOSED_ENDINGS = {
    "wards": "W ER0 D Z", "ward": "W ER0 D", "like": "L AY2 K", "less": "L AH0 S",
    "ness": "N AH0 S", "some": "S AH0 M", "ship": "SH IH2 P", "hood": "HH UH2 D",
    "ment": "M AH0 N T", "ful": "F AH0 L", "dom": "D AH0 M", "let": "L AH0 T", "man": "M AH0 N",
    "men": "M EH0 N", "ly": "L IY0", "th": "TH", "st": "S T",
}  # fmt: skip
# First words of three letters: others of the dictionary are found within names too often.
_SHORT_FIRST = ("sun", "sea", "dew", "red", "day", "way", "sky", "ice", "eye", "war", "elf", "air")
# Words of two syllables that verse stresses on either one: those made alike, and others.
_TURNING = re.compile(r"(un(?!less|til|to$)|out).{3,}|(w?here|there)(in|of|by|to|at|on|with)")
_TURNED = (
    "access antique aspect commerce complete divine edict exile extreme forlorn july methinks "
    "obscure perfume process profound pursuit secure serene sincere supreme"
)
_PROCLITICS = {"th'": "DH", "t'": "T", "d'": "D", "'t": "T"}

# Spellings that the dictionary has otherwise: British ones, then those of the old printers.
_SPELLINGS = (
    (r"our", "or"), (r"is(?=e|ing|ation)", "iz"), (r"ys(?=e|ing)", "yz"), (r"re(?=s?$)", "er"),
    (r"ll", "l"), (r"l(?=$|ment|ful)", "ll"), (r"[ao]e", "e"), (r"ence", "ense"), (r"ogue", "og"),
    (r"(?<=c)k(?=e?s?$)", ""), (r"xion", "ction"), (r"(?<=[^aeiou])e(?=s?$)", ""), (r"ie$", "y"),
    (r"(.)\1e?$", r"\1"), (r"(?<=[aeiou])u(?=[aeiy])", "v"), (r"^v(?=[^aeiou])", "u"),
    (r"y(?=[^aeiou])", "i"), (r"^en", "in"), (r"^in", "en"), (r"'", ""),
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def sounds(word: str) -> tuple[str, tuple[Phones, ...]]:
    """Where the sounds of a word come from, of `SOURCES`, and its readings, the commonest first.

    Args:
        word: in small letters, with straight apostrophes and without hyphens.

    Returns:
        `LETTERS` and no reading where nothing is known.
    """
    if len(word) > _LONGEST:
        return LETTERS, ()
    if found := archaic(word):
        return ARCHAIC, _stressed(word, found)
    if found := dictionary(word):
        return DICTIONARY, _stressed(word, found)
    for rule in (_possessive, _restored, _inflected, _derived, _compound, _extended, _respelt):
        if found := tuple(dict.fromkeys(rule(word))):
            return RULE, _stressed(word, found)
    return LETTERS, ()


def _stressed(word: str, found: tuple[Phones, ...]) -> tuple[Phones, ...]:
    """Readings with no two main stresses side by side, and those that verse has by their side."""
    parted = [other for phones in found for other in _parted(phones)]
    vowels = [j for j, phone in enumerate(parted[0]) if is_vowel(phone)]
    if len(vowels) == 2:
        turned, (p, q) = list(parted[0]), vowels
        turned[p], turned[q] = (turned[a][:-1] + turned[b][-1] for a, b in ((p, q), (q, p)))
        turns = _TURNING.fullmatch(word) and parted[0][q][-1] == "1"
        if turns or not {word, word[:-1]}.isdisjoint(_TURNED.split()):
            parted.append(tuple(turned))
    return tuple(dict.fromkeys(parted))


def _parted(phones: Phones) -> Iterator[Phones]:
    """Sounds with one main stress for each run of them: its last one, then its first."""
    vowels = [j for j, phone in enumerate(phones) if is_vowel(phone)]
    clashes = [pair for pair in pairwise(vowels) if all(phones[j][-1] == "1" for j in pair)]
    for side in range(2 if clashes else 1):
        less = {pair[side] for pair in clashes}
        yield tuple(f"{one[:-1]}2" if j in less else one for j, one in enumerate(phones))


def _known(word: str) -> tuple[Phones, ...]:
    return sounds(word)[1]


def _plural(phones: Phones) -> Phones:
    if phones[-1] in _SIBILANTS:
        return (*phones, "IH0", "Z")
    return (*phones, "S" if phones[-1] in _VOICELESS else "Z")


def _past(phones: Phones) -> Phones:
    if phones[-1] in ("T", "D"):
        return (*phones, "IH0", "D")
    return (*phones, "T" if phones[-1] in _VOICELESS else "D")


def _possessive(word: str) -> Iterator[Phones]:
    """Of the king's and the kings'."""
    if word.endswith("'s"):
        yield from map(_plural, _known(word[:-2]))
    elif word.endswith("s'"):
        yield from _known(word[:-1])


def _restored(word: str) -> Iterator[Phones]:
    """Words with an apostrophe for a vowel, as wand'ring and belov'd, without its sound; goin'
    and goin; and th'expanse."""
    for start, sound in _PROCLITICS.items():
        if word.startswith(start):
            yield from ((sound, *phones) for phones in _known(word.removeprefix(start)))
            return
    if re.search(r"..in'?$", word):
        whole = word.rstrip("'") + "g"
        said = _known(whole) if whole != word + "g" else dictionary(whole)
        yield from ((*phones[:-1], "N") for phones in said)
    if word.startswith("o'er"):
        return
    place = word.find("'", 1)
    vowels = "eioua" if 0 < place < len(word) - 1 else ""
    wholes = [word[:place] + vowel + word[place + 1 :] for vowel in vowels]
    for whole in sorted(wholes, key=lambda whole: not dictionary(whole)):
        if found := dictionary(whole) or (*_inflected(whole),) or (*_derived(whole),):
            yield from (_without(whole, phones, place) for phones in found)
            return


def _without(word: str, phones: Phones, place: int) -> Phones:
    """The sounds of a word less the vowel that a letter writes; the sound of er keeps its r."""
    places = align(word, phones)
    for j, phone in enumerate(phones):
        if places[j] == place and is_vowel(phone) and phone[-1] == "0":
            return (*phones[:j], *(["R"] if phone == "ER0" else []), *phones[j + 1 :])
    return phones


def _stems(stem: str) -> Iterable[str]:
    """What may stand before an ending that begins with a vowel: mak(e), run(n), carry as carri."""
    if stem[-1:] == "i":
        yield stem[:-1] + "y"
    if re.search(r"[aeiouy][^aeiouywx]$|[cvzu]$|[^aeiouy]l$", stem):
        yield stem + "e"
    yield stem
    if stem[-2:-1] == stem[-1:]:
        yield stem[:-1]
    yield stem + "e"


def _stem(word: str, ending: str) -> tuple[Phones, ...]:
    """The readings of the first stem that is known, of three letters or more."""
    stem = word.removesuffix(ending)
    stems = [*_stems(stem)] if word.endswith(ending) and len(stem) > 2 else []
    stems.sort(key=lambda one: not dictionary(one))
    return next((found for one in stems if (found := _known(one))), ())


def _inflected(word: str) -> Iterator[Phones]:
    """Plurals and forms of verbs and adjectives: -s, -ed or -t, -ing, -eth, -est, -er."""
    if word.endswith("s") and not word.endswith("ss"):
        hissing = re.search(r"([sxz]|[cs]h|i)es$", word) is not None
        plain = _known(word[:-1]) if len(word) > 3 and not hissing else ()
        yield from map(_plural, plain or _stem(word, "es"))
    yield from map(_past, _stem(word, "ed"))
    if re.search(r"[pkxshf]t$", word):
        plain = () if word.endswith("est") else dictionary(word[:-1])  # not makes-t
        known = plain or dictionary(word[:-1] + word[-2])
        if known:
            yield from (_past(phones) for phones in known if _past(phones)[-1] == "T")
            return
    for ending, sound in _INFLECTIONS.items():
        yield from ((*phones, *sound.split()) for phones in _stem(word, ending))


def _extended(word: str) -> Iterator[Phones]:
    """Stems with another ending that begins with a vowel."""
    for ending, sound in _OPEN_ENDINGS.items():
        for phones in _stem(word, ending):
            yield (*(_lightened(phones) if ending == "ation" else phones), *sound.split())


def _lightened(phones: Phones) -> Phones:
    """The sounds of a stem before a main stress: none right before it, a lighter one further off,
    salute, salutation."""
    vowels = [j for j, phone in enumerate(phones) if is_vowel(phone)]
    main = [j for j in vowels[:-1] if phones[j][-1] == "1"] or vowels[-2:-1]
    stress = {**dict.fromkeys(main, "2"), vowels[-1]: "0"}
    return tuple(one[:-1] + stress[j] if j in stress else one for j, one in enumerate(phones))


def _derived(word: str) -> Iterator[Phones]:
    """Stems with an ending that begins with a consonant, or with something before them."""
    for ending, sound in _CLOSED_ENDINGS.items():
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            found = _known(stem) or (_known(stem[:-1] + "y") if stem[-1] == "i" else ())
            yield from (_joined(phones, tuple(sound.split())) for phones in found)
    for start, head in PREFIXES.items():
        stem = word.removeprefix(start)
        if stem != word and len(stem) > 3:
            yield from ((*head, *phones) for phones in _known(stem))


def _joined(stem: Phones, ending: Phones) -> Phones:
    """Sounds one after the other, a consonant that meets itself once: full, fully."""
    return (*stem, *(ending[1:] if stem[-1] == ending[0] else ending))


def _respelt(word: str) -> Iterator[Phones]:
    """The word as the dictionary may spell it: colour, realise, centre; musick, olde, haue."""
    for pattern, other in _SPELLINGS:
        spelt = re.sub(pattern, other, word)
        if spelt != word and len(spelt) > 2:
            yield from dictionary(spelt)


def _compound(word: str) -> Iterator[Phones]:
    """Two words of the dictionary written as one, as moonbeam; the second one has less stress."""
    for cut in range(len(word) - 3, 3 - word.startswith(_SHORT_FIRST), -1):
        for first in dictionary(word[:cut])[:1]:
            for second in dictionary(word[cut:])[:1]:
                yield first + tuple(phone.replace("1", "2") for phone in second)
                return

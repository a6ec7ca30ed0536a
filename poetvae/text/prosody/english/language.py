"""English verse: what a text is in syllables, and the way back to what people read."""

from __future__ import annotations

import gzip
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from ....i18n import N_, _
from ...form import Form
from ...graphemes import SYLLABLE, clusters
from ..interface import END, HEAD, WHOLE, Part
from ..interface import Reading as Sound
from .lines import ELIDED, Scan, best_size, scans, words
from .metre import rhyming
from .sounds import ARCHAIC, LETTERS
from .tokens import ARTICLE, CONTENT, EITHER, FUNCTION, STRESSED, UNSTRESSED, Token, parsed
from .tokens import readings as spoken
from .words import FUNCTION_WORDS, is_function_word, pronunciations

NAME, CODE = "english", "en"
COMMON, SURELY, JOINING, FEW = 0.7, 0.95, 0.1, 4
"""Shares of the words of a text that is taken for English: of those that verse uses so many, or all
but a few; in the first case of those that join words in English alone so many, too, in the second
of four words or more."""
# Of the words that join those that other languages have as well.
_SHARED = "a am an art be do i in me no o on so us was"
_OWN = FUNCTION_WORDS - set(_SHARED.split()) | {"this"}
_LETTER, _OTHER = re.compile("[A-Za-z]"), re.compile("[\u0370-\uffff\U00010000-\U0010ffff]")
_MARKS = re.compile("[\u2000-\u206f\u20ac]")
_JOINING = (FUNCTION, ARTICLE)
_STRESS = {
    UNSTRESSED: N_("unstressed"),
    STRESSED: N_("stressed"),
    EITHER: N_("stressed or not"),
    CONTENT: N_("a word by itself"),
    FUNCTION: N_("a word by itself"),
    ARTICLE: N_("an article"),
}
_UNLIKE = 1.5  # what speaks against lines of any length, beside lines of one
BENT = 1.5  # what may speak against a line that is taken out of others
_CLOSED, _PAUSES = re.compile(r"[.;:!?][\W_]*$"), re.compile(r"[\W_]$")
_ROMAN = re.compile("[IVXLC]+")
_STANZA = re.compile(r"\n\s*\n")
_ODD = 0.5  # against an odd number of syllables, which ends without the beat
_TURNS = 0.5  # against two lengths by turns, as in a ballad


@lru_cache(maxsize=1 << 12)
def speaks(text: str) -> bool:
    """Whether a text is in syllables, or in Latin letters, with words that English verse uses."""
    if "⟨" in text and SYLLABLE.search(text):
        return True
    if not _LETTER.search(text) or _OTHER.search(_MARKS.sub("", text)):
        return False
    said = [word.lower().replace("’", "'") for word in words(text)]
    joining = sum(word in _OWN for word in said) / max(len(said), 1)
    common = sum(map(_common, said)) / max(len(said), 1)
    surely = common >= SURELY and len(said) >= FEW
    return surely or (common >= COMMON and joining >= JOINING)


def known_share(said: Sequence[str]) -> float:
    """The share of words whose sounds are told by more than their letters."""
    return sum(map(_known, said)) / len(said) if said else 0.0


@lru_cache(maxsize=1 << 16)
def _common(word: str) -> bool:
    """Whether verse uses a word, in small letters: of the dictionary, or an old form."""
    plain = word.strip("'")
    known = not lexicon().isdisjoint((word, plain, plain.removesuffix("'s")))
    return known or any(reading.source == ARCHAIC for reading in pronunciations(word))


@lru_cache(maxsize=1 << 16)
def _known(word: str) -> bool:
    return any(reading.source != LETTERS for reading in pronunciations(word))


def readings(token: str, simplified: bool = True, usual: bool = False) -> frozenset[Sound]:
    """How a syllable sounds: how the beat falls on it, and its rhyme, "" where it has none; nothing
    for what is no syllable."""
    if not SYLLABLE.fullmatch(token):
        return frozenset()
    one = parsed(token)
    return frozenset({Sound(one.beat, one.rhyme)})


def lengths(verses: Sequence[str]) -> tuple[int, ...] | None:
    """How many syllables each verse has: of one length, or of two by turns, where that is nearly as
    good as the best reading of each line; None where one has no reading, or is prose."""
    found = list(map(scans, verses))
    if not all(found):
        return None

    def alike(lines: Sequence[Mapping[int, Scan]]) -> tuple[float, int]:
        common = set(lines[0]).intersection(*lines[1:])
        costs = ((sum(one[n].cost + _ODD * (n % 2) for one in lines), n) for n in common)
        return min(costs, default=(math.inf, 0))

    each = [min((one.cost + _ODD * (n % 2), n) for n, one in line.items()) for line in found]
    choices = [(sum(cost for cost, _ in each) + _UNLIKE, tuple(n for _, n in each))]
    cost, n = alike(found)
    choices.append((cost, (n,) * len(found)))
    if len(found) > 2:
        (odd, a), (even, b) = alike(found[::2]), alike(found[1::2])
        turns = tuple(b if i % 2 else a for i in range(len(found)))
        choices.append((odd + even + _TURNS, turns))
    return min(choices)[1]


def letters(token: str) -> str:
    """The piece of a word, with hyphens where the word goes on."""
    one = parsed(token)
    return f"{'' if one.begins else '-'}{one.piece}{'' if one.ends else '-'}"


def heading(text: str) -> str:
    """The words of a title, in syllables, without numbers and words that only join."""
    said = (word for word in words(text) if not (_ROMAN.fullmatch(word) or is_function_word(word)))
    return "".join(token for word in said for one in spoken(word)[:1] for token in one.tokens)


def titled(tokens: str) -> str:
    """The words of a title."""
    return " ".join(map(_cased, _said(tokens)))


def _said(tokens: str) -> list[str]:
    """The words that syllables make, _ for one that is open."""
    found = list[str]()
    for token in clusters(tokens):
        one = parsed(token) if SYLLABLE.fullmatch(token) else Token("_", True, True, EITHER)
        if one.begins or not found or found[-1] == "_":
            found.append("")
        found[-1] += one.piece
    return found


def parts(text: str, wanted: Iterable[tuple[int, ...]]) -> Iterator[Part]:
    """The lines of a text, stanza by stanza, that stand one after another in lengths that are
    wanted, with those, and rhyme: two with each other; of four the second and the last, or the
    first and the last; but the pairs of a longer stanza are pairs. A sentence ends with two, a part
    of one with four. No line is taken twice, four go first."""
    sizes = sorted(wanted, key=len, reverse=True)
    for stanza in _STANZA.split(text):
        lines, at = [line for line in stanza.split("\n") if line.strip()], 0
        while at < len(lines):
            for size in sizes:
                part = tuple(lines[at : at + len(size)])
                if len(part) == len(size) and _is_part(part, size):
                    yield part, size
                    at += len(size)
                    break
            else:
                at += 1


def units(text: str, form: Form | None = None, verse: int = 0) -> tuple[list[str], set[int]]:
    """The tokens of a text, LACUNA for an open syllable, and after how many of them a line ends:
    each line in the reading of its best number of syllables, or of that which a form has."""
    found, ends = list[str](), set[int]()
    for i, line in enumerate((line for line in text.split("\n") if words(line)), verse):
        wanted = form.lengths[i] if form and i < form.lines else 0
        read = scans(line)
        if read:
            chosen = read.get(wanted) or read[best_size(line)]
            found += (token for word in chosen.words for token in word.tokens)
        ends.add(len(found))
    return found, ends - {0, len(found)}


def characters(text: str) -> list[str]:
    """The letters of a text."""
    return [char for char in text.lower() if char.isalpha()]


def means(typed: str, token: str, part: str) -> bool:
    """Whether something typed is a syllable, whatever it sounds like, or the letters that it begins
    or ends with, or that are in it."""
    if part == WHOLE:
        return letters(token) == letters(typed)
    piece = parsed(token).piece.lstrip("'")
    if part == HEAD:
        return piece.startswith(typed)
    return piece.endswith(typed) if part == END else typed in piece


def joins(token: str) -> tuple[bool, bool]:
    """Whether the word of a syllable began before it, and whether it goes on behind."""
    one = parsed(token)
    return not one.begins, not one.ends


def said(verse: str) -> list[str]:
    """The words of a verse, small, or its syllables, without words that only join."""
    if tokens := SYLLABLE.findall(verse):
        return [letters(one) for one in tokens if parsed(one).beat not in _JOINING]
    return [word.lower() for word in words(verse) if not is_function_word(word)]


@cache
def _lexicon() -> dict[str, str]:
    """The words that verse uses, with their readings, not yet taken apart."""
    data = files(__package__).joinpath("lexicon.tsv.gz").read_bytes()
    rows = (line.partition("\t") for line in gzip.decompress(data).decode().splitlines())
    return {word: readings for word, _, readings in rows if not word.startswith("#")}


@cache
def lexicon() -> frozenset[str]:
    """The words of the dictionary that verse uses; scripts/make_english_words.py counts them."""
    return frozenset(_lexicon())


def spellings(word: str) -> frozenset[tuple[str, ...]]:
    """The syllables of each reading of a word of the lexicon."""
    return frozenset(tuple(SYLLABLE.findall(one)) for one in _lexicon()[word].split("\t"))


def heard(token: str) -> str:
    """How a syllable sounds: "-light, stressed"."""
    stress = _(_STRESS[parsed(token).beat])
    return _("{syllable}, {stress}", syllable=letters(token), stress=stress)


def unknown(text: str) -> Counter[str]:
    """The words of a text that have no known sound, counted."""
    return Counter(word for word in words(text) if not _known(word))


def _is_part(verses: Sequence[str], sizes: Sequence[int]) -> bool:
    found = [scans(verse).get(n) for verse, n in zip(verses, sizes, strict=True)]
    ends = [one for one in found if one and one.cost <= BENT]
    closed = _CLOSED if len(verses) == 2 else _PAUSES
    if len(ends) < len(verses) or not closed.search(verses[-1]):
        return False
    if len(ends) == 4:
        a, b, c, d = verses
        crossed = rhyming(b, d) and (sizes[1] < sizes[0] or rhyming(a, c))
        return crossed or (rhyming(a, d) and rhyming(b, c))
    return len(ends) == 2 and rhyming(*verses)


def syllables(verses: Sequence[str], sizes: Sequence[int]) -> str | None:
    """The verses in syllables, each of so many; None where one has no such reading."""
    if len(verses) != len(sizes):
        return None
    found = [scans(verse).get(n) for verse, n in zip(verses, sizes, strict=True)]
    if None in found:
        return None
    return "".join(token for one in found if one for word in one.words for token in word.tokens)


def written(verses: Sequence[str], form: Form) -> str:
    """The text of verses in syllables: a line each, which begins with a capital, and ends with a
    mark: every other one and the last, save behind a word that only joins."""
    lines = []
    for i, verse in enumerate(verses):
        joins = any(parsed(one).beat in _JOINING for one in SYLLABLE.findall(verse)[-1:])
        mark = "." if i == len(verses) - 1 else ";" if i % 2 else ","
        line = " ".join(map(_cased, _said(verse)))
        lines.append(_capital(line) + mark * (not joins or mark == "."))
    return "\n".join(lines)


def _capital(line: str) -> str:
    """The line with its first letter large: 'Tis."""
    place = next((i for i, char in enumerate(line) if char.isalpha()), 0)
    return line[:place] + line[place : place + 1].upper() + line[place + 1 :]


def _cased(word: str) -> str:
    """A word with the capital that it always has: I, God, England."""
    if word in ELIDED:
        return f"'{word}"
    if word in ("i", "o") or word.startswith("i'"):
        return word.upper() if len(word) == 1 else "I" + word[1:]
    return _capital(word) if word.removesuffix("'s") in _names() else word


@cache
def _names() -> frozenset[str]:
    """The words that are written with a capital wherever they stand."""
    text = files(__package__).joinpath("names.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))

"""Known English verse: does it scan and rhyme as it is known to, and how often would chance do so?

What is known of sonnets: each line has ten syllables, or eleven where it ends without the beat, is
iambic, and rhymes as its scheme says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import combinations

import numpy as np
from common import table
from numpy.random import Generator

from poetvae.data.dataset import derive_seed
from poetvae.evaluation.metrics import bootstrap
from poetvae.text.prosody import LENIENT, STRICTNESS
from poetvae.text.prosody.english import METRES, lengths, unknown
from poetvae.text.prosody.english.lines import scans, words
from poetvae.text.prosody.english.metre import fitting, last_word, lines_of, rhyming
from poetvae.text.prosody.english.spelling import eye_rhymes
from poetvae.text.prosody.english.tokens import readings

TEN, ELEVEN = 10, 11
PERFECT, IDENTICAL, UNKNOWN, EYE, OTHER = (
    "perfect",
    "identical",
    "unknown word",
    "eye rhyme",
    "other",
)
Texts = Sequence[Sequence[str]]
"""The verses of each text."""
Pair = tuple[str, str]


def verses_of(text: str) -> list[str]:
    """The lines with words in them; the number of a sonnet has none."""
    return [line for line in text.split("\n") if words(line)]


@lru_cache(maxsize=1 << 16)
def iambic(line: str, syllables: int, strictness: str) -> bool:
    """Whether a line can be read as iambic in so many syllables."""
    patterns = lines_of(syllables, METRES[0], strictness)
    return any(fitting(line, one, strictness) for one in patterns)


def _feminine(line: str, strictness: str) -> bool:
    return not iambic(line, TEN, strictness) and iambic(line, ELEVEN, strictness)


def _either(line: str, strictness: str) -> bool:
    return iambic(line, TEN, strictness) or iambic(line, ELEVEN, strictness)


def dealt(verses: Sequence[str], rng: Generator) -> list[str]:
    """The words of verses in another order, in lines of as many words as before."""
    said = [word for verse in verses for word in words(verse)]
    rest = iter([said[i] for i in rng.permutation(len(said))])
    return [" ".join(next(rest) for _ in words(verse)) for verse in verses]


def turned(verses: Sequence[str], rng: Generator) -> list[str]:
    """The words of each verse in another order."""
    return [line for verse in verses for line in dealt([verse], rng)]


def metres(texts: Texts, seed: int = 0) -> str:
    """What share of the lines can be read as told, and of those whose words are shuffled."""
    rng = np.random.default_rng(derive_seed(seed, "shuffled"))
    kinds = [texts, *([made(text, rng) for text in texts] for made in (turned, dealt))]
    tests: dict[str, Callable[[str], bool]] = {
        "ten syllables": lambda line: TEN in scans(line),
        "ten or eleven": lambda line: not {TEN, ELEVEN}.isdisjoint(scans(line)),
    }
    for how in STRICTNESS:
        tests[f"{how}: ten, iambic"] = partial(iambic, syllables=TEN, strictness=how)
        tests[f"{how}: else eleven, iambic"] = partial(_feminine, strictness=how)
        tests[f"{how}: either"] = partial(_either, strictness=how)
    groups = [i for i, text in enumerate(texts) for _ in text]
    rows = [
        [name, *(share([test(v) for text in kind for v in text], groups) for kind in kinds)]
        for name, test in tests.items()
    ]
    columns = f"of {len(groups):,} lines of {len(texts):,} texts|as they are"
    return table(f"{columns}|the words of each line shuffled|those of each text", rows)


def share(flags: Sequence[bool], groups: Sequence[int]) -> str:
    """A share, ± half its 95 % interval, what is of one group being drawn together; "" of none."""
    if not flags:
        return ""
    low, high = bootstrap([float(flag) for flag in flags], groups=groups)
    return f"{np.mean(flags):.1%} ± {(high - low) / 2:.1%}"


def natural(texts: Texts) -> str:
    """How many syllables lines have as they are read, with their text and each by itself."""
    whole, alone = Counter[int](), Counter[int]()
    for text in texts:
        whole.update(lengths(text) or [0] * len(text))
        alone.update(length for verse in text for length in lengths([verse]) or [0])
    rows = [
        [str(n or "none"), *(f"{one[n] / one.total():.1%}" for one in (whole, alone))]
        for n in sorted({*whole, *alone})
    ]
    return table("syllables|lines, read with their text|each by itself", rows)


def pairs(verses: Sequence[str], scheme: str) -> tuple[list[Pair], list[Pair]]:
    """The lines that rhyme by a scheme, and all others; of a text of another length the last two
    alone, which rhyme where the scheme ends with a couplet."""
    if len(verses) != len(scheme):
        closed = scheme[-2:-1] == scheme[-1:] and len(verses) > 1
        return [(verses[-2], verses[-1])] if closed else [], []
    sides: tuple[list[Pair], list[Pair]] = [], []
    for i, j in combinations(range(len(scheme)), 2):
        sides[scheme[i] != scheme[j]].append((verses[i], verses[j]))
    return sides


def kind_of(pair: Pair) -> str:
    """How two lines rhyme, or why they do not."""
    first, second = (last_word(verse).lower() for verse in pair)
    if rhyming(*pair):
        return PERFECT
    sounds = [{one[3:] for one in readings(word) if one.rhyme} for word in (first, second)]
    if first == second or sounds[0] & sounds[1]:
        return IDENTICAL
    if unknown(f"{first} {second}"):
        return UNKNOWN
    return EYE if eye_rhymes(first, second) else OTHER


def rhymes(texts: Texts, scheme: str, examples: int) -> str:
    """How the lines rhyme that ought to, with the most frequent ends, and how all others do."""
    told = [
        [
            (i, pair, kind_of(pair))
            for i, text in enumerate(texts)
            for pair in pairs(text, scheme)[k]
        ]
        for k in range(2)
    ]
    rows = []
    for kind in (PERFECT, IDENTICAL, UNKNOWN, EYE, OTHER):
        found = [pair for _, pair, one in told[0] if one == kind]
        shown = (share([one == kind for *_, one in side], [i for i, *_ in side]) for side in told)
        rows.append([kind, str(len(found)), *shown, ends(found, examples)])
    ours, others = map(len, told)
    return table(f"rhyme|pairs|of {ours:,} that rhyme|of {others:,} that need not|such as", rows)


def ends(found: Iterable[Pair], most: int) -> str:
    """The words that pairs of lines end in, the most frequent first."""
    counts = Counter("/".join(sorted(last_word(v).lower() for v in pair)) for pair in found)
    return ", ".join(f"{one} ({n})" if n > 1 else one for one, n in counts.most_common(most))


def failures(texts: Texts, scheme: str, most: int) -> str:
    """The first lines that cannot be read as iambic, each behind the numbers of syllables that it
    can have, and pairs that do not rhyme."""
    lines = [
        f"{', '.join(map(str, sorted(scans(verse)))) or 'none'}: {verse}"
        for text in texts
        for verse in text
        if not _either(verse, LENIENT)
    ]
    apart = [
        f"{kind}: {' / '.join(pair)}"
        for text in texts
        for pair in pairs(text, scheme)[0]
        if (kind := kind_of(pair)) != PERFECT
    ]
    return "\n\n".join("\n".join(f"- {one}" for one in found[:most]) for found in (lines, apart))

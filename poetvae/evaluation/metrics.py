"""What a set of texts is like: repetition, diversity, and what is copied from the training text.

A text is its verses, without punctuation; tokens are characters. None of the figures is good or bad
by itself: each is read beside the same figure of human poems, in equal number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, CorpusError
from ..i18n import _

Text = tuple[str, ...]
"""The verses of a text."""
FLOOR = 0.1  # stands for a count of zero in BLEU


def repeats(texts: Sequence[Text]) -> NDArray[np.bool_]:
    """By text, whether a character stands in it more than once."""
    return np.array([len(set(chars)) < len(chars) for chars in map("".join, texts)], dtype=bool)


def novel(texts: Sequence[Text], known: Iterable[Text]) -> NDArray[np.bool_]:
    """By text, whether it is not among the known ones."""
    seen = frozenset(known)
    return np.array([text not in seen for text in texts], dtype=bool)


def copied_lines(texts: Sequence[Text], known_lines: Iterable[str]) -> float:
    """The share of verses, over all texts, that are among the known ones.
    Raises CorpusError: no verse."""
    seen = frozenset(known_lines)
    flags = [verse in seen for text in texts for verse in text]
    if not flags:
        raise CorpusError(_("no text to measure"))
    return float(np.mean(flags))


def distinct(texts: Sequence[Text], n: int) -> float:
    """distinct-n: different character n-grams over all of them (Li et al. 2016, arXiv 1510.03055).

    An n-gram may cross from verse to verse but not from text to text. Falls as texts are added, so
    that only equal numbers of texts compare.

    Raises:
        ConfigError: n below 1.
        CorpusError: no text of n characters.
    """
    _check(n)
    grams = [gram for text in texts for gram in _grams("".join(text), n)]
    if not grams:
        raise CorpusError(_("no text of {n} characters to take n-grams from", n=n))
    return len(set(grams)) / len(grams)


def self_bleu(texts: Sequence[Text], n: int) -> float:
    """self-BLEU-n: the mean BLEU of a text against all others (Zhu et al. 2018, arXiv 1802.01886).

    Sentence BLEU (Papineni et al. 2002) over n-grams of 1 to n characters with equal weights; the
    brevity penalty takes the closest length, of two the shorter; a count of zero is 0.1 (Chen and
    Cherry 2014, smoothing 1), but a text shorter than n, or sharing no character with another,
    scores 0: as in sacrebleu with `smooth_method="floor", smooth_value=0.1`. From 0 to 1; the
    higher, the more alike the texts.

    Raises:
        ConfigError: n below 1.
        CorpusError: fewer than two texts.
    """
    _check(n)
    if len(texts) < 2:
        raise CorpusError(_("{n} texts: self-BLEU compares two or more", n=len(texts)))
    joined = ["".join(text) for text in texts]
    lengths = Counter(map(len, joined))
    logs = np.zeros(len(texts))
    for size in range(1, n + 1):
        counts = [Counter(_grams(chars, size)) for chars in joined]
        matches = np.array(_matches(counts))
        totals = np.array([own.total() for own in counts])
        scored = (totals > 0) & ((matches > 0) | (size > 1))
        precisions = np.maximum(matches, FLOOR) / np.maximum(totals, 1)
        logs += np.where(scored, np.log(precisions), -np.inf) / n
    penalties = {length: _log_brevity_penalty(length, lengths) for length in lengths}
    return float(np.exp(logs + [penalties[len(chars)] for chars in joined]).mean())


def bootstrap(
    values: Sequence[float] | NDArray[np.float64] | NDArray[np.bool_],
    seed: int = 0,
    repeats: int = 1000,
    groups: Sequence[Hashable] | NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of values (Efron 1979, "Bootstrap methods: another
    look at the jackknife"). Those of one group, as the couplets of one poem, are drawn together;
    absent: each value is independent of the others.

    Raises CorpusError: no value.
    """
    sums = np.asarray(values, dtype=np.float64)
    if not len(sums):
        raise CorpusError(_("no value to take the mean of"))
    sizes = np.ones(len(sums))
    if groups is not None:
        numbers: dict[Hashable, int] = {}
        place = [numbers.setdefault(group, len(numbers)) for group in groups]
        sums, sizes = (np.bincount(place, x).astype(np.float64) for x in (sums, sizes))
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(sums), size=len(sums)) for _ in range(repeats))
    means = [sums[draw].sum() / sizes[draw].sum() for draw in draws]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _check(n: int) -> None:
    if n < 1:
        raise ConfigError(_("n-grams of {n} characters: expected 1 or more", n=n))


def _grams(chars: str, n: int) -> list[str]:
    return [chars[i : i + n] for i in range(len(chars) - n + 1)]


def _matches(counts: Sequence[Counter[str]]) -> list[int]:
    """By text, its n-grams that another text has, each at most as often as in one other text."""
    # The highest count of an n-gram, whose it is, and the highest of the rest give the highest
    # count in the others of any text; to go through the others would take quadratic time.
    highest: dict[str, tuple[int, int, int]] = {}
    for i, own in enumerate(counts):
        for gram, count in own.items():
            top, owner, second = highest.get(gram, (0, -1, 0))
            highest[gram] = (count, i, top) if count > top else (top, owner, max(second, count))

    def match(i: int, gram: str, count: int) -> int:
        top, owner, second = highest[gram]
        return min(count, second if owner == i else top)

    return [sum(match(i, *item) for item in own.items()) for i, own in enumerate(counts)]


def _log_brevity_penalty(length: int, lengths: Counter[int]) -> float:
    """log BP of a text of this length against all texts but itself, given how many have which."""
    others = lengths - Counter([length])
    closest = min(others, key=lambda other: (abs(other - length), other))
    return min(0.0, 1 - closest / length) if length else -math.inf

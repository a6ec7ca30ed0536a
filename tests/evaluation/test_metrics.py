"""Properties of sets of texts: by hand, and self-BLEU against sacrebleu."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from poetvae.errors import ConfigError, CorpusError
from poetvae.evaluation.metrics import (
    Text,
    bootstrap,
    copied_lines,
    distinct,
    novel,
    repeats,
    self_bleu,
)

FEW = "春夏秋冬風花雪"  # so few that n-grams meet
TEXTS: list[Text] = [("白日依山盡", "黃河入海流"), ("春眠不覺曉", "處處聞啼鳥"), ("山外", "青山")]


def random_texts(seed: int, count: int, shortest: int, longest: int, alphabet: str) -> list[Text]:
    """Texts of two verses."""
    rng = random.Random(seed)
    lengths = [rng.randint(shortest, longest) for _ in range(count)]
    chars = ["".join(rng.choices(alphabet, k=length)) for length in lengths]
    return [(c[: len(c) // 2], c[len(c) // 2 :]) for c in chars]


def sacre_self_bleu(texts: list[Text], n: int) -> float:
    """self-BLEU with one call of sacrebleu for each text."""
    floor: Any = {
        "smooth_method": "floor",
        "smooth_value": 0.1,
        "effective_order": False,
    }
    bleu = BLEU(tokenize="none", max_ngram_order=n, **floor)
    spaced = [" ".join("".join(text)) for text in texts]
    others = [spaced[:i] + spaced[i + 1 :] for i in range(len(spaced))]
    scores = map(bleu.sentence_score, spaced, others)
    return sum(score.score for score in scores) / 100 / len(spaced)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("count", "shortest", "longest"), [(30, 10, 10), (30, 5, 40), (30, 1, 9), (4, 2, 30), (2, 6, 9)]
)
def test_self_bleu_is_that_of_sacrebleu(count: int, shortest: int, longest: int, n: int) -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E80)))
    for seed, alphabet in enumerate((FEW, FEW, many)):
        texts = random_texts(seed, count, shortest, longest, alphabet)
        assert self_bleu(texts, n) == pytest.approx(sacre_self_bleu(texts, n), rel=1e-6)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_self_bleu_at_its_ends(n: int) -> None:
    assert self_bleu([TEXTS[0]] * 3, n) == pytest.approx(1)
    assert self_bleu([("天地玄黃",), ("宇宙洪荒",), ("日月盈昃",)], n) == 0


def test_self_bleu_of_the_same_and_of_short_texts() -> None:
    one = ("天地玄黃", "宇宙洪荒")
    assert self_bleu([one, one, ("日月盈昃", "辰宿列張")], 2) == pytest.approx(2 / 3)
    assert self_bleu([("天地",), ("天地",)], 2) == pytest.approx(1)
    assert self_bleu([("天地",), ("天地",)], 3) == 0
    assert self_bleu([("",), ("",)], 1) == 0


def test_distinct_counts_within_a_text_and_across_its_verses() -> None:
    texts = [("山水", "山"), ("水山",)]
    assert distinct(texts, 1) == 2 / 5
    assert distinct(texts, 2) == 2 / 3  # 山水 水山 | 水山
    assert distinct(texts, 3) == 1
    with pytest.raises(CorpusError, match="no text of 4 characters"):
        distinct(texts, 4)


def test_repeats_and_novelty() -> None:
    known = [TEXTS[0], ("處處聞啼鳥", "春眠不覺曉"), ("山外青山",)]
    assert novel(TEXTS, known).tolist() == [False, True, True]
    assert repeats(TEXTS).tolist() == [False, True, True]
    assert repeats([("山", "山"), ("山", "水")]).tolist() == [True, False]


def test_copied_lines() -> None:
    assert copied_lines(TEXTS, {"白日依山盡", "處處聞啼鳥", "啼鳥"}) == pytest.approx(2 / 6)
    assert copied_lines(TEXTS, iter(["山外", "青山", "青山"])) == pytest.approx(2 / 6)
    assert copied_lines(TEXTS, []) == 0


def test_nothing_has_no_properties() -> None:
    for measure in (
        lambda: copied_lines([()], []),
        lambda: distinct([], 1),
        lambda: self_bleu(TEXTS[:1], 2),
        lambda: bootstrap([]),
    ):
        with pytest.raises(CorpusError):
            measure()


@pytest.mark.parametrize("measure", [distinct, self_bleu])
def test_n_is_one_or_more(measure: Callable[[list[Text], int], float]) -> None:
    with pytest.raises(ConfigError, match="expected 1 or more"):
        measure(TEXTS, 0)


def test_bootstrap_is_the_normal_interval_of_many_values() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=10_000)
    low, high = bootstrap(values)
    error = 1.96 * values.std() / 100
    assert low == pytest.approx(values.mean() - error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.15 * error)


def test_what_comes_from_one_poem_is_drawn_together() -> None:
    rng = np.random.default_rng(2)
    poems, sizes = 2000, rng.integers(1, 6, size=2000)
    groups = np.repeat(np.arange(poems), sizes)
    values = rng.normal(0, 1, poems)[groups] + rng.normal(0, 0.3, len(groups))
    mixed = rng.permutation(len(values))
    low, high = bootstrap(values[mixed], groups=groups[mixed])
    # The variance of a ratio of sums, by the delta method (Cochran 1977, section 2.11).
    sums = np.bincount(groups, values)
    deviation = sums - values.mean() * sizes
    error = 1.96 * (deviation.std() / sizes.mean()) / poems**0.5
    assert high - low == pytest.approx(2 * error, rel=0.08)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.2 * error)
    apart = bootstrap(values)
    assert (high - low) / (apart[1] - apart[0]) > 1.5, "as if they were independent is too sure"
    alone = bootstrap(values, groups=list(range(len(values))))
    assert alone == pytest.approx(apart)
    assert bootstrap([1.0, 2.0, 3.0], groups=["a", "a", "a"]) == (2.0, 2.0)


def test_bootstrap_is_a_function_of_the_seed() -> None:
    values = np.random.default_rng(0).random(50)
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)
    assert bootstrap([2.5] * 7) == (2.5, 2.5)

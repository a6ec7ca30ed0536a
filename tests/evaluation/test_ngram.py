"""The n-gram model against the definition of interpolated Kneser-Ney, written with sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.evaluation.ngram import NGram

V = 5
Corpus = list[list[int]]
Gram = tuple[int, ...]

SENTENCES = st.lists(st.integers(0, V - 1), max_size=6)
CORPORA = st.lists(SENTENCES, min_size=1, max_size=8).filter(any)
ORDERS = st.integers(1, 4)
ENDS = st.sampled_from([None, V - 1])


class Plain:
    """The model from its definition, one order and one probability at a time."""

    def __init__(self, corpus: Corpus, order: int, end: int | None) -> None:
        self.order = order
        self.counts: dict[int, Counter[Gram]] = {}
        self.discounts: dict[int, float] = {}
        ends = [] if end is None else [end]
        padded = [[V] * (order - 1) + sentence + ends for sentence in corpus]
        for n in range(1, order + 1):
            occurrences: Counter[Gram] = Counter()
            before: dict[Gram, set[int]] = {}
            for tokens in padded:
                for i in range(order - 1, len(tokens)):
                    gram = tuple(tokens[i - n + 1 : i + 1])
                    occurrences[gram] += 1
                    if n < order:
                        before.setdefault(gram, set()).add(tokens[i - n])
            self.counts[n] = occurrences
            for gram in before:
                if gram[0] != V:
                    self.counts[n][gram] = len(before[gram])
            counts = list(self.counts[n].values())
            n1, n2 = counts.count(1), counts.count(2)
            self.discounts[n] = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5

    def p(self, token: int, context: Gram) -> float:
        """P of a token after the last tokens of a context, of whatever order that is."""
        n = len(context) + 1
        lower = self.p(token, context[1:]) if context else 1 / V
        after = [c for gram, c in self.counts[n].items() if gram[:-1] == context]
        if not after:
            return lower
        d = self.discounts[n]
        seen = max(self.counts[n][(*context, token)] - d, 0)
        return (seen + d * len(after) * lower) / sum(after)

    def distribution(self, context: list[int]) -> list[float]:
        """P of every token after a beginning of a sequence."""
        last = tuple(([V] * (self.order - 1) + context)[len(context) :])
        return [self.p(token, last) for token in range(V)]


@given(CORPORA, ORDERS, ENDS, SENTENCES)
@settings(max_examples=100, deadline=None)
def test_it_is_kneser_ney(corpus: Corpus, order: int, end: int | None, context: list[int]) -> None:
    model, plain = NGram.fit(corpus, V, order, end), Plain(corpus, order, end)
    p = model.probabilities(context)
    assert p == pytest.approx(plain.distribution(context))
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()


@given(CORPORA, CORPORA, ORDERS, ENDS)
@settings(max_examples=50, deadline=None)
def test_nll_of_each_token(corpus: Corpus, others: Corpus, order: int, end: int | None) -> None:
    model = NGram.fit(corpus, V, order, end)
    ended = [s if end is None else [*s, end] for s in others]
    each = [[model.probabilities(s[:i])[token] for i, token in enumerate(s)] for s in ended]
    assert model.nll(others) == pytest.approx([-sum(map(math.log, p)) for p in each])


def test_probabilities_of_all_sequences_of_a_length_sum_to_one() -> None:
    model = NGram.fit([[0, 1, 2], [0, 1, 1], [3, 4, 2]], V, 3)
    sequences = [[i, j, k] for i in range(V) for j in range(V) for k in range(V)]
    assert np.exp(-model.nll(sequences)).sum() == pytest.approx(1)


def test_order_one_discounts_the_frequencies() -> None:
    # Counts 3, 2, 1, 1: D = 2 / (2 + 2), of four types, shared out evenly over five tokens.
    model = NGram.fit([[0, 1, 0], [2, 0, 1, 3]], V, order=1)
    shared = 0.5 * 4 / 7 / V
    expected = [2.5 / 7 + shared, 1.5 / 7 + shared, 0.5 / 7 + shared, 0.5 / 7 + shared, shared]
    assert model.probabilities() == pytest.approx(expected)
    assert model.probabilities([4, 4]) == pytest.approx(expected)


def test_lower_orders_count_contexts_and_not_occurrences() -> None:
    """Francisco is frequent but only ever follows San, so nobody expects it elsewhere."""
    san, francisco, glasses = 0, 1, 2
    corpus = [[san, francisco]] * 5 + [[3, glasses], [4, glasses], [san, 4], [3, 3]]
    p = NGram.fit(corpus, V, order=2).probabilities([glasses])
    assert p[glasses] > p[francisco]


def test_the_end_is_predicted_where_there_is_one() -> None:
    corpus = [[0, 1], [1, 1], [0, 1]]
    with_end, without = NGram.fit(corpus, V, 3, end=4), NGram.fit(corpus, V, 3)
    assert with_end.probabilities([0, 1])[4] > 0.7
    assert without.probabilities([0, 1])[4] < 0.1
    assert without.nll([[], [0]])[0] == 0
    assert with_end.nll([[]])[0] == pytest.approx(-math.log(with_end.probabilities()[4]))


@pytest.mark.parametrize("bad", [[-1], [V], [0, 1, V + 1]])
def test_tokens_outside_the_vocabulary_are_refused(bad: list[int]) -> None:
    model = NGram.fit([[0]], V)
    uses: list[Callable[[], object]] = [
        *(lambda: NGram.fit([bad], V), lambda: NGram.fit([[0]], V, end=V)),
        *(lambda: model.nll([bad]), lambda: model.probabilities(bad)),
    ]
    for use in uses:
        with pytest.raises(ConfigError, match="expected 0 to 4"):
            use()


def test_what_cannot_be_fitted() -> None:
    assert NGram.fit([[0]], V).nll([]).shape == (0,)
    with pytest.raises(ConfigError, match="order 0"):
        NGram.fit([[0]], V, order=0)
    for corpus in (list[list[int]](), [list[int]()]):
        with pytest.raises(CorpusError, match="no token"):
            NGram.fit(corpus, V)


def test_samples_come_as_often_as_their_probability() -> None:
    rng = np.random.default_rng(0)
    sequences = rng.integers(0, 4, (30, 3)).tolist()
    model = NGram.fit(sequences, 5, 3)
    drawn = model.sample(40_000, 2, seed=1)
    first = np.bincount(drawn[:, 0], minlength=5) / len(drawn)
    np.testing.assert_allclose(first, model.probabilities(), atol=0.01)
    for token in range(4):
        after = drawn[drawn[:, 0] == token, 1]
        share = np.bincount(after, minlength=5) / len(after)
        np.testing.assert_allclose(share, model.probabilities([token]), atol=0.025)
    assert (drawn == model.sample(40_000, 2, seed=1)).all()
    kept = model.sample(1000, 3, allowed=[1, 4])
    assert set(kept.ravel().tolist()) == {1, 4}

"""The weights of `generation.ranking`, and what choosing by them gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from common import cells, table
from numpy.typing import NDArray

from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.evaluation.likelihood import by_poem
from poetvae.evaluation.samples import area_under_curve, compare
from poetvae.generation.generate import RANKED, generate
from poetvae.generation.options import SamplingOptions
from poetvae.generation.ranking import WEIGHTS, features, score
from poetvae.poet import Poet
from poetvae.text.poem import Poem

Matrix = NDArray[np.float64]
PRIOR = 1.0  # variance of the weights before anything is seen, in their features' own deviations
QUALITY = "rhyme_accuracy:.1% first_verse_rhymes:.1% self_rhyme_rate:.1% tone_accuracy:.1%"
QUALITY += " repeat_rate:.1% distinct_2:.3f reverse_nll_per_char:.3f copied_lines:.1%"


class Fit(NamedTuple):
    """Weights of features (F,), their standard errors, and what is added to them."""

    weights: Matrix
    errors: Matrix
    intercept: float


def bounds(poet: Poet, poems: Sequence[Poem]) -> list[float]:
    """Of log p(x) of each poem, in nats, as candidates are scored."""
    store = encode_poems(poet.codec, poems)
    return (-by_poem(poet.model, poet.codec, store, samples=RANKED).bound).tolist()


def heard(poet: Poet, poems: Sequence[Poem]) -> Matrix:
    """The features of poems, in the order of `WEIGHTS`: (N, F)."""
    pairs = zip(poems, bounds(poet, poems), strict=True)
    found = (features(poem.verses, bound, poem.form) for poem, bound in pairs)
    return np.array([[own[name] for name in WEIGHTS] for own in found])


def logistic(x: Matrix, human: NDArray[np.bool_]) -> Fit:
    """Logistic regression of features (N, F) by Newton's method, with a Gaussian prior on the
    weights, so that one that never errs stays finite."""
    scale = np.maximum(x.std(axis=0), 1e-9)
    rows = np.column_stack([x / scale, np.ones(len(x))])
    pull = np.append(np.full(x.shape[1], 1 / PRIOR), 0)
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (human - p) - pull * weights
        curve = (rows.T * (p * (1 - p))) @ rows + np.diag(pull)
        weights = weights + np.linalg.solve(curve, slope)
    errors = np.sqrt(np.diag(np.linalg.inv(curve)))
    return Fit(weights[:-1] / scale, errors[:-1] / scale, float(weights[-1]))


def auc(x: Matrix, weights: Matrix, human: NDArray[np.bool_]) -> float:
    """How well a weighted sum of features tells human poems from others."""
    return area_under_curve(torch.from_numpy(x @ weights), torch.from_numpy(human))


def weighed(poet: Poet, valid: Sequence[Poem], options: SamplingOptions) -> str:
    """A table: the weight of each feature, fitted on one half of validation poems and as many
    samples, and how well it tells the other half from other samples: alone, all but it, and all."""
    made = [one.poem for one in generate(poet.model, poet.codec, len(valid), options=options)]
    x = np.concatenate([heard(poet, valid), heard(poet, made)])
    human = np.arange(len(x)) < len(valid)
    order = np.random.default_rng(options.seed).permutation(len(x))
    learn, test = order[: len(x) // 2], order[len(x) // 2 :]

    def told(columns: list[int]) -> float:
        fit = logistic(x[learn][:, columns], human[learn])
        return auc(x[test][:, columns], fit.weights, human[test])

    fit, every = logistic(x[learn], human[learn]), list(range(x.shape[1]))
    rows = [
        [
            name,
            f"{x[human, i].mean():.3g}",
            f"{x[~human, i].mean():.3g}",
            f"{fit.weights[i]:+.3f} ± {2 * fit.errors[i]:.3f}",
            f"{told([i]):.3f}",
            f"{told([k for k in every if k != i]):.3f}",
        ]
        for i, name in enumerate(WEIGHTS)
    ]
    shipped = auc(x[test], np.array(list(WEIGHTS.values())), human[test])
    rows.append(["all", "", "", "", f"{told(every):.3f}", ""])
    rows.append(["the weights of `ranking`", "", "", "", f"{shipped:.3f}", ""])
    columns = f"{len(learn):,} to learn from, {len(test):,} to tell|human|samples|weight"
    return table(f"{columns}|AUC alone|AUC without", rows)


def chosen(
    poet: Poet,
    human: Sequence[Poem],
    known: Sequence[Poem],
    counts: Sequence[int],
    n: int,
    options: SamplingOptions,
) -> str:
    """A table: n poems, each the best of so many candidates, by bound alone and by score."""
    most = max(counts)
    options = replace(options, seed=derive_seed(options.seed, "chosen"))
    made = generate(poet.model, poet.codec, n * most, options=options)
    poems = [one.poem for one in made]
    rated = list(zip(poems, bounds(poet, poems), strict=True))
    rows: list[list[str]] = []
    sides: dict[str, Any] = {}
    for name, kept in ways(rated, counts, most):
        sides = compare(poet.codec, kept, human, known)
        rows.append([name, *cells(sides["samples"], QUALITY)])
    rows.append(["human", *cells(sides["human"], QUALITY)])
    columns = "candidates|rhyme|first verse rhymes|rhymes with itself|tones|repeats|distinct-2"
    return table(f"{columns}|reverse|copied lines", rows)


def ways(
    rated: Sequence[tuple[Poem, float]], counts: Sequence[int], most: int
) -> Iterator[tuple[str, list[Poem]]]:
    """The poems that each way of choosing keeps of groups of `most`, of which it sees the first."""
    groups = [rated[i : i + most] for i in range(0, len(rated), most)]
    for count in counts:
        by_bound = [max(group[:count], key=lambda one: one[1])[0] for group in groups]
        by_score = [
            max(group[:count], key=lambda one: score(one[0].verses, one[1], one[0].form))[0]
            for group in groups
        ]
        if count == 1:
            yield "1", by_score
        else:
            yield f"{count}, by bound", by_bound
            yield f"{count}, by score", by_score

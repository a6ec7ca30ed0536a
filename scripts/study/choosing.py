"""The weights of `generation.ranking`, and what choosing by them gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from common import cells, table
from numpy.typing import NDArray

from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.evaluation.likelihood import by_poem
from poetvae.evaluation.metrics import repeats
from poetvae.evaluation.samples import area_under_curve, compare
from poetvae.generation.generate import RANKED, generate
from poetvae.generation.options import SamplingOptions
from poetvae.generation.ranking import WEIGHTS, features
from poetvae.poet import Poet
from poetvae.text.poem import Poem

Matrix = NDArray[np.float64]
NAMES = list(WEIGHTS)
MINDED = [name for name in NAMES if name != "bound"]
SIGN = {"repeats": -1, "self_rhyme": -1}  # no weight is against these, or for what is not here
PRIOR = 1.0  # variance of the weights before anything is seen, in their features' own deviations
BOUNDS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # weights of the bound that are tried
OF, TRIED = 8, 300  # candidates and poems that they are tried with
QUALITY = "rhyme_accuracy:.1% first_verse_rhymes:.1% self_rhyme_rate:.1% tone_accuracy:.1%"
QUALITY += " repeat_rate:.1% distinct_2:.3f reverse_nll_per_char:.3f copied_lines:.1%"


class Told(NamedTuple):
    """Poems and their features (N, F), in the order of `NAMES`."""

    poems: Sequence[Poem]
    x: Matrix

    def best(self, weights: Mapping[str, float], of: int, among: int) -> list[Poem]:
        """The best of the first `of` of each `among` poems."""
        score = (self.x @ [weights.get(name, 0.0) for name in NAMES]).reshape(-1, among)
        kept = score[:, :of].argmax(axis=1) + np.arange(len(score)) * among
        return [self.poems[i] for i in kept]


class Fit(NamedTuple):
    """Weights of features (F,), and their standard errors."""

    weights: Matrix
    errors: Matrix


def heard(poet: Poet, poems: Sequence[Poem]) -> Told:
    """Poems with what they are told by; log p(x) as of candidates."""
    store = encode_poems(poet.codec, poems)
    bounds = -by_poem(poet.model, poet.codec, store, samples=RANKED).bound
    pairs = zip(poems, bounds.tolist(), strict=True)
    found = (features(poem.verses, bound, poem.form) for poem, bound in pairs)
    return Told(poems, np.array([[own[name] for name in NAMES] for own in found]))


def drawn(poet: Poet, n: int, options: SamplingOptions, what: str) -> Told:
    """n plain samples."""
    seeded = replace(options, seed=derive_seed(options.seed, what))
    return heard(poet, [one.poem for one in generate(poet.model, poet.codec, n, options=seeded)])


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
    return Fit(weights[:-1] / scale, errors[:-1] / scale)


def signed(
    x: Matrix, human: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """The weight and its error of each of these features, x (N, F) being of all; 0 of one that
    would have the other sign, without which the others are fitted anew."""
    fit = logistic(x[:, [NAMES.index(name) for name in names]], human)
    kept = [n for n, w in zip(names, fit.weights, strict=True) if w * SIGN.get(n, 1) > 0]
    if len(kept) < len(names):
        return dict.fromkeys(names, (0.0, 0.0)) | (signed(x, human, kept) if kept else {})
    return {n: (float(w), float(e)) for n, w, e in zip(names, *fit, strict=True)}


def weighed(poet: Poet, valid: Sequence[Poem], kinds: Sequence[SamplingOptions]) -> str:
    """Tables: the weight of each feature, fitted on one half of validation poems and as many
    samples of these kinds, and how well it tells the other halves apart: alone, all but it, and
    all; and how often the best of several repeat a character, by weight of the bound."""
    own, n = heard(poet, valid), len(valid) // len(kinds)
    made = [drawn(poet, n, kind, f"kind {i}") for i, kind in enumerate(kinds)]
    x = np.concatenate([own.x, *(one.x for one in made)])
    human = np.arange(len(x)) < len(valid)
    order = np.random.default_rng(kinds[0].seed).permutation(len(x))
    learn, test = order[: len(x) // 2], order[len(x) // 2 :]

    def auc(weights: Mapping[str, float]) -> str:
        logits = x[test] @ [weights.get(name, 0.0) for name in NAMES]
        return f"{area_under_curve(torch.from_numpy(logits), torch.from_numpy(human[test])):.3f}"

    def told(names: Sequence[str]) -> str:
        return auc({n: w for n, (w, _) in signed(x[learn], human[learn], names).items()})

    fit = signed(x[learn], human[learn], MINDED)
    rows = [
        [
            name,
            f"{x[human, i].mean():.3g}",
            *(f"{one.x[:, i].mean():.3g}" for one in made),
            f"{fit[name][0]:+.2f} ± {2 * fit[name][1]:.2f}" if name in fit else "",
            told([name]),
            told([other for other in MINDED if other != name]),
        ]
        for i, name in enumerate(NAMES)
    ]
    rows.append(["all", *[""] * (len(kinds) + 2), told(NAMES), ""])
    rows.append(["as shipped", *[""] * (len(kinds) + 2), auc(WEIGHTS), ""])
    samples = "|".join(f"samples at {kind.temperature:g}" for kind in kinds)
    columns = f"{len(learn):,} to learn from, {len(test):,} to tell|human|{samples}|weight"
    weights = {name: weight for name, (weight, _) in fit.items()}
    text = table(f"{columns}|AUC alone|AUC without", rows)
    return f"{text}\n\n{tried(poet, own, weights, kinds[0])}"


def tried(poet: Poet, human: Told, weights: Mapping[str, float], kind: SamplingOptions) -> str:
    """A table: the repeats of what is kept of several, by weight of the bound; the largest is taken
    that repeats no more often than these human poems."""
    made = drawn(poet, OF * TRIED, kind, "tried")

    def rate(poems: Sequence[Poem]) -> str:
        return f"{repeats([poem.verses for poem in poems]).mean():.1%}"

    kept = (made.best({**weights, "bound": bound}, OF, OF) for bound in BOUNDS)
    row = [f"repeats, best of {OF}", *map(rate, kept), rate(human.poems)]
    return table("|".join(["weight of the bound", *map(str, BOUNDS), "human"]), [row])


def chosen(
    poet: Poet,
    human: Sequence[Poem],
    known: Sequence[Poem],
    counts: Sequence[int],
    n: int,
    options: SamplingOptions,
) -> str:
    """A table: n poems, each the best of so many candidates, by bound alone and by score."""
    made = drawn(poet, n * max(counts), options, "chosen")
    rows: list[list[str]] = []
    sides: dict[str, Any] = {}
    for count in counts:
        for by, weights in (("bound", {"bound": 1.0}), ("score", WEIGHTS))[count == 1 :]:
            kept = made.best(weights, count, max(counts))
            sides = compare(poet.codec, kept, human, known)
            name = "1" if count == 1 else f"{count}, by {by}"
            rows.append([name, *cells(sides["samples"], QUALITY)])
    rows.append(["human", *cells(sides["human"], QUALITY)])
    columns = "candidates|rhyme|first verse rhymes|rhymes with itself|tones|repeats|distinct-2"
    return table(f"{columns}|reverse|copied lines", rows)

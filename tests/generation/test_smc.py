"""z given a constraint, and the poems written from it, against sums over all strings and z."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from poetvae.config import ModelConfig
from poetvae.constraints.constraint import Constraint
from poetvae.generation import smc as particles
from poetvae.generation.constrained import population, sample_constrained
from poetvae.generation.passes import write
from poetvae.generation.smc import choose_z
from poetvae.models import VQVAE, LatentModel, build
from poetvae.nn.noise import Noise

V, T = 11, 3
LETTERS = range(6, V)  # above the special tokens and the line break
WRITABLE = torch.zeros(T, V, dtype=torch.bool)
WRITABLE[:, list(LETTERS)] = True


SMALL = {"embed_dim": 4, "d_model": 4, "latent_dim": 1, "encoder_layers": 0, "decoder_layers": 1}


def make(std: float = 1.2, **settings: Any) -> LatentModel:
    """A small model with one latent dimension, of which its characters depend strongly."""
    torch.manual_seed(3)
    config = ModelConfig(**{"vocab_size": V, "max_len": T, "tied": False, **SMALL, **settings})
    model = build(config).latent.eval()
    for p in model.parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=std)
    return model


class Union(NamedTuple):
    """A constraint by its definition: alternatives, each the tokens by position, counted from the
    first letter; and the positions among which none comes twice."""

    products: tuple[Sequence[Iterable[int]], ...]
    distinct: frozenset[int] = frozenset()

    @property
    def constraint(self) -> Constraint:
        """The same as a constraint of one part."""
        sets = [tuple(sorted(tokens)) for row in self.products for tokens in row]
        table = torch.zeros(len(sets), V, dtype=torch.bool)
        for row, key in zip(table, sets, strict=True):
            row[[LETTERS[i] for i in key]] = True
        return Constraint.union(table, torch.arange(len(sets)).view(-1, T), self.distinct)

    def holds(self, string: Sequence[int]) -> bool:
        """Whether a string of tokens is in it."""
        places = [string[t] for t in self.distinct]
        rows = [[{LETTERS[i] for i in tokens} for tokens in row] for row in self.products]
        inside = any(all(a in b for a, b in zip(string, row, strict=True)) for row in rows)
        return inside and len(set(places)) == len(places)


def union(*products: Sequence[Iterable[int]], distinct: Iterable[int] = ()) -> Union:
    return Union(products, frozenset(distinct))


ALL = range(5)
CONSTRAINTS = {
    "product": union([{0, 1}, ALL, {2, 3}]),
    "fixed": union([{1}, ALL, {4}]),
    "union": union([{0, 1, 2}, ALL, {2, 3}], [{1, 2}, {0, 3}, ALL], [ALL, {3}, {3, 4}]),
    "contains": union([{2}, ALL, ALL], [ALL, {2}, ALL], [ALL, ALL, {2}]),
    "distinct": union([ALL, ALL, ALL], distinct=range(T)),
    "distinct product": union([{0, 1, 2}, {0, 1}, {1, 2, 3}], distinct=range(T)),
    "two distinct": union([{0, 1, 2}, ALL, {1, 2}], [{1, 4}, {0, 1}, ALL], distinct=(0, 2)),
    "distinct union": union([{0, 1, 2}, ALL, {1, 2}], [{1, 4}, {0, 1}, ALL], distinct=range(T)),
}


def grid() -> tuple[Tensor, Tensor]:
    """Points of the standard normal in one dimension, and their weights."""
    z = torch.linspace(-6, 6, 4001)
    return z.unsqueeze(1), (-0.5 * z**2).softmax(0)


def codes(model: VQVAE) -> tuple[Tensor, Tensor]:
    """All strings of codes, and their probabilities."""
    every = torch.tensor(list(product(range(model.config.codebook_size), repeat=model.groups)))
    z = model.vectors(every)
    return z, model.prior(len(z)).log_prob(z).exp()


@torch.no_grad()
def truth(model: LatentModel, *unions: Union) -> dict[tuple[int, ...], float]:
    """p(x | C) of every string that is in all unions, by summing over z."""
    z, weights = codes(model) if isinstance(model, VQVAE) else grid()
    logits = model.decode(z).masked_fill(~WRITABLE, -torch.inf)
    p = logits.double().softmax(-1)
    strings = torch.tensor(list(product(LETTERS, repeat=T)))
    joint = torch.stack([p[:, t, strings[:, t]] for t in range(T)]).prod(0)
    inside = [all(one.holds(string) for one in unions) for string in strings.tolist()]
    of_x = (weights.double() @ joint) * torch.tensor(inside)
    of_x = of_x / of_x.sum()
    return {tuple(s): float(q) for s, q in zip(strings.tolist(), of_x, strict=True) if q > 0}


def draw(model: LatentModel, constraint: Constraint, n: int, generator: torch.Generator) -> Tensor:
    """n strings from one population, each drawn by a noise of its own: (n, T)."""
    found = population(model, constraint, WRITABLE, n, generator=generator)
    return sample_constrained(model, constraint, found, n, generator=Noise(range(n)))[0]


def p_value(drawn: Tensor, shares: dict[tuple[int, ...], float]) -> float:
    """Pearson's chi-square of strings (N, T) against their probabilities, rare ones together."""
    counts = Counter(map(tuple, drawn.tolist()))
    assert counts.keys() <= shares.keys()
    n = len(drawn)
    cells = [(counts[string], n * share) for string, share in shares.items()]
    rare = [cell for cell in cells if cell[1] < 10]
    cells = [cell for cell in cells if cell[1] >= 10]
    found, expected = sum(seen for seen, _ in rare), sum(wanted for _, wanted in rare)
    cells += [(found, expected)] if expected > 5 else []
    statistic = sum((seen - wanted) ** 2 / wanted for seen, wanted in cells)
    half = torch.tensor([(len(cells) - 1) / 2, statistic / 2], dtype=torch.double)
    return float(torch.special.gammaincc(half[0], half[1]))


KINDS = {
    "strong vae": make(),  # repeats itself so much that poems without repeats are too rare
    "vae": make(0.5),
    "vqvae": make(0.5, kind="vqvae", codebook_size=4, code_stride=2, code_dim=2, prior_layers=1),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, name in product(KINDS, CONSTRAINTS)
        if kind != "strong vae" or not CONSTRAINTS[name].distinct
    ],
)
def test_poems_are_drawn_from_the_model_given_the_constraint(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    model, wanted = KINDS[kind], CONSTRAINTS[name]
    n = 20_000
    generator = torch.Generator().manual_seed(5)
    monkeypatch.setattr(particles, "WORTH", 10**9)  # the largest pool: z hardly comes twice
    drawn = draw(model, wanted.constraint, n, generator)
    assert p_value(drawn, truth(model, wanted)) > 1e-3


def test_poems_are_drawn_from_the_model_given_conditions_that_stay_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(particles, "WORTH", 10**9)
    model, wanted = KINDS["strong vae"], [CONSTRAINTS["union"], CONSTRAINTS["contains"]]
    apart = Constraint(tuple(part for one in wanted for part in one.constraint.parts))
    generator = torch.Generator().manual_seed(5)
    drawn = draw(model, apart, 20_000, generator)
    assert p_value(drawn, truth(model, *wanted)) > 1e-3


def test_the_test_sees_what_is_wrong() -> None:
    """Without the acceptance step overlapping strings come too often; without z's weights, too."""
    model, wanted = KINDS["strong vae"], CONSTRAINTS["union"]
    constraint, shares = wanted.constraint, truth(model, wanted)
    generator = torch.Generator().manual_seed(5)
    drawn = choose_z(model, constraint, WRITABLE, 20_000, generator=generator)
    z, paths = drawn.draw(20_000, generator)
    tokens, *_ = write(model, z, constraint.within(paths), generator=generator)
    assert p_value(tokens, shares) < 1e-6
    flat = replace(drawn, log_weights=torch.zeros(len(drawn.z)))
    z, paths = flat.draw(20_000, generator)
    tokens, *_ = write(model, z, constraint.within(paths), generator=generator)
    keep = torch.rand(len(tokens), generator=generator) < 1 / constraint.count(tokens)
    assert p_value(tokens[keep], shares) < 1e-6


@pytest.mark.parametrize("name", ["fixed", "union"])
@pytest.mark.parametrize("moves", [1, 3])
def test_a_population_led_by_temperature_is_the_posterior(
    monkeypatch: pytest.MonkeyPatch, name: str, moves: int
) -> None:
    monkeypatch.setattr(particles, "MOVES", moves)
    # So few are wanted of so many that the prior is never enough.
    monkeypatch.setattr(particles, "ENOUGH", 10**9)
    model, constraint = make(3.0), CONSTRAINTS[name].constraint
    found = choose_z(model, constraint, WRITABLE, 4000, generator=torch.Generator().manual_seed(1))
    assert found.temperatures > 0
    z, weights = grid()
    with torch.no_grad():
        logits = model.decode(z).masked_fill(~WRITABLE, -torch.inf)
    target = weights.log() + constraint.draw(logits, torch.arange(T))[0]
    cdf = target.softmax(0).cumsum(0)
    drawn, _ = found.draw(1000, torch.Generator().manual_seed(2))
    prior = model.prior(1000).sample(torch.Generator().manual_seed(3))

    def distance(points: Tensor) -> float:
        """Kolmogorov's: the largest difference of the cumulative distributions."""
        points = points[:, 0].sort().values
        at = cdf[torch.searchsorted(z[:, 0].contiguous(), points).clamp(max=len(cdf) - 1)]
        return float((at - torch.arange(len(points)) / len(points)).abs().max())

    assert distance(prior) > 0.2
    assert distance(drawn) < 0.06

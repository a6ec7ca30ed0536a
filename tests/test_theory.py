"""What docs/theory.md names is there, its formulas survive GitHub's markdown, its claims hold.

The claims are checked in worlds small enough to enumerate: three characters of two kinds, z of four
values; and for gradients a Gaussian of one dimension.
"""

from __future__ import annotations

import itertools
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from poetvae.config import configure

PAGE = Path(__file__).parent.parent / "docs" / "theory.md"
PROSE = re.sub(r"(?ms)^ *```math\n.*?^ *```$", "", PAGE.read_text(encoding="utf-8"))
CODE = re.findall(r"`([^`\n]+)`", PROSE)
NAMES = sorted({code for code in CODE if re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)+", code)})
SETTINGS = sorted({code for code in CODE if re.fullmatch(r"[a-z_]+ = \S+", code)})
INLINE = re.findall(r"\$([^$]+)\$", re.sub(r"`[^`\n]+`", "", PROSE))


def find(name: str) -> object:
    """What `module.name` or `module.Class.name` is inside the package."""
    found, path = import_module("poetvae"), "poetvae"
    for part in name.split("."):
        path = f"{path}.{part}"
        found = getattr(found, part) if hasattr(found, part) else import_module(path)
    return found


def test_there_is_something_to_check() -> None:
    assert {"training.loss.objective", "models.VAE.decode", "models.bounds.iwae"} <= set(NAMES)
    assert {"beta = 4", "free_bits = 0.1"} <= set(SETTINGS)
    assert len(INLINE) > 100


@pytest.mark.parametrize("name", [name for name in NAMES if name != "module.name"])
def test_a_name_leads_to_something(name: str) -> None:
    assert find(name) is not None


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_is_taken(setting: str) -> None:
    key, value = setting.split(" = ")
    beta = {"beta": 0} if key == "sample" else {}  # there is no KL to weigh without sampling
    configure(settings={key: value, **beta})


@pytest.mark.parametrize("formula", sorted(set(INLINE)))
def test_markdown_leaves_a_formula_alone(formula: str) -> None:
    """Outside of math blocks markdown eats escaped punctuation, and reads * and }_ as emphasis."""
    assert not re.search(r"\\[,;:!{}|\\]|\*|\}_|[<>]", formula), formula
    assert formula.count("{") == formula.count("}")


Table = NDArray[np.float64]


class World:
    """p_data(x) q(z | x) as `joint` [z, x1, x2, x3], beside a model of independent positions."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sharp = rng.choice([0.05, 0.3, 1.0, 3.0])
        data = rng.dirichlet(np.full(8, sharp)) + 1e-9
        self.data: Table = (data / data.sum()).reshape(2, 2, 2)
        self.q: Table = np.moveaxis(rng.dirichlet(np.full(4, sharp), size=(2, 2, 2)) + 1e-9, 3, 0)
        self.q /= self.q.sum(axis=0)
        self.joint = self.q * self.data
        self.prior: Table = rng.dirichlet(np.ones(4))
        self.positions: Table = rng.dirichlet(np.ones(2), size=(4, 3))  # [z, t, x_t]
        self.likelihood = np.einsum("za,zb,zc->zabc", *np.moveaxis(self.positions, 1, 0))
        self.model = self.prior[:, None, None, None] * self.likelihood  # p(z) p(x | z)


def entropy(joint: Table, of: str, given: str = "") -> float:
    """H(of | given) in nats; axes of the table are named z, 1, 2, 3."""

    def h(names: str) -> float:
        away = tuple(i for i, axis in enumerate("z123") if axis not in names)
        p = joint.sum(axis=away)
        return float(-(p * np.log(p)).sum())

    return h(of + given) - h(given)


def dual(joint: Table, of: str = "123", given: str = "") -> float:
    """The dual total correlation of positions."""
    rest = {i: of.replace(i, "") + given for i in of}
    return entropy(joint, of, given) - sum(entropy(joint, i, rest[i]) for i in of)


worlds = pytest.mark.parametrize("world", [World(seed) for seed in range(50)])
EPS = 1e-9


@worlds
def test_what_the_bound_loses_and_what_the_rate_is_made_of(world: World) -> None:
    p = world.model.sum(axis=0)
    elbo = (world.q * np.log(world.model / world.q)).sum(axis=0)
    gap = (world.q * np.log(world.q * p / world.model)).sum(axis=0)
    np.testing.assert_allclose(elbo + gap, np.log(p))
    prior, q_z = world.prior[:, None, None, None], world.joint.sum(axis=(1, 2, 3))
    rate = (world.joint * np.log(world.q / prior)).sum()
    information = entropy(world.joint, "123") - entropy(world.joint, "123", "z")
    assert rate == pytest.approx(information + (q_z * np.log(q_z / world.prior)).sum())
    distortion = -(world.joint * np.log(world.likelihood)).sum()
    assert entropy(world.joint, "123") - distortion <= information + EPS


@worlds
def test_the_limit_of_one_pass(world: World) -> None:
    assert entropy(world.model, "123") - entropy(world.model, "123", "z") >= dual(world.model) - EPS
    rate = (world.joint * np.log(world.q / world.prior[:, None, None, None])).sum()
    distortion = -(world.joint * np.log(world.likelihood)).sum()
    total = sum(entropy(world.joint, i, "z") for i in "123") - entropy(world.joint, "123", "z")
    chain = [
        distortion + rate - entropy(world.joint, "123"),
        total,
        dual(world.joint, given="z") / 2,
        (dual(world.joint) - rate) / 2,
    ]
    assert all(a >= b - EPS for a, b in itertools.pairwise(chain)), chain


@worlds
def test_more_passes_need_less(world: World) -> None:
    first = world.joint.sum(axis=(2, 3))  # p(z, x1); then 2 and 3, independent given both
    second = world.joint.sum(axis=3) / first[:, :, None]
    third = world.joint.sum(axis=2) / first[:, :, None]
    model = first[:, :, None, None] * second[:, :, :, None] * third[:, :, None, :]
    needed = dual(model, "23", "1")  # a single position has none
    assert entropy(model, "123") - entropy(model, "123", "z") >= needed - EPS
    assert needed <= dual(model) + EPS


@worlds
def test_what_is_asked_for_is_drawn_from_the_model_given_it(world: World) -> None:
    conditions = np.array([[[1, 0], [1, 1], [1, 1]], [[1, 1], [0, 1], [1, 1]]])  # which overlap
    products = [np.einsum("a,b,c->abc", *condition) for condition in conditions]
    count = sum(products)
    masses = [(world.likelihood * product).sum(axis=(1, 2, 3)) for product in products]
    for condition, mass in zip(conditions, masses, strict=True):
        np.testing.assert_allclose(mass, (world.positions * condition).sum(axis=2).prod(axis=1))
    weight, drawn = sum(masses), np.zeros_like(world.model)
    for mass, product in zip(masses, products, strict=True):
        z = world.prior * weight * (mass / weight) / mass
        drawn += z[:, None, None, None] * world.likelihood * product
    np.testing.assert_allclose(drawn, world.model * count)
    kept = drawn / np.maximum(count, 1)
    np.testing.assert_allclose(kept, world.model * (count > 0))


@worlds
def test_no_character_twice(world: World) -> None:
    """Of three, drawn one after the other, masked by those used."""
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 3))  # [z, t, x_t]
    for x in itertools.permutations(range(3)):
        left = np.ones(4)
        drawn = world.prior.copy()
        for t, char in enumerate(x):
            mass = 1 - p[:, t, list(x[:t])].sum(axis=1)
            drawn *= p[:, t, char] / mass
            left *= mass
        assert (left <= 1).all()
        exact = world.prior * p[:, 0, x[0]] * p[:, 1, x[1]] * p[:, 2, x[2]]
        np.testing.assert_allclose(drawn * left, exact)


@worlds
def test_vade_and_the_mixture(world: World) -> None:
    rng = np.random.default_rng(0)
    p_c = rng.dirichlet(np.ones(3))
    z_given_c = rng.dirichlet(np.ones(4), size=3)
    q_z, x_given_z = world.q[:, 0, 0, 0], world.likelihood[:, 0, 0, 0]
    q_c = rng.dirichlet(np.ones(3))
    p_z = p_c @ z_given_c
    c_given_z = p_c[:, None] * z_given_c / p_z
    both = q_c[:, None] * q_z
    vade = (both * np.log(x_given_z * z_given_c * p_c[:, None] / both)).sum()
    elbo = (q_z * np.log(x_given_z * p_z / q_z)).sum()
    assert vade == pytest.approx(elbo - (both * np.log(q_c[:, None] / c_given_z)).sum())


def test_gradients_of_the_importance_weighted_bound() -> None:
    """p(z) = N(0, 1), p(x | z) = N(z, 1), q = N(m, s^2): the gradient in m, two samples of z."""
    x, m, s = 1.5, 0.2, 1.1
    z = m + s * np.random.default_rng(0).standard_normal((2, 400_000))
    log_w = -(z**2) / 2 - (x - z) ** 2 / 2 + ((z - m) / s) ** 2 / 2
    v = np.exp(log_w) / np.exp(log_w).sum(axis=0)
    path, score = -z + (x - z) + (z - m) / s**2, (z - m) / s**2

    def away(a: Table, b: Table) -> float:
        """How many standard errors lie between the means of two estimators."""
        difference = (a - b).sum(axis=0)
        return float(abs(difference.mean()) / (difference.std() / difference.size**0.5))

    standard = v * (path - score)
    assert away(standard, v**2 * path) < 3
    assert away(standard, v * path) > 20
    assert (v**2 * path).sum(axis=0).std() < standard.sum(axis=0).std()

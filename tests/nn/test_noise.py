"""Random numbers by row: whose they are, and what they are distributed as."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poetvae.nn.distributions import DiagonalGaussian, Mixture
from poetvae.nn.noise import Noise, at_level, choose, rand, randn

SEEDS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=6, unique=True)


def splitmix(seed: int, n: int) -> list[int]:
    """The published generator, in whole numbers: its first n of 64 bits."""
    found, whole = [], 2**64
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) % whole
        x = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9 % whole
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % whole
        found.append(x ^ (x >> 31))
    return found


def test_the_reference_is_the_published_one() -> None:
    assert splitmix(1234567, 2) == [6457827717110365317, 3203168211198807973]


@given(SEEDS, st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
def test_each_row_is_the_stream_of_its_seed(seeds: list[int], calls: list[tuple[int, int]]) -> None:
    noise = Noise(seeds)
    drawn = torch.cat([noise.rand(len(seeds), *some).flatten(1) for some in calls], dim=1)
    for seed, row in zip(seeds, drawn.tolist(), strict=True):
        assert row == [(x >> 40) / 2**24 for x in splitmix(seed, len(row))]


@given(SEEDS, st.data())
def test_a_row_does_not_depend_on_the_others(seeds: list[int], data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(range(len(seeds))), min_size=1, unique=True))
    mean = torch.arange(5.0).expand(len(seeds), -1)
    whole, part = Noise(seeds), Noise(seeds[i] for i in some)
    for _ in range(2):
        drawn = DiagonalGaussian(mean, mean).sample(whole)
        assert torch.equal(drawn[some], DiagonalGaussian(mean[some], mean[some]).sample(part))
    mixture = torch.zeros(3), torch.arange(6.0).view(3, 2), torch.zeros(3, 2)
    drawn = Mixture(*mixture, n=len(seeds)).sample(whole)
    assert torch.equal(drawn[some], Mixture(*mixture, n=len(some)).sample(part))


def test_what_is_drawn_is_uniform_and_normal() -> None:
    noise, n = Noise(range(400)), 400 * 300
    uniform, normal = noise.rand(400, 300).double(), noise.randn(400, 300).double()
    assert 0 <= float(uniform.min()) < float(uniform.max()) < 1
    for drawn, mean, variance, fourth in ((uniform, 1 / 2, 1 / 12, 1 / 80), (normal, 0, 1, 3)):
        away = drawn - mean
        assert abs(float(away.mean())) < 5 * math.sqrt(variance / n)
        assert abs(float(away.square().mean()) - variance) < 5 * math.sqrt(fourth / n)
        assert abs(float(away.pow(4).mean()) / fourth - 1) < 0.05
        for one, other in ((away[1:], away[:-1]), (away[:, 1:], away[:, :-1])):  # seeds, places
            assert abs(float((one * other).mean())) < 5 * variance / math.sqrt(n)
    assert float(normal.max()) > 3.5


def test_it_stands_for_a_generator() -> None:
    mass = torch.tensor([[1.0, 0.0, 3.0]]).expand(20_000, -1)
    for source in (Noise(range(20_000)), torch.Generator().manual_seed(1), None):
        counts = choose(mass, source).bincount(minlength=3).tolist()
        assert counts[1] == 0
        assert abs(counts[0] - 5000) < 5 * math.sqrt(20_000 * 0.25 * 0.75)
    assert rand(Noise([1]), (1, 2), torch.device("cpu")).dtype == torch.float32
    assert randn(Noise([1]), (1, 2), torch.zeros(1, dtype=torch.float16)).dtype == torch.float16
    assert at_level(torch.tensor([0.0, 0.24, 0.26, 0.9999999]), mass[:4]).tolist() == [0, 0, 2, 2]
    with pytest.raises(ValueError, match="3 rows; expected one for each of 2 seeds"):
        Noise([1, 2]).rand(3, 1)

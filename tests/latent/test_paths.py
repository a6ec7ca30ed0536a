"""Ways through the latent space: paths, variations, surprise, and what changed on the way."""

from __future__ import annotations

import math
import re
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.config import WAYS
from poetvae.data.dataset import encode_poems
from poetvae.errors import ConfigError, CorpusError
from poetvae.latent import paths as latent
from poetvae.nn import DiagonalGaussian
from poetvae.poet import Poet
from poetvae.text import diff

COUPLETS = ["瀑響分雲出，橋形得水成。", "斷岸支漁網，危峰戴草亭。", "沙痕知潦退，石髮見潮生。"]

vectors = st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3).map(torch.tensor)
texts = st.text("天月 \n", max_size=6)


# Paths


@pytest.mark.parametrize("mode", ["lerp", "slerp"])
@settings(deadline=None)
@given(vectors, vectors, st.integers(2, 9))
def test_a_path_has_its_ends_and_its_steps(mode: str, a: Tensor, b: Tensor, steps: int) -> None:
    points = latent.path(a, b, steps, mode)
    assert points.shape == (steps, 3)
    torch.testing.assert_close(points[0], a, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(points[-1], b, atol=1e-5, rtol=1e-5)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 12), st.integers(0, 99))
def test_a_bridge_gives_up_each_character_once(size: int, steps: int, seed: int) -> None:
    a, b = "a" * size, "b" * size
    templates = latent.bridge(a, b, steps, seed=seed)
    assert (templates[0], templates[-1], len(templates)) == (a, b, steps)
    for column in zip(*templates, strict=True):
        assert re.fullmatch("a+_*b+", "".join(column))
    assert all(template.count("_") <= size // 3 for template in templates)
    assert latent.bridge(a, b, steps, seed=seed) == templates


def test_a_bridge_keeps_what_stands_on_either_side(poet: Poet) -> None:
    a, b, _ = COUPLETS
    poems = [poem.text for poem in poet.interpolate(a, b, steps=5, mode="bridge")]
    assert (poems[0], poems[-1], len(poems)) == (a, b, 5)
    chars = [re.sub("[，。]", "", text) for text in (a, b)]
    for text, template in zip(poems, latent.bridge(chars[0], chars[1], 5), strict=True):
        assert re.fullmatch(template.replace("_", "."), re.sub("[，。]", "", text))


@settings(deadline=None)
@given(vectors, vectors)
def test_lerp_goes_straight_and_slerp_turns_with_one_speed(a: Tensor, b: Tensor) -> None:
    pace = latent.path(a, b, 5).diff(dim=0)
    torch.testing.assert_close(pace, ((b - a) / 4).expand(4, 3), atol=1e-5, rtol=1e-4)
    if min(a.norm(), b.norm()) < 0.1:
        return
    a, b = (end.double() / end.double().norm() for end in (a, b))
    if abs(a @ b) > 0.999:
        return
    points = latent.path(a, b, 6, "slerp")
    torch.testing.assert_close(points.norm(dim=1), torch.ones(6).double())
    angles = (points[1:] * points[:-1]).sum(dim=1).clamp(-1, 1).acos()
    torch.testing.assert_close(angles, (a @ b).acos().expand(5) / 5)


@pytest.mark.parametrize(
    ("a", "b"), [([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 0.0])]
)
def test_slerp_is_lerp_where_there_is_no_circle(a: list[float], b: list[float]) -> None:
    ends = torch.tensor([a, b])
    found = latent.path(ends[0], ends[1], 5, "slerp")
    assert torch.equal(found, latent.path(ends[0], ends[1], 5))


@pytest.mark.parametrize("mode", ["lerp", "slerp"])
def test_interpolation_ends_in_the_reconstructions(poet: Poet, free_poet: Poet, mode: str) -> None:
    poems = poet.interpolate(COUPLETS[0], COUPLETS[1], steps=5, mode=mode)
    assert len(poems) == 5
    assert [poems[0], poems[-1]] == poet.reconstruct(COUPLETS[:2])
    lines = ["a rose is a rose\nsaid number 3", "a rose"]
    ends = free_poet.interpolate(lines[0], lines[1], steps=2, mode=mode)
    assert ends == free_poet.reconstruct(lines)


def test_a_way_that_cannot_be_gone(poet: Poet, free_poet: Poet) -> None:
    for mode in WAYS:
        with pytest.raises(ConfigError, match="steps is 1; expected at least 2"):
            poet.interpolate(COUPLETS[0], COUPLETS[1], steps=1, mode=mode)
    with pytest.raises(ConfigError, match="fixed form"):
        free_poet.interpolate("a rose", "a rose is", mode="bridge")
    with pytest.raises(ConfigError, match="mode is 'bezier'; expected one of lerp, slerp, bridge"):
        poet.interpolate(COUPLETS[0], COUPLETS[1], mode="bezier")
    with pytest.raises(CorpusError, match="this model reads 5x2"):
        poet.interpolate(COUPLETS[0], "瀑響")


# Variations


def test_variations_are_draws_around_the_mean(poet: Poet) -> None:
    batch = encode_poems(poet.codec, [poet.codec.read(COUPLETS[0])]).batch([0])
    posterior = poet.encode(COUPLETS[0])
    assert isinstance(posterior, DiagonalGaussian)
    for distance in (0.0, 1.0, 3.0):
        generator = torch.Generator().manual_seed(1)
        z = latent.variations(poet.model.latent, batch, 4000, distance, generator)
        standard = (z - posterior.mean) / posterior.stddev
        assert standard.mean(dim=0).abs().max() <= 0.1 * distance
        assert (standard.std(dim=0) - distance).abs().max() <= 0.05 * distance + 1e-6


def test_variations_are_distinct_and_repeat_with_the_seed(poet: Poet) -> None:
    poems = poet.vary(COUPLETS[0], 4, distance=30.0, seed=3)
    assert 1 < len({poem.text for poem in poems}) == len(poems) <= 4
    assert poems == poet.vary(COUPLETS[0], 4, distance=30.0, seed=3)
    assert poems != poet.vary(COUPLETS[0], 4, distance=30.0, seed=4)
    assert poet.vary(COUPLETS[0], 3, distance=0.0) == poet.reconstruct(COUPLETS[0])
    for n, distance in ((0, 1.0), (1, -1.0), (1, math.nan), (1, math.inf)):
        with pytest.raises(ConfigError, match=f"n is {n} and distance {distance}"):
            poet.vary(COUPLETS[0], n, distance=distance)


# Surprise


def test_surprise_adds_up_to_the_nll_at_the_mean(poet: Poet, free_poet: Poet) -> None:
    packaged = Poet.from_pretrained()
    assert packaged.model.latent.passes > 1
    for one in (poet, packaged):
        model, found = one.model.latent, one.surprise(COUPLETS[0])
        assert "".join(char for char, _ in found) == "瀑響分雲出橋形得水成"
        batch = encode_poems(one.codec, [one.codec.read(COUPLETS[0])]).batch([0])
        with torch.no_grad():
            nll = model.nll(model.encode(batch).mode, batch, model.passes)
        assert sum(nats for _, nats in found) == pytest.approx(float(nll), rel=1e-4)
    text = "a rose\nis red"
    assert "".join(char for char, _ in free_poet.surprise(text)) == text


# What changed


@cache
def levenshtein(a: str, b: str) -> int:
    """The definition, by recursion."""
    if not (a and b):
        return len(a) + len(b)
    inside = levenshtein(a[1:], b[1:]) + (a[0] != b[0])
    return min(inside, levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1)


@given(texts, texts)
def test_what_was_not_changed_stood_there_before(before: str, after: str) -> None:
    places = diff.changed(before, after, fixed=False)
    assert places == sorted(set(places))
    kept = [char for i, char in enumerate(after) if i not in places]
    rest = iter(before)
    assert all(char in rest for char in kept)  # a subsequence
    least = levenshtein(before, after)
    assert diff.distance(before, after, fixed=False) == least
    assert len(places) <= least == max(least, len(before) - len(kept))


def test_places_that_changed() -> None:
    assert diff.changed("天月，天", "月天，天", fixed=True) == [0, 1]
    assert diff.distance("天月，天", "月天，天", fixed=True) == 2
    assert diff.changed("abcd", "bcd", fixed=False) == []
    assert diff.changed("bcd", "abcd", fixed=False) == [0]
    marked = {"白水【連】山色": [2], "【白水】連山【色】": [0, 1, 4], "白水連山色": []}
    assert {diff.marked("白水連山色", i): i for i in marked.values()} == marked


@pytest.mark.parametrize(
    ("way", "expected"),
    [("aaaa baaa bbaa", 1.0), ("aaaa bbaa baaa", 1 / 3), ("aaaa bbbb aaaa", None), ("a a", None)],
)
@pytest.mark.parametrize("fixed", [True, False])
def test_smoothness(way: str, expected: float | None, fixed: bool) -> None:
    assert latent.smoothness(way.split(), fixed) == expected


@given(st.lists(st.text("天月", min_size=4, max_size=4), min_size=2, max_size=5))
def test_no_way_is_smoother_than_straight(poems: list[str]) -> None:
    for fixed in (True, False):
        smooth = latent.smoothness(poems, fixed)
        assert (smooth is None) == (poems[0] == poems[-1])
        assert smooth is None or 0 < smooth <= 1


def test_without_a_mode_what_z_says_decides(poet: Poet, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = COUPLETS[:2]
    assert poet.way(a, b) == "lerp"  # of one pass: what is written is all from z
    monkeypatch.setattr(type(poet.model), "pass_choices", [1, 8])
    rates = poet.rate([a, b])
    posterior = poet.encode([a, b])
    assert isinstance(posterior, DiagonalGaussian)
    assert rates == pytest.approx(posterior.kl().tolist())
    for telling, way in ((sum(rates) / 2 - 0.01, "lerp"), (sum(rates) / 2 + 0.01, "bridge")):
        monkeypatch.setattr("poetvae.poet.TELLING", telling)
        assert poet.way(a, b) == way
    monkeypatch.undo()
    assert poet.interpolate(a, b) == poet.interpolate(a, b, mode="lerp")

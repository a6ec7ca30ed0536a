"""Clusters: blobs are found, inertia never rises, purity is what counting says."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.config import ModelConfig
from poetvae.errors import ConfigError
from poetvae.latent import clusters
from poetvae.latent.clusters import characteristic, clusters_of, kmeans, named, purity, regions
from poetvae.models import VAE
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem

LABELS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=30)


def blobs(sizes: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points around centres 20 apart, and the blob of each."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    truth = truth[torch.randperm(len(truth), generator=generator)]
    return truth[:, None] * 20.0 + torch.randn(len(truth), 3, generator=generator), truth


def inertia(z: Tensor, centres: Tensor) -> float:
    """The sum over z of the squared distance to the nearest centre."""
    return float((z[:, None].double() - centres.double()).square().sum(2).amin(1).sum())


@pytest.mark.parametrize("seed", range(5))
def test_separated_blobs_are_found(seed: int) -> None:
    z, truth = blobs([30, 10, 20, 5], seed)
    centres, assignment = kmeans(z, 4, seed)
    assert purity(assignment.tolist(), [str(i) for i in truth.tolist()]) == 1
    assert len(set(zip(assignment.tolist(), truth.tolist(), strict=True))) == 4
    for k in range(4):
        torch.testing.assert_close(centres[k], z[assignment == k].mean(0))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 8), st.integers(0, 30), st.integers(1, 4))
def test_inertia_is_never_worse_than_at_the_start(seed: int, k: int, more: int, dims: int) -> None:
    # Whole numbers: many points are equal, and many pairs are equally far apart.
    generator = torch.Generator().manual_seed(seed)
    z = torch.randint(-3, 4, (k + more, dims), generator=generator).float()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "ITERATIONS", 0)
        start, _ = kmeans(z, k, seed)
    centres, assignment = kmeans(z, k, seed)
    assert {tuple(row) for row in start.tolist()} <= {tuple(row) for row in z.tolist()}
    assert inertia(z, centres) <= inertia(z, start) + 1e-4
    assert (centres.shape, assignment.shape) == ((k, dims), (k + more,))
    near = (z - centres[assignment]).square().sum(1)
    assert float(near.sum()) == pytest.approx(inertia(z, centres), abs=1e-4)


def test_the_same_seed_gives_the_same_clusters_and_another_may_not() -> None:
    z = torch.randn(200, 5, generator=torch.Generator().manual_seed(3))
    (one, first), (same, again), (other, _) = (kmeans(z, 6, seed) for seed in (1, 1, 2))
    assert (torch.equal(one, same), torch.equal(first, again)) == (True, True)
    assert not torch.equal(one, other)


def test_the_start_prefers_far_points(monkeypatch: pytest.MonkeyPatch) -> None:
    # One point far away: with probability 1 - 1e-4 it is a centre, uniformly drawn hardly ever.
    z = torch.zeros(1000, 2)
    z[:, 0] = torch.linspace(0, 1, 1000)
    z[500, 1] = 1e4
    monkeypatch.setattr(clusters, "ITERATIONS", 0)
    assert all((kmeans(z, 2, seed)[0][:, 1] > 1).any() for seed in range(20))


def test_clusters_of_one_point_each_and_of_equal_points() -> None:
    for k in (0, -1, 4):
        with pytest.raises(
            ConfigError, match=rf"^{k} clusters; expected 1 to 3, the number of poe"
        ):
            kmeans(torch.zeros(3, 2), k)
    z = torch.arange(7.0)[:, None]
    centres, assignment = kmeans(z, 7)
    assert torch.equal(centres[assignment], z)
    centres, assignment = kmeans(torch.ones(6, 2), 3)
    assert torch.equal(centres, torch.ones(3, 2))
    assert len(set(assignment.tolist())) == 1


def test_clusters_are_numbered_from_the_largest() -> None:
    model = VAE(ModelConfig(vocab_size=8, max_len=4, d_model=4, embed_dim=4, latent_dim=3))
    z, truth = blobs([5, 30, 10])
    names = clusters_of(model, z, 3, 0)
    found = [{names[i] for i in (truth == t).nonzero().flatten()} for t in range(3)]
    assert found == [{"3"}, {"1"}, {"2"}]
    assert clusters_of(model, z, 0, 0) == []


@given(LABELS)
def test_purity_is_the_best_accuracy_of_labels(pairs: list[tuple[int, str]]) -> None:
    assignment, labels = [k for k, _ in pairs], [label for _, label in pairs]
    best = max(
        sum(naming[k] == label for k, label in pairs)
        for naming in itertools.product("abc", repeat=4)
    )
    assert purity(assignment, labels) == best / len(pairs)
    assert purity(labels, labels) == 1
    assert purity([0] * len(labels), labels) == max(map(labels.count, labels)) / len(labels)


@given(st.lists(st.tuples(st.text("山水風月雲", max_size=6), st.sampled_from("ab")), min_size=1))
def test_characteristic_characters(rows: list[tuple[str, str]]) -> None:
    texts = ["山月山，", "山風", "水月", "水舟"]
    assert characteristic(texts, ["a", "a", "b", "b"], 2) == {"a": "山風", "b": "水舟"}
    found = characteristic([t for t, _ in rows], [c for _, c in rows], 1)
    pairs = [(c, cluster) for text, cluster in rows for c in set(text)]
    for cluster, first in found.items():
        here = [c for c, other in pairs if other == cluster]

        def share(c: str, here: list[str] = here) -> float:
            p, q = here.count(c) / len(here), sum(c == d for d, _ in pairs) / len(pairs)
            return p * math.log(p / q)

        assert set(first) <= set(here)
        assert not here or share(first) >= max(map(share, set(here))) - 1e-12


@given(st.lists(st.tuples(st.text("山水月風花鳥", min_size=1, max_size=5), st.sampled_from("abc"))))
def test_a_word_names_one_cluster(rows: list[tuple[str, str]]) -> None:
    texts, clusters = [text for text, _ in rows], [cluster for _, cluster in rows]
    names = dict(zip(clusters, named(texts, clusters, 2), strict=True))
    assert len("".join(names.values())) == len(set("".join(names.values())))
    for cluster, name in names.items():
        own = "".join(text for text, c in rows if c == cluster)
        assert name == cluster or set(name) <= set(own)


def test_names_are_the_words_that_tell_most() -> None:
    texts = ["山風", "山月", "水舟", "水舟風"]
    assert named(texts, ["1", "1", "2", "2"], 2) == ["山月"] * 2 + ["水舟"] * 2
    assert named(["山", "山"], ["1", "2"]) == ["1", "2"]  # nothing tells them apart


def test_a_region_has_its_middle_and_a_poem(poet: Poet) -> None:
    z = torch.randn(9, poet.model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    points, names = z[:, :2], ["a"] * 5 + ["b"] * 4
    found = regions(poet.model, poet.codec, z, points, names, seed=3)
    assert [region.name for region in found] == ["a", "b"]
    for region, own in zip(found, (points[:5], points[5:]), strict=True):
        lower = own.sort(dim=0).values[(len(own) - 1) // 2]
        assert [region.x, region.y] == lower.tolist()
        assert Poem((region.text,)).form == Form(5, 2)
    assert regions(poet.model, poet.codec, z, points, names, seed=3) == found


def test_a_mixture_prior_has_clusters_of_its_own(poet: Poet) -> None:
    model = VAE(replace(poet.model.config, prior="mixture", components=3))
    z = torch.cat([torch.tensor(model.describe_prior()["mean"]) + 0.01 * i for i in range(4)])
    found = clusters_of(model, z, 0, seed=0)
    assert len(set(found)) == 3
    assert found == found[:3] * 4
    assert clusters_of(poet.model, z, 0, seed=0) == []

"""What z is drawn from: each prior of the registry against torch.distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from poetvae.config import PRIORS, ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.models import priors
from poetvae.models.bounds import kl_by_unit
from poetvae.models.vae import VAE
from poetvae.nn.distributions import DiagonalGaussian

D, COMPONENTS = 3, 4
CONFIG = ModelConfig(
    vocab_size=9, max_len=4, d_model=4, embed_dim=4, latent_dim=D, components=COMPONENTS,
    label_sizes=(3, 2),
)  # fmt: skip
LABELS = torch.tensor([[2, 0], [0, 1], [1, 1]])
every = pytest.mark.parametrize("kind", [kind for kind in PRIORS if kind != "theme"])


def make(kind: str) -> tuple[VAE, dict[str, Any]]:
    """A model with such a prior, and what that says of itself."""
    torch.manual_seed(0)
    model = VAE(replace(CONFIG, prior=kind))
    for p in model.prior_module.parameters():
        torch.nn.init.normal_(p)
    return model, model.describe_prior()


def normal(mean: Tensor, stddev: Tensor) -> Any:
    return Independent(Normal(mean, stddev), 1)


def mixture(told: dict[str, Any]) -> Any:
    weights, mean, logvar = (torch.tensor(told[key]) for key in ("weights", "mean", "logvar"))
    return MixtureSameFamily(Categorical(probs=weights), normal(mean, (0.5 * logvar).exp()))


def by_labels(told: dict[str, Any]) -> Any:
    first, second = map(torch.tensor, told["means"])
    return normal(first[LABELS[:, 0]] + second[LABELS[:, 1]], torch.ones(3, D))


THEIRS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "normal": lambda told: normal(torch.zeros(3, D), torch.ones(3, D)),
    "mixture": mixture,
    "label": by_labels,
}


@every
def test_log_prob_is_that_of_what_it_says_it_is(kind: str) -> None:
    model, told = make(kind)
    assert told.pop("kind") == kind
    assert model.prior_module.__class__ is getattr(priors, PRIORS[kind])
    z = 2 * torch.randn(5, 3, D)
    torch.testing.assert_close(model.prior(3, LABELS).log_prob(z), THEIRS[kind](told).log_prob(z))


@every
def test_components_are_those_of_a_mixture_alone(kind: str) -> None:
    model, told = make(kind)
    z = torch.randn(50, D)
    found, usage = model.components_of(z), model.usage(z)
    if kind != "mixture":
        assert (found, usage) == (None, {})
        return
    parts = mixture(told)
    joint = parts.component_distribution.log_prob(z.unsqueeze(1))
    expected = (joint + parts.mixture_distribution.logits).argmax(dim=1)
    assert found is not None
    assert torch.equal(found, expected)
    share = expected.bincount() / 50
    entropy = Categorical(probs=share).entropy()  # type: ignore[no-untyped-call]
    assert usage == {"cluster_perplexity": pytest.approx(float(entropy.exp()))}


def test_labels_are_needed_for_their_prior_and_may_be_unknown() -> None:
    with pytest.raises(ConfigError, match="prior=label needs labels: train with --label"):
        VAE(replace(CONFIG, prior="label", label_sizes=()))
    model, _ = make("label")
    assert not model.prior(2).mode.any()  # type: ignore[attr-defined]


def themed() -> VAE:
    torch.manual_seed(0)
    return VAE(replace(CONFIG, prior="theme", theme_len=3))


def test_what_a_poem_is_about_moves_its_prior() -> None:
    model = themed()
    told = torch.tensor([[2, 0, 5, 6, 0], [2, 0, 6, 5, 0], [1, 1, 5, 6, 0], [2, 0, 0, 0, 0]])
    prior = model.prior(4, told)
    assert isinstance(prior, DiagonalGaussian)
    assert not torch.allclose(prior.mean[0], prior.mean[1])  # the order of characters counts
    torch.testing.assert_close(prior.mean[0], prior.mean[2])  # the other labels do not
    assert not prior.mean[3].any()
    assert not prior.logvar[3].any()  # nothing is told: N(0, I)
    torch.testing.assert_close(model.prior_shift(told), prior.mean)
    assert model.describe_prior() == {"kind": "normal"}
    for unknown in (None, torch.zeros(4, 5, dtype=torch.long)):
        standard = model.prior(4, unknown)
        assert isinstance(standard, DiagonalGaussian)
        assert not standard.mean.any()
        assert not standard.logvar.any()


def test_a_theme_teaches_its_prior_and_the_encoder() -> None:
    model = themed()
    tokens = torch.tensor([[5, 6, 7, 8], [6, 5, 8, 7]])
    draw = model(Batch.whole(tokens, torch.tensor([[0, 0, 5, 0, 0], [0, 0, 6, 0, 0]])))
    torch.autograd.backward(kl_by_unit(draw).sum())
    reader = model.get_submodule("prior_module.reader.body")
    assert all(p.grad is not None for p in reader.parameters())
    assert model.mean.weight.grad is not None


def test_themes_are_needed_for_their_prior() -> None:
    with pytest.raises(ConfigError, match="prior=theme needs themes: train with --theme FIELD"):
        VAE(replace(CONFIG, prior="theme"))

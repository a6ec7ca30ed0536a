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
from poetvae.errors import ConfigError
from poetvae.models import priors
from poetvae.models.vae import VAE

D, COMPONENTS = 3, 4
CONFIG = ModelConfig(
    vocab_size=9, max_len=4, d_model=4, embed_dim=4, latent_dim=D, components=COMPONENTS,
    label_sizes=(3, 2),
)  # fmt: skip
LABELS = torch.tensor([[2, 0], [0, 1], [1, 1]])
every = pytest.mark.parametrize("kind", PRIORS)


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

"""The gap of a linear model, whose posterior, best diagonal q and likelihood have closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import pytest
import torch
from commands import COUPLETS
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from poetvae.data.dataset import Batch, TokenStore, encode_poems
from poetvae.errors import ConfigError, CorpusError
from poetvae.evaluation.inference_gap import inference_gap
from poetvae.models import VAE
from poetvae.nn import DiagonalGaussian
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.tokenizer import PoemTokenizer

CODEC = PoemCodec(PoemTokenizer.train(["山水"]), 3, {Form(3, 1): 1})
TEXTS = [[6, 7, 6], [7, 7, 6], [6, 7, 7], [7, 6, 6], [7, 7, 7]]
STORE = TokenStore(TEXTS, 3, 0)
NOISE = 0.8
DEPENDENT = torch.tensor([[1.0, 0.7], [0.2, 1.1], [-0.5, 0.9]])
ORTHOGONAL = torch.tensor([[1.0, 1.0], [0.5, -2.0], [0.0, 0.0]])


class Linear(nn.Module):
    """x = W z + noise, z ~ N(0, I), where x is 10 less than twice the token: 2 or 4. The encoder
    says the same of every poem."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.mean = nn.Parameter(torch.tensor([0.3, 1.0]))
        self.logvar = nn.Parameter(torch.tensor([-0.5, -1.2]))
        self.device, self.passes = torch.device("cpu"), 1

    def encode(self, batch: Batch) -> DiagonalGaussian:
        n = len(batch)
        return DiagonalGaussian(self.mean.expand(n, 2), self.logvar.expand(n, 2))

    def prior(self, n: int, labels: Tensor | None = None) -> DiagonalGaussian:
        return DiagonalGaussian.standard(n, 2)

    def nll(self, z: Tensor, batch: Batch, passes: int) -> Tensor:
        miss = (values(batch.tokens) - z @ self.weight.T) / NOISE
        constant = 3 * math.log(NOISE * math.sqrt(2 * math.pi))
        return 0.5 * miss.square().sum(dim=1) + constant


def values(tokens: Tensor) -> Tensor:
    return tokens * 2.0 - 10


@torch.no_grad()
def exact(model: Linear) -> tuple[float, float, float]:
    """log p(x), KL(q || p(z | x)) and the same of the best diagonal q; means over the poems."""
    x = values(torch.tensor(TEXTS))
    w = model.weight
    likelihood = MultivariateNormal(torch.zeros(3), w @ w.T + NOISE**2 * torch.eye(3))
    precision = torch.eye(2) + w.T @ w / NOISE**2
    mean = x @ w @ precision.inverse() / NOISE**2
    posterior = MultivariateNormal(mean, precision_matrix=precision)
    own = MultivariateNormal(model.mean.expand(5, 2), model.logvar.exp().diag().expand(5, 2, 2))
    # Bishop 2006, section 10.1.2: the best factors have the exact means and precisions.
    least = 0.5 * (precision.diagonal().log().sum() - precision.logdet())
    kl = kl_divergence(own, posterior).mean()
    log_p: Tensor = likelihood.log_prob(x)  # type: ignore[no-untyped-call]
    return float(log_p.mean()), float(kl), float(least)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [DEPENDENT, ORTHOGONAL])
def test_the_three_gaps_are_those_of_the_closed_forms(weight: Tensor) -> None:
    model = Linear(weight)
    log_p, gap, approximation = exact(model)
    found = inference_gap(cast(VAE, model), CODEC, STORE, steps=400, samples=4000, seed=1)
    assert (found.poems, found.chars) == (5, 15)
    assert found.log_likelihood == pytest.approx(log_p, abs=0.03)
    assert found.gap == pytest.approx(gap, rel=0.02)
    assert found.approximation == pytest.approx(approximation, abs=0.03)
    assert found.amortisation == pytest.approx(gap - approximation, rel=0.02)
    assert found.elbo == pytest.approx(log_p - gap, rel=0.02)
    assert found.refined_elbo == pytest.approx(log_p - approximation, abs=0.03)
    for name in ("gap", "amortisation", "approximation", "elbo"):
        assert found.per_char[name] == pytest.approx(getattr(found, name) / 3)
    low, high = found.ci["gap"]
    assert low < found.gap < high
    assert (approximation < 1e-6) == (weight is ORTHOGONAL)
    assert found.effective_samples > 4000 * math.exp(-4 * approximation) * 0.5


def test_the_model_is_left_as_it_was(poet: Poet) -> None:
    model = Linear(DEPENDENT).train()
    before = {name: p.clone() for name, p in model.named_parameters()}
    model.mean.requires_grad_(False)
    first = inference_gap(cast(VAE, model), CODEC, STORE, steps=3, samples=4)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == [True, False, True]
    for name, p in model.named_parameters():
        assert p.grad is None
        assert torch.equal(p, before[name])
    assert inference_gap(cast(VAE, model), CODEC, STORE, steps=3, samples=4) == first
    other = inference_gap(cast(VAE, model), CODEC, STORE, steps=3, samples=4, seed=1)
    assert other != first


def test_a_trained_poet_is_measured(poet: Poet) -> None:
    store = encode_poems(poet.codec, map(poet.codec.read, COUPLETS[:2]))
    found = inference_gap(poet.model.latent, poet.codec, store, steps=60, samples=30)
    assert (found.poems, found.chars) == (2, 20)
    assert min(found.gap, found.approximation, found.amortisation + 0.5) >= 0
    assert found.gap == pytest.approx(found.amortisation + found.approximation)
    assert 1 <= found.effective_samples <= 30
    one = inference_gap(poet.model.latent, poet.codec, store, poems=1, steps=1, samples=1)
    assert one.poems == 1


def test_what_cannot_be_measured_is_said(poet: Poet) -> None:
    nothing = TokenStore([], 10, 0)
    with pytest.raises(CorpusError, match="no poem"):
        inference_gap(poet.model.latent, poet.codec, nothing)
    with pytest.raises(ConfigError, match="samples 0"):
        inference_gap(poet.model.latent, poet.codec, nothing, samples=0)
    point = VAE(replace(poet.model.config, sample=False))
    with pytest.raises(ConfigError, match="autoencoders and VQ-VAEs have points"):
        inference_gap(point, poet.codec, encode_poems(poet.codec, [poet.codec.read(COUPLETS[0])]))

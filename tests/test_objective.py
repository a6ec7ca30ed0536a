"""The terms against torch.distributions and a loop over units."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from poetvae.config import ObjectiveConfig
from poetvae.nn import DiagonalGaussian
from poetvae.objective import objective
from poetvae.schedules import SCHEDULES


def problem(b: int, d: int) -> tuple[Tensor, DiagonalGaussian, Tensor]:
    """nll, a posterior, and its KL by torch, (B, D)."""
    mean, logvar = torch.randn(2, b, d, dtype=torch.double)
    prior = Normal(torch.zeros(b, d).double(), torch.ones(b, d).double())
    kl = kl_divergence(Normal(mean, (0.5 * logvar).exp()), prior)
    return torch.rand(b, dtype=torch.double), DiagonalGaussian(mean, logvar), kl


CONFIGS = st.builds(
    ObjectiveConfig,
    beta=st.floats(0, 10),
    beta_schedule=st.sampled_from(sorted(SCHEDULES)),
    beta_warmup=st.floats(0, 1),
    free_bits=st.one_of(st.just(0.0), st.floats(0, 2)),
)


@given(st.integers(1, 5), st.integers(1, 4), CONFIGS, st.floats(0, 1))
@settings(deadline=None)
def test_the_terms(b: int, d: int, config: ObjectiveConfig, progress: float) -> None:
    nll, posterior, kl = problem(b, d)
    terms = objective(nll, posterior, config, progress)
    assert terms.nll.shape == terms.kl.shape == terms.loss.shape == terms.elbo.shape == (b,)
    torch.testing.assert_close(terms.nll, nll)
    torch.testing.assert_close(terms.kl, kl.sum(dim=1))
    torch.testing.assert_close(terms.elbo, -nll - kl.sum(dim=1))
    beta = config.beta * SCHEDULES[config.beta_schedule](progress, config.beta_warmup)
    paid = [sum(max(config.free_bits, float(u)) for u in poem) for poem in kl]
    expected = nll + beta * torch.tensor(paid, dtype=torch.double)
    torch.testing.assert_close(terms.loss, expected)


def test_at_beta_1_the_loss_is_the_negative_elbo_of_torch() -> None:
    mean, logvar = torch.randn(2, 3, 4, dtype=torch.double)
    nll = torch.rand(3, dtype=torch.double)
    terms = objective(nll, DiagonalGaussian(mean, logvar), ObjectiveConfig())
    q = Independent(Normal(mean, (0.5 * logvar).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    torch.testing.assert_close(terms.loss, nll + kl_divergence(q, p))
    torch.testing.assert_close(terms.loss, -terms.elbo)


def test_beta_comes_up_with_its_schedule() -> None:
    nll, posterior, kl = problem(3, 2)
    config = ObjectiveConfig(beta=4.0, beta_schedule="linear", beta_warmup=0.5)
    for progress, beta in [(0.0, 0.0), (0.25, 2.0), (0.5, 4.0), (1.0, 4.0)]:
        loss = objective(nll, posterior, config, progress).loss
        torch.testing.assert_close(loss, nll + beta * kl.sum(dim=1))
    torch.testing.assert_close(objective(nll, posterior, config).loss, nll + 4 * kl.sum(dim=1))


def test_a_unit_below_its_free_bits_is_left_alone() -> None:
    mean = torch.tensor([[0.1, 3.0]], requires_grad=True)
    posterior = DiagonalGaussian(mean, torch.zeros(1, 2))
    terms = objective(torch.zeros(1), posterior, ObjectiveConfig(free_bits=0.5))
    torch.testing.assert_close(terms.loss, torch.tensor([0.5 + 4.5]))
    torch.testing.assert_close(terms.kl, torch.tensor([0.005 + 4.5]), msg="kl itself is unchanged")
    (gradient,) = torch.autograd.grad(terms.loss.sum(), mean)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 3.0]]))


def test_gradients_reach_nll_and_posterior() -> None:
    nll = torch.rand(2, requires_grad=True)
    mean, logvar = torch.randn(2, 2, 3).requires_grad_().unbind()
    terms = objective(nll, DiagonalGaussian(mean, logvar), ObjectiveConfig(beta=2.0))
    by_nll, by_mean, by_logvar = torch.autograd.grad(terms.loss.sum(), [nll, mean, logvar])
    torch.testing.assert_close(by_nll, torch.ones(2))
    torch.testing.assert_close(by_mean, 2 * mean)
    torch.testing.assert_close(by_logvar, logvar.exp() - 1)

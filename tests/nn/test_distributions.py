"""Gaussians and mixtures against torch.distributions and Bayes' rule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from poetvae.nn import DiagonalGaussian, Mixture

SIZES = (st.integers(1, 5), st.integers(1, 4))


def gaussian(*shape: int) -> tuple[DiagonalGaussian, Any]:
    """A Gaussian, ours and torch's."""
    mean, logvar = 2 * torch.randn(*shape).double(), torch.randn(*shape).double()
    return DiagonalGaussian(mean, logvar), Independent(Normal(mean, (0.5 * logvar).exp()), 1)


def mixture(c: int, d: int, n: int = 1) -> tuple[Mixture, Any]:
    """A mixture, ours and torch's."""
    logits, (parts, theirs) = torch.randn(c).double(), gaussian(c, d)
    ours = Mixture(logits, parts.mean, parts.logvar, n)
    return ours, MixtureSameFamily(Categorical(logits=logits), theirs)


def test_kl_and_log_prob_equal_torch_distributions() -> None:
    (p, p_torch), (q, q_torch) = gaussian(3, 4), gaussian(3, 4)
    standard = Independent(Normal(torch.zeros(3, 4).double(), torch.ones(3, 4).double()), 1)
    torch.testing.assert_close(p.kl(), kl_divergence(p_torch, standard))
    torch.testing.assert_close(p.kl(q), kl_divergence(p_torch, q_torch))
    torch.testing.assert_close(p.kl_by_unit(q).sum(dim=1), p.kl(q))
    torch.testing.assert_close(p.kl(p), torch.zeros(3, dtype=torch.double))
    assert (p.kl_by_unit() >= 0).all()
    z = torch.randn(3, 4, dtype=torch.double)
    torch.testing.assert_close(p.log_prob(z), p_torch.log_prob(z))


@given(*SIZES, st.sampled_from([(), (3,), (2, 3)]))
@settings(deadline=None)
def test_log_prob_of_a_mixture_is_that_of_torch(c: int, d: int, shape: tuple[int, ...]) -> None:
    ours, theirs = mixture(c, d)
    z = 3 * torch.randn(*shape, d, dtype=torch.double)
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))
    assert ours.log_prob(z).shape == shape
    assert ours.log_joint(z).shape == (*shape, c)


@given(*SIZES)
@settings(deadline=None)
def test_responsibilities_are_bayes_rule(c: int, d: int) -> None:
    ours, theirs = mixture(c, d)
    z = 2 * torch.randn(6, d, dtype=torch.double)
    parts = theirs.component_distribution.log_prob(z.unsqueeze(1))
    joint = theirs.mixture_distribution.probs.log() + parts
    expected = (joint - theirs.log_prob(z).unsqueeze(1)).exp()
    torch.testing.assert_close(ours.responsibilities(z), expected)


@pytest.mark.parametrize("mixed", [False, True])
def test_draws_have_the_moments_and_follow_the_generator(mixed: bool) -> None:
    torch.manual_seed(0)
    n = 40_000
    if mixed:
        ours, theirs = mixture(3, 2, n)
    else:
        one, theirs = gaussian(2)
        ours = DiagonalGaussian(one.mean.expand(n, 2), one.logvar.expand(n, 2))  # type: ignore[assignment]
    z, again, other = (ours.sample(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert z.shape == (n, 2)
    assert torch.equal(z, again)
    assert not torch.equal(z, other)
    assert ((z.mean(dim=0) - theirs.mean).abs() < 5 * theirs.variance.sqrt() / n**0.5).all()
    torch.testing.assert_close(z.var(dim=0), theirs.variance, rtol=0.05, atol=0.0)
    if mixed:
        member = ours.responsibilities(z).mean(dim=0)
        torch.testing.assert_close(member, theirs.mixture_distribution.probs, rtol=0.0, atol=0.02)


def test_sample_is_differentiable_in_mean_and_logvar() -> None:
    mean, logvar = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    torch.autograd.backward(DiagonalGaussian(mean, logvar).sample().sum())
    assert mean.grad is not None
    assert logvar.grad is not None
    assert logvar.grad.abs().sum() > 0


def test_standard_is_the_standard_normal() -> None:
    assert DiagonalGaussian.standard(2, 3).kl().tolist() == [0.0, 0.0]
    assert torch.equal(DiagonalGaussian.standard(2, 3).mode, torch.zeros(2, 3))


def test_far_from_everything_the_density_is_still_a_number() -> None:
    p = DiagonalGaussian(torch.zeros(1, 2), torch.tensor([[1e4, -1e4]]))
    assert torch.isfinite(p.kl()).all()
    assert torch.isfinite(p.log_prob(torch.zeros(1, 2))).all()
    ours, _ = mixture(3, 2)
    z = torch.full((1, 2), 1e4, dtype=torch.double)
    assert torch.isfinite(ours.log_prob(z)).all()
    torch.testing.assert_close(ours.responsibilities(z).sum(dim=1), torch.ones(1).double())


@pytest.mark.parametrize(
    "shapes", [((2,), (3, 4), (3, 4)), ((3,), (3, 4), (3, 5)), ((), (3,), (3,))]
)
def test_parts_that_do_not_fit(shapes: tuple[tuple[int, ...], ...]) -> None:
    logits, mean, logvar = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match="expected"):
        Mixture(logits, mean, logvar)
    with pytest.raises(ValueError, match="expected one shape"):
        DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 4))

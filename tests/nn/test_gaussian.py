"""The Gaussian against torch.distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from poetvae.nn import DiagonalGaussian


def pair() -> tuple[DiagonalGaussian, Any]:
    mean, logvar = torch.randn(3, 4, dtype=torch.double), torch.randn(3, 4, dtype=torch.double)
    return DiagonalGaussian(mean, logvar), Independent(Normal(mean, (0.5 * logvar).exp()), 1)


def test_kl_and_log_prob_equal_torch_distributions() -> None:
    (p, p_torch), (q, q_torch) = pair(), pair()
    standard = Independent(Normal(torch.zeros(3, 4).double(), torch.ones(3, 4).double()), 1)
    torch.testing.assert_close(p.kl(), kl_divergence(p_torch, standard))
    torch.testing.assert_close(p.kl(q), kl_divergence(p_torch, q_torch))
    z = torch.randn(3, 4, dtype=torch.double)
    torch.testing.assert_close(p.log_prob(z), p_torch.log_prob(z))


def test_kl_by_unit_sums_to_kl_and_is_zero_for_itself() -> None:
    p, q = pair()[0], pair()[0]
    torch.testing.assert_close(p.kl_by_unit(q).sum(dim=1), p.kl(q))
    torch.testing.assert_close(p.kl(p), torch.zeros(3, dtype=torch.double))
    assert (p.kl_by_unit() >= 0).all()


def test_samples_have_the_moments_and_repeat_with_their_generator() -> None:
    p = DiagonalGaussian(torch.tensor([1.0, -2.0]).expand(50_000, 2), torch.zeros(50_000, 2) - 1)
    z = p.sample(torch.Generator().manual_seed(1))
    assert torch.equal(z, p.sample(torch.Generator().manual_seed(1)))
    torch.testing.assert_close(z.mean(dim=0), torch.tensor([1.0, -2.0]), atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(dim=0), torch.tensor([1.0, 1.0]) * 0.3679, atol=0.02, rtol=0)


def test_sample_is_differentiable_in_mean_and_logvar() -> None:
    mean, logvar = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    torch.autograd.backward(DiagonalGaussian(mean, logvar).sample().sum())
    assert mean.grad is not None
    assert logvar.grad is not None
    assert logvar.grad.abs().sum() > 0


def test_standard_is_the_standard_normal() -> None:
    assert DiagonalGaussian.standard(2, 3).kl().tolist() == [0.0, 0.0]
    assert torch.equal(DiagonalGaussian.standard(2, 3).mode, torch.zeros(2, 3))


def test_extreme_variances_stay_finite() -> None:
    p = DiagonalGaussian(torch.zeros(1, 2), torch.tensor([[1e4, -1e4]]))
    assert torch.isfinite(p.kl()).all()
    assert torch.isfinite(p.log_prob(torch.zeros(1, 2))).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="expected one shape"):
        DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 4))

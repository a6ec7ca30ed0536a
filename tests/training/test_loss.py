"""The terms against torch.distributions and a loop over units; gradients against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from poetvae.config import ObjectiveConfig
from poetvae.models import LatentSample
from poetvae.models.bounds import log_ratio
from poetvae.nn import DiagonalGaussian, Mixture
from poetvae.nn.distributions import Point
from poetvae.training.loss import beta, objective
from poetvae.training.schedules import SCHEDULES


def log_normal(z: Tensor, mean: Tensor, stddev: Tensor) -> Tensor:
    """log N(z; mean, stddev), summed over units."""
    found: Tensor = Independent(Normal(mean, stddev), 1).log_prob(z)  # type: ignore[no-untyped-call]
    return found


def drawn(nll: Tensor, posterior: DiagonalGaussian) -> LatentSample:
    """One draw for each poem, its nll given, with the standard normal prior."""
    prior = DiagonalGaussian.standard(*posterior.mean.shape)
    return LatentSample(nll.unsqueeze(0), posterior.sample().unsqueeze(0), posterior, prior)


def problem(b: int, d: int) -> tuple[Tensor, LatentSample, Tensor]:
    """nll, a draw, and the KL of its posterior by torch, (B, D)."""
    mean, logvar = torch.randn(2, b, d, dtype=torch.double)
    prior = Normal(torch.zeros(b, d).double(), torch.ones(b, d).double())
    kl = kl_divergence(Normal(mean, (0.5 * logvar).exp()), prior)
    nll = torch.rand(b, dtype=torch.double)
    return nll, drawn(nll, DiagonalGaussian(mean, logvar)), kl


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
    nll, draw, kl = problem(b, d)
    terms = objective(draw, config, progress)
    assert terms.nll.shape == terms.kl.shape == terms.loss.shape == terms.elbo.shape == (b,)
    torch.testing.assert_close(terms.nll, nll)
    torch.testing.assert_close(terms.kl, kl.sum(dim=1))
    torch.testing.assert_close(terms.elbo, -nll - kl.sum(dim=1))
    weight = config.beta * SCHEDULES[config.beta_schedule](progress, config.beta_warmup)
    paid = [sum(max(config.free_bits, float(u)) for u in poem) for poem in kl]
    expected = nll + weight * torch.tensor(paid, dtype=torch.double)
    torch.testing.assert_close(terms.loss, expected)
    torch.testing.assert_close(objective(draw, ObjectiveConfig()).loss, -terms.elbo)
    risen = objective(draw, ObjectiveConfig(beta=4.0, beta_warmup=0.5), progress).loss
    torch.testing.assert_close(risen, nll + 4 * min(1.0, progress / 0.5) * kl.sum(dim=1))


@pytest.mark.parametrize("length", [1.0, 0.25])
def test_a_mean_kl_below_the_rate_is_free(length: float) -> None:
    """Of 2 and 6 nats: the mean counts, and of poems a quarter as long half of the rate."""
    mean = torch.tensor([[2.0, 0.0], [0.0, math.sqrt(12.0)]], requires_grad=True)
    draw = drawn(torch.zeros(2), DiagonalGaussian(mean, torch.zeros(2, 2)))
    for rate, free in ((5.0, length == 1), (3.9, False), (8.1, True)):
        terms = objective(draw, ObjectiveConfig(rate=rate), 1.0, length)
        torch.testing.assert_close(terms.kl, torch.tensor([2.0, 6.0]))
        if free:
            torch.testing.assert_close(terms.loss, torch.full((2,), rate * math.sqrt(length)))
            assert not terms.loss.requires_grad
        else:
            torch.testing.assert_close(terms.loss, terms.kl)
            (gradient,) = torch.autograd.grad(terms.loss.sum(), mean, retain_graph=True)
            torch.testing.assert_close(gradient, mean)


def test_a_unit_below_its_free_bits_is_left_alone() -> None:
    mean = torch.tensor([[0.1, 3.0]], requires_grad=True)
    posterior = DiagonalGaussian(mean, torch.zeros(1, 2))
    terms = objective(drawn(torch.zeros(1), posterior), ObjectiveConfig(free_bits=0.5))
    torch.testing.assert_close(terms.loss, torch.tensor([0.5 + 4.5]))
    torch.testing.assert_close(terms.kl, torch.tensor([0.005 + 4.5]), msg="kl itself is unchanged")
    (gradient,) = torch.autograd.grad(terms.loss.sum(), mean)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 3.0]]))


# Capacity, sparsity, commitment


@given(st.floats(0, 5), st.floats(0.01, 20), st.floats(0, 1), st.floats(0.01, 1))
@settings(deadline=None)
def test_capacity(weight: float, capacity: float, progress: float, warmup: float) -> None:
    nll, draw, kl = problem(4, 3)
    config = ObjectiveConfig(beta=weight, beta_warmup=warmup, capacity=capacity)
    assert beta(config, progress) == weight, "the weight is constant: the capacity comes up"
    held = capacity * min(1.0, progress / warmup)
    terms = objective(draw, config, progress)
    torch.testing.assert_close(terms.loss, nll + weight * (kl.sum(dim=1) - held).abs())
    torch.testing.assert_close(terms.kl, kl.sum(dim=1))


def test_below_its_capacity_a_poem_is_told_to_say_more() -> None:
    mean = torch.tensor([[1.0], [3.0]], requires_grad=True)  # 0.5 and 4.5 nats
    draw = drawn(torch.zeros(2), DiagonalGaussian(mean, torch.zeros(2, 1)))
    loss = objective(draw, ObjectiveConfig(capacity=2.0)).loss
    (gradient,) = torch.autograd.grad(loss.sum(), mean)
    assert gradient.tolist() == [[-1.0], [3.0]]


@pytest.mark.parametrize("point", [True, False])
def test_sparsity_is_the_l1_norm_of_the_code(point: bool) -> None:
    mean, nll = torch.randn(3, 4, requires_grad=True), torch.rand(3)
    draw = drawn(nll, DiagonalGaussian(mean, torch.zeros(3, 4)))
    if point:
        draw = replace(draw, posterior=Point(mean), prior=None)
    terms = objective(draw, ObjectiveConfig(beta=0.0, sparsity=0.3))
    torch.testing.assert_close(terms.loss, nll + 0.3 * mean.abs().sum(dim=1))
    (gradient,) = torch.autograd.grad(terms.loss.sum(), mean)
    torch.testing.assert_close(gradient, 0.3 * mean.sign())


def test_an_autoencoder_pays_for_no_kl() -> None:
    draw = LatentSample(torch.tensor([[2.0, 3.0]]), torch.randn(1, 2, 4), Point(torch.randn(2, 4)))
    terms = objective(draw, ObjectiveConfig())
    assert terms.loss.tolist() == [2, 3]
    assert terms.kl.tolist() == [0, 0]


def test_commitment_is_weighed_and_is_no_part_of_the_bound() -> None:
    plain = drawn(torch.rand(2), DiagonalGaussian(torch.randn(2, 3), torch.zeros(2, 3)))
    distance, config = torch.tensor([1.0, 4.0]), ObjectiveConfig(commitment=0.5)
    one, other = (objective(replace(plain, commitment=c), config) for c in (None, distance))
    torch.testing.assert_close(other.loss, one.loss + 0.5 * distance)
    torch.testing.assert_close(other.elbo, one.elbo)


def test_against_a_mixture_the_kl_is_estimated_from_the_draws() -> None:
    mean, logvar = torch.randn(2, 5, 3, dtype=torch.double)
    logits, means, logvars = torch.randn(4).double(), *torch.randn(2, 4, 3, dtype=torch.double)
    q = DiagonalGaussian(mean, logvar)
    draw = LatentSample(
        torch.rand(6, 5).double(), q.sample(None, 6), q, Mixture(logits, means, logvars, 5)
    )
    parts = log_normal(draw.z.unsqueeze(2), means, (0.5 * logvars).exp())
    log_q = log_normal(draw.z, mean, (0.5 * logvar).exp())
    log_p = torch.logsumexp(logits.log_softmax(dim=0) + parts, dim=2)
    expected = (log_q - log_p).mean(dim=0)
    torch.testing.assert_close(objective(draw, ObjectiveConfig()).kl, expected)


# Importance weighting


@given(st.integers(2, 6), st.floats(0, 3), st.sampled_from(["standard", "path", "dreg"]))
@settings(deadline=None, max_examples=30)
def test_the_importance_weighted_loss(k: int, weight: float, gradient: str) -> None:
    mean, logvar = torch.randn(2, 3, 2, dtype=torch.double)
    posterior = DiagonalGaussian(mean, logvar)
    prior = DiagonalGaussian(torch.randn(3, 2).double(), torch.randn(3, 2).double())
    draw = LatentSample(5 * torch.rand(k, 3).double(), posterior.sample(None, k), posterior, prior)
    q = log_normal(draw.z, mean, posterior.stddev)
    p = log_normal(draw.z, prior.mean, prior.stddev)
    torch.testing.assert_close(log_ratio(draw, gradient), q - p)
    expected = -(-draw.nll - weight * (q - p)).exp().mean(dim=0).log()
    config = ObjectiveConfig(beta=weight, beta_schedule="constant", iw_samples=k, gradient=gradient)
    terms = objective(draw, config)
    torch.testing.assert_close(terms.loss, expected)
    torch.testing.assert_close(terms.nll, draw.nll.mean(dim=0))


# Estimators of the encoder's gradient, where z ~ N(0, 1) and x ~ N(z, 1/2): p(z | x) is Gaussian.

X, NOISE, REPEATS = 1.5, 0.5, 40_000
OPTIMUM = (X / (1 + NOISE), math.log(NOISE / (1 + NOISE)))
OFF = (0.4, math.log(0.6))


def gradients(gradient: str, samples: int, q: tuple[float, float]) -> Tensor:
    """Of the loss by mean and logvar of q, one estimate for each of many draws: (REPEATS, 2)."""
    parameters = torch.tensor(q, dtype=torch.double).repeat(REPEATS, 1).requires_grad_()
    posterior = DiagonalGaussian(parameters[:, :1], parameters[:, 1:])
    z = posterior.sample(torch.Generator().manual_seed(samples), samples)
    nll = 0.5 * ((X - z).square() / NOISE + math.log(2 * math.pi * NOISE)).sum(dim=2)
    draw = LatentSample(nll, z, posterior, DiagonalGaussian.standard(REPEATS, 1))
    config = ObjectiveConfig(beta_schedule="constant", iw_samples=samples, gradient=gradient)
    (found,) = torch.autograd.grad(objective(draw, config).loss.sum(), parameters)
    return found


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and its standard error."""
    return values.mean(dim=0), values.std(dim=0) / len(values) ** 0.5


@pytest.mark.parametrize("gradient", ["standard", "path", "dreg"])
def test_with_one_sample_every_gradient_is_the_elbos_on_average(gradient: str) -> None:
    m, logvar = OFF
    exact = torch.tensor(
        [(m - X) / NOISE + m, 0.5 * (math.exp(logvar) * (1 / NOISE + 1) - 1)], dtype=torch.double
    )
    mean, error = mean_and_error(gradients(gradient, 1, OFF))
    assert ((mean - exact).abs() < 5 * error).all()
    assert (error < 0.05 * exact.abs().max()).all(), "close enough to tell"


def test_the_doubly_reparameterised_gradient_is_right_and_of_less_variance() -> None:
    standard, dreg = (gradients(gradient, 8, OFF) for gradient in ("standard", "dreg"))
    (one, error), (other, other_error) = mean_and_error(standard), mean_and_error(dreg)
    assert ((one - other).abs() < 5 * (error.square() + other_error.square()).sqrt()).all()
    assert (one.abs() > 5 * error).all(), "there is a gradient to find"
    assert (dreg.var(dim=0) < 0.5 * standard.var(dim=0)).all()


@pytest.mark.parametrize(("gradient", "samples"), [("path", 1), ("dreg", 1), ("dreg", 8)])
def test_at_the_true_posterior_the_gradient_has_no_noise(gradient: str, samples: int) -> None:
    assert gradients(gradient, samples, OPTIMUM).abs().max() < 1e-6
    assert gradients("standard", samples, OPTIMUM).std(dim=0).min() > 0.01


def test_the_decoder_and_the_prior_learn_the_same_by_every_gradient() -> None:
    posterior = DiagonalGaussian(*torch.randn(2, 3, 2, dtype=torch.double))
    z, found = posterior.sample(None, 4), []
    for gradient in ("standard", "path", "dreg"):
        slope = torch.ones((), dtype=torch.double, requires_grad=True)
        means = torch.zeros(3, 2, dtype=torch.double, requires_grad=True)
        leaf = z.clone().requires_grad_()
        nll = (slope * leaf - 1).square().sum(dim=2)
        draw = LatentSample(nll, leaf, posterior, DiagonalGaussian(means, torch.zeros_like(means)))
        config = ObjectiveConfig(iw_samples=4, gradient=gradient)
        found.append(torch.autograd.grad(objective(draw, config).loss.sum(), [slope, means]))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])

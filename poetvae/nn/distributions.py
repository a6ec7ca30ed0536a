"""A Gaussian with diagonal covariance: the posterior and the standard prior of a VAE."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from .noise import Source, at_level, rand, randn


class DiagonalGaussian:
    """N(mean, diag(exp(logvar))), one for each row: (..., D); logvar is kept in [-30, 20], where
    float32 is safe. In nats: Kingma & Welling 2014 (arXiv 1312.6114), equation 10, appendix B."""

    def __init__(self, mean: Tensor, logvar: Tensor) -> None:
        if mean.shape != logvar.shape:
            shapes = f"mean is {tuple(mean.shape)} and logvar {tuple(logvar.shape)}"
            raise ValueError(f"{shapes}; expected one shape")
        self.mean = mean
        self.logvar = logvar.clamp(-30.0, 20.0)

    @classmethod
    def standard(cls, *shape: int, device: torch.device | str | None = None) -> DiagonalGaussian:
        """N(0, I) of the given shape, the last number being D."""
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

    def to(self, device: torch.device | str) -> DiagonalGaussian:
        """The same distribution on a device."""
        return DiagonalGaussian(self.mean.to(device), self.logvar.to(device))

    def detach(self) -> DiagonalGaussian:
        """The same distribution, through which no gradient flows."""
        return DiagonalGaussian(self.mean.detach(), self.logvar.detach())

    @property
    def mode(self) -> Tensor:
        """(..., D): the most likely point, the mean."""
        return self.mean

    @property
    def stddev(self) -> Tensor:
        """(..., D): the standard deviations."""
        return torch.exp(0.5 * self.logvar)

    def sample(self, generator: Source = None, samples: int | None = None) -> Tensor:
        """(..., D): mean + stddev * noise, differentiable: the reparameterization trick; with
        `samples`, so many of each: (samples, ..., D)."""
        mean = self.mean
        shape = mean.shape if samples is None else (samples, *mean.shape)
        return mean + self.stddev * randn(generator, shape, mean)

    def kl_by_unit(self, other: DiagonalGaussian | None = None) -> Tensor:
        """(..., D): KL(self || other) of each dimension, in nats; absent other = N(0, I)."""
        if other is None:
            return 0.5 * (self.mean.square() + self.logvar.exp() - 1.0 - self.logvar)
        ratio = self.logvar - other.logvar
        shift = (self.mean - other.mean).square() * torch.exp(-other.logvar)
        return 0.5 * (shift + ratio.exp() - 1.0 - ratio)

    def kl(self, other: DiagonalGaussian | None = None) -> Tensor:
        """(...,): KL(self || other) in nats; absent other = N(0, I)."""
        return self.kl_by_unit(other).sum(dim=-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """(...,): log density of z (..., D), in nats."""
        square = (z - self.mean).square() * torch.exp(-self.logvar)
        return -0.5 * (square + self.logvar + math.log(2 * math.pi)).sum(dim=-1)


class Mixture:
    """p(z) = sum_c pi_c N(z; mean_c, diag(exp(logvar_c))); `sample` draws n z of it. In nats.
    `logits` (C,) are pi before the softmax; mean and logvar are (C, D)."""

    def __init__(self, logits: Tensor, mean: Tensor, logvar: Tensor, n: int = 1) -> None:
        if mean.shape != logvar.shape or logits.shape != mean.shape[:1]:
            raise ValueError(
                f"logits are {tuple(logits.shape)}, mean {tuple(mean.shape)} and logvar "
                f"{tuple(logvar.shape)}; expected (C,), (C, D) and (C, D)"
            )
        self.logits, self.n, self.parts = logits, n, DiagonalGaussian(mean, logvar)
        self.mean, self.logvar = mean, self.parts.logvar

    def log_joint(self, z: Tensor) -> Tensor:
        """(..., C): log pi_c + log N(z; c) of z (..., D)."""
        return self.logits.log_softmax(dim=0) + self.parts.log_prob(z.unsqueeze(-2))

    def log_prob(self, z: Tensor) -> Tensor:
        """(...,): log density of z (..., D)."""
        return torch.logsumexp(self.log_joint(z), dim=-1)

    def responsibilities(self, z: Tensor) -> Tensor:
        """(..., C): p(c | z) by Bayes' rule: which cluster z (..., D) belongs to."""
        return self.log_joint(z).softmax(dim=-1)

    def sample(self, generator: Source = None) -> Tensor:
        """(n, D): a component each, then a draw from it."""
        weights = self.logits.softmax(dim=0)
        chosen = at_level(rand(generator, (self.n,), weights.device), weights)
        return DiagonalGaussian(self.mean[chosen], self.logvar[chosen]).sample(generator)


class Distribution(Protocol):
    """What a posterior or a prior over z (B, D) can do; densities in nats."""

    def sample(self, generator: Source = None) -> Tensor:
        """(B, D): a draw of each."""

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., B): log density, or log probability, of z (..., B, D)."""


class Posterior(Distribution, Protocol):
    """q(z | x)."""

    @property
    def mode(self) -> Tensor:
        """(B, D): its likeliest z, the code of each poem."""

    def detach(self) -> Posterior:
        """The same distribution, through which no gradient flows."""


class Point:
    """All mass on one z (B, D): the posterior of an autoencoder and of a VQ-VAE. Log p is 0."""

    def __init__(self, z: Tensor) -> None:
        self.mode = z

    def sample(self, generator: Source = None) -> Tensor:
        """(B, D): the point."""
        return self.mode

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., B): zeros, for the point itself."""
        return z.new_zeros(z.shape[:-1])

    def detach(self) -> Point:
        """The same point, through which no gradient flows."""
        return Point(self.mode.detach())

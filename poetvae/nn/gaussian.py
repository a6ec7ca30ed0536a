"""A Gaussian with diagonal covariance: the posterior and the standard prior of a VAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class DiagonalGaussian:
    """N(mean, diag(exp(logvar))), one for each row.

    Args:
        mean: (..., D).
        logvar: (..., D), logarithm of the variance; held within [-30, 20], where float32 is safe.

    Formulas: Kingma & Welling 2014 (arXiv 1312.6114), equation 10 and appendix B. All in nats.
    """

    def __init__(self, mean: Tensor, logvar: Tensor) -> None:
        if mean.shape != logvar.shape:
            raise ValueError(
                f"mean is {tuple(mean.shape)} and logvar {tuple(logvar.shape)}; expected one shape"
            )
        self.mean = mean
        self.logvar = logvar.clamp(-30.0, 20.0)

    @classmethod
    def standard(cls, *shape: int, device: torch.device | str | None = None) -> DiagonalGaussian:
        """N(0, I) of the given shape, the last number being D."""
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

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

    def sample(
        self, generator: torch.Generator | None = None, samples: int | None = None
    ) -> Tensor:
        """(..., D): mean + stddev * noise, differentiable: the reparameterization trick.

        With `samples`, so many of each: (samples, ..., D).
        """
        shape = self.mean.shape if samples is None else (samples, *self.mean.shape)
        noise = torch.randn(
            shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.stddev * noise

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

"""A mixture of diagonal Gaussians: the prior of a clustering VAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Mixture:
    """p(z) = sum_c pi_c N(z; mean_c, diag(exp(logvar_c))), n independent draws of it.

    Args:
        logits: (C,), pi before the softmax.
        mean, logvar: (C, D).
        n: how many z `sample` draws.

    All in nats.
    """

    def __init__(self, logits: Tensor, mean: Tensor, logvar: Tensor, n: int = 1) -> None:
        if mean.shape != logvar.shape or logits.shape != mean.shape[:1]:
            raise ValueError(
                f"logits are {tuple(logits.shape)}, mean {tuple(mean.shape)} and logvar "
                f"{tuple(logvar.shape)}; expected (C,), (C, D) and (C, D)"
            )
        self.logits, self.mean, self.logvar, self.n = logits, mean, logvar.clamp(-30.0, 20.0), n

    def log_joint(self, z: Tensor) -> Tensor:
        """(..., C): log pi_c + log N(z; c) of z (..., D)."""
        square = (z.unsqueeze(-2) - self.mean).square() * torch.exp(-self.logvar)
        density = -0.5 * (square + self.logvar + math.log(2 * math.pi)).sum(dim=-1)
        return self.logits.log_softmax(dim=0) + density

    def log_prob(self, z: Tensor) -> Tensor:
        """(...,): log density of z (..., D)."""
        return torch.logsumexp(self.log_joint(z), dim=-1)

    def responsibilities(self, z: Tensor) -> Tensor:
        """(..., C): p(c | z) by Bayes' rule: which cluster z (..., D) belongs to."""
        return self.log_joint(z).softmax(dim=-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """(n, D): a component each, then a draw from it."""
        chosen = torch.multinomial(
            self.logits.softmax(dim=0), self.n, replacement=True, generator=generator
        )
        noise = torch.randn(
            self.n, self.mean.shape[1], generator=generator, device=self.mean.device
        )
        return self.mean[chosen] + torch.exp(0.5 * self.logvar[chosen]) * noise

"""Vector quantization: the nearest of K learned vectors, and the gradient that goes past it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Quantized(NamedTuple):
    """The nearest code of each vector: itself (..., D), its gradient passing straight to the input;
    its number (...) int64; and the squared distance (...), whose gradient reaches the input
    alone (commitment)."""

    vectors: Tensor
    codes: Tensor
    distance: Tensor


class VectorQuantizer(nn.Module):
    """A codebook that follows the vectors it stands for (van den Oord et al. 2017, arXiv
    1711.00937, section 3 and appendix A.1).

    Each code is the moving average of the vectors that chose it. A code that fewer choose than the
    share `revive` of the average is put where one of the batch's vectors is: so the codebook starts
    from data, and dead codes come back (as in Jukebox, Dhariwal et al. 2020, arXiv 2005.00341,
    section 3.1). The codebook (K, D) and its averages are parameters without gradient: they are
    saved with the weights and change in `forward` while training.
    """

    def __init__(self, num_codes: int, dim: int, decay: float = 0.99, revive: float = 0.03) -> None:
        super().__init__()
        self.decay, self.revive = decay, revive
        self.codebook = nn.Parameter(torch.randn(num_codes, dim), requires_grad=False)
        self.total = nn.Parameter(torch.zeros(num_codes, dim), requires_grad=False)
        self.usage = nn.Parameter(torch.zeros(num_codes), requires_grad=False)

    @torch.no_grad()
    def nearest(self, x: Tensor) -> Tensor:
        """Which code each vector is nearest to: (..., D) -> (...) int64."""
        distance = (
            self.codebook.square().sum(dim=1) - 2 * x.to(self.codebook.dtype) @ self.codebook.T
        )
        return distance.argmin(dim=-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors of codes: (...) -> (..., D)."""
        return self.codebook[codes]

    def forward(self, x: Tensor) -> Quantized:
        """Quantize x (..., D); while training, let the codebook follow."""
        x = x.to(self.codebook.dtype)
        if self.training:
            self._follow(x.detach().flatten(0, -2))
        codes = self.nearest(x)
        vectors = self.lookup(codes)
        distance = (x - vectors).square().sum(dim=-1)
        return Quantized(x + (vectors - x).detach(), codes, distance)

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        dead = self.usage < self.revive * len(x) / len(self.usage)
        fresh = x[torch.randint(len(x), (len(dead),), device=x.device)]
        # A revived code enters the averages as if it were used as often as the others.
        average = torch.full_like(self.usage, len(x) / len(self.usage))
        self.usage.copy_(torch.where(dead, average, self.usage))
        revived = dead.unsqueeze(1)
        self.total.copy_(torch.where(revived, fresh * average.unsqueeze(1), self.total))
        self.codebook.copy_(torch.where(revived, fresh, self.codebook))
        codes = self.nearest(x)
        count = torch.bincount(codes, minlength=len(self.usage)).to(self.usage.dtype)
        self.usage.lerp_(count, 1 - self.decay)
        self.total.lerp_(torch.zeros_like(self.total).index_add_(0, codes, x), 1 - self.decay)
        self.codebook.copy_(self.total / self.usage.clamp(min=1e-5).unsqueeze(1))


def perplexity(codes: Tensor) -> float:
    """exp of the entropy of how often each code occurs in codes (...): how many are in use."""
    counts = torch.unique(codes, return_counts=True)[1].double()
    share = counts / counts.sum()
    return float(torch.exp(-(share * share.log()).sum()))

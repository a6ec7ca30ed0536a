"""The plane that poems lie on: the first two principal components of the latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import CorpusError
from ..i18n import _

GridPoint = tuple[float, float, str]
"""Where on the plane, and the poem decoded there."""


class Region(NamedTuple):
    """A part of the plane: where its middle is, its name, and a poem that is written there."""

    x: float
    y: float
    name: str
    text: str


@dataclass(frozen=True)
class Plane:
    """A plane through latent space: mean (D,), two axes (2, D) and their shares of the variance."""

    mean: Tensor
    axes: Tensor
    shares: tuple[float, float]

    @classmethod
    def fit(cls, z: Tensor) -> Plane:
        """The plane of the first two principal components of z (N, D).

        One or two latent dimensions are shown as they are; of one, the second axis is zero. Each
        axis points to where its largest component is positive.

        Raises CorpusError: fewer than two poems.
        """
        n, dims = z.shape
        if n < 2:
            raise CorpusError(_("{n} poems to map; expected at least 2: give more poems", n=n))
        points = z.detach().cpu().double()
        mean = points.mean(0)
        covariance = torch.cov(points.T, correction=0).reshape(dims, dims)
        total = float(covariance.trace()) or 1.0
        if dims <= 2:
            mean, axes = torch.zeros_like(mean), torch.eye(2, dims, dtype=torch.double)
        else:
            axes = torch.linalg.eigh(covariance).eigenvectors[:, [-1, -2]].T
            largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
            axes = axes * largest.sign()
        first, second = (float(axis @ covariance @ axis) / total for axis in axes)
        return cls(mean.to(z.dtype), axes.to(z.dtype), (first, second))

    def project(self, z: Tensor) -> Tensor:
        """Where on the plane z lies: (N, D) -> (N, 2)."""
        return (z.to(self.mean) - self.mean) @ self.axes.T

    def lift(self, points: Tensor) -> Tensor:
        """The latent vectors of points of the plane: (M, 2) -> (M, D)."""
        return self.mean + points.to(self.mean) @ self.axes

    def beside(self, points: Tensor, z: Tensor) -> Tensor:
        """Latent vectors at points (M, 2), as far off the plane as the nearest on it of poems
        (N, D): (M, D). On the plane alone all poems are of a kind, near the mean."""
        there = self.project(z)
        nearest = torch.cdist(points.to(there), there).argmin(dim=1)
        return self.lift(points) + (z.to(self.mean) - self.lift(there))[nearest]

    def grid(self, points: Tensor, n: int) -> Tensor:
        """At most n x n points (M, 2), evenly between the 2% and 98% quantiles of points (N, 2).

        An axis along which the points do not vary has one place instead of n.
        """
        edges = torch.quantile(points, torch.tensor([0.02, 0.98], dtype=points.dtype), dim=0)
        x, y = (sorted(set(np.linspace(a, b, n).tolist())) for a, b in edges.T.tolist())
        return torch.cartesian_prod(torch.tensor(x), torch.tensor(y)).to(points)

    def names(self) -> tuple[str, str]:
        """Names of the axes, with their shares."""
        kind, (one, two) = "z" if len(self.mean) <= 2 else "component ", self.shares
        return f"{kind}1 ({one:.1%} of variance)", f"{kind}2 ({two:.1%} of variance)"

"""Bounds of the likelihood, in nats. Shapes: K samples of z, B poems, D latent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..nn.distributions import DiagonalGaussian, Distribution, Posterior


@dataclass(frozen=True)
class LatentSample:
    """K draws of the latent for B poems, z (K, B, D), and what they are worth.

    nll: (K, B), -log p(x | z) in nats; without a latent (1, B), -log p(x).
    posterior, prior: q(z | x), None without a latent; p(z), None where it costs nothing.
    commitment: (B,), mean squared distance of codes to what they stand for, summed over codes.
    """

    nll: Tensor
    z: Tensor
    posterior: Posterior | None = None
    prior: Distribution | None = None
    commitment: Tensor | None = None


def kl_by_unit(draw: LatentSample, gradient: str = "standard") -> Tensor:
    """KL(q(z | x) || p(z)) in nats, (B, U): by latent unit where it has a closed form and the
    gradient is "standard"; else U is 1, estimated by the `log_ratio` of the draws."""
    q, p = draw.posterior, draw.prior
    if gradient == "standard" and isinstance(p, DiagonalGaussian):
        assert isinstance(q, DiagonalGaussian)
        return q.kl_by_unit(p)
    return log_ratio(draw, gradient).mean(dim=0).unsqueeze(1)


def log_ratio(draw: LatentSample, gradient: str = "standard") -> Tensor:
    """log q(z | x) - log p(z) of each draw, (K, B), in nats. Unless the gradient is "standard" it
    reaches the encoder through z alone, not through the parameters of log q: that part is zero in
    expectation (sticking the landing, Roeder et al. 2017, arXiv 1703.09194, equation 8)."""
    if draw.posterior is None or draw.prior is None:
        return torch.zeros_like(draw.nll)
    q = draw.posterior if gradient == "standard" else draw.posterior.detach()
    return q.log_prob(draw.z) - draw.prior.log_prob(draw.z)


def log_weights(draw: LatentSample) -> Tensor:
    """log p(x, z) - log q(z | x) of each draw, (K, B), in nats; without a prior, as in an
    autoencoder, the log likelihood alone, which bounds nothing."""
    return -draw.nll - log_ratio(draw)


def iwae(log_weights: Tensor) -> Tensor:
    """log mean of the weights over samples: (K, B) -> (B,), a lower bound of log p(x) (Burda et al.
    2016, arXiv 1509.00519, equation 8)."""
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def effective_samples(log_weights: Tensor) -> Tensor:
    """How many equal weights would be worth as much (Kong 1992): (K, B) -> (B,), 1 to K."""
    twice = 2 * torch.logsumexp(log_weights, dim=0)
    return torch.exp(twice - torch.logsumexp(2 * log_weights, dim=0))


def mutual_information(
    posterior: DiagonalGaussian, generator: Generator | None = None, rows: int = 256
) -> float:
    """E[log q(z | x) - log q(z)] in nats, q(z) the mean of the posteriors (N, D) of all N poems.
    One z of each is scored under every posterior (Hoffman & Johnson 2016), so the estimate is at
    most log N; minibatches would cap it at the log of their size. Memory: (rows, N) float64."""
    mean, logvar = posterior.mean.cpu().double(), posterior.logvar.cpu().double()
    z = posterior.sample(generator).cpu().double()
    precision = torch.exp(-logvar)
    constant = (mean**2 * precision + logvar).sum(dim=1) + mean.shape[1] * math.log(2 * math.pi)
    information = []
    for start in range(0, len(z), rows):
        part = z[start : start + rows]
        distance = part**2 @ precision.T - 2 * part @ (mean * precision).T
        log_q = -0.5 * (distance + constant)  # (rows, N): log q(z_i | x_n)
        own = log_q.diagonal(start)
        information.append(own - torch.logsumexp(log_q, dim=1) + math.log(len(z)))
    return float(torch.cat(information).mean())

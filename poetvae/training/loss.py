"""What training minimises, term by term: each of shape (B,), in nats per poem.

All members of the family are settings of this one function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import ObjectiveConfig
from ..models.bounds import LatentSample, kl_by_unit, log_ratio
from .schedules import SCHEDULES


@dataclass(frozen=True)
class Terms:
    """The terms of the objective for B poems, each (B,), in nats."""

    nll: Tensor
    kl: Tensor
    loss: Tensor

    @property
    def elbo(self) -> Tensor:
        """The evidence lower bound, whatever beta was."""
        return -(self.nll + self.kl)


def beta(config: ObjectiveConfig, progress: float) -> float:
    """The weight of the KL term at a share `progress` of the training; constant with a capacity."""
    return config.beta * (1.0 if config.capacity else _risen(config, progress))


def objective(
    draw: LatentSample, config: ObjectiveConfig, progress: float = 1.0, length: float = 1.0
) -> Terms:
    """nll + beta * kl + penalties when a share `progress` of the training is done, of poems that
    are on average so long, as a share of the longest.

    Beta: Higgins et al. 2017; with beta 1 it is the ELBO of Kingma & Welling 2014.
    Rate: the KL costs nothing while its mean is below rate * sqrt(length), so that it comes to rest
    there; what poems of several lengths take where it is not free goes by the root, too.
    Free bits: each latent unit of a poem costs at least that many nats, so that it may use them
    (Kingma et al. 2016, arXiv 1606.04934, appendix C.8). Capacity C: beta * |kl - C| (Burgess et
    al. 2018, arXiv 1804.03599, equation 8). Sparsity: the L1 norm of the code. With K samples:
    -log 1/K sum_k exp(-nll_k - beta * log_ratio_k) (Burda et al. 2016, arXiv 1509.00519, equation
    8), by "dreg" with the doubly reparameterised gradient of the encoder (Tucker et al. 2019, arXiv
    1810.04152, equation 8): the one through z, each sample's weighted twice.
    """
    weight = beta(config, progress)
    units = kl_by_unit(draw, config.gradient)
    nll, kl = draw.nll.mean(dim=0), units.sum(dim=1)
    if config.iw_samples > 1 and len(draw.nll) > 1:
        log_weights = -draw.nll - weight * log_ratio(draw, config.gradient)
        if config.gradient == "dreg" and draw.z.requires_grad:
            share = log_weights.detach().softmax(dim=0).unsqueeze(2)
            draw.z.register_hook(lambda g: g * share)  # type: ignore[no-untyped-call]
        loss = math.log(len(log_weights)) - torch.logsumexp(log_weights, dim=0)
    elif config.capacity:
        held = config.capacity * _risen(config, progress)
        loss = nll + weight * (kl - held).abs()
    else:
        paid = units.clamp(min=config.free_bits) if config.free_bits else units
        free = config.rate * math.sqrt(length)
        over = not free or bool(kl.mean() > free)
        loss = nll + weight * (paid.sum(dim=1) if over else torch.full_like(kl, free))
    if config.sparsity and draw.posterior is not None:
        loss = loss + config.sparsity * draw.posterior.mode.abs().sum(dim=1)
    if draw.commitment is not None:
        loss = loss + config.commitment * draw.commitment
    return Terms(nll=nll, kl=kl, loss=loss)


def _risen(config: ObjectiveConfig, progress: float) -> float:
    return SCHEDULES[config.beta_schedule](progress, config.beta_warmup)

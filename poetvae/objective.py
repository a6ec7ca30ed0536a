"""What training minimises, term by term: each of shape (B,), in nats per poem."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .config import ObjectiveConfig
from .nn import DiagonalGaussian
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
    """The weight of the KL term when a share `progress` of the training is done."""
    return config.beta * SCHEDULES[config.beta_schedule](progress, config.beta_warmup)


def objective(
    nll: Tensor, posterior: DiagonalGaussian | None, config: ObjectiveConfig, progress: float = 1.0
) -> Terms:
    """nll + beta * kl (Higgins et al. 2017; beta 1 is the ELBO of Kingma & Welling 2014).

    Args:
        nll: (B,) -log p(x | z) of one sample of z.
        posterior: q(z | x); None where there is no latent: then nothing but the nll is paid.
        config: beta, its schedule, and free bits: each latent unit of a poem costs at least that
            many nats, so that it may use them (Kingma et al. 2016, arXiv 1606.04934, appendix C.8).
        progress: share of the training done, for beta's schedule.
    """
    if posterior is None:
        return Terms(nll=nll, kl=torch.zeros_like(nll), loss=nll)
    by_unit = posterior.kl_by_unit()
    paid = by_unit.clamp(min=config.free_bits) if config.free_bits else by_unit
    return Terms(
        nll=nll, kl=by_unit.sum(dim=1), loss=nll + beta(config, progress) * paid.sum(dim=1)
    )

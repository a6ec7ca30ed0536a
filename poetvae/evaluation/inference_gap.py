"""Why a bound is not tight: what the encoder gives away, and what the shape of q gives away.

log p(x) - ELBO = KL(q(z | x) || p(z | x)). Cremer et al. 2018 (arXiv 1801.03558, section 3) split
it with q*, the best diagonal Gaussian of each poem by itself:

    log p(x) - ELBO(q)  =  log p(x) - ELBO(q*)   +  ELBO(q*) - ELBO(q)
    inference gap       =  approximation gap     +  amortisation gap
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Batch, TokenStore, derive_seed, evenly
from ..errors import ConfigError, CorpusError
from ..i18n import _
from ..models import LatentModel, frozen
from ..models.bounds import effective_samples, iwae
from ..nn import DiagonalGaussian
from ..text.codec import PoemCodec
from .likelihood import characters
from .metrics import bootstrap

BATCH = 256


@dataclass(frozen=True)
class Gap:
    """The inference gap and its parts, in nats per poem.

    Attributes:
        poems, chars: what was measured.
        elbo, refined_elbo: of the encoder's q; of q*, the best diagonal Gaussian of each poem.
        log_likelihood: the larger of the two importance-weighted bounds, of q and of q*.
        gap: log_likelihood - elbo; never negative, and too small by what the bound lacks.
        amortisation: refined_elbo - elbo: what one encoder for all poems costs.
        approximation: log_likelihood - refined_elbo: what a diagonal Gaussian costs; never
            negative either.
        effective_samples: of the weights of the better bound, mean over poems; near 1, the bound
            says little.
        per_char: all of these nats per character.
        ci: 95 % bootstrap intervals of the three gaps, nats per poem; what comes from one poem is
            drawn together.
    """

    poems: int
    chars: int
    elbo: float
    refined_elbo: float
    log_likelihood: float
    gap: float
    amortisation: float
    approximation: float
    effective_samples: float
    per_char: dict[str, float] = field(default_factory=dict)
    ci: dict[str, tuple[float, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key."""
        return asdict(self)


def inference_gap(
    model: LatentModel,
    codec: PoemCodec,
    store: TokenStore,
    *,
    poems: int = 100,
    steps: int = 200,
    learning_rate: float = 0.05,
    samples: int = 1000,
    seed: int = 0,
) -> Gap:
    """Measure the gap on poems spread over a store.

    The model's weights, gradients and mode stay as they are; the codec says which tokens are
    characters.

    Args:
        poems: at most so many of them.
        steps, learning_rate: of Adam, which refines the posteriors; the rate falls to 0.
        samples: K of the importance-weighted bounds, and of the mean that each ELBO is.

    Raises:
        ConfigError: a number below its least, or a model whose posterior is no Gaussian.
        CorpusError: no poem to measure.
    """
    if min(poems, steps, samples) < 1 or learning_rate <= 0:
        raise ConfigError(
            _(
                "poems {poems}, steps {steps}, samples {samples}, learning_rate "
                "{learning_rate}; expected at least 1 of each and a positive rate",
                poems=poems,
                steps=steps,
                samples=samples,
                learning_rate=learning_rate,
            )
        )
    if not len(store):
        raise CorpusError(_("no poem to measure; give some of the model's forms"))
    places = evenly(len(store), poems)
    generator = torch.Generator(model.device).manual_seed(derive_seed(seed, "gap"))
    chars, weights, refined_weights = 0, [], []
    with frozen(model):
        for start in range(0, len(places), BATCH):
            batch = store.batch(places[start : start + BATCH]).to(model.device)
            chars += int(characters(codec, batch)[0].sum())
            with torch.no_grad():
                q = model.encode(batch)
            if not isinstance(q, DiagonalGaussian):
                raise ConfigError(
                    _(
                        "the gap is that of a Gaussian posterior; autoencoders and VQ-VAEs have "
                        "points"
                    )
                )
            best = refine(model, batch, q, steps, learning_rate, generator)
            weights.append(_log_weights(model, batch, q, samples, generator))
            refined_weights.append(_log_weights(model, batch, best, samples, generator))
    ours, theirs = torch.cat(weights, dim=1), torch.cat(refined_weights, dim=1)
    better = max(ours, theirs, key=lambda w: float(iwae(w).mean()))
    elbo, refined, bound = ours.mean(dim=0), theirs.mean(dim=0), iwae(better)
    gaps = {"gap": bound - elbo, "amortisation": refined - elbo, "approximation": bound - refined}
    rows = {"elbo": elbo, "refined_elbo": refined, "log_likelihood": bound, **gaps}
    groups = None if store.groups is None else store.groups[places].tolist()
    nats = {name: float(values.mean()) for name, values in rows.items()}
    return Gap(
        poems=len(places),
        chars=chars,
        **nats,
        effective_samples=float(effective_samples(better).mean()),
        per_char={name: value * len(places) / chars for name, value in nats.items()},
        ci={k: bootstrap(v.cpu().numpy(), seed, groups=groups) for k, v in gaps.items()},
    )


def refine(
    model: LatentModel,
    batch: Batch,
    posterior: DiagonalGaussian,
    steps: int,
    learning_rate: float,
    generator: torch.Generator | None = None,
) -> DiagonalGaussian:
    """The posterior of (B, D), optimised on the ELBO of each poem by itself.

    A sample a step, reparameterised, by the gradient along the path of z alone, which has no
    variance where q is exact (Roeder et al. 2017, arXiv 1703.09194, equation 6).
    """
    mean = posterior.mean.detach().clone().requires_grad_()
    logvar = posterior.logvar.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([mean, logvar], learning_rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
        z = DiagonalGaussian(mean, logvar).sample(generator)
        log_q = DiagonalGaussian(mean.detach(), logvar.detach()).log_prob(z)
        loss = (log_q - _log_joint(model, batch, z)).sum()
        mean.grad, logvar.grad = torch.autograd.grad(loss, (mean, logvar))
        optimizer.step()
    return DiagonalGaussian(mean.detach(), logvar.detach())


def _log_joint(model: LatentModel, batch: Batch, z: Tensor) -> Tensor:
    """log p(x, z): (B,), in nats."""
    nll = model.nll(z, batch, model.passes)
    return model.prior(len(batch), batch.labels).log_prob(z) - nll


@torch.no_grad()
def _log_weights(
    model: LatentModel, batch: Batch, q: DiagonalGaussian, samples: int, generator: torch.Generator
) -> Tensor:
    """log p(x, z) - log q(z) of samples of z from q: (K, B) float64."""
    draws = (q.sample(generator) for _ in range(samples))
    return torch.stack([(_log_joint(model, batch, z) - q.log_prob(z)).double() for z in draws])

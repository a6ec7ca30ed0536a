"""Which z to write from, so that a constraint is met and the poem is one the model would write.

The poems that meet a constraint come from p(z | C), in proportion to p(z) p(C | z). As characters
are independent given z, the mass of a constraint is a sum of products of masses, and z with its
weight costs one pass: many z of the prior are weighed and drawn from (self-normalised importance
sampling). With each z goes a path through the constraint, which says what may stand where. Where
few of them carry all the weight, the population is led to p(z | C) in steps of temperature (Del
Moral, Doucet & Jasra 2006, Sequential Monte Carlo samplers). Where the weights are estimates, as
of a constraint of several parts, the population stands for the same distribution (Andrieu & Roberts
2009, The pseudo-marginal approach).

Shapes: N particles, D latent, F parts of the constraint, T positions. Densities in nats.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ..constraints.constraint import Constraint
from ..errors import ConstraintError
from ..i18n import _
from ..models import LatentModel
from ..models.bounds import effective_samples
from ..nn import DiagonalGaussian
from ..nn.distributions import Distribution
from ..nn.noise import Source, at_level, rand
from .passes import logits_at, rows_of

POOL, POOL_EACH = 64, 8  # draws of the prior at most: so many, and so many for each poem wanted
WORTH = 1  # draws of p(z | C) for each poem that they need not be worth more than
ENOUGH = 8  # draws of p(z | C) that they have to be worth, and one for four poems
MOVES = 1  # Metropolis moves at each temperature
STEPS = 40  # temperatures at most
ACCEPTANCE = 0.3  # of the moves, which their step size is adapted to
CELLS = 2**22  # logits held at once, and masses
WORK = 2**28  # logits of the draws of the prior for poems that are wanted, at most
log = logging.getLogger(__name__)
Weigh = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Particles:
    """A population z (N, D) that stands for p(z | C), with log weights (N,), up to a constant, and
    of each the sets on a path through every part of C, (N, F, T). `ess` is how many draws of
    p(z | C) the draws of the prior were worth (Kong 1992), 1 to N; `temperatures` the steps that
    led it there, if any."""

    z: Tensor
    log_weights: Tensor
    paths: Tensor
    ess: float
    temperatures: int = 0

    def draw(self, n: int, generator: Source = None) -> tuple[Tensor, Tensor]:
        """n of the particles, drawn by weight: z (n, D) and paths (n, F, T)."""
        level = rand(generator, (n,), self.z.device)
        place = at_level(level, self.log_weights.softmax(dim=0))
        return self.z[place], self.paths[place]


@torch.no_grad()
def choose_z(
    model: LatentModel,
    constraint: Constraint,
    writable: Tensor,
    n: int,
    labels: Tensor | None = None,
    generator: Generator | None = None,
    observed: Tensor | None = None,
    weighed: bool = True,
    likeliest: bool = False,
) -> Particles:
    """Particles of p(z | C) for n poems, C within `writable` (T, V), what is written without it.

    The masses are those of the untempered decoder in one pass, among the tokens that it may write
    at all, where some path has fewer. Where paths overlap their sum counts a string more than once:
    who draws from them has to keep it in proportion to 1 / `Constraint.count`.

    The labels (1, L) are of all poems. What the decoder is shown of each, `observed` (T,), the mask
    token elsewhere, weighs nothing. Unless `weighed` all z of the prior weigh the same: for
    comparison. `likeliest` takes the heaviest path at each z in place of a draw.

    Raises:
        ConstraintError: no z of many has a path.
    """
    places = constraint.narrowed(writable)
    if observed is not None:
        places = places[observed[places] == model.mask_id]
    unwritable = ~writable[places]
    cells = max(1, len(places) * writable.shape[1])
    rows, most = max(1, CELLS // cells), POOL + min(POOL_EACH * n, max(2 * n, WORK // cells))

    def weigh(z: Tensor, likeliest: bool = False) -> tuple[Tensor, Tensor]:
        """The log weight of each z, (N,), and its paths."""
        found = []
        for some in torch.split(z, rows):
            shown, known = rows_of(observed, len(some)), rows_of(labels, len(some))
            logits = logits_at(model, some, places, shown, known, length=len(writable))
            logits = logits.masked_fill_(unwritable, -torch.inf)
            found.append(constraint.draw(logits, places, generator, likeliest))
        weights, paths = zip(*found, strict=True)
        return torch.cat(weights), torch.cat(paths)

    def prior(size: int) -> Distribution:
        return model.prior(size, rows_of(labels, size))

    z = prior(min(POOL + 2 * n, most) if weighed else most).sample(generator)
    weights, paths = weigh(z)
    while weighed and _worth(weights) < ENOUGH + WORTH * n and len(z) < most:
        more = prior(min(len(z), most - len(z))).sample(generator)
        new_weights, new_paths = weigh(more)
        z = torch.cat([z, more])
        weights, paths = torch.cat([weights, new_weights]), torch.cat([paths, new_paths])
    if not (weights > -torch.inf).any():
        raise ConstraintError(_("no z of many has room for all the conditions; ask for fewer"))
    found = Particles(z, weights, paths, _worth(weights))
    if not weighed:
        found = replace(found, log_weights=weights.clamp(min=0, max=0))
    elif found.ess < max(ENOUGH, n / 4) and not model.discrete:
        some = slice(min(len(z), POOL // 2 + n))
        found = replace(found, z=z[some], log_weights=weights[some], paths=paths[some])
        found = _lead(found, weigh, prior(len(found.z)).log_prob, generator)
    return replace(found, paths=weigh(found.z, likeliest=True)[1]) if likeliest else found


def _worth(log_weights: Tensor) -> float:
    """The effective sample size of particles of these weights (N,)."""
    return float(effective_samples(log_weights.unsqueeze(1)))


def _lead(
    start: Particles, weigh: Weigh, prior: Callable[[Tensor], Tensor], generator: Generator | None
) -> Particles:
    """The population from the prior to p(z | C) through p(z) p(C | z)^t, t from 0 to 1, each t as
    far as half of the effective sample size lasts. The Metropolis moves are those of Cotter et al.
    2013 (arXiv 1202.0709), around a Gaussian fitted to the population in place of the prior: in
    many dimensions they go farther than a random walk, and their limit is one."""
    z, logs, paths = start.z, start.log_weights, start.paths
    size, t, step, density = len(z), 0.0, 0.5, prior(z)
    for count in range(1, STEPS + 1):  # noqa: B007
        rise = _rise(logs, 1 - t)
        t = 1.0 if rise == 1 - t else t + rise
        weights = (rise * logs).softmax(dim=0)
        mean = weights @ z
        variance = weights @ (z - mean).square()
        near = DiagonalGaussian(mean, variance.clamp(min=1e-6).log())
        place = torch.multinomial(weights, size, replacement=True, generator=generator)
        z, paths, logs, density = z[place], paths[place], logs[place], density[place]
        for __ in range(MOVES):
            noise = torch.randn(z.shape, generator=generator, device=z.device)
            other = mean + math.sqrt(1 - step**2) * (z - mean) + step * near.stddev * noise
            (new_logs, new_paths), new_density = weigh(other), prior(other)
            ratio = t * (new_logs - logs) + new_density - density
            ratio = ratio - near.log_prob(other) + near.log_prob(z)
            moved = torch.rand(size, generator=generator, device=z.device).log() < ratio
            z = torch.where(moved.unsqueeze(1), other, z)
            paths = torch.where(moved.view(-1, 1, 1), new_paths, paths)
            logs, density = logs.where(~moved, new_logs), density.where(~moved, new_density)
            rate = float(moved.float().mean())
            step = min(1.0, max(0.01, step * math.exp(rate - ACCEPTANCE)))
        if t == 1:
            break
    log.debug("z led to the constraint in %d temperatures; of the prior %.1f", count, start.ess)
    return Particles(z, (1 - t) * logs, paths, start.ess, count)


def _rise(logs: Tensor, most: float) -> float:
    """The largest exponent up to `most` that leaves half of the effective sample size."""
    if _worth(most * logs) >= len(logs) / 2:
        return most
    low, high = 0.0, most
    for __ in range(30):
        middle = (low + high) / 2
        enough = _worth(middle * logs) >= len(logs) / 2
        low, high = (middle, high) if enough else (low, middle)
    return low

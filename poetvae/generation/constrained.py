"""Poems that meet a constraint.

Let C be a constraint (see `constraints`), and p(x) what the model writes without it. One pass draws
from p(x | C), exact but for the finite population of z:

1. z and a path through C, in proportion to the path's mass at z (see `choose_z`);
2. each character from its own distribution, masked by the path; where none may come twice, one
   after the other, masked by what is used;
3. the draw is kept with probability 1 / (paths that take it) (Karp & Luby 1983, Monte-Carlo
   algorithms for enumeration and reliability problems), times what the masks by what is used left
   of the mass; else all is drawn anew. Of many of which none was kept, one is taken by that chance
   (sampling-importance-resampling, Rubin 1988): so the time is bounded.

What all paths fix is no draw but a condition, where a model learnt to be shown characters: p(x | C)
is then what it writes given those. In several passes the steps are the same, the masses of step 1
being those of one pass: each pass is masked, without looking ahead. Temperature, top-k and top-p
bear on step 2 alone, after the masks. An autoregressive model meets C greedily: each character is
one that some path still has, which is not p(x | C).
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ..constraints.constraint import Constraint, fixed
from ..constraints.words import Words, narrowing
from ..errors import ConstraintError
from ..i18n import _
from ..models import TextModel
from ..nn.noise import Noise, Source, rand
from ..text.tokenizer import NEWLINE
from .options import SamplingOptions
from .passes import Stepwise, rows_of, write
from .sampling import PLAIN
from .smc import Particles, choose_z

TRIES = 100  # draws for a poem at most
ENOUGH = 32  # draws after which it shows whether so many would do


@torch.no_grad()
def population(
    model: TextModel,
    constraint: Constraint,
    writable: Tensor,
    n: int,
    labels: Tensor | None = None,
    options: SamplingOptions = PLAIN,
    weighed: bool = True,
    generator: Generator | None = None,
) -> Particles | None:
    """The z that n poems are written from, see `choose_z`; None where the model has no latent."""
    if not model.has_latent:
        return None
    greedy, known = options.temperature == 0, _shown(model, constraint)
    return choose_z(
        model.latent, constraint, writable, n, labels, generator, known, weighed, greedy
    )


def _shown(model: TextModel, constraint: Constraint) -> Tensor | None:
    """What all strings of a constraint have in common, (T,), for a model that can be shown it."""
    if not model.has_latent or model.latent.decoder.observe is None:
        return None
    return fixed(constraint.allowed, model.mask_id)


@torch.no_grad()
def sample_constrained(
    model: TextModel,
    constraint: Constraint,
    particles: Particles | None,
    n: int,
    labels: Tensor | None = None,
    options: SamplingOptions = PLAIN,
    generator: Source = None,
    words: Words | None = None,
) -> tuple[Tensor, Tensor]:
    """Tokens (n, T) that meet a constraint, and log p of each character, (n, T), in nats.

    The particles are those of `population`; the other arguments are as there and of `write`. At
    temperature 0 the path is the likeliest one too, and the first draw that meets the constraint is
    kept.

    Raises:
        ConstraintError: no draw of many met the constraint.
    """
    once = None
    if constraint.distinct:
        once = torch.zeros_like(constraint.allowed)
        once[sorted(constraint.distinct), NEWLINE + 1 :] = True
    greedy = options.temperature == 0
    common = _shown(model, constraint)
    form = constraint.form
    narrow = narrowing(words, form)

    def propose(n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (n, T), log p of each (n, T), and the log of the chance to keep each draw (n,)."""
        some = rows_of(labels, n)
        if particles is None:
            choose = Stepwise(constraint, n, once, options, generator, narrow)
            tokens, log_probs = model.causal.sample(n, choose, some, constraint.length)
            return tokens, log_probs, log_probs.new_zeros(n)
        latent, (z, paths) = model.latent, particles.draw(n, generator)
        allowed = constraint.within(paths)
        shown = None if common is None else fixed(allowed, model.mask_id)
        tokens, log_probs, left = write(
            latent, z, allowed, some, shown, once, options, generator, narrow
        )
        return tokens, log_probs, left - constraint.count(tokens).clamp(min=1).log().to(left)

    pending, written = torch.arange(n, device=model.device), None
    weights = torch.full((n,), -torch.inf, device=model.device)  # log of their sum so far
    for count in range(1, TRIES + 1):
        tokens, log_probs, chance = propose(len(pending))
        met = constraint.satisfied(tokens)
        if words and form:
            met &= words.satisfied(tokens, form, constraint.allowed)
        chance = chance.float().masked_fill(~met, -torch.inf)
        levels = rand(generator, (len(pending), 2), model.device).log()
        keep = chance > (-torch.inf if greedy else levels[:, 0])
        weight = chance - torch.log1p(-chance.exp())  # for who has not been kept by that chance
        total = torch.logaddexp(weights[pending], weight)
        if written is None:
            written = tokens, log_probs
        else:
            take = keep | (levels[:, 1] < weight - total)
            for old, new in zip(written, (tokens, log_probs), strict=True):
                old[pending[take]] = new[take]
        weights[pending] = total
        hopeless = (total > -torch.inf) & (total < math.log(count / TRIES))
        again = ~keep & ~(hopeless & (count >= ENOUGH))
        pending = pending[again]
        if not len(pending):
            break
        if isinstance(generator, Noise):
            generator = generator[again]
    assert written is not None
    if (weights == -torch.inf).any():
        raise ConstraintError(
            _(
                "no poem met the conditions in {n} draws; ask for less, or allow repeats",
                n=TRIES,
            )
        )
    return written

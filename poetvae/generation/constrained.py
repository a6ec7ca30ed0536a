"""Poems that meet a constraint.

Let C be a constraint, a union of products of token sets (see `constraints`), and p(x) what the
model writes without it. One pass draws from p(x | C), exact but for the finite population of z:

1. z and an alternative of C, in proportion to the alternative's mass at z (see `particles`);
2. each character from its own distribution, masked by the alternative; where none may come twice,
   one after the other, masked by what is used;
3. the draw is kept with probability 1 / (alternatives that contain it) (Karp & Luby 1983,
   Monte-Carlo algorithms for enumeration and reliability problems), times what the masks by what is
   used left of the mass; else all is drawn anew.

What all alternatives fix is no draw but a condition, where a model learnt to be shown characters:
p(x | C) is then what it writes given those. In several passes the steps are the same, the masses of
step 1 being those of one pass: each pass is masked, without looking ahead. Temperature, top-k and
top-p bear on step 2 alone, after the masks. An autoregressive model meets C greedily: each
character is one that some alternative still has, which is not p(x | C).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constraints.constraint import Constraint
from ..errors import ConstraintError
from ..models import LatentModel, TextModel
from ..text.tokenizer import NEWLINE
from .options import SamplingOptions
from .passes import Stepwise, one_by_one, write
from .sampling import PLAIN
from .smc import choose_z

TRIES = 100  # draws for a poem before the best of them has to do
Draws = tuple[Tensor, Tensor, Tensor]  # tokens (n, T), log p of each (n, T), log of chance (n,)


@torch.no_grad()
def sample_constrained(
    model: TextModel,
    constraint: Constraint,
    writable: Tensor,
    n: int,
    labels: Tensor | None = None,
    options: SamplingOptions = PLAIN,
    *,
    weighed: bool = True,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Tokens (n, T) that meet a constraint, and log p of each character, (n, T), in nats.

    A poem of which no draw of many was kept is the one that was most likely to be kept.

    Args:
        constraint: within `writable`.
        writable: (T, V) bool, what the model writes without a constraint.
        labels: (1, L), of all poems.
        options: as of `choose_tokens`, and the passes. At temperature 0 the alternative is the
            likeliest one too, and the first draw that meets the constraint is kept.
        weighed: see `choose_z`.
        generator: of all draws.

    Raises:
        ConstraintError: no draw of many met the constraint.
    """
    repeatable = None
    if constraint.distinct:
        repeatable = torch.arange(writable.shape[1], device=model.device) <= NEWLINE
    request = Request(constraint, writable, n, labels, repeatable, options, weighed, generator)
    propose = _in_passes(model.latent, request) if model.has_latent else _stepwise(model, request)
    pending = torch.arange(n, device=model.device)
    best: Draws | None = None
    for _ in range(TRIES):
        tokens, log_probs, chance = propose(len(pending))
        chance = chance.masked_fill(~constraint.satisfied(tokens), -torch.inf)
        uniform = torch.rand(len(pending), generator=generator, device=model.device)
        keep = chance > (-torch.inf if options.temperature == 0 else uniform.log())
        if best is None:
            best = tokens, log_probs, chance
        else:
            take = keep | (chance > best[2][pending])
            for old, new in zip(best, (tokens, log_probs, chance), strict=True):
                old[pending[take]] = new[take]
        pending = pending[~keep]
        if not len(pending):
            break
    assert best is not None
    if (best[2] == -torch.inf).any():
        raise ConstraintError(
            f"no poem met the conditions in {TRIES} draws; ask for less, or allow repeats"
        )
    return best[:2]


@dataclass(frozen=True)
class Request:
    """What poems are wanted, by the arguments of `sample_constrained`.

    `repeatable` (V,) bool are the tokens that may come twice; None = all.
    """

    constraint: Constraint
    writable: Tensor
    n: int
    labels: Tensor | None
    repeatable: Tensor | None
    options: SamplingOptions
    weighed: bool
    generator: torch.Generator

    def labels_of(self, n: int) -> Tensor | None:
        """The labels of n poems, (n, L)."""
        return None if self.labels is None else self.labels.expand(n, -1)


def _in_passes(model: LatentModel, request: Request) -> Callable[[int], Draws]:
    """Draws from z of a population for all the poems."""
    constraint, options, generator = request.constraint, request.options, request.generator
    known = common = None
    if model.decoder.observe is not None:
        known = constraint.known(model.mask_id)
        known = known if bool((known != model.mask_id).any()) else None
    if known is not None:
        common = constraint.shared(model.mask_id)
    particles = choose_z(
        model,
        constraint,
        request.writable,
        request.n,
        request.labels,
        generator,
        common,
        request.weighed,
    )
    passes = model.check_passes(options.passes)

    def draws(n: int) -> Draws:
        place, chosen = particles.draw(n, generator, options.temperature == 0)
        tokens, log_probs, left = write(
            model,
            particles.z[place],
            constraint.sets[constraint.alternatives[chosen]],
            labels=request.labels_of(n),
            known=None if known is None else known[chosen],
            passes=passes,
            repeatable=request.repeatable,
            options=options,
            generator=generator,
        )
        return tokens, log_probs, left - constraint.count(tokens).clamp(min=1).log()

    return draws


def _stepwise(model: TextModel, request: Request) -> Callable[[int], Draws]:
    """Draws of characters one after the other, all to be kept."""

    def draws(n: int) -> Draws:
        choose = Stepwise(
            request.constraint, n, request.repeatable, request.options, request.generator
        )
        tokens, log_probs = one_by_one(model, n, choose, request.labels_of(n))
        return tokens[:, : request.constraint.length], log_probs, log_probs.new_zeros(n)

    return draws

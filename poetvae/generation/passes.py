"""One poem: its tokens in a few passes of a decoder, or one after the other.

Shapes: B poems, T positions written, V vocabulary. Logits of -inf are what cannot be drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..constraints.constraint import Constraint
from ..models import LatentModel, TextModel, evaluating
from .options import SamplingOptions
from .sampling import PLAIN, choose_distinct, choose_scored, choose_tokens, token_scores


def sample(
    model: TextModel,
    allowed: Tensor,
    n: int,
    labels: Tensor | None,
    options: SamplingOptions,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Tokens (n, T) of poems under no constraint, and log p of each, (n, T), in nats."""
    if model.has_latent:
        z = model.latent.prior(n, labels).sample(generator)
        passes = model.check_passes(options.passes)
        tokens, log_probs, _ = write(
            model.latent,
            z,
            allowed,
            labels=labels,
            passes=passes,
            options=options,
            generator=generator,
        )
        return tokens, log_probs

    def choose(t: int, logits: Tensor) -> Tensor:
        return choose_tokens(logits, allowed[..., t, :], options, generator)

    return one_by_one(model, n, choose, labels)


def write(
    model: LatentModel,
    z: Tensor,
    allowed: Tensor,
    *,
    labels: Tensor | None = None,
    known: Tensor | None = None,
    passes: int = 1,
    repeatable: Tensor | None = None,
    options: SamplingOptions = PLAIN,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (B, T) at each z (B, D), decided in P passes of the decoder.

    Pass t = 0 ... P-1 decides the positions whose place leaves the remainder t by P, seeing z and
    all that the passes before it decided.

    Args:
        allowed: which tokens may stand where, (T, V) or (B, T, V); at least one everywhere.
        labels: (B, L).
        known: (B, T) tokens that the decoder sees from the start, the mask token elsewhere; it
            takes a model that learnt to be shown characters.
        passes: P, one of those that the model was trained for.
        repeatable: (V,) bool, the tokens that may come twice; absent: all.
        options, generator: as of `choose_tokens`.

    Returns:
        The tokens; log p of each in its pass, at temperature 1 and among all tokens, (B, T), in
        nats, 0 for what was known; and the log of the chance to keep the draw, (B,), see
        `choose_distinct`.
    """
    n, length = len(z), allowed.shape[-2]
    device = z.device
    tokens = torch.full((n, model.config.max_len), model.mask_id, device=device)
    shown = torch.zeros(n, length, dtype=torch.bool, device=device)
    observed = None
    if known is not None:
        tokens[:, :length] = known
        observed, shown = tokens.clone(), known != model.mask_id
    written = torch.zeros(n, length, dtype=torch.long, device=device)
    log_probs = torch.zeros(n, length, device=device)
    kept = torch.zeros(n, device=device)
    used = torch.zeros(n, allowed.shape[-1], dtype=torch.bool, device=device)
    if known is not None:
        used.scatter_(1, known, True)
    for t in range(min(passes, length)):
        part = slice(t, length, passes)
        logits = logits_at(model, z, part, observed, labels, tokens if t else None, passes)
        can = allowed[..., part, :]
        if repeatable is None:
            chosen, scores = choose_scored(logits, can, options, generator)
        else:
            can = can.expand(logits.shape)
            chosen, left = choose_distinct(
                logits, can, used, repeatable, shown[:, part], options, generator
            )
            kept = kept + left
            scores = token_scores(logits, chosen)
        written[:, part], log_probs[:, part] = chosen, scores.masked_fill(shown[:, part], 0.0)
        tokens[:, :length][:, part] = chosen
    return written, log_probs, kept


class Stepwise:
    """Tokens under a constraint, position after position, each one that some alternative still has.

    Args:
        constraint: on T positions; later ones take anything.
        n: how many strings.
        repeatable: (V,) bool, the tokens that may come twice; absent: all.
        options, generator: as of `choose_tokens`.

    Without `repeatable` the strings meet the constraint. With it a position may be left without a
    token: such a string goes on with one that is not allowed.
    """

    def __init__(
        self,
        constraint: Constraint,
        n: int,
        repeatable: Tensor | None,
        options: SamplingOptions = PLAIN,
        generator: torch.Generator | None = None,
    ) -> None:
        self.constraint, self.repeatable = constraint, repeatable
        self.options, self.generator = options, generator
        self.size = constraint.alternatives.shape[1]
        self.later = constraint.known(0)
        self.alive = torch.ones(
            n, len(constraint.alternatives), dtype=torch.bool, device=constraint.sets.device
        )
        self.used = torch.zeros(
            n, constraint.sets.shape[1], dtype=torch.bool, device=constraint.sets.device
        )

    def __call__(self, t: int, logits: Tensor) -> Tensor:
        """Of the position t and its logits (n, V): the tokens (n,) to stand there."""
        if t >= self.size:
            return logits.argmax(dim=1)
        column = self.constraint.alternatives[:, t]
        kinds, place = torch.unique(column, return_inverse=True)
        sets = self.constraint.sets[kinds]
        if self.repeatable is not None:
            # What has to stand later on cannot stand here.
            sets = sets[place].scatter(1, self.later[:, t + 1 :], False) | (
                self.constraint.sets[kinds][place] & self.repeatable
            )
            place = torch.arange(len(sets), device=sets.device)
        some = torch.zeros(len(logits), len(sets), device=logits.device)
        some.index_add_(1, place, self.alive.float())
        allowed = some @ sets.float() > 0
        if self.repeatable is not None:
            allowed = allowed & (~self.used | self.repeatable)
        lost = ~allowed.any(dim=1, keepdim=True)
        tokens = choose_tokens(logits, allowed | lost, self.options, self.generator)
        self.alive &= sets[:, tokens].T[:, place]
        self.used.scatter_(1, tokens.unsqueeze(1), True)
        return tokens


def one_by_one(
    model: TextModel,
    n: int,
    choose: Callable[[int, Tensor], Tensor],
    labels: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`Autoregressive.sample` of the model in evaluation mode, which it is left as it was."""
    with evaluating(model):
        return model.causal.sample(n, choose, labels)


def logits_at(
    model: LatentModel,
    z: Tensor,
    places: slice | Tensor,
    observed: Tensor | None = None,
    labels: Tensor | None = None,
    history: Tensor | None = None,
    passes: int = 1,
) -> Tensor:
    """`LatentModel.decode` at some positions alone, the others costing no softmax: float32."""
    hidden = model.decoder(z, observed, labels, history, passes)[:, places].transpose(0, 1)
    # Position by position in memory: what is done at one of them does not jump.
    logits = F.linear(hidden, model.decoder.softmax.weight, model.decoder.bias)
    return logits.float().transpose(0, 1)

"""The tokens of poems, in a few passes of a decoder or one by one; shapes as in `sampling`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..constraints.constraint import Constraint
from ..constraints.words import Narrow
from ..models import LatentModel, TextModel
from ..models.decoder import Columns
from ..models.repeats import raised
from ..nn.noise import Source
from ..text.tokenizer import EOS
from .options import SamplingOptions
from .sampling import PLAIN, choose_distinct, choose_scored, choose_tokens, token_scores


def sample(
    model: TextModel,
    allowed: Tensor,
    n: int,
    labels: Tensor | None,
    options: SamplingOptions,
    generator: Source,
    words: Narrow | None = None,
) -> tuple[Tensor, Tensor]:
    """Tokens (n, T) of poems under no constraint, and log p of each, (n, T), in nats. T positions
    are written, those of `allowed`, and what the model could write behind them stays unknown."""

    written = torch.full((n, allowed.shape[-2]), model.mask_id, device=allowed.device)

    def choose(t: int, logits: Tensor) -> Tensor:
        can = words(allowed, written, t) if words else allowed[..., t, :]
        written[:, t] = choose_tokens(logits, can, options, generator)
        return written[:, t]

    if not model.has_latent:
        return model.causal.sample(n, choose, labels, allowed.shape[-2])
    z = model.latent.prior(n, labels).sample(generator)
    how = options, generator, words
    return write(model.latent, z, allowed, labels, None, None, *how)[:2]


def write(
    model: LatentModel,
    z: Tensor,
    allowed: Tensor,
    labels: Tensor | None = None,
    known: Tensor | None = None,
    once: Tensor | None = None,
    options: SamplingOptions = PLAIN,
    generator: Source = None,
    words: Narrow | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (B, T) at each z (B, D), decided in P passes of the decoder.

    Pass t = 0 ... P-1 decides the positions whose place leaves the remainder t by P, seeing z and
    all that the passes before it decided, as in training: what lies past the poem, that is behind
    the T positions or an end mark, is seen by none.

    Args:
        allowed: which tokens may stand at the T positions of the poem, (T, V) or (B, T, V); at
            least one everywhere.
        known: (B, T) tokens that the decoder sees from the start, the mask token elsewhere; it
            takes a model that learnt to be shown characters.
        once: (T, V) bool, the tokens of which none may come twice where it is marked; absent: none.
        words: narrows what is allowed at a position to what makes words with what stands, see
            `Words.narrow`; absent: does not.
        options: as of `choose_tokens`; P is `options.passes`, or the most of those it learnt.

    Returns:
        The tokens; log p of each in its pass, at temperature 1 and among all tokens, (B, T), in
        nats, 0 for what was known; the log of the chance to keep the draw, (B,): `choose_distinct`.
    """
    n, length = len(z), allowed.shape[-2]
    written = torch.full((n, length), model.mask_id, device=z.device)
    mask = torch.ones(1, length, dtype=torch.bool, device=z.device)
    used = torch.zeros(n, allowed.shape[-1], dtype=torch.bool, device=z.device)
    observed = None
    if known is not None:
        written.copy_(known)
        observed = written.clone()
        used.scatter_(1, known if once is None else known[:, once.any(1)], True)
    shown = written != model.mask_id
    log_probs = torch.zeros(n, length, device=z.device)
    kept = torch.zeros(n, device=z.device)
    decoder, asked = model.decoder, model.check_passes(options.passes)
    common = decoder.start(z, observed, labels, mask)
    columns = Columns(decoder, common, z, asked, labels)
    passes, seen, place = columns.passes, written, torch.arange(length, device=z.device)
    for t in range(min(passes, length)):
        part = slice(t, length, passes)
        history = _before_end(written, model.mask_id)
        # An end mark hides what earlier passes saw of the places behind it: they begin again.
        if t and bool((history != seen)[:, place % passes < t - 1].any()):
            columns = Columns(decoder, common, z, asked, labels)
            for _ in range(t):
                columns(history)
        hidden, seen = columns(history), history
        logits = _logits(model, hidden[:, : len(place[part])], history, passes, part)
        # Where they make words, syllables of a pass are chosen one after the other.
        whole = [(slice(None), part)]
        several = [
            (slice(k, k + 1), slice(at, at + 1)) for k, at in enumerate(place[part].tolist())
        ]
        for own, at in several if words else whole:
            can, some = allowed[..., at, :], logits[:, own]
            if words:
                can = words(allowed, written, at.start).unsqueeze(1)
            if once is None or not bool(once[at].any()):
                chosen, scores = choose_scored(some, can, options, generator)
            else:
                can, given = can.expand(some.shape), shown[:, at]
                chosen, left = choose_distinct(some, can, used, once[at], given, options, generator)
                kept = kept + left
                scores = token_scores(some, chosen)
            written[:, at], log_probs[:, at] = chosen, scores.masked_fill(shown[:, at], 0.0)
    if passes > 1 and bool((written == EOS).any()):
        # A pass may have seen what a later one put past the end: each is asked again without it.
        history = _before_end(written, model.mask_id)
        hidden = decoder.finish(common, z, history, asked, mask, labels)[:, :length]
        nll = decoder.token_nll(hidden, written, torch.ones_like(shown), history, passes)
        log_probs = -nll.masked_fill(shown, 0.0)
    return written, log_probs, kept


def _before_end(tokens: Tensor, mask_id: int) -> Tensor:
    """Tokens (B, T) with the mask token in place of what stands behind the first end mark."""
    ends = tokens == EOS
    return tokens.masked_fill(ends.cumsum(dim=1) > ends, mask_id)


class Stepwise:
    """n strings under a constraint, position after position, each token one that some path still
    takes; past its positions, any. Given `once` (T, V) bool, the tokens of which none comes twice
    where it is marked, a position may be left without a token: that string goes on with one not
    allowed."""

    def __init__(
        self,
        constraint: Constraint,
        n: int,
        once: Tensor | None,
        options: SamplingOptions = PLAIN,
        generator: Source = None,
        words: Narrow | None = None,
    ) -> None:
        self.constraint, self.once, self.words = constraint, once, words
        self.options, self.generator = options, generator
        allowed = constraint.allowed
        self.written = torch.zeros(n, len(allowed), dtype=torch.long, device=allowed.device)
        self.alive = [allowed.new_ones(n, 1) for _ in constraint.parts]
        self.used = allowed.new_zeros(n, allowed.shape[1])
        if once is not None:
            fixed = allowed & once & (allowed.sum(dim=1, keepdim=True) == 1)
            self.later = fixed.flip(0).cumsum(0).flip(0) > fixed  # fixed at a later position

    def __call__(self, t: int, logits: Tensor) -> Tensor:
        """Of the position t and its logits (n, V): the tokens (n,) to stand there."""
        parts = self.constraint.parts
        if t >= len(parts[0].edges):
            return logits.argmax(dim=1)
        allowed = logits.new_ones(logits.shape, dtype=torch.bool)
        for part, alive in zip(parts, self.alive, strict=True):
            source, by, _ = part.edges[t].unbind(1)
            taken = torch.zeros(len(logits), len(part.sets), device=logits.device)
            taken.index_add_(1, by, alive[:, source].float())
            allowed &= taken @ part.sets.float() > 0
        if self.once is not None:  # nor what has to stand later on
            allowed &= ~((self.used | self.later[t]) & self.once[t])
        if self.words:
            every = self.constraint.allowed.expand(len(logits), -1, -1)
            own = torch.cat([every[:, :t], allowed.unsqueeze(1), every[:, t + 1 :]], dim=1)
            allowed = self.words(own, self.written, t)
        lost = ~allowed.any(dim=1, keepdim=True)
        tokens = choose_tokens(logits, allowed | lost, self.options, self.generator)
        for i, part in enumerate(parts):
            source, by, target = part.edges[t].unbind(1)
            taken = (self.alive[i][:, source] & part.sets[:, tokens].T[:, by]).float()
            after = taken.new_zeros(len(tokens), int(target.max()) + 1)
            self.alive[i] = after.index_add_(1, target, taken) > 0
        self.written[:, t] = tokens
        if self.once is not None:
            self.used[torch.arange(len(tokens)), tokens] |= self.once[t, tokens]
        return tokens


def rows_of(row: Tensor | None, n: int) -> Tensor | None:
    """A row (1, L) or (L,) that n poems share, for each of them: (n, L)."""
    return None if row is None else row.expand(n, -1)


def logits_at(
    model: LatentModel,
    z: Tensor,
    places: slice | Tensor,
    observed: Tensor | None = None,
    labels: Tensor | None = None,
    history: Tensor | None = None,
    passes: int = 1,
    length: int | None = None,
) -> Tensor:
    """`LatentModel.decode` at some positions of poems of T = `length` (absent: max_len), the others
    costing no softmax: float32."""
    mask = torch.ones(1, length or model.config.max_len, dtype=torch.bool, device=z.device)
    hidden = model.decoder(z, observed, labels, history, passes, mask)[:, places]
    return _logits(model, hidden, history, passes, places)


def _logits(
    model: LatentModel, hidden: Tensor, history: Tensor | None, passes: int, at: slice | Tensor
) -> Tensor:
    """The logits (B, N, V) of hidden (B, N, E) at N positions, in float32."""
    # Position by position in memory: what is done at one of them does not jump.
    hidden = hidden.transpose(0, 1)
    logits = F.linear(hidden, model.decoder.softmax.table(), model.decoder.bias)
    logits = logits.float().transpose(0, 1)
    return raised(logits, model.decoder.repeated(history, passes, at))

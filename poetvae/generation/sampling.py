"""Tokens from a decoder's distributions: masked, tempered, filtered.

Shapes: B poems, T positions written, V vocabulary. Logits of -inf are what cannot be drawn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.noise import Source, at_level, rand
from .options import SamplingOptions

PLAIN = SamplingOptions(temperature=1.0)


def filter_logits(logits: Tensor, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """Logits (..., V) with all but the likeliest tokens at -inf: the k likeliest and those that tie
    with the k-th, or the fewest whose probabilities reach p (Holtzman et al. 2020, arXiv
    1904.09751, equation 3)."""
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, place = logits.sort(dim=-1, descending=True)
        left_out = ordered.softmax(dim=-1).cumsum(dim=-1).roll(1, dims=-1) >= top_p
        left_out[..., 0] = False  # the likeliest one always stays
        logits = logits.masked_fill(left_out.gather(-1, place.argsort(dim=-1)), -torch.inf)
    return logits


def choose_tokens(
    logits: Tensor,
    allowed: Tensor,
    options: SamplingOptions = PLAIN,
    generator: Source = None,
) -> Tensor:
    """Token ids (B, T), each drawn from its own logits (B, T, V), among those `allowed`, broadcast
    to (B, T, V), at least one everywhere. The temperature divides the logits, 0 takes the likeliest
    token; top_k and top_p are as in `filter_logits`, of what is allowed."""
    return _choose(logits, allowed, options, rand(generator, logits.shape[:-1], logits.device))


def choose_scored(
    logits: Tensor, allowed: Tensor, options: SamplingOptions, generator: Source
) -> tuple[Tensor, Tensor]:
    """`choose_tokens`, and log p of each token at temperature 1 and among all tokens: (B, T)."""
    level = rand(generator, logits.shape[:2], logits.device)
    if options.unfiltered:
        tokens, scores = torch.empty_like(level, dtype=torch.long), torch.empty_like(level)
        for t in range(logits.shape[1]):  # one at a time they stay in cache
            p = logits[:, t].softmax(dim=1, dtype=torch.float32)
            tokens[:, t] = at_level(level[:, t], p * allowed[..., t, :])
            scores[:, t] = p.gather(1, tokens[:, t : t + 1]).squeeze(1).log()
        if bool((scores > -80).all()):  # nothing that matters was too small for float32
            return tokens, scores
    tokens = _choose(logits, allowed, options, level)
    return tokens, token_scores(logits, tokens)


def choose_distinct(
    logits: Tensor,
    allowed: Tensor,
    used: Tensor,
    once: Tensor,
    shown: Tensor,
    options: SamplingOptions,
    generator: Source,
) -> tuple[Tensor, Tensor]:
    """Token ids (B, T), none twice, position after position: those with the least choice first; at
    temperature 0 the likeliest tokens, the most certain positions first.

    Args:
        logits, allowed: (B, T, V), at least one everywhere.
        used: (B, V) bool, what stands elsewhere; the new tokens are added to it.
        once: (T, V) bool, which of them may stand there only where it stands nowhere else.
        shown: (B, T) bool, where the one token allowed is among those used already.

    Returns the tokens, and (B,) the log of what each draw left of the mass allowed, summed. A draw
    kept with that probability is one of the product of the masked distributions, given that no
    token comes twice. -inf where nothing was left at some position: there the tokens repeat.
    """
    rows = torch.arange(len(logits), device=logits.device)
    tokens = torch.zeros(allowed.shape[:2], dtype=torch.long, device=logits.device)
    kept = torch.zeros(len(logits), device=logits.device)
    logits = logits.float().masked_fill(~allowed, -torch.inf)
    if options.temperature == 0:
        logits = logits.log_softmax(dim=-1)
    open_ = torch.ones_like(tokens, dtype=torch.bool)
    size = allowed.sum(dim=-1)
    for _ in range(tokens.shape[1]):
        if options.temperature == 0:
            taken = used.unsqueeze(1) & once
            certain = logits.masked_fill(taken, -torch.inf).amax(dim=-1)
            # One without any choice left goes last: its row is lost anyway.
            place = certain.clamp(min=-1e30).masked_fill(~open_, -torch.inf).argmax(dim=1)
        else:
            place = size.masked_fill(~open_, size.max() + 1).argmin(dim=1)
        own, can = logits[rows, place], allowed[rows, place]
        free = can & (~(used & once[place]) | shown[rows, place].unsqueeze(1))
        dead = ~free.any(dim=1, keepdim=True)
        if options.temperature:
            share = _tempered(own, options.temperature).log_softmax(dim=-1)
            kept = kept + share.masked_fill(~free, -torch.inf).logsumexp(dim=-1)
        kept = kept.masked_fill(dead.squeeze(1), -torch.inf)
        token = choose_tokens(own, free | (can & dead), options, generator)
        tokens[rows, place], open_[rows, place] = token, False
        used[rows, token] |= once[place, token]
    return tokens, kept


def token_scores(logits: Tensor, tokens: Tensor) -> Tensor:
    """log p of tokens (B, T) among all tokens, by logits (B, T, V): (B, T), in nats."""
    return logits.gather(2, tokens.unsqueeze(2)).squeeze(2) - logits.logsumexp(dim=2)


def _choose(logits: Tensor, allowed: Tensor, options: SamplingOptions, level: Tensor) -> Tensor:
    """`choose_tokens` by levels (B, T) in [0, 1), which greedy tokens have no use for."""
    logits = logits.float().masked_fill(~allowed, -torch.inf)
    if options.temperature == 0:
        return logits.argmax(dim=-1)
    logits = filter_logits(_tempered(logits, options.temperature), options.top_k, options.top_p)
    return at_level(level, logits.softmax(dim=-1))


def _tempered(logits: Tensor, temperature: float) -> Tensor:
    # With the largest logit at 0 no temperature, however small, divides to an infinity.
    logits = logits - logits.amax(dim=-1, keepdim=True)
    return logits / max(temperature, torch.finfo(torch.float32).tiny)

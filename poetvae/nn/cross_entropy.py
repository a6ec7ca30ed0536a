"""Softmax cross-entropy over a large vocabulary without ever holding all logits.

The logits of N rows over V tokens, from C channels, are the largest array of a text model by far.
They are made here for a few rows at a time, turned into the loss and at once into the gradient, and
forgotten: the same small buffers stay in cache from chunk to chunk. Cut cross-entropy (Wijmans et
al. 2024, arXiv 2411.09009) does this inside a GPU kernel; here it is matrix products and a softmax.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .gated_conv import compute_dtype

CHUNK_ROWS = 1024
IGNORED = -100  # a target that is none, as in torch
ALIGNMENT = 64  # bytes, a cache line: matrix products into rows that do not begin on one are slower


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    added: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """-log softmax(hidden (N, C) @ weight (V, C).T + bias (V,))[target (N,)] in nats: (N,) float32.
    To the logits of some tokens of each row, (N, S) int64, numbers are `added`, (N, S); both, where
    one is named twice.
    A target of -100 is ignored: that row costs 0 and takes part in no gradient. While gradients are
    recorded a probability below the smallest float32 counts as that (87 nats); otherwise the value
    is exact. Matrix products run in autocast's type.

    Raises:
        IndexError: any other target outside 0 to V - 1.
    """
    if len(target):
        low, high = torch.stack(torch.aminmax(target)).tolist()
        if low < 0 or high >= len(weight):
            known = target != IGNORED
            strange = target[known & ((target < 0) | (target >= len(weight)))]
            if len(strange):
                wanted = f"expected 0 to {len(weight) - 1}, or {IGNORED} for a row to ignore"
                raise IndexError(f"target is {int(strange[0])}; {wanted}")
            rest = None if added is None else (added[0][known], added[1][known])
            part = linear_cross_entropy(hidden[known], weight, target[known], bias, rest)
            return part.new_zeros(target.shape).masked_scatter(known, part)
    tokens, numbers = added or (None, None)
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        inputs = hidden, weight, target, bias, tokens, numbers
        nll: Tensor = _LinearCrossEntropy.apply(*inputs)  # type: ignore[no-untyped-call]
        return nll
    dtype = compute_dtype(hidden)
    hidden, weight = hidden.to(dtype), weight.to(dtype)
    bias = None if bias is None else bias.to(dtype)
    rows = [hidden.new_zeros(0, dtype=torch.float32)]
    for start in range(0, len(hidden), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        logits = F.linear(hidden[chunk], weight, bias).float()
        if tokens is not None and numbers is not None:
            logits.scatter_add_(1, tokens[chunk], numbers[chunk].float())
        rows.append(F.cross_entropy(logits, target[chunk], reduction="none"))
    return torch.cat(rows)


class _LinearCrossEntropy(torch.autograd.Function):
    """The gradient of the sum over rows is made in the forward pass, while the softmax is there. A
    loss that is a mean over rows sends back one factor for all of them; should the rows weigh
    differently, the backward pass makes the gradient again with those weights."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        nll, *gradients = _loss_and_gradients(None, *inputs)
        ctx.save_for_backward(*inputs, *gradients)
        return nll

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (rows,) = grad_outputs
        inputs, gradients = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        factor = rows[:1] if len(rows) else rows.new_ones(1)
        if not torch.equal(rows, factor.expand_as(rows)):
            _, *gradients = _loss_and_gradients(rows, *inputs)
            factor = torch.ones_like(factor)
        d_hidden, d_weight, d_bias, d_added = (
            None if d is None else d * factor.to(d.dtype) for d in gradients
        )
        return d_hidden, d_weight, None, d_bias, None, d_added


def _loss_and_gradients(
    rows: Tensor | None,
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    tokens: Tensor | None,
    added: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    """Loss by row, and the gradients of its sum weighted by `rows` (absent = 1)."""
    dtype = compute_dtype(hidden)
    multiple = ALIGNMENT // dtype.itemsize
    h, w = hidden.detach().to(dtype), weight.detach().to(dtype)
    vocab, channels = w.shape
    b = None if bias is None else bias.detach().to(dtype)
    if b is not None and dtype.itemsize < 4:  # where a product costs less than two passes:
        h, w = F.pad(h, (0, 1), value=1), torch.cat([w, b.unsqueeze(1)], 1)  # one more channel
        h, b = F.pad(h, (0, -h.shape[1] % multiple)), None
    w = F.pad(w, (0, h.shape[1] - w.shape[1], 0, -vocab % multiple))
    b = None if b is None else F.pad(b, (0, -vocab % multiple))
    n = len(h)
    chunks = max(1, -(-n // CHUNK_ROWS))
    size = max(1, -(-n // chunks))
    workspace = functools.partial(_workspace, dtype, h.device, threading.get_ident())
    scratch, partial = workspace("logits", CHUNK_ROWS, len(w)), workspace("gradient", *w.shape)
    row = torch.arange(size, device=h.device)
    nll = torch.empty(n, device=h.device)
    d_hidden = torch.empty_like(h)
    d_bias = torch.zeros(len(w), device=h.device)
    d_added = None if added is None else torch.empty_like(added)
    d_weight = (torch.empty if n else torch.zeros)(w.shape, device=h.device)
    for start in range(0, n, size):
        chunk = slice(start, min(start + size, n))
        place = row[: chunk.stop - start], target[chunk]
        p = scratch[: chunk.stop - start]
        torch.mm(h[chunk], w.t(), out=p) if b is None else torch.addmm(b, h[chunk], w.t(), out=p)
        if tokens is not None and added is not None:
            p.scatter_add_(1, tokens[chunk], added[chunk].to(dtype))
        p[:, vocab:] = -torch.inf
        torch.softmax(p, dim=1, out=p)
        nll[chunk] = -p[place].float().clamp(min=torch.finfo(torch.float32).tiny).log()
        p[place] -= 1  # now the gradient with respect to the logits
        if rows is not None:
            p *= rows[chunk].unsqueeze(1).to(dtype)
        if tokens is not None and d_added is not None:
            d_added[chunk] = p.gather(1, tokens[chunk]).to(d_added.dtype)
        if b is not None:
            d_bias += p.sum(dim=0)
        torch.mm(p, w, out=d_hidden[chunk])
        torch.mm(p.t(), h[chunk], out=partial)
        d_weight.add_(partial) if start else d_weight.copy_(partial)
    d_hidden = d_hidden[:, :channels].to(hidden.dtype)
    if bias is None:
        return nll, d_hidden, d_weight[:vocab], None, d_added
    d_bias = d_weight[:vocab, channels] if b is None else d_bias[:vocab]
    return nll, d_hidden, d_weight[:vocab, :channels], d_bias, d_added


@functools.lru_cache(maxsize=8)
def _workspace(
    dtype: torch.dtype, device: torch.device, thread: int, purpose: str, rows: int, columns: int
) -> Tensor:
    """Scratch memory that stays: allocated anew at each step, the C library would hand it back to
    the kernel each time, and the page faults cost a fifth of the step."""
    return torch.empty(rows, columns, dtype=dtype, device=device)

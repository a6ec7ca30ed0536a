"""From the positions of a sequence to one vector: (B, C, T) -> (B, C), padding left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .gated_conv import hide


def masked_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the real positions: (B, C, T) -> (B, C); zeros where a row has none."""
    if mask is None:
        return x.mean(dim=2)
    size = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return hide(x, mask).sum(dim=2) / size.to(x.dtype)


def masked_max(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Maximum over the real positions: (B, C, T) -> (B, C); zeros where a row has none."""
    if mask is None:
        return x.amax(dim=2)
    real = mask.unsqueeze(1)
    top = x.masked_fill(~real, torch.finfo(x.dtype).min).amax(dim=2)
    return torch.where(real.any(dim=2), top, torch.zeros_like(top))


class AttentionPool(nn.Module):
    """A mean over the real positions for each head, weighed by the softmax of a linear map of the
    channels (structured self-attention, Lin et al. 2017, arXiv 1703.03130, without its hidden
    layer)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.scores = nn.Linear(channels, heads, bias=False)  # a softmax ignores what all share

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, T) -> (B, C * heads); the mean where a row has no real position."""
        x = hide(x, mask)
        scores = self.scores(x.transpose(1, 2)).float()  # (B, T, heads)
        if mask is not None:
            scores = scores.masked_fill(~mask.unsqueeze(2), torch.finfo(torch.float32).min)
        pooled: Tensor = x @ scores.softmax(dim=1).to(x.dtype)
        return pooled.flatten(1)

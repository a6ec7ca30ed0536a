"""Attention among the cells of a grid, by columns. Needs torch alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gated_conv import make_norm


@dataclass
class Seen:
    """Keys and values of the columns so far, (B, H, cells, C / H), of which `count` cells are in
    use."""

    keys: Tensor
    values: Tensor
    count: int = 0


class ColumnAttention(nn.Module):
    """``x + dropout(out(attention(norm(x))))``: a cell sees its own column and those before it.

    Scaled dot products by heads (Vaswani et al. 2017, arXiv 1706.03762, equation 1). The cells of a
    grid of P columns lie row after row: cell i is in column i % P. One row, and it is the causal
    attention of a language model; one column, and each cell sees all.

    Raises:
        ValueError: heads that do not divide the channels, or an unknown norm.
    """

    def __init__(
        self, channels: int, heads: int, *, norm: str | None = "layer", dropout: float = 0.0
    ) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise ValueError(f"heads={heads} must divide channels={channels}")
        self.heads = heads
        self.norm = make_norm(norm, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, columns: int, real: Tensor | None = None) -> Tensor:
        """(B, C, N) -> (B, C, N), N cells in so many columns; real (B, N) or (1, N) bool says which
        cells are seen, absent: all."""
        size = x.shape[2]
        queries, keys, values = self._split(x)
        seen = None
        if columns < size or real is not None:
            column = torch.arange(size, device=x.device) % columns
            seen = column.unsqueeze(1) >= column
            if real is not None:
                seen = seen & real[:, None, None]
        y = F.scaled_dot_product_attention(queries, keys, values, seen, is_causal=seen is None)
        return self._joined(x, y)

    def start(self, batch: int, cells: int) -> Seen:
        """Room for what is seen of so many cells."""
        weight = self.qkv.weight
        shape = batch, self.heads, cells, weight.shape[1] // self.heads
        return Seen(weight.new_empty(shape), weight.new_empty(shape))

    def step(self, x: Tensor, seen: Seen, real: int) -> Tensor:
        """One column, (B, C, R) -> (B, C, R), of whose cells the first so many are real; they go
        into what is seen."""
        queries, keys, values = self._split(x)
        part = slice(seen.count, seen.count + real)
        seen.keys[:, :, part], seen.values[:, :, part] = keys[:, :, :real], values[:, :, :real]
        seen.count = part.stop
        keys, values = seen.keys[:, :, : part.stop], seen.values[:, :, : part.stop]
        return self._joined(x, F.scaled_dot_product_attention(queries, keys, values))

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, C, N): (B, H, N, C / H) each."""
        projected = self.qkv(self.norm(x).transpose(1, 2))
        heads = projected.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads.unbind()
        return queries, keys, values

    def _joined(self, x: Tensor, y: Tensor) -> Tensor:
        """x (B, C, N) and what its cells saw, (B, H, N, C / H)."""
        out: Tensor = self.dropout(self.out(y.transpose(1, 2).flatten(2)))
        return x + out.transpose(1, 2)

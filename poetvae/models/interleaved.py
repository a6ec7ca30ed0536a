"""Gated blocks over a grid of positions, of which each column sees none but those before it.

In P passes, pass t decides the positions t, t + P, t + 2P and so on: those of one pass lie as far
apart as they can. Position i stands in row i // P and column i % P of a grid, so a column is a
pass. Along the rows the convolutions are causal; across them, column by column, they are free. With
as many passes as positions there is one row, and the stack is that of an autoregressive model.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..config import ModelConfig
from ..nn.gated_conv import GatedResidualBlock
from .layers import stack


class InterleavedStack(nn.Module):
    """Gated blocks along the rows and, with `across`, each third one across them."""

    def __init__(
        self, config: ModelConfig, num_layers: int, *, inject: bool = False, across: bool = False
    ) -> None:
        super().__init__()
        along = iter(config.dilations * num_layers)
        blocks: list[nn.Module] = []
        for i in range(num_layers):
            causal = not (across and i % 3 == 2)
            one = replace(config, dilations=(next(along) if causal else 1,))
            blocks.extend(stack(one, 1, inject=inject, causal=causal).blocks)
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self,
        x: Tensor,
        passes: int,
        condition: Tensor | None = None,
        there: Tensor | None = None,
    ) -> Tensor:
        """x (B, C, N), in whole rows of P columns, and condition (B, D) -> (B, C, N); `there`
        (B, rows) bool tells which rows are, absent: all."""
        n, rows = x.shape[0], x.shape[2] // passes
        by_row = by_column = real = real_across = None
        if condition is not None:
            by_row = condition.repeat_interleave(rows, dim=0)
            by_column = condition.repeat_interleave(passes, dim=0)
        if there is not None:
            real = there.flatten().unsqueeze(1).expand(-1, passes)
            real_across = there.repeat_interleave(passes, dim=0)
        for block in self._blocks():
            grid = x.view(n, -1, rows, passes)
            if block.gated.causal:
                y = block(grid.movedim(2, 1).flatten(0, 1), real, by_row)
                x = y.unflatten(0, (n, rows)).movedim(1, 2).flatten(2)
            else:
                y = block(grid.movedim(3, 1).flatten(0, 1), real_across, by_column)
                x = y.unflatten(0, (n, passes)).movedim(1, 3).flatten(2)
        return x

    def start(self, batch: int, rows: int) -> list[Tensor | None]:
        """What each block has seen of B grids before their first column."""
        return [
            block.gated.start(batch * rows) if block.gated.causal else None
            for block in self._blocks()
        ]

    def step(self, x: Tensor, seen: list[Tensor | None], condition: Tensor | None = None) -> Tensor:
        """The next column, (B, C, rows) -> (B, C, rows), from what each block has seen, to which it
        adds: the work does not grow with what came before."""
        n, _, rows = x.shape
        by_row = None if condition is None else condition.repeat_interleave(rows, dim=0)
        for i, (block, past) in enumerate(zip(self._blocks(), seen, strict=True)):
            if past is None:
                x = block(x, None, condition)
            else:
                y, seen[i] = block.step(x.transpose(1, 2).flatten(0, 1), past, by_row)
                x = y.view(n, rows, -1).transpose(1, 2)
        return x

    def _blocks(self) -> list[GatedResidualBlock]:
        return list(self.blocks)  # type: ignore[arg-type]

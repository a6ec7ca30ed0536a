"""Blocks over a grid of positions, of which each column sees none but those before it.

In P passes, pass t decides the positions t, t + P, t + 2P and so on: those of one pass lie as far
apart as they can. Position i stands in row i // P and column i % P of a grid, so a column is a
pass. Along the rows the convolutions are causal; what looks across rows sees whole columns. With as
many passes as positions there is one row: an autoregressive model.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..config import ModelConfig
from ..nn.attention import ColumnAttention, Seen
from ..nn.gated_conv import GatedResidualBlock
from .layers import stack


class InterleavedStack(nn.Module):
    """Gated convolutions along the rows, and what looks across them: an attention by column after
    every so many, or, as in older models, every third convolution."""

    def __init__(
        self, config: ModelConfig, num_layers: int, *, inject: bool = False, rows: bool = False
    ) -> None:
        super().__init__()
        along, every = iter(config.dilations * num_layers), config.attend_every
        norm = None if config.norm == "none" else config.norm
        blocks: list[nn.Module] = []
        for i in range(num_layers):
            across = rows and i % 3 == 2
            one = replace(config, dilations=(1 if across else next(along),))
            blocks.extend(stack(one, 1, inject=inject, causal=not across).blocks)
            if every and i % every == every - 1:
                heads = max(1, config.d_model // 32)
                blocks.append(
                    ColumnAttention(config.d_model, heads, norm=norm, dropout=config.dropout)
                )
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self,
        x: Tensor,
        passes: int,
        condition: Tensor | None = None,
        rows_there: Tensor | None = None,
        real: Tensor | None = None,
    ) -> Tensor:
        """x (B, C, N), condition (B, D) -> (B, C, N), in whole rows of P columns.

        Which rows are there, (B, rows), the others being zeros; and which of the N cells are real,
        (B, N) or (1, N), so that an attention sees them; absent: all."""
        n, rows, z = x.shape[0], x.shape[2] // passes, condition
        by_row = None if z is None else z.repeat_interleave(rows, dim=0)
        in_rows = in_columns = None
        if rows_there is not None:
            in_rows = rows_there.flatten().unsqueeze(1).expand(-1, passes)
            in_columns = rows_there.repeat_interleave(passes, dim=0)
        for block in self.blocks:
            if isinstance(block, ColumnAttention):
                x = block(x, passes, real)
                continue
            assert isinstance(block, GatedResidualBlock)
            grid = x.view(n, -1, rows, passes)
            if block.gated.causal:
                y = block(grid.movedim(2, 1).flatten(0, 1), in_rows, by_row)
                x = y.unflatten(0, (n, rows)).movedim(1, 2).flatten(2)
            else:
                by_column = None if z is None else z.repeat_interleave(passes, dim=0)
                y = block(grid.movedim(3, 1).flatten(0, 1), in_columns, by_column)
                x = y.unflatten(0, (n, passes)).movedim(1, 3).flatten(2)
        return x

    def start(self, batch: int, length: int, passes: int) -> list[Tensor | Seen]:
        """What each block has seen of B sequences of T positions before their first column."""
        rows = -(-length // passes)
        return [
            block.start(batch, length)
            if isinstance(block, ColumnAttention)
            else block.gated.start(batch * rows)  # type: ignore[union-attr, operator]
            for block in self.blocks
        ]

    def step(
        self, x: Tensor, seen: list[Tensor | Seen], real: int, condition: Tensor | None = None
    ) -> Tensor:
        """The next column, (B, C, rows) -> (B, C, rows), from what each block has seen, which it
        adds to; of the rows the first so many are real. The work does not grow with what came
        before but in the attention."""
        n, _, rows = x.shape
        by_row = None if condition is None else condition.repeat_interleave(rows, dim=0)
        for i, (block, past) in enumerate(zip(self.blocks, seen, strict=True)):
            if isinstance(block, ColumnAttention):
                assert isinstance(past, Seen)
                x = block.step(x, past, real)
            elif isinstance(block, GatedResidualBlock) and block.gated.causal:
                assert isinstance(past, Tensor)
                cells = x.transpose(1, 2).flatten(0, 1)
                cells, seen[i] = block.step(cells, past, by_row)
                x = cells.view(n, rows, -1).transpose(1, 2)
            else:
                x = block(x, None, condition)
        return x

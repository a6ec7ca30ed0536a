"""The decoder: from z to a vector for each position, in one pass or in several that interleave."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError
from ..nn.gated_conv import hide
from .embedding import TokenEmbedding
from .layers import Labels, final_norm, needed, project, stack


class InterleavedDecoder(nn.Module):
    """What earlier passes decided, for the later ones to go on from: all passes in one run.

    In P passes, pass t decides the positions t, t + P, t + 2P and so on: those of one pass lie as
    far apart as they can. Position i stands in row i // P and column i % P of a grid, so a column
    is a pass. The history comes in one column late. Along the rows the convolutions are causal,
    across them they are free; so a position sees all the columns before its own and no other.
    """

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int) -> None:
        super().__init__()
        self.mask_id, self.embedding = mask_id, embedding
        self.history = nn.Linear(config.embed_dim, config.d_model)
        dilations = iter(config.dilations * config.pass_layers)
        self.layers = nn.ModuleList(
            stack(config, 1, inject=True)
            if i % 3 == 2
            else stack(replace(config, dilations=(next(dilations),)), 1, inject=True, causal=True)
            for i in range(config.pass_layers)
        )

    def forward(
        self,
        x: Tensor,
        history: Tensor | None,
        passes: int,
        condition: Tensor | None,
        turn: int | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """x (B, C, T), history (B, T) or absent, condition (B, D) -> (B, C, T); or of one `turn`
        the column alone, (B, C, rows), which costs what the columns up to it do. Past what the mask
        (B, T) says is real there are no rows."""
        (n, channels, length), rows = x.shape, -(-x.shape[2] // passes)
        whole = rows * passes  # what ends within a row goes on there, for the other rows to see
        x = F.pad(hide(x, mask), (0, whole - length))
        if history is not None:
            before = F.pad(history, (1, whole - length), value=self.mask_id)[:, :whole]
            first = torch.arange(whole, device=x.device) % passes == 0
            known = (before != self.mask_id) & ~first
            shown = self.history(self.embedding(before)) * known.unsqueeze(2)
            x = x + shown.transpose(1, 2).to(x.dtype)
        x = x.view(n, channels, rows, passes)
        real = None
        if mask is not None:  # a row is there where its first position is
            real = mask[:, ::passes].unsqueeze(2).expand(-1, -1, passes)
        if turn is not None:
            x = x[..., : turn + 1]
            real = None if real is None else real[..., : turn + 1]
        for layer in self.layers:
            free = 2 if layer.causal else 3  # the side of the grid that the layer leaves alone
            x = x.movedim(free, 1)
            many = x.shape[1]
            z = None if condition is None else condition.repeat_interleave(many, dim=0)
            there = None if real is None else real.movedim(free - 1, 1).flatten(0, 1)
            x = layer(x.flatten(0, 1), there, z).unflatten(0, (n, many)).movedim(1, free)
        return x.flatten(2)[:, :, :length] if turn is None else x[..., turn]


class Decoder(nn.Module):
    """z through parallel heads, one per position, and gated convolutions; all positions at once."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int) -> None:
        super().__init__()
        self.max_len, self.mask_id, self.by_length = config.max_len, mask_id, config.by_length
        self.embedding = embedding
        self.observe = nn.Linear(config.embed_dim, config.d_model) if config.observe else None
        self.heads = nn.Linear(config.latent_dim, config.max_len * config.d_model)
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        self.body = stack(config, config.decoder_layers, inject=True)
        self.passes = config.passes or (1,)
        many = max(self.passes) > 1
        self.weave = InterleavedDecoder(config, embedding, mask_id) if many else None
        self.norm = final_norm(config)
        self.out = project(config.d_model, config.embed_dim)
        self.softmax = embedding if config.tied else TokenEmbedding(config)
        self.bias = None if config.tied else nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self,
        z: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        history: Tensor | None = None,
        passes: int = 1,
        mask: Tensor | None = None,
    ) -> Tensor:
        """z (B, D), observed and history (B, T), labels (B, L) -> hidden (B, T, E). The mask (B, T)
        or (1, T) says which positions are of the poem, absent: all of max_len.

        With `by_length` nothing is computed past the T positions, and what the mask hides is seen
        by none; so the poems beside a poem make no difference. Without, as where the end of a poem
        is not known, all of max_len are computed.

        The softmax is of ``hidden @ softmax.table().T + bias``. Tied weights need no bias: what
        every hidden vector has in common is one."""
        common = self.start(z, observed, labels, mask)
        hidden = self.finish(common, z, history, passes, mask=mask)
        return hidden if mask is None else hidden[:, : mask.shape[1]]

    def start(
        self,
        z: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """What all passes have in common, (B, C, N), N positions being computed: arguments as of
        `forward`."""
        z = z.to(self.heads.weight.dtype)  # it is drawn in float32, whatever the weights are
        length = self.max_len if mask is None or not self.by_length else mask.shape[1]
        rows = slice(length * (self.heads.out_features // self.max_len))
        x = F.linear(z, self.heads.weight[rows], self.heads.bias[rows])
        x = x.view(z.shape[0], length, -1)
        if observed is not None:
            if self.observe is None:
                why = "this model was not trained to be shown characters"
                how = "train one with observe above 0, as in --preset infill"
                raise ConfigError(f"{why}; {how}")
            observed = self._filled(observed, length)
            known = (observed != self.mask_id).unsqueeze(2)
            x = x + self.observe(self.embedding(observed)) * known
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1)
        common: Tensor = self.body(x.transpose(1, 2), self._hiding(mask, z.shape[0]), z)
        return common

    def finish(
        self,
        x: Tensor,
        z: Tensor,
        history: Tensor | None = None,
        passes: int = 1,
        turn: int | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """What `forward` gives, from x of `start`, for all that is computed; or of one `turn`, t of
        0 ... P-1, for the positions t, t + P, t + 2P ... alone."""
        if passes not in self.passes:
            learnt = ",".join(map(str, sorted(set(self.passes))))
            why = f"passes is {passes}; this model was trained to write in {learnt}"
            how = f"train one with --preset few, or --set passes={learnt},{passes}"
            raise ConfigError(f"{why}; {how}")
        if self.weave is not None:
            history = None if history is None else self._filled(history, x.shape[2])
            z, real = z.to(self.heads.weight.dtype), self._hiding(mask, z.shape[0])
            x = self.weave(x, history, passes, z, turn, real)
        elif turn is not None:
            x = x[:, :, turn::passes]
        hidden: Tensor = self.out(self.norm(x).transpose(1, 2))
        return hidden

    def _filled(self, tokens: Tensor, length: int) -> Tensor:
        """Tokens (B, T) with unknown ones behind them, as many as are computed."""
        return F.pad(tokens, (0, length - tokens.shape[1]), value=self.mask_id)

    def _hiding(self, mask: Tensor | None, n: int) -> Tensor | None:
        """What hides the positions past each of n poems, (n, N), n being a symbol in an export;
        None where nothing is hidden."""
        mask = needed(mask) if self.by_length else None
        return None if mask is None else mask.expand(n, -1)

"""The decoder: from z to a vector for each position, in one pass or in several that interleave."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError
from ..i18n import _
from ..nn.gated_conv import hide
from .embedding import TokenEmbedding
from .interleaved import InterleavedStack
from .layers import Labels, final_norm, needed, project, stack, token_nll
from .lines import Lines, form_of
from .repeats import Added, Repeats


class InterleavedDecoder(nn.Module):
    """What earlier passes decided, for the later ones to go on from: all passes in one run. The
    history comes in one column late, so a position sees all the columns before its own and no
    other; see `interleaved`."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int) -> None:
        super().__init__()
        self.mask_id, self.embedding = mask_id, embedding
        self.history = nn.Linear(config.embed_dim, config.d_model)
        self.lines = Lines(config, embedding, mask_id) if config.lines else None
        self.stack = InterleavedStack(config, config.pass_layers, inject=True, across=config.across)

    def forward(
        self,
        x: Tensor,
        history: Tensor | None,
        passes: int,
        condition: Tensor | None,
        mask: Tensor | None = None,
        forms: Tensor | None = None,
    ) -> Tensor:
        """x (B, C, T), history (B, T) or absent, condition (B, D), the form of each (B,), absent:
        the only one -> (B, C, T). Past what the mask (B, T) says is real there are no rows."""
        length, rows = x.shape[2], -(-x.shape[2] // passes)
        whole = rows * passes  # what ends within a row goes on there, for the other rows to see
        x = F.pad(hide(x, mask), (0, whole - length))
        if history is not None:
            history = F.pad(history, (0, whole - length), value=self.mask_id)
            x = self.shown(x, history, passes, slice(None), forms)
        there = None if mask is None else mask[:, ::passes]  # a row is where its first position is
        y: Tensor = self.stack(x, passes, condition, there)
        return y[:, :, :length]

    def shown(
        self, x: Tensor, history: Tensor, passes: int, at: slice, forms: Tensor | None = None
    ) -> Tensor:
        """x (B, C, N) of the N positions `at`, which are told what passes before their own decided
        of a history (B, T) in whole rows."""
        before = F.pad(history[:, :-1], (1, 0), value=self.mask_id)[:, at]
        column = torch.arange(history.shape[1], device=history.device)[at] % passes
        known = ((before != self.mask_id) & (column > 0)).unsqueeze(2)
        told: Tensor = x.transpose(1, 2) + (self.history(self.embedding(before)) * known).to(
            x.dtype
        )
        if self.lines is not None:
            told = self.lines(told, history, passes, forms, at).to(x.dtype)
        return told.transpose(1, 2)


class Columns:
    """The columns of a decoder one after the other, each computed once from what the ones before
    have left in each layer: all that `Decoder.finish` gives for the price of one run of it.

    Of x (B, C, T) of `Decoder.start`, in P passes."""

    def __init__(
        self, decoder: Decoder, x: Tensor, z: Tensor, passes: int, labels: Tensor | None = None
    ) -> None:
        passes = decoder.check(passes, x.shape[2])
        self.forms = form_of(decoder.config, labels)
        self.decoder, self.z, self.passes = decoder, z.to(x.dtype), passes
        self.length, rows = x.shape[2], -(-x.shape[2] // passes)
        x = F.pad(x, (0, rows * passes - self.length))
        self.grid, self.column = x.reshape(*x.shape[:2], rows, passes), 0
        weave = decoder.weave
        self.seen = [] if weave is None else weave.stack.start(x.shape[0], rows)

    def __call__(self, history: Tensor | None = None) -> Tensor:
        """The next column: hidden (B, N, E) of its N positions in the poem, given what is decided
        of the poem, tokens (B, T), the mask token where unknown; absent: nothing."""
        t, decoder = self.column, self.decoder
        self.column += 1
        x, real = self.grid[..., t], len(range(t, self.length, self.passes))
        if decoder.weave is not None:
            if history is not None and t:
                whole = self.grid.shape[2] * self.passes
                history = F.pad(history, (0, whole - history.shape[1]), value=decoder.mask_id)
                turn = slice(t, None, self.passes)
                x = decoder.weave.shown(x, history, self.passes, turn, self.forms)
            x = decoder.weave.stack.step(x, self.seen, self.z)
        hidden: Tensor = decoder.out(decoder.norm(x[..., :real]).transpose(1, 2))
        return hidden


class Decoder(nn.Module):
    """z through parallel heads, one per position, and gated convolutions; all positions at once."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int) -> None:
        super().__init__()
        self.config, self.mask_id = config, mask_id
        self.max_len, self.by_length = config.max_len, config.by_length
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
        self.repeats = Repeats(config.max_len, mask_id) if config.repeats and many else None

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

        The softmax is of ``hidden @ softmax.table().T + bias``, and what is `repeated` is added.
        Tied weights need no bias: what every hidden vector has in common is one."""
        common = self.start(z, observed, labels, mask)
        hidden = self.finish(common, z, history, passes, mask, labels)
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
                raise ConfigError(
                    _(
                        "this model was not trained to be shown characters; train one with observe "
                        "above 0, as in --preset infill"
                    )
                )
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
        mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """What `forward` gives, from x of `start`, for all that is computed."""
        passes = self.check(passes, x.shape[2])
        if self.weave is not None:
            history = None if history is None else self._filled(history, x.shape[2])
            z, real = z.to(self.heads.weight.dtype), self._hiding(mask, z.shape[0])
            x = self.weave(x, history, passes, z, real, form_of(self.config, labels))
        hidden: Tensor = self.out(self.norm(x).transpose(1, 2))
        return hidden

    def token_nll(
        self, hidden: Tensor, tokens: Tensor, mask: Tensor, history: Tensor | None, passes: int
    ) -> Tensor:
        """-log p of each token in nats, (B, T), from hidden (B, T, E): see `layers.token_nll`."""
        softmax, added = (self.softmax.table(), self.bias), self.repeated(history, passes)
        return token_nll(hidden, *softmax, tokens, mask, added)

    def repeated(
        self, history: Tensor | None, passes: int, at: slice | Tensor = slice(None)
    ) -> Added | None:
        """What `Repeats` adds to the logits of the positions `at`, given a history (B, T)."""
        return (
            None if self.repeats is None or history is None else self.repeats(history, passes, at)
        )

    def check(self, passes: int, length: int) -> int:
        """In how many passes so many positions are written: one position after the other where
        there are as many passes, or more. ConfigError: it has not learnt to."""
        if passes not in self.passes:
            learnt = ",".join(map(str, sorted(set(self.passes))))
            raise ConfigError(
                _(
                    "passes is {passes}; this model was trained to write in {learnt}; train one "
                    "with --preset few, or --set passes={learnt},{passes}",
                    passes=passes,
                    learnt=learnt,
                )
            )
        return min(passes, length)

    def _filled(self, tokens: Tensor, length: int) -> Tensor:
        """Tokens (B, T) with unknown ones behind them, as many as are computed."""
        return F.pad(tokens, (0, length - tokens.shape[1]), value=self.mask_id)

    def _hiding(self, mask: Tensor | None, n: int) -> Tensor | None:
        """What hides the positions past each of n poems, (n, N), n being a symbol in an export;
        None where nothing is hidden."""
        mask = needed(mask) if self.by_length else None
        return None if mask is None else mask.expand(n, -1)

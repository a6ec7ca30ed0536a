"""The causal language model of Dauphin et al. 2017 (arXiv 1612.08083), its likelihood exact: the
baseline that parallel decoding has to reach, and a judge of what others write."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..data.dataset import Batch
from .base import ExportModule, ExportPart, TextModel, evaluating, export_inputs
from .bounds import LatentSample
from .embedding import TokenEmbedding
from .interleaved import InterleavedStack
from .layers import Labels, final_norm, initialise, project, small_normal, token_nll
from .lines import Lines, form_of
from .repeats import Added, Repeats, raised


class Autoregressive(TextModel):
    """p(x) as the product of p(x_t | x_1 ... x_{t-1}), from causal gated convolutions with the
    settings of a `VAE`'s decoder. The token `bos_id` stands before the first character."""

    def __init__(self, config: ModelConfig, mask_id: int = 4, bos_id: int = 2) -> None:
        super().__init__(config, mask_id)
        self.bos_id = bos_id
        self.embedding = TokenEmbedding(config)
        self.project = project(config.embed_dim, config.d_model)
        self.positions = small_normal(config.max_len, config.d_model)
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        self.lines = Lines(config, self.embedding, mask_id) if config.lines else None
        self.body = InterleavedStack(config, config.decoder_layers)
        self.norm = final_norm(config)
        self.out = project(config.d_model, config.embed_dim)
        self.softmax = self.embedding if config.tied else TokenEmbedding(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.repeats = Repeats(config.max_len, mask_id) if config.repeats else None
        self.apply(initialise)

    def hidden(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, T, E); position t has seen the tokens before t alone."""
        before = F.pad(tokens[:, :-1], (1, 0), value=self.bos_id)
        x = self.project(self.embedding(before)) + self.positions[: tokens.shape[1]]
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1)
        if self.lines is not None:
            x = self.lines(x, tokens, tokens.shape[1], form_of(self.config, labels))
        x = self.body(x.transpose(1, 2), tokens.shape[1])
        hidden: Tensor = self.out(self.norm(x).transpose(1, 2))
        return hidden

    def decode(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) of every token given those before it."""
        logits = F.linear(self.hidden(tokens, labels), self.softmax.table(), self.bias)
        return raised(logits, self._repeated(tokens))

    @property
    def causal(self) -> Autoregressive:
        """Itself."""
        return self

    def nll(self, batch: Batch) -> Tensor:
        """-log p(x) of each poem, exact, in nats: (B,)."""
        hidden = self.hidden(batch.tokens, batch.labels)
        softmax, added = (self.softmax.table(), self.bias), self._repeated(batch.tokens)
        return token_nll(hidden, *softmax, batch.tokens, batch.mask, added).sum(dim=1)

    def forward(
        self, batch: Batch, *, passes: int = 1, samples: int = 1, generator: Generator | None = None
    ) -> LatentSample:
        """The nll in nats, (1, B), and no latent; settings of one have no effect."""
        nll = self.nll(batch).unsqueeze(0)
        return LatentSample(nll, nll.new_zeros(1, nll.shape[1], 0))

    def description(self) -> tuple[str, str, str]:
        """A causal language model."""
        return "causal language model", "causal-lm", "one character after the other"

    def export_parts(self, passes: int | None) -> list[ExportPart]:
        """One: from tokens to the logits at each position, given those before it."""
        self.check_passes(passes)
        unknown, labels = export_inputs(self)
        inputs = {"tokens": unknown, **labels}
        return [ExportPart("decoder", _CausalPart(self), inputs, ("logits",))]

    @torch.no_grad()
    def sample(
        self,
        n: int,
        choose: Callable[[int, Tensor], Tensor],
        labels: Tensor | None = None,
        length: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """n texts of T = `length` tokens (absent: max_len) with labels (n, L), each position with
        constant work: tokens (n, T), and log p of each given those before it, (n, T). `choose`
        gives, for position t and its logits (n, V), the tokens (n,) to stand there."""
        tokens = torch.full((n,), self.bos_id, device=self.device)
        condition = None if self.labels is None or labels is None else self.labels(labels)
        length = length or self.config.max_len
        seen, log_probs = self.body.start(n, 1), []
        text = torch.full((n, length), self.mask_id, device=self.device)
        with evaluating(self):
            for t in range(length):
                x = self.project(self.embedding(tokens)) + self.positions[t]
                x = x if condition is None else x + condition
                if self.lines is not None:
                    forms, at = form_of(self.config, labels), slice(t, t + 1)
                    x = self.lines(x.unsqueeze(1), text, length, forms, at).squeeze(1)
                x = self.norm(self.body.step(x.unsqueeze(2), seen))
                logits = F.linear(self.out(x.squeeze(2)), self.softmax.table(), self.bias)
                added = self._repeated(text, slice(t, t + 1))
                logits = raised(logits.unsqueeze(1), added).squeeze(1)
                text[:, t] = tokens = choose(t, logits)
                log_probs.append(logits.log_softmax(1).gather(1, tokens.unsqueeze(1)).squeeze(1))
        return text, torch.stack(log_probs, dim=1)

    def _repeated(self, tokens: Tensor, at: slice = slice(None)) -> Added | None:
        return None if self.repeats is None else self.repeats(tokens, tokens.shape[1], at)


class _CausalPart(ExportModule):
    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        logits: Tensor = self.model.decode(tokens, labels)
        return logits

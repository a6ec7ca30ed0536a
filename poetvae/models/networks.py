"""The two maps: an encoder from tokens to features, a decoder from z to a vector per position.

Shapes: B poems, T positions, C channels, D latent, V vocabulary, E width of a token's vector.
Channel tensors are (B, C, T) in here, token tensors (B, T).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..nn.gcnn import GCNN, AttentionPool, compute_dtype, make_norm, masked_max, masked_mean


def _stack(config: ModelConfig, num_layers: int, condition_channels: int = 0) -> GCNN:
    return GCNN(
        config.d_model,
        num_layers,
        config.kernel_size,
        dilations=config.dilations,
        norm=None if config.norm == "none" else config.norm,
        dropout=config.dropout,
        scale=config.residual_scale,
        condition_channels=condition_channels,
    )


def _project(in_features: int, out_features: int) -> nn.Module:
    """A linear map, or nothing where the widths agree."""
    return nn.Identity() if in_features == out_features else nn.Linear(in_features, out_features)


class Labels(nn.Module):
    """What is known of a poem beside its text, as one vector: (B, L) -> (B, C). 0 = unknown."""

    def __init__(self, sizes: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, channels) for size in sizes)

    def forward(self, labels: Tensor) -> Tensor:
        return torch.stack([t(labels[:, i]) for i, t in enumerate(self.tables)]).sum(dim=0)


class Encoder(nn.Module):
    """Embedded characters through gated convolutions, pooled over the positions."""

    def __init__(self, config: ModelConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.project = _project(config.embed_dim, config.d_model)
        self.positions = (
            nn.Parameter(torch.randn(config.max_len, config.d_model) * 0.02)
            if config.positions
            else None
        )
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        self.body = _stack(config, config.encoder_layers)
        self.norm = make_norm(None if config.norm == "none" else config.norm, config.d_model)
        attention = config.pooling == "attention+max"
        heads = config.pooling_heads if attention else 1
        self.pool = AttentionPool(config.d_model, heads) if attention else None
        self.max = config.pooling.endswith("+max")
        self.out_features = config.d_model * (heads + self.max)

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """(B, T), mask (B, T), labels (B, L) -> (B, out_features)."""
        x = self.embedding(tokens)
        x = self.project(x.to(compute_dtype(x)))
        if self.positions is not None:
            x = x + self.positions[: x.shape[1]].to(x.dtype)
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1).to(x.dtype)
        x = self.norm(self.body(x.transpose(1, 2), mask))
        pooled: Tensor = self.pool(x, mask) if self.pool is not None else masked_mean(x, mask)
        return torch.cat([pooled, masked_max(x, mask)], dim=1) if self.max else pooled


class Decoder(nn.Module):
    """z through parallel heads, one per position, and gated convolutions; all positions at once."""

    def __init__(self, config: ModelConfig, embedding: nn.Embedding, mask_id: int) -> None:
        super().__init__()
        self.max_len, self.mask_id = config.max_len, mask_id
        self.embedding = embedding
        self.observe = _project(config.embed_dim, config.d_model)
        self.heads = nn.Linear(config.latent_dim, config.max_len * config.d_model)
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        condition = config.latent_dim if config.inject else 0
        self.body = _stack(config, config.decoder_layers, condition)
        self.norm = make_norm(None if config.norm == "none" else config.norm, config.d_model)
        self.out = _project(config.d_model, config.embed_dim)
        self.softmax = embedding if config.tied else nn.Embedding(*embedding.weight.shape)
        self.bias = None if config.tied else nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self, z: Tensor, observed: Tensor | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """z (B, D), observed (B, T) or absent, labels (B, L) -> (B, T, E), T = max_len.

        The softmax over characters is ``hidden @ softmax.weight.T + bias``. Tied weights need no
        bias: what every hidden vector has in common is one.
        """
        x = self.heads(z).unflatten(1, (self.max_len, -1))
        if observed is not None:
            known = (observed != self.mask_id).unsqueeze(2)
            x = x + self.observe(self.embedding(observed)) * known
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1)
        x = self.norm(self.body(x.transpose(1, 2), condition=z))
        hidden: Tensor = self.out(x.transpose(1, 2))
        return hidden

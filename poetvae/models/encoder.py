"""The encoder: from tokens to features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..data.dataset import Batch
from ..nn.gated_conv import compute_dtype
from ..nn.pooling import AttentionPool, masked_max, masked_mean
from .embedding import TokenEmbedding
from .layers import Labels, final_norm, needed, project, small_normal, stack


class Reader(nn.Module):
    """Embedded characters through gated convolutions: a vector at each position."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int = 4) -> None:
        super().__init__()
        self.embedding = embedding
        self.project = project(config.embed_dim, config.d_model)
        self.positions = small_normal(config.max_len, config.d_model) if config.positions else None
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        self.mask_id = mask_id
        # Where the decoder is shown a character, z need not tell it: the encoder has to know.
        self.known = small_normal(config.d_model) if config.observe else None
        self.body = stack(config, config.encoder_layers)
        self.norm = final_norm(config)

    def features(self, batch: Batch) -> Tensor:
        """B poems -> (B, C, T)."""
        labels, observed = batch.labels, batch.observed
        x = self.embedding(batch.tokens if batch.noisy is None else batch.noisy)
        x = self.project(x.to(compute_dtype(x)))
        if self.positions is not None:
            x = x + self.positions[: x.shape[1]].to(x.dtype)
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1).to(x.dtype)
        if self.known is not None and observed is not None:
            x = x + (observed != self.mask_id).unsqueeze(2) * self.known.to(x.dtype)
        features: Tensor = self.norm(self.body(x.transpose(1, 2), needed(batch.mask)))
        return features


class Encoder(Reader):
    """A `Reader` whose vectors are pooled over the positions."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int = 4) -> None:
        super().__init__(config, embedding, mask_id)
        attention = config.pooling == "attention+max"
        heads = config.pooling_heads if attention else 1
        self.pool = AttentionPool(config.d_model, heads) if attention else None
        self.max = config.pooling.endswith("+max")
        self.out_features = config.d_model * (heads + self.max)

    def forward(self, batch: Batch) -> Tensor:
        """B poems -> (B, out_features)."""
        x, mask = self.features(batch), needed(batch.mask)
        pooled: Tensor = self.pool(x, mask) if self.pool is not None else masked_mean(x, mask)
        return torch.cat([pooled, masked_max(x, mask)], dim=1) if self.max else pooled

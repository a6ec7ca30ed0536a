"""What encoder and decoder are made of. Shapes: B poems, T positions, C channels, D latent, V
vocabulary, E width of a token's vector; channel tensors are (B, C, T), token tensors (B, T)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..nn.cross_entropy import linear_cross_entropy
from ..nn.gated_conv import GCNN, make_norm
from .repeats import Added


def stack(
    config: ModelConfig, num_layers: int, *, inject: bool = False, causal: bool = False
) -> GCNN:
    """Gated residual blocks as the configuration says; with `inject`, z as their condition if it
    says so too."""
    return GCNN(
        config.d_model,
        num_layers,
        config.kernel_size,
        dilations=config.dilations,
        norm=None if config.norm == "none" else config.norm,
        dropout=config.dropout,
        scale=config.residual_scale,
        causal=causal,
        condition_channels=config.latent_dim if inject and config.inject else 0,
    )


def final_norm(config: ModelConfig) -> nn.Module:
    """The normalisation after a stack."""
    return make_norm(None if config.norm == "none" else config.norm, config.d_model)


def token_nll(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    tokens: Tensor,
    mask: Tensor,
    added: Added | None = None,
) -> Tensor:
    """-log p of each token in nats, (B, T), 0 where the mask hides it: of hidden (B, T, E), the
    softmax's weight (V, E) and bias (V,), tokens and mask (B, T), and what is added to logits. No
    logits are kept."""
    if needed(mask) is None:
        rows = None if added is None else (added[0].flatten(0, 1), added[1].flatten(0, 1))
        nll = linear_cross_entropy(hidden.flatten(0, 1), weight, tokens.flatten(), bias, rows)
        return nll.view(tokens.shape)
    rows = None if added is None else (added[0][mask], added[1][mask])
    nll = linear_cross_entropy(hidden[mask], weight, tokens[mask], bias, rows)
    return torch.zeros(mask.shape, device=nll.device).masked_scatter(mask, nll)


def needed(mask: Tensor | None) -> Tensor | None:
    """The mask, or None where it hides nothing: that saves a pass per layer. A GPU is not asked: it
    would have to wait for the answer."""
    if mask is None or mask.device.type != "cpu" or torch.compiler.is_compiling():
        return mask
    return None if bool(mask.all()) else mask


def initialise(module: nn.Module) -> None:
    """Glorot & Bengio 2010 for maps, small normals for tables, zero for biases."""
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def small_normal(*shape: int) -> nn.Parameter:
    """A table of vectors as `initialise` begins one."""
    return nn.Parameter(nn.init.normal_(torch.empty(shape), std=0.02))


def project(in_features: int, out_features: int) -> nn.Module:
    """A linear map, or nothing where the widths agree."""
    return nn.Identity() if in_features == out_features else nn.Linear(in_features, out_features)


class Labels(nn.Module):
    """What is known of a poem beside its text, as one vector: (B, L) -> (B, C). 0 = unknown."""

    def __init__(self, sizes: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, channels) for size in sizes)

    def forward(self, labels: Tensor) -> Tensor:
        return torch.stack([t(labels[:, i]) for i, t in enumerate(self.tables)]).sum(dim=0)

"""The two maps: an encoder from tokens to features, a decoder from z to a vector per position.

Shapes: B poems, T positions, C channels, D latent, V vocabulary, E width of a token's vector.
Channel tensors are (B, C, T) in here, token tensors (B, T).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError
from ..nn.cross_entropy import linear_cross_entropy
from ..nn.gcnn import GCNN, AttentionPool, compute_dtype, make_norm, masked_max, masked_mean


class Distribution(Protocol):
    """What a posterior or a prior over z (B, D) can do; densities in nats."""

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """(B, D): a draw of each."""

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., B): log density, or log probability, of z (..., B, D)."""


class Posterior(Distribution, Protocol):
    """q(z | x)."""

    @property
    def mode(self) -> Tensor:
        """(B, D): its likeliest z, the code of each poem."""

    def detach(self) -> Posterior:
        """The same distribution, through which no gradient flows."""


class Point:
    """All mass on one z (B, D): the posterior of an autoencoder and of a VQ-VAE.

    Among finitely many codes it has probability 1, so its log is 0.
    """

    def __init__(self, z: Tensor) -> None:
        self.mode = z

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """(B, D): the point."""
        return self.mode

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., B): zeros, for the point itself."""
        return z.new_zeros(z.shape[:-1])

    def detach(self) -> Point:
        """The same point, through which no gradient flows."""
        return Point(self.mode.detach())


@dataclass(frozen=True)
class Draw:
    """K draws of the latent for B poems, and what they are worth.

    Attributes:
        nll: (K, B), -log p(x | z) in nats; without a latent (1, B), -log p(x).
        z: (K, B, D).
        posterior: q(z | x); None without a latent.
        prior: p(z); None where there is none to pay for, as in an autoencoder.
        commitment: (B,), mean squared distance of the codes to what they stand for, summed over
            the codes; None without codes.
    """

    nll: Tensor
    z: Tensor
    posterior: Posterior | None = None
    prior: Distribution | None = None
    commitment: Tensor | None = None


class TextModel(nn.Module):
    """What all models of the family share: a configuration, and the likelihood of a text."""

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        super().__init__()
        if config.vocab_size <= mask_id:
            raise ConfigError(
                f"vocab_size is {config.vocab_size}; expected the size of the tokenizer, "
                f"more than the {mask_id + 1} special tokens"
            )
        self.config, self.mask_id = config, mask_id

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def has_bound(self) -> bool:
        """Whether log p(x) has a bound: not so for an autoencoder, which has no density."""
        return True

    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())


def stack(config: ModelConfig, num_layers: int, **options: Any) -> GCNN:
    """Gated residual blocks as the configuration says; `options` as of `GCNN`."""
    return GCNN(
        config.d_model,
        num_layers,
        config.kernel_size,
        dilations=config.dilations,
        norm=None if config.norm == "none" else config.norm,
        dropout=config.dropout,
        scale=config.residual_scale,
        **options,
    )


def final_norm(config: ModelConfig) -> nn.Module:
    """The normalisation after a stack."""
    return make_norm(None if config.norm == "none" else config.norm, config.d_model)


def text_nll(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor, mask: Tensor
) -> Tensor:
    """-log p of each text, (B,), in nats. No logits are kept.

    Args:
        hidden: (B, T, E).
        weight, bias: of the softmax, (V, E) and (V,).
        tokens, mask: (B, T).
    """
    if needed(mask) is None:
        nll = linear_cross_entropy(hidden.flatten(0, 1), weight, tokens.flatten(), bias)
        return nll.view(tokens.shape).sum(dim=1)
    nll = linear_cross_entropy(hidden[mask], weight, tokens[mask], bias)
    return torch.zeros(mask.shape, device=nll.device).masked_scatter(mask, nll).sum(dim=1)


def needed(mask: Tensor | None) -> Tensor | None:
    """The mask, or None where it hides nothing: that saves a pass per layer.

    Only asked where asking is free: not on a GPU, which would have to wait for the answer.
    """
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


class Reader(nn.Module):
    """Embedded characters through gated convolutions: a vector at each position."""

    def __init__(self, config: ModelConfig, embedding: nn.Embedding, mask_id: int = 4) -> None:
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

    def features(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> Tensor:
        """(B, T), mask (B, T), labels (B, L), observed (B, T) -> (B, C, T)."""
        x = self.embedding(tokens)
        x = self.project(x.to(compute_dtype(x)))
        if self.positions is not None:
            x = x + self.positions[: x.shape[1]].to(x.dtype)
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1).to(x.dtype)
        if self.known is not None and observed is not None:
            x = x + (observed != self.mask_id).unsqueeze(2) * self.known.to(x.dtype)
        features: Tensor = self.norm(self.body(x.transpose(1, 2), mask))
        return features


class Encoder(Reader):
    """A `Reader` whose vectors are pooled over the positions."""

    def __init__(self, config: ModelConfig, embedding: nn.Embedding, mask_id: int = 4) -> None:
        super().__init__(config, embedding, mask_id)
        attention = config.pooling == "attention+max"
        heads = config.pooling_heads if attention else 1
        self.pool = AttentionPool(config.d_model, heads) if attention else None
        self.max = config.pooling.endswith("+max")
        self.out_features = config.d_model * (heads + self.max)

    def forward(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> Tensor:
        """(B, T), mask (B, T), labels (B, L), observed (B, T) -> (B, out_features)."""
        x = self.features(tokens, mask, labels, observed)
        pooled: Tensor = self.pool(x, mask) if self.pool is not None else masked_mean(x, mask)
        return torch.cat([pooled, masked_max(x, mask)], dim=1) if self.max else pooled


class Weave(nn.Module):
    """What earlier passes decided, for the later ones to go on from: all passes in one run.

    In P passes, pass t decides the positions t, t + P, t + 2P and so on: those of one pass lie as
    far apart as they can. Position i stands in row i // P and column i % P of a grid, so a column
    is a pass. The history comes in one column late. Along the rows the convolutions are causal,
    across them they are free; so a position sees all the columns before its own and no other.
    """

    def __init__(self, config: ModelConfig, embedding: nn.Embedding, mask_id: int) -> None:
        super().__init__()
        self.mask_id, self.embedding = mask_id, embedding
        self.history = nn.Linear(config.embed_dim, config.d_model)
        condition = config.latent_dim if config.inject else 0
        dilations = iter(config.dilations * config.pass_layers)
        self.layers = nn.ModuleList(
            stack(config, 1, condition_channels=condition)
            if i % 3 == 2
            else stack(
                replace(config, dilations=(next(dilations),)),
                1,
                condition_channels=condition,
                causal=True,
            )
            for i in range(config.pass_layers)
        )

    def forward(
        self, x: Tensor, history: Tensor | None, passes: int, condition: Tensor | None
    ) -> Tensor:
        """x (B, C, T), history (B, T) or absent, condition (B, D) -> (B, C, T)."""
        (n, channels, length), rows = x.shape, -(-x.shape[2] // passes)
        whole = rows * passes  # what ends within a row goes on there, for the other rows to see
        x = F.pad(x, (0, whole - length))
        if history is not None:
            before = F.pad(history, (1, whole - length), value=self.mask_id)[:, :whole]
            first = torch.arange(whole, device=x.device) % passes == 0
            known = (before != self.mask_id) & ~first
            shown = self.history(self.embedding(before)) * known.unsqueeze(2)
            x = x + shown.transpose(1, 2).to(x.dtype)
        x = x.view(n, channels, rows, passes)
        for layer in self.layers:
            free = 2 if layer.causal else 3  # the side of the grid that the layer leaves alone
            x = x.movedim(free, 1)
            many = x.shape[1]
            z = None if condition is None else condition.repeat_interleave(many, dim=0)
            x = layer(x.flatten(0, 1), condition=z).unflatten(0, (n, many)).movedim(1, free)
        return x.flatten(2)[:, :, :length]


class Decoder(nn.Module):
    """z through parallel heads, one per position, and gated convolutions; all positions at once."""

    def __init__(self, config: ModelConfig, embedding: nn.Embedding, mask_id: int) -> None:
        super().__init__()
        self.max_len, self.mask_id = config.max_len, mask_id
        self.embedding = embedding
        self.observe = nn.Linear(config.embed_dim, config.d_model) if config.observe else None
        self.heads = nn.Linear(config.latent_dim, config.max_len * config.d_model)
        self.labels = Labels(config.label_sizes, config.d_model) if config.label_sizes else None
        condition = config.latent_dim if config.inject else 0
        self.body = stack(config, config.decoder_layers, condition_channels=condition)
        self.passes = config.passes or (1,)
        self.weave = Weave(config, embedding, mask_id) if max(self.passes) > 1 else None
        self.norm = final_norm(config)
        self.out = project(config.d_model, config.embed_dim)
        self.softmax = embedding if config.tied else nn.Embedding(*embedding.weight.shape)
        self.bias = None if config.tied else nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self,
        z: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        history: Tensor | None = None,
        passes: int = 1,
    ) -> Tensor:
        """z (B, D), observed and history (B, T) or absent, labels (B, L) -> (B, T, E), T = max_len.

        The softmax over characters is ``hidden @ softmax.weight.T + bias``. Tied weights need no
        bias: what every hidden vector has in common is one.
        """
        if passes not in self.passes:
            learnt = ",".join(map(str, sorted(set(self.passes))))
            raise ConfigError(
                f"passes is {passes}; this model was trained to write in {learnt}; train one with "
                f"--preset few, or --set passes={learnt},{passes}"
            )
        x = self.heads(z).unflatten(1, (self.max_len, -1))
        if observed is not None:
            if self.observe is None:
                raise ConfigError(
                    "this model was not trained to be shown characters; train one with observe "
                    "above 0, as in --preset infill"
                )
            known = (observed != self.mask_id).unsqueeze(2)
            x = x + self.observe(self.embedding(observed)) * known
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels).unsqueeze(1)
        x = self.body(x.transpose(1, 2), condition=z)
        if self.weave is not None:
            x = self.weave(x, history, passes, z)
        hidden: Tensor = self.out(self.norm(x).transpose(1, 2))
        return hidden


class LatentModel(TextModel, ABC):
    """A text model that writes from a latent vector: what `VAE` and `VQVAE` have in common.

    Shapes: B poems, T = max_len positions, D latent, V vocabulary. Tokens are (B, T) int64, masks
    (B, T) bool with True = real, labels (B, L) int64 with 0 = unknown.
    """

    latent_dim: int  # D, as z is seen from outside

    def __init__(self, config: ModelConfig, mask_id: int, latent_dim: int) -> None:
        super().__init__(config, mask_id)
        self.latent_dim = latent_dim
        self.embedding = nn.Embedding(config.vocab_size, config.embed_dim)
        self.decoder = Decoder(replace(config, latent_dim=latent_dim), self.embedding, mask_id)

    @property
    def passes(self) -> int:
        """In how many passes it writes unless told otherwise: the most it was trained for."""
        return max(self.config.passes, default=1)

    @abstractmethod
    def encode(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> Posterior:
        """q(z | x, labels, observed): (B, T) -> a distribution over (B, D), in float32."""

    @abstractmethod
    def prior(self, n: int, labels: Tensor | None = None) -> Distribution:
        """p(z | labels) for n poems: over (n, D)."""

    def decode(
        self,
        z: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        history: Tensor | None = None,
        passes: int = 1,
    ) -> Tensor:
        """Character distributions at every position, independent given the arguments.

        Args:
            z: (B, D).
            observed: (B, T) token ids where a character is known, the mask token elsewhere; absent
                = nothing is known.
            labels: (B, L).
            history: (B, T) token ids of what earlier passes decided; each position sees those of
                the passes before its own, see `Weave`. Absent = nothing is decided.
            passes: in how many the poem is written.

        Returns:
            logits (B, T, V).

        Raises:
            ConfigError: characters are shown to a model that was trained without, or a number of
                passes that it was not trained for.
        """
        hidden = self.decoder(z, observed, labels, history, passes)
        return F.linear(hidden, self.decoder.softmax.weight, self.decoder.bias)

    def nll(
        self,
        z: Tensor,
        tokens: Tensor,
        mask: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        passes: int = 1,
    ) -> Tensor:
        """-log p(x | z, observed, labels) of each poem, in nats: (B,). No logits are kept.

        Exact given z, whatever the number of passes. Observed characters are given, not predicted:
        they cost nothing.
        """
        history = tokens.masked_fill(~mask, self.mask_id) if passes > 1 else None
        hidden = self.decoder(z, observed, labels, history, passes)
        if observed is not None:
            mask = mask & (observed == self.mask_id)
        return text_nll(hidden, self.decoder.softmax.weight, self.decoder.bias, tokens, mask)

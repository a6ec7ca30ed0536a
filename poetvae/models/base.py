"""What all models of the family share, and what those with a latent vector do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError
from ..nn.distributions import Distribution, Posterior
from .decoder import Decoder
from .layers import text_nll


@dataclass(frozen=True)
class LatentSample:
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
                the passes before its own, see `InterleavedDecoder`. Absent = nothing is decided.
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

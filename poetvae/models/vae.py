"""The variational autoencoder: encoder, posterior heads, prior, decoder.

Kingma & Welling 2014 (arXiv 1312.6114). Members of the family are settings: the objective weighs
its terms, labels make it conditional, `observed` tells the decoder what is already known.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..nn import DiagonalGaussian
from .networks import Decoder, Encoder, TextModel, initialise, needed, text_nll


class VAE(TextModel):
    """Poems to latent vectors and back.

    Args:
        config: the architecture.
        mask_id: the token that means "not known yet" in `observed`.

    Shapes: B poems, T = max_len positions, D latent, V vocabulary. Tokens are (B, T) int64, masks
    (B, T) bool with True = real, labels (B, L) int64 with 0 = unknown.
    """

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        super().__init__(config, mask_id)
        embedding = nn.Embedding(config.vocab_size, config.embed_dim)
        self.encoder = Encoder(config, embedding)
        self.decoder = Decoder(config, embedding, mask_id)
        self.mean = nn.Linear(self.encoder.out_features, config.latent_dim)
        self.logvar = nn.Linear(self.encoder.out_features, config.latent_dim)
        self.apply(initialise)

    def encode(
        self, tokens: Tensor, mask: Tensor | None = None, labels: Tensor | None = None
    ) -> DiagonalGaussian:
        """q(z | x): (B, T) -> a Gaussian over (B, D), in float32."""
        features = self.encoder(tokens, needed(mask), labels)
        return DiagonalGaussian(self.mean(features).float(), self.logvar(features).float())

    def decode(
        self, z: Tensor, observed: Tensor | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """Character distributions at every position, independent given the arguments.

        Args:
            z: (B, D).
            observed: (B, T) token ids where a character is known, the mask token elsewhere; absent
                = nothing is known. What it does beyond reaching the network is learned.
            labels: (B, L).

        Returns:
            logits (B, T, V).
        """
        hidden = self.decoder(z, observed, labels)
        return F.linear(hidden, self.decoder.softmax.weight, self.decoder.bias)

    def prior(self, n: int) -> DiagonalGaussian:
        """p(z) for n poems: the standard normal, (n, D)."""
        return DiagonalGaussian.standard(n, self.config.latent_dim, device=self.device)

    def nll(
        self,
        z: Tensor,
        tokens: Tensor,
        mask: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """-log p(x | z, observed, labels) of each poem, in nats: (B,). No logits are kept."""
        hidden = self.decoder(z, observed, labels)
        return text_nll(hidden, self.decoder.softmax.weight, self.decoder.bias, tokens, mask)

    def forward(
        self,
        tokens: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, DiagonalGaussian]:
        """One sample of z for each poem: its nll (B,) in nats, and the posterior."""
        posterior = self.encode(tokens, mask, labels)
        return self.nll(posterior.sample(generator), tokens, mask, labels=labels), posterior

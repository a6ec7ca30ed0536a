"""The variational autoencoder: encoder, posterior heads, prior, decoder.

Kingma & Welling 2014 (arXiv 1312.6114). Members of the family are settings: the objective weighs
its terms, labels make it conditional, a mixture as the prior makes it cluster, `observed` tells the
decoder what is already known, and without sampling it is an autoencoder.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..errors import ConfigError
from ..nn import DiagonalGaussian, Mixture
from ..nn.distributions import Point
from .base import LatentModel, LatentSample
from .encoder import Encoder
from .layers import Labels, initialise, needed


class VAE(LatentModel):
    """Poems to latent vectors and back.

    Args:
        config: the architecture.
        mask_id: the token that means "not known yet" in `observed`.

    Raises:
        ConfigError: a prior by label where there are no labels.
    """

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        super().__init__(config, mask_id, config.latent_dim)
        self.encoder = Encoder(config, self.embedding, mask_id)
        self.mean = nn.Linear(self.encoder.out_features, config.latent_dim)
        self.logvar = (
            nn.Linear(self.encoder.out_features, config.latent_dim) if config.sample else None
        )
        self.prior_mean: nn.Module | None = None
        if config.prior == "label":
            if not config.label_sizes:
                raise ConfigError("prior=label needs labels: train with --label FIELD")
            self.prior_mean = Labels(config.label_sizes, config.latent_dim)
        shape = (config.components, config.latent_dim)
        mixture = config.prior == "mixture"
        self.component_logits = nn.Parameter(torch.zeros(shape[0])) if mixture else None
        self.component_mean = nn.Parameter(torch.randn(shape)) if mixture else None
        self.component_logvar = nn.Parameter(torch.zeros(shape)) if mixture else None
        self.apply(initialise)

    @property
    def has_bound(self) -> bool:
        """Whether log p(x) has a bound: not so for an autoencoder, which has no density."""
        return self.config.sample

    def encode(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> DiagonalGaussian | Point:
        """q(z | x, labels, observed): (B, T) -> a Gaussian over (B, D), in float32; an
        autoencoder's is a point."""
        features = self.encoder(tokens, needed(mask), labels, observed)
        mean = self.mean(features).float()
        if self.logvar is None:
            return Point(mean)
        return DiagonalGaussian(mean, self.logvar(features).float())

    def prior(self, n: int, labels: Tensor | None = None) -> DiagonalGaussian | Mixture:
        """p(z | labels) for n poems, over (n, D).

        The standard normal; or a learned mixture; or N(mean(labels), I). An autoencoder has none:
        where it writes without a poem to start from, the standard normal stands in.
        """
        if self.component_logits is not None:
            assert self.component_mean is not None
            assert self.component_logvar is not None
            return Mixture(self.component_logits, self.component_mean, self.component_logvar, n)
        prior = DiagonalGaussian.standard(n, self.latent_dim, device=self.device)
        if self.prior_mean is None or labels is None:
            return prior
        return DiagonalGaussian(self.prior_mean(labels).float(), prior.logvar)

    def forward(
        self,
        tokens: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        *,
        observed: Tensor | None = None,
        noisy: Tensor | None = None,
        passes: int = 1,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> LatentSample:
        """Draws of z for each poem, and the nll of the poem under each.

        Args:
            tokens, mask, labels: the poems.
            observed: (B, T), what is known of the poems, to encoder and decoder.
            noisy: (B, T), the poems as the encoder sees them; absent = as they are.
            passes: in how many the poems are written.
            samples: K, draws for each poem.
            generator: of the draws.
        """
        seen = tokens if noisy is None else noisy
        posterior = self.encode(seen, mask, labels, observed)
        prior = self.prior(len(tokens), labels) if self.has_bound else None
        if isinstance(posterior, Point):
            samples, z = 1, posterior.mode.unsqueeze(0)
        else:
            z = posterior.sample(generator, samples)

        def repeated(x: Any) -> Any:
            return x if x is None or samples == 1 else x.repeat(samples, 1)

        poems = (tokens, mask, observed, labels)
        nll = self.nll(z.flatten(0, 1), *map(repeated, poems), passes=passes)  # type: ignore[misc]
        return LatentSample(nll.view(samples, -1), z, posterior, prior)

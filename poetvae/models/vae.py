"""The variational autoencoder (Kingma & Welling 2014, arXiv 1312.6114).

Members of the family are settings: the objective weighs its terms, labels make it conditional, a
mixture as the prior makes it cluster, and without sampling it is an autoencoder.
"""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor, nn

from ..config import PRIORS, ModelConfig
from ..data.dataset import Batch
from ..nn.distributions import DiagonalGaussian, Distribution, Point
from . import priors
from .base import LatentModel
from .bounds import LatentSample
from .encoder import Encoder
from .layers import initialise


class VAE(LatentModel):
    """Poems to latent vectors and back; the token `mask_id` means "not known yet" in `observed`. A
    ConfigError is that of its prior, see `priors`."""

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        super().__init__(config, mask_id, config.latent_dim)
        self.encoder = Encoder(config, self.embedding, mask_id)
        features = self.encoder.out_features
        self.mean = nn.Linear(features, config.latent_dim)
        self.logvar = nn.Linear(features, config.latent_dim) if config.sample else None
        self.prior_module: priors.NormalPrior = getattr(priors, PRIORS[config.prior])(
            config, self.embedding
        )
        self.apply(initialise)

    def bound_name(self, samples: int) -> str:
        """An autoencoder has no density, and so no bound."""
        return f"IWAE-{samples}" if self.config.sample else "none"

    def encode(self, batch: Batch) -> DiagonalGaussian | Point:
        """q(z | x, labels, observed) over (B, D), in float32; an autoencoder's is a point."""
        features = self.encoder(batch)
        mean = self.mean(features).float()
        if self.logvar is None:
            return Point(mean)
        return DiagonalGaussian(mean, self.logvar(features).float())

    def prior(self, n: int, labels: Tensor | None = None) -> Distribution:
        """p(z | labels) for n poems, over (n, D); of an autoencoder, which has none, what stands in
        where it writes without a poem to start from."""
        prior: Distribution = self.prior_module(n, labels, self.device)
        return prior

    def prior_shift(self, labels: Tensor) -> Tensor:
        """(n, D): as its prior has it."""
        return self.prior_module.shift(labels)

    def forward(
        self, batch: Batch, *, passes: int = 1, samples: int = 1, generator: Generator | None = None
    ) -> LatentSample:
        """K draws of z for each poem, and at each the nll of the poem in so many passes."""
        posterior = self.encode(batch)
        prior = self.prior(len(batch), batch.labels) if self.has_bound else None
        if isinstance(posterior, Point):
            samples, z = 1, posterior.mode.unsqueeze(0)
        else:
            z = posterior.sample(generator, samples)
        nll = self.nll(z.flatten(0, 1), batch.repeat(samples), passes)
        return LatentSample(nll.view(samples, -1), z, posterior, prior)

    def usage(self, z: Tensor) -> dict[str, Any]:
        """The clusters in use, where the prior has clusters."""
        return self.prior_module.usage(z)

    def components_of(self, z: Tensor) -> Tensor | None:
        """The likeliest component of its prior for each z (N, D); None without components."""
        return self.prior_module.components_of(z)

    def describe_prior(self) -> dict[str, Any]:
        """Its kind and its parameters."""
        return self.prior_module.describe()

    def description(self) -> tuple[str, str, str]:
        """A variational autoencoder, or an autoencoder."""
        kind = "variational autoencoder" if self.config.sample else "autoencoder"
        what = f"text {kind} with {self.latent_dim} latent dimensions"
        return what, kind.replace(" ", "-"), self.manner()

"""What z is drawn from, p(z | labels): by name in `config.PRIORS`. Shapes: D latent, L labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..data.dataset import Batch
from ..errors import ConfigError
from ..i18n import _
from ..nn.distributions import DiagonalGaussian, Distribution, Mixture
from ..nn.quantizer import perplexity
from .embedding import TokenEmbedding
from .encoder import Encoder
from .layers import Labels


class NormalPrior(nn.Module):
    """N(0, I) over z (D,), and what all priors have in common."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim

    def forward(self, n: int, labels: Tensor | None, device: torch.device) -> Distribution:
        """p(z | labels) for n poems with labels (n, L): over (n, D)."""
        return DiagonalGaussian.standard(n, self.latent_dim, device=device)

    def shift(self, labels: Tensor) -> Tensor:
        """How far labels (n, L) move it: (n, D), nowhere here."""
        return torch.zeros(len(labels), self.latent_dim, device=labels.device)

    def describe(self) -> dict[str, Any]:
        """Its kind and its parameters as plain values, for programs without torch."""
        return {"kind": "normal"}

    def components_of(self, z: Tensor) -> Tensor | None:
        """The likeliest component of each z (N, D): (N,) int64; None where it has none."""
        return None

    def usage(self, z: Tensor) -> dict[str, Any]:
        """How many components poems at z (N, D) belong to: exp of the entropy."""
        components = self.components_of(z)
        return {} if components is None else {"cluster_perplexity": perplexity(components)}


class LabelPrior(NormalPrior):
    """N(mean(labels), I): a learned mean for each value of each label, summed. A ConfigError where
    there are no labels."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding) -> None:
        super().__init__(config, embedding)
        if not config.label_sizes:
            raise ConfigError(_("prior=label needs labels: train with --label FIELD"))
        self.mean = Labels(config.label_sizes, config.latent_dim)

    def forward(self, n: int, labels: Tensor | None, device: torch.device) -> DiagonalGaussian:
        """Around the means of n poems' labels (n, L); absent: around 0."""
        zeros = torch.zeros(n, self.latent_dim, device=device)
        return DiagonalGaussian(zeros if labels is None else self.shift(labels), zeros)

    def shift(self, labels: Tensor) -> Tensor:
        """To the means of these labels."""
        mean: Tensor = self.mean(labels).float()
        return mean

    def describe(self) -> dict[str, Any]:
        """The means by label and value."""
        tables = [table.get_parameter("weight").tolist() for table in self.mean.tables]
        return {"kind": "label", "means": tables}


class ThemePrior(NormalPrior):
    """N(mean(theme), diag(variance(theme))), of what a title says, read by gated convolutions; N(0,
    I) where it is unknown. As poems are learnt with their theme and without, z takes over what it
    says. A ConfigError where there are no themes."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding) -> None:
        super().__init__(config, embedding)
        self.length = config.theme_len
        if not self.length:
            raise ConfigError(_("prior=theme needs themes: train with --theme FIELD"))
        alone = replace(config, max_len=self.length, label_sizes=(), observe=0.0, encoder_layers=1)
        self.reader = Encoder(alone, embedding)
        self.mean = nn.Linear(self.reader.out_features, config.latent_dim)
        self.logvar = nn.Linear(self.reader.out_features, config.latent_dim)

    def forward(self, n: int, labels: Tensor | None, device: torch.device) -> DiagonalGaussian:
        """Of the themes at the end of the labels (n, L); absent: N(0, I)."""
        if labels is None:
            return DiagonalGaussian.standard(n, self.latent_dim, device=device)
        theme = labels[:, -self.length :]
        told = theme > 0
        features = self.reader(Batch(theme, told))
        known = told.any(dim=1, keepdim=True)
        mean, logvar = (f(features).float() * known for f in (self.mean, self.logvar))
        return DiagonalGaussian(mean, logvar)

    def shift(self, labels: Tensor) -> Tensor:
        """To the means of these themes."""
        return self.forward(len(labels), labels, labels.device).mean

    def describe(self) -> dict[str, Any]:
        """That of a poem without a theme."""
        return {"kind": "normal"}


class MixturePrior(NormalPrior):
    """A learned mixture of Gaussians, whose components are clusters of poems."""

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding) -> None:
        super().__init__(config, embedding)
        shape = (config.components, config.latent_dim)
        self.logits = nn.Parameter(torch.zeros(shape[0]))
        self.mean = nn.Parameter(torch.randn(shape))
        self.logvar = nn.Parameter(torch.zeros(shape))

    def forward(self, n: int, labels: Tensor | None, device: torch.device) -> Mixture:
        """The mixture for n poems, whatever their labels."""
        return Mixture(self.logits, self.mean, self.logvar, n)

    def describe(self) -> dict[str, Any]:
        """Weights, means and log variances of its components."""
        return {
            "kind": "mixture",
            "weights": self.logits.softmax(dim=0).tolist(),
            "mean": self.mean.tolist(),
            "logvar": Mixture(self.logits, self.mean, self.logvar).logvar.tolist(),
        }

    def components_of(self, z: Tensor) -> Tensor:
        """The likeliest component of each z (N, D): (N,) int64."""
        return Mixture(self.logits, self.mean, self.logvar).responsibilities(z).argmax(dim=1)

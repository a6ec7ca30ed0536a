"""The models: the variational autoencoder, its relatives, and the autoregressive baseline."""

from __future__ import annotations

from ..config import ModelConfig
from .autoregressive import Autoregressive
from .networks import Draw, LatentModel, Point, Posterior
from .vae import VAE
from .vqvae import VQVAE

Model = VAE | VQVAE | Autoregressive
_KINDS: dict[str, type[Model]] = {"vae": VAE, "vqvae": VQVAE, "autoregressive": Autoregressive}

__all__ = [
    "VAE",
    "VQVAE",
    "Autoregressive",
    "Draw",
    "LatentModel",
    "Model",
    "Point",
    "Posterior",
    "build",
]


def build(config: ModelConfig) -> Model:
    """A new network as the configuration says."""
    return _KINDS[config.kind](config)

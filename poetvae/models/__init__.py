"""The models: the variational autoencoder, its relatives, and the autoregressive baseline."""

from __future__ import annotations

from ..config import ModelConfig
from .autoregressive import Autoregressive
from .vae import VAE

Model = VAE | Autoregressive

__all__ = ["VAE", "Autoregressive", "Model", "build"]


def build(config: ModelConfig) -> Model:
    """A new network as the configuration says."""
    return Autoregressive(config) if config.kind == "autoregressive" else VAE(config)

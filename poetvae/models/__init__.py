"""The models: the variational autoencoder, its relatives, and the autoregressive baseline."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..config import ModelConfig
from ..nn.distributions import Point, Posterior
from .autoregressive import Autoregressive
from .base import LatentModel, LatentSample
from .vae import VAE
from .vqvae import VQVAE

Model = VAE | VQVAE | Autoregressive
_KINDS: dict[str, type[Model]] = {"vae": VAE, "vqvae": VQVAE, "autoregressive": Autoregressive}

__all__ = [
    "VAE",
    "VQVAE",
    "Autoregressive",
    "LatentModel",
    "LatentSample",
    "Model",
    "Point",
    "Posterior",
    "build",
]


def build(config: ModelConfig) -> Model:
    """A new network as the configuration says."""
    abstract = torch.get_default_device().type == "meta"
    with _Undrawn() if abstract else contextlib.nullcontext():
        return _KINDS[config.kind](config)


class _Undrawn(TorchFunctionMode):
    """First weights are not drawn. On the meta device there are none, and to find that out torch
    imports its compiler, which takes as long as importing torch does."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.init.normal_:
            return kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)

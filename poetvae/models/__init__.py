"""The family of models. A member is a file, a line in `config.MODELS`, and a preset."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..config import MODELS, ModelConfig
from .autoregressive import Autoregressive
from .base import LatentModel, TextModel, evaluating, frozen
from .bounds import LatentSample
from .vae import VAE
from .vqvae import VQVAE

__all__ = [
    "VAE",
    "VQVAE",
    "Autoregressive",
    "LatentModel",
    "LatentSample",
    "TextModel",
    "build",
    "evaluating",
    "frozen",
]


def build(config: ModelConfig) -> TextModel:
    """A new network as the configuration says."""
    module, name = MODELS[config.kind].split(".")
    member: type[TextModel] = getattr(import_module(f".{module}", __name__), name)
    abstract = torch.get_default_device().type == "meta"
    with _Undrawn() if abstract else contextlib.nullcontext():
        return member(config)


class _Undrawn(TorchFunctionMode):
    """First weights are not drawn. On the meta device there are none, and to find that out torch
    imports its compiler, which takes as long as importing torch does."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.init.normal_:
            return kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)

"""poetvae: a text variational autoencoder for poetry, with gated convolutions.

Names are imported when they are first used, so that ``import poetvae`` is light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hub import load_model
    from .models.vae import VAE
    from .poet import Poet
    from .text.corpus import read_poems
    from .trainer import train

__version__ = "0.1.0"

__all__ = ["VAE", "Poet", "load_model", "read_poems", "train"]

_HOMES = {
    "Poet": "poet",
    "VAE": "models.vae",
    "load_model": "hub",
    "read_poems": "text.corpus",
    "train": "trainer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

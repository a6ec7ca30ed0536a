"""poetvae: a text variational autoencoder for poetry, with gated convolutions.

Names are imported when they are first used, so that ``import poetvae`` is light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoints.hub import load_model
    from .constraints.constraint import Constraint
    from .data.corpus import read_poems
    from .errors import (
        CheckpointError,
        ConfigError,
        ConstraintError,
        CorpusError,
        PoetVAEError,
        TokenizerError,
    )
    from .generation.generate import Generated
    from .models.autoregressive import Autoregressive
    from .models.vae import VAE
    from .models.vqvae import VQVAE
    from .poet import Poet
    from .text.poem import Form, Poem
    from .training.trainer import train

__version__ = "0.1.0"

__all__ = [
    "VAE",
    "VQVAE",
    "Autoregressive",
    "CheckpointError",
    "ConfigError",
    "Constraint",
    "ConstraintError",
    "CorpusError",
    "Form",
    "Generated",
    "Poem",
    "Poet",
    "PoetVAEError",
    "TokenizerError",
    "load_model",
    "read_poems",
    "train",
]

_HOMES = {
    "Autoregressive": "models.autoregressive",
    "Constraint": "constraints.constraint",
    "Form": "text.poem",
    "Generated": "generation.generate",
    "Poem": "text.poem",
    "Poet": "poet",
    "VAE": "models.vae",
    "VQVAE": "models.vqvae",
    "load_model": "checkpoints.hub",
    "read_poems": "data.corpus",
    "train": "training.trainer",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

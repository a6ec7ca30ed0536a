"""The models that are served, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoints import hub
from ..checkpoints.model_folder import PACKAGED
from ..poet import Poet


@dataclass(frozen=True)
class Served:
    """A model, and how many bytes its folder has."""

    poet: Poet
    size: int

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Served:
        """The model of a folder; errors as of `Poet.from_pretrained`."""
        files = (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else ()
        size = sum(path.stat().st_size for path in files)
        return cls(Poet.from_pretrained(folder, device), size)

    def as_dict(self, name: str) -> dict[str, Any]:
        """What it is, by the keys of `poetvae models --json`."""
        language = self.poet.codec.language
        return {
            "name": name,
            "language": language.NAME if language else None,
            "forms": list(map(str, self.poet.forms)),
            "parameters": self.poet.model.num_parameters(),
            "megabytes": round(self.size / 1e6, 1),
        }


def served(name: str | None, device: str = "cpu", log: hub.Log | None = None) -> dict[str, Served]:
    """The model of this name, as of `Poet.from_pretrained`; absent: all of the package, the first
    of which is the usual one."""
    if name is None:
        return {known: Served.load(folder, device) for known, folder in PACKAGED.items()}
    folder = hub.locate(name, log=log)
    return {name if name in PACKAGED else folder.resolve().name: Served.load(folder, device)}

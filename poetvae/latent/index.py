"""The poems of a corpus that lie nearest to a point of the latent space: exact search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..data.dataset import TokenStore
from ..errors import CheckpointError, CorpusError
from ..files import write_file
from ..models import LatentModel, TextModel
from .paths import Progress, means

FORMAT = {"format": "poetvae-index", "version": "1"}
MARGIN = 16  # more candidates than asked for, since the scan is only as exact as float32


def fingerprint(model: nn.Module) -> str:
    """sha256 of a model's weights, by name, shape and bytes."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype} ".encode())
        digest.update(weight.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class Index:
    """Texts and where they lie.

    Args:
        texts: N poems.
        z: (N, D) float32, in main memory.
        model: `fingerprint` of the model that z is of.
    """

    def __init__(self, texts: Sequence[str], z: Tensor, model: str) -> None:
        self.texts, self.z, self.model = list(texts), z, model
        self._squares = z.square().sum(dim=1)

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def build(
        cls, model: LatentModel, store: TokenStore, texts: Sequence[str], progress: Progress = iter
    ) -> Index:
        """Texts at their posterior means.

        Args:
            model: gives the means.
            store: the texts, numbered.
            texts: in the order of the store.
            progress: wraps the iterator of batches, as tqdm does.

        Raises:
            CorpusError: no text.
        """
        if not len(store):
            raise CorpusError("no poem to search among; give poems that fit the model")
        return cls(texts, means(model, store, progress), fingerprint(model))

    def search(self, z: Tensor, n: int = 10) -> tuple[Tensor, Tensor]:
        """The n nearest texts to each z (B, D), by Euclidean distance; all of them if they are
        fewer.

        Returns:
            Distances (B, n), nearest first, and the places (B, n) of the texts.
        """
        z, n = z.float().cpu(), min(n, len(self))
        # |x - z|^2 less |z|^2. It cancels where x is near z, so what is found is measured again.
        rough = torch.addmm(self._squares, z, self.z.T, alpha=-2)
        places = rough.topk(min(n + MARGIN, len(self)), dim=1, largest=False).indices
        distances = (self.z[places] - z.unsqueeze(1)).norm(dim=2)
        distances, order = distances.sort(dim=1, stable=True)
        return distances[:, :n], places.gather(1, order)[:, :n]

    def save(self, path: str | Path) -> None:
        """Write one safetensors file: it appears complete or not at all.

        Raises:
            CheckpointError: it cannot be written.
        """
        data = [text.encode("utf-8", "surrogatepass") for text in self.texts]
        ends = torch.tensor([0, *map(len, data)]).cumsum(0)
        tensors = {
            "z": self.z,
            "text": torch.frombuffer(bytearray(b"".join(data)), dtype=torch.uint8),
            "offsets": ends,
        }
        write_file(Path(path), safetensors.torch.save(tensors, {**FORMAT, "model": self.model}))

    @classmethod
    def load(cls, path: str | Path, model: TextModel) -> Index:
        """The index in a file, made with this model.

        Raises:
            CheckpointError: no such file, torn or malformed, or of another model.
            ConfigError: the model has no latent.
        """
        latent_dim = model.latent.latent_dim
        try:
            with safetensors.safe_open(path, "pt") as file:
                found = file.metadata() or {}
                there = {
                    name: (file.get_slice(name).get_dtype(), file.get_slice(name).get_shape())
                    for name in file.keys()  # noqa: SIM118 - it is no mapping
                }
                _check(path, found, there, fingerprint(model), latent_dim)
                z, text, offsets = (file.get_tensor(name) for name in ("z", "text", "offsets"))
        except OSError as error:
            why = error.strerror or error
            raise CheckpointError(f"{path}: cannot be read ({why})") from error
        except safetensors.SafetensorError as error:
            raise CheckpointError(f"{path} is no index, or torn ({error}); {AGAIN}") from error
        data, ends = text.numpy().tobytes(), offsets.tolist()
        rises = bool((offsets.diff() >= 0).all())
        if ends[0] != 0 or ends[-1] != len(data) or not rises or not z.isfinite().all():
            raise CheckpointError(f"{path} is damaged: its parts do not agree; {AGAIN}")
        try:
            texts = [data[i:j].decode("utf-8", "surrogatepass") for i, j in pairwise(ends)]
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{path} is damaged: its texts are not UTF-8; {AGAIN}") from error
        return cls(texts, z, found["model"])


AGAIN = "remove it and build it again"


def _check(
    path: str | Path,
    found: dict[str, str],
    there: dict[str, tuple[str, list[int]]],
    model: str,
    latent_dim: int,
) -> None:
    """That the header of a file announces an index of this model, before any of it is read."""
    kind = {key: found.get(key) for key in FORMAT}
    if kind != FORMAT:
        raise CheckpointError(f"{path} says {kind}; expected {FORMAT}: no index of this version")
    if found.get("model") != model:
        raise CheckpointError(f"{path} was made with another model; {AGAIN} with this one")
    n = there["z"][1][0] if "z" in there and there["z"][1] else 0
    size = there["text"][1] if "text" in there else []
    wanted = {
        "z": ("F32", [n, latent_dim]),
        "text": ("U8", size[:1]),
        "offsets": ("I64", [n + 1]),
    }
    if there != wanted or not n:
        raise CheckpointError(f"{path} holds {there}; expected {wanted}; {AGAIN}")

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
from ..errors import CheckpointError, CorpusError, reason_of
from ..files import check_regular, write_file
from ..i18n import N_, _
from ..models import LatentModel, TextModel
from .paths import Progress, means

FORMAT = {"format": "poetvae-index", "version": "1"}
MARGIN = 16  # more candidates than asked for, since the scan is only as exact as float32


def fingerprint(model: nn.Module) -> str:
    """sha256 of a model's weights and facts, by name, shape and bytes."""
    digest = hashlib.sha256()
    for name, weight in sorted([*model.named_parameters(), *model.named_buffers()]):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype} ".encode())
        digest.update(weight.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class Index:
    """N texts, and where they lie: z (N, D), float32 in main memory, by a model's `fingerprint`."""

    def __init__(self, texts: Sequence[str], z: Tensor, model: str) -> None:
        self.texts, self.z, self.model = list(texts), z, model
        self._squares = z.square().sum(dim=1)

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def build(
        cls, model: LatentModel, store: TokenStore, texts: Sequence[str], progress: Progress = iter
    ) -> Index:
        """The texts of a store, in its order, at their posterior means; `progress` as of `means`.
        Raises CorpusError: no text."""
        if not len(store):
            raise CorpusError(_("no poem to search among; give poems that fit the model"))
        return cls(texts, means(model, store, progress), fingerprint(model))

    def search(self, z: Tensor, n: int = 10) -> tuple[Tensor, Tensor]:
        """The n nearest texts to each z (B, D), by Euclidean distance; all if they are fewer:
        distances (B, n), nearest first, and the places (B, n) of the texts."""
        z, n = z.float().cpu(), min(n, len(self))
        # |x - z|^2 less |z|^2. It cancels where x is near z, so what is found is measured again.
        rough = torch.addmm(self._squares, z, self.z.T, alpha=-2)
        places = rough.topk(min(n + MARGIN, len(self)), dim=1, largest=False).indices
        distances = (self.z[places] - z.unsqueeze(1)).norm(dim=2)
        distances, order = distances.sort(dim=1, stable=True)
        return distances[:, :n], places.gather(1, order)[:, :n]

    def save(self, path: str | Path) -> None:
        """Write one safetensors file: it appears complete or not at all.
        Raises CheckpointError: it cannot be written."""
        data = [text.encode("utf-8", "surrogatepass") for text in self.texts]
        text = torch.frombuffer(bytearray(b"".join(data)), dtype=torch.uint8)
        offsets = torch.tensor([0, *map(len, data)]).cumsum(0)
        tensors = {"z": self.z, "text": text, "offsets": offsets}
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
            check_regular(path)
            with safetensors.safe_open(path, "pt") as file:
                about = file.metadata() or {}
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
                parts = {name: (s.get_dtype(), s.get_shape()) for name, s in slices.items()}
                _check(path, about, parts, fingerprint(model), latent_dim)
                z, text, offsets = (file.get_tensor(name) for name in ("z", "text", "offsets"))
        except OSError as error:
            raise CheckpointError(
                _("{path}: cannot be read ({reason})", path=path, reason=reason_of(error))
            ) from error
        except safetensors.SafetensorError as error:
            raise CheckpointError(
                _(
                    "{path} is no index, or torn ({error}); {again}",
                    path=path,
                    error=error,
                    again=_(AGAIN),
                )
            ) from error
        data, ends = text.numpy().tobytes(), offsets.tolist()
        rises = bool((offsets.diff() >= 0).all())
        if ends[0] != 0 or ends[-1] != len(data) or not rises or not z.isfinite().all():
            raise CheckpointError(
                _("{path} is damaged: its parts do not agree; {again}", path=path, again=_(AGAIN))
            )
        try:
            texts = [data[i:j].decode("utf-8", "surrogatepass") for i, j in pairwise(ends)]
        except UnicodeDecodeError as error:
            raise CheckpointError(
                _("{path} is damaged: its texts are not UTF-8; {again}", path=path, again=_(AGAIN))
            ) from error
        return cls(texts, z, about["model"])


AGAIN = N_("remove it and build it again")


Parts = dict[str, tuple[str, list[int]]]


def _check(path: str | Path, about: dict[str, str], parts: Parts, model: str, dim: int) -> None:
    """That the header of a file announces an index of this model, before any of it is read."""
    kind = {key: about.get(key) for key in FORMAT}
    if kind != FORMAT:
        raise CheckpointError(
            _(
                "{path} says {kind}; expected {format}: no index of this version",
                path=path,
                kind=kind,
                format=FORMAT,
            )
        )
    if about.get("model") != model:
        raise CheckpointError(
            _(
                "{path} was made with another model; {again} with this one",
                path=path,
                again=_(AGAIN),
            )
        )
    n = parts["z"][1][0] if "z" in parts and parts["z"][1] else 0
    size = parts["text"][1] if "text" in parts else []
    wanted = {"z": ("F32", [n, dim]), "text": ("U8", size[:1]), "offsets": ("I64", [n + 1])}
    if parts != wanted or not n:
        raise CheckpointError(
            _(
                "{path} holds {parts}; expected {wanted}; {again}",
                path=path,
                parts=parts,
                wanted=wanted,
                again=_(AGAIN),
            )
        )

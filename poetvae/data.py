"""From numbered poems to batches, as pure functions of (seed, step).

Nothing here keeps a position: the poems of a step are computed from its number, so a run resumes
from one integer, and any number of processes can share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .text.codec import PoemCodec
from .text.poem import Poem


@dataclass(frozen=True)
class Batch:
    """B poems of at most T tokens.

    tokens (B, T) int64, padded; mask (B, T) bool, True = real; labels (B, L) int64 or None.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Batch(self.tokens.to(device), self.mask.to(device), labels)


class TokenStore:
    """Tokens of all poems end to end, with where each begins.

    Args:
        poems: the token ids of each poem.
        max_len: positions of a batch; no poem may be longer.
        pad_id: fills the rest of a row.
        labels: for each poem its label values; empty where there are none.
    """

    def __init__(
        self,
        poems: Sequence[Sequence[int]],
        max_len: int,
        pad_id: int,
        labels: Sequence[Sequence[int]] = (),
    ) -> None:
        lengths = np.fromiter((len(p) for p in poems), dtype=np.int64, count=len(poems))
        if len(poems) and lengths.max() > max_len:
            raise ValueError(f"a poem has {lengths.max()} tokens; max_len is {max_len}")
        self.max_len, self.pad_id = max_len, pad_id
        self.offsets: NDArray[np.int64] = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
        self.tokens: NDArray[np.int32] = np.fromiter(
            (t for p in poems for t in p), dtype=np.int32, count=int(self.offsets[-1])
        )
        self.labels = torch.tensor(labels, dtype=torch.int64) if len(labels) else None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def fingerprint(self) -> str:
        """A hash of everything in the store."""
        parts = [self.offsets.tobytes(), self.tokens.tobytes()]
        if self.labels is not None:
            parts.append(self.labels.numpy().tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def batch(self, index: NDArray[np.int64] | Sequence[int]) -> Batch:
        """The poems at these places, in this order."""
        index = np.asarray(index, dtype=np.int64)
        start, stop = self.offsets[index], self.offsets[index + 1]
        place = start[:, None] + np.arange(self.max_len)
        mask = place < stop[:, None]
        tokens = np.full(mask.shape, self.pad_id, dtype=np.int64)
        tokens[mask] = self.tokens[place[mask]]
        labels = None if self.labels is None else self.labels[torch.from_numpy(index)]
        return Batch(torch.from_numpy(tokens), torch.from_numpy(mask), labels)

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """All poems (or the first `limit`) once, in order."""
        n = len(self) if limit is None else min(limit, len(self))
        for start in range(0, n, size):
            yield self.batch(np.arange(start, min(start + size, n)))


def encode_poems(codec: PoemCodec, poems: Iterable[Poem]) -> TokenStore:
    """Poems numbered and labelled.

    Raises:
        CorpusError: a poem of none of the codec's forms, or too long.
    """
    poems = list(poems)
    labels = [codec.labels_of(p) for p in poems] if codec.label_sizes else []
    ids = [codec.encode(p) for p in poems]
    return TokenStore(ids, codec.max_len, codec.tokenizer.pad_id, labels)


def conceal(
    batch: Batch,
    mask_id: int,
    *,
    observe: float = 0.0,
    passes: Sequence[int] = (),
    noise: float = 0.0,
    dropout: float = 0.0,
) -> dict[str, Any]:
    """What a model is given of a batch in training, by the arguments of its `forward`.

    Drawn from the device's own generator, which the step has seeded.

    Args:
        batch: the poems.
        mask_id: stands where a character is not told.
        observe: share of the poems that have a part `observed`: half of them all but a run of
            characters, half of them characters here and there; at least one stays hidden.
        passes: numbers of passes, of which the batch has one drawn.
        noise: share of the characters that are masked in `noisy`, what the encoder sees.
        dropout: share of the labels that become unknown.
    """
    tokens, mask, labels = batch.tokens, batch.mask, batch.labels
    (n, length), device = tokens.shape, tokens.device

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, device=device)

    observed = noisy = None
    if observe:
        size = mask.sum(dim=1, keepdim=True)
        first = (rand(n, 1) * size).long()
        last = first + (rand(n, 1) * (size - first)).long()
        place = torch.arange(length, device=device)
        run = (first <= place) & (place <= last)
        scattered = (rand(n, length) < rand(n, 1)) | (place == first)
        hidden = torch.where(rand(n, 1) < 0.5, run, scattered) | (rand(n, 1) >= observe)
        observed = tokens.masked_fill(hidden | ~mask, mask_id)
    drawn = passes[int(torch.randint(len(passes), ()))] if passes else 1
    if noise:
        noisy = tokens.masked_fill((rand(n, length) < noise) & mask, mask_id)
    if dropout and labels is not None:
        labels = labels.masked_fill(rand(*labels.shape) < dropout, 0)
    poems = {"tokens": tokens, "mask": mask, "labels": labels}
    return {**poems, "observed": observed, "noisy": noisy, "passes": drawn}


def derive_seed(seed: int, *names: object) -> int:
    """A seed for one purpose, a pure function of its arguments, below 2**63."""
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(n)


def batch_index(n: int, batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Which of n poems step `step` learns from: (batch_size,).

    Every epoch is a permutation of all poems; batches run on across the end of an epoch.
    """
    place = np.arange(step * batch_size, (step + 1) * batch_size, dtype=np.int64)
    epochs = place // n
    parts: Iterable[NDArray[np.int64]] = (
        _permutation(n, seed, int(epoch))[place[epochs == epoch] % n] for epoch in np.unique(epochs)
    )
    return np.concatenate(list(parts))

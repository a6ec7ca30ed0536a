"""From numbered poems to batches, as pure functions of (seed, step).

Nothing here keeps a position: a run resumes from one integer, and any number of processes share it.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..text.codec import PoemCodec
from ..text.poem import Poem

Rows = Sequence[Sequence[int]]
_PART = 2**20  # numbers of a store that are hashed at once
_ROUNDS = 8  # fewer can be told from chance on small corpora
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio


@dataclass(frozen=True)
class Batch:
    """B poems of at most T tokens.

    Attributes:
        tokens, mask: (B, T) int64, padded; (B, T) bool, True = real.
        labels: (B, L) int64, 0 = unknown; None without labels.
        observed: (B, T), the tokens that encoder and decoder are given, else mask tokens; or None.
        noisy: (B, T), the poems as the encoder sees them; None = as they are.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor | None = None
    observed: Tensor | None = None
    noisy: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def whole(cls, tokens: Tensor, labels: Tensor | None = None) -> Batch:
        """Poems that fill all positions."""
        return cls(tokens, torch.ones_like(tokens, dtype=torch.bool), labels)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(*(None if x is None else x.to(device) for x in vars(self).values()))  # type: ignore[arg-type]

    def untold(self, theme_len: int) -> Batch:
        """The same poems, nothing known of what they are about: the last labels, so many."""
        if self.labels is None or not theme_len:
            return self
        known = torch.arange(self.labels.shape[1], device=self.labels.device)
        known = known < self.labels.shape[1] - theme_len
        return replace(self, labels=self.labels * known)

    def repeat(self, times: int) -> Batch:
        """Each poem so many times: all of them, then all again."""
        if times == 1:
            return self
        return Batch(*(None if x is None else x.repeat(times, 1) for x in vars(self).values()))  # type: ignore[arg-type]


class TokenStore:
    """Tokens of all poems end to end, with where each begins; in memory, or in mapped files.

    Made of the token ids and, if any, the label values of each poem. A batch has max_len positions
    unless it is asked for fewer; no poem may be longer, and pad_id fills the rest of a row.
    `groups` (poems,) has one number for all that come from one poem, as its couplets do; None =
    each by itself.
    """

    def __init__(
        self, poems: Rows, max_len: int, pad_id: int, labels: Rows = (), groups: Sequence[int] = ()
    ) -> None:
        lengths = torch.tensor([len(p) for p in poems], dtype=torch.int64)
        if len(poems) and lengths.max() > max_len:
            raise ValueError(f"a poem has {lengths.max()} tokens; max_len is {max_len}")
        ids = np.fromiter(itertools.chain.from_iterable(poems), np.int32, int(lengths.sum()))
        self.tokens = torch.from_numpy(ids).to(token_dtype(int(ids.max(initial=0)) + 1))
        self.offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
        self.labels = torch.tensor(labels) if len(labels) else None
        self.groups = torch.tensor(groups) if len(groups) else None
        self.max_len, self.pad_id = max_len, pad_id

    @classmethod
    def of(
        cls,
        tokens: Tensor,
        offsets: Tensor,
        labels: Tensor | None,
        max_len: int,
        pad_id: int,
        groups: Tensor | None = None,
    ) -> TokenStore:
        """A store of arrays that are there, which it neither copies nor checks.

        Tokens (characters,), labels (poems, L) and groups (poems,), or None, are of any whole type;
        offsets (poems + 1,) int64, where in `tokens` each poem begins, and their end.
        """
        store = cls([], max_len, pad_id)
        store.tokens, store.offsets, store.labels, store.groups = tokens, offsets, labels, groups
        return store

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        arrays = (self.tokens, self.offsets, self.labels)
        return sum(array.nbytes for array in arrays if array is not None)

    def to(self, device: torch.device | str) -> TokenStore:
        """The store on a device, where its batches are gathered then."""
        labels = None if self.labels is None else self.labels.to(device)
        tokens, offsets = self.tokens.to(device), self.offsets.to(device)
        return TokenStore.of(tokens, offsets, labels, self.max_len, self.pad_id, self.groups)

    @property
    def fingerprint(self) -> str:
        """A hash of everything in the store, wherever and in whatever type it is held."""
        digest = hashlib.sha256()
        arrays = [(self.offsets, np.int64), (self.tokens, np.int32)]
        if self.labels is not None:
            arrays.append((self.labels.flatten(), np.int64))
        for array, dtype in arrays:
            for start in range(0, len(array), _PART):
                part = array[start : start + _PART].cpu().numpy()
                digest.update(np.ascontiguousarray(part, dtype).data)
        return digest.hexdigest()

    def poem(self, place: int) -> list[int]:
        """The ids of one poem."""
        return list(self.tokens[self.offsets[place] : self.offsets[place + 1]].tolist())

    @property
    def lengths(self) -> NDArray[np.integer]:
        """How many tokens each poem has."""
        return np.diff(self.offsets.cpu().numpy()).astype(np.int32)

    @cached_property
    def by_length(self) -> dict[int, NDArray[np.integer]]:
        """The places of the poems of each length, ascending: four bytes a poem, kept."""
        order = np.argsort(lengths := self.lengths, kind="stable")
        order = order.astype(np.uint32 if len(order) < 2**32 else np.int64)
        sizes, starts = np.unique(lengths[order], return_index=True)
        return dict(zip(sizes.tolist(), np.split(order, starts[1:]), strict=True))

    def batch(self, index: NDArray[np.integer] | Sequence[int], length: int | None = None) -> Batch:
        """The poems at these places, in this order, none of more than T = `length` tokens (absent:
        max_len)."""
        device = self.offsets.device
        poems = torch.from_numpy(np.asarray(index, dtype=np.int64)).to(device)
        start, stop = self.offsets[poems], self.offsets[poems + 1]
        place = start[:, None] + torch.arange(length or self.max_len, device=device)
        mask = place < stop[:, None]
        tokens = torch.full(place.shape, self.pad_id, device=device)
        if len(self.tokens):
            place.clamp_(max=len(self.tokens) - 1)
            there = self.tokens.index_select(0, place.flatten()).view(place.shape)
            tokens = torch.where(mask, there, tokens)
        labels = None if self.labels is None else self.labels[poems].long()
        return Batch(tokens, mask, labels)

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """All poems once, in order; or `limit` of them, spread evenly over the store."""
        return (self.batch(*part) for part in self.parts(size, limit))

    def parts(
        self, size: int, limit: int | None = None, by_length: bool = False
    ) -> list[tuple[NDArray[np.int64], int]]:
        """The places of all poems, or of `limit` spread evenly, in parts of at most `size`, with
        the positions that `batch` is to give each: in order, or those of each length in order."""
        places, kinds = evenly(len(self), limit), []
        if by_length:
            lengths = self.lengths[places]
            kinds = [(places[lengths == length], length) for length in np.unique(lengths).tolist()]
        return [
            (some[start : start + size], length)
            for some, length in kinds or [(places, self.max_len)]
            for start in range(0, len(some), size)
        ]


def evenly(n: int, limit: int | None = None) -> NDArray[np.int64]:
    """The places of at most so many poems, spread evenly over n, ends included; absent: all."""
    limit = n if limit is None else min(limit, n)
    return np.arange(limit) * (n - 1) // max(limit - 1, 1)


def token_dtype(vocab_size: int) -> torch.dtype:
    """The type that tokens are held in: two bytes for up to 32,768 tokens, else four."""
    return torch.int16 if vocab_size <= 2**15 else torch.int32


@dataclass(frozen=True)
class Data:
    """The numbered poems of a run: to train on, to choose by and to test with."""

    train: TokenStore
    valid: TokenStore
    test: TokenStore
    codec: PoemCodec


def encode_poems(codec: PoemCodec, poems: Iterable[Poem]) -> TokenStore:
    """Poems numbered and labelled, those of one key grouped; CorpusError for one of no form of the
    codec, or too long."""
    poems, keys = list(poems), dict[str, int]()
    labels = [codec.labels_of(p) for p in poems] if codec.label_width else []
    ids = [codec.encode(p) for p in poems]
    groups = [keys.setdefault(p.key, len(keys)) for p in poems]
    return TokenStore(ids, codec.max_len, codec.tokenizer.pad_id, labels, groups)


def corrupt(
    batch: Batch,
    mask_id: int,
    *,
    observe: float = 0.0,
    passes: Sequence[int] = (),
    noise: float = 0.0,
    dropout: float = 0.0,
    form_known: bool = False,
    theme_len: int = 0,
    theme_dropout: float = 0.0,
) -> tuple[Batch, int]:
    """What a model is given of a batch in training, and in how many passes it writes that.

    Drawn from the device's own generator, which the step has seeded.

    Args:
        observe: share of the poems that have a part `observed`: half of them all but a run of
            characters, half of them characters here and there; at least one stays hidden.
        passes: numbers of passes, of which the batch has one drawn.
        noise: share of the characters that are masked in `noisy`, what the encoder sees.
        dropout: share of the labels that become unknown.
        form_known: the first label is the form, which stays: it is known to whoever writes.
        theme_len: so many of the last labels are the characters of a theme.
        theme_dropout: share of the themes that become unknown, each as a whole.
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
    if labels is not None and (dropout or theme_len):
        known = labels.shape[1] - theme_len
        dropped = rand(*labels.shape) < dropout
        dropped[:, : int(form_known)] = False
        dropped[:, known:] = rand(n, 1) < theme_dropout
        labels = labels.masked_fill(dropped, 0)
    return Batch(tokens, mask, labels, observed, noisy), drawn


def derive_seed(seed: int, *names: object) -> int:
    """A seed for one purpose, a pure function of its arguments, below 2**63."""
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def batch_index(n: int, batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Which of n poems step `step` learns from: (batch_size,).

    Every epoch is a permutation of all poems; batches run on across the end of an epoch. Nothing
    is shuffled: a place of an epoch is enciphered into a poem, in time and memory of the batch.
    """
    place = np.arange(step * batch_size, (step + 1) * batch_size, dtype=np.uint64)
    epoch, place = np.divmod(place, np.uint64(n))
    first, last = int(epoch[0]), int(epoch[-1])
    derived = [derive_seed(seed, "order", e) for e in range(first, last + 1)]
    key = np.array(derived, dtype=np.uint64)[epoch - np.uint64(first)]
    place = _permute(place, key, n)
    # Cycle walking: what falls outside is enciphered again until it does not.
    while len(outside := np.flatnonzero(place >= n)):
        place[outside] = _permute(place[outside], key[outside], n)
    return place.astype(np.int64)


def _permute(place: NDArray[np.uint64], key: NDArray[np.uint64], n: int) -> NDArray[np.uint64]:
    """A keyed permutation of 0 .. rows * columns - 1, which is n or up to sqrt(n) more.

    The generalised Feistel network of Black & Rogaway (2002, "Ciphers with arbitrary finite
    domains"): a place is a row and a column, each in turn moved by a hash of the other.
    """
    size = math.isqrt(n - 1) + 1
    rows, columns = np.uint64(size), np.uint64(-(-n // size))
    row, column = np.divmod(place, columns)
    for _ in range(_ROUNDS // 2):
        row = (row + _mix(key + column)) % rows
        key = key + np.uint64(GOLDEN)
        column = (column + _mix(key + row)) % columns
        key += np.uint64(GOLDEN)
    return row * columns + column


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014), in place; products wrap."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    x ^= x >> np.uint64(31)
    return x

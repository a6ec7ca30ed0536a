"""Items (see `corpus`) whose text stands elsewhere already, found on arrays of hashes and sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Counts = NDArray[np.int64]

REPEATED = 3  # the side of an item whose text stands elsewhere already
_SIDE, _PLACE = np.uint64(62), np.uint64(2**62 - 1)


@dataclass
class SideCounts:
    """Of each side, (3,): its items, those that repeat one of it, those an earlier side has."""

    items: Counts = field(default_factory=lambda: np.zeros(3, np.int64))
    repeated: Counts = field(default_factory=lambda: np.zeros(3, np.int64))
    shared: Counts = field(default_factory=lambda: np.zeros(3, np.int64))


def text_hashes(texts: Iterable[str]) -> Words:
    """64 bits for each text that tell it from others.

    Among 10**9 texts two different ones are taken for one with a probability of 0.03, among 10**7
    of 3e-6; one of the two is then not learnt.
    """
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), "<u8")


def rank(sides: NDArray[np.uint8], first: int = 0) -> Words:
    """Numbers that sort items by side, then by place: (N,), of items from the place `first` on."""
    places = np.arange(first, first + len(sides), dtype=np.uint64)
    return places | sides.astype(np.uint64) << _SIDE


def mark_repeated(
    sides: NDArray[np.uint8], hashes: Words, ranks: Words, counts: SideCounts, across: bool = True
) -> tuple[Words, Words]:
    """Mark as REPEATED in `sides` all items of a text but the first, which the first side has.

    `sides` is of all items, hashes and ranks, (N,), of those to compare: across sides, or those of
    the same alone. Returns hashes and ranks of those that are left, by hash.
    """
    order = np.lexsort((ranks, hashes))
    hashes, ranks = hashes[order], ranks[order]
    same = np.zeros(len(order), bool)
    same[1:] = hashes[1:] == hashes[:-1]
    again = same.copy()
    again[1:] &= ranks[1:] >> _SIDE == ranks[:-1] >> _SIDE
    for marked, counted in ((again, counts.repeated), (same & ~again & across, counts.shared)):
        sides[ranks[marked] & _PLACE] = REPEATED
        counted += np.bincount((ranks[marked] >> _SIDE).astype(np.int64), minlength=3)
    return hashes[~again], ranks[~again]

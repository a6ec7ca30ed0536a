"""Items (see `corpus`) whose text stands elsewhere already, found on arrays of hashes and sides;
and near-copies of texts: of one length, with at least 80 % of the places alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Counts = NDArray[np.int64]
Codes = NDArray[np.uint32]
Lengths = NDArray[np.int32]

REPEATED = 3  # the side of an item whose text stands elsewhere already
PAIRS = 2**18  # of texts compared at once, place by place
TEXTS = 2**16  # of texts turned into numbers at once
_PRIME = np.uint64(0x100000001B3)  # of the hash of Fowler, Noll and Vo
_SIDE, _PLACE = np.uint64(62), np.uint64(2**62 - 1)


@dataclass
class SideCounts:
    """Of each side, (3,): its items, those that repeat one of it, those an earlier side has, those
    that are near-copies of what there is to train on."""

    items: Counts = field(default_factory=lambda: np.zeros(3, np.int64))
    repeated: Counts = field(default_factory=lambda: np.zeros(3, np.int64))
    shared: Counts = field(default_factory=lambda: np.zeros(3, np.int64))
    near: Counts = field(default_factory=lambda: np.zeros(3, np.int64))


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


def alike(length: int) -> int:
    """In how many places two texts of a length agree at least, to be near-copies: 80 %."""
    return -(-4 * length // 5)


def near_copies(texts: Sequence[str], known: Sequence[str]) -> NDArray[np.bool_]:
    """Which of texts are near-copies of known ones."""
    near = NearCopies(*codes_of(texts))
    for start in range(0, len(known), TEXTS):
        near.compare(*codes_of(known[start : start + TEXTS]))
    return near.found


_Table = tuple[NDArray[np.int64], NDArray[np.uint32], list[tuple[slice, Words, NDArray[np.int64]]]]
"""Of texts of one length: places, rows of code points, and by piece its hashes sorted, and their
order."""


class NearCopies:
    """Texts, and which of them are near-copies of those that they were compared with: `found` (N,).

    Of two that differ in d places or fewer, cut into d + 1 pieces, one piece at least is the same:
    so only texts that share a piece are compared place by place.
    """

    def __init__(self, codes: Codes, lengths: Lengths) -> None:
        self.found = np.zeros(len(lengths), bool)
        self._tables: dict[int, _Table] = {}
        for length, places, rows in _by_length(codes, lengths):
            sorted_pieces = []
            for piece in _pieces(length):
                keys = _hashes(rows[:, piece])
                order = np.argsort(keys)
                sorted_pieces.append((piece, keys[order], order))
            self._tables[length] = places, rows, sorted_pieces

    def compare(self, codes: Codes, lengths: Lengths) -> None:
        """Compare them with other texts."""
        for length, _, others in _by_length(codes, lengths):
            if length not in self._tables:
                continue
            places, rows, pieces = self._tables[length]
            for piece, keys, order in pieces:
                wanted = _hashes(others[:, piece])
                first = np.searchsorted(keys, wanted)
                count = np.searchsorted(keys, wanted, "right") - first
                sharing = np.flatnonzero(count)
                # Parts of about so many pairs, however many texts share a piece.
                edges = np.flatnonzero(np.diff(count[sharing].cumsum() // PAIRS)) + 1
                for some in np.split(sharing, edges):
                    n = count[some]
                    within = np.arange(n.sum()) - np.repeat(n.cumsum() - n, n)
                    own, other = order[np.repeat(first[some], n) + within], np.repeat(some, n)
                    fresh = ~self.found[places[own]]
                    own, other = own[fresh], other[fresh]
                    same = (rows[own] == others[other]).sum(axis=1) >= alike(length)
                    self.found[places[own[same]]] = True


def codes_of(texts: Sequence[str]) -> tuple[Codes, Lengths]:
    """The code points of texts end to end, and how many each has."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
    return codes, np.fromiter(map(len, texts), np.int32, len(texts))


def _by_length(
    codes: Codes, lengths: Lengths
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.uint32]]]:
    """Each length, the places of its texts, and their code points (n, length)."""
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        yield length, places, codes[starts[places][:, None] + np.arange(length)]


def _pieces(length: int) -> list[slice]:
    """The pieces that near-copies of a length share one of."""
    edges = np.linspace(0, length, length - alike(length) + 2).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def _hashes(rows: NDArray[np.uint32]) -> Words:
    """64 bits for each row, by which equal ones are found."""
    hashes = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        hashes = (hashes ^ column) * _PRIME
    return hashes

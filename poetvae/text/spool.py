"""Items on their way: kept in files while it is not known yet which of them are repeated.

Memory is that of a block, however many items there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetvae.text.items import Items

REPEATED = 3
"""The side of an item whose text stands elsewhere already."""

# Items of a block, and code points: whichever is reached first.
_BLOCK = 2**18
_CODES = 2**21

# Hashes that are sorted at once.
_HASHES = 2**20

_DTYPES: dict[str, np.dtype[Any]] = {
    "codes": np.dtype("<u4"),
    "lengths": np.dtype("<i4"),
    "hashes": np.dtype("<u8"),
    "sides": np.dtype("u1"),
    "columns": np.dtype("<i4"),
}


@dataclass(frozen=True)
class Block:
    """Consecutive items: arrays as those of `Items`, columns with places in the spool's values."""

    codes: NDArray[np.uint32]
    lengths: NDArray[np.int32]
    sides: NDArray[np.uint8]
    columns: NDArray[np.int32]


class Spool:
    """Items in the files of a folder, in the order they were added.

    Attributes:
        values: the values of all columns, by the order in which they came first.
        fields: how many items have each field of meta.
    """

    def __init__(self, folder: Path, columns: int) -> None:
        folder.mkdir(parents=True)
        self._folder, self._columns = folder, columns
        self._sizes = [(0, 0)]  # items and code points of each block
        self.values: dict[str, int] = {}
        self.fields: Counter[str] = Counter()

    def add(self, items: Items) -> None:
        """Put items behind those that are there."""
        places = [self.values.setdefault(value, len(self.values)) for value in items.values]
        columns = np.array(places, np.int32)[items.columns]
        self.fields.update(items.fields)
        for name, dtype in _DTYPES.items():
            array = columns if name == "columns" else getattr(items, name)
            with open(self._folder / name, "ab") as file:
                file.write(np.ascontiguousarray(array, dtype).tobytes())
        n, codes = self._sizes[-1]
        if n >= _BLOCK or codes >= _CODES:
            self._sizes.append((0, 0))
            n = codes = 0
        self._sizes[-1] = n + len(items.lengths), codes + len(items.codes)

    def blocks(self) -> Iterator[Block]:
        """All items, in order."""
        item = code = 0
        for items, codes in self._sizes:
            columns = self._read("columns", item * self._columns, items * self._columns)
            yield Block(
                self._read("codes", code, codes),
                self._read("lengths", item, items),
                self._read("sides", item, items),
                columns.reshape(items, self._columns),
            )
            item, code = item + items, code + codes

    def _read(self, name: str, start: int, count: int) -> NDArray[Any]:
        """So many numbers of an array; fewer where it ends."""
        dtype = _DTYPES[name]
        return np.fromfile(self._folder / name, dtype, count, offset=start * dtype.itemsize)

    def drop_repeated(self) -> tuple[list[int], int]:
        """Mark as REPEATED all items of a text but the first of the first side that has it.

        Texts are told apart by 64 bits: among 10**9 of them two different ones are taken for one
        with a probability of 0.03, among 10**7 of 3e-6; one of the two is then not learnt.

        Returns:
            Items that are repeated within their side, for each side; and how many texts of a side
            an earlier side has.
        """
        total = sum(items for items, _ in self._sizes)
        repeated, shared = np.zeros(3, np.int64), 0
        if not total:
            return repeated.tolist(), shared
        sides = np.memmap(self._folder / "sides", np.uint8, "r+")
        buckets = self._folder / "buckets"
        buckets.mkdir()
        # A bucket takes the hashes that begin with the same bits: about one reading of them.
        bits = max(0, (total - 1).bit_length() - (_HASHES - 1).bit_length())
        edges = np.arange(1, 2**bits, dtype=np.uint64) << np.uint64(64 - bits)
        for first in range(0, total, _HASHES):
            hashes = self._read("hashes", first, _HASHES)
            # Numbers that sort by side, then by place.
            ranks = np.arange(first, first + len(hashes), dtype=np.uint64)
            ranks |= sides[first : first + len(hashes)].astype(np.uint64) << _SIDE
            hashes, ranks, again, _ = _sorted(hashes, ranks)
            # At once, so that a line that comes a million times fills no bucket.
            repeated += _drop(sides, ranks[again])
            rows = np.stack([hashes[~again], ranks[~again]], axis=1)
            for number, part in enumerate(np.split(rows, np.searchsorted(rows[:, 0], edges))):
                with open(buckets / str(number), "ab") as bucket:
                    bucket.write(part.tobytes())
        for number in range(2**bits):
            rows = np.fromfile(buckets / str(number), np.uint64).reshape(-1, 2)
            _, ranks, again, elsewhere = _sorted(rows[:, 0], rows[:, 1])
            repeated += _drop(sides, ranks[again])
            shared += int(_drop(sides, ranks[elsewhere]).sum())
        return repeated.tolist(), shared


_SIDE, _PLACE = np.uint64(62), np.uint64(2**62 - 1)
_Words = NDArray[np.uint64]
_Flags = NDArray[np.bool_]


def _drop(sides: NDArray[np.uint8], ranks: _Words) -> NDArray[np.int64]:
    """Mark items as REPEATED. Returns how many of each side they were."""
    sides[ranks & _PLACE] = REPEATED
    return np.bincount((ranks >> _SIDE).astype(np.int64), minlength=3)


def _sorted(hashes: _Words, ranks: _Words) -> tuple[_Words, _Words, _Flags, _Flags]:
    """Rows by hash, then by rank; which repeat one of their side; which begin a worse side."""
    order = np.lexsort((ranks, hashes))
    hashes, ranks = hashes[order], ranks[order]
    same = np.zeros(len(hashes), bool)
    same[1:] = hashes[1:] == hashes[:-1]
    sides = ranks >> _SIDE
    again = same.copy()
    again[1:] &= sides[1:] == sides[:-1]
    return hashes, ranks, again, same & ~again

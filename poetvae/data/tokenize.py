"""A corpus of any size, numbered once: read in parallel, written as a folder, mapped to train from.

Memory holds chunks and the distinct characters and label values, however many poems there are.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import Config, ModelConfig, from_dict
from ..errors import ConfigError, CorpusError
from ..runtime import bf16_is_faster
from ..text.codec import PoemCodec
from ..text.tokenizer import PoemTokenizer
from ..training.spec import Log, RunSpec, known_values
from .corpus import Report, check_items, check_kept, check_sources, check_train
from .dataset import Data
from .selection import CHUNK, END, Items, Selection, gather
from .store import SIDES, Described, StoreWriter, describe, new_store, open_store


def prepare(
    job: RunSpec, device: torch.device, log: Log, folder: Path, workers: int | None = None
) -> tuple[Data, Config]:
    """Number the corpus of a job into a folder, unless it is there, and complete its configuration.

    A corpus that is numbered already is used where it lies; nothing is written then.

    Args:
        workers: processes that read; absent: one for each core, at most 8. The result is the same.

    Raises:
        ConfigError: several passes in free form.
        CorpusError: nothing to train on; a folder that cannot be written, or is damaged; a corpus
            that is not what it was when the run began.
    """
    _check(job)
    folder = job.tokenized or folder
    if not folder.exists():
        build(job, folder, workers)
        if job.fingerprint and open_store(folder).train.fingerprint != job.fingerprint:
            shutil.rmtree(folder)
            raise CorpusError(
                f"the corpus of {folder.parent} has changed since; restore it, or start a new run"
            )
    for line in describe(folder).lines():
        log(line)
    data = open_store(folder)
    known = {
        "vocab_size": len(data.codec.tokenizer),
        "max_len": data.codec.max_len,
        "label_sizes": data.codec.label_sizes,
    }
    model = from_dict(ModelConfig, {**dataclasses.asdict(job.config.model), **known})
    precision = job.config.train.precision
    if precision == "auto":
        precision = "bf16" if bf16_is_faster(device) else "fp32"
    train = replace(job.config.train, precision=precision)
    return data, replace(job.config, model=model, train=train)


def build(job: RunSpec, folder: Path, workers: int | None = None, chunk: int = CHUNK) -> None:
    """Number the corpus of a job into a new folder.

    Args:
        workers: as for `prepare`.
        chunk: poems that a process is given at once. The result is the same.

    Raises:
        CorpusError: as for `prepare`, and when the folder exists.
    """
    _check(job)
    if job.tokenized is not None:
        raise CorpusError(f"{job.tokenized} is tokenized already")
    workers = min(os.cpu_count() or 1, 8) if workers is None else workers
    with new_store(folder) as temporary:
        fields = tuple(n for n in job.labels if not (n == "form" and job.forms))
        columns = (*(("form",) if job.forms else ()), *fields)
        spool = Spool(temporary / "spool", len(columns))
        report = _collect(job, spool, columns, workers, chunk)
        counted = _count(job, spool, len(columns))
        _check_counted(job, report, counted)
        tokenizer = PoemTokenizer.from_counts(counted.characters(), job.config.train.min_count)
        codec = _codec(job, spool, counted, columns, tokenizer)
        writer = StoreWriter(temporary, Described(codec, job.labels, report, counted.longer))
        for side, tokens, lengths, labels in _numbered(spool, codec, columns):
            writer.add(side, tokens, lengths, labels)
        writer.finish()
        shutil.rmtree(temporary / "spool")


@dataclass
class _Counted:
    """What is counted of the items that none repeats.

    Attributes:
        sides: items of each side, of any length.
        longer, shortest: of those to train on, how many are too long; positions of the shortest.
        codes: characters of those to train on and not too long, by code point.
        values: of the same, how many have each value of each column, in the order they come.
    """

    sides: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    longer: int = 0
    shortest: int = 2**31
    codes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_UNICODE, np.int64))
    values: list[dict[str, int]] = field(default_factory=list)

    def characters(self) -> dict[str, int]:
        found = np.flatnonzero(self.codes).tolist()
        return {chr(code): int(self.codes[code]) for code in found if chr(code) != END}


_UNICODE = 0x110000


def _check(job: RunSpec) -> None:
    if not job.forms and max(job.config.model.passes, default=1) > 1:
        raise ConfigError(
            "several passes need a form: where a free text ends is not known to those that write "
            "behind it; give --form, or --set passes=1"
        )


def _max_len(job: RunSpec) -> int:
    return max((form.size for form in job.forms), default=job.config.model.max_len)


def _collect(
    job: RunSpec, spool: Spool, columns: tuple[str, ...], workers: int, chunk: int
) -> Report:
    """Put all items into the spool, and mark those that are repeated."""
    sources, valid = check_sources(job.sources), job.valid and check_sources(job.valid)
    report = Report()

    def read(names: Sequence[str], report: Report, held_out: float, side: int) -> None:
        selection = Selection(job.forms, held_out, columns, side)
        for items in gather(names, selection, job.strict, report, workers, chunk):
            spool.add(items)
            report.add(items.report)
        check_kept(names, report)
        check_items(names, job.forms, report)

    read(sources, report, 0.0 if valid else job.config.train.held_out, 0)
    if valid:
        read(valid, Report(), 0.0, 1)
    repeated, shared = spool.drop_repeated()
    # Poems to validate with that were given are no part of the account.
    counts = {
        "repeated": repeated[0] if valid else sum(repeated),
        "held out, but also elsewhere": 0 if valid else shared,
    }
    report.repeated.update({name: count for name, count in counts.items() if count})
    return report


def _count(job: RunSpec, spool: Spool, columns: int) -> _Counted:
    """Count what is to be learnt from."""
    counted, max_len, place = _Counted(), _max_len(job), 0
    counts: list[dict[int, tuple[int, int]]] = [{} for _ in range(columns)]
    for block in spool.blocks():
        counted.sides += np.bincount(block.sides, minlength=4)[:REPEATED]
        train, fits = block.sides == 0, block.lengths <= max_len
        if not train.any():
            continue
        counted.shortest = min(counted.shortest, int(block.lengths[train].min()))
        counted.longer += int((train & ~fits).sum())
        kept = train & fits
        codes = block.codes[np.repeat(kept, block.lengths)]
        counted.codes += np.bincount(codes, minlength=_UNICODE)
        for column, found in zip(block.columns[kept].T, counts, strict=True):
            rows = zip(*map(np.ndarray.tolist, np.unique(column, True, False, True)), strict=True)
            for value, first, n in rows:
                known = found.get(value, (place + first, 0))
                found[value] = known[0], known[1] + n
        place += int(kept.sum())
    names = list(spool.values)
    counted.values = [
        {names[value]: n for value, (_, n) in sorted(found.items(), key=lambda item: item[1])}
        for found in counts
    ]
    return counted


def _check_counted(job: RunSpec, report: Report, counted: _Counted) -> None:
    """Complete the report; raises CorpusError when there is nothing to train on."""
    train, valid, test = counted.sides.tolist()
    report.train, report.valid, report.test = train, 0 if job.valid else valid, test
    check_train(job.sources, train, report.items - report.repeated["repeated"])
    if counted.longer == train:
        shortest = counted.shortest
        raise CorpusError(
            f"every poem is longer than max_len {_max_len(job)}; the shortest takes {shortest} "
            f"positions: --set max_len={shortest} or more, or select a --form"
        )


def _codec(
    job: RunSpec,
    spool: Spool,
    counted: _Counted,
    columns: tuple[str, ...],
    tokenizer: PoemTokenizer,
) -> PoemCodec:
    values = dict(zip(columns, counted.values, strict=True))
    found = values.pop("form") if job.forms else {}
    least = job.config.train.min_label
    return PoemCodec(
        tokenizer,
        _max_len(job),
        {form: found.get(str(form), 0) for form in job.forms},
        {name: known_values(name, counts, least, spool.fields) for name, counts in values.items()},
    )


def _numbered(
    spool: Spool, codec: PoemCodec, columns: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
    """Side, tokens, lengths and labels of the poems of a block that are on this side."""
    tokenizer = codec.tokenizer
    ids = np.full(_UNICODE, tokenizer.unk_id, np.int32)
    ids[ord(END)] = tokenizer.eos_id
    for i in range(tokenizer.newline_id, len(tokenizer)):
        ids[ord(tokenizer.decode([i]))] = i
    known = {name: list(values) for name, values in codec.fields.items()}
    if len(codec.forms) > 1:
        known = {"form": [str(form) for form in codec.forms], **known}
    labels = []
    for name, values in known.items():
        label = np.zeros(len(spool.values), np.int32)
        for i, value in enumerate(values, 1):
            if value in spool.values:
                label[spool.values[value]] = i
        labels.append((columns.index(name), label))
    for block in spool.blocks():
        fits = block.lengths <= codec.max_len
        for number, side in enumerate(SIDES):
            kept = fits & (block.sides == number)
            tokens = ids[block.codes[np.repeat(kept, block.lengths)]]
            rows = [label[block.columns[kept, column]] for column, label in labels]
            yield side, tokens, block.lengths[kept], np.array(rows, np.int32).T


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

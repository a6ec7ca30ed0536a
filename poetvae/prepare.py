"""A corpus of any size, numbered once: read in parallel, written as a folder, mapped to train from.

Memory holds chunks and the distinct characters and label values, however many poems there are.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .config import Config, ModelConfig, from_dict
from .data import Data
from .errors import ConfigError, CorpusError
from .job import Job, Log, known_values
from .runtime import bf16_is_faster
from .store import SIDES, Described, StoreWriter, describe, new_store, open_store
from .text.codec import PoemCodec
from .text.corpus import Report, check_items, check_kept, check_sources, check_train
from .text.items import CHUNK, END, Selection, gather
from .text.spool import REPEATED, Spool
from .text.tokenizer import PoemTokenizer


def prepare(
    job: Job, device: torch.device, log: Log, folder: Path, workers: int | None = None
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


def build(job: Job, folder: Path, workers: int | None = None, chunk: int = CHUNK) -> None:
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


def _check(job: Job) -> None:
    if not job.forms and max(job.config.model.passes, default=1) > 1:
        raise ConfigError(
            "several passes need a form: where a free text ends is not known to those that write "
            "behind it; give --form, or --set passes=1"
        )


def _max_len(job: Job) -> int:
    return max((form.size for form in job.forms), default=job.config.model.max_len)


def _collect(job: Job, spool: Spool, columns: tuple[str, ...], workers: int, chunk: int) -> Report:
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


def _count(job: Job, spool: Spool, columns: int) -> _Counted:
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


def _check_counted(job: Job, report: Report, counted: _Counted) -> None:
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
    job: Job, spool: Spool, counted: _Counted, columns: tuple[str, ...], tokenizer: PoemTokenizer
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

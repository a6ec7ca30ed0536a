"""Tables, a row per poem: files of separated values and of parquet, and data sets on the hub."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from ..errors import CorpusError
from ..i18n import N_, _
from .documents import Entry
from .fields import MAX_FIELDS, likeness
from .layouts import Line
from .record import MAX_ENTRY, Problem, tidy

SEPARATED = (".csv", ".tsv")
BAD_ROW = N_("broken row")

_LONGEST_ROW = 2**20  # characters over several lines, among which the end of a quote is looked for
_ROWS = 64  # of parquet that are unpacked at once
_PACKED = 200, 2**26  # unpacked, so many times the file is a bomb; so many bytes are none


def separated_entries(name: str, lines: Iterable[Line], head: str) -> Iterator[Entry]:
    """The rows of a table of text, by the names in its first; a bad row loses no other.
    Raises CorpusError: too many columns."""
    separator = max(",\t;|", key=head.lstrip().partition("\n")[0].count)
    rows, number = _rows(lines, separator), 0
    header: list[str] | None = None
    for where, row in rows:
        if isinstance(row, Problem):
            yield where, row
            continue
        if header is None:
            _check_columns(name, len(row))
            named = not any(map(likeness, row))
            header = [tidy(cell) if named else "" for cell in row]
            header = [cell or f"column {i}" for i, cell in enumerate(header, 1)]
            if named:
                continue
        number += 1
        if any(cell.strip() for cell in row[len(header) :]):
            yield where, Problem(BAD_ROW, _("{n} fields of {count}", n=len(row), count=len(header)))
        elif any(cell.strip() for cell in row):
            yield _("{name}: row {n}", name=name, n=number), dict(zip(header, row, strict=False))


def _rows(lines: Iterable[Line], separator: str) -> Iterator[tuple[str, list[str] | Problem]]:
    """The fields of each row, which may go over several lines inside quotes."""
    source, again, used = iter(lines), deque[Line](), list[Line]()
    csv.field_size_limit(MAX_ENTRY)

    def following() -> Iterator[str]:
        size = 0
        while line := again.popleft() if again else next(source, None):
            used.append(line)
            size += len(line[1]) + 1
            if size > _LONGEST_ROW and len(used) > 1:
                raise csv.Error(_("a quote that nothing closes"))
            yield line[1] + "\n"

    while True:
        used.clear()
        try:
            row = next(csv.reader(following(), delimiter=separator, strict=True), None)
        except csv.Error as error:
            # A quote that nothing closes has taken what stands behind it, too.
            yield used[0][0], Problem(BAD_ROW, str(error))
            again.extendleft(reversed(used[1:]))
        else:
            if row is None:
                return
            yield used[0][0], row


def parquet_entries(name: str) -> Iterator[Entry]:
    """The rows of a parquet file. Raises CorpusError: it is damaged, too wide, or a bomb."""
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]

    try:
        with parquet.ParquetFile(name) as file:
            about = file.metadata
            _check_columns(name, about.num_columns)
            groups = [about.row_group(i) for i in range(about.num_row_groups)]
            times, free = _PACKED
            if sum(g.total_byte_size for g in groups) > free + times * os.path.getsize(name):
                raise CorpusError(
                    _(
                        "{name}: unpacks to more than {times} times its size; is it meant?",
                        name=name,
                        times=times,
                    )
                )
            batches = (batch.to_pylist() for batch in file.iter_batches(_ROWS))
            for number, row in enumerate(chain.from_iterable(batches), 1):
                yield _("{name}: row {n}", name=name, n=number), row
    except CorpusError:
        raise
    # pyarrow raises many kinds of errors; there is no common base.
    except Exception as error:
        raise CorpusError(
            _(
                "{name}: cannot be read ({reason}); check the file",
                name=name,
                reason=_reason(error),
            )
        ) from error


def hub_entries(name: str) -> Iterator[Entry]:
    """The rows of a data set on the hub: of its train split if it has one.
    Raises CorpusError: there is none, or it cannot be reached."""
    import datasets  # type: ignore[import-untyped]

    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # or it tells a server of every table read
    try:
        # Streaming writes no data, but locks: into a folder that goes away.
        with tempfile.TemporaryDirectory(prefix="poetvae-") as cache:
            splits = datasets.load_dataset(name, streaming=True, cache_dir=cache)
            split = "train" if "train" in splits else next(iter(splits))
            for number, row in enumerate(splits[split], 1):
                yield _("{name}: row {n}", name=name, n=number), row
    # datasets passes on what pandas, pyarrow, fsspec and the hub raise; there is no common base.
    except Exception as error:
        raise CorpusError(
            _(
                "{name}: no such file, folder or hub data set ({reason}); check the name",
                name=name,
                reason=_reason(error),
            )
        ) from error


def _check_columns(name: str, count: int) -> None:
    if count > MAX_FIELDS:
        raise CorpusError(
            _(
                "{name}: {count:,} columns; expected at most {max_fields:,}: give others",
                name=name,
                count=count,
                max_fields=MAX_FIELDS,
            )
        )


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

"""What is learnt of poems, as arrays of numbers: work that processes share, without torch.

An *item* is a poem or a couplet of one, as `poem.select` gives it. `select_items` makes arrays of
the items of a chunk of entries; `gather` has that done of whole corpora, by several processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ..errors import CorpusError
from ..text.poem import Form, content
from .corpus import Report, choose, read_record, read_records, side_of
from .sources import Record

END = "\ud800"
"""Stands behind a text of free form: no cleaned text has a surrogate in it."""
CHUNK = 2000
"""Entries that a process is given at once."""

# A chunk of long texts has fewer entries.
_CHARACTERS = 2**20

# So few chunks are done before another process would have started.
_FEW = 4


@dataclass(frozen=True)
class Selection:
    """What is taken of poems.

    Args:
        forms: as for `read_corpus`.
        held_out: the share of poems that is held out.
        columns: fields of the poems, "form" among them, whose values are wanted.
        side: of poems that are not held out: 0 to train, 1 to validate.
    """

    forms: tuple[Form, ...] = ()
    held_out: float = 0.0
    columns: tuple[str, ...] = ()
    side: int = 0


@dataclass(frozen=True)
class Items:
    """The N items of some entries, in order.

    codes (C,) uint32, the code points of all items end to end, in free form with END behind each;
    lengths (N,) int32, how many of them are of each item; hashes (N,) uint64, of the characters;
    sides (N,) uint8, 0 to train, 1 to validate, 2 to test; columns (N, L) int32, places in
    `values`, where "" is for a poem that has none; fields: how many items have each field of meta.
    """

    codes: NDArray[np.uint32]
    lengths: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    sides: NDArray[np.uint8]
    columns: NDArray[np.int32]
    values: list[str]
    fields: Counter[str]
    report: Report


def select_items(records: Iterable[Record], selection: Selection) -> Items:
    """The items of entries, none left out for coming twice."""
    report, fields = Report(), Counter[str]()
    texts, hashes, sides, places = [], [], bytearray(), []
    values: dict[str, int] = {}
    forms, end = frozenset(selection.forms), "" if selection.forms else END
    for record in records:
        poem = read_record(record, report)
        if poem is None:
            continue
        side = side_of(poem, selection.held_out) or selection.side
        for item in choose(poem, forms, report):
            chars = content(item, item.form if forms else None)
            texts.append(chars + end)
            hashes.append(blake2b(chars.encode(), digest_size=8).digest())
            sides.append(side)
            if selection.columns:
                if item.meta:
                    fields.update(item.meta.keys())
                for name in selection.columns:
                    places.append(values.setdefault(item.value(name), len(values)))
    n, codes = len(texts), "".join(texts).encode("utf-32-le", "surrogatepass")
    return Items(
        np.frombuffer(codes, "<u4"),
        np.fromiter(map(len, texts), np.int32, n),
        np.frombuffer(b"".join(hashes), "<u8"),
        np.frombuffer(bytes(sides), np.uint8),
        np.array(places, np.int32).reshape(n, len(selection.columns)),
        list(values),
        fields,
        report,
    )


def gather(
    sources: Iterable[str],
    selection: Selection,
    strict: bool,
    report: Report,
    workers: int = 1,
    chunk: int = CHUNK,
) -> Iterator[Items]:
    """The items of sources, chunk by chunk in order, the same for any chunk and any workers.

    Args:
        report: counts the files that are not read; what each chunk counts is in its items.
        workers: processes to share the work; a corpus of a few chunks is done in this one.

    Raises:
        CorpusError: as `read_poems` does, except at the end; and when a process dies.
    """
    chunks = _chunks(read_records(sources, strict, report), chunk, bool(selection.columns))
    work = partial(select_items, selection=selection)
    head = list(islice(chunks, _FEW))
    if workers <= 1 or len(head) < _FEW:
        yield from map(work, chain(head, chunks))
        return
    # Forked processes would inherit the threads of torch, and their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _serve)
    window: deque[Future[Items]] = deque()
    try:
        for records in chain(head, chunks):
            with _no_main():
                window.append(pool.submit(work, records))
            if len(window) > 2 * workers:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()
    except BrokenProcessPool as error:
        raise CorpusError(
            "a process that read the corpus has died, perhaps for want of memory; "
            "take fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _serve() -> None:
    """A worker leaves interrupts to the process that it works for, and ends when that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Killed outright it tells nobody, and the queue would be waited at for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _chunks(records: Iterator[Record], size: int, meta: bool) -> Iterator[list[Record]]:
    """Entries by so many, or by fewer long ones; of their meta what is of use."""
    chunk, characters = [], 0
    for record in records:
        chunk.append(record if meta else record._replace(meta={}))
        characters += len(record.text)
        if len(chunk) == size or characters > _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


@contextmanager
def _no_main() -> Iterator[None]:
    """A process that starts here does not run the main program's file again, as it would.

    The file may be a script without a guard, or one that imports torch, which is slow and large.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main

"""What is learnt of poems, as arrays of numbers: work that processes share, without torch."""

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
from itertools import chain, islice
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ..errors import CorpusError
from ..i18n import _
from ..text.graphemes import clusters, may_join
from .corpus import CorpusReport, CorpusSpec, read_records, select_items
from .record import Record
from .repeated import text_hashes

UNICODE = 0x110000
END = "\ud800"  # stands behind a text of free form: no cleaned text has a surrogate in it
CHUNK, CHUNK_CHARACTERS = 2000, 2**20  # entries of a process at once; of long ones, fewer
FEW_CHUNKS = 4  # so few are done before another process would have started


@dataclass(frozen=True)
class Items:
    """The N items of some entries, in order.

    codes (C,): the code points of all items end to end, in free form with END behind each; letters
    with marks have codes behind all of Unicode, in the order of `clusters`; lengths (N,): how many
    codes are of each item; hashes (N,): of the characters; sides (N,): 0 to train, 1 to validate, 2
    to test; firsts (N,): 1 for the first item of a poem; columns (N, L): places in `values`, where
    "" is for a poem that has none; fields: how many items have each field of meta.
    """

    codes: NDArray[np.uint32]
    lengths: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    sides: NDArray[np.uint8]
    firsts: NDArray[np.uint8]
    columns: NDArray[np.int32]
    clusters: list[str]
    values: list[str]
    fields: Counter[str]
    report: CorpusReport


def items_of(records: Iterable[Record], spec: CorpusSpec, side: int = 0) -> Items:
    """The items of entries, with the values of the corpus's columns; see `corpus.select_items`."""
    report, fields, end = CorpusReport(), Counter[str](), "" if spec.forms else END
    texts, sides, places, names = [], bytearray(), [], spec.columns
    firsts, key = bytearray(), ""
    values: dict[str, int] = {}
    for poem, chars, place in select_items(records, spec, side, report):
        texts.append(chars)
        sides.append(place)
        firsts.append(poem.key != key)
        key = poem.key
        if names:
            fields.update(poem.meta.keys())
            places += [values.setdefault(poem.value(name), len(values)) for name in names]
    n = len(texts)
    codes, lengths, joined = _coded([text + end for text in texts])
    return Items(
        codes=codes,
        lengths=lengths,
        hashes=text_hashes(texts),
        sides=np.frombuffer(bytes(sides), np.uint8),
        firsts=np.frombuffer(bytes(firsts), np.uint8),
        columns=np.array(places, np.int32).reshape(n, len(names)),
        clusters=joined,
        values=list(values),
        fields=fields,
        report=report,
    )


def _coded(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int32], list[str]]:
    """The codes of texts end to end, their lengths, and the clusters with codes behind Unicode."""
    whole, places = "".join(texts), dict[str, int]()
    if not may_join(whole):
        codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), "<u4")
        return codes, np.fromiter(map(len, texts), np.int32, len(texts)), []
    units = [clusters(text) for text in texts]
    flat = list(chain.from_iterable(units))
    for unit in flat:
        if len(unit) > 1:
            places.setdefault(unit, UNICODE + len(places))
    codes = np.fromiter((places[u] if len(u) > 1 else ord(u) for u in flat), np.uint32, len(flat))
    return codes, np.fromiter(map(len, units), np.int32, len(units)), list(places)


def gather(
    sources: Iterable[str],
    spec: CorpusSpec,
    report: CorpusReport,
    side: int = 0,
    workers: int = 1,
    chunk: int = CHUNK,
) -> Iterator[Items]:
    """The items of sources, chunk by chunk in order, the same for any chunk and any workers.

    Workers are processes, and `side` is that of poems that are not held out. The report counts the
    files that are not read; what each chunk counts is in its items. Raises CorpusError as
    `read_records` does, and when a process dies.
    """
    chunks = chunks_of(read_records(sources, spec, report), chunk, bool(spec.columns))
    work = partial(items_of, spec=spec, side=side)
    head = list(islice(chunks, FEW_CHUNKS))
    if workers <= 1 or len(head) < FEW_CHUNKS:
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
            _(
                "a process that read the corpus has died, perhaps for want of memory; take fewer "
                "workers"
            )
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def chunks_of(records: Iterator[Record], size: int, meta: bool) -> Iterator[list[Record]]:
    """Entries by so many, or by fewer long ones; of their meta what is of use."""
    chunk, characters = [], 0
    for record in records:
        chunk.append(record if meta else record._replace(meta={}))
        characters += len(record.text)
        if len(chunk) == size or characters > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _serve() -> None:
    """A worker leaves interrupts to the process that it works for, and ends when that has ended."""

    def end_with_parent() -> None:
        # Killed outright it tells nobody, and the queue would be waited at for ever.
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


@contextmanager
def _no_main() -> Iterator[None]:
    """A process that starts here does not run the main program's file again, as it would."""
    # The file may be a script without a guard, or one that imports torch, which is slow and large.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main

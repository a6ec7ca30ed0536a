"""A corpus of any size, numbered once: read in parallel, written as a folder, mapped to train from.

Memory holds chunks and the distinct characters and label values, however many poems there are.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CorpusError, listed
from ..i18n import _
from ..text.codec import PoemCodec
from ..text.graphemes import clusters
from ..text.prosody import Language
from ..text.tokenizer import PoemTokenizer
from .corpus import CorpusReport, CorpusSpec, complete_report, in_one_language, read_parts
from .repeated import REPEATED, NearCopies, SideCounts, mark_repeated, rank
from .selection import CHUNK, END, UNICODE, Items, gather
from .store import SIDES, Described, StoreWriter, new_store

BLOCK_ITEMS, BLOCK_CODES = 2**18, 2**21  # of a block: whichever is reached first
HASHES = 2**20  # that are sorted at once
THEMES = 500  # of the commonest that are kept by name
LONGEST, MOST = 512, 0.99  # positions that are found by themselves, for this share of the poems
TESTED = 2**21  # of items to test with that are compared at once with those to train on


class Block(NamedTuple):
    """Consecutive `Items`: columns are places in the spool's values; groups (N,) number the poems
    that they come from."""

    codes: NDArray[np.uint32]
    lengths: NDArray[np.int32]
    sides: NDArray[np.uint8]
    columns: NDArray[np.int32]
    groups: NDArray[np.int64]

    def of(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """Codes and lengths of some of them."""
        return self.codes[np.repeat(chosen, self.lengths)], self.lengths[chosen]


def build(
    spec: CorpusSpec,
    folder: Path,
    workers: int | None = None,
    chunk: int = CHUNK,
    known: PoemCodec | None = None,
) -> Described:
    """Number a corpus into a new folder, as a codec that is `known` does, or one of its own.
    Poems in another script than the known one's are brought into that.

    The result is the same for any number of workers, processes that read (absent: one for each
    core, at most 8), and for any chunk, the poems that one is given at once. Raises CorpusError:
    nothing to train on; a folder that exists, or cannot be written.
    """
    if spec.tokenized is not None:
        raise CorpusError(_("{tokenized} is tokenized already", tokenized=spec.tokenized))
    workers = min(os.cpu_count() or 1, 8) if workers is None else workers
    if known and known.script and not spec.reading.corpus_script:
        spec = replace(spec, reading=replace(spec.reading, corpus_script=known.script))
    spec = replace(spec, language=_name(known.language)) if known else in_one_language(spec)
    with new_store(folder) as temporary:
        spool = Spool(temporary / "spool", len(spec.columns))
        report = CorpusReport()
        for names, side, part in read_parts(spec, report):
            for items in gather(names, spec, part, side, workers, chunk):
                spool.add(items)
                part.add(items.report)
        spool.mark_repeated()
        spool.mark_near()
        complete_report(report, spec, spool.counts)
        described = _count(spec, spool, report, known)
        codec = described.codec
        writer = StoreWriter(temporary, described)
        for block in _numbered(spec, spool, codec):
            writer.add(*block)
        writer.finish()
        shutil.rmtree(temporary / "spool")
    return described


def _name(language: Language | None) -> str:
    return language.NAME if language else ""


def known_values(
    field: str, counts: Mapping[str, int], least: int, there: Counter[str]
) -> tuple[str, ...]:
    """The values of a field that at least so many poems have, the most frequent first.

    `counts` has the poems by value, "" for none; equal ones stay in this order. `there` has the
    poems by field. Raises CorpusError: there are fewer than two, nothing to tell apart.
    """
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    values = tuple(value for value, n in ordered if value and n >= least)
    if len(values) < 2:
        names = listed(name for name, __ in there.most_common(8)) or _("none")
        reason = _(
            "label {field}: {n} values that {least} poems have, expected 2 or more",
            field=field,
            n=len(values),
            least=least,
        )
        raise CorpusError(
            _(
                "{reason}; the poems have the fields {names}; --set min_label=1 takes rare values "
                "too",
                reason=reason,
                names=names,
            )
        )
    return values


def _count(
    spec: CorpusSpec, spool: Spool, report: CorpusReport, known: PoemCodec | None
) -> Described:
    """How to number what is frequent enough to train on, and how many poems are too long."""
    max_len = (
        known.max_len
        if known
        else max((form.size for form in spec.forms), default=spec.max_len or _needed(spool))
    )
    size = UNICODE + len(spool.clusters)
    longer, shortest, characters = 0, 2**31 - 1, np.zeros(size, np.int64)
    names, values = list(spool.values), {name: Counter[str]() for name in spec.columns}
    for codes, lengths, sides, columns, __ in spool.blocks():
        train = sides == 0
        kept = train & (lengths <= max_len)
        shortest = int(lengths[train].min(initial=shortest))
        longer += int((train & ~kept).sum())
        characters += np.bincount(codes[np.repeat(kept, lengths)], minlength=size)
        for column, counts in zip(columns[kept].T, values.values(), strict=True):
            places, first, n = np.unique(column, return_index=True, return_counts=True)
            for i in np.argsort(first).tolist():
                counts[names[places[i]]] += int(n[i])
    if not characters.any():
        raise CorpusError(
            _(
                "every poem is longer than max_len {max_len}; the shortest takes "
                "{shortest} positions: --set max_len={shortest} or more, or select a "
                "--form",
                max_len=max_len,
                shortest=shortest,
            )
        )
    characters[ord(END)] = 0
    joined, seen = list(spool.clusters), dict[str, int]()
    for code in np.flatnonzero(characters).tolist():
        unit = chr(code) if code < UNICODE else joined[code - UNICODE]
        seen[unit] = int(characters[code])
    forms = values.pop("form") if spec.forms else Counter[str]()
    themes = values.pop(spec.theme) if spec.theme else Counter[str]()
    if spec.theme and not known and sum(n for text, n in themes.items() if text) < spec.min_label:
        there = listed(name for name, __ in spool.fields.most_common(8)) or _("none")
        raise CorpusError(
            _("no poem has a {theme}; they have the fields {there}", theme=spec.theme, there=there)
        )
    if known:
        counted = {form: forms[str(form)] for form in known.forms}
        codec, unknown = replace(known, forms=counted), _unknown(known.tokenizer, seen)
        return Described(codec, tuple(spec.labels), report, longer, unknown)
    tokenizer = PoemTokenizer.from_counts(seen, spec.min_count)
    fields = {n: known_values(n, c, spec.min_label, spool.fields) for n, c in values.items()}
    counted = {form: forms[str(form)] for form in spec.forms if forms[str(form)]}
    longest = max((form.size for form in counted), default=max_len)
    codec = PoemCodec(tokenizer, longest, counted, fields, spec.theme)
    codec = replace(codec, themes=_common(codec, themes))
    return Described(codec, tuple(spec.labels), report, longer)


def _common(codec: PoemCodec, themes: Mapping[str, int]) -> tuple[str, ...]:
    """The themes that several poems have, as the model reads them, the most frequent first; none
    that it reads in part only."""
    read = Counter[str]()
    for text, n in themes.items():
        read[codec.theme_text(text)] += n
    most = read.most_common()
    several = (text for text, n in most if n > 1 and 0 < len(clusters(text)) < codec.theme_len)
    return tuple(itertools.islice(several, THEMES))


def _unknown(tokenizer: PoemTokenizer, counts: Mapping[str, int]) -> str:
    """The account of characters that a tokenizer does not know, for people; CorpusError where they
    are most of a text."""
    others = Counter({c: n for c, n in counts.items() if tokenizer.unknown(c)})
    share = others.total() / sum(counts.values())
    most = "".join(c for c, __ in others.most_common(12)) + ("..." if len(others) > 12 else "")
    said = _(
        "{n:,} of {all:,} characters, {share:.1%} of the text",
        n=len(others),
        all=len(counts),
        share=share,
    )
    if share > 0.5:
        raise CorpusError(
            _("the model does not know {said}: {most}; train a new one", said=said, most=most)
        )
    if not others:
        return _("the model knows all characters")
    return _("the model does not know {said}: {most}", said=said, most=most)


def _needed(spool: Spool) -> int:
    """Positions that nearly all poems to train on need, at most `LONGEST`."""
    counts = np.zeros(LONGEST + 1, np.int64)
    for block in spool.blocks():
        lengths = block.lengths[block.sides == 0].clip(max=LONGEST)
        counts += np.bincount(lengths, minlength=LONGEST + 1)
    return max(1, int(np.searchsorted(counts.cumsum(), MOST * counts.sum())))


def _numbered(
    spec: CorpusSpec, spool: Spool, codec: PoemCodec
) -> Iterator[tuple[str, NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Side, tokens, lengths, labels and groups of the poems of a block that are on this side."""
    tokenizer = codec.tokenizer
    ids = np.full(UNICODE + len(spool.clusters), tokenizer.unk_id, np.int32)
    ids[ord(END)] = tokenizer.eos_id
    for i in range(tokenizer.newline_id, len(tokenizer)):
        char = tokenizer.decode([i])
        if len(char) == 1:
            ids[ord(char)] = codec.ids(char)[0]
    for unit, code in spool.clusters.items():
        known_as = codec.ids(unit)
        ids[code] = known_as[0] if len(known_as) == 1 else tokenizer.unk_id
    known = {"form": tuple(map(str, codec.forms))} if len(codec.forms) > 1 else {}
    labels = []
    for name, values in {**known, **codec.fields}.items():
        label = np.zeros(len(spool.values), np.int32)
        for i, value in enumerate(values, 1):
            if value in spool.values:
                label[spool.values[value]] = i
        labels.append((spec.columns.index(name), label[:, None]))
    if codec.theme:
        themes = np.array([codec.theme_ids(text) for text in spool.values], np.int32)
        labels.append((spec.columns.index(codec.theme), themes))
    written = [spool.values[name] for name in map(str, codec.forms) if name in spool.values]
    for block in spool.blocks():
        fits = block.lengths <= codec.max_len
        if codec.forms:  # held-out poems may be of another form that was asked for
            fits &= np.isin(block.columns[:, spec.columns.index("form")], written)
        for number, side in enumerate(SIDES):
            kept = fits & (block.sides == number)
            codes, lengths = block.of(kept)
            rows = [np.zeros((len(lengths), 0), np.int32)]
            rows += [label[block.columns[kept, column]] for column, label in labels]
            yield side, ids[codes], lengths, np.concatenate(rows, axis=1), block.groups[kept]


_DTYPES = {"codes": "<u4", "lengths": "<i4", "hashes": "<u8", "sides": "u1", "columns": "<i4"}
_DTYPES |= {"firsts": "u1"}


class Spool:
    """Items in the files of a folder, in the order they were added.

    `counts` are of its items by side, `fields` by field of meta; `values` has those of all columns,
    numbered as they came first.
    """

    def __init__(self, folder: Path, columns: int) -> None:
        folder.mkdir(parents=True)
        self._folder, self._columns = folder, columns
        self._sizes = [(0, 0)]  # items and code points of each block
        self.counts = SideCounts()
        self.clusters: dict[str, int] = {}  # the codes of letters with marks
        self.values: dict[str, int] = {}
        self.fields: Counter[str] = Counter()

    def add(self, items: Items) -> None:
        """Put items behind those that are there."""
        places = [self.values.setdefault(value, len(self.values)) for value in items.values]
        columns = np.array(places, np.int32)[items.columns]
        known = self.clusters
        joined = [known.setdefault(unit, UNICODE + len(known)) for unit in items.clusters]
        codes = items.codes
        if joined:
            behind = codes >= UNICODE
            codes[behind] = np.array(joined, np.uint32)[codes[behind] - UNICODE]
        self.fields.update(items.fields)
        self.counts.items += np.bincount(items.sides, minlength=3)
        for name, dtype in _DTYPES.items():
            array = {"columns": columns, "codes": codes}.get(name)
            array = getattr(items, name) if array is None else array
            with open(self._folder / name, "ab") as file:
                file.write(np.ascontiguousarray(array, dtype).tobytes())
        n, length = self._sizes[-1]
        if n >= BLOCK_ITEMS or length >= BLOCK_CODES:
            self._sizes.append((0, 0))
            n = length = 0
        self._sizes[-1] = n + len(items.lengths), length + len(codes)

    def blocks(self) -> Iterator[Block]:
        """All items, in order."""
        item, code, group, width = 0, 0, 0, self._columns
        for items, codes in self._sizes:
            columns = self._read("columns", item * width, items * width).reshape(items, width)
            lengths, sides = (self._read(name, item, items) for name in ("lengths", "sides"))
            groups = group + np.cumsum(self._read("firsts", item, items), dtype=np.int64)
            yield Block(self._read("codes", code, codes), lengths, sides, columns, groups)
            group = int(groups[-1]) if items else group
            item, code = item + items, code + codes

    def _read(self, name: str, start: int, count: int) -> NDArray[Any]:
        """So many numbers of an array; fewer where it ends."""
        dtype = np.dtype(_DTYPES[name])
        return np.fromfile(self._folder / name, dtype, count, offset=start * dtype.itemsize)

    def mark_repeated(self) -> None:
        """Mark as REPEATED all items of a text but the first of the first side that has it."""
        total = int(self.counts.items.sum())
        if not total:
            return
        sides = np.memmap(self._folder / "sides", np.uint8, "r+")
        buckets = self._folder / "buckets"
        buckets.mkdir()
        # A bucket takes the hashes that begin with the same bits: about one reading of them.
        bits = max(0, (total - 1).bit_length() - (HASHES - 1).bit_length())
        edges = np.arange(1, 2**bits, dtype=np.uint64) << np.uint64(64 - bits)
        for first in range(0, total, HASHES):
            hashes = self._read("hashes", first, HASHES)
            ranks = rank(sides[first : first + len(hashes)], first)
            # At once, so that a line that comes a million times fills no bucket.
            hashes, ranks = mark_repeated(sides, hashes, ranks, self.counts, across=False)
            rows = np.stack([hashes, ranks], axis=1)
            for number, part in enumerate(np.split(rows, np.searchsorted(hashes, edges))):
                with open(buckets / str(number), "ab") as bucket:
                    bucket.write(part.tobytes())
        for number in range(2**bits):
            rows = np.fromfile(buckets / str(number), np.uint64).reshape(-1, 2)
            mark_repeated(sides, rows[:, 0], rows[:, 1], self.counts)

    def mark_near(self) -> None:
        """Mark as REPEATED all items to test with that are near-copies of items to train on."""
        for places, near in self._tested():
            for block in self.blocks():
                near.compare(*_texts(block, 0))
            sides = np.memmap(self._folder / "sides", np.uint8, "r+")
            sides[places[near.found]] = REPEATED
            self.counts.near[2] += near.found.sum()

    def _tested(self) -> Iterator[tuple[NDArray[np.int64], NearCopies]]:
        """The places of items to test with, and their texts, so many at a time."""
        start, n = 0, 0
        held: list[tuple[NDArray[Any], ...]] = []
        for block in self.blocks():
            places = start + np.flatnonzero(block.sides == 2)
            held.append((places, *_texts(block, 2)))
            start, n = start + len(block.sides), n + len(places)
            if n >= TESTED or (n and start == self.counts.items.sum()):
                places, codes, lengths = map(np.concatenate, zip(*held, strict=True))
                yield places, NearCopies(codes, lengths)
                held, n = [], 0


def _texts(block: Block, side: int) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Codes and lengths of the items of a side, without the marks behind them in free form."""
    codes, lengths = block.of(block.sides == side)
    end = codes == ord(END)
    return codes[~end], lengths - np.int32(end.any())

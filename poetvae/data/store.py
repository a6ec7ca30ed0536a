"""A folder of numbered poems, which training maps into memory.

`tokenizer.model`; `store.json`, how the poems are numbered and what was counted; for `train`,
`valid` and `test` the arrays of a `TokenStore`, little-endian: `.tokens` (2 bytes each for up to
32,768 tokens, else 4), `.offsets` (8 bytes) and, where there are labels or themes, `.labels` (4
bytes); for those that are held out `.groups` (8 bytes), which older folders lack; and
`manifest.json`, with size and sha256 of the others. A folder appears at once, complete.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import MALFORMED, ConfigError, CorpusError, reason_of
from ..files import (
    MANIFEST,
    check_regular,
    manifest_bytes,
    new_folder,
    read_limited,
    read_manifest,
    sync,
)
from ..i18n import N_, _
from ..text.codec import PoemCodec
from ..text.poem import Form, Poem
from ..text.tokenizer import PoemTokenizer
from .corpus import Corpus, CorpusReport, CorpusSpec, read_corpus
from .dataset import Data, TokenStore, token_dtype

SIDES = ("train", "valid", "test")
FORMAT = {"format": "poetvae store", "version": 1}


@dataclass(frozen=True)
class Described:
    """What `store.json` and the tokenizer say of the poems of a folder.

    Labels are as they were asked for; poems to train on `longer` than max_len were left out. Where
    the tokenizer was there before, `unknown` tells what it does not know.
    """

    codec: PoemCodec
    labels: tuple[str, ...]
    report: CorpusReport
    longer: int
    unknown: str = ""

    def lines(self) -> list[str]:
        """The account for people."""
        left = _(
            "left out: {n:,} poems longer than max_len {max_len}",
            n=self.longer,
            max_len=self.codec.max_len,
        )
        return [*self.report.lines(), *[left][: self.longer], *[self.unknown][: len(self.unknown)]]


def _dtypes(codec: PoemCodec, side: str) -> dict[str, torch.dtype]:
    """The types of the arrays of a side, by name."""
    labels = {"labels": torch.int32} if codec.label_width else {}
    groups = {"groups": torch.int64} if side != "train" else {}
    return {"tokens": token_dtype(len(codec.tokenizer)), "offsets": torch.int64, **labels, **groups}


class ArrayFile:
    """A file that numbers are put into one after the other, and hashed on the way."""

    def __init__(self, path: Path, dtype: str) -> None:
        self.path, self._dtype = path, dtype
        self._size, self._digest = 0, hashlib.sha256()
        path.touch()

    def write(self, array: ArrayLike) -> None:
        """Put numbers behind those that are there."""
        data = np.ascontiguousarray(array, self._dtype).tobytes()
        with open(self.path, "ab") as file:
            file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def finish(self) -> dict[str, Any]:
        """Put the file on disk. Returns its entry of the manifest."""
        sync(self.path)
        return {"size": self._size, "sha256": self._digest.hexdigest()}


class StoreWriter:
    """Writes the files of a folder; used inside `new_store`."""

    def __init__(self, folder: Path, described: Described) -> None:
        self._folder, self._described = folder, described
        self._ends, self._files = dict.fromkeys(SIDES, 0), {}
        for side in SIDES:
            for name, dtype in _dtypes(described.codec, side).items():
                path = folder / f"{side}.{name}"
                self._files[side, name] = ArrayFile(path, f"<i{dtype.itemsize}")
            self._files[side, "offsets"].write([0])

    def add(
        self,
        side: str,
        tokens: ArrayLike,
        lengths: ArrayLike,
        labels: ArrayLike,
        groups: ArrayLike,
    ) -> None:
        """Poems of a side, end to end, with the length of each, its label values, and a number for
        what it is from."""
        offsets = self._ends[side] + np.cumsum(lengths, dtype=np.int64)
        self._ends[side] += int(np.sum(lengths, dtype=np.int64))
        self._files[side, "tokens"].write(tokens)
        self._files[side, "offsets"].write(offsets)
        for name, values in (("labels", labels), ("groups", groups)):
            if (side, name) in self._files:
                self._files[side, name].write(values)

    def finish(self) -> None:
        """Write what describes the poems, and the manifest."""
        codec, about = self._described.codec, self._described
        values = {**FORMAT, "max_len": codec.max_len, "text": codec.to_dict()}
        values |= {"labels": about.labels, "longer": about.longer}
        values |= {"unknown": about.unknown} if about.unknown else {}
        values["report"] = about.report.as_dict()
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        listed = {file.path.name: file.finish() for file in self._files.values()}
        listed["store.json"] = self._write("store.json", text.encode())
        listed["tokenizer.model"] = self._write("tokenizer.model", codec.tokenizer.to_bytes())
        self._write(MANIFEST, manifest_bytes(listed))

    def _write(self, name: str, data: bytes) -> dict[str, Any]:
        file = ArrayFile(self._folder / name, "u1")
        file.write(np.frombuffer(data, np.uint8))
        return file.finish()


@contextmanager
def new_store(folder: Path) -> Iterator[Path]:
    """A folder that appears at once, complete; CorpusError if it exists, or cannot be written."""
    taken = CorpusError(_("{folder} exists; remove it, or choose another name", folder=folder))
    if os.path.lexists(folder):
        raise taken
    try:
        with new_folder(folder) as temporary:
            yield temporary
    except OSError as error:
        if os.path.lexists(folder):  # by another process, meanwhile
            raise taken from error
        raise CorpusError(
            _(
                "{folder}: cannot be written ({reason})",
                folder=folder,
                reason=reason_of(error),
            )
        ) from error


def describe(folder: Path) -> Described:
    """What a folder of numbered poems says of them; CorpusError where it is none, or is damaged."""
    _verify(folder, ["store.json", "tokenizer.model"])
    path = folder / "store.json"
    try:
        values = json.loads(read_limited(path))
        if {key: values.get(key) for key in FORMAT} != FORMAT:
            raise ConfigError(_("expected {format}", format=FORMAT))
        tokenizer = PoemTokenizer.load(folder / "tokenizer.model")
        codec = PoemCodec.from_dict(tokenizer, int(values["max_len"]), values["text"])
        counts = values["report"].items()
        report: Any = {key: Counter(n) if isinstance(n, dict) else n for key, n in counts}
        labels, longer = tuple(map(str, values["labels"])), int(values["longer"])
        unknown = str(values.get("unknown", ""))
        return Described(codec, labels, CorpusReport(**report), longer, unknown)
    except MALFORMED as error:
        raise CorpusError(
            _(
                "{path} describes no poems ({error}); {remedy}",
                path=path,
                error=error,
                remedy=_(_REMEDY),
            )
        ) from error


def open_store(folder: Path, codec: PoemCodec | None = None, verify: bool = True) -> Data:
    """The poems of a folder, mapped: they take no memory but the system's cache.

    The codec is that of `describe`; verified, the arrays are as the manifest says. Raises
    CorpusError: a file is missing or damaged.
    """
    codec = codec or describe(folder).codec
    listed = read_manifest(folder, CorpusError, _(_REMEDY))
    sides: dict[str, TokenStore] = {}
    for side in SIDES:
        files = {name: f"{side}.{name}" for name in _dtypes(codec, side)}
        if files.get("groups") not in listed:
            files.pop("groups", None)
        if verify:
            _verify(folder, files.values())
        dtypes = _dtypes(codec, side)
        arrays = {name: _map(folder / file, dtypes[name]) for name, file in files.items()}
        if "labels" in arrays:
            arrays["labels"] = arrays["labels"].view(-1, codec.label_width)
        sides[side] = TokenStore.of(
            arrays["tokens"],
            arrays["offsets"],
            arrays.get("labels"),
            codec.max_len,
            codec.tokenizer.pad_id,
            arrays.get("groups"),
        )
    return Data(**sides, codec=codec)


def load_corpus(spec: CorpusSpec) -> Corpus:
    """The poems of a corpus as text: by `read_corpus` or, if it is tokenized, by `read_store`."""
    return read_corpus(spec) if spec.tokenized is None else read_store(spec.tokenized)


def read_store(folder: Path) -> Corpus:
    """The poems of a folder as text, labels as meta, □ for the unknown; CorpusError if damaged."""
    described = describe(folder)
    data = open_store(folder, described.codec)
    train, valid, test = (list(_poems(s, data.codec)) for s in (data.train, data.valid, data.test))
    return Corpus(train, valid, test, described.report)


def _poems(store: TokenStore, codec: PoemCodec) -> Iterator[Poem]:
    forms: list[Form | None] = list(codec.forms) or [None]
    keys: dict[int, str] = {}  # of each group that of its first
    for place in range(len(store)):
        labels = [] if store.labels is None else store.labels[place].tolist()
        form = forms[labels.pop(0) - 1 if len(forms) > 1 else 0]
        named = zip(codec.fields.items(), labels[: len(codec.fields)], strict=True)
        meta = {name: values[label - 1] for (name, values), label in named if label}
        if any(theme := labels[len(codec.fields) :]):
            meta[codec.theme] = codec.titled(codec.tokenizer.decode(theme))
        group = -1 - place if store.groups is None else int(store.groups[place])
        lines = tuple(codec.decode(store.poem(place), form).split("\n"))
        poem = Poem(lines, meta, keys.get(group, ""))
        keys[group] = poem.key
        # It has its form still where an unknown character, now □, would hide it.
        vars(poem)["form"] = form or poem.form
        yield poem


_REMEDY = N_("remove the folder and prepare it again")


def _verify(folder: Path, names: Iterable[str]) -> None:
    """Raises CorpusError where files are not as the manifest says."""
    listed = read_manifest(folder, CorpusError, _(_REMEDY))
    for path in (folder / name for name in names):
        entry = listed.get(path.name, {})
        try:
            check_regular(path)
            with open(path, "rb") as file:
                same = os.fstat(file.fileno()).st_size == entry.get("size")
                same = same and hashlib.file_digest(file, "sha256").hexdigest() == entry["sha256"]
        except OSError as error:
            raise CorpusError(
                _(
                    "{path}: cannot be read ({reason}); {remedy}",
                    path=path,
                    reason=reason_of(error),
                    remedy=_(_REMEDY),
                )
            ) from error
        if not same:
            raise CorpusError(
                _(
                    "{path} is damaged: it differs from {manifest}; {remedy}",
                    path=path,
                    manifest=MANIFEST,
                    remedy=_(_REMEDY),
                )
            )


def _map(path: Path, dtype: torch.dtype) -> Tensor:
    """The numbers of a file, (n,), read when they are used."""
    if not path.stat().st_size:
        return torch.empty(0, dtype=dtype)
    # A map that may be read alone claims no memory, as those of torch.from_file do: the system
    # refuses claims larger than it has. torch warns that it must not be written, and nobody does.
    with open(path, "rb") as file, warnings.catch_warnings(action="ignore"):
        return torch.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=dtype)

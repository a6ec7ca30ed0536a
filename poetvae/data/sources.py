"""The formats that poems come in, each read as a stream of entries.

- `.json`: a list of objects, such as the files of chinese-poetry
- `.jsonl`: an object per line
- `.txt`: poems separated by blank lines; without any, one a line, as in `title:text` if Chinese
- `.csv`, `.parquet` and data sets on the hub (owner/name): a row per poem, read by `datasets`
- `-`: standard input, and files without suffix, as pipes: `.jsonl` if it starts with {, or `.txt`

`.json`, `.jsonl` and `.txt` may be compressed (`.gz`). An object's or row's text is in the first of
TEXT_FIELDS that it has, its other strings are meta. All text is UTF-8.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import CorpusError
from ..text.poem import has_han

SUFFIXES = (".json", ".jsonl", ".txt", ".csv", ".parquet", ".json.gz", ".jsonl.gz", ".txt.gz")
TEXT_FIELDS = ("text", "poem", "content", "paragraphs", "lines")
NOT_UTF8, BROKEN_JSON = "not UTF-8", "broken JSON"

_HEAD = 1000  # lines of a text file that decide whether blank lines separate its poems
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_TITLE = re.compile(r"([^:：，。？！；、,.?!;\n]{1,30})[:：](.+)", re.DOTALL)
_DYNASTIES = {"tang": "tang", "song": "song", "yuanqu": "yuan"}


class Record(NamedTuple):
    """One entry of a source: where it stands, and its text and meta, or the problem with it."""

    where: str
    text: str = ""
    meta: Mapping[str, str] = {}
    problem: str = ""


_Line = tuple[str, str | None]
"""A line of a file: where it stands, and its text, or None when it is not UTF-8."""


def check_source(name: str) -> str:
    """The name; CorpusError where nothing is, or of an unknown format. A hub is not asked yet."""
    known = name.endswith(SUFFIXES)
    if name != "-" and not os.path.exists(name) and (known or not _HUB_NAME.fullmatch(name)):
        raise CorpusError(f"{name}: no such file or folder; check the path")
    if os.path.isfile(name) and not known:
        raise CorpusError(f"{name}: unknown format; expected a name in {', '.join(SUFFIXES)}")
    return name


def read_source(name: str, ignored: Counter[str]) -> Iterator[Record]:
    """The entries of a source, in the order of the file, and of file names in a folder.

    The files of a folder that are of no known format are counted in `ignored`, by suffix. Raises
    CorpusError when a file cannot be read at all.
    """
    if not os.path.isdir(name):
        yield from _file_records(name)
        return
    for folder, folders, files in os.walk(name):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(f for f in files if not f.startswith(".")):
            if file.endswith(SUFFIXES):
                yield from _file_records(os.path.join(folder, file))
            else:
                ignored[Path(file).suffix or "without suffix"] += 1


def _file_records(name: str) -> Iterator[Record]:
    try:
        if name == "-":
            if sys.stdin is None:
                raise OSError("it is closed")
            yield from _sniffed_records("stdin", sys.stdin.buffer)
        elif name.endswith((".csv", ".parquet")) or not os.path.exists(name):
            yield from _table_records(name)
        else:
            opened: Any = gzip.open if name.endswith(".gz") else open
            with opened(name, "rb") as file:
                if name.removesuffix(".gz").endswith(".json"):
                    yield from _json_records(name, file)
                elif name.removesuffix(".gz").endswith(".jsonl"):
                    yield from _jsonl_records(name, _lines(name, file))
                else:
                    yield from _sniffed_records(name, file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CorpusError(f"{name}: cannot be read ({reason}); check the file") from error


def _lines(name: str, file: BinaryIO) -> Iterator[_Line]:
    for number, raw in enumerate(file, 1):
        where = f"{name}:{number}"
        try:
            yield where, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield where, None


def _sniffed_records(name: str, file: BinaryIO) -> Iterator[Record]:
    """Entries of a file whose name says only that it is text."""
    lines = _lines(name, file)
    head = list(islice(lines, _HEAD))
    texts = ["?" if text is None else text.strip() for _, text in head]
    lines = chain(head, lines)
    if "".join(texts).startswith("{"):
        yield from _jsonl_records(name, lines)
    elif "\n\n" in "\n".join(texts).strip("\n"):
        yield from _block_records(lines)
    else:
        yield from _line_records(lines)


def _line_records(lines: Iterable[_Line]) -> Iterator[Record]:
    """A poem per line."""
    for where, text in lines:
        if text is None:
            yield Record(where, problem=NOT_UTF8)
        elif text.strip():
            match = _TITLE.fullmatch(text.strip())
            if match and has_han(match[2]):
                yield Record(where, match[2], {"title": _tidy(match[1])})
            else:
                yield Record(where, text)


def _block_records(lines: Iterable[_Line]) -> Iterator[Record]:
    """Poems separated by blank lines."""
    block: list[_Line] = []
    for line in chain(lines, [("", "")]):
        if line[1] is None or line[1].strip():
            block.append(line)
        elif block:
            broken = [where for where, text in block if text is None]
            if broken:
                yield Record(broken[0], problem=NOT_UTF8)
            else:
                yield Record(block[0][0], "\n".join(text or "" for _, text in block))
            block = []


def _jsonl_records(name: str, lines: Iterable[_Line]) -> Iterator[Record]:
    """An object per line."""
    for where, text in lines:
        if text is None:
            yield Record(where, problem=NOT_UTF8)
        elif text.strip():
            try:
                value = json.loads(text)
            # A hostile file nests more deeply than Python recurses.
            except (ValueError, RecursionError):
                yield Record(where, problem=BROKEN_JSON)
            else:
                yield _object_record(name, where, value)


def _json_records(name: str, file: BinaryIO) -> Iterator[Record]:
    """A list of objects, or one; or, under this suffix too, an object per line."""
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        yield Record(name, problem=NOT_UTF8)
        return
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("{"):
            lines = enumerate(text.split("\n"), 1)
            yield from _jsonl_records(name, ((f"{name}:{n}", line) for n, line in lines))
        else:
            yield Record(f"{name}:{getattr(error, 'lineno', 1)}", problem=BROKEN_JSON)
        return
    for number, value in enumerate(values if isinstance(values, list) else [values], 1):
        yield _object_record(name, f"{name}: entry {number}", value)


def _table_records(name: str) -> Iterator[Record]:
    """The rows of a table, or of a data set on the hub: of its train split if it has one."""
    import datasets  # type: ignore[import-untyped]

    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # or it tells a server of every table read
    try:
        # Streaming writes no data, but locks: into a folder that goes away.
        with tempfile.TemporaryDirectory(prefix="poetvae-") as cache:
            path, options = name, {"streaming": True, "cache_dir": cache}
            if os.path.exists(name):
                path = name.rpartition(".")[2]
                options["data_files"] = os.path.abspath(name)
            if name.endswith(".csv"):
                # A poem may be called NA; a broken character becomes U+FFFD, a lacuna.
                options |= {"keep_default_na": False, "encoding_errors": "replace"}
            splits = datasets.load_dataset(path, **options)
            split = "train" if "train" in splits else next(iter(splits))
            for number, row in enumerate(splits[split], 1):
                yield _object_record(name, f"{name}: row {number}", row)
    # datasets passes on what pandas, pyarrow, fsspec and the hub raise; there is no common base.
    except Exception as error:
        what = "cannot be read" if os.path.exists(name) else "no such file, folder or hub data set"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CorpusError(f"{name}: {what} ({reason}); check the name") from error


def _object_record(name: str, where: str, value: object) -> Record:
    """The entry in an object: its text, and its other strings as meta."""
    if not isinstance(value, dict):
        return Record(where, problem="not an object")
    for key in TEXT_FIELDS:
        text = value.get(key)
        if isinstance(text, list) and all(isinstance(line, str) for line in text):
            text = "\n".join(text)
        if isinstance(text, str):
            break
    else:
        return Record(where, problem=f"none of the fields {', '.join(TEXT_FIELDS)}")
    others = {k: v for k, v in value.items() if k != key and isinstance(v, str) and v.strip()}
    meta = {_tidy(k): _tidy(v) for k, v in others.items()}
    # The file names of chinese-poetry tell the dynasty: poet.tang.0.json.
    for part in os.path.basename(name).split("."):
        if part in _DYNASTIES:
            return Record(where, text, {"dynasty": _DYNASTIES[part], **meta})
    return Record(where, text, meta)


def _tidy(text: str) -> str:
    """A string for one line of output: single blanks, nothing that UTF-8 or a terminal minds."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())

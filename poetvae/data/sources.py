"""The formats that poems come in, each read as a stream of entries.

- `.json`: a list of entries, such as the files of chinese-poetry, or sections that have them
- `.jsonl`, `.ndjson`: an entry per line
- `.txt`: poems separated by blank lines; without any, one a line; see `layouts`
- `.csv`, `.tsv`, `.parquet` and data sets on the hub (owner/name): a row per poem
- `-`: standard input, and files without suffix, as pipes: JSON if it begins so, or text

An entry is an object, a list of lines, or a text; `fields` finds the poem in it. All but `.parquet`
may be compressed (`.gz`), and in any encoding, see `encoding`.
"""

from __future__ import annotations

import gzip
import os
import re
import select
import stat
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ..errors import CorpusError, listed, reason_of
from ..i18n import N_, _
from .documents import JSON_LINES, document_entries, has_entry_a_line, is_json, line_entries
from .encoding import BROKEN, check_encoding, decoded
from .fields import entry_records
from .layouts import Line, text_records
from .reading import PLAIN, ReadingOptions
from .record import Record, check_size
from .tables import SEPARATED, hub_entries, parquet_entries, separated_entries

_TEXTS = (".json", ".jsonl", ".txt", ".csv", ".ndjson", ".tsv")
SUFFIXES = (*_TEXTS, ".parquet", *(f"{suffix}.gz" for suffix in _TEXTS))

Read = Callable[[int], bytes]
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
PATIENCE = 10  # seconds to wait for somebody to write into a pipe
_PACKED = 200, 2**24  # unpacked, so many times the file is a bomb; so many bytes are none


@dataclass
class Passed:
    """What reading has to tell beside the entries: how many files and folders were not read, by
    suffix or reason, and how many files were read in which encoding other than UTF-8."""

    ignored: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)


def check_source(name: str) -> str:
    """The name; CorpusError where nothing is, or of an unknown format. A hub is not asked yet."""
    known = name.endswith(SUFFIXES)
    if name != "-" and not os.path.exists(name) and (known or not _is_hub_name(name)):
        what = _("is a link to nothing") if os.path.islink(name) else _("no such file or folder")
        raise CorpusError(_("{name}: {what}; check the path", name=name, what=what))
    if os.path.isfile(name) and not known:
        raise CorpusError(
            _(
                "{name}: unknown format; expected a name in {suffixes}",
                name=name,
                suffixes=listed(SUFFIXES[:7]),
            )
        )
    return name


def read_source(
    name: str, passed: Passed, options: ReadingOptions = PLAIN, strict: bool = False
) -> Iterator[Record]:
    """The entries of a source, in the order of the file, and of file names in a folder.

    What is not read of a folder is counted in `passed`. Raises CorpusError when a file cannot be
    read at all and, if strict, when a folder cannot.
    """
    if not os.path.isdir(name):
        yield from _file_records(name, passed, options)
        return

    def closed(error: OSError) -> None:
        if strict:
            raise CorpusError(
                _(
                    "{folder}: cannot be entered ({reason}); check it, or read without strict to "
                    "pass it over",
                    folder=error.filename,
                    reason=reason_of(error),
                )
            )
        passed.ignored[N_("folder that cannot be entered")] += 1

    for folder, folders, files in os.walk(name, onerror=closed):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for path in (os.path.join(folder, f) for f in folders):
            if os.path.islink(path):
                passed.ignored[N_("linked folder")] += 1
        for path in (os.path.join(folder, f) for f in sorted(files) if not f.startswith(".")):
            if not path.endswith(SUFFIXES):
                passed.ignored[Path(path).suffix or N_("without suffix")] += 1
            elif not os.path.isfile(path):
                what = N_("no regular file") if os.path.exists(path) else N_("link to nothing")
                passed.ignored[what] += 1
            else:
                yield from _file_records(path, passed, options)


def typed_lines(name: str, blank: bool = False) -> Iterator[str]:
    """The lines of a text file, or of standard input, as they stand there, `blank` ones or not.
    Raises CorpusError: it cannot be read, or a line of it is not in the encoding of the others."""
    if os.path.isdir(name):
        raise CorpusError(_("{name}: is a folder; give a file, a text on each line", name=name))
    try:
        with _opened(name) as read:
            encoding, parts = decoded(read)
            for where, text in _lines("stdin" if name == "-" else name, parts, "\n"):
                if BROKEN in text:
                    told = encoding.removesuffix("-sig")
                    raise CorpusError(
                        _("{where}: is not in {told}; convert all to UTF-8", where=where, told=told)
                    )
                yield from (x for x in text.splitlines() or [""] if blank or x.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(name, error) from error


def poems_in(text: str, name: str) -> Iterator[str]:
    """What somebody asks about: the text as it is; of JSON its poems, each behind a line with its
    title, or the tune that it is of. Raises CorpusError: an entry is broken, or holds no poem."""
    if not is_json(text):
        yield text
        return
    lines = ((f"{name}:{n}", line) for n, line in enumerate(text.splitlines(), 1))
    by_line = has_entry_a_line(text)
    entries = line_entries(lines) if by_line else document_entries(name, iter([text]))
    for record in entry_records(name, entries, PLAIN):
        if record.problem:
            raise CorpusError(
                _(
                    "{where}: {problem}; expected poems",
                    where=record.where,
                    problem=_(record.problem),
                )
            )
        title = record.meta.get("rhythmic") or record.meta.get("title", "")
        yield f"# {title}\n{record.text}"


def _unreadable(name: str, error: Exception) -> CorpusError:
    return CorpusError(
        _("{name}: cannot be read ({reason}); check the file", name=name, reason=reason_of(error))
    )


def _is_hub_name(name: str) -> bool:
    """Whether a name that is no path here may be one on the hub: not if its folder is here."""
    return _HUB_NAME.fullmatch(name) is not None and not os.path.lexists(name.partition("/")[0])


def _file_records(name: str, passed: Passed, options: ReadingOptions) -> Iterator[Record]:
    try:
        if name.endswith(".parquet"):
            yield from entry_records(name, parquet_entries(name), options)
        elif name != "-" and not os.path.exists(name):
            yield from entry_records(name, hub_entries(name), options)
        else:
            with _opened(name) as read:
                yield from _text_records(name, read, passed, options)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(name, error) from error


def _text_records(
    name: str, read: Read, passed: Passed, options: ReadingOptions
) -> Iterator[Record]:
    """The entries of a file whose bytes are text."""
    told = check_encoding(options.encoding) if options.encoding else None
    encoding, parts = decoded(read, told)
    if not encoding.startswith("utf-8"):
        passed.encodings[encoding] += 1
    suffix, name = Path(name.removesuffix(".gz")).suffix, "stdin" if name == "-" else name
    head = next(parts, "")
    parts = chain([head], parts)
    lines = _lines(name, parts, "\r" if "\r" in head and "\n" not in head else "\n")
    if suffix in SEPARATED:
        records = entry_records(name, separated_entries(name, lines, head), options)
    elif suffix in (".json", *JSON_LINES) or is_json(head):
        by_line = suffix in JSON_LINES and not head.lstrip().startswith("[")
        by_line = by_line or has_entry_a_line(head)
        entries = line_entries(lines) if by_line else document_entries(name, parts)
        records = entry_records(name, entries, options)
    else:
        records = text_records(name, lines, head, options)
    for record in records:
        yield record.checked(encoding)


def _lines(name: str, parts: Iterator[str], end: str) -> Iterator[Line]:
    """The lines of a text; CorpusError where one has no end."""
    number, rest = 0, ""
    for part in chain(parts, [end]):
        *lines, rest = (rest + part).split(end)
        check_size(len(rest), f"{name}:{number + len(lines) + 1}")
        for line in lines:
            number += 1
            yield f"{name}:{number}", line.rstrip("\r\n")


@contextmanager
def _opened(name: str) -> Iterator[Read]:
    """What reads so many bytes of a file, unpacked, of a pipe, or of standard input.
    Raises CorpusError: it is none of these, or nobody writes into the pipe."""
    if name == "-":
        if sys.stdin is None:
            raise OSError(_("it is closed"))
        yield sys.stdin.buffer.read
        return
    mode = os.stat(name).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise CorpusError(
            _("{name}: is no file, folder or pipe; give one, or - for standard input", name=name)
        )
    with _open_pipe(name) if stat.S_ISFIFO(mode) else open(name, "rb") as file:
        yield _unpacking(name, file) if name.endswith(".gz") else file.read


def _open_pipe(name: str) -> BinaryIO:
    """A pipe that somebody writes into; one with a name of its own may be waited at for ever."""
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    own = os.path.exists(os.path.realpath(name))
    if own and not select.select([handle], [], [], PATIENCE)[0]:
        os.close(handle)
        raise CorpusError(
            _("{name}: nobody writes into this pipe; begin to, or give a file", name=name)
        )
    os.set_blocking(handle, True)
    return open(handle, "rb")


def _unpacking(name: str, file: BinaryIO) -> Read:
    """What reads an archive; CorpusError where a small one unpacks without end."""
    archive, (times, free) = gzip.GzipFile(fileobj=file), _PACKED

    def read(count: int) -> bytes:
        data = archive.read(count)
        if archive.tell() > free and archive.tell() > times * file.tell():
            raise CorpusError(
                _(
                    "{name}: unpacks to more than {times} times its size; check the file",
                    name=name,
                    times=times,
                )
            )
        return data

    read(free + 1)  # before anything is made of it
    archive.seek(0)
    return read

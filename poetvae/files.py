"""Files and folders: written whole or not at all, listed in a manifest, held by one process.

The only home of what systems do differently: putting names on disk, and locks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import MALFORMED, CheckpointError, ConfigError, PoetVAEError

MANIFEST = "manifest.json"
MAX_JSON = 2**20
"""Bytes of a file of JSON that are read, so that a hostile one takes no memory."""


def check_suffix(out: Path, suffixes: tuple[str, ...]) -> str:
    """The suffix of a name, in lower case; raises ConfigError for any other than these."""
    suffix = out.suffix.lower()
    if suffix not in suffixes:
        raise ConfigError(f"{out}: expected a name that ends in {', '.join(suffixes)}")
    return suffix


def write_file(path: Path, data: bytes, error: type[PoetVAEError] = CheckpointError) -> None:
    """Replace a file at once, see `write_files`."""
    write_files(path.parent, {path.name: data}, error)


def write_files(
    folder: Path, files: Mapping[str, bytes], error: type[PoetVAEError] = CheckpointError
) -> None:
    """Replace files of a folder: the old ones stay until all the new ones are on disk.
    Raises PoetVAEError: of this type, where one cannot be written; nothing half-written stays."""
    temporaries = {name: folder / f".{name}.tmp" for name in files}
    try:
        for name, data in files.items():
            with open(temporaries[name], "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for name, temporary in temporaries.items():
            os.replace(temporary, folder / name)
        sync(folder)
    except OSError as cause:
        raise error(f"{folder / name}: cannot be written ({cause.strerror})") from cause
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes `folder` at the end, or goes away with an error; so does
    what a process that was killed here left behind."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        sync(temporary)
        os.rename(temporary, folder)
        for parent in (folder.parent, folder.parent.parent):  # either may be new
            sync(parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync(path: Path) -> None:
    """Put a file, or the names in a folder, on disk; where folders cannot be opened, nothing."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def manifest_entry(data: bytes) -> dict[str, Any]:
    """What a manifest has of a file."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def manifest_bytes(entries: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The manifest of files by name."""
    return json.dumps({"files": entries}, indent=2).encode() + b"\n"


def read_manifest(folder: Path, error: type[PoetVAEError], remedy: str) -> dict[str, Any]:
    """Size and sha256 of the files of a folder, by name.
    Raises PoetVAEError: of this type, where it is missing or lists no files."""
    path = folder / MANIFEST
    try:
        with open(path, "rb") as file:
            listed = json.loads(file.read(MAX_JSON))["files"]
        if all(e.keys() == {"size", "sha256"} and type(e["size"]) is int for e in listed.values()):
            return dict(listed)
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror}); {remedy}") from cause
    except MALFORMED:
        pass
    raise error(f"{path} is damaged: it lists no files with size and sha256; {remedy}")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; however the process ends, the system lets go of it.
    Where folders cannot be locked (some network file systems) nothing is held.

    Raises CheckpointError: another process holds it.
    """
    from filelock import FileLock, Timeout  # of use to trainings alone; other commands start sooner

    lock = FileLock(folder / ".lock")
    try:
        with contextlib.suppress(OSError, NotImplementedError):
            try:
                lock.acquire(blocking=False)
            except Timeout as error:
                remedy = "wait for it, or choose another --out"
                raise CheckpointError(
                    f"{folder} is in use by another training; {remedy}"
                ) from error
        yield
    finally:
        lock.release()

"""Files and folders: written whole or not at all, listed in a manifest, held by one process.

The only home of what systems do differently: putting names on disk, and locks. What is not complete
yet has a name that nobody foresees, `.poetvae-` with 16 random digits and `.tmp`: it is made where
nothing was and held by its process, and no other removes it while that lives.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows a temporary is not held, and not swept after its process
    fcntl = None  # type: ignore[assignment]

from .errors import MALFORMED, CheckpointError, ConfigError, PoetVAEError, listed, reason_of
from .i18n import _

MANIFEST = "manifest.json"
MOST = {
    MANIFEST: 2**20,
    "README.md": 2**20,
    "config.json": 2**22,
    "train.json": 2**24,
    "tokenizer.model": 2**24,
    "model.safetensors": 2**32,
    "state.pt": 2**34,
}
"""Bytes of a file of this name that are read, so that a hostile one takes no memory."""
MOST_OF_OTHERS = 2**26
TEMPORARY = re.compile(r"\.poetvae-[0-9a-f]{16}\.tmp")


def check_regular(path: str | Path) -> int:
    """The size of a file in bytes. Raises OSError: there is none, or it is a folder, or a pipe or a
    device, which may have no end."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        folder = stat.S_ISDIR(found.st_mode)
        why = _("it is a directory") if folder else _("it is a pipe or a device")
        raise OSError(errno.EINVAL, _("{why}; expected a file", why=why), str(path))
    return found.st_size


def read_limited(path: str | Path) -> bytes:
    """A file, whole. Raises OSError: as `check_regular` does; or it is larger than `MOST` says."""
    size, most = check_regular(path), MOST.get(Path(path).name, MOST_OF_OTHERS)
    if size > most:
        why = _("it has {size:,} bytes; expected at most {most:,}", size=size, most=most)
        raise OSError(errno.EFBIG, why, str(path))
    with open(path, "rb") as file:
        return file.read(size)


def check_suffix(out: Path, suffixes: tuple[str, ...]) -> str:
    """The suffix of a name, in lower case; raises ConfigError for any other than these."""
    suffix = out.suffix.lower()
    if suffix not in suffixes:
        raise ConfigError(
            _(
                "{out}: expected a name that ends in {suffixes}",
                out=out,
                suffixes=listed(suffixes),
            )
        )
    return suffix


def write_file(path: Path, data: bytes, error: type[PoetVAEError] = CheckpointError) -> None:
    """Replace a file at once, see `write_files`."""
    write_files(path.parent, {path.name: data}, error)


def write_files(
    folder: Path, files: Mapping[str, bytes], error: type[PoetVAEError] = CheckpointError
) -> None:
    """Replace files of a folder: the old ones stay until all the new ones are on disk, and pass
    their modes and owners on to them.
    Raises PoetVAEError: of this type, where one cannot be written; nothing half-written stays."""
    sweep(folder)
    with contextlib.ExitStack() as held:
        temporaries = {}
        try:
            for name, data in files.items():
                path, handle = held.enter_context(_temporary(folder, _create))
                with open(path if handle < 0 else handle, "wb", closefd=handle < 0) as file:
                    file.write(data)
                    file.flush()
                    _pass_on(folder / name, handle)
                    os.fsync(file.fileno())
                temporaries[name] = path
            for name, path in temporaries.items():
                os.replace(path, folder / name)
            sync(folder)
        except OSError as cause:
            raise error(
                _(
                    "{path}: cannot be written ({reason})",
                    path=folder / name,
                    reason=reason_of(cause),
                )
            ) from cause


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes `folder` at the end, or goes away with an error.
    Raises OSError: it cannot be written, or there is something by then, which stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent) as temporary:
        yield temporary
        sync(temporary)
        os.rename(temporary, folder)
        for parent in (folder.parent, folder.parent.parent):  # either may be new
            sync(parent)


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in another, for this process alone; it goes away in the end, unless it was moved
    to the name that it is for. What killed processes have left there goes away, too."""
    sweep(parent)
    with _temporary(parent, _create_folder) as (path, _):
        yield path


@contextlib.contextmanager
def _temporary(folder: Path, create: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """The path of what `create` makes, and its handle, by which it is held; then it goes away."""
    while True:
        path = folder / f".poetvae-{secrets.token_hex(8)}.tmp"
        handle = create(path)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # some file systems hold nothing
                fcntl.flock(handle, fcntl.LOCK_EX)
        if _is(handle, path):
            break
        os.close(handle)  # a process that sweeps was faster
    try:
        yield path, handle
    finally:
        with contextlib.suppress(OSError):
            if _is(handle, path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if handle >= 0:
            os.close(handle)


def _create(path: Path) -> int:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    if fcntl is not None:
        return handle
    os.close(handle)  # Windows moves no file that is open
    return -1


def _create_folder(path: Path) -> int:
    path.mkdir()
    return -1 if fcntl is None else os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _is(handle: int, path: Path) -> bool:
    """Whether an open file or folder still has its name; without a handle it is taken to."""
    with contextlib.suppress(OSError):
        return handle < 0 or os.path.samestat(os.fstat(handle), os.lstat(path))
    return False


def _pass_on(path: Path, handle: int) -> None:
    """Give an open file the owner and the mode of the one that it is to replace, if any."""
    with contextlib.suppress(OSError):
        old = os.lstat(path)
        if handle >= 0 and stat.S_ISREG(old.st_mode):
            with contextlib.suppress(OSError):  # another's file is given away by root alone
                os.fchown(handle, old.st_uid, old.st_gid)
            os.fchmod(handle, stat.S_IMODE(old.st_mode))


def sweep(folder: Path) -> None:
    """Remove from a folder what killed processes of this user have left half-written: what has such
    a name and is held by nobody. Where it cannot be told, as across a network, it stays."""
    with contextlib.suppress(OSError):
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder) if fcntl else ()):
            with contextlib.suppress(OSError):
                _sweep(folder / name)


def _sweep(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_uid == os.geteuid() and _is(handle, path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(handle)


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


def manifest_bytes(entries: Mapping[str, Mapping[str, Any]], **about: Any) -> bytes:
    """The manifest of files by name, and what else is known of them."""
    return json.dumps({"files": entries, **about}, indent=2).encode() + b"\n"


def read_manifest(folder: Path, error: type[PoetVAEError], remedy: str) -> dict[str, Any]:
    """Size and sha256 of the files of a folder, by name.
    Raises PoetVAEError: of this type, where it is missing or lists no files."""
    path = folder / MANIFEST
    try:
        listed = json.loads(read_limited(path))["files"]
        if all(e.keys() == {"size", "sha256"} and type(e["size"]) is int for e in listed.values()):
            return dict(listed)
    except OSError as cause:
        raise error(
            _(
                "{path}: cannot be read ({reason}); {remedy}",
                path=path,
                reason=reason_of(cause),
                remedy=remedy,
            )
        ) from cause
    except MALFORMED:
        pass
    raise error(
        _(
            "{path} is damaged: it lists no files with size and sha256; {remedy}",
            path=path,
            remedy=remedy,
        )
    )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Callable[[], bool]]:
    """Hold a folder for this process alone; however the process ends, the system lets go of it.
    Gives what tells whether the name is still that folder's, not another's, nor nobody's. Where
    folders cannot be locked (some network file systems) nothing is held.

    Raises CheckpointError: another process holds it.
    """
    from filelock import FileLock, Timeout  # of use to trainings alone; other commands start sooner

    if (folder / ".lock").is_symlink():
        raise CheckpointError(_("{folder}/.lock is a link; remove it", folder=folder))
    lock = FileLock(folder / ".lock")
    # Open it keeps its number, which another folder might get otherwise.
    handle = -1 if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError, NotImplementedError):
            try:
                lock.acquire(blocking=False)
            except Timeout as error:
                raise CheckpointError(
                    _(
                        "{folder} is in use by another training; wait for it, or choose "
                        "another --out",
                        folder=folder,
                    )
                ) from error
        yield lambda: folder.is_dir() if handle < 0 else _is(handle, folder)
    finally:
        lock.release()
        if handle >= 0:
            os.close(handle)

"""Files that people name: checked before the work, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import ConfigError


def check_suffix(out: Path, suffixes: tuple[str, ...]) -> str:
    """The suffix of a name, in lower case; raises ConfigError for any other than these."""
    suffix = out.suffix.lower()
    if suffix not in suffixes:
        raise ConfigError(f"{out}: expected a name that ends in {', '.join(suffixes)}")
    return suffix


def write_file(out: Path, data: bytes) -> None:
    """Replace a file at once: the old one stays until the new one is on disk.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()

"""Files as tests write, read and forge them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a .jsonl file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def forge(folder: Path, name: str, data: bytes) -> None:
    """Replace a file, and have the manifest say that it is right."""
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / name).write_bytes(data)
    forge_entry(folder, name, entry)


def forge_entry(folder: Path, name: str, entry: object) -> None:
    """Have the manifest say this of a file."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = entry
    (folder / "manifest.json").write_text(json.dumps(manifest))

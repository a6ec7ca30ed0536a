"""The tunes of ci: none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tune:
    """A tune, or one of its variants."""

    name: str
    lengths: tuple[int, ...]
    marks: str
    stanzas: tuple[int, ...]


def tunes() -> Mapping[str, Tune]:
    """All tunes by name."""
    return {}


def tunes_named(name: str) -> tuple[Tune, ...]:
    """All tunes that have a name."""
    return ()

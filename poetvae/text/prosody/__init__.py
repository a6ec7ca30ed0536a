"""Sounds and metre: what a language tells of its verse, one module a language."""

from .chinese import (
    RHYMES,
    levels,
    patterns,
    readings,
    regulated,
    rhyme,
    rhyme_ok,
    rhymes,
    schemes,
    tones,
    unknown,
)
from .interface import FREE, LEVEL, OBLIQUE, Language, Reading

__all__ = ["FREE", "LEVEL", "OBLIQUE", "RHYMES", "Language", "Reading", "levels", "patterns"]
__all__ += ["readings", "regulated", "rhyme", "rhyme_ok", "rhymes", "schemes", "tones", "unknown"]

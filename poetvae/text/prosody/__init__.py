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
    tone_pattern,
    tones,
    unknown,
)
from .interface import FREE, LEVEL, OBLIQUE, UNKNOWN, Language, Reading

__all__ = ["FREE", "LEVEL", "OBLIQUE", "RHYMES", "UNKNOWN", "Language", "Reading", "levels"]
__all__ += ["patterns", "readings", "regulated", "rhyme", "rhyme_ok", "rhymes", "schemes"]
__all__ += ["tone_pattern", "tones", "unknown"]

"""Sounds and metre: what a language tells of its verse, one module a language."""

from .chinese import (
    RHYMES,
    TONE_NAMES,
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

__all__ = ["FREE", "LEVEL", "OBLIQUE", "RHYMES", "TONE_NAMES", "Language", "Reading", "levels"]
__all__ += ["patterns", "readings", "regulated", "rhyme", "rhyme_ok", "rhymes", "schemes"]
__all__ += ["tones", "unknown"]

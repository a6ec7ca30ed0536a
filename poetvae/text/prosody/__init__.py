"""Sounds and metre: what a language tells of its verse, one module a language."""

from .chinese import (
    COMPLIANCE,
    REGULATED,
    RHYMES,
    TONE_NAMES,
    book,
    compliance,
    kinds,
    levels,
    opens,
    patterns,
    readings,
    regulated,
    rhyme,
    rhyme_ok,
    rhymes,
    schemes,
    sounds,
    tones,
    unknown,
)
from .interface import FREE, LENIENT, LEVEL, OBLIQUE, STRICT, STRICTNESS, USUAL, Language, Reading
from .rhyme_names import rhyme_classes

__all__ = ["COMPLIANCE", "FREE", "LENIENT", "LEVEL", "OBLIQUE", "REGULATED", "RHYMES", "STRICT"]
__all__ += ["STRICTNESS", "TONE_NAMES", "USUAL", "Language", "Reading", "book", "compliance"]
__all__ += ["kinds", "levels", "opens", "patterns", "readings", "regulated", "rhyme", "rhyme_ok"]
__all__ += ["rhyme_classes", "rhymes", "schemes", "sounds", "tones", "unknown"]

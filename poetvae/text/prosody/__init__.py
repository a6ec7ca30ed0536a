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
    readings,
    rhymes,
    schemes,
    sounds,
    tones,
    unknown,
)
from .interface import (
    FREE,
    LENIENT,
    LEVEL,
    OBLIQUE,
    STRICT,
    STRICTNESS,
    UNHEARD,
    USUAL,
    Language,
    Reading,
    Rhyme,
)
from .rhyme_names import rhyme_classes
from .verdict import patterns, readings_named, regulated, rhyme, rhyme_ok, rhymes_of

__all__ = ["COMPLIANCE", "FREE", "LENIENT", "LEVEL", "OBLIQUE", "REGULATED", "RHYMES", "STRICT"]
__all__ += ["STRICTNESS", "TONE_NAMES", "UNHEARD", "USUAL", "Language", "Reading", "Rhyme", "book"]
__all__ += ["compliance", "kinds", "levels", "opens", "patterns", "readings", "readings_named"]
__all__ += ["regulated", "rhyme", "rhyme_classes", "rhyme_ok", "rhymes", "rhymes_of", "schemes"]
__all__ += ["sounds", "tones", "unknown"]

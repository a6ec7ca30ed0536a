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
from .verdict import (
    first_rhymes,
    patterns,
    readings_named,
    regulated,
    rhyme,
    rhyme_ok,
    rhymes_of,
    self_rhymes,
)

__all__ = ["COMPLIANCE", "FREE", "LENIENT", "LEVEL", "OBLIQUE", "REGULATED", "RHYMES", "STRICT"]
__all__ += ["STRICTNESS", "TONE_NAMES", "UNHEARD", "USUAL", "Language", "Reading", "Rhyme", "book"]
__all__ += ["compliance", "first_rhymes", "kinds", "levels", "opens", "patterns", "readings"]
__all__ += ["readings_named", "regulated", "rhyme", "rhyme_classes", "rhyme_ok", "rhymes"]
__all__ += ["rhymes_of", "schemes", "self_rhymes", "sounds", "tones", "unknown"]

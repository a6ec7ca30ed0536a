"""Sounds and metre: what a language tells of its verse, a folder or a module a language."""

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
    rhymes,
    schemes,
    tones,
    unknown,
)
from .chinese.rhyme_names import rhyme_classes
from .chinese.shi import sounds
from .chinese.verdict import patterns, readings_named, rhymes_of
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
from .languages import (
    LANGUAGES,
    METRES,
    check_all,
    first_rhymes,
    language_of,
    readings,
    regulated,
    rhyme,
    rhyme_ok,
    said,
    self_rhymes,
)

__all__ = ["COMPLIANCE", "FREE", "LANGUAGES", "LENIENT", "LEVEL", "METRES", "OBLIQUE", "REGULATED"]
__all__ += ["RHYMES", "STRICT", "STRICTNESS", "TONE_NAMES", "UNHEARD", "USUAL", "Language"]
__all__ += ["Reading", "Rhyme", "book", "check_all", "compliance", "first_rhymes", "kinds"]
__all__ += ["language_of", "levels", "opens", "patterns", "readings", "readings_named", "regulated"]
__all__ += ["rhyme", "rhyme_classes", "rhyme_ok", "rhymes", "rhymes_of", "said", "schemes"]
__all__ += ["self_rhymes", "sounds", "tones", "unknown"]

"""English words for verse: syllables, stress and rhyme, where a syllable is a position."""

from .check import checked
from .language import (
    CODE,
    NAME,
    characters,
    heading,
    heard,
    joins,
    lengths,
    letters,
    lexicon,
    means,
    parts,
    readings,
    said,
    speaks,
    spellings,
    syllables,
    titled,
    units,
    unknown,
    written,
)
from .metre import (
    ASKS,
    METRES,
    PLACES,
    SAYS,
    first_rhymes,
    patterns,
    readings_named,
    regulated,
    rhyme,
    rhyme_names,
    rhyme_ok,
    rhyme_readings,
    rhymes_of,
    self_rhymes,
    slots,
)
from .sounds import ARCHAIC, DICTIONARY, LETTERS, RULE, SOURCES
from .table import dictionary, vocabulary
from .verse import DIERESIS, LICENCES, PLAIN, SOUNDED, SYNCOPE, SYNERESIS
from .words import (
    FUNCTION_WORDS,
    IDENTICAL,
    PERFECT,
    Pronunciation,
    Syllable,
    is_function_word,
    pronunciations,
    rhyme_kind,
)

__all__ = ["ARCHAIC", "ASKS", "CODE", "DICTIONARY", "DIERESIS", "FUNCTION_WORDS", "IDENTICAL"]
__all__ += ["LETTERS", "LICENCES", "METRES", "NAME", "PERFECT", "PLACES", "PLAIN", "Pronunciation"]
__all__ += ["RULE", "SAYS", "SOUNDED", "SOURCES", "SYNCOPE", "SYNERESIS", "Syllable", "characters"]
__all__ += ["checked", "dictionary", "first_rhymes", "heading", "heard", "is_function_word"]
__all__ += ["joins", "lengths", "letters", "lexicon", "means", "parts", "patterns"]
__all__ += ["pronunciations", "readings", "readings_named", "regulated", "rhyme", "rhyme_kind"]
__all__ += ["rhyme_names", "rhyme_ok", "rhyme_readings", "rhymes_of", "said", "self_rhymes"]
__all__ += ["slots", "speaks", "spellings", "syllables", "titled", "units", "unknown"]
__all__ += ["vocabulary", "written"]

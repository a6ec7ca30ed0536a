"""Chinese verse: characters, their tones and rhymes, regulated verse and tunes.

`writing` says how it is written, `shi` what regulated verse (詩) keeps, `verdict` what any form
does, a tune's (詞) among them, and `check` what is wrong with a poem.
"""

from .check import check_all as checked
from .shi import (
    COMPLIANCE,
    REGULATED,
    RHYMES,
    TONE_NAMES,
    book,
    compliance,
    kinds,
    levels,
    only_usual,
    opens,
    readings,
    rhymes,
    schemes,
    tones,
    unknown,
)
from .verdict import (
    first_rhymes,
    readings_named,
    regulated,
    rhyme,
    rhyme_ok,
    self_rhymes,
)
from .writing import (
    ASKS,
    CODE,
    METRES,
    NAME,
    PLACES,
    SAYS,
    characters,
    heading,
    heard,
    joins,
    lengths,
    letters,
    lexicon,
    means,
    parts,
    patterns,
    rhyme_names,
    rhyme_readings,
    rhymes_of,
    said,
    slots,
    speaks,
    spellings,
    syllables,
    titled,
    units,
    written,
)

__all__ = ["ASKS", "CODE", "COMPLIANCE", "METRES", "NAME", "PLACES", "REGULATED", "RHYMES", "SAYS"]
__all__ += ["TONE_NAMES", "book", "characters", "checked", "compliance", "first_rhymes", "heading"]
__all__ += ["heard", "joins", "kinds", "lengths", "letters", "levels", "lexicon", "means"]
__all__ += ["only_usual", "opens", "parts", "patterns", "readings", "readings_named", "regulated"]
__all__ += ["rhyme", "rhyme_names", "rhyme_ok", "rhyme_readings", "rhymes", "rhymes_of", "said"]
__all__ += ["schemes", "self_rhymes", "slots", "speaks", "spellings", "syllables", "titled"]
__all__ += ["tones", "units", "unknown", "written"]

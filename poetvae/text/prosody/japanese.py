"""Japanese verse in kana: a position is a mora, which a kana is, with the small one behind it.

ん, っ and ー are morae of their own. Verse has no metre but the number of morae, 5-7-5 in a haiku,
and does not rhyme: of what is asked of a language, most has no answer here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...errors import CorpusError
from ...i18n import N_, _
from ..form import Form, is_kana
from ..form import written as size_name
from ..graphemes import clusters
from ..names import called
from ..poem import split_verses
from .characters import (
    characters,
    couplets,
    joins,
    lengths,
    letters,
    lexicon,
    means,
    spellings,
    syllables,
    titled,
    units,
)
from .interface import FREE, USUAL, Known, Part, Reading, Rhyme
from .report import Fault, Line, Report

NAME, CODE = "japanese", "ja"
ASKS = frozenset[str]()
METRES: tuple[str, ...] = ()
PLACES: Mapping[str, str] = {}
SAYS: Mapping[str, str] = {
    "no metre": N_("verse in kana counts its morae alone"),
    "no tones": N_("verse in kana counts its morae alone; leave out the tones"),
    "no rhyme": N_("verse in kana does not rhyme; leave out the rhyme"),
    "rhyme": N_("none: verse in kana does not rhyme"),
}
__all__ = ["ASKS", "CODE", "METRES", "NAME", "PLACES", "SAYS", "characters", "checked"]
__all__ += ["first_rhymes", "heading", "heard", "joins", "lengths", "letters", "lexicon", "means"]
__all__ += ["parts", "patterns", "readings", "readings_named", "regulated", "rhyme", "rhyme_names"]
__all__ += ["rhyme_ok", "rhyme_readings", "rhymes_of", "said", "self_rhymes", "slots", "speaks"]
__all__ += ["spellings", "syllables", "titled", "units", "unknown", "written"]


def speaks(text: str) -> bool:
    """Whether a text is of kana alone, marks and blanks apart."""
    return is_kana("".join(char for char in text if char.isalnum() or char == "ー"))


def written(verses: Sequence[str], form: Form) -> str:
    """Verses as people read them, a line each."""
    return "\n".join(verses)


def parts(text: str, wanted: Iterable[tuple[int, ...]]) -> Iterator[Part]:
    """The couplets of a longer text."""
    return couplets(text, wanted, written)


def heading(text: str) -> str:
    """The kana of a title."""
    return "".join(filter(is_kana, text))


def said(verse: str) -> list[str]:
    """Nothing: there are so few morae that they come again in any verse."""
    return []


def readings(token: str, simplified: bool = True, usual: bool = False) -> frozenset[Reading]:
    """None: neither tones nor rhymes are heard in verse."""
    return frozenset()


def rhyme_readings(token: str, book: str) -> frozenset[Reading]:
    """None, as `readings`."""
    return frozenset()


def heard(token: str) -> str:
    """The mora."""
    return token


def slots(token: str, strictness: str) -> frozenset[str]:
    """None: no pattern has places."""
    return frozenset()


def patterns(
    form: Form, metre: str = "", strictness: str = USUAL
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """None: verse counts its morae alone."""
    return ()


def rhymes_of(form: Form, scheme: str = "", known: Known | None = None) -> tuple[Rhyme, ...]:
    """None."""
    return ()


def rhyme_names() -> Mapping[str, str]:
    """None."""
    return {}


def readings_named(name: str, book: str) -> frozenset[Reading]:
    """None."""
    return frozenset()


def checked(text: str, form: Form | None = None, book: str | None = None) -> list[Report]:
    """Whether the verses have the morae of a form. Raises CorpusError: there is no verse."""
    verses = split_verses(text)
    if not verses:
        raise CorpusError(_("the text has no verse of kana; expected a poem"))
    sizes = lengths(verses)
    wanted = form.lengths if form else sizes
    notes = [
        Fault(N_("length"), n, 0, _("{n} morae; expected {wanted}", n=size, wanted=want))
        for n, (size, want) in enumerate(zip(sizes, wanted, strict=False), 1)
        if size != want
    ]
    if len(sizes) != len(wanted):
        why = _("{n} lines; expected {lines}", n=len(sizes), lines=len(wanted))
        notes.insert(0, Fault(N_("length"), 0, 0, why))
    lines = tuple(
        Line(
            verse,
            FREE * size,
            ("",) * size,
            "",
            tuple(x for x in notes if x.line == n),
            tuple(clusters(verse)),
        )
        for n, (verse, size) in enumerate(zip(verses, sizes, strict=True), 1)
    )
    kind = called(wanted) or N_("free verse")
    return [Report("\n".join(verses), size_name(wanted), kind, "", None, lines, tuple(notes))]


def unknown(text: str) -> Counter[str]:
    """Nothing."""
    return Counter()


def regulated(
    verses: Sequence[str], *, strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """None: there is nothing to keep."""
    return None


def rhyme(verses: Sequence[str], strictness: str = USUAL, form: Form | None = None) -> str | None:
    """None, as nothing rhymes."""
    return None


def rhyme_ok(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """None, as nothing has to."""
    return None


def self_rhymes(verses: Sequence[str], form: Form | None = None) -> bool | None:
    """None, as nothing rhymes."""
    return None


def first_rhymes(
    verses: Sequence[str], strictness: str = USUAL, form: Form | None = None
) -> bool | None:
    """None, as nothing rhymes."""
    return None

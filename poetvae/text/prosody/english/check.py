"""Scansion of English verse: where the beat falls, how the lines rhyme, and what is wrong.

    print(check("The curfew tolls the knell of parting day,\\nThe lowing herd winds slowly"))

No model is asked. The metre is the one that the fewest lines are against. Of each line it is told
how it comes to its syllables, and what of it is a liberty that poets take: an inverted foot, a
syllable more at the end, a word drawn together or apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice

from ....errors import ConfigError, CorpusError
from ....i18n import N_, _
from ...form import MAX_LINES, Form, written
from ..interface import LENIENT, USUAL
from ..report import Fault, Line, Report
from .language import lengths
from .lines import MOST, best_size, read, words
from .metre import FEET, INVERTED, METRES, STRONG, WEAK, lines_of, pattern, places, rhyme, rhyming
from .sounds import LETTERS
from .spelling import eye_rhymes
from .tokens import ARTICLE, LICENCE, UNSTRESSED, Reading, parsed, readings
from .words import pronunciations

_NAMES = {2: N_("monometer"), 4: N_("dimeter"), 6: N_("trimeter"), 8: N_("tetrameter")}
_NAMES |= {10: N_("pentameter"), 12: N_("hexameter"), 14: N_("heptameter")}
_SHAPES = {1: N_("line"), 2: N_("couplet"), 3: N_("tercet"), 4: N_("quatrain"), 14: N_("sonnet")}
_LINES = N_("lines")
_WRONG, _LIBERTY, _RARE = 1.0, 0.3, 0.4  # against a stress, an inverted foot, feet of three
syllable = partial(Fault, unit=N_("syllable"))


@dataclass(frozen=True)
class Scansion(Report):
    """A report that shows the beats over the syllables of each line."""

    @property
    def head(self) -> str:
        """What it is: iambic pentameter quatrain · 10x4 · rhymes ABAB."""
        rhymes = _("rhymes {scheme}", scheme=self.rhyme) if self.rhyme else _("no rhyme")
        return " · ".join(filter(None, (_told(self.kind), self.form, rhymes)))

    @property
    def summary(self) -> str:
        """How many faults there are, and how many remarks."""
        return self.counts

    def __str__(self) -> str:
        parts = [self.head, *(f"    {note}" for note in self.notes if not note.line)]
        for n, line in enumerate(self.lines, 1):
            marks = "".join(
                mark.center(len(unit)) for mark, unit in zip(line.tones, line.units, strict=True)
            )
            parts += [f"    {marks}".rstrip(), f"{n:2}  {''.join(line.units)}".rstrip()]
            parts += [f"    {note}" for note in line.notes]
        return "\n".join([*parts, self.summary])


def checked(text: str, form: Form | None = None, book: str | None = None) -> list[Report]:
    """The report on a poem, stanzas and all. Raises CorpusError: there is no verse in it, or too
    much; ConfigError: a book of rhymes is named."""
    return [check(text, form, book)]


def check(text: str, form: Form | None = None, book: str | None = None) -> Report:
    """What is wrong with a poem, and what is to be remarked.

    Args:
        text: a line of text a verse.
        form: what it ought to be; absent: told by the lines.
        book: none: rhymes are told by sound.

    Raises:
        ConfigError: a book of rhymes is named.
        CorpusError: there is no line with a word in it, or there are more than 999.
    """
    if book:
        raise ConfigError(
            _("the book of rhymes is {book!r}; English verse rhymes by sound: name none", book=book)
        )
    verses = [line.strip() for line in text.split("\n") if words(line)]
    if not 1 <= len(verses) <= MAX_LINES:
        raise CorpusError(
            _("the text has {n} lines; expected 1 to {most}", n=len(verses), most=MAX_LINES)
        )
    sizes = _sizes(verses, form)
    if 0 in sizes:
        raise CorpusError(
            _(
                "line {n} has no reading of 1 to {most} syllables; expected verse",
                n=sizes.index(0) + 1,
                most=MOST,
            )
        )
    metre = min(METRES, key=lambda name: (_against(verses, sizes, name), METRES.index(name)))
    lines, notes = [], []
    if form and len(verses) != form.lines:
        why = _("{n} lines; expected {lines}", n=len(verses), lines=form.lines)
        notes.append(Fault(N_("length"), 0, 0, why))
    for n, (verse, size) in enumerate(zip(verses, sizes, strict=False), 1):
        line = _line(n, verse, size, metre)
        lines.append(line)
        notes += line.notes
    scheme = rhyme(verses)
    notes += _end_notes(verses)
    notes.sort(key=lambda note: (note.line, note.remark, note.position))
    by_line = [tuple(note for note in notes if note.line == n) for n in range(1, len(lines) + 1)]
    lines = [
        Line(line.text, line.tones, line.readings, line.pattern, told, line.units)
        for line, told in zip(lines, by_line, strict=True)
    ]
    kind = _kind(metre, sizes)
    name = written(sizes)
    return Scansion(
        "\n".join(verses), name, kind, "", scheme, tuple(lines), tuple(notes), scheme or ""
    )


def _sizes(verses: Sequence[str], form: Form | None) -> tuple[int, ...]:
    """How many syllables each line ought to have: a form's, over and over, or what it has."""
    if form:
        return tuple(form.lengths[i % form.lines] for i in range(len(verses)))
    return lengths(verses) or tuple(best_size(verse) for verse in verses)


def _kind(metre: str, sizes: Sequence[int]) -> str:
    """What verse is called: iambic pentameter quatrain, ballad stanza."""
    shape = _SHAPES.get(len(sizes), f"{len(sizes)} {_LINES}")
    if tuple(sizes) == (5, 7, 5):
        return N_("haiku")
    if tuple(sizes) == (8, 6, 8, 6) and metre == METRES[0]:
        return N_("ballad stanza")
    length, count = Counter(sizes).most_common(1)[0]
    even = count > len(sizes) / 2 and len(FEET[metre]) == 2
    foot = _NAMES.get(length + (length % 2 and (1 if metre == METRES[1] else -1)), "")
    return " ".join(filter(None, (metre, foot if even else "", shape)))


def _told(kind: str) -> str:
    """What verse is called, in the language spoken now, word by word where it has no name."""
    if (whole := _(kind)) != kind:
        return whole
    return reduce(lambda a, b: _("{a} {b}", a=a, b=b), map(_, kind.split()))


def _against(verses: Sequence[str], sizes: Sequence[int], metre: str) -> float:
    """How much is against a metre in verses."""
    found = (_read(verse, size, metre) for verse, size in zip(verses, sizes, strict=False))
    rare = _RARE * len(verses) * (len(FEET[metre]) > 2)
    return sum(cost for cost, *__ in found) + rare


def _read(verse: str, size: int, metre: str) -> tuple[float, tuple[Reading, ...], str]:
    """The reading of a verse that has least against it in a metre: how much, the words, and the
    pattern that it has."""
    best: tuple[float, tuple[Reading, ...], str] = 99.0, (), ""
    for one in lines_of(size, metre, LENIENT) if size else ():
        found = read(verse, partial(_misfit, pattern=one), size).get(size)
        if found:
            cost = found.cost + _LIBERTY * one.count(INVERTED)
            best = min(best, (cost, found.words, one), key=lambda found: found[0])
    return best


def _misfit(beats: str, place: int, pattern: str) -> float:
    where = pattern[place : place + len(beats)]
    fits = _fits(beats, where)
    soft = sum(b == ARTICLE and p == STRONG for b, p in zip(beats, where, strict=True))
    return _WRONG * fits.count(False) + 0.1 * soft


def _fits(beats: str, where: str) -> list[bool]:
    last = len(beats) - 1
    return [
        place in places(beat, i == 0, i == last, USUAL)
        for i, (beat, place) in enumerate(zip(beats, where, strict=True))
    ]


def _line(n: int, verse: str, size: int, metre: str) -> Line:
    """A line as it is scanned, in its own number of syllables where that asked for cannot be."""
    notes = [
        Fault(N_("unknown word"), n, 0, _("{word} is read by its letters", word=word), remark=True)
        for word in dict.fromkeys(words(verse))
        if all(one.source == LETTERS for one in pronunciations(word))
    ]
    __, heard, where = _read(verse, size, metre)
    if not heard:
        own = best_size(verse)
        has = N_("{n} syllables; expected {size}") if own else N_("no syllables; expected {size}")
        notes.append(Fault(N_("length"), n, 0, _(has, n=own, size=size)))
        __, heard, where = _read(verse, own, metre)
    notes += _notes(n, verse, heard, where, metre)
    units = list[str]()
    for word, reading in zip(words(verse), heard, strict=False):
        rest = iter(word)
        for token in reading.tokens:
            one = parsed(token)
            piece = "".join(islice(rest, len(one.piece)))
            units.append(piece + ("".join(rest) + " " if one.ends else "·"))
    marks = "".join("/" if place in (STRONG, INVERTED) else WEAK for place in where)
    beats = tuple(beat for reading in heard for beat in reading.beats)
    told = tuple(_MAY[beat] for beat in beats)
    return Line(verse, marks, told, pattern(metre, len(where)), tuple(notes), tuple(units))


_MAY = {UNSTRESSED: "x", "1": "/", "2": "x/", "3": "x/", "4": "x/", ARTICLE: "x"}


def _notes(n: int, verse: str, heard: Sequence[Reading], where: str, metre: str) -> Iterator[Fault]:
    """What is to be said of the words of a line, each where it stands."""
    place = 0
    for word, reading in zip(words(verse), heard, strict=False):
        spot = where[place : place + len(reading.beats)]
        for i, fits in enumerate(_fits(reading.beats, spot)):
            if not fits:
                why = _(
                    N_("{word} is unstressed here; the metre has one")
                    if spot[i] == STRONG
                    else N_("{word} is stressed here; the metre has none"),
                    word=word,
                )
                yield syllable(N_("stress"), n, place + i + 1, why)
        if INVERTED in spot:
            foot = (place + spot.index(INVERTED)) // 2 + 1
            why = _("foot {foot} begins with the stress of {word}", foot=foot, word=word)
            yield syllable(N_("inversion"), n, place + 1, why, True)
        if reading.cost >= LICENCE:
            size = len(reading.beats)
            why = _(
                N_("{word} counts as {n} syllables")
                if size > 1
                else N_("{word} counts as {n} syllable"),
                word=word,
                n=size,
            )
            yield syllable(N_("licence"), n, place + 1, why, remark=True)
        place += len(reading.beats)
    if len(where) % 2 and metre == METRES[0]:
        why = _("the line ends in a syllable more, without the beat")
        yield syllable(N_("feminine ending"), n, len(where), why, remark=True)


def _end_notes(verses: Sequence[str]) -> Iterator[Fault]:
    """What is to be said of the ends of verses: rhymes for the eye, and of a word with itself."""
    ends = [words(verse)[-1] for verse in verses]
    for n, (end, verse) in enumerate(zip(ends, verses, strict=True), 1):
        for m in range(max(1, n - 3), n):
            other = ends[m - 1]
            if end.lower() == other.lower():
                why = _("{word} ends line {line} already", word=end, line=m)
                yield Fault(N_("identical rhyme"), n, 0, why, remark=True)
            elif _alike(end, other):
                why = _(
                    "{word} sounds from the rhyme on, and before it, like {other} in line {line}",
                    word=end,
                    other=other,
                    line=m,
                )
                yield Fault(N_("identical rhyme"), n, 0, why, remark=True)
            elif eye_rhymes(end, other) and not rhyming(verses[m - 1], verse):
                why = _(
                    "{word} is spelt like {other} in line {line}, and sounds otherwise",
                    word=end,
                    other=other,
                    line=m,
                )
                yield Fault(N_("eye rhyme"), n, 0, why, remark=True)


def _alike(end: str, other: str) -> bool:
    """Whether two words rhyme as a word does with itself: knight, night."""
    pairs = ((a, b) for a in readings(end) for b in readings(other))
    same = any(a.rhyme and (a.rhyme, a.onset) == (b.rhyme, b.onset) for a, b in pairs)
    return same and not any(a.rhymes(b) for a in readings(end) for b in readings(other))

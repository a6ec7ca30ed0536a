"""What a check of a poem says: verse by verse, for programs and for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ...i18n import N_, _
from .interface import FREE


@dataclass(frozen=True)
class Fault:
    """What is wrong in a poem, or only to be remarked.

    Attributes:
        name: the term, as 失粘.
        line, position: of the verse and the syllable, from 1; 0 = of the whole poem or verse.
        why: a sentence.
        remark: whether poets allow it, so that it is no fault.
        unit: what a position is called.
    """

    name: str
    line: int
    position: int
    why: str
    remark: bool = False
    unit: str = field(default=N_("character"), repr=False)

    def __str__(self) -> str:
        sign, unit, name = "·" if self.remark else "✗", _(self.unit), _(self.name)
        if self.position:
            name = _("{name}, {unit} {place}", name=name, unit=unit, place=self.position)
        return _("{sign} {name}: {why}", sign=sign, name=name, why=self.why)

    def as_dict(self) -> dict[str, Any]:
        """What there is to say by name, as JSON has it."""
        return {name: value for name, value in vars(self).items() if name != "unit"}


@dataclass(frozen=True)
class Line:
    """A verse as it was scanned.

    Attributes:
        tones: 平 or 仄 a character, as it is read here; 中 where either would do, ？ = not known;
            in metre / where the beat falls, x where it does not.
        readings: what each may be: 平, 仄, 平仄, or nothing where it is not known.
        pattern: the nearest one, 中 where a place is free; empty without one.
        notes: faults, and what is only to be remarked.
        units: the syllables as they are written; absent: the characters of the text.
    """

    text: str
    tones: str
    readings: tuple[str, ...]
    pattern: str
    notes: tuple[Fault, ...]
    units: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """The syllables as they are written."""
        return self.units or tuple(self.text)

    @property
    def chosen(self) -> str:
        """The characters that may be level or oblique, and are read as the pattern wants them."""
        told = zip(self.written, self.tones, self.readings, strict=True)
        return "".join(char for char, tone, both in told if tone in both and len(both) > 1)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        own = {"text": self.text, "tones": self.tones, "readings": list(self.readings)}
        return {**own, "pattern": self.pattern, **_by_weight(self.notes)}


@dataclass(frozen=True)
class Report:
    """What there is to say about a poem.

    Attributes:
        text: of its verses, punctuated.
        form: line lengths, or a tune.
        kind, scheme: what it was taken for, as 五言律詩; 仄起，首句入韻, of regulated verse.
        rhyme: in the book, or how the verses rhyme, as ABAB; None where they do not.
        notes: all faults and remarks; those of the whole poem come first.
    """

    text: str
    form: str
    kind: str
    book: str
    rhyme: str | None
    lines: tuple[Line, ...]
    notes: tuple[Fault, ...]
    scheme: str = ""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong, without what is only to be remarked."""
        return tuple(note for note in self.notes if not note.remark)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        head = {"text": self.text, "form": self.form, "kind": self.kind}
        head |= {"scheme": self.scheme, "book": self.book}
        lines = [line.as_dict() for line in self.lines]
        return {**head, "lines": lines, "rhyme": self.rhyme, **_by_weight(self.notes)}

    @property
    def head(self) -> str:
        """What it is: 五言絕句 · 仄起，首句不入韻 · 5x4 · rhyme 尤 (平水)."""
        rhyme = (
            _("rhyme {rhyme} ({book})", rhyme=self.rhyme, book=self.book)
            if self.rhyme
            else _("no rhyme ({book})", book=self.book)
        )
        return " · ".join(filter(None, (_(self.kind), self.scheme, self.form, self.book and rhyme)))

    @property
    def counts(self) -> str:
        """How many faults there are, and how many remarks."""
        faults, remarks = len(self.faults), len(self.notes) - len(self.faults)
        wrong = _count(faults, N_("no faults"), N_("{n} fault"), N_("{n} faults"))
        said = _count(remarks, N_("no remarks"), N_("{n} remark"), N_("{n} remarks"))
        return _("{faults}, {remarks}", faults=wrong, remarks=said)

    @property
    def summary(self) -> str:
        """How many faults there are, and how many remarks, and what was read so that it fits."""
        chosen = "".join(dict.fromkeys(chain(*(line.chosen for line in self.lines))))
        if not chosen:
            return self.counts
        return _(
            "{counts}; of both tones, and read to fit: {chars}", counts=self.counts, chars=chosen
        )

    def __str__(self) -> str:
        parts = [self.head, *(f"    {note}" for note in self.notes if not note.line)]
        width = max(len(line.written) for line in self.lines)
        for n, line in enumerate(self.lines, 1):
            chars = "".join(f"{unit:4}" for unit in line.written)
            tones = "".join(map(_cell, line.tones, line.readings))
            gap = "     " * (width - len(line.written))
            scanned = f"    {tones}{gap}{line.pattern}".rstrip()
            parts += [f"{n:2}  {chars}".rstrip(), *filter(None, [scanned])]
            parts += [f"    {note}" for note in line.notes]
        return "\n".join([*parts, self.summary])


def _by_weight(notes: Sequence[Fault]) -> dict[str, Any]:
    return {
        name: [note.as_dict() for note in notes if note.remark is remark]
        for name, remark in (("faults", False), ("remarks", True))
    }


def _cell(tone: str, readings: str) -> str:
    """The tone under a character, five columns wide: as it is read, then what else it may be."""
    both = readings if tone == FREE else tone + readings.replace(tone, "")
    return both + " " * (5 - 2 * len(both))


def _count(n: int, none: str, one: str, many: str) -> str:
    return _(one if n == 1 else many, n=n) if n else _(none)

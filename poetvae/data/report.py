"""What was read of a corpus, what was kept, and why the rest was not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..errors import listed
from ..i18n import N_, _
from .documents import BROKEN_JSON
from .encoding import ENCODINGS
from .fields import NO_TEXT
from .record import Record
from .sources import SUFFIXES

LOST = N_("characters lost to U+FFFD")
_PROBLEMS, _OF_A_KIND = 20, 3  # broken places that are named; the others are counted
MIXED = 0.05  # of the poems are in another script than the others: a corpus of two
_NAMED = 300  # forms that are named: all tunes, and line lengths of more than a poem or two


@dataclass
class CorpusReport:
    """What was read, what was kept, and why the rest was not.

    read == kept + sum(dropped), and, after `read_corpus`, kept == used + sum(unused) and
    items == train + valid + test + sum(repeated), where items are the poems or couplets selected.
    `forms` and `characters` (line breaks not counted) are of the poems kept, those without a form
    are "free", those of one verse `single`; `as_dict` adds up the rarer forms as "other". `altered`
    has poems by what was altered, one perhaps under several; `scripts` those that are in simplified
    or traditional characters, as they tell; `ignored` what was not read of
    folders, by suffix or reason; `encodings` the files that are not UTF-8; `problems` the first
    broken places of each kind, as file:line: what.
    """

    read: int = 0
    kept: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    single: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    used: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    items: int = 0
    train: int = 0
    valid: int = 0
    test: int = 0
    repeated: Counter[str] = field(default_factory=Counter)

    def add(self, other: CorpusReport) -> None:
        """Count what the other has counted, of what comes after."""
        for key, value in vars(other).items():
            mine = getattr(self, key)
            mine += value  # a counter stays the same one, which those who read hold
            setattr(self, key, mine)
        self._shorten()

    def note(self, record: Record) -> None:
        """Count an entry that is dropped for its problem."""
        self.dropped[record.problem] += 1
        detail = f": {record.detail}" if record.detail else ""
        self.problems.append(f"{record.where}: {record.problem}{detail}")
        self._shorten()

    def first(self, reason: str) -> str:
        """The first place where this was wrong, and what is told of it there; or ""."""
        return next((problem for problem in self.problems if f": {reason}" in problem), "")

    def place(self, reason: str) -> str:
        """The same for people."""
        where, found, detail = self.first(reason).partition(f": {reason}")
        if not found:
            return ""
        told = _("{where}: {what}", where=where, what=called(reason))
        return _("{what}: {why}", what=told, why=detail.removeprefix(": ")) if detail else told

    def _shorten(self) -> None:
        """Keep the first broken places of each kind."""
        kinds, kept = Counter[str](), list[str]()
        for problem in self.problems:
            kind = next((k for k in self.dropped if f": {k}" in problem), "")
            kinds[kind] += 1
            if kinds[kind] <= _OF_A_KIND and len(kept) < _PROBLEMS:
                kept.append(problem)
        self.problems[:] = kept

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, dicts and lists."""
        values = dict(vars(self))
        values["forms"] = Counter(dict(self.forms.most_common(_NAMED)))
        if other := self.forms.total() - values["forms"].total():
            values["forms"][N_("other")] = other
        counted = values.items()
        return {k: dict(v.most_common()) if isinstance(v, Counter) else v for k, v in counted}

    def lines(self) -> list[str]:
        """The account for people; empty parts are left out."""
        parts = [
            _(
                "poems: {read:,} read, {kept:,} kept ({characters:,} characters)",
                read=self.read,
                kept=self.kept,
                characters=self.characters,
            ),
            *(_("dropped: {loss}", loss=loss) for loss in self.losses()),
            *listing(N_("altered"), self.altered),
            *listing(N_("not read"), self.ignored),
            *listing(N_("files in another encoding than UTF-8"), self.encodings),
            *listing(N_("forms"), self.forms, most=12),
        ]
        if min(self.scripts["simplified"], self.scripts["traditional"]) > MIXED * self.kept:
            scripts = counted(self.scripts)
            parts += [
                _(
                    "scripts: {scripts}: --corpus-script traditional reads both as one",
                    scripts=scripts,
                )
            ]
        if 2 * self.single > self.kept > 1:
            parts += [_("{n:,} poems are one line: {remedy}", n=self.single, remedy=_(ONE_LINE))]
        if self.items:
            parts += [
                *listing(N_("poems not used"), self.unused),
                _(
                    "selected: {items:,}; {train:,} to train, {valid:,} to validate, {test:,} to "
                    "test",
                    items=self.items,
                    train=self.train,
                    valid=self.valid,
                    test=self.test,
                ),
                *listing(N_("left out"), self.repeated),
            ]
        return parts

    def losses(self) -> list[str]:
        """What was dropped, a line for each reason, with the first place."""
        lines = []
        for reason, count in self.dropped.most_common():
            loss, place = _counted(count, reason), self.place(reason)
            lines.append(_("{why}; first {place}", why=loss, place=place) if place else loss)
        return lines


def called(reason: str) -> str:
    """What is said of a reason, an alteration, a script or the like, of those that are counted."""
    if reason.startswith(_NOT) and _(reason) == reason:
        return _("not {encoding}", encoding=reason.removeprefix(_NOT))
    return _(reason)


def _counted(count: int, reason: str) -> str:
    return _("{count:,} {what}", count=count, what=called(reason))


def counted(counts: Counter[str], most: int | None = None) -> str:
    """How many there are of each, the most frequent first, and how many others there are."""
    shown = listed(_counted(count, reason) for reason, count in counts.most_common(most))
    if most and len(counts) > most:
        return _("{shown} and {more:,} more", shown=shown, more=len(counts) - most)
    return shown


def listing(name: str, counts: Counter[str], most: int | None = None) -> list[str]:
    """A line that counts what has this name, if there is any."""
    shown = counted(counts, most)
    return [_("{name}: {shown}", name=_(name), shown=shown)] if shown else []


_NOT = "not "  # an encoding
KINDS = SUFFIXES[:7]
ONE_LINE = N_("where a poem takes several lines of a file, --lines-per-poem 4 says how many")
_MEND = N_("mend the file")
_REMEDIES = {
    NO_TEXT: N_("--text-field says which it is"),
    BROKEN_JSON: _MEND,
    LOST: N_("make the file again from what it was converted from"),
}


def remedy_for(reason: str) -> str:
    """What helps against a problem with entries."""
    if reason.startswith(_NOT) and reason not in _REMEDIES:
        return _("--encoding says which it is: {encodings}", encodings=_(ENCODINGS))
    return _(_REMEDIES.get(reason, _MEND))

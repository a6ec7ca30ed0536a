"""What was read of a corpus, what was kept, and why the rest was not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .documents import BROKEN_JSON
from .encoding import ENCODINGS
from .fields import NO_TEXT
from .record import Record
from .sources import SUFFIXES

LOST = "characters lost to U+FFFD"
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
            values["forms"]["other"] = other
        counted = values.items()
        return {k: dict(v.most_common()) if isinstance(v, Counter) else v for k, v in counted}

    def lines(self) -> list[str]:
        """The account for people; empty parts are left out."""
        parts = [
            f"poems: {self.read:,} read, {self.kept:,} kept ({self.characters:,} characters)",
            *self.losses(),
            *listing("altered", self.altered),
            *listing("not read", self.ignored),
            *listing("files in another encoding than UTF-8", self.encodings),
            *listing("forms", self.forms, most=12),
        ]
        if min(self.scripts["simplified"], self.scripts["traditional"]) > MIXED * self.kept:
            parts += [f"{listing('scripts', self.scripts)[0]}: {ONE_SCRIPT}"]
        if 2 * self.single > self.kept > 1:
            parts.append(f"{self.single:,} poems are one line: {ONE_LINE}")
        if self.items:
            sides = f"{self.train:,} to train, {self.valid:,} to validate, {self.test:,} to test"
            parts += [
                *listing("poems not used", self.unused),
                f"selected: {self.items:,}; {sides}",
                *listing("left out", self.repeated),
            ]
        return parts

    def losses(self) -> list[str]:
        """What was dropped, a line for each reason, with the first place."""
        lines = []
        for reason, count in self.dropped.most_common():
            place = self.first(reason)
            lines.append(f"dropped: {count:,} {reason}" + (f"; first {place}" if place else ""))
        return lines


def listing(name: str, counts: Counter[str], most: int | None = None) -> list[str]:
    shown = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common(most))
    if most and len(counts) > most:
        shown += f" and {len(counts) - most:,} more"
    return [f"{name}: {shown}"] if shown else []


KINDS = ", ".join(SUFFIXES[:7])
ONE_LINE = "where a poem takes several lines of a file, --lines-per-poem 4 says how many"
ONE_SCRIPT = "--corpus-script traditional reads both as one"
_REMEDIES = {
    NO_TEXT: "--text-field says which it is",
    BROKEN_JSON: "mend the file",
    LOST: "make the file again from what it was converted from",
}


def remedy_for(reason: str) -> str:
    """What helps against a problem with entries."""
    return _REMEDIES.get(
        reason,
        f"--encoding says which it is: {ENCODINGS}"
        if reason.startswith("not ")
        else "mend the file",
    )

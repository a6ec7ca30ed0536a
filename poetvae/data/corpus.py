"""Reading poems from files, folders, standard input and the hub, with an account of each.

`read_poems` reads one poem after the other and keeps none; `read_corpus` collects what training
needs. Nothing is written anywhere. What cannot be used is left out and counted in a `Report`; with
`strict` what is broken is an error instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CorpusError
from ..text.cleaning import UNBALANCED, clean
from ..text.poem import Form, Poem, content, held_out, select
from .sources import SUFFIXES, Record, check_source, read_source

Source = str | Path

# So many broken places are named; the others are counted.
_PROBLEMS = 20


@dataclass
class Report:
    """What was read, what was kept, and why the rest was not. Two sums always hold:

    read == kept + sum(dropped), and, after `read_corpus`, kept == used + sum(unused) and
    items == train + valid + test + sum(repeated), where items are the poems or couplets selected.

    Attributes:
        altered: poems that were altered, by what was altered; a poem may stand under several.
        ignored: files of a folder that were not read, by suffix.
        forms: poems kept, by form; those without one are "free".
        characters: characters of the poems kept, line breaks not counted.
        problems: the first broken places, as file:line: what.
    """

    read: int = 0
    kept: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    used: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    items: int = 0
    train: int = 0
    valid: int = 0
    test: int = 0
    repeated: Counter[str] = field(default_factory=Counter)

    def add(self, other: Report) -> None:
        """Count what the other has counted, of what comes after."""
        for key, value in vars(other).items():
            mine = getattr(self, key)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                setattr(self, key, mine + value)
        del self.problems[_PROBLEMS:]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, dicts and lists."""
        return {
            key: dict(value.most_common()) if isinstance(value, Counter) else value
            for key, value in vars(self).items()
        }

    def lines(self) -> list[str]:
        """The account for people; empty parts are left out."""
        parts = [
            f"poems: {self.read:,} read, {self.kept:,} kept ({self.characters:,} characters)",
            _listing("dropped", self.dropped),
            _listing("altered", self.altered),
            _listing("files not read", self.ignored),
            _listing("forms", self.forms, most=8),
        ]
        if self.items:
            parts += [
                _listing("poems not used", self.unused),
                f"selected: {self.items:,}; {self.train:,} to train, "
                f"{self.valid:,} to validate, {self.test:,} to test",
                _listing("left out", self.repeated),
            ]
        return [part for part in (*parts, *self.problems) if part]


def _listing(name: str, counts: Counter[str], most: int | None = None) -> str:
    shown = [f"{count:,} {reason}" for reason, count in counts.most_common(most)]
    return f"{name}: {', '.join(shown)}" if shown else ""


@dataclass(frozen=True)
class Corpus:
    """What to learn from, to choose by and to test with; no text stands in two of them."""

    train: list[Poem]
    valid: list[Poem]
    test: list[Poem]
    report: Report


def read_poems(
    *sources: Source, strict: bool = False, report: Report | None = None
) -> Iterator[Poem]:
    """The poems of sources, cleaned, each text once.

    Args:
        sources: files, folders, "-" for standard input, or hub names (owner/name). See
            `sources` for the formats.
        strict: whether a broken entry is an error; else it is skipped and counted.
        report: counts what is read; a report given to several calls adds up.

    Raises:
        CorpusError: at once, for a source that is not there; while reading, for one that cannot be
            read or, at the end, when no poem was kept.
    """
    report = Report() if report is None else report
    return _read(check_sources(sources), strict, report)


def check_sources(sources: Iterable[Source]) -> list[str]:
    """The names of sources that are there.

    Raises:
        CorpusError: there is none, or one is not there.
    """
    names = [check_source(str(source)) for source in sources]
    if not names:
        raise CorpusError("no corpus: give a file, a folder, a hub name, or - for standard input")
    return names


def read_corpus(
    sources: Iterable[Source],
    forms: Collection[Form] = (),
    held_out_share: float = 0.0,
    strict: bool = False,
) -> Corpus:
    """What training needs of sources: selected, each content once, split by poem.

    Args:
        sources: as for `read_poems`.
        forms: the forms to select, see `poem.select`; none for whole poems.
        held_out_share: the share of poems that is kept from training: half of them to validate,
            half to test.
        strict: whether a broken entry is an error.

    Raises:
        CorpusError: as `read_poems` does, and when there is nothing of these forms, or nothing left
            to train on.
    """
    report = Report()
    sources = list(sources)
    train: dict[str, Poem] = {}
    valid: dict[str, Poem] = {}
    test: dict[str, Poem] = {}
    for poem in read_poems(*sources, strict=strict, report=report):
        side = (train, valid, test)[side_of(poem, held_out_share)]
        for item in choose(poem, forms, report):
            chars = content(item, item.form if forms else None)
            if chars in side:
                report.repeated["repeated"] += 1
            else:
                side[chars] = item
    check_items(sources, forms, report)
    check_train(sources, len(train), len(valid) + len(test))
    shared = 0
    for side, known in ((valid, train.keys()), (test, train.keys() | valid.keys())):
        for chars in side.keys() & known:
            del side[chars]
            shared += 1
    if shared:
        report.repeated["held out, but also elsewhere"] = shared
    report.train, report.valid, report.test = len(train), len(valid), len(test)
    return Corpus(list(train.values()), list(valid.values()), list(test.values()), report)


def side_of(poem: Poem, held_out_share: float) -> int:
    """Where a poem belongs when a share is held out: 0 to train, 1 to validate, 2 to test."""
    if not held_out(poem.key, held_out_share):
        return 0
    return 2 if held_out(poem.key, held_out_share / 2) else 1


def choose(poem: Poem, forms: Collection[Form], report: Report) -> list[Poem]:
    """What `select` gives of one poem, counted."""
    items = list(select([poem], forms))
    if items:
        report.used += 1
        report.items += len(items)
    else:
        report.unused["other form" if forms else "lacuna"] += 1
    return items


def check_items(sources: Iterable[Source], forms: Collection[Form], report: Report) -> None:
    """Raises CorpusError when nothing was selected."""
    if report.items:
        return
    fixed = [(form, count) for form, count in report.forms.most_common() if form != "free"]
    wanted = " or ".join(map(str, sorted(forms)))
    if not forms:
        reason = f"all {report.kept} poems have lacunae; give whole poems, or select a --form"
    elif not fixed:
        reason = f"0 poems of the form {wanted}; all {report.kept} are of free form: "
        reason += "leave out --form"
    else:
        there = ", ".join(f"{count} of {form}" for form, count in fixed[:3])
        reason = f"0 poems of the form {wanted}; there are {there}: try --form {fixed[0][0]}"
    raise CorpusError(f"{', '.join(map(str, sources))}: {reason}")


def check_train(sources: Iterable[Source], train: int, held_out: int) -> None:
    """Raises CorpusError when everything is held out."""
    if not train:
        raise CorpusError(
            f"{', '.join(map(str, sources))}: all {held_out} poems are held out; "
            "give more poems, or hold out less"
        )


def read_records(sources: Iterable[Source], strict: bool, report: Report) -> Iterator[Record]:
    """The entries of sources; with `strict` the first broken one is an error.

    Raises:
        CorpusError: as `read_poems` does, except at the end.
    """
    for name in sources:
        for record in read_source(str(name), report.ignored):
            if record.problem and strict:
                raise CorpusError(
                    f"{record.where}: {record.problem}; mend it, or read without strict to skip it"
                )
            yield record


def read_record(record: Record, report: Report, known: set[int] | None = None) -> Poem | None:
    """The poem of an entry, cleaned and counted; None when it is dropped.

    Args:
        known: the keys of the poems before it, to which its own is added; one that is known is
            dropped. None: poems are not compared.
    """
    report.read += 1
    if record.problem:
        report.dropped[record.problem] += 1
        if len(report.problems) < _PROBLEMS:
            report.problems.append(f"{record.where}: {record.problem}")
        return None
    text, altered = clean(record.text)
    if not text or UNBALANCED in altered:
        report.dropped["empty" if not text else UNBALANCED] += 1
        return None
    poem = Poem(tuple(text.split("\n")), record.meta)
    if known is not None:
        key = int(poem.key, 16)
        if key in known:
            report.dropped["duplicate"] += 1
            return None
        known.add(key)
    report.kept += 1
    report.characters += sum(map(len, poem.lines))
    if altered:
        report.altered.update(altered)
    report.forms[str(poem.form or "free")] += 1
    return poem


def check_kept(sources: Iterable[Source], report: Report, before: Report | None = None) -> None:
    """Raises CorpusError when no poem was kept of sources, since an earlier state of the report."""
    before = before or Report()
    if report.kept == before.kept:
        why = _listing("dropped", report.dropped - before.dropped) or "it is empty"
        raise CorpusError(
            f"{', '.join(map(str, sources))}: nothing to learn from: "
            f"{report.read - before.read} poems read, {why};"
            f" poems stand in {', '.join(SUFFIXES[:5])} files, in UTF-8"
        )


def _read(names: list[str], strict: bool, report: Report) -> Iterator[Poem]:
    known: set[int] = set()
    before = Report()
    before.add(report)
    for record in read_records(names, strict, report):
        poem = read_record(record, report, known)
        if poem is not None:
            yield poem
    check_kept(names, report, before)


def sample_folder() -> Path:
    """The embedded sample: in the installed package, or in the source tree that it runs from.

    Raises:
        CorpusError: it is in neither.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "sample", package.parent / "data" / "sample"):
        if folder.is_dir():
            return folder
    raise CorpusError(
        f"no embedded sample beside {package}; install poetvae again, or give a corpus"
    )

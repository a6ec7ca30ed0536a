"""Reading poems from files, folders, standard input and the hub, with an account of each.

What cannot be used is left out and counted in a `CorpusReport`; with `strict` what is broken is an
error instead. An *item* is what is learnt: a poem or a couplet of one, as `poem.select` gives it.
It stands on a *side*: 0 to train, 1 to validate, 2 to test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..config import TrainConfig, takes_fields
from ..errors import CorpusError, listed, several
from ..i18n import N_, _
from ..text.cleaning import UNBALANCED, clean
from ..text.graphemes import clusters
from ..text.poem import Form, Poem, content, held_out, select, text_key
from ..text.prosody import language_of
from ..text.variants import script
from .reading import PLAIN, ReadingOptions
from .record import Record
from .repeated import REPEATED, SideCounts, mark_repeated, near_copies, rank, text_hashes
from .report import KINDS, LOST, ONE_LINE, called, counted, listing, remedy_for
from .report import CorpusReport as CorpusReport
from .sources import Passed, check_source, read_source

Source = str | Path
Item = tuple[Poem, str, int]  # what is learnt, a poem or a couplet; its characters; its side
Keys = set[int] | None
"""Those of the poems before, to which a poem adds its own; None: poems are not compared."""

PEEKED = 2000  # entries that tell the language of a corpus
_EARLY = 2000  # entries lost when a corpus is given up before its end


@dataclass(frozen=True)
class CorpusSpec:
    """What a corpus is: what is read, what of it is learnt, and how it is numbered.

    Args:
        sources: files, folders, "-" for standard input, hub names (owner/name), see `sources` for
            the formats; or one folder that `tokenize.build` wrote.
        valid: sources to validate with; none = those that are held out.
        forms: the forms to select, see `poem.select`; none = whole poems in free form.
        labels: fields of the poems to condition on.
        theme: the field that says what a poem is about; "" = none.
        strict: whether a broken entry is an error.
        held_out: the share of poems kept from training, half to validate and half to test.
        max_len: positions of a poem in free form, 0 = as many as nearly all poems to train on need;
            a fixed form has its own.
        min_count, min_label: a character, a label's value seen less often is unknown.
        reading: what the files do not tell themselves.
        language: of the poems of its forms, of `prosody.LANGUAGES`; "" = any.
    """

    sources: Sequence[Source]
    valid: Sequence[Source] = ()
    forms: Sequence[Form] = ()
    labels: Sequence[str] = ()
    strict: bool = False
    held_out: float = 0.0
    max_len: int = 0
    min_count: int = TrainConfig.min_count
    min_label: int = TrainConfig.min_label
    reading: ReadingOptions = PLAIN
    theme: str = ""
    language: str = ""

    @property
    def tokenized(self) -> Path | None:
        """The folder of numbered poems that is the corpus, where it is one."""
        return Path(self.sources[0]) if len(self.sources) == 1 and is_store(*self.sources) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that are kept: where there are forms, they come first; a theme comes last."""
        forms = ("form",) if self.forms else ()
        themes = (self.theme,) if self.theme else ()
        return tuple(dict.fromkeys((*forms, *self.labels, *themes)))


@dataclass(frozen=True)
class Corpus:
    """What to learn from, to choose by and to test with; no text stands in two of them, and none to
    test with is a near-copy of one to train on, see `repeated`."""

    train: list[Poem]
    valid: list[Poem]
    test: list[Poem]
    report: CorpusReport


@takes_fields(ReadingOptions)
def read_poems(
    *sources: Source, strict: bool = False, report: CorpusReport | None = None, **reading: Any
) -> Iterator[Poem]:
    """The poems of sources, cleaned, each text once; see `CorpusSpec` for sources and strict.

    A report counts what is read; one that is given to several calls adds up. The fields of
    `ReadingOptions` are keywords, too: encoding="gb18030".

    Raises:
        ConfigError: a reading option that there is not.
        CorpusError: at once, for a source that is not there; while reading, for one that cannot be
            read or, at the end, when no poem was kept, or more than a fifth of the entries is lost.
    """
    spec = CorpusSpec(sources, strict=strict, reading=ReadingOptions(**reading))
    return read_spec(spec, CorpusReport() if report is None else report)


def read_spec(spec: CorpusSpec, report: CorpusReport) -> Iterator[Poem]:
    """The poems of the sources of a corpus, see `read_poems`; nothing of it is selected."""
    return _read(check_sources(spec.sources), spec, report)


def _read(names: list[str], spec: CorpusSpec, report: CorpusReport) -> Iterator[Poem]:
    known: set[int] = set()
    before = CorpusReport()
    before.add(report)
    for record in read_records(names, spec, report):
        if poem := read_record(record, report, known, spec.reading):
            yield poem
    _check_kept(names, report, before)


def read_corpus(spec: CorpusSpec) -> Corpus:
    """What training needs of sources: selected, each content once, split by poem.

    With sources to validate with there is nothing to test with, and the report is of the others.
    Raises CorpusError as `read_poems`, and where nothing is of these forms, or left to train on.
    """
    items: list[Item] = []
    spec = in_one_language(spec)
    report, counts = CorpusReport(), SideCounts()
    for names, side, part in read_parts(spec, report):
        items += select_items(read_records(names, spec, part), spec, side, part, set())
    sides = np.fromiter((side for *_, side in items), np.uint8, len(items))
    counts.items += np.bincount(sides, minlength=3)
    mark_repeated(sides, text_hashes(chars for _, chars, _ in items), rank(sides), counts)
    tested, learnt = (np.flatnonzero(sides == side) for side in (2, 0))
    near = near_copies(*([items[place][1] for place in places] for places in (tested, learnt)))
    sides[tested[near]] = REPEATED
    counts.near[2] += near.sum()
    complete_report(report, spec, counts)
    poems: list[list[Poem]] = [[], [], [], []]
    for (poem, _chars, _side), side in zip(items, sides.tolist(), strict=True):
        poems[side].append(poem)
    train, valid, test = poems[:REPEATED]
    return Corpus(train, valid, test, report)


def read_parts(
    spec: CorpusSpec, report: CorpusReport
) -> Iterator[tuple[list[str], int, CorpusReport]]:
    """Sources to read in turn, their side and report; CorpusError where nothing of them is kept."""
    parts = [(check_sources(spec.sources), 0, report)]
    if spec.valid:
        parts.append((check_sources(spec.valid), 1, CorpusReport()))
    for names, side, part in parts:
        yield names, side, part
        _check_selected(names, spec, part)


def check_sources(sources: Iterable[Source]) -> list[str]:
    """The names of sources; raises CorpusError where there is none, or one is not there."""
    names = [check_source(str(source)) for source in sources]
    if not names:
        raise CorpusError(
            _("no corpus: give a file, a folder, a hub name, or - for standard input")
        )
    return names


def is_store(folder: Source) -> bool:
    """Whether there is a folder of numbered poems."""
    return (Path(folder) / "store.json").is_file()


def read_records(
    sources: Iterable[str], spec: CorpusSpec, report: CorpusReport
) -> Iterator[Record]:
    """The entries of sources; raises CorpusError as `read_poems` does, save where none is kept."""
    total, lost = 0, CorpusReport()
    passed = Passed(report.ignored, report.encodings)
    for name in sources:
        if is_store(name):
            raise CorpusError(
                _("{name} is tokenized: numbers, no poems; give it alone, or to train", name=name)
            )
        for record in read_source(name, passed, spec.reading, spec.strict):
            total += 1
            if record.problem and spec.strict:
                what = called(record.problem)
                if record.detail:
                    what = _("{what} ({detail})", what=what, detail=record.detail)
                raise CorpusError(
                    _(
                        "{where}: {what}; mend it, or read without strict to skip it",
                        where=record.where,
                        what=what,
                    )
                )
            if record.problem or "\ufffd" in record.text:
                lost.note(record if record.problem else record._replace(problem=LOST))
                if lost.dropped.total() % _EARLY == 0:
                    _check_lost(lost, total)
            yield record
    _check_lost(lost, total)


def _check_lost(lost: CorpusReport, total: int) -> None:
    """Raises CorpusError: more than a fifth of the entries, and more than one, are lost."""
    count = lost.dropped.total()
    if count > 1 and 5 * count > total:
        reasons = _("; ").join(lost.losses())
        remedy = remedy_for(lost.dropped.most_common(1)[0][0])
        raise CorpusError(
            _(
                "{count:,} of {total:,} entries are lost: {reasons}; {remedy}",
                count=count,
                total=total,
                reasons=reasons,
                remedy=remedy,
            )
        )


def read_record(
    record: Record, report: CorpusReport, known: Keys = None, reading: ReadingOptions = PLAIN
) -> Poem | None:
    """The poem of an entry, cleaned and counted; None when it is dropped, as a known one is."""
    report.read += 1
    if record.problem:
        report.note(record)
        return None
    text, altered = clean(record.text)
    if not text or UNBALANCED in altered:
        report.dropped[N_("empty") if not text else UNBALANCED] += 1
        return None
    # The key is of the text as it stood: so a poem stays on its side, in whatever spelling.
    spelled = reading.spelled(text)
    altered += [N_("spelling")] * (spelled != text)
    poem = Poem(tuple(spelled.split("\n")), record.meta, text_key(text))
    if known is not None:
        key = int(poem.key, 16)
        if key in known:
            report.dropped[N_("duplicate")] += 1
            return None
        known.add(key)
    report.kept += 1
    report.characters += sum(len(clusters(line)) for line in poem.lines)
    report.altered.update(altered)
    if told := script(spelled):
        report.scripts[N_("simplified") if told > 0 else N_("traditional")] += 1
    report.forms[str(poem.form or N_("free"))] += 1
    report.single += poem.form is None and len(poem.verses) == 1
    return poem


def select_items(
    records: Iterable[Record], spec: CorpusSpec, side: int, report: CorpusReport, known: Keys = None
) -> Iterator[Item]:
    """The items of entries, counted, also those that come twice; on `side` where not held out."""
    forms, share = frozenset(spec.forms), 0.0 if spec.valid else spec.held_out
    for record in records:
        if poem := read_record(record, report, known, spec.reading):
            items, place = list(select([poem], forms)), side_of(poem, share) or side
            if spec.language:
                items = [item for item in items if _language(item) == spec.language]
            if items:
                report.used += 1
            else:
                report.unused[N_("other form") if forms else N_("lacuna")] += 1
            report.items += len(items)
            for item in items:
                yield item, content(item, item.form if forms else None), place


def in_one_language(spec: CorpusSpec) -> CorpusSpec:
    """The same, of the language that most of its first poems have, as tokens of two languages make
    no verse; as it is in free form, or where it may be read once only."""
    there = all(Path(source).exists() for source in spec.sources)
    if not spec.forms or spec.language or not there:
        return spec
    report = CorpusReport()
    records = islice(read_records(map(str, spec.sources), spec, report), PEEKED)
    found = Counter(_language(poem) for poem, _, _ in select_items(records, spec, 0, report))
    return replace(spec, language=found.most_common(1)[0][0]) if found else spec


def _language(poem: Poem) -> str:
    language = language_of(poem.text)
    return language.NAME if language else ""


def side_of(poem: Poem, share: float) -> int:
    """Where a poem belongs when a share is held out: 0 to train, 1 to validate, 2 to test."""
    return held_out(poem.key, share) + held_out(poem.key, share / 2)


def _check_kept(names: list[str], report: CorpusReport, before: CorpusReport) -> None:
    """Raises CorpusError when no poem was kept of sources, since an earlier state of the report."""
    if report.kept == before.kept:
        dropped = report.dropped - before.dropped
        why = _("dropped: {reasons}", reasons=counted(dropped)) if dropped else _("it is empty")
        remedy = _("poems stand in {suffixes} files", suffixes=listed(KINDS))
        if reason := next((reason for reason in dropped if report.first(reason)), ""):
            why = _("{why}; first {place}", why=why, place=report.place(reason))
            remedy = remedy_for(reason)
        told = _(
            "{names}: nothing to learn from: {n} poems read, {why}",
            names=listed(names),
            n=report.read - before.read,
            why=why,
        )
        raise CorpusError(_("; ").join([told, *listing(N_("not read"), report.ignored), remedy]))


def _check_selected(names: list[str], spec: CorpusSpec, report: CorpusReport) -> None:
    """Raises CorpusError when nothing was kept, or selected, of sources."""
    _check_kept(names, report, CorpusReport())
    if report.items:
        return
    fixed = [(form, count) for form, count in report.forms.most_common() if form != "free"]
    none = _("0 poems of the form {forms}", forms=several(sorted(spec.forms)))
    if not spec.forms:
        reason = _(
            "all {kept} poems have lacunae; give whole poems, or select a --form", kept=report.kept
        )
    elif not fixed:
        reason = _(
            "{none}; all {kept} are of free form: leave out --form", none=none, kept=report.kept
        )
        reason = _("; ").join([reason, *[_(ONE_LINE)][: report.single]])
    else:
        there = listed(_("{n} of {form}", n=count, form=form) for form, count in fixed[:3])
        reason = _(
            "{none}; there are {there}: try --form {form}",
            none=none,
            there=there,
            form=fixed[0][0],
        )
    raise CorpusError(_("{names}: {reason}", names=listed(names), reason=reason))


def complete_report(report: CorpusReport, spec: CorpusSpec, counts: SideCounts) -> None:
    """Put into the report what became of the items; CorpusError when all of them are held out."""
    left = counts.items - counts.repeated
    report.train, report.valid, report.test = map(int, left - counts.shared - counts.near)
    repeated, shared = int(counts.repeated.sum()), int(counts.shared.sum())
    near = int(counts.near.sum())
    if spec.valid:  # those that were given are no part of the account
        report.valid, repeated, shared = 0, int(counts.repeated[0]), 0
    reasons = {N_("repeated"): repeated, N_("held out, but also elsewhere"): shared}
    reasons[N_("to test with, but a near-copy of one to train on")] = near
    report.repeated += Counter({reason: count for reason, count in reasons.items() if count})
    if not report.train:
        raise CorpusError(
            _(
                "{names}: all {n} poems are held out; give more poems, or hold out less",
                names=listed(spec.sources),
                n=left.sum(),
            )
        )


def sample_folder() -> Path:
    """The embedded sample, installed or in the source tree; CorpusError where it is in neither."""
    package = Path(__file__).parent.parent
    for folder in (package / "sample", package.parent / "data" / "sample"):
        if folder.is_dir():
            return folder
    raise CorpusError(
        _(
            "no embedded sample beside {package}; install poetvae again, or give a corpus",
            package=package,
        )
    )

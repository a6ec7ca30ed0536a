"""Poems that everybody knows, as `poetvae check` finds them, and with one tone put wrong."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common import table

from poetvae.text.form import Form
from poetvae.text.prosody import FREE, LEVEL, OBLIQUE, levels, regulated
from poetvae.text.prosody.chinese.check import check
from poetvae.text.prosody.report import Report

REGULATED = ("五言絕句", "七言絕句", "五言律詩", "七言律詩")
Exchange = tuple[int, int, list[str]]
"""The verse and the place (from 0) of a character that was exchanged, and all verses."""


def by_kind(path: Path) -> dict[str, list[Report]]:
    """What is said of the poems of a collection in sections, such as 唐詩三百首, by section."""
    sections = json.loads(path.read_text("utf-8"))["content"]
    return {
        section["type"]: [check("\n".join(poem["paragraphs"])) for poem in section["content"]]
        for section in sections
    }


def shares(found: Mapping[str, Sequence[Report]]) -> str:
    """By section, how many poems have no fault, and what others are taken for."""
    rows = []
    for kind, reports in found.items():
        old = [report for report in reports if "古" in report.kind]
        free = [report for report in reports if report.kind == "free verse"]
        counts = Counter(min(len(r.faults), 2) for r in reports if r not in old and r not in free)
        numbers = (counts[0], counts[1], counts[2], len(old), len(free))
        rows.append([kind, str(len(reports)), *map(str, numbers)])
    columns = "唐詩三百首|poems|no fault|one fault|more|taken as old-style|as free verse"
    return table(columns, rows)


def frequent(reports: Sequence[Report]) -> str:
    """The ten notes that are made most often."""
    notes = Counter((note.name, note.remark) for report in reports for note in report.notes)
    poems = Counter(
        pair for r in reports for pair in {(note.name, note.remark) for note in r.notes}
    )
    rows = [
        [name, "remark" if remark else "fault", str(count), str(poems[name, remark])]
        for (name, remark), count in notes.most_common(10)
    ]
    return table("note|is a|times|poems", rows)


def exchanges(report: Report, chars: Mapping[str, str], rng: random.Random) -> Iterator[Exchange]:
    """Poems with one character in place of another of the other tone, for each place of the pattern
    that is fixed; where what comes out is licensed, as 平平仄平仄 is, it is none."""
    verses = [line.text for line in report.lines]
    for i, line in enumerate(report.lines):
        for j, wanted in enumerate(line.pattern):
            if wanted != FREE:
                other = rng.choice(chars[OBLIQUE if wanted == LEVEL else LEVEL])
                wrong = line.text[:j] + other + line.text[j + 1 :]
                exchanged = [*verses[:i], wrong, *verses[i + 1 :]]
                if not regulated(exchanged) or (i % 2 == 1 and j == len(wrong) - 1):
                    yield i, j, exchanged


def found(reports: Sequence[Report], seed: int = 0) -> str:
    """How many exchanges in poems without fault are found, whether the form is named or told by the
    poem: as a fault anywhere, and as one in the verse where it is, or that it makes."""
    rng, counts = random.Random(seed), Counter[str]()
    text = "".join(
        sorted({char for report in reports for line in report.lines for char in line.text})
    )
    chars = {side: "".join(c for c in text if levels(c) == {side}) for side in (LEVEL, OBLIQUE)}
    for report in reports:
        for i, _, verses in exchanges(report, chars, rng):
            counts["exchanges"] += 1
            for way, form in (("named", Form.parse(report.form)), ("told", None)):
                faults = check("\n".join(verses), form).faults
                counts[way] += bool(faults)
                counts[f"{way} there"] += any(fault.line - 1 == i for fault in faults)
    total = counts["exchanges"]
    rows = [
        [way, f"{total:,}", f"{counts[key] / total:.2%}", f"{counts[f'{key} there'] / total:.2%}"]
        for way, key in (("named", "named"), ("told by the poem", "told"))
    ]
    return table("the form is|exchanges|found|in that verse", rows)

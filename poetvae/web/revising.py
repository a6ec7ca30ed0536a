"""What Revise answers: what else could stand in a place of a poem, and what is wrong in it."""

from __future__ import annotations

import re
from typing import Any

from ..constraints.vocabulary import language_for
from ..errors import ConstraintError, CorpusError, PoetVAEError
from ..generation.generate import Generated
from ..i18n import _
from ..poet import Poet
from ..text.graphemes import clusters
from ..text.poem import LACUNA, Form, Poem, content
from ..text.prosody import LENIENT, USUAL, check_all
from ..text.prosody.report import Report
from . import validation
from .handlers import TEMPERATURE, read

HOTTER = (TEMPERATURE, 2 * TEMPERATURE, 4 * TEMPERATURE)
"""Temperatures of rounds of alternatives; the next one where those before had too few."""


def alternatives(
    poet: Poet,
    value: object,
    first: object,
    last: object,
    keep: object = True,
    n: int = 8,
    seed: int | None = None,
) -> tuple[list[str], int]:
    """Other poems that differ from one in its learnt characters from first to last, counted from 0.

    The n likeliest of three times as many, the likeliest first; and the seed. To keep how the poem
    sounds is to keep the tones or the metre and the rhyme of its form, all of them where the rest
    of the poem does; and to have no fault that it has not.
    """
    poem, seed = read(poet, value), validation.seed(seed)
    if poem is None:
        raise CorpusError(
            _("{text!r} is no whole poem of the model's forms", text=str(value).strip())
        )
    form = poet.codec.form_of(poem)
    chars = clusters(content(poem, form))
    first = validation.whole(_("first character"), first, 0, len(chars) - 1)
    last = validation.whole(_("last character"), last, first, len(chars) - 1)
    keep = validation.truth(_("keep rhyme and tones"), keep)
    blank = [LACUNA if char != "\n" else char for char in chars[first : last + 1]]
    opened = "".join(chars[:first] + blank + chars[last + 1 :])
    report = scanned(poet, poem) if keep else None
    how: dict[str, Any] = {"form": form and str(form), "candidates": 1, "seed": seed}
    if opened.strip(f"{LACUNA}\n"):
        how["template"] = form.punctuate(opened) if form else opened
    found: dict[str, Generated] = {}
    for temperature in HOTTER:
        for asked in _heard(poet, form, report):
            try:
                others = poet.generate(3 * n, temperature=temperature, **how, **asked)
                break
            except ConstraintError:
                if not asked:
                    raise
        # In free form a text is the opening of what is written; what came after is not asked for.
        size = None if form else len("".join(chars))
        fresh = {other.text[:size]: other for other in others}
        found |= {text: other for text, other in fresh.items() if _bare(text) != _bare(poem.text)}
        if len(found) >= n:
            break
    worse = {text: _added(poet, report, other) for text, other in found.items()} if report else {}
    ranked = sorted(found, key=lambda text: (worse.get(text, 0), -found[text].log_prob))
    least = min(worse.values(), default=0)
    return [text for text in ranked if worse.get(text, 0) == least][:n], seed


def _bare(text: str) -> str:
    """A text without what may be written otherwise and says the same."""
    return "".join(filter(str.isalnum, text)).casefold()


def scanned(poet: Poet, poem: Poem, regulated: bool = False) -> Report | None:
    """The check of a poem, where its form and its language have one; what is not of a tune may be
    of the old style, where it is not to be regulated."""
    if (form := poet.codec.form_of(poem)) is None:
        return None
    try:
        reports = check_all(poem.text, form if form.tune or regulated else None)
        return reports[0] if len(reports) == 1 else check_all(poem.text, form)[0]
    except PoetVAEError:
        return None


def faults_at(form: Form, report: Report) -> dict[int, str]:
    """What is wrong with a poem, in words, by the place of the learnt character that it is told
    of."""
    found: dict[int, str] = {}
    for fault in report.faults:
        if fault.position and fault.line <= form.lines:
            place = form.spans[fault.line - 1].start + fault.position - 1
            found[place] = "; ".join(filter(None, (found.get(place), str(fault))))
    return found


def _heard(poet: Poet, form: Form | None, report: Report | None) -> list[dict[str, Any]]:
    """What may be asked so that a poem sounds on as it does, most of all first, and at last
    nothing: another place may be at fault already, so that no more can be kept."""
    if form is None or report is None:
        return [{}]
    language = language_for(poet.codec.tokenizer)
    rhyme: dict[str, Any] = {}
    if report.rhyme:
        one = "any" if form.tune else report.rhyme
        by_scheme = "rhyme_scheme" in language.ASKS
        rhyme = {"rhyme_scheme": report.rhyme} if by_scheme else {"rhyme": one}
    beats: list[dict[str, Any]] = []
    metre = report.kind.split(" ")[0]
    if metre in language.METRES:
        beats = [{"metre": metre, "strictness": strictness} for strictness in (USUAL, LENIENT)]
    elif "tones" in language.ASKS and report.lines[0].pattern:
        beats = [{"tones": strictness} for strictness in (USUAL, LENIENT)]
    tries = [*({**rhyme, **beat} for beat in beats), rhyme, *beats, {}]
    return [asked for i, asked in enumerate(tries) if asked not in tries[:i]]


def _added(poet: Poet, report: Report, other: Generated) -> int:
    """How many faults another poem has that one has not."""
    scan = scanned(poet, other.poem, bool(report.lines[0].pattern))
    had = {(fault.name, fault.line, fault.position) for fault in report.faults}
    now = {(fault.name, fault.line, fault.position) for fault in (scan.faults if scan else ())}
    return len(now - had)


def in_words(poet: Poet, poem: Poem) -> list[list[tuple[str, int, int]]]:
    """By line of a poem whose tokens are syllables what stands between blanks, with the first and
    the last of its syllables; -1 where it has none, as of the blanks."""
    pieces = map(poet.codec.letters, clusters(content(poem, poet.codec.form_of(poem))))
    rows, place = [], 0
    for verse in poem.verses:
        row = []
        for part in re.findall(r"\s+|\S+", verse):
            first, letters = place, sum(map(str.isalpha, part))
            while letters > 0 and (piece := next(pieces, "")):
                letters, place = letters - sum(map(str.isalpha, piece)), place + 1
            row.append((part, first, place - 1) if place > first else (part, -1, -1))
        rows.append(row)
    return rows

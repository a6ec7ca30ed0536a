"""Poems as HTML: every text is escaped here, whoever wrote it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import combinations

from ..generation.couplet import Couplet
from ..generation.generate import Generated
from ..i18n import ENGLISH, _, spoken
from ..plotting.colours import NIGHT, NIGHT_PAPER, VALUES, legible
from ..text.diff import changed
from ..text.graphemes import clusters
from ..text.poem import has_han, has_verses
from ..text.prosody.interface import FREE
from ..text.prosody.report import Fault, Line, Report
from ..text.variants import is_simplified, to_simplified, to_traditional
from .handlers import Scored, Walked, form_name
from .regions import Atlas, Region

WIDTH, HEIGHT = 640, 480  # of the map, in its own units
_WORD = re.compile(r"\w+(?:['’]\w+)*")
LETTER = 24  # of a label on it
CONTRAST = 6.0  # of names with paper; buttons are a little darker than it
BRIGHTEST = 12.0  # nats from which on a character has the full colour
_AFTER_MARK = re.compile(r"(?<=[，。？！；：、])(?=.)")


def note(text: str) -> str:
    """A line that tells what to do, or what there is."""
    return f'<p class="note">{escape(text)}</p>'


def _told(text: str) -> str:
    return f'<p class="told">{escape(text)}</p>'


def verses(text: str) -> str:
    """A poem, set so that lines break between verses; `text` as people read it."""
    return f'<p class="verses"{_lang(text)}>{_marked(text)}</p>'


def written(
    found: Sequence[Generated], query: str = "", chosen: int = 0, latent: bool = True
) -> str:
    """Poems that were just written: one large, with what can be done with it, all to choose from.

    Args:
        found: the best first.
        query: of an address that writes them again.
        chosen: the place of the large one.
        latent: whether the model has a latent space to walk in.
    """
    poems = "".join(
        _written(poem, latent).replace("<article", f"<article{' hidden' * (i != chosen)}", 1)
        for i, poem in enumerate(found)
    )
    others = "".join(
        f"<li><button type='button' data-choose='{i}' aria-pressed='{_yes(i == chosen)}'"
        f"{_lang(poem.text)}>{_marked(poem.text)}</button></li>"
        for i, poem in enumerate(found)
    )
    named = escape(_("Poems to choose from, the best first"))
    choose = f"<ol class='others' aria-label='{named}'>{others}</ol>" if len(found) > 1 else ""
    # No two are the same text: Gradio leaves alone what it has shown already.
    at = f"data-at='{secrets.token_hex(4)}' data-query='{escape(query)}'"
    return f"<div class='written' {at}><div>{poems}</div>{choose}</div>"


def _written(poem: Generated, latent: bool) -> str:
    form, told = poem.poem.form, []
    told.append(escape(form_name(form) if poem.form and form else _("free form")))
    if poem.rhyme:
        told.append(_with(_("rhyme {it}", it="|"), f"<span{_lang(poem.rhyme)}>{poem.rhyme}</span>"))
    if poem.form and poem.tones_ok:
        kept = _("regulated tones") if has_han(poem.text) else _("metre kept")
        told.append(escape(_("tones of the tune") if form and form.tune else kept))
    told.append(_seeded(poem.seed))
    line = "".join(f"<span>{one}</span>" for one in told)
    return _article(
        f'{verses(poem.text)}<p class="told facts">{line}</p>', poem.text, latent, shared=True
    )


def _article(inner: str, text: str, latent: bool = True, shared: bool = False) -> str:
    """A poem with buttons: it is copied as it is shown, and sent on as it was written; one that is
    shared has a link that writes it again, and a picture."""
    done = _("Copied")
    tools = _copy(_("Copy"), text)
    if shared:
        tools += _button(_("Link"), {"link": "", "done": done}) + _button(
            _("Picture"), {"picture": ""}
        )
    ways = [("revise", _("Revise"))]
    ways += latent * [("from", _("Walk from")), ("to", _("Walk to"))]
    ways += has_han(text) * [("check", _("Check"))]
    buttons = "".join(_button(name, {"ask": key, "text": text}) for key, name in ways)
    return (
        f'<article class="poem">{inner}<p class="tools">{tools}</p>'
        f'<p class="tools">{buttons}</p></article>'
    )


def history() -> str:
    """What was written in this session, for the script of the page to fill."""
    named = escape(_("Written before"))
    return f"<details hidden><summary>{named}</summary><ol></ol></details>"


def picture_dialog() -> str:
    """Where the script of the page draws a poem."""
    title, save, close = map(escape, (_("Picture"), _("Save"), _("Close")))
    return (
        f"<dialog id='shared' aria-labelledby='shared-title'><h2 id='shared-title'>{title}</h2>"
        "<canvas role='img' width='1080' height='1350'></canvas><p class='tools'>"
        f"<a download='poem.png'>{save}</a><button type='button' data-close>{close}</button>"
        "</p></dialog>"
    )


def scripts() -> str:
    """Buttons for the script that all poems are shown in."""
    usual = {"zh_TW": "traditional", "zh_CN": "simplified"}.get(spoken(), "written")
    names = {"written": _("as written"), "traditional": "繁體", "simplified": "简体"}
    buttons = "".join(
        f"<button type='button' data-script='{key}' aria-pressed='{_yes(key == usual)}'>"
        f"{escape(name)}</button>"
        for key, name in names.items()
    )
    named = escape(_("Characters"))
    return f"<div class='scripts' role='group' aria-label='{named}'>{buttons}</div>"


def choices(found: Sequence[str], seed: int, before: str | None = None) -> str:
    """Poems to choose from, as buttons; of variants of one before, the verses that differ."""
    if not found:
        return note(_("The model has nothing else to offer here; try another place."))
    was = f" data-before='{escape(before)}'" if before else ""
    items = "".join(
        f"<li><button type='button' data-ask='take' data-text='{escape(text)}'"
        f"{was}{_lang(text)}>{_marked(text, before, whole=before is None)}</button></li>"
        for text in found
    )
    return f'<ol class="choices">{items}</ol>{_seed(seed)}'


def taken(before: bool = False) -> str:
    """What can be done with an open poem, and with one that another was taken before."""
    hint = note(_("Press a character, or ↻ for a whole line, to see what else could stand there."))
    undo = f"<p class='tools'>{_button(_('Undo'), {'ask': 'undo'})}</p>"
    return hint + undo * before


def open_poem(text: str, fixed: bool, faults: Mapping[int, str] | None = None) -> str:
    """A poem whose characters, and verses, are buttons: what is pressed is written anew. Those with
    a fault, by their place, are marked, and say what it is."""
    if not text:
        return note(_("Paste a poem above, or send one over from Write."))
    place, wrong = 0, faults or {}
    rows: list[str] = []
    for line in text.split("\n"):
        for verse in _AFTER_MARK.split(line) if fixed else [line]:
            start, chars = place, ""
            for char in clusters(verse):
                if fixed and not has_verses(char):
                    chars += escape(char)
                    continue
                name = _("character {n}, {char}", n=place + 1, char=char)
                chars += _open_button(char, place, place, name, wrong)
                place += 1
            rows.append(_open_row(text, chars, start, place - 1, len(rows) + 1))
        place += not fixed  # the line break
    return _open(text, rows, wrong)


def open_words(
    text: str,
    rows: Sequence[Sequence[tuple[str, int, int]]],
    faults: Mapping[int, str] | None = None,
) -> str:
    """A poem whose words, and lines, are buttons, see `revising.in_words`; and `open_poem`."""
    found, wrong = [], faults or {}
    for n, row in enumerate(rows, 1):
        line = "".join(
            _open_button(part, first, last, _("the word {word}", word=part), wrong)
            if first >= 0
            else escape(part)
            for part, first, last in row
        )
        spots = [spot for _part, first, last in row for spot in (first, last) if spot >= 0]
        found.append(_open_row(text, line, min(spots), max(spots), n))
    return _open(text, found, wrong)


def _open_button(part: str, first: int, last: int, name: str, faults: Mapping[int, str]) -> str:
    told = "; ".join(faults[place] for place in range(first, last + 1) if place in faults)
    kind = f' class="wrong" title="{escape(told)}"' if told else ""
    label = escape(_("{name}; {fault}", name=name, fault=told) if told else name)
    return (
        f'<button type="button" data-ask="anew" data-first="{first}" data-last="{last}"'
        f' aria-label="{label}"{kind}>{escape(part)}</button>'
    )


def _open_row(text: str, chars: str, first: int, last: int, n: int) -> str:
    whole = {"ask": "anew", "first": first, "last": last}
    again = _button("↻", whole, _("the whole line {n}", n=n))
    return f'<p class="verse"><span{_lang(text)}>{chars}</span>{again}</p>'


def _open(text: str, rows: Sequence[str], faults: Mapping[int, str]) -> str:
    poem = (
        f'<div class="open" role="group" aria-label="{escape(_("The poem"))}"'
        f' data-poem="{escape(text)}">{"".join(rows)}</div>'
    )
    if not faults:
        return poem
    items = "".join(
        f"<li class='wrong'{_of_page(fault)}>{escape(fault)}</li>" for fault in faults.values()
    )
    told = _("Underlined is what breaks tones or rhyme: press it to see what would not.")
    return f'{poem}{_told(told)}<ul class="faults">{items}</ul>'


def way(walked: Walked, fixed: bool) -> str:
    """All poems from one to another, its own ends and what the model has between; what changed
    since the one before is marked."""
    own, read = _("yours"), _("as the model reads it")
    steps = [(text, "") for text in walked.poems]
    ends = [(walked.start, own), (walked.end, own)]
    if steps[0][0] == walked.start and steps[-1][0] == walked.end:
        steps[0], steps[-1] = ends
    else:
        steps[0], steps[-1] = (steps[0][0], read), (steps[-1][0], read)
        steps = [ends[0], *steps, ends[1]]
    items, before = "", ""
    for text, told in steps:
        kind = " class='own'" if told == own else ""
        shown = f"<div class='step'{_lang(text)}>{_marked(text, before if fixed else None)}</div>"
        tools = f"<p class='tools'>{_copy(_('Copy'), text)}</p>"
        items += f"<li{kind}><article>{_told(told) if told else ''}{shown}{tools}</article></li>"
        before = text
    every = "\n\n".join(text for text, _told_of in steps)
    # The script of the page finds in the span in which characters they are to be copied.
    copy = f"<span{_lang(every)} hidden></span>{_copy(_('Copy all'), every)}"
    hint = note(_("What changed since the poem before is underlined."))
    return f'{hint}<ol class="way">{items}</ol><article class="tools">{copy}</article>'


def couplets(found: Sequence[Couplet]) -> str:
    """Couplets, the best first: in Chinese as a pair of scrolls, the upper line at the right."""
    if not found:
        return note(_("No line answers this one; try another, or other tones."))
    items = "".join(f"<li><article>{_couplet(one)}</article></li>" for one in found)
    told = ""
    if found[0].ends_level:
        told = note(_("Your line ends level, as lower lines do: what answers it are upper lines."))
    return f'{told}<ol class="couplets">{items}</ol>{_seed(found[0].seed)}'


def _couplet(one: Couplet) -> str:
    tools = f"<p class='tools'>{_copy(_('Copy'), one.text)}</p>"
    if not has_han(one.text):
        return verses(one.text) + tools
    upper, lower = reversed(one.lines) if one.ends_level else one.lines
    scrolls = "".join(f"<p class='scroll'>{escape(line)}</p>" for line in (upper, lower))
    return f"<div class='scrolls'{_lang(one.text)}>{scrolls}</div>{tools}"


def scores(rows: Iterable[Scored]) -> str:
    """A table of poems, each character on the colour of its surprise, with the number beside it."""
    body = "".join(
        f"<tr><td>{row.anomaly:+.2f}</td><td>{row.nll_per_char:.2f}</td>"
        f"<td{_lang(row.text)}>{''.join(_surprise(*pair) for pair in row.nats)}</td></tr>"
        for row in rows
    )
    told = _(
        "The strangest first. Anomaly tells how much less likely a poem is than the others here, in"
        " standard deviations: above 2 it hardly belongs. The number at a character tells how much"
        " it surprises the model there, in nats: 0 is certain, and each 2.3 more is ten times as"
        " rare."
    )
    heads = (_("Anomaly"), _("Nats / character"), _("Poem"))
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return (
        f'<table class="scores"><caption>{escape(told)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _surprise(char: str, nats: float | None) -> str:
    if nats is None:
        return escape(char) if char != "\n" else "<br>"
    share = round(100 * min(max(nats, 0) / BRIGHTEST, 1))
    return (
        f'<ruby title="{escape(_("{n} nats", n=f"{nats:.2f}"))}" style="--share:{share}%">'
        f"{escape(char)}"
        f"<rt>{nats:.1f}</rt></ruby>"
    )


def checked(reports: Sequence[Report]) -> str:
    """Reports on poems: the tone of each character, then what its verse has against it."""
    beats = any(line.units for one in reports for line in one.lines)
    if beats:
        legend = _("Over each syllable: / where the beat falls, x where it does not.")
    else:
        legend = _(
            "Below each character its tone as it is read here, 平 level or 仄 oblique, and small"
            " what else it may be; below that the tone that the pattern wants, 中 for either."
        )
    marks = (("wrong", _("a fault")), ("odd", _("a liberty that good poets take")))
    keys = "".join(f"<li><span class='{kind}'>　</span>{escape(key)}</li>" for kind, key in marks)
    shown = "".join(map(_report, reports))
    return (
        f'<div class="legend-of-tones">{_told(legend)}<ul class="legend">{keys}</ul></div>{shown}'
    )


def _report(one: Report) -> str:
    kind = "bad" if one.faults else "good"
    lines = "".join(map(_scanned, one.lines))
    revise = _button(_("Revise"), {"ask": "revise", "text": one.text})
    return (
        f'<section class="report"><h3{_of_page(one.head)}>{escape(one.head)}</h3>'
        f"<p class='verdict {kind}'{_of_page(one.summary)}>{escape(one.summary)}</p>"
        f"{_notes(note for note in one.notes if not note.line)}"
        f"<ol>{lines}</ol><p class='tools'>{revise}</p></section>"
    )


def _scanned(line: Line) -> str:
    wrong = {note.position: note for note in sorted(line.notes, key=lambda note: not note.remark)}
    cells, kind = "", "scan beats" if line.units else "scan"
    read = zip(line.written, line.tones, line.readings, strict=True)
    for place, (unit, tone, known) in enumerate(read, 1):
        fault = wrong.get(place)
        state = "cell" if fault is None else "cell odd" if fault.remark else "cell wrong"
        why = f' title="{escape(str(fault))}"' if fault else ""
        other = "" if tone == FREE or line.units else known.replace(tone, "")
        heard = known if tone == FREE and known else tone
        told = f"<span class='tone'>{escape(heard)}<small>{escape(other)}</small></span>"
        wanted = line.pattern[place - 1 : place]
        below = f"<span class='wanted'>{escape(wanted)}</span>" * bool(wanted and not line.units)
        char = f"<span class='char'>{escape(unit)}</span>"
        parts = told + char if line.units else char + told + below
        cells += f'<span class="{state}"{why}>{parts}</span>'
    return f"<li><div class='{kind}'{_lang(line.text)}>{cells}</div>{_notes(line.notes)}</li>"


def _notes(notes: Iterable[Fault]) -> str:
    items = "".join(
        f"<li class='{kind}'{_of_page(told)}>{escape(told)}</li>"
        for kind, told in (("odd" if one.remark else "wrong", str(one)) for one in notes)
    )
    return f"<ul class='faults'>{items}</ul>" if items else ""


def _colours(i: int) -> str:
    """The colours of a region, of its poems and of its name, by day and by night."""
    return (
        f"--day:{VALUES[i]};--day-ink:{legible(VALUES[i], least=CONTRAST)};"
        f"--night:{NIGHT[i]};--night-ink:{legible(NIGHT[i], NIGHT_PAPER, CONTRAST)}"
    )


def picture(atlas: Atlas) -> str:
    """The map as inline SVG, its regions by colour and name; the corners are told to the script
    that reads a click. The legend has a button for each region."""
    (left, low), (right, high) = atlas.bounds

    def spot(x: float, y: float) -> tuple[float, float]:
        return (x - left) / (right - left) * WIDTH, (high - y) / (high - low) * HEIGHT

    spots = [spot(*point) for point in atlas.points.tolist()]
    colours = [f'style="{_colours(i)}"' for i in range(len(atlas.regions))]
    dots = "".join(
        f'<circle r="4" cx="{spots[i][0]:.1f}" cy="{spots[i][1]:.1f}" data-of="{n}" {colours[n]}>'
        f"<title>{escape(atlas.texts[i])}</title></circle>"
        for n, region in enumerate(atlas.regions)
        for i in region.members
    )
    middles = [spot(*region.middle) for region in atlas.regions]
    labels = "".join(
        f'<text data-ask="region" data-region="{n}" data-of="{n}" x="{x:.1f}" y="{y:.1f}"'
        f" {colours[n]}{_lang(region.name)}>{escape(region.name)}</text>"
        for n, (region, (x, y)) in enumerate(
            zip(atlas.regions, _apart(atlas.regions, middles), strict=True)
        )
    )
    legend = "".join(
        f'<li><button type="button" data-ask="region" data-region="{n}" {colours[n]}>'
        f'<svg viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4"/></svg>'
        f"<span{_lang(region.name)}>{escape(region.name)}</span>"
        f"<small>{escape(_poems(len(region.members)))}</small></button></li>"
        for n, region in enumerate(atlas.regions)
    )
    n = len(atlas.texts)
    whose = _("{n} poems of the embedded sample", n=n)
    if atlas.own:
        whose = _("{n} poems that the model wrote", n=n)
    name = _(
        "Map of {poems}. Arrow keys move the cross, Enter reads the poem there; Tab goes on to the"
        " regions.",
        poems=whose,
    )
    told = _(
        "{poems}; poems that are alike lie together. Each region has the words that set it"
        " apart: press one for a new poem of it.",
        poems=whose,
    )
    return (
        f'<div class="map"><svg viewBox="0 0 {WIDTH} {HEIGHT}" tabindex="0" role="application"'
        f' aria-label="{escape(name)}" data-map="{left} {high} {right} {low}">{dots}'
        f'<path class="cross" d="M-14 0H14M0 -14V14" transform="translate({WIDTH // 2}'
        f' {HEIGHT // 2})"/><g class="labels" aria-hidden="true">{labels}</g></svg>'
        f'<ul class="legend regions">{legend}</ul>{_told(told)}</div>'
    )


def _poems(n: int) -> str:
    return _("{n} poems", n=n) if n > 1 else _("1 poem")


def _apart(
    regions: Sequence[Region], middles: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Where the labels of regions stand: at their middles, but none over another, and inside the
    map."""
    sizes = [(_width(region.name) + LETTER / 2, LETTER * 1.4) for region in regions]
    places = [[x, y] for x, y in middles]
    for _round in range(200):
        for (i, one), (j, other) in combinations(enumerate(places), 2):
            gaps = [
                (sizes[i][axis] + sizes[j][axis]) / 2 - abs(one[axis] - other[axis])
                for axis in (0, 1)
            ]
            if min(gaps) > 0:
                axis = 1 if gaps[1] <= gaps[0] else 0
                step = gaps[axis] / 2 * (1 if one[axis] >= other[axis] else -1)
                one[axis] += step
                other[axis] -= step
        for (width, height), place in zip(sizes, places, strict=True):
            place[0] = min(max(place[0], width / 2), WIDTH - width / 2)
            place[1] = min(max(place[1], height / 2), HEIGHT - height / 2)
    return [(x, y) for x, y in places]


def _width(name: str) -> float:
    """About how wide a label is: Han characters are square."""
    return LETTER * sum(1 if has_verses(char) else 0.56 for char in name)


def place(text: str, near: Sequence[str], name: str = "") -> str:
    """What the model writes at a place of the map, or in the region of a name, and the poems
    around it."""
    items = "".join(f"<li{_lang(one)}>{_marked(one)}</li>" for one in near)
    told, around = escape(_("The model writes here")), _("Poems nearest on the map")
    if name:
        told = escape(_("The model writes in the region {name}", name="\0"))
        told = told.replace("\0", f"<span{_lang(name)}>{escape(name)}</span>")
        around = _("Poems in the middle of the region")
    here = _article(f"<p class='told'>{told}</p>{verses(text)}", text)
    return f'{here}{_told(around)}<ul class="near">{items}</ul>'


def _differing(before: str, text: str) -> set[int]:
    """The places of a text where it differs from the one before; of a language of letters those of
    whole words."""
    if has_verses(text):
        return set(changed(before, text, len(before) == len(text)))
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    others = [text[start:end] for start, end in words]
    new = changed(_WORD.findall(before), others, fixed=False)
    return {place for i in new for place in range(*words[i])}


def _marked(text: str, before: str | None = None, whole: bool = True) -> str:
    """A text in spans that a line breaks between, where it differs from the one before marked;
    whole or, if not, the spans that differ."""
    places = _differing(before, text) if before else set()
    chars = [f"<mark>{escape(c)}</mark>" if i in places else escape(c) for i, c in enumerate(text)]
    lines, place = [], 0
    for line in text.split("\n"):
        shown = ""
        for verse in _AFTER_MARK.split(line):
            end = place + len(verse)
            if whole or not places.isdisjoint(range(place, end)):
                span = "".join(chars[place:end]).replace("</mark><mark>", "")
                shown += f"<span>{span}</span>"
            place = end
        lines.append(shown)
        place += 1
    return "<br>".join(filter(None, lines))


def _button(text: str, data: dict[str, object], name: str = "") -> str:
    values = "".join(f' data-{key}="{escape(str(value))}"' for key, value in data.items())
    label = f' aria-label="{escape(name)}"' if name else ""
    return f'<button type="button"{values}{label}>{escape(text)}</button>'


def _copy(name: str, text: str) -> str:
    return _button(name, {"copy": text, "done": _("Copied")})


def _seed(seed: int) -> str:
    return f'<p class="told">{_seeded(seed)}</p>'


def _seeded(seed: int) -> str:
    return _with(_("seed {it}", it="|"), f"<output class='seed'>{seed}</output>")


def _with(text: str, part: str) -> str:
    """A text as HTML, with a part that is HTML already where it has a |."""
    return escape(text).replace("|", part)


def _yes(truth: bool) -> str:
    return "true" if truth else "false"


def _of_page(text: str) -> str:
    """`_lang` of a text that is in the language of the page, where that is Chinese."""
    return "" if spoken() == ENGLISH else _lang(text)


def _lang(text: str) -> str:
    """The language of a text, and what the script of the page shows its characters as in the other
    script, in pairs."""
    if not has_han(text):
        return ""
    simplified = is_simplified(text)
    other = to_traditional(text) if simplified else to_simplified(text)
    pairs = dict(zip(text, other, strict=True)) if len(text) == len(other) else {}
    told = escape("".join(f"{a}{b}" for a, b in pairs.items() if a != b))
    lang, name = ("Hans", "traditional") if simplified else ("Hant", "simplified")
    return f' lang="zh-{lang}"' + (f' data-{name}="{told}"' if told else "")

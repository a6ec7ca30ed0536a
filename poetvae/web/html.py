"""Poems as HTML: every text is escaped here, whoever wrote it."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from ..generation.generate import Generated
from ..i18n import _, spoken
from ..text.diff import changed
from ..text.graphemes import clusters
from ..text.poem import has_han, has_verses
from ..text.prosody.interface import FREE
from ..text.prosody.report import Fault, Line, Report
from ..text.variants import is_simplified, to_simplified, to_traditional
from .handlers import Atlas, Scored, form_name

WIDTH, HEIGHT = 640, 480  # of the map, in its own units
BRIGHTEST = 12.0  # nats from which on a character has the full colour
COLOURS = 6  # classes of points that app.css has
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
        kept = _("tones of the tune") if form and form.tune else _("regulated tones")
        told.append(escape(kept))
    told.append(_seeded(poem.seed))
    line = "".join(f"<span>{one}</span>" for one in told)
    return _article(
        f'{verses(poem.text)}<p class="told facts">{line}</p>', poem.text, latent, shared=True
    )


def _article(inner: str, text: str, latent: bool = True, shared: bool = False) -> str:
    """A poem with buttons: it is copied as it is shown, and sent on as it was written; one that is
    shared has a link that writes it again, and a picture."""
    done = _("Copied")
    tools = _button(_("Copy"), {"copy": text, "done": done})
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
        return note("The model has nothing else to offer here; try another place.")
    was = f" data-before='{escape(before)}'" if before else ""
    items = "".join(
        f"<li><button type='button' data-ask='take' data-text='{escape(text)}'"
        f"{was}{_lang(text)}>{_marked(text, before, whole=before is None)}</button></li>"
        for text in found
    )
    return f'<ol class="choices">{items}</ol>{_seed(seed)}'


def taken(before: str = "") -> str:
    """What can be done with an open poem; the one before can be had back."""
    hint = note("Press a character, or ↻ for a whole line, to see what else could stand there.")
    undo = f"<p class='tools'>{_button('Undo', {'ask': 'take', 'text': before})}</p>"
    return hint + (undo if before else "")


def open_poem(text: str, fixed: bool) -> str:
    """A poem whose characters, and verses, are buttons: what is pressed is written anew."""
    if not text:
        return note("Paste a poem above, or send one over from Write.")
    place = 0
    rows: list[str] = []
    for line in text.split("\n"):
        for verse in _AFTER_MARK.split(line) if fixed else [line]:
            start, chars = place, ""
            for char in clusters(verse):
                if fixed and not has_verses(char):
                    chars += escape(char)
                    continue
                name = f"character {place + 1}, {char}"
                chars += _button(char, {"ask": "anew", "first": place, "last": place}, name)
                place += 1
            whole = {"ask": "anew", "first": start, "last": place - 1}
            again = _button("↻", whole, f"the whole line {len(rows) + 1}")
            rows.append(f'<p class="verse"><span{_lang(text)}>{chars}</span>{again}</p>')
        place += not fixed  # the line break
    return (
        f'<div class="open" role="group" aria-label="The poem" data-poem="{escape(text)}">'
        f"{''.join(rows)}</div>"
    )


def open_words(text: str, rows: Sequence[Sequence[tuple[str, int, int]]]) -> str:
    """A poem whose words, and lines, are buttons: see `handlers.in_words`."""
    found = []
    for n, row in enumerate(rows, 1):
        line = "".join(
            _button(part, {"ask": "anew", "first": first, "last": last}, f"the word {part}")
            if first >= 0
            else escape(part)
            for part, first, last in row
        )
        spots = [spot for _, first, last in row for spot in (first, last) if spot >= 0]
        whole = {"ask": "anew", "first": min(spots), "last": max(spots)}
        again = _button("↻", whole, f"the whole line {n}")
        found.append(f'<p class="verse"><span{_lang(text)}>{line}</span>{again}</p>')
    return (
        f'<div class="open" role="group" aria-label="The poem" data-poem="{escape(text)}">'
        f"{''.join(found)}</div>"
    )


def way(poems: Sequence[str], fixed: bool) -> str:
    """Poems with a slider that shows one of them; what changed since the one before is marked."""
    steps = "".join(
        f"<div class='step' data-step='{i}'{' hidden' * (i > 0)}{_lang(text)}>"
        f"{_marked(text, poems[i - 1] if i and fixed else None)}</div>"
        for i, text in enumerate(poems)
    )
    last = len(poems) - 1
    return (
        f'<div class="way"><div aria-live="polite">{steps}</div>'
        f'<label>From one poem to the other <input type="range" min="0" max="{last}" value="0"'
        f' step="1" data-slide></label><p class="told"><output>1</output> of {last + 1}</p></div>'
    )


def scores(rows: Iterable[Scored]) -> str:
    """A table of poems, each character on the colour of its surprise, with the number beside it."""
    body = "".join(
        f"<tr><td>{row.anomaly:+.2f}</td><td>{row.nll_per_char:.2f}</td>"
        f"<td{_lang(row.text)}>{''.join(_surprise(*pair) for pair in row.nats)}</td></tr>"
        for row in rows
    )
    return (
        '<table class="scores"><caption>The least likely first. Anomaly: standard deviations above'
        " the mean of these poems. The number at a character is -log p(character | z, passes"
        " before), in nats: the larger, the more it surprises the model.</caption><thead><tr>"
        '<th scope="col">Anomaly</th>'
        '<th scope="col">Nats / character</th><th scope="col">Poem</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _surprise(char: str, nats: float | None) -> str:
    if nats is None:
        return escape(char) if char != "\n" else "<br>"
    share = round(100 * min(max(nats, 0) / BRIGHTEST, 1))
    return (
        f"<ruby title='{nats:.2f} nats' style='--share:{share}%'>{escape(char)}"
        f"<rt>{nats:.1f}</rt></ruby>"
    )


def checked(reports: Iterable[Report]) -> str:
    """Reports on poems: the tone under each character, then its faults, of each verse."""
    return "".join(
        f'<section class="report"><p>{escape(one.head)}</p>'
        f"{_notes(note for note in one.notes if not note.line)}"
        f"<ol>{''.join(map(_scanned, one.lines))}</ol>{_told(one.summary)}</section>"
        for one in reports
    )


def _scanned(line: Line) -> str:
    wrong = {note.position: note.remark for note in sorted(line.notes, key=lambda n: not n.remark)}
    chars = ""
    read = zip(line.written, line.tones, line.readings, strict=True)
    for place, (char, tone, known) in enumerate(read, 1):
        kind = {None: "", True: " class='odd'", False: " class='wrong'"}[wrong.get(place)]
        other = "" if tone == FREE else known.replace(tone, "")
        told = f"{known if tone == FREE and known else tone}<small>{other}</small>"
        chars += f"<ruby{kind}>{escape(char)}<rt>{told}</rt></ruby>"
    pattern = f"<small>{line.pattern}</small>" if line.pattern else ""
    return f"<li><span{_lang(line.text)}>{chars}</span> {pattern}{_notes(line.notes)}</li>"


def _notes(notes: Iterable[Fault]) -> str:
    items = "".join(f"<li>{escape(str(note))}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def picture(atlas: Atlas) -> str:
    """The map as inline SVG; its corners are told to the script that reads a click."""
    (left, low), (right, high) = atlas.bounds
    forms = [form for form, _ in Counter(atlas.forms).most_common()]
    if len(forms) > COLOURS:
        forms = [*forms[: COLOURS - 1], "other"]
    kinds = [form if form in forms else "other" for form in atlas.forms]
    dots = "".join(
        f'<circle class="kind{forms.index(kind)}" r="3.5"'
        f' cx="{(x - left) / (right - left) * WIDTH:.1f}"'
        f' cy="{(high - y) / (high - low) * HEIGHT:.1f}"><title>{escape(text)}</title></circle>'
        for (x, y), kind, text in zip(atlas.points.tolist(), kinds, atlas.texts, strict=True)
    )
    legend = "".join(
        f'<li><svg viewBox="0 0 8 8" aria-hidden="true"><circle class="kind{i}" cx="4"'
        f' cy="4" r="4"/></svg>{escape(form)}</li>'
        for i, form in enumerate(forms)
    )
    first, second = atlas.plane.names()
    source = "that the model wrote" if atlas.own else "of the embedded sample"
    whose = f"{len(atlas.texts)} poems {source}"
    return (
        f'<div class="map"><svg viewBox="0 0 {WIDTH} {HEIGHT}" tabindex="0" role="application"'
        f' aria-label="Map of {whose}. Arrow keys move the cross, Enter'
        f' reads the poem there." data-map="{left} {high} {right} {low}">{dots}'
        f'<path class="cross" d="M-14 0H14M0 -14V14" transform="translate({WIDTH // 2}'
        f' {HEIGHT // 2})"/></svg><ul class="legend">{legend}</ul>'
        f"{_told(f'{whose}; across: {first}, up: {second}')}</div>"
    )


def place(text: str, near: Sequence[str]) -> str:
    """What the model writes at a place of the map, and the poems around it."""
    items = "".join(f"<li{_lang(one)}>{_marked(one)}</li>" for one in near)
    here = _article(f"{_told('The model writes here')}{verses(text)}", text)
    return f'{here}{_told("Poems nearest on the map")}<ul class="near">{items}</ul>'


def _marked(text: str, before: str | None = None, whole: bool = True) -> str:
    """A text in spans that a line breaks between, where it differs from the one before marked;
    whole or, if not, the spans that differ."""
    places = set(changed(before, text, len(before) == len(text))) if before else set()
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


def _seed(seed: int) -> str:
    return f'<p class="told">{_seeded(seed)}</p>'


def _seeded(seed: int) -> str:
    return _with(_("seed {it}", it="|"), f"<output class='seed'>{seed}</output>")


def _with(text: str, part: str) -> str:
    """A text as HTML, with a part that is HTML already where it has a |."""
    return escape(text).replace("|", part)


def _yes(truth: bool) -> str:
    return "true" if truth else "false"


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

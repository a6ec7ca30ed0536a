"""Revise: what else could stand in a place of a poem."""

from __future__ import annotations

from ...errors import ConfigError
from ...i18n import N_, _
from ...poet import Poet
from ...text.poem import Poem
from .. import handlers, html, revising, validation
from ..controls import Html, PoemBox, gr, on, sent

MOST_BEFORE = 50  # poems that can be had back


def tab(poet: Poet) -> tuple[gr.Textbox, gr.HTML, gr.HTML]:
    text = PoemBox(
        label=_("Poem"),
        elem_id="poem",
        info=_("A whole poem to revise; or the beginning of one, or one with _ for what is open"),
        lines=2,
        max_lines=6,
        value=handlers.examples(poet)[0],
    )
    keep = gr.Checkbox(label=_("Keep rhyme and tones"), value=True, visible=bool(poet.forms))
    with gr.Row():
        revise = gr.Button(_("Revise"), variant="primary")
        rest = gr.Button(_("Write the rest"))
    opened = Html(html.note(_("Revise turns each character into a button.")), elem_id="opened")
    offers = Html("", elem_id="offers")
    past = gr.State([])

    def complete(text: object) -> tuple[str, str]:
        return completed(poet, text)

    def open_(text: object) -> tuple[str, str]:
        return begin(poet, text)

    def anew(keep: object, event: gr.EventData) -> str:
        poem = sent(event, "poem")
        places = sent(event, "first"), sent(event, "last")
        texts, seed = revising.alternatives(poet, poem, *places, keep)
        return html.choices(texts, seed, validation.text(N_("poem"), poem))

    def take(past: list[str], event: gr.EventData) -> tuple[str, str, str, list[str]]:
        if sent(event, "ask") == "undo":
            if not past:
                raise ConfigError(_("there is no poem before this one"))
            *earlier, last = past
            poem = handlers.read(poet, last)
        else:
            before = validation.text(N_("poem"), sent(event, "before"))
            earlier = [*past, before][-MOST_BEFORE:] if before else past
            poem = handlers.read(poet, sent(event, "text"))
        if poem is None:
            raise ConfigError(_("that is no whole poem of this model; press Revise"))
        return poem.text, opened_poem(poet, poem), html.taken(bool(earlier)), earlier

    on(revise.click, open_, [text], [opened, offers])
    on(rest.click, complete, [text], [opened, offers])
    on(opened.select, anew, [keep], [offers])
    on(offers.select, take, [past], [text, opened, offers, past])
    return text, opened, offers


def begin(poet: Poet, text: object) -> tuple[str, str]:
    """What is shown of a text: opened to be pressed on, or completed where it is no whole poem;
    and below it what can be done."""
    poem = handlers.read(poet, text)
    return completed(poet, text) if poem is None else (opened_poem(poet, poem), html.taken())


def completed(poet: Poet, text: object) -> tuple[str, str]:
    """That there is a choice, and the poems to choose from."""
    found = handlers.complete(poet, text)
    choices = html.choices([poem.text for poem in found], found[0].seed)
    return html.note(_("Choose one to go on with.")), choices


def opened_poem(poet: Poet, poem: Poem) -> str:
    """A poem to press on, what breaks its tones or rhyme marked."""
    form, report = poet.codec.form_of(poem), revising.scanned(poet, poem)
    faults = revising.faults_at(form, report) if form and report else {}
    if poet.codec.spelt:
        return html.open_words(poem.text, revising.in_words(poet, poem), faults)
    return html.open_poem(poem.text, bool(poet.forms), faults)

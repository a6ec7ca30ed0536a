"""Revise: what else could stand in a place of a poem."""

from __future__ import annotations

from ...errors import ConfigError
from ...poet import Poet
from ...text.poem import Poem
from .. import handlers, html, validation
from ..controls import Html, PoemBox, gr, on, sent


def tab(poet: Poet) -> tuple[gr.Textbox, gr.HTML, gr.HTML]:
    text = PoemBox(
        label="Poem",
        elem_id="poem",
        info="A whole poem to revise; or the beginning of one, or one with _ for what is open",
        lines=2,
        max_lines=6,
        value=handlers.examples(poet)[0],
    )
    with gr.Row():
        revise = gr.Button("Revise", variant="primary")
        rest = gr.Button("Write the rest")
    opened = Html(html.note("Revise turns each character into a button."), elem_id="opened")
    offers = Html("", elem_id="offers")

    def opened_poem(poem: Poem) -> str:
        if poet.codec.spelt:
            return html.open_words(poem.text, handlers.in_words(poet, poem))
        return html.open_poem(poem.text, bool(poet.forms))

    def complete(text: object) -> tuple[str, str]:
        found = handlers.complete(poet, text)
        choices = html.choices([poem.text for poem in found], found[0].seed)
        return html.note("Choose one to go on with."), choices

    def begin(text: object) -> tuple[str, str]:
        poem = handlers.read(poet, text)
        if poem is None:
            return complete(text)
        return opened_poem(poem), html.taken()

    def anew(event: gr.EventData) -> str:
        poem = sent(event, "poem")
        texts, seed = handlers.alternatives(poet, poem, sent(event, "first"), sent(event, "last"))
        return html.choices(texts, seed, validation.text("poem", poem))

    def take(event: gr.EventData) -> tuple[str, str, str]:
        poem, before = handlers.read(poet, sent(event, "text")), sent(event, "before")
        if poem is None:
            raise ConfigError("that is no whole poem of this model; press Revise")
        back = html.taken(validation.text("poem before", before))
        return poem.text, opened_poem(poem), back

    on(revise.click, begin, [text], [opened, offers])
    on(rest.click, complete, [text], [opened, offers])
    on(opened.select, anew, [], [offers])
    on(offers.select, take, [], [text, opened, offers])
    return text, opened, offers

"""Write: poems, by what is asked of them."""

from __future__ import annotations

from typing import Any

from ...i18n import N_, _
from ...poet import Poet
from .. import handlers, html
from ..controls import Column, Count, Html, PoemBox, form_menu, gr, on, sent

# The conditions in the order of the page, by what they are asked of; others come last.
GROUPS = {
    N_("Lines"): ("first_line", "acrostic", "where", "contains", "template"),
    N_("Sound"): ("rhyme", "rhyme_scheme", "tones", "metre", "strictness"),
    N_("Words"): ("no_repeat", "without", "only"),
}


def tab(poet: Poet) -> gr.HTML:
    fields, latent = poet.codec.fields, poet.model.has_latent
    known = handlers.conditions_of(poet)
    grouped = [name for names in GROUPS.values() for name in names]
    others = [name for name in known if name not in grouped]
    with gr.Row(elem_classes="desk"):
        with Column(scale=3):
            asked, found = handlers.opening(poet)
            shown = html.written(found, handlers.query(poet, asked, found[0].seed), latent=latent)
            poems = Html(shown, elem_id="written")
            gr.HTML(html.history(), elem_id="history", js_on_load=None, apply_default_css=False)
        with Column(scale=2):
            controls: dict[str, Any] = {}
            with gr.Row(elem_classes="bar"):
                controls["about"] = gr.Textbox(
                    label=_("About"),
                    placeholder=_("autumn thoughts"),
                    max_length=100,
                    visible=bool(poet.codec.theme),
                    min_width=100,
                )
                controls["form"] = form_menu(poet, handlers.usual_form(poet))
                button = gr.Button(_("Write"), variant="primary", elem_id="write-button")
            for title, names in GROUPS.items():
                there = [name for name in names if name in known]
                there += others if title == [*GROUPS][-1] else []
                if there:
                    with gr.Accordion(_(title), open=False):
                        controls |= {name: control(poet, known[name]) for name in there}
            with gr.Accordion(_("Drawing"), open=False):
                labels = {name: label(name, values) for name, values in fields.items()}
                controls |= drawing(poet)

    def write(values: dict[str, object], chosen: object = 0) -> str:
        named = {name: values.pop(name) for name in labels}
        found = handlers.write(poet, values | {"labels": named})
        query = handlers.query(poet, values | named, found[0].seed)
        return html.written(found, query, handlers.chosen(chosen, found), latent)

    def answer(*values: object) -> str:
        return write(dict(zip([*controls, *labels], values, strict=True)))

    def again(event: gr.EventData) -> list[Any]:
        asked = usual | handlers.of_query(sent(event, "query"), [*usual, "chosen"])
        chosen = asked.pop("chosen", 0)
        shown = write(dict(asked), chosen)
        return [shown, *(asked | {"seed": ""}).values()]  # Write goes on with other seeds

    boxes = controls | labels
    usual = {name: box.value for name, box in boxes.items()}
    typed = [one for one in controls.values() if isinstance(one, gr.Textbox)]
    for event in (button.click, *(one.submit for one in typed)):
        on(event, answer, [*boxes.values()], [poems])
    on(poems.submit, again, [], [poems, *boxes.values()])
    return poems


def control(poet: Poet, field: handlers.Field) -> Any:
    """What a condition is typed in, ticked in or chosen from, by its declaration."""
    label = _(field.metadata["label"])
    if field.default is False:
        return gr.Checkbox(label=label)
    if words := handlers.menu(poet, field):
        choices = [(word, value) for value, word in words.items()]
        if field.default is None:
            return gr.Dropdown(choices, value=handlers.NOTHING, label=label, min_width=120)
        return gr.Radio(choices, value=str(field.default), label=label, min_width=120)
    return PoemBox(label=label, placeholder=_(field.metadata["hint"]) or None, min_width=120)


def label(name: str, values: tuple[str, ...]) -> gr.Dropdown:
    """A menu of the values of a label, above them a word for none."""
    choices = [(_("any"), ""), *((handlers.value_name(value), value) for value in values)]
    return gr.Dropdown(choices, value="", label=handlers.field_name(name))


def drawing(poet: Poet) -> dict[str, Any]:
    """The controls of how poems are drawn."""
    passes = poet.model.pass_choices
    return {
        "n": Count(
            handlers.MOST_POEMS,
            handlers.POEMS,
            label=_("Poems"),
            info=_("To choose among, the best first"),
        ),
        "candidates": Count(
            handlers.MOST_CANDIDATES,
            handlers.CANDIDATES,
            label=_("Candidates"),
            info=_("Draw so many for each poem, keep the best"),
        ),
        "temperature": gr.Slider(
            0,
            2,
            handlers.TEMPERATURE,
            step=0.05,
            label=_("Temperature"),
            info=_("0: the likeliest; higher: bolder"),
        ),
        "passes": gr.Dropdown(
            [(str(k), k) for k in passes] or [1],
            value=max(passes, default=1),
            label=_("Passes"),
            info=_("Of the network, to write a poem"),
            visible=bool(passes),
        ),
        "seed": gr.Textbox(
            label=_("Seed"), info=_("Empty: a new one. The same writes the same"), max_length=10
        ),
    }

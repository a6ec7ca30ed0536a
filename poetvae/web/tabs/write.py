"""Write: poems, by what is asked of them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ...generation.generate import Generated
from ...poet import Poet
from .. import handlers, html
from ..controls import Column, Count, Html, PoemBox, form_menu, gr, on

# The conditions that are seen at once, by row; all others stand under More, as they are declared.
FIRST = (("first_line",), ("contains", "acrostic"), ("rhyme", "tones", "metre"))


def tab(poet: Poet) -> gr.HTML:
    fields, passes = poet.codec.fields, poet.model.pass_choices
    with gr.Row():
        with Column(scale=2):
            controls: dict[str, Any] = {"form": form_menu(poet)}
            known = handlers.conditions_of(poet)
            controls["about"] = gr.Textbox(
                label="About", placeholder="秋思", max_length=100, visible=bool(poet.codec.theme)
            )
            for row in FIRST:
                with gr.Row() if len(row) > 1 else nullcontext():
                    controls |= {n: control(poet, known[n]) for n in row if n in known}
            labels = [
                gr.Dropdown([("any", ""), *((v, v) for v in values)], value="", label=name.title())
                for name, values in fields.items()
            ]
            controls["n"] = Count(handlers.MOST_POEMS, 2, label="Poems")
            temperature = handlers.TEMPERATURE
            controls["temperature"] = gr.Slider(0, 2, temperature, step=0.05, label="Temperature")
            with gr.Accordion("More", open=False):
                rest = [name for name in known if name not in controls]
                controls |= {name: control(poet, known[name]) for name in rest}
                told = "Draw so many for each poem, keep the best"
                most, usual = handlers.MOST_CANDIDATES, handlers.CANDIDATES
                controls["candidates"] = Count(most, usual, label="Candidates", info=told)
                controls["passes"] = gr.Dropdown(
                    [(str(k), k) for k in passes] or [1],
                    value=max(passes, default=1),
                    label="Passes",
                    info="Of the network, to write a poem",
                    visible=bool(passes),
                )
                told = "Empty: a new one. The same writes the same"
                controls["seed"] = gr.Textbox(label="Seed", info=told, max_length=10)
            button = gr.Button("Write", variant="primary", elem_id="write-button")
        with Column(scale=3):
            script = gr.Radio(list(handlers.SCRIPTS), value="as written", label="Characters")
            nothing = html.note("Press Write for a poem.")
            poems = Html(nothing, elem_id="written")
    last = gr.State(None)

    def answer(script: object, *values: object) -> tuple[str, list[Generated]]:
        asked: dict[str, object] = dict(zip(controls, values, strict=False))
        asked["labels"] = dict(zip(fields, values[len(controls) :], strict=True))
        found = handlers.write(poet, asked)
        return show(found, script), found

    def show(found: list[Generated] | None, script: object) -> str:
        return html.written(found, script, poet.model.has_latent) if found else nothing

    wanted = [script, *controls.values(), *labels]
    typed = [one for one in controls.values() if isinstance(one, gr.Textbox)]
    for event in (button.click, *(one.submit for one in typed)):
        on(event, answer, wanted, [poems, last])
    on(script.change, show, [last, script], [poems])
    return poems


def control(poet: Poet, field: handlers.Field) -> Any:
    """What a condition is typed in, ticked in or chosen from, by its declaration."""
    label = field.metadata["label"]
    if field.default is False:
        return gr.Checkbox(label=label)
    if words := handlers.menu(poet, field):
        choices = [(word, value) for value, word in words.items()]
        if field.default is None:
            return gr.Dropdown(choices, value=handlers.NOTHING, label=label, min_width=120)
        return gr.Radio(choices, value=str(field.default), label=label, min_width=120)
    return PoemBox(label=label, placeholder=field.metadata["hint"] or None, min_width=120)

"""Walk: the poems on the way from one to another."""

from __future__ import annotations

from ...poet import Poet
from .. import handlers, html
from ..controls import Html, PoemBox, gr, on

STEPS = 9


def tab(poet: Poet) -> tuple[gr.Textbox, gr.Textbox]:
    start, end = [*handlers.examples(poet), ""][:2]
    with gr.Row():
        a = PoemBox(label="From", lines=2, value=start, min_width=280)
        b = PoemBox(label="To", lines=2, value=end, min_width=280)
    steps = gr.Slider(3, handlers.MOST_STEPS, STEPS, step=1, label="Poems on the way")
    button = gr.Button("Walk", variant="primary")
    told = "The ends are the two poems as the model reads them back."
    if start and poet.way(start) == "bridge":
        told = "Characters give way one by one; what is open between the two is written."
    way = Html(html.note(told), elem_id="way")

    def walk(a: object, b: object, steps: object) -> str:
        return html.way(handlers.walk(poet, a, b, steps), bool(poet.forms))

    on(button.click, walk, [a, b, steps], [way])
    return a, b

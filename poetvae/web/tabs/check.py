"""Check: tones and rhymes of a poem, and every fault by name."""

from __future__ import annotations

from .. import handlers, html
from ..controls import Html, gr, menu, on


def tab() -> gr.Textbox:
    text = gr.Textbox(
        label="Poem to check",
        info="Of Chinese verse; blank lines between poems. No model is asked",
        lines=4,
        max_lines=14,
        max_length=handlers.MOST_CHECKED,
        value="渭城朝雨浥輕塵，客舍青青柳色新。\n勸君更盡一杯酒，西出陽關無故人。",
    )
    with gr.Row():
        form = menu(handlers.checked_forms(), "Form it ought to have", "told by the poem")
        book = gr.Radio(handlers.BOOKS, value="", label="Rhyme book", min_width=280)
    button = gr.Button("Check", variant="primary")
    report = Html(
        html.note("Tones, the nearest pattern, and every fault by name."), elem_id="report"
    )

    def check(*values: object) -> str:
        return html.checked(handlers.check(*values))

    on(button.click, check, [text, form, book], [report])
    return text

"""Check: tones and rhymes of a poem, and every fault by name."""

from __future__ import annotations

from ...i18n import _
from .. import handlers, html
from ..controls import Html, gr, menu, on

EXAMPLE = "渭城朝雨浥輕塵，客舍青青柳色新。\n勸君更盡一杯酒，西出陽關無故人。"


def tab() -> tuple[gr.Textbox, gr.HTML]:
    text = gr.Textbox(
        label=_("Poem to check"),
        info=_("Of Chinese or of English verse; blank lines between poems. No model is asked"),
        lines=4,
        max_lines=14,
        max_length=handlers.MOST_CHECKED,
        value=EXAMPLE,
    )
    with gr.Row():
        form = menu(handlers.checked_forms(), _("Form it ought to have"), _("told by the poem"))
        books = [(_(told), name) for name, told in handlers.BOOKS.items()]
        usual = (_("as the poem asks"), "")
        book = gr.Radio([usual, *books], value="", label=_("Rhyme book"), min_width=280)
    button = gr.Button(_("Check"), variant="primary")
    report = Html(
        html.note(_("Tones, the nearest pattern, and every fault by name.")), elem_id="report"
    )

    def check(*values: object) -> str:
        return html.checked(handlers.check(*values))

    on(button.click, check, [text, form, book], [report])
    return text, report

"""Walk: the poems on the way from one to another."""

from __future__ import annotations

from ...i18n import _
from ...poet import Poet
from .. import handlers, html
from ..controls import Html, PoemBox, gr, on

STEPS = 7


def tab(poet: Poet) -> tuple[gr.Textbox, gr.Textbox]:
    start, end = [*handlers.examples(poet), ""][:2]
    with gr.Row():
        a = PoemBox(label=_("From"), lines=2, value=start, min_width=280)
        b = PoemBox(label=_("To"), lines=2, value=end, min_width=280)
    steps = gr.Slider(3, handlers.MOST_STEPS, STEPS, step=1, label=_("Poems on the way"))
    button = gr.Button(_("Walk"), variant="primary")
    told = _("From the one poem to the other through the latent space, in even steps.")
    if start and poet.way(start) == "bridge":
        told = _("Characters give way one by one; what is open between the two is written.")
    way = Html(html.note(told), elem_id="way")

    def walk(a: object, b: object, steps: object) -> str:
        return html.way(handlers.walk(poet, a, b, steps), bool(poet.forms))

    on(button.click, walk, [a, b, steps], [way])
    return a, b

"""Score: which of some poems belong least."""

from __future__ import annotations

from ...i18n import _
from ...poet import Poet
from .. import handlers, html, validation
from ..controls import Html, gr, on


def tab(poet: Poet) -> None:
    text = gr.Textbox(
        label=_("Poems, one a line"),
        lines=5,
        max_lines=14,
        max_length=handlers.MOST_SCORED * (validation.MOST_TEXT + 1),
        value="\n".join(text.replace("\n", "") for text in handlers.examples(poet, 6)),
    )
    button = gr.Button(_("Score"), variant="primary")
    table = Html(html.note(_("Which of them do not belong?")), elem_id="table")

    def score(text: object) -> str:
        return html.scores(handlers.score(poet, text))

    on(button.click, score, [text], [table])

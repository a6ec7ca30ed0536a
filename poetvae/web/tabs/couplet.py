"""Couplet: lower lines for an upper one (對聯), or in English second lines that rhyme."""

from __future__ import annotations

from ...i18n import _
from ...poet import Poet
from ...text.poem import Form
from ...text.prosody import LENIENT, STRICT, USUAL
from .. import handlers, html
from ..controls import Count, Html, PoemBox, gr, on

EXAMPLE, OF = "海闊憑魚躍", Form(5, 2)


def tab(poet: Poet) -> None:
    example = handlers.examples(poet)[0].split("\n")[0]
    label, told = _("Upper line"), _("4 to 11 characters, marks inside it or not")
    strictness = _("Tones, opposite to those of your line")
    if poet.codec.spelt:
        label, told = _("First line"), _("The second one rhymes with it")
        strictness = _("Metre, where your line keeps it")
    elif OF in poet.forms and poet.codec.tokenizer.unk_id not in poet.codec.ids(EXAMPLE):
        example = EXAMPLE
    line = PoemBox(label=label, info=told, elem_id="upper", value=example)
    with gr.Row():
        words = [(_("usual"), USUAL), (_("strict"), STRICT), (_("lenient"), LENIENT)]
        tones = gr.Radio(words, value=USUAL, label=strictness, min_width=280)
        n = Count(handlers.MOST_POEMS, 4, label=_("Answers"))
    button = gr.Button(_("Answer"), variant="primary")
    answers = Html(html.note(_("Press Answer for lines that go with it.")), elem_id="answers")

    def answer_couplet(line: object, tones: object, n: object) -> str:
        return html.couplets(handlers.couplets(poet, line, tones, n))

    for event in (button.click, line.submit):
        on(event, answer_couplet, [line, tones, n], [answers])

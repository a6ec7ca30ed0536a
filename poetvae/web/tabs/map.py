"""Map: where poems lie, and what the model writes there."""

from __future__ import annotations

from ...i18n import _
from ...poet import Poet
from .. import html, regions
from ..controls import Column, Html, form_menu, gr, on, sent


def tab(poet: Poet) -> gr.HTML:
    atlas = regions.atlas(poet)
    with gr.Row():
        with Column(scale=3):
            picture = Html(html.picture(atlas), elem_id="picture")
        with Column(scale=2):
            told = _("Press a region for a poem of it, or any place of the map for one from there.")
            there = Html(html.note(told), elem_id="there")
            form = form_menu(poet)

    def look(form: object, event: gr.EventData) -> str:
        if (number := sent(event, "region")) is not None:
            region, text, near = regions.of_region(poet, atlas, number, form)
            return html.place(text, near, region.name)
        return html.place(*regions.look(poet, atlas, sent(event, "x"), sent(event, "y"), form))

    on(picture.select, look, [form], [there])
    return there

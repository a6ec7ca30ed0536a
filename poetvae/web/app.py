"""The page as Gradio shows it: writing, revising, walking, a map, scores, and checking.

There is one for each model and language, at an address of its own. Nothing is sent elsewhere, and
nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..errors import ConfigError
from ..i18n import LANGUAGES, N_, _, spoken, tag
from ..poet import Poet
from ..text.poem import has_han
from . import handlers, html, validation
from .admission import Admission
from .controls import gr, on, resource, sent
from .middleware import App
from .tabs import check, couplet, map, revise, score, walk, write

WAITING = 32  # requests in the queue; more are told to come again
WAITING_OF_ONE = WAITING // 4  # of one client: there is room for others
SEAL = (  # the icon
    "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 32 32%22%3E"
    "%3Crect width=%2232%22 height=%2232%22 rx=%226%22 fill=%22%23a8322a%22/%3E%3Ctext x=%2216%22"
    " y=%2224%22 font-size=%2222%22 text-anchor=%22middle%22 fill=%22%23fff%22%3E%E8%A9%A9"
    "%3C/text%3E%3C/svg%3E"
)
SEALS = gr.themes.Color(  # its reds, from light to dark
    *("#fbf1f0", "#f5dedb", "#ecc2bd", "#de9a93", "#cd6d64", "#b8463c"),
    *("#a8322a", "#8c2820", "#74231d", "#61211c", "#340d0a"),
)
_CURRENT = " aria-current='page'"
SESSIONS = 100  # whose state is kept, about 0.1 MB each, and whose answers wait to be fetched


def build(poet: Poet, model: str = "model", models: Sequence[str] = ("model",)) -> gr.Blocks:
    """The page of one of these models in the language spoken now, one request to the model at a
    time. Serve it with `options`.

    Walk and Map are there where the model has a latent space.
    """
    latent = poet.model.has_latent
    blocks = gr.Blocks(title="poetvae", analytics_enabled=False)
    with blocks:
        _still(_head(poet, model, models))
        with gr.Tabs() as tabs:
            with gr.Tab(_("Write"), id="write"):
                written = write.tab(poet)
            with gr.Tab(_("Revise"), id="revise"):
                text, opened, offers = revise.tab(poet)
            if handlers.answers_couplets(poet):
                with gr.Tab(_("Couplet"), id="couplet"):
                    couplet.tab(poet)
            if latent:
                with gr.Tab(_("Walk"), id="walk"):
                    a, b = walk.tab(poet)
                with gr.Tab(_("Map"), id="map"):
                    there = map.tab(poet)
            with gr.Tab(_("Score"), id="score"):
                score.tab(poet)
            with gr.Tab(_("Check"), id="check"):
                checked, reports = check.tab()

        def send(event: gr.EventData) -> list[Any]:
            return _send(poet, event)

        _still(html.picture_dialog())
        targets = [tabs, text, opened, offers, checked, *([a, b] if latent else [])]
        on(written.select, send, [], targets)
        on(reports.select, send, [], targets)
        if latent:
            on(there.select, send, [], targets)
    blocks.queue(max_size=WAITING, default_concurrency_limit=1, api_open=False)
    blocks.state_session_capacity = SESSIONS
    return blocks


def admission(app: App, pages: Mapping[str, gr.Blocks]) -> Admission:
    """What lets in to `app`, which serves pages by path, the requests that their queues take."""
    declared = {
        path: {
            number: [_types(part) for part in event.inputs] for number, event in page.fns.items()
        }
        for path, page in pages.items()
    }

    def waiting(client: str) -> int:
        return sum(_waiting(page._queue, client) for page in pages.values())

    return Admission(app, declared, waiting, WAITING_OF_ONE)


def _types(part: object) -> tuple[type, ...]:
    """What a browser may send for a control, besides null."""
    match part:
        case gr.Checkbox():
            return (bool,)
        case gr.Textbox() | gr.Radio():
            return (str,)
        case gr.Dropdown():
            return (str, int)
        case gr.Slider():
            return (int, float)
    return ()  # a state stays here


def _waiting(queue: Any, client: str) -> int:
    """How many requests of a client are in the queue or being answered; forgets, too, the answers
    that nobody fetched, save the newest `SESSIONS`, which Gradio would keep for ever."""
    jobs = [job for job in queue.active_jobs if job]
    waiting = [lane.queue for lane in queue.event_queue_per_concurrency_id.values()]
    living = {event._id: event for events in (*jobs, *waiting) for event in events}
    open_, known = queue.pending_event_ids_session, queue.event_ids_to_events
    for session in [one for one, ids in open_.items() if ids.isdisjoint(living)][:-SESSIONS]:
        open_.pop(session)
        queue.pending_messages_per_session.pop(session, None)
    for number in [number for number in known if number not in living][:-SESSIONS]:
        known.pop(number)
    return sum(event.request.client.host == client for event in living.values())


def options() -> dict[str, Any]:
    """What `gradio.mount_gradio_app` and `Blocks.launch` have to be given for this page."""
    theme = gr.themes.Default(
        primary_hue=SEALS,
        neutral_hue="stone",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="#faf7f0",  # paper, and ink
        body_background_fill_dark="#171513",
        background_fill_primary="#fffdf8",
        background_fill_primary_dark="#211e1b",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="*spacing_sm",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        body_text_color_subdued="*neutral_600",  # grey enough to be read
        body_text_color_subdued_dark="*neutral_300",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        block_info_text_color="*body_text_color_subdued",
        block_info_text_color_dark="*body_text_color_subdued",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )
    off = ("run_history", "show_error", "ssr_mode", "pwa", "mcp_server", "enable_monitoring")
    own = {"theme": theme, "css": resource("app.css"), "footer_links": [], "max_file_size": 1}
    return {**own, **dict.fromkeys(off, False)}


def head() -> str:
    """What stands first in the head of a page in the language spoken now, before Gradio."""
    names = {
        "More tabs": _("More tabs"),
        "Reset to default value": _("Reset to default value"),
        "number input for ": _("number input for "),
        "range slider for ": _("range slider for "),
    }
    told = f"<script>const NAMES = {json.dumps(names)};</script>"
    script = f"<script>{resource('page.js')}</script>"
    return f"<link rel='icon' href='{SEAL}'>{told}{script}"


def _send(poet: Poet, event: gr.EventData) -> list[Any]:
    """A poem to another tab: its text box, and in Revise opened as well."""
    text, ask = validation.text(N_("poem"), sent(event, "text")), sent(event, "ask")
    keep = gr.skip()
    ends = [keep, keep] if poet.model.has_latent else []
    if ask == "revise":
        return [gr.Tabs(selected="revise"), text, *revise.begin(poet, text), keep, *ends]
    if ask == "check":
        return [gr.Tabs(selected="check"), keep, keep, keep, text, *ends]
    if ends and ask in ("from", "to"):
        ends = [text, keep] if ask == "from" else [keep, text]
        return [gr.Tabs(selected="walk"), keep, keep, keep, keep, *ends]
    raise ConfigError(_("a poem can be sent to Revise, Check and Walk alone"))


def _head(poet: Poet, model: str, models: Sequence[str]) -> str:
    """The name of the page, and links to the same in other languages and to other models."""
    here, names = spoken(), {"chinese": _("Chinese verse"), "english": _("English verse")}
    languages = [
        f"<a href='../../{tag(one)}/{model}/' hreflang='{tag(one)}' lang='{tag(one)}'"
        f"{_CURRENT * (one == here)}>{name}</a>"
        for one, name in LANGUAGES.items()
    ]
    others = [
        f"<a href='../{one}/'{_CURRENT * (one == model)}>{escape(names.get(one, one))}</a>"
        for one in models
    ]
    told = _(
        "verse from a latent space, {n} parameters", n=format(poet.model.num_parameters(), ",")
    )
    links = _nav(_("Model"), others) if len(models) > 1 else ""
    links += _nav(_("Language"), languages)
    links += html.scripts() if has_han(handlers.opening(poet)[1][0].text) else ""
    return f"<header><h1>poetvae</h1><p class='told'>{escape(told)}</p>{links}</header>"


def _still(text: str) -> None:
    """A part of the page that stays as it is."""
    gr.HTML(text, js_on_load=None, apply_default_css=False)


def _nav(label: str, links: Sequence[str]) -> str:
    return f"<nav aria-label='{escape(label)}'>{''.join(links)}</nav>"

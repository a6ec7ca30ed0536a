"""The page as Gradio shows it: writing, revising, walking, a map, scores, and checking.

Nothing is sent elsewhere, and nothing is kept.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial, wraps
from html import escape
from importlib import resources
from typing import Any

from ..errors import ConfigError, PoetVAEError
from ..generation.generate import Generated
from ..poet import Poet
from ..text.poem import Form, Poem
from . import handlers, html, validation
from .admission import Admission
from .middleware import App
from .turn import MODEL

# Read when gradio is imported: nothing may leave the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if not os.environ.get("GRADIO_TEMP_DIR"):  # that of all who use this machine may be another's
    os.environ["GRADIO_TEMP_DIR"] = _scratch = tempfile.mkdtemp(prefix="poetvae-page-")
    atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
# It makes an HTTP client, which would stop at a proxy that it does not understand.
_direct = os.environ.get("no_proxy")
os.environ["no_proxy"] = "*"
try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise ConfigError("the page needs gradio: pip install 'poetvae[demo]'") from error
finally:
    del os.environ["no_proxy"]
    if _direct is not None:
        os.environ["no_proxy"] = _direct


def resource(name: str) -> str:
    """A text file that comes with the page."""
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


WAITING = 32  # requests in the queue; more are told to come again
WAITING_OF_ONE = WAITING // 4  # of one client: there is room for others
SESSIONS = 100  # whose state is kept, about 0.1 MB each, and whose answers wait to be fetched
STEPS = 9
# The conditions that are seen at once, by row; all others stand under More, as they are declared.
FIRST = (("first_line",), ("contains", "acrostic"), ("rhyme", "tones", "metre"))
Column = partial(gr.Column, min_width=280)
Count = partial(gr.Slider, 1, step=1)
PoemBox = partial(gr.Textbox, max_length=validation.MOST_TEXT)
Html = partial(
    gr.HTML,
    html_template="<div aria-live='polite'>${value}</div>",
    js_on_load=resource("app.js"),
    apply_default_css=False,
)


def build(poet: Poet) -> gr.Blocks:
    """The page of a model, one request to the model at a time. Serve it with `options`.

    Walk and Map are there where the model has a latent space.
    """
    latent = poet.model.has_latent
    blocks = gr.Blocks(title="poetvae", analytics_enabled=False)
    with blocks:
        gr.HTML(_head(poet), js_on_load=None)
        with gr.Tabs() as tabs:
            with gr.Tab("Write", id="write"):
                written = _write_tab(poet)
            with gr.Tab("Revise", id="revise"):
                text, opened, offers = _revise_tab(poet)
            if latent:
                with gr.Tab("Walk", id="walk"):
                    a, b = _walk_tab(poet)
                with gr.Tab("Map", id="map"):
                    there = _map_tab(poet)
            with gr.Tab("Score", id="score"):
                _score_tab(poet)
            with gr.Tab("Check", id="check"):
                checked = _check_tab()

        def send(event: gr.EventData) -> list[Any]:
            return _send(poet, event)

        targets = [tabs, text, opened, offers, checked, *([a, b] if latent else [])]
        _on(written.select, send, [], targets)
        if latent:
            _on(there.select, send, [], targets)
    blocks.queue(max_size=WAITING, default_concurrency_limit=1, api_open=False)
    blocks.state_session_capacity = SESSIONS
    return blocks


def admission(app: App, blocks: gr.Blocks) -> Admission:
    """What lets in to `app`, which serves a page, the requests that its queue takes."""
    events = blocks.fns.items()
    declared = {number: [_types(part) for part in event.inputs] for number, event in events}
    return Admission(app, declared, partial(_waiting, blocks._queue), WAITING_OF_ONE)


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
        primary_hue="red", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    ).set(  # grey enough to be read
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*body_text_color_subdued",
        input_placeholder_color="*neutral_500",
    )
    off = ("run_history", "show_error", "ssr_mode", "pwa", "mcp_server", "enable_monitoring")
    own = {"theme": theme, "css": resource("app.css"), "footer_links": [], "max_file_size": 1}
    return {**own, **dict.fromkeys(off, False)}


def _write_tab(poet: Poet) -> gr.HTML:
    fields, passes = poet.codec.fields, poet.model.pass_choices
    with gr.Row():
        with Column(scale=2):
            controls: dict[str, Any] = {"form": _form_menu(poet)}
            known = handlers.conditions_of(poet)
            controls["about"] = gr.Textbox(
                label="About", placeholder="秋思", max_length=100, visible=bool(poet.codec.theme)
            )
            for row in FIRST:
                with gr.Row() if len(row) > 1 else nullcontext():
                    controls |= {n: _control(poet, known[n]) for n in row if n in known}
            labels = [
                gr.Dropdown([("any", ""), *((v, v) for v in values)], value="", label=name.title())
                for name, values in fields.items()
            ]
            controls["n"] = Count(handlers.MOST_POEMS, 2, label="Poems")
            temperature = handlers.TEMPERATURE
            controls["temperature"] = gr.Slider(0, 2, temperature, step=0.05, label="Temperature")
            with gr.Accordion("More", open=False):
                rest = [name for name in known if name not in controls]
                controls |= {name: _control(poet, known[name]) for name in rest}
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
        _on(event, answer, wanted, [poems, last])
    _on(script.change, show, [last, script], [poems])
    return poems


def _control(poet: Poet, field: handlers.Field) -> Any:
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


def _revise_tab(poet: Poet) -> tuple[gr.Textbox, gr.HTML, gr.HTML]:
    text = PoemBox(
        label="Poem",
        elem_id="poem",
        info="A whole poem to revise; or the beginning of one, or one with _ for what is open",
        lines=2,
        max_lines=6,
        value=handlers.examples(poet)[0],
    )
    with gr.Row():
        revise = gr.Button("Revise", variant="primary")
        rest = gr.Button("Write the rest")
    opened = Html(html.note("Revise turns each character into a button."), elem_id="opened")
    offers = Html("", elem_id="offers")

    def opened_poem(poem: Poem) -> str:
        if poet.codec.spelt:
            return html.open_words(poem.text, handlers.in_words(poet, poem))
        return html.open_poem(poem.text, bool(poet.forms))

    def complete(text: object) -> tuple[str, str]:
        found = handlers.complete(poet, text)
        choices = html.choices([poem.text for poem in found], found[0].seed)
        return html.note("Choose one to go on with."), choices

    def begin(text: object) -> tuple[str, str]:
        poem = handlers.read(poet, text)
        if poem is None:
            return complete(text)
        return opened_poem(poem), html.taken()

    def anew(event: gr.EventData) -> str:
        poem = _sent(event, "poem")
        texts, seed = handlers.alternatives(poet, poem, _sent(event, "first"), _sent(event, "last"))
        return html.choices(texts, seed, validation.text("poem", poem))

    def take(event: gr.EventData) -> tuple[str, str, str]:
        poem, before = handlers.read(poet, _sent(event, "text")), _sent(event, "before")
        if poem is None:
            raise ConfigError("that is no whole poem of this model; press Revise")
        back = html.taken(validation.text("poem before", before))
        return poem.text, opened_poem(poem), back

    _on(revise.click, begin, [text], [opened, offers])
    _on(rest.click, complete, [text], [opened, offers])
    _on(opened.select, anew, [], [offers])
    _on(offers.select, take, [], [text, opened, offers])
    return text, opened, offers


def _walk_tab(poet: Poet) -> tuple[gr.Textbox, gr.Textbox]:
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

    _on(button.click, walk, [a, b, steps], [way])
    return a, b


def _map_tab(poet: Poet) -> gr.HTML:
    atlas = handlers.atlas(poet)
    with gr.Row():
        with Column(scale=3):
            picture = Html(html.picture(atlas), elem_id="picture")
        with Column(scale=2):
            form = _form_menu(poet)
            told = html.note("Click on the map to read what the model writes there.")
            there = Html(told, elem_id="there")

    def look(form: object, event: gr.EventData) -> str:
        return html.place(*handlers.look(poet, atlas, _sent(event, "x"), _sent(event, "y"), form))

    _on(picture.select, look, [form], [there])
    return there


def _score_tab(poet: Poet) -> None:
    text = gr.Textbox(
        label="Poems, one a line",
        lines=5,
        max_lines=14,
        max_length=handlers.MOST_SCORED * (validation.MOST_TEXT + 1),
        value="\n".join(text.replace("\n", "") for text in handlers.examples(poet, 6)),
    )
    button = gr.Button("Score", variant="primary")
    table = Html(html.note("Which of them do not belong?"), elem_id="table")

    def score(text: object) -> str:
        return html.scores(handlers.score(poet, text))

    _on(button.click, score, [text], [table])


def _check_tab() -> gr.Textbox:
    text = gr.Textbox(
        label="Poem to check",
        info="Of Chinese verse; blank lines between poems. No model is asked",
        lines=4,
        max_lines=14,
        max_length=handlers.MOST_CHECKED,
        value="渭城朝雨浥輕塵，客舍青青柳色新。\n勸君更盡一杯酒，西出陽關無故人。",
    )
    with gr.Row():
        form = _menu(handlers.checked_forms(), "Form it ought to have", "told by the poem")
        book = gr.Radio(handlers.BOOKS, value="", label="Rhyme book", min_width=280)
    button = gr.Button("Check", variant="primary")
    report = Html(
        html.note("Tones, the nearest pattern, and every fault by name."), elem_id="report"
    )

    def check(*values: object) -> str:
        return html.checked(handlers.check(*values))

    _on(button.click, check, [text, form, book], [report])
    return text


def _send(poet: Poet, event: gr.EventData) -> list[Any]:
    """A poem to another tab: its text box, and in Revise opened as well."""
    text, ask = validation.text("poem", _sent(event, "text")), _sent(event, "ask")
    keep = gr.skip()
    ends = [keep, keep] if poet.model.has_latent else []
    if ask == "revise":
        opened = html.open_poem(text, bool(poet.forms))
        return [gr.Tabs(selected="revise"), text, opened, html.taken(), keep, *ends]
    if ask == "check":
        return [gr.Tabs(selected="check"), keep, keep, keep, text, *ends]
    if ends and ask in ("from", "to"):
        ends = [text, keep] if ask == "from" else [keep, text]
        return [gr.Tabs(selected="walk"), keep, keep, keep, keep, *ends]
    raise ConfigError("a poem can be sent to Revise, Check and Walk alone")


def _form_menu(poet: Poet) -> gr.Dropdown:
    forms = handlers.forms_of(poet)
    return _menu(forms, "Form", *([] if forms else ["free"]))


def _menu(forms: Iterable[Form], label: str, *absent: str) -> gr.Dropdown:
    """A menu of forms, below a word for none."""
    choices = [(word, "") for word in absent] + [(handlers.form_label(f), str(f)) for f in forms]
    return gr.Dropdown(choices, value=choices[0][1], label=label, interactive=True, min_width=280)


def _on(event: Any, answer: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Have an event answered: in turn with all others, and what goes wrong told in one line."""

    @wraps(answer)
    def told(*values: Any) -> Any:
        try:
            with MODEL.taken("page"):  # the API may be asked beside it
                return answer(*values)
        except PoetVAEError as error:
            # A message may quote what was typed, and is shown as HTML.
            raise gr.Error(escape(str(error)), print_exception=False) from None

    how: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}
    # The handlers check what came, in words of their own.
    how |= {"api_visibility": "private", "show_progress": "full", "preprocess": False}
    event(told, inputs, outputs, **how)


def _sent(event: gr.EventData, key: str) -> object:
    """A value that came with an event; None where there is none."""
    data = event._data
    return data.get(key) if isinstance(data, dict) else None


def _head(poet: Poet) -> str:
    forms = poet.codec.known_forms if poet.forms else "free form"
    labels = "".join(f", with {name}" for name in poet.codec.fields)
    return (
        "<h1>poetvae</h1><p class='told'>A machine that writes verse from a latent space:"
        f" {poet.model.num_parameters():,} parameters, {escape(forms + labels)}.</p>"
    )

"""The page as Gradio shows it: writing, revising, walking, a map and scores.

Nothing is sent elsewhere, and nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from html import escape
from importlib import resources
from typing import Any

from ..errors import ConfigError, PoetVAEError
from ..poet import Poet
from . import handlers as page
from . import html as markup
from . import validation as checks

# Read when gradio is imported: nothing may leave the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise ConfigError("the page needs gradio: pip install 'poetvae[demo]'") from error
WAITING = 32  # requests in the queue; more are told to come again
STEPS = 9


def build(poet: Poet) -> gr.Blocks:
    """The page of a model, one request to the model at a time. Serve it with `options`.

    Walk and Map are there where the model has a latent space.
    """
    latent = page.has_latent(poet)
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

        def send(event: gr.EventData) -> list[Any]:
            return _send(poet, event)

        targets = [tabs, text, opened, offers, *([a, b] if latent else [])]
        for source in [written, *([there] if latent else [])]:
            _on(source.select, send, [], targets)
    blocks.queue(max_size=WAITING, default_concurrency_limit=1, api_open=False)
    return blocks


def options() -> dict[str, Any]:
    """What `gradio.mount_gradio_app` and `Blocks.launch` have to be given for this page."""
    theme = gr.themes.Default(
        primary_hue="red", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    ).set(  # grey enough to be read
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*body_text_color_subdued",
        input_placeholder_color="*neutral_500",
    )
    return {
        "theme": theme,
        "css": _resource("app.css"),
        "footer_links": [],
        "run_history": False,
        "show_error": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "max_file_size": 1,
    }


def _write_tab(poet: Poet) -> gr.HTML:
    fields = poet.codec.fields
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            form = _form_menu(poet)
            first_line = gr.Textbox(
                label="First line",
                placeholder="a whole line of the form",
                max_length=checks.MOST_TEXT,
            )
            with gr.Row():
                keyword = gr.Textbox(
                    label="Keyword", placeholder="明月", max_length=checks.MOST_TEXT, min_width=120
                )
                acrostic = gr.Textbox(
                    label="Acrostic", placeholder="山水", max_length=checks.MOST_TEXT, min_width=120
                )
            with gr.Row():
                rhyme = gr.Dropdown(
                    markup.rhyme_choices(), value="", label="Rhyme class", min_width=120
                )
                tones = gr.Dropdown(
                    list(page.TONES), value="none", label="Regulated tones", min_width=120
                )
            labels = [
                gr.Dropdown([("any", ""), *((v, v) for v in values)], value="", label=name.title())
                for name, values in fields.items()
            ]
            n = gr.Slider(1, page.MOST_POEMS, 2, step=1, label="Poems")
            temperature = gr.Slider(0, 2, 0.8, step=0.05, label="Temperature")
            with gr.Accordion("More", open=False):
                where = gr.Radio(
                    [("heads of lines", "heads"), ("ends", "ends"), ("diagonal", "diagonal")],
                    value="heads",
                    label="Acrostic at",
                )
                candidates = gr.Slider(
                    1,
                    page.MOST_CANDIDATES,
                    1,
                    step=1,
                    label="Candidates",
                    info="Draw so many for each poem, keep the likeliest",
                )
                passes = gr.Dropdown(
                    [(str(k), k) for k in page.passes_of(poet)] or [1],
                    value=max(page.passes_of(poet), default=1),
                    label="Passes",
                    info="Of the network, to write a poem",
                    visible=bool(page.passes_of(poet)),
                )
                seed = gr.Number(
                    None,
                    label="Seed",
                    info="Empty: a new one. The same writes the same",
                    precision=0,
                )
            button = gr.Button("Write", variant="primary", elem_id="write-button")
        with gr.Column(scale=3, min_width=280):
            script = gr.Radio(list(page.SCRIPTS), value="as written", label="Characters")
            poems = _html(markup.note("Press Write for a poem."), "written")
    last = gr.State(None)

    def answer(
        form: object,
        first_line: object,
        keyword: object,
        acrostic: object,
        rhyme: object,
        tones: object,
        n: object,
        temperature: object,
        where: object,
        candidates: object,
        passes: object,
        seed: object,
        script: object,
        *values: object,
    ) -> tuple[str, page.Written]:
        found = page.write(
            poet,
            form=form,
            first_line=first_line,
            keyword=keyword,
            acrostic=acrostic,
            rhyme=rhyme,
            tones=tones,
            n=n,
            temperature=temperature,
            where=where,
            candidates=candidates,
            passes=passes,
            seed=seed,
            labels=dict(zip(fields, values, strict=True)),
        )
        return show(found, script), found

    def show(found: page.Written | None, script: object) -> str:
        if found is None:
            return markup.note("Press Write for a poem.")
        return markup.written(found, script, page.has_latent(poet))

    wanted = [form, first_line, keyword, acrostic, rhyme, tones, n, temperature]
    wanted += [where, candidates, passes, seed, script, *labels]
    for event in (button.click, first_line.submit, keyword.submit, acrostic.submit, seed.submit):
        _on(event, answer, wanted, [poems, last])
    _on(script.change, show, [last, script], [poems])
    return poems


def _revise_tab(poet: Poet) -> tuple[gr.Textbox, gr.HTML, gr.HTML]:
    text = gr.Textbox(
        label="Poem",
        elem_id="poem",
        info="A whole poem to revise; or the beginning of one, or one with _ for what is open",
        lines=2,
        max_lines=6,
        max_length=checks.MOST_TEXT,
        value=page.examples(poet)[0],
    )
    with gr.Row():
        revise = gr.Button("Revise", variant="primary")
        rest = gr.Button("Write the rest")
    opened = _html(markup.note("Revise turns each character into a button."), "opened")
    offers = _html("", "offers")

    def complete(text: object) -> tuple[str, str]:
        found = page.complete(poet, text)
        choices = markup.choices([poem.text for poem in found.poems], found.seed)
        return markup.note("Choose one to go on with."), choices

    def begin(text: object) -> tuple[str, str]:
        poem = page.read(poet, text)
        return complete(text) if poem is None else (_opened(poet, poem.text), markup.taken())

    def anew(event: gr.EventData) -> str:
        poem = _sent(event, "poem")
        texts, seed = page.alternatives(poet, poem, _sent(event, "first"), _sent(event, "last"))
        return markup.choices(texts, seed, checks.text("poem", poem))

    def take(event: gr.EventData) -> tuple[str, str, str]:
        poem, before = page.read(poet, _sent(event, "text")), _sent(event, "before")
        if poem is None:
            raise ConfigError("that is no whole poem of this model; press Revise")
        back = markup.taken(checks.text("poem before", before))
        return poem.text, _opened(poet, poem.text), back

    _on(revise.click, begin, [text], [opened, offers])
    _on(rest.click, complete, [text], [opened, offers])
    _on(opened.select, anew, [], [offers])
    _on(offers.select, take, [], [text, opened, offers])
    return text, opened, offers


def _walk_tab(poet: Poet) -> tuple[gr.Textbox, gr.Textbox]:
    start, end = [*page.examples(poet), ""][:2]
    with gr.Row():
        a, b = (
            gr.Textbox(
                label=label, lines=2, max_length=checks.MOST_TEXT, value=value, min_width=280
            )
            for label, value in (("From", start), ("To", end))
        )
    steps = gr.Slider(3, page.MOST_STEPS, STEPS, step=1, label="Poems on the way")
    button = gr.Button("Walk", variant="primary")
    told = (
        "Characters give way one by one; what is open between the two is written."
        if page.bridges(poet)
        else "The ends are the two poems as the model reads them back."
    )
    way = _html(markup.note(told), "way")

    def walk(a: object, b: object, steps: object) -> str:
        return markup.way(page.walk(poet, a, b, steps), bool(poet.forms))

    _on(button.click, walk, [a, b, steps], [way])
    return a, b


def _map_tab(poet: Poet) -> gr.HTML:
    atlas = page.atlas(poet)
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            picture = _html(markup.picture(atlas), "picture")
        with gr.Column(scale=2, min_width=280):
            form = _form_menu(poet)
            there = _html(
                markup.note("Click on the map to read what the model writes there."), "there"
            )

    def look(form: object, event: gr.EventData) -> str:
        return markup.place(*page.look(poet, atlas, _sent(event, "x"), _sent(event, "y"), form))

    _on(picture.select, look, [form], [there])
    return there


def _score_tab(poet: Poet) -> None:
    text = gr.Textbox(
        label="Poems, one a line",
        lines=5,
        max_lines=14,
        max_length=page.MOST_SCORED * (checks.MOST_TEXT + 1),
        value="\n".join(text.replace("\n", "") for text in page.examples(poet, 6)),
    )
    button = gr.Button("Score", variant="primary")
    table = _html(markup.note("Which of them do not belong?"), "table")

    def score(text: object) -> str:
        return markup.scores(page.score(poet, text))

    _on(button.click, score, [text], [table])


def _send(poet: Poet, event: gr.EventData) -> list[Any]:
    """A poem to another tab: its text box, and in Revise opened as well."""
    text, ask = checks.text("poem", _sent(event, "text")), _sent(event, "ask")
    keep = gr.skip()
    ends = [keep, keep] if page.has_latent(poet) else []
    if ask == "revise":
        return [gr.Tabs(selected="revise"), text, _opened(poet, text), markup.taken(), *ends]
    if ends and ask in ("from", "to"):
        ends = [text, keep] if ask == "from" else [keep, text]
        return [gr.Tabs(selected="walk"), keep, keep, keep, *ends]
    raise ConfigError("a poem can be sent to Revise and to Walk alone")


def _opened(poet: Poet, text: str) -> str:
    return markup.open_poem(text, bool(poet.forms))


def _form_menu(poet: Poet) -> gr.Dropdown:
    forms = page.forms_of(poet)
    named = [
        (f"{form} ({form.partition('x')[2]} lines of {form.partition('x')[0]})", form)
        for form in forms
    ]
    return gr.Dropdown(
        named or [("free", "")], value=forms[0] if forms else "", label="Form", interactive=True
    )


def _html(value: str, name: str) -> gr.HTML:
    return gr.HTML(
        value,
        html_template="<div aria-live='polite'>${value}</div>",
        js_on_load=_resource("app.js"),
        apply_default_css=False,
        elem_id=name,
    )


def _on(event: Any, answer: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Have an event answered: in turn with all others, and what goes wrong told in one line."""

    @wraps(answer)
    def told(*values: Any) -> Any:
        try:
            return answer(*values)
        except PoetVAEError as error:
            # A message may quote what was typed, and is shown as HTML.
            raise gr.Error(escape(str(error)), print_exception=False) from None

    event(
        told,
        inputs,
        outputs,
        concurrency_limit=1,
        concurrency_id="model",
        api_visibility="private",
        show_progress="full",
    )


def _sent(event: gr.EventData, key: str) -> object:
    """A value that came with an event; None where there is none."""
    data = event._data
    return data.get(key) if isinstance(data, dict) else None


def _head(poet: Poet) -> str:
    forms = ", ".join(page.forms_of(poet)) or "free form"
    labels = "".join(f", with {name}" for name in poet.codec.fields)
    return (
        "<h1>poetvae</h1><p class='told'>A machine that writes verse from a latent space:"
        f" {poet.model.num_parameters():,} parameters, {escape(forms + labels)}.</p>"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")

"""The page as Gradio builds it: what is in it, how it is served, what goes wrong in it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from poetvae.config import ModelConfig
from poetvae.errors import ConfigError
from poetvae.i18n import speaking
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.web import app, handlers, revising
from poetvae.web.controls import resource
from poetvae.web.tabs import revise

POEM = "瀑響分雲出，橋形得水成。"
INPUTS = {"textbox", "slider", "dropdown", "radio", "number"}


def built(poet: Poet) -> gr.Blocks:
    """The page, built in an event loop: without one Gradio makes some that it never closes."""

    async def build() -> gr.Blocks:
        return app.build(poet)

    return asyncio.run(build())


@pytest.fixture(scope="module")
def blocks(poet: Poet) -> gr.Blocks:
    """The page of a small model."""
    return built(poet)


@pytest.fixture(scope="module")
def reader(poet: Poet) -> Poet:
    """A model without a latent space."""
    config = ModelConfig(
        kind="autoregressive",
        vocab_size=len(poet.codec.tokenizer),
        max_len=poet.codec.max_len,
        embed_dim=8,
        d_model=8,
        encoder_layers=0,
        decoder_layers=1,
    )
    return Poet(Autoregressive(config), poet.codec)


def parts(blocks: gr.Blocks, kind: str) -> list[dict[str, Any]]:
    """The properties of all components of a kind."""
    found = blocks.get_config_file()["components"]
    return [one["props"] for one in found if one["type"] == kind]


def answer(blocks: gr.Blocks, name: str) -> Any:
    """What answers the event whose function has this name."""
    return next(event.fn for event in blocks.fns.values() if event.name == name)


def controls(blocks: gr.Blocks) -> list[Any]:
    """What Write sends: all that can be asked for."""
    return list(next(event for event in blocks.fns.values() if event.name == "answer").inputs)


def written(blocks: gr.Blocks, seed: int) -> str:
    """What Write answers when no control but that of the seed is touched."""
    values = [seed if one.label == "Seed" else one.value for one in controls(blocks)]
    found: str = answer(blocks, "answer")(*values)
    return found


class Sent(gr.EventData):
    """An event with what a browser sent."""

    def __init__(self, data: Any) -> None:
        super().__init__(None, data)


def test_the_tabs(blocks: gr.Blocks, reader: Poet) -> None:
    def tabs(blocks: gr.Blocks) -> list[str]:
        return [tab["label"] for tab in parts(blocks, "tabitem")]

    assert tabs(blocks) == ["Write", "Revise", "Couplet", "Walk", "Map", "Score", "Check"]
    assert tabs(built(reader)) == ["Write", "Revise", "Couplet", "Score", "Check"]


def test_each_condition_has_a_control(blocks: gr.Blocks) -> None:
    assert [one.label for one in controls(blocks)] == [
        "About", "Form", "First line", "Acrostic", "Acrostic at", "Keyword", "Template",
        "Rhyme class", "Regulated tones", "No repeats", "Without", "Only", "Poems", "Candidates",
        "Temperature", "Passes", "Seed",
    ]  # fmt: skip
    kinds = {one.label: one.get_block_name() for one in controls(blocks)}
    for label, kind in (
        ("Keyword", "textbox"),
        ("Regulated tones", "dropdown"),
        ("Acrostic at", "radio"),
        ("No repeats", "checkbox"),
    ):
        assert kinds[label] == kind


def test_what_a_poem_is_about_can_be_asked_where_it_is_known(
    blocks: gr.Blocks, themed_run: Path
) -> None:
    themed = built(Poet.from_pretrained(themed_run))
    for page, shown in ((blocks, False), (themed, True)):
        (about,) = (one for one in controls(page) if one.label == "About")
        assert about.visible is shown


def test_every_input_has_a_label_of_its_own_in_its_tab(blocks: gr.Blocks) -> None:
    for kind in INPUTS:
        for one in parts(blocks, kind):
            assert one["label"]
            assert one.get("show_label", True)


def test_the_model_answers_one_event_at_a_time(blocks: gr.Blocks) -> None:
    events = list(blocks.fns.values())
    assert len(events) >= 10
    for event in events:
        assert event.queue
        assert (event.concurrency_id, event.concurrency_limit) == ("model", 1)
        assert event.api_visibility == "private"
    assert blocks._queue.max_size == app.WAITING


def test_nothing_leaves_the_machine(blocks: gr.Blocks) -> None:
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert not blocks.analytics_enabled
    theme = app.options()["theme"]
    assert not [url for url in theme._stylesheets if "//" in url]
    html = "".join(str(one["value"]) for one in parts(blocks, "html"))
    assert "://" not in html + app.options()["css"] + resource("app.js") + resource("page.js")


def test_options_are_known_to_both_ways_of_serving() -> None:
    for way in (gr.mount_gradio_app, gr.Blocks.launch):
        assert app.options().keys() <= inspect.signature(way).parameters.keys()


def test_what_goes_wrong_is_told_in_one_escaped_line(blocks: gr.Blocks) -> None:
    with pytest.raises(gr.Error) as told:
        answer(blocks, "complete")("<b>，_</b>")
    message = str(told.value.message)
    assert "<" not in message
    assert "&lt;b&gt;" in message
    assert not told.value.print_exception


@pytest.mark.parametrize("sent", [None, 3, [], {}, {"text": {}}, {"text": POEM, "ask": "away"}])
@pytest.mark.parametrize("name", ["send", "anew", "take"])
def test_events_carry_anything(blocks: gr.Blocks, name: str, sent: Any) -> None:
    kept: dict[str, list[Any]] = {"send": [], "anew": [True], "take": [[]]}
    if name == "take" and sent and sent == {"text": POEM, "ask": "away"}:
        assert answer(blocks, name)(*kept[name], Sent(sent))[0] == POEM
        return
    with pytest.raises(gr.Error):
        answer(blocks, name)(*kept[name], Sent(sent))


def test_a_poem_is_sent_to_the_tab_asked_for(blocks: gr.Blocks) -> None:
    send = answer(blocks, "send")
    tabs, text, opened, _, *ends = send(Sent({"text": POEM, "ask": "revise"}))
    assert (tabs.selected, text) == ("revise", POEM)
    assert 'data-ask="anew"' in opened
    assert all("value" not in one for one in ends)
    tabs, *_, checked, a, b = send(Sent({"text": POEM, "ask": "check"}))
    assert (tabs.selected, checked) == ("check", POEM)
    assert "value" not in a
    assert "value" not in b
    tabs, *_, a, b = send(Sent({"text": POEM, "ask": "to"}))
    assert (tabs.selected, b) == ("walk", POEM)
    assert a != POEM


def test_a_poem_is_checked(blocks: gr.Blocks) -> None:
    event = next(event for event in blocks.fns.values() if event.name == "check")
    inputs: list[Any] = list(event.inputs)
    values = [value for _, value in inputs[1].choices]
    assert values[:7] == ["", "5x2", "5x4", "5x8", "7x2", "7x4", "7x8"]
    assert "浣溪沙" in values
    assert [value for _, value in inputs[2].choices] == ["", "平水", "詞林", "新韻"]
    poem = inputs[0].value
    shown = answer(blocks, "check")(poem, "", "")
    assert "七言絕句" in shown
    assert "失粘" in shown
    assert shown.count("class='char'") == 28
    assert shown.count('class="cell wrong"') == 1
    with pytest.raises(gr.Error, match=r"came; expected one of 5x2, .* and [0-9]+ more"):
        answer(blocks, "check")(poem, "9x9", "")


def test_a_poem_is_revised_by_presses(blocks: gr.Blocks, poet: Poet) -> None:
    sent = Sent({"poem": POEM, "first": 3, "last": 3})
    assert "<mark>" in answer(blocks, "anew")(True, sent)
    texts, _ = revising.alternatives(poet, POEM, 3, 3, seed=1)
    take = answer(blocks, "take")
    text, opened, offers, past = take([], Sent({"text": texts[0], "before": POEM}))
    assert (text, past) == (texts[0], [POEM])
    assert texts[0] in opened
    assert 'data-ask="undo"' in offers
    *_, past = take(past, Sent({"text": texts[1], "before": texts[0]}))
    assert past == [POEM, texts[0]]
    text, *_, past = take(past, Sent({"ask": "undo"}))
    assert (text, past) == (texts[0], [POEM])
    text, _, offers, past = take(past, Sent({"ask": "undo"}))
    assert (text, past) == (POEM, [])
    assert "undo" not in offers
    with pytest.raises(gr.Error, match="there is no poem before this one"):
        take(past, Sent({"ask": "undo"}))
    _, _, _, past = take(["山"] * revise.MOST_BEFORE, Sent({"text": texts[0], "before": POEM}))
    assert len(past) == revise.MOST_BEFORE


def test_a_region_or_a_place_of_the_map_is_read(blocks: gr.Blocks) -> None:
    look = answer(blocks, "look")
    assert "in the region" in look("5x2", Sent({"region": 0}))
    assert "writes here" in look("5x2", Sent({"x": 0, "y": 0.0}))
    for sent in ({}, None, {"region": 99}, {"region": "0"}, {"x": "a", "y": 0}):
        with pytest.raises(gr.Error):
            look("5x2", Sent(sent))


def test_a_line_is_answered(blocks: gr.Blocks) -> None:
    shown = answer(blocks, "answer_couplet")(POEM[:5], "usual", 2)
    assert shown.count("class='scrolls'") == 2
    with pytest.raises(gr.Error):
        answer(blocks, "answer_couplet")("", "usual", 2)


def test_a_checked_poem_is_sent_on(blocks: gr.Blocks) -> None:
    senders = [event.fn for event in blocks.fns.values() if event.name == "send"]
    assert len(senders) == 3  # of Write, Check and Map


def test_a_model_without_latent_space_has_a_page(reader: Poet) -> None:
    blocks = built(reader)
    table = answer(blocks, "score")(POEM)
    assert "瀑響" in table
    assert "<ruby" not in table
    shown = written(blocks, seed=5)
    assert ">5</output>" in shown
    assert shown.count("<article") == handlers.POEMS
    assert "Walk" not in shown


def test_free_form_has_a_page(free_poet: Poet) -> None:
    blocks = built(free_poet)
    assert "free form" in written(blocks, seed=5)


def test_a_page_opens_with_a_poem_that_its_query_writes_again(blocks: gr.Blocks) -> None:
    def verses(html: str) -> list[str]:
        return re.findall('<p class="verses".*?</p>', html)

    (shown,) = (one["value"] for one in parts(blocks, "html") if one.get("elem_id") == "written")
    (query,) = re.findall("data-query='(.*?)'", shown)
    again, *values = answer(blocks, "again")(Sent({"query": unescape(query) + "&chosen=2"}))
    assert verses(again) == verses(shown)
    assert again.count("aria-pressed='true'") == 1
    assert "data-choose='2' aria-pressed='true'" in again
    asked = dict(zip([one.label for one in controls(blocks)], values, strict=True))
    assert (asked["Form"], asked["Poems"], asked["Seed"]) == ("5x2", handlers.POEMS, "")


@pytest.mark.parametrize("query", ["seed=x", "form=9x9&seed=1", "n=99&seed=1", "n=True", 7])
def test_a_query_that_asks_for_what_is_not_there_is_told(blocks: gr.Blocks, query: Any) -> None:
    with pytest.raises(gr.Error, match="expected"):
        answer(blocks, "again")(Sent({"query": query}))


@pytest.mark.parametrize("language", ["zh_TW", "zh_CN"])
def test_a_page_speaks_its_language(poet: Poet, language: str) -> None:
    with speaking(language):
        page = built(poet)
    labels = [tab["label"] for tab in parts(page, "tabitem")]
    assert labels[0] == {"zh_TW": "寫詩", "zh_CN": "写诗"}[language]
    form = controls(page)[1]
    assert form.label == {"zh_TW": "體裁", "zh_CN": "体裁"}[language]
    with pytest.raises(gr.Error) as told:  # in the language of the page, whoever asks
        answer(page, "answer")("x" * 600, *[one.value for one in controls(page)][1:])
    assert told.value.title == {"zh_TW": "這樣寫不成", "zh_CN": "这样写不成"}[language]


def test_without_gradio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "poetvae.web.controls")
    with pytest.raises(ConfigError, match=r"pip install 'poetvae\[demo\]'"):
        importlib.import_module("poetvae.web.controls")

"""What the page answers: the model's own answers, and one line for whatever else is sent."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.constraints.options import Conditions
from poetvae.errors import ConfigError, ConstraintError, CorpusError, PoetVAEError
from poetvae.generation.couplet import Rhymed
from poetvae.generation.generate import Generated
from poetvae.i18n import speaking
from poetvae.latent.plane import Plane
from poetvae.poet import Poet
from poetvae.text.poem import Form, is_han
from poetvae.text.prosody import check_all
from poetvae.text.prosody.report import Fault, Line, Report
from poetvae.text.variants import to_simplified
from poetvae.web import handlers, html, regions, revising, validation

POEM = "瀑響分雲出，橋形得水成。"
UPPER = "瀑響分雲出"
WEI = "渭城朝雨浥輕塵，客舍青青柳色新。\n勸君更盡一杯酒，西出陽關無故人。"
SOUTH = "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南。"
OTHER = "斷岸支漁網，危峰戴草亭。"
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
OTHERS = ["form", "temperature", "passes", "candidates", "n", "seed"]


@pytest.fixture(scope="module")
def atlas(poet: Poet) -> regions.Atlas:
    """The map of the sample."""
    return regions.atlas(poet)


def refused(call: Any) -> None:
    """The call answers, or one line says why it does not."""
    line = "answered"
    try:
        call()
    except PoetVAEError as error:
        line = str(error)
    assert line
    assert "\n" not in line


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([*handlers.CONDITIONS, *OTHERS]), ANYTHING)
def test_writing_takes_or_refuses_anything(poet: Poet, name: str, value: object) -> None:
    refused(lambda: handlers.write(poet, {name: value}))


@settings(max_examples=30, deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING)
def test_the_other_tabs_take_or_refuse_anything(
    poet: Poet, atlas: regions.Atlas, a: Any, b: Any, c: Any
) -> None:
    for call in (
        lambda: handlers.read(poet, a),
        lambda: handlers.complete(poet, a, n=1),
        lambda: revising.alternatives(poet, a, b, c),
        lambda: revising.alternatives(poet, POEM, b, c),
        lambda: revising.alternatives(poet, POEM, 0, 0, c, n=1),
        lambda: handlers.couplets(poet, a, b, c),
        lambda: handlers.couplets(poet, UPPER, b, 1),
        lambda: regions.of_region(poet, atlas, a, b),
        lambda: handlers.walk(poet, a, b, c),
        lambda: handlers.walk(poet, POEM, OTHER, c),
        lambda: regions.look(poet, atlas, a, b, c),
        lambda: handlers.score(poet, a),
        lambda: handlers.check(a, b, c),
        lambda: handlers.check(POEM, b, c),
    ):
        refused(call)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -1, 2.1, True, "1", None])
def test_what_is_no_temperature(poet: Poet, value: object) -> None:
    with pytest.raises(ConfigError, match=r"temperature: .* came; expected a number from 0 to 2"):
        handlers.write(poet, {"temperature": value})


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"n": 9}, "poems: 9 came; expected a number from 1 to 8"),
        ({"n": 1.5}, "poems: 1.5 came; expected a whole number"),
        ({"candidates": 65}, "candidates: 65 came"),
        ({"n": 8, "candidates": 17}, "8 poems of 17 candidates each are 136; expected at most 128"),
        ({"form": "7x4"}, "form: '7x4' came; expected one of 5x2"),
        ({"passes": 2}, None),  # no choice: the model has one number of passes
        ({"where": "tails"}, "acrostic at: 'tails' came; expected one of heads, ends, diagonal"),
        ({"rhyme": "無此"}, "rhyme class: '無此' came"),
        ({"tones": "loose"}, "tones: 'loose' came; expected one of none, usual, strict, lenient"),
        ({"contains": "春 夏 秋 冬 月"}, "keyword: 5 came; expected at most 4"),
        ({"contains": "月" * 501}, "keyword: 501 characters came; expected at most 500"),
        ({"no_repeat": "yes"}, "no repeats: 'yes' came; expected true or false"),
        ({"first_line": "\ud800"}, "first line: half a character came"),
        ({"first_line": ["山"]}, "first line: a value of type list came; expected a text"),
        ({"seed": -1}, "seed: -1 came"),
        ({"seed": 2**31 + 1}, "seed: 2.14748e[+]09 came; expected a number from 0 to 2147483648"),
        ({"labels": {"dynasty": "tang"}}, "no label 'dynasty'"),
        ({"labels": {"dynasty": 3}}, "dynasty: 3 came; expected a text"),
        ({"about": "山"}, "this model has no themes"),
        ({"about": 3}, "about: 3 came; expected a text"),
    ],
)
def test_what_cannot_be_asked_for(poet: Poet, asked: dict[str, Any], line: str | None) -> None:
    if line is None:
        assert handlers.write(poet, asked)
        return
    with pytest.raises(ConfigError, match=line):
        handlers.write(poet, asked)


def test_a_drawn_seed_is_told_and_writes_the_same_again(poet: Poet) -> None:
    found = handlers.write(poet, {"n": 3})
    seed = found[0].seed
    assert 0 <= seed < validation.MOST_SEED
    assert handlers.write(poet, {"n": 3, "seed": seed}) == found
    assert handlers.write(poet, {"n": 3, "seed": float(seed)}) == found
    assert handlers.write(poet, {})[0].seed != seed


@pytest.mark.parametrize(
    ("asked", "pattern"),
    [
        ({"acrostic": " 山水 ", "contains": "月", "tones": "none"}, "(?=.*月)山.*，水.*。"),
        ({"acrostic": "山水", "where": "ends"}, ".{4}山，.{4}水。"),
        ({"contains": "月 風"}, "(?=.*月).*風.*"),
        ({"first_line": "瀑響分雲出", "form": "", "rhyme": "", "no_repeat": False}, "瀑響分雲出.*"),
        ({"template": "瀑響分雲_，橋形得水成。"}, "瀑響分雲.，橋形得水成。"),
        ({"no_repeat": True}, r"(?:(.)(?!.*\1))*"),
        ({"without": "山水"}, "[^山水]*"),
        ({"only": "山水 "}, "[山水，。]*"),
        ({"rhyme": "尤", "tones": "lenient"}, ".*"),
    ],
)
def test_what_is_asked_of_a_poem_holds(poet: Poet, asked: dict[str, Any], pattern: str) -> None:
    (poem,) = handlers.write(poet, {**asked, "seed": 1})
    assert poem.satisfied
    assert re.fullmatch(pattern, poem.text)


def test_what_is_declared_with_a_label_is_on_the_page(poet: Poet) -> None:
    declared = {field.name for field in dataclasses.fields(Conditions) if field.metadata["label"]}
    assert set(handlers.CONDITIONS) == declared
    assert declared >= {"template", "no_repeat", "without", "only"}
    for name in ("where", "tones"):
        field = handlers.CONDITIONS[name]
        assert set(handlers.menu(poet, field)) - {handlers.NOTHING} == set(field.metadata["among"])


def test_blanks_are_filled_and_a_lone_line_goes_on(poet: Poet) -> None:
    found = handlers.complete(poet, "瀑響分雲_，橋形得水成。", seed=3, n=2)
    assert len({poem.text for poem in found}) == 2
    assert all(p.text[:4] == POEM[:4] and p.text[5:] == POEM[5:] for p in found)
    assert handlers.complete(poet, "瀑響分雲_，橋形得水成。", seed=3, n=2) == found
    assert handlers.complete(poet, "瀑響分雲出", n=1)[0].lines[0] == "瀑響分雲出"
    with pytest.raises(ConstraintError, match="opens none of the model's forms"):
        handlers.complete(poet, "山，月")
    with pytest.raises(ConfigError, match="there is no text yet"):
        handlers.complete(poet, "  ")


def test_alternatives_stand_in_the_place_alone(poet: Poet) -> None:
    texts, seed = revising.alternatives(poet, POEM, 5, 6, n=5, seed=None)
    assert len(set(texts)) == len(texts) == 5
    kept = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]  # 5 is the comma
    for text in texts:
        assert text != POEM
        assert [text[i] for i in kept] == [POEM[i] for i in kept]
    assert revising.alternatives(poet, POEM, 5, 6, n=5, seed=seed) == (texts, seed)


def test_alternatives_come_the_likeliest_first(poet: Poet) -> None:
    texts, seed = revising.alternatives(poet, POEM, 4, 4, keep=False)
    drawn = poet.generate(
        24, form="5x2", template="瀑響分雲_，橋形得水成。", candidates=1, seed=seed
    )
    likely = {poem.text: poem.log_prob for poem in drawn if poem.text != POEM}
    assert texts == sorted(likely, key=lambda text: -likely[text])[:8]


@pytest.mark.parametrize("keep", [True, False])
def test_alternatives_keep_rhyme_and_tones_where_that_is_asked(poet: Poet, keep: bool) -> None:
    poem = handlers.read(poet, POEM)
    assert poem is not None
    before = revising.scanned(poet, poem)
    assert before is not None
    assert not before.faults
    found = [revising.alternatives(poet, poem.text, t, t, keep, seed=1)[0] for t in (1, 3, 4, 6)]
    reports = [check_all(text, Form(5, 2))[0] for texts in found for text in texts]
    assert len(reports) > 8
    assert any(report.faults for report in reports) is not keep


def test_what_breaks_a_poem_can_be_mended(poet: Poet) -> None:
    wrong = handlers.read(poet, POEM.replace("雲", "月"))
    assert wrong is not None
    report = revising.scanned(poet, wrong)
    assert report is not None
    faults = revising.faults_at(Form(5, 2), report)
    assert set(faults) == {3}
    for text in revising.alternatives(poet, wrong.text, 3, 3, seed=1)[0]:
        assert not check_all(text, Form(5, 2))[0].faults


def test_faults_have_the_place_of_the_character_that_they_are_told_of() -> None:
    (report,) = check_all(WEI)
    ((place, told),) = revising.faults_at(Form(7, 4), report).items()
    assert WEI.replace("，", "").replace("。", "").replace("\n", "")[place] == "君"
    assert told.startswith("✗ 失粘, character 2: ")
    with speaking("zh_TW"):
        ((_, said),) = revising.faults_at(Form(7, 4), check_all(WEI)[0]).items()
    assert said.startswith("✗ 失粘")
    assert "between couplets" not in said


def test_lower_lines_answer_an_upper_one(poet: Poet) -> None:
    found = handlers.couplets(poet, f" {UPPER} ", "strict", 3, seed=1)
    assert len({one.lower for one in found}) == 3
    for one in found:
        assert one.upper == UPPER
        assert one.tones_ok
        assert not set(one.lower) & set(UPPER)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert handlers.couplets(poet, UPPER, "strict", 3, seed=1) == found
    with pytest.raises(ConfigError, match="there is no line yet"):
        handlers.couplets(poet, "")
    with pytest.raises(ConfigError, match="couplets: 9 came"):
        handlers.couplets(poet, UPPER, "usual", 9)
    with pytest.raises(ConstraintError, match="expected one line of 4 to 11"):
        handlers.couplets(poet, "山月")


def test_who_answers_couplets(poet: Poet, free_poet: Poet) -> None:
    assert handlers.answers_couplets(poet)
    assert not handlers.answers_couplets(free_poet)


def test_alternatives_in_free_form_keep_the_length(free_poet: Poet) -> None:
    text = "a rose is a rose\nsaid number 3"
    texts, _ = revising.alternatives(free_poet, text, 2, 5, n=3)
    assert texts
    for other in texts:
        assert other != text
        assert (other[:2], other[6:]) == (text[:2], text[6:])


@pytest.mark.parametrize(
    ("text", "first", "last", "error"),
    [
        (POEM, 10, 10, ConfigError),
        (POEM, 4, 3, ConfigError),
        (POEM, -1, 3, ConfigError),
        ("瀑響分雲出", 0, 0, CorpusError),
        ("瀑響分雲_，橋形得水成。", 0, 0, CorpusError),
        ("", 0, 0, ConfigError),
    ],
)
def test_no_such_place(
    poet: Poet, text: str, first: int, last: int, error: type[PoetVAEError]
) -> None:
    with pytest.raises(error):
        revising.alternatives(poet, text, first, last)


def test_the_way_has_its_steps_and_ends_at_the_reconstructions(poet: Poet) -> None:
    way = handlers.walk(poet, POEM, OTHER, 5)
    assert (way.start, len(way.poems), way.end) == (POEM, 5, OTHER)
    ends = [way.poems[0], way.poems[-1]]
    assert ends == [poem.text for poem in poet.reconstruct([POEM, OTHER])]
    with pytest.raises(ConfigError, match="two poems are needed"):
        handlers.walk(poet, POEM, " ", 5)
    with pytest.raises(ConfigError, match="steps: 33 came; expected a number from 3 to 32"):
        handlers.walk(poet, POEM, OTHER, 33)


def test_the_map_has_the_sample_and_tells_what_is_near(poet: Poet, atlas: regions.Atlas) -> None:
    assert not atlas.own
    assert regions.atlas(poet) is atlas  # whoever asks, in whatever language
    (left, _), (right, high) = atlas.bounds
    assert left < float(atlas.points[:, 0].min()) <= float(atlas.points[:, 0].max()) < right
    x, y = atlas.points[7].tolist()
    text, near = regions.look(poet, atlas, x, y, "5x2")
    assert text == poet.reconstruct(atlas.texts[7])[0].text  # a poem's own place is its z
    apart = [float(torch.dist(atlas.points[7], point)) for point in atlas.points]
    assert sorted(apart)[:5] == pytest.approx(
        [apart[atlas.texts.index(one)] for one in near], abs=1e-5
    )
    with pytest.raises(ConfigError, match=r"x: .* came; expected a number from"):
        regions.look(poet, atlas, right + 1, high)


def test_each_poem_of_the_map_is_in_one_region(poet: Poet, atlas: regions.Atlas) -> None:
    members = sorted(i for region in atlas.regions for i in region.members)
    assert members == list(range(len(atlas.texts)))
    assert 2 <= len(atlas.regions) <= regions.MOST_REGIONS
    sizes = [len(region.members) for region in atlas.regions]
    assert sizes == sorted(sizes, reverse=True)
    assert len({region.name for region in atlas.regions}) == len(sizes)
    for region in atlas.regions:
        middle = atlas.points[region.members].mean(0)
        assert region.middle == pytest.approx(tuple(middle.tolist()))


def test_a_region_has_ever_new_poems(poet: Poet, atlas: regions.Atlas) -> None:
    region, text, near = regions.of_region(poet, atlas, 1, "5x2", seed=1)
    assert region is atlas.regions[1]
    assert {atlas.texts.index(one) for one in near} <= set(region.members)
    assert regions.of_region(poet, atlas, 1, "5x2", seed=1)[1] == text
    assert len({regions.of_region(poet, atlas, 1, seed=seed)[1] for seed in range(3)}) > 1
    with pytest.raises(ConfigError, match="region: 8 came; expected a number from 0 to 7"):
        regions.of_region(poet, atlas, 8)


def test_a_model_that_no_poem_of_the_sample_fits_maps_its_own(
    free_poet: Poet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "read_poems", lambda _: iter(()))
    monkeypatch.setattr(regions, "familiar", handlers.familiar.__wrapped__)
    atlas = regions.atlas.__wrapped__(free_poet)
    assert atlas.own
    assert 3 <= len(atlas.texts) == len(atlas.points)
    assert len(atlas.regions) >= 2


def test_scores_are_sorted_and_tell_each_character(poet: Poet) -> None:
    rows = handlers.score(poet, f"{POEM}\n\n {OTHER} \n山山山山山，山山山山山。")
    assert [row.anomaly for row in rows] == sorted((row.anomaly for row in rows), reverse=True)
    expected = {row["text"]: row["nll_per_char"] for row in poet.score([row.text for row in rows])}
    for row in rows:
        assert "".join(char for char, _ in row.nats) == row.text
        assert row.nll_per_char == pytest.approx(expected[row.text], rel=0.2)
        assert [pair for pair in row.nats if pair[1] is not None] == poet.surprise(row.text)
        assert all((nats is not None) == is_han(char) for char, nats in row.nats)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "0 poems came; expected 1 to 60"),
        ("\n".join([POEM] * 61), "61 poems came"),
        ("山" * 501, "poem 1: 501 characters came"),
        ("山" * 40_000, "poems: 40000 characters came"),
        ("山月", "has the form free"),
    ],
)
def test_what_cannot_be_scored(poet: Poet, text: str, line: str) -> None:
    with pytest.raises(PoetVAEError, match=line):
        handlers.score(poet, text)


def test_a_whole_poem_is_read_and_a_part_is_not(poet: Poet) -> None:
    poem = handlers.read(poet, POEM)
    assert poem is not None
    assert poem.form == Form(5, 2)
    assert handlers.read(poet, "瀑響分雲出") is None
    assert handlers.read(poet, "瀑響分雲＿，橋形得水成。") is None


def test_names_and_examples_are_in_the_characters_that_are_read(poet: Poet) -> None:
    with speaking("zh_CN"):
        assert handlers.form_label(Form.parse("7x4")) == "七言绝句 7x4"
        assert handlers.examples(poet)[0] == to_simplified(handlers.examples(poet)[0])
    with speaking("zh_TW"):
        assert handlers.form_label(Form.parse("7x4")) == "七言絕句 7x4"
        assert handlers.value_name("tang") == "唐"
    assert handlers.value_name("tang") == "Tang"


ASKED = [
    {"form": "5x2", "n": 4, "rhyme": "none", "no_repeat": False, "temperature": 0.5},
    {"form": "5x2", "n": 2, "acrostic": "山水", "where": "ends", "no_repeat": True},
    {"about": "秋 思&x=1", "temperature": 0.75, "passes": 1, "candidates": 3, "dynasty": "tang"},
]


@pytest.mark.parametrize("asked", ASKED)
def test_a_query_asks_for_the_same(poet: Poet, asked: dict[str, object]) -> None:
    usual = {"n": handlers.POEMS, "temperature": handlers.TEMPERATURE, "rhyme": "none"}
    usual |= {"passes": 1, "no_repeat": False}
    query = handlers.query(poet, asked, 7)
    found = usual | handlers.of_query(query, [*asked, "seed"])
    assert {name: found[name] for name in asked} == asked
    assert found["seed"] == "7"
    assert "none" not in query


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_query_may_be_anything(text: str) -> None:
    with contextlib.suppress(ConfigError):
        asked = handlers.of_query(text, ["n", "form", "seed"])
        assert asked.keys() <= {"n", "form", "seed"}


def test_the_best_poem_comes_first(poet: Poet) -> None:
    scores = [poem.score for poem in handlers.write(poet, {"n": 5, "candidates": 2, "seed": 3})]
    assert None not in scores
    assert scores == sorted(scores, key=lambda score: -(score or 0))
    assert len(set(scores)) > 1


# HTML


class Elements(HTMLParser):
    """The elements, attributes and text of some HTML."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(shown)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<img src=x onerror=alert(1)>\"'></button><script>alert(2)</script>&lt;${1}{{2}}"


def test_no_text_becomes_an_element_or_an_attribute() -> None:
    scored = handlers.Scored(HOSTILE, 1.0, 0.0, [(char, 1.0) for char in HOSTILE])
    plane = Plane(torch.zeros(2), torch.eye(2), (0.5, 0.5))
    z = torch.eye(2)
    hostile = [regions.Region((HOSTILE,), [i], (0.0, float(i))) for i in range(2)]
    atlas = regions.Atlas(plane, z, z, [HOSTILE] * 2, True, hostile)
    written = Generated(HOSTILE, (HOSTILE,), HOSTILE, 1, 0.0)
    answered = Rhymed(HOSTILE, (HOSTILE, HOSTILE), HOSTILE, 1, 0.0)
    faults = (Fault(HOSTILE, 0, 0, HOSTILE), Fault(HOSTILE, 1, 1, HOSTILE))
    line = Line(HOSTILE, "<", ("<>",), "<", faults[1:], (HOSTILE,))
    report = Report(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, (line,), faults)
    spoken = replace(line, text="山", units=())
    for shown in (
        html.note(HOSTILE),
        html.verses(HOSTILE),
        html.written([written]),
        html.choices([HOSTILE], 1, "before"),
        html.choices([HOSTILE], 1),
        html.open_poem(HOSTILE, fixed=False),
        html.open_poem(HOSTILE, fixed=False, faults={0: HOSTILE}),
        html.open_words(HOSTILE, [[(HOSTILE, 0, 1)]], {1: HOSTILE}),
        html.way(handlers.Walked(HOSTILE, [HOSTILE[::-1], HOSTILE], HOSTILE), fixed=True),
        html.couplets([answered]),
        html.checked([report]),
        html.checked([replace(report, lines=(spoken,))]),
        html.scores([scored]),
        html.picture(atlas),
        html.place(HOSTILE, [HOSTILE]),
        html.place(HOSTILE, [HOSTILE], HOSTILE),
    ):
        found = Elements(shown)
        assert not found.open
        assert not {"img", "script"} & set(found.tags)
        assert not [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
        if "data-text" in dict(found.attributes):
            assert dict(found.attributes)["data-text"] == HOSTILE


def test_each_character_of_an_open_poem_names_its_place() -> None:
    found = Elements(html.open_poem(POEM, fixed=True))
    firsts = [int(value or "") for name, value in found.attributes if name == "data-first"]
    lasts = [int(value or "") for name, value in found.attributes if name == "data-last"]
    places = list(zip(firsts, lasts, strict=True))
    assert places == [*((i, i) for i in range(5)), (0, 4), *((i, i) for i in range(5, 10)), (5, 9)]
    assert found.text.replace("↻", "") == POEM
    free = "a rose\nis"
    found = Elements(html.open_poem(free, fixed=False))
    firsts = [int(value or "") for name, value in found.attributes if name == "data-first"]
    assert [free[i] for i in firsts] == [*"a rose", "a", *"is", "i"]


def test_what_changed_is_marked() -> None:
    other = POEM.replace("瀑響", "江水")
    shown = html.way(handlers.Walked(POEM, [POEM, other], other), fixed=True)
    assert "<mark>江水</mark>" in shown
    assert shown.count("<mark>") == 1
    assert "<span>橋形得水成。</span>" in shown
    shown = html.choices([POEM.replace("瀑", "江")], 1, POEM)
    assert "<mark>江</mark>" in shown
    assert "<span>橋形" not in shown
    shown = html.choices(["I saw a house,"], 1, "I saw a horse")
    assert "<mark>house</mark>," in shown  # whole words, where letters are


def test_the_map_puts_poems_where_they_lie(atlas: regions.Atlas) -> None:
    found = Elements(html.picture(atlas))
    x = [float(value or "") for name, value in found.attributes if name == "cx"]
    y = [float(value or "") for name, value in found.attributes if name == "cy"]
    count = len(atlas.texts)
    assert len(x) == count + len(atlas.regions)  # and the legend
    order = [i for region in atlas.regions for i in region.members]
    told = dict(found.attributes)["data-map"]
    left, high, right, low = map(float, (told or "").split())
    across = left + np.array(x[:count]) / html.WIDTH * (right - left)
    up = high - np.array(y[:count]) / html.HEIGHT * (high - low)
    assert np.stack([across, up], 1) == pytest.approx(atlas.points.numpy()[order], abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text("山aw ", max_size=12), *[st.floats(-3, 3)] * 2), max_size=8))
def test_no_name_stands_over_another_on_the_map(named: list[tuple[str, float, float]]) -> None:
    places = [(html.WIDTH / 2 * (1 + x / 3), html.HEIGHT / 2 * (1 + y / 3)) for _, x, y in named]
    drawn = [regions.Region((name[:6],), [], (0.0, 0.0)) for name, _, _ in named]
    found = html._apart(drawn, places)
    sizes = [(html._width(one.name), html.LETTER) for one in drawn]
    for ((x, y), (width, height)), ((x2, y2), (width2, height2)) in combinations(
        zip(found, sizes, strict=True), 2
    ):
        assert abs(x - x2) >= (width + width2) / 2 or abs(y - y2) >= (height + height2) / 2


def test_poems_tell_their_script_and_seed(poet: Poet) -> None:
    found = handlers.write(poet, {"first_line": "瀑響分雲出", "seed": 7})
    shown = html.written(found, "seed=7&form=5x2")
    sent = f'data-text="{found[0].text}"'  # what is sent on is what was written
    pairs = "響响", "雲云"  # for the script of the page
    query = "data-query='seed=7&amp;form=5x2'"
    for part in ('lang="zh-Hant"', *pairs, sent, query, ">7</output>", "Walk from"):
        assert part in shown
    assert "Walk" not in html.written(found, latent=False)


def test_one_of_several_poems_is_large_and_all_can_be_chosen(poet: Poet) -> None:
    found = handlers.write(poet, {"n": 3, "seed": 7})
    for chosen in range(3):
        shown = html.written(found, chosen=chosen)
        articles = re.findall("<article( hidden)?", shown)
        assert [not hidden for hidden in articles] == [i == chosen for i in range(3)]
        pressed = re.findall(r"data-choose='(\d)' aria-pressed='true'", shown)
        assert pressed == [str(chosen)]
    assert "data-choose" not in html.written(found[:1])
    assert html.written(found) != html.written(found)  # so that Gradio shows it again


def test_checking_takes_a_form_and_a_book() -> None:
    (one,) = handlers.check(POEM)
    assert (one.form, one.book, one.faults) == ("5x2", "平水", ())
    (one,) = handlers.check(POEM, "5x4", "新韻")
    assert one.book == "新韻"
    assert [fault.name for fault in one.faults][:1] == ["句數"]
    assert len(handlers.check(f"{POEM}\n\n{OTHER}", "", "")) == 2


def test_what_cannot_be_checked() -> None:
    with pytest.raises(ConfigError, match="poem: 2001 characters came; expected at most 2000"):
        handlers.check("山" * 2001)
    with pytest.raises(ConfigError, match="rhyme book: '廣韻' came; expected one of"):
        handlers.check(POEM, "", "廣韻")
    with pytest.raises(ConfigError, match="there is no poem yet"):
        handlers.check(" ")
    with pytest.raises(CorpusError, match="no verse of Chinese characters"):
        handlers.check("<b>none</b>")


def test_the_way_has_the_ends_that_were_typed_once() -> None:
    mine, read = html.way(handlers.Walked(POEM, [OTHER, SOUTH], OTHER), True).count, html.way
    assert (mine("class='own'"), mine("<li")) == (2, 4)
    shown = read(handlers.Walked(POEM, [POEM, SOUTH, OTHER], OTHER), True)
    assert (shown.count("class='own'"), shown.count("<li")) == (2, 3)
    assert f'data-copy="{POEM}\n\n{SOUTH}\n\n{OTHER}"' in shown


def test_couplets_hang_with_the_upper_line_first(poet: Poet) -> None:
    found = handlers.couplets(poet, UPPER, n=2, seed=1)
    scrolls = re.findall("<p class='scroll'>(.*?)</p>", html.couplets(found))
    assert scrolls == [line for one in found for line in (UPPER, one.lower)]
    level = handlers.couplets(poet, "橋形得水成", n=1, seed=1)
    shown = html.couplets(level)
    assert re.findall("<p class='scroll'>(.*?)</p>", shown) == [level[0].lower, "橋形得水成"]
    assert "ends level" in shown
    assert "ends level" not in html.couplets(found)


def test_what_breaks_an_open_poem_is_marked_and_told() -> None:
    shown = html.open_poem(POEM, fixed=True, faults={3: "too high"})
    (wrong,) = re.findall('<button[^>]* class="wrong"[^>]*>(.*?)</button>', shown)
    assert wrong == POEM[3]
    assert 'title="too high"' in shown
    assert "character 4, 雲; too high" in shown
    assert "wrong" not in html.open_poem(POEM, fixed=True)


def test_a_check_has_the_tone_and_the_pattern_of_each_character() -> None:
    shown = html.checked(check_all(WEI))
    assert shown.count("class='char'") == shown.count("class='wanted'") == 28
    assert shown.count('class="cell wrong"') == 1
    assert f'data-ask="revise" data-text="{WEI}"' in shown
    english = html.checked(check_all("The curfew tolls the knell of parting day"))
    assert "<span class='tone'>/" in english
    assert "class='wanted'" not in english


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("憶江南", SOUTH, "憶江南, rhyme 第十四部, tones of the tune, seed 1"),
        ("5x2", "山月臨窗白，溪風入座清。", "五言對句 5x2, regulated tones, seed 1"),
        ("3-5-7-7-5", SOUTH, "3-5-7-7-5, seed 1"),
    ],
)
def test_what_is_told_of_a_written_poem(form: str, text: str, told: str) -> None:
    poem = Generated(text, tuple(text.split("\n")), form, 1, 0.0)
    (facts,) = re.findall('<p class="told facts">(.*?)</p>', html.written([poem]))
    parts = re.split("</?span>(?=<span|$)", re.sub("<span lang[^>]*>(.*?)</span>", r"\1", facts))
    assert ", ".join(re.sub("<[^>]*>", "", part) for part in parts if part) == told


def test_poems_about_something(themed_run: Path) -> None:
    poet = Poet.from_pretrained(themed_run)
    asked = {"about": "春山", "n": 4, "seed": 1}
    written = [poem.text for poem in handlers.write(poet, asked)]
    assert set(written) == {poem.text for poem in poet.generate(4, about="春山", seed=1)}
    assert written != [poem.text for poem in handlers.write(poet, {**asked, "about": " "})]
    with pytest.raises(ConfigError, match="about is '龘', of which this model knows no character"):
        handlers.write(poet, {"about": "龘"})

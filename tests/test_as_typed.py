"""What was typed comes back as typed, wherever a poem or a line is taken in."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from commands import shell
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae import Poet
from poetvae.errors import ConstraintError
from poetvae.text.poem import split_verses
from poetvae.text.variants import (
    SPELLINGS,
    is_simplified,
    script,
    to_simplified,
    traditional_variants,
)
from poetvae.web import handlers, revising

LONG = "兩箇黃鸝鳴翠柳，一行白鷺上青天。"
SHORT = "两个黄鹂鸣翠柳，一行白鹭上青天。"
OTHERS = {char for group in SPELLINGS.split() for char in group[1:]}


@cache
def poet() -> Poet:
    """The packaged weights, which know characters in several spellings."""
    return Poet.from_pretrained()


def test_scores_are_those_of_the_poem_however_it_is_typed() -> None:
    typed = ["白髮三千丈，緣愁似箇長。", "白发三千丈，缘愁似个长。", "白 髮三千丈緣愁似個\u200b⾧"]
    rows = poet().score(typed)
    assert [row["text"] for row in rows] == typed
    assert len({row["nll"] for row in rows}) == 1
    assert rows[0]["nll"] == poet().score(typed[1])[0]["nll"]
    assert handlers.score(poet(), "\n".join(typed))[0].nll_per_char == rows[0]["nll_per_char"]
    rows = poet().score([*typed, LONG])
    assert rows[3]["nll"] != rows[0]["nll"] == rows[2]["nll"]
    assert sum(row["anomaly"] for row in rows) == pytest.approx(0)


@given(st.lists(st.sampled_from(["", "\u200d", "\ufeff", " ", "\u3000"]), min_size=16, max_size=16))
@settings(max_examples=10, deadline=None)
def test_noise_changes_no_latent(noise: list[str]) -> None:
    typed = "".join(n + char for n, char in zip(noise, SHORT, strict=True))
    assert poet().encode(typed).mode.equal(poet().encode(LONG).mode)


ANSWERS: dict[str, Any] = {
    "reconstruct": lambda text: poet().reconstruct(text),
    "vary": lambda text: poet().vary(text, 2),
    "interpolate": lambda text: poet().interpolate(text, text, 2),
    "optimise": lambda text: poet().optimise("contains=月", text, steps=1),
    "complete": lambda text: poet().complete(text[:7], 2),
    "first line": lambda text: poet().generate(first_line=text[:7]),
    "template": lambda text: poet().generate(template=text[:5] + "__"),
    "acrostic": lambda text: poet().generate(acrostic=text[2:4]),
}


@pytest.mark.parametrize("way", ANSWERS)
def test_an_answer_is_in_the_script_of_what_was_typed(way: str) -> None:
    short, long = ANSWERS[way](SHORT), ANSWERS[way](LONG)
    for one, other in zip(short, long, strict=True):
        assert is_simplified(one.text)
        assert script(other.text) < 0
        assert one.text == to_simplified(other.text)


@pytest.mark.parametrize(
    "typed", ["两个黄鹂鸣翠柳", "兩箇黃鸝鳴翠柳", "兩個黃鸝鳴翠柳", "兩个黄鸝鳴翠柳"]
)
def test_a_line_comes_back_as_it_was_typed(typed: str) -> None:
    found = [*poet().complete(typed, 2), *poet().generate(2, first_line=typed)]
    found += poet().generate(form="7x2", lines={2: typed})[:1]
    for poem in found:
        assert typed in poem.lines
        assert typed in poem.text
        assert poem.satisfied
        assert poem.as_dict().keys() == {*["text", "lines", "form", "seed", "log_prob"]} | {
            "tones_ok", "rhyme", "satisfied"
        }  # fmt: skip


@pytest.mark.parametrize("typed", ["床", "牀", "峰", "峯", "凉", "涼", "台", "臺", "箇", "个"])
def test_a_character_comes_back_as_it_was_typed(typed: str) -> None:
    found = poet().generate(4, contains=typed, form="5x2", seed=3)
    assert all(typed in poem.text for poem in found)


def test_what_the_model_writes_has_one_spelling_of_each_character() -> None:
    text = "".join(poem.text for poem in poet().generate(60, seed=5, form="7x4"))
    assert not OTHERS & set(text)
    chars = dict.fromkeys(text)
    assert not [char for char in chars if traditional_variants(char) - {char} and script(char) > 0]


def test_a_first_line_decides_the_form() -> None:
    for line, length in (
        ("白日依山盡", 5),
        ("白日依", 5),
        ("兩箇黃鸝鳴翠柳", 7),
        ("兩箇黃鸝鳴翠", 7),
    ):
        (poem,) = poet().generate(first_line=line)
        assert poem.lines[0].startswith(line)
        assert {len(verse) for verse in poem.lines} == {length}
    (poem,) = poet().generate(first_line="白日依山盡", acrostic="白黃", where="heads")
    assert [verse[0] for verse in poem.lines[:2]] == ["白", "黃"]
    (poem,) = poet().generate(lines={3: "欲窮千里目"}, contains="樓")
    assert (poem.form in {"5x4", "5x8"}, poem.lines[2]) == (True, "欲窮千里目")
    (poem,) = poet().generate(first_line="西江月", form="謁金門")  # a tune has to be named
    assert poem.lines[0] == "西江月"
    (poem,) = poet().complete("白日依山盡，黃河", 1)
    assert poem.lines[0] == "白日依山盡"
    assert poem.lines[1].startswith("黃河")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"acrostic": "春夏秋冬東南西北上下左右"}, "acrostic 春夏秋冬東南西北上下左右"),
        ({"first_line": "白日依山盡黃河入"}, "first line 白日依山盡黃河入"),
        (
            {"lines": {1: "白日依山盡", 2: "黃河入海流", 3: "欲窮千里目更遠又遠"}},
            "line 1 .*, line 3 ",
        ),
        ({"template": "白日，依山盡"}, "template 白日，依山盡"),
    ],
)
def test_where_no_form_has_room_the_forms_are_named(asked: dict[str, Any], named: str) -> None:
    wanted = rf"^{named}.*: no form of this model has room for it; it writes .*7x4.* and .*$"
    with pytest.raises(ConstraintError, match=wanted):
        poet().generate(**asked)


def test_two_texts_of_one_line_are_refused_by_name() -> None:
    result = shell("generate", "--line", "1=白日依山盡", "--line", "1=黃河入海流")
    assert result.code == 1
    assert re.search("line 1 is '白日依山盡' and '黃河入海流'; give it once", result.err)
    twice = shell("generate", "--seed", "1", "--line", "1=白日依山盡", "--line", "1=白日依山盡")
    assert split_verses(twice.out)[0] == "白日依山盡"
    long = shell("generate", "--line", "9" * 5000 + "=白日依山盡")
    assert long.code == 2
    assert len(long.err) < 120


@pytest.mark.parametrize(
    "line", ["白日 依山盡", "\ufeff白日依山盡。", "⽩⽇依⼭盡", "「白日依山盡」"]
)
def test_a_condition_is_cleaned_as_a_poem_is(line: str) -> None:
    (wanted,) = poet().generate(first_line="白日依山盡", seed=4)
    assert poet().generate(first_line=line, seed=4)[0].text == wanted.text
    (clean,) = poet().generate(contains="明月", form="5x2", seed=4)
    assert poet().generate(contains="明\u200b 月", form="5x2", seed=4)[0].text == clean.text
    (open_,) = poet().complete("白日__盡", 1, seed=2)
    assert poet().complete("⽩日＿ \u200b□盡", 1, seed=2)[0].text == open_.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_files_and_standard_input_come_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    data = "兩箇黃鸝鳴翠柳，一行白鷺上青天。\r\n白髮三千丈，緣愁似箇長。\r\n".encode(encoding)
    (tmp_path / "a.txt").write_bytes(data)
    plain = shell("score", stdin=data.decode(encoding).encode())
    assert plain.code == 0
    assert shell("score", tmp_path / "a.txt").out == shell("score", stdin=data).out == plain.out


def test_what_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    data = f"{LONG}\n".encode() * 3 + b"\xff\xfe\xfa\n"
    (tmp_path / "a.txt").write_bytes(data)
    for result in (shell("score", tmp_path / "a.txt"), shell("reconstruct", stdin=data)):
        assert result.code == 1
        assert result.err.endswith(":4: is not in utf-8; convert all to UTF-8\n")
    assert "is a folder; give a file" in shell("score", tmp_path).err
    assert "cannot be read (No such file" in shell("score", tmp_path / "b.txt").err


def test_what_is_typed_on_the_page_comes_back() -> None:
    poem = handlers.read(poet(), SHORT.replace("，", "\u200b"))
    assert poem is not None
    assert poem.text == SHORT
    texts, _ = revising.alternatives(poet(), SHORT, 7, 8, n=3, seed=1)
    assert all(text.startswith(SHORT[:8]) and text.endswith(SHORT[10:]) for text in texts)
    row = handlers.score(poet(), "⼀行白鹭上青天 两个黄鹂鸣翠柳")[0]
    assert row.text == "⼀行白鹭上青天 两个黄鹂鸣翠柳"
    assert (
        "".join(char for char, nats in row.nats if nats is not None)
        == "一行白鹭上青天两个黄鹂鸣翠柳"
    )
    (written,) = handlers.write(poet(), {"first_line": "白日依山尽", "form": "5x2", "seed": 1})
    assert written.in_script("traditional").startswith("白日依山盡")
    assert written.in_script(None).startswith("白日依山尽")

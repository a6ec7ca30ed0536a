"""What people ask for: each constraint against its definition, and what it says in a conflict."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor

from poetvae.constraints import rules
from poetvae.constraints.constraint import Constraint, repeats
from poetvae.constraints.options import TONES, Conditions
from poetvae.constraints.room import form_for
from poetvae.errors import ConfigError, ConstraintError
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.prosody import RHYMES, regulated, rhyme, rhyme_ok, rhymes
from poetvae.text.tokenizer import PoemTokenizer

# Classical poems, then characters of several readings, simplified ones, one without a reading, and
# what is no character.
POEMS = (
    "白日依山盡黃河入海流欲窮千里目更上一層樓"
    "國破山河在城春草木深感時花濺淚恨別鳥驚心烽火連三月家書抵萬金白頭搔更短渾欲不勝簪"
    "好雨知時節當春乃發生隨風潛入夜潤物細無聲野徑雲俱黑江船火獨明曉看紅濕處花重錦官城"
    "月落烏啼霜滿天江楓漁火對愁眠姑蘇城外寒山寺夜半鐘聲到客船"
    "春眠不覺曉處處聞啼鳥夜來風雨聲花落知多少明秋夏冬髮裏后後余餘東"
)
TOKENIZER = PoemTokenizer.train([POEMS * 3 + "看重不㐂々", "，。a b\n"])
FORMS = ["5x2", "5x4", "7x4", "5x8"]
CODEC = PoemCodec(TOKENIZER, 42, {Form.parse(name): 1 for name in FORMS})
FREE = PoemCodec(TOKENIZER, 12)
COUPLET, QUATRAIN, SEVEN, EIGHT = CODEC.forms
SIMPLIFIED = PoemCodec(PoemTokenizer.train(["东国发长钟门马鸟里春"]), 10, {COUPLET: 1})


def draw(constraint: Constraint, n: int, seed: int = 0) -> Tensor:
    """Strings (n, T): a random path each, and a random token of each of its sets."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.arange(len(constraint.allowed))
    logits = torch.zeros(n, len(places), len(TOKENIZER))
    allowed = constraint.within(constraint.draw(logits, places, generator)[1])
    noise = torch.rand(allowed.shape, generator=generator)
    return noise.masked_fill(~allowed, -1).argmax(dim=2)


def near(tokens: Tensor, codec: PoemCodec, seed: int = 0) -> Tensor:
    """The strings with up to two tokens replaced."""
    dice = random.Random(seed)
    changed, writable = tokens.clone(), codec.writable()
    for string in changed:
        for _ in range(dice.randrange(3)):
            string[dice.randrange(len(string))] = dice.choice(writable)
    return changed


def verses(tokens: Tensor, form: Form) -> list[tuple[str, ...]]:
    return [form.lay_out(TOKENIZER.decode(ids[: form.size])) for ids in tokens.tolist()]


def agrees(
    constraint: Constraint, form: Form, meets: Callable[[tuple[str, ...]], bool | None], n: int
) -> None:
    """All strings of the constraint meet the definition, and of those nearby just its own."""
    inside = draw(constraint, n)
    inside = inside[~repeats(inside[:, sorted(constraint.distinct)])]
    assert all(map(meets, verses(inside, form)))
    assert constraint.satisfied(inside).all()
    outside = torch.cat([near(inside, CODEC), draw(rules.of_form(CODEC, form), n // 4)])
    found = constraint.satisfied(outside).tolist()
    assert found == [bool(meets(lines)) for lines in verses(outside, form)]
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("form", CODEC.forms)
def test_the_base_allows_all_characters_and_nothing_else(form: Form) -> None:
    base = rules.of_form(CODEC, form)
    assert base.allowed.shape == (42, len(TOKENIZER))
    assert (base.length, base.form) == (form.size, form)
    for row in base.allowed:
        assert row.nonzero().flatten().tolist() == CODEC.writable()


def test_the_base_of_free_form_begins_with_a_mark_that_shows() -> None:
    allowed = rules.of_form(FREE, None).allowed
    first, second = (set(row.nonzero().flatten().tolist()) for row in allowed[:2])
    assert second - first == {TOKENIZER.eos_id, TOKENIZER.newline_id, *TOKENIZER.encode(" ")}
    assert second == set(FREE.writable())


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("text", ["白日依山盡", " 白日依山盡，"])
def test_a_line_is_as_it_is_given(n: int, text: str) -> None:
    agrees(rules.line(CODEC, QUATRAIN, n, text), QUATRAIN, lambda v: v[n - 1] == "白日依山盡", 200)


def keeps(wanted: str) -> Callable[[tuple[str, ...]], bool]:
    """Whether a poem has these characters, from its beginning; _ is any."""
    return lambda lines: all(w in ("_", c) for w, c in zip(wanted, "".join(lines), strict=False))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("春_月＿□", "春_月__"),
        ("春_月__，_____。____江", "春_月___________江"),
        ("春_月________________江", "春_月________________江"),
        ("_____\n____江", "_________江"),
    ],
)
def test_a_template_keeps_what_is_no_blank(text: str, kept: str) -> None:
    agrees(rules.template(CODEC, QUATRAIN, text), QUATRAIN, keeps(kept), 200)


@pytest.mark.parametrize(
    ("where", "kept"),
    [("heads", "春____夏____秋"), ("ends", "____春____夏____秋"), ("diagonal", "春_____夏_____秋")],
)
def test_an_acrostic_stands_where_it_is_wanted(where: str, kept: str) -> None:
    agrees(rules.acrostic(CODEC, QUATRAIN, "春夏秋", where), QUATRAIN, keeps(kept), 200)


@pytest.mark.parametrize("text", ["月", "明月", "白日依山盡"])
def test_a_text_is_contained_in_one_line(text: str) -> None:
    constraint = rules.contains(CODEC, QUATRAIN, text)
    agrees(constraint, QUATRAIN, lambda lines: any(text in line for line in lines), 300)


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("form", [COUPLET, QUATRAIN, SEVEN, EIGHT])
def test_tones_agree_with_regulated_verse(form: Form, name: str) -> None:
    n = 2000 if form.lines == 4 else 500
    constraint = rules.tones(CODEC, form, name)
    agrees(constraint, form, lambda lines: regulated(lines, strictness=name), n)


@pytest.mark.parametrize("form", [QUATRAIN, EIGHT])
def test_any_rhyme_agrees_with_rhyme_ok(form: Form) -> None:
    agrees(rules.rhyme(CODEC, form), form, rhyme_ok, 2000)


@pytest.mark.parametrize("form", [QUATRAIN, COUPLET])
@pytest.mark.parametrize(
    ("name", "classes"), [("尤", "尤"), ("流", "尤"), ("簪", "侵覃"), ("东", "東")]
)
def test_a_named_rhyme_is_in_all_even_lines(form: Form, name: str, classes: str) -> None:
    assert name in chain(*RHYMES.values()) or rhymes(name, usual=True) == set(classes)

    def meets(lines: tuple[str, ...]) -> bool:
        if len(lines) > 2:
            return bool(rhyme_ok(lines)) and str(rhyme(lines)) in classes
        return rhymes(lines[1][-1], usual=True) & set(classes) != set()

    agrees(rules.rhyme(CODEC, form, name), form, meets, 1000)


FEW = "白日依山盡黃河入海流"


def test_characters_are_left_out_or_alone_allowed() -> None:
    without, only = rules.without(CODEC, COUPLET, FEW + "X"), rules.only(CODEC, COUPLET, FEW)
    agrees(without, COUPLET, lambda lines: not set(FEW) & set("".join(lines)), 300)
    agrees(only, COUPLET, lambda lines: set("".join(lines)) <= set(FEW), 300)


def test_no_character_twice() -> None:
    constraint = rules.no_repeat(CODEC, COUPLET)
    strings = draw(constraint, 500)
    found = constraint.satisfied(strings).tolist()
    assert found == [len(set("".join(lines))) == 10 for lines in verses(strings, COUPLET)]
    assert any(found)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("东发", ["東", "發髮"]),
        ("東發", ["東", "發"]),
        ("后里东", ["后後", "里裏", "東"]),
        ("后余", ["后", "余"]),
    ],
)
def test_simplified_text_stands_for_all_that_it_may_mean(typed: str, meant: list[str]) -> None:
    allowed = rules.acrostic(CODEC, QUATRAIN, typed).allowed
    for i, chars in enumerate(meant):
        ids = allowed[5 * i].nonzero().flatten().tolist()
        assert set(TOKENIZER.decode(ids)) == set(chars)


def test_a_model_of_simplified_text_takes_either_script() -> None:
    for typed in ("东发钟门马", "東發鐘門馬"):
        known = rules.line(SIMPLIFIED, COUPLET, 1, typed).allowed[:5].int().argmax(1).tolist()
        assert SIMPLIFIED.tokenizer.decode(known) == "东发钟门马"


def free_texts(constraint: Constraint) -> list[str]:
    return [FREE.decode(ids, None) for ids in draw(constraint, 300).tolist()]


def test_free_form_has_openings_contained_texts_and_choices_of_characters() -> None:
    for text in free_texts(rules.line(FREE, None, 1, "白日，a ")):
        assert text.startswith("白日，a\n")
    for text in free_texts(rules.template(FREE, None, "白_日\n_山")):
        assert text[0] + text[2:4] + text[5] == "白日\n山"
        assert "\n" not in text[1] + text[4]
    containing = rules.contains(FREE, None, "明月")
    assert all("明月" in text for text in free_texts(containing))
    ids = TOKENIZER.encode("白白明月白白白白白白白白")
    ids[1] = TOKENIZER.eos_id  # what comes after it is not read
    assert not containing.satisfied(torch.tensor([ids]))
    for text in free_texts(rules.only(FREE, None, "明月a")):
        assert set(text) <= set("明月a ，。\n□")
    for text in free_texts(rules.without(FREE, None, "明月")):
        assert not set(text) & set("明月")


def test_all_at_once_is_the_intersection_of_each() -> None:
    asked = Conditions(
        lines={4: "夜半鐘聲到客船"},
        acrostic="月",
        template="_落_____",
        contains=["江楓", "火"],
        rhyme="any",
        tones="strict",
        no_repeat=True,
        without="白",
    )
    constraint = rules.requested(CODEC, SEVEN, asked)
    strings = draw(constraint, 2000)
    kept = constraint.satisfied(strings)
    assert kept.any()
    for lines in verses(strings[kept], SEVEN):
        assert lines[3] == "夜半鐘聲到客船"
        assert lines[0].startswith("月落")
        assert any("江楓" in line for line in lines)
        assert any("火" in line for line in lines)
        assert rhyme_ok(lines)
        assert regulated(lines, strict=True)
        assert len(set("".join(lines))) == 28
        assert "白" not in "".join(lines)
    names = [condition.name for condition in constraint.says]
    assert names[:3] == ["line 4", "the template", "the acrostic"]


def test_nothing_asked_is_all_that_may_be_written() -> None:
    asked = rules.requested(CODEC, SEVEN, Conditions())
    base = rules.of_form(CODEC, SEVEN)
    assert torch.equal(asked.allowed, base.allowed)
    assert not asked.says


BLOCKED = "白日依山盡，黃河入海流，白日依山盡，黃河入海流"
NO_RHYME = "expected a rhyme class such as 尤, 七陽 or ang, or a character of a known sound"


def said(form: Form | None, asked: dict[str, Any]) -> str:
    """Why no poem can be what is asked."""
    codec = PoemCodec(TOKENIZER, 220, {form: 1}) if form else FREE
    with pytest.raises(ConstraintError) as error:
        rules.requested(codec, form, Conditions(**asked))
    return str(error.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"lines": {2: "白日依山白"}, "rhyme": "尤"},
            "line 2, position 5: line 2 wants 白 (陌, entering tone), the rhyme wants 尤",
        ),
        (
            {"acrostic": "春", "first_line": "白日依山盡"},
            "line 1, position 1: the first line wants 白, the acrostic wants 春",
        ),
        (
            {"first_line": "白日依山盡", "lines": {1: "白日依山月"}},
            "line 1, position 5: the first line wants 盡, the first line wants 月",
        ),
        (
            {"first_line": "城天山河天", "tones": "strict"},
            "line 1 cannot satisfy regulated verse (strict tones): the first line wants"
            " 城 (庚, level tone), 天 (先, level tone), 山 (刪, level tone), 河 (歌, level tone),"
            " 天 (先, level tone)",
        ),
        (
            {"first_line": "白深山河天", "tones": "strict"},
            "line 1, position 2: the first line wants 深 (侵, level tone or 沁, departing tone),"
            " regulated verse (strict tones) wants a tone of one kind",
        ),
        (
            {"lines": {2: "白日依山月"}, "tones": "lenient"},
            "line 2, position 5: line 2 wants 月 (月, entering tone),"
            " regulated verse (lenient tones) wants a level tone",
        ),
        (
            {"lines": {2: "白日依山白", 4: "白日依山天"}, "rhyme": "any"},
            "line 2, line 4 and the rhyme cannot be met together: 白 (陌, entering tone),"
            " 天 (先, level tone)",
        ),
        (
            {"first_line": "白日依山白", "no_repeat": True},
            "no character may come twice, but 白 has to stand at line 1, position 1 and at line 1,"
            " position 5: see the first line",
        ),
        (
            {"first_line": "白日依山盡", "acrostic": "白日", "no_repeat": True},
            "no character may come twice, but 日 has to stand at line 1, position 2 and at line 2,"
            " position 1: see the first line and the acrostic",
        ),
        (
            {"first_line": "白日依山盡", "without": "山河"},
            "line 1, position 4: the first line wants 山, the ban wants none of 山河",
        ),
        (
            {"acrostic": "山", "only": "白日"},
            "line 1, position 1: the acrostic wants 山, the choice wants one of 白日",
        ),
        (
            {"template": BLOCKED, "contains": "明月"},
            "the template and the text 明月 cannot be met together; leave one of them out",
        ),
        (
            {"first_line": "白日依山盡黃"},
            "the first line: '白日依山盡黃' has 6 characters; expected 1 to 5",
        ),
        ({"lines": {2: "白日依山"}}, "line 2: '白日依山' has 4 characters; expected 5"),
        ({"lines": {5: "白日依山盡"}}, "line 5 of 5x4: expected 1 to 4"),
        ({"lines": {0: "白日依山盡"}}, "line 0 of 5x4: expected 1 to 4"),
        ({"first_line": "白日依山龘"}, "this model cannot write 龘; take other characters"),
        ({"first_line": "白日依山a"}, "this model cannot write a; take other characters"),
        ({"template": "_____"}, "the template '_____' has no character; give at least one"),
        ({"template": "____a"}, "this model cannot write a; take other characters"),
        ({"template": "春__，秋"}, "line 1 of the template: '春□□' has 3 characters; expected 5"),
        ({"template": "春____，" * 5}, "the template has 25 characters, 5x4 has 20 in 4 lines"),
        (
            {"acrostic": "春夏秋冬春"},
            "the acrostic: '春夏秋冬春' has 5 characters; expected 1 to 4",
        ),
        ({"acrostic": ""}, "the acrostic: '' has 0 characters; expected 1 to 4"),
        (
            {"contains": "春夏秋冬春夏"},
            "the text 春夏秋冬春夏: '春夏秋冬春夏' has 6 characters; expected 1 to 5",
        ),
        ({"contains": "龘龘"}, "this model cannot write 龘; take other characters"),
        *[({"rhyme": name}, f"rhyme {name!r}: {NO_RHYME}") for name in ("x", "", "尤侵")],
        (
            {"rhyme": "咸"},
            "this model knows fewer than 2 different characters of the rhyme 咸; take another",
        ),
        ({"only": "龘"}, "this model cannot write 龘; take other characters"),
        (
            {"without": POEMS + "看重㐂々"},
            "this model has no characters for the ban; ask for something else",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_named(asked: dict[str, Any], words: str) -> None:
    assert said(QUATRAIN, asked) == words


@pytest.mark.parametrize(
    ("form", "asked", "words"),
    [
        (Form(6, 4), {"tones": "strict"}, "regulated verse has lines of 5 or 7 characters"),
        (Form(5, 3), {"rhyme": "any"}, "even lines rhyme, and 5x3 has 3"),
        (COUPLET, {"rhyme": "any"}, "5x2 has one line to rhyme; name a rhyme class"),
        *[
            (None, asked, "needs a fixed form, such as 5x4")
            for asked in (
                {"lines": {2: "白"}},
                {"acrostic": "春"},
                {"tones": "strict"},
                {"rhyme": "any"},
                {"no_repeat": True},
            )
        ],
        (None, {"first_line": "白" * 11}, "has 11 characters; expected 1 to 10"),
        (None, {"contains": "白" * 12}, "has 12 characters; expected 1 to 11"),
        (None, {"template": "白" * 12}, "has 12 characters; expected 1 to 11"),
    ],
)
def test_forms_have_what_their_lines_allow(
    form: Form | None, asked: dict[str, Any], words: str
) -> None:
    assert words in said(form, asked)


def test_a_form_that_the_model_does_not_write_is_refused() -> None:
    with pytest.raises(ConfigError, match="this model does not write 7x8; it writes 5x2"):
        rules.requested(CODEC, Form(7, 8), Conditions())
    with pytest.raises(ConstraintError, match="an acrostic at 'left': expected heads, ends, diag"):
        rules.acrostic(CODEC, QUATRAIN, "春", "left")


WORDS = ("明月", "春", "江海", "白日", "山", "秋", "東", "天")


@pytest.mark.parametrize("form", [QUATRAIN, SEVEN, EIGHT])
@pytest.mark.parametrize("more", [{}, {"rhyme": "any"}, {"rhyme": "any", "tones": "lenient"}])
def test_many_texts_are_contained_at_once(form: Form, more: dict[str, Any]) -> None:
    """However many ways there are to place them: eight texts in 40 places have 10^12."""
    constraint = rules.requested(CODEC, form, Conditions(contains=WORDS, **more))
    found = draw(constraint, 300)
    found = found[constraint.satisfied(found)]
    assert len(found) > 20
    for lines in verses(found, form):
        assert all(any(word in line for line in lines) for word in WORDS)
        assert not more or rhyme_ok(lines)


def test_texts_that_do_not_fit_together_are_named() -> None:
    long = {"contains": ["白日依山", "明月春江", "東風夜雨"]}
    words = "the text 白日依山, the text 明月春江 and the text 東風夜雨 cannot be met together"
    assert said(COUPLET, long).startswith(words)


def test_too_few_characters_for_as_many_places_are_found_at_once() -> None:
    words = "no character may come twice, but 5 places have 4 characters to choose from"
    assert said(QUATRAIN, {"only": "春秋明月", "no_repeat": True}).startswith(words)


HAIKU, TUNE = Form.parse("haiku"), Form.parse("浣溪沙")


@pytest.mark.parametrize(
    ("asked", "form"),
    [
        ({}, HAIKU),
        ({"acrostic": "春夏秋"}, HAIKU),
        ({"acrostic": "春夏秋冬"}, QUATRAIN),
        ({"acrostic": "春夏秋冬春夏"}, TUNE),  # nothing else has so many lines
        ({"tones": "strict"}, COUPLET),
        ({"rhyme": "any"}, QUATRAIN),
        ({"rhyme": "尤", "first_line": "白日依山盡"}, COUPLET),
        ({"rhyme": "any", "first_line": "白日依山盡"}, QUATRAIN),
        ({"tones": "usual", "lines": {2: "黃河入海流"}}, COUPLET),
        ({"contains": "白日依山盡黃"}, HAIKU),
    ],
)
def test_a_form_has_room_for_what_is_asked(asked: dict[str, Any], form: Form) -> None:
    codec = PoemCodec(TOKENIZER, 42, {HAIKU: 9, TUNE: 5, COUPLET: 4, QUATRAIN: 3})
    assert form_for(codec, Conditions(**asked)) == form
    rules.requested(codec, form, Conditions(**asked))


def test_where_no_form_has_tones_that_is_said() -> None:
    codec = PoemCodec(TOKENIZER, 42, {HAIKU: 9, Form((3, 5, 3)): 1})
    with pytest.raises(ConstraintError, match="tones usual: no form of this model has room for it"):
        form_for(codec, Conditions(tones="usual"))


def test_a_text_that_repeats_the_acrostic_is_no_text_where_none_may_come_twice() -> None:
    asked = {"acrostic": "白", "contains": "日白", "no_repeat": True}
    assert "no character may come twice" in said(COUPLET, asked)
    assert "see the acrostic and the text 日白" in said(COUPLET, asked)
    rules.requested(CODEC, COUPLET, Conditions(acrostic="白", contains="白日", no_repeat=True))

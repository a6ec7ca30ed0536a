"""What may be asked of a poem: each field has its rule, and nothing asked is nothing."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from poetvae.constraints import rules
from poetvae.constraints.options import Conditions
from poetvae.errors import ConstraintError
from poetvae.text.prosody import METRES, STRICTNESS

FIELDS = {field.name: field.metadata for field in fields(Conditions)}
COMPANIONS = {about["companion"] for about in FIELDS.values()} - {""}


def of(name: str, value: Any) -> Conditions:
    return Conditions(**{name: value})


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - COMPANIONS))
def test_every_field_has_a_rule_that_takes_what_it_says(name: str) -> None:
    about = FIELDS[name]
    rule = getattr(rules, about["rule"] or name)
    assert rule.__doc__
    codec, form, *rest = inspect.signature(rule).parameters.values()
    assert (codec.name, form.name) == ("codec", "form")
    alone = name == "no_repeat"
    assert len(rest) == (0 if alone else 2 if about["companion"] or about["rule"] else 1)


def test_companions_are_fields() -> None:
    assert {"where", "rhyme_scheme", "strictness"} == COMPANIONS
    assert FIELDS.keys() >= COMPANIONS


def test_what_is_none_of_the_choices_is_refused() -> None:
    chosen = [(name, among) for name, about in FIELDS.items() if (among := about["among"])]
    places, metres = ("heads", "ends", "diagonal"), METRES
    known = [("where", places), ("tones", STRICTNESS), ("metre", metres)]
    assert chosen == [*known, ("strictness", STRICTNESS)]
    for name, among in chosen:
        for value in among:
            assert getattr(of(name, value), name) == value
        with pytest.raises(ConstraintError) as error:
            of(name, "x")
        assert str(error.value) == f"{name} is 'x'; expected {' or '.join(among)}"


def test_large_unions_are_called_last() -> None:
    asked = Conditions(
        rhyme="any",
        contains=["月", "明月"],
        tones="strict",
        no_repeat=True,
        only="山",
        without="水",
        acrostic="春",
        where="ends",
        template="_風",
        lines={2: "二", 1: "一"},
        first_line="首",
    )
    assert list(asked.calls()) == [
        ("first_line", ("首",)),
        ("line", (2, "二")),
        ("line", (1, "一")),
        ("template", ("_風",)),
        ("acrostic", ("春", "ends")),
        ("without", ("水",)),
        ("only", ("山",)),
        ("no_repeat", ()),
        ("tones", ("strict",)),
        ("rhyme", ("any", None)),
        ("contains", ("月",)),
        ("contains", ("明月",)),
    ]


def test_a_scheme_asks_for_any_rhyme() -> None:
    assert list(Conditions(rhyme_scheme="ABAB").calls()) == [("rhyme", ("any", "ABAB"))]
    asked = Conditions(rhyme="light", rhyme_scheme="AABB", metre="iambic", strictness="strict")
    assert list(asked.calls()) == [
        ("metre", ("iambic", "strict")),
        ("rhyme", ("light", "AABB")),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"where": "diagonal"},
        {"lines": {}, "contains": ()},
        {"contains": "", "without": "", "only": "", "no_repeat": False},
        {"first_line": None, "template": None, "acrostic": None, "rhyme": None, "tones": None},
    ],
)
def test_nothing_asked(asked: dict[str, Any]) -> None:
    assert not Conditions(**asked)
    assert not list(Conditions(**asked).calls())


@pytest.mark.parametrize("name", ["first_line", "template", "acrostic", "rhyme"])
def test_an_empty_text_is_asked_for(name: str) -> None:
    """For the rule to say that no poem can be that."""
    assert of(name, "")


def test_texts_may_be_one_or_pairs() -> None:
    assert list(Conditions(contains="明月").calls()) == [("contains", ("明月",))]
    assert Conditions(contains=("",))
    pairs = Conditions(lines=[(1, "一"), (2, "二"), (1, "一")])
    assert list(pairs.calls()) == [("line", (1, "一")), ("line", (2, "二")), ("line", (1, "一"))]


def test_a_line_that_is_given_twice_is_named_with_both_texts() -> None:
    with pytest.raises(ConstraintError, match=r"^line 2 is '二' and '三'; give it once$"):
        Conditions(lines=[(1, "一"), (2, "二"), (2, "三")])


def test_all_that_is_typed() -> None:
    asked = Conditions(first_line="首", lines={2: "二"}, acrostic="春", contains=["月", "山"])
    assert asked.typed.split("\n") == ["首", "二", "春", "heads", "月", "山"]
    assert Conditions(contains="秋风", rhyme="七陽").typed == "秋风"  # a rhyme is named
    assert Conditions().typed == ""

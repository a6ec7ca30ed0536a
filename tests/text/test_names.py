"""Names as people say them: each with what it stands for, and what stands for nothing."""

from __future__ import annotations

import pytest

from poetvae.errors import ConfigError
from poetvae.latent.attributes import Attribute
from poetvae.text.codec import PoemCodec
from poetvae.text.names import DYNASTIES, FIELDS, field_key, value_key
from poetvae.text.poem import Form, Poem
from poetvae.text.prosody import RHYMES, rhyme_classes
from poetvae.text.prosody.chinese.rhyme_names import FINALS
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.text.variants import respelled, to_simplified

FORMS = {
    "5x2": "couplet, Couplets, 對句, 对联, 聯, 五言對句, five-character couplet",
    "7x2": "七言對聯, 七言对句, 7言联, seven-character couplet, heptasyllabic couplet, 七言二句",
    "5x4": "五絕, 五绝, 五言絕句, 五言絶句, quatrain, wujue, wǔjué, 5言绝句, ５ｘ４, 5×4, 5 x 4",
    "7x4": "七絕, 七绝, 七言絕句, 七絕句, 七 絕, QiJue, seven-character quatrain, 7X4, 七言四句",
    "5x8": "五律, 五言律詩, 五言律诗, 律詩, wulü, 五言八句",
    "7x8": "七律, 七言律诗, qilü, qilv, 7言律",
    "6x4": "六言絕句, 六絕",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_names_in_either_script(form: str) -> None:
    for name in FORMS[form].split(", "):
        assert str(Form.parse(name)) == form, name
    assert Form.parse(form) == Form.parse(f" {form} ") == Form.parse(form.upper())


@pytest.mark.parametrize(
    "name", ["", "詩", "七", "七言", "limerick", "-5x2", "5x", "絕x4", "couplet2"]
)
def test_what_names_no_form(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^form .*: expected .*5x2, .*, or a name, such as 七絕 or 浣溪沙$"
    ):
        Form.parse(name)


CLASSES = "".join(RHYMES.values())


def test_every_class_has_its_own_name_in_any_spelling_and_its_number() -> None:
    numerals = [*"一二三四五六七八九十", "十一", "十二", "十三", "十四", "十五"]
    for i, char in enumerate(RHYMES["平"]):
        book = "下平" if i >= 15 else "上平"
        number = numerals[i % 15]
        for name in (number, f"{book}{number}", f"{book}聲{i % 15 + 1}"):
            assert rhyme_classes(name + char) == rhyme_classes(f"{name}{char}韻") == char
            assert rhyme_classes(name + to_simplified(char)) == char
        assert not rhyme_classes(numerals[(i + 1) % 15] + char)
    for char in CLASSES:
        for other in {char, to_simplified(char), respelled(char)}:
            assert rhyme_classes(other) == rhyme_classes(f"{other}韵") == char
    assert rhyme_classes("去聲二十三漾") == "漾"
    assert rhyme_classes("入声十一陌") == "陌"
    assert not rhyme_classes("入聲二十三漾")


@pytest.mark.parametrize(
    ("final", "classes"),
    [
        ("ang", "江陽"),
        ("-ang", "江陽"),
        ("ONG", "東冬"),
        ("ou", "尤"),
        ("üan", "元寒刪先覃鹽咸"),
        ("ü", "魚虞"),
        ("iū", "尤"),
        ("i", "支微齊"),
        ("āo", "蕭肴豪"),
    ],
)
def test_a_final_stands_for_the_classes_that_mostly_have_it(final: str, classes: str) -> None:
    assert "".join(char for char in rhyme_classes(final) if char in RHYMES["平"]) == classes


def test_every_class_has_a_final_and_every_final_is_of_classes() -> None:
    named = "".join(FINALS.values())
    assert set(named) == set(CLASSES)
    assert all(len(set(found)) == len(found) for found in FINALS.values())


@pytest.mark.parametrize("name", ["", "x", "尤侵", "鐘", "angry", "八", "三十一陽"])
def test_what_names_no_class(name: str) -> None:
    assert rhyme_classes(name) == ""


FIELDS_KNOWN = {"dynasty": ("song", "tang"), "author": ("李白", "蘇軾", "Du Fu")}
CODEC = PoemCodec(PoemTokenizer.train(["春"]), 10, {Form(5, 2): 1}, FIELDS_KNOWN)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        *[
            ({"dynasty": name}, {"dynasty": "tang"})
            for name in ("唐", "Tang", "TANG", "唐代", "唐朝")
        ],
        ({"朝代": "宋"}, {"dynasty": "song"}),
        ({"Dynasty": "Song dynasty", "作者": "苏轼"}, {"dynasty": "song", "author": "蘇軾"}),
        ({"author": "李 白"}, {"author": "李白"}),
        ({"詩人": "du fu"}, {"author": "Du Fu"}),
        ({}, {}),
    ],
)
def test_labels_are_known_by_case_script_and_name(
    asked: dict[str, str], meant: dict[str, str]
) -> None:
    assert CODEC.check_labels(asked) == meant


@pytest.mark.parametrize("asked", [{"dynasty": "清"}, {"dynasty": ""}, {"month": "1"}, {"": "唐"}])
def test_labels_that_a_model_does_not_know(asked: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        CODEC.check_labels(asked)


def test_no_two_things_share_a_name() -> None:
    others = [other for names in (*FIELDS.values(), *DYNASTIES.values()) for other in names]
    assert len(set(others)) == len(others)
    assert field_key("title") == "title"
    assert value_key("李白") != value_key("杜甫")
    assert value_key("五代") == "五代" != value_key("代")


@pytest.mark.parametrize(
    ("attribute", "holds"),
    [
        ("朝代=Tang", True),
        ("dynasty=宋", False),
        ("author=苏轼", True),
        ("contains=发", True),
        ("contains=鸟", False),
        ("contains=峯", True),
        ("form=五言對句", True),
        ("form=七絕", False),
    ],
)
def test_an_attribute_is_known_by_other_names(attribute: str, holds: bool) -> None:
    poem = Poem(("白髮三千丈，緣愁似箇峰。",), {"dynasty": "唐", "author": "蘇軾"})
    assert Attribute.parse(attribute).holds(poem) is holds

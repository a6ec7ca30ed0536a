"""Tones, rhymes and regulated verse, against what every handbook says and against brute force."""

from __future__ import annotations

from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.text.poem import Form, split_verses
from poetvae.text.prosody import (
    RHYMES,
    Reading,
    levels,
    patterns,
    readings,
    regulated,
    rhyme,
    rhyme_ok,
    rhymes,
    schemes,
    tones,
    unknown,
)

CLIMBING = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
VIEW = (
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。"
    "烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。"
)
SPRING_RAIN = (
    "好雨知時節，當春乃發生。隨風潛入夜，潤物細無聲。"
    "野徑雲俱黑，江船火獨明。曉看紅濕處，花重錦官城。"
)
BRIDGE = "月落烏啼霜滿天，江楓漁火對愁眠。姑蘇城外寒山寺，夜半鐘聲到客船。"
BAIDI = "朝辭白帝彩雲間，千里江陵一日還。兩岸猿聲啼不住，輕舟已過萬重山。"
ASCENT = (
    "風急天高猿嘯哀，渚清沙白鳥飛迴。無邊落木蕭蕭下，不盡長江滾滾來。"
    "萬里悲秋常作客，百年多病獨登臺。艱難苦恨繁霜鬢，潦倒新停濁酒杯。"
)

DAWN = "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。"
WANDERER = "慈母手中線，遊子身上衣。臨行密密縫，意恐遲遲歸。誰言寸草心，報得三春暉。"
NIGHT = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"
SNOW = "千山鳥飛絕，萬徑人蹤滅。孤舟蓑笠翁，獨釣寒江雪。"
WEI_CITY = "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。"

REGULATED = [(CLIMBING, "尤"), (VIEW, "侵"), (SPRING_RAIN, "庚"), (BRIDGE, "先"), (BAIDI, "刪"),
             (ASCENT, "灰")]  # fmt: skip
ANCIENT = [(DAWN, "篠"), (WANDERER, "微"), (NIGHT, "陽"), (SNOW, "屑"), (WEI_CITY, "真")]
POEMS = [(text, (text, name) in REGULATED, name) for text, name in REGULATED + ANCIENT]

# One character that is level in every reading, and one that never is.
SOUNDS = {"平": "天", "仄": "月"}

rows = [
    line.split("\t")
    for line in files("poetvae.text.prosody")
    .joinpath("chinese.tsv")
    .read_text("utf-8")
    .splitlines()
    if not line.startswith("#")
]
known = [char for char, *_ in rows]
texts = st.text(st.sampled_from(known) | st.characters(), max_size=20)


def sound(pattern: str) -> str:
    """Characters that sound like this and in no other way."""
    return "".join(SOUNDS[slot] for slot in pattern)


def test_there_are_106_classes_and_no_name_stands_for_two() -> None:
    sizes = {tone: len(names) for tone, names in RHYMES.items()}
    assert sizes == {"平": 30, "上": 29, "去": 30, "入": 17}
    assert len(set("".join(RHYMES.values()))) == 106


def test_the_table_is_in_order_and_knows_no_other_classes() -> None:
    assert known == sorted(set(known))
    assert all(2 <= len(row) <= 3 for row in rows)
    assert set("".join("".join(row[1:]) for row in rows)) == set("".join(RHYMES.values()))
    for char, own, *also in rows:
        names = own + "".join(also)
        assert names
        assert len(set(names)) == len(names), char


def test_the_head_of_each_class_is_a_member_of_it() -> None:
    assert not [
        (tone, c) for tone in RHYMES for c in RHYMES[tone] if Reading(tone, c) not in readings(c)
    ]


@pytest.mark.parametrize(
    ("chars", "tone", "name"),
    [
        *(("東風中空紅", "平", "東"), ("流樓秋舟愁", "平", "尤"), ("斜花家麻霞", "平", "麻")),
        *(("山間還關", "平", "刪"), ("天年煙前", "平", "先"), ("深心金簪", "平", "侵")),
        *(
            ("曉鳥少", "上", "篠"),
            ("諫澗", "去", "諫"),
            ("雪絕滅", "入", "屑"),
            ("白客", "入", "陌"),
        ),
        *(("國色", "入", "職"), ("蝶葉", "入", "葉")),
    ],
)
def test_well_known_classes(chars: str, tone: str, name: str) -> None:
    for char in chars:
        assert Reading(tone, name) in readings(char)


def test_all_readings_are_there() -> None:
    several = {"看": "平去", "重": "平上去", "不": "平上入", "東": "平", "白": "入", "天": "平"}
    assert {char: tones(char) for char in several} == {c: set(t) for c, t in several.items()}
    assert all("入" in tones(char) for char in "白國月一十八不入客日雪竹石笛")


VARIANTS = "峰峯 窗窻 間閒 衆眾 荆荊 劍劒 裙帬 群羣 強强 黄黃 爭争"
SIMPLIFIED = "东東 国國 说說 风風 书書 间間 门門 马馬 鸟鳥 楼樓"


@pytest.mark.parametrize("pair", f"{VARIANTS} {SIMPLIFIED}".split())
def test_variants_and_simplified_characters_sound_alike(pair: str) -> None:
    assert readings(pair[0]) == readings(pair[1]) != frozenset()
    assert pair in VARIANTS or not readings(pair[0], simplified=False)


@pytest.mark.parametrize("group", ["发發髮", "里里裏", "征徵", "斗鬥", "余餘", "范範", "听聽"])
def test_a_simplified_character_has_all_readings(group: str) -> None:
    """Those of every character that it stands for; on request its own alone."""
    char, others = group[0], group[1:]
    assert readings(char) >= frozenset().union(*(readings(c, simplified=False) for c in others))
    assert readings("征", simplified=False) == {Reading("平", "庚")} < readings("征")
    assert readings("斗", simplified=False) == {Reading("上", "有")} < readings("斗")


def test_what_is_not_known_has_no_reading() -> None:
    for char in "a，□ 　":
        assert not readings(char) | tones(char) | rhymes(char) | levels(char)
    assert unknown("a，□㐂㐂天") == {"㐂": 2}


def test_what_each_character_is() -> None:
    found = ["".join(sorted(levels(char))) for char in "白日依山盡看□"]
    assert found == ["仄", "仄", "平", "平", "仄", "仄平", ""]


@pytest.mark.parametrize(("text", "new_style", "name"), POEMS)
def test_famous_poems(text: str, new_style: bool, name: str) -> None:
    verses = split_verses(text)
    assert regulated(verses) is new_style
    assert rhyme(verses) == name
    assert rhyme_ok(verses) is True


def test_strict_takes_a_poem_without_doubtful_readings_alone() -> None:
    assert regulated(split_verses(CLIMBING), strict=True) is True
    assert regulated(split_verses(SPRING_RAIN), strict=True) is False  # 看 and 重


def test_an_unknown_character_fits_anywhere_or_never() -> None:
    verses = [sound("仄仄平平仄"), sound("平平仄仄平")]
    assert regulated(verses) is regulated(verses, strict=True) is True
    verses[0] = "㐂" + verses[0][1:]
    assert regulated(verses) is True
    assert regulated(verses, strict=True) is False


def allowed(five: str) -> bool:
    """Whether a verse may sound like this: the rule in words, apart from the patterns."""
    if five == "平平仄平仄":
        return True
    alike = len(set(five[2:])) == 1
    lone_level = five == "仄平仄仄平"
    return five[1] != five[3] and not alike and not lone_level


@pytest.mark.parametrize("length", [5, 7])
def test_couplets_of_every_sound(length: int) -> None:
    def expected(first: str, second: str) -> bool:
        fives = first[-5:], second[-5:]
        fronts = length == 5 or all(verse[1] != verse[3] for verse in (first, second))
        opposite = fives[0][1] != fives[1][1]
        return fronts and opposite and second[-1] == "平" and all(map(allowed, fives))

    verses = ["".join(p) for p in product("平仄", repeat=length)]
    steady = "平平仄仄平" if length == 5 else "仄仄平平仄仄平"
    turned = "仄仄仄平平" if length == 5 else "平平仄仄仄平平"
    for verse in verses:
        for first, second in ((verse, steady), (verse, turned), (steady, verse), (turned, verse)):
            assert regulated([sound(first), sound(second)]) is expected(first, second)


FOUR = ["仄仄平平仄", "平平仄仄平", "平平平仄仄", "仄仄仄平平"]


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ("平平仄平平", 1),  # the fourth character agrees with the second
        ("仄仄仄平平", 1),  # 對: the couplet agrees where it must be opposite
        ("仄仄平平仄", 2),  # 粘: the couplets are opposite where they must agree
        ("平平仄仄仄", 2),  # three oblique characters at the end
        ("仄仄平平平", 3),  # three level characters at the end
        ("仄平仄仄平", 1),  # a single level character
        ("平平仄仄平", 2),  # an odd verse, not the first, that ends level
    ],
)
def test_each_violation_fails(changed: str, at: int) -> None:
    verses = [sound(pattern) for pattern in FOUR]
    assert regulated(verses, strict=True) is True
    verses[at] = sound(changed)
    assert regulated(verses) is False


def test_the_first_verse_may_end_level() -> None:
    assert regulated([sound("仄仄仄平平"), *(sound(pattern) for pattern in FOUR[1:])]) is True


@pytest.mark.parametrize("name", ["5x2", "7x2", "5x4", "7x8"])
def test_verses_that_keep_a_scheme_are_regulated(name: str) -> None:
    form = Form.parse(name)
    level, oblique = schemes(form)
    for scheme in (level, oblique):
        for i, allowed in enumerate(scheme):
            rest = [sound(min(patterns)) for patterns in scheme]
            for pattern in allowed:
                rest[i] = sound(pattern)
                assert regulated(rest, strict=True) is True
    assert {pattern[-4] for pattern in level[0]} == {"平"}
    assert {pattern[-4] for pattern in oblique[0]} == {"仄"}


def test_couplets_that_keep_no_scheme_are_not_regulated() -> None:
    found = {
        first + second
        for scheme in schemes(Form(5, 2))
        for first in scheme[0]
        for second in scheme[1]
    }
    for choice in map("".join, product("平仄", repeat=10)):
        verses = [sound(choice[:5]), sound(choice[5:])]
        assert regulated(verses, strict=True) is (choice in found)


@given(st.integers(1, 4), st.sampled_from([5, 7]), st.data())
def test_strict_implies_lenient(couplets: int, length: int, data: st.DataObject) -> None:
    verse = st.text(st.sampled_from("天月看重不㐂"), min_size=length, max_size=length)
    verses = data.draw(st.lists(verse, min_size=2 * couplets, max_size=2 * couplets))
    assert not regulated(verses, strict=True) or regulated(verses)


@given(st.lists(st.tuples(*[st.sampled_from("天月看")] * 5).map("".join), min_size=2, max_size=2))
def test_lenient_and_strict_are_some_and_every_choice_of_readings(verses: list[str]) -> None:
    options = ["天月" if char == "看" else char for char in "".join(verses)]
    choices = ["".join(choice) for choice in product(*options)]
    results = [regulated([choice[:5], choice[5:]]) for choice in choices]
    assert regulated(verses) is any(results)
    assert regulated(verses, strict=True) is all(results)


@pytest.mark.parametrize(
    "verses",
    [[], ["天月天月天"], ["天月天月天"] * 3, ["天月"] * 4, ["天月天月天", "天月"], ["abcde"] * 2],
)
def test_what_is_not_of_the_kind_has_no_answer(verses: list[str]) -> None:
    assert regulated(verses) is None
    assert regulated(verses, strict=True) is None


def test_what_does_not_rhyme() -> None:
    assert rhyme(["天", "東", "天", "流"]) is None
    assert rhyme_ok(["天", "東", "天", "流"]) is False
    assert rhyme_ok(["天", "㐂", "天", "㐂"]) is False


@pytest.mark.parametrize("verses", [[], ["東"], ["東", "風"], ["東"] * 5, ["東", "", "東", "風"]])
def test_where_nothing_has_to_rhyme(verses: list[str]) -> None:
    assert rhyme(verses) is None
    assert rhyme_ok(verses) is None


def test_of_several_classes_the_one_of_the_first_verse_is_named() -> None:
    assert rhymes("看") == {"寒", "翰"}
    assert rhyme(["月", "看", "月", "看"]) == "寒"
    assert rhyme(["岸", "看", "月", "看"]) == "翰"


def spelled(pattern: str) -> set[str]:
    """All patterns of 平 and 仄 that one with free places holds."""
    return {"".join(c) for c in product(*("平仄" if slot == "中" else slot for slot in pattern))}


@pytest.mark.parametrize("form", [Form(5, 2), Form(5, 4), Form(7, 4), Form(7, 8)])
def test_patterns_are_the_largest_products_in_the_schemes(form: Form) -> None:
    """Every product of tones, tried one by one: those inside a scheme that no other one holds."""
    every = ["".join(slots) for slots in product("平仄中", repeat=form.length)]
    for scheme, found in zip(schemes(form), patterns(form), strict=True):
        for allowed, verse in zip(scheme, found, strict=True):
            inside = [pattern for pattern in every if spelled(pattern) <= allowed]
            largest = [p for p in inside if not any(spelled(p) < spelled(q) for q in inside)]
            assert sorted(verse) == sorted(largest)
            assert set().union(*map(spelled, verse)) == allowed


def test_patterns_join_the_kinds_that_differ_in_one_place() -> None:
    assert patterns(Form(5, 2)) == (
        (("中平平仄中", "平平中仄平", "平平仄平仄"), ("中仄仄平平",)),
        (("中仄中平仄", "中仄仄平中"), ("中平平仄平", "平平中仄平")),
    )
    for form in (Form(6, 4), Form(5, 3), Form(4, 2)):
        assert (patterns(form), schemes(form)) == ((), ())

"""Simplified and traditional characters: known pairs, and classical characters left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.text.prosody import readings
from poetvae.text.variants import (
    SPELLINGS,
    is_simplified,
    only_simplified,
    respelled,
    script,
    standard,
    to_simplified,
    to_traditional,
    traditional_variants,
)

# Each with all the common traditional characters that it may stand for.
PAIRS = {
    "东": "東", "国": "國", "发": "發髮", "钟": "鐘鍾", "历": "曆歷", "里": "里裏裡", "余": "余餘",
    "征": "征徵", "台": "台臺颱檯", "斗": "斗鬥", "范": "范範", "后": "后後", "云": "云雲",
    "干": "干乾幹",
}  # fmt: skip


@pytest.mark.parametrize("char", PAIRS)
def test_a_simplified_character_stands_for_all_of_its_traditional_ones(char: str) -> None:
    found = traditional_variants(char)
    assert set(PAIRS[char]) <= found
    assert (char in found) == (char in PAIRS[char])
    assert all(to_simplified(other) == char for other in found)


@pytest.mark.parametrize("char", "國東發髮春月a。□\n")
def test_other_characters_stand_for_themselves(char: str) -> None:
    assert traditional_variants(char) == {char}
    assert not only_simplified(char)


@pytest.mark.parametrize(
    "text", ["千里江陵", "余", "征人", "台", "北斗", "a rose", "", "國破山河在"]
)
def test_classical_text_is_not_simplified_and_stays(text: str) -> None:
    assert not is_simplified(text)
    assert to_traditional(text) == text


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("春眠不觉晓，处处闻啼鸟。", "春眠不覺曉，處處聞啼鳥。"),
        ("国破山河在，城春草木深。", "國破山河在，城春草木深。"),
        ("千里江陵一日还", "千里江陵一日還"),
        ("东\n发", "東\n發"),
    ],
)
def test_texts_of_both_scripts(simplified: str, traditional: str) -> None:
    assert is_simplified(simplified)
    assert not is_simplified(traditional)
    assert to_traditional(simplified) == traditional
    assert to_simplified(traditional) == simplified
    assert to_simplified(simplified) == simplified


@given(st.text(st.sampled_from("".join(PAIRS) + "".join(PAIRS.values()) + "a，\n春月")))
def test_conversion_keeps_places_and_the_variants_hold_what_it_gives(text: str) -> None:
    longer = to_traditional(text)
    assert len(longer) == len(text) == len(to_simplified(text))
    for char, other in zip(text, longer, strict=True):
        assert other in traditional_variants(char) | {char}


def test_the_script_of_a_text_is_that_of_most_characters_that_tell() -> None:
    assert is_simplified("两个黄鹂鸣翠柳")
    assert not is_simplified("一带江山如畫，風物向秋瀟灑。"), "带 is a way to write 帶"
    assert not is_simplified("来時父母知隔生"), "one slip among traditional characters"
    assert script("白日依山盡") < 0 < script("白日依山尽")
    assert script("春眠") == script("床前明月光") == script("a rose") == 0


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("葡萄美酒夜光盃，醉卧沙場君莫笑。", "葡萄美酒夜光杯，醉臥沙場君莫笑。"),
        ("黄河遠上白雲間，一片孤城萬仞山。", "黃河遠上白雲間，一片孤城萬仞山。"),
        ("爲有暗香来，凉風動羣峯。", "為有暗香來，涼風動群峰。"),
        ("兩箇黄鸝鳴翠柳，牀頭却带烟。", "兩個黃鸝鳴翠柳，床頭卻帶煙。"),
        ("樓台烟雨，天台山遠，三台星近，台州水長。", "樓臺煙雨，天台山遠，三台星近，台州水長。"),
        ("雲云後后里裏遊游閒間沈沉", "雲云後后里裏遊游閒間沈沉"),
        ("黄河", "黄河"),  # nothing tells the script
        ("黄鹤一去不复返，白云千载空悠悠。", "黄鹤一去不复返，白云千载空悠悠。"),
    ],
)  # fmt: skip
def test_a_traditional_text_has_one_spelling_of_each_character(written: str, kept: str) -> None:
    assert standard(written) == kept == standard(kept)


def test_the_spellings_that_are_kept_are_not_changed_and_sound_like_the_others() -> None:
    groups = SPELLINGS.split()
    chars = "".join(groups)
    assert len(chars) == len(set(chars))
    for kept, *others in map(list, groups):
        assert respelled(kept) == kept
        assert not only_simplified(kept)
        for other in others:
            assert respelled(other) == kept
            heard = readings(other, simplified=False) or readings(kept)
            assert heard & readings(kept), f"{other} and {kept} have no reading in common"


@given(st.text(st.sampled_from("台天三黄黃峯峰来來凉发東春，\n")))
def test_respelling_keeps_places_and_is_done_once(text: str) -> None:
    for change in (standard, respelled):
        assert len(change(text)) == len(text)
        assert change(change(text)) == change(text)

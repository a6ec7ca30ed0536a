"""Simplified and traditional characters: known pairs, and classical characters left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.text.variants import (
    is_simplified,
    only_simplified,
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

"""The table of modern rhymes: pinyin by the 14 rhymes of the 中華新韻."""

from __future__ import annotations

import pytest
from make_modern_table import RHYMES, reading

from poetvae.text.prosody.chinese.books import readings_in

# Characters of each rhyme, level and oblique, as the 中華新韻 lists them, with their pinyin.
KNOWN = """
麻 花 huā 夏 xià  波 歌 gē 墨 mò  皆 學 xué 月 yuè  開 來 lái 海 hǎi  微 飛 fēi 水 shuǐ
豪 高 gāo 曉 xiǎo  尤 舟 zhōu 柳 liǔ  寒 山 shān 遠 yuǎn  文 雲 yún 盡 jìn  唐 陽 yáng 浪 làng
庚 東 dōng 夢 mèng  齊 魚 yú 耳 ěr  支 詩 shī 日 rì  姑 湖 hú 物 wù
"""


@pytest.mark.parametrize("row", [KNOWN.split()[i : i + 5] for i in range(0, 70, 5)])
def test_characters_of_each_rhyme(row: list[str]) -> None:
    name, level, flat, oblique, falling = row
    assert (reading(flat), reading(falling)) == ((name, "平"), (name, "仄"))
    assert readings_in(level, "新韻", usual=True) == {("平", name)}
    assert readings_in(oblique, "新韻", usual=True) == {("仄", name)}


def test_what_has_no_tone_or_no_final_is_left_out() -> None:
    assert [reading(said) for said in ("de", "ń", "", "hng")] == [None] * 4
    assert [reading(said) for said in ("wēng", "yē", "lüè", "jūn", "yān")] == [
        ("庚", "平"), ("皆", "平"), ("皆", "仄"), ("文", "平"), ("寒", "平")
    ]  # fmt: skip


def test_a_usual_reading_is_one_that_phrases_have() -> None:
    assert {tone for tone, _ in readings_in("不", "新韻")} == {"仄"}
    assert readings_in("不", "新韻", usual=True) == {("仄", "姑")}
    assert {tone for tone, _ in readings_in("行", "新韻", usual=True)} == {"平"}
    assert len(RHYMES) == 14

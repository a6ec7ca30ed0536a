"""Books of rhyme, against published members of the groups of 詞林正韻."""

from __future__ import annotations

import pytest

from poetvae.errors import ConfigError
from poetvae.text.prosody import RHYMES, readings
from poetvae.text.prosody.chinese.books import BOOKS, CILIN, groups, readings_in

# Some level characters of each group, by how handbooks print it; 半 marks a part of a class.
LEVEL = """
第一部 東風紅中宗鍾龍松 第二部 江窗雙陽香光 第三部 支垂時微飛齊西回杯雷灰 第四部 魚書虞無湖
第五部 佳街懷開來臺哀才 第六部 真春人文雲魂門痕恩 第七部 元園言寒歡山間先天 第八部 蕭橋肴交豪高
第九部 歌多波 第十部 麻花家佳涯娃 第十一部 庚生清青星蒸冰 第十二部 尤流愁 第十三部 侵心金
第十四部 覃南談鹽纖嚴咸凡
"""
OTHER = """
第三部 去會外貝 第三部 上罪 第五部 去泰帶快界代愛 第五部 上海采 第六部 上本穩 第六部 去寸困
第七部 上遠晚 第七部 去願萬怨 第十部 去畫話掛 第十五部 入屋竹玉 第十六部 入覺藥落
第十七部 入質日陌白錫職國緝入 第十八部 入物月骨曷黠屑雪葉蝶 第十九部 入合洽甲業怯
"""


@pytest.mark.parametrize(
    ("group", "tone", "chars"),
    [(group, "平", chars) for group, chars in zip(*[iter(LEVEL.split())] * 2, strict=True)]
    + [(g, rest[0], rest[1:]) for g, rest in zip(*[iter(OTHER.split())] * 2, strict=True)],
)
def test_published_members_of_the_groups(group: str, tone: str, chars: str) -> None:
    for char in chars:
        assert (tone, group) in readings_in(char, "詞林"), char


def test_divided_classes() -> None:
    assert groups("回", "灰") == ("第三部",)
    assert groups("開", "灰") == groups("开", "灰") == ("第五部",)
    assert groups("元", "元") == groups("园", "元") == ("第七部",)
    assert groups("魂", "元") == groups("门", "元") == ("第六部",)
    assert groups("佳", "佳") == groups("涯", "佳") == ("第五部", "第十部")
    assert {group for _, group in readings_in("業", "詞林")} == {"第十九部"}


def test_every_class_lies_in_one_group_or_two_and_in_one_of_its_tone() -> None:
    names = "".join(RHYMES.values())
    counts = {name: sum(name in classes for classes in CILIN.values()) for name in names}
    assert "".join(name for name, n in counts.items() if n == 2) == "佳灰元賄阮泰卦隊願葉"
    assert set(counts.values()) == {1, 2}
    entering = "".join(list(CILIN.values())[14:])
    assert set(entering) == set(RHYMES["入"])


def test_a_book_has_as_many_tones_as_another() -> None:
    for char in "看重為中風涯业发":
        for usual in (False, True):
            pingshui = readings_in(char, "平水", usual=usual)
            assert pingshui == readings(char, usual=usual)
            cilin = readings_in(char, "詞林", usual=usual)
            assert {tone for tone, _ in cilin} == {tone for tone, _ in pingshui}


def test_a_book_that_there_is_not() -> None:
    assert set(BOOKS) >= {"平水", "詞林"}
    with pytest.raises(ConfigError, match="expected 平水"):
        readings_in("東", "廣韻")

"""Which readings are usual is counted where verse decides, and told from a share of the uses."""

from __future__ import annotations

from collections import Counter

import make_prosody_table as script
import pytest

from poetvae.text.poem import split_verses

# 王之渙, 登鸛雀樓. 更 may be level or oblique, and so may 上 by no book; 一 is oblique.
ASCENT = split_verses("白日依山盡，黃河入海流。欲窮千里目，更上一層樓。")
# 杜甫, 春夜喜雨, the last couplets: 重 and 看 are open, and both stand where either may.
RAIN = split_verses("野徑雲俱黑，江船火獨明。曉看紅濕處，花重錦官城。")
SPRING = split_verses("國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。")


def test_characters_count_where_the_pattern_decides_between_their_tones() -> None:
    assert ("重", "仄") in set(script.decided(RAIN))
    assert ("看", "平") in set(script.decided(RAIN))
    assert {tone for _, tone in script.decided(ASCENT)} <= {"平", "仄"}
    assert not list(script.decided(("花花花花花",) * 4))  # no regulated verse


@pytest.mark.parametrize(
    ("sounds", "kinds", "found"),
    [
        ("仄中仄平平", {"仄平"}, "中仄中中中"),  # of 中仄仄平平
        ("中平中仄中", {"平仄"}, "中中中中仄"),  # 中平平仄仄, and what is mended
        ("平平中仄平", {"平平"}, "中中中中中"),  # 平平中仄平 leaves it open
        ("仄平中仄平", {"平平"}, "中中平中中"),  # or else a single level character
    ],
)
def test_what_a_kind_of_verse_decides(sounds: str, kinds: set[str], found: str) -> None:
    assert script.decisions(sounds, frozenset(kinds)) == found


def test_rhymes_count_for_the_class_that_all_share() -> None:
    tones, classes = script.usage([ASCENT, SPRING, ASCENT])
    assert classes["流"] == {"尤": 2}
    assert classes["深"] == {"侵": 1}
    assert Counter(tones["重"]) == Counter()


@pytest.mark.parametrize(
    ("marks", "tones", "classes", "rare"),
    [
        ("東g送", {"平": 2, "仄": 98}, {}, "東"),  # under 5 % of what decides
        ("東送", {"平": 5, "仄": 95}, {}, ""),
        ("東送", {"平": 1, "仄": 18}, {}, ""),  # too few to tell
        ("東g送", {"平": 1, "仄": 18}, {}, "東"),  # and what no book of 平水韻 has
        ("東g冬g", {}, {}, ""),  # unless they have nothing
        ("支魚", {}, {"支": 1, "魚": 30}, "支"),
        ("支魚", {}, {"支": 1, "魚": 10}, ""),
        ("支魚g御", {"平": 90, "仄": 10}, {"支": 3, "魚": 30}, ""),
    ],
)
def test_a_reading_is_usual_that_has_a_share_of_the_uses(
    marks: str, tones: dict[str, float], classes: dict[str, float], rare: str
) -> None:
    pairs = zip(marks, [*marks[1:], ""], strict=True)
    known = {name: "g" if mark == "g" else "" for name, mark in pairs if name != "g"}
    assert script.rare(known, tones, Counter(classes)) == set(rare)  # type: ignore[arg-type]

from __future__ import annotations

import json
from pathlib import Path

import make_pretrained as script
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.text.cleaning import clean
from poetvae.text.poem import Poem

FOUR = ("山月臨窗白，溪風入座清。", "松聲來遠壑，鶴影下空庭。")
EIGHT = (*FOUR, "雲起千峰暗，鐘鳴一寺明。", "欲尋歸去路，流水自縱橫。")


def test_a_poem_gives_its_quatrains_and_a_couplet() -> None:
    texts = [poem.text for poem in script.stanzas(Poem(EIGHT, {"dynasty": "tang"}))]
    assert texts[:2] == ["\n".join(EIGHT[:2]), "\n".join(EIGHT[2:])]
    assert len(texts) == 3
    assert texts[2] in EIGHT
    quatrain, couplet = script.stanzas(Poem(FOUR))
    assert quatrain.text == "\n".join(FOUR)
    assert couplet.text in FOUR
    assert [p.text for p in script.stanzas(Poem(FOUR[:1]))] == [FOUR[0]]
    six = script.stanzas(Poem(EIGHT[:3]))  # no whole number of quatrains
    assert [str(p.form) for p in six] == ["5x2"]


def test_nothing_of_a_held_out_poem_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chars = [c for c in map(chr, range(0x20000, 0x22000)) if clean(c)[0] == c][:4000]
    verses = ["".join(chars[start : start + 5]) for start in range(0, 4000, 5)]
    poems = ["{}，{}。{}，{}。".format(*verses[i : i + 4]) for i in range(0, len(verses), 4)]
    corpus = tmp_path / "poems.txt"
    corpus.write_text("\n\n".join([*poems, poems[0]]), "utf-8")
    monkeypatch.setattr(script, "HELD_OUT", 0.3)
    script.cut([str(corpus)], tmp_path)
    files = ((tmp_path / f"{n}.jsonl").read_text("utf-8").splitlines() for n in script.SIDES)
    sides = [[json.loads(line)["text"] for line in lines] for lines in files]
    assert all(sides)
    assert sum(map(len, sides)) == 2 * len(poems)
    characters = [set("".join(side)) - set("，。\n") for side in sides]
    assert not characters[0] & characters[1]
    assert not characters[0] & characters[2]
    assert not characters[1] & characters[2]


verses = st.lists(st.text("山水風月", min_size=3, max_size=3), min_size=1, max_size=6)


@given(verses, verses)
def test_nearest_is_what_comparing_all_gives(asked: list[str], known: list[str]) -> None:
    same = ([sum(map(str.__eq__, one, other)) for other in known] for one in asked)
    assert script.nearest(asked, known) == [*map(max, same)]


def test_verses_of_another_length_are_not_compared() -> None:
    assert script.nearest(["山水風月"], ["山水風", "山水月月"]) == [3]

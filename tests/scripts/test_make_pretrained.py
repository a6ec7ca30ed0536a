from __future__ import annotations

import itertools
import json
from pathlib import Path

import make_pretrained as script
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.text.cleaning import clean
from poetvae.text.form import parse_forms
from poetvae.text.poem import Poem
from poetvae.text.variants import to_traditional

FOUR = ("山月臨窗白，溪風入座清。", "松聲來遠壑，鶴影下空庭。")
EIGHT = (*FOUR, "雲起千峰暗，鐘鳴一寺明。", "欲尋歸去路，流水自縱橫。")


def test_a_poem_of_another_form_gives_one_couplet() -> None:
    forms = parse_forms(script.FORMS)
    for lines in (FOUR[:1], FOUR, EIGHT):
        (whole,) = script.learnt(Poem(lines), forms)
        assert whole.lines == lines
    (couplet,) = script.learnt(Poem(EIGHT[:3]), forms)
    assert couplet.text in EIGHT[:3]
    assert not list(script.learnt(Poem(("山月，臨窗白。",)), forms))


def test_the_tunes_have_at_most_so_many_characters() -> None:
    assert len(script.TUNES) == len(set(script.TUNES)) == 20
    assert all(form.tune and form.size <= 62 for form in parse_forms(script.TUNES))


def test_nothing_of_a_held_out_poem_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = (c for c in map(chr, range(0x20000, 0x22000)) if clean(to_traditional(c))[0] == c)
    chars = [*itertools.islice(same, 4000)]
    verses = ["".join(chars[start : start + 5]) for start in range(0, 4000, 5)]
    poems = ["{}，{}。{}，{}。".format(*verses[i : i + 4]) for i in range(0, len(verses), 4)]
    corpus = tmp_path / "poems.txt"
    corpus.write_text("\n\n".join([*poems, poems[0]]), "utf-8")
    monkeypatch.setattr(script, "HELD_OUT", 0.3)
    script.cut([str(corpus)], tmp_path)
    files = ((tmp_path / f"{n}.jsonl").read_text("utf-8").splitlines() for n in script.SIDES)
    sides = [[json.loads(line)["text"] for line in lines] for lines in files]
    assert all(sides)
    assert sum(map(len, sides)) == len(poems)
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

"""The table of tunes is counted: layouts, tones, ties and rhymes, of poems that are made up."""

from __future__ import annotations

import make_tune_table as script
import pytest
from click import ClickException

from poetvae.text.prosody.chinese.tunes import Tune

# For the two tones characters that have no other; and oblique ones of seven groups of rhymes.
TONES = str.maketrans("平仄", "天月")
ENDS = "動酒夜鼓少意坐"


def ci(verses: str, marks: str = "。，。。") -> script.Ci:
    """A poem: 平 and 仄 are characters of that tone, all others themselves."""
    parts = zip(verses.translate(TONES).split(), marks, strict=True)
    return script.ci_of("".join(verse + mark for verse, mark in parts))


def poems(verses: str, marks: str = "。，。。", times: int = 14) -> list[script.Ci]:
    """Poems that differ in the characters at 甲 and 乙, which do not rhyme."""
    pairs = [(ENDS[i % 7], ENDS[(2 * i + 1) % 7]) for i in range(times)]
    return [ci(verses.replace("甲", a).replace("乙", b), marks) for a, b in pairs]


def entries(sung: list[script.Ci]) -> list[Tune]:
    return [script.entry(layout, "浣溪沙") for layout in script.layouts(sung, [])]


def test_an_entry_is_what_the_poems_agree_on() -> None:
    sung = poems("仄平流 平平甲 仄平舟 平仄乙") + poems("仄平樓 仄平甲 仄仄愁 平仄乙")
    (tune,) = entries(sung)
    assert (tune.lengths, tune.marks, tune.stanzas) == ((3, 3, 3, 3), "。，。。", (2, 2))
    assert tune.tones == ("仄平平", "中平仄", "仄中平", "平仄仄")
    assert (tune.rhymes, tune.entering, tune.source) == ("A.A.", False, "corpus")


def test_poems_that_differ_by_a_pause_alone_are_of_one_layout() -> None:
    paused = poems("仄平流 平平甲 仄平舟 平仄乙", "、，。。", 14)
    whole = poems("仄平流平平甲 仄平舟 平仄乙", "，。。", 9)
    assert [tune.lengths for tune in entries(paused + whole)] == [(3, 3, 3, 3)]
    other = poems("仄平流平 平甲 仄平舟 平仄乙", "，，。。", 9)
    found = [sorted(layout.breaks) for layout in script.layouts(paused + other, [])]
    assert found == [[3, 6, 9, 12], [4, 6, 9, 12]]


def test_poems_that_end_in_another_tone_are_of_another_layout() -> None:
    level, oblique = poems("平甲 平流 平乙 平舟"), poems("平甲 平夢 平流 平動", times=9)
    assert [tune.rhymes for tune in entries(level + oblique)] == [".A.A", ".a.a"]


def test_places_that_are_tied_give_a_verse_several_patterns() -> None:
    sung = poems("仄平仄 平甲 平流 平舟", times=15) + poems("仄仄平 平甲 平流 平舟", times=15)
    (layout,) = script.layouts(sung, [])
    assert set(script.patterns(layout, 0, 3, ".")) == {"仄平仄", "仄仄平"}
    free = (
        sung + poems("仄平平 平甲 平流 平舟", times=15) + poems("仄仄仄 平甲 平流 平舟", times=15)
    )
    (layout,) = script.layouts(free, [])
    assert script.patterns(layout, 0, 3, ".") == ["仄中中"]


def test_the_norm_of_the_book_counts_as_some_poems() -> None:
    sung = [ci("平仄流", "。")] * 8
    norm = script.Model("天月流", {3: "。"}, "平中中", {})

    def tones(*models: script.Model) -> list[str]:
        return script.patterns(script.Layout({3: "。"}, sung, "平", models=[*models]), 0, 3, ".")

    assert tones() == ["中中中"], "eight poems alone do not tell"
    assert tones(norm) == ["平中中"]
    (layout,) = script.layouts(sung[:3], [norm])
    assert script.entry(layout, "如夢令").source == "詞譜"


def test_a_stanza_ends_with_the_sentence_nearest_to_what_is_known() -> None:
    layout = script.Layout({4: "，", 11: "。", 21: "。", 41: "。"}, [], "仄")
    assert script.stanzas_of(layout, "點絳唇") == (3, 1)
    assert script.stanzas_of(layout, "如夢令") == (4,)
    with pytest.raises(ClickException, match="點絳唇: no stanza"):
        script.stanzas_of(script.Layout({4: "，", 11: "。", 41: "。"}, [], "仄"), "點絳唇")

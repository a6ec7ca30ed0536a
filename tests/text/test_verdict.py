"""Verdicts on verses by their form: ci by its tune, other verse by what its lengths tell."""

from __future__ import annotations

from itertools import product

import pytest

from poetvae.text.form import Form, forms_of_tune
from poetvae.text.poem import split_verses
from poetvae.text.prosody import (
    LENIENT,
    STRICT,
    STRICTNESS,
    first_rhymes,
    patterns,
    readings_named,
    regulated,
    rhyme,
    rhyme_ok,
    rhymes_of,
    self_rhymes,
)
from poetvae.text.prosody.chinese import shi, verdict
from poetvae.text.prosody.chinese.books import readings_in
from poetvae.text.prosody.chinese.tunes import Tune

KNOWN = {
    "浣溪沙": (
        "山下蘭芽短浸溪。松間沙路淨無泥。蕭蕭暮雨子規啼。"
        "誰道人生無再少，門前流水尚能西。休將白髮唱黃雞。",
        "第三部",
    ),
    "菩薩蠻": (
        "小山重疊金明滅。鬢雲欲度香腮雪。懶起畫蛾眉。弄妝梳洗遲。"
        "照花前後鏡。花面交相映。新帖繡羅襦。雙雙金鷓鴣。",
        "第十八部, 第三部, 第十一部, 第四部",
    ),
    "西江月": (
        "明月別枝驚鵲，清風半夜鳴蟬。稻花香裏說豐年。聽取蛙聲一片。"
        "七八個星天外，兩三點雨山前。舊時茅店社林邊。路轉溪橋忽見。",
        "第七部",
    ),
    "憶江南": ("江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南。", "第十四部"),
    "長相思": (
        "汴水流。泗水流。流到瓜洲古渡頭。吳山點點愁。思悠悠。恨悠悠。恨到歸時方始休。月明人倚樓。",
        "第十二部",
    ),
}


def form_of_tune(name: str) -> Form:
    return forms_of_tune(name)[0]


@pytest.mark.parametrize("name", KNOWN)
def test_what_everybody_knows_keeps_its_tune(name: str) -> None:
    text, group = KNOWN[name]
    verses, form = split_verses(text), form_of_tune(name)
    assert regulated(verses, strictness=LENIENT, form=form)
    assert rhyme(verses, form=form) in (group, None)
    assert rhyme(verses, LENIENT, form) == group
    assert rhyme_ok(verses, LENIENT, form)


@pytest.mark.parametrize("name", KNOWN)
def test_a_character_of_another_sound_is_heard_where_it_matters(name: str) -> None:
    verses, form = split_verses(KNOWN[name][0]), form_of_tune(name)
    for i, alternatives in enumerate(patterns(form)[0]):
        for place, slots in enumerate(zip(*alternatives, strict=True)):
            for char, tone in (("天", "平"), ("月", "仄")):
                changed = [*verses]
                changed[i] = verses[i][:place] + char + verses[i][place + 1 :]
                fits = regulated(changed, strictness=LENIENT, form=form)
                if tone in slots or "中" in slots:
                    assert fits or len(alternatives) > 1
                else:
                    assert not fits
        if any(i in one.verses for one in rhymes_of(form)):
            changed[i] = verses[i][:-1] + "木"  # 屋, with which none of these rhymes
            assert rhyme(changed, LENIENT, form) is None
            assert rhyme_ok(changed, LENIENT, form) is False


def test_verses_of_other_lengths_do_not_keep_a_tune() -> None:
    verses, form = split_verses(KNOWN["憶江南"][0]), form_of_tune("憶江南")
    for other in (verses[:-1], (*verses[:-1], verses[-1] + "月")):
        assert regulated(other, form=form) is False
        assert rhyme(other, form=form) is None
        assert rhyme_ok(other, form=form) is False


def test_no_character_rhymes_with_itself_save_from_a_verse_to_the_next() -> None:
    form = form_of_tune("長相思")
    verses = [*split_verses(KNOWN["長相思"][0])]
    assert verses[0][-1] == verses[1][-1]
    assert rhyme_ok(verses, form=form)
    verses[3] = verses[3][:-1] + verses[0][-1]
    assert rhyme(verses, form=form) == "第十二部"
    assert rhyme_ok(verses, form=form) is False


def test_without_a_form_the_lengths_tell() -> None:
    verses = split_verses(KNOWN["浣溪沙"][0])
    assert regulated(verses) == shi.regulated(verses)
    assert rhyme(verses) == shi.rhyme(verses)
    assert regulated(verses) is False
    plain = form_of_tune("浣溪沙").untuned()
    assert regulated(verses, form=plain) is False


def test_uneven_verses_have_no_tones_and_rhyme_where_they_are_even() -> None:
    odd = ("江南好", "風景舊曾諳", "日出江花紅勝火", "春來江水綠如藍", "能不憶江南")
    assert (regulated(odd), rhyme(odd), rhyme_ok(odd)) == (None, None, None)
    assert not patterns(Form((3, 5, 7, 7, 5)))
    assert not rhymes_of(Form((3, 5, 7, 7, 5)))
    even = ("江南好", "風景舊曾諳", "春來江水綠", "能不憶江南")
    assert (regulated(even), rhyme(even), rhyme_ok(even)) == (None, "覃", True)


def test_kana_has_no_tones_and_no_rhyme() -> None:
    verses = ("ゆきとけて", "むらいつぱいの") * 2
    assert (regulated(verses), rhyme(verses), rhyme_ok(verses)) == (None, None, None)
    assert regulated(("ゆきとけて",) * 4) is None


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("尤", {("平", "第十二部")}),
        ("第十二部", {("平", "第十二部"), ("上", "第十二部"), ("去", "第十二部")}),
        ("有", {("上", "第十二部")}),
        ("元", {("平", "第六部"), ("平", "第七部")}),
        ("門", {("平", "第六部")}),
        ("x", set()),
    ],
)
def test_what_the_name_of_a_rhyme_stands_for(name: str, readings: set[tuple[str, str]]) -> None:
    assert readings_named(name, "詞林") == readings


TINY = Tune(
    name="試",
    names=(),
    lengths=(1, 2, 1, 1),
    marks="，。，。",
    stanzas=(4,),
    tones=("仄", "平平|仄平", "仄", "平"),
    rhymes=".AaA",
    entering=False,
    source="corpus",
)


@pytest.mark.parametrize("strictness", STRICTNESS)
def test_the_verdicts_on_all_strings_of_a_few_characters(
    strictness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Form(TINY.lengths, tune=TINY.name)
    monkeypatch.setattr(verdict, "_tune", lambda asked: TINY if asked == form else None)
    usual, every = strictness == "usual", strictness == STRICT

    def tones(char: str) -> set[str]:
        found = {r.tone == "平" for r in readings_in(char, "詞林", usual=usual)}
        return {"平" if level else "仄" for level in found}

    def rhymes(char: str, level: bool) -> set[str]:
        found = readings_in(char, "詞林", usual=usual)
        kept = {r.rhyme for r in found if (r.tone == "平") == level}
        return kept if not every or len(found) == len(kept) == 1 else set()

    def fits(char: str, slot: str) -> bool:
        if every:
            return bool(tones(char)) and tones(char) <= set("平仄" if slot == "中" else slot)
        return slot == "中" or not tones(char) or slot in tones(char)

    assert {frozenset(tones(char)) for char in "秋酒看㐂"} >= {frozenset("平"), frozenset("仄")}
    met = 0
    for chars in product("秋酒看㐂流", repeat=5):
        verses = form.lay_out("".join(chars))
        first, second, third, last = verses
        kept = (
            fits(first, "仄") and fits(second[1], "平")
            and (fits(second[0], "平") or fits(second[0], "仄"))
            and fits(third, "仄") and fits(last, "平")
        )  # fmt: skip
        assert regulated(verses, strictness=strictness, form=form) == kept
        shared = rhymes(second[1], True) & rhymes(third, False) & rhymes(last, True)
        assert (rhyme(verses, strictness, form) in shared) == bool(shared)
        repeated = second[1] == last != third
        assert rhyme_ok(verses, strictness, form) == (bool(shared) and not repeated)
        met += bool(shared)
    assert met


QUATRAIN = "山山山山{}，山山山山{}。山山山山月，山山山山{}。"


@pytest.mark.parametrize(
    ("ends", "joins", "twice"),
    [
        ("秋流樓", True, False),
        ("月流樓", False, False),
        ("山流樓", False, False),  # level, of another class
        ("東冬宗", True, False),  # 東 may open 冬 (孤雁入群)
        ("秋流流", False, True),
        ("流流樓", True, True),
        ("月雪絕", False, False),  # an oblique rhyme has no such first verse
    ],
)
def test_the_first_verse_joins_a_level_rhyme_and_no_character_comes_twice(
    ends: str, joins: bool, twice: bool
) -> None:
    verses = split_verses(QUATRAIN.format(*ends))
    assert (first_rhymes(verses), self_rhymes(verses)) == (joins, twice)


def test_what_has_no_rhyme_or_no_choice_has_no_such_verdict() -> None:
    couplet = split_verses("山月臨窗白，溪風入座清。")
    assert (first_rhymes(couplet), self_rhymes(couplet)) == (None, None)
    form = Form.parse("浣溪沙")
    verses = split_verses(KNOWN["浣溪沙"][0])
    assert (first_rhymes(verses, form=form), self_rhymes(verses, form)) == (None, False)
    again = (*verses[:2], f"{verses[2][:-1]}溪", *verses[3:])
    assert self_rhymes(again, form), "溪 ends verses 1 and 3"
    assert not self_rhymes((verses[0], f"{verses[1][:-1]}溪", *verses[2:]), form), "疊韻"

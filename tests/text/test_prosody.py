"""Tones, rhymes and regulated verse, against what every handbook says and against brute force."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import ConfigError
from poetvae.text.poem import Form, split_verses
from poetvae.text.prosody import (
    COMPLIANCE,
    LENIENT,
    REGULATED,
    RHYMES,
    STRICT,
    STRICTNESS,
    USUAL,
    Language,
    Reading,
    book,
    chinese,
    compliance,
    english,
    japanese,
    kinds,
    levels,
    opens,
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
from poetvae.text.variants import SPELLINGS

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

NEW_STYLE = [(CLIMBING, "尤"), (VIEW, "侵"), (SPRING_RAIN, "庚"), (BRIDGE, "先"), (BAIDI, "刪"),
             (ASCENT, "灰")]  # fmt: skip
ANCIENT = [(DAWN, "篠"), (WANDERER, "微"), (NIGHT, "陽"), (SNOW, "屑"), (WEI_CITY, "真")]
POEMS = [(text, (text, name) in NEW_STYLE, name) for text, name in NEW_STYLE + ANCIENT]

# Told by mypy: each module is a language.
CHINESE: Language = chinese
ENGLISH: Language = english
JAPANESE: Language = japanese

# One character that is level in every reading, and one that never is.
SOUNDS = {"平": "天", "仄": "月"}

rows = [
    line.split("\t")
    for line in files("poetvae.text.prosody.chinese")
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
    names = {char: re.sub("[gpjv]?-?", "", "".join(marked)) for char, *marked in rows}
    assert set("".join(names.values())) == set("".join(RHYMES.values()))
    assert all(found and len(set(found)) == len(found) for found in names.values())


def test_every_character_has_a_usual_reading_and_those_are_readings() -> None:
    for char in known:
        assert readings(char) >= readings(char, usual=True) != frozenset(), char
        assert readings(char) >= readings(char, simplified=False)


# From handbooks of 平水韻: characters of several classes, with all of those.
MANY = (
    "涯支佳麻 漫寒翰 歎寒翰 看寒翰 過歌箇 望陽漾 忘陽漾 教肴效 勝蒸徑 為支寘 爲支寘 探覃勘 聽青徑"
)
MANY += " 應蒸徑 思支寘 吹支寘 騎支寘 論元願 供冬宋 縱冬宋 醒青迥徑 凝蒸徑 禁侵沁 重冬腫宋"


@pytest.mark.parametrize("row", MANY.split())
def test_what_the_books_of_the_106_classes_have(row: str) -> None:
    """All of these, each from both books or from one that is named."""
    char, names = row[0], row[1:]
    assert rhymes(char) >= set(names)
    assert all("平水韻" in str(book(char, name)) for name in names)


def test_which_book_has_a_reading() -> None:
    assert book("風", "東") == "廣韻、平水韻"
    assert book("風", "送") == book("何", "哿") == "廣韻"
    assert book("涯", "麻") == book("漫", "寒") == "平水韻"
    assert book("瀟", "蕭") in ("平水韻", "集韻")
    assert book("佳", "麻") == "verse alone"
    assert book("風", "先") is book("，", "東") is None


# What each is in verse: level alone, oblique alone, or both.
USED = {"平": "風何中生居平難間空", "仄": "不與夢著", "平仄": "看望教為重聽應思"}


def test_usual_readings_are_those_of_verse() -> None:
    for kind, chars in USED.items():
        assert [c for c in chars if levels(c, usual=True) != set(kind)] == []
    assert all(levels(char) == {"平", "仄"} for char in "風何中生不與夢看")


@pytest.mark.parametrize("rare", ["居支", "橫陽", "平先", "不尤", "夢東", "風送", "中送", "生敬"])
def test_some_readings_are_not_usual(rare: str) -> None:
    assert rare[1] in rhymes(rare[0])
    assert rare[1] not in rhymes(rare[0], usual=True)


@pytest.mark.parametrize("group", SPELLINGS.split())
def test_spellings_of_a_word_sound_alike(group: str) -> None:
    kept = readings(group[0], usual=True)
    own = [char for char in group if readings(char, simplified=False)]
    assert all(readings(char, simplified=False) >= readings(group[0], False) for char in own)
    assert kept
    assert all(readings(char, usual=True) >= kept for char in group)


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
    assert regulated(split_verses(CLIMBING), strictness=STRICT) is True
    assert regulated(split_verses(SPRING_RAIN), strict=True) is False  # 看 and 重


def test_an_unknown_character_fits_anywhere_or_never() -> None:
    verses = [sound("仄仄平平仄"), sound("平平仄仄平")]
    assert regulated(verses) is regulated(verses, strict=True) is True
    verses[0] = "㐂" + verses[0][1:]
    assert regulated(verses) is True
    assert regulated(verses, strict=True) is False


def allowed(five: str) -> bool:
    """Whether a verse may sound like this, whatever its neighbour: the rules in words."""
    if five[1] == "平" and five[4] == "仄":
        return five[2:4] == "平仄" or five[2] == "仄"  # three oblique ones, or mended by 仄平仄
    alike = len(set(five[2:])) == 1
    lone_level = five == "仄平仄仄平"
    return five[1] != five[3] and not alike and not lone_level


@pytest.mark.parametrize("length", [5, 7])
def test_couplets_of_every_sound(length: int) -> None:
    def expected(first: str, second: str) -> bool:
        fives = first[-5:], second[-5:]
        fronts = length == 5 or all(v[1] != v[3] for v in (first, second))
        opposite = fives[0][1] != fives[1][1]
        mended = fives[0][1::2] + fives[0][4] == "仄仄仄" and fives[1][2] == "平"
        own = mended or allowed(fives[0])
        return fronts and opposite and second[-1] == "平" and own and allowed(fives[1])

    verses = ["".join(p) for p in product("平仄", repeat=length)]
    steady = "平平仄仄平" if length == 5 else "仄仄平平仄仄平"
    mending = "仄平平仄平" if length == 5 else "平仄仄平平仄平"
    turned = "仄仄仄平平" if length == 5 else "平平仄仄仄平平"
    for verse in verses:
        pairs = [(verse, one) for one in (steady, mending, turned)]
        for first, second in (*pairs, (steady, verse), (turned, verse)):
            assert regulated([sound(first), sound(second)]) is expected(first, second)


FOUR = ["仄仄平平仄", "平平仄仄平", "平平平仄仄", "仄仄仄平平"]


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ("平平仄平平", 1),  # the fourth character agrees with the second
        ("仄仄仄平平", 1),  # 對: the couplet agrees where it must be opposite
        ("仄仄平平仄", 2),  # 粘: the couplets are opposite where they must agree
        ("仄仄仄仄仄", 0),  # nothing mends the fourth character
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


@pytest.mark.parametrize(
    ("verses", "name"),
    [
        (FOUR, "正格"),
        ([*FOUR[:2], "平平仄平仄", FOUR[3]], "拗救"),
        ([FOUR[0], "仄平平仄平", *FOUR[2:]], "拗救"),
        (["仄仄仄仄仄", "平平平仄平", *FOUR[2:]], "拗救"),
        ([*FOUR[:2], "平平仄仄仄", FOUR[3]], "三仄尾"),
        ([*FOUR[:2], *FOUR[:2]], "失粘"),
        ([FOUR[0], "仄平仄仄平", *FOUR[2:]], "孤平"),
        ([*FOUR[:3], "仄仄平平平"], "三平尾"),
        ([*FOUR[:3], "仄平仄平平"], "出律"),
    ],
)
def test_compliance_is_the_first_name_that_allows_verses(verses: list[str], name: str) -> None:
    heard = [sound(pattern) for pattern in verses]
    assert [compliance(heard, strictness) for strictness in STRICTNESS] == [name] * 3
    kept = [regulated(heard, compliance=degree) for degree in COMPLIANCE[:-1]]
    assert kept == [COMPLIANCE.index(name) <= i for i in range(len(kept))]
    assert regulated(heard) is (COMPLIANCE.index(name) <= COMPLIANCE.index(REGULATED))


KNOWN = {
    "客路青山外，行舟綠水前。潮平兩岸闊，風正一帆懸。"
    "海日生殘夜，江春入舊年。鄉書何處達，歸雁洛陽邊。": "三仄尾",
    "昔聞洞庭水，今上岳陽樓。吳楚東南坼，乾坤日夜浮。"
    "親朋無一字，老病有孤舟。戎馬關山北，憑軒涕泗流。": "拗救",
    "人事有代謝，往來成古今。江山留勝跡，我輩復登臨。"
    "水落魚梁淺，天寒夢澤深。羊公碑尚在，讀罷淚沾襟。": "拗救",
    "相見時難別亦難，東風無力百花殘。春蠶到死絲方盡，蠟炬成灰淚始乾。"
    "曉鏡但愁雲鬢改，夜吟應覺月光寒。蓬山此去無多路，青鳥殷勤為探看。": "正格",
    # The third verse does not follow the second, as commentaries note.
    "單車欲問邊，屬國過居延。征蓬出漢塞，歸雁入胡天。"
    "大漠孤煙直，長河落日圓。蕭關逢候騎，都護在燕然。": "失粘",
    WEI_CITY: "失粘",
    DAWN: "出律",
}


@pytest.mark.parametrize(("text", "name"), KNOWN.items())
def test_compliance_of_famous_poems(text: str, name: str) -> None:
    assert compliance(split_verses(text)) == name


def test_a_fault_of_strictness_is_named() -> None:
    with pytest.raises(ConfigError, match="the strictness is 'no'; expected strict, usual or"):
        regulated(FOUR, strictness="no")
    with pytest.raises(ConfigError, match="the strictness is 'no'"):
        rhyme_ok(["月", "流", "月", "秋"], "no")
    with pytest.raises(ConfigError, match="the compliance is '出律'; expected 正格, 拗救, 三仄尾,"):
        regulated(FOUR, compliance="出律")


def test_the_first_verse_may_end_level() -> None:
    assert regulated([sound("仄仄仄平平"), *(sound(pattern) for pattern in FOUR[1:])]) is True


def spelled(pattern: str) -> set[str]:
    """All patterns of 平 and 仄 that one with free places holds."""
    return {"".join(c) for c in product(*("平仄" if slot == "中" else slot for slot in pattern))}


def couplets(form: Form) -> list[list[set[str]]]:
    """By scheme and couplet, all sounds that it may have, by the kinds of its two verses."""
    verses = {"".join(c): kinds("".join(c)) for c in product("平仄", repeat=form.uniform)}
    return [
        [
            {
                first + second
                for a, b in pairs
                for first, found in verses.items()
                for second, others in verses.items()
                if a in found and b in others
            }
            for pairs in scheme
        ]
        for scheme in schemes(form)
    ]


@pytest.mark.parametrize("name", ["5x2", "7x2", "5x4", "5x8"])
def test_verses_that_keep_a_scheme_are_regulated(name: str) -> None:
    form = Form.parse(name)
    for scheme, start in zip(couplets(form), "平仄", strict=True):
        plain = [min(found) for found in scheme]
        for i, found in enumerate(scheme):
            for pattern in found if form.uniform == 5 else list(found)[:50]:
                whole = "".join([*plain[:i], pattern, *plain[i + 1 :]])
                assert regulated(form.lay_out(sound(whole)), strict=True) is True
        assert {pattern[form.uniform - 4] for pattern in scheme[0]} == {start}


def test_couplets_that_keep_no_scheme_are_not_regulated() -> None:
    found = set().union(*(scheme[0] for scheme in couplets(Form(5, 2))))
    for choice in map("".join, product("平仄", repeat=10)):
        verses = [sound(choice[:5]), sound(choice[5:])]
        assert regulated(verses, strict=True) is (choice in found)


# Of one tone each, of two that are usual, of one that is not, and one without a reading.
CHARS = "天月天月天月看重不風夢㐂"


@given(st.integers(1, 4), st.sampled_from([5, 7]), st.data())
def test_what_is_strict_is_usual_and_what_is_usual_lenient(
    couplets: int, length: int, data: st.DataObject
) -> None:
    verse = st.text(st.sampled_from(CHARS + "流秋留"), min_size=length, max_size=length)
    verses = data.draw(st.lists(verse, min_size=2 * couplets, max_size=2 * couplets))
    for check in (regulated, rhyme_ok):
        strict, usual, lenient = (check(verses, strictness=one) for one in STRICTNESS)
        assert not strict or usual
        assert not usual or lenient
    assert regulated(verses, strict=True) is regulated(verses, strictness=STRICT)
    assert regulated(verses, strict=False) is regulated(verses, strictness=LENIENT)
    assert regulated(verses) is regulated(verses, strictness=USUAL)


@given(st.lists(st.tuples(*[st.sampled_from("天月看風")] * 5).map("".join), min_size=2, max_size=2))
def test_each_strictness_is_some_or_every_choice_of_readings(verses: list[str]) -> None:
    def results(text: str, either: str) -> list[bool | None]:
        options = ["天月" if char in either else char for char in text]
        return [regulated([c[:5], c[5:]]) for c in map("".join, product(*options))]

    found = results("".join(verses), "看風")
    assert regulated(verses, strictness=LENIENT) is any(found)
    assert regulated(verses, strictness=STRICT) is all(found)
    assert regulated(verses) is any(results("".join(verses).replace("風", "天"), "看"))


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


@pytest.mark.parametrize("pair", ["居期", "橫陽", "平緣", "流流", "人人"])
def test_what_does_not_rhyme_to_a_reader(pair: str) -> None:
    verses = ["月", pair[0], "月", pair[1]]
    assert rhyme_ok(verses) is False
    assert rhyme(verses) is None
    assert rhyme_ok(verses, LENIENT) is (pair[0] != pair[1])


def test_one_class_may_be_rare_or_the_only_one() -> None:
    assert rhyme(["月", "流", "月", "秋"], STRICT) == "尤"
    assert rhyme(["月", "看", "月", "寒"], STRICT) is None  # 看 may be oblique
    assert rhyme(["月", "涯", "月", "花"]) == "麻"


@pytest.mark.parametrize(
    ("end", "joins"),
    [("流", True), ("月", True), ("看", True), ("㐂", True), ("東", False), ("秋", False)],
)
def test_a_first_verse_that_ends_level_is_in_the_rhyme(end: str, joins: bool) -> None:
    """流 is in the rhyme of 秋 and 樓, 月 is oblique and 看 may be; 秋 comes again."""
    assert rhyme_ok([end, "秋", "月", "樓"]) is joins


def test_a_first_verse_may_rhyme_in_a_class_nearby() -> None:
    assert rhyme_ok(["鐘", "東", "月", "風"]) is True
    assert opens("東") & set(RHYMES["平"]) == {"東", "冬"}
    assert opens("元") & set(RHYMES["平"]) == set("元真文寒刪先")
    assert opens("月") == set("".join(RHYMES.values()))  # nothing follows from an oblique rhyme
    for name in RHYMES["平"]:
        assert all(name in opens(other) for other in opens(name) & set(RHYMES["平"]))


@pytest.mark.parametrize("verses", [[], ["東"], ["東", "風"], ["東"] * 5, ["東", "", "東", "風"]])
def test_where_nothing_has_to_rhyme(verses: list[str]) -> None:
    assert rhyme(verses) is None
    assert rhyme_ok(verses) is None


def test_of_several_classes_the_one_of_the_first_verse_is_named() -> None:
    assert rhymes("看") == {"寒", "翰"}
    assert rhyme(["月", "看", "月", "漫"]) == "寒"
    assert rhyme(["岸", "看", "月", "漫"]) == "翰"


@pytest.mark.parametrize("form", [Form(5, 2), Form(5, 4), Form(5, 8)])
def test_patterns_are_the_largest_products_in_the_schemes(form: Form) -> None:
    """Every product of tones, tried one by one: those inside a scheme that no other one holds."""
    every = ["".join(slots) for slots in product("平仄中", repeat=2 * form.uniform)]
    for scheme, found in zip(couplets(form), patterns(form), strict=True):
        for allowed, largest in zip(scheme, found, strict=True):
            assert set().union(*map(spelled, largest)) == allowed
            for pattern in largest:
                inside = [i for i, slot in enumerate(pattern) if slot != "中"]
                wider = [pattern[:i] + "中" + pattern[i + 1 :] for i in inside]
                assert not any(spelled(one) <= allowed for one in wider)
            if form.lines == 2:
                held = [one for one in every if one.count("中") < 5 and spelled(one) <= allowed]
                assert all(any(spelled(one) <= spelled(p) for p in largest) for one in held[::7])


def test_patterns_join_the_kinds_that_differ_in_one_place() -> None:
    assert patterns(Form(5, 4))[0] == (
        (
            "中平中仄仄中仄仄平平",
            "中平仄中仄中仄仄平平",
            "中平平仄中中仄仄平平",
            "平平中仄中中仄仄平平",
        ),
        ("中仄中平仄平平中仄平", "中仄中中仄中平平仄平"),
    )
    for form in (Form(6, 4), Form(5, 3), Form(4, 2)):
        assert (patterns(form), schemes(form)) == ((), ())

"""What a check finds in poems: the examples of the handbooks, and faults put in on purpose."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.poem import Form
from poetvae.text.prosody import FREE, LEVEL, OBLIQUE, levels, patterns, regulated, rhymes
from poetvae.text.prosody.chinese.check import check, check_all
from poetvae.text.prosody.report import Report

TOWER = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
WEICHENG = "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。"
FRONTIER = (
    "單車欲問邊，屬國過居延。征蓬出漢塞，歸雁入胡天。大漠孤煙直，長河落日圓。"
    "蕭關逢候騎，都護在燕然。"
)
GAOSHI = (
    "飲酒莫辭醉，醉多適不愁。孰知非遠別，終念對窮秋。滑臺門外見，淇水眼前流。"
    "君去應回首，風波滿渡頭。"
)
MOORING = "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。"
DAWN = "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。"


def notes(report: Report) -> list[tuple[str, int, int, bool]]:
    """Names and places of all notes, and whether they are remarks."""
    return [(note.name, note.line, note.position, note.remark) for note in report.notes]


def faults(text: str, form: Form | None = None, book: str | None = None) -> list[tuple[str, int]]:
    """Names and lines of faults."""
    return [(fault.name, fault.line) for fault in check(text, form, book).faults]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TOWER, []),
        (WEICHENG, [("失粘", 3, 2, False)]),  # the example of every handbook, 折腰體
        (FRONTIER, [("失粘", 3, 2, False), ("三仄尾", 3, 3, True)]),
    ],
)
def test_poems_that_handbooks_quote(text: str, found: list[tuple[str, int, int, bool]]) -> None:
    assert notes(check(text)) == found


def test_a_lone_level_tone() -> None:
    report = check(GAOSHI)
    assert ("孤平", 2, 1, False) in notes(report)  # 醉多適不愁, after 王力
    assert [fault.name for fault in report.lines[1].notes] == ["孤平", "重字"]
    assert faults(GAOSHI.replace("醉多適", "心多適")) == [("失粘", 5)]
    assert ("拗救", 2, 1, True) in notes(check(GAOSHI.replace("適不愁", "離不愁")))


@pytest.mark.parametrize(
    ("old", "new", "name", "line"),
    [
        ("一層樓", "高層樓", "三平調", 4),
        ("黃河入海", "黃雪入海", "拗", 2),
        ("更上一層樓", "更上一層山", "出韻", 4),
        ("更上一層樓", "更上一層流", "重韻", 4),
        ("更上一層樓", "更上一層月", "出韻", 4),
        ("千里目", "千雨目", None, 3),
        ("依山盡", "依舊盡", "拗", 1),
        ("欲窮千里目", "欲窮千里", "字數", 3),
    ],
)
def test_what_a_change_of_a_good_poem_does(old: str, new: str, name: str | None, line: int) -> None:
    assert old in TOWER
    expected = [(name, line)] if name else []
    assert faults(TOWER.replace(old, new), Form(5, 4)) == expected


def test_an_oblique_end_that_sounds_like_the_rhyme_is_remarked() -> None:
    clash = check(TOWER.replace("千里目", "千里柳"))
    assert notes(clash) == [("撞韻", 3, 5, True)]
    assert clash.faults == ()


def test_what_is_mended_is_a_remark() -> None:
    itself = check("移舟泊煙渚，日暮客愁新。")
    assert notes(itself) == [("拗救", 1, 4, True)]  # 平平仄平仄
    pair = "野火燒不盡，春風吹又生。"
    assert notes(check(pair)) == [("拗救", 1, 4, True)]
    unmended = check("野火燒又盡，春風動又生。")
    assert faults(unmended.text) == [("拗", 1)]
    assert "mend it" in unmended.faults[0].why


def test_a_first_line_may_rhyme_with_a_neighbour() -> None:
    poem = "清明時節雨紛紛，路上行人欲斷魂。借問酒家何處有，牧童遙指杏花村。"
    report = check(poem)
    assert (report.rhyme, report.kind, report.scheme) == ("元", "七言絕句", "平起，首句入韻")
    assert notes(report) == [("鄰韻", 1, 7, True)]
    assert faults(poem.replace("紛紛", "陽陽")) == [("出韻", 1)]


def test_couplets_that_do_not_go_together() -> None:
    flipped = TOWER.replace("黃河入海流", "渭水向東流")
    assert faults(flipped, Form(5, 4)) == [("失對", 2), ("失粘", 3)]


@pytest.mark.parametrize("text", [DAWN, "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"])
def test_old_style_verse_is_said_to_be_so(text: str) -> None:
    report = check(text)
    assert (report.kind, report.faults) == ("五言古絕", ())
    assert [note.name for note in report.notes] == ["古體"]


def test_oblique_rhymes_may_have_a_level_reading_too() -> None:
    report = check("一堂風冷澹，翠竹籠軒檻。夜靜松聲清，蟾光凝湛湛。")
    assert (report.kind, report.faults) == ("五言古絕", ())


def test_who_names_the_form_has_its_faults_listed() -> None:
    night = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"
    assert check(night, Form(5, 4)).faults != ()
    assert faults(night[:12], Form(5, 4))[0] == ("句數", 0)


def test_readings_are_chosen_to_fit_and_told() -> None:
    line = check(
        "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。"
        "烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。"
    ).lines[7]
    assert line.chosen == "勝"
    assert (line.tones, line.readings) == ("中仄仄平平", ("平仄", "仄", "仄", "平仄", "平"))


def test_simplified_text_is_read_as_such() -> None:
    traditional = check("烽火連三月，家書抵萬金。")
    simplified = check("烽火连三月，家书抵万金。")
    assert [line.tones for line in simplified.lines] == [line.tones for line in traditional.lines]


def test_titles_notes_and_several_poems() -> None:
    bare = check(TOWER)
    for text in (f"登鸛雀樓\n{TOWER}", f"# 登鸛雀樓\n{TOWER}", f"{TOWER[:6]}（注）{TOWER[6:]}"):
        assert notes(check(text)) == notes(bare)
        assert len(check(text).lines) == 4
    unmarked = "登鸛雀樓\n白日依山盡\n黃河入海流\n欲窮千里目\n更上一層樓"
    assert len(check(unmarked).lines) == 4
    both = check_all(f"登鸛雀樓\n\n{TOWER}\n\n \n{WEICHENG}\n\n")
    assert [report.form for report in both] == ["5x4", "7x4"]


def test_a_series_is_told_apart_by_its_rhymes() -> None:
    assert [len(report.lines) for report in check_all(TOWER + MOORING)] == [4, 4]
    assert [len(report.lines) for report in check_all(TOWER + TOWER, Form(5, 4))] == [4, 4]
    assert [len(report.lines) for report in check_all(GAOSHI)] == [8]


def test_books() -> None:
    street = "行宮\n寥落古行宮，宮花寂寞紅。白頭宮女在，閒坐說玄宗。"
    assert faults(street) == [("出韻", 4)]  # 宗 is of 冬
    assert faults(street, book="詞林") == []
    assert check(street, book="詞林").rhyme == "第一部"
    modern = check(TOWER, book="新韻")  # in Mandarin 一 is level
    assert (modern.rhyme, modern.faults[0].name, modern.faults[0].line) == ("尤", "三平調", 4)
    assert check(JIANGNAN, book="平水").rhyme == "覃"
    with pytest.raises(ConfigError, match="the book of rhymes is 'x'; expected 平水"):
        check(street, book="x")


def test_there_has_to_be_verse() -> None:
    with pytest.raises(CorpusError, match="no verse of Chinese characters"):
        check_all("no verse\n\nat all")


def test_there_may_be_too_much_verse() -> None:
    with pytest.raises(CorpusError, match="1,000 lines; expected at most 999"):
        check("春風春雨春\n" * 1000)
    assert len(check_all("春風春雨春\n" * 1000, Form(5, 4))) == 250


def test_json_has_the_keys_that_were_promised() -> None:
    report = check(WEICHENG).as_dict()
    assert {"text", "form", "book", "lines", "rhyme", "faults"} <= report.keys()
    assert report["text"] == WEICHENG
    line = report["lines"][2]
    assert (line["text"], line["pattern"]) == ("勸君更盡一杯酒", "中平中仄中平仄")
    assert line["faults"] == report["faults"]
    assert {"name", "line", "position", "why"} <= report["faults"][0].keys()


HUANXI = (
    "一曲新詞酒一杯，去年天氣舊亭臺。夕陽西下幾時回？"
    "無可奈何花落去，似曾相識燕歸來。小園香徑獨徘徊。"
)
JIANGNAN = "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南？"
SNOW = (
    "大江東去，浪淘盡，千古風流人物。故壘西邊，人道是，三國周郎赤壁。"
    "亂石穿空，驚濤拍岸，卷起千堆雪。江山如畫，一時多少豪傑。\n\n"
    "遙想公瑾當年，小喬初嫁了，雄姿英發。羽扇綸巾，談笑間，檣櫓灰飛煙滅。"
    "故國神遊，多情應笑我，早生華髮。人生如夢，一尊還酹江月。"
)


@pytest.mark.parametrize(
    ("text", "tune", "rhyme"),
    [(HUANXI, "浣溪沙", "灰"), (JIANGNAN, "憶江南", "第十四部")],
)
def test_a_ci_is_told_by_its_lines(text: str, tune: str, rhyme: str) -> None:
    report = check(text)
    assert (report.form, report.kind, report.book) == (tune, "詞", "詞林")
    assert (report.rhyme, report.faults) == (rhyme, ())
    assert [len(line.pattern) for line in report.lines] == [len(line.text) for line in report.lines]


@pytest.mark.parametrize(
    ("old", "new", "name", "line"),
    [
        ("江南好", "江南花", "出律", 1),
        ("紅勝火", "紅勝天", "出律", 3),
        ("綠如藍", "綠如春", "出韻", 4),
        ("綠如藍", "綠如", "字數", 4),
        ("能不憶江南", "", "句數", 0),
    ],
)
def test_what_a_change_of_a_good_ci_does(old: str, new: str, name: str, line: int) -> None:
    assert old in JIANGNAN
    assert (name, line) in faults(f"忆江南·其三\n{JIANGNAN.replace(old, new)}")


def test_a_ci_of_a_wrong_verse_is_told_by_the_others() -> None:
    assert faults(JIANGNAN.replace("綠如藍", "如藍")) == [("字數", 4)]
    assert check(JIANGNAN.replace("，風景", "風景")).form == "憶江南"


def test_stanzas_of_a_tune_are_one_poem() -> None:
    (report,) = check_all(f"念奴嬌·赤壁懷古\n{SNOW}")
    assert report.form.startswith("念奴嬌")
    assert report.rhyme == "第十八部"


def test_another_layout_of_a_tune_is_said_to_be_one() -> None:
    text = f"念奴嬌\n{SNOW.replace('。', '，風月。')}"
    report = check(text)
    assert (report.kind, report.faults, report.notes[0].name) == ("詞", (), "又一體")
    assert len(check(text, Form.parse("念奴嬌")).faults) > 5


def test_a_tune_that_is_named_is_the_one_that_counts() -> None:
    assert check(TOWER, Form.parse("生查子")).form.startswith("生查子")
    assert check(f"浪淘沙\n{WEICHENG}").kind == "七言絕句"  # as many of the Tang are


@cache
def _chars(side: str) -> str:
    """Characters of one tone that have no other reading."""
    known = "天雲山河花春秋人家年時來前門高深江南東西月日水雨雪客夜酒夢草木柳竹老遠近白綠古暮落"
    return "".join(char for char in known if levels(char) == {side})


Poem = tuple[Form, list[str], list[str]]
ENDS = [char for char in "東同宮紅公功翁窮蓬叢童桐融" if rhymes(char) == {"東"}]


@st.composite
def good_poems(draw: st.DrawFn) -> Poem:
    """Verses that fit a pattern of their form, and that pattern, without a rhyming first verse."""
    form = Form(draw(st.sampled_from([5, 7])), draw(st.sampled_from([4, 8])))
    scheme = draw(st.sampled_from(patterns(form)))
    whole = [
        draw(st.sampled_from([both for both in part if both[form.uniform - 1] == OBLIQUE]))
        for part in scheme
    ]
    pattern = [x for both in whole for x in (both[: form.uniform], both[form.uniform :])]
    ends = draw(st.permutations(ENDS))
    verses = []
    for i, places in enumerate(pattern):
        chars = [
            draw(st.sampled_from(_chars(LEVEL) + _chars(OBLIQUE) if p == FREE else _chars(p)))
            for p in places
        ]
        verses.append("".join(chars[:-1]) + (ends[i] if i % 2 else chars[-1]))
    return form, verses, pattern


@given(good_poems())
def test_what_fits_a_pattern_has_no_fault(poem: Poem) -> None:
    form, verses, _ = poem
    report = check("\n".join(verses), form)
    assert report.faults == ()
    assert report.rhyme == "東"


@given(good_poems(), st.data())
def test_a_wrong_tone_is_a_fault(poem: Poem, data: st.DataObject) -> None:
    form, verses, pattern = poem
    places = [(i, j) for i, p in enumerate(pattern) for j, t in enumerate(p) if t != FREE]
    i, j = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from(_chars(OBLIQUE if pattern[i][j] == LEVEL else LEVEL)))
    verses[i] = verses[i][:j] + other + verses[i][j + 1 :]
    wrong = not regulated(verses) or (j == form.uniform - 1 and (i % 2 == 1 or i == 0))
    assert bool(check("\n".join(verses), form).faults) == wrong

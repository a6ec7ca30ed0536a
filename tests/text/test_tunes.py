"""The table of tunes: that it is well formed, and that it accepts the ci that everybody knows."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from poetvae.text.poem import Form, Poem, split_verses
from poetvae.text.prosody import FREE, LEVEL, levels
from poetvae.text.prosody.chinese.books import readings_in
from poetvae.text.prosody.chinese.tunes import Tune, tunes, tunes_named

TUNES = tuple(tunes().values())


@pytest.mark.parametrize("tune", TUNES, ids=lambda tune: tune.name)
def test_an_entry_is_well_formed(tune: Tune) -> None:
    verses = len(tune.lengths)
    assert len(tune.marks) == len(tune.tones) == len(tune.rhymes) == sum(tune.stanzas) == verses
    assert set(tune.marks) <= set("，。、")
    assert tune.marks[-1] == "。"
    for stop in [sum(tune.stanzas[: i + 1]) for i in range(len(tune.stanzas))]:
        assert tune.marks[stop - 1] == "。", "a stanza ends in the middle of a sentence"
    for length, tones in zip(tune.lengths, tune.tones, strict=True):
        patterns = tones.split("|")
        assert len(set(patterns)) == len(patterns)
        assert all(re.fullmatch(f"[平仄中]{{{length}}}", pattern) for pattern in patterns)
    letters = [letter.upper() for letter in tune.rhymes if letter != "."]
    assert letters
    assert all(letters.count(letter) >= 2 for letter in letters), "a rhyme with nothing"
    assert list(dict.fromkeys(letters)) == [chr(ord("A") + i) for i in range(len(set(letters)))]
    assert tune.source in ("corpus", "corpus+詞譜", "詞譜")


@pytest.mark.parametrize("tune", TUNES, ids=lambda tune: tune.name)
def test_rhymes_have_the_tone_of_their_places(tune: Tune) -> None:
    for tones, letter in zip(tune.tones, tune.rhymes, strict=True):
        if letter != ".":
            lasts = {pattern[-1] for pattern in tones.split("|")}
            assert lasts <= {FREE, LEVEL if letter.isupper() else "仄"}


def test_names_are_unique_and_numbered() -> None:
    assert len(TUNES) == len({tune.name for tune in TUNES})
    first = [tune for tune in TUNES if not tune.name[-1].isdecimal()]
    assert len(first) >= 60
    names = list(chain.from_iterable((tune.name, *tune.names) for tune in first))
    assert len(names) == len(set(names))
    for tune in TUNES:
        stem = tune.name.rstrip("0123456789")
        if tune.name != stem:
            before = int(tune.name.removeprefix(stem)) - 1
            assert stem + str(before) * (before > 1) in tunes()
            assert tunes()[stem].names == tune.names
    assert len({(t.name.rstrip("0123456789"), t.lengths, t.rhymes) for t in TUNES}) == len(TUNES)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("望江南 江南好 憶江南 忆江南 夢江南", "憶江南"),
        ("蝶戀花 蝶恋花 鵲踏枝 凤栖梧", "蝶戀花"),
        ("念奴嬌 念奴娇 百字令 大江东去 酹江月", "念奴嬌"),
        ("江城子 江神子", "江城子"),
        ("採桑子 采桑子 丑奴儿 醜奴兒 羅敷媚", "採桑子"),
        ("玉樓春 木兰花", "玉樓春"),
        ("南歌子 南柯子", "南歌子"),
    ],
)
def test_a_tune_has_all_its_names_in_both_scripts(names: str, name: str) -> None:
    for other in names.split():
        assert tunes_named(other)[0].name == name
        assert tunes_named(f" {other} ") == tunes_named(name)


def test_a_number_names_one_entry_and_no_tune_none() -> None:
    assert tunes_named("念奴嬌2") == tunes_named("念奴娇2") == (tunes()["念奴嬌2"],)
    assert tunes_named("念奴嬌") == tuple(t for t in TUNES if t.name.startswith("念奴嬌"))
    assert tunes_named("七絕") == tunes_named("") == ()


@pytest.mark.parametrize(
    ("name", "lengths", "stanzas", "rhymes"),
    [
        ("浣溪沙", "7-7-7-7-7-7", (3, 3), "AAA.AA"),
        ("憶江南", "3-5-7-7-5", (5,), ".A.AA"),
        ("菩薩蠻", "7-7-5-5-5-5-5-5", (4, 4), "aaBBccDD"),
        ("西江月", "6-6-7-6-6-6-7-6", (4, 4), ".AAa.AAa"),
        ("減字木蘭花", "4-7-4-7-4-7-4-7", (4, 4), "aaBBccDD"),
        ("清平樂", "4-5-7-6-6-6-6-6", (4, 4), "aaaaBB.B"),
        ("如夢令", "6-6-5-6-2-2-6", (7,), "aa.aaaa"),
    ],
)
def test_what_every_handbook_says(
    name: str, lengths: str, stanzas: tuple[int, ...], rhymes: str
) -> None:
    tune = tunes()[name]
    assert "-".join(map(str, tune.lengths)) == lengths
    assert (tune.stanzas, tune.rhymes) == (stanzas, rhymes)


def test_the_tones_of_a_tune_that_is_half_a_regulated_verse() -> None:
    first, second, _, third, *_ = tunes()["浣溪沙"].tones
    assert (first, second, third) == ("中仄平平中仄平", "中平中仄仄平平", "中仄中平平仄仄")


def test_which_tunes_rhyme_in_the_entering_tone() -> None:
    entering = {tune.name for tune in TUNES if tune.entering}
    assert {"滿江紅", "念奴嬌", "憶秦娥"} <= entering
    assert not entering & {"浣溪沙", "蝶戀花", "如夢令", "漁家傲", "虞美人"}


FAMOUS = [
    ("浣溪沙", "晏殊", "一曲新詞酒一杯，去年天氣舊亭臺。夕陽西下幾時回。"
     "無可奈何花落去，似曾相識燕歸來。小園香徑獨徘徊。"),
    ("虞美人", "李煜", "春花秋月何時了，往事知多少。小樓昨夜又東風，故國不堪回首、月明中。"
     "雕闌玉砌應猶在，只是朱顏改。問君能有幾多愁，恰似一江春水、向東流。"),
    ("菩薩蠻", "溫庭筠", "小山重疊金明滅，鬢雲欲度香腮雪。懶起畫蛾眉，弄妝梳洗遲。"
     "照花前後鏡，花面交相映。新帖繡羅襦，雙雙金鷓鴣。"),
    ("憶江南", "白居易", "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南。"),
    ("如夢令", "李清照", "昨夜雨疏風驟，濃睡不消殘酒。試問捲簾人，卻道海棠依舊。"
     "知否，知否，應是綠肥紅瘦。"),
    ("西江月", "辛棄疾", "明月別枝驚鵲，清風半夜鳴蟬。稻花香裏說豐年，聽取蛙聲一片。"
     "七八個星天外，兩三點雨山前。舊時茅店社林邊，路轉溪橋忽見。"),
    ("滿江紅", "岳飛", "怒髮衝冠，憑闌處、瀟瀟雨歇。擡望眼、仰天長嘯，壯懷激烈。"
     "三十功名塵與土，八千里路雲和月。莫等閒、白了少年頭，空悲切。"
     "靖康恥，猶未雪。臣子恨，何時滅。駕長車踏破，賀蘭山缺。"
     "壯志飢餐胡虜肉，笑談渴飲匈奴血。待從頭、收拾舊山河，朝天闕。"),
    ("青玉案", "辛棄疾", "東風夜放花千樹。更吹落、星如雨。寶馬雕車香滿路。鳳簫聲動，玉壺光轉，"
     "一夜魚龍舞。蛾兒雪柳黃金縷。笑語盈盈暗香去。眾裏尋他千百度。驀然回首，那人卻在，燈火闌珊處。"),
    ("鵲橋仙", "秦觀", "纖雲弄巧，飛星傳恨，銀漢迢迢暗度。金風玉露一相逢，便勝卻、人間無數。"
     "柔情似水，佳期如夢，忍顧鵲橋歸路。兩情若是久長時，又豈在、朝朝暮暮。"),
    ("一翦梅", "李清照", "紅藕香殘玉簟秋。輕解羅裳，獨上蘭舟。雲中誰寄錦書來，雁字回時，月滿西樓。"
     "花自飄零水自流。一種相思，兩處閒愁。此情無計可消除，才下眉頭，卻上心頭。"),
    ("釵頭鳳", "陸游", "紅酥手。黃縢酒。滿城春色宮牆柳。東風惡。歡情薄。一懷愁緒，幾年離索。"
     "錯。錯。錯。春如舊。人空瘦。淚痕紅浥鮫綃透。桃花落。閒池閣。山盟雖在，錦書難托。莫。莫。莫。"),
    ("水調歌頭", "蘇軾", "明月幾時有，把酒問青天。不知天上宮闕，今夕是何年。我欲乘風歸去，"
     "又恐瓊樓玉宇，高處不勝寒。起舞弄清影，何似在人間。轉朱閣，低綺戶，照無眠。"
     "不應有恨，何事長向別時圓。人有悲歡離合，月有陰晴圓缺，此事古難全。但願人長久，千里共嬋娟。"),
    ("念奴嬌", "蘇軾", "大江東去，浪淘盡、千古風流人物。故壘西邊，人道是、三國周郎赤壁。亂石穿空，"
     "驚濤拍岸，捲起千堆雪。江山如畫，一時多少豪傑。遙想公瑾當年，小喬初嫁了，雄姿英發。"
     "羽扇綸巾，談笑處、檣艣灰飛煙滅。故國神遊，多情應笑我，早生華髮。人間如寄，一尊還酹江月。"),
    ("聲聲慢", "李清照", "尋尋覓覓。冷冷清清，淒淒慘慘戚戚。乍暖還寒，時候正難將息。三杯兩盞淡酒，"
     "怎敵他、晚來風急。雁過也，正傷心、卻是舊時相識。滿地黃花堆積。憔悴損、如今有誰堪摘。"
     "守著窗兒，獨自怎生得黑。梧桐更兼細雨，到黃昏、點點滴滴。這次第，怎一個、愁字了得。"),
    ("滿江紅", "姜夔", "仙姥來時，正一望、千頃翠瀾。旌旗共、亂雲俱下，依約前山。命駕羣龍金作軛，"
     "相從諸娣玉為冠。向夜深、風定悄無人，聞佩環。神奇處，君試看。奠淮右，阻江南。遣六丁雷電，"
     "別守東關。卻笑英雄無好手，一篙春水走曹瞞。又怎知、人在小紅樓，簾影間。"),
    ("念奴嬌", "李清照", "蕭條庭院，又斜風細雨，重門須閉。寵柳嬌花寒食近，種種惱人天氣。險韻詩成，"
     "扶頭酒醒，別是閒滋味。征鴻過盡，萬千心事難寄。樓上幾日春寒，簾垂四面，玉闌干慵倚。"
     "被冷香消新夢覺，不許愁人不起。清露晨流，新桐初引，多少遊春意。日高煙斂，更看今日晴未。"),
]  # fmt: skip

# Who rhymes across the groups of 詞林正韻, as the Song did: 杯回徊 with 臺來, one class of 平水韻
# that it divides; 壁, in -k, with 月 and others in -t; 南, in -m, with 山 and others in -n.
MIXED = {("晏殊", "浣溪沙"), ("蘇軾", "念奴嬌"), ("姜夔", "滿江紅")}


def faults(tune: Tune, text: str) -> list[str]:
    """What a ci has that its tune has not, by the usual readings."""
    verses = split_verses(text)
    assert tuple(map(len, verses)) == tune.lengths
    found = []
    for verse, tones in zip(verses, tune.tones, strict=True):
        heard = [levels(char, usual=True) for char in verse]
        if not any(
            all(tone == FREE or tone in sounds for tone, sounds in zip(p, heard, strict=True))
            for p in tones.split("|")
        ):
            found.append(verse)
    for letter in {x for x in tune.rhymes.upper() if x != "."}:
        shared = [
            {r.rhyme for r in readings_in(verse[-1], "詞林") if (r.tone == "平") == own.isupper()}
            for verse, own in zip(verses, tune.rhymes, strict=True)
            if own.upper() == letter
        ]
        if not set.intersection(*shared):
            found.append(letter)
    return found


@pytest.mark.parametrize(("name", "author", "text"), FAMOUS)
def test_the_table_accepts_what_everybody_knows(name: str, author: str, text: str) -> None:
    lengths = tuple(map(len, split_verses(text)))
    ways = [faults(tune, text) for tune in tunes_named(name) if tune.lengths == lengths]
    assert (["A"] if (author, name) in MIXED else []) in ways, f"{author}: {ways}"


@pytest.mark.parametrize(
    ("tune", "rhymes"),
    [("滿江紅", "月雪缺"), ("滿江紅2", "東風紅"), ("柳梢青", "東風紅"), ("柳梢青2", "動夢送")],
)
def test_layouts_of_one_length_are_told_by_their_rhymes(tune: str, rhymes: str) -> None:
    entry = tunes()[tune]
    form = Form(entry.lengths, tune=tune)
    chars = ["好"] * form.size
    rhyming = [end for end, letter in zip(form.ends, entry.rhymes, strict=True) if letter != "."]
    others = {"月": "絕歇血葉蝶別", "東": "同中空公翁洪", "動": "孔重洞用甕"}[rhymes[0]]
    for end, char in zip(rhyming, rhymes + others, strict=False):
        chars[end] = char
    poem = Poem((form.punctuate("".join(chars)),), {"詞牌": tune.rstrip("2")})
    assert str(poem.form) == tune

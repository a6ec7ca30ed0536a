"""Writes poetvae/text/prosody/tunes.tsv: line lengths, tones and rhymes of the tunes of 詞.

    python scripts/make_tune_table.py chinese-poetry/宋词 couyun/ci_pu [--report]

Two sources, both of MIT licence. 全宋詞 as chinese-poetry has it: what poets did. The 欽定詞譜
(1715) as hulbji's couyun has transcribed it: what the book says of the same layout.

*Layouts.* Poems of a tune are of one layout where they break at the same characters, whatever 、
one editor sets and another does not; the commonest division is that of the entry. An entry is made
of each that at least `SHARE` of the poems have, until `ENOUGH` of them are held. A layout in which
some poems end level and some oblique is two. Stanzas are those of `TUNES`: the corpus has none.

*Tones.* A place is level or oblique where the share `AGREED` of the characters with one usual tone
are; the book counts as `BOOK` more of them. Two free places of a verse may be tied, 平平平仄仄 or
平平仄平仄 but not 平平仄仄仄: such a verse has all its patterns, separated by "|".

*Rhymes.* Two verses rhyme where the share `RHYMING` of the poems have them in one group of
詞林正韻, a lesser one where the book says so and a greater one where it says otherwise.

`--report` counts what the table accepts by parts of the poems: the entries that the other parts
make, on the poems of each. Near-copies of a poem count once, poems with lacunae not at all.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path
from statistics import median
from string import ascii_uppercase

import click

from poetvae.text.poem import is_han, text_key
from poetvae.text.prosody import FREE, LEVEL, OBLIQUE, levels
from poetvae.text.prosody import tones as tones_of
from poetvae.text.prosody.books import readings_in
from poetvae.text.prosody.chinese import _largest
from poetvae.text.prosody.tunes import Tune
from poetvae.text.variants import to_simplified

TABLE = Path(__file__).parents[1] / "poetvae" / "text" / "prosody" / "tunes.tsv"
HEADER = """\
# The tunes of 詞; see poetvae/text/prosody/tunes.py. Written by scripts/make_tune_table.py from
# 全宋詞 as chinese-poetry has it and the 欽定詞譜 as hulbji's couyun has it (both of MIT licence).
# name, other names, all names simplified, lengths of verses, marks, verses of each stanza, tones,
# rhymes, 入 where they are of the entering tone, source; between them tabs.
"""

# The tunes: name, characters of its first stanzas where it is not two of one layout (several
# numbers for layouts of several sizes; 0 for a single stanza; joined by + for more than one
# break), and its other names.
TUNES = """
浣溪沙
水調歌頭 48
鷓鴣天 28 思佳客
菩薩蠻 24 重疊金
滿江紅 47
西江月
臨江仙
念奴嬌 49 百字令 大江東去 酹江月 壺中天 湘月
減字木蘭花 減蘭
沁園春 56
蝶戀花 鵲踏枝 鳳棲梧
點絳唇 20
賀新郎 57 金縷曲 賀新涼 乳燕飛
清平樂 22
滿庭芳 48
虞美人
山花子 24 攤破浣溪沙
好事近 22
水龍吟 52
朝中措 24
漁家傲
卜算子
謁金門 21
玉樓春 木蘭花
南鄉子
踏莎行
南歌子 南柯子
柳梢青 24
驀山溪
憶江南 0 望江南 江南好 夢江南
生查子
浪淘沙 浪淘沙令 賣花聲
鵲橋仙
如夢令 0 憶仙姿
木蘭花慢 50
洞仙歌 34
訴衷情 23
青玉案 33
阮郎歸 24 醉桃源
一斛珠 27 醉落魄
瑞鶴仙 52
摸魚兒 57 買陂塘 摸魚子
江城子 江神子
採桑子 醜奴兒 羅敷媚
感皇恩 34
八聲甘州 46 甘州
長相思
小重山 30
醉蓬萊 47
導引 26
憶秦娥 21 秦樓月
齊天樂 51 臺城路
喜遷鶯 51 23
霜天曉角 21
眼兒媚
定風波 30
少年遊 25 26
永遇樂 52
漢宮春 47
千秋歲 35 36
祝英臺近 37
聲聲慢 49
風入松
瑞鷓鴣
行香子
更漏子
漁父 0 漁歌子 漁父詞
烏夜啼 錦堂春 聖無憂
相見歡 18
桃源憶故人
一翦梅 一剪梅
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
憶王孫 0 豆葉黃
天仙子
桂枝香 49
御街行
蘇幕遮
燕歸梁 25 24
解連環 53
夜遊宮 29
高陽臺 49
慶春宮 51 慶宮春
搗練子 0
六州歌頭 71
憶舊遊 51
惜分飛
唐多令 糖多令 南樓令
破陣子
太常引 25
人月圓 24
雨霖鈴 51
釵頭鳳 擷芳詞
揚州慢 50
掃花遊 48 掃地遊
宴清都 52
"""

# What a name alone stands for where that is not the commonest layout, by its size.
FIRST = {"憶江南": 27}  # the one stanza of the Tang and of the 欽定詞譜; the Song sang it twice
FOLDS = 5
ENOUGH, SHARE, FEWEST = 0.9, 0.08, 8
# A tone that this share of characters agree on is the tune's. The book counts as so many of them,
# of which it has this share: where it has no word, where it says so, and where it says otherwise.
AGREED, BOOK = 0.95, 6
SHARES = {None: 0.85, True: 1.0, False: 0.5}
# Of the poems so many have to rhyme, likewise.
RHYMING = {None: 0.6, True: 0.45, False: 0.75}
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

    @property
    def text(self) -> str:
        """All characters."""
        return "".join(self.verses)

    @property
    def breaks(self) -> dict[int, str]:
        """The marks by how many characters stand before."""
        return dict(zip(ends(map(len, self.verses)), self.marks, strict=True))


@dataclass(frozen=True)
class Model:
    """A layout in the 欽定詞譜."""

    breaks: dict[int, str]
    tones: str
    rhymes: dict[int, str]  # by the place behind the verse


@dataclass
class Layout:
    """Poems of one layout of a tune: the marks by place, and those poems divided alike or not."""

    breaks: dict[int, str]
    poems: list[Ci]
    model: Model | None = None

    @property
    def size(self) -> int:
        """How many characters."""
        return max(self.breaks)

    def verses(self, text: str) -> tuple[str, ...]:
        """A text divided as this layout is."""
        return tuple(text[a:b] for a, b in pairwise((0, *sorted(self.breaks))))


def ends(lengths: Iterable[int]) -> list[int]:
    """Where verses of these lengths end."""
    found = [0]
    for length in lengths:
        found.append(found[-1] + length)
    return found[1:]


def named() -> dict[str, tuple[str, tuple[tuple[int, ...], ...], tuple[str, ...]]]:
    """The rows of `TUNES`: by each of the names in simplified characters the name, the places of
    stanza breaks that there may be, and the other names."""
    found = {}
    for line in filter(None, TUNES.splitlines()):
        name, *rest = line.split()
        sizes = [x for x in rest if x[0].isdecimal()]
        others = tuple(x for x in rest if not x[0].isdecimal())
        breaks = tuple(tuple(ends(map(int, size.split("+")))) for size in sizes)
        for each in (name, *others):
            found[to_simplified(each)] = (name, breaks, others)
    return found


def read(folder: Path) -> dict[str, list[Ci]]:
    """The poems of each tune; of near-copies the first."""
    tune_of, found = named(), defaultdict(list)
    seen: set[str] = set()
    for path in sorted(folder.glob("ci.song.*.json")):
        for entry in json.loads(path.read_text("utf-8")):
            names = [tune_of[x] for x in entry["rhythmic"].split("・") if x in tune_of]
            ci = ci_of("".join(entry["paragraphs"]))
            if names and ci.verses and all(map(is_han, ci.verses)):
                known = sum(len(v) >= 4 and v in seen for v in ci.verses)
                seen |= {*ci.verses}
                if 2 * known < len(ci.verses):
                    name = names[0][0]
                    found["相見歡" if name == "烏夜啼" and len(ci.text) == 36 else name].append(ci)
    return found


def ci_of(text: str) -> Ci:
    """A poem from its text."""
    parts = _VERSE.findall(text)
    marks = "".join(_MARKS.get(mark[0], "。") for _, mark in parts)
    return Ci(tuple(verse for verse, _ in parts), marks, text_key(text))


def agree(some: dict[int, str], others: dict[int, str]) -> bool:
    """Whether two divisions of a text differ by 、 alone."""
    only = [marks[x] for marks in (some, others) for x in some.keys() ^ others.keys() if x in marks]
    return max(some) == max(others) and all(mark == "、" for mark in only)


def layouts(poems: Sequence[Ci]) -> list[Layout]:
    """The layouts of a tune that are entries, the commonest first."""
    left, found, held = list(poems), [], 0
    while left and held < ENOUGH * len(poems):
        lengths, _ = Counter(tuple(sorted(p.breaks)) for p in left).most_common(1)[0]
        alike = [p.breaks for p in left if tuple(sorted(p.breaks)) == lengths]
        breaks = {x: Counter(b[x] for b in alike).most_common(1)[0][0] for x in lengths}
        of_it = [p for p in left if agree(p.breaks, breaks)]
        if len(of_it) < max(FEWEST, SHARE * len(poems)):
            break
        held += len(of_it)
        left = [p for p in left if not agree(p.breaks, breaks)]
        for part in by_end(of_it):
            if len(part) >= max(FEWEST, SHARE * len(poems)):
                found.append(Layout(breaks, part))
    return sorted(found, key=lambda layout: -len(layout.poems))


def by_end(poems: Sequence[Ci]) -> tuple[list[Ci], ...]:
    """Poems that end level and those that end oblique; together where they cannot be told."""
    level = [p for p in poems if levels(p.text[-1], usual=True) == {LEVEL}]
    oblique = [p for p in poems if levels(p.text[-1], usual=True) == {OBLIQUE}]
    told = len(level) + len(oblique)
    if min(len(level), len(oblique)) < max(FEWEST, SHARE * told):
        return (list(poems),)
    return level, oblique


def entry(layout: Layout, tune: str) -> Tune:
    """What the table has of a layout; without names."""
    places = sorted(layout.breaks)
    rhymes, told = rhymes_of(layout)
    tones = tuple(
        "|".join(patterns(layout, a, b, letter))
        for (a, b), letter in zip(pairwise((0, *places)), rhymes, strict=True)
    )
    _, breaks, _ = named()[to_simplified(tune)]
    stanzas = stanzas_of(layout, tune, breaks)
    low = [i for i, letter in enumerate(rhymes) if letter.islower()]
    ends_of = [[layout.verses(poem.text)[i][-1] for i in low] for poem in layout.poems]
    poems, rhyming = ENTERING
    held = [sum(map(entering, chars)) >= rhyming * len(chars) for chars in ends_of]
    return Tune(
        name=tune,
        names=(),
        lengths=tuple(b - a for a, b in pairwise((0, *places))),
        marks="".join(layout.breaks[x] for x in places),
        stanzas=stanzas,
        tones=tones,
        rhymes=rhymes,
        entering=bool(low) and sum(held) >= poems * len(held),
        source="corpus+詞譜" if told else "corpus",
    )


def entering(char: str) -> bool:
    """Whether a character is of the entering tone in some usual reading."""
    return "入" in tones_of(char, usual=True)


def stanzas_of(layout: Layout, tune: str, breaks: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """How many verses each stanza has: two halves of one layout, or as `TUNES` says."""
    places = sorted(layout.breaks)
    lengths, half = [b - a for a, b in pairwise((0, *places))], len(places) // 2
    for cuts in breaks:
        if all(layout.breaks.get(cut) == "。" and cut < layout.size for cut in cuts if cut):
            inside = [places.index(cut) + 1 for cut in cuts if cut]
            if inside or lengths[:half] != lengths[half:]:
                return tuple(b - a for a, b in pairwise((0, *inside, len(places))))
    if lengths[:half] == lengths[half:]:
        return (half, half)
    raise click.ClickException(f"{tune}: no stanza break of {breaks} fits {lengths}")


def patterns(layout: Layout, start: int, stop: int, rhyme: str) -> list[str]:
    """The patterns of the verse between two places, which ends in this rhyme."""
    told = [[levels(char, usual=True) for char in poem.text[start:stop]] for poem in layout.poems]
    fixed = []
    for i in range(stop - start):
        heard = Counter(next(iter(row[i])) for row in told if len(row[i]) == 1)
        tone, count = heard.most_common(1)[0]
        said = layout.model.tones[start + i] == tone if layout.model else None
        share = (count + BOOK * SHARES[said]) / (sum(heard.values()) + BOOK)
        fixed.append(tone if share >= AGREED else FREE)
    if rhyme != ".":
        fixed[-1] = LEVEL if rhyme.isupper() else OBLIQUE
    free = [i for i, tone in enumerate(fixed) if tone == FREE]
    barred = list(tied(told, free))
    allowed = frozenset(
        "".join(way)
        for way in product(*(LEVEL + OBLIQUE if t == FREE else t for t in fixed))
        if not any(way[i] == a and way[j] == b for i, a, j, b in barred)
    )
    return (
        sorted(_largest(allowed), key=lambda p: (p.count(OBLIQUE), p))
        if barred
        else ["".join(fixed)]
    )


def tied(
    told: Sequence[Sequence[frozenset[str]]], free: Sequence[int]
) -> Iterator[tuple[int, str, int, str]]:
    """The pairs of tones that two free places hardly ever have together, though each has either."""
    for i, j in combinations(free, 2):
        pairs = Counter((*row[i], *row[j]) for row in told if len(row[i]) == len(row[j]) == 1)
        total = sum(pairs.values())
        for a, b in product(LEVEL + OBLIQUE, repeat=2):
            by_chance = sum(n for p, n in pairs.items() if p[0] == a) * sum(
                n for p, n in pairs.items() if p[1] == b
            )
            if (
                by_chance >= 0.06 * total**2
                and pairs[a, b] * total <= 0.25 * by_chance
                and pairs[a, b] <= 0.02 * total
            ):
                yield i, a, j, b


@cache
def groups(char: str) -> frozenset[str]:
    """The groups of 詞林正韻 that a character rhymes in."""
    return frozenset(reading.rhyme for reading in readings_in(char, "詞林", usual=True))


def rhymes_of(layout: Layout) -> tuple[str, bool]:
    """The rhymes of a layout, and whether the book has them."""
    places = sorted(layout.breaks)
    lasts = [[poem.text[x - 1] for x in places] for poem in layout.poems]
    said = layout.model.rhymes if layout.model else None
    asked = [RHYMING[None if said is None else x in said] for x in places]
    group = list(range(len(places)))
    for i, j in combinations(range(len(places)), 2):
        shared = sum(bool(groups(row[i]) & groups(row[j])) for row in lasts)
        if shared >= max(asked[i], asked[j]) * len(lasts):
            group = [group[i] if k == group[j] else k for k in group]
    found = dict.fromkeys(k for k in group if group.count(k) > 1)
    letters = dict(zip(found, ascii_uppercase, strict=False))
    return in_case([letters.get(k, ".") for k in group], lasts), said is not None


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
                found[name].append(Model(sung.breaks, form["ge_lyu_str"], rhymes))
    return found


def model_for(layout: Layout, models: Sequence[Model]) -> Model | None:
    """The first layout of the book that is this one, its last verse ending alike."""
    heard = Counter(next(iter(s)) for p in layout.poems if len(s := levels(p.text[-1], True)) == 1)
    tone = heard.most_common(1)[0][0]
    for model in models:
        if agree(model.breaks, layout.breaks) and model.tones[-1] == tone:
            return model
    return None


def fits(tune: Tune, poem: Ci) -> tuple[int, int, bool, bool]:
    """Of a poem of the layout of an entry: how many places keep the tones, in some usual reading,
    of how many, whether all verses keep a pattern, and whether all rhymes are kept."""
    kept = total = 0
    toned = True
    verses = []
    at = 0
    for length, tones in zip(tune.lengths, tune.tones, strict=True):
        verse = poem.text[at : at + length]
        at += length
        verses.append(verse)
        heard = [levels(char, usual=True) or {LEVEL, OBLIQUE} for char in verse]
        best = max(
            sum(t == FREE or t in h for t, h in zip(pattern, heard, strict=True))
            for pattern in tones.split("|")
        )
        kept, total, toned = kept + best, total + length, toned and best == length
    rhymed = True
    for letter in {x.upper() for x in tune.rhymes} - {"."}:
        shared: set[str] | None = None
        for verse, own in zip(verses, tune.rhymes, strict=True):
            if own.upper() == letter:
                tone = LEVEL if own.isupper() else OBLIQUE
                here = {
                    r.rhyme
                    for r in readings_in(verse[-1], "詞林", usual=True)
                    if (r.tone == LEVEL) == (tone == LEVEL)
                }
                shared = here if shared is None else shared & here
        rhymed = rhymed and bool(shared)
    return kept, total, toned, rhymed


def breaks_of(tune: Tune) -> dict[int, str]:
    """The marks of an entry by place."""
    return dict(zip(ends(tune.lengths), tune.marks, strict=True))


def report(poems: dict[str, list[Ci]], models: dict[str, list[Model]]) -> None:
    """Prints, tune by tune, what share of poems the entries accept that the others make."""
    heads = (
        "tune",
        "poems",
        "entries",
        "lengths",
        "tones",
        "rhymes",
        "accepted",
        "of its lengths",
        "places",
    )
    click.echo("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    rows = []
    for name, sung in poems.items():
        kept = []
        for fold in range(FOLDS):
            entries = entries_of(name, [p for p in sung if fold_of(p) != fold], models)
            for poem in sung:
                if fold_of(poem) == fold:
                    ways = [fits(t, poem) for t in entries if agree(poem.breaks, breaks_of(t))]
                    kept.append(
                        max(ways, key=lambda way: (way[2] and way[3], way[0]), default=None)
                    )
        laid = [way for way in kept if way]
        both = sum(way[2] and way[3] for way in laid)
        row = [
            *(len(laid) / len(kept), sum(way[2] for way in laid) / (len(laid) or 1)),
            *(
                sum(way[3] for way in laid) / (len(laid) or 1),
                both / len(kept),
                both / (len(laid) or 1),
            ),
            sum(way[0] for way in laid) / (sum(way[1] for way in laid) or 1),
        ]
        rows.append(row)
        whole = len(entries_of(name, sung, models))
        click.echo(
            f"| {name} | {len(sung)} | {whole} | "
            + " | ".join(f"{100 * x:.1f}" for x in row)
            + " |"
        )
    middle = (f"{100 * median(column):.1f}" for column in zip(*rows, strict=True))
    click.echo("| median | | | " + " | ".join(middle) + " |")


def fold_of(poem: Ci) -> int:
    """Which part of the poems it is in."""
    return int(poem.key, 16) % FOLDS


def entries_of(name: str, poems: Sequence[Ci], models: dict[str, list[Model]]) -> list[Tune]:
    """The entries of a tune that these poems make."""
    _, _, others = named()[to_simplified(name)]
    known = [m for each in (name, *others) for m in models.get(to_simplified(each), ())]
    found = []
    sung = sorted(layouts(poems), key=lambda layout: layout.size != FIRST.get(name, layout.size))
    for number, layout in enumerate(sung):
        layout.model = model_for(layout, known)
        made = entry(layout, name)
        found.append(replace(made, name=name + str(number + 1) * bool(number), names=others))
    return found


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
    models = book(ci_pu)
    poems = dict(sorted(read(corpus).items(), key=lambda item: -len(item[1])))
    if reported:
        report(poems, models)
    else:
        made = [tune for name, sung in poems.items() for tune in entries_of(name, sung, models)]
        TABLE.write_text(HEADER + "".join(row_of(tune) + "\n" for tune in made), encoding="utf-8")


if __name__ == "__main__":
    main()

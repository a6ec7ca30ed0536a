"""Are poems what was asked for? Checks each that comes from `poetvae generate --json`.

    poetvae generate --form 7x4 --acrostic 春夏秋冬 --rhyme 尤 --tones strict -n 20 --json |
        python scripts/check_poems.py --form 7x4 --acrostic 春夏秋冬 --rhyme 尤 --tones strict

Shares no code with what writes poems: it compares characters and reads the raw tables of rhymes
and of tunes by itself. Characters are compared as they are given, so give those of the poems; a
kana with the small one behind it is one. Exit code 1, and the first poem that fails, where one
does. English verse is for check_english.py.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import click

TABLES = Path(__file__).parent.parent / "poetvae" / "text" / "prosody" / "chinese"
LEVEL = set("東冬江支微魚虞齊佳灰真文元寒刪先蕭肴豪歌麻陽庚青蒸尤侵覃鹽咸")
NEAR = ["東冬", "江陽", "支微齊灰", "佳灰", "佳麻", "魚虞", "真文元", "元寒刪先", "蕭肴豪"]
NEAR += ["庚青蒸", "覃鹽咸"]
# The classes of the 19 groups of 詞林正韻; cilin.tsv has those that stand in two, by character.
GROUPS = ["東冬董腫送宋", "江陽講養絳漾", "支微齊灰紙尾薺賄寘未霽泰隊", "魚虞語麌御遇"]
GROUPS += ["佳灰蟹賄泰卦隊", "真文元軫吻阮震問願", "元寒刪先阮旱潸銑願翰諫霰", "蕭肴豪篠巧皓嘯效號"]
GROUPS += ["歌哿箇", "佳麻馬卦禡", "庚青蒸梗迥敬徑", "尤有宥", "侵寢沁", "覃鹽咸感儉豏勘豔陷"]
GROUPS += ["屋沃", "覺藥", "質陌錫職緝", "物月曷黠屑葉", "葉合洽"]
ENTERING = {15, 16, 17, 18, 19}
# The first and the second verses of couplets, of five characters or the last five of seven, by the
# second tone of the first verse, and a pair where the second mends the first; 中 is free.
RISING = {"平": ["中平平仄仄", "中平仄平仄", "中平仄仄仄"], "仄": ["中仄中平仄"]}
FALLING = {"平": ["中仄仄平平"], "仄": ["平平中仄平", "中平平仄平"]}
OTHER = {"平": "仄", "仄": "平"}
MENDED = ["中仄中平仄", "中仄中仄仄"], ["中平平仄平"]
FORMS = {"haiku": "5-7-5", "tanka": "5-7-5-7-7", "五絕": "5x4", "七絕": "7x4"}
FORMS |= {"五律": "5x8", "七律": "7x8"}


@cache
def table() -> dict[str, dict[str, bool]]:
    """By character its rhyme classes, and whether they are usual: those without a - behind."""
    rows = [line.split("\t") for line in (TABLES / "chinese.tsv").read_text("utf-8").splitlines()]
    marked = {char: "".join(names) for char, *names in rows if not char.startswith("#")}
    parsed = ((char, re.findall("([^gpjv-])[gpjv]?(-?)", marks)) for char, marks in marked.items())
    return {char: {name: not rare for name, rare in found} for char, found in parsed}


@cache
def classes() -> dict[str, set[str]]:
    """The usual rhyme classes of each character of the table."""
    return {char: {x for x, usual in found.items() if usual} for char, found in table().items()}


@cache
def divided() -> dict[tuple[str, str], set[int]]:
    """The groups, from 1, of a character in a class that stands in two, by class and character."""
    numbers = {f"第{n}部": i for i, n in enumerate("一二三四五六七八九", 1)}
    numbers |= {f"第十{n}部": i for i, n in enumerate(["", *"一二三四五六七八九"], 10)}
    found: dict[tuple[str, str], set[int]] = {}
    for line in (TABLES / "cilin.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, group, chars = line.split("\t")
            for char in chars:
                found.setdefault((name, char), set()).add(numbers[group])
    return found


def groups(char: str, level: bool) -> set[int]:
    """The groups in which a character rhymes, level or oblique, in a usual reading."""
    names = [name for name in classes().get(char, ()) if (name in LEVEL) == level]
    wholes = ({i for i, held in enumerate(GROUPS, 1) if name in held} for name in names)
    parts = (divided().get((name, char)) for name in names)
    return set().union(*(part or whole for part, whole in zip(parts, wholes, strict=True)))


@cache
def tune(name: str) -> tuple[list[int], list[list[str]], str, bool] | None:
    """The lengths of the verses of a tune, the patterns of each, its rhymes by letter, and whether
    those are of the entering tone; None where no tune has the name."""
    rows = [line.split("\t") for line in (TABLES / "tunes.tsv").read_text("utf-8").splitlines()]
    rows = [row for row in rows if not row[0].startswith("#")]
    own = [row for row in rows if row[0] == name]
    other = [row for row in rows if name in f"{row[1]} {row[2]}".split()]
    if not (found := own or other):
        return None
    _, _, _, lengths, _, _, tones, rhymes, entering, *_ = found[0]
    patterns = [line.split("|") for line in tones.split()]
    return [int(n) for n in lengths.split("-")], patterns, rhymes, bool(entering)


def levels(char: str, strictness: str) -> set[str]:
    """What a character is, of 平 and 仄: in usual readings, or in all."""
    found = table().get(char, {})
    known = [name for name, usual in found.items() if usual or strictness != "usual"]
    return {"平" if name in LEVEL else "仄" for name in known}


def fits(verse: str, patterns: Iterable[str], strictness: str) -> bool:
    """Whether a verse keeps one of some patterns, place by place."""

    def keeps(char: str, slot: str) -> bool:
        found = levels(char, strictness)
        if strictness == "strict":
            return bool(found) and (slot == "中" or found == {slot})
        return slot == "中" or not found or slot in found

    return any(len(one) == len(verse) and all(map(keeps, verse, one)) for one in patterns)


def is_of(verse: str, kind: Sequence[str], strictness: str) -> bool:
    """Whether a verse of five or seven is of a kind with some readings, or with all of them."""
    whole = [("中" + OTHER[one[1]]) * (len(verse) == 7) + one for one in kind]
    heard = [levels(char, strictness) for char in verse]
    if strictness == "strict" and not all(heard):
        return False
    some = all if strictness == "strict" else any
    return some(
        any(all(b in (a, "中") for a, b in zip(tones, one, strict=True)) for one in whole)
        for tones in product(*(found or {"平", "仄"} for found in heard))
    )


def regulated(lines: Sequence[str], strictness: str) -> bool:
    """Whether lines of five or seven, even in number, keep the tones of regulated verse."""
    if not lines or len(lines[0]) not in (5, 7) or len(lines) % 2 or len({*map(len, lines)}) > 1:
        return False

    def couplet(i: int, second: str) -> bool:
        pairs = [(RISING[second], FALLING[second]), *([MENDED] if second == "仄" else [])]
        if i == 0:  # the first line may rhyme
            pairs = [(a + FALLING[OTHER[second]], b) for a, b in pairs]
        return any(
            is_of(lines[i], a, strictness) and is_of(lines[i + 1], b, strictness) for a, b in pairs
        )

    schemes = [(start, OTHER[start]) for start in "平仄"]
    couplets = range(0, len(lines), 2)
    return any(all(couplet(i, scheme[i // 2 % 2]) for i in couplets) for scheme in schemes)


@dataclass(frozen=True)
class Wanted:
    """What poems were asked to be, by the flags of `poetvae generate`; `lines` by number from 1."""

    form: str | None = None
    lines: Mapping[int, str] = field(default_factory=dict)
    template: str | None = None
    acrostic: str = ""
    where: str = "heads"
    contains: tuple[str, ...] = ()
    rhyme: str | None = None
    tones: str | None = None
    no_repeat: bool = False
    without: str = ""
    only: str = ""

    def fault(self, lines: list[str]) -> str | None:
        """What is wrong with the first fault of a poem of these lines; None if nothing is."""
        return next((words for words, right in self._checks(lines) if not right), None)

    def _checks(self, lines: list[str]) -> Iterator[tuple[str, bool]]:
        chars, split = units("".join(lines)), [units(line) for line in lines]
        sung = tune(self.form) if self.form else None
        if self.form:
            yield f"is not {self.form}", [*map(len, split)] == lengths(self.form)
        for n, text in self.lines.items():
            yield f"line {n} is not {text}", n <= len(lines) and lines[n - 1] == bare(text)
        if self.template:
            wanted = [char for char in units(self.template) if char == "_" or char.isalnum()]
            same = all(a in ("_", b) for a, b in zip(wanted, chars, strict=False))
            yield f"does not fit {self.template}", same and len(wanted) <= len(chars)
        for i, char in enumerate(units(self.acrostic)):
            column = {"heads": 0, "ends": -1, "diagonal": i}[self.where]
            stands = i < len(split) and column < len(split[i]) and split[i][column] == char
            yield f"line {i + 1} lacks {char} of the acrostic", stands
        for text in self.contains:
            yield f"no line has {text}", any(text in line for line in lines)
        if self.rhyme:
            yield from self._sung(lines, sung) if sung else self._rhymes(lines)
        if self.tones and sung:
            kept = all(map(fits, lines, sung[1], [self.tones] * len(lines)))
            yield f"does not keep the {self.tones} tones of {self.form}", kept
        elif self.tones:
            yield f"does not keep {self.tones} tones", regulated(lines, self.tones)
        if self.no_repeat:
            yield "has a character twice", len(set(chars)) == len(chars)
        yield f"has one of {self.without}", not set(self.without) & set(chars)
        yield f"has another than {self.only}", not self.only or set(chars) <= set(self.only)

    def _rhymes(self, lines: list[str]) -> Iterator[tuple[str, bool]]:
        """Even lines in one class, and the first with them where it ends level."""
        ends = [classes().get(line[-1], set()) for line in lines[1::2]]
        shared = set.intersection(*ends) if ends else set()
        known = {self.rhyme} if self.rhyme in names() else classes().get(self.rhyme or "", set())
        yield (
            f"does not rhyme in {self.rhyme}",
            bool(shared if self.rhyme == "any" else shared & known),
        )
        last = [line[-1] for line in lines[1::2]]
        yield "has a rhyme twice", len(set(last)) == len(last)
        if len(lines) >= 4 and len(lines) % 2 == 0:
            first = classes().get(lines[0][-1], set())
            near = shared.union(*(group for group in NEAR if shared & set(group)))
            joins = not first or bool(first & near or first - LEVEL) or bool(shared - LEVEL)
            yield "begins without the rhyme", joins and lines[0][-1] not in last

    def _sung(self, lines: list[str], sung: tuple[Any, ...]) -> Iterator[tuple[str, bool]]:
        """All verses of a letter in one group, level or oblique as its case says."""
        _, _, letters, entering = sung
        found: dict[str, set[int]] = {}
        ends = [line[-1] for line, letter in zip(lines, letters, strict=False) if letter != "."]
        for line, letter in zip(lines, letters, strict=False):
            if letter != ".":
                here = groups(line[-1], letter.isupper())
                found[letter.lower()] = found.get(letter.lower(), here) & here
        yield f"does not rhyme in {self.rhyme}", all(found.values())
        if self.rhyme != "any" and self.rhyme:
            whole = {i for i, held in enumerate(GROUPS, 1) if self.rhyme in held}
            named = whole or groups(self.rhyme, True) | groups(self.rhyme, False)
            yield f"does not rhyme in {self.rhyme}", any(named & one for one in found.values())
        elif entering:
            yield (
                "does not rhyme in the entering tone",
                any(one & {*range(15, 20)} for one in found.values()),
            )
        yield "has a rhyme twice", len(set(ends)) == len(ends)


def lengths(form: str) -> list[int]:
    """The lengths of the lines of a form: 5x4, 5-7-5, the name of a tune or of some others."""
    if found := tune(form):
        return found[0]
    form = FORMS.get(form, form)
    length, times, count = form.partition("x")
    return [int(length)] * int(count) if times else [int(n) for n in form.split("-")]


def units(text: str) -> list[str]:
    """The characters of a text, a kana with the small one behind it being one."""
    small = "ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ"
    return re.findall(f"[ぁ-ヺ][{small}]|.", text, re.DOTALL)


def bare(text: str) -> str:
    """A text without punctuation."""
    return "".join(char for char in text if char.isalnum())


@cache
def names() -> set[str]:
    """The names of all rhyme classes."""
    return set().union(*classes().values())


@click.command()
@click.option("--form")
@click.option("--first-line")
@click.option("--line", "numbered", multiple=True)
@click.option("--template")
@click.option("--acrostic", default="")
@click.option("--acrostic-at", "where", default="heads")
@click.option("--contains", multiple=True)
@click.option("--rhyme")
@click.option("--tones", type=click.Choice(["strict", "usual", "lenient"]))
@click.option("--no-repeat", is_flag=True)
@click.option("--without", default="")
@click.option("--only", default="")
def main(first_line: str | None, numbered: tuple[str, ...], **given: Any) -> None:
    """Check poems from stdin, as `poetvae generate --json` prints them; flags as there."""
    lines = {int(n): text for n, _, text in (pair.partition("=") for pair in numbered)}
    wanted = Wanted(lines={**lines, 1: first_line} if first_line else lines, **given)
    checked = 0
    for checked, poem in enumerate(map(json.loads, sys.stdin), 1):
        same = not wanted.form or bare(poem["text"]) == "".join(poem["lines"])
        fault = wanted.fault(poem["lines"]) if same else "has a text that differs from its lines"
        if fault:
            raise click.ClickException(f"poem {checked} {fault}: {poem['text']}")
    if not checked:
        raise click.ClickException("no poem came")
    click.echo(f"{checked} poems, all as asked for", err=True)


if __name__ == "__main__":
    main()

"""Are poems what was asked for? Checks each that comes from `poetvae generate --json`.

    poetvae generate --form 7x4 --acrostic 春夏秋冬 --rhyme 尤 --tones strict -n 20 --json |
        python scripts/check_poems.py --form 7x4 --acrostic 春夏秋冬 --rhyme 尤 --tones strict

Shares no code with what writes poems: it compares characters and reads the raw table of rhymes;
tones are told by `prosody.regulated`, and by `prosody.rhyme_ok` whether a first verse joins in.
Characters are compared as they are given, so give those of the poems. Exit code 1, and the first
poem that fails, where one does.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import click

from poetvae.text.prosody import STRICTNESS, regulated, rhyme_ok

TABLE = Path(__file__).parent.parent / "poetvae" / "text" / "prosody" / "chinese.tsv"


@cache
def classes() -> dict[str, set[str]]:
    """The usual rhyme classes of each character of the table, those without a - behind them."""
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    marked = {char: "".join(names) for char, *names in rows if not char.startswith("#")}
    parsed = ((char, re.findall("([^gpjv-])[gpjv]?(-?)", marks)) for char, marks in marked.items())
    return {char: {name for name, rare in found if not rare} for char, found in parsed}


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

    def _checks(self, lines: list[str]) -> Iterable[tuple[str, bool]]:
        chars = "".join(lines)
        if self.form:
            length, count = map(int, self.form.split("x"))
            yield f"is not {self.form}", [len(line) for line in lines] == [length] * count
        for n, text in self.lines.items():
            yield f"line {n} is not {text}", n <= len(lines) and lines[n - 1] == bare(text)
        if self.template:
            wanted = [char for char in self.template if char == "_" or char.isalnum()]
            fits = all(a in ("_", b) for a, b in zip(wanted, chars, strict=False))
            yield f"does not fit {self.template}", fits and len(wanted) <= len(chars)
        for i, char in enumerate(self.acrostic):
            column = {"heads": 0, "ends": -1, "diagonal": i}[self.where]
            stands = i < len(lines) and column < len(lines[i]) and lines[i][column] == char
            yield f"line {i + 1} lacks {char} of the acrostic", stands
        for text in self.contains:
            yield f"no line has {text}", any(text in line for line in lines)
        if self.rhyme:
            ends = [classes().get(line[-1], set()) for line in lines[1::2]]
            shared = set.intersection(*ends) if ends else set()
            known = {self.rhyme} if self.rhyme in names() else classes().get(self.rhyme, set())
            right = bool(shared if self.rhyme == "any" else shared & known)
            yield f"does not rhyme in {self.rhyme}", right
            last = [line[-1] for line in lines[1::2]]
            yield "has a rhyme twice", len(set(last)) == len(last)
            yield "begins without the rhyme", rhyme_ok(lines) is not False
        if self.tones:
            kept = regulated(lines, strictness=self.tones)
            yield f"does not keep {self.tones} tones", bool(kept)
        if self.no_repeat:
            yield "has a character twice", len(set(chars)) == len(chars)
        yield f"has one of {self.without}", not set(self.without) & set(chars)
        yield f"has another than {self.only}", not self.only or set(chars) <= set(self.only)


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
@click.option("--tones", type=click.Choice(STRICTNESS))
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

"""Do English poems scan and rhyme? Checks each that comes from `poetvae generate --json`.

    poetvae generate --form 8-6-8-6 --json | python scripts/check_english.py --rhyme-scheme ABCB

Shares no code with what writes poems: it reads the CMU Pronouncing Dictionary by itself, and knows
no word beyond it. A line fits if its words can be read to exactly the syllables of the form, with
each primary stress of a word of more than one in a strong place; but an iambic line may begin with
such a word, stress first (`usual`), or have one so in any foot but the last (`lenient`). As strong
and weak places alternate, unstressed neighbours of a stress are then weak of themselves. `strict`
has no such inversion, and no article in a strong place. Exit code 1 where a poem fails, or none
came.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any, TextIO

import click

TABLE = Path(__file__).parent.parent / "poetvae/text/prosody/english/cmudict.tsv.gz"
PLURAL = dict.fromkeys(["S", "Z", "SH", "ZH", "CH", "JH"], "AH0 Z")
PLURAL |= dict.fromkeys(["P", "T", "K", "F", "TH"], "S")  # and Z behind other sounds
ARTICLES, SCHEMES = {"a", "an", "the"}, ["ABAB", "AABB", "ABCB", "ABBA", "AA", "none"]
PLACE = ["stress in a weak place", "article in a strong place"]
BEFORE_R = {"IY": "IH", "UW": "UH", "EY": "EH", "OW": "AO"}
# What may begin an English word: no consonant or any but NG, or one of these clusters.
CLUSTERS = """[PBKGFVMNL] Y|[TDS] Y|TH Y|HH [WY]|[PBKGF] [LR]|[TD] R|TH R|SH [RMNLW]|[TDKGS] W|TH W|
S [PTKFMNL]|S P [LRY]|S T [RY]|S K [LRWY]""".replace("\n", "")
ONSET = re.compile(rf"(?!NG)[A-Z]*|{CLUSTERS}")
Phones = tuple[str, ...]
Note = tuple[int, str, str]  # a fault or a licence; line 0 is the poem, and no word the line


def read(path: Path) -> dict[str, list[Phones]]:
    """The readings of each word of a CMU dictionary, packed (with tabs) or raw; ER is AH and R."""
    found: dict[str, list[Phones]] = {}
    unpack = gzip.decompress if path.suffix == ".gz" else bytes
    for line in re.sub(r"\bER(\d)", r"AH\1 R", unpack(path.read_bytes()).decode()).splitlines():
        if line.strip() and not line.startswith(("#", ";;;")):
            raw = line.split("#")[0].split(maxsplit=1)
            word, *readings = line.split("\t") if "\t" in line else raw
            known = found.setdefault(re.sub(r"\(\d+\)$", "", word.lower()), [])
            known += filter(stresses, (tuple(reading.split()) for reading in readings))
    return found


def stresses(phones: Phones) -> list[str]:
    """The stress of each syllable: 1, 2 or 0."""
    return [phone[-1] for phone in phones if phone[-1].isdigit()]


def words_of(line: str) -> list[str]:
    """The words of a line in small letters; digits and & are words too, which none can read."""
    text = unicodedata.normalize("NFC", line.replace("’", "'")).lower()
    return [word for word in re.findall(r"(?:[^\W_]|['&])+", text) if word.strip("'")]


def edits(word: str, phones: Phones) -> Iterator[tuple[str, Phones]]:
    """What each licence makes of a reading, behind its name."""
    padded = ("", *phones, "", "")
    for i, phone in enumerate(phones):
        before, after, then = padded[i], padded[i + 2], padded[i + 3]
        head, tail = phones[:i], phones[i + 1 :]
        weak, closed = phone.endswith("0"), before[-1:].isalpha()
        if closed and weak and after in ("R", "L", "N") and then.endswith("0"):
            yield "dropped vowel", (*head, *tail)
        if phone in ("IY0", "UW0") and after.endswith("0"):
            yield "merged vowels", (*head, "Y" if phone == "IY0" else "W", *tail)
        if re.fullmatch("A[YW][12]", phone) and (after, then) == ("AH0", "R"):
            yield "fire as one syllable", (*head, phone, *tail[1:])
        if re.fullmatch("A[YW][12]", phone) and after == "R" and not then[-1:].isdigit():
            yield "fire as two syllables", (*head, phone, "AH0", *tail)
        if before == "V" and weak and after == "N" and re.search("ven('?s)?$", word):
            yield "heaven as one syllable", (*head, *tail)


def sounds(phones: Phones) -> Phones:
    """The sounds that rhymes compare: without stress, and vowels as they are before R."""
    plain = []
    for phone, after in zip(phones, [*phones[1:], ""], strict=True):
        name = phone.rstrip("012")
        name = BEFORE_R.get(name, name) if after == "R" else name
        plain.append("AH" if name == "IH" and phone.endswith("0") else name)
    return tuple(plain)


def rhyme(phones: Phones, strong: bool) -> tuple[Phones, str]:
    """What must be the same in a rhyme, and the consonants before it that must not, of a word with
    its last syllable in a strong place or not."""
    vowels = [i for i, phone in enumerate(phones) if phone[-1].isdigit()]
    stressed = [i for i in vowels if not phones[i].endswith("0")]
    at = vowels[-1] if strong or not stressed else stressed[-1]
    onsets = (" ".join(phones[i:at]) for i in range(at + 1))
    return sounds(phones[at:]), next(filter(ONSET.fullmatch, onsets))


@dataclass
class Scanned:
    """A line that fits: what may rhyme of its last word, and licences behind their words."""

    word: str
    ends: set[tuple[Phones, str]]
    licences: list[tuple[str, str]]


@dataclass(frozen=True)
class Checker:
    """What poems are held to, by the options of the command."""

    table: Mapping[str, list[Phones]]
    metre: str = "iambic"
    scheme: str = "none"
    strictness: str = "usual"

    def plain(self, word: str) -> list[Phones]:
        """The readings of the dictionary, with those of a possessive; none of an unknown word."""
        for spelled in (word, word.removesuffix("'"), word.strip("'")):
            base = re.sub("('s|s')$", "", spelled)
            if spelled in self.table:
                return self.table[spelled]
            if base != spelled and base in self.table:
                return [(*x, *PLURAL.get(x[-1], "Z").split()) for x in self.table[base]]
        return []

    def readings(self, word: str) -> dict[Phones, tuple[str, ...]]:
        """All readings of a word, each with the fewest licences that make it."""
        found: dict[Phones, tuple[str, ...]] = dict.fromkeys(self.plain(word), ())
        if not found and word.strip("'").endswith("èd"):
            for phones in self.plain(word.replace("è", "e")):
                if phones[-2:] in (("AH0", "D"), ("IH0", "D")):
                    found[phones] = ()
                else:
                    found.setdefault((*phones[:-1], "AH0", "D"), ("sounded -ed",))
        waiting = list(found)
        for phones in waiting:  # which grows
            made = [(name, new) for name, new in edits(word, phones) if new not in found]
            found |= {new: (*found[phones], name) for name, new in made}
            waiting += dict.fromkeys(new for _, new in made)
        return found

    def strong(self, place: int) -> bool:
        return place % 2 == (self.metre == "trochaic")

    def licence(
        self, word: str, marks: list[str], start: int, syllables: int
    ) -> tuple[str, ...] | None:
        """The licences a word needs behind `start` of so many syllables; None if it cannot stand
        there."""
        strict = self.strictness == "strict"
        if len(marks) == 1:
            return None if strict and word in ARTICLES and self.strong(start + 1) else ()
        wrong = [n for n, x in enumerate(marks, start + 1) if x == "1" and not self.strong(n)]
        if not wrong:
            return ()
        latest = {"strict": 0, "usual": 1, "lenient": syllables - 2}[self.strictness]
        begins = wrong == [start + 1] and marks[1] != "1" and self.metre == "iambic"
        return (f"inverted foot {start // 2 + 1}",) if begins and start < latest else None

    def scan(self, line: str, syllables: int) -> Scanned | tuple[str, str]:
        """Fit a line to its syllables; the word and reason where that cannot be."""
        words = words_of(line)
        readings = [self.readings(word) for word in words]
        if unknown := [word for word, found in zip(words, readings, strict=True) if not found]:
            return unknown[0], "unknown word"
        rest = [{0}]  # the syllables that the words from each on may have
        for found in reversed(readings):
            rest.insert(0, {len(stresses(a)) + b for a, b in product(found, rest[0])})
        if not words or syllables not in rest[0]:
            return "", f"{' or '.join(map(str, sorted(rest[0])))} syllables, not {syllables}"
        best: dict[int, list[tuple[str, str]]] = {0: []}  # by syllables so far, the licences
        for word, found, left in zip(words, readings, rest[1:], strict=True):
            reached: dict[int, list[tuple[str, str]]] = {}
            ends: set[Phones] = set()
            for (start, used), (phones, names) in product(best.items(), found.items()):
                marks = stresses(phones)
                extra, stop = self.licence(word, marks, start, syllables), start + len(marks)
                if extra is not None and syllables - stop in left:
                    ends.add(phones)
                    total = used + [(word, name) for name in (*names, *extra)]
                    reached[stop] = min(reached.get(stop, total), total, key=len)
            if not reached:
                return word, PLACE[word in ARTICLES]
            best = reached
        rhymes = {rhyme(phones, self.strong(syllables)) for phones in ends}
        return Scanned(word, rhymes, best[syllables])

    def mismatch(self, one: Scanned, other: Scanned) -> str | None:
        """Why the ends of two lines do not rhyme."""
        heard, others = (set(map(sounds, self.plain(end.word))) for end in (one, other))
        if one.word == other.word or heard & others:
            return "same word as" if one.word == other.word else "homophone of"
        differ = [a[1] != b[1] for a, b in product(one.ends, other.ends) if a[0] == b[0]]
        wrong = "same consonants before the rhyme as" if differ else "no rhyme with"
        return None if any(differ) else wrong

    def check(self, poem: Mapping[str, Any], form: str) -> tuple[list[Note], list[Note]]:
        """The faults of a poem, and the licences of its lines."""
        lines = [line for line in poem["text"].splitlines() if line.strip()]
        size = len(self.scheme) if self.scheme != "none" else 1
        if re.sub(r"\W", "", poem["text"]) != re.sub(r"\W", "", "".join(poem.get("lines", lines))):
            return [(0, "", "the text differs from its lines")], []
        if not lines or len(lines) != len(lengths(form)):
            return [(0, "", f"{len(lines)} lines, not the form {form or '(missing)'}")], []
        if len(lines) % size:
            return [(0, "", f"{len(lines)} lines cannot rhyme {self.scheme}")], []
        scanned = dict(enumerate(map(self.scan, lines, lengths(form))))
        faults = [(i + 1, *found) for i, found in scanned.items() if isinstance(found, tuple)]
        fine = {i: found for i, found in scanned.items() if isinstance(found, Scanned)}
        for i, j in combinations(fine, 2):
            mates = i // size == j // size and self.scheme[i % size] == self.scheme[j % size]
            if mates and (reason := self.mismatch(fine[i], fine[j])):
                faults.append((j + 1, fine[j].word, f"{reason} {fine[i].word} of line {i + 1}"))
        return faults, [(i + 1, *used) for i, line in fine.items() for used in line.licences]


def lengths(form: str) -> list[int]:
    """The syllables of each line of a form such as 10x4 or 8-6-8-6; none of another."""
    if found := re.fullmatch(r"(\d+)x(\d+)", form):
        return [int(found[1])] * int(found[2])
    return [int(n) for n in form.split("-")] if re.fullmatch(r"\d+(-\d+)*", form) else []


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option("--form", default="")
@click.option("--metre", type=click.Choice(["iambic", "trochaic"]), default="iambic")
@click.option("--rhyme-scheme", "scheme", type=click.Choice(SCHEMES), default="none")
@click.option("--strictness", type=click.Choice(["usual", "lenient", "strict"]), default="usual")
@click.option("--cmudict", type=click.Path(exists=True, path_type=Path), default=TABLE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a poem.")
def main(file: TextIO, form: str, cmudict: Path, as_json: bool, **given: str) -> None:
    """Check poems from FILE or stdin, as `poetvae generate --json` prints them."""
    checker, checked, accepted = Checker(read(cmudict), **given), 0, 0
    for checked, poem in enumerate(map(json.loads, filter(str.strip, file)), 1):
        faults, licences = checker.check(poem, form or poem.get("form") or "")
        accepted += not faults
        told = "; ".join(f"line {n}: {word or '-'}: {why}" for n, word, why in faults or licences)
        named = [[{"line": n, "word": x, "reason": y} for n, x, y in z] for z in (faults, licences)]
        found = {"poem": checked, "ok": not faults, "faults": named[0], "licences": named[1]}
        text = f"{checked}: {'' if faults else 'ok; '}{told}".rstrip("; ")
        click.echo(json.dumps(found, ensure_ascii=False) if as_json else text)
    click.echo(f"{accepted} of {checked} accepted", err=as_json)
    raise SystemExit(int(not checked or accepted < checked))


if __name__ == "__main__":
    main()

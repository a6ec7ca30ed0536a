"""Writes poetvae/text/prosody/english/cmudict.tsv.gz: the sounds of English words.

    python scripts/make_english_table.py cmudict.dict

The source is cmudict.dict of the CMU Pronouncing Dictionary (BSD licence, see NOTICE). Words of
letters and apostrophes are kept with all their readings, except those without a vowel, as of "hmm",
those with more vowels than letters, as of "w", whose letters cannot be shared among syllables, and
those that name the letters one by one, as of "tv". Further readings that the dictionary remarks on,
such as an Irish "fine" of two syllables, and those of a few words that no verse has, are left out.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import click

from poetvae.text.prosody.english.table import is_vowel

TABLE = Path(__file__).parents[1] / "poetvae/text/prosody/english/cmudict.tsv.gz"
HEADER = """\
# The sounds of English words; see poetvae/text/prosody/english/table.py. Written by
# scripts/make_english_table.py from the CMU Pronouncing Dictionary (BSD licence).
# word, and behind tabs its readings in the ARPAbet
"""

_ENTRY = re.compile(r"([a-z'.]+)(\(\d+\))? ([A-Z0-9 ]+?) *(#.*)?")
_FIRST_ALONE = ("aisle", "aisles", "charles", "doctrine", "miles", "spring", "springs")
_STRESS = re.compile(r"[012]")


def _groups(line: str) -> tuple[str, ...]:
    """Of an entry its word, the number of a further reading, the reading and a remark; all are
    empty where there is no such entry."""
    entry = _ENTRY.fullmatch(line.strip())
    return entry.groups("") if entry else ("", "", "", "")


def table(lines: Iterable[str]) -> dict[str, list[str]]:
    """By word, its readings, each once, in the order of the dictionary."""
    pairs = []
    for word, further, reading, remark in map(_groups, lines):
        if word and not (further and (remark or word in _FIRST_ALONE)):
            pairs.append((word, reading))
    names = {word[0]: reading for word, reading in pairs if len(word) == 2 and word[1] == "."}
    found: dict[str, list[str]] = {}
    for word, reading in pairs:
        vowels = sum(map(is_vowel, reading.split()))
        spelt = " ".join(names.get(letter, "") for letter in word)
        named = len(word) > 1 and _STRESS.sub("", spelt) == _STRESS.sub("", reading)
        fits = "." not in word and 0 < vowels <= len(word.replace("'", ""))
        if fits and not named and reading not in found.get(word, ()):
            found.setdefault(word, []).append(reading)
    return found


@click.command()
@click.argument("cmudict", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=TABLE, help="The table.")
def main(cmudict: Path, out: Path) -> None:
    """Write the table from the file CMUDICT."""
    readings = table(cmudict.read_text(encoding="utf-8").splitlines())
    rows = ("\t".join([word, *readings[word]]) for word in sorted(readings))
    data = (HEADER + "\n".join(rows) + "\n").encode()
    out.write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    main()

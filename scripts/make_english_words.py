"""Writes poetvae/text/prosody/english/lexicon.tsv.gz: the words that English verse uses.

    python scripts/make_english_words.py STANZAS.jsonl...

They are those of the CMU Pronouncing Dictionary that stand at least five times in stanzas which
scripts/english_verse.py would learn from: the dictionary has surnames and words of other languages.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
from english_verse import fault

from poetvae.data.corpus import read_poems
from poetvae.files import write_file
from poetvae.text.prosody.english import dictionary, vocabulary
from poetvae.text.prosody.english.lines import words
from poetvae.text.prosody.english.table import is_vowel
from poetvae.text.prosody.english.tokens import STRESSED, readings

TABLE = Path(__file__).parents[1] / "poetvae/text/prosody/english/lexicon.tsv.gz"
LEAST = 5
# The others of one letter or two are abbreviations and parts of names.
SHORT = (
    "a i o ah am an as at ax be by do eh go ha he ho if in is it la lo ma me my no of oh on or ox"
)
SHORT += " pa so to up us we ye"
HEADER = """\
# The words that English verse uses, and behind tabs their readings in syllables, as they are made
# by poetvae/text/prosody/english/tokens.py. Written by scripts/make_english_words.py.
"""


def row(word: str) -> str:
    """A word and its readings as the dictionary has them, so that whoever counts by it agrees: no
    licence, and no stress that verse alone puts elsewhere: únto, not untó."""
    told = {"".join(x[-1] for x in phones if is_vowel(x)) for phones in dictionary(word)}
    kept = [
        "".join(one.tokens)
        for one in readings(word)
        if any(
            len(one.beats) == len(some) and (len(some) == 1 or _main(one.beats) == _main(some))
            for some in told
        )
    ]
    return "\t".join([word, *kept])


def _main(stresses: str) -> list[int]:
    """The places of main stresses."""
    return [i for i, stress in enumerate(stresses) if stress == STRESSED]


def rewrite(table: Path = TABLE) -> None:
    """Make the readings of the words of a table anew, as the rules for them have changed."""
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()
    write(table, [line.split("\t")[0] for line in lines if not line.startswith("#")])


def write(table: Path, kept: Iterable[str]) -> None:
    """Write a table of words."""
    several = sorted(word for word in kept if len(word) > 2 or word in SHORT.split())
    rows = (made for word in several if "\t" in (made := row(word)))
    text = HEADER + "".join(f"{made}\n" for made in rows)
    write_file(table, gzip.compress(text.encode(), mtime=0))


@click.command()
@click.argument("corpus", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=TABLE, help="The table.")
def main(corpus: tuple[str, ...], out: Path) -> None:
    """Count the words of CORPUS and write the table; prints how many there are. Without a corpus
    the words that are there keep their place, and their readings are made anew."""
    if not corpus:
        rewrite(out)
        return
    counts = Counter[str]()
    for stanza in read_poems(*corpus):
        said = words(stanza.text)
        if not fault(said):
            counts.update(word.lower().replace("’", "'").strip("'") for word in said)
            counts.update(word.lower().replace("’", "'") for word in said if word[0] in "'’")
    found = [word for word in vocabulary() if counts[word] >= LEAST and word.strip("'")]
    kept = [word for word in found if word.replace("'", "").isalpha()]
    write(out, kept)
    click.echo(f"{len(kept):,} words")


if __name__ == "__main__":
    main()

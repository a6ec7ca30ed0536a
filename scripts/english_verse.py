"""Poems of fixed forms out of books of English verse, cut by counted rules.

    python scripts/english_verse.py STANZAS.jsonl... --out FOLDER

What goes in is a stanza a line of JSON: text, title, author, book. What comes out, split by book,
is train.jsonl, valid.jsonl and test.jsonl, each poem once, and on standard output how many stanzas
went by each rule. Stanzas that do not have a form give the couplets and quatrains in them, see
`Language.parts`; sentences of seventeen syllables whose words part at the fifth and the twelfth
give haiku, which nobody wrote as such.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import click

from poetvae.data.corpus import read_poems
from poetvae.files import write_file
from poetvae.text.form import Form, parse_forms
from poetvae.text.poem import Poem, select
from poetvae.text.prosody.english.language import known_share
from poetvae.text.prosody.english.lines import WORD, words
from poetvae.text.prosody.english.sounds import ARCHAIC, DICTIONARY
from poetvae.text.prosody.english.tokens import readings
from poetvae.text.prosody.english.words import pronunciations

FORMS = ("10x2", "10x4", "8x2", "8x4", "8-6-8-6", "5-7-5")
KEPT = "title", "author", "book"
HELD_OUT = 0.025  # of the books, to validate with, and as many to test with
KNOWN, MODERN = 0.97, 0.95  # words with a known sound, and in today's spelling or a verse form
HAIKU = Form((5, 7, 5))
_BREAKS = (5, 12, 17)
_STRONG = re.compile(r"[.!?;:]")
# Spaces that some books have around apostrophes: unhous ’ d, th ’ expense.
_APART = re.compile(r"(\w) ?[’'] ?(d|s|st|ll|re|ve|t|m)\b")
_ELIDED = re.compile(r"\b(th?) ’ (?=\w)")
_NUMBER = re.compile(r"(?m)^\d+\.? +")


@lru_cache(maxsize=1 << 17)
def is_modern(word: str) -> bool:
    """Whether a word is spelt as today, or as verse alone spells it: o'er."""
    return any(one.source in (DICTIONARY, ARCHAIC) for one in pronunciations(word))


def fault(said: Sequence[str]) -> str:
    """Why a stanza of these words is left out; "" for none."""
    if not said:
        return "without words"
    if any(word.isupper() and len(word) > 3 for word in said):
        return "with words in capitals, as headings and notes have"
    if known_share(said) < KNOWN:
        return "with unknown words: other languages, dialect, names"
    if sum(map(is_modern, said)) < MODERN * len(said):
        return "in an old spelling"
    return ""


def haiku(text: str) -> Iterator[tuple[str, ...]]:
    """Sentences of a text, or parts that end in a strong mark, that fall into 5, 7 and 5 syllables
    by the commonest readings."""
    text = text.replace("\n", " ")
    found = list(WORD.finditer(text))
    sizes = [len(read[0].beats) if (read := readings(word[0])) else 99 for word in found]

    def strong(i: int) -> bool:
        """Whether a strong mark stands behind word i."""
        end = found[i + 1].start() if i + 1 < len(found) else len(text)
        return _STRONG.search(text[found[i].end() : end]) is not None

    for first in range(len(found)):
        if first and not strong(first - 1):
            continue
        size, ends = 0, list[int]()
        for i in range(first, len(found)):
            size += sizes[i]
            if size in _BREAKS:
                ends.append(i)
            if size >= _BREAKS[-1]:
                break
        if len(ends) == len(_BREAKS) and strong(ends[-1]):
            starts = (first, *(end + 1 for end in ends[:-1]))
            spans = zip(starts, ends, strict=True)
            yield tuple(text[found[a].start() : found[b].end()] for a, b in spans)


def side_of(book: str) -> str:
    """Which file a book is for."""
    share = int.from_bytes(blake2b(book.encode(), digest_size=4).digest(), "big") / 2**32
    return "test" if share < HELD_OUT else "valid" if share < 2 * HELD_OUT else "train"


def cut(corpus: Sequence[str], folder: Path, forms: Sequence[str] = FORMS) -> Counter[str]:
    """Write the poems of a corpus into three files of a folder; how many stanzas, and poems, there
    were of each kind."""
    wanted, counts, seen = parse_forms(forms), Counter[str](), set[str]()
    sides: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for stanza in read_poems(*corpus):
        text = _ELIDED.sub(r"\1'", _APART.sub(r"\1'\2", _NUMBER.sub("", stanza.text)))
        text = text.replace("YpppHeN", "-")  # a hyphen of the source
        counts["stanzas"] += 1
        if why := fault(words(text)):
            counts[why] += 1
            continue
        poem = Poem(tuple(text.split("\n")), stanza.meta)
        made = list(select([poem], wanted))
        if HAIKU in wanted:
            made += [Poem(lines, stanza.meta).read_as(HAIKU) for lines in haiku(text)]
        counts["without any of the forms"] += not made
        for one in made:
            key = "".join(filter(str.isalpha, one.text.lower()))
            if key not in seen:
                seen.add(key)
                side = side_of(one.value("book"))
                counts[f"{one.form} to {side}"] += 1
                told = {name: one.value(name) for name in KEPT if one.value(name)}
                sides[side].append(json.dumps({"text": one.text, **told}, ensure_ascii=False))
    for side, lines in sides.items():
        random.Random(1).shuffle(lines)
        write_file(folder / f"{side}.jsonl", ("\n".join(lines) + "\n").encode())
    return counts


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
def main(corpus: tuple[str, ...], out: Path) -> None:
    """Cut poems of fixed forms out of CORPUS."""
    out.mkdir(parents=True, exist_ok=True)
    for name, count in sorted(cut(corpus, out).items(), key=lambda item: -item[1]):
        click.echo(f"{count:9,} {name}")


if __name__ == "__main__":
    main()

"""Tunes (詞牌): the line lengths, tones and rhymes of 詞, by the names of what they are sung to.

A ci has the form of its tune: so many verses of such lengths in one stanza or more (片), level and
oblique characters where the tune has them, and rhymes that may change from one sound to another. A
*verse* is what stands between two marks, 、 included. A tune of several layouts has an entry each:
the commonest bears its name alone, the others a number behind it, 念奴嬌2.

tunes.tsv is written by scripts/make_tune_table.py from 全宋詞 and the 欽定詞譜 (1715), see there;
the `source` of each entry says what it rests on. Rhymes are those of 詞林正韻, see `books`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Tune:
    """One layout of a tune.

    Attributes:
        name, names: in traditional characters; the other names of the tune.
        lengths, marks: of each verse how many characters it has, and the mark behind it, of ，。、.
        stanzas: of each stanza how many verses it has.
        tones: of each verse its pattern of 平, 仄 and 中 (either); several, any of which may stand,
            are separated by "|".
        rhymes: of each verse a letter for the rhyme that it ends in, or "." for none: an upper-case
            letter stands for level characters, a lower-case one for oblique ones, and the two cases
            of a letter for one group of rhymes in both.
        entering: whether most poets rhyme it, where it rhymes oblique, in the entering tone.
        source: "corpus", counted in 全宋詞; "corpus+詞譜", where the 欽定詞譜 agrees or corrects.
    """

    name: str
    names: tuple[str, ...]
    lengths: tuple[int, ...]
    marks: str
    stanzas: tuple[int, ...]
    tones: tuple[str, ...]
    rhymes: str
    entering: bool
    source: str


@cache
def _table() -> tuple[dict[str, Tune], dict[str, tuple[Tune, ...]]]:
    """The tunes by name, and all of each by every name in either script, the commonest first."""
    by_name: dict[str, Tune] = {}
    by_any: dict[str, tuple[Tune, ...]] = {}
    for line in files(__package__).joinpath("tunes.tsv").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, others, simplified, lengths, marks, stanzas, tones, rhymes, entering, source = (
            line.split("\t")
        )
        tune = Tune(
            name=name,
            names=tuple(others.split()),
            lengths=tuple(map(int, lengths.split("-"))),
            marks=marks,
            stanzas=tuple(map(int, stanzas.split("-"))),
            tones=tuple(tones.split()),
            rhymes=rhymes,
            entering=bool(entering),
            source=source,
        )
        by_name[name] = tune
        plain, number = name.rstrip("0123456789"), name.lstrip(name.rstrip("0123456789"))
        for known in {plain, *tune.names, *simplified.split()}:
            by_any[known] = (*by_any.get(known, ()), tune)
            if number:
                by_any[known + number] = (tune,)
    return by_name, by_any


def tunes() -> Mapping[str, Tune]:
    """All entries by name, those of one tune together, the commonest tunes and layouts first."""
    return _table()[0]


def tunes_named(name: str) -> tuple[Tune, ...]:
    """The entries of a tune by any of its names in either script, the commonest first: all of
    望江南 for 忆江南; 念奴嬌2 names one alone. None where no tune has the name."""
    return _table()[1].get(name.strip(), ())

"""A line of English verse as syllables: which reading of each word, so that their number and their
stresses come out best."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from ...poem import LACUNA
from .tokens import ARTICLE, CONTENT, FUNCTION, STRESSED, UNSTRESSED, Reading, readings

ELIDED = frozenset(("tis", "twas", "twere", "twill", "twould", "gainst", "neath", "scape"))
"""Words that have lost their beginning, of which an apostrophe or a quotation mark tells."""
_HEAD = rf"(?:['’]|‘(?=(?:{'|'.join(sorted(ELIDED))})\b))?"
WORD = re.compile(rf"(?i:{_HEAD})[^\W\d_]+(?:['’][^\W\d_]+)*['’]?|{LACUNA}")
MOST = 20  # syllables of a line; a longer one is prose

# What speaks against a beat on a syllable, and against none.
_ON = {UNSTRESSED: 0.5, FUNCTION: 0.1, ARTICLE: 0.3}
_OFF = {STRESSED: 1.0, CONTENT: 0.1}
_FIRST = 0.3  # against a line that begins with the stress of a word where its metre has none


def words(line: str) -> tuple[str, ...]:
    """The words of a line, without marks; joined words, as in sea-girt, one by one. LACUNA, for an
    open syllable, is a word."""
    return tuple(WORD.findall(line))


def _against(beats: str, place: int, on: int) -> float:
    """What speaks against beats at these places of a line whose places of parity `on` bear them."""
    cost = 0.0
    for i, beat in enumerate(beats, place):
        if i % 2 == on:
            cost += _ON.get(beat, 0)
        else:
            cost += min(_OFF.get(beat, 0), _FIRST) if i == 0 else _OFF.get(beat, 0)
    return cost


class Scan(NamedTuple):
    """A line as it is read: what speaks against it, and its words."""

    cost: float
    words: tuple[Reading, ...]


@lru_cache(maxsize=1 << 14)
def scans(line: str) -> Mapping[int, Scan]:
    """By number of syllables, at most `MOST`, the best reading of a line, whose beats fall on every
    other one; empty where it has no words, or one without letters of Latin writing."""
    best: dict[int, Scan] = {}
    for on in (1, 0):
        for n, found in read(line, partial(_against, on=on), MOST).items():
            if n not in best or found.cost < best[n].cost:
                best[n] = found
    return best


def read(line: str, against: Callable[[str, int], float], most: int) -> dict[int, Scan]:
    """By number of syllables, up to so many, the reading of a line with the least cost, to which
    adds what speaks against the beats of a word at its place, infinite where they cannot stand."""
    spoken = [readings(word) for word in words(line)]
    if not spoken or not all(spoken):
        return {}
    reached = {0: Scan(0.0, ())}
    for options in spoken:
        after: dict[int, Scan] = {}
        for place, (cost, before) in reached.items():
            for one in options:
                n = place + len(one.beats)
                if n > most:
                    continue
                total = cost + one.cost + against(one.beats, place)
                if total < (after[n].cost if n in after else math.inf):
                    after[n] = Scan(total, (*before, one))
        reached = after
    return reached


def best_size(line: str) -> int:
    """The number of syllables in which a line reads best; 0 where it has no reading."""
    found = scans(line)
    return min(found, key=lambda n: found[n].cost, default=0)

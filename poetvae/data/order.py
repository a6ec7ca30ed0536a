"""In which order poems are learnt from, as a pure function of (seed, step).

Nothing here keeps a position: a run resumes from one integer, and any number of processes share it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from .dataset import GOLDEN, TokenStore, batch_index, derive_seed

_RANGE = 2**64


def poems_of_turn(
    store: TokenStore, poems: float, seed: int, turn: int
) -> tuple[NDArray[np.integer], int]:
    """The places in a store of the poems of one length, `sizes` of them, that are learnt from in a
    turn, counted from 0; and their length.

    Lengths take turns by the multiples of the golden ratio modulo 1, which fill every interval in
    proportion to its size and as evenly as can be (Weyl 1916, Knuth, The Art of Computer
    Programming, 6.4): so a few turns in a row have the lengths as the store has them, and in the
    long run every poem comes as often as any other, those of rare lengths included.
    """
    many = sizes(store, poems)
    ends = list(accumulate(len(store.by_length[length]) / n for length, n in many.items()))
    bounds = [0, *(int(end / ends[-1] * _RANGE) for end in ends)]
    start = derive_seed(seed, "lengths")
    kind = bisect_right(bounds, (turn * GOLDEN + start) % _RANGE) - 1
    before = _below(bounds[kind + 1], start, turn) - _below(bounds[kind], start, turn)
    length, size = list(many.items())[kind]
    places = store.by_length[length]
    own = derive_seed(seed, "length", length)
    return places[batch_index(len(places), size, own, before)], length


def sizes(store: TokenStore, poems: float) -> dict[int, int]:
    """How many poems of each length a turn has: about as many characters as so many `poems` have on
    average, so that each turn costs as much and tells as much, but at most all there are."""
    chars = poems * len(store.tokens) / len(store)
    wanted = {length: max(1, round(chars / length)) for length in store.by_length}
    return {length: min(n, len(store.by_length[length])) for length, n in wanted.items()}


def poems_a_turn(store: TokenStore, poems: float) -> float:
    """How many poems a turn has on average: so many, but for rounding and rare lengths."""
    many = sizes(store, poems)
    return len(store) / sum(len(store.by_length[length]) / n for length, n in many.items())


def _below(bound: int, start: int, n: int) -> int:
    """How many of the first n numbers start + i * GOLDEN are below a bound, modulo 2**64."""
    whole = _floor_sum(n, GOLDEN, start)
    return whole - _floor_sum(n, GOLDEN, start - bound)


def _floor_sum(n: int, a: int, b: int) -> int:
    """The sum of (a * i + b) // 2**64 over i = 0 ... n - 1, in as many rounds as Euclid's algorithm
    takes: what is below a line is counted by rows, then by columns, and so on (Graham, Knuth &
    Patashnik, Concrete Mathematics, 3.5)."""
    total, m = 0, _RANGE
    while n:
        total += n * (n - 1) // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        n, b, a, m = (a * n + b) // m, (a * n + b) % m, m, a
    return total

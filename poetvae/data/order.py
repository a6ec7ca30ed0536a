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


def poems_of_step(
    store: TokenStore, batch_size: int, seed: int, step: int, by_length: bool
) -> tuple[NDArray[np.integer], int]:
    """The places in a store of the poems that a step learns from, and the positions they take.

    They are `batch_size` of all poems or, `by_length`, of one length: `sizes` of them. Lengths take
    turns by the multiples of the golden ratio modulo 1, which fill every interval in proportion to
    its size and as evenly as can be (Weyl 1916, Knuth, The Art of Computer Programming, 6.4): so a
    few steps in a row have the lengths as the store has them, and in the long run every poem comes
    as often as any other, those of rare lengths included.
    """
    if not by_length:
        return batch_index(len(store), batch_size, seed, step), store.max_len
    many = sizes(store, batch_size)
    ends = list(accumulate(len(store.by_length[length]) / n for length, n in many.items()))
    bounds = [0, *(int(end / ends[-1] * _RANGE) for end in ends)]
    start = derive_seed(seed, "lengths")
    kind = bisect_right(bounds, (step * GOLDEN + start) % _RANGE) - 1
    turn = _below(bounds[kind + 1], start, step) - _below(bounds[kind], start, step)
    length, size = list(many.items())[kind]
    places = store.by_length[length]
    own = derive_seed(seed, "length", length)
    return places[batch_index(len(places), size, own, turn)], length


def sizes(store: TokenStore, batch_size: int) -> dict[int, int]:
    """How many poems of each length a step has: about as many characters as `batch_size` poems have
    on average, so that each step costs as much and tells as much, but at most all there are."""
    chars = batch_size * len(store.tokens) / len(store)
    wanted = {length: max(1, round(chars / length)) for length in store.by_length}
    return {length: min(n, len(store.by_length[length])) for length, n in wanted.items()}


def poems_a_step(store: TokenStore, batch_size: int, by_length: bool) -> float:
    """How many poems a step has on average: `batch_size`, but for rounding and rare lengths."""
    if not by_length:
        return batch_size
    many = sizes(store, batch_size)
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

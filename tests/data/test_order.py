"""Which poems are learnt from together: of one length, each as often as any other."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.data.dataset import TokenStore
from poetvae.data.order import poems_a_turn, poems_of_turn, sizes

MAX_LEN = 56
LENGTHS = st.lists(st.sampled_from([7, 10, 14, 20, 28, 40, 56]), min_size=1, max_size=60)
SEEDS = st.integers(0, 2**63 - 1)


def store_of(lengths: list[int]) -> TokenStore:
    return TokenStore([[5] * length for length in lengths], MAX_LEN, 0)


@given(LENGTHS, st.integers(1, 20), SEEDS, st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_turn_has_poems_of_one_length(
    lengths: list[int], size: int, seed: int, turns: list[int]
) -> None:
    store = store_of(lengths)
    many = sizes(store, size)
    drawn = {turn: poems_of_turn(store, size, seed, turn) for turn in turns}
    for turn, (places, length) in drawn.items():
        assert [lengths[place] for place in places] == [length] * many[length]
        assert store.batch(places, length).mask.all()
        again, _ = poems_of_turn(store_of(lengths), size, seed, turn)
        assert again.tolist() == places.tolist()
        if lengths.count(length) % many[length] == 0:  # else an epoch may end within a turn
            assert len(set(places.tolist())) == len(places)


@given(LENGTHS, st.integers(1, 20), SEEDS, st.integers(0, 300))
@settings(deadline=None, max_examples=50)
def test_lengths_take_turns_as_the_store_has_them(
    lengths: list[int], size: int, seed: int, first: int
) -> None:
    """In any run of turns each has its share, but for a few turns."""
    store, turns = store_of(lengths), 100
    many = sizes(store, size)
    epoch = len(lengths) / poems_a_turn(store, size)
    found = Counter(
        poems_of_turn(store, size, seed, turn)[1] for turn in range(first, first + turns)
    )
    for length, n in Counter(lengths).items():
        assert abs(found[length] - turns * n / many[length] / epoch) < 4


def test_every_poem_comes_as_often_as_any_other() -> None:
    lengths = [10] * 300 + [20] * 100 + [56] * 57 + [7] * 3
    store, turns = store_of(lengths), 2000
    counts = Counter[int]()
    for turn in range(turns):
        counts.update(poems_of_turn(store, 16, 3, turn)[0].tolist())
    expected = turns * poems_a_turn(store, 16) / len(lengths)
    assert all(abs(counts[place] - expected) < 2 for place in range(len(lengths)))
    order = [poems_of_turn(store, 16, 3, turn)[0].tolist() for turn in range(200)]
    assert order != [poems_of_turn(store, 16, 4, turn)[0].tolist() for turn in range(200)]


def test_turns_have_as_many_characters_and_so_many_poems_on_average() -> None:
    lengths = [10] * 3000 + [20] * 1000 + [40] * 500 + [56] * 3
    store, batch = store_of(lengths), 30
    mean = np.mean(lengths)
    many = sizes(store, batch)
    assert many.pop(56) == 3, "all there are"
    for length, n in many.items():
        assert abs(n * length - batch * mean) <= length / 2
    drawn = [len(poems_of_turn(store, batch, 0, turn)[0]) for turn in range(1000)]
    assert np.mean(drawn) == pytest.approx(poems_a_turn(store, batch), rel=0.01)
    assert np.mean(drawn) == pytest.approx(batch, rel=0.05)


@given(LENGTHS)
def test_the_places_of_each_length(lengths: list[int]) -> None:
    found = store_of(lengths).by_length
    assert list(found) == sorted(set(lengths))
    for length, places in found.items():
        assert places.tolist() == [i for i, n in enumerate(lengths) if n == length]

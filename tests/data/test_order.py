"""Which poems a step learns from: of one length, each as often as any other, and nothing kept."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.data.dataset import TokenStore, batch_index
from poetvae.data.order import poems_a_step, poems_of_step, sizes

MAX_LEN = 56
LENGTHS = st.lists(st.sampled_from([7, 10, 14, 20, 28, 40, 56]), min_size=1, max_size=60)
SEEDS = st.integers(0, 2**63 - 1)


def store_of(lengths: list[int]) -> TokenStore:
    return TokenStore([[5] * length for length in lengths], MAX_LEN, 0)


@given(LENGTHS, st.integers(1, 20), SEEDS, st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_step_has_poems_of_one_length(
    lengths: list[int], size: int, seed: int, steps: list[int]
) -> None:
    store = store_of(lengths)
    many = sizes(store, size)
    drawn = {step: poems_of_step(store, size, seed, step, True) for step in steps}
    for step, (places, length) in drawn.items():
        assert [lengths[place] for place in places] == [length] * many[length]
        assert store.batch(places, length).mask.all()
        again, _ = poems_of_step(store_of(lengths), size, seed, step, True)
        assert again.tolist() == places.tolist()
        if lengths.count(length) % many[length] == 0:  # else an epoch may end within a step
            assert len(set(places.tolist())) == len(places)


@given(LENGTHS, st.integers(1, 20), SEEDS, st.integers(0, 300))
@settings(deadline=None, max_examples=50)
def test_lengths_take_turns_as_the_store_has_them(
    lengths: list[int], size: int, seed: int, first: int
) -> None:
    """In any run of steps each has its share, but for a few steps."""
    store, steps = store_of(lengths), 100
    many = sizes(store, size)
    epoch = len(lengths) / poems_a_step(store, size, True)
    found = Counter(
        poems_of_step(store, size, seed, step, True)[1] for step in range(first, first + steps)
    )
    for length, n in Counter(lengths).items():
        assert abs(found[length] - steps * n / many[length] / epoch) < 4


def test_every_poem_comes_as_often_as_any_other() -> None:
    lengths = [10] * 300 + [20] * 100 + [56] * 57 + [7] * 3
    store, steps = store_of(lengths), 2000
    counts = Counter[int]()
    for step in range(steps):
        counts.update(poems_of_step(store, 16, 3, step, True)[0].tolist())
    expected = steps * poems_a_step(store, 16, True) / len(lengths)
    assert all(abs(counts[place] - expected) < 2 for place in range(len(lengths)))
    order = [poems_of_step(store, 16, 3, step, True)[0].tolist() for step in range(200)]
    assert order != [poems_of_step(store, 16, 4, step, True)[0].tolist() for step in range(200)]


def test_steps_have_as_many_characters_and_so_many_poems_on_average() -> None:
    lengths = [10] * 3000 + [20] * 1000 + [40] * 500 + [56] * 3
    store, batch = store_of(lengths), 30
    mean = np.mean(lengths)
    many = sizes(store, batch)
    assert many.pop(56) == 3, "all there are"
    for length, n in many.items():
        assert abs(n * length - batch * mean) <= length / 2
    drawn = [len(poems_of_step(store, batch, 0, step, True)[0]) for step in range(1000)]
    assert np.mean(drawn) == pytest.approx(poems_a_step(store, batch, True), rel=0.01)
    assert np.mean(drawn) == pytest.approx(batch, rel=0.05)


@given(LENGTHS, st.integers(1, 20), SEEDS, st.integers(0, 10**6))
def test_otherwise_all_poems_are_drawn_from(
    lengths: list[int], size: int, seed: int, step: int
) -> None:
    store = store_of(lengths)
    places, length = poems_of_step(store, size, seed, step, False)
    assert places.tolist() == batch_index(len(lengths), size, seed, step).tolist()
    assert (length, poems_a_step(store, size, False)) == (MAX_LEN, size)


@given(LENGTHS)
def test_the_places_of_each_length(lengths: list[int]) -> None:
    found = store_of(lengths).by_length
    assert list(found) == sorted(set(lengths))
    for length, places in found.items():
        assert places.tolist() == [i for i, n in enumerate(lengths) if n == length]

"""Numbered poems and their order: pure functions, nothing lost, nothing twice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from poetvae.data.dataset import Batch, TokenStore, batch_index, corrupt, derive_seed

PAD = 0
Poems = list[list[int]]
POEMS = st.lists(st.lists(st.integers(1, 2**31 - 1), max_size=6), min_size=1, max_size=8)


@given(POEMS, st.data(), st.integers(6, 9), st.booleans())
@settings(deadline=None)
def test_a_batch_holds_the_poems_asked_for(
    poems: Poems, data: st.DataObject, max_len: int, labelled: bool
) -> None:
    labels = [[i, 2 * i] for i in range(len(poems))] if labelled else []
    store = TokenStore(poems, max_len, PAD, labels)
    index = data.draw(st.lists(st.integers(0, len(poems) - 1), max_size=5))
    batch = store.batch(index)
    assert (len(store), len(batch)) == (len(poems), len(index))
    assert batch.tokens.tolist() == [poems[i] + [PAD] * (max_len - len(poems[i])) for i in index]
    assert batch.mask.tolist() == [[t < len(poems[i]) for t in range(max_len)] for i in index]
    assert batch.tokens.shape == batch.mask.shape == (len(index), max_len)
    assert (batch.tokens.dtype, batch.mask.dtype) == (torch.int64, torch.bool)
    assert (batch.labels is not None) == labelled
    assert batch.labels is None or batch.labels.tolist() == [labels[i] for i in index]


@given(POEMS, st.integers(1, 10), st.one_of(st.none(), st.integers(0, 10)))
@settings(deadline=None)
def test_batches_pass_once_in_order(poems: Poems, size: int, limit: int | None) -> None:
    store = TokenStore(poems, 6, PAD)
    batches = list(store.batches(size, limit))
    rows = [row[mask].tolist() for b in batches for row, mask in zip(b.tokens, b.mask, strict=True)]
    n, few = len(poems), len(poems) if limit is None else min(limit, len(poems))
    assert rows == [poems[i * (n - 1) // max(few - 1, 1)] for i in range(few)]
    assert all(len(b) == size for b in batches[:-1])
    assert all(1 <= len(b) <= size for b in batches)


def test_a_poem_that_is_too_long_and_none() -> None:
    assert len(TokenStore([[1, 2, 3]], 3, PAD)) == 1
    none = TokenStore([], 4, PAD)
    assert (len(none), list(none.batches(3)), none.batch([]).tokens.shape) == (0, [], (0, 4))
    with pytest.raises(ValueError, match="a poem has 3 tokens; max_len is 2"):
        TokenStore([[1], [1, 2, 3]], 2, PAD)


FIELDS = ("tokens", "mask", "labels", "observed", "noisy")


@pytest.mark.parametrize("more", [(), ("labels",), ("observed", "noisy"), FIELDS])
def test_a_batch_moves_and_repeats_whole(more: tuple[str, ...]) -> None:
    rows = torch.tensor([[1, 2, 0], [3, 0, 0]])
    parts = {"tokens": rows, "mask": rows > 0, **dict.fromkeys(more, rows + 1)}
    batch = Batch(**parts)
    moved, twice = batch.to("meta"), batch.repeat(2)
    assert (len(batch), len(moved), len(twice)) == (2, 2, 4)
    assert batch.repeat(1) is batch
    for name in FIELDS:
        if name not in parts:
            assert getattr(moved, name) is getattr(twice, name) is None
            continue
        assert getattr(moved, name).device.type == "meta"
        assert torch.equal(getattr(twice, name), torch.cat([parts[name]] * 2))


def test_whole_poems_fill_all_positions() -> None:
    tokens, labels = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1], [2]])
    batch = Batch.whole(tokens, labels)
    assert (batch.tokens is tokens, batch.labels is labels) == (True, True)
    assert batch.mask.tolist() == [[True, True]] * 2
    assert batch.observed is batch.noisy is Batch.whole(tokens).labels is None


@given(POEMS, POEMS, st.booleans())
@settings(deadline=None)
def test_fingerprints_of_stores(one: Poems, other: Poems, labelled: bool) -> None:
    def fingerprint(poems: Poems, label: int) -> str:
        return TokenStore(poems, 6, PAD, [[label]] * len(poems) if labelled else []).fingerprint

    assert fingerprint(one, 1) == fingerprint([list(p) for p in one], 1)
    assert (fingerprint(one, 1) == fingerprint(other, 1)) == (one == other)
    assert (fingerprint(one, 1) == fingerprint(one, 2)) == (not labelled)


def test_fingerprints_tell_boundaries_order_and_labels() -> None:
    stores = [
        TokenStore([[1, 2], [3]], 6, PAD),
        TokenStore([[1], [2, 3]], 6, PAD),
        TokenStore([[3], [1, 2]], 6, PAD),
        TokenStore([[1, 2], [3]], 6, PAD, [[1], [2]]),
        TokenStore([[1, 2], [3]], 6, PAD, [[2], [1]]),
    ]
    assert len({store.fingerprint for store in stores}) == len(stores)


@given(POEMS, st.booleans(), st.sampled_from([torch.int32, torch.int64]))
@settings(deadline=None)
def test_a_store_in_any_type_and_place(poems: Poems, labelled: bool, dtype: torch.dtype) -> None:
    labels = [[i] for i in range(len(poems))] if labelled else []
    store = TokenStore(poems, 6, PAD, labels)
    held = None if store.labels is None else store.labels.to(torch.int32)
    other = TokenStore.of(store.tokens.to(dtype), store.offsets, held, 6, PAD).to("cpu")
    assert other.fingerprint == store.fingerprint
    assert [other.poem(i) for i in range(len(other))] == poems
    index = range(len(poems))
    assert equal(store.batch(index), other.batch(index))


def test_batches_are_gathered_where_the_store_is() -> None:
    batch = TokenStore([[1, 2], [3]], 3, PAD, [[1], [2]]).to("meta").batch([1, 0, 1])
    assert batch.labels is not None
    arrays = (batch.tokens, batch.mask, batch.labels)
    assert {x.device.type for x in arrays} == {"meta"}
    assert [x.shape for x in arrays] == [(3, 3), (3, 3), (3, 1)]


def test_tokens_take_two_bytes_where_they_can() -> None:
    types = [TokenStore([[t]], 1, PAD).tokens.dtype for t in (0, 2**15 - 1, 2**15, 2**31 - 1)]
    assert types == [torch.int16, torch.int16, torch.int32, torch.int32]
    assert TokenStore([[2**15 - 1]], 1, PAD).batch([0]).tokens.tolist() == [[2**15 - 1]]


@given(st.integers(1, 40), st.integers(1, 90), st.integers(0, 2**63 - 1), st.integers(1, 3))
@settings(deadline=None)
def test_every_epoch_is_a_permutation(n: int, size: int, seed: int, epochs: int) -> None:
    steps = -(-n * epochs // size)
    order = np.concatenate([batch_index(n, size, seed, step) for step in range(steps)])
    assert len(order) == steps * size
    for epoch in range(epochs):
        assert sorted(order[epoch * n : (epoch + 1) * n]) == list(range(n))


STEPS = st.lists(st.integers(0, 10**6), min_size=1, max_size=6)


@given(st.integers(1, 40), st.integers(1, 90), st.integers(0, 2**63 - 1), STEPS)
@settings(deadline=None)
def test_a_batch_is_a_function(n: int, size: int, seed: int, steps: list[int]) -> None:
    before = {step: batch_index(n, size, seed, step).tolist() for step in steps}
    for step in reversed(steps):
        spoiled = batch_index(n, size, seed, step)
        assert spoiled.tolist() == before[step]
        spoiled[:] = -1  # what a caller does to its batch stays with the caller
        assert batch_index(n, size, seed, step).tolist() == before[step]


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 6), st.integers(0, 50))
@settings(deadline=None)
def test_the_batch_size_changes_no_order(n: int, size: int, parts: int, step: int) -> None:
    whole = batch_index(n, size * parts, 7, step)
    split = [batch_index(n, size, 7, step * parts + i) for i in range(parts)]
    assert np.concatenate(split).tolist() == whole.tolist()


@given(st.integers(1, 10**12), st.integers(0, 2**63 - 1), st.integers(0, 10**9))
@settings(deadline=None)
def test_an_epoch_of_any_size_repeats_nothing(n: int, seed: int, step: int) -> None:
    order = batch_index(n, 64, seed, step)
    assert ((order >= 0) & (order < n)).all()
    epochs = (step * 64 + np.arange(64)) // n
    pairs = set(zip(epochs.tolist(), order.tolist(), strict=True))
    assert len(pairs) == 64


def chi_square(counts: NDArray[np.int64], expected: float) -> float:
    """In standard deviations above its mean, with a degree of freedom for each count but one."""
    freedom = counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / (2 * freedom) ** 0.5)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 10, 16, 23])
def test_the_order_is_uniform(n: int) -> None:
    """Every place and every pair of neighbours, within an epoch, over the seeds and the epochs."""
    epochs, seeds = 4000 // n, 8
    orders = np.concatenate(
        [batch_index(n, n * epochs, seed, 0).reshape(epochs, n) for seed in range(seeds)]
    )
    places = np.stack([np.bincount(column, minlength=n) for column in orders.T])
    assert abs(chi_square(places, len(orders) / n)) < 6
    pairs = np.bincount((orders[:, :-1] * n + orders[:, 1:]).ravel(), minlength=n * n)
    apart = pairs.reshape(n, n)[~np.eye(n, dtype=bool)]
    assert abs(chi_square(apart, len(orders) / n)) < 6
    assert pairs.sum() == apart.sum(), "none follows itself"


def test_epochs_are_independent() -> None:
    """What a place had in one epoch says nothing of what it has in the next, or of another seed."""
    n, epochs = 8, 4000
    orders = batch_index(n, n * epochs, 3, 0).reshape(epochs, n)
    other = batch_index(n, n * epochs, 4, 0).reshape(epochs, n)
    for one, two in ((orders[:-1], orders[1:]), (orders, other)):
        pairs = np.bincount((one * n + two).ravel(), minlength=n * n)
        assert abs(chi_square(pairs, one.size / n**2)) < 6


NAME = st.one_of(st.integers(), st.text(max_size=5))


@given(st.integers(), st.lists(NAME, max_size=3), st.integers(), st.lists(NAME, max_size=3))
@settings(deadline=None)
def test_derived_seeds_agree_exactly_when_their_names_do(
    seed: int, names: list[int | str], other: int, others: list[int | str]
) -> None:
    derived = derive_seed(seed, *names)
    assert 0 <= derived < 2**63
    assert torch.Generator().manual_seed(derived).initial_seed() == derived
    assert (derived == derive_seed(other, *others)) == ((seed, names) == (other, others))


def test_derived_seeds_are_the_same_everywhere() -> None:
    """Another value here, and no run made before could be repeated."""
    assert derive_seed(0, "noise", 1) == 1975832920945326368


# What a model is not told

SHARES = st.floats(0, 1)
FEW = st.lists(st.lists(st.integers(5, 9), min_size=1, max_size=6), min_size=1, max_size=8)
MASK = 4


def labelled(poems: Poems) -> Batch:
    labels = [[1 + i, 2] for i in range(len(poems))]
    return TokenStore(poems, 7, PAD, labels).batch(range(len(poems)))


def equal(one: Batch, other: Batch) -> bool:
    """Whether two batches have the same parts, and the same in them."""
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(a is b if a is None or b is None else torch.equal(a, b) for a, b in pairs)


@given(FEW, SHARES, SHARES, SHARES, st.integers(0, 2**31))
@settings(deadline=None)
def test_corrupt(poems: Poems, observe: float, noise: float, dropout: float, seed: int) -> None:
    batch = labelled(poems)
    torch.manual_seed(seed)
    given, passes = corrupt(batch, MASK, observe=observe, noise=noise, dropout=dropout)
    assert (given.tokens is batch.tokens, given.mask is batch.mask, passes) == (True, True, 1)
    observed, noisy = given.observed, given.noisy
    assert (observed is None, noisy is None) == (observe == 0, noise == 0)
    if observed is not None:
        assert ((observed == batch.tokens) | (observed == MASK)).all()
        assert (observed[~batch.mask] == MASK).all(), "padding is no part of a poem"
        assert ((observed == MASK) & batch.mask).any(dim=1).all(), "there is something to tell"
    if noisy is not None:
        assert ((noisy == batch.tokens) | (noisy == MASK)).all()
        assert torch.equal(noisy[~batch.mask], batch.tokens[~batch.mask])
    assert given.labels is not None
    assert batch.labels is not None
    assert ((given.labels == batch.labels) | (given.labels == 0)).all()
    torch.manual_seed(seed)
    again, _ = corrupt(batch, MASK, observe=observe, noise=noise, dropout=dropout)
    assert equal(given, again)


def share(values: Tensor | None) -> float:
    assert values is not None
    return float(values.float().mean())


def test_shares_of_what_is_not_told() -> None:
    torch.manual_seed(0)
    batch = labelled([[5, 6, 7, 8, 9, 5]] * 4000)
    assert equal(corrupt(batch, MASK)[0], batch)
    every, _ = corrupt(batch, MASK, observe=1.0, noise=1.0, dropout=1.0)
    some, _ = corrupt(batch, MASK, observe=0.5, noise=0.3, dropout=0.2)
    for one, noise, dropout in ((every, 1.0, 1.0), (some, 0.3, 0.2)):
        assert one.noisy is not None
        assert one.labels is not None
        hidden = share(one.noisy[batch.mask] == MASK)
        assert hidden == pytest.approx(noise, abs=0.02 * (noise < 1))
        assert share(one.labels == 0) == pytest.approx(dropout, abs=0.02 * (dropout < 1))
    assert every.observed is not None
    assert some.observed is not None
    shown, less = (share((o != MASK).any(dim=1)) for o in (every.observed, some.observed))
    assert less == pytest.approx(0.5 * shown, abs=0.03)
    assert shown > 0.8


def test_what_is_observed_has_every_shape() -> None:
    """A run in the middle, a beginning alone, an end alone, characters here and there."""
    torch.manual_seed(0)
    observed = corrupt(labelled([[5, 5, 5, 5]] * 2000), MASK, observe=1.0)[0].observed
    assert observed is not None
    patterns = {tuple(row) for row in (observed[:, :4] != MASK).int().tolist()}
    assert patterns == {*itertools.product((0, 1), repeat=4)} - {(1, 1, 1, 1)}


def test_passes_are_drawn_by_their_share() -> None:
    torch.manual_seed(0)
    drawn = [corrupt(labelled([[5]]), MASK, passes=(1, 4, 4, 4))[1] for _ in range(800)]
    assert set(drawn) == {1, 4}
    assert drawn.count(4) / 800 == pytest.approx(0.75, abs=0.06)
    bare = TokenStore([[5, 6]], 2, PAD).batch([0])
    assert corrupt(bare, MASK, dropout=1.0)[0].labels is None


def test_a_theme_is_dropped_as_a_whole() -> None:
    torch.manual_seed(0)
    labels = torch.arange(1, 6).repeat(4000, 1)
    batch = Batch(torch.ones(4000, 2, dtype=torch.long), torch.ones(4000, 2) > 0, labels)
    given, _ = corrupt(batch, MASK, dropout=0.2, theme_len=3, theme_dropout=0.5)
    assert given.labels is not None
    theme = given.labels[:, 2:]
    assert {*map(tuple, theme.tolist())} == {(0, 0, 0), (3, 4, 5)}
    assert share(theme == 0) == pytest.approx(0.5, abs=0.03)
    assert share(given.labels[:, :2] == 0) == pytest.approx(0.2, abs=0.03)
    whole, _ = corrupt(batch, MASK, theme_len=3)
    assert whole.labels is not None
    assert torch.equal(whole.labels, labels)


def test_a_form_is_never_dropped() -> None:
    labels = torch.arange(1, 4).repeat(40, 1)
    batch = Batch(torch.ones(40, 2, dtype=torch.long), torch.ones(40, 2, dtype=torch.bool), labels)
    every, _ = corrupt(batch, MASK, dropout=1.0, form_known=True)
    assert every.labels is not None
    assert every.labels.tolist() == [[1, 0, 0]] * 40
    for known in (False, True):  # which of the others are dropped does not depend on it
        torch.manual_seed(3)
        some, _ = corrupt(batch, MASK, dropout=0.5, form_known=known)
        assert some.labels is not None
        assert bool(some.labels[:, 0].eq(1).all()) == known
        assert 20 < int((some.labels[:, 1:] == 0).sum()) < 60

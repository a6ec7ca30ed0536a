"""Near-copies against a comparison of all with all."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.data import repeated
from poetvae.data.repeated import NearCopies, alike, codes_of, near_copies

TEXT = st.integers(1, 12).flatmap(lambda n: st.text("山月水", min_size=n, max_size=n))


def share(a: str, b: str) -> float:
    """Of the places of texts of one length, those with the same character."""
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def by_brute_force(texts: list[str], known: list[str]) -> list[bool]:
    return [any(len(a) == len(b) and share(a, b) >= 0.8 - 1e-12 for b in known if b) for a in texts]


@pytest.mark.parametrize("pairs", [1, 3, 2**18])
@given(st.lists(TEXT, max_size=12), st.lists(TEXT, max_size=12), st.integers(1, 5))
@settings(deadline=None, max_examples=100)
def test_they_are_those_of_a_comparison_of_all_with_all(
    pairs: int, texts: list[str], known: list[str], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated, "PAIRS", pairs)
        patch.setattr(repeated, "TEXTS", at_once)
        assert near_copies(texts, known).tolist() == by_brute_force(texts, known)


@pytest.mark.parametrize(("length", "places"), [(5, 4), (10, 8), (14, 12), (20, 16), (28, 23)])
def test_any_places_may_differ_but_no_more_than_a_fifth(length: int, places: int) -> None:
    assert alike(length) == places == math.ceil(0.8 * length)
    rng = random.Random(length)
    chars = [chr(0x4E00 + i) for i in range(3000)]
    known = ["".join(rng.choices(chars, k=length)) for _ in range(500)]
    texts, expected = [], []
    for source in known:
        differ = rng.randrange(length + 1)
        where = set(rng.sample(range(length), differ))
        texts.append("".join("𠀀" if i in where else c for i, c in enumerate(source)))
        expected.append(differ <= length - places)
    assert near_copies(texts, known).tolist() == expected
    assert 0 < sum(expected) < len(expected)
    shifted = [text[1:] + "山" for text in known]
    assert not near_copies(shifted, known).any(), "places count, not what stands in them in order"


def test_what_is_found_stays_found_and_costs_no_more() -> None:
    near = NearCopies(*codes_of(["山山山山山", "水水水水水"]))
    near.compare(*codes_of(["山山山山水"]))
    near.compare(*codes_of(["月月月月月"] * 3))
    assert near.found.tolist() == [True, False]
    near.compare(*codes_of([]))
    assert NearCopies(*codes_of([])).found.shape == (0,)


def test_a_piece_that_all_share_is_no_reason_to_hold_all_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two thousand texts that begin alike, with two thousand: four million pairs, a few at once."""
    compared: list[int] = []

    def counted(length: int) -> int:
        compared.append(length)
        return alike(length)

    monkeypatch.setattr(repeated, "PAIRS", 10_000)
    monkeypatch.setattr(repeated, "alike", counted)
    rng = np.random.default_rng(0)
    texts, known = (
        ["山月水" + "".join(map(chr, row)) for row in rng.integers(0x4E00, 0x9000, (2000, 7))]
        for _ in range(2)
    )
    assert not near_copies(texts, known).any()
    assert len(compared) > 2000 * 2000 / 20_000

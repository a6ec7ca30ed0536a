"""What differs between two texts, and how much."""

from __future__ import annotations

import pytest

from poetvae.text.diff import changed, distance


@pytest.mark.parametrize(
    ("before", "after", "fixed", "places", "far"),
    [
        ("山月白", "山雲青", True, [1, 2], 2),
        ("山月白", "月白山", True, [0, 1, 2], 3),  # place by place
        ("山月白", "月白山", False, [2], 2),
        ("the moon", "the noon", True, [4], 1),
        ("the moon", "the old moon", True, [3, 4, 5, 6], 4),  # one form, and more letters
        ("the old moon", "the moon", True, [], 4),
    ],
)
def test_places_and_distance(
    before: str, after: str, fixed: bool, places: list[int], far: int
) -> None:
    assert changed(before, after, fixed) == places
    assert distance(before, after, fixed) == far


def test_words_are_told_apart_as_letters_are() -> None:
    assert changed(["the", "moon"], ["the", "old", "moon"], fixed=True) == [1]

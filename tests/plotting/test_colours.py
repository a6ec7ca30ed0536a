"""Colours of groups, as eyes see them that lack the cones for red or for green."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from poetvae.plotting.colours import (
    ACCENT,
    INK,
    NIGHT,
    NIGHT_OTHER,
    NIGHT_PAPER,
    OTHER,
    PAPER,
    QUIET,
    VALUES,
    contrast,
    legible,
)  # fmt: skip

Matrix = NDArray[np.float64]

# From linear sRGB to what is seen of it: Machado, Oliveira & Fernandes 2009, at full severity.
EYES: dict[str, Matrix] = {
    "all": np.eye(3),
    "without red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "without green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
# OKLab, Ottosson 2020.
TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def seen(colours: list[str], eyes: Matrix) -> Matrix:
    """Colours in OKLab (n, 3), of which white is 1 from black."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms: Matrix = np.cbrt(np.clip(linear @ eyes.T, 0, 1) @ TO_LMS.T)
    lab: Matrix = lms @ TO_LAB.T
    return lab


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colours", [VALUES, NIGHT], ids=["paper", "night"])
def test_any_two_colours_are_told_apart(colours: tuple[str, ...], eyes: str) -> None:
    lab = seen([*colours], EYES[eyes])
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    distances[np.diag_indices(len(colours))] = np.inf
    assert distances.min() > 0.11  # five times what is just noticed
    assert np.linalg.norm(seen([VALUES[0]], EYES["all"])) > 0.4  # the scale


@pytest.mark.parametrize(
    ("paper", "values", "other"), [(PAPER, VALUES, OTHER), (NIGHT_PAPER, NIGHT, NIGHT_OTHER)]
)
def test_letters_of_a_colour_can_be_read(paper: str, values: tuple[str, ...], other: str) -> None:
    for colour in values:
        assert contrast(legible(colour, paper), paper) >= 4.5
        assert contrast(colour, paper) > 1.5
    assert contrast(other, paper) > 1.5
    assert legible(INK if paper == PAPER else PAPER, paper) in (INK, PAPER)


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    for colour in (INK, QUIET, ACCENT):
        assert contrast(colour, PAPER) >= 4.5

"""Schedules against interpolation and torch's own cosine."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR

from poetvae import config
from poetvae.training.schedules import SCHEDULES, constant, cosine, cyclical, linear, wsd

SHARE = st.floats(0, 1)
NAMES = sorted(SCHEDULES)


def test_the_settings_name_these_schedules() -> None:
    assert tuple(SCHEDULES) == config.SCHEDULES


@given(st.sampled_from(NAMES), SHARE, SHARE)
@settings(deadline=None)
def test_every_factor_is_between_0_and_1(name: str, progress: float, warmup: float) -> None:
    factor = SCHEDULES[name](progress, warmup)
    assert 0 <= factor <= 1
    assert SCHEDULES[name](progress, warmup) == factor


@given(SHARE, st.floats(0.001, 1))
@settings(deadline=None)
def test_linear_rises_to_its_warmup_and_stays(progress: float, warmup: float) -> None:
    assert constant(progress, warmup) == 1
    assert linear(progress, warmup) == pytest.approx(np.interp(progress, [0, warmup], [0, 1]))


@given(st.integers(1, 60), st.integers(0, 60))
@settings(deadline=None, max_examples=20)
def test_cosine_is_a_linear_warmup_and_then_torchs_cosine(falling: int, rising: int) -> None:
    steps = falling + rising
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    reference = CosineAnnealingLR(optimizer, T_max=falling)
    for step in range(rising):
        assert cosine(step / steps, rising / steps) == pytest.approx(step / rising)
    for step in range(rising, steps + 1):
        expected = reference.get_last_lr()[0]
        assert cosine(step / steps, rising / steps) == pytest.approx(expected, abs=1e-9)
        optimizer.step()
        reference.step()


@given(st.integers(0, 1023), st.integers(1, 1024))
@settings(deadline=None)
def test_cyclical_is_four_equal_linear_rises(place: int, warmup: int) -> None:
    cycle, phase = divmod(place, 256)
    expected = linear(phase / 256, warmup / 1024)
    assert cyclical(place / 1024, warmup / 1024) == expected
    assert cyclical(phase / 1024, warmup / 1024) == expected, f"cycle {cycle} is like the first"


def test_cyclical_counts_its_cycles() -> None:
    starts = [step for step in range(600) if cyclical(step / 600, 0.5, cycles=3) == 0]
    assert starts == [0, 200, 400]


@given(SHARE, st.floats(0.001, 0.7))
@settings(deadline=None)
def test_wsd_rises_stays_and_falls_in_straight_lines(progress: float, warmup: float) -> None:
    expected = np.interp(progress, [0, warmup, 0.7, 1], [0, 1, 1, 0])
    assert wsd(progress, warmup) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("constant", 1, 1),
        ("linear", 0, 1),
        ("cyclical", 0, 1),
        ("cosine", 0, 0),
        ("wsd", 0, 0),
    ],
)
def test_where_a_schedule_starts_and_ends(name: str, start: float, end: float) -> None:
    schedule = SCHEDULES[name]
    assert schedule(0.0, 0.0) == 1, "without warmup it starts full"
    assert schedule(0.0, 0.3) == start
    for progress in (1.0, 1.5):  # past the end it stays
        assert schedule(progress, 0.3) == pytest.approx(end, abs=1e-12)
    assert not math.isnan(schedule(1.0, 1.0))

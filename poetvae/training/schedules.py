"""Schedules: pure functions from a step to a factor. They serve beta and the learning rate alike.

A factor is between 0 and 1 and multiplies the value that the configuration gives. `progress` is
step / total steps, from 0 to 1.
"""

from __future__ import annotations

import math


def constant(progress: float, warmup: float = 0.0) -> float:
    """1 throughout."""
    return 1.0


def linear(progress: float, warmup: float) -> float:
    """Rises from 0 to 1 over the first `warmup` share, then 1 (Bowman et al. 2016)."""
    return 1.0 if progress >= warmup else progress / warmup


def cyclical(progress: float, warmup: float, cycles: int = 4) -> float:
    """`cycles` times: from 0 to 1 over `warmup` of each, then 1 (Fu et al. 2019, who take 0.5)."""
    return 1.0 if progress >= 1 else linear(progress * cycles % 1.0, warmup)


def cosine(progress: float, warmup: float) -> float:
    """Rises from 0 to 1 over the first `warmup` share, then falls to 0 as half a cosine."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (min(progress, 1.0) - warmup) / max(1 - warmup, 1e-9)))


def wsd(progress: float, warmup: float, decay: float = 0.3) -> float:
    """Warm-up, stable, decay: rises from 0 to 1 over the first `warmup` share, then 1, and falls
    to 0 in a straight line over the last `decay` (Hu et al. 2024, arXiv 2404.06395)."""
    return min(linear(progress, warmup), max(1 - progress, 0.0) / decay)


SCHEDULES = {f.__name__: f for f in (constant, linear, cyclical, cosine, wsd)}

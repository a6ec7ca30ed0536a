"""Random numbers by row: what one row draws depends on its own seed, not on the other rows.

A `Noise` may stand wherever a torch.Generator gives B rows their numbers. The numbers are those of
SplitMix64 (Steele, Lea & Flood 2014, Fast splittable pseudorandom number generators): a hash of a
counter, so that all rows are drawn at once, alike on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor

GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as int64, whose products wrap
_ROUNDS = ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64))
_BITS = 24  # of a number in [0, 1): as many as float32 has


class Noise:
    """A stream of random numbers for each of B seeds, all as far along."""

    def __init__(self, seeds: Iterable[int], device: torch.device | str = "cpu") -> None:
        self.seeds = torch.tensor(list(seeds), dtype=torch.int64, device=device)
        self.drawn = 0

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.seeds)

    def __getitem__(self, rows: Tensor) -> Noise:
        """The streams of some rows, by number or by a mask, from where they are."""
        some = Noise((), self.seeds.device)
        some.seeds, some.drawn = self.seeds[rows], self.drawn
        return some

    def rand(self, *shape: int) -> Tensor:
        """Uniform in [0, 1): float32 of a shape (B, ...). Raises ValueError: of other rows."""
        if shape[0] != len(self):
            raise ValueError(f"{shape[0]} rows; expected one for each of {len(self)} seeds")
        many = math.prod(shape[1:])
        place = torch.arange(self.drawn + 1, self.drawn + many + 1, device=self.seeds.device)
        self.drawn += many
        x = scattered(self.seeds.unsqueeze(1) + place * GOLDEN)
        uniform: Tensor = _shifted(x, 64 - _BITS).float() / 2**_BITS
        return uniform.view(shape)

    def randn(self, *shape: int) -> Tensor:
        """Of N(0, 1), by Box & Muller 1958: float32 of a shape (B, ...)."""
        radius = (-2 * (1 - self.rand(*shape)).log()).sqrt()
        return radius * (2 * math.pi * self.rand(*shape)).cos()


def scattered(x: Tensor) -> Tensor:
    """Integers, int64, as their hashes of 64 bits: the finalizer of SplitMix64. 0 stays 0."""
    for shift, factor in _ROUNDS:
        x = (x ^ _shifted(x, shift)) * factor
    return x ^ _shifted(x, 31)


Source = Generator | Noise | None
"""Where random numbers come from; absent: torch's own generator."""


def rand(source: Source, shape: Sequence[int], device: torch.device) -> Tensor:
    """Uniform in [0, 1): float32 of a shape."""
    if isinstance(source, Noise):
        return source.rand(*shape)
    return torch.rand(shape, generator=source, device=device)


def randn(source: Source, shape: Sequence[int], like: Tensor) -> Tensor:
    """Of N(0, 1), of a shape, where and of the type that a tensor is."""
    if isinstance(source, Noise):
        return source.randn(*shape).to(like.dtype)
    return torch.randn(shape, generator=source, device=like.device, dtype=like.dtype)


def choose(mass: Tensor, source: Source) -> Tensor:
    """(...,) int64: one of the V of each row, in proportion to its mass (..., V), of any sum."""
    return at_level(rand(source, mass.shape[:-1], mass.device), mass)


def at_level(level: Tensor, mass: Tensor) -> Tensor:
    """Which of V stands at each level (...,) in [0, 1) of the cumulative distribution: mass
    (..., V), or (V,) for all, of any sum. Twenty times as fast as torch.multinomial."""
    mass = mass.cumsum(dim=-1)
    whole = mass[..., -1:]
    # Below the whole even when rounded: so it never lies past the last that has any mass.
    level = torch.minimum(level.unsqueeze(-1) * whole, whole * (1 - 1e-6))
    place = torch.searchsorted(mass, level, right=True).squeeze(-1)
    return place.clamp(max=mass.shape[-1] - 1)  # without any mass there is none


def _shifted(x: Tensor, by: int) -> Tensor:
    """x >> by without its sign: torch has no unsigned shift."""
    shifted: Tensor = (x >> by) & (2 ** (64 - by) - 1)
    return shifted

"""Bricks for any model: gated convolutions and Gaussians. They need torch and know no poems."""

from .cross_entropy import linear_cross_entropy
from .gaussian import DiagonalGaussian
from .gcnn import (
    GCNN,
    AttentionPool,
    GatedConv1d,
    GatedResidualBlock,
    masked_max,
    masked_mean,
)

__all__ = [
    "GCNN",
    "AttentionPool",
    "DiagonalGaussian",
    "GatedConv1d",
    "GatedResidualBlock",
    "linear_cross_entropy",
    "masked_max",
    "masked_mean",
]

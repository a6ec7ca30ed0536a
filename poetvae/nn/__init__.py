"""Bricks for any model: gated convolutions, Gaussians, codebooks. They need torch, no poems."""

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
from .mixture import Mixture
from .quantizer import Quantized, VectorQuantizer, perplexity

__all__ = [
    "GCNN",
    "AttentionPool",
    "DiagonalGaussian",
    "GatedConv1d",
    "GatedResidualBlock",
    "Mixture",
    "Quantized",
    "VectorQuantizer",
    "linear_cross_entropy",
    "masked_max",
    "masked_mean",
    "perplexity",
]

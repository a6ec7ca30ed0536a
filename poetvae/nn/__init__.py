"""Bricks for any model: gated convolutions, Gaussians, codebooks. They need torch, no poems."""

from .cross_entropy import linear_cross_entropy
from .distributions import DiagonalGaussian, Mixture
from .gated_conv import GCNN, GatedConv1d, GatedResidualBlock
from .pooling import AttentionPool, masked_max, masked_mean
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

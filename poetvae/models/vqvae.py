"""The VQ-VAE: a poem as a few codes out of a learned codebook, and a prior that writes codes.

van den Oord et al. 2017 (arXiv 1711.00937). Each group of positions has one code. The posterior is
a point, so the bound is exact arithmetic: -log p(x) <= -log p(x | codes) - log p(codes).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..data.dataset import Batch
from ..nn.distributions import Point
from ..nn.noise import Source, choose
from ..nn.quantizer import VectorQuantizer, perplexity
from .autoregressive import Autoregressive
from .base import LatentModel
from .bounds import LatentSample
from .encoder import Reader
from .layers import initialise


class CodePrior:
    """p(codes | labels) for n poems, over their vectors side by side, (n, D)."""

    def __init__(self, model: VQVAE, n: int, labels: Tensor | None) -> None:
        self.model, self.n, self.labels = model, n, labels

    def sample(self, generator: Source = None) -> Tensor:
        """(n, D): codes written one after the other."""

        def code(position: int, logits: Tensor) -> Tensor:
            chances = logits[:, : self.model.config.codebook_size].float().softmax(dim=1)
            return choose(chances, generator)

        return self.model.vectors(self.model.code_prior.sample(self.n, code, self.labels)[0])

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., n): log p of the codes nearest to z (..., n, D), in nats."""
        codes = self.model.codes(z)
        rows, labels = codes.flatten(0, -2), self.labels
        if labels is not None and len(labels) != len(rows):
            labels = labels.repeat(len(rows) // len(labels), 1)
        return -self.model.code_prior.nll(Batch.whole(rows, labels)).view(codes.shape[:-1])


class VQVAE(LatentModel):
    """Poems to codes and back; z is a poem's code vectors side by side, D = groups * code_dim."""

    discrete = True
    any_length = False  # its vectors' means and variances are those of all lengths together

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        groups = -(-config.max_len // config.code_stride)
        super().__init__(config, mask_id, groups * config.code_dim)
        self.groups = groups
        self.encoder = Reader(config, self.embedding, mask_id)
        self.to_vectors = nn.Linear(config.code_stride * config.d_model, config.code_dim)
        # Over the poems each vector keeps mean 0 and variance 1: else what all poems share takes
        # the codes, and what tells them apart shrinks towards nothing.
        self.center = nn.Parameter(torch.zeros(self.latent_dim), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(self.latent_dim), requires_grad=False)
        self.quantizer = VectorQuantizer(config.codebook_size, config.code_dim, config.code_decay)
        over_codes = replace(
            config,
            kind="autoregressive",
            vocab_size=config.codebook_size + 1,  # one more stands before the first code
            sound_sizes=(),
            max_len=self.groups,
            lines=(),
            repeats=False,
            embed_dim=config.d_model,
            decoder_layers=config.prior_layers,
        )
        self.code_prior = Autoregressive(over_codes, mask_id, bos_id=config.codebook_size)
        self.apply(initialise)

    def bound_name(self, samples: int) -> str:
        """Each poem has one string of codes, so that there is one sample."""
        return "ELBO"

    def network_passes(self, passes: int | None = None) -> int:
        """The decoder's passes, and one for each code of the prior."""
        return super().network_passes(passes) + self.groups

    def vectors(self, codes: Tensor) -> Tensor:
        """z (..., D) of codes (..., groups)."""
        return self.quantizer.lookup(codes).flatten(-2)

    def codes(self, z: Tensor) -> Tensor:
        """The codes (..., groups) nearest to z (..., D)."""
        return self.quantizer.nearest(z.view(*z.shape[:-1], self.groups, -1))

    def prior(self, n: int, labels: Tensor | None = None) -> CodePrior:
        """p(codes | labels) for n poems: an autoregressive model of the same blocks."""
        return CodePrior(self, n, labels)

    def encode(self, batch: Batch) -> Point:
        """The codes of each poem: a point z (B, D), in float32."""
        return Point(self.vectors(self.quantizer.nearest(self._groups(batch))))

    def forward(
        self, batch: Batch, *, passes: int = 1, samples: int = 1, generator: Generator | None = None
    ) -> LatentSample:
        """The one draw of each poem, its codes, and its nll; in training the codebook follows."""
        quantized = self.quantizer(self._groups(batch))
        z = quantized.vectors.flatten(1)
        nll, prior = self.nll(z, batch, passes), self.prior(len(batch), batch.labels)
        commitment = quantized.distance.sum(dim=1) / self.config.code_dim
        return LatentSample(nll.unsqueeze(0), z.unsqueeze(0), Point(z), prior, commitment)

    def usage(self, z: Tensor) -> dict[str, Any]:
        """The codes in use at z (N, D), and what they tell of the poems: as each has one string of
        codes, the entropy of the strings."""
        codes, n = self.codes(z), len(z)
        alike = torch.unique(codes, dim=0, return_counts=True)[1].double()
        return {
            "mutual_information": math.log(n) - float((alike * alike.log()).sum()) / n,
            "codes_used": len(torch.unique(codes)),
            "codebook_perplexity": perplexity(codes),
        }

    def describe_prior(self) -> dict[str, Any]:
        """Codes are not among what can be told in few numbers."""
        return {"kind": "codes"}

    def description(self) -> tuple[str, str, str]:
        """A VQ-VAE."""
        return f"text VQ-VAE with {self.config.codebook_size} codes", "vq-vae", self.manner()

    def _groups(self, batch: Batch) -> Tensor:
        """A vector for each group of positions: (B, groups, code_dim)."""
        x = self.encoder.features(batch) * batch.mask.unsqueeze(1)
        x = F.pad(x, (0, self.groups * self.config.code_stride - x.shape[2]))
        x = x.transpose(1, 2).reshape(x.shape[0], self.groups, -1)  # len(x) is no symbol to export
        x = self.to_vectors(x).to(self.center.dtype).flatten(1)
        momentum = 1 - self.config.code_decay
        x = F.batch_norm(x, self.center, self.spread, training=self.training, momentum=momentum)
        return x.view(x.shape[0], self.groups, -1)

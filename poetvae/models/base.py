"""What all models of the family share, and what those with a latent vector do.

A model answers for itself (has it a latent, a bound, how many passes, what is exported): nobody
asks for its type. Shapes: B poems, T = max_len positions, D latent, V vocabulary.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..data.dataset import Batch
from ..errors import ConfigError
from ..i18n import _
from ..nn.distributions import DiagonalGaussian, Distribution, Point, Posterior
from ..nn.noise import Source
from ..text.sounds import Sounds
from .bounds import LatentSample, iwae, kl_by_unit, log_weights
from .decoder import Decoder
from .embedding import TokenEmbedding
from .repeats import raised

if TYPE_CHECKING:
    from .autoregressive import Autoregressive


@dataclass(frozen=True)
class Score:
    """How likely B poems are, (B,) each, in nats: recon, -log p(x | z) at one z drawn from q; kl,
    KL(q(z | x) || p(z)) or an estimate of it; bound, an upper bound of -log p(x), or that itself
    where it is known; the posterior q(z | x), None without a latent; and the KL by latent unit, (B,
    D), where that has a closed form."""

    recon: Tensor
    kl: Tensor
    bound: Tensor
    posterior: Posterior | None = None
    kl_by_unit: Tensor | None = None


@dataclass(frozen=True)
class ExportPart:
    """A part of a model for programs without torch: a module, and inputs by name to trace it."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class TextModel(nn.Module):
    """What all models of the family share: a configuration, and the likelihood of a text."""

    has_latent = False
    any_length = True  # whether it can learn from batches of one length, see `by_length`

    def __init__(self, config: ModelConfig, mask_id: int = 4) -> None:
        super().__init__()
        if config.vocab_size <= mask_id:
            raise ConfigError(
                _(
                    "vocab_size is {size}; expected the size of the tokenizer, more than the {n} "
                    "special tokens",
                    size=config.vocab_size,
                    n=mask_id + 1,
                )
            )
        if not config.max_len:
            raise ConfigError(_("max_len is 0; expected how many positions a poem has"))
        passes = tuple(number or config.max_len for number in config.passes)
        self.config, self.mask_id = replace(config, passes=passes), mask_id

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def tensors(self) -> dict[str, Tensor]:
        """All that it is made of, by name: what is learned, then the facts that go with it."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def set_sounds(self, sounds: Sounds | None) -> None:
        """How its tokens sound, where it was built to be told.
        Raises ConfigError: they are not of the sizes that it was built for."""
        for table in self._sounding():
            if sounds is not None:
                table.set_sounds(sounds)

    def check_sounds(self) -> None:
        """Raises ConfigError: what is said of its tokens' sounds cannot be."""
        for table in self._sounding():
            table.check_sounds()

    def fold_sounds(self) -> None:
        """Give each token the one vector that its sounds and its own make: the same model, which
        nothing more is computed for, and which learns otherwise."""
        for table in self._sounding():
            table.fold()

    def _sounding(self) -> list[TokenEmbedding]:
        tables = (part for part in self.modules() if isinstance(part, TokenEmbedding))
        return [table for table in tables if table.sounds is not None]

    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    @property
    def latent(self) -> LatentModel:
        """Itself; a ConfigError where it has no latent."""
        raise ConfigError(_("an autoregressive model has no latent space; give a VAE"))

    @property
    def causal(self) -> Autoregressive:
        """Itself; a ConfigError where it does not write token by token and know log p(x)."""
        raise ConfigError(_("this is no autoregressive model; train one with --preset ar"))

    def bound_name(self, samples: int) -> str:
        """What `Score.bound` is: "exact", "IWAE-K" of so many samples, "ELBO" or "none"."""
        return "exact"

    @property
    def has_bound(self) -> bool:
        """Whether log p(x) is known or bounded: not so for an autoencoder, without a density."""
        return self.bound_name(1) != "none"

    @property
    def pass_choices(self) -> tuple[int, ...]:
        """The numbers of passes that it was trained to write in; empty where there is no choice."""
        choices = tuple(sorted(set(self.config.passes)))
        return choices if self.has_latent and len(choices) > 1 else ()

    def check_passes(self, passes: int | None) -> int:
        """In how many passes it writes; absent: the most that it was trained for.

        Raises:
            ConfigError: fewer than one, or any where there is nothing to choose.
        """
        if passes is not None:
            raise ConfigError(
                _("an autoregressive model takes a pass a character; leave out passes")
            )
        return 1

    def network_passes(self, passes: int | None = None) -> int:
        """How often the network runs to write a poem in so many passes."""
        return self.config.max_len

    def usage(self, z: Tensor) -> dict[str, Any]:
        """Figures of how codes or clusters are used at z (N, D), by the names of a report."""
        return {}

    def components_of(self, z: Tensor) -> Tensor | None:
        """The likeliest component of its prior for each z (N, D); None without components."""
        return None

    @torch.no_grad()
    def score(
        self,
        batch: Batch,
        samples: int = 1,
        generator: Source = None,
        passes: int | None = None,
    ) -> Score:
        """How likely poems are: exactly, or by the importance-weighted bound (Burda et al. 2016,
        arXiv 1509.00519, equation 8) with so many samples of z, written in so many passes."""
        if not self.has_latent:
            nll = self.causal.nll(batch)
            return Score(nll, torch.zeros_like(nll), nll)
        draw = self.latent.sample_posterior(batch, samples, generator, passes)
        bound, units = -iwae(log_weights(draw)), kl_by_unit(draw)
        closed = units if isinstance(draw.prior, DiagonalGaussian) else None
        return Score(draw.nll[0], units.sum(dim=1), bound, draw.posterior, closed)

    def description(self) -> tuple[str, str, str]:
        """For a card: what it is, its tag on a hub, and how it writes."""
        raise NotImplementedError

    def export_parts(self, passes: int | None) -> list[ExportPart]:
        """What programs without torch need of it, the decoder first; errors as of `decode`."""
        raise NotImplementedError

    def export_metadata(self, passes: int | None) -> dict[str, Any]:
        """What such programs have to know of its numbers."""
        return {}


class LatentModel(TextModel, ABC):
    """A text model that writes from a latent vector, of `latent_dim` as it is seen from outside."""

    has_latent = True
    discrete = False  # whether z is one of finitely many, so that it cannot be moved a little

    def __init__(self, config: ModelConfig, mask_id: int, latent_dim: int) -> None:
        super().__init__(config, mask_id)
        self.latent_dim = latent_dim
        self.embedding = TokenEmbedding(config)
        over_z = replace(self.config, latent_dim=latent_dim)
        self.decoder = Decoder(over_z, self.embedding, mask_id)

    @property
    def latent(self) -> LatentModel:
        """Itself."""
        return self

    @property
    def passes(self) -> int:
        """In how many passes it writes unless something else is asked for: the most it learnt."""
        return max(self.config.passes, default=1)

    def check_passes(self, passes: int | None) -> int:
        """As of `TextModel`; whether it was trained for them is for `decode` to say."""
        if passes is not None and passes < 1:
            raise ConfigError(_("passes is {passes}; expected at least 1", passes=passes))
        return passes or self.passes

    def network_passes(self, passes: int | None = None) -> int:
        """How often the network runs to write a poem in so many passes."""
        return passes or self.passes

    @abstractmethod
    def encode(self, batch: Batch) -> Posterior:
        """q(z | x, labels, observed): a distribution over (B, D), in float32."""

    @abstractmethod
    def prior(self, n: int, labels: Tensor | None = None) -> Distribution:
        """p(z | labels) for n poems: over (n, D)."""

    def prior_shift(self, labels: Tensor) -> Tensor:
        """(n, D): how far the labels (n, L) move p(z | labels), if they do."""
        return torch.zeros(len(labels), self.latent_dim, device=labels.device)

    def decode(
        self,
        z: Tensor,
        observed: Tensor | None = None,
        labels: Tensor | None = None,
        history: Tensor | None = None,
        passes: int = 1,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, T, V) of every position, independent given the arguments; absent = none.

        Args:
            z, labels: (B, D), (B, L).
            observed: (B, T) token ids where a character is known, the mask token elsewhere.
            history: (B, T) token ids of what earlier passes decided; each position sees those of
                the passes before its own, see `InterleavedDecoder`.
            mask: (B, T) or (1, T) bool, True = of the poem; absent: all of max_len are.

        Raises:
            ConfigError: characters are shown to a model that was trained without, or a number of
                passes that it was not trained for.
        """
        hidden = self.decoder(z, observed, labels, history, passes, mask)
        logits = F.linear(hidden, self.decoder.softmax.table(), self.decoder.bias)
        return raised(logits, self.decoder.repeated(history, passes))

    def nll(self, z: Tensor, batch: Batch, passes: int = 1) -> Tensor:
        """-log p(x | z, observed, labels) of each poem in nats, exact in any passes, and the same
        whatever poems are beside it: (B,). No logits are kept. Observed characters are given, not
        predicted: they cost nothing."""
        mask = batch.mask
        history = batch.tokens.masked_fill(~mask, self.mask_id) if passes > 1 else None
        hidden = self.decoder(z, batch.observed, batch.labels, history, passes, mask)
        if batch.observed is not None:
            mask = mask & (batch.observed == self.mask_id)
        return self.decoder.token_nll(hidden, batch.tokens, mask, history, passes).sum(dim=1)

    @torch.no_grad()
    def sample_posterior(
        self, batch: Batch, samples: int, generator: Source, passes: int | None = None
    ) -> LatentSample:
        """Draws of z from q(z | x), one of a point, and the nll of each poem at each, in so many
        passes; absent = the most it was trained for. With `observed` characters, x is what is
        hidden, and all is given those; see `bounds.log_weights`."""
        posterior = self.encode(batch)
        prior = self.prior(len(batch), batch.labels) if self.has_bound else None
        draws = 1 if isinstance(posterior, Point) else samples
        z = torch.stack([posterior.sample(generator) for _ in range(draws)])
        nll = torch.stack([self.nll(one, batch, passes or self.passes) for one in z])
        return LatentSample(nll, z, posterior, prior)

    def manner(self) -> str:
        """How it writes, in words."""
        several = f"in {self.passes} passes of its decoder"
        return "all characters at once" if self.passes == 1 else several

    def export_parts(self, passes: int | None) -> list[ExportPart]:
        """The decoder, from z to logits, and the encoder, from tokens to the posterior."""
        passes = self.check_passes(passes)
        unknown, known = export_inputs(self)
        known |= {"observed": unknown} if self.config.observe else {}
        history = {"history": unknown} if passes > 1 else {}
        decoder = {"z": torch.zeros(2, self.latent_dim), **known, **history}
        mask = {"mask": torch.ones_like(unknown, dtype=torch.bool)}
        encoder = {"tokens": unknown, **mask, **known}
        decoder |= mask if self.config.by_length else {}
        outputs = ("mean", "logvar") if self.bound_name(1).startswith("IWAE") else ("z",)
        return [
            ExportPart("decoder", _DecoderPart(self, passes), decoder, ("logits",)),
            ExportPart("encoder", _EncoderPart(self), encoder, outputs),
        ]

    def export_metadata(self, passes: int | None) -> dict[str, Any]:
        """In how many passes it writes, and what z is drawn from."""
        return {"passes": self.check_passes(passes), "prior": self.describe_prior()}

    @abstractmethod
    def describe_prior(self) -> dict[str, Any]:
        """What z is drawn from, as plain values: its kind and its parameters."""


def export_inputs(model: TextModel) -> tuple[Tensor, dict[str, Tensor]]:
    """Unknown tokens of two poems, (2, T), and their labels where the model has any."""
    config = model.config
    unknown, width = torch.full((2, config.max_len), model.mask_id), config.label_width
    return unknown, {"labels": torch.zeros(2, width, dtype=torch.long)} if width else {}


class ExportModule(nn.Module):
    """One map of a model as a module of its own, its inputs by name."""

    def __init__(self, model: Any, passes: int = 1) -> None:
        super().__init__()
        self.model, self.passes = model, passes


class _DecoderPart(ExportModule):
    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
        history: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        logits: Tensor = self.model.decode(z, observed, labels, history, self.passes, mask)
        return logits


class _EncoderPart(ExportModule):
    def forward(
        self,
        tokens: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        posterior = self.model.encode(Batch(tokens, mask, labels, observed))
        if isinstance(posterior, DiagonalGaussian):
            return posterior.mean, posterior.logvar
        return (posterior.mode,)


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards in the one it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@contextlib.contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients of the weights; afterwards as before."""
    learned = nn.ParameterList(p for p in model.parameters() if p.requires_grad)
    with evaluating(model):
        learned.requires_grad_(False)
        try:
            yield
        finally:
            learned.requires_grad_()

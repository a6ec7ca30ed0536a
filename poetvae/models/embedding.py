"""The vectors of tokens, in which those that sound alike have something in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError
from ..i18n import _
from ..text.sounds import Sounds
from .layers import small_normal


class TokenEmbedding(nn.Embedding):
    """A learned vector of each token, and where the configuration has sounds, what is heard in it:

        table[v] = weight[v] + mean over readings r of v (sounds[tone of r] + sounds[rhyme of r])

    A token without a known reading has its own vector alone. What the tokens' readings are, and
    what is heard in a reading, is kept with the weights: a later table of facts moves no model.

    With `embed_norm` vectors are read with mean 0 and variance 1; the softmax has them as they are.
    They begin so small that what is added to them, z above all, would drown those of rare tokens
    for long.

    Shapes: V tokens, E channels, S sounds, N readings, at most R of a token.
    """

    readings: Tensor  # (V, R) int16, 0 = no more
    heard: Tensor  # (N + 1, 2) int16, 0 = nothing

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.vocab_size, config.embed_dim)
        self.normed = config.embed_norm
        self._kept: tuple[Any, ...] | None = None
        self.sounds: nn.Parameter | None = None
        if sizes := config.sound_sizes:
            if len(sizes) != 3:
                raise ConfigError(
                    _("sound_sizes is {sizes}; expected three numbers, or none", sizes=sizes)
                )
            count, readings, most = sizes
            self.sounds = small_normal(count, config.embed_dim)
            self.register_buffer("readings", torch.zeros(len(self.weight), most, dtype=torch.int16))
            self.register_buffer("heard", torch.zeros(readings + 1, 2, dtype=torch.int16))

    def set_sounds(self, sounds: Sounds) -> None:
        """The sounds of the tokens. Raises ConfigError: of other sizes than it was built for."""
        for name, values in (("readings", sounds.tokens), ("heard", sounds.readings)):
            facts, known = torch.tensor(values, dtype=torch.int16), getattr(self, name)
            if facts.shape != known.shape:
                raise ConfigError(
                    _(
                        "{name} of the tokens are {found}; expected {known}, as when it was begun: "
                        "start a new run",
                        name=name,
                        found=(*facts.shape,),
                        known=(*known.shape,),
                    )
                )
            known.copy_(facts)

    def check_sounds(self) -> None:
        """Raises ConfigError: they name what there is none of."""
        if self.sounds is None:
            return
        for name, facts, many in (
            ("readings", self.readings, len(self.heard) - 1),
            ("heard", self.heard, len(self.sounds)),
        ):
            if int(facts.min()) < 0 or int(facts.max()) > many:
                raise ConfigError(
                    _("{name} of the tokens is not within 0 to {many}", name=name, many=many)
                )

    @torch.no_grad()
    def fold(self) -> None:
        """Make the sums the tokens' own vectors, and forget what they are made of."""
        if self.sounds is not None:
            self.weight.copy_(self.weight + self._mean(self.sounds, self.readings))
            self.sounds = None
            del self.readings, self.heard

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (...) -> their rows of `table`, (..., E), normalised with `embed_norm`."""
        if self.sounds is None or not (self.training or self._learns):
            vectors = F.embedding(tokens, self.table())
        else:
            heard = self._mean(self.sounds, self.readings[tokens.flatten()])
            vectors = F.embedding(tokens, self.weight) + heard.view(*tokens.shape, -1)
        return F.layer_norm(vectors, vectors.shape[-1:]) if self.normed else vectors

    def table(self) -> Tensor:
        """The vectors of all tokens, (V, E). In evaluation mode, without gradients, the sum is made
        once and kept until one of its parts changes."""
        if self.sounds is None:
            return self.weight
        if self.training or self._learns or self.weight.is_inference():
            self._kept = None
            return self.weight + self._mean(self.sounds, self.readings)
        parts = self.weight, self.sounds, self.readings, self.heard
        # What is kept holds its parts, too, so that no others can come to lie where they were.
        now = [(part.data_ptr(), part._version) for part in parts]
        kept = self._kept
        if kept is None or kept[0] != now:
            with torch.inference_mode(False):  # else it is of no use where z learns
                whole = self.weight.detach() + self._mean(self.sounds.detach(), self.readings)
            self._kept = kept = now, whole, [part.detach() for part in parts]
        table: Tensor = kept[1]
        return table

    def train(self, mode: bool = True) -> TokenEmbedding:
        """As of a module. Optimizers may change a part without a trace: nothing is kept beyond."""
        if mode != self.training:
            self._kept = None
        return super().train(mode)

    @property
    def _learns(self) -> bool:
        learned = self.weight, self.sounds
        return torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in learned)

    def _mean(self, sounds: Tensor, readings: Tensor) -> Tensor:
        """The mean over readings (M, R) of the vectors of what is heard in them: (M, E)."""
        nothing = F.pad(sounds, (0, 0, 1, 0))
        vectors = F.embedding(self.heard.int(), nothing).sum(dim=1)
        there = readings > 0  # most tokens have one reading: the empty places would take their time
        many = there.sum(dim=1)
        starts = (many.cumsum(0) - many).int()
        return F.embedding_bag(readings[there].int(), vectors, starts, mode="mean")

    def __getstate__(self) -> dict[str, Any]:
        """Without what is kept: a copy has parts of its own."""
        return {**self.__dict__, "_kept": None}

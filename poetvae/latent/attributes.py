"""Attributes, which a poem has or lacks, and directions in the latent space, which lead to them.

An attribute divides poems into those that have it and the others. Its direction is the difference
of their two means, to be added to a code: Larsen et al. 2016, "Autoencoding beyond pixels using a
learned similarity metric" (arXiv 1512.09300), section 4.1.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..data.dataset import encode_poems
from ..errors import ConfigError, CorpusError, listed
from ..evaluation.two_sample import area_under_curve
from ..i18n import _
from ..models import LatentModel
from ..text.codec import PoemCodec
from ..text.names import field_key, value_key
from ..text.poem import Form, Poem
from ..text.prosody import regulated
from ..text.variants import is_simplified, respelled, to_simplified
from .paths import means


@dataclass(frozen=True)
class Direction:
    """From the mean of poems without an attribute to the mean of those with it.

    Attributes:
        vector: (D,); as long as the means are apart.
        ones, others: how many poems with the attribute it was made of, and how many without it.
        separation: how well the projection on such a direction tells poems with the attribute from
            others, as area under the ROC curve: 0.5 = not at all, the direction means nothing; 1 =
            perfectly. Each half of the poems is projected on the direction of the other half, since
            on the poems that it is made of even the direction of a random label separates.
    """

    vector: Tensor
    ones: int
    others: int
    separation: float

    @classmethod
    def between(cls, ones: Tensor, others: Tensor) -> Direction:
        """The direction to poems at `ones` (N, D) from poems at `others` (M, D).
        Raises CorpusError: fewer than two poems on a side."""
        if min(len(ones), len(others)) < 2:
            raise CorpusError(
                _(
                    "{ones} poems with the attribute and {others} without it: give two of both, "
                    "the least that a direction can be tried on",
                    ones=len(ones),
                    others=len(others),
                )
            )

        def area(half: int) -> float:
            vector = ones[1 - half :: 2].mean(dim=0) - others[1 - half :: 2].mean(dim=0)
            scores = torch.cat([ones[half::2], others[half::2]]) @ vector
            return area_under_curve(scores, torch.arange(len(scores)) < len(ones[half::2]))

        vector = ones.mean(dim=0) - others.mean(dim=0)
        return cls(vector, len(ones), len(others), (area(0) + area(1)) / 2)


@dataclass(frozen=True)
class Attribute:
    """A key and a value. `contains`: the text has the value in it; `tones=regulated`: some choice
    of usual readings keeps the tones of its form; `form`: the form is the value, as 5x2; any
    other key: the poem's meta field of that name is the value.
    """

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Attribute:
        """The attribute written as key=value.
        Raises ConfigError: for anything else, and for tones other than regulated."""
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigError(
                _("attribute {text!r}: expected KEY=VALUE, such as contains=月", text=text)
            )
        key = field_key(to_simplified(key))
        if key == "form":
            with suppress(ConfigError):  # free, as texts without a form have it, is none
                value = str(Form.parse(value))
        if key == "tones" and value != "regulated":
            raise ConfigError(_("attribute {text!r}: expected tones=regulated", text=text))
        return cls(key, value)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    def holds(self, poem: Poem) -> bool:
        """Whether it is true of the poem."""
        if self.key == "contains":
            known = self.value in poem.text or respelled(self.value) in poem.text
            short = not known and is_simplified(self.value)
            return known or (short and self.value in to_simplified(poem.text))
        if self.key == "tones":
            return regulated(poem.verses, form=poem.form) is True
        if self.key == "form":
            return str(poem.form) == self.value
        return same(poem.meta.get(self.key, ""), self.value)

    def divide(
        self, poems: Iterable[Poem], limit: int | None = None, least: int = 1
    ) -> tuple[list[Poem], list[Poem]]:
        """The poems that have it, and the others: at most `limit` of a side, spread evenly over it.
        Raises CorpusError: fewer than `least` on a side."""
        poems = list(poems)
        sides: tuple[list[Poem], list[Poem]] = [], []
        for poem in poems:
            sides[not self.holds(poem)].append(poem)
        ones, others = sides
        if min(map(len, sides)) < least:
            raise CorpusError(
                _(
                    "{attribute} holds for {n} of {all} poems; expected {least} with it and "
                    "{least} without it: {hint}",
                    attribute=self,
                    n=len(ones),
                    all=len(poems),
                    least=least,
                    hint=self._hint(poems),
                )
            )
        return spread(ones, limit), spread(others, limit)

    def _hint(self, poems: Sequence[Poem]) -> str:
        if self.key in ("contains", "tones", "form"):
            return _("give more poems, or another value")
        values = Counter(poem.meta[self.key] for poem in poems if self.key in poem.meta)
        if values:
            most = listed(value for value, __ in values.most_common(5))
            return _("{key} is {values} most often", key=self.key, values=most)
        keys = sorted({key for poem in poems for key in poem.meta})
        return _("these poems have {keys}", keys=listed([*keys, "form", "contains", "tones"]))


@torch.no_grad()
def codes(model: LatentModel, codec: PoemCodec, poems: Sequence[Poem], key: str) -> Tensor:
    """Modes of q(z | x) of poems, less what their labels move the prior by: (N, D).

    So a direction between two kinds of poems does not lead off the prior of the poem that is moved,
    should the kinds have other labels; the label `key`, by which they differ, moves them still.
    Errors as of `encode_poems`.
    """
    store = encode_poems(codec, poems)
    z = means(model, store)
    if store.labels is None:
        return z
    labels = store.labels.clone()
    if key in codec.fields:
        labels[:, list(codec.fields).index(key) - len(codec.fields)] = 0
    return z - model.prior_shift(labels.to(model.device)).cpu()


@lru_cache(maxsize=2**16)
def same(value: str, other: str) -> bool:
    """Whether two values of a field are one: 唐 and Tang, 苏轼 and 蘇軾."""
    return value == other or value_key(to_simplified(value)) == value_key(to_simplified(other))


def spread(poems: Sequence[Poem], limit: int | None) -> list[Poem]:
    """At most `limit` of the poems, from all over them, in order."""
    n = len(poems)
    if limit is None or n <= limit:
        return list(poems)
    return [poems[i * n // limit] for i in range(limit)]

"""Lower lines of a couplet for an upper one, the best first."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..constraints.couplet import Upper, couplet
from ..constraints.options import Conditions
from ..constraints.room import typed_units
from ..constraints.rules import requested
from ..constraints.vocabulary import language_for
from ..data.dataset import Batch, derive_seed
from ..errors import ConfigError, ConstraintError, cut, either
from ..i18n import _
from ..models import TextModel
from ..nn.noise import Noise
from ..text.codec import PoemCodec
from ..text.form import HAN, Form
from ..text.prosody import USUAL, regulated
from .generate import BATCH, Generated, allowed_tokens, distinct, label_ids, stream
from .options import SamplingOptions
from .passes import rows_of, sample
from .sampling import PLAIN
from .spelling import as_typed

RANKED = 8  # samples of the bound that lower lines are ranked by
OTHERS = 16  # upper lines that tell how likely a lower line is after any
ROUNDS = 3  # times as many draws as couplets are wanted that rhyme
WEIGHT = 0.5  # of that; of 1 human lines are known best, but what a model writes is merely rare
_MARKS = re.compile(f"[^{HAN}]")


@dataclass(frozen=True)
class Couplet(Generated):
    """A couplet whose lower line a model wrote.

    Attributes:
        lines: the upper line and the lower, with the marks inside them.
        score: what it is ranked by, in nats: see `fitness`.
    """

    score: float = field(default=math.nan, compare=False)

    def split(self, text: str) -> tuple[str, ...]:
        """Its two lines, which are equally long."""
        size = len(text) // 2 - 1
        return text[:size], text[size + 1 : -1]

    @property
    def upper(self) -> str:
        """The line that was given."""
        return self.lines[0]

    @property
    def lower(self) -> str:
        """Its answer."""
        return self.lines[1]

    @property
    def ends_level(self) -> bool:
        """Whether the upper line ends level, as lower lines do, so that the answer ends oblique."""
        return self._upper.ends_level

    @property
    def _upper(self) -> Upper:
        upper, _ = self.split(self.written or self.text)
        return Upper(upper, _MARKS.sub("", upper))

    @property
    def tones_ok(self) -> bool:
        """Whether tones are opposite where they must be, by usual readings."""
        _, lower = self.split(self.written or self.text)
        return self._upper.tones_ok(_MARKS.sub("", lower))

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `couplet --json`."""
        values = {name: value for name, value in super().as_dict().items() if name != "rhyme"}
        return {"upper": self.upper, "lower": self.lower, **values, "score": self.score}


@dataclass(frozen=True)
class Rhymed(Couplet):
    """A couplet of a language whose couplets rhyme: its second line was written to the first."""

    def split(self, text: str) -> tuple[str, ...]:
        """Its two lines."""
        return tuple(text.split("\n"))

    @property
    def ends_level(self) -> bool:
        """Never: the line that was given comes first."""
        return False

    @property
    def tones_ok(self) -> bool:
        """Whether both lines keep the metre of their form."""
        return bool(regulated(self.lines))


def couplets(
    model: TextModel,
    codec: PoemCodec,
    text: str,
    n: int = 1,
    *,
    tones: str = USUAL,
    options: SamplingOptions,
) -> list[Couplet]:
    """Up to n distinct couplets with an upper line, the best lower line first.

    Args:
        text: 4 to 11 Han characters, with marks inside them or without; in English a line, which
            the second one rhymes with.
        tones: how exactly they are opposite: see `constraints.couplet`; in English, how nearly the
            metre is kept, where the first line keeps it.
        options: of n * candidates draws the best are kept.

    Raises:
        ConfigError: n below 1; and as `generate` does.
        ConstraintError: as `Upper.read` and `constraints.couplet` do.
    """
    if n < 1:
        raise ConfigError(_("n is {n}; expected at least 1", n=n))
    if codec.spelt:
        return _rhymed(model, codec, text, n, tones, options)
    upper = Upper.read(codec, text)
    form, size, spell = upper.form(codec), len(upper.chars), as_typed(codec, text)
    wish, plain = couplet(codec, upper, tones), replace(options, candidates=1)
    draws = stream(model, codec, n * options.candidates, constraint=wish, options=plain)
    drawn = list({poem.text: poem for poem in draws}.values())
    ids = torch.tensor([codec.ids("".join(one.lines)) for one in drawn], device=model.device)
    labels = label_ids(codec, [form], options.known, model.device)
    scores = fitness(model, codec, form, ids, labels, options.seed)
    found = []
    for poem, value in zip(drawn, scores.tolist(), strict=True):
        chars = "".join(poem.lines)
        lines = upper.answered(chars[:size]), upper.answered(chars[size:])
        stop = "；" if len(upper.lengths) > 1 else "，"
        whole = f"{lines[0]}{stop}{lines[1]}。"
        one = Couplet(**vars(poem) | {"text": whole, "lines": lines, "score": value})
        found.append(one.respelled(spell(whole)))
    return sorted(found, key=lambda one: -one.score)[:n]


def _rhymed(
    model: TextModel, codec: PoemCodec, text: str, n: int, tones: str, options: SamplingOptions
) -> list[Couplet]:
    """Up to n couplets of which a text is the first line and the second one rhymes."""
    lines = {form.lengths: form for form in codec.forms if form.lines == 2 and form.uniform}
    sizes = [form.uniform for form in lines.values()]
    if not lines or "\n" in text.strip():
        raise ConstraintError(
            _("{text!r}: expected one line, and a model of couplets", text=cut(text, 24))
        )
    fitting = [s for s in sizes if len(typed_units(codec, text, Form(s, 2))[0]) == s]
    if not fitting:
        raise ConstraintError(
            _(
                "{text!r} has no reading of {wanted} syllables; shorten it",
                text=cut(text, 24),
                wanted=either(sizes),
            )
        )
    form = lines[fitting[0], fitting[0]]
    how: dict[str, Any] = {"first_line": text, "rhyme": "any", "strictness": tones}
    metres = language_for(codec.tokenizer).METRES[:1]
    if metres and regulated([text, text], strictness=tones, form=form):
        how["metre"] = metres[0]
    wish, spell = requested(codec, form, Conditions(**how)), as_typed(codec, text)
    draws = stream(model, codec, ROUNDS * n, form=form, constraint=wish, options=options)
    found = [
        Rhymed(**vars(poem) | {"score": poem.score or poem.log_prob}).respelled(spell(poem.text))
        for poem in distinct([draws], n)
    ]
    return sorted(found, key=lambda one: -one.score)


@torch.no_grad()
def fitness(
    model: TextModel,
    codec: PoemCodec,
    form: Form,
    tokens: Tensor,
    labels: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """How well the lower lines of couplets (B, T) with labels (1, L) follow their upper ones, and
    these more than any: log p(lower | upper), less WEIGHT times the mean of log p(lower | other)
    over other upper lines, which the model writes; in nats, (B,).

    Without the latter, lines come first that would follow anything (Li et al. 2016, A
    diversity-promoting objective function for neural conversation models, section 4).
    """
    others = upper_lines(model, codec, form, labels, seed)
    lower, many = tokens[:, form.size // 2 :], len(tokens)
    pairs = torch.cat([others.repeat_interleave(many, dim=0), lower.repeat(OTHERS, 1)], dim=1)
    after_any = log_prob(model, pairs, labels, seed, samples=1).view(OTHERS, many)
    return log_prob(model, tokens, labels, seed) - WEIGHT * after_any.mean(dim=0)


def upper_lines(
    model: TextModel, codec: PoemCodec, form: Form, labels: Tensor | None, seed: int
) -> Tensor:
    """Lines that the model begins couplets with, (OTHERS, T / 2)."""
    noise = Noise((derive_seed(seed, "upper", i) for i in range(OTHERS)), model.device)
    allowed = allowed_tokens(codec, form)[: form.size].to(model.device)
    tokens, _ = sample(model, allowed, OTHERS, rows_of(labels, OTHERS), PLAIN, noise)
    return tokens[:, : form.size // 2]


@torch.no_grad()
def log_prob(
    model: TextModel,
    tokens: Tensor,
    labels: Tensor | None = None,
    seed: int = 0,
    samples: int = RANKED,
) -> Tensor:
    """log p(lower line | upper line) of couplets (B, T) with labels (1, L), in nats, (B,).

    Exact by an autoregressive model; by one that learnt to be shown characters the bound with so
    many samples of z; by others that of the whole couplet, which ranks answers to one line alike.
    """
    upper = torch.arange(tokens.shape[1], device=tokens.device) < tokens.shape[1] // 2
    found = []
    for start in range(0, len(tokens), BATCH):
        some = tokens[start : start + BATCH]
        batch = Batch.whole(some, rows_of(labels, len(some)))
        if not model.has_latent:
            batch = replace(batch, mask=batch.mask & ~upper)
        elif model.latent.decoder.observe is not None:
            batch = replace(batch, observed=some.masked_fill(~upper, model.mask_id))
        seeds = (derive_seed(seed, "couplet", start + i) for i in range(len(some)))
        found.append(-model.score(batch, samples, Noise(seeds, tokens.device)).bound)
    return torch.cat(found)

"""Poems from latent vectors, in one pass of the decoder or a few; or, by the baseline, character
after character. What is asked of them holds by construction: see `constrained`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Generator, Tensor

from ..constraints.constraint import Constraint
from ..constraints.rules import of_form
from ..constraints.words import narrowing, words_of
from ..data.dataset import Batch, derive_seed
from ..errors import ConfigError
from ..i18n import _
from ..models import LatentModel, TextModel
from ..nn.distributions import DiagonalGaussian
from ..nn.noise import Noise, choose
from ..text.codec import PoemCodec
from ..text.poem import Form, Poem, split_verses
from ..text.prosody import regulated, rhyme
from ..text.tokenizer import EOS
from ..text.variants import is_simplified, to_simplified, to_traditional
from .constrained import population, sample_constrained
from .options import SamplingOptions
from .passes import sample, write
from .ranking import score
from .sampling import PLAIN
from .smc import Particles

BATCH = 256
SHARED = 8  # poems of the first block that shares a population; each next one has twice as many
RANKED = 1  # samples of the bound that candidates are told by: 8 keep the same ones
LIKELIEST = SamplingOptions(temperature=0.0)
Forms = list[Form | None]  # of each poem; None = free form


@dataclass(frozen=True)
class Generated:
    """A poem that a model wrote.

    Attributes:
        text, lines: as people read it; its verses, without punctuation in a fixed form.
        form, seed: "5x2", None in free form; with options and place the seed writes it again.
        log_prob: log p(x | z) of the characters, each in its pass, 0 for those that were shown, or
            log p(x) by an autoregressive model, at temperature 1 and unfiltered, in nats.
        satisfied: whether it meets the constraint that it was written under: checked.
        bound, score: of log p(x) in nats, and what it was chosen by, see `ranking.score`; None
            where it was not chosen among candidates.
        written: the text in the model's own characters, where `text` has those that were typed.
    """

    text: str
    lines: tuple[str, ...]
    form: str | None
    seed: int
    log_prob: float = field(compare=False)  # its last bits depend on what is computed beside it
    satisfied: bool = True
    bound: float | None = field(default=None, compare=False)
    score: float | None = field(default=None, compare=False)
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def poem(self) -> Poem:
        """The same as a poem, which has no more than its lines and perhaps a tune, in the model's
        own characters."""
        lines = tuple((self.written or self.text).split("\n"))
        poem = Poem(lines, {"tune": self.form} if self.form else {})
        with suppress(ConfigError):  # a form that has no such name any more
            return poem.read_as(Form.parse(self.form)) if self.form else poem
        return poem

    def in_script(self, script: str | None) -> str:
        """Its text in simplified or traditional characters; None: as it is."""
        if script == "traditional" and is_simplified(self.text):
            return to_traditional(self.written or self.text)
        return to_simplified(self.text) if script == "simplified" else self.text

    def split(self, text: str) -> tuple[str, ...]:
        """The verses of its text, or of one that differs from it in the spelling alone."""
        return split_verses(text) if self.form else tuple(text.split("\n"))

    def respelled(self, text: str) -> Self:
        """The same in another spelling; what is told of its sounds is told of what was written."""
        if text == self.text:
            return self
        written = self.written or self.text
        return replace(self, text=text, lines=self.split(text), written=written)

    @property
    def tones_ok(self) -> bool | None:
        """Whether usual readings keep the tones of its form, see `prosody.regulated`."""
        return regulated(self.poem.verses, form=self.poem.form)

    @property
    def rhyme(self) -> str | None:
        """The rhyme of its verses, see `prosody.rhyme`."""
        return rhyme(self.poem.verses, form=self.poem.form)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `generate --json`."""
        values = {**asdict(self), "lines": list(self.lines)}
        told = {"tones_ok": self.tones_ok, "rhyme": self.rhyme, "satisfied": self.satisfied}
        hidden = ("satisfied", "bound", "score", "written")
        return {name: value for name, value in values.items() if name not in hidden} | told

    def ranked(self, bound: float, told: float = 0.0) -> Self:
        """The same as one of several candidates, of which this is a bound of log p(x), and what
        speaks for its theme, both in nats."""
        poem = self.poem
        return replace(self, bound=bound, score=score(poem.verses, bound, poem.form, told))


def generate(
    model: TextModel,
    codec: PoemCodec,
    n: int = 1,
    *,
    form: Form | None = None,
    constraint: Constraint | None = None,
    options: SamplingOptions = PLAIN,
    weighed: bool = True,
) -> list[Generated]:
    """Write n poems: in few passes each, or in one step a character by an autoregressive model.

    Args:
        form: one of the model's; absent = that of the constraint, or drawn as often as it was
            trained on, or free form.
        constraint: what every poem must be, see `constrained`.
        options: z is drawn from the prior, or given the constraint, at any temperature. Labels are
            values by field, as {"dynasty": "tang"}; the others are unknown. Of candidates, each
            from its own z, the best is kept: see `ranking`. Their log p(x) is a bound with
            one sample of z, or exact where that is known.
        weighed: if not, z is drawn from the prior, so that all the constraint does is to mask
            characters: for comparison.

    The poem at a place is a function of the seed and that place: it does not depend on n.

    Raises:
        ConfigError: n below 1, a form or label that the model does not know, or passes that it was
            not trained for.
        ConstraintError: a constraint that no poem of the form meets, or none in many draws.
    """
    how: Any = {"form": form, "constraint": constraint, "options": options, "weighed": weighed}
    return list(stream(model, codec, n, **how))


def stream(
    model: TextModel,
    codec: PoemCodec,
    n: int,
    start: int = 0,
    *,
    form: Form | None = None,
    constraint: Constraint | None = None,
    options: SamplingOptions = PLAIN,
    weighed: bool = True,
) -> Iterator[Generated]:
    """The poems of `generate` as they are written, from place `start` on, in memory that does not
    grow. Arguments and errors as of `generate`; what is wrong with them is raised at once."""
    if n < 1:
        raise ConfigError(_("n is {n}; expected at least 1", n=n))
    model.check_passes(options.passes)
    codec.check_labels(options.known)
    if constraint is None:
        form = form and codec.check_form(form)
        writer = _Writer(model, codec, form, options)
    else:
        form = codec.check_form(form or constraint.form)
        base = of_form(codec, form)
        constraint = (base & constraint).to(model.device)
        writable = base.allowed[: constraint.length].to(model.device)
        constraint = constraint.first(constraint.length)  # the rest is not of the poem
        writer = _Writer(model, codec, form, options, constraint, writable, weighed)
    return writer.poems(start, start + n)


@dataclass(frozen=True)
class _Writer:
    """What `stream` was asked for, by the same names."""

    model: TextModel
    codec: PoemCodec
    form: Form | None
    options: SamplingOptions
    constraint: Constraint | None = None
    writable: Tensor | None = None
    weighed: bool = True

    def poems(self, start: int, stop: int) -> Iterator[Generated]:
        """Those at the places from start to stop. What is written together is a block of places,
        the same whatever is wanted of it. Under a constraint they share a population of z, and the
        blocks begin small, for those who want few."""
        most = max(1, BATCH // self.options.candidates)
        first, size = 0, most if self.constraint is None else min(SHARED, most)
        while first < stop:
            block = range(first, first + size)
            if wanted := range(max(start, first), min(stop, block.stop)):
                yield from self.block(wanted, self.population(block))
            first, size = block.stop, min(2 * size, most)

    def population(self, block: range) -> Particles | None:
        """The z that the poems of a block are written from, where there is a constraint."""
        if self.constraint is None or self.writable is None:
            return None
        seed = derive_seed(self.options.seed, "population", block.start)
        generator = Generator(self.model.device).manual_seed(seed)
        labels = label_ids(self.codec, [self.form], self.options.known, self.model.device)
        n, how = len(block) * self.options.candidates, (self.options, self.weighed, generator)
        return population(self.model, self.constraint, self.writable, min(n, BATCH), labels, *how)

    @torch.no_grad()
    def block(self, places: range, particles: Particles | None) -> list[Generated]:
        """The poems at these places, each the best of its candidates."""
        many = self.options.candidates
        first, forms = places.start * many, [x for x in self.forms(places) for _ in range(many)]
        drawn: dict[int, Generated] = {}
        for form, rows in _by_form(forms):
            found = self.draw(form, [first + row for row in rows], particles)
            drawn |= zip(rows, found, strict=True)
        groups = ([drawn[i * many + k] for k in range(many)] for i in range(len(places)))
        return [max(group, key=lambda poem: poem.score or 0.0) for group in groups]

    def forms(self, places: range) -> Forms:
        """The form of the poem at each place."""
        choices = list(self.codec.forms)
        if self.form is not None or not choices:
            return [self.form] * len(places)
        counts = torch.tensor([max(n, 1) for n in self.codec.forms.values()], dtype=torch.float)
        noise = Noise(derive_seed(self.options.seed, "forms", place) for place in places)
        return [choices[i] for i in choose(counts.expand(len(places), -1), noise).tolist()]

    def draw(
        self, form: Form | None, rows: list[int], particles: Particles | None
    ) -> Sequence[Generated]:
        """The poem of each row, places and candidates counted on, with its score if it is one."""
        model, codec, options, n = self.model, self.codec, self.options, len(rows)
        noise = Noise((derive_seed(options.seed, "generate", row) for row in rows), model.device)
        ids = label_ids(codec, [form] * n, options.known, model.device)
        words = words_of(codec.tokenizer)
        if self.constraint is None:
            allowed = _allowed(codec, form, model.device)
            narrow = narrowing(words, form)
            tokens, log_probs = sample(model, allowed, n, ids, options, noise, narrow)
            met = [True] * n
        else:
            row, how = None if ids is None else ids[:1], (options, noise, words)
            tokens, log_probs = sample_constrained(model, self.constraint, particles, n, row, *how)
            met = self.constraint.satisfied(tokens).tolist()
        poems = _written(codec, tokens, log_probs, form, options.seed, met)
        if options.candidates == 1:
            return poems
        found = model.score(_batch(codec, tokens, form, ids), RANKED, noise)
        told = torch.zeros(n)
        if model.config.theme_len and isinstance(found.posterior, DiagonalGaussian):
            told = found.posterior.kl() - found.kl  # 0 where nothing is known of a theme
        values = zip(poems, (-found.bound).tolist(), told.tolist(), strict=True)
        return [poem.ranked(bound, nats) for poem, bound, nats in values]


class Written(Protocol):
    """What has the text of a poem."""

    @property
    def text(self) -> str: ...


P = TypeVar("P", bound=Written)


def distinct(rounds: Iterable[Iterable[P]], n: int) -> list[P]:
    """Up to n different poems, of as many rounds of draws as that takes."""
    found: dict[str, P] = {}
    for poems in rounds:
        for poem in poems:
            found.setdefault(poem.text, poem)
        if len(found) >= n:
            break
    return list(found.values())[:n]


@torch.no_grad()
def decode(
    model: LatentModel,
    codec: PoemCodec,
    z: Tensor,
    forms: Forms,
    options: SamplingOptions = LIKELIEST,
) -> list[Generated]:
    """The poem at each z (B, D), in the form given for each; temperature 0: the likeliest one. Each
    is a function of its z, the seed and its place.

    Raises:
        ConfigError: a label that the model does not know, or passes it was not trained for.
    """
    z = z.to(model.device)
    poems: dict[int, Generated] = {}
    words = words_of(codec.tokenizer)
    for form, places in _by_form(forms):
        allowed = _allowed(codec, form, model.device)
        labels = label_ids(codec, [form] * len(places), options.known, model.device)
        noise = Noise((derive_seed(options.seed, "decode", i) for i in places), model.device)
        how: Any = {"options": options, "generator": noise, "words": narrowing(words, form)}
        written = write(model, z[places], allowed, labels, **how)
        made = _written(codec, *written[:2], form, options.seed, [True] * len(places))
        poems |= zip(places, made, strict=True)
    return [poems[place] for place in range(len(forms))]


def _by_form(forms: Forms) -> Iterator[tuple[Form | None, list[int]]]:
    """The places of each form, at most `BATCH` at once: what is written together has one form, and
    nothing is written past it."""
    for form in dict.fromkeys(forms):
        places = [place for place, one in enumerate(forms) if one == form]
        for start in range(0, len(places), BATCH):
            yield form, places[start : start + BATCH]


def _batch(codec: PoemCodec, tokens: Tensor, form: Form | None, labels: Tensor | None) -> Batch:
    """Tokens (B, T) that were written, as poems to score."""
    shape = len(tokens), form.size if form else codec.max_len
    padded = torch.full(shape, codec.tokenizer.pad_id, device=tokens.device)
    mask = torch.zeros_like(padded, dtype=torch.bool)
    for row, used in enumerate(_lengths(tokens, form)):
        padded[row, :used], mask[row, :used] = tokens[row, :used], True
    return Batch(padded, mask, labels)


def given(text: str, form: Form) -> Generated:
    """A poem that somebody gave, as one among those that were written; its log_prob is unknown."""
    return Generated(text, split_verses(text), str(form), 0, math.nan)


def _written(
    codec: PoemCodec,
    tokens: Tensor,
    log_probs: Tensor,
    form: Form | None,
    seed: int,
    met: list[bool],
) -> list[Generated]:
    """Token ids (B, T) and the log p of each as poems, some of which met their constraint."""
    ends = torch.tensor(_lengths(tokens, form), device=log_probs.device).unsqueeze(1) - 1
    totals = log_probs.cumsum(dim=1).gather(1, ends).squeeze(1).tolist()
    written, name = [], str(form) if form else None
    for ids, total, ok in zip(tokens.tolist(), totals, met, strict=True):
        text = codec.decode(ids, form)
        verses = split_verses(text) if form else tuple(text.split("\n"))
        written.append(Generated(text, verses, name, seed, total, ok))
    return written


def _lengths(tokens: Tensor, form: Form | None) -> list[int]:
    """How many of the tokens (B, T) are the poem, the end mark of free form included."""
    if form is not None:
        return [form.size] * len(tokens)
    ends = (tokens == EOS).int()
    return torch.where(ends.any(dim=1), ends.argmax(dim=1) + 1, tokens.shape[1]).tolist()


def allowed_tokens(codec: PoemCodec, form: Form | None) -> Tensor:
    """Which tokens may stand at each position of a form, (T, V) bool: see `conditions.of_form`."""
    return of_form(codec, form).allowed


def label_ids(
    codec: PoemCodec, forms: Forms, labels: Mapping[str, str] | None, device: torch.device
) -> Tensor | None:
    """The label values (B, L) of poems of these forms; None where the model has no labels.

    Raises:
        ConfigError: a label that the model does not know.
    """
    labels = codec.check_labels(labels or {})
    if not codec.label_width:
        return None
    return torch.tensor([codec.labels(form, labels) for form in forms], device=device)


def _allowed(codec: PoemCodec, form: Form | None, device: torch.device) -> Tensor:
    """What may stand at the T positions that a poem of this form has: (T, V)."""
    return allowed_tokens(codec, form)[: form.size if form else None].to(device)

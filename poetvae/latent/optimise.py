"""Gradient ascent in the latent space, towards what can be measured on the decoder's output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

from ..constraints.room import typed_units
from ..data.dataset import derive_seed
from ..errors import ConfigError, ConstraintError
from ..generation.generate import allowed_tokens, decode, label_ids
from ..i18n import _
from ..models import LatentModel, frozen
from ..nn.noise import Noise
from ..text.codec import PoemCodec
from ..text.poem import Form, Poem
from ..text.prosody import FREE, LEVEL, OBLIQUE, kinds, levels, patterns, schemes
from .attributes import Attribute, spread

RATE = 0.1  # of Adam; the prior has a standard deviation of 1
Property = Callable[[Tensor], Tensor]
Steps = Callable[[Iterable[int]], Iterable[int]]
Ids = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Optimised:
    """A poem that was moved. All values in nats.

    Attributes:
        text, start: the poem at the end, and at the beginning.
        value_before, value_after: the property at both; log_prior_...: log p(z | labels) at both.
    """

    text: str
    start: str
    value_before: float
    value_after: float
    log_prior_before: float
    log_prior_after: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `optimise --json`."""
        return asdict(self)


def ascend(
    model: LatentModel,
    z: Tensor,
    value: Property,
    *,
    steps: int = 100,
    near: float = 0.1,
    labels: Tensor | None = None,
    progress: Steps = iter,
) -> Tensor:
    """z (B, D) moved towards the maximum of value(z) + near * log p(z), each row by itself.

    Adam (Kingma & Ba 2015, arXiv 1412.6980) on z alone: the model gets no gradient. The best point
    on the way is taken, so that the objective never falls.

    Args:
        model, value: gives p(z); (B, D) -> (B,), in nats.
        steps, progress: of Adam, 0 leaves z as it is; wraps the steps, as tqdm does.
        near: the weight of log p(z | labels), which keeps z where the model knows such poems.
        labels: (B, L) of the poems; None without labels.

    Raises ConfigError: a number out of its bounds.
    """
    if steps < 0 or not 0 <= near < float("inf"):
        raise ConfigError(
            _(
                "steps is {steps} and near {near}; expected 0 or more, and finite",
                steps=steps,
                near=near,
            )
        )
    best, z = z.detach(), z.detach().clone().requires_grad_()
    highest = torch.full((len(z),), -torch.inf, device=z.device)
    optimizer = torch.optim.Adam([z], RATE, maximize=True)
    with frozen(model):
        for __ in progress(range(steps + 1)):
            objective = value(z) + near * model.prior(len(z), labels).log_prob(z)
            better = objective.detach() > highest
            best = torch.where(better.unsqueeze(1), z.detach(), best)
            highest = torch.where(better, objective.detach(), highest)
            (z.grad,) = torch.autograd.grad(objective.sum(), z)
            optimizer.step()
    return best


def start(
    model: LatentModel, codec: PoemCodec, form: Form | None, places: range, seed: int = 0
) -> Tensor:
    """Draws of the prior of poems of a form, each of the seed and its place: (places, D)."""
    n, noise = len(places), Noise((derive_seed(seed, "start", i) for i in places), model.device)
    return model.prior(n, label_ids(codec, [form] * n, None, model.device)).sample(noise)


def optimise(
    model: LatentModel,
    codec: PoemCodec,
    z: Tensor,
    form: Form | None,
    wanted: Property,
    steps: int = 100,
    near: float = 0.1,
    progress: Steps = iter,
) -> list[Optimised]:
    """The poems at z (B, D), in this form, moved towards a property; the rest as of `ascend`.
    Raises ConfigError: as `ascend` does."""
    forms = [form] * len(z)
    labels = label_ids(codec, forms, None, model.device)
    size = form.size if form else codec.max_len
    forbidden = ~allowed_tokens(codec, form)[:size].to(model.device)
    mask = torch.ones(1, size, dtype=torch.bool, device=model.device)

    def value(z: Tensor) -> Tensor:
        logits = model.decode(z, labels=labels, mask=mask).float()
        return wanted(logits.masked_fill(forbidden, -torch.inf))

    z = z.to(model.device)
    how: dict[str, Any] = {"steps": steps, "near": near, "labels": labels, "progress": progress}
    moved = ascend(model, z, value, **how)
    ends, starts = (
        [one.text for one in decode(model, codec, point, forms)] for point in (moved, z)
    )
    with torch.no_grad():
        values = [value(point).tolist() for point in (z, moved)]
        prior = model.prior(len(z), labels)
        priors = [prior.log_prob(point).tolist() for point in (z, moved)]
    return [Optimised(*row) for row in zip(ends, starts, *values, *priors, strict=True)]


_SOUNDS = (LEVEL, OBLIQUE, FREE)  # what the usual readings of a character may be


def toward(
    attribute: Attribute,
    codec: PoemCodec,
    form: Form | None,
    poems: Iterable[Poem] = (),
    limit: int | None = None,
) -> Property:
    """The property that leads to an attribute: `keyword` of contains, `tones` of tones, else the
    `log_odds` of poems with it against as many without, at most `limit`.

    Raises:
        ConfigError, ConstraintError: as `tones` and `keyword` do.
        CorpusError: no poem with the attribute, or none without it.
    """
    if attribute.key == "contains":
        return keyword(codec, form, attribute.value)
    if attribute.key == "tones":
        return tones(codec, form)
    sides = attribute.divide(poems, limit)
    # Of unequal sides the smaller would be credited with every rare character.
    n = min(map(len, sides))
    ones, others = ([codec.encode(poem) for poem in spread(side, n)] for side in sides)
    return log_odds(codec, form, ones, others)


def keyword(codec: PoemCodec, form: Form | None, text: str) -> Property:
    """log P(the text stands somewhere in the poem), in a fixed form within one verse.

    Exact for one character, log(1 - prod_t (1 - p_t)). For more, placements that overlap are not
    independent, and 1 - prod (1 - P(placement)) is taken nevertheless: exact where no two overlap,
    and always between the largest P(placement) and the sum of all.

    Raises ConstraintError: a character that the model never writes, or a text longer than a verse.
    """
    units = typed_units(codec, text, form)[0] if codec.spelt else list(text)
    writable, ids = set(codec.writable()), codec.ids(codec.spell("".join(units)))
    strange = [codec.letters(u) for u, i in zip(units, ids, strict=True) if i not in writable]
    if strange or not text:
        raise ConstraintError(
            _(
                "{text!r}: this model never writes {strange}",
                text=text,
                strange=" ".join(strange) or _("nothing"),
            )
        )
    size = form.size if form else codec.max_len
    spans = form.spans if form else (range(size),)
    starts = [t for span in spans for t in span if t + len(ids) <= span.stop]
    if not starts:
        room = max(map(len, spans))
        raise ConstraintError(
            _(
                "{text!r} has {n} characters; expected at most {room}",
                text=text,
                n=len(ids),
                room=room,
            )
        )

    def log_probability(logits: Tensor) -> Tensor:
        log_probs = logits[:, :size].log_softmax(dim=2)
        parts = [log_probs[:, [t + i for t in starts], token] for i, token in enumerate(ids)]
        placed = torch.stack(parts).sum(dim=0)
        # The poem goes on past a place where the text does not begin and the poem does not end.
        gone = placed.exp()
        if form is None:
            gone = gone + log_probs[:, starts, codec.tokenizer.eos_id].exp()
        passed = torch.log1p(-gone.clamp(max=1 - 1e-6)).cumsum(dim=1).roll(1, dims=1)
        first = torch.arange(len(starts), device=logits.device) == 0
        return (placed + passed.masked_fill(first, 0.0)).logsumexp(dim=1)

    return log_probability


def tones(codec: PoemCodec, form: Form | None) -> Property:
    """log P(the poem is `prosody.regulated`): some choice of usual readings fits. Exact.

    The verses of a tune are independent. Of regulated verse couplets are, given the scheme, of
    which there are two: P(1) + P(2) - P(both); within a couplet the kinds of its two verses count.

    Raises ConfigError: a form that has no tones to keep.
    """
    if form is None or not patterns(form):
        raise ConfigError(
            _(
                "form {form} has no tones to keep; expected 5x2, 7x4 or alike, or a tune",
                form=form or _("free"),
            )
        )
    tones_of = [levels(codec.tokenizer.decode([i]), True) for i in range(len(codec.tokenizer))]
    # A character without a reading fits anywhere, as in `regulated`.
    sounds = ["".join(found) if len(found) == 1 else FREE for found in tones_of]
    classes = torch.tensor([[float(sound == one) for one in _SOUNDS] for sound in sounds]).double()
    kept = partial(_sung, form) if len(patterns(form)) == 1 else partial(_regulated, form)

    def log_probability(logits: Tensor) -> Tensor:
        masses = logits[:, : form.size].softmax(dim=2).double() @ classes.to(logits.device)
        return kept(masses).to(logits.dtype)

    return log_probability


def _sung(form: Form, masses: Tensor) -> Tensor:
    """log P (B,) that characters of these probabilities of `_SOUNDS`, (B, T, 3), keep the tones of
    a tune: of each verse one of several patterns, by inclusion and exclusion."""
    (verses,) = patterns(form)
    total = masses.new_zeros(len(masses))
    for span, among in zip(form.spans, verses, strict=True):
        fits = masses.new_zeros(len(masses))
        for n in range(1, len(among) + 1):
            for some in combinations(among, n):
                slots = [
                    [all(one == tone or FREE in (one, tone) for tone in tones) for one in _SOUNDS]
                    for tones in zip(*some, strict=True)
                ]
                allowed = torch.tensor(slots, device=masses.device)
                placed = (masses[:, span.start : span.stop] * allowed).sum(dim=2).prod(dim=1)
                fits = fits - (-1) ** n * placed
        total = total + fits.clamp(min=1e-300).log()
    return total


def _regulated(form: Form, masses: Tensor) -> Tensor:
    """The same of regulated verse."""
    of_verse, fitting = (part.to(masses.device) for part in _fitting(form))
    by_verse = masses.reshape(len(masses), form.lines, form.uniform, 3)
    joint = by_verse[:, :, 0]
    for t in range(1, form.uniform):
        joint = (joint.unsqueeze(3) * by_verse[:, :, t].unsqueeze(2)).flatten(2)
    groups = joint @ of_verse
    first, second = groups[:, ::2], groups[:, 1::2]
    fits = torch.einsum("bci,scij,bcj->bsc", first, fitting, second)
    one, other, both = fits.clamp(min=1e-300).log().sum(dim=2).unbind(dim=1)
    either = torch.logaddexp(one, other)
    return either + torch.log1p(-(both - either).exp())


@cache
def _fitting(form: Form) -> tuple[Tensor, Tensor]:
    """Which of K groups each sequence of `_SOUNDS` is in, (3 ** length, K), those of a group being
    of the same kinds of verse; and which pairs of groups make a couplet of the one scheme, of the
    other, and of both, (3, couplets, K, K)."""
    found = [kinds("".join(verse)) for verse in product(_SOUNDS, repeat=form.uniform)]
    groups = list(dict.fromkeys(found))
    of_verse = torch.tensor([[float(group == kind) for group in groups] for kind in found])
    one, other = (
        torch.tensor(
            [
                [[any(a in x and b in y for a, b in pairs) for y in groups] for x in groups]
                for pairs in scheme
            ]
        )
        for scheme in schemes(form)
    )
    return of_verse.double(), torch.stack([one, other, one & other]).double()


def log_odds(codec: PoemCodec, form: Form | None, ones: Ids, others: Ids) -> Property:
    """The expected log-odds that a naive Bayes classifier of characters gives the poem.

    The sum over positions of E[log p(c | one) - log p(c | other)], each p counted in the token ids
    of poems of a class, with one added to every character (Laplace). Evidence of the characters
    alone: how frequent the classes are does not enter, and no order.
    """
    chars = torch.ones(len(codec.tokenizer))
    chars[list(codec.tokenizer.special_ids)] = 0
    log_p = []
    for poems in (ones, others):
        tokens = torch.tensor([i for ids in poems for i in ids], dtype=torch.int64)
        counts = (torch.bincount(tokens, minlength=len(chars)) + 1).double()
        log_p.append((counts / (counts * chars).sum()).log())
    weights = ((log_p[0] - log_p[1]) * chars).float()
    size = form.size if form else codec.max_len

    def expectation(logits: Tensor) -> Tensor:
        probabilities = logits[:, :size].softmax(dim=2)
        expected = probabilities @ weights.to(logits.device)
        if form is None:  # position t is read if no end mark stands before it
            stays = 1 - probabilities[:, :, codec.tokenizer.eos_id]
            alive = stays.cumprod(dim=1).roll(1, dims=1)
            first = torch.arange(size, device=logits.device) == 0
            expected = expected * alive.masked_fill(first, 1.0)
        return expected.sum(dim=1)

    return expectation

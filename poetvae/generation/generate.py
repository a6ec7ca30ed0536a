"""Poems from latent vectors, in one pass of the decoder or a few; or, by the baseline, character
after character. What is asked of them holds by construction: see `conditional`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..constraints.constraint import Constraint
from ..constraints.rules import of_form
from ..data.dataset import Batch, derive_seed
from ..errors import ConfigError
from ..models import Autoregressive, LatentModel, Model
from ..models.bounds import importance_weights, iwae
from ..text.codec import PoemCodec
from ..text.poem import Form, Poem, split_verses
from ..text.prosody import regulated, rhyme
from .constrained import sample_constrained
from .passes import one_by_one, write
from .sampling import choose_tokens, filter_logits

__all__ = [
    "BATCH",
    "Generated",
    "allowed_tokens",
    "choose_tokens",
    "decode",
    "filter_logits",
    "generate",
    "label_ids",
]
BATCH = 256
RANKED = 8  # samples of the bound that candidates are ranked by


@dataclass(frozen=True)
class Generated:
    """A poem that a model wrote.

    Attributes:
        text: as people read it.
        lines: its verses, without punctuation in a fixed form.
        form: "5x2", or None in free form.
        seed: together with the options and its place, writes it again.
        log_prob: log p(x | z) of the characters, each in its pass, or log p(x) by an autoregressive
            model, at temperature 1 and unfiltered, in nats. What the decoder was shown costs
            nothing.
        satisfied: whether it meets the constraint that it was written under: checked.
        bound: of log p(x) in nats, where it was chosen among candidates.
    """

    text: str
    lines: tuple[str, ...]
    form: str | None
    seed: int
    log_prob: float
    satisfied: bool = True
    bound: float | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def poem(self) -> Poem:
        """The same as a poem, which has no more than its lines."""
        return Poem(tuple(self.text.split("\n")))

    @property
    def tones_ok(self) -> bool | None:
        """Whether some reading keeps the tones of regulated verse, see `prosody.regulated`."""
        return regulated(self.poem.verses)

    @property
    def rhyme(self) -> str | None:
        """The rhyme class of its even verses, see `prosody.rhyme`."""
        return rhyme(self.poem.verses)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `generate --json`."""
        values = {**asdict(self), "lines": list(self.lines)}
        satisfied, _ = values.pop("satisfied"), values.pop("bound")
        return values | {"tones_ok": self.tones_ok, "rhyme": self.rhyme, "satisfied": satisfied}


@torch.no_grad()
def generate(
    model: Model,
    codec: PoemCodec,
    n: int = 1,
    *,
    form: Form | None = None,
    constraint: Constraint | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    labels: Mapping[str, str] | None = None,
    seed: int = 0,
    passes: int | None = None,
    candidates: int = 1,
    weighed: bool = True,
) -> list[Generated]:
    """Write n poems: in few passes each, or in one step a character by an autoregressive model.

    Args:
        model, codec: of a model folder.
        n: how many.
        form: one of the model's; absent = that of the constraint, or drawn as often as it was
            trained on, or free form.
        constraint: what every poem must be. An autoregressive model meets it step by step, each
            character being one that some alternative still has: that is not p(x | C).
        temperature: of the characters; 0 takes the likeliest ones, and the likeliest alternative.
            z is drawn from the prior, or given the constraint, whatever the temperature.
        top_k, top_p: as in `filter_logits`.
        labels: values by field, as {"dynasty": "tang"}; the others are unknown.
        seed: the same seed writes the same poems on one machine.
        passes: of the decoder; absent = the most that the model was trained for.
        candidates: write so many for each poem, each from its own z, and keep the likeliest: by the
            importance-weighted bound of log p(x) with 8 samples, or exactly where that is known.
        weighed: whether z is drawn given the constraint; if not, from the prior, so that all the
            constraint does is to mask characters: for comparison.

    Raises:
        ConfigError: a number out of its bounds, a form or label that the model does not know, or
            passes that it was not trained for.
        ConstraintError: a constraint that no poem of the form meets, or none in many draws.
    """
    _check(n, temperature, top_k, top_p, candidates)
    passes = _passes(model, passes)
    generator = torch.Generator(model.device).manual_seed(derive_seed(seed, "generate"))
    if constraint is not None:
        form = codec.check_form(form or constraint.form)
        base = of_form(codec, form)
        constraint = (base & constraint).to(model.device)
        writable = base.allowed[: constraint.length].to(model.device)
        # What stands past the end of the form is not of the poem.
        constraint = replace(
            constraint, alternatives=constraint.alternatives[:, : constraint.length]
        )
        forms = [form] * n
    else:
        forms = _draw_forms(codec, n, form, seed)
    forms = [form for form in forms for _ in range(candidates)]
    how: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "generator": generator,
    }
    written: list[Generated] = []
    bounds: list[Tensor] = []
    for start in range(0, len(forms), BATCH):
        part = forms[start : start + BATCH]
        ids = label_ids(codec, part, labels, model.device)
        if constraint is not None:
            row = None if ids is None else ids[:1]
            tokens, log_probs = sample_constrained(
                model, constraint, writable, len(part), row, passes=passes, weighed=weighed, **how
            )
        elif isinstance(model, Autoregressive):
            tokens, log_probs = one_by_one(
                model, len(part), partial(_choose, _allowed(codec, part, model.device), how), ids
            )
        else:
            z = model.prior(len(part), ids).sample(generator)
            allowed = _allowed(codec, part, model.device)
            tokens, log_probs, _ = write(model, z, allowed, labels=ids, passes=passes, **how)
        written += _written(codec, tokens, log_probs, part, seed, constraint)
        if candidates > 1:
            bounds.append(_bounds(model, codec, tokens, part, ids, generator))
    if candidates == 1:
        return written
    best = torch.cat(bounds).view(n, candidates).max(dim=1)
    places = (torch.arange(n) * candidates + best.indices.cpu()).tolist()
    return [
        replace(written[place], bound=bound)
        for place, bound in zip(places, best.values.tolist(), strict=True)
    ]


@torch.no_grad()
def decode(
    model: LatentModel,
    codec: PoemCodec,
    z: Tensor,
    forms: list[Form | None],
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    labels: Mapping[str, str] | None = None,
    seed: int = 0,
    passes: int | None = None,
    generator: torch.Generator | None = None,
) -> list[Generated]:
    """The poem at each z (B, D), in the form given for each; temperature 0: the likeliest one.

    Args:
        passes: as of `generate`.

    Raises:
        ConfigError: a label that the model does not know, or passes it was not trained for.
    """
    if not forms:
        return []
    tokens, log_probs, _ = write(
        model,
        z.to(model.device),
        _allowed(codec, forms, model.device),
        labels=label_ids(codec, forms, labels, model.device),
        passes=_passes(model, passes),
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        generator=generator,
    )
    return _written(codec, tokens, log_probs, forms, seed)


def _choose(allowed: Tensor, how: dict[str, Any], t: int, logits: Tensor) -> Tensor:
    return choose_tokens(logits, allowed[..., t, :], **how)


def _bounds(
    model: Model,
    codec: PoemCodec,
    tokens: Tensor,
    forms: list[Form | None],
    labels: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """A bound of log p(x) of each poem, or log p(x) itself where that is known: (B,), in nats."""
    padded = torch.full((len(tokens), codec.max_len), codec.tokenizer.pad_id, device=tokens.device)
    mask = torch.zeros_like(padded, dtype=torch.bool)
    for row, (ids, form) in enumerate(zip(tokens.tolist(), forms, strict=True)):
        used = _length(codec, ids, form)
        padded[row, :used], mask[row, :used] = tokens[row, :used], True
    if isinstance(model, Autoregressive):
        return -model.nll(padded, mask, labels)
    batch = Batch(padded, mask, labels)
    return iwae(importance_weights(model, batch, RANKED, generator)[0])


def _written(
    codec: PoemCodec,
    tokens: Tensor,
    log_probs: Tensor,
    forms: list[Form | None],
    seed: int,
    constraint: Constraint | None = None,
) -> list[Generated]:
    """Token ids (B, T) and the log p of each as poems."""
    met = [True] * len(tokens) if constraint is None else constraint.satisfied(tokens).tolist()
    rows = tokens.tolist()
    lengths = [_length(codec, ids, form) for ids, form in zip(rows, forms, strict=True)]
    ends = torch.tensor(lengths, device=log_probs.device).unsqueeze(1) - 1
    totals = log_probs.cumsum(dim=1).gather(1, ends).squeeze(1).tolist()
    names = {form: str(form) if form else None for form in set(forms)}
    written = []
    for ids, total, form, ok in zip(rows, totals, forms, met, strict=True):
        text = codec.decode(ids, form)
        verses = split_verses(text) if form else tuple(text.split("\n"))
        written.append(Generated(text, verses, names[form], seed, total, ok))
    return written


def _length(codec: PoemCodec, ids: list[int], form: Form | None) -> int:
    """How many of the tokens are the poem, the end mark of free form included."""
    if form:
        return form.size
    end = codec.tokenizer.eos_id
    return ids.index(end) + 1 if end in ids else len(ids)


def allowed_tokens(codec: PoemCodec, form: Form | None) -> Tensor:
    """Which tokens may stand at each position of a form, (T, V) bool: see `conditions.of_form`."""
    return of_form(codec, form).allowed


def label_ids(
    codec: PoemCodec,
    forms: list[Form | None],
    labels: Mapping[str, str] | None,
    device: torch.device,
) -> Tensor | None:
    """The label values (B, L) of poems of these forms; None where the model has no labels.

    Raises:
        ConfigError: a label that the model does not know.
    """
    labels = codec.check_labels(labels or {})
    if not codec.label_sizes:
        return None
    return torch.tensor([codec.labels(form, labels) for form in forms], device=device)


def _draw_forms(codec: PoemCodec, n: int, form: Form | None, seed: int) -> list[Form | None]:
    if form is not None or not codec.forms:
        return [codec.check_form(form)] * n
    choices = list(codec.forms)
    counts = torch.tensor([max(codec.forms[f], 1) for f in choices], dtype=torch.float)
    generator = torch.Generator().manual_seed(derive_seed(seed, "forms"))
    drawn = torch.multinomial(counts, n, replacement=True, generator=generator)
    return [choices[i] for i in drawn.tolist()]


def _passes(model: Model | LatentModel, passes: int | None) -> int:
    """How many passes to write in; absent: the most that the model was trained for.

    Raises:
        ConfigError: fewer than one, or any by an autoregressive model.
    """
    if isinstance(model, Autoregressive):
        if passes is not None:
            raise ConfigError("an autoregressive model takes a pass a character; leave out passes")
        return 1
    if passes is not None and passes < 1:
        raise ConfigError(f"passes is {passes}; expected at least 1")
    return passes or model.passes


def _allowed(codec: PoemCodec, forms: list[Form | None], device: torch.device) -> Tensor:
    """What may stand where in poems of these forms: (T, V) where they are one, else (B, T, V)."""
    allowed = {f: allowed_tokens(codec, f).to(device) for f in set(forms)}
    return torch.stack([allowed[f] for f in forms]) if len(allowed) > 1 else allowed[forms[0]]


def _check(
    n: int, temperature: float, top_k: int | None, top_p: float | None, candidates: int
) -> None:
    if not 1 <= candidates <= 1000:
        raise ConfigError(f"candidates is {candidates}; expected 1 to 1000")
    if n < 1:
        raise ConfigError(f"n is {n}; expected at least 1")
    if not 0 <= temperature <= 100:
        raise ConfigError(f"temperature is {temperature}; expected 0 to 100")
    if top_k is not None and top_k < 1:
        raise ConfigError(f"top_k is {top_k}; expected at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(f"top_p is {top_p}; expected more than 0, at most 1")

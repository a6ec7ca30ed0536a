"""Poems from latent vectors, all characters at once; or, by the baseline, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from .data import derive_seed
from .errors import ConfigError
from .models import Autoregressive, LatentModel, Model
from .text.codec import PoemCodec
from .text.poem import Form, Poem, split_verses

BATCH = 256


@dataclass(frozen=True)
class Generated:
    """A poem that a model wrote.

    Attributes:
        text: as people read it.
        lines: its verses, without punctuation in a fixed form.
        form: "5x2", or None in free form.
        seed: together with the options and its place, writes it again.
        log_prob: log p(x | z) of the characters, or log p(x) by an autoregressive model, at
            temperature 1 and unfiltered, in nats.
    """

    text: str
    lines: tuple[str, ...]
    form: str | None
    seed: int
    log_prob: float

    def __str__(self) -> str:
        return self.text

    @property
    def poem(self) -> Poem:
        """The same as a poem, which has no more than its lines."""
        return Poem(tuple(self.text.split("\n")))

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `generate --json`."""
        return {**asdict(self), "lines": list(self.lines)}


def filter_logits(logits: Tensor, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """Logits (..., V) with all but the likeliest tokens at -inf.

    Args:
        logits: of one categorical distribution per row.
        top_k: keep the k likeliest (all of those that tie with the k-th).
        top_p: keep the fewest tokens whose probabilities reach p (Holtzman et al. 2020,
            arXiv 1904.09751, equation 3).
    """
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, place = logits.sort(dim=-1, descending=True)
        left_out = ordered.softmax(dim=-1).cumsum(dim=-1).roll(1, dims=-1) >= top_p
        left_out[..., 0] = False  # the likeliest one always stays
        logits = logits.masked_fill(left_out.gather(-1, place.argsort(dim=-1)), -torch.inf)
    return logits


def choose_tokens(
    logits: Tensor,
    allowed: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Token ids (B, T), each drawn from its own distribution.

    Args:
        logits: (B, T, V).
        allowed: which tokens may stand where, broadcast to (B, T, V); at least one everywhere.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k, top_p: as in `filter_logits`.
        generator: of the draws.
    """
    logits = logits.float().masked_fill(~allowed, -torch.inf)
    if temperature == 0:
        return logits.argmax(dim=-1)
    # With the largest logit at 0 no temperature, however small, divides to an infinity.
    logits = logits - logits.amax(dim=-1, keepdim=True)
    logits = logits / max(temperature, torch.finfo(torch.float32).tiny)
    probabilities = filter_logits(logits, top_k, top_p).softmax(dim=-1)
    draws = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
    return draws.view(logits.shape[:-1])


def allowed_tokens(codec: PoemCodec, form: Form | None) -> Tensor:
    """Which tokens may stand at each position of a form: (T, V) bool.

    Characters alone in a fixed form. In free form also blanks, line breaks and the end mark, but
    not at the first position, so that no poem is empty.
    """
    allowed = torch.zeros(codec.max_len, len(codec.tokenizer), dtype=torch.bool)
    allowed[:, codec.writable()] = True
    if form is None:
        blank = [i for i in codec.writable() if not codec.tokenizer.decode([i]).strip()]
        allowed[0, blank] = False
    return allowed


@torch.no_grad()
def generate(
    model: Model,
    codec: PoemCodec,
    n: int = 1,
    *,
    form: Form | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    labels: Mapping[str, str] | None = None,
    seed: int = 0,
) -> list[Generated]:
    """Write n poems: in one pass each, or in one step a character by an autoregressive model.

    Args:
        model, codec: of a model folder.
        n: how many.
        form: one of the model's; absent = drawn as often as it was trained on, or free form.
        temperature: of the characters; 0 takes the likeliest ones. z is drawn from the prior.
        top_k, top_p: as in `filter_logits`.
        labels: values by field, as {"dynasty": "tang"}; the others are unknown.
        seed: the same seed writes the same poems on one machine.

    Raises:
        ConfigError: a number out of its bounds, or a form or label that the model does not know.
    """
    _check(n, temperature, top_k, top_p)
    generator = torch.Generator(model.device).manual_seed(derive_seed(seed, "generate"))
    forms = _draw_forms(codec, n, form, seed)
    how: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "labels": labels,
        "seed": seed,
        "generator": generator,
    }
    written = []
    for start in range(0, n, BATCH):
        part = forms[start : start + BATCH]
        if isinstance(model, Autoregressive):
            written += _write_on(model, codec, part, **how)
        else:
            prior = model.prior(len(part), label_ids(codec, part, labels, model.device))
            written += decode(model, codec, prior.sample(generator), part, **how)
    return written


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
    generator: torch.Generator | None = None,
) -> list[Generated]:
    """The poem at each z (B, D), in the form given for each; temperature 0: the likeliest one."""
    if not forms:
        return []
    ids = label_ids(codec, forms, labels, model.device)
    logits = model.decode(z.to(model.device), labels=ids)
    tokens = choose_tokens(
        logits,
        _allowed(codec, forms, model.device),
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        generator=generator,
    )
    log_probs = logits.float().log_softmax(dim=-1).gather(2, tokens.unsqueeze(2)).squeeze(2)
    return _written(codec, tokens, log_probs, forms, seed)


def _write_on(
    model: Autoregressive,
    codec: PoemCodec,
    forms: list[Form | None],
    labels: Mapping[str, str] | None,
    seed: int,
    **how: Any,
) -> list[Generated]:
    """Poems by the autoregressive model, `how` as `choose_tokens` has it."""
    allowed = _allowed(codec, forms, model.device)
    was_training = model.training
    tokens, log_probs = model.eval().sample(
        len(forms),
        lambda t, logits: choose_tokens(logits, allowed[..., t, :], **how),
        label_ids(codec, forms, labels, model.device),
    )
    model.train(was_training)
    return _written(codec, tokens, log_probs, forms, seed)


def _written(
    codec: PoemCodec, tokens: Tensor, log_probs: Tensor, forms: list[Form | None], seed: int
) -> list[Generated]:
    """Token ids (B, T) and the log p of each as poems."""
    written = []
    for ids, log_prob, form in zip(tokens.tolist(), log_probs, forms, strict=True):
        text = codec.decode(ids, form)
        end = codec.tokenizer.eos_id
        used = form.size if form else (ids.index(end) + 1 if end in ids else len(ids))
        verses = split_verses(text) if form else tuple(text.split("\n"))
        name = str(form) if form else None
        written.append(Generated(text, verses, name, seed, float(log_prob[:used].sum())))
    return written


def _allowed(codec: PoemCodec, forms: list[Form | None], device: torch.device) -> Tensor:
    """What may stand where in poems of these forms: (T, V) where they are one, else (B, T, V)."""
    allowed = {f: allowed_tokens(codec, f).to(device) for f in set(forms)}
    return torch.stack([allowed[f] for f in forms]) if len(allowed) > 1 else allowed[forms[0]]


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


def _check(n: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    if n < 1:
        raise ConfigError(f"n is {n}; expected at least 1")
    if not 0 <= temperature <= 100:
        raise ConfigError(f"temperature is {temperature}; expected 0 to 100")
    if top_k is not None and top_k < 1:
        raise ConfigError(f"top_k is {top_k}; expected at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(f"top_p is {top_p}; expected more than 0, at most 1")

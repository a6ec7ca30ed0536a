"""How good a model is, in nats: bounds on the likelihood, what z carries, what comes back.

Everything is per poem and per character; a character is what a reader sees: the line breaks and end
marks of free form are paid for in nats but not counted. What samples are like is in `samples`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.dataset import Batch, TokenStore, derive_seed, encode_poems, evenly
from ..errors import CorpusError
from ..i18n import _
from ..models import LatentModel, TextModel, evaluating
from ..models.bounds import effective_samples, iwae, log_weights, mutual_information
from ..nn import DiagonalGaussian
from ..text.codec import PoemCodec
from ..text.poem import Poem, content
from .metrics import bootstrap
from .themes import retrieval

ACTIVE = 0.01  # variance of a unit's posterior mean from which on it counts as active
TELLING = 0.1  # nats of KL a poem from which on a unit says something
CURVE = (1, 10, 100, 1000)  # samples K of the curve of importance-weighted bounds

Progress = Callable[[Iterator[Batch]], Iterable[Batch]]


@dataclass(frozen=True)
class Report:
    """The likelihood part of an evaluation, keys as in `evaluate --json`.

    Attributes:
        poems, chars: what was scored; `unknown_chars` of them the model does not know.
        elbo_per_char: negative evidence lower bound, nats per character.
        nll_per_char: importance-weighted bound with `iw_samples` samples (Burda et al. 2016,
            arXiv 1509.00519, equation 8), nats per character; the smaller, the better. Of an
            autoregressive model both are the exact likelihood, of an autoencoder None.
        bits_per_char: the same in bits.
        bound: what it is: "exact", "IWAE-K", "ELBO" (of codes, each poem having one) or "none".
        recon_per_poem, kl_per_poem: distortion and rate, the two parts of the ELBO, nats per poem.
        mutual_information: between x and z under q, against all poems scored as the aggregate
            posterior (Hoffman & Johnson 2016), nats; it cannot exceed `mi_cap` = log(poems).
        marginal_kl: KL(q(z) || p(z)) = rate - mutual information: how far the aggregate posterior
            is from the prior; too large by as much as the cap cuts off.
        active_units: latent units whose posterior mean varies by more than 0.01 over the poems
            (Burda et al. 2016, section 4), which takes little.
        active_units_01: latent units of more than 0.1 nats of KL, the mean over the poems; None
            where the KL by unit has no closed form.
        recon_char_accuracy, recon_poem_accuracy: what the likeliest characters at z = mean restore;
            None without a latent.
        parameters, passes: of the model; of its network to write a poem.
        codes_used, codebook_perplexity: of a VQ-VAE, how many codes the poems use, and the exp of
            the entropy of that use.
        cluster_perplexity: of a mixture prior, the same of the components the poems belong to.
        theme_nats, theme_top10: what themes say of poems, see `themes.retrieval`; poems are scored
            without, so that the figures of models with themes and without can be compared.
        ci: 95 % bootstrap intervals, by key; what comes from one poem is drawn together.
        forms: the sums and means of the poems of each form, by name, the most frequent first, with
            intervals of their own; empty in free form.
        iw_curve: for each K of `CURVE` the bound (nats per character) and the effective sample size
            of its weights, on the same few poems; empty unless asked for.
    """

    poems: int
    chars: int
    unknown_chars: int
    elbo_per_char: float | None
    nll_per_char: float | None
    bound: str
    iw_samples: int
    bits_per_char: float | None
    recon_per_poem: float
    kl_per_poem: float
    mutual_information: float
    mi_cap: float
    marginal_kl: float
    active_units: int
    active_units_01: int | None
    recon_char_accuracy: float | None
    recon_poem_accuracy: float | None
    parameters: int
    passes: int
    codes_used: int | None = None
    codebook_perplexity: float | None = None
    cluster_perplexity: float | None = None
    theme_nats: float | None = None
    theme_top10: float | None = None
    ci: dict[str, tuple[float, float]] = field(default_factory=dict)
    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    iw_curve: list[dict[str, float]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key."""
        return asdict(self)


@dataclass(frozen=True)
class Rows:
    """What was measured of each of N poems: (N,) float64 each, nats and counts of characters.

    `code` (N, D) is the mode of q(z | x), `posterior` q itself where it is Gaussian; None without.
    `labels` (N, L) are their labels, None without.
    `kl_by_unit` (D,) is the mean over poems; None where the KL has no closed form.
    """

    recon: Tensor
    kl: Tensor
    bound: Tensor
    chars: Tensor
    unknown: Tensor
    right_chars: Tensor
    right_poem: Tensor
    code: Tensor | None
    posterior: DiagonalGaussian | None
    kl_by_unit: Tensor | None = None
    labels: Tensor | None = None

    def figures(self, bounded: bool, at: Tensor | slice = slice(None)) -> dict[str, Any]:
        """Sums and means over the poems at these places, absent: over all; keys as of `Report`."""
        parts = (self.recon, self.kl, self.bound, self.chars, self.right_chars, self.right_poem)
        recon, kl, bound, chars, right_chars, right_poem = (t[at] for t in parts)
        total = float(chars.sum())
        nll, restores = float(bound.sum()) / total, self.code is not None
        return {
            "poems": len(recon),
            "chars": int(total),
            "elbo_per_char": float((recon + kl).sum()) / total if bounded else None,
            "nll_per_char": nll if bounded else None,
            "bits_per_char": nll / math.log(2) if bounded else None,
            "recon_per_poem": float(recon.mean()),
            "kl_per_poem": float(kl.mean()),
            "recon_char_accuracy": float(right_chars.sum()) / total if restores else None,
            "recon_poem_accuracy": float(right_poem.mean()) if restores else None,
        }

    def intervals(
        self, seed: int, groups: Tensor | None, at: Tensor | slice = slice(None)
    ) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals of those means; of `groups` (N,) each is drawn together."""
        recon, kl, bound, chars = (t[at] for t in (self.recon, self.kl, self.bound, self.chars))
        per_char = len(recon) / float(chars.sum())
        values = {"elbo_per_char": (recon + kl) * per_char, "nll_per_char": bound * per_char}
        together = None if groups is None else groups[at].tolist()
        return {
            key: bootstrap(value.numpy(), seed, groups=together)
            for key, value in {**values, "kl_per_poem": kl}.items()
        }

    def anomalies(self, places: Sequence[int] | slice = slice(None)) -> list[dict[str, float]]:
        """Of the poems at these places, absent: of all, the nats, and how far the nats per
        character are above the mean of them, in standard deviations; keys as in `score --json`."""
        recon, kl, bound, chars = (t[places] for t in (self.recon, self.kl, self.bound, self.chars))
        per_char = bound / chars
        anomaly = (per_char - per_char.mean()) / (float(per_char.std(correction=0)) or 1.0)
        names = ("nll", "nll_per_char", "recon", "kl", "anomaly")
        columns = torch.stack([bound, per_char, recon, kl, anomaly], dim=1)
        return [dict(zip(names, row, strict=True)) for row in columns.tolist()]


@torch.no_grad()
def by_poem(
    model: TextModel,
    codec: PoemCodec,
    store: TokenStore,
    samples: int = 100,
    seed: int = 0,
    passes: int | None = None,
    batch_size: int = 500,
    limit: int | None = None,
    progress: Progress = iter,
) -> Rows:
    """Score each poem of a store, what it is about unknown; arguments and errors as of
    `evaluate`."""
    if not len(store):
        raise CorpusError(_("no poem to score; give some of the model's forms"))
    generator = torch.Generator(model.device).manual_seed(derive_seed(seed, "evaluate"))
    table: list[Tensor] = []
    codes: list[Tensor] = []
    logvars: list[Tensor] = []
    units: list[Tensor] = []
    labels: list[Tensor] = []
    parts = store.parts(batch_size, limit, model.config.by_length)
    order = torch.from_numpy(np.concatenate([places for places, _ in parts])).argsort()
    with evaluating(model):
        for batch in progress(store.batch(*part) for part in parts):
            batch = batch.to(model.device)
            labels += [] if batch.labels is None else [batch.labels.cpu()]
            batch = batch.untold(model.config.theme_len)
            score = model.score(batch, samples, generator, passes)
            character, unknown = characters(codec, batch)
            right = torch.zeros_like(batch.mask)  # (B, T): restored at z = mode; padding is
            if score.posterior is not None:
                codes.append(score.posterior.mode.cpu())
                at = score.posterior.mode
                logits = model.latent.decode(at, labels=batch.labels, mask=batch.mask)
                right = (logits.argmax(dim=2) == batch.tokens) | ~batch.mask
            if isinstance(score.posterior, DiagonalGaussian):
                logvars.append(score.posterior.logvar.cpu())
            if score.kl_by_unit is not None:
                units.append(score.kl_by_unit.sum(dim=0).cpu().double())
            rows = [score.recon, score.kl, score.bound, character.sum(dim=1), unknown.sum(dim=1)]
            rows += [(right & character).sum(dim=1), right.all(dim=1)]
            table.append(torch.stack([row.cpu().double() for row in rows]))
    code = torch.cat(codes)[order] if codes else None
    posterior = None
    if code is not None and logvars:
        posterior = DiagonalGaussian(code, torch.cat(logvars)[order])
    recon, kl, bound, chars, unknown, right_chars, right_poem = torch.cat(table, dim=1)[:, order]
    counts = (recon, kl, bound, chars, unknown, right_chars, right_poem)
    by_unit = torch.stack(units).sum(dim=0) / len(recon) if units else None
    known = torch.cat(labels)[order] if labels else None
    return Rows(*counts, code, posterior, by_unit, known)


def anomalies(
    model: TextModel, codec: PoemCodec, poems: Sequence[Poem], samples: int, seed: int
) -> list[dict[str, Any]]:
    """`Rows.anomalies` of poems, and their forms. What is one poem to the model has one score,
    which is drawn once; errors as of `evaluate`."""
    read = [content(poem, codec.form_of(poem)) for poem in poems]
    distinct = dict(zip(read, poems, strict=True))
    places = {chars: i for i, chars in enumerate(distinct)}
    rows = by_poem(model, codec, encode_poems(codec, distinct.values()), samples, seed)
    scores = rows.anomalies([places[chars] for chars in read])
    return [{"form": p.value("form"), **row} for p, row in zip(poems, scores, strict=True)]


@torch.no_grad()
def evaluate(
    model: TextModel,
    codec: PoemCodec,
    store: TokenStore,
    *,
    samples: int = 100,
    seed: int = 0,
    passes: int | None = None,
    batch_size: int = 500,
    limit: int | None = None,
    curve_poems: int = 0,
    progress: Progress = iter,
) -> Report:
    """Score every poem of a store (or `limit`, spread evenly over it) and sum up.

    The model is put into evaluation mode and left as it was; the codec says which tokens are
    characters.

    Args:
        samples, seed: K of the importance-weighted bound; of the samples of z.
        passes: that the poems are written in, see `TextModel.score`.
        batch_size: poems at once.
        curve_poems: how many poems, spread over the store, to measure `iw_curve` on.
        progress: wraps the iterator of batches, as tqdm does.

    Raises CorpusError: no poem to score.
    """
    rows = by_poem(model, codec, store, samples, seed, passes, batch_size, limit, progress)
    n, bounded = len(rows.recon), model.has_bound
    generator = torch.Generator(model.device).manual_seed(derive_seed(seed, "information"))
    name, figures = model.bound_name(samples), rows.figures(bounded)
    carried = _carried(model, rows, generator)
    places = evenly(len(store), limit)
    groups = None if store.groups is None else store.groups[places]
    by_form = {
        form: rows.figures(bounded, at)
        | {"ci": rows.intervals(seed, groups, at) if bounded else {}}
        for form, at in _forms(codec, store, places).items()
    }
    curve = []
    if rows.posterior is not None and bounded and curve_poems:
        batch = store.batch(places[evenly(n, curve_poems)]).to(model.device)
        curve = _curve(model.latent, codec, batch, generator, passes)
    return Report(
        **figures,
        unknown_chars=int(rows.unknown.sum()),
        bound=name,
        iw_samples=samples if name.startswith("IWAE") else 1,
        mi_cap=math.log(n),
        marginal_kl=figures["kl_per_poem"] - carried["mutual_information"],
        parameters=model.num_parameters(),
        passes=model.network_passes(passes),
        **carried,
        ci=rows.intervals(seed, groups) if bounded else {},
        forms=by_form,
        iw_curve=curve,
    )


def _forms(codec: PoemCodec, store: TokenStore, places: NDArray[np.int64]) -> dict[str, Tensor]:
    """By form of these poems of a store, the most frequent first, where among them they are."""
    at = {str(form): torch.arange(len(places)) for form in codec.forms}
    if len(at) > 1 and store.labels is not None:
        label = store.labels[torch.from_numpy(places), 0].cpu()
        at = {form: (label == i).nonzero()[:, 0] for i, form in enumerate(at, 1)}
    ordered = sorted(at, key=lambda form: -len(at[form]))
    return {form: at[form] for form in ordered if len(at[form])}


@torch.no_grad()
def _carried(model: TextModel, rows: Rows, generator: torch.Generator) -> dict[str, Any]:
    """What z tells of the poems: the fields of a `Report` that are about it."""
    telling = None if rows.kl_by_unit is None else int((rows.kl_by_unit > TELLING).sum())
    carried: dict[str, Any] = {"mutual_information": 0.0, "active_units": 0}
    carried["active_units_01"] = telling
    if rows.code is None:
        return carried
    code, q = rows.code.to(model.device), rows.posterior
    carried["active_units"] = int((code.var(dim=0) > ACTIVE).sum()) if len(code) > 1 else 0
    if q is not None:
        carried["mutual_information"] = mutual_information(q.to(model.device), generator)
        if model.config.theme_len and rows.labels is not None:
            themed = q.to(model.device), rows.labels.to(model.device)
            carried |= retrieval(model.latent, *themed, generator)
    return carried | model.usage(code)


def characters(codec: PoemCodec, batch: Batch) -> tuple[Tensor, Tensor]:
    """Which tokens (B, T) are characters that a reader sees, and which are unknown."""
    tokenizer = codec.tokenizer
    layout = torch.tensor([tokenizer.newline_id, tokenizer.eos_id], device=batch.tokens.device)
    character = batch.mask & ~torch.isin(batch.tokens, layout)
    return character, batch.mask & (batch.tokens == tokenizer.unk_id)


def _curve(
    model: LatentModel, codec: PoemCodec, batch: Batch, noise: torch.Generator, passes: int | None
) -> list[dict[str, float]]:
    """The bound for each K of `CURVE`: the largest K's samples, in groups of K, serve the smaller
    ones, so that the curve has one noise."""
    with evaluating(model):
        weights = log_weights(model.sample_posterior(batch, max(CURVE), noise, passes))
    chars, curve = int(characters(codec, batch)[0].sum()), []
    for k in CURVE:
        groups = weights.reshape(k, -1)  # (K, groups * B)
        bound = -float(iwae(groups).sum()) * k / max(CURVE) / chars
        size = float(effective_samples(groups).mean())
        curve.append({"k": k, "nll_per_char": bound, "effective_samples": size})
    return curve

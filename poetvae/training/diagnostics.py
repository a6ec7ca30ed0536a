"""What goes wrong in a latent space while it is learnt, and the setting that helps."""

from __future__ import annotations

import math

from ..config import Config
from ..evaluation.likelihood import Report
from ..i18n import _
from .loss import beta

COLLAPSED = 1.0  # nats of KL a poem: not enough to tell one of three poems from the others
ALIVE = 0.5  # share of a codebook
CLUSTERS = 1.5  # perplexity
FEW = 5  # poems that tell nothing of how many units vary
CLEARLY = 1.05  # times the nats of guessing, as chance does not make it
ASTRAY = 100.0  # times the nats of guessing: from ten times trainings were seen to come back


def guessing(config: Config) -> float:
    """Nats a character of one who knows nothing: any of V characters is as likely, log V."""
    return math.log(config.model.vocab_size or 1)


def weighed(nll: float, kl: float, config: Config, progress: float) -> float:
    """Nats a poem, with the KL as far as the training presses on it by now."""
    objective = config.objective
    free = objective.capacity + objective.free_bits * config.model.latent_dim
    return nll + min(1.0, beta(objective, progress)) * max(0.0, kl - free)


def per_char(report: Report, config: Config, progress: float) -> float:
    """The same of held-out poems, by character."""
    nats = weighed(report.recon_per_poem, report.kl_per_poem, config, progress)
    return nats * report.poems / report.chars


def by_heart(report: Report | None, config: Config, progress: float, trained: float) -> bool:
    """Whether held-out poems are clearly worse than guessed, while those that it learns from, which
    take so many nats each, are not."""
    if report is None:
        return False
    held, own = per_char(report, config, progress), trained * report.poems / report.chars
    return own < guessing(config) < held / CLEARLY


def astray(nll: float, kl: float, config: Config, progress: float) -> str:
    """What tells that a training has diverged, by its nats a poem; nothing while it has not."""
    nats, most = weighed(nll, kl, config, progress), config.model.max_len * guessing(config)
    if nats <= ASTRAY * most or not most:
        return ""
    return _(
        "a poem takes {nats:,.0f} nats (KL {kl:,.0f}), where guessing takes {most:,.0f} at most",
        nats=nats,
        kl=kl,
        most=most,
    )


def diagnose(
    report: Report | None, config: Config, progress: float, trained: float | None = None
) -> list[str]:
    """A line for each thing that is wrong with held-out poems, with what to change. `trained` is
    nats a poem of those that it learns from, as of `weighed`.

    Worse than guessing: poems that are too few are learnt by heart. Posterior collapse: the decoder
    writes without z, as soon as beta is near its full weight. Dead codes of a VQ-VAE: too few are
    in use. Collapsed clusters: one component takes all poems. Without a report nothing can be said;
    `progress` is the share of the training done.
    """
    advice: list[str] = []
    if report is None:
        return advice
    model, full, guess = config.model, config.objective.beta, guessing(config)
    held = per_char(report, config, progress)
    own = (trained or 0.0) * report.poems / report.chars
    if what := astray(report.recon_per_poem, report.kl_per_poem, config, progress):
        advice.append(
            _("diverged: held out, {what}. Try a smaller --set learning_rate=1e-3", what=what)
        )
    if trained and guess < held and (own < guess or progress >= 0.5):
        why = (
            _("it learns those by heart. Take more poems, a smaller --preset, or --set dropout=0.2")
            if own < guess
            else _("it learns nothing. Try a smaller --set learning_rate=1e-3, or more steps")
        )
        advice.append(
            _(
                "worse than guessing: held-out poems take {held:.2f} nats a character, where any "
                "of {all:,} takes log {all:,} = {guess:.2f}, and those it learns from {own:.2f}; "
                "{why}",
                held=held,
                all=model.vocab_size,
                guess=guess,
                own=own,
                why=why,
            )
        )
    pressed = full > 0 and beta(config.objective, progress) > 0.5 * min(1.0, full)
    if model.kind == "vae" and pressed and report.kl_per_poem < COLLAPSED:
        closed = model.prior in ("normal", "label") and config.objective.gradient == "standard"
        bits = _("--set free_bits=0.1 (nats a unit), ") if closed else ""
        units = _("{n} of {all} units are active; ", n=report.active_units, all=model.latent_dim)
        advice.append(
            _(
                "posterior collapse: z carries {kl:.2f} nats a poem, {units}the decoder writes "
                "without it. Try --set beta_warmup=0.5, {bits}--set beta_schedule=cyclical, or a "
                "smaller beta",
                kl=report.kl_per_poem,
                units=units if report.poems >= FEW else "",
                bits=bits,
            )
        )
    size = model.codebook_size
    positions = report.poems * -(-model.max_len // model.code_stride)
    expected = size * (1 - math.exp(-positions / size))  # of codes that are equally likely
    if report.codes_used is not None and report.codes_used < ALIVE * expected:
        advice.append(
            _(
                "dead codes: {n} of {all} are in use (perplexity {perplexity:.0f}). Try a smaller "
                "--set codebook_size, --set code_decay=0.95, or a larger --batch-size",
                n=report.codes_used,
                all=size,
                perplexity=report.codebook_perplexity,
            )
        )
    if report.cluster_perplexity is not None and report.cluster_perplexity < CLUSTERS:
        advice.append(
            _(
                "clusters collapsed: {n:.1f} of {all} are in use. Try a smaller --set beta or "
                "latent_dim, or --set beta_warmup=0.5",
                n=report.cluster_perplexity,
                all=model.components,
            )
        )
    return advice

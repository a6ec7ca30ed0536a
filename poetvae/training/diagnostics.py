"""What goes wrong in a latent space while it is learnt, and the setting that helps."""

from __future__ import annotations

import math

from ..config import Config
from ..evaluation.likelihood import Report
from .loss import beta

COLLAPSED = 1.0  # nats of KL a poem: not enough to tell one of three poems from the others
ALIVE = 0.5  # share of a codebook
CLUSTERS = 1.5  # perplexity


def diagnose(report: Report | None, config: Config, progress: float) -> list[str]:
    """A line for each thing that is wrong with held-out poems, with what to change.

    Posterior collapse: the decoder writes without z, as soon as beta is near its full weight. Dead
    codes of a VQ-VAE: too few are in use. Collapsed clusters: one component takes all poems.
    Without a report nothing can be said; `progress` is the share of the training done.
    """
    advice: list[str] = []
    if report is None:
        return advice
    model, full = config.model, config.objective.beta
    weighed = full > 0 and beta(config.objective, progress) > 0.5 * min(1.0, full)
    if model.kind == "vae" and weighed and report.kl_per_poem < COLLAPSED:
        closed = model.prior in ("normal", "label") and config.objective.gradient == "standard"
        bits = "--set free_bits=0.1 (nats a unit), " if closed else ""
        advice.append(
            f"posterior collapse: z carries {report.kl_per_poem:.2f} nats a poem, "
            f"{report.active_units} of {model.latent_dim} units are active; the decoder "
            f"writes without it. Try --set beta_warmup=0.5, {bits}"
            "--set beta_schedule=cyclical, or a smaller beta"
        )
    size = model.codebook_size
    positions = report.poems * -(-model.max_len // model.code_stride)
    expected = size * (1 - math.exp(-positions / size))  # of codes that are equally likely
    if report.codes_used is not None and report.codes_used < ALIVE * expected:
        advice.append(
            f"dead codes: {report.codes_used} of {size} are in use "
            f"(perplexity {report.codebook_perplexity:.0f}). Try a smaller --set codebook_size, "
            "--set code_decay=0.95, or a larger --batch-size"
        )
    if report.cluster_perplexity is not None and report.cluster_perplexity < CLUSTERS:
        advice.append(
            f"clusters collapsed: {report.cluster_perplexity:.1f} of {model.components} are "
            "in use. Try a smaller --set beta or latent_dim, or --set beta_warmup=0.5"
        )
    return advice

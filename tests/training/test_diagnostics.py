"""Each warning comes where it should, says what to change, and does not come otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from poetvae.config import Config, configure
from poetvae.evaluation.likelihood import Report
from poetvae.training.diagnostics import diagnose


def report(**changes: Any) -> Report:
    """Of a thousand held-out poems, nothing wrong with them."""
    values: dict[str, Any] = {
        "poems": 1000, "chars": 10_000, "unknown_chars": 0, "elbo_per_char": 5.0,
        "nll_per_char": 5.0, "bound": "IWAE-1", "iw_samples": 1, "bits_per_char": 7.2,
        "recon_per_poem": 40.0, "kl_per_poem": 10.0, "mutual_information": 6.0, "mi_cap": 6.9,
        "marginal_kl": 4.0, "active_units": 12, "recon_char_accuracy": 0.5,
        "recon_poem_accuracy": 0.1, "parameters": 1, "passes": 1,
    }  # fmt: skip
    return Report(**{**values, **changes})


def settings(preset: str = "tiny", **changes: Any) -> Config:
    return configure(preset, {"max_len": 10, **changes})


def test_a_healthy_model_is_left_alone() -> None:
    assert diagnose(report(), settings(), 1.0) == []
    assert diagnose(None, settings(), 1.0) == []


@pytest.mark.parametrize(
    ("kl", "progress", "changes", "expected"),
    [
        (0.9, 1.0, {}, True),
        (1.1, 1.0, {}, False),
        (0.9, 0.05, {"beta_warmup": 0.2}, False),  # beta is still coming up
        (0.9, 0.15, {"beta_warmup": 0.2}, True),
        (0.0, 1.0, {"beta": 0.0}, False),  # nothing presses on the KL
        (0.9, 1.0, {"beta": 0.25}, True),
        (0.9, 0.05, {"beta": 0.25, "beta_warmup": 0.2}, False),
        (0.9, 1.0, {"capacity": 5.0}, True),
    ],
)
def test_posterior_collapse(
    kl: float, progress: float, changes: dict[str, Any], expected: bool
) -> None:
    found = diagnose(report(kl_per_poem=kl, active_units=1), settings(**changes), progress)
    assert len(found) == expected
    for line in found:
        assert line.startswith(f"posterior collapse: z carries {kl:.2f} nats a poem, 1 of 16 units")
        assert "--set free_bits=" in line


@pytest.mark.parametrize("preset", ["tiny,ae", "tiny,vq", "tiny,ar"])
def test_what_has_no_kl_to_lose_has_not_collapsed(preset: str) -> None:
    assert diagnose(report(kl_per_poem=0.0, active_units=0), settings(preset), 1.0) == []


@pytest.mark.parametrize(
    ("poems", "used", "expected"),
    [
        (1000, 500, False),
        (1000, 300, False),
        (1000, 200, True),
        (1000, 1, True),
        (10, 45, False),  # fifty positions can hardly use more
        (10, 5, True),
    ],
)
def test_dead_codes(poems: int, used: int, expected: bool) -> None:
    scored = report(poems=poems, codes_used=used, codebook_perplexity=used / 2, bound="ELBO")
    found = diagnose(scored, settings("tiny,vq"), 1.0)
    assert len(found) == expected
    for line in found:
        assert line.startswith(f"dead codes: {used} of 512 are in use (perplexity {used / 2:.0f})")


@pytest.mark.parametrize(("perplexity", "expected"), [(1.0, True), (1.4, True), (1.6, False)])
def test_collapsed_clusters(perplexity: float, expected: bool) -> None:
    found = diagnose(report(cluster_perplexity=perplexity), settings("tiny,cluster"), 1.0)
    assert len(found) == expected
    for line in found:
        assert line.startswith(f"clusters collapsed: {perplexity:.1f} of 10 are in use")


def test_advice_is_settings_that_are_taken() -> None:
    scored = report(kl_per_poem=0.1, active_units=0, cluster_perplexity=1.0)
    found = diagnose(scored, settings("tiny,cluster"), 1.0)
    assert len(found) == 2
    for line in found:
        for word in line.replace(",", " ").split():
            name, _, value = word.partition("=")
            if value:
                settings(**{name: value})

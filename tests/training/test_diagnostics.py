"""Each warning comes where it should, says what to change, and does not come otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from poetvae.config import Config, configure
from poetvae.evaluation.likelihood import Report
from poetvae.training.diagnostics import astray, by_heart, diagnose


def report(**changes: Any) -> Report:
    """Of a thousand held-out poems, nothing wrong with them."""
    values: dict[str, Any] = {
        "poems": 1000, "chars": 10_000, "unknown_chars": 0, "elbo_per_char": 5.0,
        "nll_per_char": 5.0, "bound": "IWAE-1", "iw_samples": 1, "bits_per_char": 7.2,
        "recon_per_poem": 40.0, "kl_per_poem": 10.0, "mutual_information": 6.0, "mi_cap": 6.9,
        "marginal_kl": 4.0, "active_units": 12, "active_units_01": 9,
        "recon_char_accuracy": 0.5, "recon_poem_accuracy": 0.1, "parameters": 1, "passes": 1,
    }  # fmt: skip
    return Report(**{**values, **changes})


def settings(preset: str = "tiny", **changes: Any) -> Config:
    return configure(preset, {"max_len": 10, **changes})


def test_a_healthy_model_is_left_alone() -> None:
    assert diagnose(report(), settings(), 1.0) == []
    assert diagnose(None, settings(), 1.0) == []


COLLAPSE = "posterior collapse: z carries {kl_per_poem:.2f} nats a poem, {active_units} of 16 units"
DEAD = "dead codes: {codes_used} of 512 are in use (perplexity {codebook_perplexity:.0f})"
CLUSTERS = "clusters collapsed: {cluster_perplexity:.1f} of 10 are in use"
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], float, bool]] = [
    (COLLAPSE, "tiny", {"kl_per_poem": kl, "active_units": 1}, changes, progress, expected)
    for kl, progress, changes, expected in (
        (0.9, 1.0, {}, True),
        (1.1, 1.0, {}, False),
        (0.9, 0.05, {"beta_warmup": 0.2}, False),  # beta is still coming up
        (0.9, 0.15, {"beta_warmup": 0.2}, True),
        (0.0, 1.0, {"beta": 0.0}, False),  # nothing presses on the KL
        (0.9, 1.0, {"beta": 0.25}, True),
        (0.9, 0.05, {"beta": 0.25, "beta_warmup": 0.2}, False),
        (0.9, 1.0, {"capacity": 5.0}, True),
        (0.9, 1.0, {"gradient": "path"}, True),
    )
]
CASES += [  # what has no KL to lose has not collapsed
    (COLLAPSE, f"tiny,{kind}", {"kl_per_poem": 0.0, "active_units": 0}, {}, 1.0, False)
    for kind in ("ae", "vq", "ar")
]
CASES += [  # fifty positions can hardly use more than 45 codes
    (DEAD, "tiny,vq", {"poems": n, "codes_used": k, "codebook_perplexity": k / 2}, {}, 1.0, dead)
    for dead, cases in {False: [(1000, 500), (1000, 300), (10, 45)],
                        True: [(1000, 200), (1000, 1), (10, 5)]}.items()
    for n, k in cases
]  # fmt: skip
CASES += [
    (CLUSTERS, "tiny,cluster", {"cluster_perplexity": perplexity}, {}, 1.0, perplexity < 1.5)
    for perplexity in (1.0, 1.4, 1.6)
]


@pytest.mark.parametrize(("says", "preset", "measured", "changes", "progress", "expected"), CASES)
def test_what_is_wrong_is_said(
    says: str,
    preset: str,
    measured: dict[str, Any],
    changes: dict[str, Any],
    progress: float,
    expected: bool,
) -> None:
    advice = diagnose(report(**measured), settings(preset, **changes), progress)
    assert len(advice) == expected
    for line in advice:
        assert line.startswith(says.format_map(measured))
        assert "--set " in line


def test_worse_than_guessing() -> None:
    """Ten characters a poem, 100 known: guessing takes log 100 = 4.61 nats a character."""
    config = settings(vocab_size=100, beta=1.0)
    cases = [  # held out, learnt from, progress: what is said; whether it is by heart
        (40.0, 10.0, 20.0, 1.0, "it learns those by heart", True),
        (37.0, 10.0, 20.0, 1.0, "it learns those by heart", False),  # by less than chance might
        (36.0, 10.0, 20.0, 1.0, None, False),
        (40.0, 10.0, 50.0, 1.0, "it learns nothing", False),
        (40.0, 10.0, 50.0, 0.4, None, False),  # it has only begun
        (40.0, 10.0, 20.0, 0.05, None, False),  # a quarter of the KL weighs
    ]
    for recon, kl, trained, progress, says, heart in cases:
        scored = report(recon_per_poem=recon, kl_per_poem=kl)
        advice = diagnose(scored, config, progress, trained)
        assert [line.partition("; ")[2].partition(".")[0] for line in advice] == [says] * bool(says)
        assert by_heart(scored, config, progress, trained) == heart
    (line,) = diagnose(report(), config, 1.0, 20.0)
    numbers = "held-out poems take 5.00 nats a character, where any of 100 takes log 100 = 4.61"
    assert f"{numbers}, and those it learns from 2.00" in line


def test_diverged() -> None:
    config = settings(vocab_size=100, free_bits=0.5)
    assert astray(40.0, 242_584_611.0, config, 1.0) == (
        "a poem takes 242,584,643 nats (KL 242,584,611), where guessing takes 46 at most"
    )
    assert astray(40.0, 4000.0, config, 1.0) == astray(4000.0, 0.0, config, 0.0) == ""
    assert astray(40.0, 242_584_611.0, settings(vocab_size=100, beta=0.0), 1.0) == ""
    assert "diverged: held out, a poem takes" in diagnose(report(kl_per_poem=1e6), config, 1.0)[0]


def test_no_units_of_few_poems() -> None:
    for poems, told in ((1, False), (4, False), (5, True)):
        scored = report(poems=poems, chars=10 * poems, kl_per_poem=0.0, active_units=0)
        (line,) = diagnose(scored, settings(), 1.0)
        assert ("units are active" in line) == told


def test_advice_is_settings_that_are_taken() -> None:
    scored = report(kl_per_poem=0.1, active_units=0, cluster_perplexity=1.0)
    for preset, changes, count in (
        ("tiny,cluster", {}, 2),
        ("tiny", {}, 1),
        ("tiny", {"gradient": "path"}, 1),
    ):
        closed = preset == "tiny" and not changes
        scored = report(
            kl_per_poem=0.1, active_units=0, cluster_perplexity=1.0 if count == 2 else None
        )
        advice = diagnose(scored, settings(preset, **changes), 1.0)
        assert len(advice) == count
        assert ("free_bits" in advice[0]) == closed, "where it can be set it is advised"
        for word in " ".join(advice).replace(",", " ").split():
            name, _, value = word.partition("=")
            if value:
                settings(preset, **changes, **{name: value})

"""Pictures of a run's training, drawn from its `metrics.jsonl` alone."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
KEYS = (
    "nll",
    "kl",
    "loss",
    "beta",
    "lr",
    "valid_elbo_per_char",
    "valid_recon_per_poem",
    "valid_kl_per_poem",
    "valid_active_units",
)

Row = dict[str, float]


def plot_run(run: str | Path, out: str | Path) -> None:
    """Draw the training curves of a run folder; the suffix of `out` names the format.

    Raises:
        CheckpointError: the run or its metrics are missing, empty or broken.
        ConfigError: `out` has another suffix or cannot be written, or matplotlib is missing.
    """
    run, out = Path(run), Path(out)
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{out}: expected a name that ends in {', '.join(SUFFIXES)}")
    rows = _read_metrics(run)
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'poetvae[plot]'") from error

    picture = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "text.usetex": False}):
        _draw(rows, run.resolve().name).savefig(picture, format=suffix[1:])
    _write(out, picture.getvalue())


def _read_metrics(run: Path) -> list[Row]:
    """The lines of a run's metrics; one that is still being written, or torn, is left out."""
    if not run.is_dir():
        raise CheckpointError(f"{run}: no such run folder; check the path, or train one")
    path = run / "metrics.jsonl"
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); give the folder that train wrote"
        ) from error
    if not lines:
        raise CheckpointError(f"{path} has no lines yet; train the run for more steps")
    return [_row(path, number, line) for number, line in enumerate(lines, 1)]


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
        found = {key: float(row[key]) for key in KEYS if row.get(key) is not None}
        return {"step": float(row["step"]), **found}
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path}, line {number}: expected a JSON object with a step and numbers; "
            "remove the line, or train the run again"
        ) from error


def _draw(rows: list[Row], name: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), dpi=120, layout="constrained")
    # Not every machine has glyphs for a name that is not ASCII, and $ would begin a formula.
    figure.suptitle(ascii(name)[1:-1][:80], parse_math=False)
    (likelihood, divergence), (held_out, schedule) = figure.subplots(2, 2, sharex=True)

    likelihood.set_ylabel("nats per poem")
    # The loss is a broad line, seen behind the likelihood even where the two are equal.
    _curve(likelihood, rows, "loss", "loss", color="C7", linewidth=3, alpha=0.4)
    _curve(likelihood, rows, "nll", "nll", color="C0")
    _curve(likelihood, rows, "valid_recon_per_poem", "nll, held-out", color="C1", marker="o")
    _finish(likelihood)

    divergence.set_ylabel("KL, nats per poem")
    units = divergence.twinx()
    units.set_ylabel("active units")
    _curve(divergence, rows, "kl", "KL", color="C0")
    _curve(divergence, rows, "valid_kl_per_poem", "KL, held-out", color="C1", marker="o")
    _curve(units, rows, "valid_active_units", "active units (right)", color="C2", marker="s")
    _finish(divergence, units)

    held_out.set(xlabel="step", ylabel="held-out nats per character")
    _curve(held_out, rows, "valid_elbo_per_char", "negative ELBO", color="C1", marker="o")
    scored = [row for row in rows if "valid_elbo_per_char" in row]
    if scored:
        best = min(scored, key=lambda row: row["valid_elbo_per_char"])
        score = best["valid_elbo_per_char"]
        label = f"best: {score:.3f} at step {best['step']:.0f}"
        held_out.axhline(score, color="C7", linestyle="--", linewidth=1, label=label)
    _finish(held_out)

    schedule.set(xlabel="step", ylabel="learning rate")
    beta = schedule.twinx()
    beta.set_ylabel("beta")
    _curve(schedule, rows, "lr", "learning rate", color="C0")
    _curve(beta, rows, "beta", "beta (right)", color="C3", linestyle="--")
    _finish(schedule, beta)
    return figure


def _curve(axes: Axes, rows: list[Row], key: str, label: str, **style: Any) -> None:
    points = [(row["step"], row[key]) for row in rows if key in row]
    if len(points) == 1:  # a line without markers would not be seen
        style.setdefault("marker", ".")
    if points:
        axes.plot(*zip(*points, strict=True), label=label, markersize=4, **style)


def _finish(axes: Axes, twin: Axes | None = None) -> None:
    """Grid, scales and a legend for an axes and its twin, above them so that it hides no curve."""
    axes.grid(alpha=0.3)
    axes.locator_params(axis="x", nbins=6)
    lines = axes.get_lines()
    if not lines:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing recorded", transform=axes.transAxes, ha="center")
    if twin is not None:
        axes.set_ylim(bottom=0)
        twin.set_ylim(bottom=0)
        twin.set_visible(bool(twin.get_lines()))
        lines = [*lines, *twin.get_lines()]
    if lines:
        axes.legend(
            handles=lines,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            fontsize="small",
            frameon=False,
        )


def _write(out: Path, data: bytes) -> None:
    """Replace a file at once: the old one stays until the new one is on disk."""
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()

"""Pictures, from numbers alone: of a run's `metrics.jsonl`, of rates and distortions."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError, ConfigError
from .files import check_suffix, write_file

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
    "valid_score",
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
    check_suffix(out, SUFFIXES)
    rows = _read_metrics(run)
    save(out, lambda: _draw(rows, run.resolve().name))


def plot_rate_distortion(out: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw distortion against rate (Alemi et al. 2018, arXiv 1711.00464).

    Along each light line rate + distortion, which is the negative ELBO, is constant.

    Args:
        out: the .png, .svg or .pdf file.
        rows: for each model its `name`, `beta`, and `rate` and `distortion` in nats per poem;
            models of one name are joined by a line.

    Raises:
        ConfigError: no rows; `out` has another suffix or cannot be written; no matplotlib.
    """
    out = Path(out)
    check_suffix(out, SUFFIXES)
    if not rows:
        raise ConfigError(f"{out}: no rates to draw; give at least one row")
    save(out, lambda: _draw_rates(rows))


def save(out: Path, draw: Callable[[], Figure]) -> None:
    """Write what `draw` draws, in the format that the suffix names; ConfigError if it cannot be."""
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'poetvae[plot]'") from error
    picture = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "text.usetex": False}):
        draw().savefig(picture, format=out.suffix.lower()[1:])
    write_file(out, picture.getvalue())


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
    _curve(
        held_out,
        rows,
        "valid_score",
        "negative ELBO, or reconstruction of an autoencoder",
        color="C1",
        marker="o",
    )
    scored = [row for row in rows if "valid_score" in row]
    if scored:
        best = min(scored, key=lambda row: row["valid_score"])
        score = best["valid_score"]
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


def _draw_rates(rows: Sequence[Mapping[str, Any]]) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="rate, nats per poem", ylabel="distortion, nats per poem")
    axes.margins(0.1)
    for name in dict.fromkeys(row["name"] for row in rows):
        line = sorted((row["rate"], row["distortion"]) for row in rows if row["name"] == name)
        label = ascii(name)[1:-1].replace("$", r"\$")
        axes.plot(*zip(*line, strict=True), marker="o", markersize=5, linewidth=1, label=label)
    for row in rows:
        place, beta = (row["rate"], row["distortion"]), f"{row['beta']:g}"
        axes.annotate(beta, place, (5, 5), textcoords="offset points", fontsize="small")
    left, right, bottom, top = axes.axis()
    # The value of each line stands where it leaves the picture: above it, or to its right.
    light: dict[str, Any] = {"color": "0.6", "fontsize": "x-small"}
    for elbo in MaxNLocator(10).tick_values(left + bottom, right + top):
        axes.axline((elbo - top, top), slope=-1, color="0.85", linewidth=0.8, zorder=0)
        if left <= elbo - top <= right:
            axes.text(elbo - top, top, f"{elbo:g}", ha="center", va="bottom", **light)
        elif bottom <= elbo - right < top:
            axes.text(right, elbo - right, f" {elbo:g}", ha="left", va="center", **light)
    axes.axis((left, right, bottom, top))
    figure.suptitle("points: beta; grey: -ELBO, nats per poem", fontsize="small", color="0.4")
    axes.legend(fontsize="small", frameon=False)
    return figure

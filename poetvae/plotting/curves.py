"""Pictures of numbers: how a run learns, how several compare."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..files import check_suffix, write_file
from ..training.log import History, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SUFFIXES = (".png", ".svg", ".pdf")

# Okabe and Ito (2008): told apart by colour-blind readers, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, QUIET, FAINT = "#222222", "#6b6b6b", "#d9d9d9"
STYLE: Any = {
    "svg.fonttype": "none",
    "text.usetex": False,
    "text.parse_math": False,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "lines.markersize": 4,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


def plot_curves(out: str | Path, runs: Sequence[History]) -> None:
    """Draw how a run learnt, or how several did, a colour each.

    Args:
        out: the .png, .svg or .pdf file.
        runs: of one, training and held-out poems, the schedules too; of several, held-out poems.

    Raises:
        ConfigError: no runs; `out` has another suffix or cannot be written; no matplotlib.
    """
    if not runs:
        raise ConfigError(f"{out}: no runs to draw; give at least one")
    save(out, SUFFIXES, lambda: _draw_one(runs[0]) if len(runs) == 1 else _draw_several(runs))


def save(out: str | Path, suffixes: tuple[str, ...], draw: Callable[[], Figure]) -> None:
    """Write what `draw` draws in the format that the suffix names, a file whole or untouched.

    Raises:
        ConfigError: another suffix than these; it cannot be written; no matplotlib.
    """
    out = Path(out)
    suffix = check_suffix(out, suffixes)
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'poetvae[plot]'") from error
    picture = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        draw().savefig(picture, format=suffix[1:])
    write_file(out, picture.getvalue(), ConfigError)


def plain(name: str) -> str:
    """A name that any font can draw: not every machine has one for what is not ASCII."""
    return ascii(name)[1:-1][:80]


def _draw_one(run: History) -> Figure:
    from matplotlib.figure import Figure

    rows, best = run.rows, run.best()
    figure = Figure(figsize=(11, 6.4), dpi=120, layout="constrained")
    (bound, distortion, rate), (units, lr, beta) = figure.subplots(2, 3, sharex=True)
    has_bound = best is None or "valid_elbo_per_char" in best
    title = plain(run.name)
    if best is not None:
        what = "-ELBO" if has_bound else "reconstruction alone"
        title += f": {best['valid_score']:.3f} nats a character held out ({what}), "
        title += f"best at step {best['step']:,.0f} of {rows[-1]['step']:,.0f}"
    figure.suptitle(title, x=0.01, ha="left", fontsize="large")

    sums = [{**row, "sum": row["nll"] + row["kl"]} for row in rows if {"nll", "kl"} <= set(row)]
    held = "valid_recon_per_poem", "valid_kl_per_poem"
    whole = "-ELBO = distortion + rate" if has_bound else "An autoencoder has no ELBO"
    sums += [{**row, "valid_sum": sum(row[k] for k in held)} for row in rows if set(held) <= {*row}]
    for axes, title, trained, valid, drawn in (
        (bound, whole, "sum", "valid_sum", sums),
        (distortion, "Distortion: what is left to guess", "nll", held[0], rows),
        (rate, "Rate (KL): what z carries", "kl", held[1], rows),
    ):
        axes.set_title(title)
        axes.set_ylabel("nats per poem")
        _curve(axes, drawn, trained, color=COLOURS[0], linewidth=1.2)
        _curve(axes, drawn, valid, color=COLOURS[1], marker="o")
        _view(axes, 0 if axes is rate else None)
    bound.text(0.97, 0.9, "training", color=COLOURS[0], ha="right", transform=bound.transAxes)
    bound.text(0.97, 0.82, "held out", color=COLOURS[1], ha="right", transform=bound.transAxes)
    for axes, title, key, colour in (
        (units, "Active units of z, held out", "valid_active_units", COLOURS[1]),
        (lr, "Learning rate", "lr", COLOURS[0]),
        (beta, "Beta", "beta", COLOURS[0]),
    ):
        axes.set_title(title)
        axes.set_xlabel("step")
        _curve(axes, rows, key, color=colour, marker="o" if axes is units else "")
        _view(axes, 0)
    return figure


def _draw_several(runs: Sequence[History]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.4), dpi=120, layout="constrained")
    axes = figure.subplot_mosaic(
        [["score", "distortion"], ["score", "rate"], ["score", "units"]], width_ratios=[1.9, 1]
    )
    for name, title, label, key in (
        ("score", "", "-ELBO, nats per character", "valid_elbo_per_char"),
        ("distortion", "Distortion: what is left to guess", "nats a poem", "valid_recon_per_poem"),
        ("rate", "Rate (KL): what z carries", "nats a poem", "valid_kl_per_poem"),
        ("units", "Active units of z", "", "valid_active_units"),
    ):
        panel = axes[name]
        panel.set_title(title)
        panel.set_ylabel(label)
        for run, look in zip(runs, looks(), strict=False):
            _curve(panel, run.rows, key, **look)
        _view(panel, None if name == "score" else 0)
    axes["score"].set_title("Ringed: the best of a run, whose weights are kept", color=QUIET)
    axes["score"].set_xlabel("step")
    axes["units"].set_xlabel("step")
    bounds = {run.name: run.negative_elbo() for run in runs}
    found = {name: bound for name, bound in bounds.items() if bound is not None}
    if found:
        best = min(found, key=lambda name: found[name])
        title = f"{plain(best)} is the best of {len(found)}: "
        title += f"{found[best]:.3f} nats a character on held-out poems"
        figure.suptitle(title, x=0.01, ha="left", fontsize="large")
    _name_ends(axes["score"], runs)
    return figure


def looks() -> Iterator[dict[str, Any]]:
    """How each run looks: seven colours, then the same with other lines and marks."""
    marked = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))
    while True:
        for line, mark in marked:
            for colour in COLOURS:
                yield {"color": colour, "linestyle": line, "marker": mark}


def _curve(axes: Axes, rows: Sequence[Row], key: str, **style: Any) -> None:
    points = [(row["step"], row[key]) for row in rows if key in row and math.isfinite(row[key])]
    if len(points) == 1:  # a line without markers would not be seen
        style["marker"] = "o"
    if points:
        axes.plot(*zip(*points, strict=True), **style)


def _view(axes: Axes, floor: float | None = None) -> None:
    """Show all but what the first steps do, which would leave no room for the rest; or from 0."""
    import numpy as np

    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    lines = [np.asarray(line.get_xydata()).tolist() for line in axes.get_lines()]
    if not lines:
        axes.grid(visible=False)
        axes.set(yticks=[], xticks=[])
        axes.text(0.5, 0.5, "nothing recorded", transform=axes.transAxes, ha="center", color=QUIET)
        return
    end = max(x for line in lines for x, _ in line)
    values = [y for line in lines for x, y in line if x >= 0.1 * end]
    low, high = min(values) if floor is None else floor, max(values)
    room = 0.06 * (high - low) or abs(high) * 0.06 or 1
    axes.set_ylim(low - room if floor is None else floor, high + room)


def _name_ends(axes: Axes, runs: Sequence[History]) -> None:
    """Each run's best bound, and its name where its curve ends; one above another."""
    key = "valid_elbo_per_char"
    ends = []
    for run, look in zip(runs, looks(), strict=False):
        best, rows = run.best(), [row for row in run.rows if math.isfinite(row.get(key, math.nan))]
        if best is not None and rows:
            ends.append((rows[-1][key], rows[-1]["step"], best, run, look["color"]))
    ends.sort(key=lambda end: end[0])
    low, high = axes.get_ylim()
    right = max((step for _, step, *_ in ends), default=0) * 1.03
    places = apart([last for last, *_ in ends], (high - low) / 26)
    for place, (last, step, best, run, colour) in zip(places, ends, strict=True):
        ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "color": colour}
        axes.plot(best["step"], best[key], **ring)
        axes.annotate(
            f"{plain(run.name)}  {best[key]:.3f}",
            (step, last),
            (right, place),
            color=colour,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6},
        )


def apart(places: Sequence[float], step: float) -> list[float]:
    """The nearest places, in the same order, of which none is nearer than `step` to the next.

    Least squares under an order (isotonic regression, by pooling adjacent violators) of the places
    less what the steps before each take.
    """
    pools: list[list[float]] = []
    for i, place in enumerate(sorted(places)):
        pools.append([place - i * step])
        while len(pools) > 1 and _mean(pools[-2]) >= _mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    means = [_mean(pool) for pool in pools for _ in pool]
    return [mean + i * step for i, mean in enumerate(means)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

"""Pictures of numbers: how a run learns, how several compare."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Sequence
from itertools import cycle, product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..files import check_suffix, write_file
from ..i18n import _
from ..training.log import History, Row
from .colours import FAINT, INK, PAPER, QUIET
from .fonts import Faces, faces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

# Okabe and Ito (2008): told apart by colour-blind readers, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TRAINING: Any = {"color": COLOURS[0], "linewidth": 1.2}
HELD_OUT: Any = {"color": COLOURS[1], "marker": "o"}
LEADER: Any = {"arrowstyle": "-", "linewidth": 0.6, "alpha": 0.6}  # from a name to its point
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.markersize": 4,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    **dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
    **dict.fromkeys(("axes.grid", "axes.axisbelow"), True),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("text.usetex", "text.parse_math"), False),
}


@contextlib.contextmanager
def picture(
    out: str | Path,
    suffixes: tuple[str, ...],
    inches: tuple[float, float],
    dpi: int = 120,
    known: Faces | None = None,
    data: io.BytesIO | None = None,
) -> Iterator[Figure]:
    """A figure to draw on; afterwards it is written as its suffix says, whole or not at all.

    It is lettered in the `known` faces; absent: in those that are always there. With `data` it is
    written there in place of the file.

    Raises:
        ConfigError: another suffix than these; it cannot be written; no matplotlib.
    """
    out = Path(out)
    suffix = check_suffix(out, suffixes)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        message = _("pictures need matplotlib: pip install 'poetvae[plot]'")
        raise ConfigError(message) from error
    into = io.BytesIO() if data is None else data
    families = list((known or faces()).families)
    with matplotlib.rc_context({**STYLE, "font.family": families}):
        figure = Figure(figsize=inches, dpi=dpi, layout="constrained")
        yield figure
        figure.savefig(into, format=suffix[1:])
    if data is None:
        write_file(out, into.getvalue(), ConfigError)


def headline(figure: Figure, title: str) -> None:
    """Put what a picture says above it."""
    figure.suptitle(title, x=0.01, ha="left", fontsize="large")


def plain(name: str) -> str:
    """A name that can be drawn here, of at most 80 characters."""
    return faces().plain(name)


def looks() -> Iterator[dict[str, Any]]:
    """How each run looks: seven colours, then the same with other lines and marks; for ever."""
    marks = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))
    both = product(marks, COLOURS)
    return cycle([{"color": c, "linestyle": line, "marker": mark} for (line, mark), c in both])


def plot_curves(out: str | Path, runs: Sequence[History]) -> None:
    """Draw to a .png, .svg or .pdf file how a run learnt, or how several did, a colour each.

    Of one run, on training and held-out poems, the schedules too; of several, on held-out poems.

    Raises:
        ConfigError: no runs, and as `picture` does.
    """
    if not runs:
        raise ConfigError(_("{out}: no runs to draw; give at least one", out=out))
    with picture(out, SUFFIXES, (11, 6.4)) as figure:
        if len(runs) == 1:
            _draw_one(figure, runs[0])
        else:
            _draw_several(figure, runs)


def _draw_one(figure: Figure, run: History) -> None:
    best, held = run.best(), ("valid_recon_per_poem", "valid_kl_per_poem")
    has_bound = best is None or "valid_elbo_per_char" in best
    title = plain(run.name)
    if best is not None:
        title = _(
            "{run}: {nats:.3f} nats a character held out ({what}), best at step {step:,.0f} of "
            "{steps:,.0f}",
            run=title,
            nats=best["valid_score"],
            what="-ELBO" if has_bound else _("reconstruction alone"),
            step=best["step"],
            steps=run.rows[-1]["step"],
        )
    headline(figure, title)
    whole = _("-ELBO = distortion + rate") if has_bound else _("An autoencoder has no ELBO")
    sums = {"sum": ("nll", "kl"), "valid_sum": held}
    rows = [
        row | {name: row[a] + row[b] for name, (a, b) in sums.items() if {a, b} <= row.keys()}
        for row in run.rows
    ]
    panels = (
        (whole, _("nats per poem"), ("sum", "valid_sum"), None),
        (_("Distortion: what is left to guess"), _("nats per poem"), ("nll", held[0]), None),
        (_("Rate (KL): what z carries"), _("nats per poem"), ("kl", held[1]), 0),
        (_("Active units of z, held out"), "", ("valid_active_units",), 0),
        (_("Learning rate"), "", ("lr",), 0),
        (_("Beta"), "", ("beta",), 0),
    )
    grid = figure.subplots(2, 3, sharex=True)
    for axes, (title, label, keys, floor) in zip(grid.flat, panels, strict=True):
        axes.set(title=title, ylabel=label, xlabel=_("step") if axes in grid[1] else "")
        for key in keys:
            _curve(axes, rows, key, **(HELD_OUT if key.startswith("valid") else TRAINING))
        _view(axes, floor)
    for text, y, look in ((_("training"), 0.9, TRAINING), (_("held out"), 0.82, HELD_OUT)):
        where = grid[0, 0].transAxes
        grid[0, 0].text(0.97, y, text, color=look["color"], ha="right", transform=where)


def _draw_several(figure: Figure, runs: Sequence[History]) -> None:
    axes = figure.subplot_mosaic(
        [["score", "distortion"], ["score", "rate"], ["score", "units"]], width_ratios=[1.9, 1]
    )
    for name, title, label, key in (
        ("score", "", _("-ELBO, nats per character"), "valid_elbo_per_char"),
        (
            "distortion",
            _("Distortion: what is left to guess"),
            _("nats per poem"),
            "valid_recon_per_poem",
        ),
        ("rate", _("Rate (KL): what z carries"), _("nats per poem"), "valid_kl_per_poem"),
        ("units", _("Active units of z"), "", "valid_active_units"),
    ):
        step = _("step") if name in ("score", "units") else ""
        axes[name].set(title=title, ylabel=label, xlabel=step)
        for run, look in zip(runs, looks(), strict=False):
            _curve(axes[name], run.rows, key, **look)
        _view(axes[name], None if name == "score" else 0)
    axes["score"].set_title(_("Ringed: the best of a run, whose weights are kept"), color=QUIET)
    bounds = {run.name: run.negative_elbo() for run in runs}
    found = {name: bound for name, bound in bounds.items() if bound is not None}
    if found:
        best = min(found, key=lambda name: found[name])
        title = _(
            "{run} is the best of {n}: {nats:.3f} nats a character on held-out poems",
            run=plain(best),
            n=len(found),
            nats=found[best],
        )
        headline(figure, title)
    _name_ends(axes["score"], runs)


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
        axes.text(
            0.5, 0.5, _("nothing recorded"), transform=axes.transAxes, ha="center", color=QUIET
        )
        return
    end = max(x for line in lines for x, _ in line)
    values = [y for line in lines for x, y in line if x >= 0.1 * end]
    low, high = min(values) if floor is None else floor, max(values)
    room = 0.06 * (high - low) or abs(high) * 0.06 or 1
    axes.set_ylim(low - room if floor is None else floor, high + room)


def _name_ends(axes: Axes, runs: Sequence[History]) -> None:
    """Each run's best bound, and its name where its curve ends; one above another."""
    key, ends = "valid_elbo_per_char", []
    for run, look in zip(runs, looks(), strict=False):
        best, rows = run.best(), [row for row in run.rows if math.isfinite(row.get(key, math.nan))]
        if best is not None and rows and run.negative_elbo() is not None:
            ends.append((rows[-1][key], rows[-1]["step"], best, run, look["color"]))
    ends.sort(key=lambda end: end[0])
    low, high = axes.get_ylim()
    right = max((step for _, step, *_ in ends), default=0) * 1.03
    places = apart([last for last, *_ in ends], (high - low) / 26)
    for place, (last, step, best, run, colour) in zip(places, ends, strict=True):
        ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "color": colour}
        axes.plot(best["step"], best[key], **ring)
        name, line = f"{plain(run.name)}  {best[key]:.3f}", {**LEADER, "color": colour}
        label = axes.annotate(name, (step, last), (right, place), arrowprops=line)
        label.set(color=colour, va="center", annotation_clip=False)


def apart(places: Sequence[float], step: float) -> list[float]:
    """The nearest places, in the same order, of which none is nearer than `step` to the next:
    isotonic regression, by pooling adjacent violators, of the places less the steps before each."""
    pools: list[list[float]] = []
    for i, place in enumerate(sorted(places)):
        pools.append([place - i * step])
        while len(pools) > 1 and fmean(pools[-2]) >= fmean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    means = [mean for pool in pools for mean in [fmean(pool)] * len(pool)]
    return [mean + i * step for i, mean in enumerate(means)]

"""Pictures that compare models: how much z carries, and which is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .curves import COLOURS, FAINT, INK, QUIET, SUFFIXES, looks, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Where a name may stand beside its point, in points: the first place that is free is taken.
HEIGHTS = sorted(range(-72, 73, 9), key=abs)
BESIDE = [(x, y, side) for x, side in ((8, "left"), (-8, "right")) for y in HEIGHTS]


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
    if not rows:
        raise ConfigError(f"{out}: no rates to draw; give at least one row")
    save(out, SUFFIXES, lambda: _draw_rates(rows))


def plot_ladder(out: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw models from the best to the worst, by what a character of a held-out poem costs.

    Args:
        out: the .png, .svg or .pdf file.
        rows: for each model its `name`, `nats` per character, and `parameters`, a number or None.

    Raises:
        ConfigError: no rows; `out` has another suffix or cannot be written; no matplotlib.
    """
    if not rows:
        raise ConfigError(f"{out}: no bounds to draw; give at least one model that has one")
    save(out, SUFFIXES, lambda: _draw_ladder(rows))


def _draw_rates(rows: Sequence[Mapping[str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.4), dpi=120, layout="constrained")
    figure.suptitle(
        "What z carries, and what it leaves to guess", x=0.01, ha="left", fontsize="large"
    )
    axes = figure.subplots()
    axes.grid(visible=False)
    axes.set(xlabel="rate: nats per poem in z", ylabel="distortion: nats per poem left to guess")
    axes.margins(0.12)
    names: list[tuple[float, float, str, str]] = []
    for name, look in zip(dict.fromkeys(row["name"] for row in rows), looks(), strict=False):
        line = sorted(
            (row["rate"], row["distortion"], row["beta"]) for row in rows if row["name"] == name
        )
        axes.plot(*zip(*(point[:2] for point in line), strict=True), markersize=6, **look)
        for i, (rate, distortion, beta) in enumerate(line):
            known = beta is not None and (len(line) > 1 or beta != 1)
            said = [plain(name)] if i == 0 else []
            said += [f"beta {beta:g}"] if known else []
            names.append((rate, distortion, ", ".join(said), look["color"]))
    _iso_lines(axes)
    figure.draw_without_rendering()  # which settles where things are
    _name_points(axes, names)
    return figure


def _iso_lines(axes: Axes) -> None:
    """Lines of one negative ELBO; its value stands where each leaves the picture."""
    from matplotlib.ticker import MaxNLocator

    left, right, bottom, top = axes.axis()
    small: dict[str, Any] = {"color": QUIET, "fontsize": "small"}
    for elbo in MaxNLocator(10).tick_values(left + bottom, right + top):
        axes.axline((elbo - top, top), slope=-1, color=FAINT, linewidth=0.8, zorder=0)
        if left < elbo - bottom <= right:
            axes.text(elbo - bottom, bottom, f" {elbo:g}", va="bottom", **small)
        elif bottom < elbo - right < top:
            axes.text(right, elbo - right, f" {elbo:g}", va="center", **small)
    axes.axis((left, right, bottom, top))
    axes.set_title("along a grey line: the same -ELBO, nats per poem", color=QUIET)


def _name_points(axes: Axes, names: Sequence[tuple[float, float, str, str]]) -> None:
    """Each name beside its point, at the first place where it covers neither names nor points."""
    from matplotlib.transforms import Bbox

    middles = axes.transData.transform([(x, y) for x, y, *_ in names])
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in middles]
    inside = axes.get_window_extent()
    for x, y, name, colour in names:
        label = axes.annotate(
            name, (x, y), BESIDE[0][:2], textcoords="offset points", va="center", color=colour
        )
        label.set_in_layout(False)
        for dx, dy, side in BESIDE:
            label.set(position=(dx, dy), ha=side)
            box = label.get_window_extent()
            if inside.x0 <= box.x0 and box.x1 <= inside.x1 and not box.count_overlaps(taken):
                break
        taken.append(box)
        if abs(dy) > 9:
            line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6}
            axes.annotate("", (x, y), (dx, dy), textcoords="offset points", arrowprops=line)


def _draw_ladder(rows: Sequence[Mapping[str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    ordered = sorted(rows, key=lambda row: row["nats"])
    figure = Figure(figsize=(8, 1.4 + 0.32 * len(ordered)), dpi=120, layout="constrained")
    axes = figure.subplots()
    best = ordered[0]
    title = f"{plain(best['name'])} guesses best: {best['nats']:.3f} nats a character"
    figure.suptitle(title, x=0.01, ha="left", fontsize="large")
    axes.set_xlabel("held-out nats per character: -ELBO, or exact; lower is better")
    low, high = best["nats"], ordered[-1]["nats"]
    room = high - low or 0.1
    axes.set_xlim(low - 0.08 * room, high + 0.3 * room)
    axes.grid(visible=False, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_yticks(range(len(ordered)), [plain(row["name"]) for row in ordered], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    if any(row["parameters"] is not None for row in ordered):
        axes.set_title("parameters", loc="right", color=QUIET, fontsize="medium")
    for place, row in enumerate(ordered):
        colour = COLOURS[1] if place == 0 else COLOURS[0]
        axes.plot(row["nats"], place, "o", color=colour, markersize=8)
        axes.annotate(
            f"{row['nats']:.3f}",
            (row["nats"], place),
            (9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
        )
        if row["parameters"] is not None:
            axes.annotate(
                _short(row["parameters"]),
                (1, place),
                xycoords=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=QUIET,
                annotation_clip=False,
            )
    return figure


def _short(parameters: int) -> str:
    """A number of parameters in words."""
    for size, word in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= size:
            return f"{parameters / size:.3g} {word}"
    return str(parameters)

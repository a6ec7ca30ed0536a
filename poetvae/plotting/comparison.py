"""Pictures that compare models: how much z carries, and which is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..i18n import _
from .colours import FAINT, INK, QUIET
from .curves import COLOURS, LEADER, SUFFIXES, headline, looks, picture, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a name may stand beside its point, in points: the first place that is free is taken.
HEIGHTS = sorted(range(-72, 73, 9), key=abs)
BESIDE = [(x, y, side) for x, side in ((8, "left"), (-8, "right")) for y in HEIGHTS]


def plot_rate_distortion(out: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw distortion against rate (Alemi et al. 2018, arXiv 1711.00464) to a .png, .svg or .pdf.

    Each row has the `name` of a model, its `beta` or None, and `rate` and `distortion` in nats per
    poem; models of one name are joined. Along a light line the sum, the negative ELBO, is constant.

    Raises:
        ConfigError: no rows, and as `curves.picture` does.
    """
    if not rows:
        raise ConfigError(_("{out}: no rates to draw; give at least one row", out=out))
    with picture(out, SUFFIXES, (8, 6.4)) as figure:
        headline(figure, _("What z carries, and what it leaves to guess"))
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.set(
            xlabel=_("rate: nats per poem in z"),
            ylabel=_("distortion: nats per poem left to guess"),
        )
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


def plot_ladder(out: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw models, the best on top, by what a held-out character costs, to a .png, .svg or .pdf.

    Each row has the `name` of a model, its `nats` per character, and its `parameters` or None.

    Raises:
        ConfigError: no rows, and as `curves.picture` does.
    """
    if not rows:
        message = _("{out}: no bounds to draw; give at least one model that has one", out=out)
        raise ConfigError(message)
    ordered = sorted(rows, key=lambda row: row["nats"])
    low, high = ordered[0]["nats"], ordered[-1]["nats"]
    room = high - low or 0.1
    with picture(out, SUFFIXES, (8, 1.4 + 0.32 * len(ordered))) as figure:
        title = _(
            "{run} guesses best: {nats:.3f} nats a character",
            run=plain(ordered[0]["name"]),
            nats=low,
        )
        headline(figure, title)
        axes = figure.subplots()
        axes.set_xlabel(_("held-out nats per character: -ELBO, or exact; lower is better"))
        axes.set_xlim(low - 0.08 * room, high + 0.3 * room)
        axes.grid(visible=False, axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_yticks(range(len(ordered)), [plain(row["name"]) for row in ordered], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(ordered) - 0.5, -0.5)
        if any(row["parameters"] is not None for row in ordered):
            axes.set_title(_("parameters"), loc="right", color=QUIET, fontsize="medium")
        beside: Any = {"textcoords": "offset points", "va": "center"}
        for place, row in enumerate(ordered):
            nats, colour = row["nats"], COLOURS[place == 0]
            axes.plot(nats, place, "o", color=colour, markersize=8)
            axes.annotate(f"{nats:.3f}", (nats, place), (9, 0), color=colour, **beside)
            if row["parameters"] is not None:
                at = axes.get_yaxis_transform()
                size = axes.text(1, place, _short(row["parameters"]), transform=at)
                size.set(color=QUIET, ha="right", va="center")


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
    axes.set_title(_("along a grey line: the same -ELBO, nats per poem"), color=QUIET)


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
            line = {**LEADER, "color": colour}
            axes.annotate("", (x, y), (dx, dy), textcoords="offset points", arrowprops=line)


def _short(parameters: int) -> str:
    """A number of parameters in words."""
    for size, word in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= size:
            return f"{parameters / size:.3g} {word}"
    return str(parameters)

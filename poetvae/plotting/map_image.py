"""The map of a latent space as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..i18n import _
from .colours import FAINT, INK, OTHER, PAPER, QUIET, VALUES, legible
from .curves import picture
from .fonts import Faces, drawable, faces
from .lettering import ems, extent, is_upright, verses_of, write_verses

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox
    from numpy.typing import ArrayLike, NDArray

    from ..latent.plane import GridPoint, Region

SUFFIXES = (".png", ".svg")

WIDTH, MARGIN = 720.0, 34.0  # of the picture, in points
HEAD, MAP, FOOT = 62.0, 400.0, 40.0  # from top to bottom: title, map, names of the axes
SMALL, POEM, NAME, TITLE = 9.0, 11.5, 15.0, 17.0  # type, in points
ACROSS = 8, 3  # regions in a row, of upright verse and of lines
APART = 90.0  # points between poems on the plane, at least
MANY = 5000
FEW = 60  # poems that no name may cover
ENOUGH = 25  # poems that have a density
CELLS, BLUR = 96, 3.2  # of the grid that densities are counted on, and their deviation in cells
CORE = 0.45  # of a group's poems, within the line around it


def plot_map(
    out: str | Path,
    points: ArrayLike,
    groups: Sequence[str] | None,
    grid: Sequence[GridPoint],
    axes_names: tuple[str, str],
    font: str | Path | None = None,
    title: str = "",
    regions: Sequence[Region] = (),
) -> None:
    """Draw poems at `points` (N, 2) of a plane, and texts at those of `grid`, to a .png or .svg.

    A text is drawn where `fonts.faces` have all of its characters, those of `font` first; one
    warning tells how many are not. `groups` is the value of one label for each poem, "" = unknown:
    the ten most frequent ones have a colour, and a line around where the poems of each are dense.
    Where `regions` of these names are given, the names stand on the plane and the poems below it;
    else there is a legend.

    Raises:
        ConfigError: the font cannot be read, and as `curves.picture` does.
    """
    import numpy as np

    places = np.asarray(points, dtype=float)
    n = len(places)
    counts = Counter(value for value in groups or () if value)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    colours = dict(zip(ordered, VALUES, strict=False))
    each = np.array([colours.get(value, OTHER) for value in groups or ()] or [VALUES[1]] * n)
    regions = [region for region in regions if region.name in colours]
    texts = [text for *_, text in grid] + [region.text for region in regions]
    known = faces([*texts, *colours, title, *axes_names], font)
    drawn = set(drawable(texts, known))
    legend = [(known.plain(name), colours[name], counts[name]) for name in colours]
    if colours and (rest := n - sum(count for *_, count in legend)):
        legend.append((_("other"), OTHER, rest))
    rows = [] if regions else _rows(legend)
    band = _Band(regions)
    top = HEAD + 20 * len(rows) + 6 * bool(rows)
    height = top + MAP + FOOT + band.height
    with picture(out, SUFFIXES, (WIDTH / 72, height / 72), 130, known) as figure:
        figure.set_layout_engine("none")
        page = _Page(figure, WIDTH, height)
        page.write(known.plain(title, 200), MARGIN, 38, TITLE, INK, MARGIN)
        axes = page.axes(MARGIN, top, WIDTH - 2 * MARGIN, MAP)
        for side, name in zip("xy", axes_names, strict=True):
            axes.set(**{f"{side}label": known.plain(name), f"{side}ticks": []})
            getattr(axes, f"{side}axis").label.set(color=QUIET, fontsize=SMALL)
        axes.grid(visible=False)
        axes.spines[:].set(visible=False)
        axes.set_aspect("equal", adjustable="datalim")
        order = np.random.default_rng(0).permutation(n)  # else the last would cover the others
        axes.scatter(
            places[order, 0],
            places[order, 1],
            c=each[order],
            s=min(48, max(2.5, 30_000 / n)),
            alpha=min(0.85, max(0.2, 1800 / n)) * (0.6 if grid else 1),
            linewidths=0,
            rasterized=n > MANY,  # so many marks make an .svg that nothing opens
        )
        axes.margins(0.04)
        figure.draw_without_rendering()  # which settles where things are
        cores = _cores(axes, places, groups or (), colours)
        for row, entries in enumerate(rows):
            page.legend(entries, HEAD + 20 * row + 2)
        page.scatter_verses(axes, [point for point in grid if point[2] in drawn])
        if regions:
            shown = {r.name: (r.x, r.y) for r in regions} | cores
            named = {name: (known.plain(name), *shown[name]) for name in shown}
            page.name_places(axes, named, colours, places)
            page.poems(regions, top + MAP + FOOT, band, known, colours, drawn)


class _Band:
    """The room that the poems of regions take below the map: in rows, of one size."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.upright = all(is_upright(region.text) for region in regions)
        most = ACROSS[not self.upright]
        self.rows = -(-len(regions) // most)
        self.across = -(-len(regions) // self.rows) if self.rows else 1
        self.slot = (WIDTH - 2 * MARGIN) / self.across
        self.length = (self.slot - 16) / (SMALL - 0.8)
        self.verses = [self.laid(region.text) for region in regions]
        sizes = [extent(verses, self.upright) for verses in self.verses]
        wide = max((w for w, _ in sizes), default=1)
        self.size = min(POEM, (self.slot - 14) / max(wide, 1))
        self.row = NAME * 2 + max((h for _, h in sizes), default=0) * self.size + 24
        self.height = self.rows * self.row + 8 * bool(self.rows)

    def laid(self, text: str) -> list[str]:
        return verses_of(text, length=12 if self.upright else self.length)


class _Page:
    """A figure that is laid out in points from its upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        w, h = self.width, self.height
        return self.figure.add_axes((x / w, 1 - (y + height) / h, width / w, height / h))

    def write(
        self, text: str, x: float, y: float, size: float, colour: str, margin: float | None = None
    ) -> float:
        """Put a text on the page, its baseline at y; how wide it is. With a margin it is as much
        smaller as it takes to end before that."""
        drawn = self.figure.text(x / self.width, 1 - y / self.height, text, color=colour)
        drawn.set(fontsize=size, va="baseline", parse_math=False)
        wide = drawn.get_window_extent().width * 72 / self.figure.dpi
        if margin is not None and wide > self.width - x - margin:
            drawn.set_fontsize(size * (self.width - x - margin) / wide)
        return float(wide)

    def dot(self, x: float, y: float, colour: str, radius: float = 4) -> None:
        from matplotlib.patches import Ellipse

        w, h = self.width, self.height
        mark = Ellipse(
            (x / w, 1 - y / h), 2 * radius / w, 2 * radius / h, color=colour, linewidth=0
        )
        self.figure.add_artist(mark)

    def legend(self, entries: Sequence[tuple[str, str, int]], y: float) -> None:
        """Each value with its dot and how many poems have it, in a row."""
        x = MARGIN
        for name, colour, count in entries:
            self.dot(x + 4, y - 3.5, colour)
            wide = self.write(name, x + 13, y, SMALL + 1.5, INK)
            self.write(f"{count:,}", x + 18 + wide, y, SMALL, QUIET)
            x += _wide((name, colour, count))

    def scatter_verses(self, axes: Axes, grid: Sequence[GridPoint]) -> None:
        """The texts of a grid at as many of its places as have room for them, far apart."""
        columns, rows = sorted({x for x, _, _ in grid}), sorted({y for _, y, _ in grid})
        laid = [(x, y, is_upright(text), verses_of(text, length=24)) for x, y, text in grid]
        sizes = [extent(verses, upright) for _, _, upright, verses in laid]
        wide, high = (max((size[i] for size in sizes), default=0) * POEM for i in (0, 1))
        inside = axes.get_window_extent()
        taken: list[Bbox] = []
        across = self._stride(axes, columns, 0, max(wide * 1.5, APART))
        up = self._stride(axes, rows, 1, max(high * 1.3, APART))
        first, lowest = (len(columns) - 1) % across // 2, (len(rows) - 1) % up // 2
        for x, y, upright, verses in laid:
            i, aside = divmod(columns.index(x) - first, across)
            j, above = divmod(rows.index(y) - lowest, up)
            if aside or above or (i + j) % 2:  # as on the black squares of a chessboard
                continue
            box = self._box(axes, (x, y), extent(verses, upright))
            if box.x0 < inside.x0 or box.x1 > inside.x1 or box.y0 < inside.y0 or box.y1 > inside.y1:
                continue
            if not box.count_overlaps(taken):
                taken.append(box)
                self._paper(box)
                scale = 72 / self.figure.dpi
                at = (box.x0 * scale + 4, self.height - box.y1 * scale + 4)
                write_verses(self.figure, verses, upright, at, POEM - 1, color=INK)

    def _stride(self, axes: Axes, places: Sequence[float], axis: int, need: float) -> int:
        if len(places) < 2:
            return 1
        ends = axes.transData.transform([(places[0],) * 2, (places[1],) * 2])
        gap = abs(float(ends[1][axis] - ends[0][axis])) * 72 / self.figure.dpi
        return max(1, -int(-need // max(gap, 1e-9)))

    def _box(self, axes: Axes, place: tuple[float, float], size: tuple[float, float]) -> Bbox:
        from matplotlib.transforms import Bbox

        x, y = axes.transData.transform(place)
        scale = self.figure.dpi / 72
        w, h = (extent * (POEM - 1) * scale + 8 * scale for extent in size)
        return Bbox.from_bounds(x - w / 2, y - h / 2, w, h)

    def _paper(self, box: Bbox) -> None:
        from matplotlib.patches import Rectangle

        inside = box.transformed(self.figure.transFigure.inverted())
        look: Any = {"facecolor": PAPER, "alpha": 0.86, "edgecolor": FAINT, "linewidth": 0.5}
        self.figure.add_artist(Rectangle(inside.p0, inside.width, inside.height, **look))

    def name_places(
        self,
        axes: Axes,
        named: Mapping[str, tuple[str, float, float]],
        colours: Mapping[str, str],
        places: NDArray[np.float64],
    ) -> None:
        """The names of regions on the plane, of words the first two, each as near to its place
        as the others leave room."""
        from matplotlib.patheffects import withStroke
        from matplotlib.transforms import Bbox

        inside = axes.get_window_extent().padded(-6)
        few = len(places) <= FEW
        middles = axes.transData.transform(places) if few else ()
        taken = [Bbox.from_bounds(x - 9, y - 9, 18, 18) for x, y in middles]
        halo = [withStroke(linewidth=4, foreground=PAPER)]
        steps = [(dx, dy) for dy in range(-12, 13) for dx in range(-4, 5)]
        steps.sort(key=lambda step: (step[0] * 22) ** 2 + (step[1] * 9) ** 2)
        for name, (text, x, y) in named.items():
            short = " ".join(text.split(" ")[:2])
            label = axes.annotate(short, (x, y), (0, 0), textcoords="offset points", zorder=6)
            label.set(ha="center", va="center", fontsize=NAME, path_effects=halo)
            label.set(color=legible(colours[name]), parse_math=False)
            for dx, dy in steps:
                label.set_position((dx * 22, dy * 9))
                box = label.get_window_extent().padded(3)
                held = inside.x0 <= box.x0 and box.x1 <= inside.x1
                held &= inside.y0 <= box.y0 and box.y1 <= inside.y1
                if held and not box.count_overlaps(taken):
                    break
            taken.append(box)

    def poems(
        self,
        regions: Sequence[Region],
        top: float,
        band: _Band,
        known: Faces,
        colours: Mapping[str, str],
        drawn: set[str],
    ) -> None:
        """A poem of each region, under its name: in the order of the plane, as verse is read."""
        order = sorted(range(len(regions)), key=lambda i: regions[i].x)
        for place, i in enumerate(order):
            region, verses = regions[i], band.verses[i]
            row, column = divmod(place, band.across)
            left, y = MARGIN + column * band.slot, top + row * band.row
            wide = extent(verses, band.upright)[0] * band.size
            name, size = known.plain(region.name), NAME
            size = min(size, (band.slot - 26) / max(ems(name), 1))
            x = left + (band.slot - wide) / 2 if band.upright else left
            full = ems(name) * size + 14
            start = left + (band.slot - full) / 2 if band.upright else left
            self.dot(start + 4, y + NAME - 5, colours[region.name])
            self.write(name, start + 14, y + NAME, size, legible(colours[region.name]))
            if region.text in drawn:
                at = (x, y + NAME * 2 - 2)
                write_verses(self.figure, verses, band.upright, at, band.size, color=INK)


def _wide(entry: tuple[str, str, int]) -> float:
    name, _, count = entry
    return 13 + ems(name) * (SMALL + 3) + len(f"{count:,}") * SMALL * 0.6 + 26


def _rows(entries: Sequence[tuple[str, str, int]]) -> list[list[tuple[str, str, int]]]:
    """The legend in rows that fit the page."""
    rows, x = list[list[tuple[str, str, int]]](), WIDTH
    for entry in entries:
        if x + _wide(entry) > WIDTH - MARGIN:
            rows.append([])
            x = MARGIN
        rows[-1].append(entry)
        x += _wide(entry)
    return rows


def _cores(
    axes: Axes, places: NDArray[np.float64], groups: Sequence[str], colours: Mapping[str, str]
) -> dict[str, tuple[float, float]]:
    """A line around the densest part of each group; where it is denser than all others together."""
    import numpy as np

    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    edges = [np.linspace(left, right, CELLS + 1), np.linspace(low, high, CELLS + 1)]
    x, y = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
    values = np.array(groups)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / BLUR) ** 2)
    densities = {}
    for name in colours:
        own = places[values == name]
        if len(own) >= ENOUGH:
            counted = np.histogram2d(own[:, 0], own[:, 1], bins=edges)[0].T
            for axis in (0, 1):
                counted = np.apply_along_axis(
                    np.convolve, axis, counted, kernel / kernel.sum(), "same"
                )
            densities[name] = counted
    total = sum(densities.values())
    found = {}
    for name, density in densities.items():
        ranked = np.sort(density, axis=None)[::-1]
        level = ranked[np.searchsorted(ranked.cumsum(), CORE * density.sum())]
        look: Any = {"colors": [colours[name]], "zorder": 3}
        axes.contourf(x, y, density, [level, density.max() * 2], alpha=0.07, **look)
        axes.contour(x, y, density, [level], linewidths=1.1, alpha=0.85, **look)
        row, column = np.unravel_index(
            (density**2 / np.maximum(total, 1e-12)).argmax(), density.shape
        )
        found[name] = (float(x[column]), float(y[row]))
    return found

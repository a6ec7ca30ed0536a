"""The map of a latent space as a picture."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .curves import COLOURS, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from numpy.typing import ArrayLike


GridPoint = tuple[float, float, str]
SUFFIXES = (".png", ".svg")

# Where systems keep a font with Chinese characters; matplotlib brings one that has none.
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-zenhei/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Supplemental/Songti.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simsun.ttc",
)

# A verse, with the mark that ends it.
_VERSE = re.compile(r"[^\n，。！？；]*\S[，。！？；]?")
LINES, LENGTH = 4, 12
SMALLEST = 6
MANY = 5000
VALUES = (*COLOURS, "#882255", "#999933", "#332288")
OTHER = "#b2b2b2"


def plot_map(
    out: str | Path,
    points: ArrayLike,
    groups: Sequence[str] | None,
    grid: Sequence[GridPoint],
    axes_names: tuple[str, str],
    font: str | Path | None = None,
    title: str = "",
) -> None:
    """Draw poems on a plane, with the poems decoded at points of it.

    A text is drawn where the font has all its characters; one warning tells how many are not.

    Args:
        out: the .png or .svg file.
        points: (N, 2).
        groups: the value of one label for each poem, "" = unknown; the ten most frequent ones
            have a colour.
        grid: x, y and text.
        axes_names: of the two axes.
        font: a font file; absent: the first known one that has most of the characters.
        title: stands above the map.

    Raises:
        ConfigError: `out` has another suffix or cannot be written; no matplotlib.
    """
    save(out, SUFFIXES, lambda: _draw_map(points, groups, grid, axes_names, font, title))


def _draw_map(
    points: ArrayLike,
    groups: Sequence[str] | None,
    grid: Sequence[GridPoint],
    axes_names: tuple[str, str],
    font: str | Path | None,
    title: str,
) -> Figure:
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    places = np.asarray(points, dtype=float)
    n = len(places)
    counts = Counter(value for value in groups or () if value)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    colours = dict(zip(ordered, VALUES, strict=False))
    each = np.array([colours.get(value, OTHER) for value in groups or ()] or [COLOURS[0]] * n)
    # In the order of the corpus the last poems would cover the others.
    order = np.random.default_rng(0).permutation(n)

    figure = Figure(figsize=(8.8, 7.2), dpi=200, layout="constrained")
    if title:
        figure.suptitle(plain(title), x=0.01, ha="left", fontsize="large")
    axes = figure.subplots()
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
    axes.grid(visible=False)
    axes.scatter(
        places[order, 0],
        places[order, 1],
        c=each[order],
        s=min(30, max(1.5, 60_000 / n)),
        alpha=min(0.8, max(0.15, 4000 / n)) * (0.5 if grid else 1),
        linewidths=0,
        rasterized=n > MANY,  # so many marks make an .svg that nothing opens
    )
    laid = [(x, y, _lay_out(text)) for x, y, text in grid]
    properties, has = _font([text for *_, text in laid] + list(colours), font)
    figure.draw_without_rendering()  # which settles where things are
    _write_grid(axes, [point for point in laid if has(point[2])], properties)
    missing = sum(not has(text) for *_, text in laid)
    if missing:
        warnings.warn(
            f"{missing} of {len(grid)} texts are left out: no font here has their characters; "
            "install fonts-noto-cjk or fonts-wqy-zenhei, or write an .html map",
            stacklevel=5,
        )
    if colours:
        names = [name if has(name) else ascii(name)[1:-1] for name in colours]
        marks = [
            Line2D([], [], marker="o", linestyle="", color=colour, label=name)
            for name, colour in zip(names, colours.values(), strict=True)
        ]
        if len(set(each)) > len(colours):
            marks.append(Line2D([], [], marker="o", linestyle="", color=OTHER, label="other"))
        axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1, 1), prop=properties)
    return figure


def _write_grid(axes: Axes, grid: Sequence[GridPoint], properties: FontProperties) -> None:
    """The texts at as many places as have room for them."""
    lines = [line for *_, text in grid for line in text.split("\n")]
    length = max(map(_ems, lines), default=1)
    depth = max((text.count("\n") + 1 for *_, text in grid), default=1)
    paper = {"facecolor": "white", "alpha": 0.5, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
    columns, rows = sorted({x for x, _, _ in grid}), sorted({y for _, y, _ in grid})
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    points = 72 / axes.figure.dpi
    wide, high = _gap(columns) * (x1 - x0) * points, _gap(rows) * (y1 - y0) * points
    across, up = (
        2 ** math.ceil(math.log2(max(1, SMALLEST * needed / space)))
        for needed, space in ((length + 1, wide), (1.3 * depth + 0.5, high))
    )
    size = min(10, wide * across / (length + 1), high * up / (1.3 * depth + 0.5))
    for x, y, text in grid:
        if columns.index(x) % across == 0 and rows.index(y) % up == 0:
            axes.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                in_layout=False,
                parse_math=False,
                linespacing=1.1,
                fontproperties=properties,
                fontsize=size,
                bbox=paper,
            )


def _gap(places: Sequence[float]) -> float:
    return places[1] - places[0] if len(places) > 1 else math.inf


def _lay_out(text: str) -> str:
    """The first verses of a text, a line each, and of a long verse its beginning."""
    lines = [verse.strip() for verse in _VERSE.findall(text)[:LINES]]
    for i, line in enumerate(lines):
        while _ems(line) > LENGTH:
            line = line.removesuffix("…")[:-1].rstrip() + "…"
        lines[i] = line
    return "\n".join(lines)


def _ems(line: str) -> float:
    """About how wide a line is, in units of its size: Chinese characters are square."""
    return sum(1 if char >= "\u2e80" else 0.55 for char in line)


def _font(
    texts: Iterable[str], font: str | Path | None
) -> tuple[FontProperties, Callable[[str], bool]]:
    """The font that can draw most of these texts, and whether it can draw a text."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

    own = f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    paths = [str(font)] if font else [own, *(path for path in FONTS if Path(path).exists())]
    try:
        fonts = [FT2Font(path) for path in paths]
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{font or FONTS}: cannot be read as a font; give another") from error
    chars = set("".join(texts)) - {"\n"}

    def known(one: FT2Font) -> set[str]:
        return {char for char in chars if one.get_char_index(ord(char))}

    best = max(fonts, key=lambda one: len(known(one)))
    have = known(best) | {"\n"}
    properties = FontProperties(
        family=[best.family_name, "sans-serif"], fname=paths[fonts.index(best)]
    )
    return properties, lambda text: have.issuperset(text)

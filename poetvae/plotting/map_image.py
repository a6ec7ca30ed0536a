"""The map of a latent space as a picture."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .curves import COLOURS, headline, picture, plain
from .palette import OTHER, VALUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties
    from numpy.typing import ArrayLike

    from ..latent.plane import GridPoint, Region

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
MIDDLE = (0.26, 0.09, 0.48, 0.83)  # of the picture, for a map with regions beside it
SMALLEST, LARGEST = 8, 11  # points of type
WIDE = 20  # of a verse beside the map, in ems
MANY = 5000


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

    A text is drawn where the font (absent: the first known one that has most of the characters) has
    all of its own; one warning tells how many are not. `groups` is the value of one label for each
    poem, "" = unknown: the ten most frequent ones have a colour. Where `regions` of these names
    are given, they stand beside the map with their poems, and there is no other legend.

    Raises:
        ConfigError: the font cannot be read, and as `curves.picture` does.
    """
    import numpy as np

    places = np.asarray(points, dtype=float)
    n = len(places)
    counts = Counter(value for value in groups or () if value)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    colours = dict(zip(ordered, VALUES, strict=False))
    each = np.array([colours.get(value, OTHER) for value in groups or ()] or [COLOURS[0]] * n)
    # In the order of the corpus the last poems would cover the others.
    order = np.random.default_rng(0).permutation(n)
    laid = [(x, y, _lay_out(text, LENGTH)) for x, y, text in grid]
    beside = [r._replace(text=_lay_out(r.text, WIDE)) for r in regions if r.name in colours]
    texts = [text for *_, text in laid] + [region.text for region in beside]
    with picture(out, SUFFIXES, (12 if beside else 8.8, 7.2), dpi=200) as figure:
        from matplotlib.lines import Line2D

        if title:
            headline(figure, plain(title))
        axes = figure.subplots()
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
        axes.grid(visible=False)
        axes.scatter(
            places[order, 0],
            places[order, 1],
            c=each[order],
            s=min(30, max(3, 60_000 / n)),
            alpha=min(0.8, max(0.15, 4000 / n)) * (0.5 if grid else 1),
            linewidths=0,
            rasterized=n > MANY,  # so many marks make an .svg that nothing opens
        )
        properties, has = _font([*texts, *colours], font)
        names = {name: name if has(name) else plain(name) for name in colours}
        if colours and not beside:
            told = [(names[name], colours[name]) for name in colours]
            told += [("other", OTHER)] if len(set(each)) > len(colours) else []
            mark: Any = {"marker": "o", "linestyle": ""}
            handles = [Line2D([], [], color=color, label=name, **mark) for name, color in told]
            axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), prop=properties)
        if beside:
            figure.set_layout_engine("none")
            axes.set_position(MIDDLE)
        figure.draw_without_rendering()  # which settles where things are
        _write_grid(axes, [point for point in laid if has(point[2])], properties)
        for side in (False, True):
            ranked = sorted(beside, key=lambda region: region.x)
            own = ranked[len(ranked) // 2 :] if side else ranked[: len(ranked) // 2]
            own = [r._replace(text=r.text if has(r.text) else "") for r in own]
            _write_regions(axes, own, names, colours, properties, side)
    if missing := sum(not has(text) for text in texts):
        warnings.warn(
            f"{missing} of {len(texts)} texts are left out: no font here has their characters; "
            "install fonts-noto-cjk or fonts-wqy-zenhei, or write an .html map",
            stacklevel=2,
        )


def _write_regions(
    axes: Axes,
    regions: Sequence[Region],
    names: Mapping[str, str],
    colours: Mapping[str, str],
    properties: FontProperties,
    right: bool,
) -> None:
    """Regions under each other on one side of the map, each with a line to its middle."""
    from matplotlib.patches import ConnectionPatch

    figure = axes.figure
    left, bottom, width, height = MIDDLE
    look: Any = {"fontproperties": properties, "va": "top", "parse_math": False}
    for i, region in enumerate(sorted(regions, key=lambda region: -region.y)):
        x, y = (left + width + 0.03 if right else 0.012), bottom + height * (1 - i / len(regions))
        color = colours[region.name]
        figure.text(x, y, names[region.name], color=color, fontsize=15, **look)
        figure.text(x, y - 0.045, region.text, fontsize=LARGEST, linespacing=1.35, **look)
        edge = (x - 0.008 if right else left - 0.015, y - 0.018)
        line: Any = {"coordsA": "figure fraction", "coordsB": "data", "color": color, "zorder": 5}
        place = (region.x, region.y)
        figure.add_artist(
            ConnectionPatch(edge, place, axesB=axes, arrowstyle="-|>", linewidth=0.8, **line)
        )


def _write_grid(axes: Axes, grid: Sequence[GridPoint], properties: FontProperties) -> None:
    """The texts at as many places as have room for them."""
    lines = [line for *_, text in grid for line in text.split("\n")]
    length = max(map(_ems, lines), default=1)
    depth = max((text.count("\n") + 1 for *_, text in grid), default=1)
    paper = {"facecolor": "white", "alpha": 0.5, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
    columns, rows = sorted({x for x, _, _ in grid}), sorted({y for _, y, _ in grid})
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    points = 72 / axes.figure.dpi
    wide, high = (
        (places[1] - places[0]) * unit * points if len(places) > 1 else math.inf
        for places, unit in ((columns, x1 - x0), (rows, y1 - y0))
    )
    across, up = (
        2 ** math.ceil(math.log2(max(1, SMALLEST * needed / space)))
        for needed, space in ((length + 1, wide), (1.3 * depth + 0.5, high))
    )
    size = min(LARGEST, wide * across / (length + 1), high * up / (1.3 * depth + 0.5))
    look: Any = {"fontproperties": properties, "fontsize": size, "linespacing": 1.1, "bbox": paper}
    look |= {"ha": "center", "va": "center", "in_layout": False, "parse_math": False}
    for x, y, text in grid:
        if columns.index(x) % across == 0 and rows.index(y) % up == 0:
            axes.text(x, y, text, **look)


def _lay_out(text: str, length: int) -> str:
    """The first verses of a text, a line each, and of one longer than so many ems its beginning."""
    lines = [verse.strip() for verse in _VERSE.findall(text)[:LINES]]
    for i, line in enumerate(lines):
        while _ems(line) > length:
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
    chars, found = set("".join(texts)) - {"\n"}, []
    for path in paths:
        try:
            face = FT2Font(path)
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"{path}: cannot be read as a font; give another") from error
        known = {char for char in chars if face.get_char_index(ord(char))} | {"\n"}
        found.append((known, face.family_name, path))
    known, family, path = max(found, key=lambda one: len(one[0]))
    return FontProperties(family=[family, "sans-serif"], fname=path), known.issuperset

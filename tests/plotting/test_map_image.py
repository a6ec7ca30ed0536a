"""Maps as pictures: what stands on them, and that no text covers another or leaves the paper."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib import image
from matplotlib.figure import Figure
from matplotlib.text import Text

from poetvae.errors import ConfigError
from poetvae.latent.plane import Region
from poetvae.plotting import curves, fonts, map_image
from poetvae.plotting.colours import OTHER, VALUES
from poetvae.plotting.map_image import plot_map

POINTS = np.random.default_rng(0).normal(size=(60, 2))
AXES = ("one", "two")
QUATRAIN = "山月臨窗白雲起，溪風入座清夜來。山月臨窗白雲起，溪風入座清夜來。"
STANZA = (
    "The curfew tolls the knell of parting day,\nThe lowing herd winds slowly o'er the lea,\n"
    "The ploughman homeward plods his weary way,\nAnd leaves the world to darkness and to me."
)
NAMES = (
    "山水雲舟",
    "花春枝梅",
    "人意今身",
    "玉天宮壽",
    "雨秋窗聲",
    "大頭三佛",
    "有老病我",
    "峰江間然",
)
ENGLISH = [f"{word} {word}er thoughts {word}s" for word in ("love", "sea", "wood", "star", "war")]


@pytest.fixture(scope="module")
def figures() -> Iterator[list[Figure]]:
    """Every figure that a map is drawn on."""
    drawn: list[Figure] = []
    real = curves.picture

    @contextlib.contextmanager
    def kept(*arguments: Any) -> Iterator[Figure]:
        with real(*arguments) as figure:
            drawn.append(figure)
            yield figure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_image, "picture", kept)
        yield drawn


def mapped(out: Path, *arguments: Any, **options: Any) -> str:
    """A map as SVG."""
    plot_map(out / "map.svg", *arguments, **options)
    return (out / "map.svg").read_text(encoding="utf-8")


def check(figure: Figure) -> None:
    """No text covers another, and none goes over the edge."""
    found = figure.findobj(lambda one: isinstance(one, Text) and one.get_visible())
    drawn = [one for one in found if isinstance(one, Text) and one.get_text().strip()]
    drawn = [text for text in drawn if _is_shown(text)]
    boxes = [text.get_window_extent().padded(-1) for text in drawn]
    width, height = figure.bbox.size
    for text, box in zip(drawn, boxes, strict=True):
        assert (box.x0 >= 0, box.y0 >= 0) == (True, True), text
        assert (box.x1 <= width, box.y1 <= height) == (True, True), text
    for (one, a), (other, b) in combinations(zip(drawn, boxes, strict=True), 2):
        across, up = (min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))
        # The box of a character has blank paper above and below it.
        assert across <= 0 or up <= 0.35 * min(a.height, b.height), (one, other)


def _is_shown(text: Text) -> bool:
    """Whether it is no label of a tick that is turned off or out of view."""
    if text.axes is None or text not in text.axes.findobj(Text):
        return True
    ticks = [*text.axes.xaxis.get_major_ticks(), *text.axes.xaxis.get_minor_ticks()]
    hidden = {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    return id(text) not in hidden and text.get_window_extent().y1 >= 0


def clustered(names: list[str], text: str, n: int, seed: int = 0) -> dict[str, Any]:
    """Poems in clusters of these names, with a poem of each."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(len(names), 2))
    groups = [names[i % len(names)] for i in range(n)]
    points = middles[np.arange(n) % len(names)] + 0.5 * random.normal(size=(n, 2))
    regions = [
        Region(float(m[0]), float(m[1]), name, text) for m, name in zip(middles, names, strict=True)
    ]
    return {"points": points, "groups": groups, "regions": regions}


@pytest.mark.parametrize(
    ("names", "text", "n"),
    [
        (NAMES, QUATRAIN, 800), (NAMES[:3], "山月臨窗白，溪風入座清。", 10), (ENGLISH, STANZA, 400),
        ([*NAMES, "甲乙", "丙丁"], QUATRAIN, 500), (NAMES[:1], STANZA, 40), (["1", "2"], "白", 2),
    ],
)  # fmt: skip
def test_regions_stand_clear_of_each_other(
    tmp_path: Path, figures: list[Figure], names: list[str], text: str, n: int
) -> None:
    title = "Where poems lie in the latent space: regions, each named by its words"
    what = clustered([*names], text, n)
    svg = mapped(tmp_path, **what, grid=[], axes_names=AXES, title=title)
    check(figures[-1])
    for name in names:
        assert f">{name}<" in svg
    assert f">{title}<" in svg


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_wherever_regions_lie(tmp_path: Path, figures: list[Figure], seed: int, k: int) -> None:
    names = [*NAMES, "甲乙", "丙丁"][:k]
    what = clustered(names, "山月臨窗白，溪風入座清。", 40 * k, seed)
    mapped(tmp_path, **what, grid=[], axes_names=AXES, title="x")
    check(figures[-1])


def test_names_have_the_colours_of_their_points(tmp_path: Path, figures: list[Figure]) -> None:
    what = clustered([*NAMES[:3]], QUATRAIN, 90)
    svg = mapped(tmp_path, **what, grid=[], axes_names=AXES)
    for colour in VALUES[:3]:
        assert svg.count(f"fill: {colour}") >= 31  # thirty poems, and the dot beside the name


@pytest.mark.parametrize("text", [QUATRAIN, STANZA, "a rose"])
def test_poems_of_a_grid_are_few_and_stand_clear(
    tmp_path: Path, figures: list[Figure], text: str
) -> None:
    dense = [(x / 10, y / 10, text) for x in range(-20, 20) for y in range(-20, 20)]
    groups = ["唐", "宋", "a dynasty of a longer name"] * 20
    svg = mapped(tmp_path, POINTS, groups, dense, AXES, title="60 poems")
    check(figures[-1])
    first = "山" if text == QUATRAIN else text.split("\n")[0]
    assert 1 <= svg.count(f">{first}<") <= 40


def test_a_map_has_its_poems_axes_and_labels(tmp_path: Path, figures: list[Figure]) -> None:
    groups = ["tang"] * 30 + ["$song$"] * 20 + [""] * 10
    svg = mapped(tmp_path, POINTS, groups, [(0.0, 0.0, "a rose, $is$ <a>\nrose")], AXES)
    for text in ("one", "two", "a rose, $is$ &lt;a&gt;", "rose", "tang", "$song$", "other"):
        assert f">{text}<" in svg
    fills = {c: svg.count(f"fill: {c}") for c in (*VALUES[:2], OTHER)}
    assert fills[OTHER] == 11  # and one in the legend
    assert fills[VALUES[0]] >= 31
    assert fills[VALUES[1]] == 21
    check(figures[-1])


def test_the_ten_most_frequent_values_have_a_colour(tmp_path: Path, figures: list[Figure]) -> None:
    groups = [f"v{min(i, 11 * 5 - 1) // 5}" for i in range(60)]
    svg = mapped(tmp_path, POINTS, groups, [], AXES)
    assert [f">v{i}<" in svg for i in range(11)].count(True) == 10
    assert ">v10<" in svg  # the most frequent one, of ten poems
    assert ">other<" in svg
    check(figures[-1])
    assert ">other<" not in mapped(tmp_path, POINTS, ["x"] * 60, [], AXES)


def test_characters_without_a_font_are_left_out_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "SYSTEM", ())
    grid = [(-2.0, -2.0, "\U0010fffe\U0010fffe"), (2.0, -2.0, "a thorn"), (0.0, 1.0, "a rose")]
    with pytest.warns(UserWarning, match="^1 of 3 texts are left out: no font here has") as caught:
        svg = mapped(tmp_path, POINTS, ["\U0010fffe"] * 60, grid, AXES)
    (warning,) = caught
    assert "install fonts-noto-cjk" in str(warning.message)
    assert "\U0010fffe" not in svg
    assert ">\\U0010fffe<" in svg


def test_many_points_are_an_image_in_an_svg(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(6000, 2))
    mapped(tmp_path, points, None, [], AXES)
    assert (tmp_path / "map.svg").stat().st_size < 1_000_000
    plot_map(tmp_path / "map.png", points, None, [], AXES)
    assert image.imread(tmp_path / "map.png").shape[1] == 1300
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg$"):
        plot_map(tmp_path / "map.pdf", POINTS, None, [], AXES)

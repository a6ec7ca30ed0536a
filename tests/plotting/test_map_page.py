"""Maps: the plane against numpy's decomposition, and what a page holds, even of hostile texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from poetvae.errors import ConfigError, CorpusError
from poetvae.latent.plane import GridPoint, Plane
from poetvae.plotting.map_page import write_map

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]> &lt; &amp; \" ' \\ \\u003c {data} {script hash}",
    "\u2028\u2029\x00\x1f\ufeff\ud800",
    "山月臨窗白，\n溪風入座清。",
    "",
]


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of each kind."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag in {"style", "script"}:
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in {"style", "script"}:
            self.texts[self.inside][-1] += data

    @property
    def data(self) -> dict[str, Any]:
        """What the map shows."""
        content: dict[str, Any] = json.loads(self.texts["script"][0])
        return content


def written(
    out: Path,
    texts: list[str],
    points: Tensor | None = None,
    groups: dict[str, list[str]] | None = None,
    grid: list[GridPoint] | None = None,
    title: str = "a map",
) -> str:
    """The page of a map."""
    if points is None:
        points = torch.randn(len(texts), 2, generator=torch.Generator().manual_seed(0))
    write_map(out, points, texts, groups or {}, grid or [], title, ("one", "two"))
    return out.read_text(encoding="utf-8")


def numbers(text: str) -> NDArray[np.uint16]:
    """Numbers of 16 bits from base64."""
    return np.frombuffer(base64.b64decode(text), dtype="<u2")


def latents(n: int, dims: int, seed: int = 0) -> Tensor:
    """Correlated latents that are not centred."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dims, dims, generator=generator)
    return torch.randn(n, dims, generator=generator) @ mix + torch.randn(dims, generator=generator)


# The plane


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 60), st.integers(3, 12), st.integers(0, 2**31))
def test_the_plane_is_that_of_the_singular_value_decomposition(
    n: int, dims: int, seed: int
) -> None:
    z = latents(n, dims, seed).double()
    plane = Plane.fit(z)
    centred = z.numpy() - z.numpy().mean(0)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    shares = singular**2 / (singular**2).sum()
    assert plane.shares == pytest.approx(tuple(shares[:2]))
    assert (plane.axes @ plane.axes.T).numpy() == pytest.approx(np.eye(2), abs=1e-9)
    if singular[0] > 1.01 * singular[1] > 1.02 * singular[2]:  # else axes may turn
        cosines = np.abs((plane.axes.numpy() * right[:2]).sum(1))
        assert cosines == pytest.approx(np.ones(2), abs=1e-6)
    # No other plane has more of the variance.
    other = np.linalg.qr(np.random.default_rng(seed).normal(size=(dims, 2)))[0]
    most = float(plane.project(z).var(0, correction=0).sum())
    assert (centred @ other).var(0).sum() <= most + 1e-9


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 10), st.integers(0, 2**31))
def test_from_the_plane_to_latent_space_and_back(dims: int, seed: int) -> None:
    z = latents(20, dims, seed).double()
    plane = Plane.fit(z)
    points = latents(7, 2, seed + 1).double()
    if dims == 1:
        points[:, 1] = 0
    lifted = plane.lift(points)
    assert lifted.shape == (7, dims)
    torch.testing.assert_close(plane.project(lifted), points)
    # What is left out lies across the plane.
    rest = z - plane.lift(plane.project(z))
    torch.testing.assert_close(rest @ plane.axes.T, torch.zeros(20, 2).double())


def test_a_point_is_as_far_off_the_plane_as_the_nearest_poem() -> None:
    z = latents(20, 5).double()
    plane = Plane.fit(z)
    torch.testing.assert_close(plane.beside(plane.project(z), z), z)
    points = latents(9, 2).double()
    there = plane.beside(points, z)
    torch.testing.assert_close(plane.project(there), points)
    for point, lifted in zip(points, there, strict=True):
        distances = [float((point - other).norm()) for other in plane.project(z)]
        nearest = z[distances.index(min(distances))]
        off = nearest - plane.lift(plane.project(nearest[None]))[0]
        torch.testing.assert_close(lifted - plane.lift(point[None])[0], off)


def test_signs_do_not_depend_on_those_of_the_data() -> None:
    z = latents(50, 6).double()
    z -= z.mean(0)
    torch.testing.assert_close(Plane.fit(z).axes, Plane.fit(-z).axes)
    axes = Plane.fit(z).axes
    assert all(axis[axis.abs().argmax()] > 0 for axis in axes)


def test_two_dimensions_are_shown_as_they_are() -> None:
    z = latents(30, 2)
    plane = Plane.fit(z)
    assert torch.equal(plane.project(z), z)
    assert torch.equal(plane.lift(z), z)
    variance = z.double().var(0)
    assert plane.shares == pytest.approx(tuple((variance / variance.sum()).tolist()))
    assert plane.names()[0].startswith("z1 (")


def test_of_one_dimension_the_second_axis_is_zero() -> None:
    z = latents(30, 1)
    plane = Plane.fit(z)
    assert torch.equal(plane.project(z), torch.cat([z, torch.zeros(30, 1)], 1))
    assert plane.shares == pytest.approx((1, 0))
    assert plane.grid(plane.project(z), 5).shape == (5, 2)
    assert {t.dtype for t in (plane.project(z), plane.lift(latents(2, 2)))} == {torch.float32}
    with pytest.raises(CorpusError, match=r"^1 poems to map; expected at least 2"):
        Plane.fit(z[:1])


def test_latents_without_variance() -> None:
    z = torch.ones(4, 3)
    plane = Plane.fit(z)
    assert plane.shares == (0, 0)
    assert torch.equal(plane.project(z), torch.zeros(4, 2))
    assert plane.names() == ("component 1 (0.0% of variance)", "component 2 (0.0% of variance)")


def test_the_grid_is_even_between_quantiles() -> None:
    points = latents(500, 2).double()
    nodes = Plane.fit(points).grid(points, 4)
    edges = np.quantile(points.numpy(), [0.02, 0.98], axis=0)
    x, y = np.linspace(edges[0], edges[1], 4).T
    assert nodes.numpy() == pytest.approx(np.array([(a, b) for a in x for b in y]))
    assert Plane.fit(points).grid(points, 0).shape == (0, 2)


# The page


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), min_size=2, max_size=12))
def test_texts_come_back_and_cannot_leave_their_element(tmp_path: Path, texts: list[str]) -> None:
    out = tmp_path / "map.html"
    grid = [(0.0, 1.0, texts[0])]
    page = written(out, texts, groups={texts[0]: texts}, grid=grid, title=texts[-1])
    plain = Page(written(out, ["a", "b"]))
    found = Page(page)
    assert found.data["texts"] == texts
    assert found.data["title"] == texts[-1]
    assert found.data["grid"] == [[0, 1, texts[0]]]
    ((name, values, codes),) = (group.values() for group in found.data["groups"])
    assert name == texts[0]
    assert [values[code] for code in numbers(codes)] == texts
    # The same elements stand around the data as around harmless ones.
    assert found.elements == plain.elements
    assert found.texts["script"][1:] == plain.texts["script"][1:]


def test_a_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = written(tmp_path / "map.html", HOSTILE)
    page = Page(text)
    assert not re.search(r"https?:|//\w+\.|@import|url\(", text)
    assert {name for _, attributes in page.elements for name in attributes}.isdisjoint(
        {"src", "href", "style", "srcset", "action"}
    )
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
        assert forbidden not in text


def test_the_policy_allows_the_one_style_and_script_alone(tmp_path: Path) -> None:
    page = Page(written(tmp_path / "map.html", HOSTILE))
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    (style,), (_, script) = page.texts["style"], page.texts["script"]

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; "
        f"script-src 'sha256-{digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    # The policy stands before everything that it rules.
    assert [name for name, _ in page.elements][:4] == ["html", "head", "meta", "meta"]


def test_places_are_kept_to_a_65535th_of_their_range(tmp_path: Path) -> None:
    points = latents(200, 2)
    data = Page(written(tmp_path / "map.html", ["x"] * 200, points)).data
    low, high = np.array(data["low"]), np.array(data["high"])
    packed = numbers(data["points"]).reshape(-1, 2)
    found = low + packed / 65535 * (high - low)
    assert np.abs(found - points.double().numpy()).max() <= (high - low).max() / 65535 * 0.51
    assert (packed.min(0).tolist(), packed.max(0).tolist()) == ([0, 0], [65535, 65535])


def test_poems_that_lie_in_one_place(tmp_path: Path) -> None:
    data = Page(written(tmp_path / "map.html", ["x", "y"], torch.ones(2, 2))).data
    assert (data["low"], data["high"]) == ([1, 1], [1, 1])
    assert numbers(data["points"]).tolist() == [0, 0, 0, 0]


def test_values_stand_from_the_most_frequent_on(tmp_path: Path) -> None:
    groups = {"dynasty": ["宋", "唐", "唐", "", "元"], "form": ["5x2"] * 5}
    data = Page(written(tmp_path / "map.html", list("abcde"), groups=groups)).data
    assert [g["name"] for g in data["groups"]] == ["dynasty", "form"]
    assert data["groups"][0]["values"] == ["唐", "", "元", "宋"]
    assert numbers(data["groups"][0]["codes"]).tolist() == [3, 0, 0, 1, 2]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for name in ("map.gif", "map", "map.png"):
        with pytest.raises(ConfigError, match=r"expected a name that ends in \.html$"):
            written(tmp_path / name, ["x", "y"])
    with pytest.raises(CorpusError, match=r"^1 poems to map; expected at least 2"):
        written(tmp_path / "map.html", ["x"])
    many = [str(i) for i in range(2**16 + 1)]
    with pytest.raises(ConfigError, match="label title has 65537 values; expected at most 65536"):
        written(tmp_path / "map.html", many, groups={"title": many})
    with pytest.raises(ConfigError, match="cannot be written"):
        written(tmp_path / "nowhere" / "map.html", ["x", "y"])
    assert list(tmp_path.iterdir()) == []

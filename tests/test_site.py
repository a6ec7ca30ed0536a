"""The site of the documents: built once, strictly, and walked through as a browser would."""

from __future__ import annotations

import inspect
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont

from poetvae.nn import GatedConv1d

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
FETCHED = {"script", "link", "img", "iframe", "source", "video", "audio", "object", "use", "image"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    done = subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """What a page names, what can be named in it, and what it says."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []  # the tag, and where it leads
        self.text = ""
        self.math = ""
        self._open = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open += tag == "math"
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name in ("href", "src", "xlink:href", "data") and value:
                self.links.append((tag, value))

    def handle_endtag(self, tag: str) -> None:
        self._open -= tag == "math"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.math += data if self._open else ""


@cache
def page(path: Path) -> Page:
    return Page(path)


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("index.html"))


def places(entry: object) -> Iterator[str]:
    """The files that a part of the navigation names."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        yield from places(list(entry.values()))
    elif isinstance(entry, list):
        for part in entry:
            yield from places(part)


def test_every_page_of_the_navigation_is_there(site: Path) -> None:
    named = list(places(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    assert len(named) > 20
    for name in named:
        place = Path(name).with_suffix("")
        folder = place.parent if place.name in ("index", "README") else place
        assert (site / folder / "index.html").is_file(), name


def test_every_link_leads_to_something(site: Path) -> None:
    found = 0
    for path in pages(site):
        for _, link in page(path).links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target.suffix == ".html":
                anchors = page(target).anchors
                assert unquote(parts.fragment) in anchors, f"{path.relative_to(site)}: {link}"
            found += 1
    assert found > 1000


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        for tag, link in page(path).links:
            if tag in FETCHED:
                assert not urlsplit(link).netloc, f"{path.relative_to(site)}: {tag} {link}"
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert "@import" not in text
        assert "url(http" not in text.replace('"', "").replace("'", "")


def test_the_reference_comes_from_docstrings(site: Path) -> None:
    words = " ".join(page(site / "api" / "nn" / "index.html").text.split())
    first = (inspect.getdoc(GatedConv1d) or "").partition("\n")[0]
    assert first.replace("`", "") in words
    assert "poetvae.nn.GatedConv1d" in page(site / "api" / "nn" / "index.html").anchors


def test_formulas_are_set_without_a_script_in_a_face_that_comes_along(site: Path) -> None:
    theory = page(site / "theory" / "index.html")
    assert theory.text.count("log") > 20
    face = TTFont(io.BytesIO((site / "fonts" / "stix-two-math.woff2").read_bytes()))
    assert set(theory.math) - {"\n"} <= {*map(chr, face.getBestCmap())}
    for path in pages(site):
        assert "arithmatex" not in path.read_text(encoding="utf-8"), path


def test_lists_of_the_documents_are_lists(site: Path) -> None:
    """Python-Markdown wants an empty line before a list, where GitHub does not."""
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        for paragraph in text.split("<p>")[1:]:
            lines = paragraph.partition("</p>")[0].splitlines()[1:]
            assert not [line for line in lines if line.startswith(("- ", "* ", "1. ", "| "))], path


def test_search_knows_the_words_of_chinese(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    text = "".join(entry["text"] for entry in index["docs"])
    assert "\u200b" in text  # between words: Chinese has no spaces
    assert "白日依山盡" in text.replace("\u200b", "")

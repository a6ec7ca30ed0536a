"""The siege of the real page: what it finds on a tiny model, and that it can find something."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

KINDS = ["write", "walk", "score", "assets", "foreign_host", "wrong_values", "markup", "broken"]
KINDS += ["objects", "great_body", "files", "uploads", "leave"]


@pytest.fixture
def siege(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with one request of each of these kinds."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts" / "stress")
    module = importlib.import_module("siege")
    times = [times for times, _ in module.KINDS.values()]
    assert (sum(times[:5]), sum(times)) == (100, 200)
    monkeypatch.setattr(module, "KINDS", {kind: (1, module.KINDS[kind][1]) for kind in KINDS})
    monkeypatch.setattr(module, "EVERY", len(KINDS) // 2)
    return module


def test_the_page_stands(siege: ModuleType, run: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    results.write_text("before\n<!-- siege -->\nstale\n<!-- /siege -->\nafter", "utf-8")
    done = CliRunner().invoke(siege.main, ["--model", str(run), "--publish", str(results)])
    text = results.read_text("utf-8")
    assert "stale" not in text
    assert f"{len(KINDS)} requests from 20 clients at once, 0 answered wrongly" in text, done
    assert "exit 143 after" in text
    rows = {line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()}
    assert {kind.replace("_", " ") for kind in KINDS} <= rows


@pytest.mark.parametrize(
    ("status", "text", "why"),
    [(200, "fine", "200, not"), (404, "Traceback", "a traceback"), (404, "x" * 501, "a long")],
)
def test_a_wrong_refusal_is_found(siege: ModuleType, status: int, text: str, why: str) -> None:
    with pytest.raises(siege.WrongError, match=why):
        siege.Answer(status, text).refuses(404)


def test_poems_are_read_off_the_page(siege: ModuleType) -> None:
    html = '<p class="verses" lang="zh"><span>山月，</span><span>溪風。</span><br>清&amp;白。</p>x'
    assert siege.verses(html) == [["山月", "溪風", "清&白"]]

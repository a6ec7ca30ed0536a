"""The notebook runs from top to bottom without a network, and is stored without what it printed."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "poetvae.ipynb"
QUATRAIN = re.compile("(?:.{7}，.{7}。\n?){2}")


def read() -> Any:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_stored_without_what_it_printed() -> None:
    for cell in code(read()):
        assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", beside)  # for the commands in it
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    notebook = read()
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    printed = ["".join(o.get("text", "") for o in cell.outputs) for cell in code(notebook)]
    assert printed[0] == ""
    assert len(QUATRAIN.findall(printed[1])) == 2
    asked, checked, way, own, scored = (printed[i] for i in (2, 4, 5, 7, 8))
    assert "".join(re.findall("[春夏秋冬]", asked)) == "春夏秋冬"
    assert "all of it: True" in asked
    assert "失粘" in checked
    assert len(re.findall("^.{5}，.{5}。$", way, re.MULTILINE)) == 6
    assert [o for o in code(notebook)[6].outputs if "image/png" in o.get("data", {})]
    assert len(re.findall("^.{5}，.{5}。$", own, re.MULTILINE)) == 3
    verse, shuffled = map(float, re.findall(r"\d+\.\d", scored))
    assert verse > 0
    assert shuffled > 0

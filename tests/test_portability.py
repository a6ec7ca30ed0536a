"""Nothing that POSIX systems alone have, as far as that can be seen on one."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import poetvae
from poetvae.checkpoints.hub import locate
from poetvae.data.corpus import read_poems
from poetvae.data.sources import check_source
from poetvae.errors import CheckpointError, CorpusError

WITHOUT = """
import importlib, sys
import gradio  # it goes by the name of the system, not by what there is

sys.modules.update(dict.fromkeys(["fcntl", "resource", "termios"]))
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
PATHS = [
    *(r"C:\poems\tang", r"c:poems\tang.txt", "C:/poems", "C:/poems/tang.json", r"poems\tang"),
    *(r"poems\tang/song", r".\poems", r"..\poems\tang.txt", r"\\server\share\poems", r"~\poems"),
]


@pytest.mark.slow
def test_every_module_is_imported_without_what_posix_alone_has() -> None:
    packages = pkgutil.walk_packages(poetvae.__path__, "poetvae.")
    names = [found.name for found in packages if found.name != "poetvae.__main__"]
    assert {"poetvae.files", "poetvae.data.sources", "poetvae.training.trainer"} <= {*names}
    done = subprocess.run([sys.executable, "-c", WITHOUT, *names], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", PATHS)
def test_a_path_of_windows_is_never_a_name_on_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match="no such file or folder; check the path"):
        check_source(name)
    assert locate(name) == Path(name)
    with pytest.raises(CheckpointError, match="is no name on a hub; leave out revision"):
        locate(name, "main")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    file = Path(name if name.endswith((".txt", ".json")) else f"{name}.txt")
    file.write_text('[{"text": "a rose"}]' if file.suffix == ".json" else "a rose")
    assert [poem.text for poem in read_poems(file)] == ["a rose"]

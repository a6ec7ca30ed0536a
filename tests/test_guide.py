"""The guide runs from top to bottom, and prints what it shows."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from poetvae.config import configure

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"`((?:--(?:preset|set) [^` ]+ ?)+)`", GUIDE)


@pytest.fixture(scope="module")
def guide() -> ModuleType:
    folder = str(ROOT / "scripts")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("guide")
    finally:
        sys.path.remove(folder)


def test_it_prints_what_it_shows(
    guide: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [pair for block in guide.blocks(GUIDE) for pair in guide.commands(block)]
    names = {words[1] for command, _ in commands if len(words := command.split()) > 1}
    uses = "train generate complete reconstruct interpolate vary neighbours edit optimise map"
    assert {*uses.split(), "score", "evaluate", "plot", "corpus", "demo", "export"} <= names
    for command, expected in commands:
        printed = guide.run(command)
        assert guide.agrees(command, expected, printed), (command, printed)


def test_its_python_prints_what_it_shows() -> None:
    found = doctest.DocTestParser().get_doctest(
        "\n".join(re.findall(r"^```pycon\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)),
        {}, "guide.md", None, 0,
    )  # fmt: skip
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
    lines: list[str] = []
    runner.run(found, out=lines.append)
    assert found.examples
    assert not lines, "".join(lines)


def test_every_block_is_run() -> None:
    kinds = re.findall(r"^```(\w*)\n", GUIDE, re.MULTILINE)
    assert set(kinds) <= {"console", "pycon", "bash"}
    assert kinds.count("bash") == 1  # how to install, as scripts/setup does


def test_what_agrees(guide: ModuleType) -> None:
    own, other = "poetvae generate --model my-poet", "poetvae generate"
    assert guide.agrees(other, ["山月", "..."], ["山月", "任意", "more"])
    assert not guide.agrees(other, ["山月"], ["水月"])
    assert guide.agrees(own, ["山月，"], ["水月，"])
    assert not guide.agrees(own, ["山月，"], ["水，月"])
    assert guide.agrees(own, ["kl 0.5 (3 steps)"], ["kl -12.75 (100 steps)"])
    assert not guide.agrees(own, ["kl 0.5"], ["nll 0.5"])


def test_filling_puts_in_what_is_printed(guide: ModuleType) -> None:
    page = "a\n```console\n$ echo one; echo two\nnine\n$ echo three\n...\n```\nz\n"
    filled = "a\n```console\n$ echo one; echo two\none\ntwo\n$ echo three\n...\n```\nz\n"
    assert guide.fill(page) == filled
    assert guide.fill(filled) == filled


@pytest.mark.parametrize("options", SETTINGS)
def test_presets_and_settings_are_taken(options: str) -> None:
    words = options.split()
    pairs = list(zip(words[::2], words[1::2], strict=True))
    presets = [value for option, value in pairs if option == "--preset"] or ["base"]
    settings = dict(value.split("=") for option, value in pairs if option == "--set")
    if settings.get("prior") == "label":
        settings["label_sizes"] = "3"
    configure(presets[0], settings)

"""The guide and the gallery run from top to bottom, and print what they show."""

from __future__ import annotations

import re
from pathlib import Path

import guide
import pytest

from poetvae.config import configure

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"`((?:--(?:preset|set) [^` ]+ ?)+)`", GUIDE)


@pytest.mark.slow
@pytest.mark.parametrize("name", guide.DOCUMENTS)
def test_it_prints_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for step in typed((guide.DOCS / name).read_text("utf-8")):
        printed = guide.take(step, names)
        assert guide.agrees(step, printed), (step, printed)


def test_it_shows_every_use() -> None:
    words = [step.typed.split() for step in typed(GUIDE)]
    uses = "train generate complete reconstruct interpolate vary neighbours edit optimise map"
    wanted = {*uses.split(), "score", "evaluate", "plot", "corpus", "demo", "export"}
    assert wanted <= {typed[2] for typed in words if typed[:2] == ["$", "poetvae"]}


def typed(page: str) -> list[guide.Step]:
    """What is typed on a page."""
    return [step for block in guide.BLOCK.findall(page) for step in guide.steps(block[1])]


def test_every_block_is_run() -> None:
    kinds = re.findall(r"^```(\w*)\n.*?^```$", GUIDE, re.DOTALL | re.MULTILINE)
    assert set(kinds) <= {"console", "pycon", "bash"}
    assert kinds.count("bash") == 1  # how to install, as scripts/setup does


def test_what_agrees() -> None:
    def agrees(typed: str, expected: list[str], printed: list[str]) -> bool:
        return guide.agrees(guide.Step(typed, expected), printed)

    own, other = "$ poetvae generate --model my-poet", "$ poetvae generate"
    assert agrees(other, ["山月", "..."], ["山月", "任意", "more"])
    assert not agrees(other, ["山月"], ["水月"])
    assert not agrees(other, ["山月"], [])
    assert agrees(own, ["山月，"], ["水月，"])
    assert not agrees(own, ["山月，"], ["水，月"])
    assert agrees(other, ["-29.22743034362793"], ["-29.22743152"])
    assert not agrees(other, ["-29.22743034362793"], ["-29.32743034362793"])
    assert not agrees(other, ["0.606"], ["0.607"])
    assert agrees("$ poetvae demo", ["port 44243"], ["port 1"])
    log, parts = "model: 9 parameters; fp32 on cpu", ("step 3/3 (2 s): kl 0.5 nats", "1 epochs")
    assert agrees(own, [log, *parts], [log.replace("fp32", "bf16"), *parts])
    assert agrees(own, [*parts], ["step 3/3 (80 s): kl -12.75 nats", "1 epochs"])
    assert agrees(own, ["14 active units"], ["9 active units"])
    others = {"30.0 epochs": ["10.0 epochs"], "step 3/3": ["step 3/4"]}
    others |= {log: [log.replace("9", "8"), log.replace("fp32", "fp64")]}
    for line, wrong in {**others, "kl 0.5": ["nll 0.5", "kl nan"]}.items():
        assert not any(agrees(own, [line], [other]) for other in wrong)


def test_filling_puts_in_what_is_printed() -> None:
    page = """a
```console
$ echo one; echo two
nine
$ echo three
...
```
```pycon
>>> for i in range(2):
...     print(i)
>>> i + 1
4
```
z
"""
    filled = page.replace("nine", "one\ntwo").replace("print(i)\n", "print(i)\n0\n1\n")
    filled = filled.replace("\n4\n", "\n2\n")
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

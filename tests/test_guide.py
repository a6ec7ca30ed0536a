"""The guide's commands are ones that exist, with options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from poetvae.cli import cli
from poetvae.config import configure

GUIDE = (Path(__file__).parent.parent / "docs" / "guide.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (poetvae .*)$", GUIDE, re.MULTILINE)
SETTINGS = re.findall(r"`((?:--(?:preset|set) [^` ]+ ?)+)`", GUIDE)


def test_every_use_has_an_example() -> None:
    named = {shlex.split(command)[1] for command in COMMANDS}
    uses = "train generate complete reconstruct interpolate vary neighbours edit optimise map"
    assert {*uses.split(), "score", "evaluate"} <= named
    assert len(SETTINGS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    group: click.Command = cli
    while isinstance(group, click.Group):
        group = group.commands[words.pop(0)]
    context = group.make_context(command, words)
    assert not context.args


@pytest.mark.parametrize("options", SETTINGS)
def test_presets_and_settings_are_taken(options: str) -> None:
    words = shlex.split(options)
    pairs = list(zip(words[::2], words[1::2], strict=True))
    presets = [value for option, value in pairs if option == "--preset"] or ["base"]
    settings = dict(value.split("=") for option, value in pairs if option == "--set")
    if settings.get("prior") == "label":
        settings["label_sizes"] = "3"
    configure(presets[0], settings)

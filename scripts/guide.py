"""The guide's blocks: run them from top to bottom, and put in what they print.

A block of ```console holds commands, each after "$ ", and what they print on both streams; one of
```pycon holds Python, each statement after ">>> ", and shares its names with those above. "..."
stands for any lines. All run in one folder, which is new. Commands of other programs are run by
bash.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import warnings
from code import InteractiveInterpreter
from pathlib import Path
from typing import Any, NamedTuple

import click

from poetvae import cli
from poetvae.files import write_file

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide.md"
_BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")


class Step(NamedTuple):
    """A command or a statement as it stands on the page, and the lines that stand below it."""

    typed: str
    expected: list[str]

    @property
    def python(self) -> bool:
        return self.typed.startswith(">>> ")


def blocks(text: str) -> list[list[Step]]:
    """The steps of each block of a page."""
    return [steps(match[2]) for match in _BLOCK.finditer(text)]


def steps(block: str) -> list[Step]:
    """What is typed in a block."""
    found = []
    for part in re.split(r"^(?=\$ |>>> )", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        typed = [lines.pop(0)]
        while typed[-1].endswith("\\") or (lines and lines[0].startswith("... ")):
            typed.append(lines.pop(0))
        found.append(Step("\n".join(typed), lines))
    return found


def take(step: Step, names: dict[str, Any]) -> list[str]:
    """What a step prints.

    Args:
        names: of Python.
    """
    if not step.python:
        return run(step.typed.removeprefix("$ "))
    source = "\n".join(line[4:] for line in step.typed.splitlines())
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        InteractiveInterpreter(names).runsource(f"{source}\n", "guide.md")
    return out.getvalue().splitlines()


def run(command: str) -> list[str]:
    """What a command prints; a plain one of poetvae runs in this process, save the page."""
    if re.search(r"[|<>;&$]|^(?!poetvae )|^poetvae demo", command):
        folder = os.path.dirname(sys.executable)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout.splitlines()
    out, before, shown = io.StringIO(), sys.argv, warnings.showwarning
    sys.argv = shlex.split(command)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            contextlib.suppress(SystemExit),
        ):
            cli.main()
    finally:
        sys.argv, warnings.showwarning = before, shown
    return out.getvalue().splitlines()


def agrees(step: Step, printed: list[str]) -> bool:
    """Whether a step printed what the page shows.

    What depends on weights that were trained on the way differs from one processor to the next,
    and ports are drawn: there, characters stand for any characters and numbers for any numbers.
    """
    expected, printed = step.expected, [line.rstrip() for line in printed]
    if re.search("my-poet|--port 0", step.typed):
        expected, printed = ([_shape(line) for line in lines] for lines in (expected, printed))
    pattern = "\n".join("(?:.*)" if line == "..." else re.escape(line) for line in expected)
    return re.fullmatch(pattern, "\n".join(printed), re.DOTALL) is not None


def _shape(line: str) -> str:
    return re.sub(r"[-+]?[0-9][0-9,.]*", "0", _HAN.sub("字", re.sub("[【】]", "", line)))


def fill(text: str) -> str:
    """The page with what its steps print now; what is left out with "..." stays so."""
    names: dict[str, Any] = {}

    def block(match: re.Match[str]) -> str:
        found = []
        for step in steps(match[2]):
            printed = take(step, names)
            kept = "..." in step.expected and agrees(step, printed)
            lines = step.expected if kept else (line.rstrip() for line in printed)
            found += [step.typed, *lines]
        return "\n".join([f"```{match[1]}", *found, "```"])

    return _BLOCK.sub(block, text)


@click.command()
def main() -> None:
    """Run the guide, and put what its commands print into it."""
    text = GUIDE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        filled = fill(text)
    write_file(GUIDE, filled.encode())


if __name__ == "__main__":
    main()

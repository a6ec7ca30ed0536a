"""The guide's console blocks: run them from top to bottom, and put in what they print.

A block of ```console holds commands, each after "$ ", and what they print on both streams; "..."
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
from collections.abc import Iterator
from pathlib import Path

import click

from poetvae import cli
from poetvae.checkpoint import write_file

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")


def blocks(text: str) -> list[str]:
    """The console blocks of a page."""
    return _BLOCK.findall(text)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that stand below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command += f"\n{lines.pop(0)}"
        yield command, lines


def run(command: str) -> list[str]:
    """What a command prints; a plain one of poetvae runs in this process."""
    if re.search(r"[|<>;&$]", command) or not command.startswith("poetvae "):
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


def agrees(command: str, expected: list[str], printed: list[str]) -> bool:
    """Whether a command printed what the page shows.

    What depends on weights that were trained on the way differs from one processor to the next:
    there, characters stand for any characters and numbers for any numbers.
    """
    if "my-poet" in command:
        expected, printed = ([_shape(line) for line in lines] for lines in (expected, printed))
    pattern = "\n".join("(?:.*)" if line == "..." else re.escape(line) for line in expected)
    return re.fullmatch(pattern, "\n".join(printed).rstrip(), re.DOTALL) is not None


def _shape(line: str) -> str:
    return re.sub(r"[-+]?[0-9][0-9,.]*", "0", _HAN.sub("字", line))


def fill(text: str) -> str:
    """The page with what its commands print now; what is left out with "..." stays so."""

    def block(match: re.Match[str]) -> str:
        found = []
        for command, expected in commands(match[1]):
            printed = run(command)
            kept = "..." in expected and agrees(command, expected, printed)
            lines = expected if kept else printed
            found += [f"$ {command}", *lines]
        return "\n".join(["```console", *found, "```"])

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

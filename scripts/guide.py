"""The blocks of documents: run them from top to bottom, and put in what they print.

A block of ```console holds commands, each after "$ ", and what they print on both streams; one of
```pycon holds Python, each statement after ">>> ", and shares its names with those above. "..."
stands for any lines. Those of one document run in one folder, which is new. Commands of other
programs are run by bash.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from poetvae import cli
from poetvae.files import write_file

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENTS = "guide.md", "gallery.md"
BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")


class Step(NamedTuple):
    """A command or a statement as it stands on the page, and the lines that stand below it."""

    typed: str
    expected: list[str]


def steps(block: str) -> list[Step]:
    """What is typed in a block."""
    pattern = r"^((?:\$|>>>) .*(?:\n\.\.\. .*)*)\n((?:(?!\$ |>>> ).*\n)*)"  # typed, printed
    found = re.findall(pattern, block, flags=re.MULTILINE)
    return [Step(typed, printed.splitlines()) for typed, printed in found]


def take(step: Step, names: dict[str, Any]) -> list[str]:
    """What a step prints; Python takes and leaves its `names`."""
    command = step.typed.removeprefix("$ ")
    if re.search(r"^(?!poetvae |>>> )|^poetvae demo|^poetvae.*[|<>;&$]", command):
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout.splitlines()
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        if step.typed.startswith(">>> "):
            source = "\n".join(line[4:] for line in step.typed.splitlines())
            InteractiveInterpreter(names).runsource(f"{source}\n", "guide.md")
        else:
            before, shown = sys.argv, warnings.showwarning
            sys.argv = shlex.split(command)
            try:
                with contextlib.suppress(SystemExit):
                    cli.main()
            finally:
                sys.argv, warnings.showwarning = before, shown
    return out.getvalue().splitlines()


def agrees(step: Step, printed: list[str]) -> bool:
    """Whether a step printed what the page shows, as far as that is the same on every machine.

    Sums are rounded differently from one processor to the next, and training is in bfloat16 where
    that is fast. So last digits do not count, and what a model that was trained on the way says
    counts by its shape: characters for any characters, figures for any figures.
    """
    own = "my-poet" in step.typed
    lines = ["(?:.*)" if x == "..." else re.escape(_shape(x, own)) for x in step.expected]
    text = "\n".join(_shape(line.rstrip(), own) for line in printed)
    return re.fullmatch("\n".join(lines), text, re.DOTALL) is not None


def _shape(line: str, own: bool) -> str:
    """A line without what the machine decides; the model is one that was trained on it, or not."""
    line = re.sub(r"-?[0-9]+\.[0-9]{6,}", lambda match: f"{float(match[0]):.3f}", line)
    line = re.sub(r"(^port |127\.0\.0\.1:)[0-9]+", r"\g<1>0", line)
    if own:
        line = re.sub(
            r"-?[0-9]+\.[0-9]+(?! epochs)|[0-9]+(?= s\)| active units| of more than)", "0", line
        )
        line = re.sub("(fp32|bf16)(?= on cpu)", "precision", line)
        line = _HAN.sub("字", re.sub("[【】]", "", line))
    return line


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

    return BLOCK.sub(block, text)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(DOCUMENTS))
def main(names: Sequence[str]) -> None:
    """Run the documents, or those of these names, and put what their commands print into them."""
    for name in names or DOCUMENTS:
        text = (DOCS / name).read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            text = fill(text)
        write_file(DOCS / name, text.encode())


if __name__ == "__main__":
    main()

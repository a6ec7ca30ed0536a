"""Do the lowest versions that pyproject.toml allows work?

    python scripts/stress/floors.py --uv uv

For each row a fresh environment has the lowest direct dependencies of those extras, by `uv pip
install --resolution lowest-direct`, and runs tests there, on this tree. Takes some 8 GB.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import click
from faults import table

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Extras, and the tests that meet what they bring. Gradio asks for a newer hub than the core does.
ROWS = {
    "": "checkpoints nn text data test_poet.py",
    "plot,onnx,track": "test_export.py plotting cli/test_pictures.py training/test_log.py",
    "demo": "web",
}


def names(extras: str) -> list[str]:
    """What the core and these extras ask for directly, without bounds."""
    more = [need for extra in filter(None, extras.split(",")) for need in EXTRAS[extra]]
    return [re.split("[<>=]", need)[0] for need in (*PROJECT["dependencies"], *more)]


EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TESTED = [need for need in EXTRAS["dev"] if re.match("pytest|hypothesis|hatchling|sacrebleu", need)]


def lowest(uv: str, extras: str, folder: Path) -> tuple[Path, list[str]]:
    """The interpreter of an environment of the lowest versions, and what is in it directly."""
    folder.mkdir()
    asked, locked, python = folder / "asked.txt", folder / "locked.txt", folder / "env/bin/python"
    needs = [need for extra in filter(None, extras.split(",")) for need in EXTRAS[extra]]
    asked.write_text("\n".join([*PROJECT["dependencies"], *needs, *TESTED]), "utf-8")
    how = ["--resolution", "lowest-direct", "--no-annotate", "--quiet", "--python", sys.executable]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True)
    subprocess.run([uv, "pip", "compile", *how, asked, "-o", locked], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "-p", python, "-r", locked], check=True)
    direct = set(map(str.lower, (name.replace("_", "-") for name in names(extras))))
    lines = locked.read_text("utf-8").splitlines()
    return python, [line for line in lines if line.partition("==")[0] in direct]


@click.command()
@click.option("--uv", default="uv", show_default=True, help="The program to install with.")
@click.option("--only", type=click.Choice(list(ROWS)), help="The row of these extras alone.")
def main(uv: str, only: str | None) -> None:
    """Install the lowest versions, and say which tests pass with them."""
    rows, failed = [], False
    for extras, tests in ROWS.items():
        if only not in (None, extras):
            continue
        with tempfile.TemporaryDirectory(prefix="floors-") as folder:
            python, versions = lowest(uv, extras, Path(folder) / "made")
            line: list[str | Path] = [
                python,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-m",
                "not browser",
            ]
            line += ["--ignore", "tests/web/test_browser.py"]
            done = subprocess.run(
                [*line, *(f"tests/{name}" for name in tests.split())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=False,
            )
            failed |= done.returncode != 0
            end = "all pass" if done.returncode == 0 else f"exit {done.returncode}"
            rows.append((extras or "(core)", ", ".join(versions), tests, end))
    click.echo(table("extras|lowest versions|tests|result", rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()

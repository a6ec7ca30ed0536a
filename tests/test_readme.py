"""What the README says is true: its commands and its Python run as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from commands import shell

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-TW.md", "README.zh-CN.md")
SCREEN = 40  # lines


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", read(name), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.slow
def test_it_writes_the_poem_that_it_shows() -> None:
    (line,) = (command for command in commands("README.md") if command.startswith("poetvae "))
    done = shell("", *shlex.split(line)[1:])
    assert done.code == 0, done.err
    poem = "".join(f"> {verse}<br>\n" for verse in done.out.strip().split("\n"))
    assert poem.removesuffix("<br>\n") in read("README.md")


@pytest.mark.parametrize("name", READMES)
def test_it_is_one_screen_and_the_same_in_each_language(name: str) -> None:
    text = read(name)
    assert len(text.splitlines()) <= SCREEN
    assert commands(name) == commands("README.md")
    assert re.findall("^> .*|\\(docs/pictures/.*?\\)", text, re.MULTILINE) == re.findall(
        "^> .*|\\(docs/pictures/.*?\\)", read("README.md"), re.MULTILINE
    )
    others = {other for other in READMES if f"]({other})" in text}
    assert others == {*READMES} - {name}


def test_the_scripts_it_names_are_there() -> None:
    scripts = [line for line in commands("README.md") if line.startswith("scripts/")]
    assert scripts == ["scripts/quickstart", "scripts/test"]
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o111


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", "data/README.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_data_card_counts_are_right() -> None:
    from poetvae.data.corpus import CorpusReport, read_poems

    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for name in ("five.txt", "seven.txt", "english.txt"):
        row = next(line for line in card.splitlines() if line.startswith(f"| `{name}`"))
        poems, lines, characters = (
            int(cell.replace(",", "")) for cell in row.strip("| ").split(" | ")[2:]
        )
        report = CorpusReport()
        read = list(read_poems(ROOT / "data" / "sample" / name, report=report))
        assert (report.read, len(read)) == (poems, poems)
        assert sum(len(poem.verses) for poem in read) == lines
        text = "".join(
            poem.text if name == "english.txt" else "".join(poem.verses) for poem in read
        )
        assert len(set(text)) == characters

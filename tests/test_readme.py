"""What the README says is true: its commands and its Python run as printed."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from commands import shell

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.mark.slow
def test_it_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = {}
    for line in (c for c in commands() if c.startswith("poetvae ")):
        done = shell("", *shlex.split(line, comments=True)[1:])
        assert done.code == 0, done.err
        printed[line] = done.out
    named = "train generate complete couplet reconstruct evaluate corpus interpolate vary map"
    assert {command.split()[1] for command in printed} == {*named.split()}
    couplet = re.compile("[^，。]{5}，[^，。]{5}。\n")

    def of(*words: str) -> str:
        (found,) = (text for command, text in printed.items() if set(words) <= {*command.split()})
        return found

    own = of("generate", "my-poet")
    assert couplet.sub("", own) == ""
    assert len(couplet.findall(own)) == 4
    assert len(couplet.findall(of("reconstruct"))) == 2
    assert couplet.sub("", of("reconstruct")) == ""
    assert of("complete").startswith("白日依山盡，")
    assert all(line.startswith("海闊憑魚躍，") for line in of("couplet").splitlines())
    (piped,) = (c for c in commands() if c.startswith("echo "))
    words = shlex.split(piped)
    assert words[2:] == ["|", "poetvae", "check", "#", "tones,", "rhyme,", "every", "fault"]
    assert "失粘" in shell("check", stdin=words[1].encode()).out
    way = couplet.findall(of("interpolate"))
    assert (len(way), len(set(way)) > 2, way[0] != way[-1]) == (8, True, True)
    assert len(couplet.findall(of("vary"))) == 3 * 2
    assert of("map") == "map.html\n"
    assert "nll_per_char" in of("evaluate")
    first = of("generate", "7x4").strip()
    assert "<br>\n> ".join(first.split("\n")) in README
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), {})
    assert out.getvalue().endswith("31\n")


def test_the_scripts_it_names_are_there() -> None:
    scripts = [line.split()[0] for line in commands() if line.startswith("scripts/")]
    assert scripts == ["scripts/quickstart", "scripts/test"]
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "data/README.md"])
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

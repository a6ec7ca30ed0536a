"""The examples run from anywhere, and what they print is what they say it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from poetvae.data.corpus import sample_folder
from poetvae.text.poem import Form, Poem, split_verses
from poetvae.text.prosody import regulated, rhyme_ok

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
COUPLET = re.compile(r"[^，。\s]{5}，[^，。\s]{5}。")


def printed(folder: Path, name: str, *arguments: str) -> str:
    """What an example prints, run elsewhere and without a network."""
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    nowhere["no_proxy"] = "127.0.0.1"
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env={**os.environ, **nowhere},
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return done.stdout


def couplets(text: str) -> list[str]:
    """The lines with a five-character couplet, alone."""
    return [match[0] for match in map(COUPLET.search, text.splitlines()) if match]


def test_generate(tmp_path: Path) -> None:
    out = printed(tmp_path, "generate")
    plain, asked, cannot = out.split("\n\n")
    assert len(couplets(plain)) == 3
    poem = asked.split(":\n")[1]
    verses = split_verses(poem)
    assert Poem(tuple(poem.split("\n"))).form == Form(7, 4)
    assert "".join(verse[0] for verse in verses) == "春夏秋冬"
    assert regulated(verses, strict=True)
    assert rhyme_ok(verses)
    assert "the first line wants 白, the acrostic wants 春" in cannot


def test_complete(tmp_path: Path) -> None:
    _, partners, blanks, rhymes = re.split(r"^\w.*:$", printed(tmp_path, "complete"), flags=re.M)
    assert [text[:5] for text in couplets(partners)] == ["山月臨窗白"] * 3
    scores = [float(score) for score in re.findall(r"score (-?[\d.]+)", partners)]
    assert (len(scores), scores) == (3, sorted(scores, reverse=True))
    assert len(couplets(blanks)) == 3
    assert all(re.fullmatch("山月.窗白，溪風入..。", text) for text in couplets(blanks))
    assert len(couplets(rhymes)) == 3
    assert all(regulated(split_verses(text), strict=True) for text in couplets(rhymes))


def test_walk(tmp_path: Path) -> None:
    head, straight, bridge, around = printed(tmp_path, "walk").split("\n\n")
    poems = couplets(straight)
    assert (len(poems), poems[0], poems[-1]) == (5, *COUPLET.findall(head))
    poems = couplets(bridge)
    assert (len(poems), poems[0], poems[-1]) == (
        5,
        "山月臨窗白，溪風入座清。",
        "雨後雲歸寺，燈前雁過樓。",
    )
    assert len(set(couplets(around))) == 4


def test_classify(tmp_path: Path) -> None:
    (found,) = re.findall(
        r"(\d+)% of 106 lines that it has not seen", printed(tmp_path, "classify")
    )
    assert int(found) >= 85  # chance is 50


def test_english(tmp_path: Path) -> None:
    out = printed(tmp_path, "english", "4")
    known = {*(sample_folder() / "english.txt").read_text(encoding="utf-8")}
    _, written = out.split("Poems:\n")
    assert "step 4/4" in out
    assert {*written} <= known
    assert written.split("what follows:\n")[1].startswith("The moon")


def test_each_is_short_and_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f"[{path.name}]({path.name})" in listed
        assert len(path.read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_begins_with_what_it_shows(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith('"""')


def test_client(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "poetvae", "serve", "--api", "--port", "0"]
    out, err = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(line, stdout=out, stderr=err, encoding="utf-8") as server:
        try:
            assert server.stdout
            told = printed(tmp_path, "client", server.stdout.readline().strip())
        finally:
            server.terminate()
    verses = split_verses(told)
    assert [verse[0] for verse in verses] == [*"春夏秋冬"] * 2
    assert {len(verse) for verse in verses} == {5}

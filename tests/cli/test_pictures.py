"""The command that draws a map: what it reads, what it says, what stands on the picture."""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from poetvae import cli
from poetvae.config import ModelConfig
from poetvae.models import Autoregressive
from poetvae.plotting import map_image as plots_map
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem

COUPLETS = [f"{a}上春山遠，{a}前秋水清。" for a in "天地日月風花雪雨江河湖海松竹梅蘭東西南北"]


class Result(NamedTuple):
    """What a command did."""

    code: object
    out: str
    err: str


class Mapper:
    """Runs `poetvae map` as the shell does, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> Result:
        self.monkeypatch.setattr(sys, "argv", ["poetvae", "map", *map(str, arguments)])
        code: object = 0
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code
        return Result(code, *self.capsys.readouterr())


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mapper:
    """A terminal."""
    return Mapper(monkeypatch, capsys)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twenty couplets of two dynasties, four poets, and a title each; one poet is not known."""
    file = tmp_path / "couplets.jsonl"
    records = [
        {"text": text, "dynasty": "唐宋"[i % 2], "author": "甲乙丙丁"[i % 4], "title": f"題{i}"}
        for i, text in enumerate(COUPLETS)
    ]
    del records[0]["author"]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def content(page: Path) -> dict[str, Any]:
    """What a map shows."""
    (data,) = re.findall('id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, Any] = json.loads(data)
    return found


def names(page: Path) -> list[str]:
    """The labels of a map, in order."""
    return [group["name"] for group in content(page)["groups"]]


def test_a_map_of_a_corpus(draw: Mapper, run: Path, poet: Poet, corpus: Path) -> None:
    out = corpus.parent / "map.html"
    result = draw(corpus, "--model", run, "--out", out, "--grid", "3", "--device", "cpu")
    assert (result.code, result.out) == (0, f"{out}\n")
    assert "poems: 20 read, 20 kept" in result.err
    data = content(out)
    assert data["texts"] == COUPLETS
    assert data["title"] == "20 poems in the latent space of couplets"
    assert len(data["grid"]) == 9
    # The nodes are decoded where they stand: the same plane, found here from the same texts.
    z = poet.encode(COUPLETS).mode.double().numpy()
    _, _, axes = np.linalg.svd(z - z.mean(0))
    axes = axes[:2] * np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(1)[:, None], 1))
    for x, y, text in data["grid"]:
        node = torch.from_numpy(z.mean(0) + np.array([x, y]) @ axes).float()
        assert poet.decode(node[None], form="5x2") == [text]
    assert [name.split(" (")[0] for name in data["axes"]] == ["component 1", "component 2"]


def test_what_is_written_has_the_form_of_the_poems(draw: Mapper, corpus: Path) -> None:
    out = corpus.parent / "map.html"
    assert draw(corpus, "--out", out, "--grid", "2").code == 0  # the packaged model writes 7x4, too
    assert len(Poet.from_pretrained().forms) > 1
    written = [Poem((text,)).form for _, _, text in content(out)["grid"]]
    assert written == [Form(5, 2)] * 4


def test_labels_are_those_that_tell_poems_apart(draw: Mapper, run: Path, corpus: Path) -> None:
    out = corpus.parent / "map.html"
    how: list[str | Path] = ["--model", run, "--out", out, "--grid", "0"]
    assert draw(corpus, *how).code == 0
    assert names(out) == ["dynasty", "author", "title"]  # all of them are couplets
    assert content(out)["groups"][1]["values"] == ["丁", "丙", "乙", "甲", ""]
    assert content(out)["grid"] == []
    assert draw(corpus, *how, "--label", "author").code == 0
    assert names(out)[0] == "author"
    assert draw(corpus, *how, "--label", "form").code == 0
    assert names(out)[0] == "form"
    result = draw(corpus, *how, "--clusters", "3")
    assert names(out) == ["cluster", "author", "dynasty", "title"]
    assert {"1", "2", "3"} >= set(content(out)["groups"][0]["values"])
    said = re.findall(r"purity of the clusters by (\w+): (\d\.\d{3})", result.err)
    assert [name for name, _ in said] == ["author", "dynasty", "title"]
    assert float(dict(said)["title"]) <= 3 / 20 < 0.5 <= float(dict(said)["dynasty"])
    assert draw(corpus, *how, "--clusters", "3", "--label", "dynasty").code == 0
    assert names(out)[0] == "dynasty"


def test_a_label_of_many_values_must_be_asked_for(
    draw: Mapper, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.setattr(cli.pictures, "MOST", 19)
    out = tmp_path / "map.html"
    assert draw(corpus, "--model", run, "--out", out).code == 0
    assert names(out) == ["dynasty", "author"]
    assert draw(corpus, "--model", run, "--out", out, "--label", "title").code == 0
    assert names(out)[0] == "title"


def test_limit_takes_poems_evenly(draw: Mapper, run: Path, corpus: Path) -> None:
    out = corpus.parent / "map.html"
    assert draw(corpus, "--model", run, "--out", out, "--limit", "5").code == 0
    assert content(out)["texts"] == COUPLETS[::4]
    assert draw(corpus, "--model", run, "--out", out, "--limit", "99").code == 0
    assert content(out)["texts"] == COUPLETS


def test_the_same_map_twice(draw: Mapper, run: Path, corpus: Path) -> None:
    pages = [corpus.parent / name for name in ("a.html", "b.html")]
    for page in pages:
        assert draw(corpus, "--model", run, "--out", page, "--clusters", "4").code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_free_form_of_the_embedded_sample(draw: Mapper, free_poet: Poet, tmp_path: Path) -> None:
    free_poet.save_pretrained(tmp_path / "free")
    out = tmp_path / "map.html"
    result = draw("--model", tmp_path / "free", "--out", out, "--limit", "50")
    assert result.code == 0
    assert re.search(r"left out: \d+ poems that do not fit the model", result.err)
    assert len(content(out)["texts"]) == 50
    assert names(out)[0] == "form"


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture(
    draw: Mapper, run: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(plots_map, "FONTS", ())
    out = corpus.parent / f"map.{suffix}"
    result = draw(corpus, "--model", run, "--out", out, "--grid", "2")
    assert (result.code, result.out) == (0, f"{out}\n")
    assert "warning: 4 of 4 texts are left out" in result.err
    assert out.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    if suffix == "svg":
        assert ">\\u5510<" in out.read_text(encoding="utf-8")  # 唐


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--out", "map.gif"], 2, "map.gif: expected a name that ends in .html, .png, .svg"),
        (["--label", "poet"], 2, "no poem has the label 'poet'; they have author, dynasty, title"),
        (["--form", "7x2"], 1, "couplets.jsonl: 0 poems of the form 7x2; there are 20 of 5x2"),
        (["--clusters", "21"], 2, "21 clusters; expected 1 to 20, the number of poems"),
        (["--out", "nowhere/map.html"], 2, "nowhere/map.html: cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_drawn(
    draw: Mapper,
    run: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(corpus.parent)
    result = draw("couplets.jsonl", "--model", run, "--out", "map.html", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.splitlines()[-1].startswith(f"error: {says}")
    assert list(corpus.parent.iterdir()) == [corpus]


def test_poems_of_forms_that_the_model_does_not_know(
    draw: Mapper, run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "seven.txt"
    file.write_text("山月臨窗白雲起，溪風入座清夜來。", encoding="utf-8")
    result = draw(file, "--model", run, "--form", "7x2", "--out", tmp_path / "map.html")
    assert result.code == 1
    assert "0 poems to map; expected at least 2" in result.err


def test_a_model_without_a_latent_space(
    draw: Mapper, poet: Poet, corpus: Path, tmp_path: Path
) -> None:
    config = ModelConfig(
        kind="autoregressive",
        vocab_size=len(poet.codec.tokenizer),
        max_len=poet.codec.max_len,
        d_model=4,
        embed_dim=4,
    )
    Poet(Autoregressive(config), poet.codec).save_pretrained(tmp_path / "ar")
    result = draw(corpus, "--model", tmp_path / "ar", "--out", tmp_path / "map.html")
    assert result.code == 2
    assert "an autoregressive model has no latent space; give a VAE" in result.err

"""The command that draws a map: what it reads, what it says, what stands on the picture."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import COUPLETS, Result, shell

from poetvae import cli
from poetvae.config import ModelConfig
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem


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


def drawn(run: Path, corpus: Path, *words: str | Path) -> tuple[Result, Path]:
    """What the command did, and its map."""
    out = corpus.parent / "map.html"
    result = shell("map", corpus, "--model", run, "--out", out, *words)
    assert (result.code, result.out) == (0, f"{out}\n")
    return result, out


def test_a_map_of_a_corpus(run: Path, poet: Poet, corpus: Path) -> None:
    result, out = drawn(run, corpus, "--grid", "3", "--device", "cpu")
    assert "poems: 20 read, 20 kept" in result.err
    data = content(out)
    assert data["texts"] == COUPLETS
    assert data["title"] == "20 poems in the latent space of couplets"
    assert (data["language"], data["words"]["Find"]) == ("en", "Find")
    assert len(data["grid"]) == 9
    # The nodes are decoded where they stand: the same plane, found here from the same texts, and as
    # far off it as the nearest of them.
    z = poet.encode(COUPLETS).mode.double().numpy()
    _, _, axes = np.linalg.svd(z - z.mean(0))
    axes = axes[:2] * np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(1)[:, None], 1))
    there = (z - z.mean(0)) @ axes.T
    for x, y, text in data["grid"]:
        nearest = ((there - np.array([x, y])) ** 2).sum(1).argmin()
        node = torch.from_numpy(z[nearest] + (np.array([x, y]) - there[nearest]) @ axes).float()
        assert [poem.text for poem in poet.decode(node[None], form="5x2")] == [text]
    assert [name.split(" (")[0] for name in data["axes"]] == ["component 1", "component 2"]


def test_what_is_written_has_the_form_of_the_poems(corpus: Path) -> None:
    out = corpus.parent / "map.html"
    # The packaged model writes 7x4, too.
    assert shell("map --grid 2", corpus, "--out", out).code == 0
    assert len(Poet.from_pretrained().forms) > 1
    written = [Poem((text,)).form for _, _, text in content(out)["grid"]]
    assert written == [Form(5, 2)] * 4


def test_labels_are_those_that_tell_poems_apart(run: Path, corpus: Path) -> None:
    _, out = drawn(run, corpus, "--grid", "0")
    assert names(out) == ["dynasty", "author", "title"]  # all of them are couplets
    assert content(out)["groups"][1]["values"] == ["丁", "丙", "乙", "甲", ""]
    assert content(out)["grid"] == []
    for label in ("author", "form"):
        drawn(run, corpus, "--grid", "0", "--label", label)
        assert names(out)[0] == label
    result, _ = drawn(run, corpus, "--grid", "0", "--clusters", "3")
    assert names(out) == ["cluster", "author", "dynasty", "title"]
    clusters = content(out)["groups"][0]["values"]
    assert len(clusters) == 3
    assert set("".join(clusters)) < set("".join(COUPLETS))  # they go by their words
    said = re.findall(r"purity of the clusters by (\w+): (\d\.\d{3})", result.err)
    assert [name for name, _ in said] == ["author", "dynasty", "title"]
    assert float(dict(said)["title"]) <= 3 / 20 < 0.5 <= float(dict(said)["dynasty"])
    drawn(run, corpus, "--grid", "0", "--clusters", "3", "--label", "dynasty")
    assert names(out)[0] == "dynasty"


def test_a_label_of_many_values_must_be_asked_for(
    run: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.pictures, "MOST", 19)
    _, out = drawn(run, corpus)
    assert names(out) == ["dynasty", "author"]
    drawn(run, corpus, "--label", "title")
    assert names(out)[0] == "title"


@pytest.mark.parametrize(("limit", "texts"), [("5", COUPLETS[::4]), ("99", COUPLETS)])
def test_limit_takes_poems_evenly(run: Path, corpus: Path, limit: str, texts: list[str]) -> None:
    _, out = drawn(run, corpus, "--limit", limit)
    assert content(out)["texts"] == texts


def test_the_same_map_twice(run: Path, corpus: Path) -> None:
    pages = [drawn(run, corpus, "--clusters", "4")[1].read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]


def test_free_form_of_the_embedded_sample(free_poet: Poet, tmp_path: Path) -> None:
    free_poet.save_pretrained(tmp_path / "free")
    out = tmp_path / "map.html"
    result = shell("map --limit 50 --model", tmp_path / "free", "--out", out)
    assert result.code == 0
    assert re.search(r"left out: \d+ poems that do not fit the model", result.err)
    assert len(content(out)["texts"]) == 50
    assert names(out)[0] == "form"


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture(run: Path, corpus: Path, suffix: str) -> None:
    out = corpus.parent / f"map.{suffix}"
    result = shell("map --grid 2", corpus, "--model", run, "--out", out)
    assert (result.code, result.out) == (0, f"{out}\n")
    assert "warning" not in result.err
    assert out.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    if suffix == "svg":
        assert ">唐<" in out.read_text(encoding="utf-8")


def test_clusters_stand_beside_a_picture_with_a_poem_each(run: Path, corpus: Path) -> None:
    out = corpus.parent / "map.svg"
    result = shell("map --clusters 3 --seed 2", corpus, "--model", run, "--out", out)
    assert (result.code, result.out) == (0, f"{out}\n")
    svg = out.read_text("utf-8")
    assert "Where 20 couplets lie in the latent space: three regions, named by their words" in svg
    assert len(re.findall(r">[\u4e00-\u9fff]<", svg)) >= 3 * 10  # a couplet of each, in columns
    shell("map --clusters 3 --seed 2 --label dynasty", corpus, "--model", run, "--out", out)
    assert "20 poems in the latent space of couplets, by dynasty" in out.read_text("utf-8")


def test_a_picture_speaks_the_language_of_who_drew_it(run: Path, corpus: Path) -> None:
    out = corpus.parent / "map.svg"
    line = "map --clusters 3 --seed 2"
    assert shell(line, corpus, "--model", run, "--out", out, language="zh_TW").code == 0
    svg = out.read_text("utf-8")
    assert "20 聯在隱空間裡的位置：三個區域" in svg
    assert "第 1 主成分" in svg


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--out map.gif", 2, "map.gif: expected a name that ends in .html, .png, .svg"),
        ("--label poet", 2, "no poem has the label 'poet'; they have author, dynasty, title"),
        ("--form 7x2", 1, "couplets.jsonl: 0 poems of the form 7x2; there are 20 of 5x2"),
        ("--clusters 21", 2, "21 clusters; expected 1 to 20, the number of poems"),
        ("--out nowhere/map.html", 2, "nowhere/map.html: cannot be written"),
    ],
)
def test_what_cannot_be_drawn(
    run: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, says: str
) -> None:
    monkeypatch.chdir(corpus.parent)
    result = shell(f"map couplets.jsonl --out map.html {line} --model", run)
    assert (result.code, result.out) == (code, "")
    assert result.err.splitlines()[-1].startswith(f"error: {says}")
    assert list(corpus.parent.iterdir()) == [corpus]


def test_poems_of_forms_that_the_model_does_not_know(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "seven.txt"
    file.write_text("山月臨窗白雲起，溪風入座清夜來。", encoding="utf-8")
    result = shell("map --form 7x2 --model", run, file, "--out", tmp_path / "map.html")
    assert (result.code, "0 poems to map; expected at least 2" in result.err) == (1, True)


def test_a_model_without_a_latent_space(poet: Poet, corpus: Path, tmp_path: Path) -> None:
    config = ModelConfig(
        kind="autoregressive",
        vocab_size=len(poet.codec.tokenizer),
        max_len=poet.codec.max_len,
        d_model=4,
        embed_dim=4,
    )
    Poet(Autoregressive(config), poet.codec).save_pretrained(tmp_path / "ar")
    says = "an autoregressive model has no latent space; give a VAE"
    result = shell("map --model", tmp_path / "ar", corpus, "--out", tmp_path / "map.html")
    assert (result.code, says in result.err) == (2, True)

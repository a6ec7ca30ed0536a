"""The benchmark runs, and says what it is documented to say."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import __main__ as bench
from bench import contestants, costs

from poetvae.config import configure
from poetvae.data.dataset import Batch
from poetvae.models import Autoregressive

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench"


def test_the_benchmark_reports_every_contestant() -> None:
    """Ours, plain PyTorch and the matrix products, each with its throughput and shares."""
    options = "--preset seed --batch-size 4 --rounds 2"
    options += " --seconds 0.001 --threads 1 --no-keras --json"
    command = [sys.executable, str(SCRIPT), "train", *options.split()]
    results = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert results["command"].endswith(options)
    assert (results["threads"], results["vocab_size"], results["rounds"]) == (1, 6076, 2)
    product, seed, plain = (row for row in results["rows"] if row["precision"] == "fp32")
    assert product["name"] == "matrix product, fp32"
    assert product["of_peak"] == 1
    assert (seed["name"], plain["name"]) == ("seed, fp32", "plain PyTorch seed, fp32")
    for row in (seed, plain):
        assert 0 < row["low"] <= row["couplets_per_s"] <= row["high"]
        assert row["of_peak"] == row["gflops_per_s"] / product["gflops_per_s"]
        assert row["faults_per_step"] >= 0
    assert seed["beside"].keys() == {"plain"}
    assert seed["beside"]["plain"] > 0
    assert plain["beside"] == {}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The commands take as many threads as there are cores; other tests rely on one."""
    yield
    torch.set_num_threads(1)


def test_ratios_are_those_of_the_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times as fast in every turn is three times as fast, however the machine wobbles."""
    clock = {"now": 0.0, "pace": 0.0}
    paces = iter([1.0, 1.0, 1.0, 3.0, 2.0, 0.5])

    def ours(steps: int) -> None:
        clock["pace"] = next(paces)
        clock["now"] += steps * clock["pace"]

    def theirs(steps: int) -> None:
        clock["now"] += 3 * steps * clock["pace"]

    monkeypatch.setattr(time, "perf_counter", lambda: clock["now"])
    pair = [
        contestants.Contestant("seed, fp32", 4, 4, 100.0, ours),
        contestants.Contestant("plain PyTorch seed, fp32", 4, 4, 100.0, theirs),
    ]
    seed, plain = contestants.compete(pair, 4, 2.0)
    assert seed["beside"] == {"plain": pytest.approx(3.0)}
    assert plain["beside"] == {}
    assert seed["high"] == pytest.approx(4 / 0.5)
    assert seed["low"] == pytest.approx(4 / 3.0)


def test_a_step_is_the_sum_of_its_kinds() -> None:
    spent = [("aten::mm", 2.0), ("aten::bmm", 1.0), ("aten::lerp_", 0.5), ("aten::view", 0.25)]
    found = costs.by_kind(spent, 4.0)
    assert found.pop("whole step") == 4.0
    assert found["matrix products"] == 3.0
    assert found["other operators"] == 0.25
    assert found["Python"] == 0.25
    assert sum(found.values()) == 4.0
    shown = costs.shares_table({"a": {**found, "whole step": 4.0}})
    assert "| matrix products | 3000.0 ms, 75% |" in shown


def test_what_is_timed_takes_turns() -> None:
    calls: list[tuple[str, int]] = []
    acts = [lambda n, name=name: calls.append((name, n)) for name in "ab"]
    spent, faults = contestants.in_turn(acts, 2)
    assert spent.shape == faults.shape == (2, 2)
    assert [name for name, _ in calls] == list("aabb" + "abab")  # two calls that do not count
    assert {n for _, n in calls} == {1}
    shown = costs.startup_table(["torch", "ours"], np.array([[1.0, 2.0], [1.5, 3.0]]))
    assert "| `ours` | 2.25 | 1.50 to 3.00 | 1.50 |" in shown


def test_scale_has_a_row_for_every_size(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "scale.png"
    arguments = "scale --preset tiny --lengths 4,8 --vocabularies 20 --batches 2 --corpora 300"
    arguments += f" --processes= --seconds 0.001 --rounds 1 --threads {torch.get_num_threads()}"
    bench.main([*arguments.split(), "--plot", str(picture)], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    sizes = [("length", "4"), ("length", "8"), ("vocabulary", "20"), ("batch", "2")]
    assert [(row[0], row[1]) for row in cells] == [*sizes, ("corpus", "300")]
    assert all(float(row[2].replace(",", "")) > 0 for row in cells)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_ladder_trains_scores_and_writes_every_rung(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def call(*arguments: object) -> str:
        capsys.readouterr()
        bench.main([str(argument) for argument in arguments], standalone_mode=False)
        return capsys.readouterr().out

    document, runs = tmp_path / "results.md", tmp_path / "runs"
    document.write_text("before\n<!-- ladder -->\nold\n<!-- /ladder -->\nafter\n")
    draw = random.Random(0)
    verses = ["".join(draw.choices("山水雲月風花鳥人", k=5)) for _ in range(1200)]
    couplets = [f"{a}，{b}。" for a, b in zip(verses[::2], verses[1::2], strict=True)]
    corpus = tmp_path / "couplets.txt"
    corpus.write_text("\n\n".join(couplets), encoding="utf-8")
    arguments = ["ladder", corpus, "--out", runs, "--preset", "tiny", "--preset", "ar"]
    arguments += ["--epochs", 0.2, "--seeds", "1", "--samples", 20, "--iw", 2, "--seconds", 0.01]
    printed = call(*arguments, "--write", document)
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    names = [row.split("|")[1].strip() for row in rows[2:]]
    assert names == ["unigram", "4-gram", "tiny-1", "ar-1", "human poems"]
    assert len({row.count("|") for row in rows}) == 1
    text = document.read_text()
    assert printed.strip() in text
    assert "old" not in text
    assert text.startswith("before")
    assert text.endswith("after\n")
    ar = json.loads((runs / "ar-1.json").read_text())
    assert (ar["bound"], ar["passes"], ar["samples"]["n"]) == ("exact", 10, 20)
    assert ar["steps"] == json.loads((runs / "ar-1" / "train.json").read_text())["steps"]
    assert call(*arguments) == printed  # what is done is not done again

    found = json.loads(call("correlation", runs / "ar-1", "--poems", 3, "--candidates", 16))
    assert found["poems"] == 3
    assert found["left_out_nll_per_poem"] > 0

    assert "| ar-1 |" in call("generate", runs / "ar-1", "--seconds", 0.01, "--rounds", 1)


def test_left_out_likelihood_agrees_with_brute_force() -> None:
    """With every character a candidate, Bayes' rule is exact: compared with all V ** T texts."""
    settings = {"vocab_size": 6, "max_len": 3, "d_model": 8, "embed_dim": 8, "decoder_layers": 2}
    torch.manual_seed(0)
    model = Autoregressive(configure("ar", settings).model).eval()
    torch.nn.init.normal_(model.embedding.weight, std=1.0)
    texts = torch.cartesian_prod(*[torch.arange(6)] * 3)
    with torch.no_grad():
        p = torch.exp(-model.nll(Batch.whole(texts))).double()
    joint = p.view(6, 6, 6)
    x = torch.tensor([1, 5, 2])
    own = joint[1, 5, 2]
    expected = sum(
        float((others.sum() / own).log())
        for others in (joint[:, 5, 2], joint[1, :, 2], joint[1, 5, :])
    )
    whole, alone = bench.one_out(model, x, 12, torch.Generator().manual_seed(0))
    assert whole == pytest.approx(-float(own.log()), rel=1e-5)
    assert alone == pytest.approx(expected, rel=1e-4)

"""The benchmark runs, and says what it is documented to say."""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from poetvae.config import configure
from poetvae.models import Autoregressive

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"


def test_the_benchmark_reports_every_contestant() -> None:
    """Ours, plain PyTorch and the matrix products, each with its throughput and shares."""
    options = "--preset seed --batch-size 4 --vocab 20 --length 4 --rounds 2"
    options += " --seconds 0.001 --threads 1 --square 64 --no-keras --json --precision fp32"
    command = [sys.executable, str(SCRIPT), "train", *options.split()]
    results = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert results["command"].endswith(options)
    assert (results["threads"], results["vocab_size"], results["rounds"]) == (1, 20, 2)
    product, seed, plain = results["rows"]
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


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the benchmark, in this process."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return importlib.import_module("bench")


@pytest.fixture
def costs(script: ModuleType) -> ModuleType:
    """What the benchmark measures costs with."""
    return importlib.import_module("costs")


def test_ratios_are_those_of_the_turns(
    script: ModuleType, costs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times as fast in every turn is three times as fast, however the machine wobbles."""
    contestants = importlib.import_module("contestants")
    speeds = iter([1.0, 3.0, 2.0, 0.5])
    pace = {}

    def timed(contestant: object, steps: int) -> float:
        if contestant.name.startswith("seed"):  # type: ignore[attr-defined]
            pace["now"] = next(speeds)
            return steps * pace["now"]
        return 3 * steps * pace["now"]

    pair = [
        contestants.Contestant("seed, fp32", 4, 4, 100.0, lambda n: None),
        contestants.Contestant("plain PyTorch seed, fp32", 4, 4, 100.0, lambda n: None),
    ]
    monkeypatch.setattr(contestants, "timed", timed)
    monkeypatch.setattr(contestants, "steps_in", lambda c, seconds: 2)
    ours, theirs = contestants.compete(pair, 4, 1.0)
    assert ours["beside"] == {"plain": pytest.approx(3.0)}
    assert theirs["beside"] == {}
    assert ours["high"] == pytest.approx(4 / 0.5)
    assert ours["low"] == pytest.approx(4 / 3.0)


def test_a_step_is_the_sum_of_its_kinds(costs: ModuleType) -> None:
    spent = [("aten::mm", 2.0), ("aten::bmm", 1.0), ("aten::lerp_", 0.5), ("aten::view", 0.25)]
    found = costs.by_kind(spent, 4.0)
    assert found.pop("whole step") == 4.0
    assert found["matrix products"] == 3.0
    assert found["other operators"] == 0.25
    assert found["Python"] == 0.25
    assert sum(found.values()) == 4.0
    shown = costs.shares_table({"a": {**found, "whole step": 4.0}})
    assert "| matrix products | 3000.0 ms, 75% |" in shown


def test_commands_take_turns(costs: ModuleType) -> None:
    calls: list[str] = []
    work = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    found = costs.turns(work, 2)
    assert calls == list("ababab")
    assert {name: len(spent) for name, spent in found.items()} == {"a": 2, "b": 2}
    shown = costs.startup_table({"torch": [1.0, 2.0], "ours": [1.5, 3.0]})
    assert "| `ours` | 2.25 | 1.50 to 3.00 | 1.50 |" in shown


def test_scale_has_a_row_for_every_size(
    script: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "scale.png"
    arguments = "scale --preset tiny --lengths 4,8 --vocabularies 20 --batches 2 --corpora 300"
    arguments += f" --processes= --seconds 0.001 --rounds 1 --threads {torch.get_num_threads()}"
    script.main([*arguments.split(), "--plot", str(picture)], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    sizes = [("length", "4"), ("length", "8"), ("vocabulary", "20"), ("batch", "2")]
    assert [(row[0], row[1]) for row in cells] == [*sizes, ("corpus", "300")]
    assert all(float(row[2].replace(",", "")) > 0 for row in cells)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_ladder_trains_scores_and_writes_every_rung(
    script: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def bench(*arguments: object) -> str:
        capsys.readouterr()
        script.main([str(argument) for argument in arguments], standalone_mode=False)
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
    printed = bench(*arguments, "--write", document)
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
    assert bench(*arguments) == printed  # what is done is not done again

    found = json.loads(bench("correlation", runs / "ar-1", "--poems", 3, "--candidates", 16))
    assert found["poems"] == 3
    assert found["left_out_nll_per_poem"] > 0

    assert "| ar-1 |" in bench("generate", runs / "ar-1", "--seconds", 0.01, "--rounds", 1)


def test_left_out_likelihood_agrees_with_brute_force(script: ModuleType) -> None:
    """With every character a candidate, Bayes' rule is exact: compared with all V ** T texts."""
    settings = {"vocab_size": 6, "max_len": 3, "d_model": 8, "embed_dim": 8, "decoder_layers": 2}
    torch.manual_seed(0)
    model = Autoregressive(configure("ar", settings).model).eval()
    torch.nn.init.normal_(model.embedding.weight, std=1.0)
    texts = torch.cartesian_prod(*[torch.arange(6)] * 3)
    with torch.no_grad():
        p = torch.exp(-model.nll(texts, torch.ones_like(texts, dtype=torch.bool))).double()
    joint = p.view(6, 6, 6)
    x = torch.tensor([1, 5, 2])
    own = joint[1, 5, 2]
    expected = sum(
        float((others.sum() / own).log())
        for others in (joint[:, 5, 2], joint[1, :, 2], joint[1, 5, :])
    )
    whole, alone = script.one_out(model, x, 12, torch.Generator().manual_seed(0))
    assert whole == pytest.approx(-float(own.log()), rel=1e-5)
    assert alone == pytest.approx(expected, rel=1e-4)

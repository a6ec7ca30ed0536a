"""The benchmark runs, and says what it is documented to say."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bench import __main__ as bench
from bench import contestants, costs

from poetvae.config import configure
from poetvae.data.dataset import Batch
from poetvae.data.tokenize import build
from poetvae.models import Autoregressive
from poetvae.training.spec import RunSpec

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench"


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_benchmark_reports_every_contestant() -> None:
    """Ours, plain PyTorch and the matrix products, each with its throughput and shares."""
    options = "--preset seed --batch-size 4 --rounds 2 --seconds 0.001 --threads 1 --no-keras"
    command = [sys.executable, str(SCRIPT), "train", *options.split()]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "1 threads" in text
    assert "6,076 tokens, median of 2 rounds" in text
    product, seed, plain = (row for row in rows(text) if row[0].endswith("fp32"))
    assert (product[0], product[4]) == ("matrix product, fp32", "100%")
    assert (seed[0], plain[0]) == ("seed, fp32", "plain PyTorch seed, fp32")
    for row in (seed, plain):
        assert row[1] == "4"
        assert float(row[2].replace(",", "")) > 0
    assert float(seed[5]) > 0
    assert plain[5] == seed[6] == ""


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
    acts = {"seed, fp32": ours, "plain PyTorch seed, fp32": theirs}
    pair = [contestants.Contestant(name, 4, 4, 100.0, act) for name, act in acts.items()]
    seed, plain = contestants.compete(pair, 4, 2.0)
    assert seed["plain"] == pytest.approx(3.0)
    assert "plain" not in plain
    assert seed["couplets_per_s"] == pytest.approx(3.0)  # of 4 / 1, 4 / 3, 4 / 2, 4 / 0.5


def test_a_step_is_the_sum_of_its_kinds() -> None:
    spent = [("aten::mm", 2.0), ("aten::bmm", 1.0), ("aten::lerp_", 0.5), ("aten::view", 0.25)]
    found = costs.by_kind(spent, 4.0)
    assert found.pop("whole step") == 4.0
    assert found["matrix products"] == 3.0
    assert found["other operators"] == 0.25
    assert found["Python"] == 0.25
    assert sum(found.values()) == 4.0


def test_what_is_timed_takes_turns() -> None:
    calls: list[tuple[str, int]] = []
    acts = [lambda n, name=name: calls.append((name, n)) for name in "ab"]
    assert contestants.in_turn(acts, 2).shape == (2, 2)
    assert [name for name, _ in calls] == list("aabb" + "abab")  # two calls that do not count
    assert {n for _, n in calls} == {1}


def test_scale_has_a_row_for_every_size(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "scale.png"
    arguments = "scale --preset tiny --lengths 4,8 --vocabularies 20 --batches 2 --corpora 300"
    arguments += f" --processes= --seconds 0.001 --rounds 1 --threads {torch.get_num_threads()}"
    bench.main([*arguments.split(), "--plot", str(picture)], standalone_mode=False)
    cells = rows(capsys.readouterr().out)
    sizes = [("length", "4"), ("length", "8"), ("vocabulary", "20"), ("batch", "2")]
    assert [(row[0], row[1]) for row in cells] == [*sizes, ("corpus", "300")]
    assert all(float(row[2].replace(",", "")) > 0 for row in cells)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_batches_of_one_length_are_compared_with_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = RunSpec.plan(configure("tiny", {"max_len": 0}), forms=["5x2", "5x4"])
    build(spec.corpus, tmp_path / "numbered", 1)
    options = "--preset tiny --batch-size 4 --rounds 1 --seconds 0.001"
    words = ["lengths", str(tmp_path / "numbered"), *options.split()]
    bench.main(words, standalone_mode=False)
    text = capsys.readouterr().out
    assert re.search(r"\d 5x2, \d+ 5x4\n", text)
    mixed, apart = rows(text)
    assert (mixed[0].split(",")[0], apart[0]) == ("all lengths", "4 slices of one length")
    assert mixed[2] == "1.00"
    assert min(float(row[1].replace(",", "")) for row in (mixed, apart)) > 0


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
    names = [row[0] for row in rows(printed)]
    assert names == ["unigram", "4-gram", "tiny-1", "ar-1", "human poems"]
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

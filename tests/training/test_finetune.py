"""A model goes on learning from other poems: as it was, exactly, and told what it does not know."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from commands import shell
from test_resume import LOOP, at_update, cut, outcome, start, terminate
from test_resume import corpus as corpus

from poetvae.checkpoints.model_folder import load_folder
from poetvae.config import configure
from poetvae.data.tokenize import build
from poetvae.errors import ConfigError, CorpusError
from poetvae.poet import Poet
from poetvae.text import sounds
from poetvae.text.poem import Form
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

STEPS = 8
SETTINGS: dict[str, Any] = {**LOOP, "precision": "fp32", "min_count": 1}
FRESH = "龘"  # the first corpus has none


@pytest.fixture(scope="module")
def model(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to go on from: couplets and quatrains, with a label."""
    folder = tmp_path_factory.mktemp("model")
    lines = corpus.read_text(encoding="utf-8").split("\n")
    rows = [f'{{"text": "{line}", "author": "{"甲乙"[i % 2]}"}}' for i, line in enumerate(lines)]
    rows += [
        f'{{"text": "{a}{b}", "author": "甲"}}' for a, b in zip(lines, lines[7:], strict=False)
    ]
    (folder / "poems.jsonl").write_text("\n".join(rows), encoding="utf-8")
    settings = {**SETTINGS, "d_model": 16, "embed_dim": 16, "latent_dim": 4, "min_label": 1}
    how: dict[str, Any] = {"forms": ["5x4", "5x2"], "labels": ["author"], "steps": 8}
    start(folder / "poems.jsonl", folder / "run", settings=settings, **how)
    return folder / "run"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty other couplets, with a character that the model does not know in every fourth."""
    path = tmp_path_factory.mktemp("other") / "other.txt"
    chars = [[chr(0x4E00 + (i * 5 + 3 * j * j) % 61) for j in range(10)] for i in range(40)]
    lines = ["".join([*c[:5], "，", *c[5:], "。"]) for c in chars]
    marked = [line.replace(line[0], FRESH) if i % 4 == 0 else line for i, line in enumerate(lines)]
    path.write_text("\n".join(marked), encoding="utf-8")
    return path


def tune(other: Path, out: Path, model: Path, **changed: Any) -> Poet:
    how = {"settings": SETTINGS, "steps": STEPS, "quiet": True, "init": model, **changed}
    return trainer.train([other], out, **how)


def test_it_begins_as_the_model_and_learns(model: Path, other: Path, tmp_path: Path) -> None:
    log: list[str] = []
    still = {**SETTINGS, "learning_rate": 0, "weight_decay": 0}
    poet = tune(other, tmp_path / "still", model, settings=still, quiet=False, log=log.append)
    before = load_folder(model)
    for name, weight in before.model.state_dict().items():
        torch.testing.assert_close(poet.model.state_dict()[name], weight, rtol=0, atol=1e-6)
    assert poet.model.config == before.model.config
    assert poet.codec.tokenizer.to_bytes() == before.codec.tokenizer.to_bytes()
    assert list(poet.codec.forms) == [Form(5, 2), Form(5, 4)]
    assert (poet.codec.forms[Form(5, 4)], poet.codec.forms[Form(5, 2)] > 20) == (0, True)
    assert poet.codec.fields == before.codec.fields
    told = [line for line in log if line.startswith("the model does not know 1 of")]
    assert len(told) == 1
    assert told[0].endswith(f"of the text: {FRESH}")
    tune(other, tmp_path / "tuned", model)
    tuned = RunSpec.load(tmp_path / "tuned")
    assert (tuned.config.train.learning_rate, tuned.config.objective.beta_schedule) == (
        1e-3,
        "constant",
    )
    assert tuned.init == str(model)


def test_stopped_it_goes_on_bit_for_bit(model: Path, other: Path, tmp_path: Path) -> None:
    """Even before its first checkpoint, when the model that it began from is gone."""
    tune(other, tmp_path / "whole", model)
    expected = outcome(tmp_path / "whole", STEPS)
    gone, run = tmp_path / "gone", tmp_path / "run"
    for happens, error in ((terminate, trainer.TrainingInterruptedError), (cut, Exception)):
        shutil.copytree(model, gone)
        with at_update(3, happens), pytest.raises(error):
            tune(other, run, gone)
        shutil.rmtree(gone)
        shutil.rmtree(run / "data")
        trainer.train(out=run, resume=True, quiet=True)
        found = outcome(run, STEPS)
        assert found.pop("train").init == str(gone)
        assert found == {key: value for key, value in expected.items() if key != "train"}
        shutil.rmtree(run)


def test_the_same_words_resume_it(model: Path, other: Path, tmp_path: Path) -> None:
    how: dict[str, Any] = {"preset": "tune", "forms": ["5x2"], "labels": ["author"]}
    with at_update(3, terminate), pytest.raises(trainer.TrainingInterruptedError):
        tune(other, tmp_path / "run", model, **how)
    tune(other, tmp_path / "run", model, **how, resume=True)
    with pytest.raises(ConfigError, match=f"with init {model}, not {other.parent}"):
        tune(other, tmp_path / "run", other.parent, resume=True)


OTHER_THAN_IT: list[tuple[dict[str, Any], str]] = [
    ({"settings": {"d_model": 32, "latent_dim": 5}}, "d_model 16, not 32; has latent_dim 4, not 5"),
    (
        {"preset": "small"},
        "d_model 16, not 128; has embed_dim 16, not 128; has latent_dim 4, not 64",
    ),
    ({"settings": {"sounds": True}}, "sounds False, not True"),
    ({"forms": ["7x2", "5x2"]}, "form 5x2, 5x4, not 7x2"),
    ({"labels": ["dynasty"]}, "label author, not dynasty"),
    ({"settings": {"kind": "vqvae"}, "forms": ["7x2"]}, "kind vae, not vqvae; has form .*7x2"),
]


def test_sounds_go_with_the_model(corpus: Path, model: Path, other: Path, tmp_path: Path) -> None:
    """Those that it has, whatever table there is now; one without stays without."""
    assert not any("sounds" in name for name in load_folder(model).model.tensors())
    settings = {**SETTINGS, "d_model": 16, "embed_dim": 16, "latent_dim": 4, "sounds": True}
    start(corpus, tmp_path / "heard", settings=settings, steps=4)
    with patch.object(sounds, "readings", lambda *_: frozenset()):
        tune(other, tmp_path / "run", tmp_path / "heard")
    before, after = (load_folder(tmp_path / name).model for name in ("heard", "run"))
    assert after.config == before.config
    facts, kept = dict(before.named_buffers()), dict(after.named_buffers())
    assert facts.keys() == kept.keys() == {"embedding.readings", "embedding.heard"}
    assert all(torch.equal(facts[name], kept[name]) and facts[name].any() for name in facts)
    assert not torch.equal(
        before.tensors()["embedding.sounds"], after.tensors()["embedding.sounds"]
    )


@pytest.mark.parametrize(("change", "says"), OTHER_THAN_IT, ids=str)
def test_what_is_not_the_models_is_named(
    model: Path, other: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=f"{model} has {says}.*; a model that learns on"):
        tune(other, tmp_path / "run", model, **change)
    assert not (tmp_path / "run").exists()


def test_dropout_is_free(model: Path, other: Path, tmp_path: Path) -> None:
    poet = tune(other, tmp_path / "run", model, settings={**SETTINGS, "dropout": 0.25})
    assert poet.model.config.dropout == 0.25


def test_a_corpus_that_it_cannot_read(model: Path, other: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.txt"
    rows = ["".join(chr(0x6E00 + (i * 7 + j) % 90) for j in range(10)) for i in range(30)]
    foreign.write_text("\n".join(f"{r[:5]}，{r[5:]}。" for r in rows), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"does not know (\d+) of \1 characters, 100.0% of"):
        tune(foreign, tmp_path / "run", model)
    plan = RunSpec.plan(configure("tiny", SETTINGS), [other], forms=["5x2"])
    build(plan.corpus, tmp_path / "numbered")
    with pytest.raises((CorpusError, ConfigError), match=r"label author|numbered otherwise"):
        tune(tmp_path / "numbered", tmp_path / "run", model)
    assert not (tmp_path / "run").exists()


def test_by_the_command_line(model: Path, other: Path, tmp_path: Path) -> None:
    pairs = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    words: list[str | Path] = [
        other,
        "--out",
        tmp_path / "run",
        "--steps",
        "2",
        "--init",
        model,
        *pairs,
    ]
    done = shell("train", *words)
    assert done.code == 0, done.err
    assert "does not know 1 of" in done.err
    none = shell("train", other, "--out", tmp_path / "none", "--init", tmp_path / "nowhere")
    assert "no such model folder" in none.error

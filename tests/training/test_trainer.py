"""What training leaves in a run folder, on what it trains, for how long, and what it refuses."""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import DEFAULT, Mock

import pytest
import torch
from commands import COUPLETS
from conftest import SMALL
from folders import contents, forge, names, read_lines
from hypothesis import given
from hypothesis import strategies as st

import poetvae
from poetvae.checkpoints.model_folder import load_state
from poetvae.config import OPTIMIZERS, PRESETS, Config, TrainConfig, fields
from poetvae.data import tokenize
from poetvae.data.dataset import Data, derive_seed, encode_poems
from poetvae.errors import CheckpointError, ConfigError, CorpusError, PoetVAEError
from poetvae.files import locked
from poetvae.models import build
from poetvae.models.vae import VAE
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem
from poetvae.training import run as begin
from poetvae.training import step as learning
from poetvae.training import trainer
from poetvae.training.parallel import Group, alone
from poetvae.training.schedules import cosine, linear
from poetvae.training.spec import RunSpec, read_run

MODEL = {"README.md", "config.json", "manifest.json", "model.safetensors", "tokenizer.model"}
LOOP = {"batch_size": 8, "held_out": 0.2, "log_every": 2, "precision": "fp32", "validate_every": 4}
SETTINGS: dict[str, Any] = {**SMALL, **LOOP}
ENGLISH = [f"the {a} is {b}\nand so am I" for a in ("sea", "sun", "sky") for b in ("blue", "old")]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twenty couplets."""
    return write(tmp_path / "couplets.txt", COUPLETS)


def write(path: Path, poems: list[str]) -> Path:
    """A corpus of these poems."""
    between = "\n\n" if any("\n" in poem for poem in poems) else "\n"
    path.write_text(between.join(poems), encoding="utf-8")
    return path


def train(corpus: Path, out: Path, **changed: Any) -> Poet:
    """Train for a moment; `settings` are added to the usual ones."""
    settings = {**SETTINGS, **changed.pop("settings", {})}
    options = {"preset": "tiny", "forms": ["5x2"], "steps": 4, "quiet": True}
    if {"epochs", "minutes"} & changed.keys():
        del options["steps"]
    return trainer.train([corpus], out, settings=settings, **{**options, **changed})


def resume(run: Path, **how: Any) -> Poet:
    return trainer.train(out=run, resume=True, quiet=True, **how)


def metric(run: Path, name: str) -> list[Any]:
    """The values of a metric, in order."""
    return [line[name] for line in read_lines(run / "metrics.jsonl") if name in line]


# The run folder


def test_a_run_folder_holds_what_it_should(run: Path) -> None:
    files = {".lock", "train.json", "metrics.jsonl", "samples.jsonl", "checkpoints", "data"}
    assert names(run) == MODEL | files
    assert names(run / "checkpoints") == {"step-10", "step-20", "latest"}
    assert names(run / "checkpoints" / "step-20") == MODEL | {"state.pt"}


def test_metrics(run: Path) -> None:
    metrics = read_lines(run / "metrics.jsonl")
    assert [line["step"] for line in metrics] == [5, 10, 10, 15, 20, 20]
    training = {"step", "nll", "kl", "loss", "beta", "lr", "seconds"}
    valid = {"valid_score", "valid_elbo_per_char", "valid_recon_per_poem", "valid_kl_per_poem"}
    assert [line.keys() for line in metrics if "nll" in line] == [training] * 4
    assert [line.keys() for line in metrics if "nll" not in line] == [
        {"step", *valid, "valid_active_units", "valid_active_units_01"}
    ] * 2
    for line in metrics[0], metrics[3]:
        assert line["lr"] == pytest.approx(5e-3 * cosine(line["step"] / 20, 0.03))
        assert line["beta"] == pytest.approx(linear(line["step"] / 20, 0.2))
        assert line["kl"] >= 0
    assert metrics[3]["loss"] == pytest.approx(metrics[3]["nll"] + metrics[3]["kl"])
    assert metric(run, "seconds") == sorted(metric(run, "seconds"))


def test_metrics_are_means_since_the_line_before(corpus: Path, tmp_path: Path) -> None:
    for every in (1, 2):
        train(corpus, tmp_path / str(every), settings={"log_every": every})
    each, pairs = metric(tmp_path / "1", "nll"), metric(tmp_path / "2", "nll")
    assert pairs == pytest.approx([(each[0] + each[1]) / 2, (each[2] + each[3]) / 2])


def test_samples_are_poems_of_the_form(run: Path) -> None:
    samples = read_lines(run / "samples.jsonl")
    assert [line["step"] for line in samples] == [10] * 4 + [20] * 4
    assert all(line == {"step": line["step"], "text": line["text"]} for line in samples)
    assert {Poem((line["text"],)).form for line in samples} == {Form(5, 2)}


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_samples_are_what_the_saved_model_writes(corpus: Path, tmp_path: Path, ema: float) -> None:
    settings = {"ema": ema, "dropout": 0.9, "held_out": 0.0}
    poet = train(corpus, tmp_path / "run", settings=settings)
    poems = poet.generate(4, seed=derive_seed(0, 4), plain=True)
    samples = read_lines(tmp_path / "run" / "samples.jsonl")
    assert [line["text"] for line in samples] == [poem.text for poem in poems]
    again = Poet.from_pretrained(tmp_path / "run")
    assert again.generate(3, seed=1) == poet.generate(3, seed=1)
    assert (poet.forms, poet.model.training) == ([Form(5, 2)], False)


def test_train_json_and_the_card_tell_how_to_repeat_the_run(run: Path) -> None:
    values = json.loads((run / "train.json").read_bytes())
    assert values["poetvae"] == poetvae.__version__
    assert values["torch"] == torch.__version__
    assert (values["forms"], values["steps"]) == (["5x2"], 20)
    assert len(values["fingerprint"]) == 64
    assert {key for part in values["config"].values() for key in part} == fields().keys()
    config = RunSpec.load(run).config
    assert (config.model.d_model, config.train.precision in {"fp32", "bf16"}) == (16, True)
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "steps of 32 poems, seed 0" in card
    assert "Held-out ELBO" in card
    assert "poetvae generate --model" in card


def test_a_validation_draws_from_all_over_the_files(poet: Poet) -> None:
    """Of a file's eight couplets and another's one, three: the first, one between, and the last."""
    poems = [*map(poet.codec.read, [*COUPLETS[:8], "黃河入海流，白日依山盡。"])]
    store = encode_poems(poet.codec, poems)
    some = encode_poems(poet.codec, [poems[0], poems[4], poems[8]])
    data, other = (Data(s, s, s, poet.codec) for s in (store, some))
    options = TrainConfig(validate_on=3)
    score, _, report = trainer.validate(poet.model, data, options, 0)
    expected, _, again = trainer.validate(poet.model, other, options, 0)
    assert (score, report) == (expected, again)
    assert trainer.validate(poet.model, data, options, 7)[0] == score, "the same at every step"


def test_the_best_is_saved(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, scores = trainer.validate, iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(trainer, "validate", lambda *a: (next(scores), *real(*a)[1:]))
    train(corpus, tmp_path / "run", steps=12, settings={"keep": 9})
    files, weights = contents(tmp_path / "run"), "model.safetensors"
    saved = [files[f"checkpoints/step-{step}/{weights}"] for step in (4, 8, 12)]
    assert [data == files[weights] for data in saved] == [False, True, False]
    assert b"Trained for 8 steps" in files["README.md"]
    assert b"1.000 nats per character" in files["README.md"]


def test_what_is_saved_is_the_average_of_the_weights(corpus: Path, tmp_path: Path) -> None:
    trained, saved = [], []
    for ema in (0.0, 0.9):
        poet = train(corpus, tmp_path / str(ema), settings={"ema": ema})
        state = load_state(tmp_path / str(ema) / "checkpoints" / "step-4")
        trained.append(state["model"]["mean.weight"])
        saved.append(poet.model.state_dict()["mean.weight"])
    assert torch.equal(*trained)
    assert torch.equal(saved[0], trained[0])
    assert not torch.equal(saved[1], trained[1])


def test_averaging_moves_towards_the_model(poet: Poet) -> None:
    zero, one = (VAE(poet.model.config) for _ in range(2))
    for model, value in ((zero, 0.0), (one, 1.0)):
        for parameter in model.parameters():
            torch.nn.init.constant_(parameter, value)
    learning.average(zero, one, 0.75)
    assert all(p.eq(0.25).all() for p in zero.parameters())
    assert all(p.eq(1).all() for p in one.parameters())


# Corpora


def test_a_corpus_to_validate_on_decides_what_is_best(corpus: Path, tmp_path: Path) -> None:
    fresh = [f"{a}石{a}石{a}，{a}{a}春{a}{a}。" for a in "天地日月"]
    other_marks = COUPLETS[1].replace("，", "。")
    scores = []
    for name, poems in (("a", fresh), ("b", [COUPLETS[0], other_marks, fresh[0]])):
        train(corpus, tmp_path / name, valid=[write(tmp_path / f"{name}.txt", poems)])
        both = read_run(tmp_path / name)
        assert [poem.text for poem in both.valid] == [p for p in poems if p in fresh]
        assert len(both.train) == len(COUPLETS)  # nothing else is held out
        scores.append(metric(tmp_path / name, "valid_score"))
    assert scores[0] != scores[1]


@pytest.mark.parametrize("valid", [[], [COUPLETS[0]]], ids=["none", "all known"])
def test_without_held_out_poems(corpus: Path, tmp_path: Path, valid: list[str]) -> None:
    run = tmp_path / "run"
    given = [write(tmp_path / "valid.txt", valid)] if valid else []
    train(corpus, run, steps=8, valid=given, settings={"held_out": 0.0})
    assert all("nll" in line for line in read_lines(run / "metrics.jsonl"))
    assert len(read_lines(run / "samples.jsonl")) == 8
    files = contents(run)
    assert files["model.safetensors"] == files["checkpoints/step-8/model.safetensors"]
    assert b"Held-out" not in files["README.md"]


def test_free_form(tmp_path: Path) -> None:
    run = tmp_path / "run"
    poet = train(write(tmp_path / "a.txt", ENGLISH), run, forms=[], settings={"max_len": 40})
    config = poet.model.config
    assert (poet.forms, config.max_len, config.label_sizes) == ([], 40, ())
    (poem,) = poet.generate(1, seed=3)
    assert poem.form is None
    assert 1 <= len(poem.text) <= 40
    assert set(poem.text) <= set("\n".join(ENGLISH))
    assert {line["step"] for line in read_lines(run / "samples.jsonl")} == {4}


def test_poems_that_are_too_long_are_left_out_and_counted(tmp_path: Path) -> None:
    log: list[str] = []
    corpus = write(tmp_path / "a.txt", [*ENGLISH, "o " * 40 + "\nwhat a long one"])
    options = {"forms": [], "settings": {"max_len": 30, "held_out": 0.0}, "quiet": False}
    poet = train(corpus, tmp_path / "run", log=log.append, **options)
    assert "left out: 1 poems longer than max_len 30" in log
    assert poet.codec.tokenizer.unknown("w") == ["w"]  # only the long one has it


def test_when_all_are_too_long_the_error_says_what_helps(tmp_path: Path) -> None:
    corpus = write(tmp_path / "a.txt", ENGLISH)
    for max_len in (9, 26):
        how = {"forms": [], "settings": {"max_len": max_len, "held_out": 0.0}}
        says = f"longer than max_len {max_len}; the shortest takes 27 .*--set max_len=27"
        with pytest.raises(CorpusError, match=says):
            train(corpus, tmp_path / "run", **how)
        assert not (tmp_path / "run").exists()
    train(corpus, tmp_path / "run", forms=[], settings={"max_len": 27, "held_out": 0.0})


def test_two_forms_are_a_label(tmp_path: Path) -> None:
    quatrains = [f"{a}上山青，{a}下水明。{a}中人語，{a}外鳥鳴。" for a in "天地日月風"]
    corpus = write(tmp_path / "both.txt", COUPLETS + quatrains)
    poet = train(corpus, tmp_path / "run", forms=["5x2", "4x4", "5x2"], steps=6)
    assert poet.forms == [Form(4, 4), Form(5, 2)]
    assert (poet.model.config.label_sizes, poet.model.config.max_len) == ((3,), 16)
    assert RunSpec.load(tmp_path / "run").config.train.slices == 4, "of a length each"
    assert poet.codec.forms[Form(5, 2)] > poet.codec.forms[Form(4, 4)] > 0
    for form in ("5x2", "4x4"):
        poems = poet.generate(3, form=form, seed=1)
        assert {str(Poem(tuple(poem.text.split("\n"))).form) for poem in poems} == {form}
    assert {poem.form for poem in poet.generate(60, seed=1)} == {"5x2", "4x4"}


def test_relative_names_of_corpora_still_hold_elsewhere(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(Path("couplets.txt"), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resume(tmp_path / "run")
    assert RunSpec.load(tmp_path / "run").sources == (str(corpus),)


def test_a_changed_corpus_is_not_resumed(corpus: Path, tmp_path: Path) -> None:
    train(corpus, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "data")
    before = contents(tmp_path / "run")
    write(corpus, COUPLETS[:-1])
    with pytest.raises(CorpusError, match=r"the corpus of .* has changed since"):
        resume(tmp_path / "run")
    corpus.unlink()
    with pytest.raises(CorpusError, match="no such file"):
        resume(tmp_path / "run")
    assert contents(tmp_path / "run") == before
    write(corpus, COUPLETS[:-2])
    train(corpus, tmp_path / "other")  # nor are its numbered poems taken, or removed
    shutil.copytree(tmp_path / "other" / "data", tmp_path / "run" / "data")
    before = contents(tmp_path / "run" / "data")
    with pytest.raises(CorpusError, match=r"the corpus of .* has changed since"):
        resume(tmp_path / "run")
    assert contents(tmp_path / "run" / "data") == before
    shutil.rmtree(tmp_path / "run" / "data")
    write(corpus, COUPLETS)
    resume(tmp_path / "run")


# How long


@pytest.mark.parametrize(
    ("epochs", "batch", "steps"), [(2, 8, 5), (0.01, 8, 1), (1, 40, 1), (None, 8, 25)]
)
def test_epochs(corpus: Path, tmp_path: Path, epochs: float | None, batch: int, steps: int) -> None:
    settings = {"batch_size": batch, "held_out": 0.0}
    train(corpus, tmp_path / "run", epochs=epochs, settings=settings)
    assert RunSpec.load(tmp_path / "run").steps == steps
    assert metric(tmp_path / "run", "step")[-1] == steps


LENGTHS = [
    *((dict(pair), "{} and {} were given; give one of them".format(*dict(pair)))
      for pair in itertools.combinations({"epochs": 1.0, "steps": 2, "minutes": 1.0}.items(), 2)),
    *(({name: value}, f"{name} is .*; expected more than 0")
      for name in ("epochs", "steps", "minutes") for value in (0, -1, float("nan"), float("inf"))),
]  # fmt: skip


@pytest.mark.parametrize(("given", "says"), LENGTHS)
def test_how_long_is_one_number(
    corpus: Path, tmp_path: Path, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        trainer.train([corpus], tmp_path / "run", quiet=True, **given)
    assert not (tmp_path / "run").exists()


class Clock:
    """Stands for time: an update takes half a second, a validation two, all else nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for name, seconds in (("update", 0.5), ("validate", 2.0)):
            monkeypatch.setattr(trainer, name, self.taking(seconds, getattr(trainer, name)))
        clock = SimpleNamespace(monotonic=lambda: self.now, perf_counter=time.perf_counter)
        monkeypatch.setattr(trainer, "time", clock)

    def taking(self, seconds: float, function: Any) -> Any:
        def slow(*arguments: Any) -> Any:
            self.now += seconds
            return function(*arguments)

        return slow


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [0.1, 1.0, 2.0])
def test_minutes_become_steps_that_take_so_long(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float
) -> None:
    clock = Clock(monkeypatch)
    train(corpus, tmp_path / "run", minutes=minutes, settings={"validate_every": 20})
    steps = RunSpec.load(tmp_path / "run").steps
    assert steps == max(1, int(0.95 * (60 * minutes - 30 * 0.5 - 2) / (0.5 + 2 / 20)))
    reserve = 0.05 * 60 * minutes
    assert steps == 1 or 60 * minutes - reserve - 3 <= clock.now <= 60 * minutes + 3
    monkeypatch.undo()
    train(corpus, tmp_path / "steps", steps=steps, settings={"validate_every": 20})
    by_minutes, by_steps = (contents(tmp_path / name) for name in ("run", "steps"))
    assert by_minutes["model.safetensors"] == by_steps["model.safetensors"]


@given(st.integers(1, 10**7), st.integers(1, 4096), st.integers(1, 10**7))
def test_validation_is_about_once_an_epoch(poems: int, batch: int, steps: int) -> None:
    """Unless that is so long, or so short, that there would be few, or hardly anything else."""
    every, epoch = begin.cadence(poems, batch, steps), round(poems / batch)
    assert 1 <= every <= 1000
    assert every == epoch or every in (1, 1000) or (every - 1) * begin.VALIDATIONS < steps


@given(
    st.integers(1, 10**5), st.floats(0.001, 1), st.floats(0.001, 10), st.floats(60, 10**5),
    st.integers(0, 2000),
)  # fmt: skip
def test_steps_fill_the_time(
    poems: int, step: float, validation: float, seconds: float, every: int
) -> None:
    config = TrainConfig(batch_size=64, validate_every=every)
    steps = begin.steps_in(seconds, poems, config, step, validation)
    taken = steps * step + steps / (every or begin.cadence(poems, 64, steps)) * validation
    assert taken <= 0.97 * seconds or steps == 1 or steps > 1000 * begin.VALIDATIONS


def test_a_run_validates_every_epoch(corpus: Path, tmp_path: Path) -> None:
    how: dict[str, Any] = {"preset": "tiny", "forms": ["5x2"], "quiet": True, "epochs": 3}
    settings = {**SMALL, "batch_size": 4, "held_out": 0.2, "min_count": 1}
    trainer.train([corpus], tmp_path / "run", settings=settings, **how)
    spec = RunSpec.load(tmp_path / "run")
    assert (spec.steps, spec.config.train.validate_every) == (11, 4)
    assert len(metric(tmp_path / "run", "valid_score")) == 3
    assert metric(tmp_path / "run", "valid_active_units") == []  # of four poems
    trainer.train([corpus], tmp_path / "run", settings=settings, resume=True, **how)


# Learning


BY_HEART = {"learning_rate": 0.03, "validate_every": 5, "ema": 0.0, "min_count": 1}


def test_what_is_learnt_by_heart_ends_where_it_is_worse_than_guessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verses of characters drawn at random can be learnt no other way."""
    rng, known = (
        Random(1),
        "天地日月風花雪雨江河湖海松竹梅蘭東西南北春夏秋冬山石田土金木水火人口手足耳目心頭",
    )
    drawn = ["".join(rng.choices(known, k=10)) for _ in range(40)]
    corpus = write(tmp_path / "drawn.txt", [f"{text[:5]}，{text[5:]}。" for text in drawn])
    log: list[str] = []
    how = {"steps": 200, "settings": BY_HEART, "quiet": False, "log": log.append}
    train(corpus, tmp_path / "run", **how)
    said = [line for line in log if line.startswith(("ended", "warning: worse"))]
    score, step = metric(tmp_path / "run", "valid_score"), metric(tmp_path / "run", "step")[-1]
    assert said[-1].startswith(f"ended at step {step} of 200: the last 3 validations were worse")
    assert len(said) == 2  # the warning is told once
    assert 3 * 5 <= step < 100
    assert min(score) == min(score[:-3]) < min(score[-3:])
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert f"{min(score):.3f} nats per character" in card
    resume(tmp_path / "run")
    assert metric(tmp_path / "run", "step")[-1] == step
    # Stopped between two of the three, it ends at the same place.
    steps, update = iter(range(999)), learning.update

    def stopped(*arguments: Any) -> Any:
        if next(steps) == step - 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "update", stopped)
        with pytest.raises(trainer.TrainingInterruptedError):
            train(corpus, tmp_path / "again", steps=200, settings=BY_HEART)
    resume(tmp_path / "again")
    assert metric(tmp_path / "again", "valid_score") == score
    train(corpus, tmp_path / "on", steps=step + 10, settings={**BY_HEART, "patience": 0})
    assert metric(tmp_path / "on", "step")[-1] == step + 10


def test_a_training_that_diverges_is_no_success(corpus: Path, tmp_path: Path) -> None:
    says = r"the training has diverged at step \d+: a poem takes .* lower learning_rate \(it is 5\)"
    with pytest.raises(PoetVAEError, match=says):
        train(corpus, tmp_path / "run", steps=40, settings={"learning_rate": 5, "ema": 0.0})


def test_the_loss_falls(corpus: Path, tmp_path: Path) -> None:
    settings = {"held_out": 0.0, "validate_every": 100, "log_every": 10, "d_model": 32}
    train(corpus, tmp_path / "run", steps=100, settings=settings)
    nll = metric(tmp_path / "run", "nll")
    assert nll[-1] < nll[0] / 3


@pytest.mark.parametrize("preset", ["base", "seed", "tiny"])
def test_a_preset_learns(corpus: Path, tmp_path: Path, preset: str) -> None:
    how: dict[str, Any] = {"preset": preset, "forms": ["5x2"], "settings": {"min_count": 1}}
    poet = trainer.train([corpus], tmp_path / "run", steps=2, quiet=True, **how)
    assert PRESETS[preset].get("d_model", 256) == poet.model.config.d_model
    assert all(20 < nll < 80 for nll in metric(tmp_path / "run", "nll"))


@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"clip_norm": 0.0}, {"dropout": 0.5}])
def test_settings_of_the_loop_matter(corpus: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    usual = train(corpus, tmp_path / "usual", settings={"clip_norm": 0.1})
    other = train(corpus, tmp_path / "other", settings={"clip_norm": 0.1, **change})
    weights = [poet.model.state_dict()["mean.weight"] for poet in (usual, other)]
    assert weights[1].dtype == torch.float32
    assert not torch.equal(*weights)


def test_clipping_bounds_the_gradient(poet: Poet, monkeypatch: pytest.MonkeyPatch) -> None:
    model = VAE(poet.model.config)
    norms: list[float] = []

    def note(optimizer: Any, *_: Any) -> None:
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        norms.append(float(torch.stack([g.norm() for g in grads]).norm()))

    batch = encode_poems(poet.codec, [Poem((COUPLETS[0],))]).batch([0])
    for clip in (0.5, 0.0):
        config = Config(train=TrainConfig(clip_norm=clip, precision="fp32"))
        optimizer = learning.make_optimizer(model, config.train)
        optimizer.register_step_pre_hook(note)
        learning.update(model, optimizer, [learning.Slice(batch)], config, 0.5)
    assert norms[0] == pytest.approx(0.5, rel=1e-3)
    assert norms[1] > 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    losses = iter([1.0] * 5 + [value] * 9)
    monkeypatch.setattr(trainer, "update", lambda *_: torch.tensor([1.0, 1.0, next(losses), 1.0]))
    with pytest.raises(PoetVAEError, match=f"the loss is {value} at step 6; lower learning_rate"):
        train(corpus, tmp_path / "run", steps=12)
    assert names(tmp_path / "run" / "checkpoints") == {"step-4", "latest"}
    assert Poet.from_pretrained(tmp_path / "run").forms == [Form(5, 2)]
    assert metric(tmp_path / "run", "step") == [2, 4, 4]


# What is refused, before anything is written


def test_force_replaces_a_run_and_nothing_else(corpus: Path, tmp_path: Path) -> None:
    run, home, file = tmp_path / "run", tmp_path / "home", tmp_path / "file"
    train(corpus, run, steps=8)
    before = contents(run)
    with pytest.raises(CheckpointError, match="exists; --resume continues it, --force replaces"):
        train(corpus, run)
    assert contents(run) == before
    train(corpus, run, steps=2, force=True)
    assert names(run / "checkpoints") == {"step-2", "latest"}
    home.mkdir()
    (home / "thesis.txt").write_text("all of it")
    file.write_text("a file")
    for path in (home, file):
        for force in (False, True):
            with pytest.raises(CheckpointError, match=f"{path} (exists|is not a run of poetvae)"):
                train(corpus, path, force=force)
    assert names(home) == {"thesis.txt"}
    assert file.read_text() == "a file"


def test_where_a_run_may_begin(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for out, resume_it in (("run", False), ("new", True)):  # to resume what is not there begins it
        train(corpus, tmp_path / out, resume=resume_it)
        assert names(tmp_path / out) >= MODEL
    with pytest.raises(CheckpointError, match="run: cannot be written"):
        train(corpus, corpus / "run")
    with pytest.raises(CheckpointError, match="no run to resume"):
        resume(tmp_path / "none")
    assert not (tmp_path / "none").exists()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"preset": "huge"}, "no preset 'huge'"),
    ({"settings": {"nonsense": 1}}, "no setting"),
    ({"settings": {"d_model": 0}}, "d_model is 0"),
    ({"forms": ["5by2"]}, "5by2"),
    ({"forms": ["9x9"]}, "0 poems of the form 9x9"),
    ({"device": "nonsense"}, "nonsense"),
    ({"valid": ["missing.txt"]}, "missing.txt: no such file"),
    ({"settings": {"min_count": 1000}}, "min_count"),
    ({"settings": {"passes": "1,4"}, "forms": []}, "passes"),
    ({"settings": {"slices": 9}}, "9 slices of a batch of 8"),
]


@pytest.mark.parametrize(("change", "says"), BAD, ids=str)
def test_whatever_is_wrong_leaves_the_old_run_and_writes_no_new_one(
    corpus: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.json").write_text("{}")
    for out in ("new", "old"):
        with pytest.raises(PoetVAEError, match=f"^.*{says}.*\\Z"):
            train(corpus, tmp_path / out, force=True, **change)
    assert names(tmp_path) == {"old", "couplets.txt"}
    assert (tmp_path / "old" / "train.json").read_text() == "{}"


def test_a_resumed_run_goes_on_as_it_was_begun(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(corpus, run)
    same: list[dict[str, Any]] = [
        {},
        {"sources": [corpus], "forms": ["5x2"], "preset": "tiny", "settings": SETTINGS, "steps": 4},
        {"settings": {"batch_size": SETTINGS["batch_size"]}, "minutes": 5},
        {"preset": "tiny", "settings": {**SETTINGS, "precision": "auto"}},
    ]
    for options in same:
        assert resume(run, **options).forms == [Form(5, 2)]
    others: list[tuple[dict[str, Any], str]] = [
        ({"sources": [tmp_path]}, f"sources {corpus}, not {tmp_path}"),
        ({"valid": [corpus]}, f"valid none, not {corpus}"),
        ({"forms": ["7x2"]}, "forms 5x2, not 7x2"),
        ({"labels": ["author"]}, "labels none, not author"),
        ({"settings": {"beta": 2}}, r"beta 1\.0, not 2\.0"),
        ({"preset": "base"}, "embed_dim 16, not 256"),
        ({"epochs": 0.1}, "steps 4, not"),
        ({"steps": 3}, "steps 4, not 3"),
        ({"settings": {"slices": 3}}, "slices 1, not 3"),
        ({"strict": True}, "strict False, not True"),
        (
            {"forms": ["7x2"], "settings": {"beta": 2, "seed": 9}, "steps": 3},
            r"beta 1\.0, not 2\.0; with seed 0, not 9; with forms 5x2, not 7x2; with steps 4, not",
        ),
    ]
    for options, says in others:
        with pytest.raises(ConfigError, match=f"was begun with ({says})"):
            resume(run, **options)
    with pytest.raises(ConfigError, match="resume and force were given; give one of them"):
        resume(run, force=True)
    log: list[str] = []
    trainer.train(out=run, resume=True, minutes=5, log=log.append)
    assert log[0] == f"minutes 5 is left out: {run} was begun for 4 steps"


LEFT = ".poetvae-0123456789abcdef.tmp"  # as a process that was killed leaves it


def test_what_a_killed_process_left_is_swept_away(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / LEFT / "data").mkdir(parents=True)
    (run / ".lock").touch()
    train(corpus, run)
    for folder in (run, run / "checkpoints" / "step-4"):
        (folder / LEFT).write_text("half")
    (run / "checkpoints" / LEFT).mkdir()
    resume(run)
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")] == []


def test_a_run_in_use_is_left_alone(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, build = tmp_path / "run", tokenize.build

    def meanwhile(*arguments: Any, **how: Any) -> Any:
        with pytest.raises(CheckpointError, match="run is in use by another training"):
            train(corpus, run)
        return build(*arguments, **how)

    with monkeypatch.context() as patch:
        patch.setattr(tokenize, "build", meanwhile)
        train(corpus, run)
    with locked(run):
        for options in ({"resume": True}, {"force": True}):
            with pytest.raises(CheckpointError, match="run is in use by another training"):
                train(corpus, run, **options)
    resume(run)
    assert names(tmp_path) == {"run", "couplets.txt"}


@pytest.mark.parametrize("taken", [False, True], ids=["renamed", "and another in its place"])
def test_a_run_that_is_moved_while_it_is_trained_writes_no_more(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    run, away, update, steps = tmp_path / "run", tmp_path / "away", learning.update, iter(range(99))
    train(corpus, tmp_path / "undisturbed", steps=12)

    def moved(*arguments: Any) -> Any:
        if next(steps) == 6:
            run.rename(away)
            if taken:
                with monkeypatch.context() as patch:
                    patch.setattr(trainer, "update", update)
                    train(corpus, run, settings={"seed": 1})
        return update(*arguments)

    monkeypatch.setattr(trainer, "update", moved)
    with pytest.raises(CheckpointError, match="run was moved, removed or replaced while"):
        train(corpus, run, steps=12)
    monkeypatch.undo()
    assert names(tmp_path) == {"couplets.txt", "undisturbed", "away", *["run"][: int(taken)]}
    if taken:
        assert metric(run, "step") == [2, 4, 4]
    resume(away)
    one, other = contents(away), contents(tmp_path / "undisturbed")
    weights = "checkpoints/step-12/model.safetensors"
    assert one[weights] == other[weights]


def test_a_folder_that_is_there_stays_itself(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for mode in (0o700, 0o755, 0o555):
        run.mkdir(mode)
        before = run.stat()
        if mode != 0o555 or os.geteuid() == 0:
            train(corpus, run)
            (run / "train.json").chmod(0o600)
            resume(run)
            assert (run / "train.json").stat().st_mode & 0o777 == 0o600
        else:
            with pytest.raises(CheckpointError, match="run: cannot be written"):
                train(corpus, run)
            assert names(run) == set()
        assert (run.stat().st_ino, run.stat().st_mode) == (before.st_ino, before.st_mode)
        run.chmod(0o700)
        shutil.rmtree(run)


def test_replacing_keeps_the_mode_of_the_folder(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(corpus, run)
    run.chmod(0o750)
    train(corpus, run, force=True)
    assert run.stat().st_mode & 0o777 == 0o750
    assert names(tmp_path) == {"run", "couplets.txt"}


# Checkpoints belong to their run and step


@pytest.fixture
def three(corpus: Path, tmp_path: Path) -> Path:
    """A run with checkpoints of the steps 4, 8 and 12, of which two are kept."""
    train(corpus, tmp_path / "three", steps=12)
    return tmp_path / "three" / "checkpoints"


def test_a_checkpoint_of_another_run_or_step_is_passed_over(
    corpus: Path, tmp_path: Path, three: Path
) -> None:
    weights = "model.safetensors"
    expected = (three / "step-12" / weights).read_bytes()
    train(corpus, tmp_path / "other", steps=12, settings={"seed": 1})
    foreign = tmp_path / "other" / "checkpoints"
    for source, says in ((foreign / "step-12", "another run"), (three / "step-8", "step 8")):
        shutil.rmtree(three / "step-12")
        shutil.copytree(source, three / "step-12")
        with pytest.warns(UserWarning, match=rf"step-12 is of {says}; trying the one before"):
            resume(tmp_path / "three")
        assert (three / "step-12" / weights).read_bytes() == expected
    shutil.copytree(foreign / "step-8", three / "step-2")
    shutil.rmtree(three / "step-12")
    resume(tmp_path / "three")
    assert names(three) == {"step-2", "step-8", "step-12", "latest"}  # another's is not removed


def test_a_link_in_the_place_of_a_checkpoint_is_not_followed(
    corpus: Path, tmp_path: Path, three: Path
) -> None:
    train(corpus, tmp_path / "other", steps=12, settings={"seed": 1})
    there = tmp_path / "other" / "checkpoints" / "step-12"
    before = contents(there)
    shutil.rmtree(three / "step-12")
    (three / "step-12").symlink_to(there)
    with pytest.warns(UserWarning, match="step-12 is of another run"):
        resume(tmp_path / "three")
    assert contents(there) == before
    assert not (three / "step-12").is_symlink()


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "step": lambda s: s.update(step=8),
    "run": lambda s: s.update(run="f" * 32),
    "no run": lambda s: s.pop("run"),
    "shape": lambda s: s["model"].update({"mean.weight": torch.zeros(2, 2)}),
    "names": lambda s: s["model"].update({"what": torch.zeros(2)}),
    "fewer": lambda s: s["model"].popitem(),
    "nan": lambda s: s["model"]["mean.weight"].data.fill_(float("nan")),
    "moments": lambda s: s["optimizer"]["state"][0].update(exp_avg=torch.zeros(3)),
    "optimizer": lambda s: s["optimizer"]["param_groups"][0].update(momentum=0.95),
    "sums": lambda s: s.update(totals=torch.zeros(7)),
    "best": lambda s: s.update(best="good"),
    "nothing": lambda s: s.clear(),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_state_is_named(tmp_path: Path, three: Path, how: str) -> None:
    state = load_state(three / "step-12")
    FORGED[how](state)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    forge(three / "step-12", "state.pt", buffer.getvalue())
    with pytest.raises(CheckpointError, match=r"step-12/state.pt is not the state of this run"):
        resume(tmp_path / "three")


def test_a_run_of_an_older_version_goes_on(corpus: Path, tmp_path: Path) -> None:
    """It has no name of its own, nor have its checkpoints."""
    train(corpus, tmp_path / "new", steps=12)
    run = tmp_path / "old"
    shutil.copytree(tmp_path / "new", run)
    for path in (run / "checkpoints").glob("step-12"):
        shutil.rmtree(path)
    values = json.loads((run / "train.json").read_bytes())
    for name in ("id", "sha256"):
        del values[name]
    (run / "train.json").write_text(json.dumps(values))
    state = load_state(run / "checkpoints" / "step-8")
    del state["run"]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    forge(run / "checkpoints" / "step-8", "state.pt", buffer.getvalue())
    path = run / "checkpoints" / "step-8" / "manifest.json"
    path.write_text(json.dumps({"files": json.loads(path.read_bytes())["files"]}))
    resume(run)
    weights = "checkpoints/step-12/model.safetensors"
    assert contents(run)[weights] == contents(tmp_path / "new")[weights]


def test_a_run_is_opened_once_and_held_while_it_is_trained(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its poems are verified once, when it begins as when it goes on."""
    read = Mock()
    for name in ("describe", "open_store"):
        read.attach_mock(Mock(wraps=getattr(begin, name)), name)
        monkeypatch.setattr(begin, name, getattr(read, name))
    update = trainer.update  # type: ignore[attr-defined]

    def in_use(*arguments: Any) -> Any:
        with pytest.raises(CheckpointError, match="in use"), locked(tmp_path / "run"):
            pass
        return update(*arguments)

    monkeypatch.setattr(trainer, "update", in_use)
    train(corpus, tmp_path / "run")
    called = [name for name, _, _ in read.mock_calls]
    assert called == ["describe", "open_store", "open_store"]  # the last time without verifying
    read.reset_mock()
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    corpus.unlink()
    resume(tmp_path / "run")
    assert [name for name, _, _ in read.mock_calls] == ["open_store"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_memory_that_is_not_enough(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    usual = [DEFAULT] * 6
    accumulate = Mock(wraps=learning.accumulate, side_effect=[*usual, error])
    monkeypatch.setattr(learning, "accumulate", accumulate)
    with pytest.raises(PoetVAEError, match=r"out of memory with 8 poems at a time; .*--set slices"):
        train(corpus, tmp_path / "run", steps=12)
    monkeypatch.undo()
    assert resume(tmp_path / "run").forms == [Form(5, 2)]


FORMS = ["5x2", "4x4"]


def two_lengths(path: Path) -> Path:
    """Twenty couplets of ten characters, and quatrains of sixteen."""
    quatrains = [f"{a}上山青，{a}下水明。{a}中人語，{a}外鳥鳴。" for a in "天地日月風花雪"]
    return write(path, COUPLETS + quatrains)


@pytest.mark.parametrize("preset", ["tiny", "tiny,ar", "tiny,vq"])
def test_batches_are_of_one_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    """With as many poems as the lengths let them have; those of a codebook are of all lengths."""
    parts: list[learning.Slice] = []

    def noted(model: Any, part: learning.Slice, *rest: Any, real: Any = learning.accumulate) -> Any:
        parts.append(part)
        return real(model, part, *rest)

    monkeypatch.setattr(learning, "accumulate", noted)
    corpus = two_lengths(tmp_path / "both.txt")
    sizes = {"slices": 3, "batch_size": 6, "held_out": 0.0, "codebook_size": 8}
    how: dict[str, Any] = {"preset": preset, "forms": FORMS, "settings": sizes}
    poet = train(corpus, tmp_path / "run", epochs=3, **how)
    apart = preset != "tiny,vq"
    assert poet.model.config.by_length == apart
    read = sum(len(part.batch) for part in parts)
    assert read == pytest.approx(3 * (len(COUPLETS) + 7), abs=6)
    if apart:
        assert {part.batch.tokens.shape[1] for part in parts} == {10, 16}
        assert all(part.batch.mask.all() for part in parts)
        assert {round(6 * part.share) for part in parts} <= {1, 2, 3}
        assert all(6 * part.share == pytest.approx(len(part.batch)) for part in parts)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_processes_share_the_slices_of_a_length(poet: Poet, tmp_path: Path, parts: int) -> None:
    codec = replace(poet.codec, max_len=16, forms={Form(5, 2): 3, Form(4, 4): 1})
    text = two_lengths(tmp_path / "both.txt").read_text("utf-8").splitlines()
    store = encode_poems(codec, [Poem((line,)) for line in text])
    options = TrainConfig(batch_size=3, slices=parts)
    config = Config(model=replace(poet.model.config, by_length=True), train=options)
    for step in range(8):
        whole = list(learning.slices(store, config, step, alone()))
        two = [
            list(learning.slices(store, config, step, Group(alone().device, r, 2))) for r in (0, 1)
        ]
        assert {len(part.batch) > 0 for part in whole} == {True}
        for number, part in enumerate(whole):
            other = two[number % 2][number // 2]
            assert (other.seed, other.share) == (part.seed, part.share)
            assert other.batch.tokens.equal(part.batch.tokens)


def test_an_older_run_of_several_lengths_goes_on_as_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batches were of all lengths, and all positions were computed."""
    corpus, run = two_lengths(tmp_path / "both.txt"), tmp_path / "run"
    with monkeypatch.context() as before:
        before.setattr(VAE, "any_length", False)
        train(corpus, tmp_path / "whole", forms=FORMS, steps=8)
    shutil.copytree(tmp_path / "whole", run)
    shutil.rmtree(run / "checkpoints" / "step-8")
    values = json.loads((run / "train.json").read_bytes())
    del values["sha256"]
    assert values["config"]["model"].pop("by_length") is False
    (run / "train.json").write_text(json.dumps(values))
    for folder in (run, run / "checkpoints" / "step-4"):
        values = json.loads((folder / "config.json").read_bytes())
        assert values["model"].pop("by_length") is False
        forge(folder, "config.json", json.dumps(values).encode())
    resume(run)
    weights = "checkpoints/step-8/model.safetensors"
    assert contents(run)[weights] == contents(tmp_path / "whole")[weights]
    newer = train(corpus, tmp_path / "newer", forms=FORMS, steps=8)
    assert newer.model.config.by_length
    assert contents(tmp_path / "newer")[weights] != contents(run)[weights]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_slices_are_the_batch(poet: Poet, kind: str) -> None:
    """Without noise it makes no difference in how many parts a batch is worked off."""
    store = encode_poems(poet.codec, [Poem((couplet,)) for couplet in COUPLETS])
    config = replace(poet.model.config, dropout=0.0, sample=False)
    torch.manual_seed(0)  # a first step has the size of the rate, be its gradient next to nothing
    one, three = VAE(config), VAE(config)
    three.load_state_dict(one.state_dict())
    sums = []
    for model, parts in ((one, 1), (three, 3)):
        options = TrainConfig(batch_size=8, slices=parts, precision="fp32", clip_norm=0.0)
        options = replace(options, optimizer=kind)
        whole = Config(model=config, train=options)
        optimizer = learning.make_optimizer(model, options)
        batch = learning.slices(store, whole, 5, alone())
        sums.append(learning.update(model, optimizer, batch, whole, 0.5))
    torch.testing.assert_close(sums[0], sums[1])
    assert sums[0][3] == 1
    for a, b in zip(one.parameters(), three.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_a_codebook_follows_the_mean_of_the_slices(poet: Poet) -> None:
    store = encode_poems(poet.codec, [Poem((couplet,)) for couplet in COUPLETS])
    network = replace(poet.model.config, kind="vqvae", dropout=0.0, codebook_size=8)
    model = build(network)

    def follows(rows: list[range]) -> list[torch.Tensor]:
        copied = copy.deepcopy(model)
        options = TrainConfig(batch_size=8, precision="fp32")
        parts = [learning.Slice(store.batch(r), 3, len(r) / sum(map(len, rows))) for r in rows]
        optimizer = learning.make_optimizer(copied, options)
        learning.update(copied, optimizer, parts, Config(model=network, train=options), 0.5)
        return [p for p in copied.parameters() if not p.requires_grad]

    first, second, both = (follows(x) for x in ([range(6)], [range(6, 8)], [range(6), range(6, 8)]))
    assert len(both) == 5
    for a, b, mean in zip(first, second, both, strict=True):
        torch.testing.assert_close(mean, 0.75 * a + 0.25 * b)
        assert not torch.equal(a, b)

"""The event files of TensorBoard say what metrics.jsonl says, once, also after a resume."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from commands import shell
from folders import read_lines
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from test_trainer import SETTINGS
from test_trainer import corpus as corpus

from poetvae.errors import ConfigError
from poetvae.training import log as history
from poetvae.training import trainer
from poetvae.training.log import METRICS, recording

Curves = dict[str, list[tuple[int, float]]]


def train(corpus: Path, run: Path, **how: Any) -> None:
    how = {"steps": 10, "tensorboard": True, **how}
    trainer.train([corpus], run, preset="tiny", settings=SETTINGS, forms=["5x2"], quiet=True, **how)


def logged(run: Path) -> Curves:
    """The curves in metrics.jsonl."""
    curves: Curves = defaultdict(list)
    for line in read_lines(run / "metrics.jsonl"):
        for name, value in line.items():
            if name != "step":
                part = name.removeprefix("valid_")
                key = f"train/{name}" if part == name else f"valid/{part}"
                curves[key].append((line["step"], value))
    return dict(curves)


def shown(run: Path) -> Curves:
    """The curves that TensorBoard shows, which keeps all points here."""
    found = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    found.Reload()
    tags = found.Tags()["scalars"]
    return {tag: [(point.step, point.value) for point in found.Scalars(tag)] for tag in tags}


def check_same(run: Path) -> None:
    expected, found = logged(run), shown(run)
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        assert [step for step, _ in found[name]] == [step for step, _ in points], name
        values = [value for _, value in found[name]]
        assert values == pytest.approx([value for _, value in points], rel=1e-6), name


def test_the_curves_are_those_of_metrics(corpus: Path, tmp_path: Path) -> None:
    train(corpus, tmp_path / "run")
    check_same(tmp_path / "run")
    curves = shown(tmp_path / "run")
    assert [step for step, _ in curves["train/nll"]] == [2, 4, 6, 8, 10]
    assert [step for step, _ in curves["valid/elbo_per_char"]] == [4, 8, 10]


def test_no_step_comes_twice(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    append = history.append

    def cut_off(path: Path, line: dict[str, Any]) -> None:
        append(path, line)
        if path.name == "metrics.jsonl" and line["step"] == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(history, "append", cut_off)
        with pytest.raises(KeyboardInterrupt):
            train(corpus, run)
    assert max(step for step, _ in shown(run)["train/nll"]) == 4  # the sixth did not reach it
    train(corpus, run, resume=True)  # goes on at the checkpoint of step 4
    check_same(run)
    assert [step for step, _ in shown(run)["train/loss"]] == [2, 4, 6, 8, 10]


def test_a_run_gets_its_curves_when_it_is_resumed_with(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(corpus, run, tensorboard=False)
    assert not (run / "tensorboard").exists()
    trainer.train(out=run, resume=True, quiet=True, tensorboard=True)
    check_same(run)


def test_a_viewer_that_is_open_forgets_what_is_written_anew(tmp_path: Path) -> None:
    viewer = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0})
    with recording(tmp_path, True, True) as record:
        record(METRICS, {"step": 2, "nll": 9.0})
        record(METRICS, {"step": 4, "nll": 8.0})
    viewer.Reload()
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "nll": 9.0}\n')
    with recording(tmp_path, True, True) as record:
        record(METRICS, {"step": 4, "nll": 7.0})
    viewer.Reload()
    expected = [(2, 9.0), (4, 7.0)]
    assert [(p.step, p.value) for p in viewer.Scalars("train/nll")] == expected
    assert shown(tmp_path) == {"train/nll": expected}


def test_without_tensorboard(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'poetvae\[track\]'"):
        train(corpus, tmp_path / "run")
    assert list(tmp_path.iterdir()) == [corpus]


def test_the_flag(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Mock()
    monkeypatch.setattr(trainer, "train", begun)
    for flags, expected in (["--tensorboard"], True), ([], False):
        assert shell("train --out run --quiet", corpus, *flags).code == 0
        assert begun.call_args.kwargs["tensorboard"] is expected

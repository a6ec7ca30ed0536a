"""Whatever is given, and whatever happens: nothing is lost, and what is wrong is one line.

The long version is `scripts/stress/torture.py`; its parts are tested here, a little of each.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import COUPLETS, shell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetvae import cli
from poetvae.checkpoints.model_folder import checkpoints, load_folder
from poetvae.data.corpus import CorpusReport, read_poems
from poetvae.errors import CheckpointError, CorpusError, PoetVAEError
from poetvae.text.cleaning import clean
from poetvae.text.poem import Poem
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

SCRIPTS = Path(__file__).parent.parent / "scripts" / "stress"
RANDOM = st.randoms(use_true_random=False)


with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SCRIPTS))
    mutations = importlib.import_module("mutations")


# Accidents, in processes of their own

ACCIDENTS = """
import os
import types
import torture
from poetvae.training import log

careless = types.SimpleNamespace(**{**vars(os), "fsync": lambda handle: None})
for fault, log.os in (("kill-in-save", os), ("power-cut", careless)):
    try:
        torture.main(["--rounds", "1", "--only", fault], standalone_mode=False)
        print("code 0")
    except SystemExit as stop:
        print("code", stop.code)
"""


def test_nothing_is_lost_and_what_would_be_is_seen(tmp_path: Path) -> None:
    path = os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", ACCIDENTS],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = [line for line in done.stdout.splitlines() if line.startswith("code")]
    assert codes == ["code 0", "code 1"], done.stdout + done.stderr


@pytest.mark.parametrize("signalled", [False, True])
def test_weights_that_are_not_finite_are_not_saved(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signalled: bool
) -> None:
    steps = iter(range(1, 100))

    def average(averaged: Any, model: Any, decay: float) -> None:
        if next(steps) == 5:
            with torch.no_grad():
                next(model.parameters()).fill_(float("nan"))
            if signalled:
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(trainer, "average", average)
    options = {"d_model": 8, "embed_dim": 8, "latent_dim": 2, "precision": "fp32", "log_every": 9}
    step = 5 if signalled else 6
    with pytest.raises(PoetVAEError, match=f"(finite|is nan) at step {step}; lower learning_rate"):
        trainer.train(
            out=tmp_path / "run",
            preset="tiny",
            settings={**options, "validate_every": 3, "validate_on": 8},
            forms=["5x2"],
            steps=9,
            quiet=True,
        )
    assert [number for number, _ in checkpoints(tmp_path / "run")] == [3]
    load_folder(tmp_path / "run")


# Files that nobody meant


@given(st.binary(min_size=1, max_size=200), RANDOM)
def test_damage_is_damage(data: bytes, rng: random.Random) -> None:
    kind, changed = mutations.damaged(rng, data, b"other")
    assert changed != data, kind


@given(st.integers(0, 10**9), st.integers(0, 7), st.booleans())
@settings(deadline=None, max_examples=150)
def test_a_damaged_train_json_is_noticed(
    run: Path, tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, torn: bool
) -> None:
    data = (run / "train.json").read_bytes()
    place %= len(data)
    copy = tmp_path_factory.mktemp("run")
    changed = data[:place] if torn else mutations.flipped(data, place, bit)
    (copy / "train.json").write_bytes(changed)
    try:
        read = RunSpec.load(copy)
    except CheckpointError as error:
        said = str(error)
    else:
        assert read == RunSpec.load(run)
        return
    assert str(copy / "train.json") in said


def test_a_corpus_may_have_any_name(run: Path, tmp_path: Path) -> None:
    spec = RunSpec.load(run)
    odd = RunSpec(spec.config, ("/a\udcff.txt",), (), spec.forms, (), False)
    odd.save(tmp_path)
    assert RunSpec.load(tmp_path) == odd


@given(st.sampled_from(["config.json", "manifest.json", "train.json"]), RANDOM)
@settings(deadline=None, max_examples=60)
def test_hostile_files_are_refused_or_whole(
    run: Path, tmp_path_factory: pytest.TempPathFactory, name: str, rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(run, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    _, data = mutations.hostile_json(rng, (run / name).read_bytes())
    if name == "config.json":
        mutations.forge(folder, {name: data})
    else:
        (folder / name).write_bytes(data)
    for read in (load_folder, RunSpec.load):
        with contextlib.suppress(PoetVAEError):
            read(folder)


def test_a_pickle_and_weights_that_lie(run: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.model"):
        shutil.copy(run / name, tmp_path)
    weights = (run / "model.safetensors").read_bytes()
    lies = [mutations.lying_header(random.Random(i), weights) for i in range(40)]
    for data in (mutations.bomb(tmp_path / "canary"), *lies):
        mutations.forge(tmp_path, {"model.safetensors": data})
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            load_folder(tmp_path)
    assert not (tmp_path / "canary").exists()


@given(RANDOM, st.sampled_from([".txt", ".json", ".jsonl", ".txt.gz", ".json.gz"]), st.booleans())
@settings(deadline=None, max_examples=80)
def test_a_corpus_of_any_bytes_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random, suffix: str, strict: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(mutations.hostile_bytes(rng))
    report = CorpusReport()
    poems: list[Poem] = []
    with contextlib.suppress(CorpusError):
        poems += read_poems(path, strict=strict, report=report)
    assert len(poems) == report.kept
    if not strict:
        assert report.read == report.kept + sum(report.dropped.values())
    for poem in poems:
        assert poem.text == clean(poem.text)[0]
        poem.text.encode("utf-8")


# Command lines


@given(RANDOM)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_command_with_any_words_is_one_line_and_a_code(
    run: Path, tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    folder = tmp_path_factory.getbasetemp()
    words = mutations.command_line(rng, [str(run)] * 8 + [str(folder), "none"], folder)
    with contextlib.chdir(folder):
        code, _, said = shell(*words, stdin=mutations.hostile_bytes(rng))
    assert code in (0, 1, 2), said
    if code:
        assert sum(line.lower().startswith("error: ") for line in said.splitlines()) == 1, said


def test_without_standard_streams(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["poetvae", "generate", "--model", str(run), "--seed", "1"])
    monkeypatch.setattr(sys, "stdout", None)
    cli.main()
    monkeypatch.undo()
    for words, says in (
        (("score", "--model", str(run)), "no text came"),
        (("corpus", "stats", "-"), "it is closed"),
    ):
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
            patch.setattr(sys, "argv", ["poetvae", *words])
            patch.setattr(sys, "stdin", None)
            with pytest.raises(SystemExit) as stop:
                cli.main()
        assert (stop.value.code, says in said.getvalue()) == (1, True), said.getvalue()


# Processes

FORKED = """
import multiprocessing, torch
from poetvae import Poet

def written(seed):
    return [poem.text for poem in POET.generate(4, seed=seed, passes=1)]

if __name__ == "__main__":
    torch.set_num_threads(2)
    POET = Poet.from_pretrained()
    before = written(1)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.apply(written, (1,)) == before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system that does not fork")
def test_a_process_forked_after_use_writes_too() -> None:
    command = [sys.executable, "-c", FORKED]
    env = os.environ | {"OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env=env
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


# No network


def test_nothing_is_asked_of_the_network(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets  # type: ignore[import-untyped]

    asked: list[Any] = []

    def guard(*arguments: Any, **how: Any) -> Any:
        asked.append(arguments)
        raise OSError("no network")

    for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
        monkeypatch.setattr(owner, name, guard)
    monkeypatch.setattr(socket, "getaddrinfo", guard)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", True)
    table = tmp_path / "poems.csv"
    table.write_text("\n".join(["text", *COUPLETS]), encoding="utf-8")
    for line in (
        f"corpus stats {table}",
        f"generate --model {run}",
        f"plot {run} --out {tmp_path}/curves.svg",
        f"score --model {run} -",
    ):
        code, _, said = shell(line, stdin=COUPLETS[0].encode())
        assert (code, asked) == (0, []), said


@given(st.text(max_size=4000))
def test_a_message_is_one_that_can_be_read(text: str) -> None:
    said = str(PoetVAEError(text))
    assert said == text if len(text) <= 1500 else len(said) < 1520
    assert text.startswith(said[:750])
    assert text.endswith(said[-750:])

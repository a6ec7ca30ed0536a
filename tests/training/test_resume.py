"""A run that was stopped, killed or torn goes on as if nothing had been, bit for bit."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, Mock, patch

import pytest
import torch
from conftest import SMALL
from folders import read_lines
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poetvae import progress, runtime
from poetvae.checkpoints.model_folder import checkpoints, load_state
from poetvae.config import Config
from poetvae.errors import CheckpointError, ConfigError
from poetvae.text import sounds
from poetvae.text.prosody import Reading
from poetvae.training import step as learning
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

STEPS, LONG = 12, 400
LOOP = {"batch_size": 8, "held_out": 0.2, "keep": 2, "log_every": 3, "validate_every": 4}
# precision=auto takes the faster one, as measured
SETTINGS: dict[str, Any] = {**SMALL, **LOOP, "dropout": 0.1, "precision": "fp32", "sounds": True}
LONG_SETTINGS = {**SETTINGS, "log_every": 1, "validate_every": 150}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty couplets."""
    path = tmp_path_factory.mktemp("corpus") / "couplets.txt"
    chars = [[chr(0x4E00 + (i * i + 7 * j) % 61) for j in range(10)] for i in range(60)]
    lines = ["".join([*c[:5], "，", *c[5:], "。"]) for c in chars]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    start(corpus, folder)
    return folder


def start(corpus: Path, run: Path, **changed: Any) -> None:
    """Begin a run."""
    options = {"preset": "tiny", "settings": SETTINGS, "forms": ["5x2"], "steps": STEPS}
    trainer.train([corpus], run, quiet=True, **{**options, **changed})


def resume(run: Path) -> None:
    """Continue a run."""
    trainer.train(out=run, resume=True, quiet=True)


def plain(value: Any) -> Any:
    """Nested tensors as numbers that can be compared."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def outcome(run: Path, steps: int = STEPS) -> dict[str, Any]:
    """All that a finished run has to show, save how long it took and what it is called."""
    final = run / "checkpoints" / f"step-{steps}"
    metrics = read_lines(run / "metrics.jsonl")
    return {
        "state": plain(
            {**load_state(final), "run": ""}
        ),  # weights, optimizer, running sums, best score
        "averaged": (final / "model.safetensors").read_bytes(),
        "best": (run / "model.safetensors").read_bytes(),
        "cards": [(folder / "README.md").read_text() for folder in (run, final)],
        "train": replace(RunSpec.load(run), id=""),
        "metrics": [{**line, "seconds": 0} for line in metrics],
        "samples": (run / "samples.jsonl").read_text(encoding="utf-8"),
    }


def at_update(number: int, happens: Callable[[], object]) -> Any:
    """While this lasts, something happens in the numberth update from now."""
    updates = iter(range(1, 10**9))

    def update(*arguments: Any) -> Any:
        if next(updates) == number:
            happens()
        return learning.update(*arguments)

    return patch.object(trainer, "update", update)


def terminate() -> None:
    """As `kill` does."""
    os.kill(os.getpid(), signal.SIGTERM)


class PowerCutError(Exception):
    """The end, without a chance to save anything."""


def cut() -> None:
    """Pull the plug."""
    raise PowerCutError


def start_and_stop(corpus: Path, run: Path, step: int) -> None:
    """Begin a run and stop it, by a signal in a step."""
    with (
        at_update(step, terminate),
        pytest.raises(trainer.TrainingInterruptedError, match=f"stopped at step {step} of") as stop,
    ):
        start(corpus, run)
    assert stop.value.exit_code == 143


def test_a_run_is_a_function_of_its_seed(corpus: Path, whole: Path, tmp_path: Path) -> None:
    start(corpus, tmp_path / "again")
    assert outcome(tmp_path / "again") == outcome(whole)
    start(corpus, tmp_path / "other", settings={**SETTINGS, "seed": 1})
    other, expected = outcome(tmp_path / "other"), outcome(whole)
    assert [key for key in expected if other[key] == expected[key]] == []


@pytest.mark.slow
@given(st.lists(st.integers(1, STEPS - 1), min_size=1, max_size=3, unique=True).map(sorted))
@example([4])  # where a checkpoint is due
@example([3])  # where a line of metrics is due
@example([5, 7])  # between all of these
@example([1, 2, 11])
@settings(deadline=None, max_examples=8)
def test_stopped_and_resumed(
    corpus: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory, stops: Sequence[int]
) -> None:
    run = tmp_path_factory.mktemp("stopped") / "run"
    start_and_stop(corpus, run, stops[0])
    for before, stop in itertools.pairwise(stops):
        with at_update(stop - before, terminate), pytest.raises(trainer.TrainingInterruptedError):
            resume(run)
        assert (run / "checkpoints" / f"step-{stop}" / "state.pt").exists()
    resume(run)
    assert outcome(run) == outcome(whole)


def test_a_later_table_of_readings_moves_no_run(
    corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_and_stop(corpus, tmp_path / "late", 5)
    with at_update(2, cut), pytest.raises(PowerCutError):
        start(corpus, tmp_path / "early")
    weights = load_state(tmp_path / "late" / "checkpoints" / "step-5")["model"]
    assert int(weights["embedding.readings"].max()) == len(weights["embedding.heard"]) - 1 > 20
    monkeypatch.setattr(sounds, "readings", lambda *_: frozenset({Reading("平", "東")}))
    resume(tmp_path / "late")
    assert outcome(tmp_path / "late") == outcome(whole)
    with pytest.raises(ConfigError, match=r"readings of the tokens are .* start a new run"):
        resume(tmp_path / "early")  # has nothing of its own yet


@pytest.mark.slow
def test_free_form_and_labels_resume_too(tmp_path: Path) -> None:
    corpus = tmp_path / "poems.txt"
    quatrains = [
        f"{c}上山青，{c}下水明。{c}中人語，{c}外鳥鳴。" for c in "春夏秋冬天地日月風花雪雨"
    ]
    couplets = [f"{c}色連天遠，{c}光入座清。" for c in "春夏秋冬天地日月風花雪雨"]
    corpus.write_text("\n".join(quatrains + couplets), encoding="utf-8")
    for name, forms in (("free", []), ("labels", ["4x4", "5x2"])):
        start(corpus, tmp_path / name, forms=forms)
        with at_update(5, terminate), pytest.raises(trainer.TrainingInterruptedError):
            start(corpus, tmp_path / "stopped" / name, forms=forms)
        resume(tmp_path / "stopped" / name)
        assert outcome(tmp_path / "stopped" / name) == outcome(tmp_path / name)


def test_the_recipe_resumes_too(corpus: Path, tmp_path: Path) -> None:
    """Of a matrix Muon keeps one moment, of all else two and their step."""
    how: dict[str, Any] = {"preset": "tiny,poet"}
    start(corpus, tmp_path / "whole", **how)
    for happens, error in ((terminate, trainer.TrainingInterruptedError), (cut, PowerCutError)):
        run = tmp_path / happens.__name__
        with at_update(7, happens), pytest.raises(error):
            start(corpus, run, **how)
        resume(run)
        assert outcome(run) == outcome(tmp_path / "whole")
    state = load_state(tmp_path / "whole" / "checkpoints" / f"step-{STEPS}")
    learned = {n: weight for n, weight in state["model"].items() if weight.is_floating_point()}
    for i, (name, weight) in enumerate(learned.items()):
        moments = state["optimizer"]["state"].get(i, {})
        assert len(moments) == (1 if name.endswith("gated.conv.weight") else 3), name
        assert moments["exp_avg"].shape == weight.shape


def test_a_signal_in_the_last_step(corpus: Path, whole: Path, tmp_path: Path) -> None:
    with at_update(STEPS, terminate):
        start(corpus, tmp_path / "run")
    assert outcome(tmp_path / "run") == outcome(whole)


@pytest.mark.parametrize("step", [2, 4, 5, 8, 12])
def test_cut_off_and_resumed(corpus: Path, whole: Path, tmp_path: Path, step: int) -> None:
    run = tmp_path / "run"
    with at_update(step, cut), pytest.raises(PowerCutError):
        start(corpus, run)
    resume(run)
    assert outcome(run) == outcome(whole)


@pytest.mark.parametrize(
    ("name", "number"), [("save_folder", 1), ("save_checkpoint", 1), ("save_checkpoint", 2)]
)
def test_cut_off_in_saving(
    corpus: Path, whole: Path, tmp_path: Path, name: str, number: int
) -> None:
    run = tmp_path / "run"
    saving = Mock(
        wraps=getattr(trainer, name), side_effect=[*[DEFAULT] * (number - 1), PowerCutError]
    )
    with patch.object(trainer, name, saving), pytest.raises(PowerCutError):
        start(corpus, run)
    resume(run)
    assert outcome(run) == outcome(whole)


@pytest.mark.parametrize("name", ["state.pt", "model.safetensors", "manifest.json", "config.json"])
def test_a_damaged_newest_checkpoint(corpus: Path, whole: Path, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    start_and_stop(corpus, run, 10)
    newest = run / "checkpoints" / "step-10" / name
    newest.write_bytes(newest.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=r"step-10.*trying the one before"):
        resume(run)
    assert outcome(run) == outcome(whole)


def test_with_all_checkpoints_damaged(corpus: Path, whole: Path, tmp_path: Path) -> None:
    """It starts anew."""
    run = tmp_path / "run"
    start_and_stop(corpus, run, 10)
    for step in (8, 10):
        (run / "checkpoints" / f"step-{step}" / "state.pt").unlink()
    with pytest.warns(UserWarning, match="trying the one before") as caught:
        resume(run)
    assert len(caught) == 2
    assert outcome(run) == outcome(whole)


@pytest.mark.parametrize("name", ["metrics.jsonl", "samples.jsonl"])
@pytest.mark.parametrize(
    "line", ['{"step": 5, "nll": 4', '{"step": 5, "text": "春'], ids=["number", "character"]
)
def test_torn_lines_go(corpus: Path, whole: Path, tmp_path: Path, name: str, line: str) -> None:
    run = tmp_path / "run"
    start_and_stop(corpus, run, 5)
    with open(run / name, "ab") as file:
        file.write(line.encode()[:-1])  # in the middle of a character, in one case
    resume(run)
    assert outcome(run) == outcome(whole)


def test_missing_lines_are_no_hindrance(corpus: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start_and_stop(corpus, run, 5)
    for name in ("metrics.jsonl", "samples.jsonl"):
        (run / name).unlink()
    resume(run)
    assert outcome(run)["state"] == outcome(whole)["state"]


def test_resuming_a_finished_run_changes_nothing(whole: Path) -> None:
    before = outcome(whole)
    with at_update(1, cut):
        resume(whole)
    assert outcome(whole) == before


def test_a_folder_that_is_no_run_is_not_resumed(tmp_path: Path) -> None:
    for run in (tmp_path, tmp_path / "none"):
        with pytest.raises(CheckpointError, match=r"no run to resume: it has no train\.json"):
            resume(run)
    (tmp_path / "train.json").write_text("")
    with pytest.raises(CheckpointError, match=r"train\.json describes no run"):
        resume(tmp_path)


# More steps


def test_a_run_that_is_given_more_steps(corpus: Path, whole: Path, tmp_path: Path) -> None:
    """It goes on from where it is; stopped, torn, or all its checkpoints lost, it ends the same."""
    run = tmp_path / "run"
    more: dict[str, Any] = {"out": run, "resume": True, "quiet": True}
    shutil.copytree(whole, run)
    trainer.train(**more, steps=20)
    spec = RunSpec.load(run)
    assert (spec.steps, spec.ends) == (20, (STEPS,))
    expected = outcome(run, 20)
    assert expected["metrics"][: len(outcome(whole)["metrics"])] == outcome(whole)["metrics"]
    rates = {line["step"]: line["lr"] for line in expected["metrics"] if "lr" in line}
    assert rates[12] == rates[20] == 0 < rates[18] < rates[15] < 0.5 * 5e-3 < rates[3]
    shutil.rmtree(run / "checkpoints")
    trainer.train(**more)  # from the first step
    assert outcome(run, 20) == expected
    shutil.rmtree(run)
    shutil.copytree(whole, run)
    with at_update(3, terminate), pytest.raises(trainer.TrainingInterruptedError):
        trainer.train(**more, steps=20)
    trainer.train(**more, steps=20)
    assert outcome(run, 20) == expected
    with pytest.raises(ConfigError, match="was begun with steps 20, not 12"):
        trainer.train(**more, steps=12)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True).map(sorted))
def test_progress_of_a_run_that_is_given_more_steps(ends: list[int]) -> None:
    spec = RunSpec(Config(), (), (), (), (), False, ends[0])
    for end in ends[1:]:
        spec = spec.longer(end)
    begun = 0
    for end in ends:
        shares = [spec.progress(step) for step in range(begun + 1, end + 1)]
        assert shares == sorted(shares)
        assert (shares[0] > 0.5) or not begun
        assert shares[-1] == 1
        begun = end
    assert [spec.progress(step) for step in (1, ends[0])] == [1 / ends[0], 1.0]


# Signals


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT as Python has it, also where the shell that started us ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_first_signal_is_noted_and_the_second_is_as_ever() -> None:
    with runtime.interruption() as stopped:
        assert stopped.signum == 0
        signal.raise_signal(signal.SIGINT)
        assert stopped.signum == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stopped.signum == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(PowerCutError), runtime.interruption():
        cut()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.fixture
def hangup() -> Iterator[None]:
    """SIGHUP as a shell leaves it, also where this is started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def hang_up() -> None:
    """As a terminal that closes: the system tells so, then the shell."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGHUP)


@pytest.mark.usefixtures("hangup")
def test_a_terminal_that_closes_stops_a_training_with_a_checkpoint(
    corpus: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with at_update(5, hang_up), pytest.raises(trainer.TrainingInterruptedError) as stop:
        start(corpus, run)
    assert stop.value.exit_code == 129
    assert checkpoints(run)[-1][0] == 5
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with at_update(2, hang_up):
        resume(run)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert outcome(run) == outcome(whole)


# Where what is said goes to: its file is full, closed, or a pipe that nobody reads.
STREAMS = {
    "full": "exec 2>/dev/full",
    "closed": "exec 2>&-",
    "all closed": "exec 0<&- 1>&- 2>&-",
    "left": "exec 2> >(:); sleep 0.2",
    "both full": "exec 1>/dev/full 2>/dev/full",
}


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
def test_a_training_that_nobody_hears_goes_on(
    corpus: Path, whole: Path, tmp_path: Path, stream: str
) -> None:
    pairs = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    words = ["train", corpus, "--out", tmp_path / "run", "--form", "5x2", "--preset", "tiny"]
    words += ["--steps", STEPS, *pairs]
    line = f'{STREAMS[stream]}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", line, "-", sys.executable, "-m", "poetvae", *map(str, words)], check=False
    )
    assert done.returncode == 0
    assert outcome(tmp_path / "run") == outcome(whole)


def test_nobody_hears_what_is_said_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    aside, closed = progress.Aside(), open(tmp_path / "closed", "w")  # noqa: SIM115
    closed.close()
    with open("/dev/full", "w", buffering=1) as full:
        for stream in (None, closed, full):
            monkeypatch.setattr(sys, "stderr", stream)
            print("anybody?", file=aside, flush=True)
            assert not aside.isatty()
        monkeypatch.undo()
        assert aside.encoding == sys.stderr.encoding
        with contextlib.suppress(OSError):
            full.close()


def test_training_works_in_another_thread(corpus: Path, whole: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        pool.submit(start, corpus, tmp_path / "run").result()
    assert outcome(tmp_path / "run") == outcome(whole)


def process(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """A Python of its own."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    """Until a file appears that a process writes."""
    while not path.exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.005)


@pytest.mark.slow
def test_a_real_signal_to_a_real_process(corpus: Path, tmp_path: Path) -> None:
    start(corpus, tmp_path / "whole", steps=LONG, settings=LONG_SETTINGS)
    pairs = [f"--set={key}={value}" for key, value in LONG_SETTINGS.items()]
    options = ["--form", "5x2", "--preset", "tiny", "--steps", str(LONG), *pairs]
    for signum in (signal.SIGTERM, signal.SIGINT):
        run = tmp_path / signum.name
        running = process(["-m", "poetvae", "train", str(corpus), "--out", str(run), *options])
        wait_for(run / "metrics.jsonl", running)
        running.send_signal(signum)
        out, err = running.communicate()
        assert (running.returncode, out) == (128 + signum, "")
        assert "Traceback" not in err
        step = checkpoints(run)[-1][0]
        assert 1 <= step < LONG
        assert err.splitlines()[-1] == (
            f"error: stopped at step {step} of {LONG}; continue with: "
            f"poetvae train --out {run} --resume"
        )
        resume(run)
        assert outcome(run, LONG) == outcome(tmp_path / "whole", LONG)


SLOW = """
import sys, time
from pathlib import Path
from poetvae import cli
from poetvae.training import trainer

marker = Path(sys.argv.pop())

def update(*arguments):
    marker.touch()
    time.sleep(600)

trainer.update = update
cli.main()
"""


@pytest.mark.slow
def test_a_second_signal_kills(corpus: Path, tmp_path: Path) -> None:
    command = ["train", str(corpus), "--out", str(tmp_path / "run"), "--form", "5x2"]
    options = ["--preset", "tiny", "--steps", "9", "--set", "precision=fp32"]
    running = process(["-c", SLOW, *command, *options, str(tmp_path / "marker")])
    wait_for(tmp_path / "marker", running)
    running.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)  # it means to finish the step
    while running.poll() is None:
        running.terminate()
        time.sleep(0.05)
    assert running.returncode == -signal.SIGTERM
    running.communicate()
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_with_themes_is_resumed_with_all_that_began_it(
    themed_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(themed_run, tmp_path / "run")
    settings = {**SMALL, "held_out": 0.2}
    how: dict[str, Any] = {"preset": "tiny", "settings": settings, "forms": ["5x2"], "quiet": True}
    source = themed_run.parent / "poems.jsonl"
    again = trainer.train([source], run, theme="title", steps=60, resume=True, **how)
    assert again.model.config.prior == "theme"
    other = {**how, "settings": {**settings, "prior": "mixture"}}
    with pytest.raises(ConfigError, match="was begun with prior theme, not mixture"):
        trainer.train([source], run, theme="title", steps=60, resume=True, **other)
    with pytest.raises(ConfigError, match="was begun with theme title, not author"):
        trainer.train(out=run, theme="author", resume=True, quiet=True)

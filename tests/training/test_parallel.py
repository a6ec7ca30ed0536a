"""Several processes under `torchrun` train as one does, and nothing that happens to one is felt."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import torch
from commands import process, shell
from folders import read_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from test_resume import at_update, outcome, terminate
from torch.distributed import HashStore  # type: ignore[attr-defined]

from poetvae.checkpoints.model_folder import checkpoints, load_state
from poetvae.text.form import Form
from poetvae.training import parallel
from poetvae.training.parallel import Group, LostProcessError, alone, meeting, processes

STEPS = 8
OPTIONS = (
    *("--form", "5x2", "--form", "4x4", "--preset", "tiny", "--steps", str(STEPS), "--quiet"),
    *("--batch-size", "8"),
    *("--set", "slices=3", "--set", "precision=fp32", "--set", "validate_every=3"),
    *("--set", "dropout=0.1", "--set", "log_every=1", "--set", "keep=9", "--set", "observe=0.5"),
    *("--set", "passes=1,2", "--set", "sounds=true"),
    *("--set", "optimizer=muon"),  # which has AdamW in it
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty couplets and thirty quatrains: batches are of one length."""
    path = tmp_path_factory.mktemp("corpus") / "poems.txt"
    chars = ["".join(chr(0x4E00 + (i * i + 7 * j) % 61) for j in range(16)) for i in range(60)]
    lines = [Form(5, 2).punctuate(c[:10]) for c in chars]
    lines += [Form(4, 4).punctuate(c).replace("\n", "") for c in chars[:30]]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


# The command line, with one process that kills itself in the middle of the first start.
KILLED = """
import os, signal
from poetvae import cli
from poetvae.training import trainer

def update(*arguments, real=trainer.update, left=[5]):
    left[0] -= 1
    where = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]
    if not left[0] and where == ("1", "0"):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

trainer.update = update
cli.main()
"""


def launch(corpus: Path, run: Path, processes: int, *more: str, program: Path | None = None) -> str:
    """Train under torchrun; its standard error."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    what = [str(program)] if program else ["-m", "poetvae"]
    command = [sys.executable, *start, "--max-restarts", "2", *what, "train", str(corpus)]
    done = subprocess.run(
        [*command, "--out", str(run), *OPTIONS, *more],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing happened to."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    launch(corpus, run, 2)
    return run


@pytest.mark.slow
def test_a_killed_process_is_not_felt(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    lines = launch(corpus, tmp_path / "run", 2, program=program)
    assert "Signal 9 (SIGKILL)" in lines or "another process of this training has gone" in lines
    assert outcome(tmp_path / "run", STEPS) == outcome(undisturbed, STEPS)
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")] == []


# The command line; each process leaves its number in the file that comes last, then takes its time.
SLOW = """
import os, sys, time
from poetvae import cli
from poetvae.training import trainer

marker = sys.argv.pop()

def update(*arguments, real=trainer.update):
    with open(marker, "a") as file:
        file.write(f"{os.getpid()}\\n" if arguments[4] < 0.01 else "")
    time.sleep(0.05)
    return real(*arguments)

trainer.update = update
cli.main()
"""


def alive(pid: str) -> bool:
    """Whether a process runs; one that has ended has no words left."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(corpus: Path, tmp_path: Path) -> None:
    """They leave a checkpoint, from which the training goes on."""
    program, marker, run = tmp_path / "slow.py", tmp_path / "marker", tmp_path / "run"
    program.write_text(SLOW)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    words = ["train", str(corpus), "--out", str(run), *OPTIONS, "--steps", "900", str(marker)]
    agent = subprocess.Popen([sys.executable, *start, *words], stderr=subprocess.DEVNULL)
    while not marker.exists() or len(marker.read_text().split()) < 2:
        assert agent.poll() is None
        time.sleep(0.05)
    agent.kill()
    agent.wait()
    for _ in range(600):
        if not any(map(alive, marker.read_text().split())):
            break
        time.sleep(0.1)
    else:
        pytest.fail("they train on")
    assert checkpoints(run)[-1][0] > 0


def test_nobody_waits_for_a_torchrun_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was killed while the process was about to begin."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    there = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    for name, value in {**there, "TORCHELASTIC_USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(parallel, "_MET", timedelta(seconds=1))
    with pytest.raises(LostProcessError, match="has gone"), processes("cpu"):
        pass


@pytest.mark.slow
def test_one_process_learns_what_two_do(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    one = process("train", corpus, "--out", tmp_path / "run", *OPTIONS)
    assert (one.returncode, one.stderr) == (0, "")
    check_alike(tmp_path / "run", undisturbed)


@pytest.mark.slow
def test_another_number_of_processes(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    with at_update(5, terminate):
        stopped = shell("train", corpus, "--out", tmp_path / "run", *OPTIONS)
    assert "stopped at step 5" in stopped.error
    launch(corpus, tmp_path / "run", 2, "--resume")
    check_alike(tmp_path / "run", undisturbed)


def check_alike(run: Path, other: Path) -> None:
    """Two runs have learnt the same, up to the order of sums."""
    a, b = (read_lines(r / "metrics.jsonl") for r in (run, other))
    for first, second in zip(a, b, strict=True):
        assert {**first, "seconds": 0} == pytest.approx({**second, "seconds": 0}, rel=1e-5)
    first, second = (load_state(checkpoints(r)[-1][1])["model"] for r in (run, other))
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_those_who_start_anew_meet_each_other_alone(sizes: list[int], random: Random) -> None:
    """In one store: groups of these sizes after each other, their members in any order."""
    store = HashStore()
    store.set_timeout(timedelta(seconds=20))
    met = []
    for size in sizes:
        ranks = random.sample(range(size), size)
        with ThreadPoolExecutor(size) as pool:
            parts = list(pool.map(lambda rank, size=size: meeting(store, rank, size), ranks))
        parts[0].set("hello", "")
        assert all(part.check(["hello"]) for part in parts)
        met.append(parts[0])
    met[-1].set("again", "")
    assert [part.check(["again"]) for part in met] == [False] * (len(met) - 1) + [True]


def test_shares_are_disjoint_and_complete() -> None:
    for size in range(1, 6):
        for slices in range(1, 9):
            group = [Group(torch.device("cpu"), rank, size) for rank in range(size)]
            shares = [list(member.share(slices)) for member in group]
            assert sorted(itertools.chain(*shares)) == list(range(slices))
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_asked_of_others() -> None:
    group = alone()
    weight, totals = torch.ones(2, requires_grad=True), torch.ones(4)
    group.all_reduce([weight], [totals])
    group.wait()
    assert (group.main, group.highest([3]), weight.grad) == (True, [3], None)
    assert totals.tolist() == [1.0] * 4

"""Is anything ever lost? Faults on purpose, many of each, and what became of the work.

    python scripts/torture.py --rounds 200 --write docs/results.md
    python scripts/torture.py --only kill --rounds 20
    python scripts/torture.py --only kill --first 17 --rounds 1 --seed 0   # that round again

*The same end*: resumed, the run has the weights, state, metrics and samples of one that nothing
happened to, bit for bit; after each fault the newest checkpoint that there was loads; nothing
half-written is left. A round is a function of the fault, the seed and its number. One that loses
something leaves its folder, and the line that repeats it; the exit code is 1 then.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a fork must not find threads

import click
import torch
import torch._dynamo
from common import publish, table
from faults import (
    ERRORS,
    Ended,
    FileCalls,
    LostError,
    check,
    child,
    cut_power,
    die,
    differing,
    fail,
    leftovers,
    newest,
    outcome,
)
from faults import poetvae as command
from mutations import (
    bomb,
    command_line,
    damaged,
    forge,
    hostile_bytes,
    hostile_json,
    lying_header,
)

import poetvae.cli.core
import poetvae.training.step
from poetvae.checkpoints.model_folder import load_folder, load_state
from poetvae.data.corpus import sample_folder
from poetvae.errors import PoetVAEError
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

STEPS, EVERY = 24, 4
SETTINGS = {
    "d_model": 8,
    "embed_dim": 8,
    "latent_dim": 4,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "batch_size": 8,
    "precision": "fp32",
    "validate_every": EVERY,
    "validate_on": 16,
    "log_every": 3,
    "keep": 2,
}
TRAIN: tuple[str, ...] = ("train", str(sample_folder()), "--form", "5x2", "--preset", "tiny")
TRAIN += ("--steps", str(STEPS))
TRAIN += tuple(f"--set={key}={value}" for key, value in SETTINGS.items())


@dataclass
class Round:
    """One round of a fault: its number, its own chance and folder, and what it shares."""

    number: int
    rng: random.Random
    folder: Path
    world: World

    @property
    def run(self) -> Path:
        """The run folder that is tortured."""
        return self.folder / "run"

    def start(self, *more: str | Path, **how: Any) -> Ended:
        """Begin the run, in a child."""
        return child(command(*TRAIN, "--out", self.run, *more), self.folder, **how)

    def go_on(
        self, before: Callable[[], object] = lambda: None, asked: Sequence[str] = TRAIN, **how: Any
    ) -> Ended:
        """Go on where the run is, or begin it, in a child."""
        work = command(*asked, "--out", self.run, "--resume")

        def both() -> None:
            before()
            work()

        return child(both, self.folder, **how)

    def finish(self) -> None:
        """Go on to the end; it must be that of a run that nothing happened to."""
        done = self.go_on()
        check(done.code == 0, f"it does not go on: {done.code} {done.err[-500:]}")
        check("Traceback" not in done.err, done.err[-900:])
        other = differing(self.world.end, outcome(self.run))
        check(not other, f"another end than of the straight run: {', '.join(other)}")
        check(not leftovers(self.run), f"left behind: {leftovers(self.run)}")

    def intact(self, least: int = 0) -> int:
        """The step of the newest checkpoint, at least that one; the run loads if it has one."""
        step = newest(self.run)
        check(step >= least, f"checkpoint of step {least} is gone; the newest is {step}")
        if step:
            done = child(lambda: load_folder(self.run), self.folder)
            check(done.code == 0, f"the run does not load: {done.err[-500:]}")
        return step

    def copy(self, source: Path) -> Path:
        """A run of one's own to damage."""
        shutil.copytree(source, self.run, dirs_exist_ok=True, symlinks=True)
        return self.run


@dataclass
class World:
    """What rounds share: made once. `noted` are seconds and calls of each run."""

    folder: Path
    noted: dict[str, tuple[float, list[str]]] = field(default_factory=dict)

    def whole(self, name: str, *more: str, begin: str = "metrics.jsonl") -> Path:
        """A run that nothing happened to; what it does to files from `begin` on is noted."""
        run, began = self.folder / name / "run", time.monotonic()

        def work() -> None:
            calls = FileCalls(run.parent, begin=begin)
            calls.install()
            command(*TRAIN, "--out", run, *more)()
            os.write(1, "\n".join(calls.seen).encode())

        done = child(work, self.folder / f"{name}-log")
        if done.code:
            raise click.ClickException(f"a run that nothing happens to fails: {done.err[-900:]}")
        self.noted[name] = time.monotonic() - began, done.out.splitlines()
        return run

    @cached_property
    def straight(self) -> Path:
        """The run that all others must end as."""
        return self.whole("straight")

    @cached_property
    def other(self) -> Path:
        """A run of the same shapes from another seed."""
        return self.whole("other", "--seed", "7")

    @cached_property
    def end(self) -> dict[str, Any]:
        """What it has to show."""
        return outcome(self.straight)

    @cached_property
    def end_of_other(self) -> dict[str, Any]:
        """What that has to show."""
        return outcome(self.other)

    @cached_property
    def seconds(self) -> float:
        """How long one takes."""
        return self.noted[self.straight.parent.name][0]

    @cached_property
    def calls(self) -> list[str]:
        """What a run does to its files, from its first line of metrics to its third checkpoint."""
        calls = self.noted[self.straight.parent.name][1]
        return calls[: next(i for i, call in enumerate(calls) if f"step-{4 * EVERY}" in call)]

    @cached_property
    def replacing(self) -> list[str]:
        """What --force does to files until the first line of metrics."""
        shutil.copytree(self.other, self.folder / "replacing" / "run")
        self.whole("replacing", "--force", begin="")
        calls = self.noted["replacing"][1]
        return calls[: calls.index("open a /run/metrics.jsonl")]

    @cached_property
    def stopped(self) -> Path:
        """A run that was stopped between two checkpoints."""
        run = self.folder / "stopped"

        def work() -> None:
            at_update(STEPS // 2 - 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
            command(*TRAIN, "--out", run)()

        done = child(work, self.folder / "stopped-log")
        if done.code != 143:
            raise click.ClickException(f"a stopped run ends with {done.code}: {done.err[-900:]}")
        return run

    @cached_property
    def poem(self) -> str:
        """What the straight run's model writes."""
        return child(command(*WRITE, self.straight), self.folder / "poem").out

    @cached_property
    def corpus(self) -> Path:
        """A table, which another library reads."""
        path = self.folder / "poems.csv"
        text = "\n".join(f"{c}上春山遠，{c}前秋水清。" for c in "天地日月風花雪雨江河湖海松竹梅蘭")
        path.write_text("text\n" + text, "utf-8")
        return path


WRITE = ("generate", "-n", "2", "--seed", "3", "--model")


def before_call(module: Any, name: str, number: int, happens: Callable[..., object]) -> None:
    """Something happens before the numberth call of a function, with its arguments."""
    real, count = getattr(module, name), iter(range(1, 10**9))

    def watched(*arguments: Any) -> Any:
        if next(count) == number:
            happens(*arguments)
        return real(*arguments)

    setattr(module, name, watched)


def at_update(number: int, happens: Callable[[], object]) -> None:
    """Something happens before the numberth update of this process."""
    before_call(trainer, "update", number, lambda *_: happens())


@dataclass
class Fault:
    """A kind of accident: its round, its share of the rounds, what is checked."""

    happens: Callable[[Round], None]
    share: float
    checks: str
    lost: list[str] = field(default_factory=list)
    injected: int = 0

    @property
    def name(self) -> str:
        """As of --only."""
        return self.happens.__name__.replace("_", "-")


FAULTS: list[Fault] = []
SAME = "the same end"


def fault(share: float, checks: str) -> Callable[[Callable[[Round], None]], Callable[..., None]]:
    """A round of a fault; it raises LostError where something is lost."""

    def register(happens: Callable[[Round], None]) -> Callable[[Round], None]:
        FAULTS.append(Fault(happens, share, checks))
        return happens

    return register


def civil(done: Ended, *codes: int) -> None:
    """No traceback, one of these exit codes, and one line that says what is wrong."""
    check("Traceback" not in done.err, f"a traceback: {done.err[-900:]}")
    check(done.code in codes, f"exit code {done.code}: {done.err[-500:]}")
    if done.code:
        errors = [x for x in done.err.splitlines() if x.lower().startswith("error")]
        check(len(errors) == 1, f"expected one line that says what is wrong: {done.err[-500:]}")


# Killed, cut off, stopped


@fault(1, f"SIGKILL at any time: {SAME}")
def kill(r: Round) -> None:
    step = 0
    for i in range(r.rng.choice([1, 2, 3])):
        moment = ((r.rng.uniform(0.0, r.world.seconds), signal.SIGKILL),)
        (r.go_on if i else r.start)(signals=moment)
        if r.run.exists():
            step = r.intact(step)
    r.finish()


@fault(2, f"SIGKILL at the k-th call of any save, a write half done: {SAME}")
def kill_in_save(r: Round) -> None:
    _at_calls(r, lambda: die)


@fault(1, f"power cut there: what was not synchronised is torn: {SAME}")
def power_cut(r: Round) -> None:
    _at_calls(r, lambda: cut_power(r.rng.randrange(2**31)))


@fault(1, f"the k-th call fails (disk full, I/O error, quota, read-only, stale): a line; {SAME}")
def failing_call(r: Round) -> None:
    _at_calls(r, lambda: fail(r.rng.choice(ERRORS)))


def _at_calls(r: Round, happens: Callable[[], Callable[[FileCalls], None]]) -> None:
    """Three times in a run something happens at a call; the next round goes on with the calls."""
    span, step = len(r.world.calls), 0
    for i in range(3):
        k, event = 1 + (3 * r.number + i) * 61 % span, happens()

        def before(k: int = k, event: Callable[[FileCalls], None] = event) -> None:
            FileCalls(r.run, k, event, begin="metrics.jsonl").install()

        def started(before: Callable[[], None] = before) -> None:
            before()
            command(*TRAIN, "--out", r.run)()

        done = r.go_on(before) if i else child(started, r.folder)
        if done.code != -signal.SIGKILL:
            civil(done, 0, 1, 2)
        step = r.intact(step)
    r.finish()


@fault(1, f"SIGTERM or SIGINT at any time: exit 143 or 130, a checkpoint is written; {SAME}")
def stop_signal(r: Round) -> None:
    signum = r.rng.choice([signal.SIGTERM, signal.SIGINT])
    moment = ((r.rng.uniform(0.0, r.world.seconds), signum),)
    done = r.start(signals=moment)
    _stopped(r, done, signum)
    r.finish()


@fault(0.5, f"the signal again: exit at once; {SAME}")
def second_signal(r: Round) -> None:
    signum = r.rng.choice([signal.SIGTERM, signal.SIGINT])
    first = r.rng.uniform(0.0, r.world.seconds)
    done = r.start(signals=((first, signum), (r.rng.choice([0.0, 0.01, 0.05]), signum)))
    check(done.seconds < first + 3, f"it took {done.seconds - first:.1f} s to stop")
    _stopped(r, done, signum)
    r.finish()


def _stopped(r: Round, done: Ended, signum: int) -> None:
    check("Traceback" not in done.err, f"a traceback: {done.err[-900:]}")
    check(done.code in (0, 128 + signum, -signum), f"exit code {done.code}: {done.err[-500:]}")
    if "continue with" in done.err:
        step = int(done.last.partition("stopped at step ")[2].split()[0])
        check(r.intact(step) == step, f"no checkpoint of step {step}")


@fault(1, f"files may not grow beyond a random size: one line, exit 1; {SAME}")
def disk_full(r: Round) -> None:
    largest = max(p.stat().st_size for p in r.world.straight.rglob("*"))
    limit = max(500, round(largest ** r.rng.uniform(0.3, 1.0)))  # what it says is a file, too

    def before() -> None:
        def bind() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        at_update(r.rng.randrange(1, STEPS), bind)

    def started() -> None:
        before()
        command(*TRAIN, "--out", r.run, "--quiet")()

    done = child(started, r.folder)
    civil(done, 0, 1)
    r.intact()
    r.finish()


@fault(0.5, f"no memory in a step: a line that names the batch size, exit 1; {SAME}")
def out_of_memory(r: Round) -> None:
    step = r.rng.randrange(2, STEPS)
    texts = (
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate "
        "memory: you tried to allocate 99999999 bytes. Error code 12 (Cannot allocate memory)"
    )
    kinds: list[Exception] = [RuntimeError(texts), MemoryError(), torch.OutOfMemoryError("CUDA")]
    error = r.rng.choice(kinds)

    def happens(*arguments: Any) -> None:
        raise error

    def started() -> None:
        before_call(poetvae.training.step, "accumulate", step, happens)
        command(*TRAIN, "--out", r.run)()

    done = child(started, r.folder)
    civil(done, 1)
    check("batch" in done.last, f"no word of the batch size: {done.last}")
    r.intact((step - 1) // EVERY * EVERY)
    r.finish()


@fault(0.5, f"no memory beyond a random bound, anywhere: a line, exit 1; {SAME}")
def little_memory(r: Round) -> None:
    name, number = r.rng.choice([("update", 1), ("update", 9), ("validate", 1), ("Saved", 1)])
    more = round(2 ** r.rng.uniform(18, 25))

    def started() -> None:
        before_call(trainer, name, number, lambda *_: _bound_memory(more))
        command(*TRAIN, "--out", r.run)()

    done = child(started, r.folder)
    civil(done, 0, 1)
    check(not done.code or "memory" in done.last, done.last)
    r.intact()
    r.finish()


@fault(0.5, f"weights become NaN, perhaps with a signal: a line, exit 1, not saved; {SAME}")
def astray(r: Round) -> None:
    step, stop = r.rng.randrange(2, STEPS), r.rng.random() < 0.5

    def happens(averaged: Any, model: Any, decay: float) -> None:
        with torch.no_grad():
            r.rng.choice(list(model.parameters())).fill_(float("nan"))
        if stop:
            os.kill(os.getpid(), signal.SIGTERM)

    def started() -> None:
        before_call(trainer, "average", step, happens)
        command(*TRAIN, "--out", r.run)()

    done = child(started, r.folder)
    civil(done, 1)
    check("finite" in done.last or "loss is nan" in done.last, done.last)
    r.intact((step - 1) // EVERY * EVERY)
    r.finish()


@fault(0.5, f"clocks that jump, back too: {SAME}")
def clock(r: Round) -> None:
    rng = random.Random(r.rng.random())

    def before() -> None:
        for name in ("time", "monotonic", "perf_counter"):
            real = getattr(time, name)
            setattr(time, name, lambda real=real: real() + rng.uniform(-1e6, 1e6))

    moment = ((r.rng.uniform(0.2, r.world.seconds), signal.SIGKILL),)
    done = r.go_on(before, signals=moment)
    check("Traceback" not in done.err, done.err[-900:])
    done = r.go_on(before)
    civil(done, 0)
    r.finish()


@fault(0.25, "any minutes while clocks jump: at least a step, no traceback")
def minutes(r: Round) -> None:
    rng = random.Random(r.rng.random())
    words = [w for w in TRAIN if w not in ("--steps", str(STEPS))]

    def work() -> None:
        for name in ("time", "monotonic", "perf_counter"):
            real, size = getattr(time, name), rng.choice([0.0, 1e-3, 1.0])
            setattr(time, name, lambda real=real, size=size: real() - rng.uniform(-size, size))
        at_update(60, lambda: os.kill(os.getpid(), signal.SIGTERM))
        command(*words, "--out", r.run, "--minutes", "0.02")()

    civil(child(work, r.folder), 0, 143)
    check(RunSpec.load(r.run).steps >= 1, "no steps")


@fault(0.25, f"two processes under torchrun, one or more killed: started again; {SAME}")
def ranks(r: Round) -> None:
    two = r.world.folder / "two"
    if not two.exists():
        check(_launch(r, two, 0) == 0, "two processes do not train")
    check(_launch(r, r.run, r.rng.choice([1, 2])) == 0, f"it ends badly; see {r.folder}/stderr")
    other = differing(outcome(two), outcome(r.run))
    check(not other, f"another end than of two processes undisturbed: {', '.join(other)}")
    check(not leftovers(r.run), f"left behind: {leftovers(r.run)}")


@fault(0.05, f"two processes under torchrun, which is told to stop: {SAME}")
def stop_ranks(r: Round) -> None:
    two = r.world.folder / "two"
    if not two.exists():
        check(_launch(r, two, 0) == 0, "two processes do not train")
    _launch(r, r.run, 0, r.rng.uniform(2.0, 20.0))
    check(_launch(r, r.run, 0) == 0, f"it does not go on; see {r.folder}/stderr")
    other = differing(outcome(two), outcome(r.run))
    check(not other, f"another end than of two processes undisturbed: {', '.join(other)}")
    check(not leftovers(r.run), f"left behind: {leftovers(r.run)}")


def _launch(r: Round, run: Path, kills: int, stop: float = 0.0) -> int:
    """Train in two processes, of which so many are killed, or all told to stop; the exit code."""
    how = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "3", "-m", "poetvae"]
    words = [*TRAIN, "--set", "slices=2", "--out", str(run), "--resume"]
    with open(r.folder / "stderr", "w") as err:
        running = subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *how, *words],
            stdout=subprocess.DEVNULL,
            stderr=err,
            start_new_session=True,
        )
    if stop:
        time.sleep(stop)
        running.terminate()
    deadline = time.monotonic() + 180
    while running.poll() is None:
        workers = _children(running.pid)
        if kills and len(workers) == 2:
            time.sleep(r.rng.uniform(0.0, 12.0))
            with contextlib.suppress(ProcessLookupError):
                os.kill(r.rng.choice(workers), signal.SIGKILL)
            kills -= 1
        elif time.monotonic() > deadline:
            os.killpg(running.pid, signal.SIGKILL)
            raise LostError("two processes hang")
        time.sleep(0.1)
    return running.returncode


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


@fault(0.5, "SIGKILL while --force replaces a run: the old one or the new one is there, whole")
def replace(r: Round) -> None:
    old = r.copy(r.world.other)
    span = len(r.world.replacing)

    def work() -> None:
        FileCalls(r.folder, 1 + r.number * 7 % span, die).install()
        command(*TRAIN, "--out", old, "--force")()

    child(work, r.folder.parent / "log")
    if old.exists() and RunSpec.load(old).config.train.seed:
        check(not differing(r.world.end_of_other, outcome(old)), "the old run is not whole")
    civil(r.start("--force"), 0)
    r.finish()


# Places


def _long(folder: Path) -> Path:
    return folder.joinpath(*["long" * 50] * 8)


PLACES: dict[str, Callable[[Path], Path]] = {
    "deep": lambda folder: folder / "a" / "b" / "c",
    "unicode": lambda folder: folder / "詩 —\u202e\n'\"$(x)",
    "long": _long,
    "long name": lambda folder: folder / ("x" * 255),
    "too long name": lambda folder: folder / ("x" * 256),
    "too long": lambda folder: folder.joinpath(*["x" * 200] * 30),
    "below a file": lambda folder: _file(folder / "file") / "run",
    "a file": lambda folder: _file(folder / "file"),
    "a link": lambda folder: _link(folder / "link", folder / "real"),
    "a broken link": lambda folder: _broken(folder / "link"),
    "a loop": lambda folder: _broken(folder / "loop", folder / "loop"),
    "not empty": lambda folder: _file(folder / "full" / "mine.txt").parent,
    "surrogate": lambda folder: folder / "a\udcff",
    "read-only": lambda folder: folder / "closed" / "run",
    "read-only itself": lambda folder: folder / "closed",
    "device": lambda folder: Path("/dev/null"),
    "relative": lambda folder: Path("relative/run"),
    "dot": lambda folder: Path("."),
    "empty": lambda folder: Path(""),
}


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    return path


def _link(path: Path, target: Path) -> Path:
    target.mkdir()
    path.symlink_to(target)
    return path


def _broken(path: Path, target: Path = Path("/nowhere/at/all")) -> Path:
    path.symlink_to(target)
    return path


@fault(1, "odd, closed and taken places for a run: one line, or a whole run; files of others stay")
def place(r: Round) -> None:
    name = list(PLACES)[r.number % len(PLACES)]
    here = r.folder / "here"
    here.mkdir()
    closed = here / "closed"
    closed.mkdir()
    run = PLACES[name](here)
    os.chmod(closed, 0o555)
    os.chmod(here, 0o777)

    def work() -> None:
        os.chdir(here)
        if name.startswith("read-only"):
            _be_nobody()
        command(*TRAIN, "--steps", "2", "--out", run, *r.rng.choice([[], ["--force"]]))()

    done = child(work, r.folder)
    civil(done, 0, 1, 2)
    for path in (here / "file", here / "full" / "mine.txt"):
        check(not path.exists() or path.read_text() == "mine", f"{path} is another")
    check(not list(closed.iterdir()), "a closed folder was written to")
    check(Path("/dev/null").is_char_device(), "/dev/null is gone")
    if done.code == 0:
        load_folder(here / run)
        check(not leftovers(here), f"left behind: {leftovers(here)}")
    elif name not in ("long name", "long"):
        check(done.code == 1, f"exit code {done.code}")


def _be_nobody() -> None:
    """Root may write anywhere."""
    os.setgid(65534)
    os.setuid(65534)


@fault(0.5, "a second run, or resumption, on a folder in use: refused, the first is undisturbed")
def in_use(r: Round) -> None:
    ready = r.folder / "ready"

    def first() -> None:
        def happens() -> None:
            ready.touch()
            time.sleep(1.5)

        at_update(STEPS // 2, happens)
        command(*TRAIN, "--out", r.run)()

    pid = os.fork()
    if not pid:
        try:
            done = child(first, r.folder / "first")
            (r.folder / "code").write_text(str(done.code))
        finally:
            os._exit(0)
    while not ready.exists():
        time.sleep(0.01)
    more = r.rng.choice([["--resume"], ["--force"], []])
    second = child(command(*TRAIN, "--out", r.run, *more), r.folder / "second")
    os.waitpid(pid, 0)
    check(second.code == 1, f"the second run ends with {second.code}: {second.err[-300:]}")
    civil(second, 1)
    check((r.folder / "code").read_text() == "0", "the first run does not end well")
    r.finish()


# Damage

NOT_NEEDED = ("README.md", "metrics.jsonl", "samples.jsonl")


@fault(2, "a damaged, missing or swapped file of a run: named, or passed over with a warning")
def damaged_run(r: Round) -> None:
    run = r.copy(r.world.stopped)
    path = _damage(r, run, r.world.other)
    done = r.go_on(asked=r.rng.choice([TRAIN, TRAIN[:1]]))
    civil(done, 0, 1, 2)
    if done.code:
        named = path.name in done.last or path.parent.name in done.last or "corpus" in done.last
        check(named, f"{path.relative_to(run)} is not named: {done.last}")
        return
    other = differing(r.world.end, outcome(run))
    allowed = {"metrics.jsonl": ["metrics"], "samples.jsonl": ["samples"]}.get(path.name, [])
    if path.parent == run and "warning" in done.err:
        allowed = [*allowed, "best"]
    check(set(other) <= set(allowed), f"{path.relative_to(run)}: silently another {other}")
    check(not leftovers(run), f"left behind: {leftovers(run)}")


@fault(1, "a damaged, missing or swapped file of a model: named, or passed over with a warning")
def damaged_model(r: Round) -> None:
    run = r.copy(r.world.straight)
    if r.rng.random() < 0.5:
        for name in ("checkpoints", "train.json", "metrics.jsonl", "samples.jsonl", "data"):
            path = run / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path = _damage(r, run, r.world.other)
    done = child(command(*WRITE, run), r.folder)
    civil(done, 0, 1)
    if done.code:
        check(path.name in done.last, f"{path.name} is not named: {done.last}")
    elif done.out != r.world.poem:
        check("warning" in done.err, f"{path.name}: silently another poem")


def _damage(r: Round, run: Path, other: Path) -> Path:
    """Do something to a file of a run; says what in a file beside it."""
    path = r.rng.choice(sorted(p for p in run.rglob("*") if p.is_file()))
    there = other / path.relative_to(run)
    data = path.read_bytes()
    kind, new = damaged(r.rng, data, there.read_bytes() if there.exists() else data[::-1])
    if r.rng.random() < 0.1:
        kind = r.rng.choice(["missing", "a folder", "a broken link"])
        path.unlink()
        if kind == "a folder":
            path.mkdir()
        elif kind == "a broken link":
            path.symlink_to("nowhere")
    else:
        path.write_bytes(new)
    (r.folder / "damage").write_text(f"{path}: {kind}")
    return path


@fault(0.25, "weights that are not finite: refused, or another checkpoint with a warning")
def not_finite(r: Round) -> None:
    import safetensors.torch

    run = r.copy(r.world.straight)
    folder = r.rng.choice([run, run / "checkpoints" / f"step-{STEPS}"])

    def work() -> None:
        weights = safetensors.torch.load((folder / "model.safetensors").read_bytes())
        tensor = weights[r.rng.choice(sorted(weights))].view(-1)
        tensor[r.rng.randrange(len(tensor))] = r.rng.choice([float("nan"), float("inf")])
        forge(folder, {"model.safetensors": safetensors.torch.save(weights)})

    child(work, r.folder)
    done = child(command(*WRITE, folder), r.folder)
    civil(done, 0, 1)
    check("not finite" in done.err, f"silent: {done.err[-300:]}")


# Hostile files


@fault(2, "hostile config, train.json, manifest, tokenizer, weights, state: refused in seconds, in "
       "bounded memory, by an error of ours; nothing runs")  # fmt: skip
def hostile(r: Round) -> None:
    run = r.copy(r.world.straight)
    newest = run / "checkpoints" / f"step-{STEPS}"
    name = r.rng.choice(
        ["config.json", "train.json", "manifest.json", "tokenizer.model", "model.safetensors"]
    )
    data = (run / name).read_bytes()
    canary = r.folder / "canary"
    if r.rng.random() < 0.2:
        name = r.rng.choice([name, "state.pt", "model.pt", "pytorch_model.bin", "model.pkl"])
        kind, data = "pickle", bomb(canary)
    elif name.endswith(".json"):
        kind, data = hostile_json(r.rng, data)
    else:
        if name == "model.safetensors" and r.rng.random() < 0.5:
            kind, data = "header", lying_header(r.rng, data)
        else:
            kind, data = damaged(r.rng, data, r.rng.randbytes(999))
    (r.folder / "damage").write_text(f"{name}: {kind}")
    folder = newest if name == "state.pt" else run
    if name == "manifest.json" or name == "train.json":
        (run / name).write_bytes(data)
    else:
        forge(folder, {name: data})
    if name != "state.pt" and r.rng.random() < 0.5:
        shutil.rmtree(run / "checkpoints")

    def work() -> None:
        _bound_memory(2**30)
        reads: dict[str, Callable[[], object]] = {
            "train.json": lambda: RunSpec.load(run),
            "state.pt": lambda: load_state(newest),
            "tokenizer.model": lambda: PoemTokenizer.from_bytes(data),
        }
        for read in (reads.get(name, lambda: None), lambda: load_folder(run)):
            try:
                read()
            except PoetVAEError as error:
                check(len(str(error)) < 2000, f"a message of {len(str(error))} characters")

    before = _resident()
    done = child(work, r.folder)
    check(not canary.exists(), f"{name} was run")
    check(done.code == 0, f"{name}, {kind}: {done.code} {done.err[-900:]}")
    check(done.seconds < 8, f"{name}, {kind}: {done.seconds:.1f} s")
    check(done.peak < before + 400 * 2**20, f"{done.peak - before} bytes more")


def _bound_memory(more: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# Corpora and command lines


@fault(2, "a corpus of any bytes, encoding and name: counted, or one line; never a traceback")
def corpus(r: Round) -> None:
    suffix = r.rng.choice([".txt", ".txt", ".json", ".jsonl", ".txt.gz", ".json.gz", "", ".xyz"])
    path = r.folder / f"corpus{suffix}"
    data = hostile_bytes(r.rng)
    if suffix.endswith(".gz") and r.rng.random() < 0.7:
        import gzip

        data = gzip.compress(data)
        if r.rng.random() < 0.3:
            data = damaged(r.rng, data)[1]
    kind = r.rng.choice(["file"] * 6 + ["stdin", "folder", "fifo"])
    given, stdin = str(path), b""
    if kind == "fifo":
        os.mkfifo(path)
        if not os.fork():
            with contextlib.suppress(OSError):
                handle = os.open(path, os.O_WRONLY)
                os.write(handle, data[:60_000])
            os._exit(0)
    elif kind == "stdin":
        given, stdin = "-", data
    elif kind == "folder":
        path.mkdir()
        (path / "a.txt").write_bytes(data)
        (path / "b").symlink_to(path)
    else:
        path.write_bytes(data)
    more = r.rng.choice([[], ["--strict"], ["--form", "5x2"], ["--form", "1x1"]])
    words = ["corpus", "stats", given, *more]
    if r.rng.random() < 0.3:
        words = ["train", given, *TRAIN[4:], *more, "--steps", "2", "--out", str(r.run)]
    try:
        done = child(command(*words), r.folder, stdin=stdin)
    finally:
        if kind == "fifo":
            with contextlib.suppress(OSError):  # let the writer go, if nobody read
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    civil(done, 0, 1, 2)


@fault(3, "any command with any words, and no stdout, stdin, HOME, room: exit 0, 1 or 2, one line")
def command_lines(r: Round) -> None:
    models = [str(r.world.straight)] * 8 + [str(r.folder), "none"]
    words = command_line(r.rng, models, r.folder)
    (r.folder / "damage").write_text(repr(words))
    kind = r.rng.choice(
        ["", "", "", "no stdout", "no stdin", "reader left", "full", "home", "locale", "narrow"]
    )

    def work() -> None:
        os.chdir(r.folder)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))  # it works, and takes its time
        signal.alarm(20)
        if kind == "no stdout":
            os.close(1)
            sys.stdout = None
        elif kind == "no stdin":
            os.close(0)
            sys.stdin = None
        elif kind == "reader left":
            end, start = os.pipe()
            os.dup2(start, 1)
            os.close(end)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        elif kind == "full":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            sys.stderr = open(os.dup(2), "w", encoding="utf-8", errors="replace")  # noqa: SIM115
            os.lseek(1, 49_990, os.SEEK_SET)  # there is room for what is wrong alone
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        elif kind == "home":
            os.environ.pop("HOME", None)
        elif kind == "locale":
            os.environ |= {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}
            sys.stdout.reconfigure(encoding="ascii", errors="strict")  # type: ignore[union-attr]
        elif kind == "narrow":
            os.environ["COLUMNS"] = r.rng.choice(["1", "20", "0", "x", "-5"])
        command(*words)()

    done = child(work, r.folder, stdin=hostile_bytes(r.rng))
    check("Traceback" not in done.err, f"{kind} {words}: {done.err[-900:]}")
    check(done.code in (0, 1, 2), f"{kind} {words}: exit code {done.code}: {done.err[-300:]}")
    if done.code and kind not in ("full", "reader left"):
        errors = [x for x in done.err.splitlines() if x.lower().startswith("error: ")]
        check(len(errors) == 1 or "Usage" in done.err, f"{kind} {words}: {done.err[-300:]}")


# No network


@fault(0.25, "import, train, generate, corpora, pictures: no name is looked up, nothing connected")
def no_network(r: Round) -> None:
    run, seen = r.world.straight, r.folder / "connected"
    lines: list[tuple[str | Path, ...]] = [
        (*WRITE, run),
        ("train", r.world.corpus, *TRAIN[2:], "--steps", "2", "--out", r.run),
        (*TRAIN, "--steps", "2", "--out", r.run),
        ("corpus", "stats", r.world.corpus),
        ("corpus", "stats"),
        ("plot", "training", run, "--out", r.folder / "x.png"),
        ("evaluate", "--model", run, "--iw", "1", "--curve", "0", "--samples", "0"),
        ("info", "--model", run),
    ]
    words = lines[r.number % len(lines)]

    def guard(*arguments: Any, **how: Any) -> Any:
        with open(seen, "a", encoding="utf-8") as file:
            file.write(f"{arguments}\n")
        raise OSError("no network")

    def work() -> None:
        socket.socket.connect = socket.socket.connect_ex = guard  # type: ignore[method-assign]
        socket.getaddrinfo = socket.gethostbyname = guard
        command(*words)()

    done = child(work, r.folder)
    check(not seen.exists(), f"{words[0]} asked for {seen.read_text() if seen.exists() else ''}")
    civil(done, 0)


@click.command()
@click.option("--rounds", type=int, default=200, show_default=True, help="Of all faults together.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--first", type=int, default=0, help="Number of the first round.")
@click.option("--only", multiple=True, metavar="NAME", help="This fault alone; can repeat.")
@click.option("--without", multiple=True, metavar="NAME", help="Not this fault; can repeat.")
@click.option("--write", "path", type=click.Path(path_type=Path), help="docs/results.md")
def main(
    rounds: int,
    seed: int,
    first: int,
    only: tuple[str, ...],
    without: tuple[str, ...],
    path: Path | None,
) -> None:
    """Injects faults, and says what was lost."""
    names = [fault.name for fault in FAULTS]
    for name in (*only, *without):
        if name not in names:
            raise click.BadParameter(f"no fault {name}; there are {', '.join(names)}")
    chosen = [f for f in FAULTS if (not only or f.name in only) and f.name not in without]
    shares = sum(fault.share for fault in chosen)
    base = Path(tempfile.mkdtemp(prefix="torture-"))
    base.chmod(0o755)
    world = World(base / "world")
    began = time.monotonic()
    for one in chosen:
        started = time.monotonic()
        for number in range(first, first + math.ceil(rounds * one.share / shares)):
            folder = base / f"{one.name}-{number}"
            folder.mkdir()
            rng = random.Random(f"{seed} {one.name} {number}")
            try:
                one.happens(Round(number, rng, folder, world))
            except (LostError, PoetVAEError, OSError, ValueError, LookupError) as error:
                text = str(error) if isinstance(error, LostError) else traceback.format_exc()
                one.lost.append(text)
                click.echo(
                    f"{one.name} {number}: {text}\n    kept: {folder}\n    again: python scripts/"
                    f"torture.py --seed {seed} --only {one.name} --first {number} --rounds 1",
                    err=True,
                )
            else:
                _remove(folder)
            one.injected += 1
        click.echo(f"{one.name}: {time.monotonic() - started:.0f} s", err=True)
    rows = [
        (f.name, str(f.injected), str(f.injected - len(f.lost)), str(len(f.lost)), f.checks)
        for f in chosen
        if f.injected
    ]
    publish(path, "torture", table(("fault", "injected", "survived", "lost", "checked"), rows))
    click.echo(
        f"{sum(f.injected for f in chosen)} rounds, {time.monotonic() - began:.0f} s", err=True
    )
    if any(one.lost for one in chosen):
        sys.exit(1)
    _remove(base)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

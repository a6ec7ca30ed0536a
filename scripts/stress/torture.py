"""Is anything ever lost? Faults on purpose, many of each, and what became of the work.

    python scripts/stress/torture.py --rounds 200 --write docs/results.md
    python scripts/stress/torture.py --only kill --first 17 --rounds 1 --seed 0   # that round again

*The same end*: resumed, the run ends as one that nothing happened to, bit for bit, and nothing
half-written is left. A round is a function of the fault, the seed and its number; one that loses
something leaves its folder, and the line that repeats it.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a fork must not find threads

import click
import faults
import torch
import torch._dynamo
import torch.distributed.run
from faults import Child, FileCalls, WrongError, before_call, check, publish, table
from mutations import bomb, command_line, damaged, forge, hostile_bytes, hostile_json, lying_header

from poetvae.checkpoints.model_folder import checkpoints, latest_checkpoint, load_folder, load_state
from poetvae.data.corpus import sample_folder
from poetvae.errors import PoetVAEError
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import step as step_module
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

# Name, share of the rounds, what is checked
FAULTS = """
kill 1 SIGKILL at any time: the same end
kill-in-save 2 SIGKILL at the k-th call of any save, a write half done: the same end
power-cut 1 power cut there: what was not synchronised is torn: the same end
failing-call 1 the k-th call fails (disk full, I/O error, quota, read-only, stale): a line; \
the same end
stop-signal 1 SIGTERM, SIGINT or SIGHUP at any time: exit 143, 130 or 129, a checkpoint is \
written; the same end
second-signal 0.5 the signal again: exit at once; the same end
disk-full 1 files may not grow beyond a random size: one line, exit 1; the same end
out-of-memory 0.5 no memory in a step: a line that names the batch size, exit 1; the same end
little-memory 0.5 no memory beyond a random bound, anywhere: a line, exit 1; the same end
astray 0.5 weights become NaN, perhaps with a signal: a line, exit 1, not saved; the same end
clock 0.5 clocks that jump, back too: the same end
minutes 0.25 any minutes while clocks jump: at least a step, no traceback
ranks 0.25 two processes under torchrun, one or more killed: started again; the same end
stop-ranks 0.05 two processes under torchrun, which is told to stop: the same end
replace 0.5 SIGKILL while --force replaces a run: the old one or the new one is there, whole
orphans 0.1 the torchrun of two processes killed: they end within a minute; the same end
unheard 0.5 a stderr, or all streams, closed, full, or read by nobody: the same end
moved 0.5 a run renamed in training, perhaps with another in its place: named, neither is mixed; \
the same end
foreign 0.5 a checkpoint of another run or step, or a forged state: named, or passed over with a \
warning; the same end
strangers 0.5 SIGKILL, --resume and --force among files, folders and links of others, of any \
name: those stay
one-place 0.25 two corpus tokenize to one place, one perhaps killed: one whole folder, no mixture
readers 0.25 a model read again and again while it is trained: whole each time, without a warning
more-steps 0.5 SIGKILL in a run that is given more steps, or goes on from a model: the same end
place 1 odd, closed and taken places for a run: one line, or a whole run; files of others stay
in-use 0.5 a second run, or resumption, on a folder in use: refused, the first is undisturbed
damaged-run 2 a damaged, missing or swapped file of a run: named, or passed over with a warning
damaged-model 1 a damaged, missing or swapped file of a model: named, or passed over with a warning
not-finite 0.25 weights that are not finite: refused, or another checkpoint with a warning
hostile 2 hostile config, train.json, manifest, tokenizer, weights, state: refused in seconds, in \
bounded memory, by an error of ours; nothing runs
endless 0.5 a pipe, device or terabyte in place of what a run, or a command, reads: one line, in \
seconds, in bounded memory
boundless 0.5 a corpus that is a pipe, a device, an archive of gigabytes, a line or table without \
end, alone or in a folder: one line, in seconds, in bounded memory
corpus 2 a corpus of any bytes, encoding and name: counted, or one line; never a traceback
command-lines 3 any command with any words, and no stdout, stdin, HOME, room: exit 0, 1 or 2, \
one line
no-network 0.25 import, train, generate, corpora, pictures: no name is looked up, nothing connected
"""
LINES = [line.split(maxsplit=2) for line in FAULTS.strip().splitlines()]
STEPS, EVERY = 24, 4
SETTINGS = f"""
d_model=8 embed_dim=8 latent_dim=4 encoder_layers=1 decoder_layers=1 batch_size=8 precision=fp32
validate_every={EVERY} validate_on=16 log_every=3 keep=2
"""
TINY = ("--form", "5x2", "--preset", "tiny", *(f"--set={x}" for x in SETTINGS.split()))
SAMPLE = ("train", str(sample_folder()), *TINY)
TRAIN = (*SAMPLE, "--steps", str(STEPS))
WRITE = ("generate", "-n", "2", "--seed", "3", "--model")
KILLED = (0, -signal.SIGKILL)
WEIGHTS = "model.safetensors"
OTHER = ("other", "--seed", "7")  # of the same shapes


def outcome(run: Path) -> dict[str, Any]:
    """All that a finished run has to show, save how long it took and what it is called."""
    step, final = checkpoints(run)[-1]
    metrics = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    return {
        **{name: (run / name).read_bytes() for name in ("samples.jsonl", WEIGHTS)},
        "train.json": replace_fields(RunSpec.load(run), id=""),
        "metrics.jsonl": [{**line, "seconds": 0} for line in metrics],
        "averaged": (final / WEIGHTS).read_bytes(),
        "state": plain({**load_state(final), "run": ""}),
        "step": step,
    }


def plain(value: Any) -> Any:
    """Nested tensors as bytes that can be compared."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.shape, value.detach().numpy().tobytes()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


class World:
    """What rounds share: runs that nothing happened to, each made once."""

    def __init__(self, folder: Path) -> None:
        self.folder, began = folder, time.monotonic()
        self.calls: dict[str, list[str]] = {}
        self.straight = self.run("straight", begin="metrics.jsonl")
        self.seconds, self.end = time.monotonic() - began, outcome(self.straight)

    def run(self, name: str, *more: str, begin: str = "", code: int = 0) -> Path:
        """A run; `calls` has what it did to its files from `begin` on."""
        run = self.folder / name / "run"
        if name in self.calls:
            return run
        if "--force" in more:
            shutil.copytree(self.run(*OTHER), run)
        calls = FileCalls(run.parent, 0, lambda calls: print(calls.seen[-1]), begin)

        def work() -> None:
            calls.install()
            if code:
                before_call(trainer, "update", STEPS // 2 - 1, stop_me)

        done = Child(run.parent, *TRAIN, "--out", run, *more, work=work).end()
        if done.code != code:
            raise click.ClickException(f"a run that nothing happens to fails: {done.err[-900:]}")
        self.calls[name] = done.out.splitlines()
        return run

    def until(self, name: str, text: str) -> int:
        """How often a run called for its files before a call with this in it."""
        return next(i for i, line in enumerate(self.calls[name]) if text in line)

    @cached_property
    def two(self) -> dict[str, Any]:
        """The end of two processes undisturbed."""
        check(two(self.folder, self.folder / "two").end().code == 0, "two processes do not train")
        return outcome(self.folder / "two")


def two(folder: Path, run: Path) -> Child:
    """Two processes that train, or go on."""
    how = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "3", "-m", "poetvae"]
    words = [*how, *TRAIN, "--set", "slices=2", "--out", str(run), "--resume"]
    return Child(folder, work=partial(torch.distributed.run.main, words))


def stop_me(*arguments: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def civil(done: Child, *codes: int, told: bool = True) -> None:
    """No traceback, one of these exit codes, and one line that says what is wrong."""
    check("Traceback" not in done.err, f"a traceback: {done.err[-900:]}")
    check(done.code in codes, f"exit code {done.code}: {done.err[-500:]}")
    errors = [line for line in done.err.splitlines() if line.lower().startswith("error")]
    if told and done.code in (1, 2):
        check(len(errors) == 1, f"expected one line that says what is wrong: {done.err[-500:]}")


def tidy(run: Path) -> None:
    """No temporary files and folders are below a run, or beside it."""
    paths = (*run.rglob("*"), *run.parent.glob(".*"))
    left = [path for path in paths if re.search(r"\.(tmp|part|partial)$|\.tmp\.", path.name)]
    check(not left, f"left behind: {left}")


@dataclass
class Round:
    """One round of a fault: its number, its own chance and folder, and what it shares."""

    number: int
    rng: random.Random
    folder: Path
    run: Path  # is tortured
    world: World
    turn: int = 0  # accidents before
    newest: int = 0  # step of the checkpoint that there must be

    def does(self, *words: str | Path, stdin: bytes = b"", work: Any = int) -> Child:
        """A command line in a child, after something was done to that."""
        return Child(self.folder, *words, stdin=stdin, work=work).end()

    def survives(
        self, *codes: int, work: Any = int, signals: Any = (), says: str = "", more: Any = ()
    ) -> None:
        """A training is whole after something happens in it, with no checkpoint less."""
        words = (*TRAIN, "--out", str(self.run), *more, *["--resume"][: self.turn])
        done = Child(self.folder, *words, work=work).end(*signals)
        civil(done, *codes)
        check(done.code != 1 or re.search(says, done.last), f"no word of {says}: {done.last}")
        if "continue with" in done.err:
            told = int(done.last.partition("stopped at step ")[2].split()[0])
            self.newest = max(self.newest, told)
        with warnings.catch_warnings(action="ignore"):
            found = latest_checkpoint(self.run)
        newest = int(found.name[5:]) if found else 0
        check(newest >= self.newest, f"step {self.newest} is gone; the newest is {newest}")
        self.newest, self.turn = newest, self.turn + 1
        if found:
            loaded = Child(self.folder / "load", work=lambda: load_folder(self.run)).end()
            check(loaded.code == 0, f"the run does not load: {loaded.err[-500:]}")

    def finish(self) -> None:
        """Go on to the end; it must be that of a run that nothing happened to."""
        civil(self.does(*TRAIN, "--out", self.run, "--resume"), 0)
        self.ends_as(self.world.end)

    def ends_as(self, end: dict[str, Any], *but: str) -> None:
        """The run ends so, save for some parts; nothing half-written is left."""
        found = outcome(self.run)
        other = [name for name in end if end[name] != found[name] and name not in but]
        check(not other, f"another end than undisturbed: {', '.join(other)}")
        tidy(self.run)


TURNS = {"kill": 3, "kill-in-save": 3, "power-cut": 3, "failing-call": 3, "clock": 2}
CALLS = {"kill-in-save": faults.die, "power-cut": faults.cut_power, "failing-call": faults.fail}
NO_MEMORY = """[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate \
memory: you tried to allocate 99999999 bytes. Error code 12 (Cannot allocate memory)"""
FULL = (RuntimeError(NO_MEMORY), MemoryError(), torch.OutOfMemoryError("CUDA"))
MOMENTS = [("update", 1), ("update", 9), ("validate", 1), ("Saved", 1)]


def accident(fault: str, r: Round) -> None:
    """One of these in a training, which can go on after it."""
    rng, own = r.rng, random.Random(r.rng.random())
    moment, step = rng.uniform(0.0, r.world.seconds), rng.randrange(2, STEPS)
    killed, in_step = (moment, signal.SIGKILL), partial(partial, before_call, trainer)
    if fault in ("out-of-memory", "astray"):
        r.newest = (step - 1) // EVERY * EVERY
    match fault:
        case "kill":
            r.survives(*KILLED, signals=[killed])
        case "kill-in-save" | "power-cut" | "failing-call":
            span = r.world.until("straight", f"step-{4 * EVERY}")  # the third checkpoint is there
            k = 1 + (3 * r.number + r.turn) * 61 % span
            calls = FileCalls(r.run, k, partial(CALLS[fault], rng=own), "metrics.jsonl")
            r.survives(*KILLED, 1, 2, work=calls.install)
        case "stop-signal" | "second-signal":
            known = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
            signum = rng.choice(known if fault == "stop-signal" else known[:2])
            again = [(rng.choice([0.0, 0.01, 0.05]), signum), (3.0, signal.SIGKILL)]
            signals = [(moment, signum), *(again if fault == "second-signal" else [])]
            r.survives(0, 128 + signum, -signum, signals=signals)
        case "disk-full":
            largest = max(p.stat().st_size for p in r.world.straight.rglob("*"))
            limit = max(500, round(largest ** rng.uniform(0.3, 1.0)))  # stderr is a file, too
            work = in_step("update", step, lambda *_: faults.bound_files(limit))
            r.survives(0, 1, work=work, more=["--quiet"])
        case "out-of-memory":
            work = partial(before_call, step_module, "accumulate", step, rng.choice(FULL))
            r.survives(1, work=work, says="batch")
        case "little-memory":
            more = round(2 ** rng.uniform(18, 25))
            work = in_step(*rng.choice(MOMENTS), lambda *_: faults.bound_memory(more))
            r.survives(0, 1, work=work, says="memory")
        case "astray":

            def happens(averaged: Any, model: Any, decay: float) -> None:
                with torch.no_grad():
                    own.choice(list(model.parameters())).fill_(float("nan"))
                if own.random() < 0.5:
                    stop_me()

            r.survives(1, work=in_step("average", step, happens), says="finite|loss is nan")
        case "clock":
            codes, signals = ((0,), []) if r.turn else (KILLED, [killed])
            r.survives(*codes, work=partial(faults.jump, own, [1e6]), signals=signals)


def minutes(r: Round) -> None:
    def work() -> None:
        faults.jump(r.rng, [0.0, 1e-3, 1.0])
        before_call(trainer, "update", 60, stop_me)

    civil(r.does(*SAMPLE, "--out", r.run, "--minutes", "0.02", work=work), 0, 143)
    check(RunSpec.load(r.run).steps >= 1, "no steps")


def ranks(r: Round) -> None:
    kills = [(r.rng.uniform(0.0, 12.0), r.rng.randrange(2)) for _ in range(r.rng.choice([1, 2]))]
    running = two(r.folder, r.run)
    for seconds, rank in kills:
        while len(workers := workers_of(running)) != 2 and running.is_alive():
            time.sleep(0.05)
        time.sleep(seconds)
        with contextlib.suppress(OSError, IndexError):
            os.kill(workers[rank], signal.SIGKILL)
    check(running.end().code == 0, f"it ends badly; see {r.folder}/stderr")
    r.ends_as(r.world.two)


def stop_ranks(r: Round) -> None:
    two(r.folder, r.run).end((r.rng.uniform(2.0, 20.0), signal.SIGTERM))
    check(two(r.folder, r.run).end().code == 0, f"it does not go on; see {r.folder}/stderr")
    r.ends_as(r.world.two)


def workers_of(running: Child) -> list[int]:
    path = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    with contextlib.suppress(OSError):
        return list(map(int, path.read_text().split()))
    return []


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def orphans(r: Round) -> None:
    running = two(r.folder, r.run)
    while len(workers := workers_of(running)) != 2 and running.is_alive():
        time.sleep(0.05)
    time.sleep(r.rng.uniform(0.0, 12.0))
    running.end((0.0, signal.SIGKILL))
    began = time.monotonic()
    while any(map(alive, workers)):
        check(time.monotonic() - began < 60, "they train on")
        time.sleep(0.1)
    check(two(r.folder, r.run).end().code == 0, f"it does not go on; see {r.folder}/stderr")
    r.ends_as(r.world.two)


def unheard(r: Round) -> None:
    ways = ["2>/dev/full", "2>&-", "2> >(:)", "&>/dev/full", "0<&- 1>&- 2>&-", "&> >(:)"]
    way = ways[r.number % len(ways)]
    words = [sys.executable, "-m", "poetvae", *map(str, TRAIN), "--out", str(r.run)]
    done = subprocess.run(["bash", "-c", f'exec {way}; sleep 0.1; exec "$@"', "-", *words])
    check(done.returncode == 0, f"{way}: exit code {done.returncode}")
    r.ends_as(r.world.end)


def moved(r: Round) -> None:
    other, away = r.world.run(*OTHER), r.folder / "away"
    taken = r.rng.random() < 0.5

    def happens(*arguments: Any) -> None:
        os.rename(r.run, away)
        if taken:
            shutil.copytree(other, r.run)

    step = r.rng.randrange(2, STEPS)
    done = r.does(
        *TRAIN, "--out", r.run, work=partial(before_call, trainer, "update", step, happens)
    )
    civil(done, 1)
    check("was moved, removed or replaced" in done.last, f"not named: {done.last}")
    check(r.run.exists() == taken, "the old place is written to")
    if taken:
        r.ends_as(outcome(other))
        shutil.rmtree(r.run)
    os.rename(away, r.run)
    r.finish()


def foreign(r: Round) -> None:
    run = shutil.copytree(r.world.run("stopped", code=143), r.run)
    newest = checkpoints(run)[-1][1]
    kind = r.rng.choice(["another run", "another step", "a link", "step", "run", "weights"])
    there = checkpoints(r.world.run(*OTHER))[-1][1]
    if kind in ("another run", "another step", "a link"):
        source = checkpoints(run)[-2][1] if kind == "another step" else there
        shutil.rmtree(newest)
        newest.symlink_to(source) if kind == "a link" else shutil.copytree(source, newest)
    else:
        state, data = load_state(newest), io.BytesIO()
        if kind == "weights":
            state["model"][r.rng.choice(list(state["model"]))] = torch.zeros(3)
        else:
            state[kind] = {"step": 4, "run": "f" * 32}[kind]
        torch.save(state, data)
        forge(newest, {"state.pt": data.getvalue()})
    done = r.does(*TRAIN, "--out", run, "--resume")
    civil(done, 0, 1)
    check(newest.name in done.err and ("is of" in done.err or "state" in done.err), "not named")
    if done.code:
        shutil.rmtree(newest)
    r.finish()


HEX = "0123456789abcdef"


def strangers(r: Round) -> None:
    mine = r.folder / "mine"
    mine.mkdir()
    (mine / "thesis").write_text("all of it")
    odd = [".run.tmp", ".run.old.tmp", ".new.tmp", ".config.json.tmp", ".train.json.tmp"]
    odd += [f".poetvae-{HEX}", f".poetvae-{HEX}.tmp~", ".poetvae-x.tmp", "run.tmp"]
    links = [f".poetvae-{r.rng.randbytes(8).hex()}.tmp" for _ in range(3)]

    def strew(folder: Path) -> list[Path]:
        paths = [folder / name for name in (*odd, *links)]
        for path in paths:
            kind = r.rng.choice(["file", "folder", "link"]) if path.name in odd else "link"
            if kind == "link":
                path.symlink_to(r.rng.choice([mine, mine / "thesis", r.folder / "nowhere"]))
            elif kind == "file":
                path.write_text("mine")
            else:
                shutil.copytree(mine, path)
        return paths

    there = strew(r.folder)
    killed = (r.rng.uniform(0.0, r.world.seconds), signal.SIGKILL)
    r.survives(*KILLED, signals=[killed])
    if (r.run / "train.json").exists():
        there += strew(r.run)
    for more in (["--resume"], r.rng.choice([["--resume"], ["--force"]])):
        civil(r.does(*TRAIN, "--out", r.run, *more), 0)
    kept = [path for path in there if path.parent != r.run or "--force" not in more]
    gone = [path for path in kept if not (path.is_symlink() or path.exists())]
    check(not gone, f"gone: {gone}")
    check((mine / "thesis").read_text() == "all of it", "a link was followed")
    for path in kept:
        text = path / "thesis" if path.is_dir() else path
        check(not text.exists() or text.read_text() in ("mine", "all of it"), f"{path} changed")


def one_place(r: Round) -> None:
    forms, place = ("5x2", "7x2"), r.folder / "numbered"
    words = [("corpus", "tokenize", "--form", form, "--out") for form in forms]
    expected = []
    for number, line in enumerate(words):
        civil(r.does(*line, r.folder / f"expected-{number}"), 0)
        expected.append(files_below(r.folder / f"expected-{number}"))
    both = [Child(r.folder / f"{i}", *line, place) for i, line in enumerate(words)]
    kill = [(r.rng.uniform(0.5, 3.0), signal.SIGKILL)] if r.rng.random() < 0.4 else []
    codes = {both[0].end(*kill).code, both[1].end().code}
    check(0 in codes, f"exit codes {codes}")
    check(files_below(place) in expected, "a mixture")
    civil(r.does(*words[0], r.folder / "next"), 0)  # after which nothing is left
    left = [path.name for path in r.folder.iterdir() if path.name.endswith(".tmp")]
    check(not left, f"left behind: {left}")


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def readers(r: Round) -> None:
    ended = r.folder / "ended"

    def read() -> None:
        warnings.simplefilter("error")
        seen, turns = False, 0
        while not ended.exists() or not turns:
            try:
                load_folder(r.run)
                seen, turns = True, turns + 1
            except PoetVAEError:
                check(not seen, f"not whole in turn {turns}")

    reader = Child(r.folder / "reader", work=read)
    often = ("--set", "validate_every=1", "--set", f"keep={r.rng.randint(1, 3)}")
    done = r.does(*TRAIN, *often, "--out", r.run)
    ended.touch()
    civil(done, 0)
    check(reader.end().code == 0, f"a reader fails: {reader.err[-500:]}")


def more_steps(r: Round) -> None:
    more = ("--steps", str(2 * STEPS))
    if r.rng.random() < 0.5:
        words: tuple[Any, ...] = ("train", "--resume", *more)
        straight = r.world.folder / "more" / "run"
        if not straight.exists():
            shutil.copytree(r.world.straight, straight)
            civil(r.does(*words, "--out", straight), 0)
        shutil.copytree(r.world.straight, r.run)
    else:
        settings = [word for word in TINY[4:] if "=" not in word or "_dim" not in word]
        kept = ("batch_size", "precision", "validate", "log_every", "keep")
        settings = [word for word in settings if any(name in word for name in kept)]
        init = ("--init", str(r.world.run(*OTHER)), "--steps", str(STEPS))
        words = ("train", str(sample_folder()), *settings, *init, "--resume")
        straight = r.world.folder / "tuned" / "run"
        if not straight.exists():
            civil(r.does(*words, "--out", straight), 0)
    end = outcome(straight)
    for _ in range(2):
        killed = (r.rng.uniform(0.0, r.world.seconds), signal.SIGKILL)
        civil(Child(r.folder, *words, "--out", r.run).end(killed), *KILLED)
    civil(r.does(*words, "--out", r.run), 0)
    r.ends_as(end)


def replace(r: Round) -> None:
    old = shutil.copytree(r.world.run(*OTHER), r.run)
    r.world.run("replacing", "--force")
    span = r.world.until("replacing", "open /run/metrics.jsonl")
    calls = FileCalls(r.folder, 1 + r.number * 7 % span, faults.die)
    Child(r.folder.parent / "log", *TRAIN, "--out", old, "--force", work=calls.install).end()
    if old.exists() and RunSpec.load(old).config.train.seed:
        r.ends_as(outcome(r.world.run(*OTHER)))
    r.survives(0, more=["--force"])
    r.finish()


def in_use(r: Round) -> None:
    ready = r.folder / "ready"

    def happens(*arguments: Any) -> None:
        ready.touch()
        time.sleep(1.5)

    work = partial(before_call, trainer, "update", STEPS // 2, happens)
    first = Child(r.folder / "first", *TRAIN, "--out", r.run, work=work)
    while not ready.exists():
        time.sleep(0.01)
    more = r.rng.choice([["--resume"], ["--force"], []])
    civil(r.does(*TRAIN, "--out", r.run, *more), 1)
    check(first.end().code == 0, "the first run does not end well")
    r.finish()


FROM_HERE = ("relative/run", ".", "")
MAYBE_TOO_LONG = ("/".join(["long" * 50] * 8), "x" * 255)
PLACES = (
    *("a/b/c", "詩 —\u202e\n'\"$(x)", "a\udcff", "full", "link", "broken", "loop", "/dev/null"),
    *("file", "file/run", "closed", "closed/run", "x" * 256, "/".join(["x" * 200] * 30)),
    *(*FROM_HERE, *MAYBE_TOO_LONG),
)
LINKS = {"link": "real", "broken": "/nowhere/at/all", "loop": "loop"}


def place(r: Round) -> None:
    where, here = PLACES[r.number % len(PLACES)], r.folder / "here"
    for folder in ("real", "full", "closed"):
        (here / folder).mkdir(parents=True)
    for link, target in LINKS.items():
        (here / link).symlink_to(here / target)
    mine, closed = [here / "file", here / "full" / "mine.txt"], here / "closed"
    for path in mine:
        path.write_text("mine")
    closed.chmod(0o555)
    here.chmod(0o777)
    run = where if where in FROM_HERE else here / where

    def work() -> None:
        os.chdir(here)
        if where.startswith("closed"):
            for codec in ("utf-8-sig", "utf-32-le"):
                codecs.lookup(codec)  # they may lie where nobody may not read
            os.setgid(65534)  # root may write anywhere
            os.setuid(65534)

    force = r.rng.choice([[], ["--force"]])
    done = r.does(*TRAIN, "--steps", "2", "--out", run, *force, work=work)
    civil(done, 0, 1, *[2] * (where in MAYBE_TOO_LONG))
    check(all(path.read_text() == "mine" for path in mine), "a file of another is changed")
    check(closed.stat().st_uid == 0 and not list(closed.iterdir()), "a closed folder is replaced")
    check(Path("/dev/null").is_char_device(), "/dev/null is gone")
    if done.code == 0:
        load_folder(here / run)
        tidy(here)


def damage(r: Round, source: Path) -> Path:
    """Do something to a file of a copy of a run, or of a model; say what in a file beside it."""
    run = shutil.copytree(source, r.run)
    if r.rng.random() < 0.5 and source == r.world.straight:  # a model, no run
        shutil.rmtree(run / "checkpoints")
        for name in ("train.json", "metrics.jsonl", "samples.jsonl"):
            (run / name).unlink()
    path = r.rng.choice(sorted(p for p in run.rglob("*") if p.is_file()))
    data, there = path.read_bytes(), r.world.run(*OTHER) / path.relative_to(run)
    kind, new = damaged(r.rng, data, there.read_bytes() if there.exists() else data[::-1])
    path.unlink()
    if r.rng.random() < 0.9:
        path.write_bytes(new)
    elif (kind := r.rng.choice(["missing", "a folder", "a broken link"])) == "a folder":
        path.mkdir()
    elif kind == "a broken link":
        path.symlink_to("nowhere")
    (r.folder / "damage").write_text(f"{path}: {kind}")
    return path


HOSTILE = ("config.json", "train.json", "manifest.json", "tokenizer.model", WEIGHTS)
PICKLES = ("state.pt", "model.pt", "pytorch_model.bin", "model.pkl")


def hostile(r: Round) -> None:
    run, canary = shutil.copytree(r.world.straight, r.run), r.folder / "canary"
    name, last = r.rng.choice(HOSTILE), run / "checkpoints" / f"step-{STEPS}"
    data = (run / name).read_bytes()
    if r.rng.random() < 0.2:
        name, kind, data = r.rng.choice([name, *PICKLES]), "pickle", bomb(canary)
    elif name.endswith(".json"):
        kind, data = hostile_json(r.rng, data)
    elif name == WEIGHTS and r.rng.random() < 0.5:
        kind, data = "header", lying_header(r.rng, data)
    else:
        kind, data = damaged(r.rng, data, r.rng.randbytes(999))
    if name in ("manifest.json", "train.json"):
        (run / name).write_bytes(data)
    else:
        forge(last if name == "state.pt" else run, {name: data})
    if name != "state.pt" and r.rng.random() < 0.5:
        shutil.rmtree(run / "checkpoints")
    reads: list[Any] = [partial(RunSpec.load, run), partial(load_folder, run)]
    reads += [partial(load_state, last), partial(PoemTokenizer.from_bytes, data)]

    def work() -> None:
        usage = partial(resource.getrusage, resource.RUSAGE_SELF)
        before = usage().ru_maxrss
        faults.bound_memory(2**30)
        for read in reads:
            try:
                read()
            except PoetVAEError as error:
                check(len(str(error)) < 2000, f"a message of {len(str(error))} characters")
        check(usage().ru_maxrss - before < 400 * 2**10, "more than 400 MB")

    done = Child(r.folder, work=work).end()
    check(not canary.exists(), f"{name} was run")
    well = done.code == 0 and done.seconds < 8
    check(well, f"{name}, {kind}: {done.code} after {done.seconds:.1f} s {done.err[-900:]}")


def endless(r: Round) -> None:
    run = shutil.copytree(r.world.straight, r.run)
    path = r.rng.choice(sorted(p for p in run.iterdir() if p.is_file()))
    path.unlink()
    match kind := r.rng.choice(["pipe", "device", "terabyte", "link"]):
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "terabyte":
            path.touch()
            os.truncate(path, 2**40)
        case "link":
            os.mkfifo(pipe := r.folder / "pipe")
            path.symlink_to(pipe)
    lines: list[tuple[str | Path, ...]] = [(*WRITE, run), ("plot", run, "--out", run / "x.png")]
    lines += [(*TRAIN, "--out", run, "--resume"), ("score", path, "--model", r.world.straight)]
    lines += [("train", *TINY, "--config", path, "--out", r.folder / "new", "--steps", "1")]
    done = r.does(*r.rng.choice(lines), work=BOUNDED)
    civil(done, 0, 1, 2)
    check(done.seconds < 20, f"{path.name}, a {kind}: {done.seconds:.0f} s")


BOUNDED = partial(faults.bound_memory, 2**30)
READING = [["--encoding", "utf-16"], ["--file-is-poem"], ["--lines-per-poem", "2"]]
SUFFIXES = [".txt", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt.gz", ".json.gz", ".csv.gz"]


def boundless(r: Round) -> None:
    folder = r.folder / "corpus"
    folder.mkdir()
    path, unit = (
        folder / f"a{r.rng.choice([*SUFFIXES, '.parquet'])}",
        r.rng.choice(["a\n", "[", '"']),
    )
    match kind := r.rng.choice(["pipe", "device", "dead link", "terabyte", "bomb", "wide", "line"]):
        case "pipe":
            os.mkfifo(path)
        case "device" | "dead link":
            path.symlink_to("/dev/zero" if kind == "device" else r.folder / "nowhere")
        case "terabyte":
            path.touch()
            os.truncate(path, 2**40)
        case "bomb":
            with gzip.open(path, "wb", 1) as file:
                for _ in range(1024):
                    file.write(unit.encode() * 2**20)
        case "wide":
            path.write_text(",".join(f"c{i}" for i in range(200_000)))
        case "line":
            path.write_text('["' + unit.strip() * 20_000_000)
    done = r.does("corpus", "stats", r.rng.choice([path, folder]), work=BOUNDED)
    civil(done, 0, 1)
    check(done.seconds < 30, f"{path.name}, a {kind}: {done.seconds:.0f} s")


def corpus(r: Round) -> None:
    suffix = r.rng.choice([".txt", *SUFFIXES, "", ".xyz"])
    path, data = r.folder / f"corpus{suffix}", hostile_bytes(r.rng)
    if suffix.endswith(".gz") and r.rng.random() < 0.7:
        data = gzip.compress(data)
        if r.rng.random() < 0.3:
            data = damaged(r.rng, data)[1]
    kind = r.rng.choice(["file"] * 6 + ["stdin", "folder", "fifo"])
    if kind == "fifo":
        os.mkfifo(path)
        writer = Child(r.folder / "writer", work=lambda: path.write_bytes(data[:60_000]))
    elif kind == "folder":
        path.mkdir()
        (path / "a.txt").write_bytes(data)
        (path / "b").symlink_to(path)
    elif kind == "file":
        path.write_bytes(data)
    more = r.rng.choice([[], ["--strict"], ["--form", "5x2"], ["--form", "1x1"], *READING])
    words = ["corpus", "stats", "-" if kind == "stdin" else path, *more]
    if r.rng.random() < 0.3:
        words = ["train", *words[2:], *TINY[2:], "--steps", "2", "--out", r.run]
    civil(r.does(*words, stdin=data if kind == "stdin" else b""), 0, 1, 2)
    if kind == "fifo":
        writer.end((0.0, signal.SIGKILL))  # if nobody read


SURROUNDINGS = "plain plain plain no-stdout no-stdin reader-left full home locale narrow"


def surround(kind: str, rng: random.Random) -> None:
    match kind:
        case "no-stdout":
            os.close(1)
            sys.stdout = None
        case "no-stdin":
            os.close(0)
            sys.stdin = None
        case "reader-left":
            end, start = os.pipe()
            os.dup2(start, 1)
            os.close(end)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        case "full":
            os.lseek(1, 49_990, os.SEEK_SET)  # there is room for what is wrong alone
            faults.bound_files(50_000)
        case "home":
            os.environ.pop("HOME", None)
        case "locale":
            os.environ |= {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}
            sys.stdout.reconfigure(encoding="ascii", errors="strict")  # type: ignore[union-attr]
        case "narrow":
            os.environ["COLUMNS"] = rng.choice(["1", "20", "0", "x", "-5"])


def command_lines(r: Round) -> None:
    models = [str(r.world.straight)] * 8 + [str(r.folder), "none"]
    words, kind = command_line(r.rng, models, r.folder), r.rng.choice(SURROUNDINGS.split())
    (r.folder / "damage").write_text(f"{kind} {words!r}")

    def work() -> None:
        os.chdir(r.folder)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))  # it works, and takes its time
        signal.alarm(20)
        surround(kind, r.rng)

    done = r.does(*words, work=work, stdin=hostile_bytes(r.rng))
    civil(done, 0, 1, 2, told=kind not in ("full", "reader-left"))


def no_network(r: Round) -> None:
    run, seen, poems = r.world.straight, r.folder / "connected", r.folder / "poems.csv"
    text = "\n".join(f"{c}上春山遠，{c}前秋水清。" for c in "天地日月風花雪雨江河湖海松竹梅蘭")
    poems.write_text(f"text\n{text}", "utf-8")  # which another library reads
    lines = f"""{" ".join(WRITE)} {run}
        train {poems} {" ".join(TINY)} --steps 2 --out {r.run}
        {" ".join(TRAIN)} --steps 2 --out {r.run}
        corpus stats {poems}
        corpus stats
        plot {run} --out {r.folder}/x.png
        evaluate --model {run} --iw 1 --curve 0 --samples 0
        info --model {run}""".splitlines()

    def guard(*arguments: Any, **how: Any) -> Any:
        seen.write_text(f"{arguments}")
        raise OSError("no network")

    def work() -> None:
        socket.socket.connect = socket.socket.connect_ex = guard  # type: ignore[method-assign]
        socket.getaddrinfo = socket.gethostbyname = guard

    done = r.does(*(line := lines[r.number % len(lines)]).split(), work=work)
    check(not seen.exists(), f"{line} asked for {seen.read_text() if seen.exists() else ''}")
    civil(done, 0)


def damaged_run(r: Round) -> None:
    path = damage(r, r.world.run("stopped", code=143))  # between two checkpoints
    done = r.does(*r.rng.choice([TRAIN, TRAIN[:1]]), "--out", r.run, "--resume")
    civil(done, 0, 1, 2)
    if done.code:
        named = any(word in done.last for word in (path.name, path.parent.name, "corpus"))
        check(named, f"{path} is not named: {done.last}")
    else:
        best = [WEIGHTS] if path.parent == r.run and "warning" in done.err else []
        r.ends_as(r.world.end, *best, *({path.name} & {"metrics.jsonl", "samples.jsonl"}))


def damaged_model(r: Round) -> None:
    path = damage(r, r.world.straight)
    done = r.does(*WRITE, r.run)
    civil(done, 0, 1)
    if done.code:
        check(path.name in done.last, f"{path.name} is not named: {done.last}")
    elif "warning" not in done.err:
        same = done.out == r.does(*WRITE, r.world.straight).out
        check(same, f"{path.name}: silently another poem")


def not_finite(r: Round) -> None:
    run = shutil.copytree(r.world.straight, r.run)
    folder = r.rng.choice([run, run / "checkpoints" / f"step-{STEPS}"])
    data = (folder / WEIGHTS).read_bytes()
    place = r.rng.randrange(8 + int.from_bytes(data[:8], "little"), len(data), 4)
    number = r.rng.choice([b"\0\0\xc0\x7f", b"\0\0\x80\x7f"])  # nan, inf
    forge(folder, {WEIGHTS: data[:place] + number + data[place + 4 :]})
    done = r.does(*WRITE, folder)
    civil(done, 0, 1)
    check("not finite" in done.err, f"silent: {done.err[-300:]}")


ROUNDS = [orphans, unheard, moved, foreign, strangers, one_place, readers, more_steps]
ROUNDS += [minutes, ranks, stop_ranks, replace, place, in_use, damaged_run, damaged_model]
ROUNDS += [not_finite, hostile, endless, boundless, corpus, command_lines, no_network]


def torture(fault: str, r: Round) -> None:
    """A round; raises where something is lost."""
    own = next((f for f in ROUNDS if f.__name__ == fault.replace("-", "_")), None)
    if own:
        own(r)
    else:
        for _ in range(TURNS.get(fault, 1)):
            accident(fault, r)
        r.finish()


@click.command()
@click.option("--rounds", type=int, default=200, show_default=True, help="Of all faults together.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--first", type=int, default=0, help="Number of the first round.")
@click.option("--only", type=click.Choice([name for name, *_ in LINES]), help="This fault alone.")
@click.option("--write", "path", type=click.Path(path_type=Path), help="docs/results.md")
def main(rounds: int, seed: int, first: int, only: str | None, path: Path | None) -> None:
    """Injects faults, and says what was lost."""
    chosen = [(name, float(share), what) for name, share, what in LINES if only in (None, name)]
    shares = sum(share for _, share, _ in chosen)
    base = Path(tempfile.mkdtemp(prefix="torture-"))
    base.chmod(0o755)
    world, rows = World(base / "world"), []
    for name, share, checks in chosen:
        numbers, lost = range(first, first + math.ceil(rounds * share / shares)), 0
        for i in numbers:
            folder, rng = base / f"{name}-{i}", random.Random(f"{seed} {name} {i}")
            folder.mkdir()
            try:
                torture(name, Round(i, rng, folder, folder / "run", world))
                shutil.rmtree(folder, ignore_errors=True)
            except (WrongError, PoetVAEError, OSError, ValueError, LookupError):
                lost += 1
                again = f"torture.py --seed {seed} --only {name} --first {i} --rounds 1"
                click.echo(f"{traceback.format_exc()}\n{folder}, again: {again}", err=True)
        counts = f"{len(numbers)} {len(numbers) - lost} {lost}".split()
        rows.append((name, *counts, checks))
    publish(path, "torture", table("fault|injected|survived|lost|checked", rows))
    if any(row[3] != "0" for row in rows):
        sys.exit(1)
    shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()

"""A run begins, or goes on as it was begun.

A new run is made beside its place and moved there complete, so that a folder with a `train.json` is
always a run that can be resumed, and one that failed to begin leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.model_folder import sweep
from ..config import Config, ModelConfig, from_dict
from ..data import tokenize
from ..data.dataset import Data
from ..data.store import describe, open_store
from ..errors import CheckpointError, ConfigError, CorpusError
from ..files import locked, sync
from ..models import build
from ..runtime import bf16_is_faster
from ..text.codec import PoemCodec
from .parallel import Group
from .spec import Log, RunSpec

StepsOf = Callable[[Data, Config], int]  # how many steps a run of these poems takes


@dataclass(frozen=True)
class Length:
    """How long to train: at most one of these; none = 10 epochs."""

    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} were given; give one of them")
        for name, value in given.items():
            if not value or not 0 < value < 10**9:
                raise ConfigError(f"{name} is {value}; expected more than 0")

    def in_steps(self, poems: int, batch_size: int) -> int:
        """Steps of so many poems."""
        return self.steps or max(1, round((self.epochs or 10) * poems / batch_size))


@contextlib.contextmanager
def opened(
    run: Path, begin: Callable[[], tuple[RunSpec, Data]] | None, group: Group
) -> Iterator[tuple[RunSpec, Data]]:
    """A run and its poems, locked for this training; each process opens them once.

    `begin` makes the run; None: it is there, and its corpus is numbered again should that be gone.
    Raises CheckpointError: another training has it, or it is no run; CorpusError: its corpus is not
    what it was; what a run has is left as it is.
    """
    with contextlib.ExitStack() as held:
        begun = begin() if begin and group.main else None
        if group.main:
            held.enter_context(locked(run))
            sweep(run)
            begun = begun or _reopen(run)
        group.wait()
        if begun is None:
            spec = RunSpec.load(run)
            begun = spec, open_store(_folder(spec, run))
        yield begun


def create(
    run: Path, planned: RunSpec, steps_of: StepsOf, group: Group, force: bool, log: Log
) -> tuple[RunSpec, Data]:
    """Begin a run: corpus numbered, configuration filled in, length known.

    Raises CheckpointError: the folder is in use, in the way, or cannot be written; ConfigError,
    CorpusError: the run cannot be trained.
    """
    if run.exists() and not (run.is_dir() and not any(run.iterdir())):
        if not force:
            raise CheckpointError(f"{run} exists; --resume continues it, --force replaces it")
        if not (run / "train.json").exists():
            raise CheckpointError(f"{run} is not a run of poetvae; --force does not remove it")
    making, old = (run.with_name(f".{run.name}.{end}") for end in ("tmp", "old.tmp"))
    try:
        making.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as at_end:
            with locked(making):
                at_end.callback(shutil.rmtree, making, ignore_errors=True)
                shutil.rmtree(making / "data", ignore_errors=True)
                spec, codec = _fill(making, planned, steps_of, group, log)
            # Nothing in it is open or mapped any more, or some systems would not move it.
            shutil.rmtree(old, ignore_errors=True)
            if run.exists():
                with locked(run):
                    pass  # nobody trains it
                os.rename(run, old)
            os.rename(making, run)
            sync(run.parent)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(f"{run}: cannot be written ({error.strerror})") from error
    return spec, open_store(_folder(spec, run), codec, verify=False)


def _fill(
    making: Path, planned: RunSpec, steps_of: StepsOf, group: Group, log: Log
) -> tuple[RunSpec, PoemCodec]:
    """Put into a folder what is there before the first step."""
    planned.check()
    folder = _folder(planned, making)
    if not folder.exists():
        tokenize.build(planned.corpus, folder)
    described = describe(folder)
    for line in described.lines():
        log(line)
    data = open_store(folder, described.codec)
    config = _completed(planned.config, data.codec, group)
    steps, fingerprint = steps_of(data, config), data.train.fingerprint
    spec = replace(planned, config=config, fingerprint=fingerprint, steps=steps)
    spec.save(making)
    return spec, data.codec


def _completed(config: Config, codec: PoemCodec, group: Group) -> Config:
    """A configuration with what the corpus and the machine decide."""
    sizes = {"vocab_size": len(codec.tokenizer), "label_sizes": codec.label_sizes}
    sizes |= {"max_len": codec.max_len, "form_known": len(codec.forms) > 1}
    values = asdict(config.model) | sizes
    model, train = from_dict(ModelConfig, values), config.train
    precision, slices = train.precision, train.slices or group.size
    if precision == "auto":
        precision = "bf16" if bf16_is_faster(group.device) else "fp32"
    with torch.device("meta"):
        build(model)
    if slices > train.batch_size:
        reason = f"{slices} slices of a batch of {train.batch_size}"
        raise ConfigError(f"{reason}; give a larger batch_size, or fewer slices or processes")
    return Config(model, config.objective, replace(train, precision=precision, slices=slices))


def _reopen(run: Path) -> tuple[RunSpec, Data]:
    spec = RunSpec.load(run)
    folder = _folder(spec, run)
    if new := not folder.exists():
        tokenize.build(spec.corpus, folder)
    data = open_store(folder)
    if data.train.fingerprint != spec.fingerprint:
        del data  # a system may refuse to remove what is mapped
        if new:
            shutil.rmtree(folder)
        raise CorpusError(f"the corpus of {run} has changed since; restore it, or start a new run")
    return spec, data


def _folder(spec: RunSpec, run: Path) -> Path:
    """The numbered poems of a run."""
    return spec.corpus.tokenized or run / "data"


def check_same(
    run: Path, spec: RunSpec, planned: RunSpec, poems: int, length: Length, given: Iterable[str]
) -> None:
    """Check that a run of so many poems was begun with what is planned now.

    `given` names the settings and parts of the run to compare; those that are filled in when a run
    begins are compared where they were given a value. Raises ConfigError: they differ.
    """
    known, wanted = (ChainMap(vars(s), *s.config.to_dict().values()) for s in (spec, planned))
    filled = {"vocab_size", "max_len", "label_sizes", "form_known"}
    filled |= {name for name in ("precision", "slices") if wanted[name] in ("auto", 0)}
    pairs = {name: (known[name], wanted[name]) for name in given if name not in filled}
    if length.steps or length.epochs:
        pairs["steps"] = spec.steps, length.in_steps(poems, spec.config.train.batch_size)
    for name, (before, now) in pairs.items():
        if before != now:
            raise ConfigError(
                f"{run} was begun with {name} {_shown(before)}, not {_shown(now)}; a resumed run "
                "keeps what it was begun with: leave that out, or start a new run"
            )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)

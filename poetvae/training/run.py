"""A run begins, or goes on as it was begun.

A new run is made beside its place and moved there complete, so that a folder with a `train.json` is
always a run that can be resumed, and one that failed to begin leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..config import Config
from ..data.dataset import Data
from ..data.tokenize import prepare
from ..errors import CheckpointError, ConfigError, CorpusError
from ..files import locked, sync
from ..models import build
from .parallel import Group
from .spec import Log, RunSpec


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


def create(
    run: Path,
    asked: RunSpec,
    length: Length,
    group: Group,
    force: bool,
    log: Log,
    held: contextlib.ExitStack,
    fit_into: Callable[[float, Data, Config, Group], int],
) -> None:
    """Begin a run: corpus numbered, configuration filled in, length known.

    It is made beside its place and moved there complete. The folder stays locked until `held` ends;
    `fit_into` says how many steps take so many seconds.
    """
    _check_free(run, force)
    making, old = (run.with_name(f".{run.name}.{end}") for end in ("tmp", "old.tmp"))
    try:
        making.mkdir(parents=True, exist_ok=True)
        held.enter_context(locked(making))
        try:
            shutil.rmtree(making / "data", ignore_errors=True)
            data, config = prepare(asked, group.device, log, making / "data")
            with torch.device("meta"):
                build(config.model)  # or says why not, before there is a run
            options = replace(config.train, slices=config.train.slices or group.size)
            if options.slices > options.batch_size:
                raise ConfigError(
                    f"{options.slices} slices of a batch of {options.batch_size}; give a larger "
                    "batch_size, or fewer slices or processes"
                )
            config = replace(config, train=options)
            steps = length.in_steps(len(data.train), options.batch_size)
            if length.minutes:
                steps = fit_into(60 * length.minutes, data, config, group)
            job = replace(asked, config=config, fingerprint=data.train.fingerprint, steps=steps)
            job.save(making)
            shutil.rmtree(old, ignore_errors=True)
            if run.exists():
                with locked(run):
                    os.rename(run, old)
            os.rename(making, run)
            sync(run.parent)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    except OSError as error:
        raise CheckpointError(f"{run}: cannot be written ({error.strerror})") from error


def reopen(run: Path, device: torch.device, log: Log) -> None:
    """Number the corpus of a run again, should that be gone.

    Raises:
        CorpusError: it is not what it was; what a run has is left as it is.
    """
    job, folder = RunSpec.load(run), run / "data"
    there = folder.exists()
    data, _ = prepare(job, device, log, folder)
    if data.train.fingerprint != job.fingerprint:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise CorpusError(f"the corpus of {run} has changed since; restore it, or start a new run")


def check_same(
    run: Path, job: RunSpec, asked: RunSpec, poems: int, length: Length, given: Iterable[str]
) -> None:
    """Whether a run was begun with what is asked for now.

    Args:
        run, job, poems: the run, and how many poems it learns from.
        asked, length: what is asked for.
        given: the settings and parts of the job to compare; those that are filled in when a run
            begins are compared where they were given a value.

    Raises:
        ConfigError: it was begun with something else.
    """
    known, wanted = _flat(job), _flat(asked)
    filled = {"vocab_size", "max_len", "label_sizes"}
    filled |= {name for name in ("precision", "slices") if wanted[name] in ("auto", 0)}
    pairs = {name: (known[name], wanted[name]) for name in given if name not in filled}
    if length.steps or length.epochs:
        pairs["steps"] = job.steps, length.in_steps(poems, job.config.train.batch_size)
    for name, (before, now) in pairs.items():
        if before != now:
            raise ConfigError(
                f"{run} was begun with {name} {_said(before)}, not {_said(now)}; a resumed run "
                "keeps what it was begun with: leave that out, or start a new run"
            )


def _flat(job: RunSpec) -> dict[str, Any]:
    parts = job.config.to_dict().values()
    return {**vars(job), **{name: value for part in parts for name, value in part.items()}}


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _check_free(run: Path, force: bool) -> None:
    if run.exists() and not (run.is_dir() and not any(run.iterdir())):
        if not force:
            raise CheckpointError(f"{run} exists; --resume continues it, --force replaces it")
        if not (run / "train.json").exists():
            raise CheckpointError(f"{run} is not a run of poetvae; --force does not remove it")

"""A run begins, or goes on as it was begun.

A new run is made under a name of its own and moved to its place, so that a folder with a
`train.json` is always a run that can be resumed, and one that failed to begin leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.model_folder import Saved, load_folder, save_folder, sweep
from ..config import Config, ModelConfig, TrainConfig, from_dict
from ..data import tokenize
from ..data.dataset import Data
from ..data.store import describe, open_store
from ..errors import CheckpointError, ConfigError, CorpusError, listed, reason_of
from ..files import TEMPORARY, locked, sync, temporary_folder
from ..files import sweep as sweep_folder
from ..i18n import _
from ..models import build
from ..runtime import bf16_is_faster
from ..text.codec import PoemCodec
from ..text.sounds import sounds_of
from .parallel import Group
from .spec import Log, RunSpec
from .step import poems_a_step

VALIDATIONS = 50
LENGTHS = 4  # that a step has, each a slice, where nothing else was asked for
INIT = "init"  # in a run, the model that it goes on from
StepsOf = Callable[[Data, Config], int]  # how many steps a run of these poems takes
Fill = Callable[[Path], tuple[RunSpec, PoemCodec]]
"""Puts into a folder what a run has before its first step."""


@dataclass(frozen=True)
class Length:
    """How long to train: at most one of these; none = 10 epochs."""

    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise ConfigError(
                _("{given} were given; give one of them", given=_(" and ").join(given))
            )
        for name, value in given.items():
            if not value or not 0 < value < 10**9:
                raise ConfigError(
                    _("{name} is {value}; expected more than 0", name=name, value=value)
                )

    def in_steps(self, poems: int, batch_size: float) -> int:
        """Steps of so many poems."""
        return self.steps or max(1, round((self.epochs or 10) * poems / batch_size))


def steps_in(
    seconds: float, poems: int, config: TrainConfig, step: float, validation: float
) -> int:
    """How many steps fit, where each takes so many seconds, and each validation."""
    left = 0.95 * seconds  # steps get slower as a run goes on
    every = config.validate_every or cadence(poems, config.batch_size, 1)
    steps = left / (step + validation / every)
    if not config.validate_every:
        steps = max(steps, (left - VALIDATIONS * validation) / step)
    return max(1, int(steps))


def cadence(poems: int, batch_size: int, steps: int) -> int:
    """Steps from a validation to the next where nothing else was asked for: an epoch, but no more
    than 1,000, and no fewer than leave a training with `VALIDATIONS` of them."""
    return min(1000, max(1, round(poems / batch_size), -(-steps // VALIDATIONS)))


@dataclass(frozen=True)
class OpenRun:
    """A run and its poems, held for this training; `in_place` tells whether its folder is still
    where it was."""

    path: Path
    spec: RunSpec
    data: Data
    in_place: Callable[[], bool] = lambda: True

    def check(self) -> None:
        """Raises CheckpointError where the folder is not this run's any more: whatever else is
        there is another's."""
        try:
            ours = self.in_place() and RunSpec.load(self.path).id == self.spec.id
        except CheckpointError:
            ours = False
        if not ours:
            raise CheckpointError(
                _(
                    "{path} was moved, removed or replaced while it was trained; nothing "
                    "more is written: resume it from its last checkpoint, where it is now",
                    path=self.path,
                )
            )


@contextlib.contextmanager
def opened(run: Path, begin: Fill | None, group: Group, force: bool = False) -> Iterator[OpenRun]:
    """A run and its poems, locked for this training; each process opens them once.

    `begin` fills the folder of a new run; None: it is there, and its corpus is numbered again
    should that be gone. With `force` a run that is there is replaced once the new one is complete.
    Raises CheckpointError: another training has it, something is in the way, it cannot be written,
    or it is no run; CorpusError: its corpus is not what it was; what a run has is left as it is.
    """
    if not group.main:
        group.wait()
        spec = RunSpec.load(run)
        yield OpenRun(run, spec, open_store(_folder(spec, run)))
        return
    if begin is None:
        way = _resumed(run)
    elif _is_free(run):
        way = _begun(run, begin)
    elif not force:
        raise CheckpointError(
            _("{run} exists; --resume continues it, --force replaces it", run=run)
        )
    elif not (run / "train.json").exists():
        raise CheckpointError(
            _("{run} is not a run of poetvae; --force does not remove it", run=run)
        )
    else:
        way = _replaced(run, begin)
    with way as opened_run:
        group.wait()
        yield opened_run


def _is_free(run: Path) -> bool:
    """Whether a run may begin here: there is nothing, or an empty folder, or one in which another
    is about to begin, which is locked then."""
    if run.is_dir():
        sweep_folder(run)
        return all(name == ".lock" or TEMPORARY.fullmatch(name) for name in os.listdir(run))
    return not run.exists()


@contextlib.contextmanager
def _begun(run: Path, fill: Fill) -> Iterator[OpenRun]:
    """A new run, in a folder that is there, which stays itself, or in a new one."""
    new = not run.exists()
    with _writing(run):
        run.mkdir(parents=True, exist_ok=True)
    with locked(run) as in_place:
        try:
            with _writing(run), temporary_folder(run) as making:
                spec, codec = fill(making)
                # First what makes it a run: poems that are missing then are numbered again.
                for name in sorted(os.listdir(making), key="train.json".__ne__):
                    os.rename(making / name, run / name)
                for folder in (run, run.parent):
                    sync(folder)
        finally:
            if not (run / "train.json").exists():
                with contextlib.suppress(OSError):
                    (run / ".lock").unlink()
                    if new:
                        run.rmdir()
        data = open_store(_folder(spec, run), codec, verify=False)
        yield OpenRun(run, spec, data, in_place)


@contextlib.contextmanager
def _replaced(run: Path, fill: Fill) -> Iterator[OpenRun]:
    """A new run in the place of one that is there until the new one is complete."""
    with _writing(run), temporary_folder(run.parent) as making:
        spec, codec = fill(making)
        with locked(run):
            shutil.copymode(run, making)  # nobody trains it
        with temporary_folder(run.parent) as aside:
            os.rename(run, aside / run.name)
            try:
                os.rename(making, run)
            except OSError:
                os.rename(aside / run.name, run)
                raise
            sync(run.parent)
    with locked(run) as in_place:
        data = open_store(_folder(spec, run), codec, verify=False)
        yield OpenRun(run, spec, data, in_place)


@contextlib.contextmanager
def _resumed(run: Path) -> Iterator[OpenRun]:
    """A run that is there; its poems are numbered again where they are gone."""
    if not (run / "train.json").exists():
        raise CheckpointError(_("{run} is no run to resume: it has no train.json", run=run))
    with locked(run) as in_place:
        sweep(run)
        spec = RunSpec.load(run)
        folder = _folder(spec, run)
        if new := not folder.exists():
            known = load_folder(run / INIT).codec if spec.init else None
            tokenize.build(spec.corpus, folder, known=known)
        data = open_store(folder)
        if data.train.fingerprint != spec.fingerprint:
            del data  # a system may refuse to remove what is mapped
            if new:
                shutil.rmtree(folder)
            raise CorpusError(
                _("the corpus of {run} has changed since; restore it, or start a new run", run=run)
            )
        yield OpenRun(run, spec, data, in_place)


@contextlib.contextmanager
def _writing(run: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            _("{run}: cannot be written ({reason})", run=run, reason=reason_of(error))
        ) from error


def fill(
    planned: RunSpec,
    start: Saved | None,
    steps_of: StepsOf,
    group: Group,
    log: Log,
    folder: Path,
) -> tuple[RunSpec, PoemCodec]:
    """Put into a folder what is there before the first step: the model to go on from, if any,
    corpus numbered, configuration filled in, length known.
    Raises ConfigError, CorpusError: the run cannot be trained."""
    planned.check()
    if start:
        save_folder(folder / INIT, start, f"What this run goes on from: {planned.init}\n")
    numbered = _folder(planned, folder)
    if not numbered.exists():
        tokenize.build(planned.corpus, numbered, known=start.codec if start else None)
    described = describe(numbered)
    for line in described.lines():
        log(line)
    if start and not described.codec.numbers_as(start.codec):
        raise CorpusError(
            _(
                "{numbered} is numbered otherwise than {init} reads; give the corpus itself",
                numbered=numbered,
                init=planned.init,
            )
        )
    data = open_store(numbered, described.codec)
    config = _completed(planned.config, data.codec, group, bool(start))
    steps, poems, train = steps_of(data, config), len(data.train), config.train
    every = train.validate_every or cadence(poems, train.batch_size, steps)
    config = replace(config, train=replace(train, validate_every=every))
    fingerprint, name = data.train.fingerprint, secrets.token_hex(16)
    spec = replace(planned, config=config, fingerprint=fingerprint, steps=steps, id=name)
    spec.save(folder)
    return spec, data.codec


def _completed(config: Config, codec: PoemCodec, group: Group, goes_on: bool) -> Config:
    """A configuration with what the corpus and the machine decide."""
    sizes = {"vocab_size": len(codec.tokenizer), "label_sizes": codec.label_sizes}
    sizes |= {"max_len": codec.max_len, "form_known": len(codec.forms) > 1}
    sizes |= {"theme_len": codec.theme_len}
    if codec.theme and config.model.prior == "normal":
        sizes["prior"] = "theme"
    forms = codec.forms if config.model.sight else ()
    sizes["lines"] = tuple(size for form in forms for size in (*form.lengths, 0))
    sounds = sounds_of(codec) if config.model.sounds else None
    sizes["sound_sizes"] = sounds.sizes if sounds else ()
    values = asdict(config.model) | ({} if goes_on else sizes)
    model, train = from_dict(ModelConfig, values), config.train
    precision = train.precision
    if precision == "auto":
        precision = "bf16" if bf16_is_faster(group.device) else "fp32"
    with torch.device("meta"):
        network = build(model)
    if not goes_on:  # a model keeps on seeing what it has learnt to see
        several = len({form.size for form in codec.forms}) > 1
        model = replace(model, by_length=several and network.any_length)
    # Several lengths in a step make for less noise; on a GPU a slice costs more to begin than this.
    least = min(LENGTHS, train.batch_size) if model.by_length and group.device.type == "cpu" else 1
    slices = train.slices or max(least, group.size)
    if slices > train.batch_size:
        raise ConfigError(
            _(
                "{slices} slices of a batch of {poems}; give a larger batch_size, or fewer slices "
                "or processes",
                slices=slices,
                poems=train.batch_size,
            )
        )
    return Config(model, config.objective, replace(train, precision=precision, slices=slices))


def _folder(spec: RunSpec, run: Path) -> Path:
    """The numbered poems of a run."""
    return spec.corpus.tokenized or run / "data"


def going_on(
    run: OpenRun, planned: RunSpec, length: Length, given: Iterable[str], group: Group, log: Log
) -> OpenRun:
    """A run that is there as it goes on: as it was begun, with more steps where they are asked for.

    `given` names the settings and parts of the run to compare with what is planned; those that are
    filled in when a run begins are compared where they were given a value. Raises ConfigError: they
    differ; it names them all.
    """
    spec, steps = run.spec, run.spec.steps
    if length.steps or length.epochs:
        steps = length.in_steps(len(run.data.train), poems_a_step(run.data.train, spec.config))
    _check_same(run.path, spec, planned, steps, given)
    if length.minutes:
        log(
            _(
                "minutes {minutes} is left out: {run} was begun for {steps:,} steps",
                minutes=length.minutes,
                run=run.path,
                steps=steps,
            )
        )
    if steps > spec.steps:
        log(
            _(
                "{run} was begun for {begun:,} steps, and goes on to {steps:,}",
                run=run.path,
                begun=spec.steps,
                steps=steps,
            )
        )
        spec = spec.longer(steps)
        if group.main:
            spec.save(run.path)
    return replace(run, spec=spec)


def _check_same(
    run: Path, spec: RunSpec, planned: RunSpec, steps: int, given: Iterable[str]
) -> None:
    known, wanted = (
        ChainMap(vars(s), vars(s.reading), *s.config.to_dict().values()) for s in (spec, planned)
    )
    filled = {"vocab_size", "max_len", "label_sizes", "theme_len", "sound_sizes", "lines"}
    filled |= {"form_known", "by_length"}
    filled |= {n for n in ("precision", "slices", "validate_every") if wanted[n] in ("auto", 0)}
    if (known["prior"], wanted["prior"]) == ("theme", "normal"):  # as the corpus decided
        filled.add("prior")
    pairs = {name: (known[name], wanted[name]) for name in given if name not in filled}
    pairs["steps"] = spec.steps, min(spec.steps, steps)  # more can be given to it
    others = [
        _("{name} {had}, not {wanted}", name=name, had=_shown(before), wanted=_shown(now))
        for name, (before, now) in pairs.items()
        if before != now
    ]
    if others:
        raise ConfigError(
            _(
                "{run} was begun with {others}; a resumed run keeps what it was begun "
                "with: leave that out, or start a new run",
                run=run,
                others=_("; with ").join(others),
            )
        )


def _shown(value: Any) -> str:
    return (listed(value) if isinstance(value, tuple) else str(value)) or _("none")

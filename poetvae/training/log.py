"""What a run records of its training: written line by line, shown by TensorBoard, read again.

`metrics.jsonl` has numbers by step, `samples.jsonl` poems. Reading takes neither torch nor a model.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MALFORMED, CheckpointError, ConfigError, reason_of
from ..files import check_regular, read_limited, write_file
from ..i18n import _

METRICS, SAMPLES = "metrics.jsonl", "samples.jsonl"
VALIDATED = ("elbo_per_char", "recon_per_poem", "kl_per_poem", "active_units")
KEYS = ("nll", "kl", "beta", "lr", "valid_score", *(f"valid_{key}" for key in VALIDATED))
MOST_STEPS, LARGEST = 2**53, 1e30
Line = dict[str, Any]
Record = Callable[[str, Line], None]
Row = dict[str, float]


def check_tensorboard() -> None:
    """Raises ConfigError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(_("TensorBoard takes one more package: pip install 'poetvae[track]'"))


@contextlib.contextmanager
def recording(run: Path, on: bool, tensorboard: bool = False) -> Iterator[Record]:
    """Takes the name of a file of a run, and a line for it: a step with what was at it.

    With `tensorboard` each number of `metrics.jsonl` goes to a curve, too. What was written before
    is written anew: after a resume no step comes twice, and a run that was begun without has its
    curves from the first step on. One process of a training is `on`: it writes.
    """
    with contextlib.ExitStack() as opened:
        writer: Any = None
        if on and tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            # Purged from step 0 on, what older files say is forgotten; removing a file that a
            # viewer has open would stop it.
            curves = SummaryWriter(str(run / "tensorboard"), purge_step=0, flush_secs=10)
            writer = opened.enter_context(curves)
            if (run / METRICS).exists():
                for text in read_limited(run / METRICS).splitlines():
                    _draw(writer, json.loads(text))

        def record(name: str, line: Line) -> None:
            if on:
                append(run / name, line)
            if writer and name == METRICS:
                _draw(writer, line)

        yield record


def _draw(writer: Any, line: Line) -> None:
    """Each number to a curve by its step: valid/nll for valid_nll, train/nll for nll."""
    for name, value in line.items():
        part, __, rest = name.partition("_")
        if name != "step":
            tag = f"valid/{rest}" if part == "valid" else f"train/{name}"
            writer.add_scalar(tag, value, line["step"])


def append(path: Path, line: Line) -> None:
    """Put a line on disk, before a checkpoint says that its step was done.

    Raises CheckpointError: it cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckpointError(
            _("{path}: cannot be written ({reason})", path=path, reason=reason_of(error))
        ) from error


def cut_back(run: Path, step: int) -> float:
    """Remove what was recorded after a step, and torn lines; seconds trained until then."""
    seconds = 0.0
    for path in (run / SAMPLES, run / METRICS):
        if path.exists():
            lines = read_limited(path).splitlines(keepends=True)
            kept = [line for line in lines if _is_until(step, line)]
            write_file(path, b"".join(kept))
            seconds = max((json.loads(line).get("seconds", 0.0) for line in kept), default=0.0)
    return seconds


def _is_until(step: int, line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and int(json.loads(line)["step"]) <= step
    except (LookupError, TypeError, ValueError):
        return False


@dataclass(frozen=True)
class History:
    """The training of a run: `rows`, the lines of its metrics, have a step and some KEYS, in nats.

    What the folder does not tell, as one that is being made, is None: how many `parameters` the
    model has, at which `beta` it was trained, and the `corpus`, a fingerprint.
    """

    name: str
    rows: list[Row]
    parameters: int | None = None
    beta: float | None = None
    corpus: str | None = None

    def best(self) -> Row | None:
        """The validation that the run's own weights come from; None where there was none."""
        scored = [row for row in self.rows if math.isfinite(row.get("valid_score", math.nan))]
        return min(scored, key=lambda row: row["valid_score"], default=None)

    def negative_elbo(self) -> float | None:
        """Held-out nats per character of that validation; None of an autoencoder, too."""
        bound = (self.best() or {}).get("valid_elbo_per_char", math.nan)
        return bound if math.isfinite(bound) else None


def read_history(run: str | Path) -> History:
    """Read the metrics of a run folder; a last line that is being written, or torn, is left out.

    Raises:
        CheckpointError: the run or its metrics are missing, empty or broken.
    """
    run = Path(run)
    if not run.is_dir():
        raise CheckpointError(_("{run}: no such run folder; check the path, or train one", run=run))
    path = run / METRICS
    try:
        *lines, __ = read_limited(path).split(b"\n")
    except OSError as error:
        raise CheckpointError(
            _(
                "{path}: cannot be read ({reason}); give the folder that train wrote",
                path=path,
                reason=reason_of(error),
            )
        ) from error
    if not lines:
        raise CheckpointError(_("{path} has no lines yet; train the run for more steps", path=path))
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1)]
    beta = corpus = None
    with contextlib.suppress(OSError, *MALFORMED):
        values = json.loads(read_limited(run / "train.json"))
        corpus = values.get("fingerprint")
        beta = values["config"]["objective"].get("beta")
    return History(run.resolve().name, rows, _parameters(run), beta, corpus)


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
        values = {key: _value(row[key]) for key in KEYS if row.get(key) is not None}
        step = float(row["step"])
        if not 0 <= step <= MOST_STEPS:
            raise ValueError(_("that is no step"))
        return {"step": step, **values}
    except MALFORMED as error:
        raise CheckpointError(
            _(
                "{path}, line {n}: expected a JSON object with a step and numbers; remove the "
                "line, or train the run again",
                path=path,
                n=number,
            )
        ) from error


def _value(number: Any) -> float:
    """A number; infinite where it is past what could be drawn."""
    value = float(number)
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


def _parameters(run: Path) -> int | None:
    """How many numbers the weights are: their file begins with the shapes."""
    from safetensors import SafetensorError, safe_open

    weights = run / "model.safetensors"
    try:
        check_regular(weights)
        with safe_open(weights, "np") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except (OSError, SafetensorError, *MALFORMED):
        return None
    return sum(map(math.prod, shapes))


def read_samples(run: str | Path) -> list[tuple[int, str]]:
    """The poems that a run wrote while it learnt, with their steps, in order; broken lines are
    left out.

    Raises CheckpointError: there are none.
    """
    path, found = Path(run) / SAMPLES, list[tuple[int, str]]()
    try:
        lines = read_limited(path).splitlines()
    except OSError as error:
        message = _(
            "{path}: cannot be read ({reason}); give the folder that train wrote",
            path=path,
            reason=reason_of(error),
        )
        raise CheckpointError(message) from error
    for line in lines:
        with contextlib.suppress(*MALFORMED):
            row = json.loads(line)
            if isinstance(row["text"], str) and 0 <= int(row["step"]) <= MOST_STEPS:
                found.append((int(row["step"]), row["text"]))
    if not found:
        message = _("{path} has no poems yet; train the run for more steps", path=path)
        raise CheckpointError(message)
    return sorted(found, key=lambda one: one[0])

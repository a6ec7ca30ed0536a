"""What a run folder tells about its training, read without torch and without its model."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MALFORMED, CheckpointError, ConfigError

KEYS = (
    "nll",
    "kl",
    "beta",
    "lr",
    "valid_score",
    "valid_elbo_per_char",
    "valid_recon_per_poem",
    "valid_kl_per_poem",
    "valid_active_units",
)
Row = dict[str, float]


@dataclass(frozen=True)
class History:
    """The training of a run.

    `rows` are the lines of its `metrics.jsonl`: each has a step and some of `KEYS`, in nats. What
    the folder does not tell, as one that is being made, is None: how many `parameters` the model
    has, at which `beta` it was trained, and the `corpus`, a fingerprint.
    """

    name: str
    rows: list[Row]
    parameters: int | None = None
    beta: float | None = None
    corpus: str | None = None

    def best(self) -> Row | None:
        """The validation that the run's own weights come from; None where there was none."""
        scored = [row for row in self.rows if "valid_score" in row]
        return min(scored, key=lambda row: row["valid_score"], default=None)

    def negative_elbo(self) -> float | None:
        """Held-out nats per character of that validation; None of an autoencoder, too."""
        return (self.best() or {}).get("valid_elbo_per_char")


def read_history(run: str | Path) -> History:
    """Read the metrics of a run folder; a last line that is being written, or torn, is left out.

    Raises:
        CheckpointError: the run or its metrics are missing, empty or broken.
    """
    run = Path(run)
    if not run.is_dir():
        raise CheckpointError(f"{run}: no such run folder; check the path, or train one")
    path = run / "metrics.jsonl"
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); give the folder that train wrote"
        ) from error
    if not lines:
        raise CheckpointError(f"{path} has no lines yet; train the run for more steps")
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1)]
    job = _job(run)
    return History(
        run.resolve().name,
        rows,
        _parameters(run),
        _at(job, "config", "objective", "beta"),
        _at(job, "fingerprint"),
    )


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
        found = {key: float(row[key]) for key in KEYS if row.get(key) is not None}
        return {"step": float(row["step"]), **found}
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path}, line {number}: expected a JSON object with a step and numbers; "
            "remove the line, or train the run again"
        ) from error


def _job(run: Path) -> Any:
    try:
        return json.loads((run / "train.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _at(values: Any, *keys: str) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _parameters(run: Path) -> int | None:
    """How many numbers the weights are: their file begins with the shapes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(run / "model.safetensors", "np") as file:
            names = file.keys()
            count: int = sum(math.prod(file.get_slice(name).get_shape()) for name in names)
            return count
    except (OSError, SafetensorError, *MALFORMED):
        return None


FOLDER = "tensorboard"
Track = Callable[[dict[str, Any]], None]


def check_tensorboard() -> None:
    """Raises ConfigError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("TensorBoard takes one more package: pip install 'poetvae[track]'")


@contextlib.contextmanager
def tracking(run: Path, on: bool) -> Iterator[Track]:
    """Takes the lines of `metrics.jsonl` as they are written, each number to a curve by its step.

    What was written before is written anew from `metrics.jsonl`: after a resume no step comes
    twice, and a run that was begun without has its curves from the first step on.
    """
    if not on:
        yield lambda line: None
        return
    from torch.utils.tensorboard import SummaryWriter

    # Purged from step 0 on, what older files say is forgotten; removing a file that a viewer has
    # open would stop it.
    with SummaryWriter(str(run / FOLDER), purge_step=0, flush_secs=10) as writer:

        def track(line: dict[str, Any]) -> None:
            for name, value in line.items():
                if name != "step":
                    writer.add_scalar(tag(name), value, line["step"])

        path = run / "metrics.jsonl"
        if path.exists():
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    track(json.loads(line))
        yield track


def tag(name: str) -> str:
    """The name of a curve: valid/nll for valid_nll, train/nll for nll."""
    part, _, rest = name.partition("_")
    return f"valid/{rest}" if part == "valid" else f"train/{name}"

"""The curves of a run for TensorBoard: `tensorboard --logdir RUN`.

`metrics.jsonl` is what a run has; the event files in its folder `tensorboard` say the same.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import ConfigError

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

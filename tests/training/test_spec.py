"""What a run is, kept whole in its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poetvae.config import configure
from poetvae.errors import CheckpointError
from poetvae.text.poem import Form
from poetvae.training.spec import RunSpec

SPEC = RunSpec(
    configure("small,cluster", {"dilations": (3, 1)}),
    ("a.txt", "b.jsonl"),
    ("c.txt",),
    (Form(5, 2), Form(7, 4)),
    ("dynasty", "form"),
    True,
    12,
    "f" * 64,
)


def test_a_run_is_kept_whole(tmp_path: Path) -> None:
    SPEC.save(tmp_path)
    assert RunSpec.load(tmp_path) == SPEC


@pytest.mark.parametrize(
    "change", [{"labels": None}, {"labels": 3}, {"config": {}}, {"forms": [1]}]
)
def test_what_describes_no_run(tmp_path: Path, change: dict[str, object]) -> None:
    SPEC.save(tmp_path)
    path = tmp_path / "train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=r"describes no run .*; start a new one"):
        RunSpec.load(tmp_path)

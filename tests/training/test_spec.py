"""What a run is, kept whole in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


NONSENSE: list[Any] = [
    *("", "[]", "{}", "[" * 99_999, '{"config": []}', '{"steps": 1e999}'),
    *({"labels": labels} for labels in (None, 3)),
    *({"forms": forms} for forms in ([1], [5], None)),
    *({"steps": steps} for steps in (float("inf"), "many")),
    *({"ends": ends} for ends in ([12], [0], [4, 3], [4, 4], ["few"], 5)),
    *({"config": config} for config in ({"model": {"d_model": 10**400}}, {})),
    {"sources": 5},
]


@pytest.mark.parametrize("says", NONSENSE, ids=lambda says: str(says)[:40])
def test_what_describes_no_run(tmp_path: Path, says: Any) -> None:
    SPEC.save(tmp_path)
    path = tmp_path / "train.json"
    written = json.loads(path.read_text())
    path.write_text(says if isinstance(says, str) else json.dumps({**written, **says}))
    with pytest.raises(CheckpointError, match=r"train\.json describes no run .*; start a new one"):
        RunSpec.load(tmp_path)

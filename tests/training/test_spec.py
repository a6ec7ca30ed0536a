"""What a run is: kept whole in its folder, and the labels that its poems can be told apart by."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.config import configure
from poetvae.errors import CheckpointError, CorpusError
from poetvae.text.poem import Form
from poetvae.training.spec import RunSpec, known_values

JOB = RunSpec(
    configure("small,cluster", {"dilations": (3, 1)}),
    ("a.txt", "b.jsonl"),
    ("c.txt",),
    (Form(5, 2), Form(7, 4)),
    ("dynasty", "form"),
    True,
    12,
    "f" * 64,
)


def test_a_job_is_kept_whole(tmp_path: Path) -> None:
    JOB.save(tmp_path)
    assert RunSpec.load(tmp_path) == JOB


@pytest.mark.parametrize(
    "change", [{"labels": None}, {"labels": 3}, {"config": {}}, {"forms": [1]}]
)
def test_what_describes_no_run(tmp_path: Path, change: dict[str, object]) -> None:
    JOB.save(tmp_path)
    path = tmp_path / "train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=r"describes no run .*; start a new one"):
        RunSpec.load(tmp_path)


@given(st.lists(st.sampled_from(["", "tang", "song", "ming"]), max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_known_values_are_the_frequent_ones(values: list[str], least: int) -> None:
    counts = Counter(values)
    known = {v: n for v, n in counts.items() if v and n >= least}
    if len(known) < 2:
        message = f"^label dynasty: {len(known)} values that {least} poems have, expected 2"
        with pytest.raises(CorpusError, match=message):
            known_values("dynasty", counts, least, Counter())
        return
    found = known_values("dynasty", counts, least, Counter())
    assert {v: counts[v] for v in found} == known
    assert found == tuple(v for v, _ in counts.most_common() if v in known)


def test_what_there_is_to_tell_apart_is_said() -> None:
    there = Counter({"author": 3, "dynasty": 1})
    with pytest.raises(CorpusError, match="the poems have the fields author, dynasty; --set min_l"):
        known_values("title", {"": 4}, 1, there)
    with pytest.raises(CorpusError, match="the poems have the fields none"):
        known_values("title", {}, 1, Counter())

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
from poetvae.job import Job, known_values
from poetvae.text.poem import Form, Poem

JOB = Job(
    configure("small,cluster", {"dilations": (3, 1)}),
    ("a.txt", "b.jsonl"),
    ("c.txt",),
    (Form(5, 2), Form(7, 4)),
    ("dynasty", "form"),
    True,
    12,
    "f" * 64,
)


def of(values: list[str], field: str = "dynasty") -> list[Poem]:
    return [Poem(("山月",), meta={field: value} if value else {}) for value in values]


def test_a_job_is_kept_whole(tmp_path: Path) -> None:
    JOB.save(tmp_path)
    assert Job.load(tmp_path) == JOB


@pytest.mark.parametrize(
    "change", [{"labels": None}, {"labels": 3}, {"config": {}}, {"forms": [1]}]
)
def test_what_describes_no_run(tmp_path: Path, change: dict[str, object]) -> None:
    JOB.save(tmp_path)
    path = tmp_path / "train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=r"describes no run .*; start a new one"):
        Job.load(tmp_path)


@given(st.lists(st.sampled_from(["", "tang", "song", "ming"]), max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_known_values_are_the_frequent_ones(values: list[str], least: int) -> None:
    counts = {v: n for v, n in Counter(values).items() if v and n >= least}
    if len(counts) < 2:
        message = f"^label dynasty: {len(counts)} values that {least} poems have, expected 2"
        with pytest.raises(CorpusError, match=message):
            known_values("dynasty", of(values), least)
        return
    found = known_values("dynasty", of(values), least)
    assert {v: counts[v] for v in found} == counts
    assert sorted(found, key=lambda v: -counts[v]) == list(found)


def test_what_there_is_to_tell_apart_is_said() -> None:
    poems = of(["李白", "杜甫", "李白"], "author") + of(["tang"])
    with pytest.raises(CorpusError, match="the poems have the fields author, dynasty; --set min_l"):
        known_values("title", poems, 1)
    with pytest.raises(CorpusError, match="the poems have the fields none"):
        known_values("title", of([""]), 1)


def test_the_form_is_a_value_of_every_poem() -> None:
    poems = [Poem(("山月，臨窗。",)), Poem(("山月臨，窗白溪。",)), Poem(("a b",))]
    assert set(known_values("form", poems, 1)) == {"2x2", "3x2", "free"}

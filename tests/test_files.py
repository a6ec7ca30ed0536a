"""Names that are one's own: what is half-written, held or replaced is nobody else's."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from folders import contents, names
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.checkpoints.model_folder import Saved, load_folder, save_folder
from poetvae.errors import CheckpointError
from poetvae.files import (
    TEMPORARY,
    locked,
    new_folder,
    sweep,
    temporary_folder,
    write_file,
    write_files,
)
from poetvae.poet import Poet

Bytes = dict[str, bytes]
OURS = ".poetvae-0123456789abcdef.tmp"
NAMES = st.text("aé詩.-_", min_size=1, max_size=12).filter(lambda name: name.strip("."))
FILES = st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(FILES, FILES, st.sampled_from([0o600, 0o640, 0o644, 0o664, 0o444, 0o755]))
def test_files_are_replaced_with_their_modes_and_nothing_else_is_touched(
    tmp_path_factory: pytest.TempPathFactory,
    old: dict[str, bytes],
    new: dict[str, bytes],
    mode: int,
) -> None:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder, old)
    for name in old:
        (folder / name).chmod(mode)
    write_files(folder, new)
    assert contents(folder) == {**old, **new}
    fresh = 0o666 & ~_umask()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {**dict.fromkeys(new, fresh), **dict.fromkeys(old, mode)}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", [".a.txt.tmp", ".new.tmp", ".new.old.tmp", OURS + "~", OURS])
@pytest.mark.parametrize("kind", ["file", "folder", "link", "link to a folder"])
def test_what_is_anothers_stays(tmp_path: Path, name: str, kind: str) -> None:
    """Whatever it is called; a link is never followed, nor removed."""
    if name == OURS and not kind.startswith("link"):
        return  # as a process of ours leaves it
    here, victim = tmp_path / "here", tmp_path / "victim"
    here.mkdir()
    victim.mkdir()
    (victim / "thesis").write_text("all of it")
    there = here / name
    match kind:
        case "file":
            there.write_text("mine")
        case "folder":
            there.mkdir()
            (there / "thesis").write_text("all of it")
        case "link":
            there.symlink_to(victim / "thesis")
        case _:
            there.symlink_to(victim)
    before = there.lstat(), contents(tmp_path)
    write_file(here / "a.txt", b"new")
    with new_folder(here / "new") as folder:
        (folder / "b").write_bytes(b"new")
    sweep(here)
    now = contents(tmp_path)
    assert {path: now.pop(path) for path in ("here/a.txt", "here/new/b")}
    assert (there.lstat().st_ino, now) == (before[0].st_ino, before[1])


KILLED = """
import os, signal, sys
from pathlib import Path
from poetvae import files
with files.temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    real = os.replace
    os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
    files.write_file(Path(sys.argv[1]) / "a", b"half")
"""


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(tmp_path: Path) -> None:
    for _ in range(2):  # it does not pile up either
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
        assert done.returncode == -signal.SIGKILL
        left = [path.name for path in tmp_path.iterdir()]
        assert len(left) == 2
        assert all(map(TEMPORARY.fullmatch, left))
    with temporary_folder(tmp_path) as held:
        assert names(tmp_path) == {held.name}
        write_file(tmp_path / "a", b"whole")
        sweep(tmp_path)
        assert names(tmp_path) == {held.name, "a"}
    assert names(tmp_path) == {"a"}


def test_no_two_names_are_the_same(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as one, temporary_folder(tmp_path) as two:
        assert one != two
        assert names(tmp_path) == {one.name, two.name}


def test_a_file_that_appeared_meanwhile_is_not_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the name foreseen, a link would be there."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    monkeypatch.setattr("secrets.token_hex", lambda n: "0123456789abcdef")
    (tmp_path / OURS).symlink_to(victim)
    with pytest.raises(CheckpointError, match="a: cannot be written"):
        write_file(tmp_path / "a", b"new")
    with pytest.raises(FileExistsError), temporary_folder(tmp_path):
        pass
    assert (victim.read_text(), names(tmp_path)) == ("mine", {"victim", OURS})


def test_a_folder_that_appeared_meanwhile_stays(tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        mine = opened.enter_context(new_folder(tmp_path / "new"))
        (mine / "a").write_text("mine")
        with new_folder(tmp_path / "new") as other:
            (other / "a").write_text("other")
        with pytest.raises(OSError, match="not empty"):
            opened.close()
    assert contents(tmp_path) == {"new/a": b"other"}


def test_whether_a_folder_is_still_the_one_that_is_held(tmp_path: Path) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    with locked(folder) as in_place:
        assert in_place()
        folder.rename(away)
        assert not in_place()
        folder.mkdir()
        assert not in_place()
        folder.rmdir()
        away.rename(folder)
        assert in_place()
    (folder / ".lock").unlink()
    (folder / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(CheckpointError, match=r"\.lock is a link"), locked(folder):
        pass


def test_a_reader_of_a_run_in_training_sees_a_whole_model(
    tmp_path: Path, poet: Poet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its files are replaced again and again, each a moment after the one before."""
    run, replace, stop = tmp_path / "run", os.replace, threading.Event()
    models = [copy.deepcopy(poet.model) for _ in range(2)]
    with torch.no_grad():
        next(models[1].parameters()).add_(1.0)
    saved = [Saved(model, poet.codec) for model in models]
    save_folder(run, saved[0], "card")
    (run / "train.json").touch()

    def slowly(*names: Path) -> None:
        replace(*names)
        time.sleep(0.002)

    def write() -> None:
        for turn in itertools.cycle(saved):
            save_folder(run, turn, "card", overwrite=True)
            if stop.wait(0.02):
                return

    monkeypatch.setattr(os, "replace", slowly)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        read = [load_folder(run).model for _ in range(60)]
    finally:
        stop.set()
        writer.join()
    sums = [{float(next(m.parameters()).detach().sum()) for m in part} for part in (read, models)]
    assert sums[0] == sums[1]

"""What is read has an end: pipes, devices and great files are told in a line, at once; and what a
terminal or a card shows of them commands neither."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from commands import refused, shell
from folders import forge
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.checkpoints.card import model_card
from poetvae.checkpoints.hub import locate
from poetvae.checkpoints.model_folder import load_folder
from poetvae.cli.common import MOST_LINES
from poetvae.data import sources
from poetvae.errors import CheckpointError, ConfigError, ConstraintError, brief, visible
from poetvae.files import MOST, read_limited
from poetvae.plotting.curves import plot_curves
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.training.log import read_history
from poetvae.training.spec import RunSpec


def link(path: Path) -> None:
    os.mkfifo(pipe := f"{path}-")
    path.symlink_to(pipe)


def terabyte(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


ENDLESS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a pipe": link,
    "a directory": Path.mkdir,
    "a file of a terabyte": terabyte,
}


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """What waits for a pipe, or reads without an end, is stopped and fails."""

    def stop(*_: object) -> None:
        raise TimeoutError("it does not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=ENDLESS)
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file without an end."""
    ENDLESS[request.param](path := tmp_path / "endless")
    return path


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """A run to spoil."""
    return Path(shutil.copytree(run, tmp_path / "copied"))


READERS: dict[str, list[Callable[[Path], object]]] = {
    "config.json": [load_folder],
    "manifest.json": [load_folder],
    "model.safetensors": [load_folder],
    "tokenizer.model": [load_folder],
    "train.json": [RunSpec.load],
    "metrics.jsonl": [read_history],
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_a_run_that_does_not_end_is_named(copied: Path, endless: Path, name: str) -> None:
    shutil.rmtree(copied / "checkpoints")
    (copied / name).unlink()
    os.rename(endless, copied / name)
    for read in READERS[name]:
        with pytest.raises(CheckpointError) as told:
            read(copied)
        assert name in str(told.value)
        assert "\n" not in str(told.value)


def test_a_card_that_does_not_end_is_no_card(copied: Path, endless: Path) -> None:
    (copied / "README.md").unlink()
    os.rename(endless, copied / "README.md")
    assert Poet.from_pretrained(copied).card == ""


@pytest.mark.parametrize("line", ["score {}", "train --out {}-o --config {}", "info --model {}"])
def test_a_command_is_given_what_does_not_end(
    endless: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.3)  # for somebody to write into a pipe
    result = shell(line.format(*[endless] * 2))
    assert result.code in (1, 2)
    assert result.error.startswith("error: ")


@pytest.mark.parametrize("line", ["score", "reconstruct -", "complete -"])
def test_lines_without_an_end(run: Path, tmp_path: Path, line: str) -> None:
    endless = b"y\n" * (MOST_LINES + 1)
    refused(1, "-: more than 1,048,576 lines", f"{line} --model {run}", stdin=endless)
    if line == "score":
        (path := tmp_path / "poems.txt").write_bytes(endless)
        refused(1, f"{path}: more than", f"score --model {run}", path)


def test_a_line_without_an_end(run: Path) -> None:
    """Memory is bounded, so that a machine with less does not hang."""
    words = [sys.executable, "-m", "poetvae", "score", "--model", str(run)]
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))  # noqa: E731
    with open("/dev/zero", "rb") as zero:
        done = subprocess.run(words, stdin=zero, capture_output=True, check=False, preexec_fn=limit)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


# Great and deep ones

GREAT = {
    "a text": lambda size: b'{"format": "poetvae", "x": "' + b"a" * size + b'"}',
    "lists": lambda size: b'{"format": [' + b"[]," * (size // 3) + b"[]]}",
    "depth": lambda size: b"[" * min(size, 10**6),
}


@pytest.mark.parametrize("made", GREAT)
def test_a_great_config_is_refused_unread(run: Path, copied: Path, made: str) -> None:
    shutil.rmtree(copied / "checkpoints")
    forge(copied, "config.json", GREAT[made](2 * MOST["config.json"]))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_folder(copied)


def test_a_file_is_read_up_to_its_bound_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    for size, fits in ((0, True), (MOST["README.md"], True), (MOST["README.md"] + 1, False)):
        path.write_bytes(b"x" * size)
        if fits:
            assert read_limited(path) == b"x" * size
        else:
            with pytest.raises(OSError, match=r"1,048,577 bytes; expected at most 1,048,576"):
                read_limited(path)


def test_deep_settings(tmp_path: Path) -> None:
    (path := tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    refused(2, "is not TOML", f"train --out {tmp_path}/o --config", path)


METRICS = [
    ('{"step": 1e999}', False), ('{"step": -1}', False), ('{"step": 1e300}', False),
    ('{"step": NaN}', False), ("[" * 100_000, False), ('{"step": ' + "9" * 5000 + "}", False),
    ('{"step": 30, "nll": 1' + "0" * 400 + "}", False),
    ('{"step": 30, "nll": 1e999, "kl": -1e999, "lr": 1e308, "beta": -1e308}', True),
    ('{"step": 30, "nll": 1e308, "kl": 1e308, "valid_score": 1e999}', True),
    ('{"step": 30, "valid_score": -1e999, "valid_elbo_per_char": NaN}', True),
    ('{"step": 30, "valid_score": 0.1}', True),
    ('{"step": 30, "valid_score": 0.1, "valid_elbo_per_char": 1e31, "valid_kl_per_poem": 1e99}',
     True),
]  # fmt: skip


@pytest.mark.parametrize(("line", "drawn"), METRICS, ids=lambda value: str(value)[:40])
def test_numbers_that_cannot_be_drawn(run: Path, copied: Path, line: str, drawn: bool) -> None:
    with open(copied / "metrics.jsonl", "a") as file:
        file.write(line + "\n")
    if not drawn:
        with pytest.raises(CheckpointError, match=r"line \d+: expected a JSON object with a step"):
            read_history(copied)
        return
    histories = [read_history(copied), read_history(run)]
    assert all(
        abs(v) < 1e30 or not -1e30 < v < 1e30 for row in histories[0].rows for v in row.values()
    )
    for drawing in (histories[:1], histories):
        plot_curves(out := copied / "curves.svg", drawing)
        assert out.stat().st_size > 1000
    for kind in ("ladder", "rate-distortion"):
        assert shell(f"plot {copied} {run} --kind {kind} --out {out}").code == 0


# Long numbers

LARGE = 10**5000


def test_a_number_of_5000_digits_is_told_shortly(run: Path, poet: Poet) -> None:
    digits = "1" + "0" * 5000
    for line in (f"generate --line {digits}=x", f"generate --form {digits}x2"):
        result = shell(f"{line} --model {run}")
        assert result.code in (1, 2)
        assert len(result.error) < 2100
    with pytest.raises(ConstraintError, match="a number of more than 60 digits"):
        poet.generate(lines={LARGE: "山"})
    for name in ("candidates", "temperature", "top_p"):
        values: Any = {name: LARGE}
        with pytest.raises(ConfigError, match=f"{name} is a number of more than 60 digits"):
            poet.generate(**values)


@settings(deadline=None)
@given(st.integers() | st.text() | st.lists(st.integers()) | st.just(-LARGE))
def test_what_is_quoted_is_short(value: object) -> None:
    assert len(brief(value)) <= 60
    if value != -LARGE and len(repr(value)) <= 60:
        assert brief(value) == repr(value)


# Control characters

ANY = st.text(st.characters(codec="utf-8") | st.characters(max_codepoint=0x9F))


@settings(deadline=None)
@given(ANY)
def test_control_characters_become_visible_and_json_stays_what_it_was(text: str) -> None:
    shown = visible(text)
    commands = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"}
    assert not set(shown) & (commands - {"\n", "\t"})
    assert not set(visible(text, keep="")) & commands
    assert json.loads(visible(json.dumps(text, ensure_ascii=False))) == text
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


NAME = "a\x1b[31m\x9b2J\x07\x85b"


def test_names_of_files_and_labels_command_no_terminal(run: Path, tmp_path: Path) -> None:
    named = Path(shutil.copytree(run, tmp_path / NAME))
    lines: list[list[str | Path]] = [
        ["info", "--model", named], ["info", "--model", f"{named}-"], ["score", named],
        ["plot", named, "--out", tmp_path / f"{NAME}.svg"], ["plot", f"{named}-", "--out", "x.svg"],
        ["generate", "--form", NAME], [NAME], ["generate", f"--{NAME}"], ["corpus", "stats", NAME],
        ["generate", "--model", run, "--first-line", NAME], ["info", "--json", "--model", named],
    ]  # fmt: skip
    for words in lines:
        result = shell("", *words)
        assert result.code in (0, 1, 2)
        for text in (result.out, result.err):
            assert text.replace("\n", "").replace("\t", "").isprintable(), words


def test_a_card_has_neither_html_nor_markup_of_a_corpus(poet: Poet) -> None:
    hostile = ["<script>alert(1)</script>", "[x](javascript:a)", "**a**\n---\nlicense: evil\x1b"]
    codec = PoemCodec(poet.codec.tokenizer, 24, fields={"<b>": tuple(hostile)})
    card = model_card(poet.model, codec)
    assert "<script" not in card
    assert "<b>" not in card
    assert r"\[x\](javascript" in card
    assert "\nlicense" not in card
    assert "\x1b" not in card
    assert escape(hostile[0], quote=False).replace("[", "") in card


# Links that lead nowhere


def test_a_dead_link_is_no_question_to_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("owner").mkdir()
    for link, target in (("owner/name", "nowhere"), ("dead", "/nowhere/x"), ("loop", "loop")):
        Path(link).symlink_to(target)
    for name in ("owner/name", "dead/model", "loop/model"):
        assert locate(name) == Path(name)
        refused(1, f"{name}: no such model folder", f"info --model {name}")
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        locate("owner/another")

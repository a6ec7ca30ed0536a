"""What a terminal shows: a welcome, help by use, a bar where one can be, nothing where quiet."""

from __future__ import annotations

import logging
import os
import pty
import re
import subprocess
import sys
import termios
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from commands import COUPLET, Words, process, shell

from poetvae.cli import cli, terminal
from poetvae.progress import without_bar

TRAIN = "train --form 5x2 --preset tiny --steps 4 --set log_every=1 --set validate_every=2 "
TRAIN += "--set d_model=8 --set embed_dim=8 --set latent_dim=2 --set precision=fp32"


def seen(*words: str | Path, **env: str) -> str:
    """What a terminal gets to show of a command."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 120))
    command = [sys.executable, "-m", "poetvae", *map(str, words)]
    everywhere = {**os.environ, **env}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=everywhere
    ) as running:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert running.returncode == 0, shown.decode()
    return shown.decode()


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # as Linux says that the other side has closed
        return b""


def completed(*words: str, **env: str) -> list[str]:
    """What a shell would offer for the last word."""
    line = {"COMP_WORDS": " ".join(["poetvae", *words]), "COMP_CWORD": str(len(words))}
    code = "import sys; sys.argv = ['poetvae']; from poetvae.cli import main\n"
    code += "try: main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "_POETVAE_COMPLETE": "bash_complete", **line, **env},
    )
    assert done.stderr == "False\n"
    return done.stdout.split()


# Welcome and help


def test_alone_it_says_what_it_is_and_three_commands() -> None:
    done = process()
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    said = "A machine that writes verse from a latent space: classical Chinese, and English."
    assert first == said
    shown = [line.split()[1] for line in rest if line.startswith("  poetvae ")]
    assert shown == ["generate", "train", "demo"]
    assert "poetvae --help" in rest[-1]
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_help_has_every_command_once_by_use() -> None:
    text = process("--help").stdout
    shown = re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)
    assert sorted(shown) == sorted(cli.commands)
    uses = re.findall(r"^([A-Z][a-z ]+):$", text, re.MULTILINE)
    assert uses[:4] == ["Options", "Write", "Move in the latent space", "Train and measure"]


def test_a_command_that_no_use_names_is_there_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cli.commands, "sing", click.Command("sing", help="Sing. Loudly."))
    with click.Context(cli) as context:
        assert re.search(r"Others:\n  sing  Sing\.", cli.get_help(context))


# Saying less, and more


def test_quiet_leaves_results_and_errors(run: Path) -> None:
    how: Words = ["vary", "--model", run, COUPLET]
    assert "seed " in shell(*how)[2]
    code, out, err = shell(*how, "-q")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) >= 1
    code, out, err = shell(*how, "-q", "--distance", "-1")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_quiet_training_says_nothing_and_usual_one_shows_poems(tmp_path: Path) -> None:
    assert shell(TRAIN, "--out", tmp_path / "a", "--quiet") == (0, "", "")
    _, _, told = shell(TRAIN, "--out", tmp_path / "b")
    for step in (2, 4):
        assert re.search(rf"^step {step}/4 .*\n    \S{{5}}，\S{{5}}。$", told, re.MULTILINE)


@pytest.fixture
def speak() -> Iterator[click.Command]:
    """A command that logs and warns."""

    @click.command(cls=terminal.Command)
    def command() -> None:
        logging.getLogger("poetvae.somewhere").debug("went %s", "well")
        logging.getLogger("elsewhere").info("too")
        logging.getLogger("elsewhere").debug("too much")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = terminal.warn
            warnings.warn("beware", stacklevel=1)

    level, handlers = logging.getLogger("poetvae").level, [*logging.getLogger().handlers]
    yield command
    assert logging.getLogger("poetvae").level == level
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ([], ["warning: beware"]),
        (["-q"], []),
        (["-v"], ["poetvae.somewhere: went well", "elsewhere: too", "warning: beware (FILE)"]),
    ],
)
def test_what_is_said(
    speak: click.Command,
    capsys: pytest.CaptureFixture[str],
    option: list[str],
    told: list[str],
) -> None:
    speak.main(option, standalone_mode=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.sub(rf"{re.escape(__file__)}:\d+", "FILE", err).splitlines() == told


# The bar


def test_training_on_a_terminal(tmp_path: Path) -> None:
    env = {"NO_COLOR": "1", "TERM": "xterm-256color"}
    shown = seen(*TRAIN.split(), "--out", tmp_path / "run", **env)
    assert "\x1b" not in shown
    last = re.findall(r"\d+%\|[^\r\n]*", shown)[-1]
    wanted = r"4/4 \[\d\d:\d\d<00:00, .*nll \d+\.\d\d, kl \d+\.\d\d, lr \d\.\de[-+]\d\d\]"
    assert re.search(wanted, last)
    assert re.search(r"step 2/4 .*held-out .*\r\n    \S{5}，\S{5}。", shown)


def test_a_terminal_is_told_what_takes_its_time(run: Path) -> None:
    shown = seen("info", "--model", run, TERM="xterm")
    line = "reading the model …"
    assert shown.startswith(f"\r{line}\r{' ' * len(line)}\rThe model:\r\n")
    assert "reading" not in seen("info", "--model", run, "-q", TERM="xterm")
    assert re.search(r"\r\d+poem \[", seen("corpus", "stats", TERM="xterm"))


def test_where_a_bar_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert without_bar(quiet=False) is None  # tqdm asks whether it is a terminal
    assert without_bar(quiet=True) is True
    monkeypatch.setenv("TERM", "dumb")
    assert without_bar(quiet=False) is True


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    done = process("completion", shell)
    assert done.returncode == 0
    assert f"_POETVAE_COMPLETE={shell}_complete" in done.stdout


def test_bash_takes_it(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(process("completion", "bash").stdout)
    done = subprocess.run(
        ["bash", "-c", f". {script}; complete -p poetvae"], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "complete -o nosort -F _poetvae_completion poetvae"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["com"], ["plain,complete", "plain,completion"]),
        (["train", "--preset", "in"], ["plain,infill"]),
        (["train", "--preset", "small,i"], ["plain,small,iwae", "plain,small,infill"]),
        (["generate", "--form", "5"], ["plain,5x2", "plain,5x4", "plain,5x8"]),
        (["train", "--form", "浣"], ["plain,浣溪沙"]),
        (["generate", "--tones", "l"], ["plain,lenient"]),
        (["plot", "--kind", "r"], ["plain,rate-distortion"]),
        (["info", "--model", "my"], ["file,my"]),
        (["train", "po"], ["file,po"]),
        (["corpus", "to"], ["plain,tokenize"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_is_offered_and_without_torch(words: list[str], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_a_table_has_its_columns_below_each_other() -> None:
    rows = [["form", "n"], ["浣溪沙", "12"], ["5x2", "1,000"]]
    assert terminal.table(rows) == ["form        n", "浣溪沙     12", "5x2     1,000"]

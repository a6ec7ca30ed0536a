"""The command line: results on stdout, all else on stderr; what is wrong is a line and a code."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from commands import COUPLET, COUPLETS, Result, Words, process, refused, shell

import poetvae
from poetvae import cli
from poetvae.checkpoints import model_folder as checkpoint
from poetvae.errors import ConfigError
from poetvae.evaluation.likelihood import Report
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem, content
from poetvae.text.prosody import readings, regulated
from poetvae.text.variants import to_simplified
from poetvae.training.spec import RunSpec, read_run

TINY = ["d_model=8", "embed_dim=8", "latent_dim=2", "encoder_layers=1", "decoder_layers=1"]
SETS = [f"--set={pair}" for pair in [*TINY, "precision=fp32", "held_out=0.2"]]
QUICK: Words = ["--form", "5x2", "--preset", "tiny", "--steps", "2", "--quiet", *SETS]


@pytest.fixture
def model(poet: Poet, tmp_path: Path) -> Path:
    """A model folder of one's own, to be damaged."""
    poet.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def free_model(free_poet: Poet, tmp_path: Path) -> Path:
    """A model folder of English poems."""
    free_poet.save_pretrained(tmp_path / "free")
    return tmp_path / "free"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def known(poet: Poet) -> str:
    """A couplet of characters that the model knows."""
    return poet.generate(1, seed=1)[0].text


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twenty couplets."""
    return write(tmp_path / "couplets.txt", "\n".join(COUPLETS))


def write(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text, encoding="utf-8")
    return path


def walk(command: click.Command, line: str = "") -> Iterator[tuple[str, click.Command]]:
    """A command and those below it, each with the line that calls it."""
    yield line, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, f"{line} {name}".strip())


COMMANDS = dict(walk(cli.cli))
LEAVES = {line: c for line, c in COMMANDS.items() if not isinstance(c, click.Group)}


# Help


def test_the_commands_are_these() -> None:
    one_word = "train generate complete reconstruct interpolate vary neighbours edit optimise plot"
    one_word += " map score evaluate check info completion export demo serve couplet about models"
    assert set(LEAVES) == {*one_word.split(), "corpus stats", "corpus tokenize", "corpus themes"}


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("line", COMMANDS)
def test_help_ends_with_an_example(line: str, option: str) -> None:
    result = shell(f"{line} {option}")
    assert (result.code, result.err) == (0, "")
    assert f"{line} [OPTIONS]".strip() in result.out.splitlines()[0]
    example = result.out.splitlines()[-1].strip()
    assert f"{example} ".startswith(f"Example: {f'poetvae {line}'.strip()} ")


def example_of(line: str) -> str:
    """The example in a command's help, without the first word."""
    last = shell(f"{line} --help").out.splitlines()[-1].strip()
    assert last.startswith("Example: poetvae ")
    return last.removeprefix("Example: poetvae ")


@pytest.mark.parametrize("line", COMMANDS)
def test_examples_have_only_options_that_there_are(line: str) -> None:
    example, called = example_of(line), []
    with pytest.MonkeyPatch.context() as patch:
        for leaf in LEAVES.values():
            patch.setattr(leaf, "callback", lambda **options: called.append(options))
        result = shell(example)
    assert (result.code, result.err) == (0, "")
    assert len(called) == 1


@pytest.mark.parametrize("line", sorted(LEAVES.keys() - {"train"}))
def test_examples_work(run: Path, themed_run: Path, here: Path, line: str) -> None:
    (here / "my-poet").symlink_to(themed_run if line == "about" else run)
    write(here / "poems.txt", COUPLET)
    write(here / "held-out.txt", COUPLET)
    result = shell(example_of(line))
    assert (result.code, result.out > "", "error" in result.err) == (0, True, False)


def test_the_example_of_train_trains(here: Path) -> None:
    steps = example_of("train").replace("--minutes 1", "--steps 2")  # a minute is long
    assert "--steps 2" in steps
    assert shell(steps, *SETS).code == 0
    assert Poet.from_pretrained(here / "my-poet").forms == [Form(5, 2)]


def test_version() -> None:
    assert shell("--version") == (0, f"poetvae, version {poetvae.__version__}\n", "")


@pytest.mark.parametrize("line", LEAVES)
def test_every_command_can_be_quiet_or_verbose(line: str) -> None:
    assert {"-q", "-v"} <= {option for param in LEAVES[line].params for option in param.opts}


# What is wrong with the call


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("corpus nonsense", "No such command 'nonsense'"),
        ("--nonsense", "No such option"),
        ("train", "Missing option '--out'"),
        ("train --out x --nonsense", "No such option"),
        ("train --out x --steps many", "'many' is not a valid integer"),
        ("train --out x --seed -1", "-1 is not in the range"),
        ("generate -n 0", "0 is not in the range"),
        ("generate -n", "requires an argument"),
        ("generate poem", "Got unexpected extra argument"),
        ("generate --tones loose", "'loose' is not one of 'strict', 'usual', 'lenient'"),
        ("generate --script latin", "'latin' is not one of 'simplified', 'traditional'"),
        ("complete", "Missing argument 'TEXT'"),
        ("evaluate --iw 0", "0 is not in the range"),
        ("info --json=1", "does not take a value"),
    ],
)
def test_wrong_usage(line: str, says: str) -> None:
    result = shell(*line.split())
    assert (result.code, result.out) == (2, "")
    lines = result.err.splitlines()
    assert [line for line in lines if line.startswith("Error: ")] == lines[-1:]
    assert says in lines[-1]
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "--preset huge",
            "no preset 'huge'; there are ae, ar, ar-large, base, cluster, few, infill, iwae, ",
        ),
        ("--preset small,huge", "no preset 'huge'; there are ae, ar, "),
        ("--preset tiny,ae --set beta=1", "an autoencoder (sample=false) has no KL: set"),
        ("--set nonsense=1", "no setting 'nonsense'; there are "),
        ("--set latent_dim", "--set latent_dim: expected NAME=VALUE, as --set latent_dim=64"),
        ("--set latent_dim=x", "latent_dim is 'x'; expected int"),
        ("--set beta=-1", "beta is '-1'; expected 0.0 to 1000.0"),
        ("--set norm=batch", "norm is 'batch'; expected one of layer, none"),
        ("--batch-size 0", "batch_size is 0; expected 1 to"),
        ("--form 5by2", "form '5by2': expected characters a line, x, lines, such as 5x2"),
        ("--form 0x2", "form 0x2: expected 1 to 99 characters"),
        ("--steps 1 --epochs 1", "epochs and steps were given; give one of them"),
        ("--steps 0", "steps is 0; expected more than 0"),
        ("--minutes nan", "minutes is nan; expected more than 0"),
        ("--device nonsense", "device 'nonsense' cannot be used here; try cpu"),
        ("--config missing.toml", "missing.toml: cannot be read (No such file"),
    ],
)
def test_wrong_settings(tmp_path: Path, line: str, says: str) -> None:
    refused(2, f"error: {says}", "train --out", tmp_path / "run", *line.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("beta = = 1", "is not TOML: Invalid value (at line 1, column 8)"),
        ("[model]\nlatent_dim = 4", "no setting 'model'"),
        ("latent_dim = 1.5", "latent_dim is 1.5; expected int"),
        ("beta = 2020-01-01", "beta is datetime.date(2020, 1, 1); expected float"),
    ],
)
def test_a_wrong_file_of_settings(tmp_path: Path, text: str, says: str) -> None:
    file = write(tmp_path / "a.toml", text)
    refused(2, says, "train --out", tmp_path / "run", "--config", file)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--form 9x9", 2, "this model does not write 9x9; it writes 5x2"),
        ("--form limerick", 2, "form 'limerick': expected"),
        ("--temperature -1", 2, "temperature is -1.0; expected 0 to 100"),
        ("--temperature nan", 2, "temperature is nan"),
        ("--top-k 0", 2, "top_k is 0; expected at least 1"),
        ("--top-p 0", 2, "top_p is 0.0; expected more than 0, at most 1"),
        ("--device nonsense", 2, "device 'nonsense' cannot be used here"),
        ("--passes 0", 2, "passes is 0; expected at least 1"),
        ("--passes 3", 2, "passes is 3; this model was trained to write in 1"),
        ("--candidates 0", 2, "candidates is 0; expected 1 to 1000"),
        ("--line one=山", 2, "--line one=山: expected N=TEXT, as --line 2=TEXT"),
        ("--line 山", 2, "--line 山: expected NAME=VALUE, as --line 2=TEXT"),
        ("--label dynasty", 2, "--label dynasty: expected NAME=VALUE, as --label dynasty=tang"),
        ("--label dynasty=tang", 2, "no label 'dynasty'; this model's labels: none"),
        ("--acrostic 山 --first-line 橋形得水成", 1, "line 1, position 1: the first line wants 橋"),
        ("--acrostic 山水風", 1, "the acrostic: '山水風' has 3 characters; expected 1 to 2"),
        ("--first-line ''", 1, "the first line: '' has 0 characters; expected 1 to 5"),
        ("--line 3=瀑響分雲出", 1, "line 3 of 5x2: expected 1 to 2"),
        ("--contains 龘", 1, "this model cannot write 龘; take other characters"),
        ("--rhyme any", 1, "5x2 has one line to rhyme; name a rhyme class, such as 尤"),
        ("--rhyme x", 1, "rhyme 'x': expected a rhyme class such as 尤"),
        ("--template _____", 1, "the template '_____' has no character"),
        ("--no-repeat --contains 山山", 1, "no character may come twice"),
    ],
)
def test_what_cannot_be_written(run: Path, line: str, code: int, says: str) -> None:
    refused(code, f"error: {says}", f"generate {line} --model", run)


def test_debug_gives_a_traceback() -> None:
    with pytest.raises(ConfigError, match="form '5by2'"):
        shell("--debug corpus stats --form 5by2")
    done = process("--debug", "corpus", "stats", "missing.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback (most recent call last)" in done.stderr
    assert "CorpusError: missing.txt: no such file or folder" in done.stderr


def test_codes_of_a_real_process() -> None:
    missing, usage = process("corpus", "stats", "missing.txt"), process("nonsense")
    assert (missing.returncode, usage.returncode, process("--version").returncode) == (1, 2, 0)
    assert missing.stderr == "error: missing.txt: no such file or folder; check the path\n"


# Bad corpora


@pytest.mark.parametrize("command", ["corpus stats", "train --out run", "evaluate --model model"])
@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("missing.txt", None, "missing.txt: no such file or folder; check the path"),
        ("a.docx", b"", "a.docx: unknown format; expected a name in .json"),
        ("a.txt", b"", "a.txt: nothing to learn from: 0 poems read, it is empty"),
        ("a.txt", b"\n \n\n", "a.txt: nothing to learn from: 0 poems read, it is empty"),
        ("a.txt", b"\xff", "a.txt: nothing to learn from: 1 poems read, dropped: 1 not UTF-8"),
        ("a.json", b"{", "a.json: nothing to learn from: 1 poems read, dropped: 1 broken JSON"),
        ("a.txt.gz", gzip.compress(b"x" * 99)[:-9], "a.txt.gz: cannot be read"),
        ("a.jsonl", b"[" * 9999, "a.jsonl: nothing to learn from"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else "",
)
def test_a_corpus_that_cannot_be_read(
    model: Path, here: Path, command: str, name: str, data: bytes | None, says: str
) -> None:
    if data is not None:
        (here / name).write_bytes(data)
    refused(1, says, command, name)
    assert not (here / "run").exists()


@pytest.mark.parametrize("command", ["corpus stats", "train --out run"])
@pytest.mark.usefixtures("here")
def test_no_poem_of_that_form_names_the_forms_there_are(corpus: Path, command: str) -> None:
    says = f"error: {corpus}: 0 poems of the form 7x4; there are 20 of 5x2: try --form 5x2"
    refused(1, says, command, corpus, "--form", "7x4")


@pytest.mark.parametrize(
    ("data", "what"),
    [(b'{"text": ', "broken JSON"), (b'{"text": "\xff"}', "not UTF-8"), (b"[]", "not an object")],
    ids=["json", "utf-8", "object"],
)
def test_a_broken_entry_is_skipped_and_counted_or_with_strict_an_error(
    tmp_path: Path, data: bytes, what: str
) -> None:
    good = [json.dumps({"text": text}).encode() for text in COUPLETS[:2]]
    path = tmp_path / "poems.jsonl"
    path.write_bytes(b"\n".join([good[0], data, good[1]]))
    lenient = shell("corpus stats", path)
    assert (lenient.code, lenient.err) == (0, "")
    assert "poems: 3 read, 2 kept" in lenient.out
    assert f"dropped: 1 {what}" in lenient.out
    assert f"{path}:2: {what}" in lenient.out
    for command in ("corpus stats", f"train --form 5x2 --out {tmp_path}/run"):
        refused(1, f"error: {path}:2: {what}; mend it", command, path, "--strict")
    assert not (tmp_path / "run").exists()


def test_a_poem_that_is_too_long(free_model: Path, tmp_path: Path) -> None:
    says = "takes 140 positions; this model has 40"
    refused(1, says, "reconstruct --model", free_model, "a rose " * 20)
    long = write(tmp_path / "long.txt", "a rose " * 20 + "\n\na rose is\na rose")
    evaluated = shell("evaluate --model", free_model, "--iw", "1", "--json", long)
    assert evaluated.answer["poems"] == 1
    assert "left out: 1 poems that do not fit the model" in evaluated.err
    none = shell("evaluate --model", free_model, write(tmp_path / "only.txt", "a rose " * 20))
    assert (none.code, none.out) == (1, "")
    assert none.err.splitlines()[-1].startswith("error: no poem to score")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("瀑響分雲出", "error: 瀑響分雲出 has the form free; this model reads 5x2"),
        *[(text, "has no character of writing in it") for text in ("", " ", "，。")],
    ],
)
def test_a_text_that_is_no_poem(run: Path, text: str, says: str) -> None:
    refused(1, says, "reconstruct --model", run, text)


# Bad models


def test_without_a_model_it_is_the_packaged_one() -> None:
    for line in ("generate --seed 1 --form 5x4", f"reconstruct {COUPLETS[0]}"):
        result = shell(line)
        assert (result.code, result.out > "") == (0, True)
        assert result == shell(f"{line} --model", checkpoint.PACKAGED["chinese"])
    assert shell("info --json").answer["model"] == "the packaged model"


@pytest.mark.parametrize("line", ["evaluate", f"edit {COUPLETS[0]} --toward dynasty=tang"])
def test_what_the_packaged_model_learnt_from_is_not_there(line: str) -> None:
    refused(1, "error: the packaged model has no train.json: ", line)


def forge_version(model: Path) -> None:
    config = {**json.loads((model / "config.json").read_bytes()), "version": 99}
    data = json.dumps(config).encode()
    (model / "config.json").write_bytes(data)
    manifest = json.loads((model / "manifest.json").read_bytes())
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"]["config.json"] = entry
    write(model / "manifest.json", json.dumps(manifest))


def flip_bit(model: Path) -> None:
    data = bytearray((model / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (model / "model.safetensors").write_bytes(data)


def tear(model: Path) -> None:
    (model / "tokenizer.model").unlink()


def leave_a_pickle(model: Path) -> None:
    for path in model.iterdir():
        path.unlink()
    (model / "model.pt").write_bytes(pickle.dumps({}))


@pytest.mark.parametrize("command", ["generate", "reconstruct", "evaluate", "info"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (forge_version, "config.json says format, version, kind = ('poetvae', 99, 'vae')"),
        (flip_bit, "model.safetensors is damaged: size or sha256 differ"),
        (tear, "tokenizer.model: cannot be read (No such file or directory)"),
        (leave_a_pickle, "model.pt may run code and is not loaded"),
        (shutil.rmtree, "model: no such model folder"),
    ],
    ids=["version", "bit", "torn", "pickle", "missing"],
)
def test_a_model_that_is_damaged(model: Path, command: str, damage: Any, says: str) -> None:
    damage(model)
    refused(1, says, command, "--model", model, *["山"] * (command == "reconstruct"))


def test_a_torn_run_still_writes_and_warns(corpus: Path, tmp_path: Path) -> None:
    assert shell("train", corpus, "--out", tmp_path / "run", *QUICK) == (0, "", "")
    tear(tmp_path / "run")
    result = shell("generate --seed 1 --model", tmp_path / "run")
    assert (result.code, len(result.out.splitlines())) == (0, 1)
    (warning,) = result.err.splitlines()
    assert warning.startswith("warning: ")
    assert warning.endswith("using step-2 instead")


# Interruptions and accidents

NO_MEMORY = "error: out of memory; try a smaller --batch-size or model"


@pytest.mark.parametrize(
    ("accident", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, NO_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, NO_MEMORY),
        (PermissionError(13, "Permission denied", "x"), 1, "error: x: Permission denied"),
        (OSError(28, "No space left on device"), 1, "error: system: No space left on device"),
    ],
    ids=["ctrl-c", "memory", "torch", "permission", "disk"],
)
def test_accidents(
    monkeypatch: pytest.MonkeyPatch, accident: BaseException, code: int, says: str
) -> None:
    def happen(*_: object, **__: object) -> None:
        raise accident

    monkeypatch.setattr(Poet, "from_pretrained", happen)
    result = shell("generate --model x")
    assert (result.code, result.out) == (code, "")
    assert result.err.strip() == says


def test_the_reader_of_the_output_may_leave(run: Path) -> None:
    command = [sys.executable, "-m", "poetvae", "generate", "--model", str(run), "--seed", "1"]
    with subprocess.Popen(
        [*command, "-n", "1000000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert Poem((running.stdout.readline().decode().strip(),)).form == Form(5, 2)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode in {0, 1}  # not killed, and no complaint at the end


def test_ctrl_c_ends_what_has_no_end(run: Path) -> None:
    command = [sys.executable, "-m", "poetvae", "generate", "--model", str(run), "--seed", "1"]
    # As in a terminal, also where the shell that started us ignores the signal.
    how: dict[str, Any] = {"restore_signals": True, "text": True, "encoding": "utf-8"}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [*command, "-n", "1000000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how
    ) as running:
        signal.signal(signal.SIGINT, before)
        assert running.stdout is not None
        first = [running.stdout.readline() for _ in range(300)]  # more than are written at once
        running.send_signal(signal.SIGINT)
        err = running.communicate()[1]
    assert (running.returncode, err.strip()) == (130, "interrupted")
    poems = shell("generate --seed 1 -n 300 --model", run)
    assert poems.out == "".join(first)


def test_an_existing_folder_is_not_written_over(run: Path, model: Path) -> None:
    exists = f"error: {run} exists; --resume continues it, --force replaces it"
    refused(1, exists, "train --form 5x2 --out", run)
    other = f"error: {model} is not a run of poetvae; --force does not remove it"
    refused(1, other, "train --form 5x2 --force --out", model)
    assert (model / "model.safetensors").exists()


# Train


def test_train(corpus: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", write(tmp_path / "a.toml", "beta = 0.5\nlatent_dim = 3\n")
    options: Words = ["--form", "5x2", "--preset", "tiny", "--steps", "3", "--seed", "7", *SETS]
    more = ["--batch-size", "4", "--set", "batch_size=9", "--config", str(config)]
    result = shell("train", corpus, "--out", run, *options, *more)
    assert (result.code, result.out) == (0, "")
    last = result.err.splitlines()[-1]
    assert last == f"done; now write poems with: poetvae generate --model {run} -n 4"
    assert "step 3/3" in result.err
    made = RunSpec.load(run).config
    assert (made.train.batch_size, made.train.seed, made.objective.beta) == (4, 7, 0.5)
    assert made.model.latent_dim == 2  # --set overrules the file
    assert len(shell(last.split(": poetvae ")[1]).out.splitlines()) == 4


def test_train_on_several_corpora_with_one_to_validate_on(corpus: Path, tmp_path: Path) -> None:
    more = write(tmp_path / "more.txt", COUPLET)
    valid = write(tmp_path / "valid.txt", "\n".join([COUPLET, "石上松風靜，窗前竹影疏。"]))
    run = tmp_path / "run"
    assert shell("train", corpus, more, "--out", run, "--valid", valid, *QUICK).err == ""
    both = read_run(run)
    assert (len(both.train), len(both.valid), len(both.test)) == (21, 1, 0)
    scored = shell("evaluate --iw 1 --json --model", run).answer
    assert scored["poems"] == 1  # there is nothing else to test with


def test_train_from_stdin(tmp_path: Path) -> None:
    text = "\n".join(COUPLETS).encode()
    run = tmp_path / "run"
    assert shell("train - --out", run, *QUICK, stdin=text) == (0, "", "")
    assert Poet.from_pretrained(run).forms == [Form(5, 2)]
    again = shell("train - --resume --quiet --out", run)
    assert again == (0, "", ""), "what stdin said is in the run"
    scored = shell("evaluate --iw 1 --samples 0 --json --model", run).answer
    assert scored["poems"] == len(read_run(run).valid) > 0, "all couplets to test with are near one"


def test_tokenize_once_and_train_on_it(corpus: Path, tmp_path: Path) -> None:
    folder, run = tmp_path / "numbered", tmp_path / "run"
    words: Words = ["--form", "5x2", "--set", "held_out=0.2", "--set", "min_count=1"]
    made = shell("corpus tokenize", corpus, "--out", folder, "--workers", "2", *words)
    assert (made.code, made.out) == (0, f"{folder}\n")
    assert "poems: 20 read, 20 kept" in made.err
    last = made.err.splitlines()[-1]
    assert last == f"done; now train on it with: poetvae train {folder} --out my-poet"
    corpus.unlink()
    options: Words = ["--preset", "tiny", "--steps", "2", "--quiet", *SETS[:-1]]
    assert shell("train", folder, "--out", run, *options) == (0, "", "")
    assert not (run / "data").exists()
    assert shell("train --out", run, "--resume", "--quiet") == (0, "", "")
    scored = shell("evaluate --model", run, "--iw", "1", "--json").answer
    assert scored["poems"] == len(read_run(run).valid) > 0
    refused(1, "is tokenized already", "corpus tokenize", folder, "--out", tmp_path / "more")
    refused(1, "exists; remove it, or choose another name", "corpus tokenize --out", folder)
    refused(2, "leave out --form", "train", folder, "--out", tmp_path / "x", "--form", "7x2")


def test_resume(corpus: Path, tmp_path: Path) -> None:
    assert shell("train", corpus, "--out", tmp_path / "run", *QUICK).code == 0
    assert shell("train --out", tmp_path / "run", "--resume", "--quiet") == (0, "", "")
    refused(1, "no run to resume", "train --out", tmp_path / "none", "--resume")
    assert shell("train", corpus, "--out", tmp_path / "run", "--resume", *QUICK).code == 0
    begun = "was begun with seed 0, not 9"
    refused(2, begun, "train --resume --seed 9 --out", tmp_path / "run", corpus)


# Labels


@pytest.fixture
def dynasties(tmp_path: Path) -> Path:
    """Couplets of two dynasties, a third that has but one, and one of none."""
    values = ["tang", "song"] * 10
    poems = [{"text": c, "dynasty": d} for c, d in zip(COUPLETS, values, strict=False)]
    poems += [{"text": COUPLET, "dynasty": "ming"}, {"text": "石上松風靜，窗前竹影疏。"}]
    lines = "\n".join(json.dumps(poem, ensure_ascii=False) for poem in poems)
    return write(tmp_path / "poems.jsonl", lines)


def test_labels(dynasties: Path, tmp_path: Path) -> None:
    run, options = tmp_path / "run", [*QUICK, "--set", "min_label=2"]
    assert shell("train", dynasties, "--out", run, "--label", "dynasty", *options) == (0, "", "")
    assert RunSpec.load(run).labels == ("dynasty",)
    (values,) = Poet.from_pretrained(run).codec.fields.values()
    assert set(values) == {"tang", "song"}, "the third is too rare"
    write: Words = ["generate", "--model", run, "-n", "3", "--seed", "1", "--temperature", "0"]
    tang, song = (shell(*write, "--label", f"dynasty={value}") for value in ("tang", "song"))
    assert (tang.code, tang.err, song.code) == (0, "", 0)
    assert [Poem((poem,)).form for poem in tang.out.splitlines()] == [Form(5, 2)] * 3
    assert shell(*write, "--label", "dynasty=tang") == tang
    assert shell(*write).code == 0
    refused(2, "labels dynasty, not author", "train --out", run, "--resume", "--label", "author")
    assert shell("train --out", run, "--resume", "--quiet") == (0, "", "")


def test_labels_that_the_model_does_not_know(dynasties: Path, tmp_path: Path) -> None:
    run, options = tmp_path / "run", [*QUICK, "--set", "min_label=1", "--set", "prior=label"]
    assert shell("train", dynasties, "--out", run, "--label", "dynasty", *options).code == 0
    generate = "generate --seed 1 --model"
    known = shell(generate, run, "--label", "dynasty=ming")
    assert (known.code, known.err) == (0, "")
    for label, says in (
        ("dynasty=qing", "error: dynasty=qing: this model knows "),
        ("author=李白", "error: no label 'author'; this model's labels: dynasty"),
    ):
        refused(2, says, generate, run, "--label", label)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--label author", 1, "label author: 0 values that 20 poems have, expected 2 or more"),
        ("--label dynasty", 1, "label dynasty: 0 values that 20 poems have, expected 2"),
        ("--set prior=label", 2, "prior=label needs labels: train with --label FIELD"),
    ],
)
def test_wrong_labels_to_train_on(
    dynasties: Path, tmp_path: Path, line: str, code: int, says: str
) -> None:
    words = [dynasties, "--out", tmp_path / "run", *QUICK]
    refused(code, f"error: {says}", f"train {line}", *words)
    assert not (tmp_path / "run").exists()


# Generate


def test_generate(run: Path) -> None:
    result = shell("generate -n 3 --seed 1 --model", run)
    assert (result.code, result.err) == (0, "")
    assert [Poem((poem,)).form for poem in result.out.splitlines()] == [Form(5, 2)] * 3
    assert shell("generate -n 3 --seed 1 --model", run) == result
    assert shell("generate -n 3 --seed 2 --model", run).out != result.out


def test_generate_tells_the_seed_that_it_took(run: Path) -> None:
    first = shell("generate --model", run, "-n", "2")
    word, seed = first.err.split()
    assert word == "seed"
    assert shell("generate --model", run, "-n", "2", "--seed", seed) == (0, first.out, "")
    assert shell("generate --model", run, "-n", "2").err != first.err


def test_generate_json(run: Path) -> None:
    options: Words = ["--model", run, "-n", "3", "--seed", "5", "--form", "5x2"]
    result = shell("generate --json", *options)
    poems = result.rows
    assert (result.err, len(poems)) == ("", 3)
    for poem in poems:
        assert " ".join(poem) == "text lines form seed log_prob tones_ok rhyme satisfied"
        assert poem["text"] == "，".join(poem["lines"]) + "。"
        assert (poem["form"], poem["seed"]) == ("5x2", 5)
        assert poem["log_prob"] < 0
    assert "\\u" not in result.out
    assert [poem["text"] for poem in poems] == shell("generate", *options).out.splitlines()


def test_poems_of_several_lines_are_set_apart(free_model: Path) -> None:
    options: Words = ["--model", free_model, "-n", "30", "--seed", "1", "--temperature", "1"]
    poems = [row["text"] for row in shell("generate", *options, "--json").rows]
    assert any("\n" in poem for poem in poems)
    expected = "".join(poem + ("\n\n" if "\n" in poem else "\n") for poem in poems)
    assert shell("generate", *options).out == expected


def test_poems_of_several_forms_are_set_apart() -> None:
    options: Words = ["generate", "-n", "9", "--seed", "2"]
    rows = shell(*options, "--json").rows
    assert {"5x2", "7x2"} & {row["form"] for row in rows}
    assert {"5x4", "7x4"} & {row["form"] for row in rows}
    assert shell(*options).out.split("\n\n") == [*(row["text"] for row in rows), ""]
    lone = shell(*options, "--form", "5x2").out
    assert [Poem((line,)).form for line in lone.splitlines()] == [Form(5, 2)] * 9


def test_temperature_and_filters_matter(run: Path) -> None:
    options: Words = ["generate", "--model", run, "-n", "2", "--seed", "1"]
    coldest = shell(*options, "--temperature", "0").out
    assert shell(*options, "--top-k", "1").out == coldest
    assert shell(*options, "--top-p", "1e-9").out == coldest
    assert shell(*options, "--temperature", "1").out != coldest


# What is asked of poems


def poems_of(result: Result) -> list[dict[str, Any]]:
    """The poems that a command printed with --json, all as they were asked to be."""
    poems = result.rows
    assert all(poem["satisfied"] for poem in poems)
    return poems


def test_what_is_asked_for_holds_in_every_poem(run: Path) -> None:
    generate: Words = ["generate", "--model", run, "-n", "6", "--seed", "1", "--json"]
    for poem in poems_of(shell(*generate, "--acrostic", "山水", "--rhyme", "秋", "--no-repeat")):
        first, second = poem["lines"]
        assert (first[0], second[0]) == ("山", "水")
        assert "尤" in {reading.rhyme for reading in readings(second[-1])}
        assert len(set(first + second)) == 10
    for poem in poems_of(shell(*generate, "--acrostic", "山水", "--acrostic-at", "ends")):
        assert [line[-1] for line in poem["lines"]] == ["山", "水"]
    for poem in poems_of(shell(*generate, "--tones", "strict")):
        assert regulated(poem["lines"], strict=True)
        assert poem["tones_ok"]
    bare, usual = (shell(*generate, "--tones", *word) for word in ([], ["usual"]))
    assert poems_of(bare) == poems_of(usual)
    for poem in poems_of(shell(*generate, "--template", "春__月_", "--contains", "明月")):
        assert (poem["text"][0], poem["text"][3]) == ("春", "月")
        assert any("明月" in line for line in poem["lines"])
    for poem in poems_of(shell(*generate, "--line", "2=橋形得水成", "--without", "山月")):
        assert poem["lines"][1] == "橋形得水成"
        assert not set("山月") & set(poem["text"])
    for poem in poems_of(shell(*generate, "--only", "山水風月春")):
        assert set("".join(poem["lines"])) <= set("山水風月春")


def test_text_in_simplified_characters(run: Path) -> None:
    generate: Words = ["generate", "--model", run, "-n", "3", "--seed", "1", "--json"]
    typed = poems_of(shell(*generate, "--first-line", "桥形得水成"))
    assert {poem["lines"][0] for poem in typed} == {"桥形得水成"}
    other = poems_of(shell(*generate, "--first-line", "橋形得水成"))
    assert {poem["lines"][0] for poem in other} == {"橋形得水成"}
    for text, poems, script in (("橋", typed, "simplified"), ("桥", other, "traditional")):
        asked = ("--first-line", f"{text}形得水成", "--script", script)
        assert poems_of(shell(*generate, *asked)) == poems
    for one, long in zip(typed, other, strict=True):
        assert one["text"] == "，".join(one["lines"]) + "。" == to_simplified(long["text"])
        for key in ("log_prob", "tones_ok", "rhyme"):
            assert one[key] == long[key], "told of what the model wrote"


def test_help_sets_apart_what_can_be_asked() -> None:
    text = shell("generate --help").out
    first, second = text.index("What to ask of a poem"), text.index("Options:")
    assert first < text.index("--acrostic TEXT") < text.index("--rhyme") < second
    assert second < text.index("--temperature") < text.index("--candidates")


# Complete


def test_complete(run: Path) -> None:
    complete: Words = ["complete", "--model", run, "--seed", "1", "-n", "4", "--json"]
    partners = poems_of(shell(*complete, "瀑響分雲出"))
    assert len({poem["text"] for poem in partners}) == 4
    assert {poem["lines"][0] for poem in partners} == {"瀑響分雲出"}
    assert {poem["seed"] for poem in partners} == {1}
    for poem in poems_of(shell(*complete, "瀑響_雲出，橋形__成。", "--no-repeat")):
        assert poem["text"][:2] + poem["text"][3:8] == "瀑響雲出，橋形"
        assert poem["text"][10:] == "成。"
        assert len(set("".join(poem["lines"]))) == 10
    one = shell(*complete, "瀑響分雲出，橋形得水_", "--only", "瀑響分雲出橋形得水成")
    assert 1 <= len(poems_of(one)) <= 4
    few = shell(*complete, "瀑響分雲出，橋形得水_", "--only", "瀑響分雲出橋形得水成", "--no-repeat")
    assert [poem["text"] for poem in poems_of(few)] == ["瀑響分雲出，橋形得水成。"]
    assert "different completions came of 20 draws" in few.err


def test_complete_chooses_among_candidates(run: Path, poet: Poet) -> None:
    line = "complete 瀑響分雲出 --candidates 3 -n 4 --seed 1 --json --model"
    poems = poet.complete("瀑響分雲出", 4, candidates=3, seed=1)
    assert poems_of(shell(line, run)) == [poem.as_dict() for poem in poems]
    scores = [poem.score for poem in poems if poem.score is not None]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)


def test_complete_texts_of_stdin(run: Path) -> None:
    complete: Words = ["complete", "--model", run, "-n", "2"]
    text = "瀑響分雲出\r\n\n橋形得水成\n".encode()
    result = shell(*complete, "--seed", "1", "-", stdin=text)
    assert (result.code, result.err) == (0, "")
    both = (shell(*complete, "--seed", "1", one).out for one in ("瀑響分雲出", "橋形得水成"))
    assert result.out == "".join(both)
    refused(1, "error: no text came; give one on each line", *complete, "-", stdin=b" \n")
    refused(1, "opens none of the model's forms", *complete, "瀑響，分雲")


# Couplet


def test_couplet(run: Path) -> None:
    couplet: Words = ["couplet", "--model", run, "--seed", "1", "-n", "3"]
    result = shell(*couplet, "瀑響分雲出。", "--json")
    keys = "upper lower text lines form seed log_prob tones_ok satisfied score"
    assert [" ".join(row) for row in result.rows] == [keys] * 3
    for row in result.rows:
        assert row["text"] == f"瀑響分雲出，{row['lower']}。"
        assert row["lines"] == [row["upper"], row["lower"]]
        assert (row["form"], row["tones_ok"], row["satisfied"]) == ("5x2", True, True)
    assert [row["text"] for row in result.rows] == shell(*couplet, "瀑響分雲出").out.split()
    one = shell(*couplet, "-", "--script", "simplified", stdin="瀑響分雲出\n橋形得水成\n".encode())
    assert one.out.startswith("瀑响分云出，")
    wanted = (
        "橋形得水成 ends level, as lower lines do: read the answer, which ends oblique, first\n"
    )
    assert (one.code, one.err) == (0, wanted)


def test_couplet_refuses(run: Path) -> None:
    couplet: Words = ["couplet", "--model", run, "--seed", "1"]
    long = "瀑響分雲出雲 has 6 characters, a line of 6x2; this model writes 5x2"
    refused(1, long, *couplet, "瀑響分雲出雲")
    refused(1, "train with --form 6x2", *couplet, "瀑響分雲出雲")
    refused(1, "has 3 Han characters; expected one line of 4 to 11", *couplet, "瀑響分")
    refused(1, "has 4 Han characters beside 'abc'", *couplet, "瀑響分雲abc")
    refused(1, "this model cannot write 鬱", *couplet, "瀑響分雲鬱")
    refused(1, "error: no text came; give one on each line", *couplet, "-", stdin=b" \n")


# Reconstruct


def test_reconstruct(run: Path, poet: Poet, known: str) -> None:
    expected = poet.reconstruct([known])[0].text
    told = f"z says {poet.rate(known)[0]:.1f} nats of a text here: little of it comes back; see "
    assert shell("reconstruct --model", run, known) == (0, f"{expected}\n", f"{told}complete\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poetvae.poet.TELLING", 0.0)
        assert shell("reconstruct --model", run, known) == (0, f"{expected}\n", "")
    first, second = shell("reconstruct --json --model", run, known, COUPLETS[0]).rows
    assert first == {"text": known, "reconstruction": expected}
    assert second["text"] == COUPLETS[0]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_reconstruct_lines_of_stdin(run: Path, arguments: list[str]) -> None:
    text = f"{COUPLET}\r\n\n{COUPLETS[0]}\n".encode()
    result = shell("reconstruct --model", run, *arguments, stdin=text)
    assert result == shell("reconstruct --model", run, COUPLET, COUPLETS[0])
    refused(1, "error: no text came", "reconstruct --model", run, *arguments, stdin=b" \n")


def test_characters_that_the_model_has_never_seen_are_told(run: Path, known: str) -> None:
    strange = f"龘{known[1:-2]}鱻。"
    result = shell("reconstruct --model", run, strange)
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert result.err.splitlines()[0] == "characters the model has never seen: 龘 鱻"


def test_bytes_that_are_not_utf8_do_not_break_it(run: Path) -> None:
    result = shell("reconstruct --model", run, stdin=COUPLET.encode() + b"\xff\n")
    assert result.code in {0, 1}
    assert "Traceback" not in result.err


# Evaluate


def test_evaluate_gives_the_keys_of_the_report(run: Path, corpus: Path) -> None:
    keys = [*(field.name for field in fields(Report)), "near_copies"]
    evaluate = "evaluate --iw 2 --samples 0 --model"
    held_out = len(read_run(run).test)
    for words, poems in ([corpus], 20), ([], held_out):
        report = shell(evaluate, run, "--json", *words).answer
        assert list(report) == keys
        assert (report["poems"], report["chars"], report["iw_samples"]) == (poems, 10 * poems, 2)
    shown = shell(evaluate, run, corpus)
    headings = [line for line in shown.out.splitlines() if line[:1].strip()]
    wanted = ["Likelihood (IWAE-2)", "What z carries", "The model"]
    assert headings == [*wanted, "The bound by the samples that it takes"]
    assert re.search(r"^  nats a character +\d\.\d{3}  +\d\.\d{3}–\d\.\d{3}$", shown.out, re.M)
    two = shell("evaluate --model", run, "--iw", "2", "--passes", "2", corpus)
    assert (two.code, "this model was trained to write in 1" in two.err) == (2, True)


def test_evaluate_in_passes(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert shell("train", corpus, "--out", run, *QUICK, "--set", "passes=1,4").code == 0
    evaluate: Words = ["evaluate", "--model", run, "--iw", "2", "--samples", "4", "--json", corpus]
    most, one = (shell(*evaluate, *p).answer for p in ([], ["--passes", "1"]))
    assert (most["passes"], one["passes"]) == (4, 1)
    assert most["nll_per_char"] != one["nll_per_char"]
    assert most["samples"]["n"] == one["samples"]["n"] == 4


def test_evaluate_compares_samples_with_human_poems(run: Path, corpus: Path) -> None:
    options: Words = ["evaluate", "--model", run, "--iw", "1", "--samples", "9", "--json"]
    report = shell(*options, corpus).answer
    wanted = "n form_accuracy tone_accuracy rhyme_accuracy repeat_rate novelty copied_lines"
    wanted += " judge_nll_per_char reverse_nll_per_char two_sample_auc"
    wanted += " distinct_1 distinct_2 distinct_3 distinct_4 self_bleu_2 self_bleu_3 self_bleu_4"
    for side in ("samples", "human"):
        assert set(wanted.split()) <= report[side].keys()
    assert (report["samples"]["n"], report["samples"]["form_accuracy"]) == (9, 1)
    few = shell(*options, "--limit", "2", corpus)
    assert (few.code, "samples" in few.answer) == (0, False)
    assert "no samples: 9 samples, 2 held-out poems" in few.err
    refused(2, "is no autoregressive model", *options, "--judge", run, corpus)


def test_evaluate_tells_of_each_form(tmp_path: Path) -> None:
    ci = [
        f"望江南：{a}南好，風景舊曾諳。{a}出江花紅勝火，春來江水綠如藍。能不憶江南。"
        for a in "天風花江河松"
    ]
    corpus, run = write(tmp_path / "ci.txt", "\n".join([*ci, *COUPLETS])), tmp_path / "run"
    words: Words = [*QUICK, "--form", "忆江南", "--form", "5-7-5"]
    assert shell("train", corpus, "--out", run, *words).code == 0
    found = shell("evaluate --iw 1 --samples 8 --json --model", run, corpus)
    forms = found.answer["forms"]
    assert {form: own["poems"] for form, own in forms.items()} == {"5x2": 20, "憶江南": 6}
    assert found.answer["human"]["forms"]["憶江南"]["tone_accuracy"] == 1
    head, first, second = found.err.splitlines()[-3:]
    assert head.split()[:4] == ["form", "poems", "nats/char", "kl"]
    assert head.endswith("repeats  tones, human  rhyme, human  repeats, human")
    assert (first.split()[:2], second.split()[:2]) == (["5x2", "20"], ["憶江南", "6"])
    assert second.split()[-3:] == ["100.0%"] * 3
    score = shell("score --json --model", run, stdin="".join(ci[0][4:]).encode()).answer
    assert score["form"] == "憶江南"


def test_evaluate_splits_the_gap(run: Path, corpus: Path) -> None:
    options: Words = ["evaluate", "--model", run, "--iw", "1", "--samples", "0", "--curve", "0"]
    gap = shell(*options, "--gap", "2", "--json", corpus).answer["gap"]
    assert gap["poems"] == 2
    assert gap["gap"] == pytest.approx(gap["amortisation"] + gap["approximation"])
    assert "gap" not in shell(*options, "--json", corpus).answer


def test_score_finds_the_line_that_does_not_belong(run: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "lines.txt", "\n".join([*COUPLETS[:6], "", "龘龘龘龘龘，龘龘龘龘龘。"]))
    scores = shell("score --model", run, "--json", path).rows
    assert [score["text"] for score in scores][:6] == list(COUPLETS[:6])
    assert len(scores) == 7
    for score in scores:
        assert list(score) == ["text", "form", "nll", "nll_per_char", "recon", "kl", "anomaly"]
        assert score["form"] == "5x2"
        assert score["nll_per_char"] == pytest.approx(score["nll"] / 10)
        assert score["nll"] <= score["recon"] + score["kl"] + 1  # the bound, and one sample of it
    assert sum(score["anomaly"] for score in scores) == pytest.approx(0, abs=1e-5)
    shown = shell("score --sort --model", run, stdin=path.read_bytes()).out.splitlines()
    found = [float(line.split("\t")[1]) for line in shown]
    assert found == sorted(found, reverse=True)
    refused(1, "no text came", "score --model", run, stdin=b"\n")


def test_evaluate_repeats_itself_and_heeds_limit_and_seed(run: Path, corpus: Path) -> None:
    options: Words = ["evaluate", "--model", run, "--iw", "2", "--samples", "9", "--json"]
    options += ["--limit", "5", "--curve", "2"]
    first = shell(*options, corpus, "--seed", "1")
    assert first.answer["poems"] == 5
    assert shell(*options, corpus, "--seed", "1").out == first.out
    assert shell(*options, corpus, "--seed", "2").out != first.out
    text = "\n".join(COUPLETS).encode()
    assert shell(*options, "-", "--seed", "1", stdin=text).out == first.out


def test_evaluate_tells_of_poems_that_were_nearly_learnt(
    run: Path, model: Path, tmp_path: Path
) -> None:
    """Of the training text three, one of them with two of its ten characters changed."""
    known = [content(poem, poem.form) for poem in read_run(run).train[:3]]
    changed = [known[0], "山水" + known[1][2:], "山水風" + known[2][3:], known[2]]
    path = write(tmp_path / "a.txt", "\n".join(f"{c[:5]}，{c[5:]}。" for c in changed))
    options: Words = ["evaluate", "--iw", "1", "--samples", "0", "--curve", "0", "--json"]
    result = shell(*options, "--model", run, path)
    assert result.answer["near_copies"] == 3
    assert "3 of 4 poems are copies or near-copies of training text: they flatter" in result.err
    assert shell(*options, "--model", model, path).answer["near_copies"] is None
    held_out = shell(*options, "--model", run)
    assert held_out.answer["near_copies"] == 0
    assert "flatter" not in held_out.err


def test_evaluate_needs_poems(model: Path, tmp_path: Path) -> None:
    refused(1, "train.json", "evaluate --model", model)
    other = write(tmp_path / "a.txt", "one line\nanother line")
    refused(1, "0 poems of the form 5x2", "evaluate --model", model, other)


# Corpus stats and info


def test_stats(corpus: Path) -> None:
    result = shell("corpus stats", corpus)
    assert (result.code, result.err) == (0, "")
    assert result.out == "poems: 20 read, 20 kept (240 characters)\nforms: 20 5x2\n"
    values = shell("corpus stats --json", corpus, corpus).answer
    assert (values["read"], values["kept"], values["dropped"]) == (40, 20, {"duplicate": 20})
    selected = shell("corpus stats --json --form 5x2", corpus).answer
    assert (selected["items"], selected["train"]) == (20, 20)
    text = "\n".join(COUPLETS).encode()
    assert shell("corpus stats -", stdin=text).out == result.out


def test_stats_of_the_embedded_sample() -> None:
    values = shell("corpus stats --json").answer
    assert values["kept"] > 500
    assert {"5x2", "7x2", "8-6-8-6"} <= values["forms"].keys()


def test_info(run: Path) -> None:
    values = shell("info --json").answer
    assert values["poetvae"] == poetvae.__version__
    presets = "base small seed tune tiny ae sparse-ae vq cluster iwae infill few poet ar ar-large"
    presets += " large"
    assert values["presets"] == presets.split()
    assert values["settings"]["beta"]
    result = shell("info --json --model", run)
    assert (result.code, result.err) == (0, "")
    about = result.answer
    assert (about["model"], about["latent_dim"], list(about["forms"])) == (str(run), 4, ["5x2"])
    shown = shell("info --model", run).out
    assert re.search(rf"^  parameters +{about['parameters']:,}$", shown, re.M)
    assert re.search(rf"^  latent_dim +{about['latent_dim']}$", shown, re.M)
    assert "Installed:" not in shown
    whole = shell("info").out
    assert re.search(rf"^  poetvae +{poetvae.__version__}$", whole, re.M)
    assert re.search(r"^  beta +weight of the KL term$", whole, re.M)


# Encodings


def test_output_is_utf8_in_every_locale(run: Path) -> None:
    options: Words = ["generate", "--model", run, "-n", "2", "--seed", "1", "--device", "cpu"]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = process(*options, **plain)
    assert (done.returncode, done.stderr) == (0, "")
    assert [Poem((x,)).form for x in done.stdout.splitlines()] == [Form(5, 2)] * 2
    missing = process("corpus", "stats", "山.txt", LC_ALL="C")
    assert missing.stderr.startswith("error: 山.txt: no such file")
    assert shell(*options).out == done.stdout


# The latent space


def test_interpolate(run: Path, poet: Poet) -> None:
    ends = [COUPLET, COUPLETS[0], COUPLETS[9]]
    result = shell("interpolate --model", run, *ends, "--steps", "3")
    way = poet.interpolate(ends[0], ends[1], 3) + poet.interpolate(ends[1], ends[2], 3)[1:]
    poems = [poem.text for poem in way]
    assert result.code == 0
    assert result.out.splitlines() == poems
    assert [way[0], way[2], way[4]] == poet.reconstruct(ends)
    assert any(line.startswith("smoothness: ") for line in result.err.splitlines())
    values = shell("interpolate --steps 3 --json --model", run, *ends).answer
    assert values == {"texts": poems, "smoothness": values["smoothness"], "mode": "lerp"}
    assert 0 < values["smoothness"] <= 1
    circle = ("--mode", "slerp", "--json")
    values = shell("interpolate --model", run, COUPLET, COUPLET, *circle).answer
    texts = [poet.reconstruct(COUPLET)[0].text] * 8
    assert values == {"texts": texts, "smoothness": None, "mode": "slerp"}
    refused(2, "1 text; give two or more", "interpolate --model", run, COUPLET)


def test_vary(run: Path, poet: Poet) -> None:
    how = ("vary", "--model", run, COUPLET, "-n", "3", "--distance", "20", "--seed", "1")
    poems = [poem.text for poem in poet.vary(COUPLET, 3, distance=20.0, seed=1)]
    assert shell(*how).out.splitlines() == poems
    values = shell(*how, "--json").rows
    changes = [sum(a != b for a, b in zip(COUPLET, poem, strict=True)) for poem in poems]
    assert values == [{"text": t, "changed": c} for t, c in zip(poems, changes, strict=True)]
    still = shell("vary --model", run, COUPLET, "--distance", "0")
    assert still.out.splitlines() == [poet.reconstruct(COUPLET)[0].text]
    assert "seed " in still.err
    assert "only 1 distinct poems came of 80 draws; go to a larger --distance" in still.err


def test_neighbours(run: Path, poet: Poet, corpus: Path, free_model: Path, tmp_path: Path) -> None:
    how = ("neighbours", "--model", run, COUPLETS[3], "--json")
    result = shell(*how, corpus, "-n", "4")
    found = result.rows
    assert found[0]["text"] == COUPLETS[3]
    assert [one["distance"] for one in found] == sorted(one["distance"] for one in found)
    assert len(found) == 4
    file = tmp_path / "index"
    assert shell(*how, corpus, "-n", "4", "--index", file).out == result.out
    corpus.unlink()
    assert shell(*how, "-n", "4", "--index", file) == (0, result.out, "")
    plain = shell("neighbours --model", run, COUPLETS[3], "--index", file).out.splitlines()
    assert (len(plain), plain[0]) == (10, f"0.000\t{COUPLETS[3]}")
    there = shell(*how, "missing.txt", "-n", "4", "--index", file)
    assert (there.code, there.out) == (0, result.out)
    assert "the corpus is not read" in there.err
    other = "was made with another model"
    refused(1, other, "neighbours --index", file, "--model", free_model, "a rose")
    refused(2, "nothing to search among", *how, "--index", tmp_path / "none")


def test_about(themed_run: Path, run: Path) -> None:
    how = ("about", "--model", themed_run, "春山水風月，雲雨花鳥江。", "--json")
    found = shell(*how).rows
    assert {one["theme"] for one in found} == {"春山", "秋水"}
    assert [one["nats"] for one in found] == sorted((one["nats"] for one in found), reverse=True)
    assert shell(*how, "-n", "1").rows == found[:1]
    given = shell(*how, "--among", "秋", "--among", "山月").rows
    assert {one["theme"] for one in given} == {"秋", "山月"}
    plain = shell(*how[:-1], "-n", "1").out
    assert re.fullmatch(r"-?\d+\.\d\d\t(春山|秋水)\n", plain)
    refused(2, "no character", *how, "--among", "龘")
    refused(2, "this model has no themes", "about", "--model", run, COUPLETS[3])


def test_what_a_poem_is_to_be_about(themed_run: Path, run: Path) -> None:
    how = ("generate", "--model", themed_run, "-n", "20", "--seed", "1", "--json", "--plain")
    plain, spring = shell(*how).rows, shell(*how, "--about", "春山").rows
    assert plain != spring
    assert shell(*how, "--label", "title=春山").rows == spring  # by the field's own name
    assert shell(*how, "--about", "春山 其一").rows == spring
    asked = shell(*how, "--about", "秋水", "--acrostic", "山水").rows
    assert {poem["text"][0] for poem in asked} == {"山"}
    line = ("complete", "--model", themed_run, "春山水風月", "--about", "春山", "--json")
    assert shell(*line).rows[0]["text"].startswith("春山水風月")
    refused(2, "this model has no themes", "generate", "--model", run, "--about", "春")
    refused(2, "about is '龘'", *how, "--about", "龘")


def test_edit(run: Path, poet: Poet, corpus: Path, model: Path) -> None:
    spring = ("edit", "--model", run, COUPLET, "--toward", "contains=春", "--corpus", corpus)
    all_spring = shell(*spring)
    assert (all_spring.code, "contains=春 holds for 20 of 20" in all_spring.err) == (1, True)
    how = ("edit", "--model", run, COUPLET, "--toward", "contains=雨")
    back = poet.reconstruct(COUPLET)[0].text
    still = shell(*how, "--strength", "0", "--json").answer
    unchanged = {"reconstruction": back, "edited": back, "kept": 1.0, "changed": []}
    assert still == {"text": COUPLET, **unchanged}
    result = shell(*how, "--strength", "40", "--json")
    values = result.answer
    pairs = list(zip(back, values["edited"], strict=True))
    assert values["changed"] == [i for i, (a, b) in enumerate(pairs) if a != b] != []
    assert values["kept"] == pytest.approx(1 - len(values["changed"]) / 10)
    assert "separation 0." in result.err
    shown = shell(*how, "--strength", "40")
    assert shown.out == f"{values['edited']}\n"
    (marked,) = (line for line in shown.err.splitlines() if line.startswith("edited: "))
    assert marked.replace("【", "").replace("】", "").endswith(values["edited"])
    assert "【" in marked
    alone = shell("edit --model", model, COUPLET, "--toward", "contains=雨")
    assert (alone.code, "has no train.json" in alone.err) == (1, True)


def test_optimise(run: Path, poet: Poet) -> None:
    how = ("optimise", "--model", run, "-n", "2", "--steps", "3", "--seed", "1")
    values = shell(*how, "--contains", "雨", "--json").rows
    assert values == [one.as_dict() for one in poet.optimise("contains=雨", n=2, steps=3, seed=1)]
    plain = shell(*how, "--contains", "雨")
    assert plain.out.splitlines() == [one["text"] for one in values]
    assert len([line for line in plain.err.splitlines() if "log p(z)" in line]) == 2
    told = shell("optimise --model", run, COUPLET, "--tones", "--steps", "1", "--json")
    assert told.answer["start"] == poet.reconstruct(COUPLET)[0].text
    one_kind = shell("optimise --model", run, COUPLET, "--toward", "form=5x2")
    assert (one_kind.code, "form=5x2 holds for" in one_kind.err) == (1, True)
    for conditions in ([], ["--tones", "--contains", "雨"]):
        refused(2, "give one of --contains", *how, *conditions)


def test_themes_are_of_clusters(run: Path) -> None:
    rows = shell("corpus themes --clusters 3 --form 5x2 --json --model", run).rows
    assert {row["cluster"] for row in rows} == {"1", "2", "3"}
    assert [row["poems"] for row in rows] == sorted((row["poems"] for row in rows), reverse=True)
    assert all(row["characters"] and row["example"] for row in rows)
    assert shell("corpus themes --model", run, "--clusters", "2").out.startswith("1\t")
    done = shell("corpus themes --model", run)
    assert (done.code, "prior is no mixture; say how many --clusters" in done.err) == (2, True)

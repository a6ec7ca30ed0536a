"""The command line in the language of the environment: help, errors, notes, tables."""

from __future__ import annotations

import gettext
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import catalogue
import click
import pytest
from babel.messages.extract import extract_from_dir
from commands import COUPLET, COUPLETS, Result, process, shell
from hypothesis import given
from hypothesis import strategies as st

from poetvae.cli import cli
from poetvae.cli.terminal import WELCOME, width, wrapped
from poetvae.errors import SAID_OF_FILES
from poetvae.i18n import _, speaking

CHINESE = ["zh_TW", "zh_CN"]


def walk(command: click.Command, line: str = "") -> Iterator[str]:
    yield line
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, f"{line} {name}".strip())


def english(text: str) -> list[str]:
    """Words of English that follow each other in what is said; what is typed does not count."""
    said = re.sub(
        r"`[^`]*`|'[^']*'|poetvae( [a-z]+)+|\S*--?[a-z][-\w]*( \w+)?|\[[^\]]*\]", "，", text
    )
    return re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+", said)


def told(help_text: str) -> Iterator[str]:
    """What a help says, without usage, names of options and commands, and the example."""
    for line in help_text.splitlines()[1:]:
        if not line.strip().startswith(("例：", "/")):
            yield re.sub(r"^  (-|[a-z]+  ).*?(  |$)", "", line)


# Help


@pytest.mark.parametrize("language", CHINESE)
@pytest.mark.parametrize("line", list(walk(cli)))
def test_no_help_has_an_english_sentence(line: str, language: str) -> None:
    done = shell(f"{line} --help", language=language)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("用法")
    assert english("\n".join(told(done.out))) == []
    assert ("选项" if language == "zh_CN" else "選項") in done.out
    assert done.out.splitlines()[-1].startswith("  例：poetvae")


@pytest.mark.parametrize("line", ["", "generate", "corpus", "check"])
def test_the_columns_of_a_chinese_help_are_aligned(line: str) -> None:
    text = shell(f"{line} --help", language="zh_TW").out
    for section in (part for part in text.split("\n\n") if "：\n" in part):
        rows = [re.match(r"(  \S.*?  +)(?=[^ -])|( {12,})", row) for row in section.splitlines()]
        starts = {width(row[0]) for row in rows if row}
        assert len(starts) == 1, section
    assert max(map(width, text.splitlines()[:-1])) <= 100


def test_help_is_in_the_language_of_each_call() -> None:
    for language, says in (("zh_TW", "顯示這段說明後結束"), ("en", "Show this message and exit.")):
        assert says in shell("info --help", language=language).out
    before = os.environ["LANGUAGE"], gettext.textdomain()
    shell("--help", language="zh_CN")
    assert (os.environ["LANGUAGE"], gettext.textdomain()) == before


_words = st.text("abcxyz(),.", min_size=1, max_size=9)


@given(st.lists(_words, min_size=1), st.integers(10, 60))
def test_english_is_wrapped_as_ever(words: list[str], columns: int) -> None:
    text = " ".join(words)
    assert wrapped(text, columns) == textwrap.wrap(text, columns)


@given(st.text("詩人不見長安 ab-c，。、「」（）", max_size=200), st.integers(16, 60))
def test_chinese_is_wrapped_between_characters(text: str, columns: int) -> None:
    lines = wrapped(text, columns)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(re.match(r"[，。、」）]", line) for line in lines[1:] if len(line) > 1) or (
        re.search(r"(^|[ 「（，。、」）])[，。、」）]", text)
    )


def test_a_long_chinese_line_is_full() -> None:
    lines = wrapped("平面由前兩個主成分構成，離線可用，可以縮放。" * 5, 40)
    assert {width(line) for line in lines[:-1]} <= {38, 40}
    assert wrapped("用一個名稱，如 浣溪沙 或 鷓鴣天", 22) == ["用一個名稱，如 浣溪沙", "或 鷓鴣天"]


# What newcomers see


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"LANG": "zh_TW.UTF-8"}, "寫詩的機器"),
        ({"LANG": "zh_CN.UTF-8"}, "写诗的机器"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "A machine that writes verse"),
    ],
)
def test_alone_it_speaks_the_language_of_the_environment(
    environment: dict[str, str], says: str
) -> None:
    names = dict.fromkeys(("LANGUAGE", "LC_ALL", "LC_MESSAGES"), "")
    done = process(**names | environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(says)


@pytest.mark.slow
@pytest.mark.parametrize("language", CHINESE)
def test_what_a_chinese_newcomer_is_told_writes_poems(language: str) -> None:
    with speaking(language):
        welcome = _(WELCOME)
    assert english(welcome) == []
    assert "--script simplified" in welcome
    lines = re.findall(r"(?m)^  poetvae ((?:generate|couplet).*)$", welcome)
    assert len(lines) == 3
    for line in lines:
        done = shell(line, language=language)
        assert done.code == 0
        assert re.search(r"[\u4e00-\u9fff]{4,}，?", done.out)
        assert re.fullmatch(r"(種子|种子) \d+\n", done.err)


# Errors and notes


@pytest.mark.parametrize("language", CHINESE)
@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "generat",
        "train",
        "train --out x --steps many",
        "train --out x --seed -1",
        "train --out x --sed 1",
        "generate -n",
        "generate poem",
        "generate --tones loose",
        "complete",
        "completion",
        "corpus nonsense",
        "info --json=1",
    ],
)
def test_wrong_usage_is_told_in_chinese(line: str, language: str) -> None:
    done = shell(line, language=language)
    assert (done.code, done.out) == (2, "")
    assert re.search(r"(?m)^(錯誤|错误)：", done.err)
    assert english(done.err) == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (1, "reconstruct"),
        (2, f"interpolate {COUPLET}"),
        (2, f"neighbours {COUPLET}"),
        (2, "optimise"),
        (2, "generate --label tang"),
        (2, "generate --line 2"),
        (1, f"edit {COUPLET} --toward author=li --model {{model}}"),
        (1, "evaluate"),
        (1, "score"),
        (1, "check"),
        (2, "train --out x --config none.toml"),
        (2, "corpus themes --model {model}"),
    ],
)
def test_errors_are_told_in_chinese(code: int, line: str, run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in run.iterdir():
        if file.is_file() and file.name != "train.json":
            (model / file.name).write_bytes(file.read_bytes())
    done = shell(line.format(model=model), language="zh_TW")
    assert (done.code, done.out) == (code, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("錯誤：")
    assert english(last) == []


def test_training_is_told_in_chinese(tmp_path: Path) -> None:
    line = "train --form 5x2 --preset tiny --steps 2 --set d_model=8 --set latent_dim=2 --out"
    done = shell(line, tmp_path / "run", language="zh_TW")
    assert done.code == 0
    for says in ("模型：", "訓練：2 步，每步 32 首", "第 2/2 步", "完成；可以用它寫詩了："):
        assert says in done.err


# Tables


def sections(done: Result) -> dict[str, list[str]]:
    """The lines of each section of a table for people, by heading."""
    assert done.code == 0, done.err
    parts = (part.split("\n") for part in done.out.strip().split("\n\n"))
    return {heading: rows for heading, *rows in parts}


def test_an_evaluation_is_a_table_in_chinese(run: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "couplets.txt"
    corpus.write_text("\n".join(COUPLETS), encoding="utf-8")
    how = "evaluate --iw 2 --samples 9 --gap 2 --curve 2 --model"
    found = sections(shell(how, run, corpus, language="zh_TW"))
    assert english("\n".join(row for rows in found.values() for row in [*found, *rows])) == []
    assert len(found) == 6
    head, *rows = found["模型所寫與人所寫"]
    assert head.split() == ["模型所寫", "人所寫"]
    assert len({width(row) for row in (head, *rows)}) == 1
    head, *rows = found["似然（IWAE-2）"]
    broad = width(head)
    assert {width(row) for row in rows if "–" in row} == {broad}
    assert any(row.split()[:2] == ["詩", "20"] for row in rows)


def test_the_same_figures_are_in_json_whatever_is_spoken(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(COUPLETS[:6]), encoding="utf-8")
    how = "evaluate --iw 2 --samples 4 --curve 0 --json --model"
    ours, theirs = (shell(how, run, tmp_path / "a.txt", language=x) for x in ("en", "zh_CN"))
    assert ours.answer == theirs.answer
    ours, theirs = (shell("info --json --model", run, language=x) for x in ("en", "zh_TW"))
    assert ours.answer == theirs.answer


@pytest.mark.parametrize("language", CHINESE)
def test_models_are_told_in_chinese(language: str) -> None:
    done = shell("models", language=language)
    assert english(re.sub(r"--model \w+", "", done.out)) == []
    assert list(sections(done)) == ["chinese：", "english："]


# What click and the system say


def test_what_click_says_is_what_the_catalogue_has() -> None:
    folder = Path(str(click.__file__)).parent
    keywords: dict[str, tuple[int, ...] | None] = {"_": None, "ngettext": (1, 2)}
    texts = extract_from_dir(folder, [("**.py", "python")], keywords=keywords)
    there = {message for _file, _line, message, *_more in texts}
    assert {*catalogue.CLICK} - there - {"required"} == set()  # that is looked up by its name


def test_what_the_system_says_is_what_the_catalogue_has() -> None:
    assert {*SAID_OF_FILES} <= {os.strerror(number) for number in range(1, 134)}
    done = shell("generate --model", "x" * 300, language="zh_TW")
    assert done.err.startswith("錯誤：")

"""Commands as a shell runs them, in this process or in one of their own."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from poetvae import cli

COUPLET = "山月臨窗白，溪風入座清。"
COUPLETS = [f"{a}上春山遠，{a}前秋水清。" for a in "天地日月風花雪雨江河湖海松竹梅蘭東西南北"]
Words = list[str | Path]


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr, of a command that printed nothing else."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What it printed with --json, of a command that went well."""
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def answer(self) -> dict[str, Any]:
        """The only one of `rows`."""
        (row,) = self.rows
        return row


def shell(line: str | Path, *words: str | Path, stdin: bytes = b"", language: str = "en") -> Result:
    """A command in this process: a line, which is split as a shell does, and words that are not."""
    arguments = ["poetvae", *shlex.split(str(line)), *map(str, words)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("default")
        patch.setattr(sys, "argv", arguments)
        patch.setenv("LANGUAGE", language)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code
    assert isinstance(code, int)
    for stream in (out, err):
        stream.seek(0)
    return Result(code, out.read(), err.read())


def refused(code: int, says: str, line: str | Path, *words: str | Path, stdin: bytes = b"") -> None:
    """A command that prints nothing but one line that says so, and ends with a code."""
    result = shell(line, *words, stdin=stdin)
    assert (result.code, says in result.error) == (code, True), result.err
    assert result.error.startswith("error: ")


def process(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "poetvae", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **env},
        check=False,
    )

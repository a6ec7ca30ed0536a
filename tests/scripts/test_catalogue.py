"""The catalogue has today's texts, all translated, and is compiled; so has the README."""

from __future__ import annotations

import catalogue
from click.testing import CliRunner


def test_nothing_lacks_and_nothing_is_stale() -> None:
    done = CliRunner().invoke(catalogue.main, ["--check"])
    assert (done.output, done.exit_code) == ("", 0)


def test_what_stands_within_an_f_string_is_gathered() -> None:
    assert "Undo" in catalogue.gathered()

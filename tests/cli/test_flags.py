"""Options of commands from the fields of a dataclass."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import click
import pytest

from poetvae.cli import cli
from poetvae.cli.common import options_of
from poetvae.cli.write import LINES
from poetvae.config import option
from poetvae.constraints.options import Conditions
from poetvae.generation.options import SamplingOptions


@dataclass(frozen=True)
class Tea:
    """What is asked of a cup of tea."""

    leaf: str | None = option(None, "Which plant.", metavar="LEAF")
    grams: float = option(2.5, "Of leaves.")
    cups: int | None = option(None, "To pour.")
    no_sugar: bool = option(False, "None at all.")
    milk: str = option("none", "How much.", among=("none", "some"), flag="--with-milk")
    water: str | None = option(None, "From where.", among=("well", "tap"))
    spices: tuple[str, ...] = option((), "Can repeat.", flag="--spice", repeat=True)
    pot: dict[str, str] = field(default_factory=dict)


@click.command()
@options_of(Tea, leave_out=("pot",), defaults={"grams": 3.0})
def brew(**given: Any) -> dict[str, Any]:
    """Make tea."""
    return given


def test_fields_become_options() -> None:
    nothing = brew.main([], standalone_mode=False)
    assert nothing == {
        "leaf": None,
        "grams": 3.0,
        "cups": None,
        "no_sugar": False,
        "milk": "none",
        "water": None,
        "spices": (),
    }
    line = "--leaf oolong --grams 4 --cups 2 --no-sugar --with-milk some --spice a --spice b"
    given = brew.main(line.split(), standalone_mode=False)
    assert Tea(**given) == Tea("oolong", 4.0, 2, True, "some", spices=("a", "b"))
    assert isinstance(given["grams"], float)


def test_help_tells_defaults_that_are_something() -> None:
    with click.Context(brew) as context:
        text = brew.get_help(context)
    for words in ("--leaf LEAF", "Which plant.", "Of leaves.  [default: 3.0]", "[none|some]"):
        assert words in text
    assert text.count("[default: ") == 2
    assert text.index("--leaf") < text.index("--cups") < text.index("--spice")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--with-milk much", "'much' is not one of 'none', 'some'"),
        ("--water sea", "'sea' is not one of 'well', 'tap'"),
        ("--grams few", "'few' is not a valid float"),
        ("--cups 1.5", "'1.5' is not a valid integer"),
        ("--pot iron", "No such option"),
        ("--milk some", "No such option"),
    ],
)
def test_values_of_another_kind_are_refused(line: str, says: str) -> None:
    with pytest.raises(click.UsageError) as error:
        brew.main(line.split(), standalone_mode=False)
    assert says in error.value.format_message()


@pytest.mark.parametrize(("command", "left_out"), [("generate", ()), ("complete", LINES)])
def test_commands_that_write_take_all_that_is_declared(
    command: str, left_out: tuple[str, ...]
) -> None:
    common = {"model", "device", "n", "form", "pairs", "script", "as_json", "quiet", "verbose"}
    common |= {"text"} if left_out else set()
    asked = {one.name for one in fields(Conditions)} - {*left_out}
    how = {one.name for one in fields(SamplingOptions)} - {"labels"}
    how -= {"plain"} if left_out else set()  # all that it writes is plain
    assert {param.name for param in cli.commands[command].params} == asked | how | common
    flags = {p.name: p.opts for p in cli.commands[command].params}
    for one in fields(Conditions):
        if one.name in asked:
            assert flags[one.name] == [one.metadata["flag"] or f"--{one.name.replace('_', '-')}"]

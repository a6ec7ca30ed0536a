"""How the command line speaks: what it says unasked, in its help, and as one types."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from unicodedata import east_asian_width

import click

from ..errors import visible

USES = {
    "Write": {
        "generate": "poems; ask for lines, acrostics, words, rhyme, tones",
        "complete": "the rest of a text, or its blanks",
        "couplet": "lower lines for the upper line of a couplet (對聯)",
    },
    "Move in the latent space": {
        "reconstruct": "poems, through it and back",
        "interpolate": "the poems on the way from one to another",
        "vary": "poems from around a place in it",
        "edit": "a poem, towards those that have something",
        "optimise": "a poem, up the gradient of a wish",
        "neighbours": "the poems of a corpus that lie nearest",
        "about": "what a poem is about",
        "map": "a picture of where poems lie, to walk about on",
    },
    "Train and measure": {
        "corpus": "what is in a corpus; numbering it once; its themes",
        "train": "a model on poems of your own, or on the embedded sample",
        "plot": "how a run learnt, or how several compare",
        "evaluate": "likelihoods of held-out poems, and how samples compare with them",
        "score": "lines, by how little they belong",
    },
    "Read": {
        "check": "tones and rhymes of a poem of yours, and every fault by name; needs no model",
    },
    "Share": {
        "demo": "a page to write on, in the browser",
        "export": "a model for programs that know nothing of poetvae",
        "models": "the weights in the package",
    },
    "Besides": {
        "info": "versions, presets, settings, and what a model is",
        "completion": "a script that completes commands in your shell",
    },
}
WELCOME = """\
A machine that writes verse from a latent space: classical Chinese, and English.

  poetvae generate
      prints a poem
  poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1
      learns from an embedded sample, or from poems of yours; prints how it goes and what it writes
  poetvae demo
      prints the address of a page to write on

All commands: poetvae --help. An example of each: poetvae COMMAND --help."""


def note(line: str) -> None:
    """A line for people, on stderr; none where they asked for quiet, or nobody can hear it."""
    if not quiet():
        with contextlib.suppress(OSError, ValueError):
            click.echo(visible(line), err=True)


def quiet() -> bool:
    """Whether the command that runs was asked to say nothing but errors."""
    return _said("quiet")


def _said(word: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(f"poetvae.{word}"))


def _say(context: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        context.meta[f"poetvae.{option.name}"] = True


def _hear(context: click.Context) -> None:
    """Until the command ends, what modules log is told, with their names."""
    root, handler = logging.getLogger(), _Notes()
    for name, level in ((None, logging.INFO), ("poetvae", logging.DEBUG)):
        logger = logging.getLogger(name)
        context.call_on_close(partial(logger.setLevel, logger.level))
        logger.setLevel(level)
    root.addHandler(handler)
    context.call_on_close(partial(root.removeHandler, handler))


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(f"{record.name}: {record.getMessage()}")


def warn(
    message: Warning | str, category: object, filename: str, lineno: int, *_: object, **__: object
) -> None:
    """A warning of Python's, as one line."""
    note(f"warning: {message}" + (f" ({filename}:{lineno})" if _said("verbose") else ""))


class Command(click.Command):
    """A command that can be told to say less, or more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for short, name, about in (
            ("-q", "--quiet", "Say nothing but errors."),
            ("-v", "--verbose", "Tell what modules log, and where warnings come from."),
        ):
            how: Any = {"is_flag": True, "expose_value": False, "callback": _say, "help": about}
            self.params.append(click.Option([short, name], **how))

    def invoke(self, ctx: click.Context) -> Any:
        if _said("verbose"):
            _hear(ctx)
        return super().invoke(ctx)


class Group(click.Group):
    """A group whose commands all can be told so, and whose help tells them by use."""

    command_class = Command
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if ctx.parent is not None:
            super().format_commands(ctx, formatter)
            return
        listed = {name for commands in USES.values() for name in commands}
        others = {n: c.get_short_help_str(80) for n, c in self.commands.items() if n not in listed}
        for use, commands in {**USES, "Others": others}.items():
            if there := [(name, commands[name]) for name in commands if name in self.commands]:
                with formatter.section(use):
                    formatter.write_dl(there, col_max=14)


def known(values: Iterable[str] | Callable[[], Iterable[str]]) -> Any:
    """Completes the last of several values, or of what a function gives, that commas join."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
        before, comma, last = typed.rpartition(",")
        among = values() if callable(values) else values
        return [before + comma + value for value in among if value.startswith(last)]

    return complete


def files(context: click.Context, parameter: click.Parameter, typed: str) -> list[Any]:
    """Completes names of files and folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(typed, type="file")]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, their columns aligned: the first one on the left, others right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    gaps = [[" " * (w - _width(cell)) for w, cell in zip(widths, row, strict=True)] for row in rows]
    return [
        "  ".join([row[0] + gap[0], *map("".join, zip(gap[1:], row[1:], strict=True))])
        for row, gap in zip(rows, gaps, strict=True)
    ]


def _width(text: str) -> int:
    """The columns of a terminal that a text takes: two of a Chinese character."""
    return sum(1 + (east_asian_width(char) in "WF") for char in text)

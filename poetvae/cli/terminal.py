"""How the command line speaks: what it says unasked, in its help, and as one types."""

from __future__ import annotations

import contextlib
import gettext
import inspect
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any
from unicodedata import east_asian_width

import click

from ..errors import visible
from ..i18n import DOMAIN, LOCALES, N_, _, speaking

USES = {
    N_("Write"): {
        "generate": N_("poems; ask for lines, acrostics, words, rhyme, tones"),
        "complete": N_("the rest of a text, or its blanks"),
        "couplet": N_("lower lines for the upper line of a couplet (對聯)"),
    },
    N_("Move in the latent space"): {
        "reconstruct": N_("poems, through it and back"),
        "interpolate": N_("the poems on the way from one to another"),
        "vary": N_("poems from around a place in it"),
        "edit": N_("a poem, towards those that have something"),
        "optimise": N_("a poem, up the gradient of a wish"),
        "neighbours": N_("the poems of a corpus that lie nearest"),
        "about": N_("what a poem is about"),
        "map": N_("a picture of where poems lie, to walk about on"),
    },
    N_("Train and measure"): {
        "corpus": N_("what is in a corpus; numbering it once; its themes"),
        "train": N_("a model on poems of your own, or on the embedded sample"),
        "plot": N_("how a run learnt, or how several compare"),
        "evaluate": N_("likelihoods of held-out poems, and how samples compare with them"),
        "score": N_("lines, by how little they belong"),
    },
    N_("Read"): {
        "check": N_("tones and rhymes of a poem of yours, and every fault by name; needs no model"),
    },
    N_("Share"): {
        "demo": N_("a page to write on, in the browser"),
        "serve": N_("the page, and JSON over HTTP for programs"),
        "export": N_("a model for programs that know nothing of poetvae"),
        "models": N_("the weights in the package"),
    },
    N_("Besides"): {
        "info": N_("versions, presets, settings, and what a model is"),
        "completion": N_("a script that completes commands in your shell"),
    },
}
WELCOME = N_("""\
A machine that writes verse from a latent space: classical Chinese, and English.

  poetvae generate
      prints a poem
  poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1
      learns from an embedded sample, or from poems of yours; prints how it goes and what it writes
  poetvae demo
      prints the address of a page to write on

All commands: poetvae --help. An example of each: poetvae COMMAND --help.""")


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
    message: Warning | str,
    category: object,
    filename: str,
    lineno: int,
    *rest: object,
    **more: object,
) -> None:
    """A warning of Python's, as one line."""
    where = f" ({filename}:{lineno})" if _said("verbose") else ""
    note(_("warning: {what}", what=message) + where)


class Option(click.Option):
    """An option whose help is in the language that is spoken when it is read."""

    @property
    def help(self) -> str | None:
        """In the language spoken now."""
        return self._help and _(self._help)

    @help.setter
    def help(self, text: str | None) -> None:
        self._help = text


option = partial(click.option, cls=Option)


class Formatter(click.HelpFormatter):
    """Help whose columns align, and whose lines end where they may, in Chinese too."""

    def write_heading(self, heading: str) -> None:
        """A heading, in a line of its own."""
        self.write(" " * self.current_indent + _("{heading}:", heading=heading) + "\n")

    def write_text(self, text: str) -> None:
        """Paragraphs, each wrapped, save those that begin with a line that is \\b."""
        left = " " * self.current_indent
        paragraphs = []
        for paragraph in re.split(r"\n{2,}", text.strip("\n")):
            mark, _line, raw = paragraph.partition("\b\n")
            lines = wrapped(mark, self.width - self.current_indent) if mark else raw.split("\n")
            paragraphs.append("\n".join(left + line for line in lines))
        self.write("\n\n".join(paragraphs) + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Terms, and beside each, in a column, what it is."""
        rows = list(rows)
        first = min(max(width(term) for term, _text in rows), col_max) + col_spacing
        for term, text in rows:
            lines = wrapped(text, max(self.width - first - 2, 10))
            if width(term) + col_spacing > first:
                lines.insert(0, "")
            for left, line in zip_longest([term], lines, fillvalue=""):
                gap = " " * max(first - width(left), 0)
                self.write(f"{'':{self.current_indent}}{left}{gap}{line}".rstrip() + "\n")


class Context(click.Context):
    """A context whose help is written by `Formatter`."""

    formatter_class = Formatter


class Spoken(click.Command):
    """A command whose help is in the language that is spoken when it is read.

    Its epilog is an example, a line that works.
    """

    context_class = Context

    @property
    def help(self) -> str | None:
        """In the language spoken now."""
        return self._help and _(inspect.cleandoc(self._help))

    @help.setter
    def help(self, text: str | None) -> None:
        self._help = text

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option --help, which click makes once, in the language of that time."""
        help_option = super().get_help_option(ctx)
        if help_option is not None:
            help_option.help = _("Show this message and exit.")
        return help_option

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence; click takes it for one word where there are no blanks."""
        sentence, stop, _rest = (self.help or "").partition("。")
        return sentence if stop else super().get_short_help_str(limit)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example."""
        if self.epilog:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text("\b\n" + _("Example: {line}", line=self.epilog))


class Command(Spoken):
    """A command that can be told to say less, or more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for short, name, about in (
            ("-q", "--quiet", N_("Say nothing but errors.")),
            ("-v", "--verbose", N_("Tell what modules log, and where warnings come from.")),
        ):
            how: Any = {"is_flag": True, "expose_value": False, "callback": _say, "help": about}
            self.params.append(Option([short, name], **how))

    def invoke(self, ctx: click.Context) -> Any:
        if _said("verbose"):
            _hear(ctx)
        return super().invoke(ctx)


class Group(Spoken, click.Group):
    """A group whose commands all can be told so, and whose help tells them by use."""

    command_class = Command
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if ctx.parent is not None:
            super().format_commands(ctx, formatter)
            return
        listed = {name for commands in USES.values() for name in commands}
        others = {n: c.get_short_help_str(80) for n, c in self.commands.items() if n not in listed}
        for use, commands in {**USES, N_("Others"): others}.items():
            there = [(name, _(told)) for name, told in commands.items() if name in self.commands]
            if there:
                with formatter.section(_(use)):
                    formatter.write_dl(there, col_max=14)


@contextlib.contextmanager
def in_language(language: str) -> Iterator[None]:
    """Within the block this language is spoken, by click too, which looks its own texts up with
    gettext: in the domain of the program, and in the language of LANGUAGE."""
    domain, wanted = gettext.textdomain(), os.environ.get("LANGUAGE")
    gettext.bindtextdomain(DOMAIN, str(LOCALES))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = language
    try:
        with speaking(language):
            yield
    finally:
        gettext.textdomain(domain)
        del os.environ["LANGUAGE"]
        if wanted is not None:
            os.environ["LANGUAGE"] = wanted


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
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    gaps = [[" " * (w - width(cell)) for w, cell in zip(widths, row, strict=True)] for row in rows]
    return [
        "  ".join([row[0] + gap[0], *map("".join, zip(gap[1:], row[1:], strict=True))]).rstrip()
        for row, gap in zip(rows, gaps, strict=True)
    ]


def width(text: str) -> int:
    """The columns of a terminal that a text takes: two of a Chinese character."""
    return sum(1 + (east_asian_width(char) in "WF") for char in text)


_WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
_OPENING, _CLOSING = r"(\[「『（《〈【", r")\].,;:!?，。、；：？！」』）》〉】…"
_PIECES = re.compile(
    rf"[{_OPENING}]*"
    rf"(?:(?:[^\s{_WIDE}]+|(?<![{_WIDE}])[{_WIDE}]{{1,6}}(?![{_WIDE}]))+|[{_WIDE}])"
    rf"[{_CLOSING}]*\s*"
)


def wrapped(text: str, columns: int) -> list[str]:
    """A text as lines of at most so many columns of a terminal, if it has so short words.

    Lines end at blanks, and within a run of more than six Chinese characters anywhere, but no mark
    that closes begins a line and none that opens ends one.
    """
    lines = [""]
    for piece in _PIECES.findall(text):
        if lines[-1] and width(lines[-1] + piece.rstrip()) > columns:
            lines.append("")
        lines[-1] += re.sub(r"\s*\n\s*", " ", piece)
    return [line.rstrip() for line in lines]

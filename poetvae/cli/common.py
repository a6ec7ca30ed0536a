"""What the commands share: the group they belong to, their options, ways in and out."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import sys
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import __version__
from ..errors import ConfigError, PoetVAEError
from .terminal import WELCOME, Group, files, known, warn
from .terminal import note as note
from .terminal import quiet as quiet

if TYPE_CHECKING:
    from ..poet import Poet
    from ..text.poem import Form, Poem


C = TypeVar("C", bound=click.Command)
F = TypeVar("F", bound=Callable[..., Any])


def main() -> None:
    """Run the command line; every expected error is one line and an exit code."""
    debug = "--debug" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    warnings.showwarning = warn
    try:
        cli.main(standalone_mode=False)
        if sys.stdout is not None:  # there is none where it was closed from the start
            sys.stdout.flush()
    except PoetVAEError as error:
        if debug:
            raise
        note(f"error: {error}")
        sys.exit(error.exit_code)
    except click.exceptions.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        note("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has left, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MemoryError, RuntimeError) as error:
        from ..runtime import out_of_memory

        if debug or not out_of_memory(error):
            raise
        note("error: out of memory; try a smaller --batch-size or model")
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        note(f"error: {error.filename or 'system'}: {error.strerror or error}")
        sys.exit(1)


def emit(value: Any) -> None:
    """A line of JSON on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def example(line: str) -> Callable[[C], C]:
    """End a command's help with an example that works."""

    def decorate(command: C) -> C:
        command.epilog = f"\b\nExample: {line}"
        return command

    return decorate


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def options_of(
    declared: type, leave_out: Sequence[str] = (), defaults: Mapping[str, Any] | None = None
) -> Callable[[F], F]:
    """Options of the command line from the fields of a dataclass; see `config.option`."""
    hints = typing.get_type_hints(declared)
    decorators: list[Callable[[F], F]] = []
    for field in dataclasses.fields(declared):
        if field.name in leave_out:
            continue
        about, default = field.metadata, (defaults or {}).get(field.name, field.default)
        given: dict[str, Any] = {"help": about["doc"], "metavar": about["metavar"]}
        if hints[field.name] is bool:
            given |= {"is_flag": True}
        elif about["repeat"]:
            given |= {"multiple": True}
        elif about["among"]:
            given |= {"type": click.Choice(about["among"]), "default": default}
            given |= {"show_default": default is not None}
        else:
            kinds = {kind for kind in (int, float) if kind in _members(hints[field.name])}
            given |= {"default": default, "show_default": bool(default)}
            given |= {"type": kinds.pop()} if kinds else {}
        flag = about["flag"] or f"--{field.name.replace('_', '-')}"
        decorators.append(click.option(flag, field.name, **given))
    return options(*decorators)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types that a union has, or the one that there is."""
    return typing.get_args(hint) or (hint,)


FORMS = ("5x2", "5x4", "5x8", "7x2", "7x4", "7x8")
model_options = options(
    click.option(
        "--model",
        metavar="MODEL",
        shell_complete=files,
        help="Run or model folder, or owner/name on the hub; absent = packaged weights.",
    ),
    click.option("--device", default="auto", help="auto, cpu or cuda."),
)
corpus_options = options(
    click.option(
        "--form",
        "forms",
        multiple=True,
        metavar="5x2",
        shell_complete=known(FORMS),
        help="Take this form; can repeat.",
    ),
    click.option("--strict", is_flag=True, help="Stop at a broken entry instead of skipping it."),
)
corpus_argument = click.argument("corpus", nargs=-1, shell_complete=files)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Repeat exactly.")


@example("poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1")
@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="poetvae")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """A machine that writes verse from a latent space."""
    if context.invoked_subcommand is None:
        click.echo(WELCOME)


def load(model: str | None, device: str) -> Poet:
    from ..poet import Poet
    from ..runtime import keep_freed_memory

    keep_freed_memory()
    return Poet.from_pretrained(model, device, log=note)


def called(model: str | None) -> str:
    """What a model is called in messages."""
    return "the packaged model" if model is None else model


def stdin() -> Iterator[str]:
    for raw in sys.stdin.buffer if sys.stdin is not None else ():
        yield raw.decode("utf-8", errors="replace").rstrip("\r\n")


def show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(values)
        return
    for key, value in values.items():
        click.echo(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value}")


def named(pairs: tuple[str, ...], option: str, example: str) -> dict[str, str]:
    """Values by name, of an option that takes NAME=VALUE and can be repeated.

    Raises:
        ConfigError: one without an equals sign.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{option} {pair}: expected NAME=VALUE, as {option} {example}")
        values[name.strip()] = value.strip()
    return values


def drawn_seed() -> int:
    """A seed, for somebody who gave none."""
    return secrets.randbelow(2**31)


def known_seed(seed: int | None) -> int:
    """The seed; absent: a drawn one, which is told."""
    if seed is None:
        seed = drawn_seed()
        note(f"seed {seed}")
    return seed


def progress_bar(unit: str) -> Any:
    """Wraps an iterator in a bar on stderr, where that is a terminal."""
    from tqdm import tqdm

    from ..runtime import without_bar

    return partial(tqdm, unit=unit, disable=without_bar(quiet()), file=sys.stderr)


def wanted_forms(poet: Poet, forms: Sequence[str]) -> list[Form]:
    """The forms to select of a corpus; absent: the model's own."""
    from ..text.poem import Form

    return [Form.parse(form) for form in forms] or poet.forms


def fitting(poet: Poet, poems: Sequence[Poem]) -> list[Poem]:
    """The poems that fit the model; tells how many do not."""
    found = [poem for poem in poems if poet.codec.fits(poem)]
    if len(found) < len(poems):
        note(f"left out: {len(poems) - len(found)} poems that do not fit the model")
    return found

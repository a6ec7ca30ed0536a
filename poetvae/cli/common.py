"""What the commands share: the group they belong to, their options, ways in and out."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import sys
import tomllib
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .. import __version__
from ..errors import ConfigError, PoetVAEError
from .terminal import WELCOME, Group, files, known, warn
from .terminal import note as note
from .terminal import quiet as quiet

if TYPE_CHECKING:
    from ..data.corpus import Corpus
    from ..poet import Poet
    from ..text.poem import Poem


FORMS = ("5x2", "5x4", "5x8", "7x2", "7x4", "7x8")

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


@dataclass(frozen=True)
class ModelChoice:
    """Which model a command is to use, and where."""

    name: str | None
    device: str

    def __str__(self) -> str:
        return "the packaged model" if self.name is None else self.name

    @property
    def run(self) -> Path | None:
        """The run folder that it is, if it is one."""
        there = self.name is not None and (Path(self.name) / "train.json").exists()
        return Path(self.name) if self.name and there else None

    def load(self) -> Poet:
        """The model, ready to use."""
        from ..poet import Poet
        from ..runtime import keep_freed_memory

        keep_freed_memory()
        return Poet.from_pretrained(self.name, self.device, log=note)


@dataclass(frozen=True)
class CorpusChoice:
    """Which corpus a command is to read, and what of it."""

    sources: tuple[str, ...]
    forms: tuple[str, ...]
    strict: bool

    def read(self, poet: Poet, sources: Sequence[str] = ()) -> Corpus:
        """What it has for a model: of these forms, or the model's own.

        `sources` are others to read instead; without any, the embedded sample is.
        """
        from ..data.corpus import CorpusSpec, read_corpus, sample_folder
        from ..text.poem import Form

        chosen = sources or self.sources or (sample_folder(),)
        forms = [Form.parse(form) for form in self.forms] or poet.forms
        return read_corpus(CorpusSpec(chosen, forms=forms, strict=self.strict))

    def poems(self, poet: Poet) -> list[Poem]:
        """Those that fit a model."""
        return fitting(poet, self.read(poet).train)


def model_options(command: F) -> F:
    """--model and --device, which the command gets as one `ModelChoice`."""

    @click.option(
        "--model",
        metavar="MODEL",
        shell_complete=files,
        help="Run or model folder, or owner/name on the hub; absent = packaged weights.",
    )
    @click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
    @wraps(command)
    def gathered(*args: Any, model: str | None, device: str, **rest: Any) -> Any:
        return command(*args, model=ModelChoice(model, device), **rest)

    return cast(F, gathered)


def corpus_options(command: F) -> F:
    """CORPUS, --form and --strict, which the command gets as one `CorpusChoice`."""

    @corpus_argument
    @forms_option
    @strict_option
    @wraps(command)
    def gathered(
        *args: Any, corpus: tuple[str, ...], forms: tuple[str, ...], strict: bool, **rest: Any
    ) -> Any:
        return command(*args, corpus=CorpusChoice(corpus, forms, strict), **rest)

    return cast(F, gathered)


forms_option = click.option(
    "--form",
    "forms",
    multiple=True,
    metavar="5x2",
    shell_complete=known(FORMS),
    help="Take this form; can repeat.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Stop at a broken entry instead of skipping it."
)
corpus_argument = click.argument("corpus", nargs=-1, shell_complete=files)


def number_option(
    flag: str,
    default: float | None,
    doc: str,
    *,
    least: int = 0,
    most: int | None = None,
    name: str = "",
) -> Callable[[F], F]:
    """A whole number from `least` on, whose default `--help` shows."""
    kind = click.IntRange(least, most)
    names = (flag, name) if name else (flag,)
    return click.option(*names, type=kind, default=default, show_default=True, help=doc)


label_option = click.option(
    "--label", "labels", multiple=True, metavar="FIELD", help="Condition on dynasty, author, ..."
)
valid_option = click.option(
    "--valid", multiple=True, metavar="CORPUS", help="Held-out poems; repeatable."
)
set_option = click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Any setting; repeatable."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Repeat exactly.")
fixed_seed_option = number_option("--seed", 0, "")


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


def settings_of(config: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Settings of a file of TOML, overruled by KEY=VALUE pairs.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    settings: dict[str, Any] = {}
    if config is not None:
        try:
            settings.update(tomllib.loads(Path(config).read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"{config}: cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{config} is not TOML: {error}") from error
    return settings | named(pairs, "--set", "latent_dim=64")


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


def fitting(poet: Poet, poems: Sequence[Poem]) -> list[Poem]:
    """The poems that fit the model; tells how many do not."""
    found = [poem for poem in poems if poet.codec.fits(poem)]
    if len(found) < len(poems):
        note(f"left out: {len(poems) - len(found)} poems that do not fit the model")
    return found

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
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, get_args

import click

from .. import __version__, progress
from ..data.reading import PLAIN, READING, ReadingOptions
from ..errors import ConfigError, CorpusError, PoetVAEError, cut, reason_of, visible
from ..files import read_limited
from ..generation.options import SamplingOptions
from ..i18n import N_, _, of_environment
from ..progress import without_bar
from .terminal import WELCOME, Group, files, in_language, known, option, warn
from .terminal import note as note
from .terminal import quiet as quiet

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..data.corpus import Corpus, CorpusSpec
    from ..poet import Poet
    from ..text.poem import Form, Poem

FORMS = ("5x2", "5x4", "5x8", "7x2", "7x4", "7x8")
LONGEST = 2000  # characters of an error, which may quote what was typed
MOST_LINES = 2**20  # of a text, a poem each
Texts = tuple[str, ...]
F = TypeVar("F", bound=Callable[..., Any])


def form_names() -> list[str]:
    """What is offered for a form: the forms of regulated verse, and tunes."""
    from ..text.form import TUNES, all_tunes

    return [*FORMS, TUNES, *map(str, all_tunes())]


def main() -> None:
    """Run the command line in the language of the environment; every expected error is one line and
    an exit code."""
    # Before torch is loaded: threads that wait for each other soon sleep, instead of spinning for
    # minutes of processor time beside other programs.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    warnings.showwarning = warn
    with in_language(of_environment()):
        _run("--debug" in sys.argv[1:])


def _run(debug: bool) -> None:
    try:
        cli.main(standalone_mode=False)
        if sys.stdout is not None:  # there is none where it was closed from the start
            sys.stdout.flush()
    except PoetVAEError as error:
        if debug:
            raise
        _fail(cut(visible(str(error), keep=""), LONGEST), error.exit_code)
    except click.exceptions.ClickException as error:
        error.message = cut(visible(error.message), LONGEST)  # type: ignore[misc]
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        note(_("interrupted"))
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has left, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MemoryError, RuntimeError) as error:
        from ..runtime import out_of_memory

        if debug or not out_of_memory(error):
            raise
        _fail(_("out of memory; try a smaller --batch-size or model"))
    except OSError as error:
        if debug:
            raise
        _fail(visible(f"{error.filename or _('system')}: {reason_of(error)}", keep=""))


def _fail(what: str, code: int = 1) -> NoReturn:
    note(_("error: {what}", what=what))
    sys.exit(code)


def output(value: Any, text: str, as_json: bool) -> None:
    """A result on stdout: as a line of JSON, or as a text for people."""
    click.echo(visible(json.dumps(value, ensure_ascii=False) if as_json else text))


def paragraph(text: str, apart: bool = False) -> str:
    """Poems of several lines, and others too if `apart`, are set apart by an empty one."""
    return text + ("\n" if apart or "\n" in text else "")


def command(
    example: str, name: str | None = None, *, group: click.Group | None = None, cls: Any = None
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of a group, absent: of the whole, with an example that works for its help."""
    return (group or cli).command(name, cls=cls, epilog=example)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def options_of(
    declared: type,
    leave_out: Sequence[str] = (),
    defaults: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> Callable[[F], F]:
    """Options of the command line from the fields of a dataclass; see `config.option`."""
    hints = typing.get_type_hints(declared)
    decorators: list[Callable[[F], F]] = []
    for field in dataclasses.fields(declared):
        if field.name in leave_out or (only and field.name not in only):
            continue
        about, hint = field.metadata, hints[field.name]
        default = (defaults or {}).get(field.name, field.default)
        given: dict[str, Any] = {"help": about["doc"], "metavar": about["metavar"]}
        if hint is bool:
            given |= {"is_flag": True}
        elif about["repeat"]:
            given |= {"multiple": True}
        elif about["among"]:
            given |= {"type": click.Choice(about["among"]), "default": default}
            given |= {"show_default": default is not None}
            given |= {"is_flag": False, "flag_value": about["bare"]} if about["bare"] else {}
        else:
            kinds = {int, float} & {hint, *get_args(hint)}
            given |= {"default": default, "show_default": bool(default)}
            given |= {"type": kinds.pop()} if kinds else {}
        flag = about["flag"] or f"--{field.name.replace('_', '-')}"
        decorators.append(option(flag, field.name, **given))
    return options(*decorators)


def gathered(into: str, kind: Callable[..., Any], *names: str) -> Callable[[F], F]:
    """Gives a command one argument, made of the options of these names in this order."""

    def decorate(function: F) -> F:
        @wraps(function)
        def run(**given: Any) -> Any:
            return function(**{into: kind(*map(given.pop, names))}, **given)

        return cast(F, run)

    return decorate


@dataclass(frozen=True)
class ModelChoice:
    """Which model a command is to use, and where."""

    name: str | None
    device: str

    def __str__(self) -> str:
        return _("the packaged model") if self.name is None else self.name

    @property
    def run(self) -> Path | None:
        """The run folder that it is, if it is one."""
        folder = Path(self.name) if self.name else None
        return folder if folder and (folder / "train.json").exists() else None

    def load(self) -> Poet:
        """The model, ready to use."""
        with working(_("reading the model")) as line:
            from ..poet import Poet
            from ..runtime import keep_freed_memory

            def log(said: str) -> None:
                line.clear()
                note(said)

            keep_freed_memory()
            return Poet.from_pretrained(self.name, self.device, log=log)


@dataclass(frozen=True)
class CorpusChoice:
    """Which corpus a command is to read, and what of it."""

    sources: Texts
    strict: bool
    reading: ReadingOptions = PLAIN
    forms: Texts = ()

    def spec(self, sources: Sequence[str] = (), forms: Sequence[Form] = ()) -> CorpusSpec:
        """What is read: these sources, or its own; without any, the embedded sample."""
        from ..data.corpus import CorpusSpec, sample_folder

        chosen = sources or self.sources or (str(sample_folder()),)
        return CorpusSpec(chosen, forms=forms, strict=self.strict, reading=self.reading)

    def read(self, poet: Poet, sources: Sequence[str] = ()) -> Corpus:
        """What it, or these sources, have for a model: of its forms, or the model's own.

        Without any sources it is the embedded sample.
        """
        from ..data.store import load_corpus
        from ..text.form import parse_forms

        forms = parse_forms(self.forms) or poet.forms
        with working(_("reading the corpus")):
            return load_corpus(self.spec(sources, forms))

    def poems(self, poet: Poet) -> list[Poem]:
        """Those that fit a model."""
        return fitting(poet, self.read(poet).train)


def number(
    flag: str, default: int | None, doc: str, *, least: int = 0, most: int | None = None
) -> Callable[[F], F]:
    """A whole number from `least` on; where it has a default, `--help` shows it."""
    kind = click.IntRange(least, most)
    return option(flag, type=kind, default=default, show_default=True, help=doc)


def decimal(flag: str, default: float, doc: str) -> Callable[[F], F]:
    """A number, whose default `--help` shows."""
    return option(flag, type=float, default=default, show_default=True, help=doc)


def texts(flag: str, name: str, metavar: str, doc: str) -> Callable[[F], F]:
    """An option that can be given several times."""
    return option(flag, name, multiple=True, metavar=metavar, help=doc)


# Those of several commands.
device_option = option("--device", default="auto", help="auto, cpu, cuda or mps.")
model_options = options(
    option(
        "--model",
        metavar="MODEL",
        shell_complete=files,
        help="Run or model folder, owner/name on the hub, or packaged weights, chinese or english; "
        "absent = chinese.",
    ),
    device_option,
    gathered("model", ModelChoice, "model", "device"),
)
corpus_argument = click.argument("corpus", nargs=-1, shell_complete=files)
forms_option = option(
    "--form",
    "forms",
    multiple=True,
    metavar="5x2",
    shell_complete=known(form_names),
    help="Take this form: 5x2, line lengths as 5-7-5, a name as 七絕 or 浣溪沙, or tunes, which is "
    "all of them; can repeat.",
)
strict_option = option(
    "--strict", is_flag=True, help="Stop at a broken entry instead of skipping it."
)
reading_flags = options_of(ReadingOptions)
reading_options = options(
    strict_option, reading_flags, gathered("reading", ReadingOptions, *READING)
)
corpus_options = options(
    corpus_argument,
    forms_option,
    reading_options,
    gathered("corpus", CorpusChoice, "corpus", "strict", "reading", "forms"),
)
passes_option = options_of(SamplingOptions, only=("passes",))
label_option = texts("--label", "labels", "FIELD", "Condition on dynasty, author, ...")
theme_option = option(
    "--theme", default="", metavar="FIELD", help="What a poem is about: title, or any text field."
)
valid_option = texts("--valid", "valid", "CORPUS", "Held-out poems; repeatable.")
set_option = texts("--set", "pairs", "KEY=VALUE", "Any setting; repeatable.")
json_option = option("--json", "as_json", is_flag=True, help="One JSON object a line.")
seed_option = number("--seed", None, "Repeat exactly.")
fixed_seed_option = number("--seed", 0, "")


def _tell_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(_("poetvae, version {version}", version=__version__))
        context.exit()


@click.group(
    cls=Group,
    epilog="poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
@option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """A machine that writes verse from a latent space."""
    if context.invoked_subcommand is None:
        click.echo(_(WELCOME))


def stdin() -> Iterator[str]:
    """The lines of standard input that are not empty."""
    return lines_of("-")


def lines_of(name: str, blank: bool = False) -> Iterator[str]:
    """The lines of a file, or of standard input, `blank` ones or not.
    Raises CorpusError: as `typed_lines` does; or there are more than anybody scores."""
    from ..data.sources import typed_lines

    if name == "-" and sys.stdin is None:
        return
    for number, line in enumerate(typed_lines(name, blank), 1):
        if number > MOST_LINES:
            what = N_("{name}: more than {most:,} lines came; give fewer at a time")
            raise CorpusError(_(what, name=name, most=MOST_LINES))
        yield line


def named(pairs: Texts, flag: str, example: str) -> dict[str, str]:
    """Values by name, of an option that takes NAME=VALUE; raises ConfigError without an =."""
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            what = N_("{option} {pair}: expected NAME=VALUE, as {option} {example}")
            raise ConfigError(_(what, option=flag, pair=pair, example=example))
        values[name.strip()] = value.strip()
    return values


def settings_of(config: str | None, pairs: Texts) -> dict[str, Any]:
    """Settings of a file of TOML, overruled by KEY=VALUE pairs; ConfigError where it is none."""
    settings: dict[str, Any] = {}
    if config is not None:
        try:
            settings = tomllib.loads(read_limited(config).decode("utf-8"))
        except OSError as error:
            why = reason_of(error)
            message = _("{name}: cannot be read ({why})", name=config, why=why)
            raise ConfigError(message) from error
        except (ValueError, RecursionError) as error:
            message = _("{name} is not TOML: {error}", name=config, error=error)
            raise ConfigError(message) from error
    return settings | named(pairs, "--set", "latent_dim=64")


def drawn_seed() -> int:
    """A seed, for somebody who gave none."""
    return secrets.randbelow(2**31)


def known_seed(seed: int | None) -> int:
    """The seed; absent: a drawn one, which is noted."""
    if seed is None:
        seed = drawn_seed()
        note(_("seed {seed}", seed=seed))
    return seed


def progress_bar(unit: str, printing: bool = False) -> Any:
    """Wraps an iterator in a bar on stderr, where that is a terminal; `printing` results onto the
    same one meanwhile tells enough."""
    from tqdm import tqdm

    told = printing and sys.stdout is not None and sys.stdout.isatty()
    return partial(tqdm, unit=unit, disable=without_bar(told or quiet()), file=sys.stderr)


def working(what: str) -> AbstractContextManager[tqdm[NoReturn]]:
    """Within the block a line on stderr, where that is a terminal, says what is being done."""
    return progress.working(what, quiet())


def fitting(poet: Poet, poems: Sequence[Poem]) -> list[Poem]:
    """The poems that fit the model; how many do not is noted."""
    fit = [poem for poem in poems if poet.codec.fits(poem)]
    if len(fit) < len(poems):
        left = len(poems) - len(fit)
        note(_("left out: {n} poems that do not fit the model", n=left))
    return fit

"""What the scripts share: runs that are trained or scored once, tables, and where they go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import click

from poetvae.data.dataset import encode_poems
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import sample_quality
from poetvae.files import write_file
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.training.spec import read_run
from poetvae.training.trainer import train

Judge = tuple[Autoregressive, PoemCodec]
PATH = click.Path(path_type=Path)
F = TypeVar("F", bound=Callable[[Any], None])


def command(group: click.Group, *arguments: str, **options: Any) -> Callable[[F], F]:
    """Make a function a command of a group; what is given comes as attributes of one object.

    Args:
        group: that of the command.
        arguments: such as "run", "[run]" where it may be left out, "runs..." for one or more.
        options: besides --write, the default of each: a tuple where it may come more than once,
            None for a path or nothing; or its type, where it has to be given.
    """

    def argument(text: str) -> click.Argument:
        name, many = text.strip("[.]"), text.endswith("...")
        kind, required = PATH if name.startswith("run") else str, not text.startswith("[")
        return click.Argument([name], type=kind, nargs=-1 if many else 1, required=required)

    def option(name: str, default: Any) -> click.Option:
        flag = f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}"
        how: dict[str, Any] = {"default": default, "multiple": isinstance(default, tuple)}
        if isinstance(default, bool):
            flag += f"/--no-{name}"
        if isinstance(default, type):
            how = {"type": default, "required": True}
        if default in (None, Path):
            how["type"] = PATH
        return click.Option([flag, name], show_default=True, **how)

    def add(function: F) -> F:
        params: list[click.Parameter] = [*map(argument, arguments)]
        params += [option(name, value) for name, value in {**options, "write": None}.items()]
        group.command(function.__name__.replace("_", "-"), help=function.__doc__, params=params)(
            lambda **given: function(SimpleNamespace(**given))
        )
        return function

    return add


def trained(
    run: Path, corpus: Sequence[str], preset: str, epochs: float, settings: Mapping[str, Any]
) -> None:
    """Train on 5x2 couplets; a run is continued where it stopped, or left as it is when done."""
    if (run / "train.json").exists():
        train(out=run, resume=True)
    else:
        train(corpus, run, preset=preset, settings=settings, forms=["5x2"], epochs=epochs)


def loop_seconds(run: Path) -> tuple[int, float]:
    """Steps, and seconds of the training loop, the last of a resumed one."""
    lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    last = [line for line in lines if "seconds" in line][-1]
    return last["step"], last["seconds"]


def load_judge(run: Path | None) -> Judge | None:
    """An autoregressive model and its codec."""
    if run is None:
        return None
    poet = Poet.from_pretrained(run)
    return poet.model.causal, poet.codec


def scored(
    run: Path, *, samples: int, iw: int, judge: Judge | None = None, curve: int = 0
) -> dict[str, Any]:
    """A trained model on its test poems: likelihood, steps and seconds, and what its samples are
    like."""
    poet, data = Poet.from_pretrained(run), read_run(run)
    store = encode_poems(poet.codec, data.test)
    report = evaluate(poet.model, poet.codec, store, samples=iw, curve_poems=curve)
    steps, seconds = loop_seconds(run)
    values = {**report.as_dict(), "steps": steps, "seconds": seconds}
    if samples:
        options: dict[str, Any] = {"n": samples, "judge": judge, "quiet": False}
        values |= sample_quality(poet.model, poet.codec, data.test, data.train, **options)
    return values


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What stands in a JSON file, made and put there where there is none."""
    if not path.exists():
        click.echo(f"scoring {path.stem}", err=True)
        write_file(path, json.dumps(make(), indent=1).encode())
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return values


def cells(values: Mapping[str, Any], formats: Mapping[str, str]) -> list[str]:
    """The values of these keys, each in its format; empty where there is none."""
    found = ((values.get(key), spec) for key, spec in formats.items())
    return ["" if value is None else format(value, spec) for value, spec in found]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def publish(path: Path | None, mark: str, text: str) -> None:
    """Print a table; put it between <!-- mark --> and <!-- /mark --> of a file, if one is given."""
    click.echo(text)
    if path:
        begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        before, _, rest = path.read_text("utf-8").partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise click.ClickException(f"{path} has no {begin.strip()} ... {end}; put them in")
        write_file(path, f"{before}{begin}{text}\n{end}{after}".encode())

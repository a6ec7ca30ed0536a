"""What the scripts share: runs that are trained or scored once, tables, and where they go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import click
import torch
from torch import Tensor

from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.errors import PoetVAEError
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import sample_quality
from poetvae.files import write_file
from poetvae.generation.generate import BATCH
from poetvae.models import Autoregressive
from poetvae.models.bounds import mutual_information
from poetvae.nn import DiagonalGaussian
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Poem
from poetvae.training.spec import read_run
from poetvae.training.trainer import train

Judge = tuple[Autoregressive, PoemCodec]
PATH = click.Path(path_type=Path)
F = TypeVar("F", bound=Callable[[Any], None])


def command(group: click.Group, *arguments: str, **options: Any) -> Callable[[F], F]:
    """Make a function a command of a group; what is given comes as attributes of one object.

    Arguments are "run", "[run]" where it may be left out, "runs..." for one or more. Options,
    besides --write, have a default: a tuple where it may come more than once, None for a path or
    nothing; or they are a type, where they have to be given.
    """
    params: list[click.Parameter] = []
    for text in arguments:
        many, kind = -1 if text.endswith("...") else 1, PATH if "run" in text else str
        name, needed = text.strip("[.]"), text[0] != "["
        params.append(click.Argument([name], type=kind, nargs=many, required=needed))
    for name, default in {**options, "write": None}.items():
        flag = f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}"
        flag += f"/--no-{name}" * isinstance(default, bool)
        how: dict[str, Any] = {"default": default, "multiple": isinstance(default, tuple)}
        if isinstance(default, type):
            how = {"required": True}
        if default in (None, Path):
            how["type"] = PATH
        params.append(click.Option([flag, name], show_default=True, **how))

    def add(function: F) -> F:
        name = function.__name__.replace("_", "-")

        @group.command(name, help=function.__doc__, params=params)
        def called(**given: Any) -> None:
            try:
                function(SimpleNamespace(**given))
            except PoetVAEError as error:
                raise click.ClickException(str(error)) from error

        return function

    return add


def trained(run: Path, corpus: Sequence[str], preset: str, epochs: float, **settings: Any) -> None:
    """Train on 5x2 couplets; a run is continued where it stopped, or left as it is when done."""
    if (run / "train.json").exists():
        train(out=run, resume=True)
    else:
        train(corpus, run, preset=preset, settings=settings, forms=["5x2"], epochs=epochs)


def loop_seconds(run: Path) -> tuple[int, float]:
    """Steps, and seconds of the training loop, the last of a resumed one."""
    last = timed_lines(run)[-1]
    return last["step"], last["seconds"]


def timed_lines(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that say how long the training took so far."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    return [line for line in lines if "seconds" in line]


def posterior(poet: Poet, poems: Sequence[Poem]) -> tuple[DiagonalGaussian, Tensor | None]:
    """q(z | x) of poems, and their labels."""
    found, labels = [], []
    with torch.no_grad():
        for batch in encode_poems(poet.codec, poems).batches(BATCH):
            q = poet.model.latent.encode(batch)
            assert isinstance(q, DiagonalGaussian)
            found.append(q)
            labels += [] if batch.labels is None else [batch.labels]
    mean, logvar = (torch.cat([getattr(q, name) for q in found]) for name in ("mean", "logvar"))
    return DiagonalGaussian(mean, logvar), torch.cat(labels) if labels else None


def informed(q: DiagonalGaussian) -> float:
    """Mutual information of z and the poems with these posteriors, nats."""
    return mutual_information(q, torch.Generator().manual_seed(derive_seed(0, "telling")))


@torch.no_grad()
def by_passes(poet: Poet, poems: Sequence[Poem], passes: int | None) -> list[str]:
    """Cells: how many nats a poem another's z costs; of the likeliest characters, given those of
    earlier passes, the share that is right by a poem's own z, by another's."""
    model, nats, right, count = poet.model.latent, [0.0, 0.0], [0, 0], 0
    for part in encode_poems(poet.codec, poems).batches(BATCH):
        batch = part.untold(model.config.theme_len)
        z, p = model.encode(batch).mode, model.check_passes(passes)
        history = batch.tokens.masked_fill(~batch.mask, model.mask_id)
        for side, point in enumerate((z, z.roll(1, 0))):
            nats[side] += float(model.nll(point, batch, p).sum())
            known: dict[str, Any] = {"labels": batch.labels, "mask": batch.mask}
            guess = model.decode(point, history=history, passes=p, **known)
            right[side] += int(((guess.argmax(dim=2) == batch.tokens) & batch.mask).sum())
        count += int(batch.mask.sum())
    own, other = (n / count for n in right)
    return [f"{(nats[1] - nats[0]) / len(poems):.1f}", f"{own:.1%}", f"{other:.1%}"]


def load_judge(run: Path | None) -> Judge | None:
    """An autoregressive model and its codec."""
    poet = Poet.from_pretrained(run) if run else None
    return (poet.model.causal, poet.codec) if poet else None


def scored(
    run: Path, samples: int, iw: int, judge: Judge | None = None, curve: int = 0
) -> dict[str, Any]:
    """A trained model on its test poems: likelihood, steps and seconds, and samples beside them."""
    poet, data = Poet.from_pretrained(run), read_run(run)
    model, codec = poet.model, poet.codec
    report = evaluate(model, codec, encode_poems(codec, data.test), samples=iw, curve_poems=curve)
    values = report.as_dict() | dict(zip(("steps", "seconds"), loop_seconds(run), strict=True))
    if samples:
        both = data.test, data.train
        values |= sample_quality(model, codec, *both, n=samples, judge=judge, quiet=False)
    return values


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What stands in a JSON file, made and put there where there is none."""
    if not path.exists():
        click.echo(f"scoring {path.stem}", err=True)
        write_file(path, json.dumps(make(), indent=1).encode())
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return values


def nats(values: Mapping[str, Any]) -> str:
    """The bound in nats per character, ± half its 95 % interval where it has one."""
    low, high = values.get("ci", {}).get("nll_per_char", (0.0, 0.0))
    half = f" ± {(high - low) / 2:.3f}" if high else ""
    return f"{values['nll_per_char']:.3f}{half}"


def cells(values: Mapping[str, Any], formats: str) -> list[str]:
    """The values of these keys, each in the format after its colon; empty where there is none."""
    pairs = (part.partition(":") for part in formats.split())
    found = ((values.get(key), spec) for key, _, spec in pairs)
    return ["" if value is None else format(value, spec) for value, spec in found]


def table(columns: str, rows: Iterable[Sequence[str]]) -> str:
    """Markdown; columns are parted by |."""
    names = columns.split("|")
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *rows])


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

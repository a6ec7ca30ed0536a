"""What the scripts share: runs that are trained or scored once, tables, and where they go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from poetvae.data.corpus import Corpus
from poetvae.data.dataset import encode_poems
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import poem_ids, sample_quality
from poetvae.files import write_file
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Poem
from poetvae.training.spec import RunSpec, read
from poetvae.training.trainer import train

Judge = tuple[Autoregressive, PoemCodec]


def trained(
    run: Path,
    corpus: Sequence[str],
    preset: str,
    epochs: float,
    settings: Mapping[str, Any],
    form: str = "5x2",
) -> RunSpec:
    """A run: continued where it stopped, left as it is where it is done."""
    if (run / "train.json").exists():
        train(out=run, resume=True)
    else:
        train(corpus, run, preset=preset, settings=settings, forms=[form], epochs=epochs)
    return RunSpec.load(run)


def loop_seconds(run: Path) -> tuple[int, float]:
    """Steps, and seconds of the training loop, the last of a resumed one."""
    lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    timed = [line for line in lines if "seconds" in line]
    return timed[-1]["step"], timed[-1]["seconds"]


def data_of(run: Path, corpus: Sequence[str] = ()) -> Corpus:
    """The poems of a run; `corpus` is where they lie now, where that is elsewhere than they did."""
    job = RunSpec.load(run)
    return read(replace(job, sources=tuple(corpus)) if corpus else job)


def load_judge(run: Path | None) -> Judge | None:
    """An autoregressive model and its codec."""
    if run is None:
        return None
    poet = Poet.from_pretrained(run)
    if not isinstance(poet.model, Autoregressive):
        raise click.ClickException(f"{run} is no autoregressive model; train one with --preset ar")
    return poet.model, poet.codec


def scored(
    run: Path, data: Corpus, *, samples: int, iw: int, judge: Judge | None = None, curve: int = 0
) -> dict[str, Any]:
    """A trained model on its test poems: report, steps and seconds, and what its samples are
    like."""
    poet = Poet.from_pretrained(run)
    store = encode_poems(poet.codec, data.test)
    report = evaluate(poet.model, poet.codec, store, samples=iw, curve_poems=curve)
    steps, seconds = loop_seconds(run)
    values = {**report.as_dict(), "steps": steps, "seconds": seconds}
    if samples:
        model, codec = poet.model, poet.codec
        options: dict[str, Any] = {"n": samples, "judge": judge, "quiet": False}
        values |= sample_quality(model, codec, data.test, data.train, **options)
    return values


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What stands in a JSON file, made and put there where there is none."""
    if not path.exists():
        click.echo(f"scoring {path.stem}", err=True)
        write_file(path, json.dumps(make(), indent=1).encode())
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return values


def readable(poems: Iterable[Poem], *codecs: PoemCodec, limit: int | None = None) -> list[Poem]:
    """The poems (the first so many) that fit all codecs and have no character unknown to one."""

    def reads(codec: PoemCodec, poem: Poem) -> bool:
        return codec.fits(poem) and codec.tokenizer.unk_id not in poem_ids(codec, poem)

    found = (poem for poem in poems if all(reads(codec, poem) for codec in codecs))
    return list(islice(found, limit))


def figure(value: float | None, spec: str) -> str:
    """A cell of a table; empty where there is no value."""
    return "" if value is None else format(value, spec)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def put_between(path: Path, mark: str, text: str) -> None:
    """Replace what stands between <!-- mark --> and <!-- /mark --> in a file."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, _, rest = path.read_text("utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise click.ClickException(f"{path} has no {begin.strip()} ... {end}; put them in")
    write_file(path, f"{before}{begin}{text}\n{end}{after}".encode())


def publish(path: Path | None, mark: str, text: str) -> None:
    """Print a table, and put it between its marks in a file, where one is given."""
    click.echo(text)
    if path:
        put_between(path, mark, text)

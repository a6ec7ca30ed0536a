"""The commands to train and to measure."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..config import PRESETS, fields
from ..errors import ConfigError, CorpusError
from .common import (
    called,
    cli,
    corpus_argument,
    corpus_options,
    emit,
    example,
    fitting,
    json_option,
    load,
    model_options,
    named,
    progress_bar,
    seed_option,
    show,
    stdin,
    wanted_forms,
)
from .terminal import files, known, note, quiet

if TYPE_CHECKING:
    from ..data.corpus import CorpusReport
    from ..text.poem import Form


label_option = click.option(
    "--label", "labels", multiple=True, metavar="FIELD", help="Condition on dynasty, author, ..."
)
valid_option = click.option(
    "--valid", multiple=True, metavar="CORPUS", help="Held-out poems; repeatable."
)
set_option = click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Any setting; repeatable."
)


@example("poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1")
@cli.command()
@corpus_argument
@click.option(
    "--out", required=True, metavar="RUN", shell_complete=files, help="The run folder to write."
)
@click.option(
    "--preset",
    metavar="NAME[,NAME]",
    shell_complete=known(PRESETS),
    help=f"{', '.join(PRESETS)}; base if absent; later overrule.",
)
@click.option("--epochs", type=float, help="Train so many times through the corpus (10 if absent).")
@click.option("--steps", type=int, help="Or so many steps.")
@click.option("--minutes", type=float, help="Or about so many minutes.")
@click.option("--batch-size", type=int, help="Poems in a step.")
@click.option("--device", default="auto", help="auto, cpu or cuda.")
@seed_option
@valid_option
@set_option
@click.option("--config", metavar="FILE.toml", shell_complete=files, help="Settings from a file.")
@corpus_options
@label_option
@click.option("--resume", is_flag=True, help="Continue the run in --out, if there is one.")
@click.option("--force", is_flag=True, help="Replace the run in --out.")
@click.option("--tensorboard", is_flag=True, help="Write the curves to RUN/tensorboard, too.")
def train(
    corpus: tuple[str, ...],
    out: str,
    preset: str | None,
    pairs: tuple[str, ...],
    config: str | None,
    batch_size: int | None,
    seed: int | None,
    resume: bool,
    **how: Any,
) -> None:
    """Train a model on CORPUS: files, folders, hub names or - ; absent = the embedded sample.
    Or a folder that `corpus tokenize` wrote, with the forms and labels that it has.

    Settings: --config FILE.toml is overruled by --set, and that by the options.
    """
    settings = _settings(config, pairs)
    if batch_size is not None:
        settings["batch_size"] = batch_size
    if seed is not None:
        settings["seed"] = seed
    from ..training import trainer

    trainer.train(
        corpus,
        out,
        preset=preset,
        settings=settings,
        resume=resume,
        log=note,
        quiet=quiet(),
        **how,
    )
    if os.environ.get("RANK", "0") == "0":
        note(f"done; now write poems with: poetvae generate --model {out} -n 4")


@example("poetvae evaluate --model my-poet --iw 10 --samples 500")
@cli.command()
@corpus_argument
@model_options
@corpus_options
@click.option(
    "--iw",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Samples of the importance-weighted bound.",
)
@click.option(
    "--curve",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Poems to show the bound on with 1 to 1000 samples; 0 = none.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=10_000,
    show_default=True,
    help="Poems to write and compare with human ones; 0 = none.",
)
@click.option(
    "--gap",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Poems to split log p(x) - ELBO on, which takes minutes; 0 = none.",
)
@click.option("--temperature", type=float, default=1.0, show_default=True, help="Of the samples.")
@click.option("--passes", type=int, help="To write in; the most it was trained for if absent.")
@click.option("--judge", metavar="MODEL", help="An autoregressive model that scores the samples.")
@click.option(
    "--against", multiple=True, metavar="CORPUS", help="Training text, where MODEL is no run."
)
@click.option("--limit", type=click.IntRange(min=1), help="Score only so many poems.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def evaluate(
    corpus: tuple[str, ...],
    model: str | None,
    device: str,
    forms: tuple[str, ...],
    strict: bool,
    iw: int,
    curve: int,
    samples: int,
    gap: int,
    temperature: float,
    passes: int | None,
    judge: str | None,
    against: tuple[str, ...],
    limit: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Score CORPUS: the likelihood in nats, what z carries, and how samples compare with it.

    Absent, with a run folder as MODEL: the poems it held out to test with.
    """
    from ..data.corpus import CorpusSpec, read_corpus
    from ..data.dataset import encode_poems
    from ..evaluation import likelihood as evaluation
    from ..evaluation import samples as quality
    from ..evaluation.inference_gap import inference_gap
    from ..models import Autoregressive
    from ..training.spec import read_run

    poet = load(model, device)
    if gap and isinstance(poet.model, Autoregressive):
        raise ConfigError("an autoregressive model's likelihood is exact; leave out --gap")
    referee = None
    if judge is not None:
        found = load(judge, device)
        if not isinstance(found.model, Autoregressive):
            raise ConfigError(f"{judge} is no autoregressive model; train one with --preset ar")
        referee = found.model, found.codec
    known = []
    wanted = wanted_forms(poet, forms)
    if model is not None and (Path(model) / "train.json").exists():
        learned = read_run(Path(model))
        known = learned.train
    elif not corpus:
        raise CorpusError(f"{called(model)} has no train.json: nothing is held out; give a CORPUS")
    if against:
        known = read_corpus(CorpusSpec(against, forms=wanted, strict=strict)).train
    read = read_corpus(CorpusSpec(corpus, forms=wanted, strict=strict)) if corpus else learned
    poems = read.train if corpus else read.test or read.valid
    for line in read.report.lines():
        note(line)
    human = fitting(poet, poems)[:limit]
    store = encode_poems(poet.codec, human)
    report = evaluation.evaluate(
        poet.model,
        poet.codec,
        store,
        samples=iw,
        seed=seed,
        passes=passes,
        curve_poems=curve,
        progress=progress_bar("batch"),
    )
    values = report.as_dict()
    if gap and not isinstance(poet.model, Autoregressive):
        found_gap = inference_gap(poet.model, poet.codec, store, poems=gap, seed=seed)
        values["gap"] = found_gap.as_dict()
    if samples:
        try:
            values |= quality.sample_quality(
                poet.model,
                poet.codec,
                human,
                [poem for poem in known if poet.codec.fits(poem)],
                n=samples,
                temperature=temperature,
                passes=passes,
                seed=seed,
                judge=referee,
                quiet=quiet(),
            )
        except CorpusError as error:  # the likelihood stands without them
            note(f"no samples: {error}")
    show(values, as_json)


@example("poetvae score --model my-poet poems.txt")
@cli.command()
@click.argument("source", default="-", shell_complete=files)
@model_options
@click.option(
    "--iw",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Samples of the importance-weighted bound.",
)
@click.option("--sort", is_flag=True, help="Strangest first.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def score(
    source: str, model: str | None, device: str, iw: int, sort: bool, seed: int, as_json: bool
) -> None:
    """Score the lines of SOURCE, a poem each (absent: of stdin): which do not belong?

    nll is in nats a poem; anomaly is nll_per_char in standard deviations above the mean of the
    lines given.
    """
    poet = load(model, device)
    if source == "-":
        lines = list(stdin())
    else:
        try:
            lines = Path(source).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise CorpusError(f"{source} is not UTF-8; convert it") from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise CorpusError(f"{source}: no text came; give a poem on each line")
    scores = poet.score(lines, samples=iw, seed=seed)
    if sort:
        scores.sort(key=lambda one: -one["anomaly"])
    for one in scores:
        if as_json:
            emit(one)
        else:
            click.echo(f"{one['nll_per_char']:.3f}\t{one['anomaly']:+.2f}\t{one['text']}")


@example("poetvae corpus stats poems.txt")
@cli.group()
def corpus() -> None:
    """Look at corpora, and make them ready to train on."""


@example("poetvae corpus stats poems.txt")
@corpus.command()
@corpus_argument
@corpus_options
@json_option
def stats(corpus: tuple[str, ...], forms: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """What is in CORPUS, what was dropped and why; absent = the embedded sample."""
    from ..data.corpus import sample_folder
    from ..text.poem import Form

    report = _report(corpus or (str(sample_folder()),), [Form.parse(f) for f in forms], strict)
    if as_json:
        emit(report.as_dict())
    else:
        click.echo("\n".join(report.lines()))


@example("poetvae corpus tokenize --form 5x2 --out couplets")
@corpus.command()
@corpus_argument
@click.option("--out", required=True, metavar="FOLDER", help="The folder to write.")
@corpus_options
@label_option
@valid_option
@set_option
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; one a core, at most 8, if absent."
)
def tokenize(
    corpus: tuple[str, ...],
    out: str,
    forms: tuple[str, ...],
    strict: bool,
    labels: tuple[str, ...],
    valid: tuple[str, ...],
    pairs: tuple[str, ...],
    workers: int | None,
) -> None:
    """Number CORPUS once, for many runs to train on; absent = the embedded sample.

    What is learnt, held out and known is settled here: max_len, held_out, min_count and min_label
    can be --set. Memory does not grow with the corpus, neither here nor in training.
    """
    from ..config import configure
    from ..data.tokenize import build
    from ..training.spec import RunSpec

    config = configure("base", _settings(None, pairs))
    spec = RunSpec.plan(config, corpus, valid, forms, labels, strict)
    spec.check()
    for line in build(spec.corpus, Path(out), workers).lines():
        note(line)
    click.echo(out)
    note(f"done; now train on it with: poetvae train {out} --out my-poet")


@example("poetvae corpus themes --model my-poet --clusters 4")
@corpus.command()
@corpus_argument
@model_options
@corpus_options
@click.option(
    "--clusters",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="So many clusters of k-means; 0 = those of the model's mixture prior.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def themes(
    corpus: tuple[str, ...],
    model: str | None,
    device: str,
    forms: tuple[str, ...],
    strict: bool,
    clusters: int,
    seed: int,
    as_json: bool,
) -> None:
    """The clusters of CORPUS in latent space, by what is more frequent in them than elsewhere.

    Their purity is given for each field of the poems with at most 50 values, beside the share of
    the commonest value, which one cluster alone would have. CORPUS absent: the embedded sample.
    """
    from collections import Counter

    from ..data.corpus import CorpusSpec, read_corpus, sample_folder
    from ..latent.clusters import characteristic, clusters_of, purity

    poet = load(model, device)
    wanted = wanted_forms(poet, forms)
    spec = CorpusSpec(corpus or (sample_folder(),), forms=wanted, strict=strict)
    poems = fitting(poet, read_corpus(spec).train)
    found = clusters_of(poet.model, poet.latents(poems), clusters, seed)
    if not found:
        raise ConfigError("this model's prior is no mixture; say how many --clusters to look for")
    words = characteristic([poem.text for poem in poems], found)
    for cluster, size in Counter(found).most_common():
        shown = next(p.text for p, c in zip(poems, found, strict=True) if c == cluster)
        row = {"cluster": cluster, "poems": size, "characters": words[cluster], "example": shown}
        if as_json:
            emit(row)
        else:
            line = shown.replace("\n", " / ")
            click.echo(f"{cluster}\t{size / len(poems):.1%}\t{words[cluster]}\t{line}")
    for name in sorted({"form", *(name for poem in poems for name in poem.meta)}):
        values = [poem.value(name) for poem in poems]
        if 2 <= len(set(values)) <= 50:
            share = Counter(values).most_common(1)[0][1] / len(values)
            note(f"purity by {name}: {purity(found, values):.3f}; commonest value {share:.3f}")


@example("poetvae info")
@cli.command()
@model_options
@json_option
def info(model: str | None, device: str, as_json: bool) -> None:
    """What the model is; without --model also versions, presets and settings."""
    import torch

    values: dict[str, Any] = {}
    if model is None:
        values = {
            "poetvae": __version__,
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "cuda": torch.cuda.is_available(),
            "threads": torch.get_num_threads(),
            "presets": list(PRESETS),
            "settings": {n: f.metadata["doc"] for n, f in fields().items()},
        }
    poet = load(model, device)
    values |= {
        "model": called(model),
        "parameters": poet.model.num_parameters(),
        "forms": {str(form): count for form, count in poet.codec.forms.items()},
        "fields": {name: list(values) for name, values in poet.codec.fields.items()},
        **vars(poet.model.config),
    }
    show(values, as_json)


def _settings(config: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if config is not None:
        try:
            settings.update(tomllib.loads(Path(config).read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"{config}: cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{config} is not TOML: {error}") from error
    return settings | named(pairs, "--set", "latent_dim=64")


def _report(sources: tuple[str, ...], forms: list[Form], strict: bool) -> CorpusReport:
    from ..data.corpus import CorpusReport, CorpusSpec, read_corpus, read_poems

    if forms:
        return read_corpus(CorpusSpec(sources, forms=forms, strict=strict)).report
    report = CorpusReport()
    for _ in read_poems(*sources, strict=strict, report=report):
        pass
    return report

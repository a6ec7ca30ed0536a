"""The commands that draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from ..files import check_suffix
from .common import (
    CorpusChoice,
    ModelChoice,
    cli,
    corpus_options,
    example,
    fitting,
    fixed_seed_option,
    model_options,
    number_option,
    progress_bar,
)
from .terminal import files, note

if TYPE_CHECKING:
    from ..text.poem import Poem
    from ..training.log import History


# Labels that colour a picture unasked, in this order; and how many values any label may have that
# was not asked for.
USUAL = ("dynasty", "form")
MOST = 200
DECODED = 256


@example("poetvae plot my-poet --out curves.png")
@cli.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=files)
@click.option("--out", required=True, metavar="FILE", help="The .png, .svg or .pdf to write.")
@click.option(
    "--kind",
    type=click.Choice(["curves", "rate-distortion", "ladder"]),
    default="curves",
    show_default=True,
    help="How it learnt; what z carries and leaves to guess; nats a character, the best first.",
)
def plot(runs: tuple[str, ...], out: str, kind: str) -> None:
    """Draw the training of RUN, or compare several; prints the name of the picture.

    All is read from what the run folders recorded: the held-out poems of their validations, at the
    one whose weights were kept.
    """
    from ..plotting.curves import SUFFIXES

    check_suffix(Path(out), SUFFIXES)
    from ..training.log import read_history

    found = _named_apart(runs, [read_history(run) for run in runs])
    if len({history.corpus for history in found}) > 1:
        note("warning: these runs learnt from different poems; their held-out ones differ, too")
    if kind == "curves":
        from ..plotting.curves import plot_curves

        plot_curves(out, found)
    else:
        _compare(out, kind, found)
    click.echo(out)


def _compare(out: str, kind: str, found: Sequence[History]) -> None:
    from ..plotting.comparison import plot_ladder, plot_rate_distortion

    rows: list[dict[str, Any]] = []
    for history in found:
        best = history.best() or {}
        if "valid_elbo_per_char" in best:
            rows.append(
                {
                    "name": history.name,
                    "beta": history.beta,
                    "rate": best["valid_kl_per_poem"],
                    "distortion": best["valid_recon_per_poem"],
                    "nats": best["valid_elbo_per_char"],
                    "parameters": history.parameters,
                }
            )
        else:
            note(f"left out: {history.name}, which recorded no bound of held-out poems")
    draw = plot_ladder if kind == "ladder" else plot_rate_distortion
    draw(out, rows)


def _named_apart(runs: Sequence[str], found: Sequence[History]) -> list[History]:
    """Each with a name of its own: where folders share one, all are called as they were given."""
    if len({history.name for history in found}) == len(found):
        return list(found)
    return [replace(history, name=run) for run, history in zip(runs, found, strict=True)]


@example("poetvae map --model my-poet --clusters 4 --out map.html")
@cli.command("map")
@model_options
@corpus_options
@click.option("--out", required=True, metavar="FILE", help="The .html, .png or .svg to write.")
@click.option("--label", metavar="FIELD", help="Colour by this: author, dynasty, form…")
@number_option(
    "--clusters",
    0,
    "Colour by so many clusters of k-means; 0 = by those of a mixture prior, if any.",
)
@number_option("--grid", 12, "Decode so many times so many points of the plane; 0 = none.", most=64)
@click.option("--limit", type=click.IntRange(min=2), help="Take so many poems, evenly spread.")
@fixed_seed_option
def draw_map(
    model: ModelChoice,
    corpus: CorpusChoice,
    out: str,
    label: str | None,
    clusters: int,
    grid: int,
    limit: int | None,
    seed: int,
) -> None:
    """Draw where the poems of CORPUS lie in latent space; prints the name of the picture.

    The plane is that of the first two principal components. An .html map is one file that works
    offline: zoom, search, colour by any label, read what the model writes at points of the plane.
    CORPUS absent: the embedded sample.
    """
    suffix = check_suffix(Path(out), (".html", ".png", ".svg"))
    from ..latent.attributes import spread
    from ..latent.clusters import clusters_of, purity
    from ..latent.plane import Plane
    from ..plotting.map_image import plot_map
    from ..plotting.map_page import write_map

    poet = model.load()
    read = corpus.read(poet)
    for line in read.report.lines():
        note(line)
    poems = spread(fitting(poet, read.train), limit)
    groups = _labels(poems, label)

    z = poet.latents(poems, progress_bar("batch"))
    plane = Plane.fit(z)
    points = plane.project(z)
    if found := clusters_of(poet.model, z, clusters, seed):
        for name, values in groups.items():
            note(f"purity of the clusters by {name}: {purity(found, values):.3f}")
        groups["cluster"] = found
    first = next((name for name in (label, "cluster", *USUAL) if name in groups), None)
    nodes = plane.grid(points, grid)
    lifted = plane.lift(nodes)
    parts = (lifted[i : i + DECODED] for i in range(0, len(lifted), DECODED))
    forms_of = Counter(map(poet.codec.form_of, poems))
    form = str(max(forms_of, key=lambda form: forms_of[form])) if poet.forms else None
    decoded = (poem.text for part in parts for poem in poet.decode(part, form=form))
    written = [(x, y, text) for (x, y), text in zip(nodes.tolist(), decoded, strict=True)]
    name = "poetvae" if model.name is None else Path(model.name).resolve().name
    title = f"{len(poems):,} poems in the latent space of {name}"
    if suffix == ".html":
        groups = {name: groups[name] for name in sorted(groups, key=lambda name: name != first)}
        texts = [poem.text for poem in poems]
        write_map(out, points, texts, groups, written, title, plane.names())
    else:
        colours = groups[first] if first else None
        title += f", by {first}" if first else ""
        plot_map(out, points.numpy(), colours, written, plane.names(), title=title)
    click.echo(out)


def _labels(poems: Sequence[Poem], asked: str | None) -> dict[str, Sequence[str]]:
    """The labels that tell poems apart: by name, the value of each poem, "" where it is unknown.

    Raises:
        ConfigError: no poem has the one that was asked for.
    """
    names = sorted({name for poem in poems for name in poem.meta})
    labels: dict[str, Sequence[str]] = {
        name: [poem.value(name) for poem in poems] for name in (*names, "form")
    }
    if asked is not None and asked not in labels:
        raise ConfigError(f"no poem has the label {asked!r}; they have {', '.join(labels)}")
    return {
        name: values
        for name, values in labels.items()
        if name == asked or 2 <= len(set(values) - {""}) <= MOST
    }

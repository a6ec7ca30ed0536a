"""The commands that draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from ..files import check_suffix
from .common import (
    cli,
    corpus_options,
    example,
    fitting,
    load,
    model_options,
    note,
    progress_bar,
    wanted_forms,
)

if TYPE_CHECKING:
    from ..text.poem import Poem

# Labels that colour a picture unasked, in this order; and how many values any label may have that
# was not asked for.
USUAL = ("dynasty", "form")
MOST = 200
DECODED = 256


@example("poetvae plot my-poet --out curves.png")
@cli.command()
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The .png, .svg or .pdf to write.")
def plot(run: str, out: str) -> None:
    """Draw the training curves of the run folder RUN; prints the name of the picture."""
    from ..plots import plot_run

    plot_run(run, out)
    click.echo(out)


@example("poetvae map --model my-poet --clusters 4 --out map.html")
@cli.command("map")
@click.argument("corpus", nargs=-1)
@model_options
@corpus_options
@click.option("--out", required=True, metavar="FILE", help="The .html, .png or .svg to write.")
@click.option("--label", metavar="FIELD", help="Colour by this: author, dynasty, form…")
@click.option(
    "--clusters",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Colour by so many clusters of k-means; 0 = by those of a mixture prior, if any.",
)
@click.option(
    "--grid",
    type=click.IntRange(0, 64),
    default=12,
    show_default=True,
    help="Decode so many times so many points of the plane; 0 = none.",
)
@click.option("--limit", type=click.IntRange(min=2), help="Take so many poems, evenly spread.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def draw_map(
    corpus: tuple[str, ...],
    model: str | None,
    device: str,
    forms: tuple[str, ...],
    strict: bool,
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
    from ..clusters import clusters_of, purity
    from ..maps import Plane, write_map
    from ..plots_map import plot_map
    from ..text.attributes import spread
    from ..text.corpus import read_corpus, sample_folder

    poet = load(model, device)
    wanted = wanted_forms(poet, forms)
    read = read_corpus(corpus or (sample_folder(),), wanted, 0.0, strict)
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
    decoded = (text for part in parts for text in poet.decode(part))
    written = [(x, y, text) for (x, y), text in zip(nodes.tolist(), decoded, strict=True)]
    if suffix == ".html":
        groups = {name: groups[name] for name in sorted(groups, key=lambda name: name != first)}
        name = "poetvae" if model is None else Path(model).resolve().name
        title = f"{len(poems):,} poems in the latent space of {name}"
        texts = [poem.text for poem in poems]
        write_map(out, points, texts, groups, written, title, plane.names())
    else:
        colours = groups[first] if first else None
        plot_map(out, points.numpy(), colours, written, plane.names())
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

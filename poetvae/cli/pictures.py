"""The commands that draw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError, visible
from ..files import check_suffix
from ..i18n import N_, _
from . import common
from .common import CorpusChoice, ModelChoice, Texts
from .terminal import files, note, option

if TYPE_CHECKING:
    from ..text.poem import Poem
    from ..training.log import History

USUAL = ("dynasty", "form")  # labels that colour a picture unasked, in this order
MOST = 200  # values that any label may have that was not asked for
DECODED = 256
NUMBERS = (
    *("0", "1", N_("two"), N_("three"), N_("four"), N_("five")),
    *(N_("six"), N_("seven"), N_("eight"), N_("nine"), N_("ten")),
)


@common.command("poetvae plot my-poet --out curves.png")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=files)
@option(
    "--out",
    required=True,
    metavar="FILE",
    help="The .png, .svg or .pdf to write; of a story also a .gif.",
)
@option(
    "--kind",
    type=click.Choice(["curves", "rate-distortion", "ladder", "story"]),
    default="curves",
    show_default=True,
    help="How it learnt; what z carries and leaves to guess; nats a character, the best first; "
    "what it wrote, step by step.",
)
def plot(runs: Texts, out: str, kind: str) -> None:
    """Draw the training of RUN, or compare several; prints the name of the picture.

    All is read from what the run folders recorded: the held-out poems of their validations, at the
    one whose weights were kept.
    """
    from ..plotting.comparison import plot_ladder, plot_rate_distortion
    from ..plotting.curves import SUFFIXES, plot_curves
    from ..plotting.story import SUFFIXES as MOVING
    from ..plotting.story import write_story
    from ..training.log import read_history, read_samples

    check_suffix(Path(out), MOVING if kind == "story" else SUFFIXES)
    if kind == "story":
        if len(runs) > 1:
            raise ConfigError(_("{n} runs; a story is told of one: give one", n=len(runs)))
        write_story(out, read_history(runs[0]), read_samples(runs[0]))
        common.output(None, out, False)
        return
    histories = [read_history(run) for run in runs]
    if len({history.name for history in histories}) < len(runs):
        # Folders share a name: all are called as they were given.
        histories = [replace(h, name=run) for run, h in zip(runs, histories, strict=True)]
    if len({history.corpus for history in histories}) > 1:
        note(_("warning: these runs learnt from different poems; their held-out ones differ, too"))
    if kind == "curves":
        plot_curves(out, histories)
    else:
        draw = plot_ladder if kind == "ladder" else plot_rate_distortion
        draw(out, _rows(histories))
    common.output(None, out, False)


def _rows(histories: Sequence[History]) -> list[dict[str, Any]]:
    """The runs to compare, by the validations that their weights come from."""
    rows = []
    for history in histories:
        best, nats = history.best() or {}, history.negative_elbo()
        rate, distortion = (best.get(f"valid_{x}_per_poem", math.nan) for x in ("kl", "recon"))
        if nats is not None and math.isfinite(rate + distortion):
            row = {"name": history.name, "beta": history.beta, "parameters": history.parameters}
            rows.append({**row, "rate": rate, "distortion": distortion, "nats": nats})
        else:
            what = N_("left out: {run}, which recorded no bound of held-out poems")
            note(_(what, run=history.name))
    return rows


@common.command("poetvae map --model my-poet --clusters 4 --out map.html", "map")
@common.model_options
@common.corpus_options
@option("--out", required=True, metavar="FILE", help="The .html, .png or .svg to write.")
@option("--label", metavar="FIELD", help="Colour by this: author, dynasty, form…")
@common.number(
    "--clusters",
    0,
    "Colour by so many clusters of k-means; 0 = by those of a mixture prior, if any.",
)
@common.number("--grid", 12, "Decode so many times so many points of the plane; 0 = none.", most=64)
@common.number("--limit", None, "Take so many poems, evenly spread.", least=2)
@common.fixed_seed_option
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
    Clusters go by the words that set them apart; in a picture a poem that is written in the middle
    of each stands below the map. CORPUS absent: the embedded sample.
    """
    suffix = check_suffix(Path(out), (".html", ".png", ".svg"))
    from ..latent.attributes import spread
    from ..latent.clusters import clusters_of, named, purity, regions
    from ..latent.plane import Plane
    from ..plotting.map_image import plot_map
    from ..plotting.map_page import write_map

    poet = model.load()
    read = corpus.read(poet)
    for line in read.report.lines():
        note(line)
    poems = spread(common.fitting(poet, read.train), limit)
    groups = _labels(poems, label)

    z = poet.latents(poems, common.progress_bar(_("batch")))
    plane = Plane.fit(z)
    points = plane.project(z)
    if places := clusters_of(poet.model, z, clusters, seed):
        for name, values in groups.items():
            pure = purity(places, values)
            note(_("purity of the clusters by {name}: {pure:.3f}", name=name, pure=pure))
        groups["cluster"] = named([poem.text for poem in poems], places)
    first = next((name for name in (label, "cluster", *USUAL) if name in groups), None)
    beside = suffix != ".html" and first == "cluster"  # regions stand in place of the grid
    nodes = plane.grid(points, 0 if beside else grid)
    lifted = plane.beside(nodes, z)
    chunks = (lifted[i : i + DECODED] for i in range(0, len(lifted), DECODED))
    forms_of = Counter(map(poet.codec.form_of, poems))
    form = str(max(forms_of, key=lambda form: forms_of[form])) if poet.forms else None
    decoded = (poem.text for part in chunks for poem in poet.decode(part, form=form))
    written = [(x, y, text) for (x, y), text in zip(nodes.tolist(), decoded, strict=True)]
    name = "poetvae" if model.name is None else Path(model.name).resolve().name
    if first == "cluster":
        only = form if len(forms_of) == 1 else None
        title = _where(len(poems), only, len(set(groups[first])))
    else:
        of = visible(name, keep="")
        title = _("{n:,} poems in the latent space of {model}", n=len(poems), model=of)
    if suffix == ".html":
        groups = {name: groups[name] for name in sorted(groups, key=lambda name: name != first)}
        texts = [poem.text for poem in poems]
        write_map(out, points, texts, groups, written, title, plane.names())
    else:
        colours = groups[first] if first else None
        names = groups["cluster"] if beside else ()
        if first and not beside:
            title = _("{title}, by {label}", title=title, label=first)
        parts = regions(poet.model, poet.codec, z, points, names, form, seed)
        plot_map(out, points.numpy(), colours, written, plane.names(), title=title, regions=parts)
    common.output(None, out, False)


def _where(poems: int, form: str | None, regions: int) -> str:
    """What a picture of regions shows."""
    counted = {
        "5x4": N_(
            "Where {n:,} quatrains lie in the latent space: {k} regions, named by their words"
        ),
        "7x4": N_(
            "Where {n:,} quatrains lie in the latent space: {k} regions, named by their words"
        ),
        "5x2": N_(
            "Where {n:,} couplets lie in the latent space: {k} regions, named by their words"
        ),
        "7x2": N_(
            "Where {n:,} couplets lie in the latent space: {k} regions, named by their words"
        ),
    }
    usual = N_("Where {n:,} poems lie in the latent space: {k} regions, named by their words")
    k = _(NUMBERS[regions]) if regions < len(NUMBERS) else regions
    return _(counted.get(form or "", usual), n=poems, k=k)


def _labels(poems: Sequence[Poem], asked: str | None) -> dict[str, Sequence[str]]:
    """The labels that tell poems apart: by name, the value of each poem, "" where it is unknown."""
    names = dict.fromkeys((*sorted({name for poem in poems for name in poem.meta}), "form"))
    if asked is not None and asked not in names:
        what = N_("no poem has the label {asked!r}; they have {names}")
        raise ConfigError(_(what, asked=asked, names=", ".join(names)))
    labels: dict[str, Sequence[str]] = {}
    for name in names:
        values = [visible(poem.value(name), keep="") for poem in poems]
        if name == asked or 2 <= len(set(values) - {""}) <= MOST:
            labels[name] = values
    return labels

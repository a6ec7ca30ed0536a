"""The commands that go through the latent space."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import WAYS
from ..errors import ConfigError, CorpusError
from ..files import check_suffix
from ..i18n import N_, _
from . import common
from .common import CorpusChoice, ModelChoice, Texts
from .terminal import note, option, width

if TYPE_CHECKING:
    from ..poet import Poet
    from ..text.poem import Poem

labelled_options = common.options(
    common.texts(
        "--corpus",
        "sources",
        "CORPUS",
        "Poems that have it and poems that do not; absent: those a run was trained on.",
    ),
    common.reading_options,
    common.number("--limit", 5000, "Poems of a side, spread evenly.", least=2),
    common.gathered("corpus", CorpusChoice, "sources", "strict", "reading"),
)


@common.command("poetvae reconstruct --model my-poet 山月臨窗白，溪風入座清。")
@click.argument("texts", nargs=-1)
@common.model_options
@common.json_option
def reconstruct(texts: Texts, model: ModelChoice, as_json: bool) -> None:
    """Send TEXTS (or the lines of stdin) through the latent space and back."""
    poet = model.load()
    lines = texts if texts and texts != ("-",) else list(common.stdin())
    if not lines:
        what = N_("no text came; give poems as arguments, or a line each on stdin")
        raise CorpusError(_(what))
    _note_unknown(poet, *lines)
    with common.working(_("writing")):
        poems = poet.reconstruct(lines)
    for text, back in zip(lines, poems, strict=True):
        common.output({"text": text, "reconstruction": back.text}, back.text, as_json)
    _note_silent(poet, *lines)


@common.command(
    "poetvae interpolate --model my-poet 山月臨窗白，溪風入座清。 雨後雲歸寺，燈前雁過樓。"
)
@click.argument("texts", nargs=-1, required=True)
@common.model_options
@common.number("--steps", 8, "Poems from one text to the next, ends included.", least=2)
@option(
    "--mode",
    type=click.Choice(WAYS),
    help="Straight, along the sphere, or character by character from the one to the other; absent: "
    "straight, or, of a model whose z says little of TEXTS, character by character.",
)
@option(
    "--out",
    metavar="FILE",
    help="Also draw the way, one poem fading into the next: a .gif, or a .png that moves.",
)
@common.json_option
def interpolate(
    texts: Texts,
    model: ModelChoice,
    steps: int,
    mode: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Write the poems on the way from a text to the next: two TEXTS or more.

    Smoothness is the distance between first and last poem over the sum of the distances between
    neighbours, in characters that differ: 1 where none changes more than once.
    """
    from ..latent.paths import smoothness
    from ..plotting.walk import SUFFIXES, write_walk

    if len(texts) < 2:
        what = N_("{n} text; give two or more to go from one to the next")
        raise ConfigError(_(what, n=len(texts)))
    if out is not None:
        check_suffix(Path(out), SUFFIXES)
    poet = model.load()
    _note_unknown(poet, *texts)
    mode = mode or poet.way(*texts)
    with common.working(_("writing")):
        legs = [poet.interpolate(a, b, steps, mode) for a, b in pairwise(texts)]
    poems = [poem.text for poem in (*legs[0], *(p for leg in legs[1:] for p in leg[1:]))]
    smooth = smoothness(poems, fixed=bool(poet.forms))
    values = {"texts": poems, "smoothness": smooth, "mode": mode}
    if out is not None:
        write_walk(out, poems, fixed=bool(poet.forms))
    common.output(values, "\n".join(map(common.paragraph, poems)), as_json)
    if not as_json:
        told = _("the ends are the same") if smooth is None else f"{smooth:.2f}"
        note(_("smoothness: {told}", told=told))
    if mode != "bridge":
        _note_silent(poet, *texts)


@common.command("poetvae vary --model my-poet 山月臨窗白，溪風入座清。 -n 4 --seed 1")
@click.argument("text")
@common.model_options
@common.number("-n", 4, "", least=1)
@common.decimal("--distance", 1.0, "In standard deviations of q(z | TEXT); 1 = draws of it.")
@common.seed_option
@common.json_option
def vary(
    text: str, model: ModelChoice, n: int, distance: float, seed: int | None, as_json: bool
) -> None:
    """Write distinct poems from around the place of TEXT in the latent space.

    They are as near to TEXT as z tells of it.
    """
    from ..text.diff import distance as differing
    from ..text.poem import compose, content

    poet = model.load()
    _note_unknown(poet, text)
    seed = common.known_seed(seed)
    with common.working(_("writing")):
        poems = [p.text for p in poet.vary(text, n, distance=distance, seed=seed)]
    read = poet.codec.typed(text)
    form = poet.codec.form_of(read)
    written = compose(content(read, form), form)  # so that punctuation makes no difference
    for poem in poems:
        changed = differing(written, poem, fixed=bool(poet.forms))
        common.output({"text": poem, "changed": changed}, common.paragraph(poem), as_json)
    if len(poems) < n:
        what = N_("only {n} distinct poems came of {draws} draws; go to a larger --distance")
        note(_(what, n=len(poems), draws=20 * n))
    _note_silent(poet, text)


@common.command("poetvae neighbours --model my-poet 山月臨窗白，溪風入座清。 poems.txt -n 3")
@click.argument("text")
@common.model_options
@common.corpus_options
@common.number("-n", 10, "", least=1)
@option("--index", "file", metavar="FILE", help="Read from it; or, if absent, write it.")
@common.json_option
def neighbours(
    text: str, model: ModelChoice, corpus: CorpusChoice, n: int, file: str | None, as_json: bool
) -> None:
    """Find the poems of CORPUS that lie nearest to TEXT, with their distances.

    With --index FILE the poems are encoded once: where there is such a file, no CORPUS is read.
    """
    from ..latent.index import Index

    poet = model.load()
    _note_unknown(poet, text)
    if file is not None and Path(file).exists():
        if corpus.sources:
            what = N_("{file} is there: the corpus is not read; remove the file to index anew")
            note(_(what, file=file))
        index = Index.load(file, poet.model)
    elif not corpus.sources:
        what = N_("nothing to search among; give a CORPUS, or an --index that is there")
        raise ConfigError(_(what))
    else:
        index = poet.index(corpus.poems(poet), common.progress_bar(_("batch")))
        if file is not None:
            index.save(file)
    for poem, distance in poet.neighbours(text, index, n):
        line = poem.replace("\n", " / ")
        common.output({"text": poem, "distance": distance}, f"{distance:.3f}\t{line}", as_json)


@common.command("poetvae about --model my-poet 山月臨窗白，溪風入座清。 -n 3")
@click.argument("text")
@common.model_options
@common.number("-n", 10, "", least=1)
@common.texts("--among", "among", "THEME", "Themes to choose from; absent: the commonest learnt.")
@common.json_option
def about(text: str, model: ModelChoice, n: int, among: Texts, as_json: bool) -> None:
    """Tell what TEXT is about: the themes that say most of it, with what they say in nats.

    The number is what the theme saves of the KL of TEXT: log p(z | theme) - log p(z), the mean.
    """
    poet = model.load()
    _note_unknown(poet, text)
    with common.working(_("comparing themes")):
        themes = poet.about(text, n, among=among)
    for theme, nats in themes:
        common.output({"theme": theme, "nats": nats}, f"{nats:.2f}\t{theme}", as_json)


@common.command("poetvae edit --model my-poet 山月臨窗白，溪風入座清。 --toward contains=雨")
@click.argument("text")
@common.model_options
@option(
    "--toward",
    required=True,
    metavar="KEY=VALUE",
    help="contains=月, tones=regulated, or a field of the corpus: author=李白.",
)
@common.decimal("--strength", 1.0, "1 = from mean to mean.")
@labelled_options
@common.json_option
def edit(
    text: str,
    model: ModelChoice,
    toward: str,
    strength: float,
    corpus: CorpusChoice,
    limit: int,
    as_json: bool,
) -> None:
    """Move TEXT towards poems that have something: stderr shows 【what changed】.

    The direction is the mean of the poems with KEY=VALUE less the mean of the others; separation
    says how well it tells them apart on poems it was not made of: 0.5 = it means nothing.
    """
    from ..text.diff import changed, marked

    poet = model.load()
    _note_unknown(poet, text)
    back = poet.reconstruct(text)[0].text
    poems = _labelled(poet, model, corpus)
    with common.working(_("comparing poems")):
        direction = poet.direction(toward, poems, limit)
    edited = poet.edit(text, direction, strength).text
    places = changed(back, edited, fixed=bool(poet.forms))
    size = sum(map(len, poet.codec.read(edited).verses)) if poet.forms else max(len(edited), 1)
    what = N_("{wanted}: {ones} poems with, {others} without; separation {separation:.3f}")
    sides = {"ones": direction.ones, "others": direction.others}
    note(_(what, wanted=toward, separation=direction.separation, **sides))
    values: dict[str, Any] = {"text": text, "reconstruction": back, "edited": edited}
    values |= {"kept": 1 - len(places) / size, "changed": places}
    common.output(values, edited, as_json)
    if not as_json:
        labels = _("reconstruction:"), _("edited:")
        most = max(map(width, labels))
        for label, shown in zip(labels, (back, marked(edited, places)), strict=True):
            note(f"{label}{' ' * (most - width(label))} {shown}")
    _note_silent(poet, text)


@common.command("poetvae optimise --model my-poet --contains 月 -n 2 --steps 50 --seed 1")
@click.argument("text", required=False)
@common.model_options
@option("--contains", metavar="TEXT", help="Towards poems with this in them.")
@option("--tones", is_flag=True, help="Towards the tones of regulated verse.")
@option("--toward", metavar="KEY=VALUE", help="Towards the words of such poems: author=李白.")
@option("--form", metavar="5x2", help="One of the model's forms, without TEXT.")
@common.number("--steps", 100, "")
@common.decimal("--near", 0.1, "Weight of log p(z) beside it.")
@option("-n", "n", type=click.IntRange(min=1), default=1, help="How many, without TEXT.")
@labelled_options
@common.seed_option
@common.json_option
def optimise(
    text: str | None,
    model: ModelChoice,
    contains: str | None,
    tones: bool,
    toward: str | None,
    corpus: CorpusChoice,
    seed: int | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Move TEXT, or poems drawn from the prior, towards something by gradient ascent on z.

    Values are in nats: the log probability of what --contains or --tones asks for, the log-odds of
    --toward.
    """
    asked = [toward] if toward is not None else []
    asked += [f"contains={contains}"] if contains is not None else []
    asked += ["tones=regulated"] if tones else []
    if len(asked) != 1:
        raise ConfigError(_("give one of --contains, --tones and --toward"))
    poet = model.load()
    if text is None:
        how["seed"] = common.known_seed(seed)
    else:
        _note_unknown(poet, text)
    if toward is not None and toward.partition("=")[0].strip() not in ("contains", "tones"):
        how["poems"] = _labelled(poet, model, corpus)
    for one in poet.optimise(asked[0], text, progress=common.progress_bar(_("step")), **how):
        common.output(one.as_dict(), common.paragraph(one.text), as_json)
        if not as_json:
            start = one.start.replace("\n", " / ")
            values = f"{asked[0]} {one.value_before:.2f} -> {one.value_after:.2f}"
            values += f", log p(z) {one.log_prior_before:.1f} -> {one.log_prior_after:.1f}"
            note(_("from {start}: {values}", start=start, values=values))
    if text is not None:
        _note_silent(poet, text)


def _note_unknown(poet: Poet, *texts: str) -> None:
    from ..text.poem import is_han

    found = dict.fromkeys(char for text in texts for char in poet.codec.unknown(text))
    if unknown := [char for char in found if not poet.forms or is_han(char)]:
        note(_("characters the model has never seen: {chars}", chars=" ".join(unknown)))


def _note_silent(poet: Poet, *texts: str) -> None:
    """Say so where z says little of texts."""
    from ..poet import TELLING

    rates = poet.rate(texts)
    if (mean := sum(rates) / len(rates)) < TELLING:
        what = N_("z says {nats:.1f} nats of a text here: little of it comes back; see complete")
        note(_(what, nats=mean))


def _labelled(poet: Poet, model: ModelChoice, corpus: CorpusChoice) -> list[Poem]:
    """The poems of a corpus; absent: those that a run was trained on."""
    if corpus.sources:
        return corpus.poems(poet)
    if model.run is None:
        what = N_("{model} has no train.json: what it learnt is not known; give --corpus")
        raise CorpusError(_(what, model=model))
    from ..training.spec import read_run

    return common.fitting(poet, read_run(model.run).train)

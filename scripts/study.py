"""What the relatives of the model are good for: one command a question, one table an answer.

    python scripts/study.py anomaly --model RUN --judge AR_RUN --prose-from CORPUS --other CORPUS
    python scripts/study.py holes RUN... --judge AR_RUN
    python scripts/study.py conditional RUN --field dynasty
    python scripts/study.py completion RUN --judge AR_RUN
    python scripts/study.py constraints RUN --judge AR_RUN
    python scripts/study.py family CORPUS... --out RUNS --runs ae=small,ae --runs low=small:beta=0.5
    python scripts/study.py rate-distortion CORPUS... --out RUNS --betas 0.1,0.3,1,3,10
    python scripts/study.py passes AR_RUN RUN... --judge AR_RUN

All measure on poems that a run held out to test with. With `--write FILE` a table is put between
its marks there, as <!-- anomaly --> and <!-- /anomaly -->.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from check_poems import Wanted
from common import (
    Judge,
    data_of,
    figure,
    load_judge,
    once,
    publish,
    readable,
    scored,
    table,
    trained,
)
from torch import Tensor

from poetvae import damage
from poetvae.constraints.rules import of_form as writable_in
from poetvae.constraints.rules import requested
from poetvae.data.corpus import read_corpus, read_poems
from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.metrics import bootstrap, repeats
from poetvae.evaluation.ngram import NGram
from poetvae.evaluation.samples import compare, fit_judge, judged, label_agreement, poem_ids
from poetvae.evaluation.two_sample import balance, label_classifier
from poetvae.generation.generate import BATCH, Generated, decode, generate
from poetvae.generation.smc import POOL, POOL_EACH, choose_z
from poetvae.models import Autoregressive, LatentModel
from poetvae.models.bounds import importance_weights, iwae
from poetvae.plotting import comparison as plots_models
from poetvae.poet import Poet
from poetvae.runtime import keep_freed_memory
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, content

write_option = click.option(
    "--write", "path", type=click.Path(path_type=Path), help="The file to put the table into."
)
judge_option = click.option(
    "--judge", type=click.Path(path_type=Path), help="The run of an autoregressive model."
)
seed_option = click.option("--seed", default=0, show_default=True)


@click.group()
def main() -> None:
    """Study the relatives of the model."""
    keep_freed_memory()


def with_interval(values: Sequence[float] | np.ndarray[Any, Any], spec: str) -> str:
    """The mean of independent values, ± half its 95 % bootstrap interval; empty for none."""
    if not len(values):
        return ""
    low, high = bootstrap(values)
    return f"{np.mean(values):{spec}} ± {(high - low) / 2:{spec}}"


@main.command()
@click.argument("corpus", nargs=-1)
@click.option("--model", required=True, type=click.Path(path_type=Path), help="A run of a VAE.")
@judge_option
@click.option("--prose-from", multiple=True, help="Corpora whose long titles are the prose.")
@click.option("--other", multiple=True, help="Corpora of another era.")
@click.option("--iw", default=10, show_default=True, help="Samples of the bound.")
@click.option("--limit", type=int, help="So many clean poems.")
@seed_option
@write_option
def anomaly(
    corpus: tuple[str, ...],
    model: Path,
    judge: Path | None,
    prose_from: tuple[str, ...],
    other: tuple[str, ...],
    iw: int,
    limit: int | None,
    seed: int,
    path: Path | None,
) -> None:
    """Which damage do models notice? Areas under the ROC curve; 0.5 is chance.

    CORPUS is where the corpus of the run lies now, if elsewhere than it did. Poems with a character
    that a model does not know are left out, the clean and the damaged: a model that knows nothing
    of verse would find them too.
    """
    poet = Poet.from_pretrained(model)
    referee = load_judge(judge)
    codecs = [poet.codec, *([referee[1]] if referee else [])]
    form = poet.codec.check_form(None)
    if form is None:
        raise click.ClickException(f"{model} is of free form; give a run of a fixed form")
    clean = of_form(readable(data_of(model, corpus).test, *codecs), form)[:limit]
    damages = {
        "characters shuffled": damage.shuffled(clean, seed),
        "one character swapped": damage.swapped(clean, seed),
        "halves of two poems": damage.joined(clean, seed),
    }
    if prose_from:
        titles = (poem.meta.get("title", "") for poem in read_poems(*prose_from))
        damages["prose"] = damage.prose(titles, form, seed)
    if other:
        damages["another era"] = damage.other(read_poems(*other), form, seed)
    n = len(clean)
    damages = {kind: readable(poems, *codecs, limit=n) for kind, poems in damages.items()}
    ours = damage.anomaly_table(poet, clean, damages, samples=iw, seed=seed)
    theirs = damage.anomaly_table(Poet(*referee), clean, damages) if referee else {}
    rows = [
        [
            kind,
            f"{row['n']:,}",
            *(figure(row[name], ".3f") for name in ("bound", "recon", "kl")),
            figure(theirs[kind]["bound"] if theirs else None, ".3f"),
        ]
        for kind, row in ours.items()
    ]
    columns = [f"AUC against {n:,} clean", "poems", f"bound, K = {iw}", "reconstruction"]
    publish(path, "anomaly", table([*columns, "KL", "autoregressive"], rows))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@judge_option
@click.option("--pairs", default=2000, show_default=True, help="Poems of each kind, at most.")
@seed_option
@write_option
def holes(
    runs: tuple[Path, ...], judge: Path | None, pairs: int, seed: int, path: Path | None
) -> None:
    """What do latent spaces hold where no poem is? Judged nats per character of what RUNS decode
    from codes of poems, halfway between two, from the prior, from a Gaussian fitted to the codes.
    """
    referee = load_judge(judge)
    rows = []
    for run in runs:
        poet, data = Poet.from_pretrained(run), data_of(run)
        if isinstance(poet.model, Autoregressive):
            raise click.ClickException(f"{run} has no latent space; give it as --judge")
        form = poet.codec.check_form(None)
        human = of_form(readable(data.test, poet.codec), form)
        ngram = fit_judge(poet.codec, [p for p in data.train if poet.codec.fits(p)])
        for kind, poems in decodings(poet, human, pairs, seed).items():
            right = accuracy(human, poems) if kind == "reconstructions" else None
            rows.append([run.name, kind, *judgement(poet, ngram, referee, poems, right)])
    columns = ["run", "decoded from", "poems", "4-gram judge", "`ar` judge", "repeats", "distinct"]
    publish(path, "holes", table([*columns, "characters right"], rows))


def decodings(poet: Poet, human: list[Poem], pairs: int, seed: int) -> dict[str, list[Poem]]:
    """Human poems, and the likeliest characters at their codes and at three kinds of others."""
    draw = np.random.default_rng(derive_seed(seed, "pairs"))
    first = draw.integers(len(human), size=pairs)
    second = (first + draw.integers(1, len(human), size=pairs)) % len(human)  # never the same
    generator = torch.Generator().manual_seed(derive_seed(seed, "holes"))
    codes = poet.latents(human)
    mean, n, size = codes.mean(dim=0), *codes.shape
    noise = torch.randn(pairs, n, generator=generator)
    places = {
        "reconstructions": codes[:pairs],
        "midpoints of two codes": (codes[first] + codes[second]) / 2,
        "N(0, I)": torch.randn(pairs, size, generator=generator),
        "a Gaussian fitted to the codes": mean + noise @ (codes - mean) / (n - 1) ** 0.5,
    }
    return {"human poems": human[:pairs]} | {k: written(poet, z) for k, z in places.items()}


def written(poet: Poet, z: Tensor) -> list[Poem]:
    """The likeliest poem at each z (B, D)."""
    assert not isinstance(poet.model, Autoregressive)
    form = poet.codec.check_form(None)
    poems = []
    for part in torch.split(z, BATCH):
        made = decode(poet.model, poet.codec, part, [form] * len(part))
        poems += [one.poem for one in made]
    return poems


def of_form(poems: Sequence[Poem], form: Form | None) -> list[Poem]:
    """Those of a form; all for None."""
    return [poem for poem in poems if form is None or poem.form == form]


def accuracy(human: Sequence[Poem], back: Sequence[Poem]) -> float:
    """The share of characters that stand where they stood."""
    pairs = [(content(a, a.form), content(b, b.form)) for a, b in zip(human, back, strict=False)]
    right = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    return right / sum(len(a) for a, _ in pairs)


def judgement(
    poet: Poet, ngram: NGram, referee: Judge | None, poems: list[Poem], right: float | None
) -> list[str]:
    """Cells: how many, what the judges say, repeats, different ones, characters right."""
    return [
        f"{len(poems):,}",
        with_interval(judged(ngram, poet.codec, poems), ".3f"),
        with_interval(judged(*referee, poems), ".3f") if referee else "",
        with_interval(repeats([poem.verses for poem in poems]), ".1%"),
        f"{len({poem.text for poem in poems}) / len(poems):.1%}",
        figure(right, ".1%"),
    ]


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--field", required=True, help="The label: form, or a field of the poems' meta.")
@click.option("--classifier-on", multiple=True, help="Corpora; absent = the run's training poems.")
@click.option("--samples", default=2000, show_default=True, help="Of each value.")
@click.option("--least", default=100, show_default=True, help="Values of fewer poems do not count.")
@click.option("--limit", default=20_000, show_default=True, help="Poems of a value to learn from.")
@click.option("--epochs", default=8, show_default=True, help="Of the classifier.")
@seed_option
@write_option
def conditional(
    run: Path,
    field: str,
    classifier_on: tuple[str, ...],
    samples: int,
    least: int,
    limit: int,
    epochs: int,
    seed: int,
    path: Path | None,
) -> None:
    """Do samples have the label that RUN was asked for? A classifier says, which has learnt from
    human poems alone, equally many of each value; beside it what it says of held-out human poems.
    """
    poet, data = Poet.from_pretrained(run), data_of(run)
    codec = poet.codec
    human = readable(data.test, codec)
    known = {content(poem, poem.form) for poem in human}
    learned = read_corpus(classifier_on, list(codec.forms)).train if classifier_on else data.train
    learned = [p for p in readable(learned, codec) if content(p, p.form) not in known]
    values = {v: own for v, own in by_value(learned, field).items() if len(own) >= least}
    if len(values) < 2:
        raise click.ClickException(
            f"{field}: {len(values)} values of {least} poems and more to learn from; "
            "two at least are needed: try another --field, or a smaller --least"
        )
    tested = by_value(human, field)
    none = [value for value in values if value not in tested]
    if none:
        raise click.ClickException(f"no held-out poem of {', '.join(none)}; try a larger --least")
    classifier = label_classifier(
        {v: [poem_ids(codec, p) for p in own] for v, own in values.items()},
        vocab_size=len(codec.tokenizer),
        limit=limit,
        seed=seed,
        epochs=epochs,
    )
    asked = {value: labelled(poet, field, value, samples, seed) for value in values}
    held_out = {value: tested[value] for value in values}
    balanced = balance(held_out, min(map(len, held_out.values())), seed)
    true, ours = (label_agreement(classifier, codec, poems) for poems in (balanced, asked))
    true["all"], ours["all"] = (np.concatenate(list(x.values())) for x in (true, ours))
    rows = [
        [value, *(cell for x in (true[value], ours[value]) for cell in counted(x))]
        for value in ours
    ]
    columns = [f"{field}, learnt from {classifier.per_value:,} of each", "held-out", "recognised"]
    text = table([*columns, "samples", "have the label asked for"], rows)
    publish(path, "conditional", f"{text}\n\nChance is {1 / len(values):.1%}.")


def counted(flags: np.ndarray[Any, Any]) -> list[str]:
    """Cells: how many, and the share that is 1."""
    return [f"{len(flags):,}", with_interval(flags, ".1%")]


def by_value(poems: Sequence[Poem], field: str) -> dict[str, list[Poem]]:
    """Poems by the value of a label: "form", or a field of meta; those without one are left out."""
    found: dict[str, list[Poem]] = {}
    for poem in poems:
        value = poem.value(field)
        if value:
            found.setdefault(value, []).append(poem)
    return dict(sorted(found.items()))


def labelled(poet: Poet, field: str, value: str, n: int, seed: int) -> list[Poem]:
    """n samples that were asked to have a value."""
    how: dict[str, Any] = {"labels": {field: value}}
    if field == "form":
        how = {"form": Form.parse(value)}
    made = generate(poet.model, poet.codec, n, seed=derive_seed(seed, field, value), **how)
    return [one.poem for one in made]


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@judge_option
@click.option("--iw", default=100, show_default=True, help="Samples of the bound.")
@click.option("--limit", type=int, help="So many test poems.")
@seed_option
@write_option
def completion(
    run: Path, judge: Path | None, iw: int, limit: int | None, seed: int, path: Path | None
) -> None:
    """How many nats a character does one half of a poem cost, given the other? RUN has learnt to be
    shown characters (--preset infill or few); the autoregressive model is exact, and goes forward
    alone. A model that writes in several passes is scored in one of them too.
    """
    poet, referee = Poet.from_pretrained(run), load_judge(judge)
    codec, model = poet.codec, poet.model
    if not isinstance(model, LatentModel):
        raise click.ClickException(f"{run} has no latent space; give it as --judge")
    form = codec.check_form(None)
    if form is None:
        raise click.ClickException(f"{run} is of free form; give a run of a fixed form")
    human = of_form(readable(data_of(run).test, codec), form)[:limit]
    half = torch.arange(codec.max_len) < form.size // 2
    odd = torch.arange(codec.max_len) % 2 == 0
    kinds = {
        "second half, given the first": half,
        "first half, given the second": ~half,
        "every other character": odd,
        "all, given nothing": torch.zeros_like(half),
    }
    passes = sorted({1, model.passes})
    rows = []
    for kind, known in kinds.items():
        hidden = form.size - int(known[: form.size].sum())
        nats = (completed(poet, human, known, iw, seed, p) for p in passes)
        cells = [kind, str(hidden), *(with_interval(one, ".3f") for one in nats)]
        if referee:
            forward = not bool((known[1:] & ~known[:-1]).any())  # nothing known after a hidden one
            exact = continued(*referee, human, known) if forward else np.empty(0)
            cells.append(with_interval(exact, ".3f"))
        rows.append(cells)
    bounds = [f"nats/char, IWAE-{iw}" + f", passes {p}" * (len(passes) > 1) for p in passes]
    columns = [f"{len(human):,} test poems", "characters", *bounds]
    publish(path, "completion", table([*columns, *(["autoregressive"] if referee else [])], rows))


@torch.no_grad()
def completed(
    poet: Poet, poems: Sequence[Poem], known: Tensor, iw: int, seed: int, passes: int
) -> np.ndarray[Any, Any]:
    """-log p(hidden | known) / hidden characters of each poem, an importance-weighted bound."""
    model = poet.model
    assert isinstance(model, LatentModel)
    generator = torch.Generator().manual_seed(derive_seed(seed, "completion"))
    nats = []
    for batch in encode_poems(poet.codec, poems).batches(BATCH):
        observed = batch.tokens.masked_fill(~known | ~batch.mask, model.mask_id)
        weights, _ = importance_weights(model, batch, iw, generator, observed, passes)
        nats.append(-iwae(weights) / (batch.mask & ~known).sum(dim=1))
    return torch.cat(nats).numpy()


@torch.no_grad()
def continued(
    judge: Autoregressive, codec: PoemCodec, poems: Sequence[Poem], known: Tensor
) -> np.ndarray[Any, Any]:
    """The same of an autoregressive model, exact: nothing known comes after a hidden one."""
    nats = []
    for batch in encode_poems(codec, poems).batches(BATCH):
        hidden = batch.mask & ~known
        nats.append(judge.nll(batch.tokens, hidden, batch.labels) / hidden.sum(dim=1))
    return torch.cat(nats).numpy()


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@judge_option
@click.option("-n", "n", default=10_000, show_default=True, help="Poems of each kind.")
@click.option("--rhyme", default="尤", show_default=True, help="A rhyme class.")
@click.option("--contains", default="月", show_default=True, help="A text.")
@click.option("--acrostic", default="春夏秋冬", show_default=True, help="Cut to the lines.")
@click.option("--passes", type=int, help="To write in; the most RUN was trained for if absent.")
@seed_option
@write_option
def constraints(
    run: Path,
    judge: Path | None,
    n: int,
    rhyme: str,
    contains: str,
    acrostic: str,
    passes: int | None,
    seed: int,
    path: Path | None,
) -> None:
    """Are poems what they were asked to be, and does asking spoil them? The share that
    check_poems.py accepts; judged nats per character, also of poems whose z is of the prior, where
    only characters are masked; what 1,000 z of the prior are worth as draws given the constraint.
    """
    poet, referee = Poet.from_pretrained(run), load_judge(judge)
    form = poet.codec.check_form(None)
    if form is None or not isinstance(poet.model, LatentModel):
        raise click.ClickException(f"{run}: give a run of a latent model of a fixed form")
    human = of_form(readable(data_of(run).test, poet.codec), form)
    none = partial(Wanted, str(form))
    kinds = {
        "nothing": [none()],
        f"rhyme {rhyme}": [none(rhyme=rhyme)],
        "strict tones": [none(tones="strict")],
        "lenient tones": [none(tones="lenient")],
        "the first line of a test poem": [none({1: poem.verses[0]}) for poem in human[:100]],
        f"contains {contains}": [none(contains=(contains,))],
        f"acrostic {acrostic[: form.lines]}": [none(acrostic=acrostic[: form.lines])],
        "no character twice": [none(no_repeat=True)],
        f"rhyme {rhyme}, strict tones, none twice": [
            none(rhyme=rhyme, tones="strict", no_repeat=True)
        ],
    }
    how = {"temperature": 1.0, "passes": passes}
    rows = []
    for kind, wanted in kinds.items():
        begin = time.perf_counter()
        poems = asked(poet, wanted, n, seed, **how)
        rate = len(poems) / (time.perf_counter() - begin)
        met = [one.fault(list(poem.lines)) is None for one, poem in poems]
        cells = [kind, *counted(np.array(met, dtype=np.float64)), verdict(referee, poems)]
        if kind == "nothing":
            cells += ["", ""]
        else:
            cells.append(verdict(referee, asked(poet, wanted, n, seed, weighed=False, **how)))
            cells.append(f"{np.mean([worth(poet, one, seed) for one in wanted[:20]]):.1%}")
        rows.append([*cells, f"{rate:,.0f}"])
    columns = ["asked for", "poems", "as asked", "`ar` judge", "z of the prior, `ar` judge"]
    publish(path, "constraints", table([*columns, "z worth", "poems/s"], rows))


def asked(
    poet: Poet, wanted: Sequence[Wanted], n: int, seed: int, **how: Any
) -> list[tuple[Wanted, Generated]]:
    """n poems, as many of each wish, each with what it was asked to be."""
    each = -(-n // len(wanted))
    found = []
    for i, one in enumerate(wanted):
        seeds = derive_seed(seed, "constraints", i)
        made = poet.generate(each, seed=seeds, **conditions(one), **how)
        found += [(one, poem) for poem in made]
    return found[:n]


def conditions(wanted: Wanted) -> dict[str, Any]:
    """What is wanted as arguments of `Poet.generate`."""
    return {name: condition for name, condition in vars(wanted).items() if condition}


def verdict(referee: Judge | None, poems: Sequence[tuple[Wanted, Generated]]) -> str:
    """A cell: what the judge says, nats per character."""
    return with_interval(judged(*referee, [p.poem for _, p in poems]), ".3f") if referee else ""


def worth(poet: Poet, wanted: Wanted, seed: int) -> float:
    """What a draw of the prior is worth as one given the constraint: the effective share."""
    assert isinstance(poet.model, LatentModel)
    form = poet.codec.check_form(None)
    base = writable_in(poet.codec, form)
    constraint = base & requested(poet.codec, form, **conditions(replace(wanted, form=None)))
    generator = torch.Generator().manual_seed(derive_seed(seed, "worth"))
    shown = None
    if poet.model.decoder.observe is not None:  # what is fixed is a condition, and weighs nothing
        shown = constraint.shared(poet.model.mask_id)
    n = (1000 - POOL) // POOL_EACH
    drawn = choose_z(poet.model, constraint, base.allowed, n, None, generator, shown, weighed=False)
    return drawn.ess / len(drawn.z)


@main.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--runs", "specs", multiple=True, required=True, metavar="NAME=PRESET[:KEY=VALUE...]")
@click.option("--preset-base", help="A preset that comes before that of every run.")
@click.option("--form", default="5x2", show_default=True)
@click.option("--epochs", default=9.0, show_default=True)
@click.option("--samples", default=2000, show_default=True)
@click.option("--iw", default=100, show_default=True)
@click.option("--seed", default=1, show_default=True)
@write_option
def family(
    corpus: tuple[str, ...],
    out: Path,
    specs: tuple[str, ...],
    preset_base: str | None,
    form: str,
    epochs: float,
    samples: int,
    iw: int,
    seed: int,
    path: Path | None,
) -> None:
    """Train and score relatives on CORPUS: one split, one budget, one table.

    Runs in --out are continued, or taken as they are when done; so are scores. With --preset-base
    small, ae=ae is a run of the preset small,ae, and plain= is one of small.
    """
    rows = []
    for name, preset, settings in (parse_run(spec, preset_base) for spec in specs):
        trained(out / name, corpus, preset, epochs, {"seed": seed, **settings}, form)
        score = partial(scored, out / name, data_of(out / name), samples=samples, iw=iw)
        rows.append(family_row(name, once(out / f"{name}.json", score)))
    columns = "run, parameters, steps, seconds, ELBO, bound, rate, distortion, active units, "
    columns += "characters right, 4-gram judge, reverse"
    publish(path, "family", table(columns.split(", "), rows))


def parse_run(spec: str, base: str | None = None) -> tuple[str, str, dict[str, str]]:
    """Name, preset and settings of NAME=PRESET:KEY=VALUE:KEY=VALUE; base comes before PRESET."""
    name, equals, rest = spec.partition("=")
    preset, *pairs = rest.split(":")
    if not (name and equals and all("=" in pair for pair in pairs)):
        raise click.UsageError(
            f"--runs {spec}: expected NAME=PRESET:KEY=VALUE, as half=small:beta=0.5"
        )
    presets = [part for part in (base, preset) if part]
    return name, ",".join(presets) or "base", dict(pair.split("=", 1) for pair in pairs)


def family_row(name: str, r: dict[str, Any]) -> list[str]:
    low, high = r["ci"].get("nll_per_char", (0.0, 0.0))
    bound = f"{r['nll_per_char']:.3f} ± {(high - low) / 2:.3f}, {r['bound']}" if high else "none"
    active = str(r["active_units"])
    if r["codes_used"]:
        active = f"{r['codes_used']} codes, perplexity {r['codebook_perplexity']:.0f}"
    if r["cluster_perplexity"]:
        active += f"; clusters, perplexity {r['cluster_perplexity']:.1f}"
    samples = r.get("samples", {})
    return [
        name,
        f"{r['parameters']:,}",
        f"{r['steps']:,}",
        f"{r['seconds']:,.0f}",
        figure(r["elbo_per_char"], ".3f"),
        bound,
        f"{r['kl_per_poem']:.2f}",
        f"{r['recon_per_poem']:.2f}",
        active,
        figure(r["recon_char_accuracy"], ".1%"),
        figure(samples.get("judge_nll_per_char"), ".3f"),
        figure(samples.get("reverse_nll_per_char"), ".3f"),
    ]


@main.command("rate-distortion")
@click.argument("corpus", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--betas", default="0.1,0.3,1,3,10", show_default=True)
@click.option("--preset", default="base", show_default=True)
@click.option("--form", default="5x2", show_default=True)
@click.option("--epochs", default=9.0, show_default=True)
@click.option("--iw", default=10, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), help="The picture to draw.")
@write_option
def rate_distortion(
    corpus: tuple[str, ...],
    out: Path,
    betas: str,
    preset: str,
    form: str,
    epochs: float,
    iw: int,
    seed: int,
    picture: Path | None,
    path: Path | None,
) -> None:
    """Train a run for each beta on CORPUS: how many nats z carries, and what is left to guess.

    Rate and distortion are in nats a poem, as in Alemi et al. 2018 (arXiv 1711.00464): their sum is
    the negative ELBO.
    """
    points: list[dict[str, Any]] = []
    for beta in map(float, betas.split(",")):
        name = f"beta-{beta:g}"
        trained(out / name, corpus, preset, epochs, {"seed": seed, "beta": beta}, form)
        score = partial(scored, out / name, data_of(out / name), samples=0, iw=iw)
        values = once(out / f"{name}.json", score)
        rate, distortion = values["kl_per_poem"], values["recon_per_poem"]
        points.append({"name": preset, "beta": beta, "rate": rate, "distortion": distortion})
    rows = [
        [f"{p['beta']:g}", *(f"{x:.2f}" for x in (r, d, -r - d))]
        for p in points
        for r, d in [(p["rate"], p["distortion"])]
    ]
    publish(path, "rate-distortion", table(["beta", "rate", "distortion", "ELBO"], rows))
    if picture:
        plots_models.plot_rate_distortion(picture, points)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@judge_option
@click.option("--iw", default=20, show_default=True, help="Samples of the bound.")
@click.option("--samples", default=5000, show_default=True, help="Poems to write in each way.")
@click.option("--candidates", default=4, show_default=True, help="Also write so many and choose.")
@click.option("--limit", type=int, help="So many test poems.")
@seed_option
@write_option
def passes(
    runs: tuple[Path, ...],
    judge: Path | None,
    iw: int,
    samples: int,
    candidates: int,
    limit: int | None,
    seed: int,
    path: Path | None,
) -> None:
    """Each of RUNS in each number of passes that it was trained for: the bound, and its samples.

    All are to have one split: the test poems are those of the first. The last row are those.
    """
    data, referee = data_of(runs[0]), load_judge(judge)
    rows, human = [], {}
    for run in runs:
        poet = Poet.from_pretrained(run)
        test = [poem for poem in data.test if poet.codec.fits(poem)][:limit]
        known = [poem for poem in data.train if poet.codec.fits(poem)]
        store = encode_poems(poet.codec, test)
        latent = isinstance(poet.model, LatentModel)
        ways = [(p if latent else None, 1) for p in sorted({1, *poet.model.config.passes})]
        ways += [(ways[-1][0], candidates)] if candidates > 1 else []
        for count, choice in ways:
            report = evaluate(poet.model, poet.codec, store, samples=iw, seed=seed, passes=count)
            began = time.monotonic()
            how: dict[str, Any] = {"passes": count, "candidates": choice, "seed": seed}
            made = generate(poet.model, poet.codec, samples, **how)
            speed = samples / (time.monotonic() - began)
            poems = [one.poem for one in made]
            sides = compare(poet.codec, poems, test, known, seed=seed, judge=referee)
            chosen = f", best of {choice}" if choice > 1 else ""
            bound = f"{report.nll_per_char:.3f}, {report.bound}"
            figures = [f"{report.parameters:,}", f"{report.passes}{chosen}", bound]
            figures += [f"{report.elbo_per_char:.3f}", f"{report.kl_per_poem:.2f}"]
            rows.append([run.name, *figures, *quality_cells(sides["samples"]), f"{speed:.0f}"])
            human = sides["human"]
    rows.append(["human", *[""] * 5, *quality_cells(human), ""])
    columns = "run, parameters, passes, nats/char, ELBO, rate, judge, 4-gram judge, reverse, "
    columns += "tones, repeats, poems/s"
    publish(path, "passes", table(columns.split(", "), rows))


def quality_cells(side: dict[str, Any]) -> list[str]:
    """What `quality.compare` tells of one side, for a row."""
    nats = ("judge_ar_nll_per_char", "judge_nll_per_char", "reverse_nll_per_char")
    shares = ("tone_accuracy", "repeat_rate")
    return [figure(side.get(k), ".3f") for k in nats] + [figure(side.get(k), ".1%") for k in shares]


if __name__ == "__main__":
    main()

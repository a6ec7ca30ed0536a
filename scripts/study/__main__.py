"""What the relatives of the model are good for: one command a question, one table an answer.

    python scripts/study COMMAND ... --write docs/results.md

All measure on poems that a run held out to test with. --write puts the table of anomaly between
<!-- anomaly --> and <!-- /anomaly -->, and so on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))  # where a folder is run, it is the only place

import common
from check_poems import Wanted
from common import Judge, by_passes, cells, load_judge, publish, table

from poetvae.constraints.constraint import fixed
from poetvae.constraints.options import Conditions
from poetvae.constraints.rules import of_form, requested
from poetvae.data.corpus import read_poems
from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.evaluation.likelihood import by_poem, evaluate
from poetvae.evaluation.metrics import bootstrap, repeats
from poetvae.evaluation.samples import area_under_curve, compare, fit_judge, judged, poem_ids
from poetvae.evaluation.two_sample import Texts, class_logits, token_store, train_classifier
from poetvae.files import write_file
from poetvae.generation.generate import BATCH, Generated, generate
from poetvae.generation.options import SamplingOptions
from poetvae.generation.smc import POOL, POOL_EACH, choose_z
from poetvae.latent.attributes import spread
from poetvae.plotting import comparison
from poetvae.poet import Poet
from poetvae.runtime import keep_freed_memory
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, content, held_out
from poetvae.training.spec import read_run
from study import choosing as choices
from study import damage, known_poems, parallel
from study import reading as readings
from study import scansion as scanned
from study import syllables as by_syllable
from study import telling as tells

Values = NDArray[Any]
T = TypeVar("T")
QUALITY = "judge_ar_nll_per_char:.3f judge_nll_per_char:.3f reverse_nll_per_char:.3f"
QUALITY += " rhyme_accuracy:.1% first_verse_rhymes:.1% self_rhyme_rate:.1% tone_accuracy:.1%"
QUALITY += " repeat_rate:.1% distinct_2:.3f copied_lines:.1%"
CHANCE = "- - - rhyme_chance:.1% first_verse_chance:.1% self_rhyme_chance:.1% tone_chance:.1%"
CHANCE += " repeat_chance:.1% - -"


@click.group()
def main() -> None:
    """Study the relatives of the model."""
    keep_freed_memory()


command = partial(common.command, main)


def load(run: Path, fixed: bool = True) -> tuple[Poet, Any]:
    """A run of a model with a latent space, and its form (None in free form, if not fixed)."""
    poet = Poet.from_pretrained(run)
    form = poet.codec.check_form(None) if poet.model.latent else None
    if fixed and form is None:
        raise click.ClickException(f"{run} is of free form; give a run of a fixed form")
    return poet, form


def readable(
    poems: Iterable[Poem], *codecs: PoemCodec, form: Form | None = None, limit: int = 0
) -> list[Poem]:
    """The poems (of a form, so many from all over) that fit all codecs, every character known."""

    def read(codec: PoemCodec, poem: Poem) -> bool:
        return codec.fits(poem) and codec.tokenizer.unk_id not in poem_ids(codec, poem)

    found = (poem for poem in poems if form is None or poem.form == form)
    known = [poem for poem in found if all(read(codec, poem) for codec in codecs)]
    return spread(known, limit or None)


def with_interval(values: Values, spec: str, poems: Sequence[Poem] = ()) -> str:
    """The mean of values, ± half its 95 % bootstrap interval; empty for none. They are independent,
    or of these poems, of which those of one key, as its couplets, are drawn together."""
    if not len(values):
        return ""
    low, high = bootstrap(values, groups=[poem.key for poem in poems] or None)
    return f"{np.mean(values):{spec}} ± {(high - low) / 2:{spec}}"


def verdict(
    referee: Judge | None, poems: Sequence[Poem], sources: Sequence[Poem] | None = None
) -> str:
    """A cell: what the judge says, nats per character; `sources` are the human poems that they are
    or come from."""
    if not referee:
        return ""
    pairs = zip(sources or [], poems, strict=bool(sources))
    fitting = [source for source, poem in pairs if referee[1].fits(poem)]
    return with_interval(judged(*referee, poems), ".3f", fitting)


@command(model=Path, judge=None, prose_from=(), other=(), iw=10, limit=0)
def anomaly(o: SimpleNamespace) -> None:
    """Which damage do models notice? Areas under the ROC curve; 0.5 is chance.

    Poems with a character that a model does not know are left out, the clean and the damaged: a
    model that knows nothing of verse would find them too.
    """
    (poet, form), referee = load(o.model), load_judge(o.judge)
    poets = [poet, Poet(*referee)] if referee else [poet]
    codecs = [one.codec for one in poets]
    clean = readable(read_run(o.model).test, *codecs, form=form, limit=o.limit)
    damages = {
        "characters shuffled": damage.shuffled(clean, form),
        "one character swapped": damage.swapped(clean, form),
        "halves of two poems": damage.joined(clean, form),
    }
    if o.prose_from:
        titles = (poem.meta.get("title", "") for poem in read_poems(*o.prose_from))
        damages["prose"] = damage.prose(titles, form)
    if o.other:
        damages["another era"] = damage.other(read_poems(*o.other), form)
    kinds = {kind: readable(poems, *codecs, limit=len(clean)) for kind, poems in damages.items()}
    ours, theirs = ([*areas(one, clean, kinds.values(), o.iw)] for one in (poets[0], poets[-1]))
    rows = [
        [kind, f"{len(poems):,}", *own, exact if referee else ""]
        for (kind, poems), own, (exact, *_) in zip(kinds.items(), ours, theirs, strict=True)
    ]
    columns = f"AUC against {len(clean):,} clean|poems|bound, K = {o.iw}"
    columns += "|reconstruction|KL|autoregressive"
    publish(o.write, "anomaly", table(columns, rows))


def areas(
    poet: Poet, clean: Sequence[Poem], kinds: Iterable[Sequence[Poem]], iw: int
) -> Iterator[list[str]]:
    """Cells for each kind: how well its poems are told from clean ones by the bound (exact by an
    autoregressive model) and -log p(x | z) at one z drawn from q, per character, and by the KL."""

    def scores(poems: Sequence[Poem]) -> tuple[Tensor, Tensor, Tensor]:
        rows = by_poem(poet.model, poet.codec, encode_poems(poet.codec, poems), samples=iw)
        return rows.bound / rows.chars, rows.recon / rows.chars, rows.kl

    usual = scores(clean)
    for poems in kinds:
        positive = torch.arange(len(poems) + len(clean)) < len(poems)
        pairs = zip(scores(poems), usual, strict=True)
        yield [f"{area_under_curve(torch.cat(pair), positive):.3f}" for pair in pairs]


@command("runs...", judge=None, pairs=2000)
def holes(o: SimpleNamespace) -> None:
    """What do latent spaces hold where no poem is? Judged nats per character of what RUNS decode
    from codes of poems, halfway between two, from the prior, from a Gaussian fitted to the codes.
    """
    referee, rows = load_judge(o.judge), []
    for run in o.runs:
        poet, form = load(run, fixed=False)
        data, codec = read_run(run), poet.codec
        human = readable(data.test, codec, form=form)
        ngram = fit_judge(codec, [p for p in data.train if codec.fits(p)])
        kinds = {"human poems": human[: o.pairs]}
        for kind, z in places(poet.latents(human), o.pairs).items():
            kinds[kind] = [one.poem for part in torch.split(z, BATCH) for one in poet.decode(part)]
        for kind, poems in kinds.items():
            row = [run.name, kind, f"{len(poems):,}"]
            own = human[: o.pairs] if kind in ("human poems", "reconstructions") else []
            row += [with_interval(judged(ngram, codec, poems), ".3f", own)]
            row += [verdict(referee, poems, own)]
            row += [with_interval(repeats([poem.verses for poem in poems]), ".1%", own)]
            row += [f"{len({poem.text for poem in poems}) / len(poems):.1%}"]
            right = f"{accuracy(human, poems):.1%}" if kind == "reconstructions" else ""
            rows.append([*row, right])
    columns = "run|decoded from|poems|4-gram judge|`ar` judge|repeats|distinct|characters right"
    publish(o.write, "holes", table(columns, rows))


def places(codes: Tensor, pairs: int) -> dict[str, Tensor]:
    """Codes (N, D) of poems, and as many of three other kinds: (pairs, D)."""
    draw, (n, size) = np.random.default_rng(derive_seed(0, "pairs")), codes.shape
    first = draw.integers(n, size=pairs)
    second = (first + draw.integers(1, n, size=pairs)) % n  # never the same
    generator = torch.Generator().manual_seed(derive_seed(0, "holes"))
    noise, mean = torch.randn(pairs, n, generator=generator), codes.mean(dim=0)
    return {
        "reconstructions": codes[:pairs],
        "midpoints of two codes": (codes[first] + codes[second]) / 2,
        "N(0, I)": torch.randn(pairs, size, generator=generator),
        "a Gaussian fitted to the codes": mean + noise @ (codes - mean) / (n - 1) ** 0.5,
    }


def accuracy(human: Sequence[Poem], back: Sequence[Poem]) -> float:
    """The share of characters that stand where they stood."""
    pairs = [(content(a, a.form), content(b, b.form)) for a, b in zip(human, back, strict=False)]
    right = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    return right / sum(len(a) for a, _ in pairs)


@command("run", field=str, samples=2000, least=100, limit=20_000, epochs=8)
def conditional(o: SimpleNamespace) -> None:
    """Do samples have the label that RUN was asked for? A classifier says, which has learnt from
    human poems alone, equally many of each value; beside it what it says of held-out human poems.
    """
    poet, data = Poet.from_pretrained(o.run), read_run(o.run)
    codec = poet.codec
    tested = by_value(readable(data.test, codec), o.field)
    known = {content(poem, poem.form) for own in tested.values() for poem in own}
    new = (p for p in readable(data.train, codec) if content(p, p.form) not in known)
    learnt = {v: own for v, own in by_value(new, o.field).items() if len(own) >= o.least}
    if len(learnt) < 2 or learnt.keys() - tested.keys():
        raise click.ClickException(
            f"{o.field}: {len(learnt)} values of {o.least} poems and more to learn from, "
            f"{len(tested)} held out; give a --field with two or more in both, or another --least"
        )
    size = min(o.limit, *map(len, learnt.values()))
    tested = balance({v: tested[v] for v in learnt}, min(len(tested[v]) for v in learnt))
    ids = {v: [poem_ids(codec, p) for p in own] for v, own in balance(learnt, size).items()}
    named = label_classifier(ids, len(codec.tokenizer), epochs=o.epochs)
    flags: dict[str, list[Values]] = {}
    for value in learnt:
        labels, form = {o.field: value}, None
        if o.field == "form":
            labels, form = {}, Form.parse(value)
        options = SamplingOptions(1.0, labels=labels, seed=derive_seed(0, o.field, value))
        made = generate(poet.model, codec, o.samples, form=form, options=options)
        flags[value] = [
            np.array([name == value for name in named([poem_ids(codec, p) for p in own])])
            for own in (tested[value], [one.poem for one in made])
        ]
    flags["all"] = [np.concatenate(part) for part in zip(*flags.values(), strict=True)]
    tested["all"] = [poem for own in tested.values() for poem in own]
    rows = [[v, *counted(own, tested[v]), *counted(made)] for v, (own, made) in flags.items()]
    columns = f"{o.field}, learnt from {size:,} of each|held-out|recognised|samples"
    text = table(f"{columns}|have the label asked for", rows)
    publish(o.write, "conditional", f"{text}\n\nChance is {1 / len(learnt):.1%}.")


def balance(texts: Mapping[str, Sequence[T]], n: int, seed: int = 0) -> dict[str, list[T]]:
    """n of each value's texts, drawn without replacement; all where there are fewer."""
    rng = np.random.default_rng(derive_seed(seed, "balance"))
    return {value: [own[i] for i in rng.permutation(len(own))[:n]] for value, own in texts.items()}


def label_classifier(
    texts: Mapping[str, Texts], vocab_size: int, epochs: int = 8, seed: int = 0
) -> Callable[[Texts], list[str]]:
    """Learn to tell a label's values apart from token sequences (ids below `vocab_size`) of each;
    gives what names the likeliest value of each of other sequences."""
    values, store = list(texts), token_store([text for own in texts.values() for text in own])
    label = torch.tensor([place for place, value in enumerate(values) for _ in texts[value]])
    learn = torch.arange(len(store))
    network = train_classifier(store, label, learn, len(values), vocab_size, seed, epochs)

    def named(others: Texts) -> list[str]:
        places = class_logits(network, token_store(others), torch.arange(len(others)))
        return [values[place] for place in places.argmax(dim=1).tolist()]

    return named


def counted(flags: Values, poems: Sequence[Poem] = ()) -> list[str]:
    """Cells: how many, and the share that is 1."""
    return [f"{len(flags):,}", with_interval(flags.astype(np.float64), ".1%", poems)]


def by_value(poems: Iterable[Poem], field: str) -> dict[str, list[Poem]]:
    """Poems by the value of a label: "form", or a field of meta; those without one are left out."""
    found: dict[str, list[Poem]] = {}
    for poem in poems:
        if value := poem.value(field):
            found.setdefault(value, []).append(poem)
    return dict(sorted(found.items()))


@command("run", judge=None, iw=100, limit=0)
def completion(o: SimpleNamespace) -> None:
    """How many nats a character does one half of a poem cost, given the other? RUN has learnt to be
    shown characters (--preset infill or few); the autoregressive model is exact, and goes forward
    alone. A model that writes in several passes is scored in one of them too.
    """
    (poet, form), referee = load(o.run), load_judge(o.judge)
    human = readable(read_run(o.run).test, poet.codec, form=form, limit=o.limit)
    place = torch.arange(poet.codec.max_len)
    kinds = {
        "second half, given the first": place < form.size // 2,
        "first half, given the second": place >= form.size // 2,
        "every other character": place % 2 == 0,
        "all, given nothing": place < 0,
    }
    passes, rows = sorted({1, poet.model.latent.passes}), []
    for kind, known in kinds.items():
        row = [kind, str(int((~known[: form.size]).sum()))]
        for p in passes:
            row.append(with_interval(hidden_nats(poet, human, known, o.iw, p), ".3f", human))
        if referee:
            forward = not bool((known[1:] & ~known[:-1]).any())  # nothing known after a hidden one
            exact = hidden_nats(Poet(*referee), human, known) if forward else np.empty(0)
            row.append(with_interval(exact, ".3f", human if len(exact) else ()))
        rows.append(row)
    columns = f"{len(human):,} test poems|characters"
    for p in passes:
        columns += f"|nats/char, IWAE-{o.iw}" + f", passes {p}" * (len(passes) > 1)
    publish(o.write, "completion", table(columns + "|autoregressive" * bool(referee), rows))


@torch.no_grad()
def hidden_nats(
    poet: Poet, poems: Sequence[Poem], known: Tensor, iw: int = 1, passes: int = 1
) -> Values:
    """-log p(hidden | known) / hidden characters of each poem: an importance-weighted bound, or
    exact of an autoregressive model, where nothing known comes after a hidden one."""
    model, nats = poet.model, []
    generator = torch.Generator().manual_seed(derive_seed(0, "completion"))
    for batch in encode_poems(poet.codec, poems).batches(BATCH):
        hidden = batch.mask & ~known
        if model.has_latent:
            observed = batch.tokens.masked_fill(hidden | ~batch.mask, model.mask_id)
            nll = model.score(replace(batch, observed=observed), iw, generator, passes).bound
        else:
            nll = model.causal.nll(replace(batch, mask=hidden))
        nats.append(nll / hidden.sum(dim=1))
    return torch.cat(nats).numpy()


@command("run", judge=None, n=10_000, rhyme="尤", contains="月", acrostic="春夏秋冬")
def constraints(o: SimpleNamespace) -> None:
    """Are poems what they were asked to be, and does asking spoil them? The share that
    check_poems.py accepts; judged nats per character, also of poems whose z is of the prior, where
    only characters are masked; what 1,000 z of the prior are worth as draws given the constraint.
    """
    (poet, form), referee = load(o.run), load_judge(o.judge)
    human = readable(read_run(o.run).test, poet.codec, form=form, limit=100)
    lines, rhyme = o.acrostic[: form.lines], {"rhyme": o.rhyme}
    kinds: dict[str, list[dict[str, Any]]] = {
        "nothing": [{}],
        f"rhyme {o.rhyme}": [rhyme],
        "strict tones": [{"tones": "strict"}],
        "lenient tones": [{"tones": "lenient"}],
        "the first line of a test poem": [{"lines": {1: poem.verses[0]}} for poem in human],
        f"contains {o.contains}": [{"contains": (o.contains,)}],
        f"acrostic {lines}": [{"acrostic": lines}],
        "no character twice": [{"no_repeat": True}],
    }
    all_three = {**rhyme, "tones": "strict", "no_repeat": True}
    kinds[f"rhyme {o.rhyme}, strict tones, none twice"] = [all_three]
    rows = []
    for kind, wishes in kinds.items():
        begin = time.perf_counter()
        pairs = asked(poet, wishes, o.n)
        rate = len(pairs) / (time.perf_counter() - begin)
        faults = [Wanted(str(form), **wish).fault(list(poem.lines)) for wish, poem in pairs]
        met = counted(np.array([fault is None for fault in faults]))
        row = [kind, *met, verdict(referee, [poem.poem for _, poem in pairs]), "", ""]
        if kind != "nothing":
            masked = asked(poet, wishes, o.n, weighed=False)
            row[-2] = verdict(referee, [poem.poem for _, poem in masked])
            row[-1] = f"{np.mean([worth(poet, wish) for wish in wishes[:20]]):.1%}"
        rows.append([*row, f"{rate:,.0f}"])
    columns = "asked for|poems|as asked|`ar` judge|z of the prior, `ar` judge|z worth|poems/s"
    publish(o.write, "constraints", table(columns, rows))


def asked(
    poet: Poet, wishes: Sequence[dict[str, Any]], n: int, weighed: bool = True
) -> list[tuple[dict[str, Any], Generated]]:
    """n poems, as many of each wish, each with what it was asked to be."""
    (model, codec), form = (poet.model, poet.codec), poet.codec.check_form(None)
    found: list[tuple[dict[str, Any], Generated]] = []
    for i, wish in enumerate(wishes):
        how: dict[str, Any] = {"form": form, "weighed": weighed}
        how["options"] = SamplingOptions(1.0, seed=derive_seed(0, "constraints", i))
        how["constraint"] = requested(codec, form, Conditions(**wish)) if wish else None
        found += [(wish, poem) for poem in generate(model, codec, -(-n // len(wishes)), **how)]
    return found[:n]


def worth(poet: Poet, wish: dict[str, Any]) -> float:
    """What a draw of the prior is worth as one given the constraint: the effective share."""
    model, form = poet.model.latent, poet.codec.check_form(None)
    base = of_form(poet.codec, form)
    constraint = base & requested(poet.codec, form, Conditions(**wish))
    generator = torch.Generator().manual_seed(derive_seed(0, "worth"))
    n = (1000 - POOL) // POOL_EACH
    shown = None
    if model.decoder.observe is not None:  # what is fixed is a condition, and weighs nothing
        shown = fixed(constraint.allowed, model.mask_id)
    drawn = choose_z(model, constraint, base.allowed, n, None, generator, shown, weighed=False)
    return drawn.ess / len(drawn.z)


@command("corpus...", out=Path, runs=(), preset_base="", epochs=9.0, samples=2000, iw=100)
def family(o: SimpleNamespace) -> None:
    """Train and score relatives on CORPUS: one split, one budget, one table.

    Runs in --out are continued, or taken as they are when done; so are scores. With --preset-base
    small, ae=ae is a run of the preset small,ae, and plain= is one of small.
    """
    rows = []
    for name, preset, settings in (parse_run(spec, o.preset_base) for spec in o.runs):
        common.trained(o.out / name, o.corpus, preset, o.epochs, **{"seed": 1, **settings})
        score = partial(common.scored, o.out / name, o.samples, o.iw)
        rows.append([name, *family_cells(common.once(o.out / f"{name}.json", score))])
    columns = "run|parameters|steps|seconds|ELBO|bound|rate|distortion|active units"
    columns += "|characters right|4-gram judge|reverse"
    publish(o.write, "family", table(columns, rows))


def parse_run(spec: str, base: str | None = None) -> tuple[str, str, dict[str, str]]:
    """Name, preset and settings of NAME=PRESET:KEY=VALUE:KEY=VALUE; base comes before PRESET."""
    name, equals, rest = spec.partition("=")
    preset, *pairs = rest.split(":")
    if not (name and equals and all("=" in pair for pair in pairs)):
        expected = "expected NAME=PRESET:KEY=VALUE, as half=small:beta=0.5"
        raise click.UsageError(f"--runs {spec}: {expected}")
    presets = ",".join(part for part in (base, preset) if part)
    return name, presets or "base", dict(pair.split("=", 1) for pair in pairs)


def family_cells(r: dict[str, Any]) -> list[str]:
    """The figures of a run."""
    r["±"] = f"{common.nats(r)}, {r['bound']}" if r["ci"] else "none"
    r["active"] = str(r["active_units"])
    if r["codes_used"]:
        r["active"] = f"{r['codes_used']} codes, perplexity {r['codebook_perplexity']:.0f}"
    if r["cluster_perplexity"]:
        r["active"] += f"; clusters, perplexity {r['cluster_perplexity']:.1f}"
    formats = "parameters:, steps:, seconds:,.0f elbo_per_char:.3f ± kl_per_poem:.2f"
    formats += " recon_per_poem:.2f active recon_char_accuracy:.1%"
    formats += " judge_nll_per_char:.3f reverse_nll_per_char:.3f"
    return cells(r | r.get("samples", {}), formats)


@command(
    "corpus...", out=Path, betas="0.1,0.3,1,3,10", preset="base", epochs=9.0, iw=10, picture=None
)
def rate_distortion(o: SimpleNamespace) -> None:
    """Train a run for each beta on CORPUS: how many nats z carries, and what is left to guess.

    Rate and distortion are in nats a poem, as in Alemi et al. 2018 (arXiv 1711.00464): their sum is
    the negative ELBO.
    """
    points: list[dict[str, Any]] = []
    rows = []
    for beta in map(float, o.betas.split(",")):
        run = o.out / f"beta-{beta:g}"
        common.trained(run, o.corpus, o.preset, o.epochs, seed=1, beta=beta)
        score = partial(common.scored, run, 0, o.iw)
        r = common.once(o.out / f"{run.name}.json", score)
        rate, distortion = r["kl_per_poem"], r["recon_per_poem"]
        points.append({"name": o.preset, "beta": beta, "rate": rate, "distortion": distortion})
        rows.append([f"{beta:g}", *(f"{x:.2f}" for x in (rate, distortion, -rate - distortion))])
    publish(o.write, "rate-distortion", table("beta|rate|distortion|ELBO", rows))
    if o.picture:
        comparison.plot_rate_distortion(o.picture, points)


@command("runs...", judge=None, iw=20, passes="", samples=5000, seeds=1, candidates=4, limit=0)
def passes(o: SimpleNamespace) -> None:
    """Each of RUNS in each number of passes that it was trained for: the bound, and its samples.

    Of --passes 1,8 those alone. Figures of samples are means over --seeds, ± half of what lies
    between the least and the most. All are to have one split: the test poems are those of the
    first. The last rows are those, and what tones, rhyme and repeats are by chance.
    """
    data, referee = read_run(o.runs[0]), load_judge(o.judge)
    rows: list[list[str]] = []
    sides: list[dict[str, dict[str, Any]]] = []
    for run in o.runs:
        poet = Poet.from_pretrained(run)
        model, codec = poet.model, poet.codec
        test = spread([poem for poem in data.test if codec.fits(poem)], o.limit or None)
        known = [poem for poem in data.train if codec.fits(poem)]
        store = encode_poems(codec, test)
        ways: list[tuple[int | None, int]] = [
            (count, 1) for count in counts_of_passes(poet, o.passes)
        ]
        ways += [(ways[-1][0], o.candidates)] if o.candidates > 1 else []
        for count, choice in ways:
            r = evaluate(model, codec, store, samples=o.iw, passes=count)
            began, sides = time.monotonic(), []
            options = SamplingOptions(1.0, passes=count, candidates=choice)
            made = [
                generate(model, codec, o.samples, options=replace(options, seed=seed))
                for seed in range(o.seeds)
            ]
            rate = o.seeds * o.samples / (time.monotonic() - began)
            for seed, own in enumerate(made):
                poems = [one.poem for one in own]
                sides.append(compare(codec, poems, test, known, seed=seed, judge=referee))
            row = {**r.as_dict(), "run": run.name}
            row["way"] = f"{r.passes}{f', best of {choice}' if choice > 1 else ''}"
            row["±"] = f"{common.nats(row)}, {r.bound}"
            own_cells = cells(row, "run parameters:, way ± elbo_per_char:.3f kl_per_poem:.2f")
            samples = over_seeds([side["samples"] for side in sides], QUALITY)
            rows.append([*own_cells, *samples, f"{rate:.0f}"])
    human = [side["human"] for side in sides]
    for who, formats in (("human", QUALITY), ("by chance", CHANCE)):
        rows.append([who, *[""] * 5, *over_seeds(human, formats), ""])
    columns = "run|parameters|passes|nats/char|ELBO|rate|judge|4-gram judge|reverse|rhyme"
    columns += "|first verse rhymes|rhymes with itself|tones|repeats|distinct-2|copied lines"
    publish(o.write, "passes", table(f"{columns}|poems/s", rows))


def counts_of_passes(poet: Poet, asked: str) -> Sequence[int | None]:
    """The numbers of passes "1,8" that a model was trained for, or all, the least first; None for a
    model that has no choice."""
    if not poet.model.has_latent:
        return [None]
    trained = {1, *poet.model.config.passes}
    if wanted := trained & {int(part) for part in asked.split(",")} if asked else trained:
        return sorted(wanted)
    raise click.ClickException(f"--passes {asked}: expected some of {sorted(trained)}")


def over_seeds(values: Sequence[Mapping[str, Any]], formats: str) -> list[str]:
    """Cells of the means of figures, ± half of their range where there are several."""
    found = []
    for key, _, spec in (part.partition(":") for part in formats.split()):
        told = [one[key] for one in values if one.get(key) is not None]
        cell = f"{np.mean(told):{spec}}" if told else ""
        half = (max(told) - min(told)) / 2 if told else 0
        found.append(cell + f" ± {half:{spec}}" * (len(told) > 1 and half > 0))
    return found


@command("run", candidates="1,4,8,16", temperature=0.8, n=500, passes=0, limit=0, seed=0)
def choosing(o: SimpleNamespace) -> None:
    """Which weights tell human poems from samples, and what is kept of several candidates by them?

    The weights are fitted on poems that RUN held out to validate with and on samples, half of them
    at --temperature and half at 1; the test poems stand beside what is kept.
    """
    poet, data = Poet.from_pretrained(o.run), read_run(o.run)
    valid, test = (readable(side, poet.codec, limit=o.limit) for side in (data.valid, data.test))
    known = [poem for poem in data.train if poet.codec.fits(poem)]
    usual, plain = (
        SamplingOptions(t, passes=o.passes or None, seed=o.seed) for t in (o.temperature, 1.0)
    )
    counts = [int(part) for part in o.candidates.split(",")]
    weights = choices.weighed(poet, valid, (usual, plain))
    kept = choices.chosen(poet, test, known, counts, o.n, usual)
    publish(o.write, "choosing", f"{weights}\n\n{kept}")


@command("runs...", n=400, pairs=50)
def telling(o: SimpleNamespace) -> None:
    """What does z tell of poems, and what do its uses give? Rate and mutual information on poems
    that RUNS have learnt (20,000 of them), all else on those held out: what another's z costs; how
    many characters are right by a poem's own; what of a poem comes back; ways, and a map."""
    rows = []
    for run in o.runs:
        (poet, form), data = load(run), read_run(run)
        human = readable(data.valid + data.test, poet.codec, form=form, limit=o.n)
        learnt = readable(data.train, poet.codec, form=form, limit=tells.INFORMED)
        row = [run.name, *tells.carried(poet, learnt)[:2], *tells.carried(poet, human)[2:]]
        row += [", ".join(by_passes(poet, human, passes)) for passes in (1, None)]
        rows.append(
            [*row, *tells.restored(poet, human, form), *tells.ways(poet, human, form, o.pairs)]
        )
    columns = "run|rate|MI|theme, nats|theme among the first 10 of 100"
    columns += "|another's z, nats; right by own, by another's: one pass|all passes"
    columns += "|overlap|with another's|vary, " + ", ".join(map(str, tells.DISTANCES))
    publish(o.write, "telling", table(f"{columns}|different of 8|smoothness|commonest line", rows))


@command(
    "run", field="title", themes=("送別=送",), n=100, epochs=8, seed=0, temperature=0.8, plain=False
)
def themes(o: SimpleNamespace) -> None:
    """Are poems about what they were asked to be? A classifier says, which has learnt from human
    poems alone, equally many with each word (of THEME=WORD) in their titles.
    """
    poet, data = Poet.from_pretrained(o.run), read_run(o.run)
    codec, words = poet.codec, dict(pair.partition("=")[::2] for pair in o.themes)
    form = codec.check_form(None)
    learnt, tested = (
        tells.of_theme(readable(poems, codec, form=form), o.field, words)
        for poems in (data.train, data.valid + data.test)
    )
    if rare := [theme for theme in words if not (learnt[theme] and tested[theme])]:
        raise click.ClickException(f"{', '.join(rare)}: no {o.field} has this; give other --themes")
    size = min(map(len, learnt.values()))
    learnt = balance(learnt, size, o.seed)
    ids = {v: [poem_ids(codec, p) for p in own] for v, own in learnt.items()}
    named = label_classifier(ids, len(codec.tokenizer), o.epochs, o.seed)
    codes = [{v: poet.latents(own) for v, own in side.items()} for side in (learnt, tested)]
    options, rows, all_flags = SamplingOptions(o.temperature, plain=o.plain, seed=o.seed), [], []
    for theme in words:
        made = tells.about(poet, theme, o.n, options)
        flags = [
            np.array([name == theme for name in named([poem_ids(codec, p) for p in own])])
            for own in (tested[theme], made)
        ]
        all_flags.append([float(part.mean()) for part in flags])
        rows.append([theme, *counted(flags[0], tested[theme]), *counted(flags[1])])
    human, ours = np.mean(all_flags, axis=0)
    rows.append(["mean", "", f"{human:.1%}", "", f"{ours:.1%}"])
    columns = f"theme, learnt from {size:,} of each|held-out|recognised|written|recognised"
    told = f"Chance is {1 / len(words):.1%}; {ours / human:.0%} of the accuracy on human poems. "
    told += f"A linear probe of z tells {tells.probe(*codes):.1%} of the held-out ones."
    publish(o.write, "themes", f"{table(columns, rows)}\n\n{told}")


@command(
    "corpus", model="chinese", form=("7x4",), n=10, first=11, human=3, sheet=Path, key=Path, seed=0
)
def reading(o: SimpleNamespace) -> None:
    """Are the poems worth reading? Writes a sheet to read them blind, and the key to it.

    Of each --form stand -n poems as --model writes them unasked with seeds from --first on, and
    --human ones of CORPUS, in any order. --form tunes takes one tune after the other.
    """
    poet = Poet.from_pretrained(o.model)
    human = readable(read_poems(o.corpus), poet.codec)
    rows = readings.drawn(poet, human, o.form, o.n, o.first, o.human, o.seed)
    readings.write(rows, o.sheet, o.key)


@command("key", "marks...")
def agreement(o: SimpleNamespace) -> None:
    """What readers of a sheet found, and how far they agree. KEY and each of MARKS are files of
    JSON lines with the "number" of a poem; MARKS have whether it is "good", and "why"."""
    key, *marks = map(readings.load, (o.key, *o.marks))
    publish(o.write, "reading", readings.agreed(key, marks))


@command("poems", seed=0)
def scansion(o: SimpleNamespace) -> None:
    """What is said of poems that everybody knows, and is a tone that is put wrong found?

    POEMS is tangshisanbaishou.json of chinese-poetry, 唐詩三百首 in sections.
    """
    reports = known_poems.by_kind(Path(o.poems))
    own = [report for kind in known_poems.REGULATED for report in reports.get(kind, [])]
    good = [report for report in own if report.scheme and not report.faults]
    tables = known_poems.shares(reports), known_poems.frequent(own), known_poems.found(good, o.seed)
    publish(o.write, "scansion", "\n\n".join(tables))


@command("corpora...", title="", scheme="ABABCDCDEFEFGG", examples=5, failures=0, seed=0)
def english_scansion(o: SimpleNamespace) -> None:
    """Are English sonnets found to be iambic, and to rhyme, and how often would chance do it?

    The texts are those of CORPORA whose title has --title in it. Those with as many lines as
    --scheme has letters are to rhyme so, the others in a couplet at the end, if it has one.
    --failures shows so many lines and pairs that fail.
    """
    poems = (poem for poem in read_poems(*o.corpora) if o.title in poem.meta.get("title", ""))
    texts = [verses for poem in poems if (verses := scanned.verses_of(poem.text))]
    if not texts:
        raise click.ClickException(f"no title has {o.title!r} in it; give another --title")
    tables = [scanned.metres(texts, o.seed), scanned.natural(texts)]
    tables.append(scanned.rhymes(texts, o.scheme, o.examples))
    publish(o.write, "english-scansion", "\n\n".join(tables))
    if o.failures:
        click.echo(f"\n{scanned.failures(texts, o.scheme, o.failures)}")


@command("runs...", train=Path, test=Path, iw=20)
def syllables(o: SimpleNamespace) -> None:
    """What do syllables cost models of verse in a language of letters, by form, and letters?

    --train and --test are poems of the forms, held out by book; RUNS know the same forms.
    """
    poets = [Poet.from_pretrained(run) for run in o.runs]
    known, test = (list(read_poems(str(path))) for path in (o.train, o.test))
    publish(o.write, "syllables", by_syllable.ladder(poets, known, test, o.iw))


@command("corpora...", out=Path, held=None, most=130_000, seed=1)
def couplets(o: SimpleNamespace) -> None:
    """Write the couplets of CORPORA that are parallel as a rule, as JSON lines, to train `poetvae
    couplet` on: with --form 4x2 ... --form 11x2. Those of 3 % of the poems go to --held alone."""
    sides: dict[Path, list[Poem]] = {o.out: [], o.held or o.out: []}
    for poem in read_poems(*o.corpora):
        sides[o.held if o.held and held_out(poem.key, 0.03) else o.out].append(poem)
    for path, poems in sides.items():
        found = parallel.couplets(poems, o.most, o.seed)
        lines = (json.dumps({"text": f"{a}，{b}。"}, ensure_ascii=False) for a, b in found)
        write_file(path, "".join(f"{line}\n" for line in lines).encode())


@command(model=Path, held=(), n=50, among=1000)
def answers(o: SimpleNamespace) -> None:
    """Where does the true lower line of a couplet stand among those of others of its tones, for n
    of each length and tones, ranked as `poetvae couplet` ranks, and with other weights?

    The couplets are those that the run held out, or of the files --held.
    """
    poet = Poet.from_pretrained(o.model)
    poems = read_poems(*o.held) if o.held else read_run(o.model).test
    twos = (poem for poem in poems if poem.form and poem.form.lines == 2 and poem.form.uniform)
    pairs = [(poem.verses[0], poem.verses[1]) for poem in twos]
    publish(o.write, "answers", parallel.ranked(poet, pairs, o.n, o.among))


if __name__ == "__main__":
    main()

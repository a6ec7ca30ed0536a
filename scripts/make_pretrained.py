"""The weights in the package: select poems, train, store, measure, write the card.

    python scripts/make_pretrained.py chinese poet.*.json ci.song.*.json --work FOLDER
    python scripts/make_pretrained.py english STANZAS.jsonl... --work FOLDER

A poem of the model's forms is learnt whole, of another one couplet. What is held out is held out by
poem. Everything is measured on the weights as they are stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import english_verse
import numpy as np
import torch
from common import by_passes, cells, informed, loop_seconds, once, posterior, table

from poetvae import Poet
from poetvae.checkpoints.card import licensed, model_card
from poetvae.checkpoints.model_folder import CARD, PACKAGED
from poetvae.data.corpus import read_poems, side_of
from poetvae.data.dataset import encode_poems
from poetvae.data.repeated import near_copies
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import compare, lettered
from poetvae.files import write_file
from poetvae.generation.options import SamplingOptions
from poetvae.latent.attributes import spread
from poetvae.models import build
from poetvae.runtime import keep_freed_memory
from poetvae.text.form import parse_forms
from poetvae.text.poem import Form, Poem, content, select
from poetvae.text.tokenizer import NEWLINE, PoemTokenizer
from poetvae.training.spec import RunSpec
from poetvae.training.trainer import train

FORMS = ("5x2", "7x2", "5x4", "7x4", "5x8", "7x8")
# The twenty tunes of at most 62 characters of which the Song left most ci.
TUNES = (
    *("浣溪沙", "鷓鴣天", "菩薩蠻", "西江月", "蝶戀花", "減字木蘭花", "臨江仙", "點絳唇", "清平樂"),
    *("玉樓春", "好事近", "虞美人", "漁家傲", "南歌子", "朝中措", "謁金門", "卜算子", "踏莎行"),
    *("南鄉子", "如夢令"),
)
KEPT = "title", "dynasty", "author", "rhythmic"  # of what is told of a poem
SIDES = {"train": "train on", "valid": "validate with", "test": "test with"}
HELD_OUT, SEED, TEMPERATURE = 0.02, 1, SamplingOptions().temperature
POEMS, BATCH = 400, 200  # of a form, held out and written; written at once
SAMPLES = 20  # of the importance-weighted bound
NEAREST = 500  # verses whose nearest in the training text is looked for
INFORMED = 20_000  # training poems that the mutual information is measured on: at most log of it
FEW, SOME = (1, 8), 150  # passes that cost less than all, and held-out poems to try them on
# How samples are drawn: as the model has it, at the usual temperature, and as people get them.
WAYS: dict[str, dict[str, Any]] = {
    "T = 1": {"temperature": 1.0, "plain": True},
    f"T = {TEMPERATURE:g}": {"temperature": TEMPERATURE, "plain": True},
    "as written": {},
}
SHARES = "tone_accuracy", "rhyme_accuracy", "first_verse_rhymes", "self_rhyme_rate", "repeat_rate"
CHANCE = "tone_chance:.1% rhyme_chance:.1% first_verse_chance:.1% self_rhyme_chance:.1%"
CHANCE += " repeat_chance:.1%"
QUALITY = "copied_lines:.1% novelty:.1% all_but_one:.1% places:.1% reverse_nll_per_char:.2f"
PRESET = "poet"
# The rates are those of the longest poems: 10 nats of a quatrain of 28 characters.
SETTINGS = {"embed_dim": 192, "d_model": 224, "rate": 15.0, "batch_size": 256}
SETTINGS |= {"validate_every": 1000, "seed": SEED}
ENGLISH = {"embed_dim": 160, "d_model": 192, "rate": 12.0, "batch_size": 256}
ENGLISH |= {"validate_every": 500, "seed": SEED, "min_count": 10}


def learnt(poem: Poem, forms: Sequence[Form]) -> Iterator[Poem]:
    """A poem, if it has one of the forms; or else one of its couplets."""
    found = list(select([poem], forms))
    if found:
        yield found[int(poem.key, 16) % len(found)]


def cut(corpus: Sequence[str], folder: Path) -> None:
    """Poems to train on, to validate and to test with, each once, a file of JSON lines each; to
    test with none that is a near-copy of one to train on."""
    sides: list[dict[str, Poem]] = [{}, {}, {}]
    forms = parse_forms((*FORMS, *TUNES))
    for poem in read_poems(*corpus, corpus_script="traditional"):
        side = sides[side_of(poem, HELD_OUT)]
        for one in learnt(poem, forms):
            side.setdefault(content(one, one.form), one)
    texts, train = list(sides[2]), list(sides[0])
    for chars, near in zip(texts, near_copies(texts, train).tolist(), strict=True):
        if near:
            del sides[2][chars]
    for number, name in enumerate(SIDES):
        lines = []
        for chars, poem in sides[number].items():
            if not any(chars in side for side in sides[:number]):
                told = {name: poem.value(name) for name in KEPT if poem.value(name)}
                lines.append(json.dumps({"text": poem.text, **told}, ensure_ascii=False) + "\n")
        write_file(folder / f"{name}.jsonl", "".join(lines).encode())


def nearest(verses: Sequence[str], known: Sequence[str]) -> list[int]:
    """Of each verse, in how many places the most similar known verse of its length agrees."""
    found = []
    for length in {len(verse) for verse in known}:
        pool = np.array([list(map(ord, verse)) for verse in known if len(verse) == length]).T.copy()
        for verse in (list(map(ord, verse)) for verse in verses if len(verse) == length):
            found.append(int(sum(map(np.equal, pool, verse), np.int8(0)).max()))
    return found


def samples(
    poet: Poet, forms: Sequence[str], how: Mapping[str, Any]
) -> tuple[list[Poem], list[Form]]:
    """`POEMS` samples, equally many of each form, and the form that each was asked for."""
    share, written = math.ceil(POEMS / len(forms)), []
    for form in forms:
        for start in range(0, share, BATCH):
            made = poet.generate(min(BATCH, share - start), form=form, seed=SEED + start, **how)
            written += [poem.poem for poem in made]
    return written, [Form.parse(form) for form in forms for _ in range(share)]


def measure(
    poet: Poet, forms: Sequence[str], known: Sequence[Poem], test: Sequence[Poem]
) -> dict[str, Any]:
    """Held-out likelihood of poems of some forms, what z says of them, what samples are like, each
    form asked for as often, and what is copied of training."""
    codec, test = poet.codec, spread(test, POEMS)
    found: dict[str, Any] = {}
    few, how = encode_poems(codec, spread(test, SOME)), dict[str, Any](samples=SAMPLES)
    for passes in (*FEW, None):
        own = evaluate(poet.model, codec, few, passes=passes, **how)
        found[f"in_{passes}"] = own.nll_per_char
    report = evaluate(poet.model, codec, encode_poems(codec, test), **how)
    q, _ = posterior(poet, spread(known, INFORMED))
    found |= report.as_dict() | {"mutual_information": informed(q)}
    found["right"] = {str(passes): by_passes(poet, test, passes)[1:] for passes in (1, None)}
    training, nearby = sorted({v for verses in lettered(codec, known) for v in verses}), {}
    for way, how in WAYS.items():
        written, asked = samples(poet, forms, how)
        sides = compare(codec, written, test, known, asked=asked)
        found[way], found["human"] = sides["samples"], sides["human"]
        nearby[way] = written
    for way, poems in {**nearby, "human": test}.items():
        verses = [verse for verses in lettered(codec, poems) for verse in verses]
        verses = verses[:: max(1, len(verses) // NEAREST)][:NEAREST]
        places = np.array(nearest(verses, training))
        sizes = np.array([len(verse) for verse in verses])
        found[way]["all_but_one"] = float((places >= sizes - 1).mean())
        found[way]["places"] = float((places / sizes).mean())
    return found


def interval(row: Mapping[str, Any], key: str) -> str:
    """A share and its 95 % interval by poem; empty where it does not apply."""
    if row.get(key) is None:
        return ""
    low, high = row["ci"][key]
    return f"{row[key]:.1%} ({low:.1%}–{high:.1%})".replace("%–", "–")


def by_form(rows: dict[str, dict[str, Any]], store: dict[str, float]) -> str:
    """The figures of the card."""
    likelihood, quality = [], []
    for name, row in rows.items():
        low, high = row["ci"]["nll_per_char"]
        cost = f"{store[name]:+.4f}"
        own = [f"{row['right'][p][0]}, {row['right'][p][1]}" for p in ("1", "None")]
        likelihood.append(
            [name, f"{row['poems']:,}", f"{row['nll_per_char']:.3f} ({low:.3f}–{high:.3f})", cost]
            + [f"{row[f'in_{passes}'] - row['in_None']:+.3f}" for passes in reversed(FEW)]
            + [f"{row['kl_per_poem']:.1f}, {row['mutual_information']:.1f}", *own]
        )
        for way in (*WAYS, "human"):
            told, shares = row[way], [interval(row[way], key) for key in SHARES]
            quality.append([f"{name}, {way}", *shares, *cells(told, QUALITY)])
        chance = cells(row["human"], CHANCE)
        quality.append([f"{name}, by chance", *chance, *[""] * len(QUALITY.split())])
    columns = "form|poems|nats per character (95 %)|stored less trained"
    columns += "|in 8 passes|in one"
    columns += "|rate, mutual information|right by own z, by another's: one pass|all passes"
    names = "|tones (95 %)|rhymed|first verse rhymes|rhymes with itself|a character twice"
    names += "|copied verses|new 4-grams|nearest training verse: all but one alike|places alike"
    return f"{table(columns, likelihood)}\n\n{table(names + '|reverse, nats', quality)}"


CHINESE_DATA = """\
Classical Chinese shi of the Tang and the Song and ci of the Song from chinese-poetry (MIT licence,
github.com/chinese-poetry/chinese-poetry; the poems are in the public domain), with their titles:
poems of these forms, and one couplet of every other, {sizes}. What is held out is held out by poem.
The weights are under the MIT licence."""
CHINESE_LIMITS = """\
It writes verse that scans and rhymes, not thought. Read blind among human ones, a fifth of its
quatrains and eight lines passed (of 40: 7 and 10 by two readers; of 7x4 four in ten, of 7x8 none),
and none of 20 ci: the longer the form, the likelier that a line breaks down, often at the word that
has to rhyme, or that seasons and hours clash. Ci rhyme and keep their tones only where asked to
(`--rhyme any --tones usual`). It repeats favourite words and images, the more the lower the
temperature, and what it writes at 0.5 is less varied than what people write. It knows no prose.
It was trained on what survives of two dynasties, almost all of it by men of one class, and says
such things. One seed, one training: another would differ by more than the last digit."""
ENGLISH_DATA = """\
English verse of the sixteenth to the twentieth century out of books of Project Gutenberg
(github.com/tnhaider/english-gutenberg-poetry; public domain in the United States), with titles:
stanzas of these forms, couplets and quatrains that rhyme out of longer ones, and sentences that
fall into 5, 7 and 5 syllables, by scripts/english_verse.py: {sizes}. What is held out is held out
by book. Sounds are those of the CMU Pronouncing Dictionary (BSD licence). The weights are under the
MIT licence."""
ENGLISH_LIMITS = """\
It writes verse that scans and rhymes, not thought: phrases are of a kind, sentences often lose
their way. A figure *by character* is by syllable. It writes words of the dictionary alone, and no
marks inside a line; those at its end are the form's. A rhyme is a rhyme of today, by one American
dictionary. It was trained on books of four centuries, most of the nineteenth, and says such things
as they do. One seed, one training: another would differ by more than the last digit."""


@dataclass(frozen=True)
class Recipe:
    """How the weights of one language are made; fields of poems to know, and words for the card."""

    forms: tuple[str, ...]
    cut: Callable[[Sequence[str], Path], object]
    settings: Mapping[str, Any]
    steps: int
    data: str
    limits: str
    most: int = 0  # tokens that are kept; 0 = all
    tunes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


RECIPES = {
    "chinese": Recipe(
        FORMS, cut, SETTINGS, 10_000, CHINESE_DATA, CHINESE_LIMITS, 0, TUNES, ("dynasty",)
    ),
    "english": Recipe(
        english_verse.FORMS,
        english_verse.cut,
        ENGLISH,
        4_400,
        ENGLISH_DATA,
        ENGLISH_LIMITS,
        11_000,
    ),
}


def pruned(poet: Poet, most: int) -> Poet:
    """The same model without its rarest tokens of several letters, so that so many are left."""
    tokenizer, model = poet.codec.tokenizer, poet.model
    several = [i for i in range(len(tokenizer)) if len(tokenizer.decode([i])) > 1]
    kept = [i for i in range(len(tokenizer)) if i not in set(several[most - len(tokenizer) :])]
    counts = {tokenizer.decode([i]): len(tokenizer) - i for i in kept if i > NEWLINE}
    codec = replace(poet.codec, tokenizer=PoemTokenizer.from_counts(counts))
    smaller = build(replace(model.config, vocab_size=len(kept)))
    state = {
        name: values[kept] if len(values.shape) and len(values) == len(tokenizer) else values
        for name, values in model.state_dict().items()
    }
    smaller.load_state_dict(state)
    assert [codec.tokenizer.decode([i]) for i in range(len(kept))] == [
        tokenizer.decode([i]) for i in kept
    ]
    return Poet(smaller, codec, poet.card)


def story(run: Path, name: str, counts: dict[str, int], figures: str) -> str:
    """The card's sections on data, training and figures."""
    job, (steps, seconds), recipe = RunSpec.load(run), loop_seconds(run), RECIPES[name]
    sizes = ", ".join(f"{n:,} to {SIDES[side]}" for side, n in counts.items())
    return f"""\
## Data and licence

{recipe.data.format(sizes=sizes)}

## Training

{steps:,} steps of {job.config.train.batch_size} poems, {seconds / 60:.0f} minutes on a CPU, \
seed {SEED}, torch {torch.__version__}.
Corpus fingerprint {job.fingerprint}. \
`python scripts/make_pretrained.py {name} CORPUS --work FOLDER` does all
of it again.

## Figures

Held-out test poems, with the weights as they are stored (float16): importance-weighted bound of
{SAMPLES} samples. "Stored less trained" is what float16 costs. In fewer passes: how much
more, on {SOME} poems. The mutual information is of z and
{INFORMED:,} training poems. Right: greedy characters, given those of earlier passes.
Below: {POEMS:,} samples beside as many held-out human poems, with 95 % intervals: as the model has
it, at the usual temperature, and "as written", which is what `generate` gives unasked, the best of
eight. By chance: with all characters, or all rhyme words, dealt out anew among the
poems. Reverse likelihood is that of human poems under an n-gram model of samples, or of as many
training poems.

{figures}

## Limits

{recipe.limits}
"""


@click.command()
@click.argument("name", type=click.Choice(list(RECIPES)))
@click.argument("corpus", nargs=-1, required=True)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder to work in.")
@click.option("--steps", type=int, default=None, help="Of the training; absent = as packaged.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="absent = the package")
def main(
    name: str, corpus: tuple[str, ...], work: Path, steps: int | None, out: Path | None
) -> None:
    """Make the weights of one language that are packaged; a run that stopped goes on."""
    keep_freed_memory()
    work.mkdir(parents=True, exist_ok=True)
    recipe, out = RECIPES[name], out or PACKAGED[name]
    if not (work / "test.jsonl").exists():
        recipe.cut(corpus, work)
    run = work / "run"
    how: dict[str, Any] = {"preset": PRESET, "settings": recipe.settings}
    how |= {"steps": steps or recipe.steps, "forms": (*recipe.forms, *recipe.tunes)}
    how |= {"labels": recipe.labels, "theme": "title", "valid": [work / "valid.jsonl"]}
    train([work / "train.jsonl"], run, **how, resume=(run / "train.json").exists())
    trained = Poet.from_pretrained(run)
    if recipe.most:
        trained = pruned(trained, recipe.most)
    trained.save_pretrained(out, overwrite=True, dtype=torch.float16)
    stored, rows, cost = Poet.from_pretrained(out), {}, {}
    sides = {side: list(read_poems(work / f"{side}.jsonl")) for side in SIDES}
    groups = {form: (form,) for form in recipe.forms}
    for group, forms in {**groups, **({"ci": recipe.tunes} if recipe.tunes else {})}.items():
        own = set(parse_forms(forms))
        known, test = ([p for p in sides[x] if p.form in own] for x in ("train", "test"))
        rows[group] = once(work / f"{group}.json", partial(measure, stored, forms, known, test))
        before = trained.evaluate(spread(test, POEMS), samples=SAMPLES)
        cost[group] = rows[group]["nll_per_char"] - before.nll_per_char
    counts = {side: len(poems) for side, poems in sides.items()}
    text = model_card(stored.model, stored.codec, story(run, name, counts, by_form(rows, cost)))
    write_file(out / CARD, licensed(text, "mit").encode())
    click.echo(text)


if __name__ == "__main__":
    main()

"""The weights in the package: select poems, train, store, measure, write the card.

A poem of the model's forms is learnt whole, of another one couplet. What is held out is held out by
poem. Everything is measured on the weights as they are stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from common import cells, loop_seconds, once, table

from poetvae import Poet
from poetvae.checkpoints.card import licensed, model_card
from poetvae.checkpoints.model_folder import CARD, PACKAGED
from poetvae.data.corpus import read_poems, side_of
from poetvae.data.dataset import encode_poems
from poetvae.data.repeated import near_copies
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import compare
from poetvae.files import write_file
from poetvae.latent.attributes import spread
from poetvae.runtime import keep_freed_memory
from poetvae.text.form import parse_forms
from poetvae.text.poem import Form, Poem, content, select
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
HELD_OUT, SEED, TEMPERATURE = 0.02, 1, 0.8
POEMS, BATCH = 1000, 250  # of a form, held out and written; written at once
SAMPLES = 20  # of the importance-weighted bound
NEAREST = 500  # verses whose nearest in the training text is looked for
QUALITY = "tone_accuracy:.1% tone_chance:.1% rhyme_accuracy:.1% rhyme_chance:.1% repeat_rate:.1%"
QUALITY += " copied_lines:.1% novelty:.1% all_but_one:.1% places:.2f reverse_nll_per_char:.2f"
PRESET = "poet"
# The rate is that of the longest tunes: 10 nats of a quatrain of 28 characters.
SETTINGS = {"embed_dim": 192, "d_model": 224, "rate": 15.0, "batch_size": 256}
SETTINGS |= {"validate_every": 1000, "seed": SEED}


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


def measure(poet: Poet, name: str, known: Sequence[Poem], test: Sequence[Poem]) -> dict[str, Any]:
    """Held-out likelihood of a form, what samples are like, and what is copied of training."""
    form, codec = Form.parse(name), poet.codec
    store = encode_poems(codec, spread(test, POEMS))
    report = evaluate(poet.model, codec, store, samples=SAMPLES, curve_poems=0).as_dict()
    written = []
    for start in range(0, POEMS, BATCH):
        how: Any = {"temperature": TEMPERATURE, "seed": SEED + start, "plain": True}
        made = poet.generate(BATCH, form=name, **how)
        written += [poem.poem for poem in made]
    sides = compare(codec, written, test, known, asked=[form] * len(written))
    training, alike = sorted({verse for poem in known for verse in poem.verses}), {}
    for side, poems in (("samples", written), ("human", test)):
        verses = [verse for poem in poems for verse in poem.verses][:NEAREST]
        places = np.array(nearest(verses, training))
        close = float((places >= form.uniform - 1).mean())
        alike[side] = {"places": float(places.mean()), "all_but_one": close}
    return {**report, **sides, "nearest": alike}


def by_form(rows: dict[str, dict[str, Any]], store: dict[str, float]) -> str:
    """The figures of the card."""
    likelihood, quality = [], []
    for form, row in rows.items():
        low, high = row["ci"]["nll_per_char"]
        interval = f"{row['nll_per_char']:.3f} ({low:.3f}–{high:.3f})"
        cost, kl = f"{store[form]:+.4f}", f"{row['kl_per_poem']:.1f}"
        likelihood.append([form, f"{row['poems']:,}", interval, cost, kl])
        for who in ("samples", "human"):
            quality.append([f"{form}, {who}", *cells({**row[who], **row["nearest"][who]}, QUALITY)])
    columns = "form|poems|nats per character (95 %)|stored less trained|rate, nats"
    names = "|regulated|by chance|rhymed|by chance|a character twice|copied verses|new 4-grams"
    names += "|nearest training verse: all but one alike|places alike|reverse, nats"
    return f"{table(columns, likelihood)}\n\n{table(names, quality)}"


def story(run: Path, counts: dict[str, int], figures: str) -> str:
    """The card's sections on data, training and figures."""
    job, (steps, seconds) = RunSpec.load(run), loop_seconds(run)
    sizes = ", ".join(f"{n:,} to {SIDES[name]}" for name, n in counts.items())
    return f"""\
## Data and licence

Classical Chinese shi of the Tang and the Song and ci of the Song from chinese-poetry (MIT licence,
github.com/chinese-poetry/chinese-poetry; the poems are in the public domain), with their titles:
poems of these forms, and one couplet of every other, {sizes}. What is held out is held out by poem.
The weights are under the MIT licence.

## Training

{steps:,} steps of {job.config.train.batch_size} poems, {seconds / 60:.0f} minutes on a CPU, \
seed {SEED}, torch {torch.__version__}.
Corpus fingerprint {job.fingerprint}. \
`python scripts/make_pretrained.py CORPUS --work FOLDER` does all
of it again.

## Figures

Held-out test poems, with the weights as they are stored (float16): importance-weighted bound of
{SAMPLES} samples. "Stored less trained" is what float16 costs.
Below: {POEMS:,} samples of a form at temperature {TEMPERATURE} beside held-out human poems. By
chance: with all characters, or all rhyme words, dealt out anew among the poems. Reverse likelihood
is that of human poems under an n-gram model of samples, or of as many training poems.

{figures}

## Limits

It writes verse that scans, not thought: verses fit their neighbours, a quatrain seldom makes one
point. How often unasked poems rhyme and a character comes twice stands above: `--rhyme any` and
`--no-repeat` see to that, `--tones` to the tones. z says what a poem is about, the rest is left
to the passes. It knows no prose, repeats favourite words, and puts
characters that it has rarely seen in odd places. It was trained on what survives of two dynasties,
almost all of it by men of one class, and says such things. One seed, one training: another would
differ by more than the last digit.
"""


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder to work in.")
@click.option("--steps", type=int, default=14_000, show_default=True, help="Of the training.")
@click.option("--out", type=click.Path(path_type=Path), default=PACKAGED, show_default=True)
def main(corpus: tuple[str, ...], work: Path, steps: int, out: Path) -> None:
    """Make the weights that are packaged; a run that stopped goes on."""
    keep_freed_memory()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "test.jsonl").exists():
        cut(corpus, work)
    run = work / "run"
    how: dict[str, Any] = {"preset": PRESET, "settings": SETTINGS, "steps": steps}
    how |= {"forms": (*FORMS, *TUNES), "labels": ["dynasty"], "theme": "title"}
    how |= {"valid": [work / "valid.jsonl"]}
    train([work / "train.jsonl"], run, **how, resume=(run / "train.json").exists())
    trained = Poet.from_pretrained(run)
    trained.save_pretrained(out, overwrite=True, dtype=torch.float16)
    stored, rows, cost = Poet.from_pretrained(out), {}, {}
    sides = {name: list(read_poems(work / f"{name}.jsonl")) for name in SIDES}
    for form in FORMS:
        known, test = ([p for p in sides[x] if str(p.form) == form] for x in ("train", "test"))
        rows[form] = once(work / f"{form}.json", partial(measure, stored, form, known, test))
        before = trained.evaluate(spread(test, POEMS), samples=SAMPLES)
        cost[form] = rows[form]["nll_per_char"] - before.nll_per_char
    training = story(run, {name: len(poems) for name, poems in sides.items()}, by_form(rows, cost))
    text = licensed(model_card(stored.model, stored.codec, training), "mit")
    write_file(out / CARD, text.encode())
    click.echo(text)


if __name__ == "__main__":
    main()

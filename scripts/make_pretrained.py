"""The weights in the package: cut the corpus into stanzas, train, store, measure, write the card.

A poem gives the quatrains that it is made of, where it has four or eight verses of five or seven
characters, and one of its couplets. What is held out is held out by poem. Everything is measured on
the weights as they are stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.samples import compare
from poetvae.files import write_file
from poetvae.runtime import keep_freed_memory
from poetvae.text.poem import Form, Poem, content, select
from poetvae.training.spec import RunSpec
from poetvae.training.trainer import train

FORMS = ("5x2", "5x4", "7x2", "7x4")
COUPLETS = (Form(5, 2), Form(7, 2))
SIDES = ("train", "valid", "test")
HELD_OUT = 0.02
SEED = 1
POEMS = 1000  # of a form, held out and written
SAMPLES = 20  # of the importance-weighted bound
TEMPERATURE = 0.8
NEAREST = 500  # verses whose nearest in the training text is looked for
BATCH = 250
QUALITY = {
    **dict.fromkeys(("tone_accuracy", "rhyme_accuracy", "repeat_rate", "copied_lines"), ".1%"),
    "novelty": ".1%",
    "all_but_one": ".1%",
    "places": ".2f",
    "reverse_nll_per_char": ".2f",
}
PRESET = "small,few"
SETTINGS = {
    # Of so many passes none decides two rhymes of a quatrain at once, as 7 or 14 would.
    "passes": (1, 4, 8, 16, 16, 16),
    "learning_rate": 3e-3,
    "beta_warmup": 0.1,
    "validate_every": 1000,
    "seed": SEED,
}


def stanzas(poem: Poem) -> Iterator[Poem]:
    """The quatrains of a poem of four or eight verses, and one couplet of any poem."""
    form = poem.form
    if form and form.length in (5, 7) and form.lines in (4, 8):
        for start in range(0, form.lines, 4):
            quatrain = "".join(poem.verses[start : start + 4])
            yield replace(poem, lines=(Form(form.length, 4).punctuate(quatrain),))
    couplets = list(select([poem], COUPLETS))
    if couplets:
        yield couplets[int(poem.key, 16) % len(couplets)]


def cut(corpus: Sequence[str], folder: Path) -> None:
    """Stanzas to train on, to validate and to test with, each once, a file of JSON lines each."""
    sides: list[dict[str, Poem]] = [{}, {}, {}]
    for poem in read_poems(*corpus):
        side = sides[side_of(poem, HELD_OUT)]
        for stanza in stanzas(poem):
            side.setdefault(content(stanza, stanza.form), stanza)
    for number, name in enumerate(SIDES):
        known = [chars for side in sides[:number] for chars in side.keys() & sides[number].keys()]
        for chars in known:
            del sides[number][chars]
        records = (
            {"text": poem.text, "dynasty": poem.value("dynasty")} for poem in sides[number].values()
        )
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        write_file(folder / f"{name}.jsonl", "".join(lines).encode())


def nearest(verses: Sequence[str], known: Sequence[str]) -> list[int]:
    """Of each verse, in how many places the most similar known verse of its length agrees."""
    found = []
    for length in {len(verse) for verse in known}:
        pool = np.array([list(map(ord, verse)) for verse in known if len(verse) == length])
        columns = np.ascontiguousarray(pool.T)
        for verse in verses:
            if len(verse) == length:
                same = sum(
                    (column == ord(char)).astype(np.int8)
                    for column, char in zip(columns, verse, strict=True)
                )
                found.append(int(np.max(same)))
    return found


def measure(
    poet: Poet, form: str, train_on: Sequence[Poem], test: Sequence[Poem]
) -> dict[str, Any]:
    """Held-out likelihood of a form, what samples are like, and what is copied of training."""
    model, codec = poet.model, poet.codec
    store = encode_poems(codec, test[:POEMS])
    report = evaluate(model, codec, store, samples=SAMPLES, curve_poems=0)
    written = [
        poem.poem
        for start in range(0, POEMS, BATCH)
        for poem in poet.generate(BATCH, form=form, temperature=TEMPERATURE, seed=SEED + start)
    ]
    sides = compare(codec, written, test, train_on, asked=[Form.parse(form)] * len(written))
    known = sorted({verse for poem in train_on for verse in poem.verses})
    length = Form.parse(form).length
    alike = {}
    for name, poems in (("samples", written), ("human", test)):
        verses = [verse for poem in poems for verse in poem.verses][:NEAREST]
        places = np.array(nearest(verses, known))
        alike[name] = {
            "places": float(places.mean()),
            "all_but_one": float((places >= length - 1).mean()),
        }
    return {**report.as_dict(), **sides, "nearest": alike}


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
    columns = ["form", "poems", "nats per character (95 %)", "stored less trained", "rate, nats"]
    names = ["", "regulated", "rhymed", "a character twice", "copied verses", "new 4-grams"]
    names += ["nearest training verse: all but one alike", "places alike", "reverse, nats"]
    return f"{table(columns, likelihood)}\n\n{table(names, quality)}"


TRAINING = """\
## Data and licence

Classical Chinese shi of the Tang and the Song from chinese-poetry (MIT licence,
github.com/chinese-poetry/chinese-poetry; the poems are in the public domain): quatrains, halves of
eight-line poems, and a couplet of every poem, {counts}. What is held out is held out by poem. The
weights are under the MIT licence.

## Training

{steps:,} steps of {batch} stanzas, {minutes:.0f} minutes on a CPU, seed {seed}, torch {torch}.
Corpus fingerprint {fingerprint}. `python scripts/make_pretrained.py CORPUS --work FOLDER` does all
of it again.

## Figures

Held-out test stanzas, with the weights as they are stored (float16): importance-weighted bound of
{samples} samples. "Stored less trained" is what float16 costs.
Below: {poems:,} samples of a form at temperature {temperature} beside held-out human poems. Reverse
likelihood is that of human poems under an n-gram model of samples, or of as many training poems.

{rows}

## Limits

It writes verse that scans, not thought: verses fit their neighbours, a quatrain seldom makes one
point. Unasked its quatrains seldom rhyme and a character often comes twice, see above:
`--rhyme any` and `--no-repeat` see to that, `--tones lenient` to the tones. z says little of a
poem, most is left to the passes. It knows no titles and no prose, repeats favourite words, and puts
characters that it has rarely seen in odd places. It was trained on what survives of two dynasties,
almost all of it by men of one class, and says such things. One seed, one training: another would
differ by more than the last digit.
"""


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder to work in.")
@click.option("--steps", type=int, default=10_500, show_default=True, help="Of the training.")
@click.option("--out", type=click.Path(path_type=Path), default=PACKAGED, show_default=True)
def main(corpus: tuple[str, ...], work: Path, steps: int, out: Path) -> None:
    """Make the weights that are packaged; a run that stopped goes on."""
    keep_freed_memory()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "test.jsonl").exists():
        cut(corpus, work)
    run = work / "run"
    train(
        [work / "train.jsonl"],
        run,
        preset=PRESET,
        settings=SETTINGS,
        forms=FORMS,
        labels=["dynasty"],
        valid=[work / "valid.jsonl"],
        steps=steps,
        resume=(run / "train.json").exists(),
    )
    trained = Poet.from_pretrained(run)
    trained.save_pretrained(out, overwrite=True, dtype=torch.float16)
    stored = Poet.from_pretrained(out)
    sides = {name: list(read_poems(work / f"{name}.jsonl")) for name in SIDES}
    rows, cost = {}, {}
    for form in FORMS:
        known, test = (
            [poem for poem in sides[side] if str(poem.form) == form] for side in ("train", "test")
        )
        rows[form] = once(work / f"{form}.json", partial(measure, stored, form, known, test))
        before = trained.evaluate(test[:POEMS], samples=SAMPLES)
        cost[form] = rows[form]["nll_per_char"] - before.nll_per_char
    verbs = zip(SIDES, ("train on", "validate with", "test with"), strict=True)
    job, (taken, seconds) = RunSpec.load(run), loop_seconds(run)
    training = TRAINING.format(
        counts=", ".join(f"{len(sides[name]):,} to {verb}" for name, verb in verbs),
        steps=taken,
        batch=job.config.train.batch_size,
        minutes=seconds / 60,
        seed=job.config.train.seed,
        fingerprint=job.fingerprint,
        torch=torch.__version__,
        rows=by_form(rows, cost),
        samples=SAMPLES,
        poems=POEMS,
        temperature=TEMPERATURE,
    )
    text = licensed(model_card(stored.model, stored.codec, training), "mit")
    write_file(out / CARD, text.encode())
    click.echo(text)


if __name__ == "__main__":
    main()

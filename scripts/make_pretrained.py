"""The weights in the package: cut the corpus into stanzas, train, measure, store.

A poem gives the quatrains that it is made of, where it has four or eight verses of five or seven
characters, and one of its couplets. What is held out is held out by poem.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from poetvae.checkpoint import write_file
from poetvae.text.corpus import read_poems, side_of
from poetvae.text.poem import Form, Poem, content, select
from poetvae.trainer import train

FORMS = ("5x2", "5x4", "7x2", "7x4")
COUPLETS = (Form(5, 2), Form(7, 2))
SIDES = ("train", "valid", "test")
HELD_OUT = 0.02
PRESET = "small,few"
SETTINGS = {
    "passes": (1, 4, 8, 14, 14, 14),
    "learning_rate": 3e-3,
    "beta_warmup": 0.1,
    "validate_every": 1000,
    "seed": 1,
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
    """Stanzas to train on, to validate and to test with, each once, in a file of JSON lines each."""
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


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder to work in.")
@click.option("--steps", type=int, default=12_500, show_default=True, help="Of the training.")
def main(corpus: tuple[str, ...], work: Path, steps: int) -> None:
    """Train the weights that are packaged; a run that stopped goes on."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "test.jsonl").exists():
        cut(corpus, work)
    sources, valid = [work / "train.jsonl"], [work / "valid.jsonl"]
    run = work / "run"
    train(
        sources,
        run,
        preset=PRESET,
        settings=SETTINGS,
        forms=FORMS,
        labels=["dynasty"],
        valid=valid,
        steps=steps,
        resume=(run / "train.json").exists(),
    )


if __name__ == "__main__":
    main()

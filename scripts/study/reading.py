"""Poems to be read by people who do not know who wrote them, and what they said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import table

from poetvae.data.dataset import derive_seed
from poetvae.files import write_file
from poetvae.poet import Poet
from poetvae.text.form import parse_forms
from poetvae.text.poem import Poem

Row = Mapping[str, Any]


def drawn(
    poet: Poet,
    human: Sequence[Poem],
    forms: Sequence[str],
    n: int,
    first: int,
    humans: int,
    seed: int,
) -> list[Row]:
    """Of each form n poems of a model, unasked, with seeds from the first on, and so many human
    ones, in any order, numbered from 1; of "tunes" the i-th has the i-th tune of the model."""
    rng = np.random.default_rng(derive_seed(seed, "reading"))
    rows: list[Row] = []
    for name in forms:
        own = [f for f in poet.forms if f.tune] if name == "tunes" else [*parse_forms([name])]
        for i in range(n):
            (poem,) = poet.generate(1, form=str(own[i % len(own)]), seed=first + i)
            rows.append({"who": "model", "form": name, "seed": first + i, "text": poem.text})
        there = [poem for poem in human if poem.form in set(own)]
        for i in rng.permutation(len(there))[:humans]:
            text = poet.codec.decode(poet.codec.encode(there[i]), there[i].form)
            rows.append({"who": "human", "form": name, "text": text})  # with the model's marks
    return [{"number": i, **rows[k]} for i, k in enumerate(rng.permutation(len(rows)), start=1)]


def write(rows: Sequence[Row], sheet: Path, key: Path) -> None:
    """The sheet has numbers, forms and poems, the key all else, too."""
    poems = [f"{row['number']}. ({row['form']})\n{row['text']}\n" for row in rows]
    write_file(sheet, "\n".join(poems).encode())
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    write_file(key, "".join(lines).encode())


def load(path: str) -> list[Row]:
    """A file of JSON lines."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def agreed(key: Sequence[Row], marks: Sequence[Sequence[Row]]) -> str:
    """A table: how many poems of a form each reader found good, and all of them; how many are
    judged alike, and of two readers Cohen's kappa (1960): 0 by chance, 1 of the same marks."""
    good = [{row["number"]: bool(row["good"]) for row in reader} for reader in marks]
    groups: dict[tuple[str, str], list[int]] = {}
    for row in key:
        for form in (row["form"], "all"):
            groups.setdefault((row["who"], form), []).append(row["number"])
    rows = []
    for (who, form), numbers in groups.items():
        found = np.array([[reader[i] for i in numbers] for reader in good])
        alike = float((found == found[0]).all(axis=0).mean())
        shares = found.mean(axis=1)
        chance = float(shares.prod() + (1 - shares).prod())
        kappa = f"{(alike - chance) / (1 - chance):.2f}" if len(marks) == 2 and chance < 1 else ""
        counts = [f"{int(reader.sum())}" for reader in found]
        every = f"{int(found.all(axis=0).sum())}"
        rows.append([f"{form}, {who}", f"{len(numbers)}", *counts, every, f"{alike:.0%}", kappa])
    names = "|".join(f"reader {i}" for i in range(1, len(marks) + 1))
    return table(f"|poems|{names}|all|alike|kappa", sorted(rows))

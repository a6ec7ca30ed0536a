"""Poems that are none, to see whether a model notices: damage of five kinds, and how it is found.

Damage is done to the text, and is a pure function of (poems, seed). What cannot be damaged in a way
(one character again and again has no other order) is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from .data.dataset import derive_seed, encode_poems
from .errors import CorpusError
from .evaluation.likelihood import by_poem
from .evaluation.samples import area_under_curve
from .models import Autoregressive
from .poet import Poet
from .text.poem import Form, Poem, is_han, select

TRIES = 100


def shuffled(poems: Sequence[Poem], seed: int = 0) -> list[Poem]:
    """All characters of a poem in another order; the punctuation stays where it is."""

    def change(chars: list[str], rng: Generator) -> Iterator[list[str]]:
        while len(set(chars)) > 1:
            yield [chars[i] for i in rng.permutation(len(chars))]

    return _altered(poems, change, np.random.default_rng(derive_seed(seed, "shuffled")))


def swapped(poems: Sequence[Poem], seed: int = 0) -> list[Poem]:
    """One character of a poem, at a random place, is another one: drawn as often as it stands in
    all the poems together.

    Raises:
        CorpusError: the poems have one character alone, or none.
    """
    pool = [char for poem in poems for char in poem.text if _is_char(char)]
    if len(set(pool)) < 2:
        raise CorpusError(f"{len(set(pool))} different characters; swapping takes two")

    def change(chars: list[str], rng: Generator) -> Iterator[list[str]]:
        place = int(rng.integers(len(chars)))
        while True:
            yield [*chars[:place], pool[rng.integers(len(pool))], *chars[place + 1 :]]

    return _altered(poems, change, np.random.default_rng(derive_seed(seed, "swapped")))


def joined(poems: Sequence[Poem], seed: int = 0) -> list[Poem]:
    """The first half of a poem with the second half of another one of its form, from another whole.

    Halves are of verses in a fixed form (one verse of a couplet, one line of a quatrain), else of
    lines. A poem is left out where `TRIES` draws of another one give none to join it with.
    """
    rng = np.random.default_rng(derive_seed(seed, "joined"))
    groups: dict[Form | None, list[Poem]] = defaultdict(list)
    for poem in poems:
        groups[poem.form].append(poem)
    found = []
    for poem in poems:
        first, second = _halves(poem)
        others = groups[poem.form]
        for place in rng.integers(len(others), size=TRIES):
            other = others[place]
            half = _halves(other)[1]
            if other.key != poem.key and first and half and half != second:
                whole = (*first, *half)
                lines = poem.form.punctuate("".join(whole)).split("\n") if poem.form else whole
                found.append(Poem(tuple(lines)))
                break
    return found


def prose(texts: Iterable[str], form: Form, seed: int = 0) -> list[Poem]:
    """Prose cut to a form: the first Han characters of each text that has enough, each once; in
    random order."""
    chars = ("".join(char for char in text if is_han(char)) for text in texts)
    cuts = dict.fromkeys(text[: form.size] for text in chars if len(text) >= form.size)
    poems = [Poem(tuple(form.punctuate(cut).split("\n"))) for cut in cuts]
    return _in_random_order(poems, derive_seed(seed, "prose"))


def other(poems: Iterable[Poem], form: Form | None, seed: int = 0) -> list[Poem]:
    """Poems of another corpus, of this form, or couplets of longer ones; in random order."""
    chosen = list(select(poems, [form] if form else []))
    return _in_random_order(chosen, derive_seed(seed, "other"))


def anomaly_table(
    poet: Poet,
    clean: Sequence[Poem],
    damages: Mapping[str, Sequence[Poem]],
    *,
    samples: int = 10,
    seed: int = 0,
) -> dict[str, dict[str, float | None]]:
    """How well a model tells damaged poems from clean ones by how unlikely they are to it.

    Args:
        poet: any model.
        clean: poems that it has not learnt from.
        damages: damaged poems, by kind.
        samples: K of the importance-weighted bound.
        seed: of the samples of z.

    Returns:
        By kind `n` damaged poems, and areas under the ROC curve (0.5 = not told apart, 1 = always
        right) of three scores: `bound`, the importance-weighted one per character, exact by an
        autoregressive model; `recon`, -log p(x | z) per character at one z drawn from q; `kl`. The
        last two are None without a latent.

    Raises:
        CorpusError: no clean poem, or none of a kind, or one of none of the model's forms.
    """
    latent = not isinstance(poet.model, Autoregressive)

    def scores(poems: Sequence[Poem]) -> dict[str, Tensor]:
        store = encode_poems(poet.codec, poems)
        rows = by_poem(poet.model, poet.codec, store, samples=samples, seed=seed)
        values = {"bound": rows.bound / rows.chars}
        return {**values, "recon": rows.recon / rows.chars, "kl": rows.kl} if latent else values

    usual = scores(clean)
    table: dict[str, dict[str, float | None]] = {}
    for kind, poems in damages.items():
        row: dict[str, float | None] = {"n": len(poems), "bound": None, "recon": None, "kl": None}
        for name, strange in scores(poems).items():
            positive = torch.arange(len(strange) + len(clean)) < len(strange)
            row[name] = area_under_curve(torch.cat([strange, usual[name]]), positive)
        table[kind] = row
    return table


def _is_char(char: str) -> bool:
    return is_han(char) or char.isalnum()


def _altered(
    poems: Sequence[Poem],
    change: Callable[[list[str], Generator], Iterator[list[str]]],
    rng: Generator,
) -> list[Poem]:
    """Each poem with the first change of its characters that makes another text of it."""
    found = []
    for poem in poems:
        text = list(poem.text)
        places = [i for i, char in enumerate(text) if _is_char(char)]
        if not places:
            continue
        chars = [text[i] for i in places]
        changed = next((new for new in change(chars, rng) if new != chars), None)
        if changed:
            for place, char in zip(places, changed, strict=True):
                text[place] = char
            found.append(Poem(tuple("".join(text).split("\n"))))
    return found


def _in_random_order(poems: Sequence[Poem], seed: int) -> list[Poem]:
    return [poems[i] for i in np.random.default_rng(seed).permutation(len(poems))]


def _halves(poem: Poem) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = poem.verses if poem.form else poem.lines
    return parts[: len(parts) // 2], parts[len(parts) // 2 :]

"""Poems that are none, to see whether a model notices: damage of five kinds.

Damage is a pure function of (poems of one form, seed). What cannot be damaged in a way (one
character again and again has no other order) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.random import Generator

from poetvae.data.dataset import derive_seed
from poetvae.errors import CorpusError
from poetvae.text.poem import Form, Poem, content, is_han, select

TRIES = 100


def shuffled(poems: Sequence[Poem], form: Form, seed: int = 0) -> list[Poem]:
    """All characters of a poem in another order."""
    rng, found = drawing(seed, "shuffled"), []
    for text in (content(poem, form) for poem in poems):
        changed = text
        while changed == text and len(set(text)) > 1:
            changed = "".join(text[i] for i in rng.permutation(len(text)))
        found += [laid_out(changed, form)] if changed != text else []
    return found


def swapped(poems: Sequence[Poem], form: Form, seed: int = 0) -> list[Poem]:
    """One character of a poem, at a random place, is another one: drawn as often as it stands in
    all the poems together; CorpusError where they have one alone."""
    rng, texts, found = drawing(seed, "swapped"), [content(poem, form) for poem in poems], []
    pool = "".join(texts)
    if len(set(pool)) < 2:
        raise CorpusError(f"{len(set(pool))} different characters; swapping takes two")
    for text in texts:
        place = int(rng.integers(len(text)))
        char = text[place]
        while char == text[place]:
            char = pool[rng.integers(len(pool))]
        found.append(laid_out(text[:place] + char + text[place + 1 :], form))
    return found


def joined(poems: Sequence[Poem], form: Form, seed: int = 0) -> list[Poem]:
    """The first half of a poem's verses with the second half of another one, from another whole;
    left out where `TRIES` draws give none to join it with."""
    rng, half, found = drawing(seed, "joined"), form.uniform * (form.lines // 2), []
    texts = [content(poem, form) for poem in poems]
    for poem, text in zip(poems, texts, strict=True):
        for place in rng.integers(len(poems), size=TRIES):
            second = texts[place][half:]
            if poems[place].key != poem.key and second != text[half:]:
                found.append(laid_out(text[:half] + second, form))
                break
    return found


def prose(texts: Iterable[str], form: Form, seed: int = 0) -> list[Poem]:
    """The first Han characters of each text that has enough for the form, each once; in random
    order."""
    chars = ("".join(filter(is_han, text)) for text in texts)
    cuts = list(dict.fromkeys(text[: form.size] for text in chars if len(text) >= form.size))
    return [laid_out(cuts[i], form) for i in drawing(seed, "prose").permutation(len(cuts))]


def other(poems: Iterable[Poem], form: Form, seed: int = 0) -> list[Poem]:
    """Poems of another corpus, of this form, or couplets of longer ones; in random order."""
    chosen = list(select(poems, [form]))
    return [chosen[i] for i in drawing(seed, "other").permutation(len(chosen))]


def drawing(seed: int, name: str) -> Generator:
    """Of the draws of one kind of damage."""
    return np.random.default_rng(derive_seed(seed, name))


def laid_out(chars: str, form: Form) -> Poem:
    """Characters as a poem of a form."""
    return Poem(tuple(form.punctuate(chars).split("\n")))

"""Couplets of parallel lines: from the corpora, and how well a model tells which answers which."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from common import table

from poetvae.constraints.couplet import LONGEST, SHORTEST, Upper
from poetvae.generation.couplet import log_prob, upper_lines
from poetvae.poet import Poet
from poetvae.text.form import Form, is_han
from poetvae.text.poem import Poem, split_verses
from poetvae.text.prosody import levels
from poetvae.text.variants import to_traditional

Pair = tuple[str, str]
WEIGHTS = (0.0, 0.5, 1.0)
JOINED, EACH = {8: (4, 4), 9: (4, 5), 10: (4, 6), 11: (4, 7)}, 6000
_SENTENCE = re.compile("[。？！；\n]+")


def pairs_of(poem: Poem) -> Iterator[Pair]:
    """The couplets of a poem that are parallel as a rule: of regulated verse the middle ones; of
    others neighbouring verses of one length in a sentence, and neighbouring sentences of verses of
    the same lengths."""
    form, verses = poem.form, poem.verses
    if form and form.uniform in (5, 7) and form.lines >= 8 and not form.lines % 2:
        yield from zip(verses[2:-2:2], verses[3:-2:2], strict=True)
    elif form and not form.uniform:
        sentences = [split_verses(one) for one in _SENTENCE.split(to_traditional(poem.text))]
        for one in sentences:
            yield from ((a, b) for a, b in pairwise(one) if len(a) == len(b))
        for one, two in pairwise(sentences):
            if len(one) > 1 and [*map(len, one)] == [*map(len, two)]:
                yield "".join(one), "".join(two)


def couplets(poems: Iterable[Poem], most: int, seed: int = 0) -> list[Pair]:
    """Those of poems, each once, at most so many of a length; and of the lengths that hardly any
    has some made of two shorter ones."""
    found: dict[int, dict[Pair, None]] = defaultdict(dict)
    for poem in poems:
        for upper, lower in pairs_of(poem):
            if SHORTEST <= len(upper) <= LONGEST and is_han(upper + lower):
                found[len(upper)][upper, lower] = None
    dice = random.Random(seed)
    kept = {n: dice.sample([*some], min(most, len(some))) for n, some in sorted(found.items())}
    for n, parts in JOINED.items():
        if all(kept.get(part) for part in parts):
            halves = ([dice.choice(kept[part]) for part in parts] for _ in range(min(most, EACH)))
            joined = [(a[0] + b[0], a[1] + b[1]) for a, b in halves]
            kept[n] = kept.get(n, []) + joined
    everything = [pair for some in kept.values() for pair in some]
    dice.shuffle(everything)
    return everything


def ranks(poet: Poet, pairs: Sequence[Pair], n: int, among: int) -> dict[float, list[int]]:
    """By weight, the rank of the true lower line of the first n pairs, among those of as many pairs
    of the same tones and length, all of which the model knows."""
    form = Form(len(pairs[0][0]), 2)
    model, codec = poet.model, poet.codec
    labels = torch.tensor([codec.labels(form)]) if codec.label_sizes else None
    uppers, lowers = (torch.tensor([codec.ids(pair[i]) for pair in pairs[:among]]) for i in (0, 1))

    def after(upper: torch.Tensor, samples: int) -> torch.Tensor:
        together = torch.cat([upper.expand(len(lowers), -1), lowers], dim=1)
        return log_prob(model, together, labels, samples=samples)

    others = upper_lines(model, codec, form, labels, 0)
    any_ = torch.stack([after(other, 1) for other in others]).mean(dim=0)
    own = torch.stack([after(upper, 8) for upper in uppers[:n]])
    true = torch.arange(len(own)).unsqueeze(1)
    scores = {weight: own - weight * any_ for weight in WEIGHTS}
    return {w: (1 + (s > s.gather(1, true)).sum(dim=1)).tolist() for w, s in scores.items()}


def alike(poet: Poet, pairs: Iterable[Pair], least: int) -> Iterator[list[Pair]]:
    """The pairs by length and tones that are at least so many, in opposite tones by their only
    usual readings, and in characters that the model knows."""
    found: dict[tuple[int, str], list[Pair]] = defaultdict(list)
    for upper, lower in pairs:
        line = Upper(upper, upper)
        tones = [levels(lower[t], usual=True) for t in line.opposed]
        known = poet.codec.tokenizer.unk_id not in poet.codec.ids(upper + lower)
        if known and all(len(one) == 1 for one in tones) and line.tones_ok(lower):
            found[len(upper), "".join(min(one) for one in tones)].append((upper, lower))
    return (some for _, some in sorted(found.items()) if len(some) >= least)


def ranked(poet: Poet, pairs: Iterable[Pair], n: int, among: int) -> str:
    """The table: by length and weight the median rank of true lower lines, and more."""
    found: dict[int, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for some in alike(poet, pairs, among):
        for weight, places in ranks(poet, some, n, among).items():
            found[len(some[0][0])][weight] += places
    rows = []
    for length, by_weight in found.items():
        for weight, places in by_weight.items():
            at, first = np.array(places), max(1, among // 100)
            row = [str(length), f"{len(at):,}", f"{weight:g}", f"{np.median(at):g}"]
            rows.append([*row, f"{np.mean(at <= first):.0%}", f"{(1 / at).mean():.2f}"])
    columns = f"characters|couplets|weight|median rank among {among:,}|first 1 %|mean 1 / rank"
    return table(columns, rows)

"""What z tells of poems, and what its uses give; and whether poems are about what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from common import informed, posterior
from torch import Tensor

from poetvae.data.dataset import derive_seed, encode_poems
from poetvae.evaluation.themes import retrieval
from poetvae.generation.generate import BATCH, decode
from poetvae.generation.options import SamplingOptions
from poetvae.latent.paths import means, path, smoothness
from poetvae.latent.plane import Plane
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem, content

INFORMED = 20_000  # poems that the mutual information is measured on: it cannot exceed log of this
STEPS, SIDE = 8, 9  # poems on a way; of the side of a grid
DISTANCES = (0.5, 1.0, 2.0)


def carried(poet: Poet, poems: Sequence[Poem]) -> list[str]:
    """Cells: rate and mutual information of poems, what their themes say of them."""
    q, labels = posterior(poet, poems)
    cells = [f"{float(q.kl().mean()):.1f}", f"{informed(q):.1f}"]
    noise = torch.Generator().manual_seed(derive_seed(0, "telling"))
    themed = labels if poet.model.config.theme_len else None
    found = {} if themed is None else retrieval(poet.model.latent, q, themed, noise)
    nats, top = found.get("theme_nats"), found.get("theme_top10")
    return [*cells, f"{nats:.2f}" if nats else "", f"{top:.1%}" if top else ""]


def overlap(texts: Sequence[str], others: Sequence[str]) -> float:
    """The share of the characters of texts that stand anywhere in others, one for one."""
    shared = sum((Counter(a) & Counter(b)).total() for a, b in zip(texts, others, strict=True))
    return shared / sum(map(len, texts))


def written(poet: Poet, z: Tensor, form: Form) -> list[str]:
    """The characters of the likeliest poem at each z."""
    parts = (
        decode(poet.model.latent, poet.codec, part, [form] * len(part))
        for part in torch.split(z, BATCH)
    )
    return [content(poem.poem, form) for part in parts for poem in part]


def restored(poet: Poet, poems: Sequence[Poem], form: Form) -> list[str]:
    """Cells: the overlap of poems with their reconstructions and with others'; with poems around
    them at `DISTANCES`."""
    texts = [content(poem, form) for poem in poems]
    q, _ = posterior(poet, poems)
    back = written(poet, q.mean, form)
    cells = [f"{overlap(texts, back):.1%}", f"{overlap(texts, back[1:] + back[:1]):.1%}"]
    noise = torch.Generator().manual_seed(derive_seed(0, "vary"))
    steps = torch.randn(q.mean.shape, generator=noise) * q.stddev
    around = (written(poet, q.mean + distance * steps, form) for distance in DISTANCES)
    return [*cells, ", ".join(f"{overlap(texts, near):.1%}" for near in around)]


def ways(poet: Poet, poems: Sequence[Poem], form: Form, pairs: int) -> list[str]:
    """Cells: of straight ways between two poems, how many of the poems are different, and how
    smooth they are; the share of a grid over the plane of all poems that has the commonest line."""
    z = means(poet.model.latent, encode_poems(poet.codec, poems))
    points = [path(z[i], z[-1 - i], STEPS) for i in range(pairs)]
    texts = written(poet, torch.cat(points), form)
    legs = [texts[start : start + STEPS] for start in range(0, len(texts), STEPS)]
    different = sum(len(set(leg)) for leg in legs) / len(legs)
    smooth = [s for s in (smoothness(leg, fixed=True) for leg in legs) if s is not None]
    plane = Plane.fit(z)
    grid = written(poet, plane.beside(plane.grid(plane.project(z), SIDE), z), form)
    lines = Counter(text[span.start : span.stop] for text in grid for span in form.spans)
    most = lines.most_common(1)[0][1] / len(grid)
    return [f"{different:.1f}", f"{sum(smooth) / len(smooth):.2f}", f"{most:.1%}"]


def of_theme(poems: Iterable[Poem], field: str, words: Mapping[str, str]) -> dict[str, list[Poem]]:
    """Poems by theme: those that have its word in a field, and no other's."""
    found: dict[str, list[Poem]] = {theme: [] for theme in words}
    for poem in poems:
        value = poem.value(field)
        if len(there := [theme for theme, word in words.items() if word in value]) == 1:
            found[there[0]].append(poem)
    return found


def probe(z: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> float:
    """How often a linear probe of z (N, D) by class, equally many of each, tells the class of
    others, each class counting as much: linear discriminant analysis (Fisher 1936)."""
    centres = torch.stack([own.mean(dim=0) for own in z.values()]).double()
    within = torch.cat([own - own.mean(dim=0) for own in z.values()]).double()
    weights = torch.linalg.solve(within.T @ within / len(within), centres.T)  # (D, classes)
    offset = 0.5 * (centres @ weights).diagonal()
    named = ((others[name].double() @ weights - offset).argmax(dim=1) for name in z)
    right = [float((places == i).double().mean()) for i, places in enumerate(named)]
    return sum(right) / len(right)


def about(poet: Poet, theme: str, n: int, options: SamplingOptions) -> list[Poem]:
    """n poems about a theme."""
    how: dict[str, Any] = {"temperature": options.temperature, "plain": options.plain}
    seed = derive_seed(options.seed, "about", theme) % 2**31
    return [one.poem for one in poet.generate(n, about=theme, seed=seed, **how)]

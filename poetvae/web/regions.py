"""What Map answers: where poems lie, in regions that words set apart, and what is written there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..generation import ranking
from ..generation.generate import Generated
from ..generation.options import CHOSEN
from ..i18n import _
from ..latent.clusters import kmeans, named
from ..latent.plane import Plane
from ..poet import Poet
from . import validation
from .handlers import TEMPERATURE, familiar, form_asked

MOST_REGIONS, FEWEST_IN_REGION = 8, 6  # of the map; poems, on the average
NAMING = {False: 4, True: 2}  # of a region's characters, or words, how many it is named by


@dataclass(frozen=True)
class Region:
    """A part of the map: the words that set its poems apart, the places of these poems among all of
    the map, and where on it the middle of them is."""

    words: tuple[str, ...]
    members: list[int]
    middle: tuple[float, float]

    @property
    def name(self) -> str:
        """Its words, end to end where they are characters."""
        return ("" if all(len(word) == 1 for word in self.words) else " ").join(self.words)


@dataclass(frozen=True)
class Atlas:
    """N poems z (N, D), at `points` (N, 2) of the plane of their first two principal components.

    Each poem is in one of the regions; the poems are the model's own where none of the sample fits
    it.
    """

    plane: Plane
    z: Tensor
    points: Tensor
    texts: list[str]
    own: bool
    regions: list[Region]

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        """The lower and the upper corner of what is shown: the poems with a margin of 5 %."""
        low, high = self.points.amin(0), self.points.amax(0)
        margin = (high - low).clamp(min=1e-3) / 20
        return (low - margin).tolist(), (high + margin).tolist()


@lru_cache(maxsize=4)
def atlas(poet: Poet) -> Atlas:
    """The map of `familiar` poems, computed once for a model: regions are clusters of k-means, on
    the plane on which their middles lie furthest apart."""
    poems, own = familiar(poet)
    texts, z = [poem.text for poem in poems], poet.latents(poems)
    k = max(2, min(MOST_REGIONS, len(texts) // FEWEST_IN_REGION))
    centres, assignment = kmeans(z, min(k, len(texts)))
    plane = Plane.fit(centres)
    points = plane.project(z)
    places = assignment.tolist()
    names = named(texts, [str(place) for place in places], NAMING[poet.codec.spelt])
    regions = []
    for place, _count in Counter(places).most_common():
        members = [i for i, other in enumerate(places) if other == place]
        x, y = points[members].mean(0).tolist()
        name = names[members[0]]
        words = tuple(name.split(" ") if poet.codec.spelt or " " in name else name)
        regions.append(Region(words, members, (x, y)))
    return Atlas(plane, z, points, texts, own, regions)


def look(
    poet: Poet, atlas: Atlas, x: object, y: object, form: object = None, n: int = 5
) -> tuple[str, list[str]]:
    """The poem that the model writes at a point of the map, and the n poems nearest to it there."""
    (left, low), (right, high) = atlas.bounds
    place = validation.number("x", x, left, right), validation.number("y", y, low, high)
    at = torch.tensor([place])
    (poem,) = poet.decode(atlas.plane.beside(at, atlas.z), form=form_asked(poet, form))
    distance = (atlas.points - at.to(atlas.points)).norm(dim=1)
    nearest = distance.argsort(stable=True)[:n].tolist()
    return poem.text, [atlas.texts[i] for i in nearest]


def of_region(
    poet: Poet,
    atlas: Atlas,
    number: object,
    form: object = None,
    n: int = 5,
    seed: int | None = None,
) -> tuple[Region, str, list[str]]:
    """A region, by its place among those of the map, with a new poem of it, and the n poems nearest
    to its middle. Of `CHOSEN` poems, each at the z of another poem of the region, the new one is
    the best of those that say most of its words."""
    number = validation.whole(_("region"), number, 0, len(atlas.regions) - 1)
    region, seed = atlas.regions[number], validation.seed(seed)
    own = atlas.z[region.members]
    nearest = (own - own.mean(0)).norm(dim=1).argsort(stable=True).tolist()
    order = torch.randperm(len(own), generator=torch.Generator().manual_seed(seed)).tolist()
    beside = own[[order[i % len(order)] for i in range(CHOSEN)]]
    poems = poet.decode(beside, form=form_asked(poet, form), temperature=TEMPERATURE, seed=seed)

    def worth(poem: Generated) -> tuple[int, float]:
        said = sum(word in poem.text for word in region.words)
        return said, ranking.score(poem.poem.verses, poem.log_prob, poem.poem.form)

    best = max(poems, key=worth)
    return region, best.text, [atlas.texts[region.members[i]] for i in nearest[:n]]

"""Clusters in latent space: of a mixture prior or found by k-means; what they have in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..data.dataset import derive_seed
from ..errors import ConfigError
from ..generation.generate import decode
from ..generation.options import CHOSEN, SamplingOptions
from ..generation.ranking import score
from ..i18n import _
from ..models import TextModel
from ..text.codec import PoemCodec
from ..text.form import Form
from ..text.poem import has_verses
from ..text.prosody import language_of, said
from .plane import Region

ITERATIONS = 100
CHUNK = 65536


@torch.no_grad()
def clusters_of(model: TextModel, z: Tensor, k: int, seed: int) -> list[str]:
    """The cluster of each z (N, D): "1", the largest, to "K". k = 0: the likeliest component of the
    model's mixture prior; an empty list if it has none.

    Raises ConfigError: k is more than N.
    """
    if k:
        __, assignment = kmeans(z, k, seed)
    else:
        parts = (part.to(model.device) for part in torch.split(z, CHUNK // 16))
        found = [one.cpu() for part in parts if (one := model.components_of(part)) is not None]
        if not found:
            return []
        assignment = torch.cat(found)
    by_size = assignment.bincount().argsort(descending=True, stable=True)
    return [str(1 + rank) for rank in by_size.argsort()[assignment].tolist()]


def kmeans(z: Tensor, k: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """K-means: Lloyd's iterations from the start of k-means++.

    Each iteration lowers the inertia, sum_i |z_i - c_a(i)|^2, or is the last. The first centre is
    drawn uniformly, each other one in proportion to the squared distance from the nearest centre
    so far (Arthur & Vassilvitskii 2007, section 2.2).

    For z (N, D) returns centres (k, D) and the nearest centre of each z, (N,) int64, both on the
    CPU. Where z has fewer than k different rows, some clusters are empty.

    Raises ConfigError: k is less than 1 or more than N.
    """
    if not 1 <= k <= len(z):
        raise ConfigError(_("{k} clusters; expected 1 to {n}, the number of poems", k=k, n=len(z)))
    # In double precision and on the CPU, where the sums have one order: the same on every run.
    points = z.detach().cpu().double()
    centres = _start(points, k, torch.Generator().manual_seed(derive_seed(seed, "clusters")))
    assignment = _nearest(points, centres)
    for __ in range(ITERATIONS):
        sizes = assignment.bincount(minlength=k)
        sums = torch.zeros_like(centres).index_add_(0, assignment, points)
        # A cluster that lost all its points keeps its centre.
        centres = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], centres)
        previous, assignment = assignment, _nearest(points, centres)
        if torch.equal(previous, assignment):
            break
    return centres.to(z.dtype), assignment


def purity(assignment: Sequence[object], labels: Sequence[str]) -> float:
    """How far clusters hold one label each: 1/N sum_k max_j |cluster k and label j|.

    From 1 over the number of labels, or more, to 1 (Manning, Raghavan & Schütze 2008, Introduction
    to Information Retrieval, section 16.3). It grows with the number of clusters: compare equals.
    Given are the cluster and the label of each of N > 0 poems.
    """
    largest: dict[object, int] = {}
    for (cluster, __), count in Counter(zip(assignment, labels, strict=True)).items():
        largest[cluster] = max(count, largest.get(cluster, 0))
    return sum(largest.values()) / len(labels)


def characteristic(texts: Sequence[str], clusters: Sequence[str], n: int = 12) -> dict[str, str]:
    """The characters, or words of a language of letters that is known, that a cluster's texts have
    more often than all texts: cluster -> n of them.

    Sorted by p(c | cluster) log(p(c | cluster) / p(c)), the character's share of the KL divergence
    between the two; counted once a text, so that one text does not make a theme.
    """
    shares = _shares(texts, clusters)
    return {cluster: _first(share, n) for cluster, share in shares.items()}


def named(texts: Sequence[str], clusters: Sequence[str], n: int = 4) -> list[str]:
    """The cluster of each text by a name: its n most `characteristic` characters or words, each
    left to the one cluster that it tells most of; a cluster that is left none keeps its own."""
    shares = _shares(texts, clusters)
    most: dict[str, tuple[float, str]] = {}
    for cluster, share in shares.items():
        for word, value in share.items():
            if value > most.get(word, (0.0, ""))[0]:
                most[word] = value, cluster
    own = {
        cluster: _first({w: v for w, (v, of) in most.items() if of == cluster}, n)
        for cluster in shares
    }
    return [own[cluster] or cluster for cluster in clusters]


def regions(
    model: TextModel,
    codec: PoemCodec,
    z: Tensor,
    points: Tensor,
    names: Sequence[str],
    form: str | None = None,
    seed: int = 0,
) -> list[Region]:
    """What clusters, by the names of the poems at z (N, D), are on a plane where these lie at
    `points` (N, 2): half of the poems on each side of the middle, and the best of `CHOSEN` poems
    of a form, by `generation.ranking`, at the z that is nearest to the mean of its cluster."""
    forms = [codec.check_form(Form.parse(form) if form else None)] * CHOSEN
    options, found = SamplingOptions(seed=seed), []
    for name in dict.fromkeys(names):
        own = torch.tensor([other == name for other in names])
        nearest = (z[own] - z[own].mean(dim=0)).square().sum(dim=1).argmin()
        there = z[own][nearest].expand(CHOSEN, -1)
        made = decode(model.latent, codec, there, forms, options)
        best = max(made, key=lambda one: score(one.poem.verses, one.log_prob, one.poem.form))
        x, y = points[own].median(dim=0).values.tolist()
        found.append(Region(x, y, name, best.text))
    return found


def _shares(texts: Sequence[str], clusters: Sequence[str]) -> dict[str, dict[str, float]]:
    """Of each cluster, what each of its words adds to its KL divergence from all texts."""
    inside: dict[str, Counter[str]] = {}
    for text, cluster in zip(texts, clusters, strict=True):
        inside.setdefault(cluster, Counter()).update(_said(text))
    everywhere = sum(inside.values(), Counter[str]())
    total = everywhere.total()
    found = {}
    for cluster, counts in inside.items():
        size = counts.total()
        found[cluster] = {
            c: k / size * math.log(k / size / (everywhere[c] / total)) for c, k in counts.items()
        }
    return found


def _first(share: Mapping[str, float], n: int) -> str:
    words = sorted(share, key=lambda c: (-share[c], c))[:n]
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)


def _said(text: str) -> set[str]:
    """What of a text tells of its theme."""
    if has_verses(text) or language_of(text) is None:
        return set(filter(str.isalpha, text))
    return set(said(text))


def _start(points: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """The centres that k-means++ begins from: k rows of the points."""
    chosen = int(torch.randint(len(points), (1,), generator=generator))
    centres = [points[chosen]]
    squared = (points - centres[0]).square().sum(1)
    for __ in range(k - 1):
        # By the cumulative sum: torch.multinomial stops at 2**24 points.
        sums = squared.cumsum(0)
        draw = torch.rand(1, generator=generator, dtype=points.dtype) * sums[-1]
        chosen = int(torch.searchsorted(sums, draw, right=True).clamp(max=len(points) - 1))
        centres.append(points[chosen])
        squared = torch.minimum(squared, (points - centres[-1]).square().sum(1))
    return torch.stack(centres)


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    starts = range(0, len(points), CHUNK)
    return torch.cat([torch.cdist(points[i : i + CHUNK], centres).argmin(1) for i in starts])

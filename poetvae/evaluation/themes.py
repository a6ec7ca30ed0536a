"""What a poem is about, by what its theme says of z: p(z | theme) beside p(z). In nats."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models import LatentModel
from ..nn.distributions import DiagonalGaussian

AMONG, TOP = 100, 10  # themes that a poem's own is looked for among; how near the top it counts
_ROWS = 256  # poems at once


@torch.no_grad()
def told(model: LatentModel, posterior: DiagonalGaussian, themes: Tensor) -> Tensor:
    """(N, M): how many nats each of M themes saves of the KL of N posteriors (N, D).

    KL(q(z | x) || p(z)) - KL(q(z | x) || p(z | theme)), the expectation under q of
    log p(z | theme) / p(z): the pointwise mutual information of z and the theme. `themes` are
    labels (M, L) of which nothing is known but the theme.
    """
    prior = model.prior(len(themes), themes)
    assert isinstance(prior, DiagonalGaussian)
    rows = []
    for start in range(0, len(posterior.mean), _ROWS):
        part = slice(start, start + _ROWS)
        q = DiagonalGaussian(posterior.mean[part, None], posterior.logvar[part, None])
        rows.append(q.kl() - q.kl(prior))
    return torch.cat(rows)


def retrieval(
    model: LatentModel, posterior: DiagonalGaussian, labels: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """What the themes of poems say of them, of those that have one.

    Args:
        posterior, labels: of N poems, (N, D) and (N, L), the theme being the last of the labels.

    Returns:
        theme_nats: what a poem's own theme saves of its KL, the mean.
        theme_top10: the share of poems whose own theme is among the ten that say most of it of a
            hundred, its own and 99 drawn of the others'; absent for fewer than a hundred themes.
    """
    length = model.config.theme_len
    themed = (labels[:, -length:] > 0).any(dim=1).nonzero()[:, 0]
    themes, own = torch.unique(labels[themed, -length:], dim=0, return_inverse=True)
    if not len(themed):
        return {}
    alone = torch.zeros(len(themes), labels.shape[1], dtype=labels.dtype, device=labels.device)
    alone[:, -length:] = themes
    values = told(model, DiagonalGaussian(*(t[themed] for t in vars(posterior).values())), alone)
    mine = values.gather(1, own[:, None])
    found = {"theme_nats": float(mine.mean())}
    if len(themes) >= AMONG:
        better = (values > mine).double()  # (N, M); its own is not better than itself
        order = torch.rand(values.shape, generator=generator, device=values.device)
        order.scatter_(1, own[:, None], 2.0)  # its own is not among the others
        others = order.argsort(dim=1)[:, : AMONG - 1]
        found["theme_top10"] = float((better.gather(1, others).sum(dim=1) < TOP).double().mean())
    return found

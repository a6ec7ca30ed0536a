"""Attribute directions: the way in the latent space from other poems to those that have something.

Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric" (arXiv
1512.09300), section 4.1.1: the difference of two means, added to a code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import CorpusError
from .quality import area_under_curve


@dataclass(frozen=True)
class Direction:
    """From the mean of poems without an attribute to the mean of those with it.

    Attributes:
        vector: (D,); as long as the means are apart.
        ones: how many poems with the attribute it was made of.
        others: how many without it.
        separation: how well the projection on such a direction tells poems with the attribute from
            others, as area under the ROC curve: 0.5 = not at all, the direction means nothing; 1 =
            perfectly. Each half of the poems is projected on the direction of the other half, since
            on the poems that it is made of even the direction of a random label separates.
    """

    vector: Tensor
    ones: int
    others: int
    separation: float

    @classmethod
    def between(cls, ones: Tensor, others: Tensor) -> Direction:
        """The direction to poems at `ones` (N, D) from poems at `others` (M, D).

        Raises:
            CorpusError: fewer than two poems on a side.
        """
        if min(len(ones), len(others)) < 2:
            raise CorpusError(
                f"{len(ones)} poems with the attribute and {len(others)} without it: "
                "give two of both, the least that a direction can be tried on"
            )
        areas = []
        for half in (0, 1):
            vector = ones[1 - half :: 2].mean(dim=0) - others[1 - half :: 2].mean(dim=0)
            sides = ones[half::2], others[half::2]
            positive = torch.arange(sum(map(len, sides))) < len(sides[0])
            areas.append(area_under_curve(torch.cat(sides) @ vector, positive))
        vector = ones.mean(dim=0) - others.mean(dim=0)
        return cls(vector, len(ones), len(others), sum(areas) / 2)

"""Gradient ascent in the latent space, towards what can be measured on the decoder's output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import ConfigError
from .generation import allowed_tokens, decode, label_ids
from .models import LatentModel
from .properties import Property
from .text.codec import PoemCodec
from .text.poem import Form

RATE = 0.1  # of Adam; the prior has a standard deviation of 1


@dataclass(frozen=True)
class Optimised:
    """A poem that was moved. All values in nats.

    Attributes:
        text: the poem at the end.
        start: the poem at the beginning.
        value_before, value_after: the property at both.
        log_prior_before, log_prior_after: log p(z) at both.
    """

    text: str
    start: str
    value_before: float
    value_after: float
    log_prior_before: float
    log_prior_after: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key, as in `optimise --json`."""
        return asdict(self)


def ascend(
    model: LatentModel,
    z: Tensor,
    value: Callable[[Tensor], Tensor],
    *,
    steps: int = 100,
    near: float = 0.1,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Tensor:
    """z (B, D) moved towards the maximum of value(z) + near * log p(z), each row by itself.

    Adam (Kingma & Ba 2015, arXiv 1412.6980) on z alone: the model gets no gradient. The best point
    on the way is taken, so that the objective never falls.

    Args:
        model: its prior is p(z).
        z: where to begin.
        value: (B, D) -> (B,), in nats.
        steps: of Adam; 0 leaves z as it is.
        near: the weight of log p(z), which keeps z where the model knows poems.
        progress: wraps the steps, as tqdm does.

    Raises:
        ConfigError: a number out of its bounds.
    """
    if steps < 0 or not 0 <= near < float("inf"):
        raise ConfigError(f"steps is {steps} and near {near}; expected 0 or more, and finite")
    best, z = z.detach(), z.detach().clone().requires_grad_()
    highest = torch.full((len(z),), -torch.inf, device=z.device)
    optimizer = torch.optim.Adam([z], RATE, maximize=True)
    for _ in progress(range(steps + 1)):
        objective = value(z) + near * model.prior(len(z)).log_prob(z)
        better = objective.detach() > highest
        best = torch.where(better.unsqueeze(1), z.detach(), best)
        highest = torch.where(better, objective.detach(), highest)
        (z.grad,) = torch.autograd.grad(objective.sum(), z)
        optimizer.step()
    return best


def optimise(
    model: LatentModel,
    codec: PoemCodec,
    z: Tensor,
    form: Form | None,
    wish: Property,
    **how: Any,
) -> list[Optimised]:
    """The poems at z (B, D), in this form, moved towards a property; `how` as of `ascend`.

    Raises:
        ConfigError: as `ascend` does.
    """
    forms = [form] * len(z)
    labels = label_ids(codec, forms, None, model.device)
    forbidden = ~allowed_tokens(codec, form).to(model.device)

    def value(z: Tensor) -> Tensor:
        logits = model.decode(z, labels=labels).float()
        return wish(logits.masked_fill(forbidden, -torch.inf))

    z = z.to(model.device)
    moved = ascend(model, z, value, **how)
    with torch.no_grad():
        columns = [
            column.tolist()
            for point in (z, moved)
            for column in (value(point), model.prior(len(point)).log_prob(point))
        ]
    texts = ([one.text for one in decode(model, codec, point, forms)] for point in (moved, z))
    return [
        Optimised(text, start, before, after, prior_before, prior_after)
        for text, start, before, prior_before, after, prior_after in zip(
            *texts, *columns, strict=True
        )
    ]

"""Ways through the latent space: paths between poems, variations around one, what surprises.

Shapes: B poems, T positions, D latent, V vocabulary. Texts are as people read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..config import WAYS
from ..data.dataset import Batch, TokenStore
from ..errors import ConfigError, listed
from ..evaluation.likelihood import Progress as Progress
from ..i18n import _
from ..models import LatentModel
from ..nn.distributions import Point
from ..text.diff import distance

BATCH = 256


@torch.no_grad()
def means(model: LatentModel, store: TokenStore, progress: Progress = iter) -> Tensor:
    """The mode of q(z | x) of each poem: (N, D), float32, in main memory; `progress` wraps the
    iterator of batches, as tqdm does."""
    batches = progress(store.batches(BATCH))
    modes = [model.encode(batch.to(model.device)).mode.float().cpu() for batch in batches]
    return torch.cat([torch.empty(0, model.latent_dim), *modes])


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line from a (D,) to b (D,) at t (N,): (N, D)."""
    return torch.lerp(a, b, t.unsqueeze(1))


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The great circle from a (D,) to b (D,) at t (N,): (N, D).

    Shoemake 1985, "Animating rotation with quaternion curves", with the angle between a and b;
    lengths that differ are interpolated along with the direction. Where one of them is zero, or
    they are (anti)parallel, no circle is defined: `lerp`.
    """
    lengths = a.double().norm() * b.double().norm()
    cosine = (a.double() @ b.double() / lengths).clamp(-1, 1)
    if lengths == 0 or 1 - cosine.abs() < 1e-9:
        return lerp(a, b, t)
    angle, t = cosine.acos(), t.double().unsqueeze(1)
    of_a, of_b = ((1 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()
    points: Tensor = (of_a * a + of_b * b).to(a.dtype)
    return points


def _check_steps(steps: int) -> None:
    if steps < 2:
        raise ConfigError(_("steps is {steps}; expected at least 2, the ends", steps=steps))


def path(a: Tensor, b: Tensor, steps: int = 8, mode: str = "lerp") -> Tensor:
    """`steps` points from a (D,) to b (D,), both included, equally far in t: (steps, D); the mode
    is one of `config.WAYS` that lead through points, lerp or slerp.
    Raises ConfigError: fewer than two steps, or an unknown mode."""
    _check_steps(steps)
    lines = {"lerp": lerp, "slerp": slerp}
    if mode not in lines:
        raise ConfigError(
            _("mode is {mode!r}; expected one of {ways}", mode=mode, ways=listed(WAYS))
        )
    return lines[mode](a, b, torch.linspace(0, 1, steps, device=a.device))


def bridge(a: str, b: str, steps: int = 8, blank: str = "_", seed: int = 0) -> list[str]:
    """Templates on the way from a text to another of its length, both included.

    Characters give way in an order that is drawn: one of a leaves a blank, which one of b fills
    later. Half way there are most blanks, a third of the text.

    Raises ConfigError: fewer than two steps.
    """
    _check_steps(steps)
    rank = torch.randperm(len(a), generator=torch.Generator().manual_seed(seed)).tolist()
    open_at_once = len(a) // 3

    def template(left: int) -> str:
        return "".join(
            old if r >= left else new if r < left - open_at_once else blank
            for r, old, new in zip(rank, a, b, strict=True)
        )

    whole = len(a) + open_at_once
    return [template(round(step / (steps - 1) * whole)) for step in range(steps)]


@torch.no_grad()
def variations(
    model: LatentModel, batch: Batch, n: int, distance: float, generator: torch.Generator
) -> Tensor:
    """n points around the poem of a batch of one: mean + distance * stddev * noise, (n, D).

    At distance 1 they are draws of q(z | x), as near to the poem as z tells of it.

    Raises ConfigError: q(z | x) is a point, as in an autoencoder.
    """
    posterior = model.encode(batch)
    if isinstance(posterior, Point):
        raise ConfigError(_("an autoencoder's or VQ-VAE's q(z | x) is a point; give a VAE"))
    draws = torch.cat([posterior.sample(generator) for _ in range(n)])
    return posterior.mode + distance * (draws - posterior.mode)


@torch.no_grad()
def surprise(model: LatentModel, batch: Batch) -> Tensor:
    """-log p(x_t | z) of each token in nats, z being the mode of q(z | x): (B, T).

    A model of several passes is asked in the most of them: given the tokens of earlier ones, too.
    """
    z = model.encode(batch).mode
    history = batch.tokens.masked_fill(~batch.mask, model.mask_id) if model.passes > 1 else None
    known = {"labels": batch.labels, "history": history, "mask": batch.mask}
    logits = model.decode(z, passes=model.passes, **known)
    log_probs = logits.float().log_softmax(dim=-1)
    return -log_probs.gather(2, batch.tokens.unsqueeze(2)).squeeze(2)


def smoothness(texts: Sequence[str], fixed: bool) -> float | None:
    """How straight a way through poems is, from 0 to 1.

    The distance between first and last, over the sum of those between neighbours: 1 where no
    character changes more than once on the way. None where first and last are the same."""
    whole = distance(texts[0], texts[-1], fixed)
    return whole / sum(distance(a, b, fixed) for a, b in pairwise(texts)) if whole else None

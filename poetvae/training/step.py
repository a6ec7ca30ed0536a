"""A step of training: the slices of its batch, their gradients, the optimizer, the average.

Everything random in it is a function of the seed, the step and the slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import Config, TrainConfig
from ..data.dataset import Batch, TokenStore, batch_index, corrupt, derive_seed
from ..data.order import poems_a_turn, poems_of_turn
from ..errors import PoetVAEError
from ..i18n import _
from ..models import TextModel
from ..runtime import out_of_memory, seed_noise
from .loss import objective
from .optimizer import Muon, matrices
from .parallel import Group
from .schedules import SCHEDULES


class Slice(NamedTuple):
    """Poems that go through the model together, the seed of their noise, and their share: of a
    batch of as many poems as a step has on average."""

    batch: Batch
    seed: int = 0
    share: float = 1.0


def make_optimizer(model: TextModel, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), without decay Adam; or `Muon` with it."""
    options: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.9, config.adam_beta2)}
    options |= {"weight_decay": config.weight_decay, "fused": True}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), **options)
    return Muon(model, torch.bfloat16 if config.precision == "bf16" else torch.float32, **options)


def memory(model: TextModel, config: TrainConfig) -> int:
    """Bytes of weights, gradients and moments: AdamW has two of each weight, Muon one."""
    single = sum(m.numel() for m in matrices(model)) if config.optimizer == "muon" else 0
    return 16 * model.num_parameters() - 4 * single


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The learning rate when a share `progress` of the training is done."""
    return config.learning_rate * SCHEDULES[config.lr_schedule](progress, config.lr_warmup)


def slices(store: TokenStore, config: Config, step: int, group: Group) -> Iterator[Slice]:
    """This process's slices of the batch of a step: with `by_length` of one length each, else parts
    of poems of all lengths."""
    options, by_length = config.train, config.model.by_length
    size, count, length = options.batch_size, max(1, options.slices), store.max_len
    parts: list[NDArray[np.integer]] = []
    if not by_length:
        parts += np.array_split(batch_index(len(store), size, options.seed, step), count)
    for number in group.share(count):
        if by_length:
            turn = step * count + number
            rows, length = poems_of_turn(store, size / count, options.seed, turn)
        else:
            rows = parts[number]
        seed = derive_seed(options.seed, "noise", step, number)
        batch = store.batch(rows, length).to(group.device)
        yield Slice(batch, seed, len(rows) / size)


def poems_a_step(store: TokenStore, config: Config) -> float:
    """How many poems a step learns from, on average."""
    options, count = config.train, max(1, config.train.slices)
    if not config.model.by_length:
        return options.batch_size
    return count * poems_a_turn(store, options.batch_size / count)


def update(
    model: TextModel,
    optimizer: torch.optim.Optimizer,
    batch: Iterable[Slice],
    config: Config,
    progress: float,
    group: Group | None = None,
) -> Tensor:
    """One step of the optimizer. Returns sums of the slices' mean nll, kl and loss, each times its
    share, and of the shares, which is 1 unless lengths differ: (4,).

    Raises LostProcessError: another has gone; PoetVAEError: memory is not enough for a slice.
    """
    options, totals = config.train, torch.zeros(4, device=model.device)
    # What follows the data without a gradient, as a codebook does, moves by the mean of the slices.
    following = [p for p in model.parameters() if not p.requires_grad]
    before, means = [p.clone() for p in following], [torch.zeros_like(p) for p in following]
    for parameters in optimizer.param_groups:
        parameters["lr"] = learning_rate(options, progress)
    for part in batch:
        try:
            totals += accumulate(model, part, config, progress)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            raise PoetVAEError(
                _(
                    "out of memory with {n} poems at a time; work the batch off in more "
                    "parts, as --set slices=8, or take a smaller --batch-size or model",
                    n=len(part.batch),
                )
            ) from error
        for parameter, start, mean in zip(following, before, means, strict=True):
            mean.add_(parameter.detach(), alpha=part.share)
            parameter.copy_(start)
    if group:
        group.all_reduce(model.parameters(), [totals, *means])
    for parameter, mean in zip(following, means, strict=True):
        parameter.copy_(mean)
    if options.clip_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return totals


def accumulate(model: TextModel, part: Slice, config: Config, progress: float) -> Tensor:
    """Add to the gradients what a slice gives; its share of what `update` returns."""
    seed_noise(part.seed, model.device)
    batch, passes = corrupt(
        part.batch,
        model.mask_id,
        observe=config.model.observe,
        passes=model.config.passes,
        noise=config.objective.noise,
        dropout=config.objective.label_dropout,
        form_known=config.model.form_known,
        theme_len=config.model.theme_len,
        theme_dropout=config.objective.theme_dropout,
    )
    bf16 = config.train.precision == "bf16"
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
        draw = model(batch, passes=passes, samples=config.objective.iw_samples)
    length = float(batch.mask.sum()) / batch.mask.shape[0] / config.model.max_len
    terms = objective(draw, config.objective, progress, length)
    loss = terms.loss.mean()
    torch.autograd.backward(part.share * loss)
    means = [terms.nll.mean(), terms.kl.mean(), loss, torch.ones_like(loss)]
    return part.share * torch.stack(means).detach()


@torch.no_grad()
def average(averaged: TextModel, model: TextModel, decay: float) -> None:
    """Move the averaged weights towards the model's (Polyak & Juditsky 1992)."""
    for mean, parameter in zip(averaged.parameters(), model.parameters(), strict=True):
        mean.lerp_(parameter, 1 - decay)

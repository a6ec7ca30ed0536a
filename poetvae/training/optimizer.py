"""Muon for the matrices of the blocks, AdamW for all else, as one optimizer.

Sources: Muon, Jordan et al. 2024 (kellerjordan.github.io/posts/muon); the scale of its update, with
which AdamW's learning rate and decay serve both, Liu et al. 2025 (arXiv 2502.16982).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..nn import GatedConv1d

MOMENTUM = 0.95
# Of x (a + b x x' + c (x x')^2), which brings every singular value of 0.002 to 1 near 1 in 5 steps.
STEPS, A, B, C = 5, 3.4445, -4.7750, 2.0315


def matrices(model: nn.Module) -> list[Tensor]:
    """The weights of gated convolutions: from channels to channels. Not those from z or tokens,
    whose inputs are not channels."""
    return [m.conv.weight for m in model.modules() if isinstance(m, GatedConv1d)]


def orthogonal(x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Matrices (N, R, C) with their singular values brought near 1 (0.68 to 1.21, where they are
    not below 0.002 of the Frobenius norm), products in `dtype`: (N, R, C) of that type."""
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT  # products of the smaller side
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)).to(dtype)
    for _ in range(STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=B, alpha=C), x, beta=A)
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """A matrix W (out, in) of gradient G, of a convolution (out, in * taps), moves by
    ``W -= lr * (decay * W + 0.2 * sqrt(max(out, in)) * orthogonal(G + momentum))``, as much as
    AdamW would move it; the other parameters of the model by `adamw`."""

    def __init__(self, model: nn.Module, dtype: torch.dtype, **adamw: Any) -> None:
        chosen = dict.fromkeys(matrices(model))
        self.dtype, self.alike = dtype, dict[torch.Size, list[Tensor]]()
        for matrix in chosen:
            self.alike.setdefault(matrix.shape, []).append(matrix)
        self.adamw = torch.optim.AdamW([p for p in model.parameters() if p not in chosen], **adamw)
        # One group in the model's order, and one state: what is saved has its place by that order.
        super().__init__(model.parameters(), {**self.adamw.defaults, "momentum": MOMENTUM})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move what has a gradient."""
        (options,) = self.param_groups
        self.adamw.state = self.state
        self.adamw.param_groups[0]["lr"] = options["lr"]
        self.adamw.step()
        for same in self.alike.values():
            moved = [p for p in same if p.grad is not None]
            if moved:
                self._move(moved, options["lr"], options["weight_decay"])

    def _move(self, same: list[Tensor], lr: float, decay: float) -> None:
        """Matrices of one shape."""
        ahead = torch.stack([self._ahead(p).flatten(1) for p in same])
        updates = orthogonal(ahead, self.dtype)
        size = lr * 0.2 * math.sqrt(max(updates.shape[1:]))
        for parameter, update in zip(same, updates, strict=True):
            parameter.mul_(1 - lr * decay).add_(update.view_as(parameter), alpha=-size)

    def _ahead(self, parameter: Tensor) -> Tensor:
        """The mean of the gradients so far, as it would be if this one came again (Nesterov)."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["exp_avg"] = torch.zeros_like(parameter)
        mean: Tensor = state["exp_avg"].lerp_(parameter.grad, 1 - MOMENTUM)
        return parameter.grad.lerp(mean, MOMENTUM)

"""Gated convolutions for sequences. Needs torch alone: copy the file, or import it.

Shapes: B sequences, C channels, T positions. A mask is (B, T) bool, True where a position is real.

Sources: the gated linear unit and its stacks, Dauphin et al. 2017 (arXiv 1612.08083); the scaled
residual sum, Gehring et al. 2017 (arXiv 1705.03122); the global condition inside the block, van den
Oord et al. 2016 (WaveNet, arXiv 1609.03499, equation 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,  # GLU, Dauphin et al. 2017
    "tanh": torch.tanh,
    "gelu": F.gelu,  # GEGLU, Shazeer 2020 (arXiv 2002.05202)
    "silu": F.silu,  # SwiGLU, the same
}


def compute_dtype(x: Tensor) -> torch.dtype:
    """The type in which matrix products of x run: autocast's where it is on, else that of x."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, T), each position by itself."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def hide(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (B, C, T) with zeros in place of padding: what stands there, NaN or infinity even, reaches
    no value and no gradient, as it would through a product with 0."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(1), 0.0)


class TapConv1d(nn.Conv1d):
    """`nn.Conv1d` of stride 1 without padding, as one matrix product over the taps side by side:
    on a few dozen positions 2 to 3 times as fast as the convolution kernels of a CPU. A layer like
    any other: what hooks and parametrizations make of its weight is what it convolves with."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T + span) -> (B, C', T). Memory is best (B, T, C); the transposes are views."""
        if self.groups > 1:
            return super().forward(x)
        dtype = compute_dtype(x)
        x = x.transpose(1, 2).to(dtype)
        dilation, taps = self.dilation[0], self.kernel_size[0]
        length = x.shape[1] - dilation * (taps - 1)
        if length == 1:  # the weights are most of what is read: they are read as they lie
            seen_once = x[:, ::dilation].transpose(1, 2).flatten(1)
            return F.linear(seen_once, self.weight.to(dtype).flatten(1), self.bias).unsqueeze(2)
        seen = [x[:, tap * dilation : tap * dilation + length] for tap in range(taps)]
        weight = self.weight.to(dtype).transpose(1, 2).flatten(1)  # (C', taps * C)
        return F.linear(torch.cat(seen, dim=2), weight, self.bias).transpose(1, 2)


def make_norm(norm: str | None, channels: int) -> nn.Module:
    """A normalisation of (B, C, T) by name, None or "layer"; else a ValueError."""
    if norm is None:
        return nn.Identity()
    if norm == "layer":
        return ChannelNorm(channels)
    raise ValueError(f"norm is {norm!r}; expected None or 'layer'")


class GatedConv1d(nn.Module):
    """A convolution whose one half gates the other: ``value * gate(g)``, both from one convolution.

    With ``gate="sigmoid"`` it equals ``F.glu(conv(x), dim=1)``. The length is kept: padding is
    symmetric (an even kernel takes its odd position from the right), or all on the left when
    ``causal``, so that position t sees positions <= t alone. Of ``groups``, value and gate of an
    output channel share one. ``gate`` is a key of `GATES`; ``norm`` is None, or "layer" to
    normalise the input's channels first.

    Raises:
        ValueError: a size below 1, channels that the groups do not divide, an unknown gate or norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        causal: bool = False,
        groups: int = 1,
        bias: bool = True,
        gate: str = "sigmoid",
        norm: str | None = None,
    ) -> None:
        super().__init__()
        sizes = (in_channels, out_channels, kernel_size, dilation, groups)
        if min(sizes) < 1:
            names = "in_channels, out_channels, kernel_size, dilation and groups"
            raise ValueError(f"{names} are {sizes}; each must be at least 1")
        if in_channels % groups or out_channels % groups:
            channels = f"in_channels={in_channels} and out_channels={out_channels}"
            raise ValueError(f"groups={groups} must divide {channels}")
        if gate not in GATES:
            raise ValueError(f"gate is {gate!r}; expected one of {', '.join(GATES)}")
        self.gate, self.causal, self.groups = gate, causal, groups
        span = dilation * (kernel_size - 1)
        self.padding = (span, 0) if causal else (span // 2, span - span // 2)
        self.norm = make_norm(norm, in_channels)
        self.conv = TapConv1d(
            in_channels, 2 * out_channels, kernel_size, dilation=dilation, groups=groups, bias=bias
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, in_channels, T) -> (B, out_channels, T); padded positions are read as zeros."""
        if not isinstance(self.norm, nn.Identity):
            x = self.norm(hide(x, mask))
        x = hide(x, mask).transpose(1, 2)  # from layer to layer memory stays (B, T, C)
        return self._gated(F.pad(x, (0, 0, *self.padding)))

    def start(self, batch: int) -> Tensor:
        """What a causal convolution has seen before the first position: (B, span, in_channels)."""
        return self.conv.weight.new_zeros(batch, self.padding[0], self.conv.in_channels)

    def step(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """One position, so that the work does not grow with what came before: x (B, in_channels)
        and `seen` (B, span, in_channels) of `start` or the step before -> (B, out_channels), what
        `forward` has at that position, and the new `seen`.

        Raises:
            ValueError: the convolution is not causal, or has groups.
        """
        if not self.causal or self.groups > 1:
            raise ValueError("step needs causal=True and groups=1")
        window = torch.cat([seen, self.norm(x.unsqueeze(2)).transpose(1, 2)], dim=1)
        return self._gated(window).squeeze(2), window[:, 1:]

    def _gated(self, x: Tensor) -> Tensor:
        """(B, T + span, in_channels) -> (B, out_channels, T)."""
        y = self.conv(x.transpose(1, 2))
        if self.groups > 1:  # a group's outputs lie together: halves are taken inside each group
            y = y.unflatten(1, (self.groups, -1)).transpose(1, 2)
        value, gate = y.chunk(2, dim=1)
        gated: Tensor = value * GATES[self.gate](gate)
        return gated if self.groups == 1 else gated.transpose(1, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"gate={self.gate!r}, causal={self.causal}"


class GatedResidualBlock(nn.Module):
    """``(skip(x) + dropout(gated(norm(x) + condition))) * scale``.

    The skip is the identity, or a projection of width 1 where the channels differ. A scale of
    sqrt(0.5) keeps the variance (Gehring et al. 2017). The condition is a vector per sequence.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        causal: bool = False,
        groups: int = 1,
        bias: bool = True,
        gate: str = "sigmoid",
        norm: str | None = "layer",
        dropout: float = 0.0,
        scale: float = 1.0,
        condition_channels: int = 0,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.norm = make_norm(norm, in_channels)
        self.gated = GatedConv1d(
            in_channels,
            out_channels,
            kernel_size,
            dilation=dilation,
            causal=causal,
            groups=groups,
            bias=bias,
            gate=gate,
        )
        self.dropout = nn.Dropout(dropout)
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv1d(in_channels, out_channels, 1)
        self.condition = nn.Linear(condition_channels, in_channels) if condition_channels else None

    def forward(
        self, x: Tensor, mask: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """(B, in_channels, T), condition (B, condition_channels) -> (B, out_channels, T)."""
        x = hide(x, mask)
        h = self.norm(x)
        if self.condition is not None and condition is not None:
            h = h + self.condition(condition).unsqueeze(2)
        y: Tensor = self.skip(x) + self.dropout(self.gated(h, mask))
        return y if self.scale == 1 else y * self.scale

    def step(
        self, x: Tensor, seen: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One position, (B, in_channels) -> (B, out_channels); see `GatedConv1d.step`."""
        x = x.unsqueeze(2)
        h = self.norm(x).squeeze(2)
        if self.condition is not None and condition is not None:
            h = h + self.condition(condition)
        y, seen = self.gated.step(h, seen)
        y = self.skip(x).squeeze(2) + self.dropout(y)
        return y if self.scale == 1 else y * self.scale, seen


class GCNN(nn.Module):
    """A stack of `GatedResidualBlock`: block i has the dilation ``dilations[i % len(dilations)]``.

    Raises:
        ValueError: no dilations, or what `GatedConv1d` refuses.
    """

    def __init__(
        self,
        channels: int,
        num_layers: int,
        kernel_size: int = 3,
        *,
        dilations: Sequence[int] = (1,),
        causal: bool = False,
        norm: str | None = "layer",
        dropout: float = 0.0,
        scale: float = 1.0,
        condition_channels: int = 0,
    ) -> None:
        super().__init__()
        if not dilations:
            raise ValueError("dilations is empty; give at least one, for example (1, 2, 4)")
        self.kernel_size, self.causal = kernel_size, causal
        self.dilations = [dilations[i % len(dilations)] for i in range(num_layers)]
        self.blocks = nn.ModuleList(
            GatedResidualBlock(
                channels,
                channels,
                kernel_size,
                dilation=dilation,
                causal=causal,
                norm=norm,
                dropout=dropout,
                scale=scale,
                condition_channels=condition_channels,
            )
            for dilation in self.dilations
        )

    @property
    def receptive_field(self) -> int:
        """How many positions of the input one position of the output can depend on."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """(B, channels, T) -> (B, channels, T)."""
        for block in self.blocks:
            x = block(x, mask, condition)
        return x

    def start(self, batch: int) -> list[Tensor]:
        """The state of a causal stack before the first position of B sequences."""
        return [block.gated.start(batch) for block in self.blocks]  # type: ignore[operator, union-attr]

    def step(
        self, x: Tensor, seen: list[Tensor], condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """One position, (B, channels) -> (B, channels), and the new state; see `GatedConv1d.step`.

        Raises:
            ValueError: the stack is not causal.
        """
        states = []
        for block, state in zip(self.blocks, seen, strict=True):
            x, state = block.step(x, state, condition)  # type: ignore[operator]
            states.append(state)
        return x, states

"""Lines in sight of each other: what stands in the place of a position in the lines around its own.

A poem is read as a grid of lines and places, counted from the ends of the lines, where they rhyme.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ConfigError, brief
from ..i18n import _
from .embedding import TokenEmbedding

SIGHT = 3  # lines before, and as many behind
_NONE = -1


class Lines(nn.Module):
    """A gated block sees a few positions along the text; this one sees along the columns of verse:
    ``x + value * sigmoid(gate(x) - 2)``, the value from the vectors of the tokens as far from the
    ends of the lines before and behind, each through a map of its own. Few positions have a use
    for it, those that rhyme above all: it is nearly shut at first.

    The forms are those of the configuration's `lines`; with several, the first label of a poem is
    the number of its form, from 1, or 0 where that is unknown. Shapes: B poems, T positions, C
    channels. ConfigError: lines that are not those of the forms.
    """

    def __init__(self, config: ModelConfig, embedding: TokenEmbedding, mask_id: int) -> None:
        super().__init__()
        forms = config.label_sizes[0] - 1 if config.form_known else 1
        self.places = aligned(config.lines, config.max_len)
        if len(self.places) != forms + 1:
            raise ConfigError(
                _(
                    "lines is {lines}; expected {forms} forms of {max_len} positions at most, each "
                    "with 0 after it",
                    lines=brief(config.lines),
                    forms=forms,
                    max_len=config.max_len,
                )
            )
        self.embedding, self.mask_id = embedding, mask_id
        self.before = nn.Linear(SIGHT * config.embed_dim, config.d_model, bias=False)
        self.behind = nn.Linear(SIGHT * config.embed_dim, config.d_model, bias=False)
        self.gate = nn.Linear(config.d_model, config.d_model)

    def forward(
        self,
        x: Tensor,
        tokens: Tensor,
        passes: int,
        forms: Tensor | None = None,
        at: slice = slice(None),
    ) -> Tensor:
        """x (B, N, C) of the N positions `at`, tokens (B, T), the mask token where unknown, and the
        form of each (B,), absent: the only one -> (B, N, C). What passes before its own decided is
        all that a position sees."""
        length = tokens.shape[1]
        places = self.places.to(tokens.device)
        if (more := length - places.shape[1]) > 0:  # a row may go on past the last position
            places = F.pad(places, (0, 0, 0, more), value=_NONE)
        places = places[:, :length][:, at]  # (forms, N, 2 * SIGHT)
        column = torch.arange(length, device=tokens.device)[at] % passes
        unseen = (places == _NONE) | (places % passes >= column[:, None]) | (places >= length)
        places = places.masked_fill(unseen, 0)
        if forms is None:
            forms = tokens.new_ones(1)
        places, unseen = places[forms], unseen[forms]
        n = tokens.shape[0]  # len(tokens) would be a fixed number in an export
        rows = torch.arange(n, device=tokens.device)[:, None, None]
        seen = tokens[rows, places].masked_fill(unseen, self.mask_id)
        value = self._mapped(self.before, seen[..., :SIGHT])
        if passes < length:  # one position after the other, nothing stands behind
            value = value + self._mapped(self.behind, seen[..., SIGHT:])
        return x + value * torch.sigmoid(self.gate(x) - 2)

    def _mapped(self, to: nn.Linear, seen: Tensor) -> Tensor:
        vectors = self.embedding(seen) * (seen != self.mask_id).unsqueeze(-1)
        mapped: Tensor = to(vectors.flatten(2))
        return mapped


def form_of(config: ModelConfig, labels: Tensor | None) -> Tensor | None:
    """The number of each poem's form, (B,), from labels (B, L); None where there is but one."""
    return labels[:, 0] if config.form_known and labels is not None else None


def aligned(lines: tuple[int, ...], length: int) -> Tensor:
    """The positions at the same place, counted from the end, of the lines before each of T
    positions, nearest first, and of the lines behind: (forms + 1, T, 2 * SIGHT), -1 = there is
    none, as in the first, the unknown form. The forms are the lengths of their lines, 0 after each;
    those from one on that does not fit into T positions are left out."""
    forms, starts, sizes = [torch.full((length, 2 * SIGHT), _NONE, device="cpu")], [0], list[int]()
    for size in lines:
        if size:
            sizes.append(size)
            starts.append(starts[-1] + size)
            continue
        if starts[-1] > length:
            break
        places = torch.full_like(forms[0], _NONE)
        for line, start in enumerate(starts[:-1]):
            for tap, step in enumerate((*range(-1, -SIGHT - 1, -1), *range(1, SIGHT + 1))):
                if 0 <= (other := line + step) < len(sizes):
                    both = min(sizes[line], sizes[other])
                    ends = start + sizes[line], starts[other] + sizes[other]
                    here, there = (torch.arange(end - both, end, device="cpu") for end in ends)
                    places[here, tap] = there
        forms.append(places)
        starts, sizes = [0], []
    return torch.stack(forms)

"""What stands already, and how seldom it is said again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Added = tuple[Tensor, Tensor]  # tokens (B, N, S), and what is added to the logit of each


class Repeats(nn.Module):
    """A number for each distance, added to the logits of the tokens that earlier passes decided so
    far before or behind, once for each time that they stand. Verse seldom says a thing twice; to
    know it by its hidden vectors, a network would have to remember each token.

    Shapes: B poems, T positions of which N are asked for, V tokens."""

    def __init__(self, max_len: int, mask_id: int) -> None:
        super().__init__()
        self.max_len, self.mask_id = max_len, mask_id
        self.weight = nn.Parameter(torch.zeros(2 * max_len + 1))

    def forward(self, tokens: Tensor, passes: int, at: slice | Tensor = slice(None)) -> Added:
        """Of tokens (B, T), the mask token where unknown, decided in so many passes."""
        place = torch.arange(tokens.shape[1], device=tokens.device)
        here = place[at].unsqueeze(1)
        far = (here - place).clamp(-self.max_len, self.max_len) + self.max_len
        earlier = place % passes < here % passes
        tokens = tokens.unsqueeze(1).expand(-1, len(here), -1)
        return tokens, self.weight[far] * (earlier & (tokens != self.mask_id))


def raised(logits: Tensor, added: Added | None) -> Tensor:
    """Logits (B, N, V) with that added, if anything is."""
    return logits if added is None else logits.scatter_add(2, added[0], added[1].to(logits.dtype))

"""Sets of token strings as layered automata: masses and draws by dynamic programming.

States stand before, between and after the T positions; an edge leads from one state to another by
any token of a set. A string is in the set when a path from the first state to the last takes it.
Given z the tokens are independent, so that the mass of a path is a product and the sum over all
paths one sweep (the forward-backward algorithm of Rabiner 1989, "A tutorial on hidden Markov
models", section III), however many they are.

Shapes: B strings, T positions, V vocabulary, E edges of a position. Masses are logarithms, in nats.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from ..nn.noise import GOLDEN, scattered

# Below this a mass is summed in logarithms, since single precision ends at 1e-38.
_SMALL = 1e-30


@dataclass(frozen=True, eq=False)
class Automaton:
    """A set of token strings of T positions, not empty.

    Attributes:
        sets: (S, V) bool, the distinct token sets in use, none empty.
        edges: of each position its edges, (E, 3) int64: the state before, a set, the state after.
            The states of a layer count from 0; the first and the last layer have one. Every edge
            lies on a path from the one to the other.
    """

    sets: Tensor
    edges: tuple[Tensor, ...]

    @classmethod
    def of(cls, sets: Tensor, branches: Sequence[Sequence[Tensor]]) -> Automaton:
        """The union of branches, each a product of blocks of positions, one after another, each
        the union of products of sets, (A, W) int64: W positions, A alternatives."""
        edges: list[list[Tensor]] = [[] for block in branches[0] for _ in range(block.shape[1])]
        sizes = [1] + [0] * len(edges)
        for blocks in branches:
            t, end = 0, torch.zeros(1, dtype=torch.long)
            for block in blocks:
                n, width = block.shape
                before = end.expand(n)
                for i, column in enumerate(block.T):
                    layer, apart = t + i + 1, int(i < width - 1)
                    after = torch.arange(n) * apart + (sizes[layer] if layer < len(edges) else 0)
                    sizes[layer] += n if apart else 1
                    edges[t + i].append(torch.stack([before, column.cpu(), after], dim=1))
                    before = after
                end, t = before[:1], t + width
        return _reduced(sets, [torch.cat(some) for some in edges])

    @property
    def allowed(self) -> Tensor:
        """What may stand at each position on some path, (T, V) bool."""
        return torch.stack([self.sets[used].any(0) for used, _ in self.columns])

    @cached_property
    def fixed(self) -> dict[int, set[int]]:
        """The tokens that some edge leaves no choice but, with the positions of such edges."""
        found: dict[int, set[int]] = {}
        for t, (used, _) in enumerate(self.columns):
            alone = used[self.sets[used].sum(1) == 1]
            for token in self.sets[alone].nonzero()[:, 1].tolist():
                found.setdefault(token, set()).add(t)
        return found

    @cached_property
    def columns(self) -> list[tuple[Tensor, Tensor]]:
        """Of each position the sets in use, and which of them each edge has."""
        return [torch.unique(edges[:, 1], return_inverse=True) for edges in self.edges]

    def count(self, tokens: Tensor) -> Tensor:
        """How many paths take each string (B, T): (B,) float64."""
        paths = tokens.new_ones(len(tokens), 1, dtype=torch.float64)
        for t, edges in enumerate(self.edges):
            source, by, target = edges.unbind(1)
            taken = paths[:, source] * self.sets[:, tokens[:, t]].T[:, by]
            paths = paths.new_zeros(len(tokens), _states(target)).index_add_(1, target, taken)
        return paths[:, 0]

    def draw(
        self,
        logits: Tensor,
        places: Tensor,
        generator: Generator | None = None,
        likeliest: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """The log mass (B,) of all paths, and of each string one path, in proportion to its mass.

        Args:
            logits: (B, P, V) of the tokens at the positions `places` (P,), the others being without
                choice, so that they have the mass 1.
            likeliest: the heaviest path in place of a draw (Viterbi).

        Returns the mass and the sets on the path, (B, T) int64.
        """
        masses = [logits.new_zeros(len(logits), len(edges)) for edges in self.edges]
        probs = logits.softmax(dim=2)
        for i, t in enumerate(places.tolist()):
            used, which = self.columns[t]
            masses[t] = _log_mass(logits[:, i], probs[:, i], self.sets[used])[:, which]
        later = logits.new_zeros(len(logits), 1)
        for t in range(len(self.edges) - 1, -1, -1):
            source, _, target = self.edges[t].unbind(1)
            masses[t] = masses[t] + later[:, target]
            later = _gathered(masses[t], source, likeliest)
        path = torch.empty(len(later), len(masses), dtype=torch.long, device=later.device)
        state = path.new_zeros(len(later), 1)
        for t, edges in enumerate(self.edges):
            if len(edges) == 1:
                path[:, t], state = edges[0, 1], edges[:, 2].expand(len(path), 1)
                continue
            weights = masses[t].masked_fill(edges[:, 0] != state, -torch.inf)
            if likeliest:
                chosen = weights.argmax(dim=1)
            else:
                # Gumbel's trick: the largest of the logs with such noise is a draw by mass.
                noise = torch.rand(weights.shape, generator=generator, device=weights.device)
                chosen = (weights - noise.clamp(min=1e-30).log().neg().log()).argmax(dim=1)
            path[:, t], state = edges[chosen, 1], edges[chosen, 2].unsqueeze(1)
        return later[:, 0], path

    def to(self, device: torch.device | str) -> Automaton:
        """The same on a device."""
        return Automaton(self.sets.to(device), tuple(edges.to(device) for edges in self.edges))


def at_most_once(token: int, like: Automaton, places: Collection[int]) -> Automaton:
    """The strings, as long as those of another automaton, in which a token stands at no more than
    one of the places."""
    size = like.sets.shape[1]
    sets = torch.ones(3, size, dtype=torch.bool)
    sets[1] = torch.arange(size) == token
    sets[2] = ~sets[1]
    free, counting = [[0, 0, 0], [1, 0, 1]], [[0, 2, 0], [0, 1, 1], [1, 2, 1]]
    edges = []
    for t in range(len(like.edges)):
        rows = counting if t in places else free
        # Before its first place the token cannot have stood.
        edges.append(torch.tensor([row for row in rows if row[0] == 0 or t > min(places)]))
    edges[-1][:, 2] = 0
    return _reduced(sets, edges)


def _meeting(a: Automaton, b: Automaton) -> Tensor:
    """Which sets of a (S1) and of b (S2) have a token in common: (S1, S2) bool."""
    return a.sets.float() @ b.sets.float().T > 0


def product_size(a: Automaton, b: Automaton) -> int:
    """How many edges the intersection has at most."""
    return sum(len(one) * len(two) for one, two in zip(a.edges, b.edges, strict=True))


def compatible(a: Automaton, b: Automaton, span: range) -> bool:
    """Whether some string fits both at the positions of a span, whatever comes before and after."""
    common = _meeting(a, b)
    first = a.edges[span.start], b.edges[span.start]
    alive = common.new_ones([_states(edges[:, 0]) for edges in first])
    for t in span:
        _, alive = _pairs(a.edges[t], b.edges[t], alive, common)
    return bool(alive.any())


def intersection(a: Automaton, b: Automaton) -> Automaton | None:
    """The strings of both; None where there are none."""
    common = _meeting(a, b)
    alive = common.new_ones(1, 1)
    edges = []
    for one, two in zip(a.edges, b.edges, strict=True):
        (i, j), alive = _pairs(one, two, alive, common)
        if not len(i):
            return None
        width = torch.tensor([_states(two[:, 0]), len(b.sets), _states(two[:, 2])])
        edges.append(one[i] * width.to(one.device) + two[j])
    used = _in_use(edges)  # each pair of sets is intersected once, whoever has it
    return _reduced(a.sets[used // len(b.sets)] & b.sets[used % len(b.sets)], edges)


def _pairs(
    one: Tensor, two: Tensor, alive: Tensor, common: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """The pairs of edges of a position that leave states alive (N1, N2) by sets with a common
    token, and the states that they lead to."""
    fit = alive[one[:, 0]][:, two[:, 0]] & common[one[:, 1]][:, two[:, 1]]
    i, j = fit.nonzero().unbind(1)
    after = alive.new_zeros(_states(one[:, 2]), _states(two[:, 2]))
    after[one[i, 2], two[j, 2]] = True
    return (i, j), after


def _reduced(sets: Tensor, edges: Sequence[Tensor]) -> Automaton:
    """The automaton of edges, whose states may have any numbers, all reached from the first.

    Edges that lead nowhere go; then states that the same edges lead to, or that the same edges
    leave, are one: neither changes which strings there are.
    """
    sets, number = _distinct_rows(sets)
    edges = [edge.clone() for edge in edges]
    for edge in edges:
        edge[:, 1] = number[edge[:, 1]]
    for t in range(len(edges) - 1, 0, -1):
        edges[t - 1] = edges[t - 1][torch.isin(edges[t - 1][:, 2], edges[t][:, 0])]
    for t in range(len(edges) - 1):
        edges[t] = _unique(edges[t])
        edges[t][:, 2], edges[t + 1][:, 0] = _merged(edges[t], 2, edges[t + 1][:, 0])
    for t in range(len(edges) - 1, 0, -1):
        edges[t] = _unique(edges[t])
        edges[t][:, 0], edges[t - 1][:, 2] = _merged(edges[t], 0, edges[t - 1][:, 2])
    edges = [_unique(edge) for edge in edges]
    return Automaton(sets[_in_use(edges)], tuple(edges))


def _in_use(edges: Sequence[Tensor]) -> Tensor:
    """The sets that edges have, in order; those of the edges are numbered by them from now on."""
    used: Tensor
    used, where = torch.unique(torch.cat(list(edges))[:, 1], return_inverse=True)
    for edge, by in zip(edges, where.split([len(edge) for edge in edges]), strict=True):
        edge[:, 1] = by
    return used


def _unique(edges: Tensor) -> Tensor:
    """The distinct ones of edges (E, 3), in order. Far faster than torch.unique by rows."""
    if len(edges) == 1:
        return edges
    _, sets, after = (edges.amax(dim=0) + 1).tolist()
    code = torch.unique((edges[:, 0] * sets + edges[:, 1]) * after + edges[:, 2])
    return torch.stack([code // after // sets, code // after % sets, code % after], dim=1)


def _merged(edges: Tensor, side: int, others: Tensor) -> tuple[Tensor, Tensor]:
    """The states of edges on a side, 0 or 2, and `others` of the same layer, numbered anew: those
    that have the same edges are one. Edges are compared by sums of 64-bit hashes."""
    if len(edges) == 1:  # as most positions have, and there are many
        return torch.zeros_like(edges[:, side]), torch.zeros_like(others)
    states, where = torch.unique(edges[:, side], return_inverse=True)
    code = scattered(scattered(edges[:, 2 - side] + GOLDEN) + edges[:, 1] + GOLDEN)
    sums = torch.zeros_like(states).index_add_(0, where, code)
    _, number = torch.unique(sums, return_inverse=True)
    return number[where], number[torch.searchsorted(states, others.contiguous())]


def _states(column: Tensor) -> int:
    """How many states a column of edges has."""
    return int(column.max()) + 1


def _gathered(logs: Tensor, group: Tensor, likeliest: bool) -> Tensor:
    """The log of the sum, or the largest, of the exponentials of logs (B, E) by group (E,)."""
    groups = group.expand(len(logs), -1)
    top = logs.new_full((len(logs), _states(group)), -torch.inf)
    top = top.scatter_reduce(1, groups, logs, "amax")
    if likeliest:
        return top
    shift = top.clamp(min=torch.finfo(top.dtype).min)
    sums = torch.zeros_like(top).scatter_add_(1, groups, (logs - shift[:, group]).exp())
    return sums.log() + shift


def _log_mass(logits: Tensor, probs: Tensor, sets: Tensor) -> Tensor:
    """log of the probability (B, V) on each set (S, V): (B, S); exact, by logits (B, V), where it
    is tiny, -inf where there is none at all."""
    masses = (probs @ sets.T.to(probs.dtype)).nan_to_num(0)
    logs, tiny = masses.clamp(max=1).log(), masses < _SMALL
    for s in tiny.any(dim=0).nonzero().flatten().tolist():
        rows = tiny[:, s].nonzero().flatten()
        inside = logits[rows][:, sets[s]].logsumexp(dim=1)
        rows, inside = rows[inside > -torch.inf], inside[inside > -torch.inf]
        if len(rows):
            logs[rows, s] = inside - logits[rows].logsumexp(dim=1)
    return logs


def _distinct_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows, in the order they come, and which of them each row is."""
    seen: dict[bytes, int] = {}
    like = [seen.setdefault(row.tobytes(), i) for i, row in enumerate(rows.cpu().numpy())]
    first = torch.tensor(list(seen.values()), dtype=torch.long)
    numbers = torch.searchsorted(first, torch.tensor(like, dtype=torch.long))
    return rows[first.to(rows.device)], numbers.to(rows.device)

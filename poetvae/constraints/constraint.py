"""Sets of token strings: what a poem must be, for exact sampling from a decoder that factorises.

A constraint is a union of products. Each *alternative* is a product: at every position one set of
tokens, independently of the others. Given z, the probability of a product is a product of masses,
so alternatives are weighed and drawn from exactly; where they overlap, a string that is in k of
them is accepted with probability 1 / k (Karp and Luby 1983, see `generation.constrained`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..errors import ConstraintError
from ..text.poem import Form
from ..text.tokenizer import NEWLINE

MAX_ALTERNATIVES = 20_000
_MAX_PAIRS = 2**23

# Below this a mass is summed in logarithms, since single precision ends at 1e-38.
_SMALL = 1e-30


@dataclass(frozen=True, eq=False)
class Condition:
    """One thing that somebody asks for, such as "the acrostic", so that a conflict can be named.

    By position, `words` are what it wants there, "春", and `sounds` how a character that it fixes
    sounds, "陌, entering tone"; `by_sound` tells that the sounds of others explain a conflict.
    """

    name: str
    constraint: Constraint
    words: Mapping[int, str] = field(default_factory=dict)
    sounds: Mapping[int, str] = field(default_factory=dict)
    by_sound: bool = False

    def at(self, t: int, by_sound: bool) -> str:
        """What it wants at a position, with the sound where that matters."""
        sounds = by_sound and t in self.sounds
        return f"{self.name} wants {self.sound(t) if sounds else self.words.get(t, 'another')}"

    def sound(self, t: int) -> str:
        """The character that it fixes at a position, and how it sounds."""
        return f"{self.words[t]} ({self.sounds[t]})"


@dataclass(frozen=True, eq=False)
class Constraint:
    """A set of token strings of T positions: a union of A products of token sets.

    Attributes:
        sets: (S, V) bool, the distinct token sets in use, none empty.
        alternatives: (A, T) int64, which set may fill each position; A >= 1, rows distinct.
        distinct: the positions among which no token may come twice; special tokens and line
            breaks may. Of two constraints that have some, one holds those of the other.
        says, form: the conditions that it is made of, for messages; None in free form.
    """

    sets: Tensor
    alternatives: Tensor
    distinct: frozenset[int] = frozenset()
    says: tuple[Condition, ...] = ()
    form: Form | None = None

    def __and__(self, other: Constraint) -> Constraint:
        """The strings of both.

        Raises:
            ConstraintError: where there are none, with the conditions that exclude each other; of
                constraints on different forms; of more than `MAX_ALTERNATIVES` alternatives.
        """
        both = intersection(self, other)
        if both is None:
            from .conflict import explain  # it is built on this module

            raise ConstraintError(explain((*self.says, *other.says)))
        return replace(both, says=(*self.says, *other.says))

    @property
    def length(self) -> int:
        """How many positions the poem fills: the size of the form, or T in free form."""
        return self.form.size if self.form else self.alternatives.shape[1]

    @property
    def allowed(self) -> Tensor:
        """What may stand at each position in any alternative, (T, V) bool; exact where A is 1."""
        return torch.stack([self.sets[column.unique()].any(0) for column in self.alternatives.T])

    def known(self, mask_id: int) -> Tensor:
        """By alternative the token of each position that has no choice, else `mask_id`: (A, T)."""
        only = torch.where(self.sets.sum(1) == 1, self.sets.int().argmax(1), mask_id)
        return only[self.alternatives]

    def shared(self, mask_id: int) -> Tensor:
        """The token of each position on which all alternatives agree, else `mask_id`: (T,)."""
        known = self.known(mask_id)
        return known[0].where((known == known[0]).all(dim=0), mask_id)

    def log_masses(self, logits: Tensor) -> Tensor:
        """log p(alternative) in nats, (B, A), of strings drawn from logits (B, T, V): the masses on
        its sets, in logs, summed; those of a position are taken once for each set that is there."""
        logits = logits.float()
        total = logits.new_zeros(len(logits), len(self.alternatives))
        for t, column in enumerate(self.alternatives.T):
            used, which = column.unique(return_inverse=True)
            masses = _log_mass(logits[:, t].log_softmax(-1), self.sets[used])
            total += masses if len(used) == 1 else masses[:, which]
        return total

    def count(self, tokens: Tensor) -> Tensor:
        """How many alternatives contain each string (B, T): (B,) int64."""
        inside = tokens.new_ones(len(tokens), len(self.alternatives), dtype=torch.bool)
        for t, column in enumerate(self.alternatives.T):
            used, which = column.unique(return_inverse=True)
            member = self.sets[used][:, tokens[:, t]].T
            inside &= member if len(used) == 1 else member[:, which]
        return inside.sum(1)

    def satisfied(self, tokens: Tensor) -> Tensor:
        """Which of the strings (B, T) are in the set: (B,) bool."""
        inside = self.count(tokens) > 0
        return inside & ~repeats(tokens[:, sorted(self.distinct)])

    def to(self, device: torch.device | str) -> Constraint:
        """The same on a device."""
        return replace(self, sets=self.sets.to(device), alternatives=self.alternatives.to(device))


def _log_mass(log_probs: Tensor, sets: Tensor) -> Tensor:
    """log of the probability (B, V) on each set (S, V): (B, S); exact where it is tiny."""
    masses = log_probs.exp() @ sets.T.to(log_probs.dtype)
    logs = masses.clamp(max=1).log()
    for s in (masses < _SMALL).any(0).nonzero().flatten().tolist():
        logs[:, s] = log_probs[:, sets[s]].logsumexp(1)
    return logs


def repeats(tokens: Tensor) -> Tensor:
    """Whether a token above the line break comes twice in a row of (B, T): (B,) bool."""
    ordered = tokens.sort(1).values
    return ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > NEWLINE)).any(1)


def distinct_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows, in the order they come, and which of them each row is."""
    seen: dict[bytes, int] = {}
    like = [seen.setdefault(row.tobytes(), i) for i, row in enumerate(rows.cpu().numpy())]
    first = torch.tensor(list(seen.values()), dtype=torch.long)
    numbers = torch.searchsorted(first, torch.tensor(like, dtype=torch.long))
    return rows[first.to(rows.device)], numbers.to(rows.device)


def meeting(a: Constraint, b: Constraint) -> Tensor:
    """Which sets of a (S1) and of b (S2) have a token in common: (S1, S2) bool."""
    return a.sets.float() @ b.sets.float().T > 0


def check_number(n: int, most: int | None = None) -> None:
    """Refuses more alternatives than can be weighed: a ConstraintError."""
    if n > (most or MAX_ALTERNATIVES):
        raise ConstraintError(
            f"the conditions come to {n} alternatives; at most {MAX_ALTERNATIVES} can be weighed:"
            " ask for fewer things at once, such as one rhyme rather than any"
        )


def intersection(a: Constraint, b: Constraint) -> Constraint | None:
    """The strings of both, without conditions; None where there are none."""
    if (a.form, a.alternatives.shape[1]) != (b.form, b.alternatives.shape[1]):
        raise ConstraintError(
            f"conditions on {a.form or 'free'} and on {b.form or 'free'} poems, of"
            f" {a.alternatives.shape[1]} and {b.alternatives.shape[1]} positions; give one form"
        )
    check_number(len(a.alternatives) * len(b.alternatives), _MAX_PAIRS)
    common = meeting(a, b)
    alive = common.new_ones(len(a.alternatives), len(b.alternatives))
    for one, other in zip(a.alternatives.T, b.alternatives.T, strict=True):
        alive &= common[one][:, other]
    first, second = alive.nonzero().unbind(1)
    check_number(len(first), 10 * MAX_ALTERNATIVES)
    width = len(b.sets)  # each pair of sets in use is intersected once, whoever has it
    pairs = a.alternatives[first] * width + b.alternatives[second]
    used = torch.zeros(len(a.sets) * width, dtype=torch.bool, device=pairs.device)
    used[pairs.flatten()] = True
    codes = used.nonzero().flatten()
    sets, numbers = distinct_rows(a.sets[codes // width] & b.sets[codes % width])
    alternatives, _ = distinct_rows(numbers[(used.cumsum(0) - 1)[pairs]])
    both = Constraint(sets, alternatives, a.distinct | b.distinct, (), a.form)
    if both.distinct and len(alternatives):
        twice = repeats(both.known(0)[:, sorted(both.distinct)])
        both = replace(both, alternatives=alternatives[~twice])
    check_number(len(both.alternatives))
    return both if len(both.alternatives) else None

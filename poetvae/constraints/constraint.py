"""Sets of token strings: what a poem must be, for sampling from a decoder that factorises.

A constraint is what its parts have in common, each an `Automaton`, whose paths are weighed and
drawn from exactly. Conditions are joined into one part as long as that stays small, so that most
constraints have one. Where there are more, a path is drawn from each in turn, within those drawn
before: the weight of such a draw is an unbiased estimate of the mass of the constraint (sequential
importance sampling). Where paths overlap, a string that k combinations of them take is accepted
with probability 1 / k (Karp and Luby 1983, see `generation.constrained`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Generator, Tensor

from ..errors import ConstraintError
from ..i18n import _
from ..text.poem import Form
from ..text.tokenizer import NEWLINE
from .automaton import Automaton, at_most_once, compatible, intersection, product_size

MAX_EDGES = 2**15  # of an intersection before it is reduced; larger ones stay apart


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
        what = self.sound(t) if sounds else self.words.get(t, _("another"))
        return _("{name} wants {what}", name=self.name, what=what)

    def sound(self, t: int) -> str:
        """The character that it fixes at a position, and how it sounds."""
        return _("{char} ({sound})", char=self.words[t], sound=self.sounds[t])


@dataclass(frozen=True, eq=False)
class Constraint:
    """A set of token strings of T positions: those that all parts have in common.

    Attributes:
        parts: one or more, in the order in which paths are drawn.
        distinct: the positions among which no token comes twice; special tokens and line breaks
            may. Of two constraints that have some, one holds those of the other.
        alike: (V,) numbers, the same for tokens that count as one there; absent: each for itself.
        says, form: the conditions that it is made of, for messages; None in free form.
    """

    parts: tuple[Automaton, ...]
    distinct: frozenset[int] = frozenset()
    says: tuple[Condition, ...] = ()
    form: Form | None = None
    alike: Tensor | None = None

    @classmethod
    def union(
        cls,
        sets: Tensor,
        alternatives: Tensor,
        distinct: frozenset[int] = frozenset(),
        form: Form | None = None,
    ) -> Constraint:
        """The union of products: sets (S, V) bool, and by alternative the set that may fill each
        position, (A, T) int64."""
        return cls((Automaton.of(sets, [[alternatives]]),), distinct, (), form)

    def __and__(self, other: Constraint) -> Constraint:
        """The strings of both.

        Raises:
            ConstraintError: where there are none, with the conditions that exclude each other; of
                constraints on different forms.
        """
        both = joint((self, other))
        if both is None:
            from .conflict import explain  # it is built on this module

            raise ConstraintError(explain((*self.says, *other.says)))
        return replace(both, says=(*self.says, *other.says))

    @property
    def length(self) -> int:
        """How many positions the poem fills: the size of the form, or T in free form."""
        return self.form.size if self.form else len(self.parts[0].edges)

    @cached_property
    def allowed(self) -> Tensor:
        """What may stand at each position, (T, V) bool: no less, and exact for a single path."""
        return torch.stack([part.allowed for part in self.parts]).all(dim=0)

    @property
    def choices(self) -> Tensor:
        """What may stand at each position, those that count as one told apart no more: (T, V)."""
        if self.alike is None:
            return self.allowed
        found = torch.zeros_like(self.allowed, dtype=torch.float)
        return found.index_add_(1, self.alike, self.allowed.float()) > 0

    def narrowed(self, writable: Tensor) -> Tensor:
        """The positions (P,) at which some path leaves out some of the tokens `writable` (T, V)."""

        def narrow(t: int) -> bool:
            used = (part.sets[part.columns[t][0]] for part in self.parts)
            return any(bool((writable[t] & ~some).any()) for some in used)

        found = [t for t in range(len(self.parts[0].edges)) if narrow(t)]
        return torch.tensor(found, dtype=torch.long, device=writable.device)

    def draw(
        self,
        logits: Tensor,
        places: Tensor,
        generator: Generator | None = None,
        likeliest: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """For each string a path of every part, within those of the parts before it.

        Arguments are as of `Automaton.draw`. Returns the log weight (B,), exact for one part, and
        the sets on the paths (B, F, T), of F parts; see `within`.
        """
        total, paths = logits.new_zeros(len(logits)), []
        for part in self.parts:
            mass, path = part.draw(logits, places, generator, likeliest)
            total = total + mass
            paths.append(path)
            if part is not self.parts[-1]:
                logits = logits.masked_fill(~part.sets[path[:, places]], -torch.inf)
        return total, torch.stack(paths, dim=1)

    def within(self, paths: Tensor) -> Tensor:
        """What may stand at each position on paths (B, F, T): (B, T, V) bool."""
        allowed = self.parts[0].sets[paths[:, 0]]
        for part, path in zip(self.parts[1:], paths[:, 1:].unbind(1), strict=True):
            allowed &= part.sets[path]
        return allowed

    def count(self, tokens: Tensor) -> Tensor:
        """How many combinations of paths take each string (B, T): (B,) float64."""
        return torch.stack([part.count(tokens) for part in self.parts]).prod(dim=0)

    def satisfied(self, tokens: Tensor) -> Tensor:
        """Which of the strings (B, T) are in the set: (B,) bool."""
        apart = tokens[:, sorted(self.distinct)]
        if self.alike is not None:
            apart = torch.where(apart > NEWLINE, self.alike[apart], apart)
        return (self.count(tokens) > 0) & ~repeats(apart)

    def first(self, length: int) -> Constraint:
        """The same without what comes after so many positions, which all paths leave open."""
        cut = (Automaton(part.sets, part.edges[:length]) for part in self.parts)
        return replace(self, parts=tuple(cut))

    def to(self, device: torch.device | str) -> Constraint:
        """The same on a device."""
        alike = None if self.alike is None else self.alike.to(device)
        return replace(self, parts=tuple(part.to(device) for part in self.parts), alike=alike)


def joint(constraints: Sequence[Constraint]) -> Constraint | None:
    """The strings that are in all of them, without conditions; None where there are none, as far
    as that shows in a part and in pairs of them."""
    first, parts = constraints[0], list[Automaton]()
    distinct = frozenset[int]().union(*(one.distinct for one in constraints))
    places: dict[int, set[int]] = {}
    for part in (part for one in constraints for part in one.parts if distinct):
        for token, some in part.fixed.items():
            places[token] = places.get(token, set()) | (some & distinct)
    for one in constraints:
        if (first.form, len(first.parts[0].edges)) != (one.form, len(one.parts[0].edges)):
            raise ConstraintError(
                _(
                    "conditions on {a} and on {b} poems, of {m} and {n} positions; give one form",
                    a=first.form or _("free"),
                    b=one.form or _("free"),
                    m=len(first.parts[0].edges),
                    n=len(one.parts[0].edges),
                )
            )
        for part in one.parts:
            new = part if one is first and one.distinct == distinct else _once(part, places)
            if new is None:
                return None
            for i, old in enumerate(parts):
                small = product_size(old, new) <= MAX_EDGES
                if small and (common := intersection(old, new)):
                    parts[i] = common
                    break
                if small or not compatible(old, new, range(len(old.edges))):
                    return None
            else:
                parts.append(new)
    if (kept := _trimmed(parts)) is None:
        return None
    alike = next((one.alike for one in constraints if one.alike is not None), None)
    both = replace(first, parts=tuple(kept), distinct=distinct, alike=alike, says=())
    return None if crowded(both.choices, distinct) else both


def _trimmed(parts: list[Automaton]) -> list[Automaton] | None:
    """The parts without what the others leave no room for, position by position; None where one
    has no string left. A token that stands fixed in what they have in common, which is no draw, is
    then the only one on any path of any of them."""
    while len(parts) > 1:
        allowed = [part.allowed for part in parts]
        common = torch.stack(allowed).all(dim=0)
        if all(torch.equal(one, common) for one in allowed):
            break
        if not common.any(dim=1).all():
            return None
        row = Automaton.of(common, [[torch.arange(len(common)).unsqueeze(0)]])
        kept = [part for part in (intersection(part, row) for part in parts) if part]
        if len(kept) < len(parts):
            return None
        parts = kept
    return parts


def _once(part: Automaton, places: Mapping[int, set[int]]) -> Automaton | None:
    """The strings of a part that have each token which some edges leave no choice but at one of
    its places at most, those of the parts beside it included; None where there are none. Tokens
    that would make it too large are left to whoever draws."""
    found: Automaton | None = part
    for token in sorted(part.fixed):
        if found and token > NEWLINE and len(places.get(token, ())) > 1:
            once = at_most_once(token, part, places[token])
            if product_size(found, once) <= MAX_EDGES:
                found = intersection(found, once)
    return found


def fixed(allowed: Tensor, mask_id: int) -> Tensor:
    """The token where there is no choice, else `mask_id`: (..., T), of sets (..., T, V)."""
    return torch.where(allowed.sum(dim=-1) == 1, allowed.int().argmax(dim=-1), mask_id)


def repeats(tokens: Tensor) -> Tensor:
    """Whether a token above the line break comes twice in a row of (B, T): (B,) bool."""
    ordered = tokens.sort(1).values
    return ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > NEWLINE)).any(1)


def crowded(allowed: Tensor, group: frozenset[int]) -> dict[int, list[int]]:
    """Positions of a group that cannot all have different tokens, with the tokens of each; none
    where they can. `allowed` is (T, V) bool.

    By Hall's theorem (1935) they are more than the tokens that they have in all. They are found
    where the search for a matching (Kuhn 1955, the Hungarian method) ends.
    """
    choices = {
        t: allowed[t].nonzero().flatten().tolist()
        for t in sorted(group)
        if int(allowed[t].sum()) < len(group) and not allowed[t, : NEWLINE + 1].any()
    }  # one with more choices than there are positions always finds a token
    holder: dict[int, int] = {}

    def place(t: int, seen: dict[int, int]) -> bool:
        for token in choices[t]:
            if token not in seen:
                seen[token] = t
                if token not in holder or place(holder[token], seen):
                    holder[token] = t
                    return True
        return False

    for t in sorted(choices, key=lambda t: len(choices[t])):
        seen: dict[int, int] = {}
        if not place(t, seen):
            return {at: choices[at] for at in sorted({t, *(holder[token] for token in seen)})}
    return {}

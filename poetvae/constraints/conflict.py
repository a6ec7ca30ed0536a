"""The words for conditions that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..text.poem import Form
from .automaton import compatible
from .constraint import Condition, crowded, joint


def explain(conditions: Sequence[Condition]) -> str:
    """The words for conditions that exclude each other: the fewest of them that still do."""
    if not _exclusive(conditions):
        return "no string of tokens meets both conditions; loosen one"
    for condition in conditions:
        rest = [other for other in conditions if other is not condition]
        if _exclusive(rest):
            return explain(rest)
    if crowd := _crowd(conditions):
        return crowd
    if len(conditions) == 2 and (clash := _clash(*conditions)):
        return clash
    names = [condition.name for condition in conditions]
    places = sorted({t for condition in conditions if condition.by_sound for t in condition.words})
    sounds = [one.sound(t) for t in places for one in conditions if t in one.sounds]
    why = f": {', '.join(sounds)}" if sounds else "; leave one of them out"
    return f"{', '.join(names[:-1])} and {names[-1]} cannot be met together{why}"


def _exclusive(conditions: Sequence[Condition]) -> bool:
    """Whether no string meets all conditions."""
    return bool(conditions) and joint([condition.constraint for condition in conditions]) is None


def _clash(a: Condition, b: Condition) -> str | None:
    """The words for two conditions that exclude each other at one position, or in one line."""
    form, by_sound = a.constraint.form, a.by_sound or b.by_sound
    common = a.constraint.allowed & b.constraint.allowed
    for t in (~common.any(dim=1)).nonzero().flatten().tolist():
        return f"{place(form, t)}: {a.at(t, by_sound)}, {b.at(t, by_sound)}"
    for i, line in enumerate(form.spans if form else ()):
        if not compatible(a.constraint.parts[0], b.constraint.parts[0], line):
            fixed, other = (a, b) if a.sounds else (b, a)
            wanted = ", ".join(fixed.sound(t) for t in line if t in fixed.sounds)
            return f"line {i + 1} cannot satisfy {other.name}: {fixed.name} wants {wanted}"
    return None


def _crowd(conditions: Sequence[Condition]) -> str | None:
    """The words for places that would have to share characters, where none may come twice."""
    loose = joint([replace(one.constraint, distinct=frozenset()) for one in conditions])
    distinct = frozenset[int]().union(*(one.constraint.distinct for one in conditions))
    places = crowded(loose.choices, distinct) if loose else {}
    if loose is None:
        return None
    names = [one.name for one in conditions if not one.constraint.distinct or one.words]
    see = f": see {' and '.join(names)}" if names else ""
    if not places:
        return f"no character may come twice{see}"
    tokens = {token for choices in places.values() for token in choices}
    if len(tokens) == 1:
        char = next(
            (c.words[t] for t in places for c in conditions if t in c.sounds), "one character"
        )
        where = " and at ".join(place(loose.form, t) for t in places)
        return f"no character may come twice, but {char} has to stand at {where}{see}"
    few = f"{len(places)} places have {len(tokens)} characters to choose from"
    return f"no character may come twice, but {few}{see}"


def place(form: Form | None, t: int) -> str:
    """Where a position is, counted from 1 as people do: "line 2, position 5"."""
    if form is None:
        return f"position {t + 1}"
    verse, at = form.place(t)
    return f"line {verse + 1}, position {at + 1}"

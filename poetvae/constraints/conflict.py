"""The words for conditions that exclude each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from ..errors import ConstraintError
from ..text.poem import Form
from ..text.tokenizer import NEWLINE
from .constraint import Condition, Constraint, intersection, meeting


def explain(conditions: Sequence[Condition]) -> str:
    """The words for conditions that exclude each other: the fewest of them that still do."""
    if not _exclusive(conditions):
        return "no string of tokens meets both conditions; loosen one"
    for condition in conditions:
        rest = [other for other in conditions if other is not condition]
        if _exclusive(rest):
            return explain(rest)
    alone = [
        replace(one, constraint=replace(one.constraint, distinct=frozenset())) for one in conditions
    ]
    if not _exclusive(alone):
        return _repeated(alone, frozenset().union(*(one.constraint.distinct for one in conditions)))
    if len(conditions) == 2 and (clash := _clash(*conditions)):
        return clash
    names = [condition.name for condition in conditions]
    places = sorted({t for condition in conditions if condition.by_sound for t in condition.words})
    sounds = [one.sound(t) for t in places for one in conditions if t in one.sounds]
    why = f": {', '.join(sounds)}" if sounds else "; leave one of them out"
    return f"{', '.join(names[:-1])} and {names[-1]} cannot be met together{why}"


def _exclusive(conditions: Sequence[Condition]) -> bool:
    """Whether no string meets all conditions, as far as they can be weighed."""
    try:
        return bool(conditions) and _joint(conditions) is None
    except ConstraintError:
        return False


def _joint(conditions: Sequence[Condition]) -> Constraint | None:
    """All conditions together; None where no string meets them all."""
    joint: Constraint | None = conditions[0].constraint
    for condition in conditions[1:]:
        joint = joint and intersection(joint, condition.constraint)
    return joint


def _clash(a: Condition, b: Condition) -> str | None:
    """The words for two conditions that exclude each other at one position, or in one line."""
    common = meeting(a.constraint, b.constraint)
    columns = zip(a.constraint.alternatives.T, b.constraint.alternatives.T, strict=True)
    meets = torch.stack([common[one][:, other] for one, other in columns])
    form, by_sound = a.constraint.form, a.by_sound or b.by_sound
    for t in (~meets.flatten(1).any(1)).nonzero().flatten().tolist():
        return f"{place(form, t)}: {a.at(t, by_sound)}, {b.at(t, by_sound)}"
    for i in range(form.lines if form else 0):
        line = range(i * form.length, (i + 1) * form.length) if form else range(0)
        if not meets[line.start : line.stop].all(0).any():
            fixed, other = (a, b) if a.sounds else (b, a)
            wanted = ", ".join(fixed.sound(t) for t in line if t in fixed.sounds)
            return f"line {i + 1} cannot satisfy {other.name}: {fixed.name} wants {wanted}"
    return None


def _repeated(conditions: Sequence[Condition], distinct: Collection[int]) -> str:
    """The words for a character that has to come twice among positions where none may."""
    joint = _joint(conditions)
    assert joint is not None
    known = joint.known(0)[0].tolist()
    tokens = {t: known[t] for t in sorted(distinct) if known[t] > NEWLINE}
    twice = Counter(tokens.values()).most_common(1)[0][0]
    places = [t for t, token in tokens.items() if token == twice]
    char = next((w.words[t] for t in places for w in conditions if t in w.sounds), "one character")
    where = " and at ".join(place(joint.form, t) for t in places[:2])
    names = " and ".join(one.name for one in conditions if one.words)
    return f"no character may come twice, but {char} has to stand at {where}: see {names}"


def place(form: Form | None, t: int) -> str:
    """Where a position is, counted from 1 as people do: "line 2, position 5"."""
    if form is None:
        return f"position {t + 1}"
    return f"line {t // form.length + 1}, position {t % form.length + 1}"

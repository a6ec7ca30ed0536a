"""The words for conditions that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import listed
from ..i18n import _
from ..text.poem import Form
from .automaton import compatible
from .constraint import Condition, crowded, joint


def explain(conditions: Sequence[Condition]) -> str:
    """The words for conditions that exclude each other: the fewest of them that still do."""
    if not _exclusive(conditions):
        return _("no string of tokens meets both conditions; loosen one")
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
    what = _("{names} cannot be met together", names=_together(names))
    if not sounds:
        return _("{what}; leave one of them out", what=what)
    return _("{what}: {why}", what=what, why=listed(sounds))


def _exclusive(conditions: Sequence[Condition]) -> bool:
    """Whether no string meets all conditions."""
    return bool(conditions) and joint([condition.constraint for condition in conditions]) is None


def _clash(a: Condition, b: Condition) -> str | None:
    """The words for two conditions that exclude each other at one position, or in one line."""
    form, by_sound = a.constraint.form, a.by_sound or b.by_sound
    common = a.constraint.allowed & b.constraint.allowed
    for t in (~common.any(dim=1)).nonzero().flatten().tolist():
        wants = {"a": a.at(t, by_sound), "b": b.at(t, by_sound)}
        return _("{place}: {a}, {b}", place=place(form, t), **wants)
    for i, line in enumerate(form.spans if form else ()):
        if not compatible(a.constraint.parts[0], b.constraint.parts[0], line):
            fixed, other = (a, b) if a.sounds else (b, a)
            return _(
                "line {n} cannot satisfy {name}: {other} wants {what}",
                n=i + 1,
                name=other.name,
                other=fixed.name,
                what=listed(fixed.sound(t) for t in line if t in fixed.sounds),
            )
    return None


def _crowd(conditions: Sequence[Condition]) -> str | None:
    """The words for places that would have to share characters, where none may come twice."""
    loose = joint([replace(one.constraint, distinct=frozenset()) for one in conditions])
    distinct = frozenset[int]().union(*(one.constraint.distinct for one in conditions))
    places = crowded(loose.choices, distinct) if loose else {}
    if loose is None:
        return None
    names = [one.name for one in conditions if not one.constraint.distinct or one.words]
    tokens = {token for choices in places.values() for token in choices}
    if not places:
        why = _("no character may come twice")
    elif len(tokens) == 1:
        words = (c.words[t] for t in places for c in conditions if t in c.sounds)
        char = next(words, None) or _("one character")
        why = _(
            "no character may come twice, but {char} has to stand at {places}",
            char=char,
            places=_(" and at ").join(place(loose.form, t) for t in places),
        )
    else:
        why = _(
            "no character may come twice, but {places} places have {n} characters to choose from",
            places=len(places),
            n=len(tokens),
        )
    return _("{why}: see {names}", why=why, names=_(" and ").join(names)) if names else why


def _together(names: Sequence[str]) -> str:
    return _("{names} and {last}", names=listed(names[:-1]), last=names[-1])


def place(form: Form | None, t: int) -> str:
    """Where a position is, counted from 1 as people do: "line 2, position 5"."""
    if form is None:
        return _("position {n}", n=t + 1)
    verse, at = form.place(t)
    return _("line {line}, position {n}", line=verse + 1, n=at + 1)

"""Unions of products against brute force: every string of a tiny vocabulary is tried."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.constraints import constraint as constraints
from poetvae.constraints.constraint import Condition, Constraint
from poetvae.errors import ConstraintError
from poetvae.text.poem import Form
from poetvae.text.tokenizer import NEWLINE

V, T = 9, 3
STRINGS = torch.tensor(list(product(range(V), repeat=T)))
TokenSets = list[set[int]]


def of_sets(
    *products: TokenSets, distinct: Iterable[int] = (), form: Form | None = None
) -> Constraint:
    """A constraint from plain sets, one for each position of each alternative."""
    known = list({frozenset(tokens): None for row in products for tokens in row})
    sets = torch.tensor([[i in tokens for i in range(V)] for tokens in known])
    rows = {tuple(known.index(frozenset(tokens)) for tokens in row): None for row in products}
    return Constraint(sets, torch.tensor(list(rows)), frozenset(distinct), (), form)


def members(constraint: Constraint) -> Tensor:
    """Which strings are in each alternative, one string and one token at a time: (A, N) bool."""
    sets, rows = constraint.sets.tolist(), constraint.alternatives.tolist()
    return torch.tensor(
        [
            [all(sets[s][token] for s, token in zip(row, string, strict=True)) for string in LIST]
            for row in rows
        ]
    )


LIST = STRINGS.tolist()
ALL = set(range(V))

token_sets = st.sets(st.integers(0, V - 1), min_size=1)
few_sets = st.lists(token_sets, min_size=1, max_size=3)


@st.composite
def unions(draw: st.DrawFn) -> Constraint:
    sets = draw(few_sets)
    rows = draw(st.lists(st.tuples(*[st.sampled_from(sets)] * T).map(list), min_size=1, max_size=4))
    return of_sets(*rows, distinct=draw(st.sampled_from([(), (0, 2), range(T)])))


def in_it(constraint: Constraint) -> list[bool]:
    """Which strings are in the set, by its definition."""
    inside = members(constraint).any(0).tolist()

    def fine(string: list[int]) -> bool:
        chars = [string[t] for t in constraint.distinct if string[t] > NEWLINE]
        return len(set(chars)) == len(chars)

    return [a and fine(string) for a, string in zip(inside, LIST, strict=True)]


@settings(max_examples=80, deadline=None)
@given(unions(), unions())
def test_and_is_the_intersection(a: Constraint, b: Constraint) -> None:
    wanted = [x and y for x, y in zip(in_it(a), in_it(b), strict=True)]
    try:
        both = a & b
    except ConstraintError:
        assert not any(wanted)
        return
    assert both.distinct == (a.distinct | b.distinct)
    assert both.satisfied(STRINGS).tolist() == wanted
    assert both.sets.any(1).all()
    assert len(set(map(tuple, both.sets.tolist()))) == len(both.sets)
    assert len(set(map(tuple, both.alternatives.tolist()))) == len(both.alternatives)
    assert set(both.alternatives.flatten().tolist()) <= set(range(len(both.sets)))


@settings(max_examples=30, deadline=None)
@given(unions())
def test_count_satisfied_allowed_and_known(constraint: Constraint) -> None:
    inside = members(constraint)
    assert constraint.count(STRINGS).tolist() == inside.sum(0).tolist()
    assert constraint.satisfied(STRINGS).tolist() == in_it(constraint)
    for t in range(T):
        stands = {string[t] for string, ok in zip(LIST, inside.any(0), strict=True) if ok}
        assert set(constraint.allowed[t].nonzero().flatten().tolist()) == stands
    for row, known in zip(inside, constraint.known(-1).tolist(), strict=True):
        for t in range(T):
            tokens = {string[t] for string, ok in zip(LIST, row, strict=True) if ok}
            assert known[t] == (tokens.pop() if len(tokens) == 1 else -1)


@settings(max_examples=30, deadline=None)
@given(unions(), st.integers(0, 1000), st.sampled_from([1.0, 30.0, 1000.0]))
def test_log_masses_are_sums_over_strings(constraint: Constraint, seed: int, scale: float) -> None:
    """Also where the logits differ by more than single precision can hold as probabilities."""
    logits = scale * torch.randn(2, T, V, generator=torch.Generator().manual_seed(seed))
    log_probs = logits.double().log_softmax(2)
    of_strings = sum(log_probs[:, t, STRINGS[:, t]] for t in range(T))
    assert isinstance(of_strings, Tensor)
    wanted = [of_strings[:, row].logsumexp(1) for row in members(constraint)]
    found = constraint.log_masses(logits)
    assert found.shape == (2, len(constraint.alternatives))
    assert torch.allclose(found.double(), torch.stack(wanted, 1), rtol=1e-4, atol=1e-4)


def test_no_repeat_does_not_look_past_the_end_of_the_form() -> None:
    two = of_sets([ALL, ALL, ALL], distinct=range(2), form=Form(1, 2))
    assert two.length == 2
    strings = torch.tensor([[7, 8, 8], [7, 7, 8], [5, 5, 5], [1, 1, 7]])
    assert two.satisfied(strings).tolist() == [True, False, True, True]
    found = of_sets([ALL] * 3, distinct=range(T)).satisfied(strings).tolist()
    assert found == [False, False, True, True]


def test_it_moves_between_devices() -> None:
    moved = of_sets([{1}, {2}, ALL]).to("meta")
    assert (moved.sets.device.type, moved.alternatives.device.type) == ("meta", "meta")


def test_wishes_are_kept() -> None:
    a, b = of_sets([{7, 8}, ALL, ALL]), of_sets([{8}, ALL, ALL])
    one = Constraint(a.sets, a.alternatives, says=(Condition("one", a),))
    two = Constraint(b.sets, b.alternatives, says=(Condition("two", b),))
    assert [condition.name for condition in (one & two).says] == ["one", "two"]


def said(name: str, *products: TokenSets, **words: str) -> Constraint:
    alone = of_sets(*products)
    condition = Condition(name, alone, {int(t[1:]): word for t, word in words.items()})
    return Constraint(alone.sets, alone.alternatives, says=(condition,))


def test_a_conflict_of_two_names_the_first_position() -> None:
    a = said("one", [ALL, {6}, {6}], t1="six", t2="six")
    b = said("two", [ALL, {7}, {7}], t1="seven", t2="seven")
    with pytest.raises(ConstraintError, match=r"^position 2: one wants six, two wants seven$"):
        a & said("else", [{8}, ALL, ALL]) & b


def test_a_conflict_of_three_names_all_three_and_no_other() -> None:
    one, two = said("one", [{6}, ALL, ALL]), said("two", [ALL, {7}, ALL])
    same = said("same", [{6}, {6}, ALL], [{7}, {7}, ALL])
    with pytest.raises(ConstraintError, match=r"^one, two and same cannot be met together"):
        one & said("else", [ALL, ALL, {8}]) & two & same


def test_a_conflict_without_words_says_so() -> None:
    with pytest.raises(ConstraintError, match="no string of tokens meets both"):
        of_sets([{6}, ALL, ALL]) & of_sets([{7}, ALL, ALL])


def test_constraints_on_different_forms_do_not_mix() -> None:
    with pytest.raises(ConstraintError, match="conditions on 1x2 and on 1x3 poems"):
        of_sets([ALL] * 3, form=Form(1, 2)) & of_sets([ALL] * 3, form=Form(1, 3))


def test_too_many_alternatives_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    a = of_sets([{6}, ALL, ALL], [{7}, ALL, ALL], [{8}, ALL, ALL])
    b = of_sets([ALL, {6}, ALL], [ALL, {7}, ALL], [ALL, {8}, ALL])
    monkeypatch.setattr(constraints, "MAX_ALTERNATIVES", 9)
    assert len((a & b).alternatives) == 9
    assert len((a & a).alternatives) == 3
    monkeypatch.setattr(constraints, "MAX_ALTERNATIVES", 8)
    with pytest.raises(ConstraintError, match="come to 9 alternatives; at most 8 can be weighed"):
        a & b


def test_a_conflict_is_named_where_some_of_the_wishes_cannot_be_weighed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = said("one", [{6}, ALL, ALL], t0="six"), said("two", [{7}, ALL, ALL], t0="seven")
    thin = said("thin", [ALL, {6}, ALL])
    many = said("many", *([ALL, {i}, ALL] for i in (6, 7, 8)))
    more = said("more", *([ALL, ALL, {i}] for i in (6, 7, 8)))
    monkeypatch.setattr(constraints, "MAX_ALTERNATIVES", 8)
    with pytest.raises(ConstraintError, match="position 1: one wants six, two wants seven"):
        one & thin & many & more & two

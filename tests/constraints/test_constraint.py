"""Unions of products against brute force: every string of a tiny vocabulary is tried."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.constraints import constraint as constraints
from poetvae.constraints.automaton import Automaton
from poetvae.constraints.constraint import Condition, Constraint, crowded
from poetvae.errors import ConstraintError
from poetvae.text.poem import Form
from poetvae.text.tokenizer import NEWLINE

V, T = 9, 3
STRINGS = torch.tensor(list(product(range(V), repeat=T)))
LIST = STRINGS.tolist()
ALL = set(range(V))
NONE: frozenset[int] = frozenset()
TokenSets = list[set[int]]
Union = tuple[list[TokenSets], frozenset[int]]


def of_sets(
    *products: TokenSets, distinct: frozenset[int] = NONE, form: Form | None = None
) -> Constraint:
    """A constraint from plain sets, one for each position of each alternative."""
    known = list({frozenset(tokens): None for row in products for tokens in row})
    sets = torch.tensor([[i in tokens for i in range(V)] for tokens in known])
    rows = [[known.index(frozenset(tokens)) for tokens in row] for row in products]
    return Constraint.union(sets, torch.tensor(rows), distinct, form)


def in_it(union: Union) -> list[bool]:
    """Which strings are in the set, by its definition."""
    products, distinct = union

    def fine(string: list[int]) -> bool:
        chars = [string[t] for t in distinct if string[t] > NEWLINE]
        return len(set(chars)) == len(chars)

    def member(string: list[int]) -> bool:
        rows = (zip(string, row, strict=True) for row in products)
        return any(all(token in tokens for token, tokens in row) for row in rows)

    return [member(string) and fine(string) for string in LIST]


token_sets = st.sets(st.integers(0, V - 1), min_size=1)


@st.composite
def unions(draw: st.DrawFn) -> Union:
    sets = draw(st.lists(token_sets, min_size=1, max_size=3))
    rows = draw(st.lists(st.tuples(*[st.sampled_from(sets)] * T).map(list), min_size=1, max_size=4))
    return rows, draw(st.sampled_from([NONE, frozenset({0, 2}), frozenset(range(T))]))


def mass(logits: Tensor, inside: list[bool]) -> Tensor:
    """log of the mass of strings, (B,), by summing over them."""
    log_probs = logits.double().log_softmax(2)
    of_strings = torch.stack([log_probs[:, t, STRINGS[:, t]] for t in range(T)]).sum(0)
    return of_strings[:, torch.tensor(inside)].logsumexp(1)


@settings(max_examples=80, deadline=None)
@given(unions(), unions(), st.sampled_from([0, 6, constraints.MAX_EDGES]))
def test_and_is_the_intersection(a: Union, b: Union, most: int) -> None:
    """Whether the two become one part or stay apart."""
    wanted = [x and y for x, y in zip(in_it(a), in_it(b), strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constraints, "MAX_EDGES", most)
        try:
            both = of_sets(*a[0], distinct=a[1]) & of_sets(*b[0], distinct=b[1])
        except ConstraintError:
            assert not any(wanted)
            return
    assert both.distinct == a[1] | b[1]
    assert both.satisfied(STRINGS).tolist() == wanted
    for t in range(T):
        stands = {string[t] for string, ok in zip(LIST, wanted, strict=True) if ok}
        assert set(both.allowed[t].nonzero().flatten().tolist()) >= stands


@settings(max_examples=40, deadline=None)
@given(unions())
def test_one_part_knows_what_may_stand_where_and_which_places_it_narrows(union: Union) -> None:
    constraint, rows = of_sets(*union[0]), union[0]
    (part,) = constraint.parts
    assert part.sets.any(1).all()
    assert len(set(map(tuple, part.sets.tolist()))) == len(part.sets)
    stands = [set().union(*(row[t] for row in rows)) for t in range(T)]
    assert [set(row.nonzero().flatten().tolist()) for row in constraint.allowed] == stands
    narrow = [t for t in range(T) if any(row[t] != ALL for row in rows)]
    writable = torch.ones(T, V, dtype=torch.bool)
    assert constraint.narrowed(writable).tolist() == narrow


@settings(max_examples=40, deadline=None)
@given(unions(), unions(), st.integers(0, 1000), st.sampled_from([1.0, 30.0, 1000.0]))
def test_the_weight_of_a_draw_is_the_mass_of_its_paths(
    a: Union, b: Union, seed: int, scale: float
) -> None:
    """Also where logits differ by more than single precision can hold as probabilities. The mass of
    paths is the sum over strings, each as often as there are paths that take it."""
    logits = scale * torch.randn(2, T, V, generator=torch.Generator().manual_seed(seed))
    try:
        both = of_sets(*a[0]) & of_sets(*b[0])
    except ConstraintError:
        return
    count = both.count(STRINGS)
    log_probs = logits.double().log_softmax(2)
    of_strings = torch.stack([log_probs[:, t, STRINGS[:, t]] for t in range(T)]).sum(0)
    wanted = (of_strings + count.log()).logsumexp(1)
    weight, paths = both.draw(logits, torch.arange(T))
    assert torch.allclose(weight.double(), wanted, rtol=1e-4, atol=1e-4)
    assert both.satisfied(both.within(paths).int().argmax(2)).all()
    assert (both.draw(logits, torch.arange(T), likeliest=True)[0] <= weight + 1e-4).all()


def test_paths_of_parts_are_drawn_in_proportion_to_their_joint_mass() -> None:
    """Weighed, the draws of two parts that stay apart come as often as those of the whole."""
    a = of_sets([{6, 7}, ALL, {6}], [ALL, {7}, {7, 8}])
    b = of_sets([{6}, ALL, ALL], [ALL, {7, 8}, ALL], [ALL, ALL, {8}])
    apart = Constraint((*a.parts, *b.parts))
    logits = 2 * torch.randn(1, T, V, generator=torch.Generator().manual_seed(1))
    n = 40_000
    draws = logits.expand(n, T, V)
    weights, paths = apart.draw(draws, torch.arange(T), torch.Generator().manual_seed(2))
    whole, _ = (a & b).draw(logits, torch.arange(T))
    count = (a & b).count(STRINGS) / apart.count(STRINGS).clamp(min=1)
    assert (count <= 1).all()
    inside = (apart.count(STRINGS) > 0).tolist()
    log_probs = logits.double().log_softmax(2)
    of_strings = torch.stack([log_probs[:, t, STRINGS[:, t]] for t in range(T)]).sum(0)[0]
    exact = (of_strings + apart.count(STRINGS).log())[torch.tensor(inside)].logsumexp(0)
    estimate = weights.double().logsumexp(0) - torch.tensor(float(n)).log()
    assert abs(float(estimate - exact)) < 0.02
    assert float(whole) <= float(exact) + 1e-6
    allowed = apart.within(paths)
    share = weights.double().softmax(0)
    first = (of_strings.exp() * apart.count(STRINGS))[torch.tensor(inside)]
    kept = STRINGS[torch.tensor(inside)]
    for token in (6, 7, 8):
        masked = logits.double().softmax(2)[0, 0] * allowed[:, 0]
        found = (share * masked[:, token] / masked.sum(1)).sum()
        wanted = first[kept[:, 0] == token].sum() / first.sum()
        assert abs(float(found - wanted)) < 0.02


def test_paths_that_go_together_are_kept_as_one() -> None:
    """106 rhymes at four places of 56: as many states as rhymes between the places, and one edge a
    position before and after."""
    sets = torch.rand(106, 500, generator=torch.Generator().manual_seed(1)) < 0.02
    sets = torch.cat([torch.ones(1, 500, dtype=torch.bool), sets])
    rows = torch.zeros(106, 56, dtype=torch.long)
    rows[:, [13, 27, 41, 55]] = torch.arange(1, 107).unsqueeze(1)
    part = Automaton.of(sets, [[rows]])
    assert [len(edges) for edges in part.edges] == [1] * 13 + [106] * 43
    whole = Automaton.of(sets[:1], [[torch.zeros(9, 56, dtype=torch.long)]])
    assert sum(map(len, whole.edges)) == 56


def test_blocks_are_products_of_unions() -> None:
    sets = torch.eye(V, dtype=torch.bool)
    blocks = [torch.tensor([[6], [7]]), torch.tensor([[6, 8], [7, 7], [8, 6]])]
    part = Automaton.of(sets, [blocks, [torch.tensor([[8]]), torch.tensor([[8, 8]])]])
    found = {
        tuple(string) for string, n in zip(LIST, part.count(STRINGS).tolist(), strict=True) if n
    }
    heads, tails = [(6,), (7,)], [(6, 8), (7, 7), (8, 6)]
    assert found == {(*a, *b) for a in heads for b in tails} | {(8, 8, 8)}


def test_no_repeat_looks_at_its_positions_alone() -> None:
    two = of_sets([ALL, ALL, ALL], distinct=frozenset({0, 1}), form=Form(1, 2))
    assert two.length == 2
    strings = torch.tensor([[7, 8, 8], [7, 7, 8], [5, 5, 5], [1, 1, 7]])
    assert two.satisfied(strings).tolist() == [True, False, True, True]
    found = of_sets([ALL] * 3, distinct=frozenset(range(3))).satisfied(strings).tolist()
    assert found == [False, False, True, True]


def test_a_path_that_fixes_a_token_twice_goes_where_none_may_come_twice() -> None:
    twice, once = [{7}, ALL, {7}], [{7}, {8}, ALL]
    distinct = of_sets([ALL] * 3, distinct=frozenset(range(3)))
    assert (of_sets(twice, once) & distinct).allowed[1].tolist() == [i == 8 for i in range(V)]
    with pytest.raises(ConstraintError):
        of_sets(twice, [{8}, {8}, ALL]) & distinct


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sets(st.integers(NEWLINE + 1, V - 1), min_size=1), min_size=1, max_size=5))
def test_places_are_crowded_where_no_choice_of_different_tokens_fills_them(
    choices: list[set[int]],
) -> None:
    allowed = torch.tensor([[i in tokens for i in range(V)] for tokens in choices])
    found = crowded(allowed, frozenset(range(len(choices))))
    fits = any(len(set(string)) == len(string) for string in product(*choices))
    assert bool(found) != fits
    if found:
        assert len(set().union(*(choices[t] for t in found))) < len(found)


def test_it_moves_between_devices() -> None:
    moved = of_sets([{1}, {2}, ALL]).to("meta").parts[0]
    assert {moved.sets.device.type, *(edges.device.type for edges in moved.edges)} == {"meta"}


def said(name: str, *products: TokenSets, **words: str) -> Constraint:
    alone = of_sets(*products)
    condition = Condition(name, alone, {int(t[1:]): word for t, word in words.items()})
    return Constraint(alone.parts, says=(condition,))


def test_conditions_are_kept() -> None:
    both = said("one", [{7, 8}, ALL, ALL]) & said("two", [{8}, ALL, ALL])
    assert [condition.name for condition in both.says] == ["one", "two"]


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


def test_a_conflict_is_found_between_parts_that_stay_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constraints, "MAX_EDGES", 0)
    one, two = said("one", [{6}, ALL, ALL], t0="six"), said("two", [{7}, ALL, ALL], t0="seven")
    many = said("many", *([ALL, {i}, ALL] for i in (6, 7, 8)))
    with pytest.raises(ConstraintError, match="position 1: one wants six, two wants seven"):
        one & many & two

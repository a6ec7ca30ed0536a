"""The chunked loss against F.cross_entropy on whole logits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from poetvae.nn import cross_entropy, linear_cross_entropy


def problem(n: int, c: int, v: int, bias: bool) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    hidden = torch.randn(n, c, dtype=torch.double, requires_grad=True)
    weight = torch.randn(v, c, dtype=torch.double, requires_grad=True)
    b = torch.randn(v, dtype=torch.double, requires_grad=True) if bias else None
    return hidden, weight, torch.randint(0, v, (n,)), b


def whole(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    added: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    logits = F.linear(hidden, weight, bias)
    for token, number in [] if added is None else zip(*(x.T for x in added), strict=True):
        logits = logits + number.unsqueeze(1) * F.one_hot(token, len(weight))
    return F.cross_entropy(logits, target, reduction="none")


@given(
    st.integers(1, 9), st.integers(1, 4), st.integers(2, 6), st.booleans(), st.booleans(),
    st.integers(1, 10), st.integers(0, 4),
)  # fmt: skip
@settings(deadline=None, max_examples=80)
def test_values_and_gradients(
    n: int, c: int, v: int, bias: bool, uniform: bool, chunk: int, some: int
) -> None:
    hidden, weight, target, b = problem(n, c, v, bias)
    numbers = torch.randn(n, some, dtype=torch.double, requires_grad=True)
    added = (torch.randint(0, v, (n, some)), numbers) if some else None
    rows = torch.full((n,), 0.3) if uniform else torch.rand(n)
    inputs = [x for x in (hidden, weight, b, numbers if some else None) if x is not None]
    before, cross_entropy.CHUNK_ROWS = cross_entropy.CHUNK_ROWS, chunk
    try:
        ours = linear_cross_entropy(hidden, weight, target, b, added)
        gradients = torch.autograd.grad((ours * rows).sum(), inputs)
        with torch.no_grad():
            scored = linear_cross_entropy(hidden, weight, target, b, added)
    finally:
        cross_entropy.CHUNK_ROWS = before
    theirs = whole(hidden, weight, target, b, added)
    torch.testing.assert_close(ours, theirs.float())
    torch.testing.assert_close(scored, theirs.float())
    for a, e in zip(gradients, torch.autograd.grad((theirs * rows).sum(), inputs), strict=True):
        torch.testing.assert_close(a.double(), e, atol=1e-5, rtol=1e-5)


def test_no_rows() -> None:
    hidden, weight = torch.zeros(0, 3, requires_grad=True), torch.zeros(5, 3, requires_grad=True)
    nll = linear_cross_entropy(hidden, weight, torch.zeros(0, dtype=torch.long))
    assert nll.shape == (0,)
    torch.autograd.backward(nll.sum())
    assert weight.grad is not None
    assert weight.grad.abs().sum() == 0
    with torch.no_grad():
        assert linear_cross_entropy(hidden, weight, torch.zeros(0, dtype=torch.long)).shape == (0,)


@pytest.mark.parametrize("bias", [False, True])
def test_bfloat16_is_close_to_float32(bias: bool) -> None:
    hidden = torch.randn(300, 32, requires_grad=True)
    weight = (torch.randn(500, 32) * 0.1).requires_grad_()
    target = torch.randint(0, 500, (300,))
    b = torch.randn(500, requires_grad=True) if bias else None
    inputs = [weight] if b is None else [weight, b]
    exact = whole(hidden, weight, target, b).mean()
    with torch.autocast("cpu", torch.bfloat16):
        ours = linear_cross_entropy(hidden, weight, target, b).mean()
    torch.testing.assert_close(ours, exact, atol=2e-3, rtol=2e-3)
    gradients = torch.autograd.grad(ours, inputs), torch.autograd.grad(exact, inputs)
    for a, e in zip(*gradients, strict=True):
        assert (a - e).norm() / e.norm() < 0.02


def test_two_losses_at_once_do_not_share_scratch_memory() -> None:
    (h1, w, t1, _), (h2, _, t2, _) = problem(4, 3, 5, False), problem(4, 3, 5, False)
    total = linear_cross_entropy(h1, w, t1).sum() + linear_cross_entropy(h2, w, t2).sum()
    expected = whole(h1, w, t1, None).sum() + whole(h2, w, t2, None).sum()
    (a,), (e,) = torch.autograd.grad(total, [w]), torch.autograd.grad(expected, [w])
    torch.testing.assert_close(a.double(), e, atol=1e-5, rtol=1e-5)


def test_impossible_characters_cost_much_and_stay_finite() -> None:
    hidden = torch.tensor([[1000.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0]])
    nll = linear_cross_entropy(hidden, weight, torch.tensor([1]))
    assert nll.item() == pytest.approx(87.3, abs=0.1)
    with torch.no_grad():
        assert linear_cross_entropy(hidden, weight, torch.tensor([1])).item() == 2000


@pytest.mark.parametrize("n", [5, 2500])  # in one chunk, and in three
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("uniform", [False, True])
def test_minus_100_is_ignored_in_value_and_gradient(n: int, bias: bool, uniform: bool) -> None:
    hidden, weight, target, b = problem(n, 3, 7, bias)
    target[torch.rand(n) < 0.4] = -100
    target[0], target[1] = -100, 6
    with torch.no_grad():
        hidden[0] = torch.nan  # such a row may hold anything
    rows = torch.full((n,), 0.3) if uniform else torch.rand(n)
    ours, known = linear_cross_entropy(hidden, weight, target, b), target != -100
    theirs = whole(hidden[known], weight, target[known], b)
    assert ours[~known].eq(0).all()
    torch.testing.assert_close(ours[known], theirs.float())
    with torch.no_grad():
        torch.testing.assert_close(linear_cross_entropy(hidden, weight, target, b), ours)
    inputs = [x for x in (hidden, weight, b) if x is not None]
    found = torch.autograd.grad((ours * rows).sum(), inputs)
    expected = torch.autograd.grad((theirs * rows[known]).sum(), inputs)
    for a, e in zip(found, expected, strict=True):
        torch.testing.assert_close(a, e, atol=1e-4, rtol=1e-4)
    everything = torch.full((n,), -100)
    nothing = linear_cross_entropy(hidden, weight, everything, b).sum()
    assert nothing == 0
    assert all(g.eq(0).all() for g in torch.autograd.grad(nothing, inputs))


@pytest.mark.parametrize("place", [0, 1500])
@pytest.mark.parametrize("strange", [-1, -99, -101, 5, 63, 10**6])
def test_other_targets_outside_the_vocabulary_are_errors_on_every_path(
    strange: int, place: int
) -> None:
    hidden, weight, target, _ = problem(2000, 3, 5, False)
    target[place], target[7] = strange, -100
    message = f"target is {strange}; expected 0 to 4, or -100"
    with pytest.raises(IndexError, match=message):
        linear_cross_entropy(hidden, weight, target)
    with torch.no_grad(), pytest.raises(IndexError, match=message):
        linear_cross_entropy(hidden, weight, target)

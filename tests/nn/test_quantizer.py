"""Vector quantization against brute force and a moving average worked out by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.nn import VectorQuantizer
from poetvae.nn.quantizer import perplexity


def quantizer(codebook: Tensor, decay: float = 0.9, revive: float = 0.03) -> VectorQuantizer:
    """One whose codes are given, each used by one vector so far."""
    module = VectorQuantizer(len(codebook), codebook.shape[1], decay=decay, revive=revive)
    with torch.no_grad():
        module.codebook.copy_(codebook)
        module.total.copy_(codebook)
        module.usage.fill_(1.0)
    return module


@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from([(1,), (7,), (2, 3)]))
@settings(deadline=None)
def test_the_nearest_code_is_that_of_brute_force(k: int, d: int, shape: tuple[int, ...]) -> None:
    module, x = VectorQuantizer(k, d).eval(), 2 * torch.randn(*shape, d)
    found = module(x)
    distance = torch.stack([(x - code).square().sum(dim=-1) for code in module.codebook], dim=-1)
    assert found.codes.shape == found.distance.shape == shape
    torch.testing.assert_close(found.distance, distance.min(dim=-1).values, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.vectors, module.codebook[found.codes], atol=1e-5, rtol=1e-4)
    assert torch.equal(module.nearest(x), found.codes)
    assert torch.equal(module.lookup(found.codes), module.codebook[found.codes])


def test_gradients_go_past_the_codes_and_commitment_reaches_the_input_alone() -> None:
    module = VectorQuantizer(5, 3).eval()
    x = torch.randn(4, 3, requires_grad=True)
    weights = torch.randn(4, 3)
    found = module(x)
    (straight,) = torch.autograd.grad((found.vectors * weights).sum(), x, retain_graph=True)
    torch.testing.assert_close(straight, weights)
    (pull,) = torch.autograd.grad(found.distance.sum(), x)
    torch.testing.assert_close(pull, 2 * (x - module.codebook[found.codes]).detach())
    assert not any(p.requires_grad for p in module.parameters())


def test_codes_are_moving_averages_of_the_vectors_that_choose_them() -> None:
    module = quantizer(torch.tensor([[0.0], [10.0]]), decay=0.75).train()
    module(torch.tensor([[1.0], [2.0], [3.0], [8.0]]))
    usage = [0.75 * 1 + 0.25 * 3, 0.75 * 1 + 0.25 * 1]
    total = [0.75 * 0 + 0.25 * 6, 0.75 * 10 + 0.25 * 8]
    torch.testing.assert_close(module.usage.data, torch.tensor(usage))
    torch.testing.assert_close(module.total.data[:, 0], torch.tensor(total))
    codes = [t / u for t, u in zip(total, usage, strict=True)]
    torch.testing.assert_close(module.codebook.data[:, 0], torch.tensor(codes))
    # In time they come to the means.
    module = quantizer(torch.tensor([[-1.0], [1.0]]), decay=0.5).train()
    for _ in range(40):
        module(torch.tensor([[-5.0], [-3.0], [2.0], [4.0], [6.0], [8.0]]))
    torch.testing.assert_close(module.codebook.data, torch.tensor([[-4.0], [5.0]]))


def test_nothing_follows_in_evaluation() -> None:
    module = VectorQuantizer(4, 2).eval()
    before = [p.clone() for p in module.parameters()]
    module(torch.randn(20, 2))
    for now, then in zip(module.parameters(), before, strict=True):
        assert torch.equal(now, then)


def test_the_codebook_starts_from_the_vectors() -> None:
    torch.manual_seed(0)
    module, x = VectorQuantizer(4, 2, decay=0.99).train(), 100 + torch.randn(64, 2)
    module(x)
    assert (module.codebook - 100).abs().max() < 5, "no code is left where the noise had put it"


@pytest.mark.parametrize("revive", [0.0, 0.1])
def test_a_dead_code_comes_back(revive: float) -> None:
    torch.manual_seed(0)
    module = quantizer(torch.tensor([[0.0], [1000.0]]), decay=0.5, revive=revive).train()
    x = torch.randn(32, 1)
    for _ in range(12):
        module(x)
    used = len(set(module.eval()(x).codes.tolist()))
    assert used == (2 if revive else 1)


def test_perplexity_is_how_many_codes_are_in_use() -> None:
    assert perplexity(torch.full((3, 4), 7)) == pytest.approx(1)
    assert perplexity(torch.arange(12).view(3, 4)) == pytest.approx(12)
    assert perplexity(torch.tensor([0, 0, 0, 1])) == pytest.approx(4 / 27**0.25)

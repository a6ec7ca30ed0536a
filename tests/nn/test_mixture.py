"""A mixture of Gaussians against torch.distributions and Bayes' rule."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from poetvae.nn import Mixture


def both(c: int, d: int, n: int = 1) -> tuple[Mixture, MixtureSameFamily]:
    """One mixture, ours and torch's."""
    logits, mean, logvar = torch.randn(c), 2 * torch.randn(c, d), torch.randn(c, d)
    theirs = MixtureSameFamily(
        Categorical(logits=logits.double()),
        Independent(Normal(mean.double(), (0.5 * logvar.double()).exp()), 1),
    )
    return Mixture(logits.double(), mean.double(), logvar.double(), n), theirs


@given(st.integers(1, 5), st.integers(1, 4), st.sampled_from([(), (3,), (2, 3)]))
@settings(deadline=None)
def test_log_prob_is_that_of_torch(c: int, d: int, shape: tuple[int, ...]) -> None:
    ours, theirs = both(c, d)
    z = 3 * torch.randn(*shape, d, dtype=torch.double)
    expected = theirs.log_prob(z)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(ours.log_prob(z), expected)
    assert ours.log_prob(z).shape == shape
    assert ours.log_joint(z).shape == (*shape, c)


@given(st.integers(1, 5), st.integers(1, 4))
@settings(deadline=None)
def test_responsibilities_are_bayes_rule(c: int, d: int) -> None:
    ours, theirs = both(c, d)
    z = 2 * torch.randn(6, d, dtype=torch.double)
    chances = theirs.mixture_distribution.probs
    densities = theirs.component_distribution.log_prob(z.unsqueeze(1)).exp()
    expected = chances * densities / (chances * densities).sum(dim=1, keepdim=True)
    torch.testing.assert_close(ours.responsibilities(z), expected)


def test_far_from_everything_the_density_is_still_a_number() -> None:
    ours, _ = both(3, 2)
    z = torch.full((1, 2), 1e4, dtype=torch.double)
    assert torch.isfinite(ours.log_prob(z)).all()
    torch.testing.assert_close(ours.responsibilities(z).sum(dim=1), torch.ones(1).double())


def test_draws_have_the_moments_of_the_mixture() -> None:
    torch.manual_seed(0)
    n = 40_000
    logits, mean, logvar = torch.randn(3), 2 * torch.randn(3, 2), torch.randn(3, 2)
    z = Mixture(logits, mean, logvar, n).sample(torch.Generator().manual_seed(1))
    theirs = MixtureSameFamily(
        Categorical(logits=logits), Independent(Normal(mean, (0.5 * logvar).exp()), 1)
    )
    assert z.shape == (n, 2)
    error = theirs.variance.sqrt() / n**0.5
    assert ((z.mean(dim=0) - theirs.mean).abs() < 5 * error).all()
    torch.testing.assert_close(z.var(dim=0), theirs.variance, rtol=0.05, atol=0.0)
    member = Mixture(logits, mean, logvar).responsibilities(z).mean(dim=0)
    torch.testing.assert_close(member, logits.softmax(dim=0), rtol=0.0, atol=0.02)


def test_draws_follow_the_generator() -> None:
    mixture = Mixture(torch.zeros(2), torch.randn(2, 3), torch.zeros(2, 3), 4)
    one, again, other = (mixture.sample(torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "shapes", [((2,), (3, 4), (3, 4)), ((3,), (3, 4), (3, 5)), ((), (3,), (3,))]
)
def test_parts_that_do_not_fit(shapes: tuple[tuple[int, ...], ...]) -> None:
    logits, mean, logvar = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match="expected"):
        Mixture(logits, mean, logvar)

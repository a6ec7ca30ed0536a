"""What the VAE does beside what all members of the family do: its draws, what it is shown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.models import LatentSample
from poetvae.models.vae import VAE
from poetvae.nn import DiagonalGaussian

MASK, V, T = 4, 11, 6
CONFIG = ModelConfig(
    vocab_size=V,
    max_len=T,
    embed_dim=5,
    d_model=4,
    latent_dim=3,
    encoder_layers=1,
    decoder_layers=1,
)


def build(config: ModelConfig = CONFIG) -> VAE:
    """A model whose weights are large enough for everything to be seen."""
    model = VAE(config).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.4)
    return model


def poems(*lengths: int, labels: Tensor | None = None) -> Batch:
    tokens = torch.randint(5, V, (len(lengths), T))
    return Batch(tokens, torch.arange(T) < torch.tensor(lengths).unsqueeze(1), labels)


def test_nll_has_the_gradients_of_the_cross_entropy() -> None:
    model, batch = build(), poems(6, 3)
    z = torch.randn(2, 3, requires_grad=True)
    weights = torch.tensor([0.5, 2.0])
    inputs = [z, *model.decoder.heads.parameters(), model.decoder.softmax.weight]
    by_place = F.cross_entropy(model.decode(z).transpose(1, 2), batch.tokens, reduction="none")
    whole = ((by_place * batch.mask).sum(dim=1) * weights).sum()
    expected = torch.autograd.grad(whole, inputs)
    ours = torch.autograd.grad((model.nll(z, batch) * weights).sum(), inputs)
    for a, e in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, e, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("passes", [1, 3])
def test_the_likelihood_of_a_poem_does_not_depend_on_its_neighbours(
    by_length: bool, passes: int
) -> None:
    """Nor on how many positions are given beside its own; observed characters or not."""
    config = replace(CONFIG, by_length=by_length, observe=0.5, label_sizes=(3,))
    model = build(replace(config, passes=(1, 3), pass_layers=3))
    labels, lengths = torch.tensor([[0], [1], [2], [1]]), (6, 2, 5, 2)
    batch, z = poems(*lengths, labels=labels), torch.randn(4, 3)
    hidden = (torch.rand(4, T) < 0.6) | ~batch.mask
    for observed in (None, batch.tokens.masked_fill(hidden, MASK)):
        mixed = replace(batch, observed=observed)
        nll, mode = model.nll(z, mixed, passes), model.encode(mixed).mode
        for row, length in enumerate(lengths):
            for width in (length, T):
                one, short = slice(row, row + 1), slice(width)
                seen = None if observed is None else observed[one, short]
                alone = Batch(mixed.tokens[one, short], mixed.mask[one, short], labels[one], seen)
                torch.testing.assert_close(model.nll(z[one], alone, passes), nll[one])
                torch.testing.assert_close(model.encode(alone).mode, mode[one])


def test_a_poem_of_no_tokens_costs_nothing() -> None:
    assert build().nll(torch.zeros(2, 3), poems(0, 0)).tolist() == [0, 0]


def test_a_model_that_was_never_shown_characters_says_so() -> None:
    masked = torch.full((1, T), MASK)
    with pytest.raises(ConfigError, match=r"not trained to be shown characters; .* observe"):
        build().decode(torch.zeros(1, 3), masked)


def test_the_encoder_knows_what_the_decoder_is_shown() -> None:
    model, batch = build(replace(CONFIG, observe=0.5)), poems(6, 6)
    free, masked = model.encode(batch).mode, torch.full((2, T), MASK)
    torch.testing.assert_close(model.encode(replace(batch, observed=masked)).mode, free)
    masked[0, 2] = batch.tokens[0, 2]
    known = model.encode(replace(batch, observed=masked)).mode
    assert not torch.allclose(known[0], free[0])
    torch.testing.assert_close(known[1], free[1])


@pytest.mark.parametrize("samples", [1, 3])
def test_forward_draws_from_the_posterior(samples: int) -> None:
    model = build(replace(CONFIG, label_sizes=(3,), observe=0.5))
    batch = poems(6, 2, labels=torch.tensor([[1], [2]]))
    batch = replace(batch, observed=torch.where(torch.arange(T) % 2 == 0, batch.tokens, MASK))

    def drawn(seed: int) -> LatentSample:
        draw: LatentSample = model(
            batch, samples=samples, generator=torch.Generator().manual_seed(seed)
        )
        return draw

    draw, expected = drawn(3), model.encode(batch)
    noise = torch.randn(samples, 2, 3, generator=torch.Generator().manual_seed(3))
    assert isinstance(draw.posterior, DiagonalGaussian)
    assert isinstance(expected, DiagonalGaussian)
    torch.testing.assert_close(draw.posterior.mean, expected.mean)
    torch.testing.assert_close(draw.posterior.logvar, expected.logvar)
    torch.testing.assert_close(draw.z, expected.mean + (0.5 * expected.logvar).exp() * noise)
    assert draw.nll.shape == (samples, 2)
    for z, nll in zip(draw.z, draw.nll, strict=True):
        torch.testing.assert_close(nll, model.nll(z, batch))
    assert not torch.allclose(drawn(4).nll, draw.nll)


def test_the_encoder_sees_the_noisy_poem_and_the_decoder_restores_the_whole() -> None:
    model, batch = build(), poems(6, 2)
    noisy = batch.tokens.masked_fill(torch.arange(T) == 1, MASK)
    draw = model(replace(batch, noisy=noisy), generator=torch.Generator().manual_seed(0))
    seen = model.encode(replace(batch, tokens=noisy)).mode
    torch.testing.assert_close(draw.posterior.mode, seen)
    assert not torch.allclose(seen, model.encode(batch).mode)
    torch.testing.assert_close(draw.nll[0], model.nll(draw.z[0], batch))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_an_untrained_model_is_close_to_uniform(tied: bool, norm: str) -> None:
    torch.manual_seed(0)
    model = VAE(ModelConfig(vocab_size=500, max_len=10, tied=tied, norm=norm))
    nll = model(Batch.whole(torch.randint(5, 500, (8, 10)))).nll
    assert (nll.mean() / 10).item() == pytest.approx(math.log(500), rel=0.1)


def test_weights_follow_the_seed() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in VAE(CONFIG).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("size", [0, 4])
def test_a_vocabulary_without_characters(size: int) -> None:
    with pytest.raises(ConfigError, match=f"vocab_size is {size}; expected .* more than the 5"):
        VAE(replace(CONFIG, vocab_size=size))
    VAE(replace(CONFIG, vocab_size=5))

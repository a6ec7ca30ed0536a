"""The whole model: what each map depends on, its loss against whole logits, its export."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from poetvae.config import ModelConfig
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
CONFIGS = st.builds(
    replace,
    st.just(CONFIG),
    embed_dim=st.sampled_from([4, 5]),
    norm=st.sampled_from(["layer", "none"]),
    pooling=st.sampled_from(["mean", "mean+max", "attention+max"]),
    pooling_heads=st.integers(1, 3),
    positions=st.booleans(),
    inject=st.booleans(),
    tied=st.booleans(),
    label_sizes=st.sampled_from([(), (3,)]),
    observe=st.sampled_from([0.0, 0.5]),
)
LENGTHS = st.lists(st.integers(1, T), min_size=1, max_size=3)


def build(config: ModelConfig = CONFIG) -> VAE:
    """A model whose weights are large enough for everything to be seen."""
    model = VAE(config).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.4)
    return model


def poems(lengths: list[int]) -> tuple[Tensor, Tensor]:
    tokens = torch.randint(5, V, (len(lengths), T))
    return tokens, torch.arange(T) < torch.tensor(lengths).unsqueeze(1)


def some_observed(config: ModelConfig, tokens: Tensor) -> Tensor | None:
    """Every second character, for a model that can be shown any."""
    return torch.where(torch.arange(T) % 2 == 0, tokens, MASK) if config.observe else None


def some_labels(config: ModelConfig, b: int) -> Tensor | None:
    return torch.randint(0, 3, (b, 1)) if config.label_sizes else None


def gaussian(posterior: object) -> DiagonalGaussian:
    """A posterior or a prior that is one."""
    assert isinstance(posterior, DiagonalGaussian)
    return posterior


@given(CONFIGS, LENGTHS)
@settings(deadline=None, max_examples=30)
def test_padding_does_not_change_the_posterior(config: ModelConfig, lengths: list[int]) -> None:
    model, (tokens, mask) = build(config), poems(lengths)
    labels = some_labels(config, len(lengths))
    batch = gaussian(model.encode(tokens, mask, labels))
    assert batch.mean.shape == batch.logvar.shape == (len(lengths), 3)
    filled = gaussian(model.encode(torch.where(mask, tokens, 0), mask, labels))
    torch.testing.assert_close(filled.mean, batch.mean)
    torch.testing.assert_close(filled.logvar, batch.logvar)
    for i, length in enumerate(lengths):
        row = slice(i, i + 1)
        label = None if labels is None else labels[row]
        alone = gaussian(model.encode(tokens[row, :length], None, label))
        torch.testing.assert_close(alone.mean, batch.mean[row], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.logvar, batch.logvar[row], atol=1e-5, rtol=1e-4)


@given(CONFIGS, LENGTHS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_nll_is_the_cross_entropy_of_the_logits(
    config: ModelConfig, lengths: list[int], training: bool
) -> None:
    model, (tokens, mask) = build(config), poems(lengths)
    b = len(lengths)
    z, labels = torch.randn(b, 3), some_labels(config, b)
    observed = some_observed(config, tokens)
    logits = model.decode(z, observed, labels)
    assert logits.shape == (b, T, V)
    by_place = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    if observed is not None:  # what is given costs nothing
        by_place = by_place.masked_fill(observed != MASK, 0.0)
    expected = torch.stack([by_place[i, :length].sum() for i, length in enumerate(lengths)])
    with torch.set_grad_enabled(training):
        nll = model.nll(z, tokens, mask, observed, labels)
    assert nll.requires_grad == training
    torch.testing.assert_close(nll, expected, atol=1e-5, rtol=1e-4)
    other = torch.where(mask, tokens, 9)  # what stands in the padding costs nothing
    torch.testing.assert_close(model.nll(z, other, mask, observed, labels), nll)


def test_nll_has_the_gradients_of_the_cross_entropy() -> None:
    model, (tokens, mask) = build(), poems([6, 3])
    z = torch.randn(2, 3, requires_grad=True)
    weights = torch.tensor([0.5, 2.0])
    inputs = [z, *model.decoder.heads.parameters(), model.decoder.softmax.weight]
    by_place = F.cross_entropy(model.decode(z).transpose(1, 2), tokens, reduction="none")
    expected = torch.autograd.grad(((by_place * mask).sum(dim=1) * weights).sum(), inputs)
    ours = torch.autograd.grad((model.nll(z, tokens, mask) * weights).sum(), inputs)
    for a, e in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, e, atol=1e-5, rtol=1e-4)


def test_a_poem_of_no_tokens_costs_nothing() -> None:
    nll = build().nll(torch.zeros(2, 3), torch.zeros(2, T, dtype=torch.long), torch.zeros(2, T) > 0)
    assert nll.tolist() == [0, 0]


@given(CONFIGS, st.integers(0, T - 1))
@settings(deadline=None, max_examples=30)
def test_what_is_observed_changes_the_logits(config: ModelConfig, place: int) -> None:
    model = build(replace(config, observe=0.5))
    z, labels = torch.randn(2, 3), some_labels(config, 2)
    free = model.decode(z, None, labels)
    masked = torch.full((2, T), MASK)
    torch.testing.assert_close(model.decode(z, masked, labels), free)
    masked[0, place] = 7
    known = model.decode(z, masked, labels)
    assert not torch.allclose(known[0, place], free[0, place])
    torch.testing.assert_close(known[1], free[1])


def test_a_model_that_was_never_shown_characters_says_so() -> None:
    masked = torch.full((1, T), MASK)
    with pytest.raises(ConfigError, match=r"not trained to be shown characters; .* observe"):
        build().decode(torch.zeros(1, 3), masked)


def test_the_encoder_knows_what_the_decoder_is_shown() -> None:
    model, (tokens, mask) = build(replace(CONFIG, observe=0.5)), poems([6, 6])
    free, masked = model.encode(tokens, mask), torch.full((2, T), MASK)
    torch.testing.assert_close(model.encode(tokens, mask, observed=masked).mode, free.mode)
    masked[0, 2] = tokens[0, 2]
    known = model.encode(tokens, mask, observed=masked).mode
    assert not torch.allclose(known[0], free.mode[0])
    torch.testing.assert_close(known[1], free.mode[1])


def test_labels_change_posterior_and_logits() -> None:
    model, (tokens, mask) = build(replace(CONFIG, label_sizes=(3,))), poems([6, 6])
    tokens[1], z = tokens[0], torch.randn(1, 3).expand(2, 3)
    labels = torch.tensor([[1], [2]])
    posterior = gaussian(model.encode(tokens, mask, labels))
    logits = model.decode(z, labels=labels)
    assert not torch.allclose(posterior.mean[0], posterior.mean[1])
    assert not torch.allclose(posterior.logvar[0], posterior.logvar[1])
    assert not torch.allclose(logits[0], logits[1])


@pytest.mark.parametrize("samples", [1, 3])
def test_forward_draws_from_the_posterior(samples: int) -> None:
    model, (tokens, mask) = build(replace(CONFIG, label_sizes=(3,), observe=0.5)), poems([6, 2])
    labels, observed = torch.tensor([[1], [2]]), some_observed(model.config, tokens)

    def drawn(seed: int) -> LatentSample:
        generator = torch.Generator().manual_seed(seed)
        draw: LatentSample = model(
            tokens, mask, labels, observed=observed, samples=samples, generator=generator
        )
        return draw

    draw, expected = drawn(3), gaussian(model.encode(tokens, mask, labels, observed))
    noise = torch.randn(samples, 2, 3, generator=torch.Generator().manual_seed(3))
    assert isinstance(draw.posterior, DiagonalGaussian)
    torch.testing.assert_close(draw.posterior.mean, expected.mode)
    torch.testing.assert_close(draw.posterior.logvar, expected.logvar)
    torch.testing.assert_close(draw.z, expected.mean + (0.5 * expected.logvar).exp() * noise)
    assert draw.nll.shape == (samples, 2)
    for z, nll in zip(draw.z, draw.nll, strict=True):
        torch.testing.assert_close(nll, model.nll(z, tokens, mask, observed, labels))
    assert not torch.allclose(drawn(4).nll, draw.nll)


def test_the_encoder_sees_the_noisy_poem_and_the_decoder_restores_the_whole() -> None:
    model, (tokens, mask) = build(), poems([6, 2])
    noisy = tokens.masked_fill(torch.arange(T) == 1, MASK)
    draw = model(tokens, mask, noisy=noisy, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(draw.posterior.mode, model.encode(noisy, mask).mode)
    torch.testing.assert_close(draw.nll[0], model.nll(draw.z[0], tokens, mask))


def test_the_prior_is_the_standard_normal() -> None:
    prior = gaussian(build().prior(5))
    assert prior.mean.shape == (5, 3)
    assert prior.kl().tolist() == [0.0] * 5


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_an_untrained_model_is_close_to_uniform(tied: bool, norm: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(vocab_size=500, max_len=10, tied=tied, norm=norm)
    model, mask = VAE(config), torch.ones(8, 10, dtype=torch.bool)
    nll = model(torch.randint(5, 500, (8, 10)), mask).nll
    assert (nll.mean() / 10).item() == pytest.approx(math.log(500), rel=0.1)


def test_weights_follow_the_seed() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in VAE(CONFIG).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@given(CONFIGS)
@settings(deadline=None, max_examples=20)
def test_every_parameter_is_counted_once_and_learns(config: ModelConfig) -> None:
    model, (tokens, mask) = build(config), poems([6, 3])
    shared = {p.data_ptr(): p.numel() for p in model.state_dict().values()}
    assert model.num_parameters() == sum(shared.values())
    observed = some_observed(config, tokens)
    draw = model(tokens, mask, some_labels(config, 2), observed=observed)
    (draw.nll + draw.posterior.kl()).sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


@pytest.mark.parametrize("size", [0, 4])
def test_a_vocabulary_without_characters(size: int) -> None:
    with pytest.raises(ConfigError, match=f"vocab_size is {size}; expected .* more than the 5"):
        VAE(replace(CONFIG, vocab_size=size))
    VAE(replace(CONFIG, vocab_size=5))


def test_state_dict_round_trip() -> None:
    one, other = build(), build()
    buffer = io.BytesIO()
    torch.save(one.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    z = torch.randn(2, 3)
    torch.testing.assert_close(other.decode(z), one.decode(z))


class Encode(nn.Module):
    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        posterior = gaussian(self.model.encode(tokens, mask))
        return posterior.mean, posterior.logvar


class Decode(nn.Module):
    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, observed: Tensor, labels: Tensor) -> Tensor:
        return self.model.decode(z, observed, labels)


def test_torch_export_of_encode_at_any_batch() -> None:
    module = Encode(build()).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(
        module, poems([5, 6, 1]), dynamic_shapes=[{0: batch}] * 2
    ).module()
    for lengths in ([4, 2], [6, 6, 3, 1, 2]):
        inputs = poems(lengths)
        torch.testing.assert_close(exported(*inputs), module(*inputs))


def test_torch_export_of_decode_at_any_batch() -> None:
    module = Decode(build(replace(CONFIG, label_sizes=(3,), observe=0.5))).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    example = (torch.randn(3, 3), torch.randint(5, V, (3, T)), torch.ones(3, 1, dtype=torch.long))
    exported = torch.export.export(module, example, dynamic_shapes=[{0: batch}] * 3).module()
    for b in (3, 5):
        observed = torch.where(torch.rand(b, T) < 0.5, torch.randint(5, V, (b, T)), MASK)
        inputs = (torch.randn(b, 3), observed, torch.randint(0, 3, (b, 1)))
        torch.testing.assert_close(exported(*inputs), module(*inputs))


class Reconstruct(nn.Module):
    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.model.decode(self.model.encode(tokens, mask).mode)


@pytest.mark.filterwarnings("default")  # the exporter's own libraries warn
def test_onnx_runs_in_onnxruntime(tmp_path: Path) -> None:
    module = Reconstruct(build()).eval()
    torch.onnx.export(
        module,
        poems([5, 3]),
        tmp_path / "vae.onnx",
        dynamo=True,
        input_names=["tokens", "mask"],
        dynamic_shapes={"tokens": {0: "batch"}, "mask": {0: "batch"}},
        verbose=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "vae.onnx")
    for lengths in ([5, 3], [6, 1, 2, 4]):
        tokens, mask = poems(lengths)
        (logits,) = session.run(None, {"tokens": tokens.numpy(), "mask": mask.numpy()})
        expected = module(tokens, mask)
        torch.testing.assert_close(torch.from_numpy(logits), expected, atol=1e-5, rtol=1e-4)

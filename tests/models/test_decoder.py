"""Encoder and decoder: shapes, padding, where labels, z and observed characters go in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.models.decoder import Columns, Decoder
from poetvae.models.embedding import TokenEmbedding
from poetvae.models.encoder import Encoder
from poetvae.models.layers import Labels

MASK = 4
CONFIG = ModelConfig(
    vocab_size=11,
    max_len=6,
    embed_dim=5,
    d_model=4,
    latent_dim=3,
    encoder_layers=2,
    decoder_layers=2,
    dilations=(1, 2),
)
CONFIGS = st.builds(
    replace,
    st.just(CONFIG),
    embed_dim=st.sampled_from([4, 5]),
    encoder_layers=st.integers(0, 2),
    decoder_layers=st.integers(0, 2),
    kernel_size=st.integers(1, 4),
    dilations=st.sampled_from([(1,), (2, 1), (7,)]),
    norm=st.sampled_from(["layer", "none"]),
    pooling=st.sampled_from(["mean", "mean+max", "attention+max"]),
    pooling_heads=st.integers(1, 3),
    positions=st.booleans(),
    inject=st.booleans(),
    tied=st.booleans(),
    label_sizes=st.sampled_from([(), (3,), (3, 2)]),
    observe=st.sampled_from([0.0, 0.5]),
)


def encoder(config: ModelConfig = CONFIG) -> Encoder:
    return Encoder(config, TokenEmbedding(config)).double()


def decoder(config: ModelConfig = CONFIG) -> Decoder:
    return Decoder(config, TokenEmbedding(config), MASK).double()


def latent(b: int) -> torch.Tensor:
    return torch.randn(b, CONFIG.latent_dim, dtype=torch.double)


@given(CONFIGS, st.integers(1, 3), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_shapes(config: ModelConfig, b: int, t: int) -> None:
    count = len(config.label_sizes)
    labels = torch.ones(b, count, dtype=torch.long) if count else None
    reader, network = encoder(config), decoder(config)
    means = config.pooling_heads if config.pooling == "attention+max" else 1
    assert reader.out_features == 4 * (means + (config.pooling != "mean"))
    features = reader(Batch.whole(torch.randint(0, 11, (b, t)), labels))
    assert features.shape == (b, reader.out_features)
    observed = torch.randint(0, 11, (b, 6)) if config.observe else None
    assert network(latent(b), observed, labels).shape == (b, 6, config.embed_dim)
    assert network.softmax.weight.shape == (11, config.embed_dim)
    assert (network.softmax is network.embedding) == config.tied
    assert (network.bias is None) == config.tied


@given(CONFIGS, st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_features_do_not_depend_on_padding(config: ModelConfig, length: int) -> None:
    network = encoder(replace(config, label_sizes=()))
    poem = torch.randint(0, 11, (1, length))
    row = torch.randint(0, 11, (1, 6))  # whatever stands in the padding
    row[:, :length] = poem
    mask = (torch.arange(6) < length).unsqueeze(0)
    alone = network(Batch.whole(poem))
    # Attention weighs in float32, hence the tolerances.
    torch.testing.assert_close(network(Batch(row, mask)), alone, atol=1e-6, rtol=1e-5)
    others = torch.cat([torch.randint(0, 11, (2, 6)), row])
    masks = torch.cat([torch.ones(2, 6, dtype=torch.bool), mask])
    torch.testing.assert_close(network(Batch(others, masks))[2:], alone, atol=1e-6, rtol=1e-5)


@given(CONFIGS, st.sampled_from([1, 2, 4]), st.integers(1, 6), st.booleans())
@settings(deadline=None, max_examples=60)
def test_what_is_decoded_does_not_depend_on_what_lies_past_the_poem(
    config: ModelConfig, passes: int, length: int, by_length: bool
) -> None:
    """Nor on longer poems beside it; and where all positions are computed, not on how many are
    given."""
    config = replace(config, label_sizes=(), passes=(1, 2, 4), pass_layers=3, by_length=by_length)
    network, rows = decoder(config), latent(3)
    mask = torch.arange(6) < torch.tensor([[6], [length], [6]])
    seen = torch.randint(5, 11, (3, 6)).masked_fill((torch.rand(3, 6) < 0.5) | ~mask, MASK)
    history = torch.randint(5, 11, (3, 6)).masked_fill(~mask, MASK) if passes > 1 else None
    observed = seen if config.observe else None
    together = network(rows, observed, None, history, passes, mask)
    one, short = slice(1, 2), slice(length)
    given = [None if x is None else x[one, short] for x in (observed, history)]
    alone = network(rows[one], given[0], None, given[1], passes, mask[one, short])
    assert (together.shape[1], alone.shape[1]) == (6, length)
    torch.testing.assert_close(together[one, short], alone)
    columns = Columns(
        network, network.start(rows[one], given[0], None, mask[:1, short]), rows[one], passes
    )
    written = [columns(given[1]) for _ in range(columns.passes)]
    for turn, hidden in enumerate(written):
        column = alone[:, turn::passes]
        torch.testing.assert_close(hidden[:, : column.shape[1]], column)
    if by_length:
        assert max(hidden.shape[1] for hidden in written) == -(-length // passes)


@pytest.mark.parametrize("positions", [True, False])
def test_position_vectors_tell_the_order(positions: bool) -> None:
    network = encoder(replace(CONFIG, positions=positions, kernel_size=1))
    poem = torch.tensor([[5, 6, 7, 8, 9, 10]])
    equal = torch.allclose(network(Batch.whole(poem)), network(Batch.whole(poem.flip(1))))
    assert equal != positions


@pytest.mark.parametrize("pooling", ["mean", "mean+max", "attention+max"])
def test_means_and_maxima_of_the_positions(pooling: str) -> None:
    bare = replace(CONFIG, encoder_layers=0, norm="none", positions=False, embed_dim=4)
    network = encoder(replace(bare, pooling=pooling, pooling_heads=2))
    poem, mask = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[True, True, True, False]])
    vectors = network.embedding.weight[poem[0, :3]]  # (T, C)
    shares = torch.full((3, 1), 1 / 3, dtype=torch.double)  # (T, heads)
    if network.pool is not None:
        shares = network.pool.scores(vectors).softmax(dim=0)
    expected = [(vectors.T @ shares).flatten()]
    if pooling.endswith("+max"):
        expected.append(vectors.max(dim=0).values)
    found = network(Batch(poem, mask))[0]
    torch.testing.assert_close(found, torch.cat(expected), atol=1e-6, rtol=1e-5)


def test_labels_are_summed() -> None:
    labels = Labels((3, 2), 4)
    first, second = (table.weight for table in labels.tables)
    expected = torch.stack([first[2] + second[0], first[0] + second[1]])  # type: ignore[index]
    torch.testing.assert_close(labels(torch.tensor([[2, 0], [0, 1]])), expected)


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_labels_change_both_maps(norm: str) -> None:
    config = replace(CONFIG, label_sizes=(3,), norm=norm)
    reader, writer = encoder(config), decoder(config)
    poem, z = torch.randint(0, 11, (1, 6)), latent(1)
    read = [reader(Batch.whole(poem, torch.tensor([[label]]))) for label in range(3)]
    written = [writer(z, None, torch.tensor([[label]])) for label in range(3)]
    for outputs in (read, written):
        assert not torch.allclose(outputs[0], outputs[1])
        assert not torch.allclose(outputs[1], outputs[2])


@given(CONFIGS, st.integers(0, 5))
@settings(deadline=None, max_examples=30)
def test_an_observed_character_is_seen_in_its_poem_alone(config: ModelConfig, place: int) -> None:
    network = decoder(replace(config, label_sizes=(), norm="none", observe=0.5))
    z = latent(2)
    torch.testing.assert_close(network(z, torch.full((2, 6), MASK)), network(z))
    seen = []
    for token in (7, 8):
        observed = torch.full((2, 6), MASK)
        observed[0, place] = token
        seen.append(network(z, observed))
        torch.testing.assert_close(seen[-1][1], network(z)[1])
        assert not torch.allclose(seen[-1][0, place], network(z)[0, place])
    assert not torch.allclose(seen[0][0, place], seen[1][0, place])


@pytest.mark.parametrize("inject", [True, False])
def test_z_reaches_every_block_when_injected(inject: bool) -> None:
    network = decoder(replace(CONFIG, inject=inject))
    nn.init.zeros_(network.heads.weight)
    one, other = network(latent(1)), network(latent(1))
    assert torch.allclose(one, other) != inject


def test_heads_give_each_position_a_map_of_its_own() -> None:
    network = decoder(replace(CONFIG, decoder_layers=0, norm="none", embed_dim=4, inject=False))
    z = latent(2)
    weight, bias = network.heads.weight.reshape(6, 4, 3), network.heads.bias.reshape(6, 4)
    by_position = [F.linear(z, weight[t], bias[t]) for t in range(6)]
    torch.testing.assert_close(network(z), torch.stack(by_position, dim=1))


def test_residual_scale_and_dropout_reach_the_blocks() -> None:
    scaled = decoder(replace(CONFIG, residual_scale=0.5))
    assert [block.scale for block in scaled.body.blocks] == [0.5, 0.5]
    noisy = decoder(replace(CONFIG, dropout=0.5))
    z = latent(1)
    assert not torch.allclose(noisy(z), noisy(z))
    torch.testing.assert_close(noisy.eval()(z), noisy(z))

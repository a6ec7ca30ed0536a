"""Vectors of tokens that have their sounds in them, and the softmax that is tied to the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.models import TextModel, build, frozen
from poetvae.models.embedding import TokenEmbedding
from poetvae.text.codec import PoemCodec
from poetvae.text.prosody import readings
from poetvae.text.sounds import Sounds, sounds_of
from poetvae.text.tokenizer import PoemTokenizer

VERSES = ["東風不與周郎便，銅雀春深鎖二喬。為重行中，a"]
KINDS: dict[str, dict[str, Any]] = {
    "vae": {},
    "passes": {"passes": (1, 3), "observe": 0.5},
    "untied": {"tied": False},
    "vqvae": {"kind": "vqvae", "prior_layers": 1},
    "autoregressive": {"kind": "autoregressive"},
}


@pytest.fixture(scope="module")
def codec() -> PoemCodec:
    return PoemCodec(PoemTokenizer.train(VERSES, min_count=1), 6)


@pytest.fixture(scope="module")
def sounds(codec: PoemCodec) -> Sounds:
    found = sounds_of(codec)
    assert found is not None
    return found


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, codec: PoemCodec, sounds: Sounds) -> TextModel:
    torch.manual_seed(3)
    small: dict[str, Any] = {
        "embed_dim": 5,
        "d_model": 5,
        "latent_dim": 3,
        "pass_layers": 3,
        "decoder_layers": 1,
    }
    sizes = {"vocab_size": len(codec.tokenizer), "max_len": 6, "sound_sizes": sounds.sizes}
    made = build(ModelConfig(**{**small, **sizes, **KINDS[request.param]}))
    made.set_sounds(sounds)
    return made.double()


def embedding(model: TextModel) -> TokenEmbedding:
    found = model.get_submodule("embedding")
    assert isinstance(found, TokenEmbedding)
    return found


def softmax(model: TextModel) -> TokenEmbedding:
    found = model.get_submodule("decoder.softmax" if model.has_latent else "softmax")
    assert isinstance(found, TokenEmbedding)
    return found


def logits(model: TextModel, tokens: Tensor) -> Tensor:
    if not model.has_latent:
        return model.causal.decode(tokens)
    return model.latent.decode(torch.ones(len(tokens), model.latent.latent_dim, dtype=torch.double))


def test_a_vector_is_its_own_and_the_mean_of_its_readings(
    model: TextModel, codec: PoemCodec, sounds: Sounds
) -> None:
    table, seen = embedding(model), set()
    assert table.sounds is not None
    by_name: dict[str, Tensor] = {}
    for i, numbers in enumerate(sounds.tokens):
        # By hand: which of the table's readings it has, and what is heard in them.
        own = sorted(readings(codec.tokenizer.decode([i]), simplified=False))
        kept = [sounds.readings[n] for n in numbers if n]
        assert len(own) == len(kept)
        expected = table.weight[i]
        for reading, pair in zip(own, kept, strict=True):
            for name, number in zip((f"tone {reading.tone}", reading.rhyme), pair, strict=True):
                vector = by_name.setdefault(name, table.sounds[number - 1])
                assert torch.equal(vector, table.sounds[number - 1])  # of one name one vector
                expected = expected + vector / len(own)
        seen.add(len(own))
        assert torch.allclose(table.table()[i], expected, atol=1e-12)
    assert seen >= {0, 1, 2, 3}
    assert len(by_name) == len(table.sounds) == sounds.count
    assert len({tuple(vector.tolist()) for vector in by_name.values()}) == sounds.count


def test_a_forward_pass_gives_rows_of_the_table(model: TextModel, codec: PoemCodec) -> None:
    tokens = torch.randint(0, len(codec.tokenizer), (3, 4))
    table = embedding(model)
    mute = torch.tensor([codec.tokenizer.pad_id])
    assert torch.equal(table(mute), table.weight[mute])
    assert torch.allclose(table(tokens), table.table()[tokens], atol=1e-12)
    with torch.no_grad():
        model.eval()
        assert torch.allclose(table(tokens), table.table()[tokens], atol=1e-12)


def test_a_normalised_vector_has_mean_0_and_variance_1_where_it_is_read(
    model: TextModel, codec: PoemCodec
) -> None:
    normed = build(replace(model.config, embed_norm=True)).double()
    normed.load_state_dict(model.state_dict())
    tokens = torch.randint(0, len(codec.tokenizer), (3, 4))
    rows = embedding(model)(tokens)
    centred = rows - rows.mean(dim=2, keepdim=True)
    expected = centred / (centred.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(embedding(normed)(tokens), expected, atol=1e-12)
    assert torch.equal(softmax(normed).table(), softmax(model).table())


def test_the_softmax_is_of_the_sum_and_both_parts_learn(
    model: TextModel, codec: PoemCodec, sounds: Sounds
) -> None:
    tokens = torch.randint(5, len(codec.tokenizer), (4, 6))
    table = softmax(model)
    assert (table is embedding(model)) == model.config.tied
    before = logits(model.eval(), tokens)
    own = copy.deepcopy(model)
    with torch.no_grad():
        for part in own.modules():  # the same sum in other parts
            if isinstance(part, TokenEmbedding) and part.sounds is not None:
                part.weight.copy_(part.table())
                part.sounds.zero_()
    assert torch.allclose(before, logits(own, tokens), atol=1e-10)
    model(Batch.whole(tokens)).nll.sum().backward()
    for read in (embedding(model), table):
        assert read.sounds is not None
        for learned in (read.weight, read.sounds):
            assert learned.grad is not None
            assert learned.grad.any()


CHANGES: dict[str, Callable[[TokenEmbedding], object]] = {
    "in place": lambda table: table.weight.mul_(2),
    "the sounds": lambda table: table.sounds is not None and table.sounds.add_(1),
    "the facts": lambda table: table.readings.zero_(),
    "other numbers": lambda table: table.half().double(),
    "loaded": lambda table: table.load_state_dict({"weight": 2 * table.weight}, strict=False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_sum_is_kept_until_a_part_changes(
    model: TextModel, codec: PoemCodec, change: str
) -> None:
    table = embedding(model.eval())
    with torch.no_grad():
        kept = table.table()
        assert table.table() is kept
        CHANGES[change](table)
        expected = copy.deepcopy(table).train().table()
        assert not torch.equal(kept, expected)
        assert torch.equal(table.table(), expected)


def test_what_is_kept_serves_a_gradient_of_z(model: TextModel) -> None:
    """Wherever it was made, and with no gradient of the weights asked for."""
    with torch.inference_mode():
        kept = softmax(model.eval()).table()
    hidden = torch.ones(1, 5, dtype=torch.double, requires_grad=True)
    with frozen(model):
        assert softmax(model).table() is kept
        (slope,) = torch.autograd.grad((hidden @ kept.T).sum(), hidden)
    assert torch.allclose(slope[0], kept.sum(dim=0))
    assert softmax(model).table().requires_grad


def test_optimizers_that_leave_no_trace_are_seen(model: TextModel, codec: PoemCodec) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)  # counts up no version
    tokens = torch.randint(5, len(codec.tokenizer), (2, 6))
    with torch.no_grad():
        before = embedding(model.eval()).table()
    model.train()
    model(Batch.whole(tokens)).nll.sum().backward()
    optimizer.step()
    with torch.no_grad():
        table = embedding(model.eval())
        assert not torch.equal(table.table(), before)
        assert torch.equal(table.table(), copy.deepcopy(table).table())


def test_sounds_that_cannot_be(model: TextModel, sounds: Sounds) -> None:
    with pytest.raises(ConfigError, match="start a new run"):
        model.set_sounds(Sounds(1, ((0, 0), (1, 1)), sounds.tokens))
    model.check_sounds()
    table = embedding(model)
    for facts in (table.readings, table.heard):
        kept = facts[1, 0].clone()
        for wrong in (-1, 30_000):
            facts[1, 0] = wrong
            with pytest.raises(ConfigError, match="is not within 0 to"):
                model.check_sounds()
        facts[1, 0] = kept
    model.check_sounds()


def test_a_vocabulary_without_sounds() -> None:
    assert (
        sounds_of(PoemCodec(PoemTokenizer.train(["いろはにほへと, abc"], min_count=1), 6)) is None
    )


def test_simplified_characters_have_the_readings_of_all_that_they_stand_for() -> None:
    codec = PoemCodec(PoemTokenizer.train(["后来东风书万里征蓬归汉塞"], min_count=1), 6)
    assert codec.simplified
    found = sounds_of(codec)
    assert found is not None
    for i, numbers in enumerate(found.tokens):
        char = codec.tokenizer.decode([i])
        assert sum(n > 0 for n in numbers) == len(readings(char, simplified=True)), char
    assert len(readings("征")) > len(readings("征", simplified=False))

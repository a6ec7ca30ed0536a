"""Writing in several passes: who sees whom, the exact likelihood, what training takes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from poetvae import models
from poetvae.config import ModelConfig, configure
from poetvae.data.dataset import Batch, corrupt
from poetvae.errors import ConfigError
from poetvae.models import LatentModel
from poetvae.models.decoder import Columns

MASK, V, T = 4, 8, 4
CONFIG = ModelConfig(
    vocab_size=V,
    max_len=T,
    embed_dim=5,
    d_model=4,
    latent_dim=3,
    encoder_layers=1,
    decoder_layers=2,
    code_dim=3,
    codebook_size=8,
    passes=(1, 2, 3, 4, 8),
)


def build(**settings: Any) -> LatentModel:
    """A model whose weights are large enough for everything to be seen."""
    torch.manual_seed(0)
    model = models.build(replace(CONFIG, **settings)).latent.eval()
    for p in model.decoder.parameters():
        nn.init.normal_(p, std=0.5)
    return model


def strings() -> Tensor:
    """Every text over the whole vocabulary but the mask token: (V - 1) ** T of them."""
    return torch.tensor(list(itertools.product([i for i in range(V) if i != MASK], repeat=T)))


@pytest.mark.parametrize("length", [4, 7, 10])
@pytest.mark.parametrize("passes", [1, 2, 3, 4, 8])
def test_a_position_sees_the_passes_before_its_own(length: int, passes: int) -> None:
    """All of them, if the blocks are many, and never its own pass or a later one."""
    model = build(passes=(1, passes), max_len=length, pass_layers=18)
    history, z = torch.randint(5, V, (1, length)), torch.randn(1, 3)
    logits = model.decode(z, history=history, passes=passes)
    for place in range(length):
        other = history.clone()
        other[0, place] = 5 + (other[0, place] - 4) % (V - 5)
        changed = model.decode(z, history=other, passes=passes) != logits
        expected = [i % passes > place % passes for i in range(length)]
        assert changed[0].any(dim=1).tolist() == expected


@pytest.mark.parametrize("length", [4, 7, 10])
@pytest.mark.parametrize("passes", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("kind", [{}, {"passes": ()}, {"across": False}, {"lines": (2, 1, 0)}])
def test_a_turn_alone_is_what_the_whole_has_there(
    kind: dict[str, Any], passes: int, length: int
) -> None:
    passes = 1 if "passes" in kind else passes
    model = build(**{"passes": (1, passes), "observe": 0.5, "max_len": length, **kind})
    z, history = torch.randn(2, 3), torch.randint(5, V, (2, length))
    observed = torch.where(torch.rand(2, length) < 0.3, history, MASK)
    whole = model.decoder(z, observed, None, history, passes)
    common = model.decoder.start(z, observed)
    torch.testing.assert_close(model.decoder.finish(common, z, history, passes), whole)
    columns = Columns(model.decoder, common, z, passes)
    for turn in range(min(passes, length)):
        alone = columns(history)
        there = len(range(turn, length, passes))
        torch.testing.assert_close(alone[:, :there], whole[:, turn::passes])


@pytest.mark.parametrize("passes", [1, 2, 3, 4, 8])
def test_all_texts_share_a_probability_of_one(passes: int) -> None:
    """However many the passes; no text has the mask token, so it is put out of reach."""
    model, texts = build(tied=False), strings()
    assert model.decoder.bias is not None
    with torch.no_grad():
        model.decoder.bias[MASK] = -100
        z = torch.randn(1, 3).expand(len(texts), -1)
        nll = model.nll(z, Batch.whole(texts), passes)
    assert float(torch.logsumexp(-nll.double(), dim=0)) == pytest.approx(0, abs=1e-4)


@given(
    st.sampled_from(["vae", "vqvae"]),
    st.sampled_from([1, 2, 3, 4, 8]),
    st.lists(st.integers(1, T), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=T, max_size=T),
)
@settings(deadline=None, max_examples=30)
def test_nll_is_that_of_writing_pass_by_pass(
    kind: str, passes: int, lengths: list[int], told: list[bool]
) -> None:
    """Where each pass is a run of the network that has seen no more than was written by then."""
    model, b = build(kind=kind, observe=0.5), len(lengths)
    tokens = torch.randint(5, V, (b, T))
    mask = torch.arange(T) < torch.tensor(lengths).unsqueeze(1)
    observed = torch.where(torch.tensor(told) & mask, tokens, MASK)
    z = model.prior(b).sample(torch.Generator().manual_seed(0))
    expected = torch.zeros(b)
    for i in range(b):
        row = slice(i, i + 1)
        written = observed[row].clone()
        for t in range(passes):
            logits = model.decode(z[row], observed[row], history=written, passes=passes)
            log_p = logits[0].log_softmax(dim=1).detach()
            for place in range(t, lengths[i], passes):
                if not told[place]:
                    expected[i] -= log_p[place, tokens[i, place]]
                    written[0, place] = tokens[i, place]
    nll = model.nll(z, Batch(tokens, mask, observed=observed), passes)
    torch.testing.assert_close(nll, expected, atol=1e-5, rtol=1e-4)


def drawn_passes(passes: Sequence[int], seed: int) -> int:
    torch.manual_seed(seed)
    _, drawn = corrupt(Batch.whole(torch.full((2, T), 5)), MASK, passes=passes)
    return drawn


@given(st.lists(st.integers(1, 9), max_size=3), st.integers(0, 99))
def test_a_batch_has_one_number_of_passes(passes: list[int], seed: int) -> None:
    drawn = drawn_passes(passes, seed)
    assert drawn in (passes or [1])
    assert drawn_passes(passes, seed) == drawn


def test_passes_are_drawn_as_often_as_they_are_named() -> None:
    drawn = [drawn_passes((1, 8, 8, 8), seed) for seed in range(2000)]
    assert drawn.count(8) / len(drawn) == pytest.approx(0.75, abs=0.04)


def test_one_pass_alone_is_the_plain_model() -> None:
    plain, one = build(passes=()), build(passes=(1,))
    assert plain.decoder.weave is one.decoder.weave is None
    assert dict(plain.named_parameters()).keys() == dict(one.named_parameters()).keys()
    assert plain.passes == one.passes == 1
    assert build(passes=(1, 8, 8)).passes == 8


def test_passes_that_were_not_learnt() -> None:
    z = torch.zeros(1, 3)
    with pytest.raises(ConfigError, match="passes is 5; this model was trained to write in 1,2,"):
        build().decode(z, passes=5)
    with pytest.raises(ConfigError, match="lacks 1"):
        configure("tiny", {"passes": (2, 8)})
    with pytest.raises(ConfigError, match=r"train one with --preset few, or --set passes=1,2"):
        build(passes=()).decode(z, passes=2)

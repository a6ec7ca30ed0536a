"""Gradient ascent on z: it climbs, it stays near the prior, and it leaves the model alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from test_directions import poems as poems
from torch import Tensor

from poetvae.errors import ConfigError, ConstraintError
from poetvae.generation.generate import allowed_tokens
from poetvae.latent.index import fingerprint
from poetvae.latent.optimise import Optimised, ascend
from poetvae.poet import Poet
from poetvae.text.poem import Poem

TEXT = "瀑響分雲出，橋形得水成。"


def rises(one: Optimised, near: float = 0.1) -> bool:
    before = one.value_before + near * one.log_prior_before
    return one.value_after + near * one.log_prior_after > before


@pytest.mark.parametrize("near", [0.0, 5.0])
@pytest.mark.parametrize("toward", ["contains=雲", "contains=分雲", "tones=regulated"])
def test_the_objective_rises(poet: Poet, toward: str, near: float) -> None:
    found = poet.optimise(toward, n=2, steps=5, near=near, seed=4)
    assert [rises(one, near) for one in found] == [True, True]


TARGET = torch.tensor([1.0, -2.0, 0.5, 0.0])


def test_it_ends_where_the_maximum_is(poet: Poet) -> None:
    def value(z: Tensor) -> Tensor:
        return -0.5 * (z - TARGET).square().sum(dim=1)

    # Of two Gaussians of equal width the product has its mode between their means.
    z = ascend(poet.model.latent, torch.zeros(2, 4), value, steps=200, near=1.0)
    torch.testing.assert_close(z, (TARGET / 2).expand(2, 4), atol=0.05, rtol=0)


def test_each_row_climbs_by_itself(poet: Poet) -> None:
    def value(z: Tensor) -> Tensor:
        return -(z - TARGET).pow(4).sum(dim=1)

    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    together = ascend(poet.model.latent, z, value, steps=10)
    alone = [ascend(poet.model.latent, z[i : i + 1], value, steps=10) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_start_is_the_reconstruction_or_a_draw(poet: Poet) -> None:
    (one,) = poet.optimise("contains=雲", TEXT, steps=0)
    assert one.start == one.text == poet.reconstruct(TEXT)[0].text
    assert one.value_before == one.value_after
    z = poet.encode(TEXT).mode
    expected = -0.5 * float(z.square().sum()) - 2 * math.log(2 * math.pi)
    assert one.log_prior_before == one.log_prior_after == pytest.approx(expected, rel=1e-5)
    starts = [one.start for one in poet.optimise("contains=雲", n=4, steps=0, seed=1)]
    assert starts == [one.start for one in poet.optimise("contains=雲", n=4, steps=2, seed=1)]


def test_values_are_of_what_decode_draws_from(poet: Poet) -> None:
    (one,) = poet.optimise("contains=雲", TEXT, steps=0)
    with torch.no_grad():
        logits = poet.model.latent.decode(poet.encode(TEXT).mode).double()
    logits = logits.masked_fill(~allowed_tokens(poet.codec, poet.forms[0]), -torch.inf)
    (cloud,) = poet.codec.tokenizer.encode("雲")
    p = logits.softmax(dim=2)[0, :, cloud]
    assert one.value_before == pytest.approx(math.log(1 - float((1 - p).prod())), rel=1e-4)


def test_the_model_is_left_alone(poet: Poet) -> None:
    before = fingerprint(poet.model)
    poet.optimise("tones=regulated", n=2, steps=3)
    assert all(weight.grad is None for weight in poet.model.parameters())
    assert all(weight.requires_grad for weight in poet.model.parameters())
    assert fingerprint(poet.model) == before


def test_towards_the_words_of_an_author(poet: Poet, poems: list[Poem]) -> None:
    (one,) = poet.optimise("author=甲", TEXT, poems=poems, steps=20)
    assert rises(one)
    keys = "text start value_before value_after log_prior_before log_prior_after"
    assert set(one.as_dict()) == set(keys.split())


def test_in_free_form(free_poet: Poet) -> None:
    (one,) = free_poet.optimise("contains=rose", "a rose is a rose\nsaid number 3", steps=10)
    assert rises(one)
    with pytest.raises(ConfigError, match="form free has no tones to keep"):
        free_poet.optimise("tones=regulated")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"steps": -1}, "steps is -1 and near 0.1"),
        ({"near": -1.0}, "near -1.0"),
        ({"near": math.nan}, "near nan"),
        ({"n": 0}, "n is 0; expected 1 or more"),
        ({"n": 2, "text": TEXT}, "n is 2; .* with a text neither n nor form"),
        ({"form": "5x2", "text": TEXT}, "with a text neither n nor form"),
        ({"form": "7x2"}, "does not write 7x2"),
    ],
)
def test_wrong_wishes(poet: Poet, how: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        poet.optimise("contains=雲", **how)
    with pytest.raises(ConstraintError, match="never writes 龘"):
        poet.optimise("contains=龘")

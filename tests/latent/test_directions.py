"""Attribute directions: differences of means, and whether they mean anything."""

from __future__ import annotations

import pytest
import torch

from poetvae.errors import ConfigError, CorpusError
from poetvae.latent.attributes import Direction
from poetvae.poet import Poet
from poetvae.text.poem import Poem

TEXT = "瀑響分雲出，橋形得水成。"


@pytest.fixture
def poems(poet: Poet) -> list[Poem]:
    """Couplets, every third of them by somebody."""
    texts = [poem.text for poem in poet.generate(30, seed=2)]
    return [Poem((t,), {"author": "甲"} if i % 3 == 0 else {}) for i, t in enumerate(texts)]


def test_a_direction_is_the_difference_of_means(poet: Poet, poems: list[Poem]) -> None:
    found = poet.direction("author=甲", poems)
    ones = [poem.text for poem in poems if poem.meta]
    others = [poem.text for poem in poems if not poem.meta]
    expected = poet.encode(ones).mode.mean(dim=0) - poet.encode(others).mode.mean(dim=0)
    torch.testing.assert_close(found.vector, expected)
    assert (found.ones, found.others) == (10, 20)
    limited = poet.direction("author=甲", poems, limit=5)
    assert (limited.ones, limited.others) == (5, 5)


def test_separation_sees_what_is_there_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    ones, others = torch.randn(2, 60, 50, generator=generator)
    by_chance = Direction.between(ones, others)
    assert abs(by_chance.separation - 0.5) < 0.12
    shift = torch.eye(50)[0] * 10
    apart = Direction.between(ones + shift, others)
    assert apart.separation > 0.99
    torch.testing.assert_close(apart.vector, by_chance.vector + shift)
    # The means themselves lie apart by chance: on its own poems even that direction separates.
    own = (ones @ by_chance.vector).unsqueeze(1) > (others @ by_chance.vector)
    assert own.float().mean() > 0.8


def test_too_few_poems(poet: Poet, poems: list[Poem]) -> None:
    with pytest.raises(CorpusError, match="author=乙 holds for 0 of 30 poems; expected 2"):
        poet.direction("author=乙", poems)
    with pytest.raises(ConfigError, match="attribute 'author': expected KEY=VALUE"):
        poet.direction("author", poems)
    with pytest.raises(CorpusError, match="give two of both"):
        Direction.between(torch.zeros(1, 3), torch.zeros(9, 3))


def test_edit_moves_along_the_direction(poet: Poet, poems: list[Poem]) -> None:
    direction = poet.direction("author=甲", poems)
    assert [poet.edit(TEXT, direction, 0.0)] == poet.reconstruct(TEXT)
    for strength in (1.0, -50.0):
        z = poet.encode(TEXT).mode + strength * direction.vector
        assert [poet.edit(TEXT, direction, strength)] == poet.decode(z)
    assert poet.edit(TEXT, direction, -50.0) != poet.edit(TEXT, direction, 50.0)

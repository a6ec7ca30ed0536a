"""Attributes of poems: what is true of which, and a corpus divided by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.latent.attributes import Attribute, spread
from poetvae.text.poem import Poem

POEMS = [
    Poem(("白日依山盡，黃河入海流。",), {"author": "王之渙", "dynasty": "tang"}),
    Poem(("山月臨窗白，溪風入座清。",), {"author": "李白", "dynasty": "tang"}),
    Poem(("日日日日日，天天天天天。",)),
    Poem(("a moon",), {"author": "李白"}),
]


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("author=李白", [1, 3]),
        (" dynasty = tang ", [0, 1]),
        ("contains=月", [1]),
        ("contains=moon", [3]),
        ("form=5x2", [0, 1, 2]),
        ("form=None", [3]),
        ("tones=regulated", [0, 1]),
        ("title = x=y", []),
    ],
)
def test_of_which_poems_it_is_true(attribute: str, expected: list[int]) -> None:
    parsed = Attribute.parse(attribute)
    assert [i for i, poem in enumerate(POEMS) if parsed.holds(poem)] == expected
    assert str(parsed) == attribute.replace(" ", "")


@pytest.mark.parametrize("text", ["", "author", "=李白", "author=", "tones=strict"])
def test_what_is_no_attribute(text: str) -> None:
    with pytest.raises(ConfigError, match=f"attribute '{text}': expected "):
        Attribute.parse(text)


def test_a_corpus_is_divided() -> None:
    with_it, without = Attribute.parse("author=李白").divide(iter(POEMS))
    assert (with_it, without) == ([POEMS[1], POEMS[3]], [POEMS[0], POEMS[2]])
    with_it, without = Attribute.parse("author=李白").divide(POEMS * 5, limit=2)
    assert (len(with_it), len(without)) == (2, 2)


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("author=杜甫", "holds for 0 of 4 poems; .*: author is 李白, 王之渙 most often"),
        ("year=700", "these poems have author, dynasty, form, contains, tones"),
        ("contains=龍", "give more poems, or another value"),
    ],
)
def test_a_corpus_of_one_kind(attribute: str, says: str) -> None:
    with pytest.raises(CorpusError, match=says):
        Attribute.parse(attribute).divide(POEMS)


@given(st.integers(0, 40), st.integers(1, 40))
def test_what_is_spread_comes_from_everywhere(n: int, limit: int) -> None:
    poems = [Poem((str(i),)) for i in range(n)]
    places = [int(poem.text) for poem in spread(poems, limit)]
    assert len(places) == min(n, limit)
    assert spread(poems, None) == poems
    gaps = [b - a for a, b in zip([-1, *places], [*places, n], strict=True)]
    assert min(gaps) >= 1
    assert max(gaps) <= n / limit + 1

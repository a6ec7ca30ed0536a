"""A classifier of labels learns what there is to learn, and nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from study.__main__ import balance, label_classifier

from poetvae.evaluation.samples import poem_ids
from poetvae.evaluation.two_sample import Texts
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Poem
from poetvae.text.tokenizer import PoemTokenizer

WORDS = {"sea": "wave salt foam ship", "wood": "leaf moss root bark", "sky": "star moon cloud hawk"}
TOKENIZER = PoemTokenizer.train([" ".join(WORDS.values())], 1)
CODEC = PoemCodec(TOKENIZER, 40)
SIZE = len(TOKENIZER)


def ids(value: str, n: int, seed: int) -> list[list[int]]:
    rng, words = np.random.default_rng(seed), WORDS[value].split()
    lines = (" ".join(rng.choice(words, rng.integers(2, 5))) for _ in range(n))
    return [poem_ids(CODEC, Poem((line,))) for line in lines]


def learnt(n: int, epochs: int) -> Callable[[Texts], list[str]]:
    return label_classifier({v: ids(v, n, 1) for v in WORDS}, SIZE, epochs=epochs)


def test_values_of_different_words_are_told_apart() -> None:
    named = learnt(70, 20)
    for value in WORDS:
        assert named(ids(value, 50, 2)).count(value) > 47
    mixed = named(ids("wood", 20, 3) + ids("sea", 60, 3))
    assert mixed.count("sea") == pytest.approx(60, abs=4)


def test_values_of_the_same_words_are_not() -> None:
    texts = {"one": ids("sea", 100, 1), "other": ids("sea", 100, 2)}
    named = label_classifier(texts, SIZE)
    right = named(ids("sea", 200, 3)).count("one") + named(ids("sea", 200, 4)).count("other")
    assert right / 400 == pytest.approx(0.5, abs=0.1)


def test_what_is_said_of_a_text_does_not_hang_on_the_others() -> None:
    named = learnt(10, 8)
    some = [text for value in WORDS for text in ids(value, 5, 2)]
    assert [named([text])[0] for text in some] == named(some)


def test_the_random_state_stays_and_the_seed_repeats() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same = (learnt(9, 1) for _ in range(2))
    assert torch.rand(1) == expected
    assert one(ids("sea", 20, 2)) == same(ids("sea", 20, 2))


TEXTS = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(), max_size=9))


@given(TEXTS, st.integers(0, 12), st.integers(0, 3))
def test_balance_draws_without_replacement(texts: dict[str, list[int]], n: int, seed: int) -> None:
    found = balance(texts, n, seed)
    assert found.keys() == texts.keys()
    for value, own in found.items():
        rest = list(texts[value])
        for text in own:
            rest.remove(text)
        assert len(own) == min(n, len(texts[value]))
    assert balance(texts, n, seed) == found

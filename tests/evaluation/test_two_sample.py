"""A classifier of labels learns what there is to learn, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import CorpusError
from poetvae.evaluation.samples import label_agreement, poem_ids
from poetvae.evaluation.two_sample import balance, label_classifier
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Poem
from poetvae.text.tokenizer import PoemTokenizer

WORDS = {"sea": "wave salt foam ship", "wood": "leaf moss root bark", "sky": "star moon cloud hawk"}
TOKENIZER = PoemTokenizer.train([" ".join(WORDS.values())], 1)
CODEC = PoemCodec(TOKENIZER, 40)
SIZE = len(TOKENIZER)


def poems(value: str, n: int, seed: int) -> list[Poem]:
    rng = np.random.default_rng(seed)
    words = WORDS[value].split()
    return [Poem((" ".join(rng.choice(words, rng.integers(2, 5))),)) for _ in range(n)]


def ids(value: str, n: int, seed: int) -> list[list[int]]:
    return [poem_ids(CODEC, poem) for poem in poems(value, n, seed)]


def test_values_of_different_words_are_told_apart_and_agreement_counts_them() -> None:
    counts = {"sea": 90, "wood": 70, "sky": 200}
    classifier = label_classifier(
        {value: ids(value, n, 1) for value, n in counts.items()}, vocab_size=SIZE, epochs=20
    )
    assert (classifier.values, classifier.per_value) == (("sea", "wood", "sky"), 70)
    found = label_agreement(classifier, CODEC, {value: poems(value, 50, 2) for value in WORDS})
    for value in WORDS:
        assert found[value].mean() > 0.95
    asked = {"sea": poems("wood", 20, 3) + poems("sea", 60, 3), "sky": []}
    mixed = label_agreement(classifier, CODEC, asked)
    assert mixed["sea"].mean() == pytest.approx(0.75, abs=0.05)
    assert len(mixed["sky"]) == 0


def test_values_of_the_same_words_are_not() -> None:
    texts = {"one": ids("sea", 100, 1), "other": ids("sea", 100, 2)}
    classifier = label_classifier(texts, vocab_size=SIZE)
    same = {"one": poems("sea", 200, 3), "other": poems("sea", 200, 4)}
    found = label_agreement(classifier, CODEC, same)
    assert (found["one"].mean() + found["other"].mean()) / 2 == pytest.approx(0.5, abs=0.1)


def test_what_is_said_of_a_text_does_not_hang_on_the_others() -> None:
    texts = {value: ids(value, 30, 1) for value in WORDS}
    classifier = label_classifier(texts, vocab_size=SIZE, limit=10)
    assert classifier.per_value == 10
    some = [text for value in WORDS for text in ids(value, 5, 2)]
    assert [classifier([text])[0] for text in some] == classifier(some)


def test_the_random_state_stays_and_the_seed_repeats() -> None:
    texts = {value: ids(value, 9, 1) for value in WORDS}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same = (label_classifier(texts, vocab_size=SIZE, seed=4, epochs=1) for _ in range(2))
    assert torch.rand(1) == expected
    assert one(ids("sea", 20, 2)) == same(ids("sea", 20, 2))


def test_too_little_to_tell_apart_is_an_error() -> None:
    with pytest.raises(CorpusError, match="two values or more"):
        label_classifier({"sea": ids("sea", 9, 1)}, vocab_size=SIZE)
    with pytest.raises(CorpusError, match="'sky': 0"):
        label_classifier({"sea": ids("sea", 9, 1), "sky": []}, vocab_size=SIZE)


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(), max_size=9)),
    st.integers(0, 12),
    st.integers(0, 3),
)
def test_balance_draws_without_replacement(texts: dict[str, list[int]], n: int, seed: int) -> None:
    found = balance(texts, n, seed)
    assert found.keys() == texts.keys()
    for value, own in found.items():
        rest = list(texts[value])
        for text in own:
            rest.remove(text)
        assert len(own) == min(n, len(texts[value]))
    assert balance(texts, n, seed) == found

"""Which value of a label is a text of? A classifier that has learnt from human texts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch

from poetvae.data.dataset import derive_seed
from poetvae.evaluation.two_sample import Texts, class_logits, token_store, train_classifier

T = TypeVar("T")


def balance(texts: Mapping[str, Sequence[T]], n: int, seed: int = 0) -> dict[str, list[T]]:
    """n of each value's texts, drawn without replacement; all where there are fewer."""
    rng = np.random.default_rng(derive_seed(seed, "balance"))
    return {value: [own[i] for i in rng.permutation(len(own))[:n]] for value, own in texts.items()}


def label_classifier(
    texts: Mapping[str, Texts], vocab_size: int, *, epochs: int = 8, seed: int = 0
) -> Callable[[Texts], list[str]]:
    """Learn to tell a label's values apart from token sequences (ids below `vocab_size`) of each;
    gives what names the likeliest value of each of other sequences."""
    values, store = list(texts), token_store([text for own in texts.values() for text in own])
    label = torch.tensor([place for place, value in enumerate(values) for _ in texts[value]])
    learn = torch.arange(len(store))
    network = train_classifier(store, label, learn, len(values), vocab_size, seed, epochs)

    def named(others: Texts) -> list[str]:
        places = class_logits(network, token_store(others), torch.arange(len(others)))
        return [values[place] for place in places.argmax(dim=1).tolist()]

    return named

"""Which of several sets is a text from? A small gated convolutional classifier of tokens.

It knows nothing of the models that it judges: not their weights, not their latent space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..data.dataset import TokenStore, batch_index, derive_seed
from ..errors import CorpusError
from ..nn import GCNN, masked_max, masked_mean

T = TypeVar("T")
BATCH = 64
Texts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class LabelClassifier:
    """Token sequences to values of a label.

    Attributes:
        values: what it tells apart.
        per_value: how many texts of each it learnt from.
    """

    values: tuple[str, ...]
    per_value: int
    _network: nn.Module

    def __call__(self, texts: Texts) -> list[str]:
        """The likeliest value of each text."""
        if not texts:
            return []
        store = _store(texts)
        places = _logits(self._network, store, torch.arange(len(store))).argmax(dim=1)
        return [self.values[place] for place in places.tolist()]


def label_classifier(
    texts: Mapping[str, Texts],
    *,
    vocab_size: int,
    limit: int = 20_000,
    seed: int = 0,
    epochs: int = 8,
) -> LabelClassifier:
    """Learn to tell a label's values apart, from equally many texts of each.

    Args:
        texts: token sequences by value.
        vocab_size: tokens are 0 to `vocab_size` - 1.
        limit: the most that are drawn of a value; else as many as the rarest value has.
        seed: of what is drawn, first weights and order.
        epochs: times through what was drawn.

    Raises:
        CorpusError: fewer than two values, or a value without text.
    """
    fewest = min(map(len, texts.values()), default=0)
    if len(texts) < 2 or not fewest:
        counts = {value: len(own) for value, own in texts.items()}
        raise CorpusError(f"texts by value: {counts}; expected two values or more, texts of each")
    size = min(limit, fewest)
    balanced = balance(texts, size, seed)
    store = _store([text for own in balanced.values() for text in own])
    label = torch.arange(len(balanced)).repeat_interleave(size)
    everything = torch.arange(len(store))
    network = _train(store, label, everything, len(balanced), vocab_size, seed, epochs)
    return LabelClassifier(tuple(balanced), size, network)


def balance(texts: Mapping[str, Sequence[T]], n: int, seed: int = 0) -> dict[str, list[T]]:
    """n of each value's texts, drawn without replacement; all where there are fewer."""
    rng = np.random.default_rng(derive_seed(seed, "balance"))
    return {value: [own[i] for i in rng.permutation(len(own))[:n]] for value, own in texts.items()}


def two_sample_auc(
    ones: Texts, others: Texts, *, vocab_size: int, seed: int = 0, epochs: int = 8
) -> float:
    """How well a classifier tells two sets of token sequences apart.

    Area under the ROC curve on sequences it has not learned from: 0.5 = not at all, 1 = perfectly
    (classifier two-sample test, Lopez-Paz & Oquab 2017, arXiv 1610.06545). Each half of the data is
    tested by a classifier trained on the other half; the mean is given.

    Raises:
        CorpusError: fewer than two sequences on a side.
    """
    if min(len(ones), len(others)) < 2:
        raise CorpusError("two sequences on each side are the least that can be told apart")
    store = _store([*ones, *others])
    label = torch.tensor([1] * len(ones) + [0] * len(others))
    fold = torch.cat([torch.arange(len(ones)) % 2, torch.arange(len(others)) % 2])
    areas = []
    for side in (0, 1):
        learn, test = (fold == side).nonzero()[:, 0], (fold != side).nonzero()[:, 0]
        network = _train(store, label, learn, 2, vocab_size, derive_seed(seed, side), epochs)
        scores = _logits(network, store, test).diff(dim=1).squeeze(1)
        areas.append(area_under_curve(scores, label[test] == 1))
    return sum(areas) / 2


def area_under_curve(scores: Tensor, positive: Tensor) -> float:
    """The chance that a positive scores higher than a negative, ties counting half (Mann & Whitney
    1947): scores (N,), positive (N,) bool."""
    _, place, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    below = counts.cumsum(0) - counts
    rank = (below + (counts + 1) / 2)[place].double()
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return (float(rank[positive].sum()) - ones * (ones + 1) / 2) / (ones * zeros)


class _Network(nn.Module):
    """Tokens (B, T) -> logits (B, classes)."""

    def __init__(self, vocab_size: int, classes: int, channels: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, channels)
        self.body = GCNN(channels, 2, dropout=0.2)
        self.out = nn.Linear(2 * channels, classes)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.body(self.embedding(tokens).transpose(1, 2), mask)
        pooled = torch.cat([masked_mean(x, mask), masked_max(x, mask)], dim=1)
        logits: Tensor = self.out(pooled)
        return logits


def _store(texts: Texts) -> TokenStore:
    return TokenStore(texts, max(map(len, texts)), 0)


def _train(
    store: TokenStore,
    label: Tensor,
    learn: Tensor,
    classes: int,
    vocab_size: int,
    seed: int,
    epochs: int,
) -> _Network:
    """A classifier of the texts at the places `learn`; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "classifier"))
        network = _Network(vocab_size, classes)
        optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.01)
        for step in range(max(1, epochs * len(learn) // BATCH)):
            index = learn[torch.from_numpy(batch_index(len(learn), BATCH, seed, step))]
            batch = store.batch(index.numpy())
            logits = network(batch.tokens, batch.mask)
            loss = nn.functional.cross_entropy(logits, label[index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval()


@torch.no_grad()
def _logits(network: nn.Module, store: TokenStore, places: Tensor) -> Tensor:
    """(len(places), classes)."""
    batches = (store.batch(part.numpy()) for part in torch.split(places, 1000))
    return torch.cat([network(b.tokens, b.mask) for b in batches])

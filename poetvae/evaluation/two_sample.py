"""Which of several sets is a text from? A small gated convolutional classifier of tokens.

It knows nothing of the models that it judges: not their weights, not their latent space.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..data.dataset import TokenStore, batch_index, derive_seed
from ..errors import CorpusError
from ..i18n import _
from ..nn import GCNN, masked_max, masked_mean

BATCH = 64
Texts = Sequence[Sequence[int]]


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
        raise CorpusError(_("two sequences on each side are the least that can be told apart"))
    store = token_store([*ones, *others])
    label = torch.tensor([1] * len(ones) + [0] * len(others))
    fold = torch.cat([torch.arange(len(ones)) % 2, torch.arange(len(others)) % 2])
    areas = []
    for side in (0, 1):
        learn, test = (fold == side).nonzero()[:, 0], (fold != side).nonzero()[:, 0]
        network = train_classifier(
            store, label, learn, 2, vocab_size, derive_seed(seed, side), epochs
        )
        scores = class_logits(network, store, test).diff(dim=1).squeeze(1)
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


def token_store(texts: Texts) -> TokenStore:
    return TokenStore(texts, max(map(len, texts)), 0)


def train_classifier(
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
def class_logits(network: nn.Module, store: TokenStore, places: Tensor) -> Tensor:
    """(len(places), classes)."""
    batches = (store.batch(part.numpy()) for part in torch.split(places, 1000))
    return torch.cat([network(b.tokens, b.mask) for b in batches])

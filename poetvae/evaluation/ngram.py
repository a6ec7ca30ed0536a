"""An n-gram model of token sequences: the reference that any learnt model has to beat.

Interpolated Kneser-Ney smoothing with one discount per order (Kneser and Ney 1995, "Improved
backing-off for m-gram language modeling"; Chen and Goodman 1998, "An empirical study of smoothing
techniques for language modeling", section 2.7). The probability of w after a context h of n - 1
tokens is

    P_n(w | h) = (c(h w) - D_n) / c(h ·)  +  D_n types(h ·) / c(h ·)  P_(n-1)(w | h without first)

where the first term is 0 for an n-gram never seen, P_n is P_(n-1) after a context never seen, and
P_0 is uniform. In the highest order c counts occurrences; below it, c counts the distinct tokens
that stand before the n-gram, save that n-grams with a begin mark in front, which nothing else can
precede, keep their occurrences (as in SRILM and KenLM).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, CorpusError
from ..i18n import _

Texts = Sequence[Sequence[int]]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Level(NamedTuple):
    """One order. The number of an n-gram is the place of its key among the sorted keys, and the key
    is (number of its context) * (vocab_size + 1) + (last token); so keys of any order fit 64 bits.

    `gain`, by n-gram, is the first term of P_n; `rest`, by context, the factor of P_(n-1). The last
    entry of both stands for what was never seen, so that -1 is its number.
    """

    keys: Ints
    gain: Floats
    rest: Floats


@dataclass(frozen=True, eq=False)
class NGram:
    """Token probabilities given the `order` - 1 tokens before, or begin marks for want of tokens.

    Attributes:
        vocab_size: tokens are 0 to `vocab_size` - 1; each has a positive probability everywhere.
        order: of the longest n-grams counted.
        end: the token that is predicted after each sequence; None where the length is known.
    """

    vocab_size: int
    order: int
    end: int | None
    _levels: tuple[_Level, ...]

    @classmethod
    def fit(
        cls, sequences: Texts, vocab_size: int, order: int = 4, end: int | None = None
    ) -> NGram:
        """Count the n-grams of sequences; each D is n1 / (n1 + 2 n2), where n1 and n2 say how many
        n-grams have a count of 1 and 2 (Ney, Essen and Kneser 1994, "On structuring probabilistic
        dependences in stochastic language modelling"), or 0.5 where either is 0, as in KenLM.

        Raises:
            ConfigError: an order below 1, or a token outside 0 to `vocab_size` - 1.
            CorpusError: no token to learn from.
        """
        if order < 1:
            raise ConfigError(_("order {order}: expected 1 or more", order=order))
        empty = cls(vocab_size, order, end, ())
        stream = empty._stream(sequences)
        if not np.any(stream < vocab_size):
            raise CorpusError(_("no token to learn from; give sequences that are not empty"))
        base = vocab_size + 1
        grams = [np.zeros_like(stream)]  # by order, the number of the n-gram that ends here
        tables = []
        for __ in range(order):
            numbers = np.roll(grams[-1], 1) * base + stream
            unique = np.unique(numbers, return_index=True, return_inverse=True, return_counts=True)
            keys, first, inverse, counts = unique
            grams.append(inverse)
            tables.append((keys, first, counts))
        levels, contexts = [], 1
        for n, (keys, first, counts) in enumerate(tables, 1):
            if n < order:
                before = np.bincount(grams[n][tables[n][1]], minlength=len(keys))
                at_begin = np.roll(stream, n - 1)[first] == vocab_size
                counts = np.where(at_begin, counts, before)
            counts = np.where(stream[first] == vocab_size, 0, counts)
            n1, n2 = (counts == 1).sum(), (counts == 2).sum()
            discount = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
            context = keys // base
            total = np.bincount(context, counts, minlength=contexts + 1)
            types = np.bincount(context, counts > 0, minlength=contexts + 1)
            divisor = np.maximum(total, 1)
            gain = np.maximum(counts - discount, 0) / divisor[context]
            rest = np.where(total > 0, discount * types / divisor, 1.0)
            levels.append(_Level(keys, np.append(gain, 0.0), rest))
            contexts = len(keys)
        return cls(vocab_size, order, end, tuple(levels))

    def nll(self, sequences: Texts) -> Floats:
        """-log P of each sequence, in nats; with `end`, of its end as well.
        Raises ConfigError: a token outside 0 to `vocab_size` - 1."""
        stream = self._stream(sequences)
        nats = -np.log(self._predict(stream)[stream < self.vocab_size])
        lengths = [len(s) + (self.end is not None) for s in sequences]
        sums = np.zeros(len(lengths))
        np.add.at(sums, np.repeat(np.arange(len(lengths)), lengths), nats)
        return sums

    def probabilities(self, context: Sequence[int] = ()) -> Floats:
        """P of each token as the next one of a sequence that begins with `context`: (vocab_size,).
        Raises ConfigError: a token outside 0 to `vocab_size` - 1."""
        self._check(context)
        begun = [self.vocab_size] * (self.order - 1) + list(context)
        rows = np.tile(np.array([*begun[len(context) :], 0], np.int64), (self.vocab_size, 1))
        rows[:, -1] = np.arange(self.vocab_size)
        return self._predict(rows.ravel())[self.order - 1 :: self.order]

    def sample(
        self, n: int, length: int, seed: int = 0, allowed: Sequence[int] | None = None
    ) -> Ints:
        """Draw n sequences of so many tokens: (n, length).

        P_n is a mixture: with the mass of the first term a token is drawn from what was seen after
        the context, else from P_(n-1). A token that is not `allowed` is drawn again.
        """
        rng, base = np.random.default_rng(seed), self.vocab_size + 1
        may = np.zeros(base, dtype=np.bool_)
        may[np.arange(self.vocab_size) if allowed is None else np.asarray(allowed)] = True
        sums = [np.append(0.0, level.gain.cumsum()) for level in self._levels]
        recent = np.zeros((self.order + 1, n), dtype=np.int64)  # number of the n-gram just ended

        def advance(tokens: Ints) -> None:
            for k in range(self.order, 0, -1):
                recent[k] = self._number(self._levels[k - 1], recent[k - 1], tokens)

        recent[1:] = -1
        for __ in range(self.order - 1):
            advance(np.full(n, self.vocab_size))
        written = np.empty((n, length), dtype=np.int64)
        for t in range(length):
            tokens = np.full(n, self.vocab_size)
            while len(open_ := np.flatnonzero(~may[tokens])):
                drawn = rng.integers(self.vocab_size, size=len(open_))
                undecided = np.ones(len(open_), dtype=np.bool_)
                for k in range(self.order, 0, -1):
                    context = recent[k - 1, open_]
                    keys = self._levels[k - 1].keys
                    low = sums[k - 1][np.searchsorted(keys, context * base)]
                    high = sums[k - 1][np.searchsorted(keys, (context + 1) * base)]
                    place = low + rng.random(len(open_))
                    take = undecided & (context >= 0) & (place < high)
                    found = np.searchsorted(sums[k - 1], place[take], side="right") - 1
                    drawn[take] = keys[found] % base
                    undecided &= ~take
                tokens[open_] = drawn
            written[:, t] = tokens
            advance(tokens)
        return written

    def _number(self, level: _Level, contexts: Ints, tokens: Ints) -> Ints:
        """The numbers of the n-grams of these contexts and tokens; -1 for those never seen."""
        keys, wanted = level.keys, contexts * (self.vocab_size + 1) + tokens
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[places] == wanted, places, -1)

    def _predict(self, stream: Ints) -> Floats:
        """P of each token of a stream given those before it; without meaning at begin marks."""
        numbers = np.zeros_like(stream)
        p = np.full(len(stream), 1 / self.vocab_size)
        for level in self._levels:
            contexts = np.roll(numbers, 1)
            numbers = self._number(level, contexts, stream)
            p = level.gain[numbers] + level.rest[contexts] * p
        return p

    def _stream(self, sequences: Texts) -> Ints:
        """All sequences in a row, each after `order` - 1 begin marks and before its `end`.

        No n-gram that ends in a token reaches into the sequence before; those that end in a begin
        mark may, and are never counted.
        """
        tail = () if self.end is None else (self.end,)
        ended = chain.from_iterable(chain(s, tail) for s in sequences)
        tokens = np.fromiter(ended, dtype=np.int64)
        self._check(tokens)
        lengths = np.array([len(s) + len(tail) for s in sequences], dtype=np.int64)
        starts = np.repeat(np.cumsum(lengths) - lengths, self.order - 1)
        return np.insert(tokens, starts, self.vocab_size)

    def _check(self, tokens: Sequence[int] | Ints) -> None:
        if len(tokens) and not 0 <= np.min(tokens) <= np.max(tokens) < self.vocab_size:
            raise ConfigError(
                _(
                    "tokens from {low} to {high}: expected 0 to {most}, as the "
                    "vocabulary has {vocab_size}",
                    low=np.min(tokens),
                    high=np.max(tokens),
                    most=self.vocab_size - 1,
                    vocab_size=self.vocab_size,
                )
            )

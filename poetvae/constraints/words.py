"""Words of several tokens: which syllables make one, so that what is written is words.

A decoder gives each syllable its own distribution. Drawn one after the other, each may be held to
those with which some word goes on from the syllables before it, and ends in its line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor

from ..text.codec import language_of_tokens, spelt
from ..text.form import Form
from ..text.graphemes import SYLLABLE
from ..text.tokenizer import NEWLINE, PoemTokenizer

FEW = 20  # tokens that are spelt alike, at most
MOST = 6  # syllables of a word that is written

Narrow = Callable[[Tensor, Tensor, int], Tensor]
"""By what is allowed, what stands and a position what may stand there, see `Words.narrow`."""


class Words:
    """The words that the tokens of a vocabulary of V make, as a trie.

    Attributes:
        begins, ends: (V,) bool, which tokens begin a word, and end one.
    """

    def __init__(self, tokenizer: PoemTokenizer) -> None:
        language = language_of_tokens(tokenizer)
        assert language is not None
        tokens = [tokenizer.decode([i]) for i in range(len(tokenizer))]
        self.begins, self.ends = torch.zeros(2, len(tokenizer), dtype=torch.bool)
        self._letters = [""] * len(tokenizer)
        for i, token in enumerate(tokens):
            if i > NEWLINE and SYLLABLE.fullmatch(token):
                went, goes = language.joins(token)
                self.begins[i], self.ends[i] = not went, not goes
                self._letters[i] = language.letters(token)
        number = {token: i for i, token in enumerate(tokens)}
        # After the tokens of each beginning those that some word goes on with, each with the
        # numbers of tokens that are then left, as bits: 1 for none, 2 for one.
        self._trie = defaultdict[tuple[int, ...], dict[int, int]](dict)
        for word in language.lexicon():
            for spelling in language.spellings(word):
                ids = tuple(number.get(token, -1) for token in spelling)
                if -1 not in ids and len(ids) <= MOST:
                    for k, i in enumerate(ids):
                        node = self._trie[ids[:k]]
                        node[i] = node.get(i, 0) | 1 << len(ids) - 1 - k
        self._masks: dict[tuple[tuple[int, ...], int], Tensor] = {}
        pairs = [
            (stem[0], token)
            for stem, node in self._trie.items()
            if len(stem) == 1
            for token, bits in node.items()
            if bits & 1
        ]
        self._heads, self._tails = torch.tensor(pairs).long().view(-1, 2).unbind(1)

    def _go_on(self, stem: tuple[int, ...], rest: int) -> Tensor:
        """The tokens, (V,) bool, that a word which has begun so goes on with, in so much room."""
        if (stem, rest) not in self._masks:
            fits = (1 << rest + 1) - 1
            found = torch.zeros_like(self.begins)
            found[[token for token, bits in self._trie.get(stem, {}).items() if bits & fits]] = True
            self._masks[stem, rest] = found
        return self._masks[stem, rest]

    def narrow(self, allowed: Tensor, written: Tensor, t: int, form: Form) -> Tensor:
        """What may stand at position t of poems of a form, of what is allowed there.

        Args:
            allowed: (T, V) or (B, T, V) bool, at all positions.
            written: (B, T), the tokens that stand already, an id up to `NEWLINE` where none does.

        Returns (B, V): what is allowed where nothing would be left, or where the syllable before it
        does not stand yet.
        """
        verse, place = form.place(t)
        rest = min(form.lengths[verse] - 1 - place, MOST - 1)
        can = allowed[..., t, :].expand(len(written), -1)
        opening = self._go_on((), rest)
        if rest == 1:  # an end has to be allowed, too
            later = allowed[..., t + 1, :].expand(len(written), -1)[:, self._tails].float()
            ended = torch.zeros(can.shape).index_add_(1, self._heads, later) > 0
            opening = opening & (self.ends | ended)
        narrowed = can & opening
        for row in range(len(written)) if place else ():
            before = written[row, t - place : t].tolist()
            if before[-1] <= NEWLINE:
                narrowed[row] = can[row]
            elif not self.ends[before[-1]]:
                narrowed[row] = can[row] & self._go_on(self._stem(before), rest)
        if rest and bool((after := written[:, t + 1] > NEWLINE).any()):
            joined = ~self.begins[written[:, t + 1]]
            fits = self.ends.unsqueeze(0) != joined.unsqueeze(1)
            narrowed = narrowed & (fits | ~after.unsqueeze(1))
        return torch.where(narrowed.any(1, keepdim=True), narrowed, can)

    def _stem(self, before: list[int]) -> tuple[int, ...]:
        """The tokens of a line from where its last word begins."""
        starts = [i for i, token in enumerate(before) if self.begins[token]]
        return tuple(before[starts[-1] if starts else 0 :])

    def satisfied(self, tokens: Tensor, form: Form, allowed: Tensor) -> Tensor:
        """Whether all words of poems (B, T) of a form are words, save those of which everything was
        given, what was allowed (T, V) being spelt in one way: (B,) bool."""
        few = (some.nonzero().flatten().tolist() if some.sum() < FEW else [] for some in allowed)
        given = [len({self._letters[i] for i in some}) == 1 for some in few]
        return torch.tensor([self._whole(row, form, given) for row in tokens.tolist()])

    def _whole(self, row: list[int], form: Form, given: list[bool]) -> bool:
        for span in form.spans:
            start = span.start
            for t in span:
                if t + 1 == span.stop or bool(self.begins[row[t + 1]]):
                    *stem, last = row[start : t + 1]
                    is_word = self._trie.get(tuple(stem), {}).get(last, 0) & 1
                    if not is_word and not all(given[start : t + 1]):
                        return False
                    start = t + 1
        return True


def narrowing(words: Words | None, form: Form | None) -> Narrow | None:
    """`Words.narrow` of poems of a form; None where every syllable is a word, or in free form."""
    return partial(words.narrow, form=form) if words and form else None


@lru_cache(maxsize=2)
def words_of(tokenizer: PoemTokenizer) -> Words | None:
    """The words of a vocabulary of syllables; None where each token is one by itself."""
    return Words(tokenizer) if spelt(tokenizer) else None

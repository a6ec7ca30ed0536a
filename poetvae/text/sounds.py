"""How the tokens of a vocabulary sound, in numbers, for a model to learn a vector of each sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .codec import PoemCodec
from .prosody import Reading, readings


@dataclass(frozen=True)
class Sounds:
    """The sounds of V tokens. A sound is a tone or a rhyme class; 0 stands for none.

    Attributes:
        count: how many sounds there are, numbered from 1.
        readings: by reading, from 1, the sounds that are heard in it; of reading 0 none.
        tokens: by token its readings, all of as many numbers: 0 where it has no more.
    """

    count: int
    readings: tuple[tuple[int, int], ...]
    tokens: tuple[tuple[int, ...], ...]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many sounds, how many readings, and how many of these a token has at most."""
        return self.count, len(self.readings) - 1, len(self.tokens[0])


def sounds_of(codec: PoemCodec) -> Sounds | None:
    """The sounds of a model's tokens; None where none of them has any. In simplified text a
    character has the readings of all that it stands for."""
    tokenizer, simplified = codec.tokenizer, not codec.traditional
    found = [readings(tokenizer.decode([i]), simplified) for i in range(len(tokenizer))]
    if not any(found):
        return None
    every: list[Reading] = sorted(frozenset().union(*found))
    tones, rhymes = (_numbered(names) for names in zip(*every, strict=True))
    after = max(tones.values())
    heard = [(tones[tone], rhymes[rhyme] and after + rhymes[rhyme]) for tone, rhyme in every]
    number = {reading: i for i, reading in enumerate(every, 1)}
    numbers = [sorted(number[reading] for reading in of) for of in found]
    most = max(map(len, numbers))
    tokens = (tuple(of + [0] * (most - len(of))) for of in numbers)
    return Sounds(after + max(rhymes.values()), ((0, 0), *heard), tuple(tokens))


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Names from 1 on, in order; no name is 0."""
    return {"": 0} | {name: i for i, name in enumerate(sorted({*names} - {""}), 1)}

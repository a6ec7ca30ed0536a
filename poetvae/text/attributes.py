"""What is true of a poem or not: `author=李白`, `contains=月`, `tones=regulated`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.poem import Poem
from poetvae.text.prosody import regulated


@dataclass(frozen=True)
class Attribute:
    """A key and a value. `contains`: the text has the value in it; `tones=regulated`: some choice
    of readings keeps the tones of regulated verse; `form`: the form is the value, as 5x2; any other
    key: the poem's meta field of that name is the value.
    """

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Attribute:
        """The attribute written as key=value.

        Raises:
            ConfigError: for anything else, and for tones other than regulated.
        """
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigError(f"attribute {text!r}: expected KEY=VALUE, such as contains=月")
        if key == "tones" and value != "regulated":
            raise ConfigError(f"attribute {text!r}: expected tones=regulated")
        return cls(key, value)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    def holds(self, poem: Poem) -> bool:
        """Whether it is true of the poem."""
        if self.key == "contains":
            return self.value in poem.text
        if self.key == "tones":
            return regulated(poem.verses) is True
        if self.key == "form":
            return str(poem.form) == self.value
        return poem.meta.get(self.key) == self.value

    def divide(
        self, poems: Iterable[Poem], limit: int | None = None, least: int = 1
    ) -> tuple[list[Poem], list[Poem]]:
        """The poems that have it, and the others.

        Args:
            poems: of a corpus.
            limit: at most so many of a side, spread evenly over it.
            least: how many are needed on each side.

        Raises:
            CorpusError: fewer than needed on a side.
        """
        poems = list(poems)
        sides: tuple[list[Poem], list[Poem]] = [], []
        for poem in poems:
            sides[not self.holds(poem)].append(poem)
        ones, others = sides
        if min(map(len, sides)) < least:
            raise CorpusError(
                f"{self} holds for {len(ones)} of {len(poems)} poems; "
                f"expected {least} with it and {least} without it: {self._hint(poems)}"
            )
        return spread(ones, limit), spread(others, limit)

    def _hint(self, poems: Sequence[Poem]) -> str:
        if self.key in ("contains", "tones", "form"):
            return "give more poems, or another value"
        values = Counter(poem.meta[self.key] for poem in poems if self.key in poem.meta)
        if values:
            return f"{self.key} is {', '.join(v for v, _ in values.most_common(5))} most often"
        keys = sorted({key for poem in poems for key in poem.meta})
        return f"these poems have {', '.join([*keys, 'form', 'contains', 'tones'])}"


def spread(poems: list[Poem], limit: int | None) -> list[Poem]:
    """At most `limit` of the poems, from all over them, in order."""
    n = len(poems)
    if limit is None or n <= limit:
        return poems
    return [poems[i * n // limit] for i in range(limit)]

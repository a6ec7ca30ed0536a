"""The form of a poem: how long its verses are, and so where they end and what stands behind them.

A position is a character: of Chinese a syllable, of kana a mora. A tune (詞牌) is a form with a
name of its own: two tunes may have verses of the same lengths and other tones and rhymes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

from ..errors import ConfigError
from ..i18n import N_, _
from .graphemes import SYLLABLE, clusters
from .names import form_named

MAX_LENGTH = 99
MAX_LINES = 999
TUNES = "tunes"
"""Stands for the forms of all tunes that the table has."""

# Ranges rather than unicodedata: Python 3.11 knows Unicode 14, and fonts and corpora know more.
# 々 repeats the character before it and 〇 is a zero: both count as one character of a verse.
HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "ぁ-ゖァ-ヺー"
_SIZE = re.compile(
    r"(?:(.+):)?(?:([0-9]{1,3})[xX×]([0-9]{1,3})|([0-9]{1,3}(?:[-–—,、][0-9]{1,3})+))"
)
_SYLLABLES = re.compile(f"(?:{SYLLABLE.pattern})+")
_HAN_VERSE, _KANA_VERSE = re.compile(f"[{HAN}]+"), re.compile(f"[{KANA}]+")


@dataclass(frozen=True, order=True, init=False)
class Form:
    """A fixed form: the length of each verse, in characters, and the tune that it is of, if any.

    Form(5, 4) has four verses of five characters, Form((7, 7, 3), 2) those three twice.
    Raises ConfigError: no verse, more than 999, or one outside of 1 to 99 characters.
    """

    lengths: tuple[int, ...]
    tune: str

    def __init__(self, lengths: int | Iterable[int], times: int = 1, tune: str = "") -> None:
        part = (lengths,) if isinstance(lengths, int) else tuple(lengths)
        known = all(1 <= length <= MAX_LENGTH for length in part)
        if not (known and 1 <= times * len(part) <= MAX_LINES):
            name = f"{lengths}x{times}" if isinstance(lengths, int) else "-".join(map(str, part))
            bounds = _(
                "1 to {max_length} characters a line and 1 to {max_lines} lines",
                max_length=MAX_LENGTH,
                max_lines=MAX_LINES,
            )
            raise ConfigError(
                _("form {name}: expected {bounds}, such as 5x2", name=name, bounds=bounds)
            )
        object.__setattr__(self, "lengths", part * times)
        object.__setattr__(self, "tune", tune)

    @classmethod
    def parse(cls, text: str) -> Form:
        """The form that is written as characters a line, x, lines, "5x2", as the lengths of its
        lines, "3-5-7-7-5", or that has a name: see `form_named` and `tunes_named`. A name may
        stand before the lengths: see `full`. Raises ConfigError: for anything else."""
        plain = "".join(unicodedata.normalize("NFKC", text).split())
        if match := _SIZE.fullmatch(plain):
            tune, length, lines, lengths = match.groups()
            if lengths:
                return cls(map(int, re.findall("[0-9]+", lengths)), tune=tune or "")
            return cls(int(length), int(lines), tune or "")
        if lengths := form_named(text):
            return cls(lengths)
        if found := forms_of_tune(text):
            return found[0]
        example = _("5x2, line lengths, such as 5-7-5, or a name, such as 七絕 or 浣溪沙")
        raise ConfigError(
            _(
                "form {text!r}: expected characters a line, x, lines, such as {example}",
                text=text,
                example=example,
            )
        )

    def __str__(self) -> str:
        return self.tune or self._size

    @property
    def full(self) -> str:
        """The form with its lengths, whatever the table of tunes says: "浣溪沙:7x6"."""
        return f"{self.tune}:{self._size}" if self.tune else self._size

    @property
    def _size(self) -> str:
        return written(self.lengths)

    @property
    def uniform(self) -> int:
        """The one length of all verses, or 0 where they have several."""
        return self.lengths[0] if len(set(self.lengths)) == 1 else 0

    @property
    def lines(self) -> int:
        """How many verses a poem of this form has."""
        return len(self.lengths)

    @property
    def size(self) -> int:
        """How many characters it has."""
        return sum(self.lengths)

    @cached_property
    def spans(self) -> tuple[range, ...]:
        """The positions of each verse."""
        ends = (0, *accumulate(self.lengths))
        return tuple(range(ends[i], ends[i + 1]) for i in range(self.lines))

    @property
    def starts(self) -> tuple[int, ...]:
        """The first position of each verse."""
        return tuple(span.start for span in self.spans)

    @property
    def ends(self) -> tuple[int, ...]:
        """The last position of each verse."""
        return tuple(span.stop - 1 for span in self.spans)

    def place(self, t: int) -> tuple[int, int]:
        """The verse that position t is in, and its place there, both counted from 0."""
        verse = next(i for i, span in enumerate(self.spans) if t in span)
        return verse, t - self.spans[verse].start

    def untuned(self) -> Form:
        """The form of these lengths that is of no tune."""
        return Form(self.lengths) if self.tune else self

    def has_ends(self, size: int, ends: Iterable[int]) -> bool:
        """Whether it has so many characters, and a verse ends after so many of them each time."""
        return size == self.size and {0, *accumulate(self.lengths)}.issuperset(ends)

    def lay_out(self, chars: str) -> tuple[str, ...]:
        """The characters split into verses.
        Raises ConfigError: when there are more or fewer than `size` of them."""
        tokens = clusters(chars)
        if len(tokens) != self.size:
            sizes = _(
                "{chars!r} has {n} characters, form {form} has {size}",
                chars=chars,
                n=len(tokens),
                form=self,
                size=self.size,
            )
            remedy = _(
                N_("give {lines} verses of {length} characters without punctuation")
                if self.uniform
                else N_("give {lines} verses of {length} without punctuation"),
                lines=self.lines,
                length=self.uniform or self._size,
            )
            raise ConfigError(_("{sizes}: {remedy}", sizes=sizes, remedy=remedy))
        return tuple("".join(tokens[span.start : span.stop]) for span in self.spans)

    def punctuate(self, chars: str) -> str:
        """The characters as people read them: 秦川雄帝宅，函谷壯皇居。 and a line per couplet;
        other languages as they write it, see `Language.written`.
        Raises ConfigError: when there are more or fewer than `size` of them."""
        from .prosody.languages import LANGUAGES, language_of  # which know forms

        language = language_of(chars) or LANGUAGES["chinese"]
        return language.written(self.lay_out(chars), self)


def written(lengths: Sequence[int]) -> str:
    """Line lengths as a form is written: 5x4, 3-5-7-7-5."""
    return f"{lengths[0]}x{len(lengths)}" if len(set(lengths)) == 1 else "-".join(map(str, lengths))


def is_han(text: str) -> bool:
    """Whether the text is made of Han characters alone, and is not empty."""
    return _HAN_VERSE.fullmatch(text) is not None


def is_kana(text: str) -> bool:
    """Whether the text is made of kana alone, and is not empty."""
    return _KANA_VERSE.fullmatch(text) is not None


def is_verse(text: str) -> bool:
    """Whether a verse of a form may be made of this: of Han characters alone, of kana, or of
    syllables."""
    return is_han(text) or is_kana(text) or _SYLLABLES.fullmatch(text) is not None


def parse_forms(texts: Iterable[str]) -> tuple[Form, ...]:
    """The forms of these names, each once, in their order; "tunes" stands for all tunes.
    Raises ConfigError: as `Form.parse`."""
    found = dict[Form, None]()
    for text in texts:
        every = text.strip().casefold() == TUNES
        found |= dict.fromkeys(all_tunes() if every else [Form.parse(text)])
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def forms_of_tune(name: str) -> tuple[Form, ...]:
    """The forms of the tune that has this name, in either script, the commonest first."""
    from .prosody.chinese.tunes import (
        tunes_named,  # a table that is not read before a name is asked for
    )

    return tuple(Form(tune.lengths, tune=tune.name) for tune in tunes_named(name))


def all_tunes() -> tuple[Form, ...]:
    """The forms of all tunes of the table."""
    from .prosody.chinese.tunes import tunes

    return tuple(Form(tune.lengths, tune=name) for name, tune in tunes().items())

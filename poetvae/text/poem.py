"""What a poem is: its lines, its verses, its form, and the way to and from the characters learnt.

A *line* is a line of text as the source has it, with punctuation. A *verse* is what stands between
two marks of punctuation: 秦川雄帝宅，函谷壯皇居。 is one line of two verses. A *form* says how many
verses of how many characters a poem has: 5x2 is a couplet of five-character verses, 7x4 a
seven-character quatrain. In a fixed form the characters alone are learnt, verse after verse, since
the form says where verses end and what is punctuated; in free form (`None`) the text is learnt as
it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b

from ..errors import ConfigError
from .names import form_named

MAX_LENGTH = 99
MAX_LINES = 999
LACUNA = "□"
"""Stands for a character that is lost, or that Unicode does not have."""

# Ranges rather than unicodedata: Python 3.11 knows Unicode 14, and fonts and corpora know more.
# 々 repeats the character before it and 〇 is a zero: both count as one character of a verse.
HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HAN = re.compile(f"[{HAN}]")
_HAN_VERSE = re.compile(f"[{HAN}]+")
_FORM = re.compile(r"([0-9]{1,3})[xX×]([0-9]{1,3})")
_SENTENCE_END = re.compile(r"[。？！；.?!;]+")
_VERSE_END = re.compile(r"[，。？！；：、,.?!;:\s]+")
_STOPS = frozenset("，。？！；：,.?!;:\n")
_QUOTES = re.compile("[「」『』“”‘’《》〈〉\"']")


@dataclass(frozen=True, order=True)
class Form:
    """A fixed form: `lines` verses of `length` characters each.
    Raises ConfigError: outside 1x1 to 99x999."""

    length: int
    lines: int

    def __post_init__(self) -> None:
        if not (1 <= self.length <= MAX_LENGTH and 1 <= self.lines <= MAX_LINES):
            bounds = f"1 to {MAX_LENGTH} characters a line and 1 to {MAX_LINES} lines"
            raise ConfigError(f"form {self}: expected {bounds}, such as 5x2")

    @classmethod
    def parse(cls, text: str) -> Form:
        """The form written as characters a line, x, lines, "5x2", or by a name: see `form_named`.
        Raises ConfigError: for anything else."""
        match = _FORM.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
        size = (int(match[1]), int(match[2])) if match else form_named(text)
        if size is None:
            example = "5x2 for a couplet of five-character verses, or a name, such as 七絕"
            raise ConfigError(
                f"form {text!r}: expected characters a line, x, lines, such as {example}"
            )
        return cls(*size)

    def __str__(self) -> str:
        return f"{self.length}x{self.lines}"

    @property
    def size(self) -> int:
        """How many characters a poem of this form has."""
        return self.length * self.lines

    def lay_out(self, chars: str) -> tuple[str, ...]:
        """The characters split into verses.
        Raises ConfigError: when there are more or fewer than `size` of them."""
        if len(chars) != self.size:
            sizes = f"{chars!r} has {len(chars)} characters, form {self} has {self.size}"
            remedy = f"give {self.lines} verses of {self.length} characters without punctuation"
            raise ConfigError(f"{sizes}: {remedy}")
        return tuple(chars[i : i + self.length] for i in range(0, self.size, self.length))

    def punctuate(self, chars: str) -> str:
        """The characters as people read them: 秦川雄帝宅，函谷壯皇居。 and a line per couplet.
        Raises ConfigError: when there are more or fewer than `size` of them."""
        verses = self.lay_out(chars)
        return "\n".join("，".join(verses[i : i + 2]) + "。" for i in range(0, self.lines, 2))


@dataclass(frozen=True)
class Poem:
    """A poem, or a part of one that is learnt by itself.

    Attributes:
        lines, meta: the text with punctuation; what is known of it: author, title, dynasty.
        key: names the poem by its text; a part carries the key of its whole, so that the parts of
            one poem are never split between training and held-out data. Absent: computed.
    """

    lines: tuple[str, ...]
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    key: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", text_key(self.text))

    @property
    def text(self) -> str:
        """The lines, joined by line breaks."""
        return "\n".join(self.lines)

    @property
    def verses(self) -> tuple[str, ...]:
        """The verses, without punctuation; in a text without Han characters, the lines."""
        return split_verses(self.text)

    @cached_property
    def form(self) -> Form | None:
        """The form: two or more verses of Han characters alone, all of one length; or None."""
        return form_of(self.verses)

    def value(self, field: str) -> str:
        """What the poem has in a field of its meta, or ""; "form" is its form, or "free"."""
        return str(self.form or "free") if field == "form" else self.meta.get(field, "")


def text_key(text: str) -> str:
    """A name for a text that is the same on every machine: 16 hexadecimal digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def is_han(text: str) -> bool:
    """Whether the text is made of Han characters alone, and is not empty."""
    return _HAN_VERSE.fullmatch(text) is not None


def has_han(text: str) -> bool:
    """Whether there is any Han character in the text."""
    return _HAN.search(text) is not None


def split_verses(text: str) -> tuple[str, ...]:
    """The verses of a text, without punctuation; without Han characters in it, its lines."""
    if not has_han(text):
        return tuple(line for line in text.split("\n") if line.strip())
    return tuple(verse for verse in _VERSE_END.split(_QUOTES.sub("", text)) if verse)


def run_of(text: str) -> tuple[str, set[int]]:
    """The characters of a text without marks and blanks, and after how many of them, short of all,
    a verse ends: where a stop or a line break stands. What else stands between tells nothing."""
    chars, ends = "", {0}
    for char in text:
        if char.isalnum() or char == LACUNA:
            chars += char
        elif char in _STOPS:
            ends.add(len(chars))
    return chars, ends - {0, len(chars)}


def form_of(verses: Collection[str]) -> Form | None:
    """The form that verses have, or None if they have none."""
    lengths = {len(verse) for verse in verses}
    if len(lengths) != 1 or not 2 <= len(verses) <= MAX_LINES:
        return None
    length = lengths.pop()
    return Form(length, len(verses)) if length <= MAX_LENGTH and is_han("".join(verses)) else None


def content(poem: Poem, form: Form | None) -> str:
    """The characters that are learnt: the verses alone in a fixed form, else the text as it is."""
    return poem.text if form is None else "".join(poem.verses)


def compose(chars: str, form: Form | None) -> str:
    """The way back from `content`: the text as people read it.
    Raises ConfigError: when the characters do not fill the form."""
    return chars if form is None else form.punctuate(chars)


def select(poems: Iterable[Poem], forms: Collection[Form] = ()) -> Iterator[Poem]:
    """What is to be learnt from poems.

    Without forms: every poem as it is, save those with a lacuna, which nobody can read whole.
    With forms: every poem whose form is among them; and where two-line forms are, every couplet of
    such a form in a longer poem: the pairs of verses of a sentence (…，…。) that has an even number
    of them, all of one length. So a poem of mixed verse lengths or with a lacuna gives the couplets
    that it has. A couplet has the key and the meta of the poem that it is from.
    """
    wanted = set(forms)
    couplets = any(form.lines == 2 for form in wanted)
    for poem in poems:
        if not wanted:
            if LACUNA not in poem.text:
                yield poem
        elif poem.form in wanted:
            yield poem
        elif couplets:
            for sentence in _SENTENCE_END.split(poem.text):
                verses = split_verses(sentence)
                form = form_of(verses)
                if form and form.lines % 2 == 0 and (couplet := Form(form.length, 2)) in wanted:
                    for i in range(0, form.lines, 2):
                        yield replace(poem, lines=(couplet.punctuate(verses[i] + verses[i + 1]),))


def held_out(key: str, share: float) -> bool:
    """Whether the poem of this key is held out, when a share of all poems is: a pure function of
    the key, so that a poem stays on its side when others come or go."""
    return int(key, 16) < share * 2.0 ** (4 * len(key))

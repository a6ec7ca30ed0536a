"""What a poem is: its lines, its verses, its form, and the way to and from the characters learnt.

A *line* is a line of text as the source has it, with punctuation. A *verse* is what stands between
two marks of punctuation: 秦川雄帝宅，函谷壯皇居。 is one line of two verses. A *form* says how many
characters each verse of a poem has: 5x2 is a couplet of five-character verses, 3-5-7-7-5 the tune
憶江南. In a fixed form the characters alone are learnt, verse after verse, since
the form says where verses end and what is punctuated; in free form (`None`) the text is learnt as
it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from .form import HAN as HAN
from .form import KANA, MAX_LENGTH, MAX_LINES, forms_of_tune
from .form import Form as Form
from .form import is_han as is_han
from .graphemes import SYLLABLE, clusters
from .names import field_key

if TYPE_CHECKING:
    from .prosody.interface import Language

LACUNA = "□"
"""Stands for a character that is lost, or that Unicode does not have."""

_HAN = re.compile(f"[{HAN}]")
_VERSE_CHAR = re.compile(f"[{HAN}{KANA}]")
NAME_END = re.compile(
    r"[・·‧•.．,，、:：()（）【】《》〈〉/／\s]+|[調调]寄|其[一二三四五六七八九十]+|[一二三四五六七八九十]+首"
)
"""What parts the words of a title: 忆江南三首·其二 names 忆江南."""
_VERSE_END = re.compile(r"[，。？！；：、,.?!;:\s]+")
_STOPS = frozenset("，。？！；：,.?!;:\n")
_QUOTES = re.compile("[「」『』“”‘’《》〈〉\"']")


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
        """The verses, without punctuation; in a text without Han characters or kana, the lines."""
        if self.form is not None and self.form.tune:
            return self.form.lay_out(run_of(self.text)[0])
        return split_verses(self.text)

    @cached_property
    def form(self) -> Form | None:
        """The form: two or more verses of Han characters alone, or of kana; or None. It is that of
        a tune where the meta says so, in a field such as 詞牌 or the title, and the lengths agree;
        of several such layouts, as 滿江紅 has in level and in oblique rhymes, that of its rhymes.
        """
        form = form_of(split_verses(self.text))
        tuned = [tune for name in self._tunes() for tune in forms_of_tune(name)]
        if form is None or not tuned:
            return form
        chars, ends = run_of(self.text)
        fitting = [tune for tune in tuned if tune.has_ends(len(clusters(chars)), ends)]
        if not fitting:
            return form
        return fitting[0] if len(fitting) == 1 else _rhyming(chars, fitting)

    def _tunes(self) -> Iterator[str]:
        """What may be names of its tune: 念奴嬌 of 念奴嬌・赤壁懷古."""
        for name, value in sorted(self.meta.items(), key=lambda item: item[0] == "title"):
            if name == "title" or field_key(name) == "tune":
                yield from (part for part in NAME_END.split(value) if part)

    def read_as(self, form: Form) -> Poem:
        """The same, of a form that its verses can be read in among others; else as it is."""
        if self.form != form and content(self, form):
            return self._with(self.lines, form)
        return self

    def _with(self, lines: tuple[str, ...], form: Form) -> Poem:
        """These lines of it, known to be of a form."""
        part = replace(self, lines=lines)
        vars(part)["form"] = form
        return part

    def value(self, field: str) -> str:
        """What the poem has in a field of its meta, or ""; "form" is its form, or "free"."""
        return str(self.form or "free") if field == "form" else self.meta.get(field, "")


def _rhyming(chars: str, tunes: Sequence[Form]) -> Form:
    """The first of these forms whose rhymes the characters keep, or the first of all."""
    from .prosody import rhyme_ok  # which knows poems, and is asked of few

    kept = (tune for tune in tunes if rhyme_ok(tune.lay_out(chars), form=tune))
    return next(kept, tunes[0])


def text_key(text: str) -> str:
    """A name for a text that is the same on every machine: 16 hexadecimal digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def has_verses(text: str) -> bool:
    """Whether there is any Han character or kana in the text, so that marks end verses."""
    return _VERSE_CHAR.search(text) is not None


def has_han(text: str) -> bool:
    """Whether there is any Han character in the text."""
    return _HAN.search(text) is not None


def split_verses(text: str) -> tuple[str, ...]:
    """The verses of a text, without punctuation; with neither Han nor kana in it, its lines."""
    if not has_verses(text):
        return tuple(line for line in text.split("\n") if line.strip())
    return tuple(verse for verse in _VERSE_END.split(_QUOTES.sub("", text)) if verse)


def run_of(text: str) -> tuple[str, set[int]]:
    """The characters of a text without marks and blanks, and after how many of them, short of all,
    a verse ends: where a stop or a line break stands. What else stands between tells nothing."""
    chars, ends = list[str](), {0}
    for char in clusters(text):
        if char[0].isalnum() or char == LACUNA or SYLLABLE.fullmatch(char):
            chars.append(char)
        elif char in _STOPS:
            ends.add(len(chars))
    return "".join(chars), ends - {0, len(chars)}


def form_of(verses: Sequence[str]) -> Form | None:
    """The form that verses have, or None if they have none."""
    if not 2 <= len(verses) <= MAX_LINES:
        return None
    language = _language("\n".join(verses))
    lengths = language.lengths(verses) if language else None
    return Form(lengths) if lengths and max(lengths) <= MAX_LENGTH else None


def _language(text: str) -> Language | None:
    from .prosody.languages import language_of  # which knows forms

    return language_of(text)


def is_regular(verses: Sequence[str]) -> bool:
    """Whether verses have a form, and all one length."""
    form = form_of(verses)
    return form is not None and form.uniform > 0


def content(poem: Poem, form: Form | None) -> str:
    """The characters that are learnt: the verses alone in a fixed form, syllable by syllable, else
    the text as it is; "" where the verses cannot be read in the form."""
    if form is None:
        return poem.text
    language = _language(poem.text)
    return (language.syllables(poem.verses, form.lengths) or "") if language else ""


def compose(chars: str, form: Form | None) -> str:
    """The way back from `content`: the text as people read it.
    Raises ConfigError: when the characters do not fill the form."""
    return chars if form is None else form.punctuate(chars)


def select(poems: Iterable[Poem], forms: Collection[Form] = ()) -> Iterator[Poem]:
    """What is to be learnt from poems.

    Without forms: every poem as it is, save those with a lacuna, which nobody can read whole.
    With forms: every poem whose form is among them; and of any other one what makes a poem by
    itself in the lengths of such a form, see `Language.parts`: couplets, quatrains. A part has the
    key and the meta of the poem that it is from.
    """
    wanted = set(forms)
    sizes = [form.lengths for form in wanted if not form.tune]
    for poem in poems:
        if not wanted:
            if LACUNA not in poem.text:
                yield poem
        elif poem.form in wanted:
            yield poem
        elif poem.form and poem.form.untuned() in wanted:
            yield poem._with(poem.lines, poem.form.untuned())
        elif sizes and (language := _language(poem.text)):
            for lines, lengths in language.parts(poem.text, sizes):
                yield poem._with(lines, Form(lengths))


def held_out(key: str, share: float) -> bool:
    """Whether the poem of this key is held out, when a share of all poems is: a pure function of
    the key, so that a poem stays on its side when others come or go."""
    return int(key, 16) < share * 2.0 ** (4 * len(key))

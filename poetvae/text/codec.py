"""Poems to token ids and labels, and back: a tokenizer, and what forms and labels a model knows.

In fixed forms the ids are the characters alone and the form tells where verses end; where there is
more than one form it is a label. Other labels are fields of the poems: dynasty, author. In free
form the ids are the text, line breaks included, and an end mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import takewhile
from typing import Any

from ..errors import ConfigError, CorpusError, cut, listed, several
from ..i18n import _
from .cleaning import clean
from .form import is_verse
from .graphemes import SYLLABLE, clusters
from .names import ABOUT, field_key, value_key
from .poem import Form, Poem, compose, content, run_of
from .prosody.interface import Language
from .prosody.languages import LANGUAGES, language_of
from .tokenizer import NEWLINE, UNK, PoemTokenizer
from .variants import (
    respelled,
    script,
    spellings,
    to_simplified,
    to_traditional,
    traditional_variants,
)

THEME = 12  # characters of a theme


@dataclass(frozen=True)
class PoemCodec:
    """How a model's texts are written as numbers.

    Attributes:
        max_len: positions of a poem; in free form the end mark takes one.
        forms: the fixed forms, with how many poems of each were trained on; empty = free form.
        fields: the labels that poems carry, each with the values that the model knows.
        theme: the field of the poems that says what they are about, as their title; "" = none.
        themes: its commonest values, the most frequent first.
    """

    tokenizer: PoemTokenizer
    max_len: int
    forms: Mapping[Form, int] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    theme: str = ""
    themes: tuple[str, ...] = ()

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Values of each label: the form, where there is a choice, then the fields; 0 = unknown."""
        form = (len(self.forms) + 1,) if len(self.forms) > 1 else ()
        return (*form, *(len(values) + 1 for values in self.fields.values()))

    @property
    def theme_len(self) -> int:
        """Characters of a theme that are read."""
        return THEME if self.theme else 0

    @property
    def label_width(self) -> int:
        """Numbers that tell what a poem is beside its text: its labels, then those of its theme."""
        return len(self.label_sizes) + self.theme_len

    def labels(self, form: Form | None, values: Mapping[str, str] | None = None) -> tuple[int, ...]:
        """The label values of a form, and of fields by name, then the theme's characters; what the
        model does not know is 0."""
        place = list(self.forms).index(form) + 1 if form else 0
        known = (place,) if len(self.forms) > 1 else ()
        values = values or {}
        labels = (_place(v, values.get(name, "")) for name, v in self.fields.items())
        return (*known, *labels, *self.theme_ids(values.get(self.theme, "")))

    def labels_of(self, poem: Poem) -> tuple[int, ...]:
        """The label values of a poem. Raises CorpusError: a poem of none of the model's forms."""
        names = (*self.fields, self.theme) if self.theme else self.fields
        return self.labels(self.form_of(poem), {name: poem.value(name) for name in names})

    def theme_ids(self, text: str) -> tuple[int, ...]:
        """The ids of the first characters of a theme that the model knows, 0 behind them; which of
        how many poems it is, as in 秋興八首其一, is not read."""
        words = (self.language or LANGUAGES["chinese"]).heading(text)
        ids = [i for i in self.ids(self.spell(words)) if i > NEWLINE]
        return (*ids[: self.theme_len], *[0] * (self.theme_len - len(ids)))

    @property
    def theme_names(self) -> tuple[str, ...]:
        """The commonest themes, as people write them."""
        return tuple(dict.fromkeys(map(self.titled, self.themes)))

    def titled(self, tokens: str) -> str:
        """The tokens of a theme as people write it."""
        return (self.language or LANGUAGES["chinese"]).titled(tokens)

    def letters(self, token: str) -> str:
        """A token as it is written."""
        return (self.language or LANGUAGES["chinese"]).letters(token).strip("-") or token

    def theme_text(self, text: str) -> str:
        """A theme as the model reads it: those of its first characters that it knows."""
        return self.tokenizer.decode([i for i in self.theme_ids(text) if i])

    def check_labels(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The values, if the model knows them all, as it spells them: Tang and 唐 as tang.
        Raises ConfigError: a field, or a value of one, that the model does not know."""
        checked = {}
        for name, value in values.items():
            if name in (ABOUT, self.theme):
                checked[self.theme] = self.check_theme(value)
                continue
            if (field := _same(name, self.fields, field_key)) is None:
                labels = listed(self.fields) or _("none")
                raise ConfigError(
                    _("no label {name!r}; this model's labels: {labels}", name=name, labels=labels)
                )
            known = self.fields[field]
            if (spelling := _same(value, known, value_key)) is None:
                raise ConfigError(
                    _(
                        "{name}={value}: this model knows {known}",
                        name=name,
                        value=value,
                        known=several(known),
                    )
                )
            checked[field] = spelling
        return checked

    def check_themed(self) -> None:
        """Raises ConfigError: the model has no themes."""
        if not self.theme:
            raise ConfigError(_("this model has no themes; train one with --theme title"))

    def check_theme(self, text: str) -> str:
        """What a poem is about. Raises ConfigError: the model has no themes, or knows none of its
        characters."""
        self.check_themed()
        if not any(self.theme_ids(text)):
            raise ConfigError(
                _("about is {text!r}, of which this model knows no character", text=text)
            )
        return text

    def check_form(self, form: Form | None) -> Form | None:
        """The form, if the model writes it; the most frequent one for None; of a tune the layout
        that the model has under that name, should the table have had another one then.
        Raises ConfigError: a form that the model does not know."""
        if form is None:
            return max(self.forms, key=lambda f: self.forms[f]) if self.forms else None
        if form not in self.forms:
            for own in self.forms:
                if own.tune and own.tune == form.tune:
                    return own
            raise ConfigError(
                _(
                    "this model does not write {form}; it writes {known_forms}",
                    form=form,
                    known_forms=self.known_forms,
                )
            )
        return form

    def form_of(self, poem: Poem) -> Form | None:
        """The fixed form in which the model sees the poem; None in free form.
        Raises CorpusError: a poem of none of the model's forms."""
        if not self.forms:
            return None
        if (form := self._form_of(poem)) is None:
            raise CorpusError(
                _(
                    "{text} has the form {form}; this model reads {known}",
                    text=_short(poem.text),
                    form=poem.form or _("free"),
                    known=self.known_forms,
                )
            )
        return form

    def _form_of(self, poem: Poem) -> Form | None:
        """That of the model's forms which the poem has: a ci also the one of its lengths; verse of
        several readings one in which it can be read. None for a poem in another language."""
        language = language_of(poem.text)
        if self.language and language is not self.language:
            return None
        plain = poem.form and poem.form.untuned()
        known = next((form for form in (poem.form, plain) if form in self.forms), None)
        if known or not (language and self.spelt):
            return known
        alike = (form for form in self.forms if form.lines == len(poem.verses))
        return next((f for f in alike if language.syllables(poem.verses, f.lengths)), None)

    @property
    def known_forms(self) -> str:
        """Its forms by name, of many the most frequent ones."""
        most = sorted(self.forms, key=lambda form: -self.forms[form])
        return several([*sorted(most[:12]), *most[12:]]) or _("free form alone")

    @property
    def traditional(self) -> bool:
        """Whether the characters that it knows are traditional ones, as they tell."""
        return _script(self.tokenizer) < 0

    @property
    def simplified(self) -> bool:
        """Whether they are simplified ones."""
        return _script(self.tokenizer) > 0

    @property
    def script(self) -> str:
        """Which of the two it is, or "" where the characters tell neither."""
        return "traditional" if self.traditional else "simplified" if self.simplified else ""

    @property
    def language(self) -> Language | None:
        """The language of its tokens, see `prosody.languages`; None: of none there."""
        return language_of_tokens(self.tokenizer)

    @property
    def spelt(self) -> bool:
        """Whether its tokens are syllables of several letters."""
        return spelt(self.tokenizer)

    def ids(self, text: str) -> list[int]:
        """The id of each character. Spellings of one, of which a model may know several, have one
        id: that of the most frequent one that it knows; so have syllables of the same letters of
        which it knows none that sounds like this."""
        ids = self.tokenizer.encode(text.translate(_spellings(self.tokenizer)))
        if self.spelt and self.language and self.tokenizer.unk_id in ids:
            alike = _alike(self.tokenizer)
            units = zip(clusters(text), ids, strict=True)
            return [alike.get(self.language.letters(u), i) if i == UNK else i for u, i in units]
        return ids

    def encode(self, poem: Poem) -> list[int]:
        """The ids of a poem, at most `max_len`.
        Raises CorpusError: a poem of none of the model's forms, or too long."""
        form = self.form_of(poem)
        chars = content(poem, form)
        if script(chars) * _script(self.tokenizer) < 0:  # of the other script than the model
            chars = self.spell(chars)
        ids = self.ids(chars)
        if form is None:
            ids.append(self.tokenizer.eos_id)
        if len(ids) > self.max_len:
            raise CorpusError(
                _(
                    "{text} takes {n} positions; this model has {max_len}: shorten it, or "
                    "train with a larger max_len",
                    text=_short(poem.text),
                    n=len(ids),
                    max_len=self.max_len,
                )
            )
        return ids

    def fits(self, poem: Poem) -> bool:
        """Whether the poem is of the model's forms and short enough."""
        if self.forms:
            return self._form_of(poem) is not None
        return len(self.ids(content(poem, None))) < self.max_len

    def decode(self, ids: Sequence[int], form: Form | None) -> str:
        """The text of ids, as people read it, in one spelling; in free form up to the end mark."""
        end = self.tokenizer.eos_id
        read = ids[: form.size] if form else takewhile(lambda i: i != end, ids)
        text = compose(self.tokenizer.decode(read), form)
        return respelled(text) if self.traditional else text

    def writable(self) -> list[int]:
        """The ids that may be generated: Han and kana in a fixed form, else all but marks; of the
        spellings of one character the one that `ids` gives."""
        if self.forms:
            return list(_verse_ids(self.tokenizer))
        return [self.tokenizer.eos_id, *_char_ids(self.tokenizer)]

    def typed(self, text: str) -> Poem:
        """What somebody typed as a poem of these very characters. Where it has as many as one of
        the forms, and no verse of it ends elsewhere, blanks, marks and their lack make no other
        form of it. Raises CorpusError: when there is no character of writing in it."""
        cleaned, __ = clean(text)
        if not cleaned:
            raise CorpusError(
                _("{text!r} has no character of writing in it; give a poem", text=text)
            )
        poem = Poem(tuple(cleaned.split("\n")))
        chars, ends = run_of(cleaned)
        if self.forms and poem.form not in self.forms and is_verse(chars):
            size = len(clusters(chars))
            fitting = [form for form in self.forms if form.has_ends(size, ends)]
            if fitting:
                form = max(fitting, key=lambda form: self.forms[form])
                meta = {"tune": form.tune} if form.tune else {}
                return Poem(tuple(form.punctuate(chars).split("\n")), meta)
        return poem

    def read(self, text: str) -> Poem:
        """The same in the characters that the model knows: see `spell`."""
        typed = self.typed(text)
        return replace(typed, lines=tuple(self.spell(typed.text).split("\n")))

    def spell(self, text: str) -> str:
        """A text in the script and the spelling that the model knows, character by character. Where
        it is simplified and a character may be several, the words around it decide; one that the
        model lacks becomes its commonest one that it does not."""
        typed = text
        if self.traditional:
            text = respelled(to_traditional(text))
        elif self.simplified:
            text = to_simplified(text)
        text = text.translate(_spellings(self.tokenizer))
        pairs = zip(clusters(text), clusters(typed), strict=True)
        return "".join(char if self._knows(char) else self._nearest(was) for char, was in pairs)

    def unknown(self, text: str) -> list[str]:
        """The characters, or syllables, of a typed text that the model knows in no spelling."""
        if self.spelt and self.language:
            units = self.language.units(text)[0]
            return list(dict.fromkeys(self.letters(u) for u in units if self.ids(u) == [UNK]))
        typed = self.typed(text).text
        pairs = zip(clusters(typed), clusters(self.spell(typed)), strict=True)
        return list(dict.fromkeys(was for was, char in pairs if not self._knows(char)))

    def _knows(self, char: str) -> bool:
        return self.tokenizer.encode(char) != [self.tokenizer.unk_id]

    def _nearest(self, char: str) -> str:
        """A character, or the commonest of its variants where the model lacks it but has those."""
        others = {char, *traditional_variants(char), to_simplified(char), respelled(char)}
        known = {self.ids(other)[0]: other for other in others if self._knows(other)}
        return char if char in known.values() or not known else known[min(known)]

    def numbers_as(self, other: PoemCodec) -> bool:
        """Whether a poem has the same numbers by another codec."""
        mine, others = (
            (c.tokenizer.to_bytes(), c.max_len, list(c.forms), list(c.fields.items()), c.theme)
            for c in (self, other)
        )
        return mine == others

    def to_dict(self) -> dict[str, Any]:
        """What config.json keeps beside the tokenizer's own file."""
        return {
            "forms": {form.full: count for form, count in self.forms.items()},
            "fields": {name: list(values) for name, values in self.fields.items()},
        } | ({"theme": self.theme, "themes": list(self.themes)} if self.theme else {})

    @classmethod
    def from_dict(
        cls, tokenizer: PoemTokenizer, max_len: int, values: Mapping[str, Any]
    ) -> PoemCodec:
        """The codec that `to_dict` described. Raises ConfigError: when it describes none."""
        themed = {"theme", "themes"}
        known = isinstance(values, Mapping) and values.keys() - themed == {"forms", "fields"}
        forms, fields = (values["forms"], values["fields"]) if known else (None, None)
        if not isinstance(forms, dict) or not all(map(_is_count, forms.values())):
            raise ConfigError(
                _("text is {values!r}; expected forms with their counts, and fields", values=values)
            )
        if not isinstance(fields, dict) or not all(map(_are_names, fields.values())):
            raise ConfigError(
                _(
                    "fields are {fields!r}; expected the values of each, all different",
                    fields=fields,
                )
            )
        theme, themes = values.get("theme", ""), values.get("themes", [])
        if not isinstance(theme, str) or (themes != [] and not (theme and _are_names(themes))):
            raise ConfigError(
                _("theme is {theme!r}; expected a field, and themes, all different", theme=theme)
            )
        counts = {Form.parse(name): n for name, n in forms.items()}
        if any(form.size > max_len for form in counts) or [f.full for f in counts] != list(forms):
            raise ConfigError(
                _(
                    "forms are {forms}; expected at most {max_len} characters",
                    forms=list(forms),
                    max_len=max_len,
                )
            )
        fields = {name: tuple(v) for name, v in fields.items()}
        return cls(tokenizer, max_len, counts, fields, theme, tuple(themes))


@lru_cache(maxsize=8)
def _char_ids(tokenizer: PoemTokenizer) -> tuple[int, ...]:
    """The ids of characters; of the spellings of one, that of the most frequent."""
    others = _spellings(tokenizer)
    ids = range(tokenizer.newline_id, len(tokenizer))
    chars = ((i, tokenizer.decode([i])) for i in ids)
    return tuple(i for i, char in chars if char.translate(others) == char)


@lru_cache(maxsize=8)
def _verse_ids(tokenizer: PoemTokenizer) -> tuple[int, ...]:
    chars = ((i, tokenizer.decode([i])) for i in _char_ids(tokenizer))
    return tuple(i for i, char in chars if is_verse(char))


@lru_cache(maxsize=8)
def language_of_tokens(tokenizer: PoemTokenizer) -> Language | None:
    """The language of the tokens that verse of a fixed form is made of; None: of none there."""
    return language_of(tokenizer.decode(_verse_ids(tokenizer)))


@lru_cache(maxsize=8)
def spelt(tokenizer: PoemTokenizer) -> bool:
    """Whether the tokens that verse of a fixed form is made of are syllables of several letters."""
    return SYLLABLE.search(tokenizer.decode(_verse_ids(tokenizer))) is not None


@lru_cache(maxsize=8)
def _alike(tokenizer: PoemTokenizer) -> dict[str, int]:
    """By letters of a syllable the id of the most frequent one that has them."""
    found: dict[str, int] = {}
    if language := language_of_tokens(tokenizer):
        for i in _verse_ids(tokenizer):
            found.setdefault(language.letters(tokenizer.decode([i])), i)
    return found


@lru_cache(maxsize=8)
def _script(tokenizer: PoemTokenizer) -> int:
    """Below 0 where the characters of a tokenizer are traditional, above where simplified."""
    return script(tokenizer.decode(range(len(tokenizer))))


@lru_cache(maxsize=8)
def _spellings(tokenizer: PoemTokenizer) -> dict[int, str]:
    """For `str.translate`: of each character the most frequent spelling that a tokenizer knows, its
    ids being in the order of frequency. Nothing where its script is not the traditional one."""
    if _script(tokenizer) >= 0:
        return {}
    best: dict[str, str] = {}
    for char in tokenizer.decode(range(len(tokenizer))):
        best.setdefault(char.translate(spellings()), char)
    kept = {**{ord(char): char for char in best}, **spellings()}
    return {c: best[one] for c, one in kept.items() if one in best and best[one] != chr(c)}


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _are_names(values: object) -> bool:
    names = {v for v in values if isinstance(v, str) and v} if isinstance(values, list) else ()
    return isinstance(values, list) and 0 < len(names) == len(values)


def _same(name: str, known: Iterable[str], key: Callable[[str], str]) -> str | None:
    """What is known under a name, or another one with its key; None: nothing is."""
    known = list(known)
    others = (one for one in known if key(to_simplified(one)) == key(to_simplified(name)))
    return name if name in known else next(others, None)


def _place(values: tuple[str, ...], value: str) -> int:
    return values.index(value) + 1 if value in values else 0


def _short(text: str) -> str:
    return cut(text.replace("\n", " / "), 24)

"""Poems to token ids and labels, and back: a tokenizer, and what forms and labels a model knows.

In fixed forms the ids are the characters alone and the form tells where verses end; where there is
more than one form it is a label. Other labels are fields of the poems: dynasty, author. In free
form the ids are the text, line breaks included, and an end mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import Any

from ..errors import ConfigError, CorpusError
from .cleaning import clean
from .poem import Form, Poem, compose, content, is_han
from .tokenizer import PoemTokenizer


@dataclass(frozen=True)
class PoemCodec:
    """How a model's texts are written as numbers.

    Attributes:
        max_len: positions of a poem; in free form the end mark takes one.
        forms: the fixed forms, with how many poems of each were trained on; empty = free form.
        fields: the labels that poems carry, each with the values that the model knows.
    """

    tokenizer: PoemTokenizer
    max_len: int
    forms: Mapping[Form, int] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Values of each label: the form, where there is a choice, then the fields; 0 = unknown."""
        form = (len(self.forms) + 1,) if len(self.forms) > 1 else ()
        return (*form, *(len(values) + 1 for values in self.fields.values()))

    def labels(self, form: Form | None, values: Mapping[str, str] | None = None) -> tuple[int, ...]:
        """The label values of a form, and of fields by name; what the model does not know is 0."""
        place = list(self.forms).index(form) + 1 if form else 0
        known = (place,) if len(self.forms) > 1 else ()
        values = values or {}
        return (*known, *(_place(v, values.get(name, "")) for name, v in self.fields.items()))

    def labels_of(self, poem: Poem) -> tuple[int, ...]:
        """The label values of a poem. Raises CorpusError: a poem of none of the model's forms."""
        return self.labels(self.form_of(poem), {name: poem.value(name) for name in self.fields})

    def check_labels(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The values, if the model knows them all.
        Raises ConfigError: a field, or a value of one, that the model does not know."""
        for name, value in values.items():
            if name not in self.fields:
                labels = ", ".join(self.fields) or "none"
                raise ConfigError(f"no label {name!r}; this model's labels: {labels}")
            if value not in (known := self.fields[name]):
                more = f" and {len(known) - 12} more" if len(known) > 12 else ""
                raise ConfigError(f"{name}={value}: this model knows {', '.join(known[:12])}{more}")
        return values

    def check_form(self, form: Form | None) -> Form | None:
        """The form, if the model writes it; the most frequent one for None.
        Raises ConfigError: a form that the model does not know."""
        if form is None:
            return max(self.forms, key=lambda f: self.forms[f]) if self.forms else None
        if form not in self.forms:
            known = ", ".join(map(str, self.forms)) or "free form alone"
            raise ConfigError(f"this model does not write {form}; it writes {known}")
        return form

    def form_of(self, poem: Poem) -> Form | None:
        """The fixed form in which the model sees the poem; None in free form.
        Raises CorpusError: a poem of none of the model's forms."""
        if not self.forms:
            return None
        if poem.form not in self.forms:
            known = f"{poem.form or 'free'}; this model reads {', '.join(map(str, self.forms))}"
            raise CorpusError(f"{_short(poem.text)} has the form {known}")
        return poem.form

    def encode(self, poem: Poem) -> list[int]:
        """The ids of a poem, at most `max_len`.
        Raises CorpusError: a poem of none of the model's forms, or too long."""
        form = self.form_of(poem)
        ids = self.tokenizer.encode(content(poem, form))
        if form is None:
            ids.append(self.tokenizer.eos_id)
        if len(ids) > self.max_len:
            raise CorpusError(
                f"{_short(poem.text)} takes {len(ids)} positions; this model has {self.max_len}: "
                "shorten it, or train with a larger max_len"
            )
        return ids

    def fits(self, poem: Poem) -> bool:
        """Whether the poem is of the model's forms and short enough."""
        if self.forms:
            return poem.form in self.forms
        return len(content(poem, None)) < self.max_len

    def decode(self, ids: Sequence[int], form: Form | None) -> str:
        """The text of ids, as people read it; in free form up to the end mark."""
        if form is not None:
            return compose(self.tokenizer.decode(ids[: form.size]), form)
        end = self.tokenizer.eos_id
        return self.tokenizer.decode(takewhile(lambda i: i != end, ids))

    def writable(self) -> list[int]:
        """The ids that may be generated: Han characters in a fixed form, else all but marks."""
        if self.forms:
            return list(_han_ids(self.tokenizer))
        return [self.tokenizer.eos_id, *range(self.tokenizer.newline_id, len(self.tokenizer))]

    def read(self, text: str) -> Poem:
        """A poem from what somebody typed.
        Raises CorpusError: when there is no character of writing in it."""
        cleaned, _ = clean(text)
        if not cleaned:
            raise CorpusError(f"{text!r} has no character of writing in it; give a poem")
        return Poem(tuple(cleaned.split("\n")))

    def to_dict(self) -> dict[str, Any]:
        """What config.json keeps beside the tokenizer's own file."""
        return {
            "forms": {str(form): count for form, count in self.forms.items()},
            "fields": {name: list(values) for name, values in self.fields.items()},
        }

    @classmethod
    def from_dict(
        cls, tokenizer: PoemTokenizer, max_len: int, values: Mapping[str, Any]
    ) -> PoemCodec:
        """The codec that `to_dict` described. Raises ConfigError: when it describes none."""
        known = isinstance(values, Mapping) and values.keys() == {"forms", "fields"}
        forms, fields = (values["forms"], values["fields"]) if known else (None, None)
        if not isinstance(forms, dict) or not all(map(_is_count, forms.values())):
            raise ConfigError(f"text is {values!r}; expected forms with their counts, and fields")
        if not isinstance(fields, dict) or not all(map(_are_names, fields.values())):
            raise ConfigError(f"fields are {fields!r}; expected the values of each, all different")
        counts = {Form.parse(name): n for name, n in forms.items()}
        if any(form.size > max_len for form in counts):
            raise ConfigError(f"forms are {list(forms)}; expected at most {max_len} characters")
        return cls(tokenizer, max_len, counts, {name: tuple(v) for name, v in fields.items()})


@lru_cache(maxsize=8)
def _han_ids(tokenizer: PoemTokenizer) -> tuple[int, ...]:
    chars = range(tokenizer.newline_id, len(tokenizer))
    return tuple(i for i in chars if is_han(tokenizer.decode([i])))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _are_names(values: object) -> bool:
    names = {v for v in values if isinstance(v, str) and v} if isinstance(values, list) else ()
    return isinstance(values, list) and 0 < len(names) == len(values)


def _place(values: tuple[str, ...], value: str) -> int:
    return values.index(value) + 1 if value in values else 0


def _short(text: str) -> str:
    line = text.replace("\n", " / ")
    return line if len(line) <= 24 else line[:23] + "…"

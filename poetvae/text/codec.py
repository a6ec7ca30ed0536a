"""Poems to token ids and labels, and back: a tokenizer and the forms that a model knows.

In fixed forms the ids are the characters alone and the form tells where verses end; where there is
more than one form it is a label. In free form the ids are the text, line breaks included, and an
end mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.cleaning import clean
from poetvae.text.poem import Form, Poem, compose, content, is_han
from poetvae.text.tokenizer import PoemTokenizer


@dataclass(frozen=True)
class PoemCodec:
    """How a model's texts are written as numbers.

    Args:
        tokenizer: characters to ids.
        max_len: positions of a poem; in free form the end mark takes one.
        forms: the fixed forms, with how many poems of each were trained on; empty = free form.
    """

    tokenizer: PoemTokenizer
    max_len: int
    forms: Mapping[Form, int] = field(default_factory=dict)

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Values of each label: the form, where there is a choice; 0 is unknown."""
        return (len(self.forms) + 1,) if len(self.forms) > 1 else ()

    def labels(self, form: Form | None) -> tuple[int, ...]:
        """The label values of a form."""
        return (list(self.forms).index(form) + 1,) if form and self.label_sizes else ()

    def check_form(self, form: Form | None) -> Form | None:
        """The form, if the model writes it; the most frequent one for None.

        Raises:
            ConfigError: a form that the model does not know.
        """
        if form is None:
            return max(self.forms, key=lambda f: self.forms[f]) if self.forms else None
        if form not in self.forms:
            known = ", ".join(map(str, self.forms)) or "free form alone"
            raise ConfigError(f"this model does not write {form}; it writes {known}")
        return form

    def form_of(self, poem: Poem) -> Form | None:
        """The fixed form in which the model sees the poem; None in free form.

        Raises:
            CorpusError: a poem of none of the model's forms.
        """
        if not self.forms:
            return None
        if poem.form not in self.forms:
            known = ", ".join(map(str, self.forms))
            raise CorpusError(
                f"{_short(poem.text)} has the form {poem.form or 'free'}; this model reads {known}"
            )
        return poem.form

    def encode(self, poem: Poem) -> list[int]:
        """The ids of a poem, at most `max_len`.

        Raises:
            CorpusError: a poem of none of the model's forms, or too long.
        """
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
        ids = list(ids)
        return compose(self.tokenizer.decode(ids[: ids.index(end)] if end in ids else ids), None)

    def writable(self) -> list[int]:
        """The ids that may be generated: Han characters in a fixed form, else all but marks."""
        tokenizer = self.tokenizer
        first = tokenizer.newline_id
        if self.forms:
            return [i for i in range(first, len(tokenizer)) if is_han(tokenizer.decode([i]))]
        return [tokenizer.eos_id, *range(first, len(tokenizer))]

    def read(self, text: str) -> Poem:
        """A poem from what somebody typed.

        Raises:
            CorpusError: when there is no character of writing in it.
        """
        cleaned, _ = clean(text)
        if not cleaned:
            raise CorpusError(f"{text!r} has no character of writing in it; give a poem")
        return Poem(tuple(cleaned.split("\n")))

    def to_dict(self) -> dict[str, Any]:
        """What config.json keeps beside the tokenizer's own file."""
        return {"forms": {str(form): count for form, count in self.forms.items()}}

    @classmethod
    def from_dict(
        cls, tokenizer: PoemTokenizer, max_len: int, values: Mapping[str, Any]
    ) -> PoemCodec:
        """The codec that `to_dict` described.

        Raises:
            ConfigError: when it describes none.
        """
        known = isinstance(values, Mapping) and values.keys() == {"forms"}
        forms = values["forms"] if known else None
        if not isinstance(forms, dict) or not all(map(_is_count, forms.values())):
            raise ConfigError(f"text is {values!r}; expected forms with their counts")
        codec = cls(tokenizer, max_len, {Form.parse(name): n for name, n in forms.items()})
        if any(form.size > max_len for form in codec.forms):
            raise ConfigError(f"forms are {list(forms)}; expected at most {max_len} characters")
        return codec


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _short(text: str) -> str:
    line = text.replace("\n", " / ")
    return line if len(line) <= 24 else line[:23] + "…"

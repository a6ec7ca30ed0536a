"""What may be asked of a poem, declared once.

Flags, keywords, `--help` and the page derive from the fields of `Conditions`. A new condition is a
field here and a function of the same name in `rules`, which gives the `Constraint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..config import option
from ..errors import ConstraintError, either
from ..i18n import N_, _
from ..text.prosody import METRES, STRICTNESS, USUAL

WHERE = ("heads", "ends", "diagonal")  # where an acrostic may stand in the lines
TONES = STRICTNESS  # with every reading, some usual one, or some reading


_text, _GAPS = partial(option, metavar="TEXT"), "春__月"


@dataclass(frozen=True)
class Conditions:
    """What is asked of a poem; all combine. A value that is no choice is a ConstraintError."""

    first_line: str | None = _text(
        None, N_("The first line."), label=N_("First line"), hint=N_("a whole line of the form")
    )
    lines: Mapping[int, str] | Sequence[tuple[int, str]] = option(
        (), N_("Line N; can repeat."), flag="--line", metavar="N=TEXT", repeat=True, rule="line"
    )
    template: str | None = option(
        None,
        N_("The text, with _ for what is open."),
        metavar=_GAPS,
        label=N_("Template"),
        hint=_GAPS,
    )
    acrostic: str | None = _text(
        None,
        N_("A character for each line, one after another."),
        label=N_("Acrostic"),
        hint="山水",
        companion="where",
    )
    where: str = option(
        "heads",
        N_("Where in the lines."),
        flag="--acrostic-at",
        among=WHERE,
        label=N_("Acrostic at"),
    )
    contains: str | Sequence[str] = _text(
        (), N_("In one line; can repeat."), repeat=True, rank=5, label=N_("Keyword"), hint="明月"
    )
    rhyme: str | None = option(
        None,
        N_(
            "Of the even lines, or as the tune has it: a class (陽, 七陽), a character of it, a "
            "final (ang), or any; in English a word of it (light)."
        ),
        metavar="尤|any",
        rank=4,
        label=N_("Rhyme class"),
        companion="rhyme_scheme",
        bare="any",
    )
    rhyme_scheme: str | None = option(
        None,
        N_("In English, which lines rhyme: ABAB, AABB, ABCB or any other letters; or none."),
        metavar="ABAB|none",
        label=N_("Rhyme scheme"),
        hint=N_("ABAB"),
    )
    tones: str | None = option(
        None,
        N_(
            "Of regulated verse, or of the tune: every reading of the characters fits, some usual "
            "one (as without a word), or some."
        ),
        bare=USUAL,
        among=TONES,
        rank=2,
        label=N_("Regulated tones"),
    )
    metre: str | None = option(
        None,
        N_("Of English verse."),
        among=METRES,
        rank=3,
        label=N_("Metre"),
        companion="strictness",
    )
    strictness: str = option(
        USUAL,
        N_("How nearly the metre is kept: without an inverted foot, with the first one, or any."),
        among=STRICTNESS,
        label=N_("Strictness"),
    )
    no_repeat: bool = option(False, N_("No character comes twice."), rank=1, label=N_("No repeats"))
    without: str = option(
        "",
        N_("None of these characters."),
        metavar="CHARS",
        label=N_("Without"),
        hint=N_("none of these characters"),
    )
    only: str = option(
        "",
        N_("No others."),
        metavar="CHARS",
        label=N_("Only"),
        hint=N_("no other characters than these"),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, among = getattr(self, field.name), field.metadata["among"]
            if among and value is not None and value not in among:
                raise ConstraintError(
                    _(
                        "{name} is {value!r}; expected {among}",
                        name=field.name,
                        value=value,
                        among=either(among),
                    )
                )
        texts: dict[int, str] = {}
        for n, text in self.lines.items() if isinstance(self.lines, Mapping) else self.lines:
            if texts.setdefault(n, text) != text:
                raise ConstraintError(
                    _(
                        "line {n} is {before!r} and {text!r}; give it once",
                        n=n,
                        before=texts[n],
                        text=text,
                    )
                )

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return next(self.calls(), None) is not None

    @property
    def typed(self) -> str:
        """All that is typed in them, a text a line; a rhyme is named, not typed."""
        texts = (texts for name, texts in self.calls() if name != "rhyme")
        return "\n".join(x for some in texts for x in some if isinstance(x, str))

    def calls(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The functions of `rules` to call, by name, with their arguments. Large unions come last,
        when the others have thinned out what they meet."""
        companions = {field.metadata["companion"] for field in dataclasses.fields(self)}
        for field in sorted(dataclasses.fields(self), key=lambda field: field.metadata["rank"]):
            value, name = getattr(self, field.name), field.metadata["rule"] or field.name
            companion = field.metadata["companion"]
            if value is None and companion and getattr(self, companion) != _DEFAULT[companion]:
                value = field.metadata["bare"]  # as --rhyme-scheme ABAB asks for any rhyme
            absent = value is None or (not value and field.default is not None)
            if absent or field.name in companions:
                continue
            if field.metadata["repeat"]:
                pairs = value.items() if isinstance(value, Mapping) else value
                texts = [value] if isinstance(value, str) else pairs
                yield from ((name, x if isinstance(x, tuple) else (x,)) for x in texts)
            elif companion:
                yield name, (value, getattr(self, companion))
            else:
                yield name, () if value is True else (value,)


_DEFAULT = {field.name: field.default for field in dataclasses.fields(Conditions)}

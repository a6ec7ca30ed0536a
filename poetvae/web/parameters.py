"""What a request to the API may have in it, of the declarations that the command line derives from.

A kind of value says what it is, as JSON Schema, and reads one that somebody sent.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..constraints.options import LINES, Conditions
from ..errors import ConfigError, cut, several
from ..generation.options import CHOSEN, LARGEST_TEMPERATURE, MOST_CANDIDATES, SamplingOptions
from ..i18n import N_, _
from ..text.prosody.chinese.books import BOOKS
from . import validation
from .handlers import MOST_CHECKED, MOST_DRAWN, MOST_SCORED, MOST_WORDS

Schema = dict[str, Any]
MOST_STREAMED = 1000  # poems of one request, if they are sent as they are written
MOST_LINES = 32  # of a poem that are given by their numbers
MOST_NAMES = 16  # labels
MOST_PASSES = 64
MOST_SAMPLES = 100  # of the bound that poems are scored by
SCRIPTS = ("simplified", "traditional")


class Kind(Protocol):
    """Values of one sort."""

    def schema(self) -> Schema:
        """What they are, as JSON Schema."""

    def read(self, name: str, value: object) -> Any:
        """One that came; raises ConfigError where it is of another sort."""


@dataclass(frozen=True)
class Text:
    """A text of at most so many characters."""

    most: int = validation.MOST_TEXT

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.most}

    def read(self, name: str, value: object) -> str:
        return validation.text(name, value, self.most)


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds."""

    low: int
    high: int

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def read(self, name: str, value: object) -> int:
        return validation.whole(name, value, self.low, self.high)


@dataclass(frozen=True)
class Number:
    """A number within bounds."""

    low: float
    high: float

    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.low, "maximum": self.high}

    def read(self, name: str, value: object) -> float:
        return validation.number(name, value, self.low, self.high)


@dataclass(frozen=True)
class Truth:
    """True or false."""

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def read(self, name: str, value: object) -> bool:
        return validation.truth(name, value)


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    among: tuple[str, ...]

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.among)}

    def read(self, name: str, value: object) -> str:
        return validation.choice(name, value, self.among)


@dataclass(frozen=True)
class Texts:
    """A list of texts."""

    least: int
    most: int

    def schema(self) -> Schema:
        bounds = {"minItems": self.least, "maxItems": self.most}
        return {"type": "array", "items": Text().schema(), **bounds}

    def read(self, name: str, value: object) -> list[str]:
        if not isinstance(value, list):
            raise ConfigError(_("{name}: expected a list of texts", name=name))
        if not self.least <= len(value) <= self.most:
            bounds = {"low": self.least, "high": self.most}
            raise ConfigError(
                _("{name}: {n} came; expected {low} to {high}", name=name, n=len(value), **bounds)
            )
        return [Text().read(f"{name}[{i}]", one) for i, one in enumerate(value)]


@dataclass(frozen=True)
class Named:
    """Texts by name; or by number, from 1."""

    most: int
    numbered: bool = False

    def schema(self) -> Schema:
        names = {"pattern": "^[1-9][0-9]{0,3}$"} if self.numbered else Text().schema()
        shape = {"propertyNames": names, "maxProperties": self.most}
        return {"type": "object", "additionalProperties": Text().schema(), **shape}

    def read(self, name: str, value: object) -> dict[Any, str]:
        if not isinstance(value, dict) or len(value) > self.most:
            expected = _("{name}: expected an object of at most {n} texts", name=name, n=self.most)
            raise ConfigError(expected)
        found: dict[Any, str] = {}
        for key, text in value.items():
            if self.numbered and not (key.isascii() and key.isdecimal() and 0 < int(key[:9]) < 1e4):
                raise ConfigError(
                    _(
                        "{name}: {key!r} came; expected the number of a line",
                        name=name,
                        key=cut(key),
                    )
                )
            told = Text().read(name, key)
            found[int(key) if self.numbered else told] = Text().read(f"{name}[{told}]", text)
        return found


@dataclass(frozen=True)
class Parameter:
    """A value of a request by name; null is as good as none, save where one is required.

    `default` says what is meant by none, for people: it is filled in by what reads the values.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = None
    required: bool = False

    def schema(self) -> Schema:
        """As JSON Schema, in the language spoken now."""
        found = self.kind.schema()
        if not self.required:
            found["type"] = [found["type"], "null"]
            found |= {"enum": [*found["enum"], None]} if "enum" in found else {}
        told = {"description": _(self.doc)} if self.doc else {}
        return found | told | ({} if self.default is None else {"default": self.default})


Parameters = tuple[Parameter, ...]


def read(declared: Iterable[Parameter], sent: Mapping[str, object]) -> dict[str, Any]:
    """The values of a request that are not absent, by name.

    Raises:
        ConfigError: one of another sort or out of bounds, one that lacks, or of no such name.
    """
    known = {one.name: one for one in declared}
    if unknown := sorted(sent.keys() - known.keys()):
        there = {"name": cut(unknown[0]), "known": several(list(known), len(known))}
        raise ConfigError(_("{name!r}: there is no such value; there are {known}", **there))
    found: dict[str, Any] = {}
    for name, one in known.items():
        value = sent.get(name)
        if value is not None:
            found[name] = one.kind.read(name, value)
        elif one.required:
            raise ConfigError(_("{name} lacks; give it", name=name))
    return found


BOUNDS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, LARGEST_TEMPERATURE),
    "top_k": (1, 2**31),
    "top_p": (1e-6, 1),
    "passes": (1, MOST_PASSES),
    "candidates": (1, min(MOST_CANDIDATES, MOST_DRAWN)),
    "seed": (0, validation.MOST_SEED),
}
"""Of the numbers among the options, which check themselves, too."""
DOCS = {
    "labels": N_("Values of the model's labels by name, as dynasty: tang."),
    "seed": N_("Repeats exactly on one machine; absent: a drawn one, which stands in the answer."),
}
"""Of what the command line reads by options of its own."""


def of_fields(declared: type, leave_out: Sequence[str] = ()) -> list[Parameter]:
    """What the fields of a dataclass take, see `config.option`."""
    hints = typing.get_type_hints(declared)
    return [
        Parameter(
            field.name,
            _kind(field, hints[field.name]),
            field.metadata.get("doc", DOCS.get(field.name, "")),
            None if _absent(field) else field.default,
        )
        for field in dataclasses.fields(declared)
        if field.name not in leave_out
    ]


def _absent(field: dataclasses.Field[Any]) -> bool:
    """Whether a field has no default that a request could have: the seed is drawn."""
    plain = isinstance(field.default, str | int | float)
    return not plain or field.default == "" or field.name == "seed"


def _kind(field: dataclasses.Field[Any], hint: Any) -> Kind:
    kinds = [hint, *typing.get_args(hint)]
    mappings = [one for one in kinds if typing.get_origin(one) is Mapping]
    if hint is bool:
        return Truth()
    if among := field.metadata.get("among"):
        return Choice(tuple(among))
    if mappings:
        numbered = int in typing.get_args(mappings[0])
        return Named(MOST_LINES if numbered else MOST_NAMES, numbered)
    if field.metadata.get("repeat"):
        return Texts(0, MOST_WORDS)
    if {int, float} & set(kinds):
        low, high = BOUNDS[field.name]
        return Number(low, high) if float in kinds else Whole(int(low), int(high))
    return Text()


def _written(
    most: int, candidates: int, conditions: Sequence[str] = (), how: Sequence[str] = ()
) -> Parameters:
    """What poems are written by, without some of the conditions and of the ways to draw."""
    drawn = of_fields(SamplingOptions, how)
    return (
        Parameter("n", Whole(1, most), N_("How many poems."), 1),
        Parameter("form", Text(), N_("One of the model's forms.")),
        *of_fields(Conditions, conditions),
        *(replace(x, default=candidates) if x.name == "candidates" else x for x in drawn),
        Parameter(
            "script",
            Choice(SCRIPTS),
            N_("Of what comes back; absent: that of what you send, which may be either."),
        ),
    )


GENERATE = _written(MOST_STREAMED, CHOSEN)
COMPLETE = (
    Parameter(
        "text",
        Text(),
        N_("A text with _ for what is open; without any, the first lines of what is written."),
        required=True,
    ),
    *_written(MOST_DRAWN, 1, LINES, ("plain",)),
)
CHECK = (
    Parameter("text", Text(MOST_CHECKED), N_("Poems, blank lines between them."), required=True),
    Parameter("form", Text(), N_("What the poems ought to be; absent = told by each.")),
    Parameter("book", Choice(tuple(BOOKS)), N_("Of rhymes; absent = 平水.")),
)
SCORE = (
    Parameter("texts", Texts(1, MOST_SCORED), N_("A poem each."), required=True),
    Parameter(
        "samples", Whole(1, MOST_SAMPLES), N_("Samples of the importance-weighted bound."), 10
    ),
    Parameter("seed", Whole(0, validation.MOST_SEED), N_("Repeat exactly."), 0),
)

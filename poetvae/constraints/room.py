"""Which of a model's forms has room for what somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import takewhile

from ..errors import ConstraintError, listed
from ..i18n import N_, _
from ..text.cleaning import clean
from ..text.codec import PoemCodec
from ..text.graphemes import clusters
from ..text.poem import LACUNA, Form
from ..text.prosody import STRICTNESS
from .options import WHERE, Conditions
from .vocabulary import language_for, reading_masks

BLANKS = "_＿□"  # what stands for a character that is left open in a template


def typed_chars(text: str) -> list[str]:
    """The characters of a text that somebody typed, with its marks and blanks."""
    return clusters(clean(text)[0] or text.strip())


def typed_units(
    codec: PoemCodec, text: str, form: Form | None, verse: int = 0
) -> tuple[list[str], set[int]]:
    """The tokens of a text that somebody typed, and after how many of them a verse ends, see
    `Language.units`."""
    return language_for(codec.tokenizer).units(clean(text)[0] or text.strip(), form, verse)


def column(form: Form, where: str) -> list[int]:
    """The positions, one a line, that an acrostic takes: heads, ends, or the diagonal, which goes
    on as far as the lines are long enough."""
    if where == "diagonal":
        steps = takewhile(lambda i: i < form.lengths[i], range(form.lines))
        return [form.starts[i] + i for i in steps]
    return [*(form.ends if where == "ends" else form.starts)]


def opened(text: str) -> str:
    """A template that somebody typed, with `LACUNA` for what is left open."""
    text = text.translate(dict.fromkeys(map(ord, BLANKS), LACUNA)).strip()
    return clean(text)[0] or text


def form_for(codec: PoemCodec, conditions: Conditions) -> Form | None:
    """The model's form in which all that is asked for has room, lines as whole as they can be, the
    most frequent one of several, a tune only where no other has; None in free form.

    Raises:
        ConstraintError: there is none, with the forms that there are.
    """
    if not codec.forms:
        return None
    asked = [(name, arguments) for name, arguments in conditions.calls() if name in _ROOM]
    left = {
        form: [_ROOM[name](codec, form, *arguments) for name, arguments in asked]
        for form in codec.forms
    }
    fitting = {form: sum(filter(None, rest)) for form, rest in left.items() if None not in rest}
    if not fitting and len(codec.forms) == 1:
        return codec.check_form(None)  # for the rule to say what it lacks
    if not fitting:
        texts = ((_(_NAMES[name]), *_said(args)) for name, args in asked)
        raise ConstraintError(
            _(
                "{names}: no form of this model has room for it; it writes {forms}",
                names=listed(" ".join(map(str, text)) for text in texts),
                forms=codec.known_forms,
            )
        )
    return min(fitting, key=lambda form: (bool(form.tune), fitting[form], -codec.forms[form]))


def _said(arguments: Iterable[object]) -> Iterator[object]:
    """What people gave, without where an acrostic stands."""
    given = (x for x in arguments if x not in WHERE)
    return (_(str(x)) if x in STRICTNESS else x for x in given)


def form_opened_by(codec: PoemCodec, text: str) -> Form | None:
    """The model's form with the fewest lines that a text, with or without blanks, opens, a tune
    only where no other is opened by it; a ConstraintError where there is none."""
    if not codec.forms:
        return None
    fitting = {}
    for form in codec.forms:
        chars, __ = typed_units(codec, opened(text), form)
        left = _template(codec, form, text)
        whole = LACUNA not in chars and not left  # so that more has to be written
        if left is not None and len(chars) + whole <= form.size:
            fitting[form] = (bool(form.tune), left, form.lines, -codec.forms[form])
    if not fitting:
        raise ConstraintError(
            _(
                "{text!r} opens none of the model's forms, {forms}, with anything left to write; "
                "give whole lines, with _ for what is open",
                text=text,
                forms=codec.known_forms,
            )
        )
    return min(fitting, key=lambda form: fitting[form])


def _line(codec: PoemCodec, form: Form, n: int, text: str) -> int | None:
    if not 1 <= n <= form.lines:
        return None
    left = form.lengths[n - 1] - len(typed_units(codec, text, form, n - 1)[0])
    return left if left >= 0 and (n == 1 or not left) else None


def _template(codec: PoemCodec, form: Form, text: str) -> int | None:
    chars, ends = typed_units(codec, opened(text), form)
    size = len(chars)
    if size > form.size or not form.has_ends(form.size, ends):
        return None
    return min(span.stop - size for span in form.spans if span.stop >= size)


def _acrostic(codec: PoemCodec, form: Form, text: str, where: str) -> int | None:
    chars = language_for(codec.tokenizer).characters(clean(text)[0] or text)
    return 0 if len(chars) <= len(column(form, where)) else None


def _contains(codec: PoemCodec, form: Form, text: str) -> int | None:
    return 0 if len(typed_units(codec, text, form)[0]) <= max(form.lengths) else None


def _tones(codec: PoemCodec, form: Form, strictness: str) -> int | None:
    return 0 if language_for(codec.tokenizer).patterns(form, "", strictness) else None


def _rhyme(codec: PoemCodec, form: Form, name: str, scheme: str | None) -> int | None:
    if scheme:
        return 0 if scheme.casefold() == "none" or len(scheme.strip()) == form.lines else None
    found = language_for(codec.tokenizer).rhymes_of(
        form, "", partial(reading_masks, codec.tokenizer)
    )
    several = any(len(one.verses) > 1 for one in found)
    return 0 if found and (several or name != "any") else None


# How many characters of its line a condition leaves open in a form; None where it has no room.
_ROOM: dict[str, Callable[..., int | None]] = {
    "first_line": lambda codec, form, text: _line(codec, form, 1, text),
    "line": _line,
    "template": _template,
    "acrostic": _acrostic,
    "contains": _contains,
    "tones": _tones,
    "rhyme": _rhyme,
}
_NAMES = {
    "first_line": N_("first line"),
    "line": N_("line"),
    "template": N_("template"),
    "acrostic": N_("acrostic"),
    "contains": N_("contains"),
    "tones": N_("tones"),
    "rhyme": N_("rhyme"),
}

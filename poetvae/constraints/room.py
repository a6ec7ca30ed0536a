"""Which of a model's forms has room for what somebody asks for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from ..errors import ConstraintError
from ..text.cleaning import clean
from ..text.codec import PoemCodec
from ..text.graphemes import clusters
from ..text.poem import LACUNA, Form, run_of
from ..text.prosody import patterns, rhymes_of
from .options import WHERE, Conditions

BLANKS = "_＿□"  # what stands for a character that is left open in a template


def typed_chars(text: str, form: Form | None) -> list[str]:
    """The characters of a text that somebody typed; in free form with its marks and blanks."""
    cleaned = clean(text)[0] or text.strip()
    return clusters(run_of(cleaned)[0] if form else cleaned)


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
    most frequent one of several; None in free form.

    Raises:
        ConstraintError: there is none, with the forms that there are.
    """
    if not codec.forms:
        return None
    asked = [(name, arguments) for name, arguments in conditions.calls() if name in _ROOM]
    left = {
        form: [_ROOM[name](form, *arguments) for name, arguments in asked] for form in codec.forms
    }
    fitting = {form: sum(filter(None, rest)) for form, rest in left.items() if None not in rest}
    if not fitting and len(codec.forms) == 1:
        return codec.check_form(None)  # for the rule to say what it lacks
    if not fitting:
        texts = ((name, *(x for x in args if x not in WHERE)) for name, args in asked)
        names = ", ".join(" ".join(map(str, text)).replace("_", " ") for text in texts)
        why = f"{names}: no form of this model has room for it"
        raise ConstraintError(f"{why}; it writes {codec.known_forms}")
    return min(fitting, key=lambda form: (fitting[form], -codec.forms[form]))


def form_opened_by(codec: PoemCodec, text: str) -> Form | None:
    """The model's form with the fewest lines that a text, with or without blanks, opens; a
    ConstraintError where there is none."""
    if not codec.forms:
        return None
    chars = clusters(run_of(opened(text))[0])
    fitting = {}
    for form in codec.forms:
        left = _template(form, text)
        whole = LACUNA not in chars and not left  # so that more has to be written
        if left is not None and len(chars) + whole <= form.size:
            fitting[form] = (left, form.lines, -codec.forms[form])
    if not fitting:
        forms = f"none of the model's forms, {codec.known_forms},"
        why = f"{text!r} opens {forms} with anything left to write"
        raise ConstraintError(f"{why}; give whole lines, with _ for what is open")
    return min(fitting, key=lambda form: fitting[form])


def _line(form: Form, n: int, text: str) -> int | None:
    if not 1 <= n <= form.lines:
        return None
    left = form.lengths[n - 1] - len(typed_chars(text, form))
    return left if left >= 0 and (n == 1 or not left) else None


def _template(form: Form, text: str) -> int | None:
    chars, ends = run_of(opened(text))
    size = len(clusters(chars))
    if size > form.size or not form.has_ends(form.size, ends):
        return None
    return min(span.stop - size for span in form.spans if span.stop >= size)


def _acrostic(form: Form, text: str, where: str) -> int | None:
    return 0 if len(typed_chars(text, form)) <= len(column(form, where)) else None


def _contains(form: Form, text: str) -> int | None:
    return 0 if len(typed_chars(text, form)) <= max(form.lengths) else None


def _tones(form: Form, strictness: str) -> int | None:
    return 0 if patterns(form) else None


def _rhyme(form: Form, name: str) -> int | None:
    return 0 if rhymes_of(form) and (form.lines > 2 or name != "any") else None


# How many characters of its line a condition leaves open in a form; None where it has no room.
_ROOM: dict[str, Callable[..., int | None]] = {
    "first_line": lambda form, text: _line(form, 1, text),
    "line": _line,
    "template": _template,
    "acrostic": _acrostic,
    "contains": _contains,
    "tones": _tones,
    "rhyme": _rhyme,
}

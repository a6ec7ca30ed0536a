"""Values that somebody sent, of any type: each is as it should be, or a ConfigError of one line."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from ..errors import ConfigError, cut, several
from ..i18n import N_, _

MOST_TEXT = 500  # characters of a text
MOST_SEED = 2**31


def text(name: str, value: object, most: int = MOST_TEXT) -> str:
    """A text of at most so many whole characters; None is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(
            _("{name}: {what} came; expected a text", name=_(name), what=_kind(value))
        )
    if len(value) > most:
        raise ConfigError(
            _(
                "{name}: {n} characters came; expected at most {most}",
                name=_(name),
                n=len(value),
                most=most,
            )
        )
    if not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ConfigError(
            _("{name}: half a character came (a lone surrogate); type it again", name=_(name))
        )
    return value.strip()


def texts(name: str, value: object, most: int) -> list[str]:
    """At most so many texts with blanks between them."""
    found = text(name, value).split()
    if len(found) > most:
        raise ConfigError(
            _("{name}: {n} came; expected at most {most}", name=_(name), n=len(found), most=most)
        )
    return found


def number(name: str, value: object, low: float, high: float) -> float:
    """A number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(
            _(
                "{name}: {what} came; expected a number from {low} to {high}",
                name=_(name),
                what=_kind(value),
                low=low,
                high=high,
            )
        )
    return value


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number from low to high."""
    found = number(name, value, low, high)
    if found != int(found):
        raise ConfigError(
            _(
                "{name}: {what} came; expected a whole number from {low} to {high}",
                name=_(name),
                what=found,
                low=low,
                high=high,
            )
        )
    return int(found)


def truth(name: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ConfigError(
            _("{name}: {what} came; expected true or false", name=_(name), what=_kind(value))
        )
    return value


def choice(name: str, value: object, choices: Collection[str]) -> str:
    """One of the choices."""
    if not isinstance(value, str) or value not in choices:
        known = several(list(choices))
        raise ConfigError(
            _(
                "{name}: {what} came; expected one of {known}",
                name=_(name),
                what=_kind(value),
                known=known,
            )
        )
    return value


def seed(value: object) -> int:
    """The seed that came, a number or its digits, from 0 to 2**31; a drawn one where none did."""
    if isinstance(value, str):
        typed = value.strip()
        value = int(typed) if re.fullmatch("[0-9]{1,10}", typed) else typed or None
    return secrets.randbelow(MOST_SEED) if value is None else whole(N_("seed"), value, 0, MOST_SEED)


def _kind(value: object) -> str:
    """What came, in few words."""
    if isinstance(value, str):
        return repr(cut(value, 24))
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        if value is None:
            return _("nothing")
        return _("a value of type {kind}", kind=type(value).__name__)
    return f"{value:.6g}" if abs(value) < 1e300 else _("a number out of all bounds")

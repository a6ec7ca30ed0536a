"""Values that somebody sent, of any type: each is as it should be, or a ConfigError of one line."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from ..errors import ConfigError, cut, several

MOST_TEXT = 500  # characters of a text
MOST_SEED = 2**31


def text(name: str, value: object, most: int = MOST_TEXT) -> str:
    """A text of at most so many whole characters; None is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{name}: {_kind(value)} came; expected a text")
    if len(value) > most:
        raise ConfigError(f"{name}: {len(value)} characters came; expected at most {most}")
    if not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ConfigError(f"{name}: half a character came (a lone surrogate); type it again")
    return value.strip()


def texts(name: str, value: object, most: int) -> list[str]:
    """At most so many texts with blanks between them."""
    found = text(name, value).split()
    if len(found) > most:
        raise ConfigError(f"{name}: {len(found)} came; expected at most {most}")
    return found


def number(name: str, value: object, low: float, high: float) -> float:
    """A number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name}: {_kind(value)} came; expected a number from {low} to {high}")
    return value


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number from low to high."""
    found = number(name, value, low, high)
    if found != int(found):
        raise ConfigError(f"{name}: {found} came; expected a whole number from {low} to {high}")
    return int(found)


def truth(name: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: {_kind(value)} came; expected true or false")
    return value


def choice(name: str, value: object, choices: Collection[str]) -> str:
    """One of the choices."""
    if not isinstance(value, str) or value not in choices:
        known = several(list(choices))
        raise ConfigError(f"{name}: {_kind(value)} came; expected one of {known}")
    return value


def seed(value: object) -> int:
    """The seed that came, a number or its digits, from 0 to 2**31; a drawn one where none did."""
    if isinstance(value, str):
        typed = value.strip()
        value = int(typed) if re.fullmatch("[0-9]{1,10}", typed) else typed or None
    return secrets.randbelow(MOST_SEED) if value is None else whole("seed", value, 0, MOST_SEED)


def _kind(value: object) -> str:
    """What came, in few words."""
    if isinstance(value, str):
        return repr(cut(value, 24))
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        return "nothing" if value is None else f"a value of type {type(value).__name__}"
    return f"{value:.6g}" if abs(value) < 1e300 else "a number out of all bounds"

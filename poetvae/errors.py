"""The errors that poetvae raises on purpose.

Each message says what came, what was expected and what to do. The command line prints it as one
line and exits with the class's `exit_code`; nothing else is caught there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .i18n import N_, _

# What a hostile file made of a name is quoted, too; a message stays one that can be read.
_LONGEST = 1500


class PoetVAEError(Exception):
    """Base of all errors that poetvae raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        message, half = super().__str__(), _LONGEST // 2
        short = f"{message[:half]} ... {message[-half:]}"
        return message if len(message) <= _LONGEST else short


class ConfigError(PoetVAEError):
    """A preset, key or value that cannot be used."""

    exit_code = 2


class CorpusError(PoetVAEError):
    """A corpus that cannot be read, or holds nothing to learn from."""


class TokenizerError(PoetVAEError):
    """A tokenizer file or a text that it cannot take."""


class CheckpointError(PoetVAEError):
    """A model or run folder that is missing, torn or not ours."""


class ConstraintError(PoetVAEError):
    """Conditions on a poem that no poem can meet."""


_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}


def visible(text: str, keep: str = "\n\t") -> str:
    """A text for a terminal or a page: control characters (C0, C1, line separators) as escapes of
    JSON, save those to keep."""
    if text.isprintable():
        return text
    return text.translate({code: name for code, name in _CONTROLS.items() if chr(code) not in keep})


def cut(text: str, most: int = 60) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(names: Iterable[object]) -> str:
    """Names one after another."""
    return _(", ").join(map(str, names))


def several(names: Sequence[object], most: int = 12) -> str:
    """The first so many of these names, and how many more there are."""
    first, more = listed(names[:most]), len(names) - most
    return _("{first} and {more} more", first=first, more=more) if more > 0 else first


def either(names: Iterable[object]) -> str:
    """Names of which one is enough."""
    return _(" or ").join(map(str, names))


SAID_OF_FILES = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("Directory not empty"),
    N_("File exists"),
    N_("File name too long"),
    N_("File too large"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("Read-only file system"),
    N_("Too many open files"),
    N_("Too many levels of symbolic links"),
    N_("Device or resource busy"),
    N_("Input/output error"),
    N_("Broken pipe"),
)
"""What systems say of files, most often."""


def reason_of(error: BaseException) -> str:
    """Why the system, or a library, could not do it, in its words."""
    return _(getattr(error, "strerror", None) or str(error))


def brief(value: object) -> str:
    """A value as an error quotes it, however long it is."""
    if isinstance(value, int) and abs(value) >= 10**60:
        return _("a number of more than 60 digits")
    return cut(repr(value))


MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    PoetVAEError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading raises from values that are not as they should be, whatever a file holds."""

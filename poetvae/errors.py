"""The errors that poetvae raises on purpose.

Each message says what came, what was expected and what to do. The command line prints it as one
line and exits with the class's `exit_code`; nothing else is caught there.
"""

from __future__ import annotations

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

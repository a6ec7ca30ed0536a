"""What `torture.py` and `siege.py` share: to check something, and to publish a table."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from common import publish as publish
from common import table as table


class WrongError(Exception):
    """Something that should hold does not."""


def check(holds: object, message: str) -> None:
    """Raise WrongError where it does not hold."""
    if not holds:
        raise WrongError(message)

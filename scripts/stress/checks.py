"""What `torture.py` and `siege.py` share: to check something, and to publish a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click


class WrongError(Exception):
    """Something that should hold does not."""


def check(holds: object, message: str) -> None:
    """Raise WrongError where it does not hold."""
    if not holds:
        raise WrongError(message)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def publish(path: Path | None, mark: str, text: str) -> None:
    """Print a text, and put it between <!-- mark --> and <!-- /mark --> of a file, if given."""
    click.echo(text)
    if path:
        before, begin, rest = path.read_text("utf-8").partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition(f"<!-- /{mark} -->")
        if not end:
            raise click.ClickException(f"{path} has no <!-- {mark} --> ... <!-- /{mark} -->")
        path.write_text(f"{before}{begin}{text}\n{end}{after}", "utf-8")

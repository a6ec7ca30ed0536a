"""The catalogue of what poetvae says: gather its texts, compile it, and list what lacks.

    python scripts/catalogue.py            # after a change of a text, and after translating
    python scripts/catalogue.py --check    # changes nothing; exit 1 where something is left to do

Translations are edited in `poetvae/locales/zh_TW/LC_MESSAGES/poetvae.po`, in traditional characters
alone: OpenCC makes the simplified catalogue of it, and README.zh-CN.md of README.zh-TW.md.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from opencc import OpenCC

from poetvae.cli import cli
from poetvae.files import write_file
from poetvae.i18n import DOMAIN, LOCALES

SOURCE, MADE = "zh_TW", "zh_CN"
PACKAGE = LOCALES.parent
README = PACKAGE.parent / "README.zh-TW.md"
TO_SIMPLIFIED = OpenCC("tw2sp")
NEVER = datetime.fromtimestamp(0, UTC)  # so that a catalogue is the same whenever it is made
CLICK: tuple[str | tuple[str, str], ...] = (
    "Choose from:\n\t{choices}",
    "Commands",
    "Couldn't detect Bash version, shell completion is not supported.",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    "Error: {message}",
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    "Invalid value for {param_hint}: {message}",
    "Missing argument",
    "Missing command.",
    "Missing option",
    "No such command {name!r}.",
    "No such option {name!r}.",
    "Option {name!r} does not take a value.",
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    "Options",
    "Shell completion is not supported for Bash versions older than 4.4.",
    "Try '{command} {option}' for help.",
    "Usage:",
    "default: {default}",
    "required",
    "{value!r} is not a valid {number_type}.",
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    "{value} is not in the range {range}.",
)
"""What click says that people meet here, in its own words: it looks them up with gettext."""


def gathered() -> Catalog:
    """What is said: texts in `_` and `N_`, the help of all commands, and what is said for us."""
    found = Catalog(domain=DOMAIN)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):  # Babel reads no f-strings
            match node:
                case ast.Call(ast.Name("_" | "N_"), [ast.Constant(str(message)), *_]) if message:
                    found.add(message)
    for text in (*_helps(cli), *CLICK):
        found.add(text)
    return found


def _helps(command: click.Command) -> Iterator[str]:
    if command.help:
        yield inspect.cleandoc(command.help)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            yield parameter.help
    if isinstance(command, click.Group):
        for other in command.commands.values():
            yield from _helps(other)


def updated() -> Catalog:
    """The catalogue as it is translated, with today's texts."""
    with (LOCALES / SOURCE / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        known = read_po(file, locale=SOURCE, domain=DOMAIN)
    fresh = gathered()
    about = {"project": DOMAIN, "header_comment": f"# What {DOMAIN} says, in Chinese."}
    found = Catalog(locale=SOURCE, domain=DOMAIN, fuzzy=False, **about)
    for message in fresh:
        if message.id:
            translated = known.get(message.id)
            found.add(message.id, translated.string if translated else "")
    return found


def compiled(catalogue: Catalog, language: str) -> bytes:
    """A catalogue for gettext, its translations in the characters of a language."""
    found = Catalog(language, domain=DOMAIN, creation_date=NEVER)
    for message in catalogue:
        if said := _translations(message):
            texts = tuple(map(TO_SIMPLIFIED.convert, said)) if language == MADE else said
            found.add(message.id, texts if message.pluralizable else texts[0])
    out = io.BytesIO()
    write_mo(out, found)
    return out.getvalue()


def _translations(message: Message) -> tuple[str, ...]:
    """What a text is in the other language, or nothing; that has one form for any number."""
    said = [message.string] if isinstance(message.string, str) else message.string or []
    return tuple(map(str, said)) if message.id and all(said) else ()


def _po(catalogue: Catalog) -> bytes:
    """A catalogue for people to edit, the same whoever writes it, and when."""
    out, kept = io.BytesIO(), (b'"Language:', b'"MIME', b'"Content')
    write_po(out, catalogue, width=100, sort_output=True)
    lines = out.getvalue().split(b"\n")
    head = lines.index(b"")
    top = [line for line in lines[:head] if not re.match(rb'"[\w-]+: ', line)]
    told = [line for line in lines[:head] if line.startswith(kept)]
    return b"\n".join([*top, *told, *lines[head:]])


def simplified(readme: str) -> str:
    """The README in simplified characters; poems and commands stay as they are."""
    switch = {"繁體中文": "[繁體中文](README.zh-TW.md)", "[简体中文](README.zh-CN.md)": "简体中文"}
    lines, code = [], False
    for line in readme.splitlines():
        code ^= line.startswith("```")
        if line.startswith("[English]"):
            line = " · ".join(switch.get(part, part) for part in line.split(" · "))
        elif not (code or line.startswith(">")):
            line = TO_SIMPLIFIED.convert(line)
        lines.append(line)
    return "\n".join([*lines, ""])


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where something is to do.")
def main(check: bool) -> None:
    """Gather, compile, and list what lacks a translation."""
    catalogue = updated()
    source, made = (LOCALES / language / "LC_MESSAGES" for language in (SOURCE, MADE))
    contents = {
        source / f"{DOMAIN}.po": _po(catalogue),
        source / f"{DOMAIN}.mo": compiled(catalogue, SOURCE),
        made / f"{DOMAIN}.mo": compiled(catalogue, MADE),
        README.with_name("README.zh-CN.md"): simplified(README.read_text("utf-8")).encode(),
    }
    stale = []
    for path, content in contents.items():
        if not path.exists() or path.read_bytes() != content:
            stale.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, content)
    lacking = [message.id for message in catalogue if message.id and not _translations(message)]
    for text in lacking:
        click.echo(f"no translation: {text!r}")
    if check and stale:
        click.echo(f"stale: {', '.join(stale)}; run python scripts/catalogue.py")
    sys.exit(1 if lacking or (check and stale) else 0)


if __name__ == "__main__":
    main()

"""The languages that poetvae speaks: English as it stands in the code, others from one catalogue.

What people read stands in the code as ``_("{n} poems came", n=3)``: `_` looks the English text up
in the gettext catalogue of the language that is spoken now, and puts the values in. A library
speaks English; the command line speaks what the environment asks for, a page what the browser does.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "zh_TW": "繁體中文", "zh_CN": "简体中文"}
"""By the code of its catalogue, what each language calls itself."""
DOMAIN = "poetvae"
LOCALES = Path(__file__).parent / "locales"
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


def _(message: str, **values: object) -> str:
    """A text in the language spoken now, with `values` in place of their names in braces.

    A text that the catalogue lacks stays English. Without values braces stand for themselves.
    """
    text = _catalogue(_spoken.get()).gettext(message) if message else message
    return text.format(**values) if values else text


def N_(message: str) -> str:  # noqa: N802 - what gettext calls it
    """Marks a text for the catalogue that `_` looks up only when somebody reads it."""
    return message


def spoken() -> str:
    """The language spoken now, one of `LANGUAGES`."""
    return _spoken.get()


def speak(language: str) -> None:
    """Speak one of `LANGUAGES` from now on, in this context (see contextvars)."""
    _spoken.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within the block, one of `LANGUAGES` is spoken."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def tag(language: str) -> str:
    """What the web calls one of `LANGUAGES` (BCP 47): zh-TW."""
    return language.replace("_", "-")


def of_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The language of LANGUAGE, LC_ALL, LC_MESSAGES and LANG, the first that is set, as gettext
    reads them."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    value = next(filter(None, map(environment.get, names)), "")
    return next(filter(None, map(closest, value.split(":"))), ENGLISH)


def of_header(accepted: str) -> str:
    """The language that an Accept-Language header prefers (RFC 9110, section 12.5.4)."""
    wanted = []
    for i, part in enumerate(accepted[:1000].split(",")):
        tag, _, weight = part.partition(";q=")
        try:
            wanted.append((-float(weight or 1), i, tag))
        except ValueError:
            continue
    return next(filter(None, (closest(tag) for q, _, tag in sorted(wanted) if q)), ENGLISH)


def closest(tag: str) -> str | None:
    """The language nearest to a tag as zh-Hant-HK, zh_CN.UTF-8 or C; None if there is none."""
    language, *rest = tag.strip().partition(".")[0].replace("_", "-").lower().split("-")
    if language == "zh":
        return "zh_TW" if {"hant", "tw", "hk", "mo"} & set(rest) else "zh_CN"
    return ENGLISH if language in ("en", "c", "posix") else None


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=True)

"""What is said in other languages, and which of them is spoken."""

from __future__ import annotations

import string
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po

from poetvae import i18n
from poetvae.i18n import _, closest, of_environment, of_header, speaking

PO = i18n.LOCALES / "zh_TW" / "LC_MESSAGES" / "poetvae.po"


def test_a_text_without_a_translation_stays_english() -> None:
    with speaking("zh_TW"):
        assert _("No such text: {x}.", x="{y}") == "No such text: {y}."
        assert _("{braces}") == "{braces}"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-Hant-HK", "zh_TW"),
        ("zh_TW.UTF-8", "zh_TW"),
        ("zh", "zh_CN"),
        ("zh-SG", "zh_CN"),
        ("en_GB", "en"),
        ("C.UTF-8", "en"),
        ("fr", None),
        ("", None),
    ],
)
def test_the_language_nearest_to_a_tag(tag: str, language: str | None) -> None:
    assert closest(tag) == language


def test_the_environment_names_a_language_as_gettext_reads_it() -> None:
    assert of_environment({}) == "en"
    assert of_environment({"LANG": "zh_TW.UTF-8"}) == "zh_TW"
    assert of_environment({"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}) == "en"
    assert of_environment({"LANG": "C", "LANGUAGE": "fr:zh_CN:en"}) == "zh_CN"


def test_a_browser_names_languages_by_weight() -> None:
    assert of_header("fr, en;q=0.5, zh-TW;q=0.8") == "zh_TW"
    assert of_header("zh-CN;q=0, en") == "en"
    assert of_header("zh;q=x,,;q=") == "en"
    assert of_header("") == "en"


def _fields(text: str) -> Iterator[str]:
    return (name for _, name, *_ in string.Formatter().parse(text) if name is not None)


def test_translations_take_the_values_that_their_texts_have() -> None:
    with PO.open("rb") as file:
        messages = [message for message in read_po(file) if message.id and message.string]
    for message in messages:
        try:
            expected = set(_fields(str(message.id)))
        except ValueError:  # braces that stand for themselves
            continue
        found = set(_fields(str(message.string)))
        # Texts in two numbers name a value once in each, under names that may differ.
        assert found <= expected if message.pluralizable else found == expected, message.id

"""What menus say of forms, tunes and rhyme classes."""

from __future__ import annotations

import pytest

from poetvae.i18n import speaking
from poetvae.text.form import Form, all_tunes
from poetvae.text.menus import form_words
from poetvae.text.prosody import chinese
from poetvae.text.prosody.chinese.openings import OPENINGS
from poetvae.text.prosody.chinese.rhyme_names import EXAMPLES, rhyme_classes
from poetvae.text.prosody.chinese.shi import TONE, readings
from poetvae.text.prosody.chinese.tunes import tunes


@pytest.mark.parametrize(
    ("form", "english", "said"),
    [
        (Form(7, 4), "七言絕句 7x4", "七言絕句 7x4"),
        (Form(6, 4), "6x4 (4 lines of 6)", "6x4（4 句，每句 6 字）"),
        (Form((3, 5, 7, 7, 5)), "3-5-7-7-5 (5 lines)", "3-5-7-7-5（5 句）"),
        (Form((5, 7, 5)), "haiku 5-7-5", "俳句 5-7-5"),
        (
            Form.parse("浣溪沙"),
            "浣溪沙 (42 characters: 一曲新詞酒一杯)",
            "浣溪沙（42 字：一曲新詞酒一杯）",
        ),
        (Form.parse("導引"), "導引 (50 characters)", "導引（50 字）"),
        (None, "free", "自由體"),
    ],
)
def test_a_form_goes_by_its_name(form: Form | None, english: str, said: str) -> None:
    assert form_words(form) == english
    with speaking("zh_TW"):
        assert form_words(form) == said


def test_tunes_open_as_a_ci_that_fits_them() -> None:
    for name, verse in OPENINGS.items():
        assert len(verse) == tunes()[name].lengths[0], name
    words = [form_words(form) for form in all_tunes()]
    assert len(set(words)) == len(words)


def test_a_rhyme_class_is_told_by_characters_that_are_in_it() -> None:
    assert EXAMPLES.keys() == TONE.keys()
    for name, examples in EXAMPLES.items():
        for example in examples:
            usual = {reading.rhyme for reading in readings(example[0], usual=True)}
            assert name in usual, (name, example)


def test_what_a_menu_says_of_a_class_begins_with_a_name_of_it() -> None:
    for name, words in chinese.rhyme_names().items():
        assert rhyme_classes(words.partition(" (")[0]) == name
    assert chinese.rhyme_names()["陽"] == "七陽 (level: 長 cháng, 香 xiāng)"
    with speaking("zh_TW"):
        assert chinese.rhyme_names()["陽"] == "七陽（平聲：長 cháng、香 xiāng）"

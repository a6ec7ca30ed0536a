"""Verse in kana: morae are counted, and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.constraints import rules
from poetvae.constraints.options import Conditions
from poetvae.errors import ConstraintError, CorpusError
from poetvae.text.codec import PoemCodec
from poetvae.text.form import Form
from poetvae.text.graphemes import clusters
from poetvae.text.poem import Poem, compose, content
from poetvae.text.prosody import (
    STRICTNESS,
    check_all,
    first_rhymes,
    japanese,
    language_of,
    regulated,
    rhyme,
    rhyme_ok,
    self_rhymes,
)
from poetvae.text.prosody.report import Report
from poetvae.text.tokenizer import PoemTokenizer

FROG = "ふるいけや\nかわずとびこむ\nみずのおと"
HAIKU = Form((5, 7, 5))
CODEC = PoemCodec(PoemTokenizer.train([FROG.replace("\n", "")]), 17, {HAIKU: 1})
MORAE = ["あ", "か", "しゃ", "きょ", "っ", "ん", "ー", "ヴァ", "コ", "ピュ", "を"]


def check(text: str, form: Form | None = None) -> Report:
    (report,) = check_all(text, form)
    return report


def counted(line: str) -> int:
    return len(re.findall("[^ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ]", line))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (FROG, "5-7-5"),
        ("ひさかたの\nひかりのどけき\nはるのひに\nしづごころなく\nはなのちるらむ", "5-7-5-7-7"),
        ("ゆうぐれや、しゃくなげのはな、ちょうひとつ。", "5-7-5"),
        ("きっと\nあんパン\nコーヒー", "3-4-4"),
        ("かき\nかき", "2x2"),
        ("きゃきゅきょ\nしゃしゅしょ", "3x2"),
    ],
)
def test_verses_have_as_many_positions_as_morae(text: str, form: str) -> None:
    one = Poem(tuple(text.split("\n")))
    assert str(one.form) == form
    assert one.form is not None
    chars = content(one, one.form)
    assert len(clusters(chars)) == one.form.size
    assert compose(chars, one.form) == "\n".join(one.verses)


@given(st.lists(st.sampled_from(MORAE), min_size=1, max_size=9))
def test_small_kana_join_and_others_count_for_themselves(morae: list[str]) -> None:
    verse = "".join(morae)
    assert language_of(verse) is japanese
    assert japanese.lengths([verse]) == (len(morae),)
    assert japanese.units(verse)[0] == morae
    assert counted(verse) == len(morae)
    assert japanese.syllables([verse], [len(morae)]) == verse
    assert japanese.syllables([verse], [len(morae) + 1]) is None
    assert japanese.units(f"{verse}。{verse}")[1] == {len(morae)}


@pytest.mark.parametrize("text", ["古池や", "furuike", "ふる池", "ふるいけや furu", "。", ""])
def test_what_is_not_of_kana_alone_is_no_such_verse(text: str) -> None:
    assert language_of(text) is not japanese


@pytest.mark.parametrize("form", [None, HAIKU, Form(5, 3)])
def test_there_is_neither_rhyme_nor_metre(form: Form | None) -> None:
    verses = FROG.split("\n")
    for strictness in STRICTNESS:
        assert regulated(verses, strictness=strictness, form=form) is None
        assert rhyme(verses, strictness, form) is None
        assert rhyme_ok(verses, strictness, form) is None
        assert first_rhymes(verses, strictness, form) is None
    assert self_rhymes(verses, form) is None
    assert japanese.METRES == ()
    assert not japanese.patterns(HAIKU)
    assert not japanese.rhymes_of(HAIKU, "AAA")
    assert not japanese.slots("か", "usual")
    assert not japanese.readings("か")


def test_a_haiku_is_called_one_and_has_no_faults() -> None:
    for form in (None, HAIKU):
        report = check(FROG, form)
        assert (report.kind, report.form, report.rhyme, report.notes) == (
            "haiku",
            "5-7-5",
            None,
            (),
        )
        assert str(report).splitlines()[-1] == "no faults, no remarks"
        found = json.loads(json.dumps(report.as_dict()))
        assert [line["text"] for line in found["lines"]] == FROG.split("\n")
    assert check("はるのあめだ\nやまのこみちに").kind == "free verse"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("ふるいけ\nかわずとびこむ\nみずのおと", {(1, "4 morae; expected 5")}),
        (
            "ふるいけや\nかわずとびこむよ\nみずのおとっ",
            {(2, "8 morae; expected 7"), (3, "6 morae; expected 5")},
        ),
        ("しゃくなげや\nきしゃのまどから\nちょうひとつ", set()),
        ("ふるいけや\nかわずとびこむ", {(0, "2 lines; expected 3")}),
        (
            "ふるいけよ\nかわず\nみずのおと\nおと",
            {(2, "3 morae; expected 7"), (0, "4 lines; expected 3")},
        ),
    ],
)
def test_verses_of_another_length_are_faults(text: str, faults: set[tuple[int, str]]) -> None:
    report = check(text, HAIKU)
    assert {(one.line, one.why) for one in report.faults} == faults
    assert all(one.name == "length" for one in report.faults)
    for n, line in enumerate(report.lines, 1):
        assert {(n, one.why) for one in line.notes} == {one for one in faults if one[0] == n}
    assert all(why in str(report) for _, why in faults)


def test_faults_of_the_whole_come_first() -> None:
    report = check("ふるいけ\nかわず", HAIKU)
    assert [one.line for one in report.notes] == [0, 1, 2]


def test_a_report_shows_morae_and_no_book_of_rhymes() -> None:
    report = check("しゃくなげや\nきしゃのまどから\nちょうひとつ")
    assert "()" not in str(report)
    shown = str(report).splitlines()
    assert any(line.split() == ["1", "しゃ", "く", "な", "げ", "や"] for line in shown), shown


def test_no_verse_is_refused() -> None:
    with pytest.raises(CorpusError, match="has no verse of kana"):
        japanese.checked(" \n ")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rhyme": "any"}, "verse in kana does not rhyme; leave out the rhyme"),
        ({"rhyme": "と"}, "verse in kana does not rhyme; leave out the rhyme"),
        ({"rhyme_scheme": "ABA"}, "verse in kana does not rhyme; leave out the rhyme"),
        ({"tones": "usual"}, "verse in kana counts its morae alone; leave out the tones"),
        ({"metre": "iambic"}, "the metre is 'iambic'; verse in kana counts its morae alone"),
    ],
)
def test_what_verse_in_kana_has_not_is_refused(asked: dict[str, str], says: str) -> None:
    with pytest.raises(ConstraintError) as error:
        rules.requested(CODEC, HAIKU, Conditions(**asked))  # type: ignore[arg-type]
    assert str(error.value) == says


def test_no_scheme_is_no_rhyme() -> None:
    constraint = rules.requested(CODEC, HAIKU, Conditions(rhyme_scheme="none"))
    assert constraint.allowed.sum() == 17 * len(CODEC.writable())

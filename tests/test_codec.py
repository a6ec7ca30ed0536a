"""Poems to ids and back, in a fixed form, in two, and in free form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, is_han
from poetvae.text.tokenizer import PoemTokenizer

HAN = "山月臨窗白溪風入座清"
OTHER = "abc ，。'"
TOKENIZER = PoemTokenizer.train([HAN + OTHER + "\n"])
COUPLET, QUATRAIN = Form(2, 2), Form(3, 4)
ONE = PoemCodec(TOKENIZER, 4, {COUPLET: 7})
TWO = PoemCodec(TOKENIZER, 12, {COUPLET: 2, QUATRAIN: 5})
FREE = PoemCodec(TOKENIZER, 12)
EOS, UNK = TOKENIZER.eos_id, TOKENIZER.unk_id


def chars(form: Form) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(HAN), min_size=form.size, max_size=form.size)


@given(st.sampled_from([(ONE, COUPLET), (TWO, COUPLET), (TWO, QUATRAIN)]), st.data())
@settings(deadline=None)
def test_fixed_forms_round_trip(known: tuple[PoemCodec, Form], data: st.DataObject) -> None:
    codec, form = known
    text = data.draw(chars(form))
    poem = codec.read(form.punctuate(text))
    ids = codec.encode(poem)
    assert codec.form_of(poem) == form
    assert codec.fits(poem)
    assert ids == TOKENIZER.encode(text)
    padded = [*ids, *[TOKENIZER.pad_id] * (codec.max_len - form.size)]
    assert codec.decode(padded, form) == poem.text == form.punctuate(text)


@given(chars(COUPLET), st.sampled_from(["，", "。", " ", "\n", "?", "； "]))
@settings(deadline=None)
def test_punctuation_is_not_learnt_in_a_fixed_form(text: str, mark: str) -> None:
    written = text[:2] + mark + text[2:]
    assert ONE.encode(ONE.read(written)) == TOKENIZER.encode(text)


@given(st.text(st.sampled_from(HAN + OTHER + "\n"), max_size=14))
@settings(deadline=None)
def test_free_form_round_trips_up_to_its_end_mark(text: str) -> None:
    try:
        poem = FREE.read(text)
    except CorpusError:
        assert not any(c in HAN + "abc" for c in text)
        return
    assert FREE.form_of(poem) is None
    if len(poem.text) < FREE.max_len:
        ids = FREE.encode(poem)
        assert FREE.fits(poem)
        assert ids == [*TOKENIZER.encode(poem.text), EOS]
        assert FREE.decode([*ids, 9, 9, EOS, 9], None) == poem.text
    else:
        assert not FREE.fits(poem)
        with pytest.raises(CorpusError, match=rf"takes {len(poem.text) + 1} positions; .* has 12"):
            FREE.encode(poem)


def test_free_form_without_an_end_mark_is_all_of_it() -> None:
    assert FREE.decode(TOKENIZER.encode("abc\n山"), None) == "abc\n山"


def test_unknown_characters_keep_their_place() -> None:
    poem = ONE.read("山龍，臨鳳。")
    assert ONE.encode(poem) == [*TOKENIZER.encode("山"), UNK, *TOKENIZER.encode("臨"), UNK]
    assert ONE.decode(ONE.encode(poem), COUPLET) == "山□，臨□。"


def test_the_form_is_a_label_where_there_is_a_choice() -> None:
    assert (ONE.label_sizes, TWO.label_sizes, FREE.label_sizes) == ((), (3,), ())
    assert [TWO.labels(form) for form in (COUPLET, QUATRAIN)] == [(1,), (2,)]
    assert ONE.labels(COUPLET) == FREE.labels(None) == ()


def test_check_form() -> None:
    assert [TWO.check_form(form) for form in (COUPLET, QUATRAIN)] == [COUPLET, QUATRAIN]
    assert (ONE.check_form(None), TWO.check_form(None)) == (COUPLET, QUATRAIN), "most frequent"
    assert FREE.check_form(None) is None
    with pytest.raises(ConfigError, match="does not write 5x2; it writes 2x2, 3x4"):
        TWO.check_form(Form(5, 2))
    with pytest.raises(ConfigError, match="does not write 2x2; it writes free form alone"):
        FREE.check_form(COUPLET)


@pytest.mark.parametrize(
    "text", ["山月臨，窗白溪。", "山月", "山月，臨a。", "abc\nabc", "山月，臨。"]
)
def test_a_poem_of_no_known_form(text: str) -> None:
    poem = ONE.read(text)
    assert not ONE.fits(poem)
    with pytest.raises(CorpusError, match=r"has the form (3x2|free); this model reads 2x2"):
        ONE.encode(poem)
    with pytest.raises(CorpusError, match=r"has the form (3x2|free)"):
        ONE.form_of(poem)


def test_a_long_poem_is_not_shown_whole_in_errors() -> None:
    with pytest.raises(CorpusError) as caught:
        FREE.encode(Poem(("山" * 500, "月" * 500)))
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_what_may_be_written() -> None:
    def text(codec: PoemCodec) -> set[str]:
        return {TOKENIZER.decode([i]) for i in codec.writable() if i != EOS}

    assert text(ONE) == text(TWO) == set(HAN)
    assert all(map(is_han, text(ONE)))
    assert EOS not in ONE.writable()
    assert text(FREE) == set(HAN + OTHER + "\n")
    assert set(TOKENIZER.special_ids) & set(FREE.writable()) == {EOS}


@pytest.mark.parametrize("text", ["", " \n\t", "，。", "（注）", "\u200b"])
def test_a_text_without_writing(text: str) -> None:
    with pytest.raises(CorpusError, match="no character of writing"):
        FREE.read(text)


def test_reading_cleans_and_splits_lines() -> None:
    assert FREE.read("  山月（一作日）臨窗\r\n  abc ").lines == ("山月臨窗", "abc")


@pytest.mark.parametrize("codec", [ONE, TWO, FREE])
def test_stored_and_read_again(codec: PoemCodec) -> None:
    values = json.loads(json.dumps(codec.to_dict()))
    again = PoemCodec.from_dict(TOKENIZER, codec.max_len, values)
    assert again == codec
    assert list(again.forms) == list(codec.forms), "labels are places in this order"


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {"forms": None},
        {"forms": ["2x2"]},
        {"forms": {"2x2": 1}, "more": 1},
        {"forms": {"2x2": "1"}},
        {"forms": {"2x2": 1.5}},
        {"forms": {"2x2": True}},
        {"forms": {"2x2": -1}},
        {"forms": {"2x2": 10**400}},
        {"forms": {"couplet": 1}},
        {"forms": {"0x2": 1}},
        {"forms": {"7x4": 1}},
    ],
)
def test_what_describes_no_codec(values: Any) -> None:
    with pytest.raises(ConfigError, match="form"):
        PoemCodec.from_dict(TOKENIZER, 12, values)

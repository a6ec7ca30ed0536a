"""Poems to ids and back, in a fixed form, in two, and in free form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.codec import THEME, PoemCodec
from poetvae.text.graphemes import clusters
from poetvae.text.poem import Form, Poem, form_of, is_han
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
        assert FREE.decode([*ids, 9, 9, EOS, 9], None) == FREE.decode(ids[:-1], None) == poem.text
    else:
        assert not FREE.fits(poem)
        with pytest.raises(CorpusError, match=rf"takes {len(poem.text) + 1} positions; .* has 12"):
            FREE.encode(poem)


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
    with pytest.raises(CorpusError, match=r"has the form (3x2|3-4|2-1|free); this model reads 2x2"):
        ONE.encode(poem)
    with pytest.raises(CorpusError, match=r"has the form (3x2|2-1|free)"):
        ONE.form_of(poem)
    with pytest.raises(CorpusError, match=r"\A.{1,199}\Z"):  # it is not shown whole
        FREE.encode(Poem(("山" * 500, "月" * 500)))


def test_what_may_be_written() -> None:
    def text(codec: PoemCodec) -> set[str]:
        return {TOKENIZER.decode([i]) for i in codec.writable() if i != EOS}

    assert text(ONE) == text(TWO) == set(HAN)
    assert all(map(is_han, text(ONE)))
    assert EOS not in ONE.writable()
    assert text(FREE) == set(HAN + OTHER + "\n")
    assert set(TOKENIZER.special_ids) & set(FREE.writable()) == {EOS}


def test_a_ci_fits_a_model_of_its_lengths() -> None:
    text = "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南。"
    ci, plain = Poem((text,), {"詞牌": "憶江南"}), Poem((text,))
    lengths = Form((3, 5, 7, 7, 5))
    tune = Form(lengths.lengths, tune="憶江南")
    assert (ci.form, plain.form) == (tune, lengths)
    tokenizer = PoemTokenizer.train([text])
    by_length, by_name = (PoemCodec(tokenizer, 27, {form: 1}) for form in (lengths, tune))
    assert by_length.form_of(ci) == by_length.form_of(plain) == lengths
    assert by_length.encode(ci) == by_name.encode(ci)
    assert by_name.form_of(ci) == tune
    assert not by_name.fits(plain)  # it may be another tune of these lengths
    older = Form((4, 4, 7, 7, 5), tune="憶江南")  # of a table that had it so
    assert PoemCodec(tokenizer, 27, {older: 1}).check_form(tune) == older


def test_a_model_of_kana_reads_morae_and_writes_them() -> None:
    haiku = ("きょうのつき", "おくのほそみち", "しょうわかな")
    form = form_of(haiku)
    assert form == Form((5, 7, 5))
    tokenizer = PoemTokenizer.train(haiku)
    kana = PoemCodec(tokenizer, 17, {form: 1})
    assert {tokenizer.decode([i]) for i in kana.writable()} == {*clusters("".join(haiku))}
    for typed in ("\n".join(haiku), "".join(haiku), " ".join(haiku), "、".join(haiku)):
        ids = kana.encode(kana.read(typed))
        assert len(ids) == 17
        assert kana.decode(ids, form) == "\n".join(haiku)


@pytest.mark.parametrize("text", ["", " \n\t", "，。", "（注）", "\u200b"])
def test_a_text_without_writing(text: str) -> None:
    with pytest.raises(CorpusError, match="no character of writing"):
        FREE.read(text)
    assert FREE.read("  山月（一作日）臨窗\r\n  abc ").lines == ("山月臨窗", "abc")


FIELDS = {"dynasty": ("tang", "song"), "author": tuple(f"author {i}" for i in range(20))}
LABELLED = PoemCodec(TOKENIZER, 12, {COUPLET: 2, QUATRAIN: 5}, FIELDS)
LABELLED_FREE = PoemCodec(TOKENIZER, 12, {}, {"dynasty": ("tang", "song")})


def test_fields_are_labels_after_the_form() -> None:
    assert (LABELLED.label_sizes, LABELLED_FREE.label_sizes) == ((3, 3, 21), (3,))
    assert LABELLED.labels(QUATRAIN, {"author": "author 3", "dynasty": "song"}) == (2, 2, 4)
    assert LABELLED.labels(COUPLET) == (1, 0, 0)
    assert LABELLED.labels(None, {"dynasty": "qing", "author": "", "more": "x"}) == (0, 0, 0)
    assert LABELLED_FREE.labels(None, {"dynasty": "tang"}) == (1,)


@given(st.sampled_from(["tang", "song", "qing", ""]), st.sampled_from(["author 0", "nobody", ""]))
@settings(deadline=None)
def test_labels_of_a_poem(dynasty: str, author: str) -> None:
    meta = {name: v for name, v in (("dynasty", dynasty), ("author", author)) if v}
    poem = Poem(("山月，臨窗。",), meta=meta)
    known = {"tang": 1, "song": 2}
    assert LABELLED.labels_of(poem) == (1, known.get(dynasty, 0), int(author == "author 0"))
    assert LABELLED_FREE.labels_of(poem) == (known.get(dynasty, 0),)


def test_check_labels() -> None:
    values = {"dynasty": "song", "author": "author 19"}
    assert LABELLED.check_labels(values) == values
    assert FREE.check_labels({}) == {}
    with pytest.raises(
        ConfigError, match=r"^no label 'form'; this model's labels: dynasty, author$"
    ):
        LABELLED.check_labels({"form": "2x2"})
    with pytest.raises(ConfigError, match=r"^no label 'dynasty'; this model's labels: none$"):
        FREE.check_labels({"dynasty": "tang"})
    with pytest.raises(ConfigError, match=r"^dynasty=qing: this model knows tang, song$"):
        LABELLED.check_labels({"dynasty": "qing"})
    with pytest.raises(ConfigError, match=r"^author=: this model knows author 0, .* and 8 more$"):
        LABELLED.check_labels({"author": ""})


THEMED = replace(LABELLED, theme="title", themes=("山", "雨山"))


def test_a_theme_is_read_character_by_character() -> None:
    codec = PoemCodec(PoemTokenizer.train(["送別山月東風樓"], min_count=1), 12, theme="title")
    ids = codec.tokenizer.encode("送山月")
    assert codec.theme_ids("送山、月") == (*ids, *[0] * (THEME - 3))
    assert codec.theme_ids("龘送 1" + "月" * 40) == (ids[0], *[ids[2]] * (THEME - 1))
    for whole in ("山月八首 其一", "山月二绝"):
        assert codec.theme_ids(whole) == codec.theme_ids("山月")
    assert codec.theme_text("送、山 其二") == "送山"
    assert codec.theme_ids("龘") == codec.theme_ids("") == (0,) * THEME
    assert codec.theme_ids("东风楼") == codec.theme_ids("東風樓")  # as the model writes it
    assert THEMED.label_width == 3 + THEME
    assert THEMED.label_sizes == LABELLED.label_sizes
    poem = Poem(("山月，臨窗。",), meta={"dynasty": "tang", "title": "山"})
    assert THEMED.labels_of(poem) == (1, 1, 0, *THEMED.theme_ids("山"))
    assert any(THEMED.theme_ids("山"))


def test_what_a_poem_is_to_be_about_is_checked() -> None:
    assert THEMED.check_labels({"about": "山", "dynasty": "tang"}) == {
        "title": "山",
        "dynasty": "tang",
    }
    assert THEMED.check_labels({"title": "山"}) == {"title": "山"}
    with pytest.raises(ConfigError, match="about is '龘', of which this model knows no character"):
        THEMED.check_labels({"about": "龘"})
    with pytest.raises(ConfigError, match="this model has no themes; train one with --theme title"):
        LABELLED.check_labels({"about": "山"})


@pytest.mark.parametrize("codec", [ONE, TWO, FREE, LABELLED, LABELLED_FREE, THEMED])
def test_stored_and_read_again(codec: PoemCodec) -> None:
    values = json.loads(json.dumps(codec.to_dict()))
    again = PoemCodec.from_dict(TOKENIZER, codec.max_len, values)
    assert again == codec
    assert list(again.forms) == list(codec.forms), "labels are places in this order"
    assert list(again.fields.items()) == list(codec.fields.items())


NO_FORMS: list[Any] = [
    *(None, ["2x2"], {"couplet": 1}, {"0x2": 1}, {"7x4": 1}),
    *({"2x2": count} for count in ("1", 1.5, True, -1, 10**400)),
]


@pytest.mark.parametrize(
    "values",
    [
        *(None, [], {}, {"forms": {"2x2": 1}}, {"fields": {}}),
        {"forms": {"2x2": 1}, "fields": {}, "more": 1},
        *({"forms": forms, "fields": {}} for forms in NO_FORMS),
    ],
)
def test_what_describes_no_codec(values: Any) -> None:
    with pytest.raises(ConfigError, match="form"):
        PoemCodec.from_dict(TOKENIZER, 12, values)


NO_VALUES = [None, "tang", [], [""], ["tang", 1], ["tang", "tang"], {"tang": 1}]


@pytest.mark.parametrize(
    "fields", [None, ["dynasty"], *({"dynasty": values} for values in NO_VALUES)]
)
def test_what_describes_no_fields(fields: Any) -> None:
    with pytest.raises(ConfigError, match=r"^fields are .*; expected the values of each"):
        PoemCodec.from_dict(TOKENIZER, 12, {"forms": {}, "fields": fields})

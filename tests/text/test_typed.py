"""What somebody typed: one way in, whatever the keyboard, the file or the page put between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.errors import CorpusError
from poetvae.text.cleaning import clean
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, run_of
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.text.variants import to_simplified

POEM = "白髮三千丈，緣愁似箇長。\n不知明鏡裏，何處得秋霜。"
OTHERS = "風蕭蕭兮易水寒，壯士一去兮不復還。峯巒落日黃河發遠山，里人云後后来來"
FORMS = {Form(5, 2): 1, Form(5, 4): 3, Form(7, 2): 2}
CODEC = PoemCodec(PoemTokenizer.train([POEM * 3, OTHERS]), 20, FORMS)
SHORT = PoemCodec(PoemTokenizer.train([to_simplified(POEM) * 3, "风来发个黄"]), 20, FORMS)
IDS = CODEC.encode(CODEC.read(POEM))
UNSEEN = "\ufeff\u200b\u200c\u200d\u2060\u00ad\u034f\u061c\u180e\u3164\ufe0e\U000e0100"
NOISE = st.text(st.sampled_from(UNSEEN + " \u3000\u00a0\t"), max_size=3)


def ids(text: str, codec: PoemCodec = CODEC) -> list[int]:
    return codec.encode(codec.read(text))


@given(st.lists(NOISE, min_size=len(POEM) + 1, max_size=len(POEM) + 1))
@settings(deadline=None)
def test_what_is_not_seen_and_blanks_change_nothing(noise: list[str]) -> None:
    assert ids("".join(n + c for n, c in zip(noise, POEM + " ", strict=True))) == IDS


@pytest.mark.parametrize(
    "text",
    [
        "白发三千丈，缘愁似个长。不知明镜里，何处得秋霜。",
        "白髮三千丈緣愁似箇長不知明鏡裡何處得秋霜",
        "白髮三千丈 緣愁似個長 不知明鏡裏 何處得秋霜",
        "「白髮三千丈」——緣愁似箇長…不知明鏡裏/何處得秋霜！",
        "白髮三千丈|緣愁似箇長|不知明鏡裏|何處得秋霜",
        "白髮三千丈﹐緣愁似箇長︒不知明鏡裏､何處得秋霜｡",
        "白髮三千丈緣愁似箇長，\n不知明鏡裏何處得秋霜。",
        "⽩髮三千丈，緣愁似箇⾧。不知明鏡裏，何處得秋霜。",
        "《白髮三千丈》，緣愁（一作：恨）似箇長。不知明鏡裏，何處得秋霜。",
    ],
)
def test_script_spelling_marks_and_other_codes_of_characters_change_nothing(text: str) -> None:
    assert ids(text) == IDS


def test_a_verse_that_ends_elsewhere_makes_another_form() -> None:
    with pytest.raises(CorpusError, match="has the form 3-7; this model reads"):
        ids("白髮三，千丈緣愁似箇長。")
    assert CODEC.read("白髮三千丈，緣愁似。").form == Form((5, 3))
    assert run_of("白髮，三千 丈/緣。愁\n") == ("白髮三千丈緣愁", {2, 6})


@given(st.text(st.sampled_from(POEM + OTHERS + "发个黄峰台❤,a_ 　" + UNSEEN), min_size=1))
@settings(deadline=None)
def test_what_is_read_is_read_again_as_it_is(text: str) -> None:
    once, _ = clean(text)
    assert clean(once)[0] == once
    if once:
        read = CODEC.read(text)
        assert CODEC.read(read.text).text == read.text
        typed = CODEC.typed(text)
        assert CODEC.typed(typed.text) == typed
        assert len(typed.text) == len(read.text)
        assert run_of(typed.text)[0] == run_of(once)[0], "the characters are those that were typed"


def test_a_simplified_model_reads_either_script() -> None:
    assert SHORT.simplified
    assert CODEC.traditional
    assert ids(POEM, SHORT) == ids(to_simplified(POEM), SHORT)
    assert SHORT.decode(ids(POEM, SHORT), Form(5, 4)) == to_simplified(POEM)
    assert SHORT.tokenizer.unk_id not in ids(POEM, SHORT)


def test_a_poem_of_a_corpus_in_the_other_script_is_read_as_well() -> None:
    for codec, text in ((CODEC, to_simplified(POEM)), (SHORT, POEM)):
        poem = Poem(tuple(text.split("\n")))
        assert codec.encode(poem) == ids(POEM, codec)
        assert codec.tokenizer.unk_id not in codec.encode(poem)


def test_a_character_that_a_model_lacks_is_one_of_its_variants_that_it_has() -> None:
    assert CODEC.spell("個个箇 峰峯 黄黃 来 着 发") == "箇箇箇 峯峯 黃黃 來 着 發"
    assert CODEC.spell("龍") == "龍"
    assert CODEC.spell("髮") != CODEC.spell("發")


def test_of_the_spellings_that_a_model_knows_it_writes_one_and_shows_the_one_that_is_kept() -> None:
    both = PoemCodec(PoemTokenizer.train(["峯峯峰來來来黃黄黄個發髮東風"]), 10, {Form(5, 2): 1})
    written = {both.tokenizer.decode([i]) for i in both.writable()}
    assert written == set("峯來黄個發髮東風"), "the most frequent ones"
    assert both.ids("峰峯来來黃黄") == both.tokenizer.encode("峯峯來來黄黄")
    assert both.decode(both.ids("峯来黄東風" * 2), Form(5, 2)) == "峰來黃東風，峰來黃東風。"
    free = PoemCodec(both.tokenizer, 10)
    assert free.decode([*free.ids("峯来\n黄"), free.tokenizer.eos_id], None) == "峰來\n黃"
    assert set(map(free.tokenizer.decode, ([i] for i in free.writable()))) >= set("峯來黄\n")
    assert "峰" not in "".join(free.tokenizer.decode([i]) for i in free.writable())

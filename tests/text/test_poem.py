"""Forms, verses, selection and the split by poem."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import ConfigError
from poetvae.text.poem import (
    Form,
    Poem,
    compose,
    content,
    form_of,
    held_out,
    is_han,
    select,
    split_verses,
)

QUATRAIN = Poem(("白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"), {"author": "王之渙"})
MIXED = Poem(("秦川雄帝宅，函谷壯皇居。", "人生得意須盡歡，莫使金樽空對月。"))

han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
forms = st.builds(Form, st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 3))


@st.composite
def laid_out(draw: st.DrawFn) -> tuple[Form, str]:
    form = draw(forms)
    return form, draw(st.text(han, min_size=form.size, max_size=form.size))


@given(forms)
def test_form_is_read_as_it_is_written(form: Form) -> None:
    assert Form.parse(str(form)) == form
    assert Form.parse(f" {form} \n".upper()) == form


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "x2", "0x2", "5x0", "5x2x2", "-5x2", "9999x1", "五x2"]
)
def test_what_is_no_form_is_named_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\A.*5x2.*\Z"):
        Form.parse(text)
    assert sorted([Form(7, 2), Form(5, 4), Form(5, 2)]) == [Form(5, 2), Form(5, 4), Form(7, 2)]


def test_punctuation() -> None:
    assert Form(5, 2).punctuate("秦川雄帝宅函谷壯皇居") == "秦川雄帝宅，函谷壯皇居。"
    assert Form(2, 3).punctuate("一二三四五六") == "一二，三四。\n五六。"
    with pytest.raises(ConfigError, match="has 3 characters, form 5x2 has 10"):
        Form(5, 2).punctuate("秦川雄")


@given(laid_out())
def test_composing_undoes_content(case: tuple[Form, str]) -> None:
    form, chars = case
    poem = Poem(tuple(compose(chars, form).split("\n")))
    assert content(poem, form) == chars
    assert poem.verses == form.lay_out(chars)
    assert poem.form == (form if form.lines > 1 else None)


@given(st.text())
def test_free_text_is_learnt_as_it_is(text: str) -> None:
    poem = Poem(tuple(text.split("\n")))
    assert compose(content(poem, None), None) == text == poem.text


@given(st.text())
def test_verses_hold_every_han_character(text: str) -> None:
    kept = "".join(c for c in text if is_han(c))
    assert "".join(c for v in split_verses(text) for c in v if is_han(c)) == kept


def test_verses() -> None:
    assert QUATRAIN.verses == ("白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓")
    assert split_verses("聽讀《離騷》去，「誰」？") == ("聽讀離騷去", "誰")
    assert split_verses("春眠不覺曉 處處聞啼鳥") == ("春眠不覺曉", "處處聞啼鳥")
    assert split_verses("O my Luve, red; red\n\nrose.") == ("O my Luve, red; red", "rose.")


def test_a_form_is_a_list_of_line_lengths() -> None:
    form = Form.parse("3-5-7-7-5")
    assert (form.lengths, form.lines, form.size, form.uniform) == ((3, 5, 7, 7, 5), 5, 27, 0)
    assert form == Form((3, 5, 7, 7, 5)) == Form.parse("3－5–7, 7、5")
    assert Form.parse("5-5-5-5") == Form((5, 5), 2) == Form(5, 4)
    assert form.starts == (0, 3, 8, 15, 22)
    assert form.ends == (2, 7, 14, 21, 26)
    assert form.place(14) == (2, 6)
    assert form.has_ends(27, [3, 15])
    assert not form.has_ends(27, [4])
    assert not form.has_ends(26, [])
    assert form.punctuate("一二三四五六七八九十" * 2 + "一二三四五六七").endswith("\n三四五六七。")
    assert Form((7,), tune="長句").full == "長句:7x1"


@given(forms, st.sampled_from(["", "浣溪沙"]))
def test_a_form_is_its_positions_verse_by_verse(form: Form, tune: str) -> None:
    form = Form(form.lengths, tune=tune)
    assert Form.parse(form.full) == form
    assert tuple(map(len, form.spans)) == form.lengths
    assert [t for span in form.spans for t in span] == list(range(form.size))
    assert all(
        form.spans[verse][at] == t for t in range(form.size) for verse, at in [form.place(t)]
    )


def test_form_of_a_poem() -> None:
    assert QUATRAIN.form == Form(5, 4)
    assert MIXED.form == Form((5, 5, 7, 7))
    assert Poem(("白日依山盡，",)).form is None
    assert Poem(("白日依山盡，黃河入□流。",)).form is None
    assert Poem(("ab, cd",)).form is None
    assert form_of(("〇𠀀𰀀", "㐀豈𬺰")) == Form(3, 2)
    assert form_of(("一" * 100, "一" * 100)) is None


def test_key_is_the_texts_and_stays_the_same() -> None:
    assert QUATRAIN.key == "d654851b6e25376d" == Poem(QUATRAIN.lines).key
    assert MIXED.key != QUATRAIN.key


def test_selecting() -> None:
    lost = Poem(("白日依山盡，黃河入□流。",))
    assert list(select([QUATRAIN, lost, MIXED])) == [QUATRAIN, MIXED]
    assert list(select([QUATRAIN, MIXED], [Form(5, 4)])) == [QUATRAIN]
    couplet = Poem(("白日依山盡,\n黃河入海流",))
    assert list(select([couplet], [Form(5, 2)])) == [couplet]
    first, second = select([QUATRAIN], [Form(5, 2)])
    assert (first.text, second.text) == QUATRAIN.lines
    assert first.key == second.key == QUATRAIN.key
    assert first.meta == QUATRAIN.meta
    assert first.form == Form(5, 2)
    assert [p.text for p in select([MIXED], [Form(5, 2)])] == ["秦川雄帝宅，函谷壯皇居。"]
    assert [p.text for p in select([MIXED], [Form(7, 2)])] == [MIXED.lines[1]]


@pytest.mark.parametrize(
    ("text", "couplets"),
    [
        ("白日依山盡，黃河入海流，欲窮千里目，更上一層樓。", 2),
        ("白日依山盡\n黃河入海流\n欲窮千里目\n更上一層樓", 2),
        ("白日依山盡，黃河入□流。欲窮千里目，更上一層樓。", 1),
        ("君不見，白日依山盡，黃河入海流。", 0),
        ("白日依山盡。黃河入海流，欲窮千里目。更上一層樓。長", 1),
    ],
)
def test_a_couplet_never_crosses_a_sentence(text: str, couplets: int) -> None:
    assert len(list(select([Poem(("長短句。", text))], [Form(5, 2)]))) == couplets


@given(st.binary(min_size=8, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_more_held_out_holds_out_more(name: bytes, a: float, b: float) -> None:
    key = name.hex()
    low, high = sorted((a, b))
    assert held_out(key, low) <= held_out(key, high)
    assert not held_out(key, 0)
    assert held_out(key, 1)


def test_the_share_held_out_is_the_share_asked_for() -> None:
    poems = [Poem((f"第{i}首",)) for i in range(4000)]
    assert sum(held_out(p.key, 0.1) for p in poems) == pytest.approx(400, abs=80)

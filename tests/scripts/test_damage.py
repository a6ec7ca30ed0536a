"""Damage is what it says it is, and is found by a model that cannot miss it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from study.__main__ import areas
from study.damage import joined, other, prose, shuffled, swapped
from torch import nn

from poetvae.config import configure
from poetvae.data.dataset import encode_poems
from poetvae.errors import CorpusError
from poetvae.evaluation.likelihood import by_poem
from poetvae.models import Autoregressive
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, select
from poetvae.text.tokenizer import PoemTokenizer

FORM = Form(5, 2)
CHARS = "山水雲月風花鳥人"
MADE = st.text("山水月", min_size=10, max_size=10).map(
    lambda chars: Poem(tuple(FORM.punctuate(chars).split("\n")))
)
MANY = st.lists(MADE, min_size=1, max_size=8)


def chars(poem: Poem) -> str:
    return "".join(poem.verses)


def differing(a: Poem, b: Poem) -> int:
    return sum(x != y for x, y in zip(a.text, b.text, strict=True))


@given(MANY, st.integers(0, 3))
def test_shuffled_poems_have_the_same_characters(poems: list[Poem], seed: int) -> None:
    found = shuffled(poems, FORM, seed)
    kept = [poem for poem in poems if len(set(chars(poem))) > 1]
    assert len(found) == len(kept)
    for one, new in zip(kept, found, strict=True):
        assert Counter(new.text) == Counter(one.text)
        assert new.text != one.text
        assert new.form == FORM
    assert shuffled(poems, FORM, seed) == found


@given(MANY, st.integers(0, 3))
def test_a_swap_changes_one_character_to_one_of_the_corpus(poems: list[Poem], seed: int) -> None:
    pool = {char for poem in poems for char in chars(poem)}
    if len(pool) < 2:
        with pytest.raises(CorpusError, match="1 different characters"):
            swapped(poems, FORM, seed)
        return
    found = swapped(poems, FORM, seed)
    assert len(found) == len(poems)
    for one, new in zip(poems, found, strict=True):
        assert differing(one, new) == 1
        assert set(chars(new)) <= pool
        assert new.form == FORM
    assert swapped(poems, FORM, seed) == found


def test_characters_are_swapped_in_as_often_as_they_stand_in_the_corpus() -> None:
    poems = [Poem(("山山山山山，山山山山水。",))] * 3000
    poems += [Poem(("月月月月月，月月月月月。",))] * 600
    found = swapped(poems, FORM, 5)[3000:]
    new = Counter("".join(chars(poem) for poem in found))
    new.pop("月")
    assert new["山"] + new["水"] == 600
    assert new["水"] / 600 == pytest.approx(0.1, abs=0.04)
    places = Counter(next(i for i, c in enumerate(chars(p)) if c != "月") for p in found)
    assert min(places[i] for i in range(10)) > 30


@given(MANY, st.integers(0, 3))
def test_joined_poems_have_the_second_verse_of_another(poems: list[Poem], seed: int) -> None:
    found = joined(poems, FORM, seed)
    assert joined(poems, FORM, seed) == found
    seconds = {poem.verses[1] for poem in poems}
    able = [p for p in poems if seconds - {p.verses[1]}]
    assert len(found) == len(able)
    for one, new in zip(able, found, strict=True):
        assert new.verses[0] == one.verses[0]
        assert new.verses[1] in seconds - {one.verses[1]}
        assert new.form == FORM


def test_poems_are_joined_by_lines_and_never_with_their_own_whole() -> None:
    first, seconds = "天天天天天，地地地地地。", [f"{c * 5}，{c * 5}。" for c in "玄黃"]
    quatrains = [Poem((first, second)) for second in seconds]
    found = [poem.text for poem in joined(quatrains, Form(5, 4))]
    assert found == [f"{first}\n{second}" for second in reversed(seconds)]
    assert joined([Poem((f"{c * 5}，{c * 5}。",), key="ab" * 8) for c in "宇宙"], FORM) == []


def test_prose_is_cut_to_the_form() -> None:
    texts = ["奉和聖製從蓬萊向興慶閣道中（二首）", "春日", "奉和聖製 從蓬萊向興慶宮", "abc"]
    found = [poem.text for poem in prose(texts, FORM)]
    assert found == ["奉和聖製從，蓬萊向興慶。"]
    many = [chr(0x4E00 + i) * 10 for i in range(50)]
    one, two = ([poem.text for poem in prose(many, FORM, seed)] for seed in (1, 2))
    assert sorted(one) == sorted(two) != one != two
    assert prose(texts, Form(7, 2))[0].form == Form(7, 2)


def test_another_corpus_gives_as_many_of_the_form_as_asked() -> None:
    long = Poem(("山" * 5 + "，" + "水" * 5 + "。", "月" * 5 + "，" + "雲" * 5 + "。"))
    wrong = Poem(("山" * 7 + "，" + "水" * 7 + "。",))
    found = other([long, wrong], FORM)
    assert {poem.text for poem in found} == {poem.text for poem in select([long], [FORM])}


def random_poems(n: int, seed: int, pool: str = CHARS) -> list[Poem]:
    rng = np.random.default_rng(seed)
    texts = ("".join(rng.choice(list(pool), 10)) for _ in range(n))
    return [Poem(tuple(FORM.punctuate(text).split("\n"))) for text in texts]


def test_an_autoregressive_model_that_knows_one_half_of_the_characters() -> None:
    """Its likelihood says which half a poem is of, always; half and half is told by chance."""
    tokenizer = PoemTokenizer.train([CHARS])
    codec = PoemCodec(tokenizer, 10, {FORM: 1})
    settings = {"vocab_size": len(tokenizer), "max_len": 10, "d_model": 8, "embed_dim": 8}
    model = Autoregressive(configure("ar", {**settings, "tied": "false"}).model)
    for p in model.parameters():
        nn.init.zeros_(p)
    with torch.no_grad():
        model.bias[tokenizer.encode(CHARS[:4])] = 5.0
    poet = Poet(model, codec)
    usual = random_poems(40, 0, CHARS[:4])
    alien, same = random_poems(30, 1, CHARS[4:]), random_poems(20, 2, CHARS[:4])
    assert [cells[0] for cells in areas(poet, usual, [alien, same], 1)] == ["1.000", "0.500"]


def test_areas_are_pairs_of_scores_counted(poet: Poet) -> None:
    clean = [poet.codec.read(t) for t in ("山月臨窗白，溪風入座清。", "秦川雄帝宅，函谷壯皇居。")]
    strange = shuffled(clean, FORM, 1) + joined(clean, FORM, 1) + swapped(clean, FORM, 1)
    (found,) = areas(poet, clean, [strange], 5)

    odd, usual = (
        by_poem(poet.model, poet.codec, encode_poems(poet.codec, poems), samples=5)
        for poems in (strange, clean)
    )
    for area, name in zip(found, ("bound", "recon", "kl"), strict=True):
        pairs = [(a, b) for a in getattr(odd, name) for b in getattr(usual, name)]
        won = sum((a > b) + 0.5 * (a == b) for a, b in pairs)
        assert area == f"{won / len(pairs):.3f}"
    assert len(strange) == 6


def test_no_damage_changes_its_poems() -> None:
    poems = random_poems(5, 3)
    before = [replace(poem) for poem in poems]
    for damage in (shuffled, swapped, joined):
        assert damage(poems, FORM, 0) != damage(poems, FORM, 1)
    assert poems == before

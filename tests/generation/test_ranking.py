"""Which of several poems is kept: the one of the highest score, and what the score hears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae import models
from poetvae.config import ModelConfig
from poetvae.constraints.options import Conditions
from poetvae.constraints.rules import requested
from poetvae.errors import ConfigError
from poetvae.generation.generate import Generated, generate
from poetvae.generation.options import SamplingOptions
from poetvae.generation.ranking import WEIGHTS, features, score
from poetvae.models import TextModel
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, split_verses
from poetvae.text.tokenizer import PoemTokenizer

FORM = Form(5, 4)
HAN = "白日依山盡黃河入海流欲窮千里目更上一層樓"
CODEC = PoemCodec(PoemTokenizer.train([HAN]), 20, {FORM: 1})
TOWER = split_verses("白日依山盡，黃河入海流。欲窮千里目，更上一層樓。")
HEARD = {"bound": -90.0, "repeats": 0, "rhyme": 1, "self_rhyme": 0, "first_verse": 0, "tones": 1}


def tiny(kind: str) -> TextModel:
    """A small random model of quatrains."""
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"embed_dim": 4, "d_model": 4, "latent_dim": 3, "encoder_layers": 0}
    config = ModelConfig(
        kind=kind, vocab_size=len(CODEC.tokenizer), max_len=20, decoder_layers=1, **sizes
    )
    return models.build(config).eval()


MODELS = {kind: tiny(kind) for kind in ("vae", "autoregressive")}


def written(kind: str, n: int, **options: Any) -> list[Generated]:
    """Poems at temperature 1."""
    how = replace(SamplingOptions(1.0), **options)
    return generate(MODELS[kind], CODEC, n, options=how)


@given(st.integers(0, 2**32), st.integers(2, 6), st.sampled_from(sorted(MODELS)))
@settings(deadline=None, max_examples=25)
def test_the_best_candidate_is_kept(seed: int, many: int, kind: str) -> None:
    drawn = written(kind, 3 * many, seed=seed)
    best = written(kind, 3, seed=seed, candidates=many)
    for place, poem in enumerate(best):
        group = drawn[place * many : (place + 1) * many]
        assert poem in group
        assert poem.bound is not None
        assert poem.score == score(poem.lines, poem.bound, FORM)
        if kind == "autoregressive":  # whose bounds are those of the draws
            assert poem.bound == pytest.approx(poem.log_prob, abs=1e-3)
            scores = [score(one.lines, one.log_prob, FORM) for one in group]
            assert poem.score == pytest.approx(max(scores), abs=1e-3)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_one_candidate_is_the_plain_sample(kind: str) -> None:
    plain = written(kind, 5, seed=3, plain=True)
    assert written(kind, 5, seed=3, candidates=1) == plain
    assert {(poem.bound, poem.score) for poem in plain} == {(None, None)}
    assert written(kind, 5, seed=3, candidates=4) != plain
    with pytest.raises(ConfigError, match="candidates is 4 of plain poems; expected 1"):
        SamplingOptions(candidates=4, plain=True)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_what_is_asked_holds_in_the_poem_that_is_kept(kind: str) -> None:
    """Here it costs score: one character rhymes with itself."""
    asked = requested(CODEC, FORM, Conditions(acrostic="流樓目山", lines={4: "山河更上流"}))
    asked &= requested(CODEC, FORM, Conditions(lines={2: "樓上入海流"}))
    how = SamplingOptions(1.0, seed=2, candidates=5)
    for poem in generate(MODELS[kind], CODEC, 4, form=FORM, constraint=asked, options=how):
        assert poem.satisfied
        assert "".join(line[0] for line in poem.lines) == "流樓目山"
        assert (poem.lines[1], poem.lines[3]) == ("樓上入海流", "山河更上流")


def test_what_is_heard_in_a_poem() -> None:
    assert features(TOWER, -90.0, FORM) == features(TOWER, -90.0) == HEARD


@pytest.mark.parametrize(
    ("verse", "text", "changed"),
    [
        (0, "白日下山流", {"repeats": 1, "rhyme": 0, "self_rhyme": 1, "first_verse": 1}),
        (0, "白日下山秋", {"first_verse": 1}),
        (0, "白日下山樓", {"repeats": 1, "rhyme": 0, "self_rhyme": 1, "first_verse": 1}),
        (1, "黃河入海月", {"rhyme": 0, "tones": 0}),
        (2, "欲窮千日目", {"repeats": 1}),
        (2, "白窮千日目", {"repeats": 2}),
        (2, "欲窮欲里目", {"repeats": 1}),
        (2, "黃河入海目", {"repeats": 3}),
        (3, "上上一層樓", {}),  # side by side is as people write
    ],
)
def test_a_change_in_one_verse_is_heard(verse: int, text: str, changed: dict[str, float]) -> None:
    verses = [*TOWER]
    verses[verse] = text
    assert features(verses, -90.0, FORM) == {**HEARD, **changed}


def test_what_has_neither_rhyme_nor_metre_is_told_by_its_likelihood_alone() -> None:
    for verses in (
        ("ゆきとけて", "むらいっぱいの", "こどもかな"),
        ("eine Rose ist eine Rose", "eine Rose"),
        (),
    ):
        told = features(verses, -9.0)
        assert told.pop("bound") == -9
        assert not any(told.values())
        assert score(verses, -9.0) == pytest.approx(-9 * WEIGHTS["bound"])


def test_each_thing_counts_in_its_own_direction() -> None:
    better = {"bound", "rhyme", "first_verse", "tones"}
    assert {name for name, weight in WEIGHTS.items() if weight > 0} == better
    assert WEIGHTS.keys() == HEARD.keys()

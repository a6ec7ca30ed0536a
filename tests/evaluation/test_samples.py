"""Figures of samples: known answers, and human poems that cannot be told from human poems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poetvae.config import configure
from poetvae.data.corpus import CorpusSpec, read_corpus, sample_folder
from poetvae.errors import CorpusError
from poetvae.evaluation.ngram import NGram
from poetvae.evaluation.samples import (
    area_under_curve,
    by_chance,
    compare,
    sample_quality,
    two_sample_auc,
)
from poetvae.models import Autoregressive
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem
from poetvae.text.tokenizer import PoemTokenizer

FORM = Form(5, 2)
WORDS = ("rain", "snow", "wind", "fire")
CORPUS = read_corpus(CorpusSpec([sample_folder()], forms=[FORM], held_out=0.4))
KNOWN, HUMAN = CORPUS.train, [*CORPUS.valid, *CORPUS.test]
TOKENIZER = PoemTokenizer.train(("".join(p.verses) for p in [*KNOWN, *HUMAN]), 1)
CODEC = PoemCodec(TOKENIZER, 10, {FORM: len(KNOWN)})


def ids(poems: Sequence[Poem]) -> list[list[int]]:
    return [CODEC.encode(poem) for poem in poems]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_under_the_curve_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    ones = [score for score, positive in pairs if positive]
    others = [score for score, positive in pairs if not positive]
    if not ones or not others:
        return
    won = sum((a > b) + 0.5 * (a == b) for a in ones for b in others)
    scores = torch.tensor([float(score) for score, _ in pairs])
    found = area_under_curve(scores, torch.tensor([positive for _, positive in pairs]))
    assert found == pytest.approx(won / len(ones) / len(others))


@pytest.mark.slow
def test_human_poems_cannot_be_told_from_human_poems_but_noise_can() -> None:
    rng = np.random.default_rng(0)
    poems = ids([*KNOWN, *HUMAN])
    order = rng.permutation(len(poems))
    half = len(poems) // 2
    one, other = ([poems[i] for i in part] for part in (order[:half], order[half:]))
    same = two_sample_auc(one, other, vocab_size=len(TOKENIZER))
    assert same == pytest.approx(0.5, abs=0.12)
    noise = rng.integers(6, len(TOKENIZER), (half, 10)).tolist()
    assert two_sample_auc(one, noise, vocab_size=len(TOKENIZER)) > 0.8
    with pytest.raises(CorpusError, match="two sequences"):
        two_sample_auc(one[:1], other, vocab_size=len(TOKENIZER))


def test_the_classifier_leaves_the_random_state_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    two_sample_auc(ids(HUMAN[:9]), ids(HUMAN[9:18]), vocab_size=len(TOKENIZER), epochs=1)
    assert torch.rand(1) == expected


def test_copies_of_the_training_text_are_seen() -> None:
    report = compare(CODEC, KNOWN[:20], HUMAN, KNOWN, asked=[FORM] * 20)
    copied = report["samples"]
    assert (copied["novelty"], copied["copied_lines"], copied["form_accuracy"]) == (0, 1, 1)
    assert report["human"]["novelty"] == 1
    assert copied["judge_nll_per_char"] < report["human"]["judge_nll_per_char"]
    assert copied["n"] == copied["compared"] == report["human"]["compared"] == 20


def test_other_forms_than_asked_are_seen_and_unknown_characters_left_out() -> None:
    asked, strange = [FORM] * 5 + [Form(7, 2)] * 5, Poem(("龘龘龘龘龘，龘龘龘龘龘。",))
    report = compare(CODEC, KNOWN[:10], [*HUMAN, strange], KNOWN, asked=asked)
    assert report["samples"]["form_accuracy"] == 0.5
    assert report["human"]["n"] == len(HUMAN)


def test_the_judges_are_ngram_models_of_the_right_text() -> None:
    samples, n = KNOWN[:50], len(KNOWN)
    report = compare(CODEC, samples, HUMAN, KNOWN)
    forward = NGram.fit(ids(KNOWN), len(TOKENIZER), 4).nll(ids(samples)).sum() / 500
    assert report["samples"]["judge_nll_per_char"] == pytest.approx(forward)
    reverse = NGram.fit(ids(samples), len(TOKENIZER), 4).nll(ids(HUMAN)).sum() / (10 * len(HUMAN))
    assert report["samples"]["reverse_nll_per_char"] == pytest.approx(reverse)
    assert report["human"]["reverse_of"] == 50 < n
    low, high = report["samples"]["ci"]["judge_nll_per_char"]
    assert low < forward < high


def test_intervals_of_human_couplets_are_by_poem() -> None:
    """Each poem says one thing four times: half as sure as if its couplets were of four poems."""
    whole = [replace(p, key=str(i // 4)) for i, p in enumerate(sorted(HUMAN * 4, key=str))]
    alone = [replace(p, key=str(i)) for i, p in enumerate(whole)]
    report, apart = (compare(CODEC, KNOWN[:50], side, KNOWN) for side in (whole, alone))
    for key in ("judge_nll_per_char", "repeat_rate", "tone_accuracy"):
        widths = [high - low for r in (report, apart) for low, high in [r["human"]["ci"][key]]]
        assert widths[0] / widths[1] == pytest.approx(2, rel=0.25), key
    assert report["samples"] == apart["samples"], "samples are each by itself"


def test_chance_is_what_dealing_anew_gives() -> None:
    """Of two rhymes, four words each: of eight words that are dealt as a second one, three rhyme
    with the first. A poem that is level throughout is never regulated."""
    pairs = ["流樓", "樓秋", "秋州", "州流", "家花", "花斜", "斜沙", "沙家"]
    verse = "山山山山月，山山山山{}。山山山山月，山山山山{}。"
    found = by_chance([Poem((verse.format(*pair),)) for pair in pairs * 50])[""]
    assert found["rhyme_chance"] == pytest.approx(3 / 8, abs=0.03)
    assert found["tone_chance"] == 0
    assert found["repeat_chance"] == 1
    assert found["self_rhyme_chance"] == pytest.approx(1 / 8, abs=0.03)
    assert found["first_verse_chance"] == 0, "each first verse ends oblique"
    couplet = by_chance(
        [Poem(("山月臨窗白，溪風入座清。",)), Poem(("松聲來遠壑，鶴影下空庭。",))] * 20
    )["5x2"]
    assert couplet["rhyme_chance"] is None
    assert couplet["tone_chance"] is not None
    assert 0 < couplet["tone_chance"] < 0.3


def test_the_first_verse_and_a_character_that_rhymes_with_itself_are_counted() -> None:
    """Of four quatrains that end their even verses in 流 and 樓, or in 流 twice, the first verse
    ends in 秋, in 月, in 流."""
    verse = "山山山山{}，山山山山{}。山山山山月，山山山山{}。"
    ends = ["秋流樓", "月流樓", "流流樓", "秋流流"]
    poems = [Poem((verse.format(*own),)) for own in ends]
    codec = PoemCodec(PoemTokenizer.train((p.text for p in poems), 1), 20, {Form(5, 4): 4})
    told = compare(codec, poems, poems, poems)["samples"]
    assert told["first_verse_rhymes"] == 1 / 2
    assert told["self_rhyme_rate"] == 1 / 2
    assert told["rhyme_accuracy"] == 1 / 2
    assert told["forms"]["5x4"]["first_verse_rhymes"] == 1 / 2


TUNE = Form.parse("憶江南")
SUNG = "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南。"
OTHER = "蘭燼落，屏上暗紅蕉。閒夢江南梅熟日，夜船吹笛雨蕭蕭。人語驛邊橋。"


def test_a_tune_is_judged_by_its_table_and_forms_have_figures_of_their_own() -> None:
    sung, other = (Poem((text,), {"tune": "忆江南"}) for text in (SUNG, OTHER))
    wrong = replace(sung, lines=(SUNG.replace("諳", "月"),), key="")
    couplets = [Poem((text,)) for text in ("山月臨窗白，溪風入座清。", "松聲來遠壑，鶴影下空庭。")]
    poems = [sung, other, wrong, *couplets]
    tokenizer = PoemTokenizer.train((p.text for p in poems), 1)
    codec = PoemCodec(tokenizer, 27, {TUNE: 3, FORM: 2})
    asked = [TUNE] * 2 + [FORM] * 3
    sides = compare(codec, poems, poems, poems, asked=asked)
    human, samples = sides["human"]["forms"], sides["samples"]["forms"]
    assert list(human) == ["憶江南", "5x2"]
    assert human["憶江南"]["n"] == 3
    assert human["憶江南"]["tone_accuracy"] == human["憶江南"]["rhyme_accuracy"] == 2 / 3
    assert human["5x2"]["tone_accuracy"] == 1
    assert human["5x2"]["rhyme_accuracy"] is None
    assert sides["human"]["tone_accuracy"] == 4 / 5
    assert samples["憶江南"]["form_accuracy"] == samples["憶江南"]["rhyme_accuracy"] == 1
    assert (samples["5x2"]["n"], samples["5x2"]["form_accuracy"]) == (3, 2 / 3)
    assert samples["5x2"]["novelty"] == 0


def test_chance_of_a_tune_deals_the_ends_that_rhyme() -> None:
    """In 憶江南 three ends rhyme: of two poems with a rhyme each, six ends are dealt, so that three
    alike fall to a poem once in ten times; both poems rhyme then, or neither does."""
    poems = [Poem((text,), {"tune": "憶江南"}) for text in (SUNG, OTHER)]
    found = by_chance(poems)["憶江南"]
    assert found["rhyme_chance"] == pytest.approx(0.1, abs=0.02)
    assert found["tone_chance"] == pytest.approx(0, abs=0.01)


def test_one_poem_again_and_again_fails_the_figures_of_variety() -> None:
    report = compare(CODEC, [HUMAN[0]] * 60, HUMAN, KNOWN)
    same, human = report["samples"], report["human"]
    assert same["self_bleu_4"] == pytest.approx(1)
    assert same["distinct_2"] < 0.05 < 0.9 < human["distinct_2"]
    assert same["reverse_nll_per_char"] > human["reverse_nll_per_char"]
    assert same["two_sample_auc"] > 0.8


def test_without_training_text_what_needs_it_is_none() -> None:
    report = compare(CODEC, HUMAN[:10], HUMAN, [])
    for key in ("novelty", "copied_lines", "judge_nll_per_char", "judge_ar_nll_per_char"):
        assert report["samples"][key] is None
    assert report["human"]["reverse_nll_per_char"] is None
    assert report["samples"]["reverse_nll_per_char"] > 0


@pytest.mark.slow
def test_a_model_is_sampled_judged_and_repeats_itself() -> None:
    settings = {"vocab_size": len(TOKENIZER), "max_len": 10, "d_model": 8, "embed_dim": 8}
    torch.manual_seed(0)
    model = Autoregressive(configure("ar", settings).model).eval()
    options: dict[str, Any] = {"n": 12, "seed": 4, "judge": (model, CODEC)}
    report = sample_quality(model, CODEC, HUMAN, KNOWN, **options)
    assert report == sample_quality(model, CODEC, HUMAN, KNOWN, **options)
    samples = json.loads(json.dumps(report))["samples"]
    assert (samples["n"], samples["form_accuracy"], samples["temperature"]) == (12, 1, 1.0)
    # An untrained model's own samples are as unlikely to it as any text.
    assert samples["judge_ar_nll_per_char"] == pytest.approx(np.log(len(TOKENIZER)), abs=0.5)
    assert samples["rhyme_accuracy"] is None
    for human, n in ((HUMAN[:3], 12), (HUMAN, 3)):
        with pytest.raises(CorpusError, match="at least 4"):
            sample_quality(model, CODEC, human, KNOWN, n=n)


def test_free_form_has_line_breaks_and_an_end_to_judge_but_no_form() -> None:
    poems = [Poem((f"a line of {word}", "and one more")) for word in WORDS]
    tokenizer = PoemTokenizer.train((poem.text for poem in poems), 1)
    report = compare(PoemCodec(tokenizer, 40), poems, poems, poems)
    assert report["samples"]["form_accuracy"] is None
    assert report["samples"]["copied_lines"] == 1
    texts = [[*tokenizer.encode(poem.text), tokenizer.eos_id] for poem in poems]
    nll = NGram.fit(texts, len(tokenizer), 4).nll(texts).sum()
    chars = sum(len(poem.text.replace("\n", "")) for poem in poems)
    assert report["samples"]["judge_nll_per_char"] == pytest.approx(nll / chars)

"""Lower lines for an upper one: what holds in every answer, what is refused, what they score."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from poetvae import models
from poetvae.config import ModelConfig
from poetvae.errors import ConfigError, ConstraintError
from poetvae.generation.couplet import log_prob
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.prosody import LENIENT, STRICT, STRICTNESS, USUAL, levels
from poetvae.text.tokenizer import PoemTokenizer

# Classical verse, characters of several readings and one of none, a mark of repetition.
TEXT = (
    "白日依山盡黃河入海流欲窮千里目更上一層樓國破在城春草木深感時花濺淚恨別鳥驚心烽火連三月家書抵萬金"
    "風聲雨讀耳事關天下霧鎖煙池塘柳翠紅處鶯燕江南岸綠又闊憑魚躍高任飛雲青過重看不㐂々"
)
TOKENIZER = PoemTokenizer.train([TEXT])
FORMS = [*(Form(n, 2) for n in range(4, 12)), Form((7, 4), 2)]
CODEC = PoemCodec(TOKENIZER, 22, dict.fromkeys(FORMS, 1))
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shown": {"observe": 0.5, "passes": (1, 4)},
    "autoregressive": {"kind": "autoregressive"},
}
HAN = st.sampled_from([char for char in TEXT if char not in "々"])


def build(**kind: Any) -> Poet:
    """A small random model of strong opinions."""
    torch.manual_seed(1)
    small: dict[str, Any] = {"embed_dim": 4, "d_model": 4, "latent_dim": 3, "encoder_layers": 0}
    small |= {"decoder_layers": 1, "tied": False, "pass_layers": 1}
    sizes = {"vocab_size": len(TOKENIZER), "max_len": 22, "label_sizes": CODEC.label_sizes}
    model = models.build(ModelConfig(**{**small, **sizes, **kind}))
    for p in model.parameters():
        nn.init.normal_(p, std=0.7)
    return Poet(model, CODEC)


POETS = {name: build(**kind) for name, kind in KINDS.items()}


@st.composite
def uppers(draw: st.DrawFn) -> str:
    """A line of few characters, so that they repeat, with a mark inside it or none."""
    few = draw(st.lists(HAN, min_size=3, max_size=11, unique=True))
    chars = "".join(draw(st.lists(st.sampled_from(few), min_size=4, max_size=11)))
    mark = draw(st.integers(1, len(chars) - 1))
    return chars if draw(st.booleans()) else f"{chars[:mark]}，{chars[mark:]}"


def tones_at(char: str, strictness: str) -> set[str]:
    """What a character of the lower line has to be allowed to be; of none, anything."""
    return set(levels(char, usual=strictness == USUAL))


def faults(upper: str, lower: str, strictness: str) -> list[str]:
    """What is wrong with an answer, by the rules as the books have them."""
    found = []
    marks = [[(i, c) for i, c in enumerate(line) if c in "，"] for line in (upper, lower)]
    if marks[0] != marks[1] or len(upper) != len(lower):
        found.append("marks")
    above, below = upper.replace("，", ""), lower.replace("，", "")
    if set(above) & set(below):
        found.append("a character in common")
    for i in range(len(above)):
        for j in range(i):
            if (above[i] == above[j]) != (below[i] == below[j]):
                found.append(f"repeats at {j}, {i}")
    opposite, place = {"平": "仄", "仄": "平"}, 0
    for part in upper.split("，"):
        for k in range(1, len(part) + 1):
            own, answer = above[place], below[place]
            can = tones_at(answer, strictness)
            place += 1
            wanted = {opposite[x] for x in levels(own, usual=strictness != LENIENT)} or set("平仄")
            if place == len(above):
                wanted = {"仄"} if levels(own, usual=True) == {"平"} else {"平"}
            elif k % 2 and k < len(part):
                continue
            fits = bool(can) and can <= wanted if strictness == STRICT else can & wanted or not can
            if not fits:
                found.append(f"tone at {place}: {own} {answer}")
    return found


@given(uppers(), st.sampled_from(sorted(POETS)), st.sampled_from(STRICTNESS), st.integers(0, 9))
@example("霧鎖耳鎖抵耳抵，三耳鎖", "shown", USUAL, 8)  # characters that want to be the same one
@example("日日雨煙感日日雨雨雨感", "shown", LENIENT, 6)
@settings(max_examples=25, deadline=None)
def test_every_answer_keeps_every_rule(upper: str, kind: str, tones: str, seed: int) -> None:
    for one in POETS[kind].couplet(upper, 3, tones=tones, candidates=2, seed=seed):
        assert one.satisfied
        assert one.upper == upper
        assert faults(upper, one.lower, tones) == []
        if tones != LENIENT:
            assert one.tones_ok


def test_the_reader_of_the_tests_sees_faults() -> None:
    assert faults("海闊憑魚躍", "天高任鳥飛", USUAL) == []
    assert faults("海闊憑魚躍", "天下任鳥飛", USUAL) == ["tone at 2: 闊 下"]
    assert faults("海闊憑魚躍", "天高任海月", USUAL) == [
        "a character in common",
        "tone at 5: 躍 月",
    ]
    assert faults("霧鎖山頭山鎖霧", "天連水尾水連雲", USUAL) == ["repeats at 0, 6"]


@pytest.mark.parametrize("kind", POETS)
def test_answers_are_distinct_ranked_and_repeat_themselves(kind: str) -> None:
    found = POETS[kind].couplet("海闊憑魚躍", 5, seed=2)
    assert len({one.lower for one in found}) == len(found) == 5
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert all(math.isfinite(score) for score in scores)
    assert found == POETS[kind].couplet("海闊憑魚躍", 5, seed=2)
    best = POETS[kind].couplet("海闊憑魚躍", 1, candidates=160, seed=2)
    assert best[0].lower == found[0].lower


def test_marks_stay_where_they_are_and_make_a_form_of_parts() -> None:
    one = POETS["plain"].couplet("風聲雨聲讀書聲，聲聲入耳。", candidates=2, seed=1)[0]
    assert one.form == "7-4-7-4"
    lower = one.lower
    assert lower[7] == "，"
    assert lower[1] == lower[3] == lower[6] == lower[8] == lower[9]
    assert one.text == f"風聲雨聲讀書聲，聲聲入耳；{lower}。"
    other = POETS["plain"].couplet("風聲雨聲，讀書入耳", candidates=2, seed=1)[0]
    assert (other.form, other.lower[4]) == ("8x2", "，")


def test_a_line_that_ends_level_is_answered_by_one_that_ends_oblique() -> None:
    for one in POETS["plain"].couplet("天高任鳥飛", 3, candidates=2, seed=1):
        assert one.ends_level
        assert levels(one.lower[-1], usual=True) != {"平"}
    assert not POETS["plain"].couplet("海闊憑魚躍", candidates=1)[0].ends_level


def test_a_line_in_simplified_characters_is_answered_in_them() -> None:
    poet = POETS["plain"]
    found, same = (poet.couplet(text, 2, seed=1) for text in ("风过天青云", "風過天青雲"))
    assert found[0].upper == "风过天青云"
    assert found[0].respelled(found[0].in_script("traditional")).lower == same[0].lower
    assert [one.score for one in found] == [one.score for one in same]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("海闊憑", "has 3 Han characters; expected one line of 4 to 11, such as 海闊憑魚躍"),
        ("海闊憑魚躍" * 3, "has 15 Han characters"),
        ("海闊憑魚躍\n天高任鳥飛", "beside '\\\\n'; expected one line"),
        ("海闊憑魚躍abc", "has 5 Han characters beside 'abc'"),
        ("海闊憑_躍", "has 4 Han characters beside '_'"),
        ("海闊憑魚麟", "this model cannot write 麟"),
    ],
)
def test_what_is_no_upper_line_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConstraintError, match=why):
        POETS["plain"].couplet(text)


def test_what_the_model_cannot_answer_is_refused() -> None:
    few = PoemTokenizer.train(["山月臨窗白溪風入座清"])
    codec = PoemCodec(few, 10, {Form(5, 2): 1})
    model = models.build(ModelConfig(vocab_size=len(few), max_len=10, embed_dim=4, d_model=4))
    poet = Poet(model, codec)
    with pytest.raises(ConstraintError, match="a line of 4x2; this model writes 5x2: give a line"):
        poet.couplet("山月臨窗")
    with pytest.raises(
        ConstraintError, match="no character for place 5 of the line after 座入月白清"
    ):
        poet.couplet("座入月白清")
    with pytest.raises(ConfigError, match="n is 0; expected at least 1"):
        POETS["plain"].couplet("海闊憑魚躍", 0)
    with pytest.raises(TypeError, match="'rhyme'"):
        POETS["plain"].couplet("海闊憑魚躍", rhyme="尤")


def test_the_score_of_an_autoregressive_model_is_its_log_probability_of_the_lower_line() -> None:
    model, form = POETS["autoregressive"].model, Form(5, 2)
    lines = ["海闊憑魚躍天高任鳥飛", "海闊憑魚躍山下不春風"]
    tokens = torch.tensor([CODEC.ids(line) for line in lines])
    labels = torch.tensor([CODEC.labels(form)])
    with torch.no_grad():
        logits = model.causal.decode(tokens, labels.expand(2, -1)).log_softmax(dim=2)
    expected = logits.gather(2, tokens.unsqueeze(2)).squeeze(2)[:, 5:].sum(dim=1)
    assert log_prob(model, tokens, labels).tolist() == pytest.approx(expected.tolist())

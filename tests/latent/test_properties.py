"""Properties of distributions, against going through all poems of a tiny vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.errors import ConfigError, ConstraintError, CorpusError
from poetvae.generation.generate import allowed_tokens
from poetvae.latent import optimise as properties
from poetvae.latent.attributes import Attribute
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem
from poetvae.text.prosody import regulated
from poetvae.text.tokenizer import PoemTokenizer

# 天 is level, 月 oblique, 看 both, and of 㐂 no reading is known.
TOKENIZER = PoemTokenizer.train(["天天天天月月月看看㐂"])
seeds = st.integers(0, 10**6)


def fixed(name: str, extra: int = 0) -> tuple[PoemCodec, Form]:
    """A codec of one form, with positions to spare."""
    form = Form.parse(name)
    return PoemCodec(TOKENIZER, form.size + extra, {form: 1}), form


FREE = PoemCodec(TOKENIZER, 4)


def logits_of(codec: PoemCodec, form: Form | None, seed: int, scale: float = 2.0) -> Tensor:
    """(2, T, V), -inf where nothing may stand."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, codec.max_len, len(codec.tokenizer), generator=generator)
    return logits.masked_fill(~allowed_tokens(codec, form), -torch.inf)


def poems(codec: PoemCodec, form: Form | None, logits: Tensor) -> Iterator[tuple[str, float]]:
    """Every text with a probability, by what the distributions of one poem (T, V) say."""
    p = logits.double().softmax(dim=1)
    support = [row.nonzero()[:, 0].tolist() for row in p[: form.size if form else None]]
    for ids in product(*support):
        chance = math.prod(float(p[t, i]) for t, i in enumerate(ids))
        end = codec.tokenizer.eos_id
        kept = ids[: ids.index(end)] if end in ids else ids
        yield codec.tokenizer.decode(kept), chance


def check(
    condition: properties.Property,
    codec: PoemCodec,
    form: Form | None,
    seed: int,
    score: Callable[[str], float],
    log: bool = True,
) -> None:
    logits = logits_of(codec, form, seed)
    expected = torch.tensor(
        [sum(chance * score(text) for text, chance in poems(codec, form, one)) for one in logits]
    )
    expected = expected.log() if log else expected
    torch.testing.assert_close(condition(logits), expected, atol=1e-4, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_placements_that_do_not_overlap_are_exact(seed: int) -> None:
    for codec, form in (fixed("2x2", extra=2), (FREE, None)):
        condition = properties.keyword(codec, form, "月")
        check(condition, codec, form, seed, lambda x: "月" in x)
    codec, form = fixed("2x2")
    condition = properties.keyword(codec, form, "月看")
    check(condition, codec, form, seed, lambda x: "月看" in (x[:2], x[2:]))


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["月月", "月天", "月看月"]))
def test_longer_texts_are_bounded_by_their_placements(seed: int, text: str) -> None:
    codec, form = fixed("5x1")
    logits = logits_of(codec, form, seed)
    log_p = logits.log_softmax(dim=2)
    ids = codec.tokenizer.encode(text)
    starts = range(6 - len(ids))
    chances = [[log_p[:, t + i, c] for i, c in enumerate(ids)] for t in starts]
    placed = torch.stack([torch.stack(one).sum(dim=0) for one in chances])
    value = properties.keyword(codec, form, text)(logits)
    assert (value >= placed.amax(dim=0) - 1e-4).all()
    assert (value <= placed.logsumexp(dim=0) + 1e-4).all()


def test_a_keyword_is_stable_where_it_is_hopeless_or_certain() -> None:
    codec, form = fixed("2x2")
    (moon,) = TOKENIZER.encode("月")
    condition = properties.keyword(codec, form, "月")
    for logit in (-500.0, 500.0):
        logits = logits_of(codec, form, 0)
        logits[:, :, moon] = logit
        logits.requires_grad_()
        value = condition(logits)
        (slope,) = torch.autograd.grad(value.sum(), logits)
        assert torch.isfinite(value).all()
        assert torch.isfinite(slope).all()
        if logit < 0:
            assert (value < -400).all()
            assert slope[:, :, moon].sum() > 0.5  # there is still a way up
        else:
            torch.testing.assert_close(value, torch.zeros(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("龍", "never writes 龍"),
        ("月龍", "never writes 龍"),
        ("", "never writes nothing"),
        ("月月月", "'月月月' has 3 characters; expected at most 2"),
    ],
)
def test_a_keyword_that_is_never_written_or_has_no_room(text: str, says: str) -> None:
    with pytest.raises(ConstraintError, match=says):
        properties.keyword(*fixed("2x2"), text)
    with pytest.raises(ConstraintError, match="expected at most 4"):
        properties.keyword(FREE, None, "月" * 5)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(["5x2", "7x2", "5x4"]), seeds)
def test_tones_are_the_probability_of_regulated_verse(name: str, seed: int) -> None:
    codec, form = fixed(name, extra=1)
    generator = torch.Generator().manual_seed(seed)
    logits = logits_of(codec, form, seed)[:1]
    # Two characters at some positions and one at the others leave 512 poems to go through.
    order = logits.argsort(dim=2, descending=True)
    keep = torch.ones(codec.max_len, dtype=torch.int64)
    keep[torch.randperm(form.size, generator=generator)[:9]] = 2
    for t, k in enumerate(keep.tolist()):
        logits[0, t, order[0, t, k:]] = -torch.inf
    expected = sum(
        chance for text, chance in poems(codec, form, logits[0]) if regulated(form.lay_out(text))
    )
    found = properties.tones(codec, form)(logits)
    assert float(found.exp()) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(["憶江南", "如夢令", "菩薩蠻"]), seeds)
def test_tones_are_the_probability_of_those_of_a_tune(name: str, seed: int) -> None:
    codec, form = fixed(name, extra=1)
    generator = torch.Generator().manual_seed(seed)
    logits = logits_of(codec, form, seed)[:1]
    # 看 fits anywhere; any of the four characters at five positions leave 1,024 poems.
    fixed_at = torch.randperm(form.size, generator=generator)[5:]
    (either,) = TOKENIZER.encode("看")
    kept = logits[0, fixed_at, either].clone()
    logits[0, fixed_at] = -torch.inf
    logits[0, fixed_at, either] = kept
    expected = sum(
        chance
        for text, chance in poems(codec, form, logits[0])
        if regulated(form.lay_out(text), form=form)
    )
    found = properties.tones(codec, form)(logits)
    assert float(found) == pytest.approx(math.log(expected), abs=1e-4)


@pytest.mark.parametrize("name", ["3x2", "5x3", "3-5-7-7-5"])
def test_forms_without_tones(name: str) -> None:
    with pytest.raises(ConfigError, match=f"form {name} has no tones to keep"):
        properties.tones(*fixed(name))
    with pytest.raises(ConfigError, match="form free has no tones"):
        properties.tones(FREE, None)


def naive_bayes(text: str, ones: str, others: str) -> float:
    """log-odds of a text, with one added to each of the characters and the line break."""
    size = 5

    def log_p(char: str, side: str) -> float:
        return math.log((side.count(char) + 1) / (len(side) + size))

    return sum(log_p(char, ones) - log_p(char, others) for char in text)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_log_odds_are_the_expectation_over_poems(seed: int) -> None:
    codec, form = fixed("2x2", extra=1)
    sides = "月月看天", "天天㐂天月看天天"
    ids = [[TOKENIZER.encode(side)] for side in sides]
    condition = properties.log_odds(codec, form, *ids)
    check(condition, codec, form, seed, lambda x: naive_bayes(x, *sides), log=False)
    condition = properties.log_odds(FREE, None, *([[*one[0], TOKENIZER.eos_id]] for one in ids))
    check(condition, FREE, None, seed, lambda x: naive_bayes(x, *sides), log=False)


def test_an_attribute_leads_to_its_property() -> None:
    codec, form = fixed("5x2")
    logits = logits_of(codec, form, 0)
    for text, expected in (
        ("contains=月", properties.keyword(codec, form, "月")),
        ("tones=regulated", properties.tones(codec, form)),
    ):
        condition = properties.toward(Attribute.parse(text), codec, form)
        assert torch.equal(condition(logits), expected(logits))
    poems = [Poem(("天月天月天，天天天天天。",), {"author": "甲"})] * 2
    poems += [Poem(("月月看看月，月月月月月。",))] * 6
    condition = properties.toward(Attribute.parse("author=甲"), codec, form, poems)
    sides = ([codec.encode(poems[0])] * 2, [codec.encode(poems[-1])] * 2)
    assert torch.equal(condition(logits), properties.log_odds(codec, form, *sides)(logits))
    with pytest.raises(CorpusError, match="holds for 0 of 0 poems"):
        properties.toward(Attribute.parse("author=甲"), codec, form)

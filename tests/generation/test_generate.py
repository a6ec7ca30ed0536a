"""What is written: its form, its characters, the distribution they come from."""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from poetvae import models
from poetvae.cli import write as cli
from poetvae.config import ModelConfig
from poetvae.constraints.constraint import Constraint
from poetvae.constraints.options import Conditions
from poetvae.constraints.rules import requested
from poetvae.data.dataset import TokenStore
from poetvae.errors import ConfigError, ConstraintError
from poetvae.generation import generate as generation
from poetvae.generation.generate import BATCH, LIKELIEST, Generated, allowed_tokens, decode
from poetvae.generation.options import CHOSEN, SamplingOptions, read_options
from poetvae.generation.passes import write
from poetvae.generation.sampling import choose_tokens, filter_logits
from poetvae.models import LatentModel, TextModel
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, is_han
from poetvae.text.tokenizer import PoemTokenizer

HAN = "山月臨窗白溪風入座清"
TOKENIZER = PoemTokenizer.train([HAN + "abc ，。\n"])
V = len(TOKENIZER)
COUPLET, QUATRAIN = Form(2, 2), Form(3, 4)
ONE = PoemCodec(TOKENIZER, 4, {COUPLET: 7})
TWO = PoemCodec(TOKENIZER, 12, {COUPLET: 1, QUATRAIN: 3})
FREE = PoemCodec(TOKENIZER, 9)


def build(max_len: int, **settings: Any) -> TextModel:
    """A small random model."""
    torch.manual_seed(1)
    small = {"embed_dim": 4, "d_model": 4, "latent_dim": 3, "encoder_layers": 0}
    sizes = {"vocab_size": V, "max_len": max_len, "decoder_layers": 1}
    return models.build(ModelConfig(**{**small, **sizes, **settings})).eval()


def tempted(codec: PoemCodec, tempting: int | None = None, **settings: Any) -> LatentModel:
    """A model of strong opinions; a tempting token is likelier than all others, everywhere."""
    model = build(codec.max_len, label_sizes=codec.label_sizes, tied=False, **settings).latent
    for p in model.parameters():
        nn.init.normal_(p, std=0.7)
    if tempting is not None:
        assert model.decoder.bias is not None
        with torch.no_grad():
            model.decoder.bias[tempting] = 1000.0
    return model


def generate(
    model: TextModel,
    codec: PoemCodec,
    n: int = 1,
    *,
    form: Form | None = None,
    constraint: Constraint | None = None,
    **options: Any,
) -> list[Generated]:
    """`generation.generate`, with its options as keywords."""
    how = SamplingOptions(**options)
    return generation.generate(model, codec, n, form=form, constraint=constraint, options=how)


MODELS = {
    (name, token): tempted(codec, token)
    for name, codec in (("one", ONE), ("two", TWO), ("free", FREE))
    for token in (None, *TOKENIZER.special_ids, TOKENIZER.newline_id)
}
CODECS = {"one": ONE, "two": TWO, "free": FREE}
OPTIONS = st.fixed_dictionaries(
    {
        "temperature": st.one_of(st.just(0.0), st.floats(0, 100)),
        "top_k": st.one_of(st.none(), st.integers(1, 2 * V)),
        "top_p": st.one_of(st.none(), st.floats(0, 1, exclude_min=True)),
        "seed": st.integers(0, 2**63 - 1),
    }
)


@given(st.sampled_from(["one", "two"]), st.sampled_from(sorted(MODELS, key=str)), OPTIONS)
@settings(deadline=None, max_examples=100)
def test_a_fixed_form_is_exact(name: str, key: tuple[str, int | None], how: dict[str, Any]) -> None:
    codec = CODECS[name]
    for poem in generate(MODELS[name, key[1]], codec, 3, **how):
        form = Form.parse(str(poem.form))
        assert form in codec.forms
        assert [len(line) for line in poem.lines] == [form.uniform] * form.lines
        assert set("".join(poem.lines)) <= set(HAN)
        assert poem.text == form.punctuate("".join(poem.lines))
        assert Poem(tuple(poem.text.split("\n"))).form == form
        assert poem.seed == how["seed"]
        assert poem.log_prob <= 0


@given(st.sampled_from([key for key in sorted(MODELS, key=str) if key[0] == "free"]), OPTIONS)
@settings(deadline=None, max_examples=100)
def test_free_form_is_known_characters_and_never_empty(
    key: tuple[str, int | None], how: dict[str, Any]
) -> None:
    for poem in generate(MODELS[key], FREE, 3, **how):
        assert poem.form is None
        assert poem.text.strip()
        assert poem.text[0] in HAN + "abc，。"
        assert len(poem.text) <= FREE.max_len
        assert set(poem.text) <= set(HAN + "abc ，。\n")
        assert "\n".join(poem.lines) == poem.text


def test_free_form_ends_at_its_end_mark() -> None:
    short = generate(MODELS["free", TOKENIZER.eos_id], FREE, 20, seed=1)
    assert {len(poem.text) for poem in short} == {1}
    lengths = {len(poem.text) for poem in generate(MODELS["free", None], FREE, 200, seed=1)}
    assert len(lengths) > 3
    assert max(lengths) == FREE.max_len


@pytest.mark.parametrize("form", [COUPLET, QUATRAIN])
def test_the_form_asked_for(form: Form) -> None:
    poems = generate(MODELS["two", None], TWO, 40, form=form, seed=2)
    assert {poem.form for poem in poems} == {str(form)}
    assert {len("".join(poem.lines)) for poem in poems} == {form.size}


@pytest.mark.parametrize(("counts", "share"), [((1, 3), 0.75), ((0, 0), 0.5)])
def test_drawn_forms_follow_their_counts(counts: tuple[int, int], share: float) -> None:
    n, codec = 2000, replace(TWO, forms=dict(zip((COUPLET, QUATRAIN), counts, strict=True)))
    drawn = Counter(poem.form for poem in generate(MODELS["two", None], codec, n, seed=3))
    assert drawn.keys() == {"2x2", "3x4"}
    assert abs(drawn["3x4"] - share * n) < 5 * math.sqrt(n * share * (1 - share))


def test_a_form_that_is_not_written() -> None:
    with pytest.raises(ConfigError, match="does not write 5x2"):
        generate(MODELS["two", None], TWO, form=Form(5, 2))
    with pytest.raises(ConfigError, match="free form alone"):
        generate(MODELS["free", None], FREE, form=COUPLET)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_seed_writes_the_same_poems(name: str) -> None:
    model, codec = MODELS[name, None], CODECS[name]
    one = generate(model, codec, 5, seed=4)
    torch.manual_seed(99)
    assert generate(model, codec, 5, seed=4) == one
    texts = [[poem.text for poem in generate(model, codec, 5, seed=seed)] for seed in range(4, 9)]
    assert len(set(map(tuple, texts))) == 5
    assert len({poem.text for poem in one}) > 1


def test_more_poems_than_a_batch() -> None:
    how: Any = {"form": QUATRAIN, "temperature": 1.0, "seed": 5}
    poems = generate(MODELS["two", None], TWO, 2 * BATCH + 3, **how)
    assert len(poems) == 2 * BATCH + 3
    assert len({poem.text for poem in poems}) > 2 * BATCH


WAYS: list[tuple[str, dict[str, Any]]] = [
    ("two", {}),
    ("two", {"form": QUATRAIN, "temperature": 0.7, "top_k": 5}),
    ("two", {"candidates": 3}),
    ("free", {"temperature": 2.0}),
    ("several", {"passes": 3}),
    ("mixture", {}),
    ("vqvae", {}),
    ("autoregressive", {"candidates": 2}),
]


@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_poem_depends_on_its_seed_and_its_place_alone(
    name: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on how many there are, nor on what is written together."""
    codec = CODECS.get(name, TWO if name == "several" else ONE)
    known = {"several": SEVERAL["two"], **FAMILY}
    model = known[name] if name in known else MODELS[name, None]
    many = generate(model, codec, 23, seed=6, **how)
    assert len({poem.text for poem in many}) > 8
    for n in (1, 2, 9):
        assert generate(model, codec, n, seed=6, **how) == many[:n]
    monkeypatch.setattr(generation, "BATCH", 4)
    assert generate(model, codec, 23, seed=6, **how) == many
    form, options = how.pop("form", None), SamplingOptions(seed=6, **how)
    rest = generation.stream(model, codec, 5, 12, form=form, options=options)
    assert list(rest) == many[12:17]


@pytest.mark.parametrize("name", ["vae", "infill", "few", "vqvae", "autoregressive"])
@pytest.mark.parametrize(
    "how",
    [
        {"wants": {"acrostic": "山"}},
        {"wants": {"contains": "月", "no_repeat": True}, "temperature": 0.8},
        {"wants": {"without": "清"}, "candidates": 3},
    ],
)
def test_a_poem_that_meets_conditions_depends_on_its_seed_and_its_place_alone(
    name: str, how: dict[str, Any]
) -> None:
    """The population that it shares with others does not depend on how many there are."""
    how = dict(how)
    wants = how.pop("wants")
    constraint = requested(ONE, COUPLET, Conditions(**wants))
    many = generate(FAMILY[name], ONE, 30, constraint=constraint, seed=6, **how)
    assert len({poem.text for poem in many}) > 15
    assert all(meets("".join(poem.lines), wants) for poem in many)
    for n in (1, 2, 9):
        assert generate(FAMILY[name], ONE, n, constraint=constraint, seed=6, **how) == many[:n]
    options = SamplingOptions(seed=6, **how)
    rest = generation.stream(FAMILY[name], ONE, 9, 20, constraint=constraint, options=options)
    assert list(rest) == many[20:29]


def test_poems_come_as_they_are_written() -> None:
    """So that the memory taken does not depend on their number; what is wrong is told before."""
    model = MODELS["two", None]
    poems = generation.stream(model, TWO, 10**9, options=SamplingOptions(seed=6))
    some = [next(poems) for _ in range(BATCH + 2)]
    assert some == generate(model, TWO, BATCH + 2, seed=6)
    with pytest.raises(ConfigError, match="n is 0; expected at least 1"):
        generation.stream(model, TWO, 0)
    with pytest.raises(ConfigError, match="does not write 5x2"):
        generation.stream(model, TWO, 1, form=Form(5, 2))
    with pytest.raises(ConfigError, match="no label 'dynasty'"):
        generation.stream(model, TWO, 1, options=SamplingOptions(labels={"dynasty": "tang"}))


def test_what_is_drawn_at_a_z_depends_on_its_place_alone() -> None:
    z, options = torch.randn(7, 3), SamplingOptions(1.0, seed=3)
    forms: list[Form | None] = [COUPLET, QUATRAIN, QUATRAIN, COUPLET, QUATRAIN, COUPLET, QUATRAIN]
    poems = decode(MODELS["two", None], TWO, z, forms, options)
    assert decode(MODELS["two", None], TWO, z[:3], forms[:3], options) == poems[:3]


def by_hand(model: LatentModel, codec: PoemCodec, z: Tensor, poem: Generated) -> float:
    """log p(x | z) of a poem's characters, one after the other."""
    form = Form.parse(poem.form) if poem.form else None
    ids = TOKENIZER.encode("".join(poem.lines) if form else poem.text)
    if form is None and len(ids) < codec.max_len:
        ids.append(TOKENIZER.eos_id)
    labels = torch.tensor([codec.labels(form)]) if codec.label_sizes else None
    with torch.no_grad():
        log_p = model.decode(z.unsqueeze(0), labels=labels)[0].log_softmax(dim=1)
    return sum(float(log_p[t, token]) for t, token in enumerate(ids))


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize(
    "how", [{"temperature": 0.0}, {"temperature": 1.0}, {"temperature": 0.5, "top_k": 3}]
)
def test_log_prob_is_that_of_the_characters(name: str, how: dict[str, Any]) -> None:
    model, codec = MODELS[name, None], CODECS[name]
    choices: list[Form | None] = [*codec.forms] or [None]
    forms = [choices[i % len(choices)] for i in range(8)]
    z = torch.randn(8, 3)
    poems = decode(model, codec, z, forms, SamplingOptions(**how, seed=6))
    assert [poem.form for poem in poems] == [str(form) if form else None for form in forms]
    for poem, row in zip(poems, z, strict=True):
        assert poem.log_prob == pytest.approx(by_hand(model, codec, row, poem), abs=1e-4)


def told_and_scored(model: TextModel, codec: PoemCodec, poems: list[Generated], **how: Any) -> None:
    """Asserts that log_prob is what the model's own nll is of each poem, whatever its form."""
    for i, poem in enumerate(poems):
        form = Form.parse(poem.form) if poem.form else None
        ids = TOKENIZER.encode("".join(poem.lines) if form else poem.text)
        ids += [] if form or len(ids) == codec.max_len else [TOKENIZER.eos_id]
        labels = [codec.labels(form)] if codec.label_sizes else []
        batch = TokenStore([ids], codec.max_len, TOKENIZER.pad_id, labels).batch([0])
        with torch.no_grad():
            if model.has_latent:
                nll = model.latent.nll(how["z"][i : i + 1], batch, how["passes"])
            else:
                nll = model.causal.nll(batch)
        assert poem.log_prob == pytest.approx(-float(nll), abs=1e-4, rel=1e-5), poem


SEVERAL = {
    name: tempted(codec, passes=(1, 2, 3, 8), pass_layers=6, observe=0.5)
    for name, codec in CODECS.items()
}


@given(
    st.sampled_from(sorted(CODECS)),
    st.sampled_from([1, 2, 3, 8]),
    st.sampled_from([0.0, 0.7, 1.0]),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_what_stands_past_the_end_is_seen_by_no_pass(
    name: str, passes: int, temperature: float, seed: int
) -> None:
    """In a batch of a short form and a long one, and after the end mark of free form."""
    model, codec = SEVERAL[name], CODECS[name]
    choices: list[Form | None] = [*codec.forms] or [None]
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    options = SamplingOptions(temperature, passes=passes, seed=seed)
    forms = [choices[i % len(choices)] for i in range(6)]
    poems = decode(model, codec, z, forms, options)
    told_and_scored(model, codec, poems, z=z, passes=passes)


def test_no_more_is_written_than_the_form_has(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, log_probs, _ = write(
        SEVERAL["two"], torch.randn(2, 3), allowed_tokens(TWO, COUPLET)[:4]
    )
    assert tokens.shape == log_probs.shape == (2, 4)
    model = build(12, kind="autoregressive", label_sizes=TWO.label_sizes)
    places: list[int] = []
    step = model.causal.body.step

    def counted(*state: Any) -> Any:
        places.append(len(places))
        return step(*state)

    monkeypatch.setattr(model.causal.body, "step", counted)
    told_and_scored(model, TWO, generate(model, TWO, 3, form=COUPLET))
    assert len(places) == COUPLET.size
    told_and_scored(model, TWO, generate(model, TWO, 6, seed=2))


@pytest.mark.parametrize("passes", [1, 3])
def test_nothing_is_computed_past_a_poem(monkeypatch: pytest.MonkeyPatch, passes: int) -> None:
    """Where the model learnt so, whichever poems are written beside it; and each has the likelihood
    that it has by itself."""
    model = tempted(TWO, by_length=True, passes=(1, 3), pass_layers=3)
    lengths, body = [], model.decoder.body.forward

    def noted(x: Tensor, *rest: Any) -> Tensor:
        lengths.append(x.shape[2])
        return body(x, *rest)

    monkeypatch.setattr(model.decoder.body, "forward", noted)
    forms: list[Form | None] = [COUPLET, QUATRAIN, COUPLET]
    z, how = torch.randn(3, 3), SamplingOptions(passes=passes, temperature=1.0)
    poems = decode(model, TWO, z, forms, how)
    assert lengths == [COUPLET.size, QUATRAIN.size]
    for one, form, poem in zip(z.unsqueeze(1), forms, poems, strict=True):
        ids = TOKENIZER.encode("".join(poem.lines))
        for width in (len(ids), TWO.max_len):
            store = TokenStore([ids], width, TOKENIZER.pad_id, [TWO.labels(form)])
            nll = model.nll(one, store.batch([0]), passes).item()
            assert poem.log_prob == pytest.approx(-nll, rel=1e-4)
    lengths.clear()
    asked = requested(TWO, COUPLET, Conditions(contains="月"))
    assert all(poem.satisfied for poem in generate(model, TWO, 2, form=COUPLET, constraint=asked))
    generate(model, TWO, 2, form=COUPLET, candidates=2)
    assert set(lengths) == {COUPLET.size}


def test_temperature_0_writes_the_likeliest_of_the_allowed() -> None:
    model, z = MODELS["two", None], torch.randn(6, 3)
    forms: list[Form | None] = [COUPLET, QUATRAIN] * 3
    poems = decode(model, TWO, z, forms)
    for poem, row, form in zip(poems, z, forms, strict=True):
        labels = torch.tensor([TWO.labels(form)])
        with torch.no_grad():
            logits = model.decode(row.unsqueeze(0), labels=labels)[0].tolist()
        ids = [max((x[i], i) for i in TOKENIZER.encode(HAN))[1] for x in logits]
        assert form is not None
        assert "".join(poem.lines) == TOKENIZER.decode(ids[: form.size])
    again = generate(model, TWO, 3, temperature=0, seed=1)
    assert generate(model, TWO, 3, temperature=0, seed=1) == again


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("n", [0, -1], "at least 1"),
        ("temperature", [-0.1, 100.5, math.nan, math.inf], "0 to 100"),
        ("top_k", [0, -3], "at least 1"),
        ("top_p", [0.0, -0.5, 1.5, math.nan], "more than 0, at most 1"),
        ("candidates", [0, 1001], "1 to 1000"),
    ],
)
def test_numbers_out_of_bounds(name: str, values: list[Any], expected: str) -> None:
    for value in values:
        with pytest.raises(ConfigError, match=f"{name} is {value}; expected {expected}"):
            generate(MODELS["one", None], ONE, **{name: value})


def test_options_by_name_are_conditions_and_sampling() -> None:
    named = {"acrostic": "山水", "where": None, "temperature": 0.5, "top_k": None}
    asked, chosen = Conditions(acrostic="山水"), SamplingOptions(candidates=CHOSEN)
    assert read_options(named) == (asked, replace(chosen, temperature=0.5))
    assert read_options({"candidates": None}) == (Conditions(), chosen)
    assert read_options({"candidates": 3})[1].candidates == 3
    assert read_options({"plain": True})[1] == SamplingOptions(plain=True)
    with pytest.raises(ConfigError, match="candidates is 3 of plain poems; expected 1"):
        read_options({"plain": True, "candidates": 3})
    with pytest.raises(
        TypeError, match=r"no option 'rime'; there are about, acrostic, candidates, con"
    ):
        read_options({"rhyme": "尤", "rime": None})
    with pytest.raises(ConfigError, match="temperature is -1"):
        read_options({"temperature": -1})
    with pytest.raises(ConstraintError, match="tones is 'loose'"):
        read_options({"tones": "loose"})


def test_a_poem_as_values_and_as_text() -> None:
    (poem,) = generate(MODELS["one", None], ONE, seed=7)
    assert str(poem) == poem.text
    values = json.loads(json.dumps(poem.as_dict()))
    keys = ["text", "lines", "form", "seed", "log_prob", "tones_ok", "rhyme", "satisfied"]
    assert list(values) == keys
    assert values["tones_ok"] is values["rhyme"] is None
    assert values["satisfied"] is True
    assert values["lines"] == list(poem.lines)


def test_what_is_allowed_where() -> None:
    han = set(TOKENIZER.encode(HAN))
    fixed = allowed_tokens(ONE, COUPLET)
    assert fixed.shape == (ONE.max_len, V)
    assert [set(row.nonzero().flatten().tolist()) for row in fixed] == [han] * 4
    first, *rest = (set(row.nonzero().flatten().tolist()) for row in allowed_tokens(FREE, None))
    blanks = {TOKENIZER.eos_id, *TOKENIZER.encode("\n ")}
    assert rest == [set(range(5, V)) | {TOKENIZER.eos_id}] * 8
    assert first == rest[0] - blanks


WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=8, unique=True)


@given(WEIGHTS, st.integers(1, 10))
@settings(deadline=None)
def test_top_k_keeps_the_k_likeliest(weights: list[int], k: int) -> None:
    logits = torch.tensor(weights, dtype=torch.double).log()
    kept = filter_logits(logits, top_k=k)
    best = sorted(weights, reverse=True)[:k]
    assert torch.isfinite(kept).tolist() == [w in best for w in weights]
    torch.testing.assert_close(kept[torch.isfinite(kept)], logits[torch.isfinite(kept)])


@given(WEIGHTS, st.data())
@settings(deadline=None)
def test_top_p_keeps_the_fewest_that_reach_p(weights: list[int], data: st.DataObject) -> None:
    reach = data.draw(st.integers(0, sum(weights) - 1)) + 0.5  # between two possible sums
    kept, total = set(), 0
    for weight in sorted(weights, reverse=True):
        if total < reach:
            kept.add(weight)
        total += weight
    logits = torch.tensor(weights, dtype=torch.double).log()
    filtered = filter_logits(logits, top_p=reach / sum(weights))
    assert torch.isfinite(filtered).tolist() == [w in kept for w in weights]


def test_filters_work_row_by_row_and_together() -> None:
    rows = torch.tensor([[[8.0, 4, 2, 1], [1, 2, 4, 8]], [[1, 8, 2, 4], [5, 4, 3, 2]]]).log()
    for how in ({"top_k": 2}, {"top_p": 0.6}, {"top_k": 3, "top_p": 0.8}, {}):
        whole = filter_logits(rows, **how)
        for i in range(2):
            for j in range(2):
                torch.testing.assert_close(whole[i, j], filter_logits(rows[i, j], **how))
    assert torch.equal(filter_logits(rows, top_k=4, top_p=1.0), rows)
    # 8, 4, 2 are kept of 15; of their 14, 8 and 4 reach 0.8.
    both = filter_logits(rows[0, 0], top_k=3, top_p=0.8)
    assert torch.isfinite(both).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("logits", "how", "kept"),
    [
        ([1.0, 2.0, 1.0, 0.0], {"top_k": 2}, [True, True, True, False]),  # all that tie
        *[([0.0, 3.0, 1.0], {"top_p": p}, [False, True, False]) for p in (5e-324, 1e-30, 0.01)],
    ],
)
def test_ties_and_the_likeliest_stay(
    logits: list[float], how: dict[str, Any], kept: list[bool]
) -> None:
    assert torch.isfinite(filter_logits(torch.tensor(logits), **how)).tolist() == kept


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        *[(SamplingOptions(temperature), [0, 1, 2, 3, 4]) for temperature in (1.0, 0.5, 2.0)],
        (SamplingOptions(1.0, top_k=2), [0, 3]),
        # Shares 0.23, 0.14, 0.08, 0.37, 0.18: 0.37 + 0.23 falls short of it.
        (SamplingOptions(2.0, top_p=0.65), [0, 3, 4]),
    ],
)
def test_draws_follow_the_distribution(options: SamplingOptions, kept: list[int]) -> None:
    n, logits = 20_000, torch.tensor([1.0, 0.0, -1.0, 2.0, 0.5, 3.0])
    allowed = torch.tensor([True, True, True, True, True, False])
    generator = torch.Generator().manual_seed(8)
    tokens = choose_tokens(logits.expand(n, 1, 6), allowed.expand(1, 6), options, generator)
    weights = [math.exp(logits[i] / options.temperature) * (i in kept) for i in range(5)]
    counts = tokens.flatten().bincount(minlength=6).tolist()
    for count, share in zip(counts, [w / sum(weights) for w in weights] + [0.0], strict=True):
        assert abs(count - n * share) <= 5 * math.sqrt(n * share * (1 - share))


@given(st.floats(0, 1e-3), st.integers(0, 2**32))
@settings(deadline=None)
def test_a_tiny_temperature_takes_the_likeliest(temperature: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.tensor([[[3.0, 1.0, 2.0], [1e4, -1e4, 2e4]]])
    allowed = torch.tensor([[False, True, True], [True, True, True]])
    drawn = choose_tokens(logits, allowed, SamplingOptions(temperature), generator)
    assert drawn.tolist() == [[2, 2]]


def test_positions_are_drawn_apart() -> None:
    logits, allowed = torch.zeros(4000, 2, 2), torch.ones(2, 2, dtype=torch.bool)
    drawn = choose_tokens(logits, allowed, generator=torch.Generator().manual_seed(9))
    pairs = (2 * drawn[:, 0] + drawn[:, 1]).bincount(minlength=4)
    assert (pairs - 1000).abs().max() < 5 * math.sqrt(4000 * 0.25 * 0.75)


def test_labels_reach_the_characters() -> None:
    model, z = MODELS["two", None], torch.randn(8, 3)
    as_couplet = decode(model, TWO, z, [COUPLET] * 8)
    as_quatrain = decode(model, TWO, z, [QUATRAIN] * 8)
    starts = ["".join(poem.lines)[:4] for poem in as_quatrain]
    assert ["".join(poem.lines) for poem in as_couplet] != starts
    assert all(is_han(start) for start in starts)


MEMBERS: dict[str, dict[str, Any]] = {
    "vae": {},
    "mixture": {"prior": "mixture", "components": 3},
    "infill": {"observe": 0.5},
    "few": {"observe": 0.5, "passes": (1, 2, 3, 8)},
    "told nothing": {"passes": (1, 3)},
    "vqvae": {"kind": "vqvae", "codebook_size": 5, "code_dim": 2, "prior_layers": 1},
    "autoregressive": {"kind": "autoregressive"},
}
FAMILY = {name: build(4, **settings) for name, settings in MEMBERS.items()}
WANTS = st.fixed_dictionaries(
    {},
    optional={
        "first_line": st.sampled_from(["山月", "清清"]),
        "acrostic": st.text(HAN, min_size=1, max_size=2),
        "template": st.text(HAN + "_", min_size=4, max_size=4),
        "contains": st.text(HAN, min_size=1, max_size=2),
        "without": st.text(HAN, max_size=3),
        "no_repeat": st.booleans(),
    },
)


def meets(text: str, wants: dict[str, Any]) -> bool:
    """Whether four characters of `COUPLET` are what is wanted, by the words themselves."""
    lines = [text[:2], text[2:]]
    return (
        lines[0] == wants.get("first_line", lines[0])
        and all(line[0] == c for line, c in zip(lines, wants.get("acrostic", ""), strict=False))
        and all(w in ("_", c) for w, c in zip(wants.get("template", text), text, strict=True))
        and any(wants.get("contains", "") in line for line in lines)
        and not set(wants.get("without", "")) & set(text)
        and not (wants.get("no_repeat") and len(set(text)) < 4)
    )


@given(st.sampled_from(sorted(FAMILY)), WANTS, OPTIONS, st.sampled_from([1, 2, 3, 8]))
@settings(deadline=None, max_examples=50)
def test_what_is_asked_for_holds(
    name: str, wants: dict[str, Any], how: dict[str, Any], passes: int
) -> None:
    try:
        constraint = requested(ONE, COUPLET, Conditions(**wants))
    except ConstraintError:
        return
    if name == "few":
        how["passes"] = passes
    try:
        poems = generate(FAMILY[name], ONE, 3, constraint=constraint, **how)
    except ConstraintError:
        if wants.get("no_repeat"):  # what is used may leave no way out
            return
        raise
    for poem in poems:
        assert meets("".join(poem.lines), wants)
        assert poem.satisfied


@pytest.mark.parametrize("name", ["vae", "infill", "few"])
def test_what_is_fixed_by_one_condition_is_so_for_those_that_stay_apart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else words would be put where they cannot stand, and nothing drawn would do."""
    monkeypatch.setattr("poetvae.constraints.constraint.MAX_EDGES", 0)
    monkeypatch.setattr("poetvae.generation.constrained.TRIES", 8)
    wants: dict[str, Any] = {"acrostic": "山溪", "contains": "月"}
    constraint = requested(ONE, COUPLET, Conditions(**wants))
    assert len(constraint.parts) == 3
    heads = [
        set(part.allowed[t].nonzero().flatten().tolist())
        for part in constraint.parts
        for t in (0, 2)
    ]
    assert heads == 3 * [set(TOKENIZER.encode("山")), set(TOKENIZER.encode("溪"))]
    for poem in generate(FAMILY[name], ONE, 9, constraint=constraint, seed=1):
        assert meets("".join(poem.lines), wants)


def test_draws_that_are_hardly_ever_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four characters in four places, by a model that would write one of them everywhere."""
    drawn, rows = MODELS["one", None], []

    def counted(model: LatentModel, z: Tensor, *more: Any) -> tuple[Tensor, Tensor, Tensor]:
        rows.append(len(z))
        return write(model, z, *more)

    monkeypatch.setattr("poetvae.generation.constrained.write", counted)
    constraint = requested(ONE, COUPLET, Conditions(only="山月臨窗", no_repeat=True))
    poems = generate(drawn, ONE, 5, constraint=constraint, seed=1)
    assert all(sorted("".join(poem.lines)) == sorted("山月臨窗") for poem in poems)
    assert rows[:32] == [5] * 32
    assert len(rows) < 100


def test_passes_decide_in_turn_and_see_what_was_decided() -> None:
    model = FAMILY["few"].latent
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    allowed = allowed_tokens(ONE, COUPLET)
    with torch.no_grad():
        tokens, log_probs, _ = write(model, z, allowed, options=replace(LIKELIEST, passes=3))
        seen = torch.full_like(tokens, model.mask_id)
        for places in ([0, 3], [1], [2]):
            log_p = model.decode(z, history=seen, passes=3).log_softmax(-1)
            for t in places:
                best = log_p[:, t].masked_fill(~allowed[t], -torch.inf).argmax(1)
                assert torch.equal(best, tokens[:, t])
                torch.testing.assert_close(log_probs[:, t], log_p[torch.arange(6), t, best])
            seen[:, places] = tokens[:, places]


@pytest.mark.parametrize(
    ("names", "passes", "message"),
    [
        (("vae", "vqvae", "infill"), 2, "--preset few"),
        (("few",), 5, "trained to write in 1,2,3,8; "),
        (("few",), 0, "passes is 0"),
        (("autoregressive",), 1, "leave out passes"),
    ],
)
def test_passes_that_a_model_cannot_do(names: tuple[str, ...], passes: int, message: str) -> None:
    for name in names:
        with pytest.raises(ConfigError, match=message):
            generate(FAMILY[name], ONE, passes=passes)


@pytest.mark.parametrize("name", ["vae", "vqvae", "autoregressive"])
def test_one_of_the_candidates_is_kept(name: str) -> None:
    few = generate(FAMILY[name], ONE, 40, seed=3)
    best = generate(FAMILY[name], ONE, 10, seed=3, candidates=4)
    assert all(poem in few[4 * i : 4 * i + 4] for i, poem in enumerate(best))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", sorted(FAMILY))
def test_weights_of_any_type_write(name: str, dtype: torch.dtype) -> None:
    model, whole = copy.deepcopy(FAMILY[name]).to(dtype), generate(FAMILY[name], ONE, 4, seed=1)
    for poem, like in zip(generate(model, ONE, 4, seed=1), whole, strict=True):
        assert set("".join(poem.lines)) <= set(HAN)
        assert poem.text != like.text or poem.log_prob == pytest.approx(like.log_prob, abs=0.1)
    constraint = requested(ONE, COUPLET, Conditions(acrostic="山", no_repeat=True))
    (poem,) = generate(model, ONE, 1, constraint=constraint, candidates=2)
    assert poem.lines[0][0] == "山"


def test_one_temperature_is_the_default_everywhere() -> None:
    option = {one.name: one.default for one in cli.generate.params}
    keyword = inspect.signature(Poet.generate).parameters["temperature"].default
    assert option["temperature"] == keyword == SamplingOptions().temperature == 0.5

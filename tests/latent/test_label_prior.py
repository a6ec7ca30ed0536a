"""A prior around a mean for each label: ascent, directions and edits know where that is."""

from __future__ import annotations

import json
import math
import random

import pytest
import torch
from conftest import SMALL
from torch import Tensor

from poetvae.config import Config, ModelConfig, ObjectiveConfig
from poetvae.data.dataset import Batch
from poetvae.latent.attributes import Attribute
from poetvae.latent.optimise import ascend, keyword, optimise, start
from poetvae.models import build
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem
from poetvae.training import trainer
from poetvae.training.step import Slice, accumulate

CHARS = "春夏秋冬山水風月花雪雲雨江河日夜人心天地"
FORMS = {"5x2": 10, "7x2": 14}


def couplet(place: int, form: str) -> str:
    """One of many, all different."""
    chars = random.Random(f"{form} {place}").choices(CHARS, k=FORMS[form])
    return Form.parse(form).punctuate("".join(chars))


@pytest.fixture(scope="module")
def poems() -> list[Poem]:
    """Couplets of two forms and two dynasties, alike in number."""
    return [
        Poem((couplet(i, form),), {"dynasty": ("tang", "song")[i % 2]})
        for i in range(40)
        for form in FORMS
    ]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, poems: list[Poem]) -> Poet:
    """A model of them whose prior has means far apart: tables by form, by dynasty, 0 = unknown."""
    folder = tmp_path_factory.mktemp("labelled")
    lines = [json.dumps({"text": p.text, **p.meta}, ensure_ascii=False) for p in poems]
    (folder / "poems.jsonl").write_text("\n".join(lines), encoding="utf-8")
    poet = trainer.train(
        [folder / "poems.jsonl"],
        folder / "run",
        preset="tiny",
        settings={**SMALL, "prior": "label", "min_label": 1, "held_out": 0.0},
        forms=list(FORMS),
        labels=["dynasty"],
        steps=3,
        quiet=True,
    )
    assert poet.model.config.form_known
    assert len(poet.codec.label_sizes) == 2
    with torch.no_grad():
        for scale, table in zip((5.0, 3.0), tables(poet), strict=True):
            table.copy_(scale * torch.randn(3, 4))
    return poet


def tables(poet: Poet) -> list[Tensor]:
    """The prior's means by form and by dynasty: (3, D) each."""
    named = dict(poet.model.named_parameters())
    return [named[f"prior_module.mean.tables.{i}.weight"] for i in (0, 1)]


def mean(poet: Poet, form: str, dynasty: str | None = None) -> Tensor:
    """Of the prior, by its tables."""
    one, other = (table.detach() for table in tables(poet))
    fields = poet.codec.fields["dynasty"]
    place = fields.index(dynasty) + 1 if dynasty else 0
    return one[1 + list(map(str, poet.codec.forms)).index(form)] + other[place]


@pytest.mark.parametrize("form", FORMS)
def test_log_prior_is_that_of_the_form(labelled: Poet, form: str) -> None:
    text = couplet(3, form)
    (one,) = labelled.optimise("contains=雲", text, steps=0)
    distance = labelled.encode(text).mode[0] - mean(labelled, form)
    expected = -0.5 * float(distance.square().sum()) - 2 * math.log(2 * math.pi)
    assert one.log_prior_before == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_starts_are_draws_of_the_prior_of_the_form_and_stay_near_it(
    labelled: Poet, form: str
) -> None:
    latent, codec, chosen = labelled.model.latent, labelled.codec, Form.parse(form)
    z = start(latent, codec, chosen, range(64))
    torch.testing.assert_close(z.mean(dim=0), mean(labelled, form), atol=0.5, rtol=0)
    found = labelled.optimise("contains=雲", n=9, form=form, steps=0)
    there = dict.fromkeys(poem.text for poem in labelled.decode(z, form=form))
    assert [one.start for one in found] == [one.text for one in found] == [*there][:9]
    found = optimise(latent, codec, z, chosen, keyword(codec, chosen, "雲"), 60, near=50.0)
    # Of N(mean, I) over four dimensions: -2 log(2 pi) - 2 on average, -2 log(2 pi) at most.
    before = sum(one.log_prior_before for one in found) / 64
    assert before == pytest.approx(-2 * math.log(2 * math.pi) - 2, abs=0.8)
    assert min(one.log_prior_after for one in found) > -2 * math.log(2 * math.pi) - 0.5


def test_ascent_ends_between_the_maximum_and_the_prior_of_each_row(labelled: Poet) -> None:
    labels, target = torch.tensor([[1, 0], [2, 1], [2, 2]]), torch.tensor([1.0, -2.0, 0.5, 0.0])
    means = labelled.model.latent.prior_shift(labels)

    def value(z: Tensor) -> Tensor:
        return -0.5 * (z - target).square().sum(dim=1)

    z = ascend(labelled.model.latent, means, value, steps=400, near=1.0, labels=labels)
    torch.testing.assert_close(z, (means + target) / 2, atol=0.1, rtol=0)


def test_a_direction_does_not_lead_from_one_label_to_another(
    labelled: Poet, poems: list[Poem]
) -> None:
    """Of poems with 月 here, all are 5x2 of the Tang; of those without, all 7x2 of the Song."""
    ones = [p for p in poems if "月" in p.text and str(p.form) == "5x2"]
    ones = [p for p in ones if p.meta["dynasty"] == "tang"]
    others = [p for p in poems if "月" not in p.text and str(p.form) == "7x2"]
    others = [p for p in others if p.meta["dynasty"] == "song"]
    assert min(len(ones), len(others)) >= 2
    found = labelled.direction("contains=月", [*ones, *others])
    within = labelled.latents(ones).mean(dim=0) - mean(labelled, "5x2", "tang")
    without = labelled.latents(others).mean(dim=0) - mean(labelled, "7x2", "song")
    torch.testing.assert_close(found.vector, within - without)
    text = couplet(5, "5x2")
    z = labelled.encode(text).mode + 2 * (within - without)
    assert [labelled.edit(text, found, 2)] == labelled.decode(z, form="5x2")


def test_a_direction_to_a_label_goes_as_far_as_its_prior(labelled: Poet, poems: list[Poem]) -> None:
    """The dynasty moves z; the form, which an edit keeps, does not."""
    found = labelled.direction("dynasty=song", poems)
    song = [p for p in poems if p.meta["dynasty"] == "song"]
    tang = [p for p in poems if p.meta["dynasty"] == "tang"]

    def residual(poems: list[Poem]) -> Tensor:
        shifts = [mean(labelled, str(p.form), p.meta["dynasty"]) for p in poems]
        return (labelled.latents(poems) - torch.stack(shifts)).mean(dim=0)

    moved = mean(labelled, "5x2", "song") - mean(labelled, "5x2", "tang")
    torch.testing.assert_close(found.vector, moved + residual(song) - residual(tang))
    of_form = labelled.direction("form=5x2", poems)
    sides = Attribute.parse("form=5x2").divide(poems)
    torch.testing.assert_close(of_form.vector, residual(sides[0]) - residual(sides[1]))


def test_in_training_the_form_is_always_told() -> None:
    config = ModelConfig(
        vocab_size=9, max_len=4, d_model=4, embed_dim=4, latent_dim=2, label_sizes=(3, 3),
        form_known=True, prior="label",
    )  # fmt: skip
    model = build(config)
    labels = torch.tensor([[1, 1], [2, 2], [1, 2]])
    part = Slice(Batch(torch.randint(5, 9, (3, 4)), torch.ones(3, 4, dtype=torch.bool), labels))
    accumulate(model, part, Config(config, ObjectiveConfig(label_dropout=1.0)), 1.0)
    named = dict(model.named_parameters())
    for place in ("encoder.labels", "decoder.labels", "prior_module.mean"):
        form, other = (named[f"{place}.tables.{i}.weight"].grad for i in (0, 1))
        assert form is not None
        assert other is not None
        assert form.abs().sum(dim=1).gt(0).tolist() == [False, True, True], place
        assert other.abs().sum(dim=1).gt(0).tolist() == [True, False, False], place

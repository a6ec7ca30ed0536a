"""Settings: read strictly, bounded everywhere, and the presets that can be trained."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from poetvae.config import (
    MODELS,
    PRESETS,
    PRIORS,
    Config,
    ModelConfig,
    ObjectiveConfig,
    TrainConfig,
    configure,
    fields,
    from_dict,
)
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.models import VAE, build
from poetvae.nn import DiagonalGaussian
from poetvae.training.schedules import SCHEDULES
from poetvae.training.step import Slice, make_optimizer, update

PARTS = (ModelConfig, ObjectiveConfig, TrainConfig)
TYPES = {name: kind for part in PARTS for name, kind in typing.get_type_hints(part).items()}
WHOLE = tuple[int, ...]
BOUNDED = sorted(name for name, f in fields().items() if f.metadata["low"] is not None)
NUMBERS = [name for name in BOUNDED if TYPES[name] != WHOLE]
CHOICES = sorted(name for name, f in fields().items() if f.metadata["among"])


def flat(config: Config) -> dict[str, Any]:
    return {name: value for part in config.to_dict().values() for name, value in part.items()}


def valid(name: str) -> st.SearchStrategy[Any]:
    """Values that a setting may have."""
    low, high, among = (fields()[name].metadata[key] for key in ("low", "high", "among"))
    if among:
        return st.sampled_from(among)
    if TYPES[name] is bool:
        return st.booleans()
    if TYPES[name] is float:
        return st.floats(low, high)
    if TYPES[name] == WHOLE:
        return st.lists(st.integers(low, high), min_size=1, max_size=4).map(tuple)
    return st.integers(low, high)


SETTINGS = st.fixed_dictionaries({}, optional={name: valid(name) for name in fields()})
TOGETHER = [
    "kind",
    "sample",
    "prior",
    "beta",
    "free_bits",
    "capacity",
    "iw_samples",
    "passes",
    "gradient",
]


def excluded(values: dict[str, Any]) -> bool:
    """Whether the settings, all given, contradict each other."""
    kind, sample, prior, beta, free_bits, capacity, iw_samples, passes, gradient = (
        values[k] for k in TOGETHER
    )
    held = (free_bits > 0) + (capacity > 0) + (iw_samples > 1)
    autoencoder = kind == "vae" and not sample
    closed = gradient == "standard" and prior in ("normal", "label")
    return bool(
        held > 1
        or (passes and 1 not in passes)
        or (kind == "vae" and not closed and (free_bits or capacity))
        or (autoencoder and (beta or capacity or iw_samples > 1))
        or (kind == "vqvae" and (free_bits or iw_samples > 1 or prior != "normal"))
    )


def agreeing(changes: dict[str, Any], preset: str = "base") -> dict[str, Any]:
    """The changes, without those that contradict each other where some do."""
    if not excluded({**flat(Config()), **PRESETS[preset], **changes}):
        return changes
    return {name: value for name, value in changes.items() if name not in TOGETHER}


def test_every_field_has_a_name_of_its_own_a_meaning_and_bounds() -> None:
    names = [f.name for part in PARTS for f in dataclasses.fields(part)]
    assert sorted(names) == sorted(fields()) == sorted(flat(Config()))
    for name, item in fields().items():
        assert item.metadata["doc"]
        assert TYPES[name] is bool or name in BOUNDED or name in CHOICES, name
    assert configure(settings=flat(Config())) == configure() == configure("base") == Config()


@given(st.sampled_from(sorted(PRESETS)), SETTINGS)
@settings(deadline=None)
def test_settings_overrule_the_preset(preset: str, changes: dict[str, Any]) -> None:
    expected = {**flat(Config()), **PRESETS[preset], **changes}
    if excluded(expected):
        with pytest.raises(ConfigError, match=r": set "):
            configure(preset, changes)
    changes = agreeing(changes, preset)
    expected = {**flat(Config()), **PRESETS[preset], **changes}
    assert flat(configure(preset, changes)) == expected


@given(SETTINGS)
@settings(deadline=None)
def test_texts_are_read_as_the_type_of_their_key(changes: dict[str, Any]) -> None:
    changes = agreeing(changes)
    texts = {
        name: ",".join(map(str, value)) if TYPES[name] == WHOLE else str(value)
        for name, value in changes.items()
    }
    assert configure(settings=texts) == configure(settings=changes)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dilations", "1, 2,4", (1, 2, 4)),
        ("dilations", "3", (3,)),
        ("learning_rate", "1e-3", 0.001),
        ("seed", "9223372036854775807", 2**63 - 1),
        *[("tied", text, True) for text in ("true", "True", "1", "yes")],
        *[("tied", text, False) for text in ("false", "FALSE", "0", "no")],
    ],
)
def test_texts(name: str, text: str, value: object) -> None:
    read = flat(configure(settings={name: text}))[name]
    assert read == value
    assert type(read) is type(value)


@given(SETTINGS)
@settings(deadline=None)
def test_from_dict_reads_what_to_dict_wrote(changes: dict[str, Any]) -> None:
    config = configure(settings=agreeing(changes))
    stored = json.loads(json.dumps(config.to_dict()))
    parts = {"model": ModelConfig, "objective": ObjectiveConfig, "train": TrainConfig}
    assert stored.keys() == parts.keys()
    assert Config(**{key: from_dict(parts[key], stored[key]) for key in parts}) == config


@pytest.mark.parametrize("name", BOUNDED)
def test_bounds_themselves_are_allowed_and_no_more(name: str) -> None:
    low, high = fields()[name].metadata["low"], fields()[name].metadata["high"]
    step = 1e-6 if TYPES[name] is float else 1
    wrap = (lambda x: (1, x)) if TYPES[name] == WHOLE else (lambda x: x)
    for value in (low, high):
        assert flat(configure(settings={name: wrap(value)}))[name] == wrap(value)
    for value in (low - step, high + max(step, 1e-6 * high)):
        value = value if TYPES[name] is float else int(value)
        with pytest.raises(ConfigError, match=rf"^{name} is .*; expected {low} to {high}$"):
            configure(settings={name: wrap(value)})


NO_NUMBERS: list[Any] = [
    True, False, None, "", "three", "nan", "inf", math.nan, math.inf, -math.inf, [1], {}, "1;2",
    10**400, -(10**400), "9" * 5000, b"1",
]  # fmt: skip
NOT_WHOLE = [5, None, True, "1,,2", "1 2", "a", [1.0], [True], [[1]], ["1", None], [0], [10**9]]
WHOLES = [name for name in NUMBERS if TYPES[name] is int]


@pytest.mark.parametrize(
    ("names", "values", "says"),
    [
        (NUMBERS, NO_NUMBERS, ""),
        (WHOLES, [2.0, 2.5, "2.0", "1e2", "0x10"], r".*; expected int$"),
        (["dilations", "label_sizes"], NOT_WHOLE, ".*; expected "),
        (["tied"], [0, 1, 2, 0.0, None, "", "2", "maybe", [True]], r".*; expected bool$"),
        (CHOICES, ["", "LAYER", "no such", 1, None, True, ["layer"]], ""),
    ],
    ids=["numbers", "whole", "lists", "switches", "choices"],
)
def test_values_of_a_wrong_type(names: list[str], values: list[Any], says: str) -> None:
    for name in names:
        for value in values:
            with pytest.raises(ConfigError, match=f"^{name} is {says}"):
                configure(settings={name: value})


def test_dilations_may_not_be_empty() -> None:
    with pytest.raises(ConfigError, match="dilations is empty"):
        configure(settings={"dilations": []})
    assert configure(settings={"label_sizes": []}).model.label_sizes == ()


REGISTRIES: dict[str, Any] = {"kind": MODELS, "prior": PRIORS}
REGISTRIES |= dict.fromkeys(("beta_schedule", "lr_schedule"), SCHEDULES)


@pytest.mark.parametrize("key", REGISTRIES)
def test_what_is_registered_can_be_chosen_by_its_name(key: str) -> None:
    assert fields()[key].metadata["among"] == tuple(REGISTRIES[key])
    for name in REGISTRIES[key]:
        assert flat(configure(settings={key: name, "label_sizes": (3,)}))[key] == name


@pytest.mark.parametrize("preset", ["", "Base", "no such", "seed "])
@pytest.mark.parametrize("before", ["", "small,"])
def test_an_unknown_preset(before: str, preset: str) -> None:
    known = ", ".join(sorted(PRESETS))
    with pytest.raises(ConfigError, match=f"^no preset {preset!r}; there are {known}$"):
        configure(before + preset)


def test_presets_compose_and_the_later_overrules() -> None:
    composed = {**flat(Config()), **PRESETS["small"], **PRESETS["cluster"]}
    assert flat(configure("small,cluster")) == composed
    assert configure("small,cluster").model.latent_dim == 16
    assert configure("cluster,small").model.latent_dim == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"passes": (2, 8)}, "passes lacks 1"),
        ({"iw_samples": 2, "free_bits": 0.1}, "iw_samples above 1 .* set free_bits and capacity"),
        ({"iw_samples": 2, "capacity": 5}, "iw_samples above 1 .* set free_bits and capacity"),
        ({"free_bits": 0.1, "capacity": 5}, "free_bits and capacity .* set one of them"),
        ({"free_bits": 0.1, "gradient": "path"}, "need a KL in closed form: set gradient=standard"),
        ({"free_bits": 0.1, "gradient": "dreg"}, "need a KL in closed form"),
        ({"free_bits": 0.1, "prior": "mixture"}, "closed form: .* prior=normal or label"),
        ({"capacity": 5, "gradient": "path"}, "need a KL in closed form"),
        ({"capacity": 5, "prior": "mixture"}, "need a KL in closed form"),
        ({"sample": False}, "an autoencoder .* has no KL: set beta=0"),
        ({"sample": False, "beta": 0, "iw_samples": 2}, "an autoencoder .* has no KL"),
        ({"sample": False, "beta": 0, "capacity": 5}, "an autoencoder .* has no KL"),
        ({"kind": "vqvae", "iw_samples": 2}, "a VQ-VAE has one code"),
        ({"kind": "vqvae", "free_bits": 0.1}, "a VQ-VAE has one code"),
        ({"kind": "vqvae", "prior": "mixture"}, "a VQ-VAE has one code .* prior=normal"),
    ],
)
def test_settings_that_exclude_each_other(changes: dict[str, Any], message: str) -> None:
    assert excluded({**flat(Config()), **changes})
    with pytest.raises(ConfigError, match=message):
        configure(settings=changes)


def test_settings_that_look_alike_are_allowed() -> None:
    configure(settings={"iw_samples": 2, "gradient": "dreg"})
    configure(settings={"sample": False, "beta": 0, "sparsity": 1})
    configure(settings={"kind": "vqvae", "capacity": 5})
    configure(settings={"free_bits": 0.1, "prior": "label"})
    configure("small,cluster", {"gradient": "path"})
    configure(settings={"kind": "autoregressive", "sample": False})


@pytest.mark.parametrize("name", ["", "beta ", "Beta", "model", "model.beta", "__class__", "seed"])
def test_an_unknown_setting(name: str) -> None:
    if name != "seed":  # which another part has
        with pytest.raises(ConfigError, match=r"no setting .* there are .*beta"):
            configure(settings={name: 1})
    with pytest.raises(ConfigError, match=rf"ObjectiveConfig has no '{name}'.*beta_warmup"):
        from_dict(ObjectiveConfig, {name: 1})
    unnamed: list[Any] = [None, [], "beta", 3, [("beta", 1)]]
    for values in unnamed:
        with pytest.raises(ConfigError, match="expected settings by name"):
            from_dict(ObjectiveConfig, values)
    assert from_dict(ObjectiveConfig, {"beta": 2}) == ObjectiveConfig(beta=2.0)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(sorted(fields())), ANYTHING)
@settings(deadline=None, max_examples=300)
def test_any_value_is_within_bounds_or_an_error(name: str, value: object) -> None:
    try:
        read = flat(configure(settings={name: value}))[name]
    except ConfigError:
        return
    low, high, among = (fields()[name].metadata[key] for key in ("low", "high", "among"))
    assert isinstance(read, tuple if TYPES[name] == WHOLE else TYPES[name])
    assert not among or read in among
    for number in read if isinstance(read, tuple) else (read,):
        assert low is None or low <= number <= high


def test_every_preset_builds_at_full_width() -> None:
    with torch.device("meta"):
        models = {
            name: build(configure(name, {"vocab_size": 6000, "max_len": 10}).model)
            for name in PRESETS
        }
    sizes = {name: model.num_parameters() for name, model in models.items()}
    members = {"ae", "sparse-ae", "vq", "cluster", "iwae", "infill", "few", "tune"}
    assert sorted(sizes.keys() - members, key=lambda name: sizes[name]) == [
        *("tiny", "seed", "small", "ar", "base", "poet", "ar-large", "large"),
    ]
    for name in members:
        assert sizes[name] == pytest.approx(sizes["base"], rel=0.25), name
    assert sizes["ar"] == pytest.approx(sizes["base"], rel=0.06)  # a fair baseline
    assert sizes["ar-large"] == pytest.approx(sizes["large"], rel=0.06)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_a_step(preset: str) -> None:
    torch.manual_seed(0)
    widths = {name: PRESETS[preset].get(name, 256) // 8 for name in ("embed_dim", "d_model")}
    config = configure(preset, {"vocab_size": 12, "max_len": 6, **widths})
    model = build(config.model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    mask = torch.arange(6) < torch.tensor([[6], [4]])
    batch = Batch(torch.randint(5, 12, (2, 6)), mask)
    metrics = update(model, make_optimizer(model, config.train), [Slice(batch)], config, 0.5)
    assert torch.isfinite(metrics).all()
    same = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
    # What brings in observed characters waits for some to be observed.
    assert {name for name in same if not name.startswith("decoder.observe.")} == set()


def test_seed_is_trained_as_published() -> None:
    config = configure("seed")
    objective, train = config.objective, config.train
    for progress in (0.0, 0.01, 0.5, 1.0):
        assert SCHEDULES[objective.beta_schedule](progress, objective.beta_warmup) == 1
        assert SCHEDULES[train.lr_schedule](progress, train.lr_warmup) == 1
    assert (objective.beta, objective.free_bits) == (1, 0)
    assert (train.learning_rate, train.batch_size, train.clip_norm, train.ema) == (1e-3, 64, 0, 0)


def test_seed_steps_are_those_of_adam() -> None:
    torch.manual_seed(0)
    config = configure("seed", {"vocab_size": 12, "max_len": 6})
    ours, theirs = VAE(config.model), VAE(config.model)
    theirs.load_state_dict(ours.state_dict())
    optimizer = make_optimizer(ours, config.train)
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    batch = Batch.whole(torch.randint(5, 12, (4, 6)))
    for step in range(3):
        update(ours, optimizer, [Slice(batch, seed=step)], config, step / 3)
        torch.manual_seed(step)
        draw = theirs(batch)
        adam.zero_grad()
        (draw.nll[0] + draw.posterior.kl()).mean().backward()
        adam.step()
    for a, e in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, e, atol=1e-6, rtol=1e-4)


VOCAB, LENGTH = 23, 10


# The maps of the published demo by our names, each with a bias; a dense map is (out, in).
BLOCKS = ("encoder.body.blocks.0", "encoder.body.blocks.1", "decoder.body.blocks.0")
MAPS: dict[str, tuple[int, ...]] = {
    **{f"{block}.gated.conv": (128, 64, 3) for block in BLOCKS},
    **dict.fromkeys(("mean", "logvar"), (64, 64)),
    "decoder.heads": (LENGTH * 64, 64),
}
PUBLISHED = {
    **{f"{name}.weight": shape for name, shape in MAPS.items()},
    **{f"{name}.bias": shape[:1] for name, shape in MAPS.items()},
    **dict.fromkeys(("embedding.weight", "decoder.softmax.weight"), (VOCAB, 64)),
    "decoder.bias": (VOCAB,),
}


def residual_gated(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Keras: x + y[:, :, :64] * sigmoid(y[:, :, 64:]), y the convolution of width 3, "same"."""
    y = F.conv1d(x, w[f"{name}.gated.conv.weight"], w[f"{name}.gated.conv.bias"], padding="same")
    return x + y[:, :64] * torch.sigmoid(y[:, 64:])


def test_seed_is_the_published_architecture() -> None:
    torch.manual_seed(0)
    config = configure("seed", {"vocab_size": VOCAB, "max_len": LENGTH})
    model = VAE(config.model).double()
    w = {name: p.detach() for name, p in model.named_parameters()}
    assert {name: tuple(p.shape) for name, p in w.items()} == PUBLISHED
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)

    tokens, z = torch.randint(0, VOCAB, (4, LENGTH)), torch.randn(4, 64, dtype=torch.double)
    x = w["embedding.weight"][tokens].transpose(1, 2)
    for i in range(2):
        x = residual_gated(w, f"encoder.body.blocks.{i}", x)
    pooled = x.sum(dim=2) / LENGTH
    mean = pooled @ w["mean.weight"].T + w["mean.bias"]
    logvar = pooled @ w["logvar.weight"].T + w["logvar.bias"]
    h = (z @ w["decoder.heads.weight"].T + w["decoder.heads.bias"]).reshape(4, LENGTH, 64)
    h = residual_gated(w, "decoder.body.blocks.0", h.transpose(1, 2)).transpose(1, 2)
    logits = h @ w["decoder.softmax.weight"].T + w["decoder.bias"]

    posterior = model.encode(Batch.whole(tokens))
    assert isinstance(posterior, DiagonalGaussian)
    torch.testing.assert_close(posterior.mean, mean.float())
    torch.testing.assert_close(posterior.logvar, logvar.float())
    torch.testing.assert_close(model.decode(z), logits)

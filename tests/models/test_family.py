"""One table of properties, which every member of the family has, whatever its settings."""

from __future__ import annotations

import contextlib
import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from poetvae.checkpoints import model_folder as checkpoint
from poetvae.checkpoints.card import model_card
from poetvae.checkpoints.model_folder import Saved, load_folder, load_state, save_folder
from poetvae.config import MODELS, configure
from poetvae.data.dataset import Batch, corrupt
from poetvae.errors import ConfigError
from poetvae.latent.paths import variations
from poetvae.models import VQVAE, LatentSample, TextModel, build, evaluating
from poetvae.models.bounds import iwae, log_weights
from poetvae.text.codec import PoemCodec
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import trainer
from poetvae.training.loss import objective
from poetvae.training.step import Slice, make_optimizer, update

TOKENIZER = PoemTokenizer.train(["山月臨窗白溪"])
CODEC = PoemCodec(TOKENIZER, 6, {}, {"dynasty": ("tang", "song")})
MASK, T, V = TOKENIZER.mask_id, 6, len(TOKENIZER)
TINY: dict[str, Any] = {
    "embed_dim": 5,
    "d_model": 6,
    "latent_dim": 3,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "pooling_heads": 2,
    "components": 3,
    "codebook_size": 8,
    "code_dim": 4,
    "prior_layers": 1,
    "batch_size": 8,
    "learning_rate": 2e-2,
    "precision": "fp32",
}
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "vae": ("base", {}),
    "mixture": ("cluster", {}),
    "label": ("base", {"prior": "label"}),
    "autoencoder": ("ae", {}),
    "sparse": ("sparse-ae", {}),
    "vqvae": ("vq", {}),
    "autoregressive": ("ar", {"dropout": 0.0}),
    "infill": ("infill", {}),
    "few": ("few", {"passes": "1,3"}),
    "iwae": ("iwae", {}),
}
SIZES = {"vocab_size": V, "max_len": T, "label_sizes": (3,)}
FAMILY = {
    name: configure(preset, {**SIZES, **TINY, **changes})
    for name, (preset, changes) in PRESETS.items()
}
family = pytest.mark.parametrize("name", FAMILY)
latent = pytest.mark.parametrize("name", [name for name in FAMILY if name != "autoregressive"])
LENGTHS = (6, 3, 1, 4)
Changes = dict[str, Any]
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "embed_dim": st.just(6),
        "decoder_layers": st.integers(0, 3),
        "kernel_size": st.integers(1, 4),
        "dilations": st.sampled_from([(1,), (2, 1), (7,)]),
        "norm": st.just("none"),
        "pooling": st.sampled_from(["mean", "mean+max"]),
        "residual_scale": st.just(0.7),
        "positions": st.just(False),
        "inject": st.just(False),
        "tied": st.just(False),
        "observe": st.just(0.5),
        "label_sizes": st.just(()),
        "by_length": st.just(True),
    },
)
varied = settings(deadline=None, max_examples=12)


def make(name: str, changes: Changes | None = None) -> TextModel:
    """A model in evaluation whose weights are large enough for everything to be seen."""
    torch.manual_seed(0)
    config = FAMILY[name].model
    kept = {**(changes or {}), **({"label_sizes": (3,)} if name == "label" else {})}
    model = build(replace(config, **kept)).eval()
    for p in model.parameters():
        if p.requires_grad or name != "vqvae":
            nn.init.normal_(p, std=0.4)
    return model


def poems(model: TextModel, lengths: tuple[int, ...] = LENGTHS) -> Batch:
    """Poems of these lengths, with the labels of the model, and with anything in the padding."""
    n, labelled = len(lengths), bool(model.config.label_sizes)
    tokens = torch.randint(5, V, (n, T))
    mask = torch.arange(T) < torch.tensor(lengths).unsqueeze(1)
    return Batch(tokens, mask, torch.randint(1, 3, (n, 1)) if labelled else None)


def mode(model: TextModel, batch: Batch) -> Tensor:
    return model.latent.encode(batch).mode


def nll(model: TextModel, batch: Batch) -> Tensor:
    """Of each poem, without noise: z the mode of its posterior."""
    if not model.has_latent:
        return model.causal.nll(batch)
    return model.latent.nll(mode(model, batch), batch)


def part(batch: Batch, rows: list[int]) -> Batch:
    labels = None if batch.labels is None else batch.labels[rows]
    return Batch(batch.tokens[rows], batch.mask[rows], labels)


@family
@given(CHANGES)
@varied
def test_neither_padding_nor_other_poems_change_a_poem(name: str, changes: Changes) -> None:
    model = make(name, changes)
    batch = poems(model)
    whole = nll(model, batch)
    filled = replace(batch, tokens=torch.where(batch.mask, batch.tokens, 0))
    torch.testing.assert_close(nll(model, filled), whole)
    for i, length in enumerate(LENGTHS):
        alone = part(batch, [i])
        torch.testing.assert_close(nll(model, alone), whole[[i]], atol=1e-5, rtol=1e-4)
        cut = Batch.whole(alone.tokens[:, :length], alone.labels)
        torch.testing.assert_close(nll(model, cut), whole[[i]], atol=1e-5, rtol=1e-4)
        if model.has_latent:
            expected = mode(model, batch)[[i]]
            torch.testing.assert_close(mode(model, cut), expected, atol=1e-5, rtol=1e-4)


@family
def test_labels_matter_and_may_be_unknown(name: str) -> None:
    model = make(name)
    batch = replace(part(poems(model), [0, 0, 0]), labels=torch.tensor([[0], [1], [2]]))
    assert len(set(nll(model, batch).tolist())) == 3
    absent = nll(model, replace(batch, labels=None))
    assert torch.isfinite(absent).all()
    torch.testing.assert_close(absent, absent[0].expand(3))


@family
def test_shapes_of_a_draw(name: str) -> None:
    model = make(name)
    batch = poems(model)
    draw = model(batch, samples=3)
    sampled = model.bound_name(3) == "IWAE-3"
    d = model.latent.latent_dim if model.has_latent else 0
    assert draw.nll.shape == (3 if sampled else 1, 4)
    assert draw.z.shape == (*draw.nll.shape, d)
    assert (draw.posterior is None) == (name == "autoregressive")
    assert (draw.commitment is not None) == (name == "vqvae")
    assert (draw.prior is None) == (name in ("autoencoder", "sparse", "autoregressive"))
    if draw.prior is not None:
        assert draw.prior.log_prob(draw.z).shape == draw.nll.shape
        assert draw.posterior.log_prob(draw.z).shape == draw.nll.shape
    for z, found in zip(draw.z, draw.nll, strict=True):
        expected = model.latent.nll(z, batch) if model.has_latent else nll(model, batch)
        torch.testing.assert_close(found, expected)
    terms = objective(draw, FAMILY[name].objective)
    assert terms.nll.shape == terms.kl.shape == terms.loss.shape == (4,)


@latent
def test_shapes_of_the_latent(name: str) -> None:
    model = make(name).latent
    d = 12 if name == "vqvae" else 3  # three codes of four numbers
    assert model.latent_dim == d
    assert mode(model, poems(model)).shape == (4, d)
    assert model.encode(replace(poems(model), labels=None)).sample().shape == (4, d)
    for labels in (None, torch.tensor([[0], [1], [2]])):
        z = model.prior(3, labels).sample(torch.Generator().manual_seed(0))
        assert z.shape == (3, d)
        assert model.prior(3, labels).log_prob(z).shape == (3,)
        assert model.decode(z, labels=labels).shape == (3, T, V)
        again = model.prior(3, labels).sample(torch.Generator().manual_seed(0))
        assert torch.equal(z, again)


@family
def test_a_model_answers_for_itself(name: str) -> None:
    model, few = make(name), name == "few"
    bounds = {"vqvae": "ELBO", "autoregressive": "exact", "autoencoder": "none", "sparse": "none"}
    assert model.bound_name(5) == bounds.get(name, "IWAE-5")
    assert model.has_bound == (model.bound_name(1) != "none")
    assert model.pass_choices == ((1, 3) if few else ())
    assert model.check_passes(None) == (3 if few else 1)
    often = {"few": 3, "vqvae": 1 + 3, "autoregressive": T}
    assert model.network_passes() == often.get(name, 1)
    if name == "autoregressive":
        assert (model.has_latent, model.causal) == (False, model)
        with pytest.raises(ConfigError, match="has no latent space; give a VAE"):
            _ = model.latent
        with pytest.raises(ConfigError, match="a pass a character; leave out passes"):
            model.check_passes(1)
    else:
        assert (model.has_latent, model.latent) == (True, model)
        with pytest.raises(ConfigError, match="no autoregressive model; train one with"):
            _ = model.causal
        with pytest.raises(ConfigError, match="passes is 0; expected at least 1"):
            model.check_passes(0)
        assert model.check_passes(7) == 7  # it is for `decode` to say that it did not learn that
    z = torch.randn(5, model.latent.latent_dim) if model.has_latent else torch.zeros(5, 0)
    used = {
        "vqvae": {"mutual_information", "codes_used", "codebook_perplexity"},
        "mixture": {"cluster_perplexity"},
    }
    assert model.usage(z).keys() == used.get(name, set())
    assert (model.components_of(z) is not None) == (name == "mixture")
    kinds = {"vqvae": "VQ-VAE with 8 codes", "autoregressive": "causal language model"}
    kinds |= dict.fromkeys(("autoencoder", "sparse"), "text autoencoder with 3 latent dimensions")
    manners = {"few": "in 3 passes of its decoder", "autoregressive": "one character after the o"}
    card = model_card(model, CODEC, "")
    assert kinds.get(name, "text variational autoencoder with 3 latent dimensions") in card
    assert f"It writes {manners.get(name, 'all characters at once')}" in card


@family
def test_a_score_is_the_bound_by_its_samples(name: str) -> None:
    model = make(name)
    batch = poems(model)
    score = model.score(batch, 3, torch.Generator().manual_seed(1))
    assert score.recon.shape == score.kl.shape == score.bound.shape == (4,)
    if not model.has_latent:
        assert score.posterior is None
        assert not score.kl.any()
        torch.testing.assert_close(score.bound, nll(model, batch))
        return
    draw = model.latent.sample_posterior(batch, 3, torch.Generator().manual_seed(1))
    assert len(draw.nll) == (3 if model.bound_name(3) == "IWAE-3" else 1)
    torch.testing.assert_close(score.bound, -iwae(log_weights(draw)))
    torch.testing.assert_close(score.recon, draw.nll[0])
    expected = model.latent.nll(draw.z[-1], batch, model.latent.passes)
    torch.testing.assert_close(draw.nll[-1], expected)


@family
@given(CHANGES, st.lists(st.integers(1, T), min_size=1, max_size=3), st.booleans())
@varied
def test_nll_is_the_cross_entropy_of_the_logits_of_what_is_not_given(
    name: str, changes: Changes, lengths: list[int], training: bool
) -> None:
    model = make(name, changes)
    batch = poems(model, tuple(lengths))
    hidden = batch.mask
    if model.has_latent and model.config.observe:
        shown = torch.arange(T) % 2 == 0
        batch = replace(batch, observed=torch.where(shown, batch.tokens, MASK))
        hidden = hidden & ~shown
    if model.has_latent:
        z, labels = mode(model, batch), batch.labels
        logits = model.latent.decode(z, batch.observed, labels, mask=batch.mask)
    else:
        logits = model.causal.decode(batch.tokens, batch.labels)
    assert logits.shape == (len(lengths), T, V)
    by_place = F.cross_entropy(logits.transpose(1, 2), batch.tokens, reduction="none")
    with torch.set_grad_enabled(training):
        found = nll(model, batch)
    assert found.requires_grad == training
    torch.testing.assert_close(found, (by_place * hidden).sum(dim=1), atol=1e-5, rtol=1e-4)


@family
@pytest.mark.parametrize("training", [True, False])
def test_forward_is_determined_by_the_seed(name: str, training: bool) -> None:
    batch = poems(make(name))

    def drawn() -> LatentSample:
        model = make(name).train(training)
        torch.manual_seed(5)
        draw: LatentSample = model(batch)
        return draw

    one, again = drawn(), drawn()
    assert torch.equal(one.nll, again.nll)
    assert torch.equal(one.z, again.z)


@family
@given(CHANGES)
@varied
def test_every_parameter_is_counted_once_and_learns(name: str, changes: Changes) -> None:
    config = FAMILY[name]
    if config.model.observe or "observe" in changes:  # what is shown tells of its neighbours alone
        changes = {**changes, "kernel_size": 3, "dilations": (1,), "decoder_layers": 1}
    model = make(name, changes).train()
    assert "embedding.weight" in dict(model.named_parameters())
    shared = {p.data_ptr(): p.numel() for p in model.state_dict().values()}
    assert model.num_parameters() == sum(shared.values())
    batch, _ = corrupt(poems(model, (6,) * 24), MASK, observe=bool(model.config.observe))
    passes = max(config.model.passes, default=1)
    draw = model(batch, passes=passes, samples=config.objective.iw_samples)
    torch.autograd.backward(objective(draw, config.objective).loss.mean())
    for key, p in model.named_parameters():
        if p.requires_grad:
            assert p.grad is not None, key
            assert p.grad.abs().sum() > 0, key
            assert torch.isfinite(p.grad).all(), key


@family
def test_thirty_steps_lower_the_loss(name: str) -> None:
    torch.manual_seed(0)
    config = FAMILY[name]
    model = build(config.model)
    batch, optimizer = poems(model, (6,) * 8), make_optimizer(model, config.train)
    losses = [float(update(model, optimizer, [Slice(batch)], config, 0.5)[2]) for _ in range(30)]
    assert all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@family
def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    model = make(name)
    batch = poems(model)
    save_folder(tmp_path / "model", Saved(model, CODEC), "A card.\n")
    loaded = load_folder(tmp_path / "model")
    assert loaded.model.config == model.config
    assert loaded.codec.to_dict() == CODEC.to_dict()
    assert type(loaded.model) is type(model)
    torch.testing.assert_close(nll(loaded.model, batch), nll(model, batch), rtol=0, atol=0)


def test_every_kind_is_built_and_has_a_member_here() -> None:
    built = {config.model.kind: type(build(config.model)) for config in FAMILY.values()}
    assert {kind: found.__name__ for kind, found in built.items()} == {
        kind: path.split(".")[1] for kind, path in MODELS.items()
    }


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_leaves_the_mode_as_it_was(training: bool) -> None:
    model = make("vae").train(training)
    with contextlib.suppress(KeyError), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert {module.training for module in model.modules()} == {training}


# What a vector of codes is worth, by enumeration


@pytest.fixture(scope="module")
def enumerated() -> tuple[VQVAE, Tensor]:
    """A model of two codes out of eight for four positions, and every pair of codes."""
    torch.manual_seed(3)
    config = replace(FAMILY["vqvae"].model, max_len=4, label_sizes=(), codebook_size=8)
    model = build(config).eval()
    assert isinstance(model, VQVAE)
    for p in (*model.code_prior.parameters(), *model.decoder.parameters()):
        nn.init.normal_(p, std=0.4)
    return model, torch.tensor(list(itertools.product(range(8), repeat=2)))


@torch.no_grad()
def test_the_prior_over_codes_sums_to_at_most_one(enumerated: tuple[VQVAE, Tensor]) -> None:
    model, codes = enumerated
    z = model.vectors(codes)
    assert z.shape == (64, 8)
    assert torch.equal(model.codes(z), codes)
    total = model.prior(64).log_prob(z).double().exp().sum()
    assert 0.3 < total < 1, "the rest goes to the token that stands before the first code"


@torch.no_grad()
def test_codes_give_a_lower_bound(enumerated: tuple[VQVAE, Tensor]) -> None:
    model, codes = enumerated
    z = model.vectors(codes)
    for poem in torch.randint(5, V, (6, 4)):
        batch = Batch.whole(poem.unsqueeze(0))
        terms = objective(model(batch), FAMILY["vqvae"].objective)
        joint = model.prior(64).log_prob(z) - model.nll(z, batch.repeat(64))
        log_p = joint.logsumexp(dim=0)
        assert (terms.nll + terms.kl).item() >= -log_p.item()
        (own,) = model.codes(mode(model, batch))
        (place,) = (codes == own).all(dim=1).nonzero().flatten().tolist()
        torch.testing.assert_close(terms.elbo[0], joint[place], atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_codes_are_drawn_as_their_prior_says(enumerated: tuple[VQVAE, Tensor]) -> None:
    model, codes = enumerated
    n = 20_000
    drawn = model.codes(model.prior(n).sample(torch.Generator().manual_seed(0)))
    share = torch.bincount(drawn[:, 0] * 8 + drawn[:, 1], minlength=64) / n
    p = model.prior(64).log_prob(model.vectors(codes)).exp().view(8, 8)
    # The token that stands before is never drawn: each code among the codes alone.
    first = p.sum(dim=1, keepdim=True)
    expected = (p / first) * (first / first.sum())
    error = 5 * (expected / n).sqrt() + 0.02
    assert ((share.view(8, 8) - expected).abs() < error).all()


# Runs


@pytest.mark.parametrize("name", ["vqvae", "mixture", "autoregressive"])
def test_a_resumed_run_is_the_same_bit_for_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "couplets.txt"
    chars = [[chr(0x4E00 + (i * i + 7 * j) % 31) for j in range(10)] for i in range(60)]
    lines = ["".join([*c[:5], "，", *c[5:], "。"]) for c in chars]
    corpus.write_text("\n\n".join(lines), encoding="utf-8")
    options: dict[str, Any] = {
        "preset": PRESETS[name][0],
        "settings": {**TINY, "held_out": 0.2, "min_count": 1, "validate_every": 4, "ema": 0.9},
        "forms": ["5x2"],
        "quiet": True,
    }
    trainer.train([corpus], tmp_path / "whole", steps=8, **options)

    class StoppedError(Exception):
        pass

    saved = checkpoint.save_checkpoint

    def stop(*arguments: Any) -> None:
        saved(*arguments)
        raise StoppedError

    monkeypatch.setattr(trainer, "save_checkpoint", stop)
    with pytest.raises(StoppedError):
        trainer.train([corpus], tmp_path / "halved", steps=8, **options)
    monkeypatch.undo()
    trainer.train(out=tmp_path / "halved", resume=True, quiet=True)
    for file in ("model.safetensors", "checkpoints/step-8/model.safetensors"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "halved" / file).read_bytes()
    one, other = (load_state(tmp_path / run / "checkpoints/step-8") for run in ("whole", "halved"))
    assert one.keys() == other.keys()
    assert one["step"] == other["step"] == 8
    assert one["model"].keys() == other["model"].keys()
    for key, value in one["model"].items():
        assert torch.equal(value, other["model"][key]), key


def test_a_point_has_nothing_around_it() -> None:
    model = make("autoencoder")
    with pytest.raises(ConfigError, match="is a point; give a VAE"):
        variations(model.latent, poems(model, (4,)), 2, 1.0, torch.Generator())


def test_abstract_networks_do_not_import_the_compiler() -> None:
    """A network without memory is built to check a file's shapes; that has to be quick."""
    code = """
import sys, torch
from poetvae.config import configure
from poetvae.models import build
for preset in ("few", "seed", "small,vq", "small,cluster", "ar"):
    config = configure(preset, {"vocab_size": 10, "max_len": 4, "observe": 0.5}).model
    with torch.device("meta"):
        abstract = build(config)
    shapes = [(p.shape, p.is_meta) for p in abstract.parameters()]
    assert shapes == [(p.shape, True) for p in build(config).parameters()]
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)

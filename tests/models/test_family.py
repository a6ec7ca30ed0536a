"""One table of properties, which every member of the family has."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poetvae.checkpoints import model_folder as checkpoint
from poetvae.checkpoints.model_folder import Saved, load_folder, load_state, save_folder
from poetvae.config import configure
from poetvae.data.dataset import Batch, corrupt
from poetvae.errors import ConfigError
from poetvae.latent.paths import variations
from poetvae.models import VAE, VQVAE, Autoregressive, LatentModel, LatentSample, Model, build
from poetvae.nn import DiagonalGaussian, Mixture
from poetvae.text.codec import PoemCodec
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import trainer
from poetvae.training.loss import objective
from poetvae.training.step import Slice, make_optimizer, update

TOKENIZER = PoemTokenizer.train(["山月臨窗白溪"])
CODEC = PoemCodec(TOKENIZER, 6, {}, {"dynasty": ("tang", "song")})
MASK, T, V = TOKENIZER.mask_id, 6, len(TOKENIZER)
TINY: dict[str, Any] = {
    "vocab_size": V,
    "max_len": T,
    "label_sizes": (3,),
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
    "autoregressive": ("ar", {"dropout": 0.0, "encoder_layers": 1}),
    "infill": ("infill", {}),
    "few": ("few", {"passes": "1,3"}),
    "iwae": ("iwae", {}),
}
FAMILY = {
    name: configure(preset, {**TINY, **changes}) for name, (preset, changes) in PRESETS.items()
}
family = pytest.mark.parametrize("name", FAMILY)
latent = pytest.mark.parametrize("name", [name for name in FAMILY if name != "autoregressive"])
LENGTHS = (6, 3, 1, 4)


def make(name: str, seed: int = 0) -> Model:
    """A model in evaluation whose weights are large enough for everything to be seen."""
    torch.manual_seed(seed)
    model = build(FAMILY[name].model).eval()
    for p in model.parameters():
        if p.requires_grad or name != "vqvae":
            nn.init.normal_(p, std=0.4)
    return model


def poems(lengths: tuple[int, ...] = LENGTHS) -> Batch:
    """Poems of these lengths, with labels, and with anything in the padding."""
    tokens = torch.randint(5, V, (len(lengths), T))
    mask = torch.arange(T) < torch.tensor(lengths).unsqueeze(1)
    return Batch(tokens, mask, torch.randint(1, 3, (len(lengths), 1)))


def mode(model: LatentModel, batch: Batch) -> Tensor:
    return model.encode(batch.tokens, batch.mask, batch.labels).mode


def nll(model: Model, batch: Batch) -> Tensor:
    """Of each poem, without noise: z the mode of its posterior."""
    if isinstance(model, Autoregressive):
        return model.nll(batch.tokens, batch.mask, batch.labels)
    return model.nll(mode(model, batch), batch.tokens, batch.mask, labels=batch.labels)


def part(batch: Batch, rows: list[int]) -> Batch:
    assert batch.labels is not None
    return Batch(batch.tokens[rows], batch.mask[rows], batch.labels[rows])


@family
def test_neither_padding_nor_other_poems_change_a_poem(name: str) -> None:
    model, batch = make(name), poems()
    whole = nll(model, batch)
    filled = Batch(torch.where(batch.mask, batch.tokens, 0), batch.mask, batch.labels)
    torch.testing.assert_close(nll(model, filled), whole)
    for i in range(len(batch)):
        alone = part(batch, [i])
        torch.testing.assert_close(nll(model, alone), whole[[i]], atol=1e-5, rtol=1e-4)
        if isinstance(model, LatentModel):
            assert alone.labels is not None
            length = LENGTHS[i]
            cut = model.encode(alone.tokens[:, :length], alone.mask[:, :length], alone.labels)
            torch.testing.assert_close(cut.mode, mode(model, batch)[[i]], atol=1e-5, rtol=1e-4)


@family
def test_labels_matter_and_may_be_unknown(name: str) -> None:
    model, batch = make(name), part(poems(), [0, 0, 0])
    found = nll(model, Batch(batch.tokens, batch.mask, torch.tensor([[0], [1], [2]])))
    assert len(set(found.tolist())) == 3
    absent = nll(model, Batch(batch.tokens, batch.mask, None))
    assert torch.isfinite(absent).all()
    torch.testing.assert_close(absent, absent[0].expand(3))


@family
def test_shapes_of_a_draw(name: str) -> None:
    model, batch = make(name), poems()
    draw = model(batch.tokens, batch.mask, batch.labels, samples=3)
    sampled = isinstance(model, VAE) and model.has_bound
    d = model.latent_dim if isinstance(model, LatentModel) else 0
    assert draw.nll.shape == (3 if sampled else 1, 4)
    assert draw.z.shape == (*draw.nll.shape, d)
    assert (draw.posterior is None) == isinstance(model, Autoregressive)
    assert (draw.commitment is not None) == isinstance(model, VQVAE)
    assert (draw.prior is None) == (name in ("autoencoder", "sparse", "autoregressive"))
    if draw.prior is not None:
        assert draw.prior.log_prob(draw.z).shape == draw.nll.shape
        assert draw.posterior is not None
        assert draw.posterior.log_prob(draw.z).shape == draw.nll.shape
    terms = objective(draw, FAMILY[name].objective)
    assert terms.nll.shape == terms.kl.shape == terms.loss.shape == (4,)


@latent
def test_shapes_of_the_latent(name: str) -> None:
    model, batch = make(name), poems()
    assert isinstance(model, LatentModel)
    d = 12 if isinstance(model, VQVAE) else 3  # three codes of four numbers
    assert model.latent_dim == d
    assert mode(model, batch).shape == (4, d)
    assert model.encode(batch.tokens, batch.mask).sample().shape == (4, d)
    for labels in (None, torch.tensor([[0], [1], [2]])):
        z = model.prior(3, labels).sample(torch.Generator().manual_seed(0))
        assert z.shape == (3, d)
        assert model.prior(3, labels).log_prob(z).shape == (3,)
        assert model.decode(z, labels=labels).shape == (3, T, V)
        again = model.prior(3, labels).sample(torch.Generator().manual_seed(0))
        assert torch.equal(z, again)


def test_kinds_of_priors() -> None:
    kinds = {}
    for name in ("vae", "mixture", "label", "infill", "few"):
        model = make(name)
        assert isinstance(model, VAE)
        kinds[name] = type(model.prior(2))
    assert kinds.pop("mixture") is Mixture
    assert set(kinds.values()) == {DiagonalGaussian}
    model = make("label")
    assert isinstance(model, VAE)
    labels = torch.tensor([[0], [1], [2]])
    prior = model.prior(3, labels)
    assert isinstance(prior, DiagonalGaussian)
    assert model.prior_mean is not None
    torch.testing.assert_close(prior.mean, model.prior_mean(labels))
    assert not prior.logvar.any()
    with pytest.raises(ConfigError, match="prior=label needs labels: train with --label"):
        build(replace(FAMILY["label"].model, label_sizes=()))


@family
def test_has_bound(name: str) -> None:
    model = make(name)
    if isinstance(model, LatentModel):
        assert model.has_bound == (name not in ("autoencoder", "sparse"))


@family
def test_nll_is_the_cross_entropy_of_the_logits(name: str) -> None:
    model, batch = make(name), poems()
    if isinstance(model, Autoregressive):
        logits = model.decode(batch.tokens, batch.labels)
    else:
        logits = model.decode(mode(model, batch), labels=batch.labels)
    by_place = F.cross_entropy(logits.transpose(1, 2), batch.tokens, reduction="none")
    expected = (by_place * batch.mask).sum(dim=1)
    torch.testing.assert_close(nll(model, batch), expected, atol=1e-5, rtol=1e-4)


@family
def test_forward_is_determined_by_the_seed(name: str) -> None:
    batch = poems()

    def drawn(training: bool) -> LatentSample:
        model = make(name).train(training)
        torch.manual_seed(5)
        draw: LatentSample = model(batch.tokens, batch.mask, batch.labels)
        return draw

    for training in (True, False):
        one, again = drawn(training), drawn(training)
        assert torch.equal(one.nll, again.nll)
        assert torch.equal(one.z, again.z)


@family
def test_gradients_reach_every_parameter_that_is_learnt(name: str) -> None:
    model, config = make(name).train(), FAMILY[name]
    torch.manual_seed(1)
    given = corrupt(poems((6,) * 24), MASK, observe=config.model.observe)
    given["passes"] = max(config.model.passes, default=1)
    draw = model(**given, samples=config.objective.iw_samples)
    torch.autograd.backward(objective(draw, config.objective).loss.mean())
    for key, p in model.named_parameters():
        if p.requires_grad:
            assert p.grad is not None, key
            assert p.grad.abs().sum() > 0, key
            assert torch.isfinite(p.grad).all(), key


@family
def test_thirty_steps_lower_the_loss(name: str) -> None:
    torch.manual_seed(0)
    config, batch = FAMILY[name], poems((6,) * 8)
    model = build(config.model)
    optimizer = make_optimizer(model, config.train)
    losses = [float(update(model, optimizer, [Slice(batch)], config, 0.5)[2]) for _ in range(30)]
    assert all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@family
def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    model, batch = make(name), poems()
    save_folder(tmp_path / "model", Saved(model, CODEC), "A card.\n")
    loaded = load_folder(tmp_path / "model")
    assert loaded.model.config == model.config
    assert loaded.codec.to_dict() == CODEC.to_dict()
    assert type(loaded.model) is type(model)
    torch.testing.assert_close(nll(loaded.model.eval(), batch), nll(model, batch), rtol=0, atol=0)


@family
def test_token_vectors_have_one_name_and_shared_weights_count_once(name: str) -> None:
    model = make(name)
    assert dict(model.named_parameters())["embedding.weight"] is model.embedding.weight
    assert model.num_parameters() == sum(
        {p.data_ptr(): p.numel() for p in model.state_dict().values()}.values()
    )


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
    z, mask = model.vectors(codes), torch.ones(64, 4, dtype=torch.bool)
    for poem in torch.randint(5, V, (6, 4)):
        row = poem.unsqueeze(0)
        terms = objective(model(row, mask[:1]), FAMILY["vqvae"].objective)
        joint = model.prior(64).log_prob(z) - model.nll(z, row.expand(64, -1), mask)
        log_p = joint.logsumexp(dim=0)
        assert (terms.nll + terms.kl).item() >= -log_p.item()
        (own,) = model.codes(mode(model, Batch(row, mask[:1], None)))
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


# Runs of members whose training keeps more than weights


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "couplets.txt"
    chars = [[chr(0x4E00 + (i * i + 7 * j) % 31) for j in range(10)] for i in range(60)]
    lines = ["".join([*c[:5], "，", *c[5:], "。"]) for c in chars]
    path.write_text("\n\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["vqvae", "mixture"])
def test_a_resumed_run_is_the_same_bit_for_bit(
    name: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"vocab_size", "max_len", "label_sizes"}
    changes = {key: value for key, value in TINY.items() if key not in free}
    if name == "mixture":
        changes["components"] = 3
    options: dict[str, Any] = {
        "preset": "cluster" if name == "mixture" else "vq",
        "settings": {**changes, "held_out": 0.2, "min_count": 1, "validate_every": 4, "ema": 0.9},
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
    states = [load_state(tmp_path / run / "checkpoints" / "step-8") for run in ("whole", "halved")]
    assert states[0]["model"].keys() == states[1]["model"].keys()
    for key, value in states[0]["model"].items():
        assert torch.equal(value, states[1]["model"][key]), key
    averages = [
        load_folder(tmp_path / run / "checkpoints" / "step-8") for run in ("whole", "halved")
    ]
    for (key, one), other in zip(
        averages[0].model.named_parameters(), averages[1].model.parameters(), strict=True
    ):
        assert torch.equal(one, other), key


def test_a_point_has_nothing_around_it() -> None:
    model = build(configure("tiny,ae", {"vocab_size": 12, "max_len": 4}).model)
    assert isinstance(model, LatentModel)
    batch = Batch(torch.full((1, 4), 7), torch.ones(1, 4, dtype=torch.bool), None)
    with pytest.raises(ConfigError, match="is a point; give a VAE"):
        variations(model, batch, 2, 1.0, torch.Generator())


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

"""The autoregressive baseline: exact, causal, step by step the same, and through every command."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from poetvae import cli
from poetvae.checkpoints.model_folder import load_folder, load_state
from poetvae.config import ModelConfig, ObjectiveConfig
from poetvae.data.dataset import encode_poems
from poetvae.errors import ConfigError
from poetvae.models import VAE, Autoregressive, LatentSample, build
from poetvae.nn import GCNN
from poetvae.poet import Poet
from poetvae.training import trainer
from poetvae.training.loss import objective
from poetvae.training.spec import read_run

V, T = 10, 6
CONFIG = ModelConfig(
    kind="autoregressive",
    vocab_size=V,
    max_len=T,
    embed_dim=5,
    d_model=4,
    encoder_layers=0,
    decoder_layers=2,
)
CONFIGS = st.builds(
    replace,
    st.just(CONFIG),
    embed_dim=st.sampled_from([4, 5]),
    decoder_layers=st.integers(0, 3),
    kernel_size=st.integers(1, 4),
    dilations=st.sampled_from([(1,), (2, 1), (1, 2, 4), (7,)]),
    norm=st.sampled_from(["layer", "none"]),
    residual_scale=st.sampled_from([1.0, 0.7]),
    tied=st.booleans(),
    label_sizes=st.sampled_from([(), (3,)]),
)
LENGTHS = st.lists(st.integers(1, T), min_size=1, max_size=3)


def make(config: ModelConfig = CONFIG) -> Autoregressive:
    """A model whose weights are large enough for everything to be seen."""
    model = Autoregressive(config).double().eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    return model


def poems(lengths: list[int]) -> tuple[Tensor, Tensor]:
    tokens = torch.randint(5, V, (len(lengths), T))
    return tokens, torch.arange(T) < torch.tensor(lengths).unsqueeze(1)


def some_labels(config: ModelConfig, b: int) -> Tensor | None:
    return torch.randint(0, 3, (b, 1)) if config.label_sizes else None


# One position at a time


@given(
    st.integers(1, 4),
    st.sampled_from([(1,), (2, 1), (1, 2, 4)]),
    st.integers(0, 4),
    st.sampled_from([None, "layer"]),
    st.integers(0, 2),
    st.integers(1, 9),
)
@settings(deadline=None, max_examples=40)
def test_steps_of_a_stack_give_what_it_gives_at_once(
    kernel: int, dilations: tuple[int, ...], layers: int, norm: str | None, cond: int, t: int
) -> None:
    stack = GCNN(
        3, layers, kernel, dilations=dilations, causal=True, in_channels=2 if layers else 3,
        norm=norm, scale=0.7, condition_channels=cond,
    ).double()  # fmt: skip
    x = torch.randn(2, 2 if layers else 3, t, dtype=torch.double)
    condition = torch.randn(2, cond, dtype=torch.double) if cond else None
    seen, outputs = stack.start(2), []
    sizes = [state.shape for state in seen]
    for place in range(t):
        y, seen = stack.step(x[:, :, place], seen, condition)
        outputs.append(y)
        assert [state.shape for state in seen] == sizes  # the work does not grow
    torch.testing.assert_close(torch.stack(outputs, dim=2), stack(x, None, condition))


@pytest.mark.parametrize("options", [{"causal": False}, {"causal": True, "groups": 2}])
def test_a_stack_that_cannot_step_says_so(options: dict[str, int]) -> None:
    stack = GCNN(4, 1, 3, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="step needs causal=True and groups=1"):
        stack.step(torch.zeros(1, 4), [torch.zeros(1, 2, 4)])


@given(CONFIGS, st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_written_texts_have_the_likelihood_that_they_are_scored_with(
    config: ModelConfig, n: int
) -> None:
    model, labels = make(config), some_labels(config, n)
    seen: list[Tensor] = []

    def choose(place: int, logits: Tensor) -> Tensor:
        assert place == len(seen)
        seen.append(logits)
        return torch.multinomial(logits.softmax(dim=1), 1).squeeze(1)

    tokens, log_probs = model.sample(n, choose, labels)
    assert tokens.shape == log_probs.shape == (n, T)
    nll = model.nll(tokens, torch.ones(n, T, dtype=torch.bool), labels)
    torch.testing.assert_close(-log_probs.sum(dim=1), nll.double(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(torch.stack(seen, dim=1), model.decode(tokens, labels))


# Probabilities


@given(CONFIGS, st.integers(0, T - 1))
@settings(deadline=None, max_examples=40)
def test_a_token_is_seen_by_those_after_it_alone(config: ModelConfig, place: int) -> None:
    model, (tokens, _) = make(replace(config, kernel_size=2)), poems([T, T])
    changed = tokens.clone()
    changed[0, place] = 5 + (tokens[0, place] - 4) % (V - 5)
    before, after = model.decode(tokens), model.decode(changed)
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(after[0, : place + 1], before[0, : place + 1])
    if place + 1 < T:
        assert not torch.allclose(after[0, place + 1], before[0, place + 1])


@given(CONFIGS)
@settings(deadline=None, max_examples=10)
def test_probabilities_of_all_texts_sum_to_one(config: ModelConfig) -> None:
    model = make(replace(config, max_len=3))
    tokens = torch.tensor(list(itertools.product(range(V), repeat=3)))
    labels = torch.ones(len(tokens), 1, dtype=torch.long) if config.label_sizes else None
    nll = model.nll(tokens, torch.ones_like(tokens, dtype=torch.bool), labels)
    assert nll.neg().exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert nll.std() > 0.1


@given(CONFIGS, LENGTHS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_nll_is_the_cross_entropy_of_the_logits_of_real_tokens(
    config: ModelConfig, lengths: list[int], training: bool
) -> None:
    model, (tokens, mask) = make(config), poems(lengths)
    labels = some_labels(config, len(lengths))
    logits = model.decode(tokens, labels)
    assert logits.shape == (len(lengths), T, V)
    by_place = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    expected = torch.stack([by_place[i, :length].sum() for i, length in enumerate(lengths)])
    with torch.set_grad_enabled(training):
        draw = model(tokens, mask, labels)
    assert draw.posterior is draw.prior is None
    assert draw.z.shape == (1, len(lengths), 0)
    (nll,) = draw.nll
    assert nll.requires_grad == training
    torch.testing.assert_close(nll.double(), expected.double(), rtol=1e-5, atol=1e-4)
    other = torch.where(mask, tokens, 0)  # what stands in the padding costs nothing
    torch.testing.assert_close(model.nll(other, mask, labels), nll)


def test_labels_change_the_logits() -> None:
    model, (tokens, _) = make(replace(CONFIG, label_sizes=(3,))), poems([T])
    one, other = (model.decode(tokens, torch.tensor([[label]])) for label in (1, 2))
    assert not torch.isclose(one, other).any()


@given(CONFIGS)
@settings(deadline=None, max_examples=15)
def test_every_parameter_is_counted_once_and_learns(config: ModelConfig) -> None:
    model, (tokens, mask) = make(config), poems([T, 3])
    shared = {p.data_ptr(): p.numel() for p in model.state_dict().values()}
    assert model.num_parameters() == sum(shared.values())
    model(tokens, mask, some_labels(config, 2)).nll.sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_the_kind_decides_what_is_built() -> None:
    assert type(build(CONFIG)) is Autoregressive
    assert type(build(replace(CONFIG, kind="vae"))) is VAE


def test_without_a_latent_the_objective_is_the_nll() -> None:
    draw = LatentSample(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2, 0))
    for config in (ObjectiveConfig(beta=3.0), ObjectiveConfig(iw_samples=8, gradient="dreg")):
        terms = objective(draw, config, 0.5)
        assert terms.nll.tolist() == terms.loss.tolist() == [1, 2]
        assert terms.kl.tolist() == [0, 0]


# A run

SETTINGS = {
    "batch_size": 8,
    "d_model": 8,
    "decoder_layers": 2,
    "embed_dim": 8,
    "held_out": 0.2,
    "min_count": 1,
    "precision": "fp32",
    "validate_every": 3,
}
STEPS = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of five steps on sixty couplets."""
    folder = tmp_path_factory.mktemp("autoregressive")
    chars = [[chr(0x4E00 + (i * i + 7 * j) % 61) for j in range(10)] for i in range(60)]
    lines = ["".join([*c[:5], "，", *c[5:], "。"]) for c in chars]
    (folder / "couplets.txt").write_text("\n".join(lines), encoding="utf-8")
    trainer.train(
        [folder / "couplets.txt"],
        folder / "run",
        preset="ar",
        settings=SETTINGS,
        forms=["5x2"],
        steps=STEPS,
        quiet=True,
    )
    return folder / "run"


@pytest.fixture(scope="module")
def poet(run: Path) -> Poet:
    """The model of the run."""
    return Poet.from_pretrained(run)


def test_a_model_comes_back_from_its_folder(poet: Poet, tmp_path: Path) -> None:
    assert isinstance(poet.model, Autoregressive)
    poet.save_pretrained(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["kind"] == "autoregressive"
    assert "causal language model" in (tmp_path / "model" / "README.md").read_text()
    loaded = load_folder(tmp_path / "model").model
    assert type(loaded) is Autoregressive
    assert loaded.config == poet.model.config
    pairs = zip(loaded.parameters(), poet.model.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_seed_writes_the_same_poems_and_another_writes_others(poet: Poet) -> None:
    one = poet.generate(5, form="5x2", seed=1)
    assert one == poet.generate(5, form="5x2", seed=1)
    assert [p.text for p in one] != [p.text for p in poet.generate(5, form="5x2", seed=2)]
    assert all([len(line) for line in p.lines] == [5, 5] and p.form == "5x2" for p in one)


def test_the_log_prob_of_a_poem_is_its_likelihood(poet: Poet) -> None:
    assert isinstance(poet.model, Autoregressive)
    for written in poet.generate(4, seed=3, temperature=0.7, top_p=0.9):
        batch = encode_poems(poet.codec, [poet.codec.read(written.text)]).batch([0])
        nll = poet.model.nll(batch.tokens, batch.mask)
        assert written.log_prob == pytest.approx(-nll.item(), rel=1e-4)


def test_the_likeliest_character_alone_is_temperature_zero(poet: Poet) -> None:
    coldest = {p.text for p in poet.generate(3, temperature=0, seed=1)}
    assert coldest == {p.text for p in poet.generate(3, top_k=1, seed=2)}
    assert len(coldest) == 1


def test_generation_leaves_the_mode_of_the_model(poet: Poet) -> None:
    before = poet.generate(2, seed=4)
    poet.model.train()
    try:
        assert poet.generate(2, seed=4) == before  # without dropout
        assert poet.model.training
    finally:
        poet.model.eval()


def test_the_report_is_exact(poet: Poet, run: Path) -> None:
    assert isinstance(poet.model, Autoregressive)
    held_out = read_run(run).test
    store = encode_poems(poet.codec, held_out)
    batch = store.batch(range(len(store)))
    nll = poet.model.nll(batch.tokens, batch.mask)
    report = poet.evaluate(held_out)
    assert (report.poems, report.chars) == (len(held_out), 10 * len(held_out))
    assert report.nll_per_char == pytest.approx(nll.sum().item() / report.chars, rel=1e-5)
    assert report.elbo_per_char == report.nll_per_char
    assert report.recon_per_poem == pytest.approx(nll.mean().item(), rel=1e-5)
    assert (report.bound, report.iw_samples, report.passes) == ("exact", 1, 10)
    assert (report.recon_char_accuracy, report.recon_poem_accuracy) == (None, None)
    assert report.kl_per_poem == report.mutual_information == report.marginal_kl == 0
    assert (report.active_units, report.iw_curve) == (0, [])
    assert report.parameters == poet.model.num_parameters()
    low, high = report.ci["nll_per_char"]
    assert report.nll_per_char is not None
    assert low <= report.nll_per_char <= high


def test_what_needs_a_latent_is_refused(poet: Poet) -> None:
    text = poet.generate(1, seed=1)[0].text
    with pytest.raises(ConfigError, match="has no latent space; give a VAE"):
        poet.encode(text)
    with pytest.raises(ConfigError, match="has no latent space; give a VAE"):
        poet.reconstruct([text])
    with pytest.raises(ConfigError, match="has no latent space; give a VAE"):
        poet.decode(torch.zeros(1, 4))


def test_a_run_goes_on_bit_for_bit(run: Path, tmp_path: Path) -> None:
    torn, last = tmp_path / "run", f"checkpoints/step-{STEPS}"
    shutil.copytree(run, torn)
    shutil.rmtree(torn / last)
    assert (torn / "checkpoints" / "step-3").is_dir()
    trainer.train(out=torn, resume=True, quiet=True)
    for name in (f"{last}/model.safetensors", "model.safetensors"):
        assert (torn / name).read_bytes() == (run / name).read_bytes()
    one, other = load_state(run / last), load_state(torn / last)
    assert one.keys() == other.keys()
    assert one["step"] == other["step"] == STEPS
    for name, weight in one["model"].items():
        assert torch.equal(weight, other["model"][name]), name


def test_the_command_writes_json(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["generate", "--model", str(run), "-n", "2", "--seed", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["poetvae", *words])
    try:
        cli.main()
    except SystemExit as stop:
        assert not stop.code  # noqa: PT017
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [p.as_dict() for p in Poet.from_pretrained(run).generate(2, seed=1)]
    assert written == expected

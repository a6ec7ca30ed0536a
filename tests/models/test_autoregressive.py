"""The autoregressive baseline: exact, causal, step by step the same, and through every command."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from poetvae import cli
from poetvae.config import ModelConfig, ObjectiveConfig
from poetvae.data.dataset import Batch, encode_poems
from poetvae.errors import ConfigError
from poetvae.models import Autoregressive, LatentSample
from poetvae.nn import GCNN, GatedResidualBlock
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training.loss import objective

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


def make(config: ModelConfig = CONFIG) -> Autoregressive:
    """A model whose weights are large enough for everything to be seen."""
    model = Autoregressive(config).double().eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    return model


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
        3, layers, kernel, dilations=dilations, causal=True, norm=norm, scale=0.7,
        condition_channels=cond,
    ).double()  # fmt: skip
    x = torch.randn(2, 3, t, dtype=torch.double)
    condition = torch.randn(2, cond, dtype=torch.double) if cond else None
    seen, outputs = stack.start(2), []
    sizes = [state.shape for state in seen]
    for place in range(t):
        y, seen = stack.step(x[:, :, place], seen, condition)
        outputs.append(y)
        assert [state.shape for state in seen] == sizes  # the work does not grow
    torch.testing.assert_close(torch.stack(outputs, dim=2), stack(x, None, condition))


@pytest.mark.parametrize("options", [{"causal": False}, {"causal": True, "groups": 2}])
def test_a_block_that_cannot_step_says_so(options: dict[str, int]) -> None:
    block = GatedResidualBlock(4, 4, 3, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="step needs causal=True and groups=1"):
        block.step(torch.zeros(1, 4), torch.zeros(1, 2, 4))


@given(CONFIGS, st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_written_texts_have_the_likelihood_that_they_are_scored_with(
    config: ModelConfig, n: int
) -> None:
    model, labels = make(config), torch.randint(0, 3, (n, 1)) if config.label_sizes else None
    seen: list[Tensor] = []

    def choose(place: int, logits: Tensor) -> Tensor:
        assert place == len(seen)
        seen.append(logits)
        return torch.multinomial(logits.softmax(dim=1), 1).squeeze(1)

    tokens, log_probs = model.sample(n, choose, labels)
    assert tokens.shape == log_probs.shape == (n, T)
    nll = model.nll(Batch.whole(tokens, labels))
    torch.testing.assert_close(-log_probs.sum(dim=1), nll.double(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(torch.stack(seen, dim=1), model.decode(tokens, labels))


# Probabilities


@given(CONFIGS, st.integers(0, T - 1))
@settings(deadline=None, max_examples=40)
def test_a_token_is_seen_by_those_after_it_alone(config: ModelConfig, place: int) -> None:
    model, tokens = make(replace(config, kernel_size=2)), torch.randint(5, V, (2, T))
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
    nll = model.nll(Batch.whole(tokens, labels))
    assert nll.neg().exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert nll.std() > 0.1


def test_without_a_latent_the_objective_is_the_nll() -> None:
    draw = LatentSample(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2, 0))
    for config in (ObjectiveConfig(beta=3.0), ObjectiveConfig(iw_samples=8, gradient="dreg")):
        terms = objective(draw, config, 0.5)
        assert terms.nll.tolist() == terms.loss.tolist() == [1, 2]
        assert terms.kl.tolist() == [0, 0]


# As a poet


@pytest.fixture(scope="module")
def poet() -> Poet:
    """One of couplets, who has learnt nothing."""
    torch.manual_seed(0)
    tokenizer = PoemTokenizer.train(["山月臨窗白溪風入座清"])
    codec = PoemCodec(tokenizer, 10, {Form(5, 2): 1})
    config = replace(CONFIG, vocab_size=len(tokenizer), max_len=10, dropout=0.1)
    return Poet(make(config).float(), codec)


def test_a_seed_writes_the_same_poems_and_another_writes_others(poet: Poet) -> None:
    one = poet.generate(5, form="5x2", seed=1)
    assert one == poet.generate(5, form="5x2", seed=1)
    assert [p.text for p in one] != [p.text for p in poet.generate(5, form="5x2", seed=2)]
    assert all([len(line) for line in p.lines] == [5, 5] and p.form == "5x2" for p in one)
    coldest = {p.text for p in poet.generate(3, temperature=0, seed=1)}
    assert coldest == {p.text for p in poet.generate(3, top_k=1, seed=2)}
    assert len(coldest) == 1


def test_the_log_prob_of_a_poem_is_its_likelihood(poet: Poet) -> None:
    for written in poet.generate(4, seed=3, temperature=0.7, top_p=0.9):
        batch = encode_poems(poet.codec, [poet.codec.read(written.text)]).batch([0])
        nll = poet.model.causal.nll(batch)
        assert written.log_prob == pytest.approx(-nll.item(), rel=1e-4)


def test_generation_leaves_the_mode_of_the_model(poet: Poet) -> None:
    before = poet.generate(2, seed=4)
    poet.model.train()
    try:
        assert poet.generate(2, seed=4) == before  # without dropout
        assert poet.model.training
    finally:
        poet.model.eval()


def test_the_report_is_exact(poet: Poet) -> None:
    poems = [written.poem for written in poet.generate(9, seed=5)]
    nll = poet.model.causal.nll(encode_poems(poet.codec, poems).batch(range(9)))
    report = poet.evaluate(poems)
    assert (report.poems, report.chars) == (9, 90)
    assert report.nll_per_char == pytest.approx(nll.sum().item() / 90, rel=1e-5)
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
    for ask in (
        lambda: poet.encode(text),
        lambda: poet.reconstruct([text]),
        lambda: poet.decode(torch.zeros(1, 4)),
    ):
        with pytest.raises(ConfigError, match="has no latent space; give a VAE"):
            ask()


def test_the_command_writes_json(
    poet: Poet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poet.save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["kind"] == "autoregressive"
    words = ["generate", "--model", str(tmp_path / "model"), "-n", "2", "--seed", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["poetvae", *words])
    try:
        cli.main()
    except SystemExit as stop:
        assert not stop.code  # noqa: PT017
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert written == [p.as_dict() for p in poet.generate(2, seed=1)]

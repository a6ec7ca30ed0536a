"""Bounds against the exact likelihood of a model small enough to integrate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from poetvae.config import ModelConfig, configure
from poetvae.data.dataset import Batch, TokenStore, encode_poems
from poetvae.evaluation.likelihood import CURVE, by_poem, evaluate
from poetvae.models.bounds import effective_samples, iwae, log_weights, mutual_information
from poetvae.models.vae import VAE
from poetvae.nn import DiagonalGaussian
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem
from poetvae.text.tokenizer import PoemTokenizer

TOKENIZER = PoemTokenizer.train(["山水"])  # 山 is 6, 水 is 7
V, T = len(TOKENIZER), 2
EOS, UNK, NEWLINE = TOKENIZER.eos_id, TOKENIZER.unk_id, TOKENIZER.newline_id
FREE = PoemCodec(TOKENIZER, T)
NETWORK = {"embed_dim": 4, "d_model": 4, "latent_dim": 1, "encoder_layers": 1, "decoder_layers": 1}
SHAPE = {"vocab_size": V, "max_len": T, "dilations": (1,), "pooling": "mean+max"}
CONFIG = configure("base", {**NETWORK, **SHAPE, "norm": "none", "tied": False}).model


def build(seed: int = 3, config: ModelConfig = CONFIG) -> VAE:
    """A model whose texts depend much on z, with a posterior that is not exact and, being wider
    than the prior, gives weights of small variance."""
    torch.manual_seed(seed)
    model = VAE(config).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.6)
    assert model.logvar is not None
    for p in (*model.mean.parameters(), *model.logvar.parameters()):
        nn.init.normal_(p, std=0.2)
    nn.init.constant_(model.logvar.bias, 0.5)
    return model


def every_text() -> Batch:
    """All there is to write in T positions: texts that end, and those that do not come to it."""
    others = [i for i in range(V) if i != EOS]
    ended = [[EOS], *([i, EOS] for i in others)]
    store = TokenStore([*ended, *map(list, itertools.product(others, others))], T, 0)
    return store.batch(range(len(store)))


@torch.no_grad()
def exact(model: VAE, batch: Batch) -> Tensor:
    """log p(x) of each poem by the trapezoidal rule over z: (B,), in nats."""
    grid = torch.linspace(-9, 9, 1201)
    prior = -0.5 * (grid.square() + math.log(2 * math.pi))
    log_p = model.decode(grid.unsqueeze(1)).double().log_softmax(dim=2)  # (G, T, V)
    totals = []
    for tokens, mask in zip(batch.tokens, batch.mask, strict=True):
        given_z = sum(log_p[:, t, tokens[t]] for t in range(T) if mask[t])
        totals.append(torch.logsumexp(given_z + prior, dim=0) + math.log(18 / 1200))
    return torch.stack(totals)


def test_probabilities_of_all_texts_sum_to_one() -> None:
    model, batch = build(), every_text()
    assert exact(model, batch).exp().sum().item() == pytest.approx(1, abs=1e-5)
    by_z = [model.nll(z.expand(len(batch), 1), batch) for z in torch.randn(5, 1)]
    totals = torch.stack(by_z).neg().exp().sum(dim=1)
    torch.testing.assert_close(totals, torch.ones(5), atol=1e-5, rtol=0)


REPEATS = 1500


Weighed = list[tuple[float, Tensor, Tensor, Tensor]]


@pytest.fixture(scope="module")
def weighed() -> Weighed:
    """For three poems: log p(x), and log weights (K, R), nll (R,) and KL (R,) of R repeats."""
    model = build()
    results = []
    for poem in ([6, EOS], [6, 7], [7, NEWLINE]):
        one = TokenStore([poem], T, 0).batch([0])
        draw = model.sample_posterior(one.repeat(REPEATS), 64, torch.Generator().manual_seed(5))
        weights = log_weights(draw)
        assert isinstance(draw.posterior, DiagonalGaussian)
        nll, kl = draw.nll[0], draw.posterior.kl()
        assert weights.shape == draw.nll.shape == (64, REPEATS)
        assert kl.shape == (REPEATS,)
        results.append((float(exact(model, one)), weights, nll, kl))
    return results


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """The mean, and five standard errors of it."""
    return float(values.mean()), 5 * float(values.std()) / len(values) ** 0.5


def test_weights_estimate_the_likelihood_and_one_of_them_the_elbo(weighed: Weighed) -> None:
    for log_p, weights, nll, kl in weighed:
        ratio, error = mean_and_error((weights.double() - log_p).exp().mean(dim=0))
        assert ratio == pytest.approx(1, abs=error)
        assert error < 0.2
        elbo, error = mean_and_error(-nll - kl)
        estimate, other_error = mean_and_error(iwae(weights[:1]))
        assert estimate == pytest.approx(elbo, abs=error + other_error)
        assert elbo < log_p + error


def test_bounds_rise_with_k_towards_the_likelihood(weighed: Weighed) -> None:
    for log_p, weights, _, _ in weighed:
        bounds = [mean_and_error(iwae(weights[:k])) for k in (1, 4, 16, 64)]
        for (lower, _), (upper, _) in itertools.pairwise(bounds):
            assert lower < upper  # on the same samples, so without error
        assert all(bound <= log_p + error for bound, error in bounds)
        gaps = [log_p - bound for bound, _ in bounds]
        assert gaps[0] > 0.05, "the posterior is far enough from exact for this to be a test"
        assert gaps[-1] < 0.2 * gaps[0]
        whole = iwae(weights.reshape(-1, 1)).item()
        assert whole == pytest.approx(log_p, abs=0.02)


def test_iwae_is_the_log_of_the_mean_weight() -> None:
    weights = torch.randn(5, 3, dtype=torch.double)
    torch.testing.assert_close(iwae(weights), weights.exp().mean(dim=0).log())
    assert torch.isfinite(iwae(weights - 1e4)).all()


LOG_WEIGHTS = st.lists(st.floats(-50, 50), min_size=1, max_size=20)


@given(LOG_WEIGHTS, st.floats(-1e4, 1e4))
@settings(deadline=None)
def test_effective_samples_are_one_to_k_whatever_the_scale(values: list[float], by: float) -> None:
    weights = torch.tensor(values, dtype=torch.double).unsqueeze(1)
    size = effective_samples(weights).item()
    assert 1 - 1e-9 <= size <= len(values) + 1e-9
    assert effective_samples(weights + by).item() == pytest.approx(size, rel=1e-6)
    linear = weights.exp()
    assert size == pytest.approx((linear.sum() ** 2 / linear.square().sum()).item())


def test_the_curve_rises_with_k_to_the_likelihood() -> None:
    model, store = build(), TokenStore(POEMS, T, 0)
    report = evaluate(model, FREE, store, samples=1, curve_poems=100)
    curve = report.iw_curve
    assert [point["k"] for point in curve] == list(CURVE)
    bounds = [point["nll_per_char"] for point in curve]
    for looser, tighter in itertools.pairwise(bounds):
        assert tighter <= looser + 1e-6
    assert bounds[0] > bounds[-1] + 0.01
    nll = -float(exact(model, store.batch(range(6))).sum()) / 8
    assert bounds[-1] == pytest.approx(nll, abs=0.03)
    sizes = [point["effective_samples"] for point in curve]
    assert sizes[0] == pytest.approx(1)
    assert all(1 < size < k for size, k in zip(sizes[1:], CURVE[1:], strict=True))


def test_the_curve_of_a_posterior_that_is_exact_is_flat() -> None:
    store = TokenStore([[6, 6], [6, 7], [7, 7]], T, 0)
    curve = evaluate(deaf(0), FREE, store, samples=1, curve_poems=2).iw_curve
    expected = -math.log(3 / 4 * 3 / 4 * 1 / 4 * 1 / 4) / 4  # the first poem and the last
    for point in curve:
        assert point["nll_per_char"] == pytest.approx(expected, rel=1e-4)
        assert point["effective_samples"] == pytest.approx(point["k"], rel=1e-4)


# What z carries


def posteriors(n: int, d: int, spread: float, variance: float, seed: int = 0) -> DiagonalGaussian:
    """n posteriors of one variance whose means are normal with variance `spread`."""
    mean = spread**0.5 * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return DiagonalGaussian(mean, torch.full((n, d), math.log(variance)))


@pytest.mark.parametrize(("spread", "variance"), [(0.8, 0.2), (0.5, 0.5), (0.2, 0.8), (2.0, 1.0)])
@pytest.mark.parametrize("d", [1, 2])
def test_mutual_information_of_a_linear_gaussian(d: int, spread: float, variance: float) -> None:
    q = posteriors(2000, d, spread, variance)
    found = mutual_information(q, torch.Generator().manual_seed(1))
    closed = 0.5 * d * math.log(1 + spread / variance)
    assert found == pytest.approx(closed, abs=0.12)
    marginal = float(q.kl().mean()) - found  # q(z) is N(0, spread + variance)
    total = spread + variance
    assert marginal == pytest.approx(0.5 * d * (total - 1 - math.log(total)), abs=0.12)


@given(st.integers(1, 40), st.integers(1, 3), st.floats(0.01, 100), st.integers(1, 50))
@settings(deadline=None, max_examples=40)
def test_mutual_information_has_a_cap(n: int, d: int, spread: float, rows: int) -> None:
    q = posteriors(n, d, spread, 0.1)
    found = mutual_information(q, torch.Generator().manual_seed(1), rows)
    assert found <= math.log(n) + 1e-9
    whole = mutual_information(q, torch.Generator().manual_seed(1), n)
    assert found == pytest.approx(whole, abs=1e-9)
    far = mutual_information(posteriors(n, d, 1e6, 1e-6), None, rows)  # each poem has its own place
    assert far == pytest.approx(math.log(n), abs=1e-3)


def test_mutual_information_by_the_plain_sum() -> None:
    q = DiagonalGaussian(torch.randn(5, 2), torch.randn(5, 2))
    z = q.sample(torch.Generator().manual_seed(2)).double()
    log_q = torch.stack([Normal(q.mean[n], q.stddev[n]).log_prob(z).sum(dim=1) for n in range(5)])  # type: ignore[no-untyped-call]
    expected = (log_q.diagonal() - log_q.exp().mean(dim=0).log()).mean().item()
    found = mutual_information(q, torch.Generator().manual_seed(2), rows=2)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


POEMS = [[6, EOS], [6, 7], [NEWLINE, 7], [UNK, EOS], [7, UNK], [7, EOS]]


def test_report_of_a_store() -> None:
    model, store = build(), TokenStore(POEMS, T, 0)
    batch = store.batch(range(6))
    report = evaluate(model, FREE, store, samples=1000)
    posterior = model.encode(batch)
    assert isinstance(posterior, DiagonalGaussian)
    q = Normal(posterior.mean, posterior.stddev)
    kl = kl_divergence(q, Normal(torch.zeros(6, 1), torch.ones(6, 1))).mean().item()
    guess = model.decode(posterior.mean).argmax(dim=2).tolist()
    chars = [[t for t in range(2) if p[t] not in (EOS, NEWLINE)] for p in POEMS]
    right = [sum(g[t] == p[t] for t in c) for g, p, c in zip(guess, POEMS, chars, strict=True)]
    assert (report.poems, report.chars, report.unknown_chars) == (6, 8, 2)
    assert report.kl_per_poem == pytest.approx(kl, rel=1e-5)
    assert report.nll_per_char == pytest.approx(-float(exact(model, batch).sum()) / 8, abs=0.03)
    elbo = report.recon_per_poem + report.kl_per_poem
    assert report.elbo_per_char == pytest.approx(6 * elbo / 8)
    assert report.nll_per_char is not None
    assert report.bits_per_char == pytest.approx(report.nll_per_char / math.log(2))
    assert report.recon_char_accuracy == pytest.approx(sum(right) / 8)
    whole = sum(g == p for g, p in zip(guess, POEMS, strict=True))
    assert report.recon_poem_accuracy == pytest.approx(whole / 6)
    assert report.parameters == sum(p.numel() for p in model.parameters())
    assert (report.bound, report.iw_samples, report.passes) == ("IWAE-1000", 1000, 1)
    assert report.mi_cap == pytest.approx(math.log(6))
    assert report.mutual_information <= report.mi_cap
    assert report.marginal_kl == pytest.approx(report.kl_per_poem - report.mutual_information)
    for key, (low, high) in report.ci.items():
        assert low < report.as_dict()[key] < high
    assert list(report.ci) == ["elbo_per_char", "nll_per_char", "kl_per_poem"]
    assert report.iw_curve == []
    assert list(report.as_dict()) == [
        "poems", "chars", "unknown_chars", "elbo_per_char", "nll_per_char", "bound", "iw_samples",
        "bits_per_char", "recon_per_poem", "kl_per_poem", "mutual_information", "mi_cap",
        "marginal_kl", "active_units", "active_units_01", "recon_char_accuracy",
        "recon_poem_accuracy", "parameters", "passes", "codes_used", "codebook_perplexity",
        "cluster_perplexity", "theme_nats", "theme_top10", "ci", "forms", "iw_curve",
    ]  # fmt: skip


def deaf(mean: float) -> VAE:
    """A model that writes 山 with probability 3/4, else 水, whatever z; q is N(mean, 1)."""
    model = build()
    assert model.logvar is not None
    for layer in (model.mean, model.logvar, model.decoder.softmax):
        nn.init.zeros_(layer.weight)
    nn.init.constant_(model.mean.bias, mean)
    nn.init.zeros_(model.logvar.bias)
    assert model.decoder.bias is not None
    nn.init.constant_(model.decoder.bias, -100.0)
    with torch.no_grad():
        model.decoder.bias[6:8] = torch.tensor([math.log(3), 0.0])
    return model


def test_a_model_whose_figures_are_known() -> None:
    codec = PoemCodec(TOKENIZER, T, {Form(1, 2): 3})
    store = TokenStore([[6, 6], [6, 7], [7, 7]], T, 0)
    report = evaluate(deaf(0), codec, store, samples=3)
    recon = -(3 * math.log(3 / 4) + 3 * math.log(1 / 4)) / 3
    expected = dict.fromkeys(("kl_per_poem", "mutual_information", "marginal_kl"), 0.0)
    expected |= {"recon_per_poem": recon, "nll_per_char": recon / 2, "elbo_per_char": recon / 2}
    expected |= {"recon_char_accuracy": 3 / 6, "recon_poem_accuracy": 1 / 3}
    found = {key: report.as_dict()[key] for key in expected}
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert (report.chars, report.unknown_chars, report.active_units) == (6, 0, 0)
    short = evaluate(deaf(0), FREE, TokenStore([[6], [7]], T, 0), samples=1)
    assert (short.recon_char_accuracy, short.recon_poem_accuracy) == (0.5, 0.5)
    away = evaluate(deaf(2), codec, store, samples=1)
    assert away.kl_per_poem == pytest.approx(2, rel=1e-5)
    assert away.elbo_per_char == pytest.approx((recon + 2) / 2, rel=1e-5)
    assert away.mutual_information == pytest.approx(0, abs=1e-6)
    assert away.marginal_kl == pytest.approx(2, rel=1e-5)  # all posteriors are one, off the prior


def test_forms_have_figures_of_their_own_which_sum_up() -> None:
    couplet, quatrain, none = Form(1, 2), Form((1, 2)), Form(1, 3)
    codec = PoemCodec(TOKENIZER, 3, {couplet: 1, quatrain: 1, none: 1})
    rows, labels = [[6, 6], [6, 7, 7], [7, 7, 7], [6, 6, 7]], [(1,), (2,), (2,), (2,)]
    model = build(config=replace(CONFIG, max_len=3, label_sizes=codec.label_sizes))
    report = evaluate(model, codec, TokenStore(rows, 3, 0, labels), samples=2)
    assert list(report.forms) == ["1-2", "1x2"]  # the most frequent first, and none without poems
    assert [own["poems"] for own in report.forms.values()] == [3, 1]
    for key in ("nll_per_char", "elbo_per_char", "recon_char_accuracy"):
        total = sum(own[key] * own["chars"] for own in report.forms.values())
        assert total / report.chars == pytest.approx(report.as_dict()[key])
    for key in ("kl_per_poem", "recon_per_poem", "recon_poem_accuracy"):
        total = sum(own[key] * own["poems"] for own in report.forms.values())
        assert total / 4 == pytest.approx(report.as_dict()[key])
    low, high = report.forms["1-2"]["ci"]["nll_per_char"]
    assert low < report.forms["1-2"]["nll_per_char"] < high
    alone = evaluate(deaf(0), PoemCodec(TOKENIZER, T, {couplet: 3}), TokenStore([[6, 6]], T, 0))
    assert alone.forms["1x2"]["nll_per_char"] == alone.nll_per_char
    assert evaluate(deaf(0), FREE, TokenStore([[6]], T, 0)).forms == {}


def test_active_units_are_those_whose_mean_varies() -> None:
    model = build(config=replace(CONFIG, latent_dim=4))
    store = TokenStore(POEMS, T, 0)
    batch = store.batch(range(6))
    features = model.encoder(batch)[:, 0]
    nn.init.zeros_(model.mean.weight)
    nn.init.constant_(model.mean.bias, 5.0)  # far from 0, but the same for all
    with torch.no_grad():
        for unit, variance in enumerate((1.0, 0.011, 0.009)):
            model.mean.weight[unit, 0] = (variance / features.var()).sqrt()
    assert evaluate(model, FREE, store, samples=1).active_units == 2
    assert evaluate(model, FREE, store, samples=1, batch_size=1).active_units == 2
    assert evaluate(model, FREE, store, samples=1, limit=1).active_units == 0


def test_a_limit_scores_poems_from_all_over_the_store() -> None:
    model = build()
    for limit in (1, 4, 6, 100):
        limited = evaluate(model, FREE, TokenStore(POEMS, T, 0), samples=2, limit=limit)
        some = {1: [0], 4: [0, 1, 3, 5]}.get(limit, range(6))
        chosen = TokenStore([POEMS[i] for i in some], T, 0)
        assert limited == evaluate(model, FREE, chosen, samples=2)
        assert limited.poems == min(limit, 6)


def test_units_of_more_than_a_tenth_of_a_nat() -> None:
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1 - log s^2) / 2: 0.105, 0.098 and, of one whose mean
    is 0, 0.153 and 0.094."""
    model = build(config=replace(CONFIG, latent_dim=4))
    assert model.logvar is not None
    for layer in (model.mean, model.logvar):
        nn.init.zeros_(layer.weight)
    with torch.no_grad():
        model.mean.bias.copy_(torch.tensor([0.459, 0.443, 0.0, 0.0]))
        model.logvar.bias.copy_(torch.tensor([0.0, 0.0, -0.9, -0.65]))
    store = TokenStore(POEMS, T, 0)
    for size in (1, 4, 6):
        report = evaluate(model, FREE, store, samples=1, batch_size=size)
        assert (report.active_units, report.active_units_01) == (0, 2)
    expected = 0.5 * (0.459**2 + 0.443**2 + 0.4066 - 1 + 0.9 + 0.5220 - 1 + 0.65)
    assert report.kl_per_poem == pytest.approx(expected, abs=1e-3)
    for changes in ({"sample": False, "beta": 0.0}, {"prior": "mixture"}):
        config = configure("tiny", {"vocab_size": 8, "max_len": T, **changes}).model
        other = VAE(config)
        assert evaluate(other, FREE, store, samples=1).active_units_01 is None


def test_couplets_of_one_poem_are_drawn_together() -> None:
    """Six of one poem tell nothing of other poems; of six poems, as much as six."""
    model, pairs = build(), [[6], [7], [6, 7], [7, 7], [7, 6], [6, 6]]
    apart = evaluate(model, FREE, TokenStore(pairs, T, 0), samples=2)
    same = evaluate(model, FREE, TokenStore(pairs, T, 0, (), range(6)), samples=2)
    assert same == apart
    one = evaluate(model, FREE, TokenStore(pairs, T, 0, (), [3] * 6), samples=2)
    for low, high in one.ci.values():
        assert low == pytest.approx(high)
    wholes = [Poem((pair,), key=key) for pair, key in (("山，水。", "a"), ("水，水。", "b"))]
    store = encode_poems(PoemCodec(TOKENIZER, T, {Form(1, 2): 1}), [*wholes, wholes[0]])
    assert store.groups is not None
    assert store.groups.tolist() == [0, 1, 0]


def test_a_seed_repeats_the_report() -> None:
    model, store = build(), TokenStore(POEMS, T, 0)
    one = evaluate(model, FREE, store, samples=2, seed=1)
    torch.manual_seed(99)
    assert evaluate(model, FREE, store, samples=2, seed=1) == one
    other = evaluate(model, FREE, store, samples=2, seed=2)
    assert other.nll_per_char != one.nll_per_char
    assert other.recon_per_poem != one.recon_per_poem
    assert other.kl_per_poem == one.kl_per_poem


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_restored_and_dropout_is_off(training: bool) -> None:
    model, store = build(config=replace(CONFIG, dropout=0.5)), TokenStore(POEMS, T, 0)
    expected = evaluate(model.eval(), FREE, store, samples=2)
    model.train(training)
    assert evaluate(model, FREE, store, samples=2) == expected
    assert {module.training for module in model.modules()} == {training}
    assert all(p.grad is None for p in model.parameters())


def test_labels_are_used() -> None:
    codec = PoemCodec(TOKENIZER, T, {Form(1, 2): 1, Form(2, 1): 1})
    model = build(config=replace(CONFIG, label_sizes=codec.label_sizes))
    stores = [TokenStore([[6, 7]], T, 0, [[label]]) for label in (1, 2)]
    one, other = (evaluate(model, codec, store, samples=1) for store in stores)
    assert one.kl_per_poem != other.kl_per_poem
    assert one.recon_per_poem != other.recon_per_poem


@pytest.mark.parametrize("by_length", [True, False])
def test_rows_are_in_the_order_of_the_poems_whatever_their_lengths(by_length: bool) -> None:
    """And those of a poem are the same by itself, here with next to no noise in z."""
    model = build(config=replace(CONFIG, max_len=6, by_length=by_length))
    assert model.logvar is not None
    for p in model.logvar.parameters():
        nn.init.constant_(p, 0.0)
    nn.init.constant_(model.logvar.bias, -30.0)
    poems = [[6, 7, 6, 6], [7, 6], [6, 7], [7] * 6, [6, 6, 7, 7], [7, 7]]
    codec = PoemCodec(TOKENIZER, 6, {Form(2, 1): 1})
    rows = by_poem(model, codec, TokenStore(poems, 6, 0), 1, batch_size=2)
    assert rows.chars.tolist() == [len(poem) for poem in poems]
    assert rows.code is not None
    for i, poem in enumerate(poems):
        alone = by_poem(model, codec, TokenStore([poem], 6, 0), 1)
        assert alone.code is not None
        torch.testing.assert_close(rows.code[i], alone.code[0])
        for name in ("recon", "kl", "right_chars", "right_poem"):
            expected = getattr(alone, name)
            torch.testing.assert_close(getattr(rows, name)[[i]], expected, atol=1e-4, rtol=1e-4)


def test_progress_wraps_the_batches_whose_size_matters_to_noise_alone() -> None:
    seen: list[int] = []

    def progress(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            seen.append(len(batch))
            yield batch

    model, store = build(), TokenStore(POEMS, T, 0)
    parts = evaluate(model, FREE, store, samples=1, batch_size=4, progress=progress)
    assert seen == [4, 2]
    whole = evaluate(model, FREE, store, samples=1, batch_size=6)
    for key in ("chars", "unknown_chars", "active_units", "recon_char_accuracy"):
        assert whole.as_dict()[key] == parts.as_dict()[key]
    assert whole.kl_per_poem == pytest.approx(parts.kl_per_poem, rel=1e-5)

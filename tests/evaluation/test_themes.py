"""What a theme says of a poem, against torch.distributions and by counting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from poetvae import Poet
from poetvae.config import configure
from poetvae.evaluation import themes
from poetvae.evaluation.themes import retrieval, told
from poetvae.models.vae import VAE
from poetvae.nn import DiagonalGaussian

D, THEME, VOCAB = 3, 4, 300
SMALL = configure("tiny", {"latent_dim": D, "d_model": 8, "embed_dim": 8}).model
CONFIG = replace(SMALL, vocab_size=VOCAB, max_len=4, theme_len=THEME, prior="theme")


def posterior(n: int) -> DiagonalGaussian:
    return DiagonalGaussian(torch.randn(n, D), torch.randn(n, D))


@torch.no_grad()
def test_what_a_theme_says_is_the_kl_that_it_saves() -> None:
    model, q = VAE(CONFIG), posterior(5)
    about = torch.tensor([[6, 7, 0, 0], [7, 6, 0, 0], [0, 0, 0, 0]])
    prior = model.prior(3, about)
    assert isinstance(prior, DiagonalGaussian)
    for i in range(5):
        mine = Normal(q.mean[i], q.stddev[i])
        plain = kl_divergence(mine, Normal(torch.zeros(D), torch.ones(D))).sum()
        for j in range(3):
            given = kl_divergence(mine, Normal(prior.mean[j], prior.stddev[j])).sum()
            saved = told(model, q, about)[i, j]
            torch.testing.assert_close(saved, plain - given, atol=1e-4, rtol=1e-4)
    assert not told(model, q, about)[:, 2].any()  # nothing is said: nothing is saved


def labels(n: int) -> Tensor:
    """Themes that are all different, and a label before them."""
    about = torch.zeros(n, THEME, dtype=torch.long)
    about[:, 0] = torch.arange(n) % 250 + 6
    about[:, 1] = torch.arange(n) // 250 + 6
    return torch.cat([torch.ones(n, 1, dtype=torch.long), about], dim=1)


def test_a_theme_is_found_where_it_says_most(monkeypatch: pytest.MonkeyPatch) -> None:
    n, noise = 200, torch.Generator().manual_seed(0)
    model, q, about = VAE(CONFIG), posterior(n), labels(n)

    def saying(values: Tensor) -> dict[str, float]:
        monkeypatch.setattr(themes, "told", lambda *_: values)
        return retrieval(model, q, about, noise)

    order = torch.unique(about[:, 1:], dim=0, return_inverse=True)[1]
    own = torch.zeros(n, n).scatter_(1, order[:, None], 1.0)
    assert saying(own) == {"theme_nats": 1.0, "theme_top10": 1.0}
    assert saying(-own) == {"theme_nats": -1.0, "theme_top10": 0.0}
    drawn = saying(torch.rand(n, n, generator=noise))
    assert drawn["theme_top10"] == pytest.approx(0.1, abs=0.05)
    nine = torch.zeros(n, n)
    nine[:, :9] = 2.0  # at most nine are better than any
    assert saying(nine + own)["theme_top10"] == 1.0


def test_poems_without_a_theme_are_not_asked() -> None:
    model, noise = VAE(CONFIG), torch.Generator().manual_seed(0)
    about = labels(150)
    about[100:, 1:] = 0
    found = retrieval(model, posterior(150), about, noise)
    assert found.keys() == {"theme_nats", "theme_top10"}
    assert retrieval(model, posterior(50), about[:50], noise).keys() == {"theme_nats"}
    assert retrieval(model, posterior(50), about[100:], noise) == {}


def test_an_evaluation_tells_it_of_held_out_poems(themed_run: Path) -> None:
    poet = Poet.from_pretrained(themed_run)
    poems = [
        replace(poet.codec.typed(f"{char}山水風月，雲雨花鳥江。"), meta={"title": title})
        for char, title in (("春", "春日"), ("秋", "秋思"))
    ]
    plain = [replace(poem, meta={}) for poem in poems]
    themed, unthemed = poet.evaluate(poems, samples=3), poet.evaluate(plain, samples=3)
    assert themed.theme_nats is not None
    assert unthemed.theme_nats is None
    # A theme is no part of the likelihood, so that models with and without can be compared.
    assert themed.nll_per_char == unthemed.nll_per_char
    assert themed.kl_per_poem == unthemed.kl_per_poem

"""How seldom a token comes again: what is added to logits, against doing it by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.generation.options import SamplingOptions
from poetvae.generation.passes import sample, write
from poetvae.models import TextModel, build

V, T, MASK = 11, 9, 4
PASSES = (1, 2, 4, 9)


def model(kind: str = "vae", repeats: bool = True) -> TextModel:
    torch.manual_seed(5)
    settings = {"passes": (1, 2, 4, 0), "pass_layers": 3} if kind == "vae" else {}
    made = build(
        ModelConfig(
            kind=kind,
            vocab_size=V,
            max_len=T,
            embed_dim=6,
            d_model=6,
            latent_dim=3,
            decoder_layers=1,
            repeats=repeats,
            **settings,  # type: ignore[arg-type]
        )
    ).double()
    torch.manual_seed(6)
    for name, parameter in made.named_parameters():
        if "repeats" in name:
            torch.nn.init.normal_(parameter)
    return made.eval()


def logits(made: TextModel, tokens: Tensor, passes: int) -> Tensor:
    if not made.has_latent:
        return made.causal.decode(tokens)
    z = torch.linspace(-1, 1, 3 * len(tokens), dtype=torch.double).view(-1, 3)
    return made.latent.decode(z, history=tokens, passes=passes)


@pytest.mark.parametrize(("kind", "passes"), [("autoregressive", T), *(("vae", p) for p in PASSES)])
def test_each_place_that_stands_adds_the_number_of_its_distance(kind: str, passes: int) -> None:
    tokens = torch.randint(3, V, (4, T))
    own = model(kind)
    numbers = own.get_parameter(f"{'decoder.' * own.has_latent}repeats.weight")
    expected = logits(model(kind, repeats=False), tokens, passes)
    for poem in range(len(tokens)):
        for t in range(T):
            for s in range(T):
                stands = s % passes < t % passes and tokens[poem, s] != MASK
                if stands:
                    expected[poem, t, tokens[poem, s]] += numbers[T + t - s]
    assert torch.allclose(logits(own, tokens, passes), expected, atol=1e-9)


@pytest.mark.parametrize("passes", PASSES)
def test_what_is_written_is_as_likely_as_the_model_says(passes: int) -> None:
    own = model().latent
    allowed = torch.ones(T, V, dtype=torch.bool)
    allowed[:, :5] = False
    z, source = torch.randn(6, 3, dtype=torch.double), torch.Generator().manual_seed(1)
    with torch.no_grad():
        tokens, log_probs, _ = write(
            own, z, allowed, options=SamplingOptions(1.0, passes=passes), generator=source
        )
        nll = own.nll(z, Batch(tokens, torch.ones_like(tokens, dtype=torch.bool)), passes)
    assert torch.allclose(nll.double(), -log_probs.double().sum(1), atol=1e-4)


def test_an_autoregressive_model_writes_with_them() -> None:
    own = model("autoregressive")
    allowed = torch.ones(T, V, dtype=torch.bool)
    allowed[:, :5] = False
    with torch.no_grad():
        options, source = SamplingOptions(1.0), torch.Generator().manual_seed(1)
        tokens, log_probs = sample(own, allowed, 6, None, options, source)
        nll = own.causal.nll(Batch(tokens, torch.ones_like(tokens, dtype=torch.bool)))
    assert torch.allclose(nll.double(), -log_probs.sum(1), atol=1e-4)


def test_a_model_learns_that_nothing_comes_twice() -> None:
    own = model("autoregressive").train()
    permutations = torch.stack([torch.randperm(6) + 5 for _ in range(200)])
    batch = Batch(permutations, torch.ones_like(permutations, dtype=torch.bool))
    optimizer = torch.optim.Adam(own.parameters(), 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        torch.autograd.backward(own.causal.nll(batch).mean())
        optimizer.step()
    numbers = own.get_parameter("repeats.weight").detach()
    assert bool((numbers[T + 1 : T + 6] < -1).all())  # of the distances 1 to 5 that came up
    with torch.no_grad():
        options, source = SamplingOptions(1.0), torch.Generator().manual_seed(1)
        allowed = torch.ones(6, V, dtype=torch.bool)
        tokens, _ = sample(own.eval(), allowed, 200, None, options, source)
    distinct = [len(set(row)) for row in tokens.tolist()]
    assert sum(count == 6 for count in distinct) > 120  # a permutation of 6 of 6 by chance: 1.5 %

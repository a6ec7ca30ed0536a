"""Lines in sight of each other: what a position is told of the lines around its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.models import build
from poetvae.models.embedding import TokenEmbedding
from poetvae.models.lines import SIGHT, Lines, aligned
from poetvae.text.poem import Form

MASK, V = 4, 11
FORMS = st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple)


def lines(*forms: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for form in forms for size in (*form, 0))


def config(*forms: tuple[int, ...], **more: object) -> ModelConfig:
    sizes = (len(forms) + 1,) if len(forms) > 1 else ()
    made = ModelConfig(
        vocab_size=V, max_len=max(map(sum, forms)), embed_dim=4, d_model=3, latent_dim=2
    )
    made = replace(made, lines=lines(*forms), label_sizes=sizes, form_known=len(forms) > 1)
    return replace(made, **more)  # type: ignore[arg-type]


def network(*forms: tuple[int, ...]) -> Lines:
    torch.manual_seed(0)
    made = config(*forms)
    embedding = TokenEmbedding(made)
    nn.init.normal_(embedding.weight)
    return Lines(made, embedding, MASK).eval()


@given(FORMS)
def test_places_are_counted_from_the_ends_of_lines(form: tuple[int, ...]) -> None:
    known = Form(form)
    length = known.size + 2
    table = aligned(lines(form), length)
    assert table.shape == (2, length, 2 * SIGHT)
    assert (table[0] == -1).all()
    assert (table[1, known.size :] == -1).all()
    at = {}
    for t in range(known.size):
        line, place = known.place(t)
        at[line, form[line] - place] = t
    for (line, from_end), t in at.items():
        around = [at.get((line - k, from_end), -1) for k in range(1, SIGHT + 1)]
        around += [at.get((line + k, from_end), -1) for k in range(1, SIGHT + 1)]
        assert table[1, t].tolist() == around


@given(FORMS, st.integers(1, 8))
@settings(deadline=None)
def test_a_position_is_told_of_earlier_passes_alone(form: tuple[int, ...], passes: int) -> None:
    told, size = network(form), sum(form)
    passes = min(passes, size)
    x, tokens = torch.randn(1, size, 3), torch.randint(5, V, (1, size))
    before = told(x, tokens, passes)
    around = aligned(lines(form), size)[1].tolist()
    for place in range(size):
        other = tokens.clone()
        other[0, place] = 5 + (other[0, place] - 4) % (V - 5)
        changed = (told(x, other, passes) != before)[0].any(dim=1).tolist()
        assert changed == [place in around[i] and place % passes < i % passes for i in range(size)]
    at = slice(size // 2, None, passes)
    torch.testing.assert_close(told(x[:, at], tokens, passes, at=at), before[:, at])


def test_each_poem_is_read_in_its_own_form() -> None:
    forms = (5, 5), (4, 6), (3, 3, 4)
    together, tokens = network(*forms), torch.randint(5, V, (3, 10))
    x = torch.randn(3, 10, 3)
    found = together(x, tokens, 10, torch.tensor([1, 2, 3]))
    for i, form in enumerate(forms):
        alone = network(form)
        alone.load_state_dict(together.state_dict())
        torch.testing.assert_close(alone(x[i : i + 1], tokens[i : i + 1], 10), found[i : i + 1])
    unknown = torch.zeros(3, dtype=torch.long)  # a form that is
    torch.testing.assert_close(together(x, tokens, 10, unknown), x)


def test_what_is_unknown_tells_nothing() -> None:
    x = torch.randn(1, 4, 3)
    torch.testing.assert_close(network((2, 2))(x, torch.full((1, 4), MASK), 4), x)


@pytest.mark.parametrize("kind", ["vae", "autoregressive"])
def test_a_poem_is_as_likely_beside_others_of_another_form(kind: str) -> None:
    torch.manual_seed(0)
    forms, passes = ((4, 4), (3, 5)), (1, 3, 8)
    model = build(config(*forms, kind=kind, passes=passes, decoder_layers=2, pass_layers=3)).eval()
    tokens, labels = torch.randint(5, V, (2, 8)), torch.tensor([[1], [2]])
    whole = Batch.whole(tokens, labels)
    parts = [Batch.whole(tokens[i : i + 1], labels[i : i + 1]) for i in range(2)]

    def nll(batch: Batch, rows: slice) -> torch.Tensor:
        if not model.has_latent:
            return model.causal.nll(batch)
        return model.latent.nll(torch.ones(2, 2)[rows], batch, 3)

    together = nll(whole, slice(2))
    for i in range(2):
        torch.testing.assert_close(nll(parts[i], slice(i, i + 1)), together[i : i + 1])
    swapped = nll(Batch.whole(tokens, labels.flip(0)), slice(2))
    assert (swapped != together).all()


@pytest.mark.parametrize("wrong", [(7, 7), (2, 2, 0, 2, 2, 0), (99, 0), (0, 0)])
def test_lines_that_are_not_those_of_the_forms(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"lines is \(.*\); expected 1 forms of 4 positions"):
        build(replace(config((2, 2)), lines=wrong, kind="autoregressive"))

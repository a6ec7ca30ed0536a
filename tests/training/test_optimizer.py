"""Muon against a singular value decomposition, torch's own, and AdamW for what is not a matrix."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from poetvae.config import OPTIMIZERS, TrainConfig, configure
from poetvae.models import TextModel, build
from poetvae.training.optimizer import matrices, orthogonal
from poetvae.training.step import make_optimizer, memory

PASSES = {"vocab_size": 40, "max_len": 8, "passes": (1, 2), "observe": 0.2, "embed_dim": 16}


def tiny(preset: str = "tiny") -> TextModel:
    torch.manual_seed(0)
    return build(configure(preset, PASSES).model)


def give_gradients(model: nn.Module, seed: int, scale: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)


def moved(model: TextModel, steps: int, scale: float = 1.0, **options: Any) -> TextModel:
    """A copy after some steps."""
    model = copy.deepcopy(model)
    chosen = replace(TrainConfig(optimizer="muon", precision="fp32"), **options)
    optimizer = make_optimizer(model, chosen)
    for step in range(steps):
        give_gradients(model, step, scale)
        optimizer.step()
    return model


@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 3), st.integers(0, 999))
@settings(deadline=None, max_examples=30)
def test_directions_are_kept_and_all_as_long(rows: int, columns: int, n: int, seed: int) -> None:
    x = torch.randn(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    for before, after in zip(x.double().numpy(), orthogonal(x).double().numpy(), strict=True):
        left, values, right = np.linalg.svd(before, full_matrices=False)
        seen = values > 0.005 * np.linalg.norm(before)
        turned = left.T @ after @ right.T
        np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=2e-2)
        assert (np.diag(turned)[seen] > 0.6).all()
        assert (np.diag(turned) < 1.25).all()


def test_nothing_is_made_of_nothing() -> None:
    assert not orthogonal(torch.zeros(2, 3, 4)).any()


def test_the_matrices_are_those_of_blocks() -> None:
    model = tiny("tiny,few")
    names = {id(p): name for name, p in model.named_parameters()}
    chosen = {names[id(p)] for p in matrices(model)}
    blocks = {n for n in names.values() if n.endswith("gated.conv.weight")}
    assert blocks <= chosen
    parts = {n.split("blocks")[0] for n in blocks}
    assert {"encoder.body.", "decoder.body."} <= parts
    assert any("weave" in part for part in parts)
    others = ("mean.", "logvar.", "embedding.", "decoder.heads.", "norm", "bias", "condition")
    assert not [n for n in chosen if any(o in n for o in others)]
    assert matrices(tiny("tiny,ar"))


def test_it_is_torchs_muon_and_adamw() -> None:
    """torch's takes matrices alone, and multiplies in bfloat16."""
    model, steps = tiny("tiny,few"), 3
    ours = moved(model, steps, precision="bf16", learning_rate=0.01, weight_decay=0.1)
    chosen = {id(p) for p in matrices(model)}
    flat = {p: p.detach().flatten(1) for p in model.parameters() if id(p) in chosen}
    rest = [p for p in model.parameters() if p not in flat]
    muon = torch.optim.Muon(flat.values(), 0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(rest, 0.01, (0.9, 0.99), weight_decay=0.1, fused=True)
    before = copy.deepcopy(model)
    for step in range(steps):
        give_gradients(model, step)
        for parameter, view in flat.items():
            assert parameter.grad is not None
            view.grad = parameter.grad.flatten(1)
        muon.step()  # type: ignore[no-untyped-call]
        adamw.step()
    together = zip(before.parameters(), model.parameters(), ours.parameters(), strict=True)
    for old, theirs, own in together:
        assert not torch.equal(old, own)
        if id(theirs) in chosen:
            far = (own - theirs).norm() / (theirs - old).norm()
            assert far < 0.02
        else:
            assert torch.equal(own, theirs)


@given(st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=10)
def test_how_long_a_gradient_is_makes_no_difference(scale: float) -> None:
    model = tiny()
    one, other = moved(model, 2), moved(model, 2, scale)
    for a, b in zip(matrices(one), matrices(other), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_a_step_is_as_large_as_the_rate_says_and_the_decay_on_top() -> None:
    """A fifth of the rate, which is what AdamW's steps come to."""
    model = tiny()
    plain, decayed = (moved(model, 1, learning_rate=0.01, weight_decay=d) for d in (0.0, 5.0))
    for before, *after in zip(*map(matrices, (model, plain, decayed)), strict=True):
        step, with_decay = (p.detach() - before.detach() for p in after)
        torch.testing.assert_close(with_decay - step, -0.05 * before.detach(), atol=1e-6, rtol=1e-4)
        assert 0.15 < float(step.square().mean().sqrt()) / 0.01 < 0.25


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_memory_is_told(kind: str) -> None:
    model, config = tiny("tiny,few"), TrainConfig(optimizer=kind)
    optimizer = make_optimizer(model, config)
    give_gradients(model, 0)
    optimizer.step()
    moments = [m for state in optimizer.state.values() for m in state.values() if m.ndim]
    held = [*model.parameters(), *(p.grad for p in model.parameters() if p.grad is not None)]
    assert memory(model, config) == 4 * sum(x.numel() for x in (*held, *moments))

"""The blocks against torch's own operations; padding, causality, export."""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import utils
from torch.nn.utils import parametrizations, prune

from poetvae.nn import GCNN, AttentionPool, GatedConv1d, GatedResidualBlock, masked_max, masked_mean

SHAPES = st.tuples(
    st.integers(1, 3),  # sequences
    st.integers(1, 4),  # input channels
    st.integers(1, 4),  # output channels
    st.integers(1, 9),  # positions
    st.integers(1, 5),  # kernel
    st.integers(1, 4),  # dilation
    st.booleans(),  # causal
    st.booleans(),  # bias
)


def reference(layer: GatedConv1d, x: Tensor) -> Tensor:
    """The layer by nn.Conv1d and F.glu alone."""
    conv = layer.conv
    padded = F.pad(x, layer.padding)
    y = F.conv1d(padded, conv.weight, conv.bias, dilation=conv.dilation, groups=conv.groups)
    return F.glu(y, dim=1)


@given(SHAPES)
@settings(deadline=None, max_examples=60)
def test_equals_glu_of_conv1d_values_and_gradients(shape: tuple[int, ...]) -> None:
    b, c, d, t, k, dilation, causal, bias = shape
    layer = GatedConv1d(c, d, k, dilation=dilation, causal=bool(causal), bias=bool(bias)).double()
    x = torch.randn(b, c, t, dtype=torch.double, requires_grad=True)
    weight = torch.randn(b, d, t, dtype=torch.double)
    ours, theirs = layer(x), reference(layer, x)
    torch.testing.assert_close(ours, theirs)
    inputs = [x, *layer.parameters()]
    for a, e in zip(
        torch.autograd.grad((ours * weight).sum(), inputs),
        torch.autograd.grad((theirs * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, e)


def halve(module: nn.Module, *_: object) -> None:
    module.get_parameter("weight").data.mul_(0.5)


TREATMENTS: dict[str, Callable[[nn.Module], object]] = {
    "prune": lambda conv: prune.l1_unstructured(conv, "weight", amount=0.4),  # type: ignore[no-untyped-call]
    "prune channels": lambda conv: prune.ln_structured(conv, "weight", 0.5, n=2, dim=1),  # type: ignore[no-untyped-call]
    "weight_norm": lambda conv: utils.weight_norm(conv),
    "weight_norm, parametrized": parametrizations.weight_norm,
    "spectral_norm": lambda conv: utils.spectral_norm(conv),
    "spectral_norm, parametrized": parametrizations.spectral_norm,
    "a hook of one's own": lambda conv: conv.register_forward_pre_hook(halve),
}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("treatment", TREATMENTS.values(), ids=TREATMENTS.keys())
def test_what_changes_the_weight_of_a_layer_changes_that_of_the_convolution(
    treatment: Callable[[nn.Module], object], groups: int
) -> None:
    """Beside an nn.Conv1d with the same weight and the same treatment, three steps of training."""
    layer = GatedConv1d(4, 6, 3, groups=groups, causal=True)
    plain = nn.Conv1d(4, 12, 3, groups=groups)
    plain.load_state_dict(layer.conv.state_dict())
    x = torch.randn(2, 4, 7)

    def glu(x: Tensor) -> Tensor:
        y = plain(F.pad(x, layer.padding)).unflatten(1, (groups, -1))
        return F.glu(y, dim=2).flatten(1, 2)

    torch.testing.assert_close(layer(x), glu(x))
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        for conv in (layer.conv, plain):
            torch.manual_seed(1)  # of the power iteration's first vectors
            treatment(conv)
    optimizers = [torch.optim.SGD(m.parameters(), 0.1) for m in (layer, plain)]
    for _ in range(3):
        ours, theirs = layer(x), glu(x)
        torch.testing.assert_close(ours, theirs)
        for y, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            torch.autograd.backward(y.square().sum())
            optimizer.step()
    layer.eval()
    plain.eval()
    torch.testing.assert_close(layer(x), glu(x))
    assert copy.deepcopy(layer.conv.state_dict()).keys() == plain.state_dict().keys()


@pytest.mark.parametrize("name", ["prune", "weight_norm", "spectral_norm"])
def test_position_after_position_a_treated_layer_gives_the_same(name: str) -> None:
    layer = GatedConv1d(3, 5, 3, dilation=2, causal=True)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        TREATMENTS[name](layer.conv)
    layer(torch.randn(1, 3, 4))  # power iteration begins
    with torch.no_grad():
        for parameter in layer.conv.parameters():
            parameter.mul_(1.5)  # after the last forward pass, so that a weight kept is an old one
    layer.eval()
    x, outputs, seen = torch.randn(2, 3, 6), [], layer.start(2)
    for t in range(6):
        y, seen = layer.step(x[:, :, t], seen)
        outputs.append(y)
    expected = F.glu(layer.conv(F.pad(x, layer.padding)), dim=1)
    torch.testing.assert_close(torch.stack(outputs, dim=2), expected)


def test_groups_do_not_mix() -> None:
    layer = GatedConv1d(4, 6, 3, groups=2)
    x = torch.randn(2, 4, 5)
    changed = x.clone()
    changed[:, 2:] += 1
    same, moved = layer(x)[:, :3], layer(changed)[:, :3]
    torch.testing.assert_close(same, moved)
    assert not torch.allclose(layer(x)[:, 3:], layer(changed)[:, 3:])


@pytest.mark.parametrize("gate", ["sigmoid", "tanh", "gelu", "silu"])
def test_gate_is_value_times_gate(gate: str) -> None:
    layer = GatedConv1d(3, 2, 1, gate=gate)
    x = torch.randn(2, 3, 4)
    value, g = layer.conv(x).chunk(2, dim=1)
    function = getattr(F, gate) if gate in ("gelu", "silu") else getattr(torch, gate)
    torch.testing.assert_close(layer(x), value * function(g))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, "at least 1"),
        ({"kernel_size": 3, "groups": 2}, "groups=2 must divide"),
        ({"kernel_size": 3, "gate": "relu"}, "gate is 'relu'"),
        ({"kernel_size": 3, "norm": "batch"}, "norm is 'batch'"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GatedConv1d(3, 3, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dilations is empty"):
        GCNN(4, 2, dilations=())


@given(st.integers(0, 6), st.booleans(), st.sampled_from([None, "layer"]), st.integers(2, 5))
@settings(deadline=None, max_examples=40)
def test_padding_never_changes_a_valid_position(
    extra: int, causal: bool, norm: str | None, kernel: int
) -> None:
    stack = GCNN(4, 3, kernel, dilations=(1, 2), causal=causal, norm=norm).double()
    x = torch.randn(2, 4, 7, dtype=torch.double)
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    expected = stack(x, mask)
    padded = torch.cat([x, torch.randn(2, 4, extra, dtype=torch.double)], dim=2)
    longer = F.pad(mask, (0, extra))
    y = stack(padded, longer)[:, :, :7]
    torch.testing.assert_close(y.transpose(1, 2)[mask], expected.transpose(1, 2)[mask])
    alone = stack(x[1:, :, :4])  # the short sequence without any padding
    torch.testing.assert_close(expected[1:, :, :4], alone)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -float("inf"), 3e38])
@pytest.mark.parametrize(
    "make",
    [
        lambda: GatedConv1d(4, 4, 3),
        lambda: GatedConv1d(4, 4, 4, groups=2, norm="layer"),
        lambda: GatedConv1d(4, 4, 3, norm="layer"),
        lambda: GatedResidualBlock(4, 6, 3, condition_channels=2),
        lambda: GCNN(4, 3, 3, dilations=(1, 2), causal=True, condition_channels=2),
        lambda: AttentionPool(4, 2),
        lambda: masked_mean,
        lambda: masked_max,
    ],
)
def test_garbage_in_padding_reaches_no_valid_position_and_no_gradient(
    make: Callable[[], Callable[..., Tensor]], garbage: float
) -> None:
    brick, mask = make(), torch.arange(7) < torch.tensor([[7], [4], [0]])
    clean, condition = torch.randn(3, 4, 7), torch.randn(3, 2, requires_grad=True)
    conditioned = isinstance(brick, GCNN | GatedResidualBlock)
    runs = []
    for fill in (0.0, garbage):
        x = clean.masked_fill(~mask.unsqueeze(1), fill).requires_grad_()
        y = brick(x, mask, condition) if conditioned else brick(x, mask)
        valid = y.transpose(1, 2)[mask] if y.dim() == 3 else y
        learned = [x, *(brick.parameters() if isinstance(brick, nn.Module) else ())]
        learned += [condition] if conditioned else []
        gradients = torch.autograd.grad(valid.square().sum(), learned)
        runs.append([valid, *gradients])
    for expected, found in zip(*runs, strict=True):
        assert found.isfinite().all()
        torch.testing.assert_close(found, expected)


@given(st.integers(1, 5), st.integers(0, 7), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_causal_never_sees_the_future(kernel: int, position: int, dilation: int) -> None:
    stack = GCNN(3, 2, kernel, dilations=(dilation,), causal=True).double()
    x = torch.randn(1, 3, 8, dtype=torch.double)
    changed = x.clone()
    changed[:, :, position:] = torch.randn(1, 3, 8 - position, dtype=torch.double)
    torch.testing.assert_close(stack(x)[:, :, :position], stack(changed)[:, :, :position])


def test_receptive_field_is_exact() -> None:
    stack = GCNN(2, 3, 3, dilations=(1, 2, 4), causal=True, norm=None).double()
    assert stack.receptive_field == 15
    x = torch.randn(1, 2, 20, dtype=torch.double, requires_grad=True)
    (gradient,) = torch.autograd.grad(stack(x)[0, :, 19].sum(), x)
    seen = gradient[0].abs().sum(dim=0) > 0
    assert seen.sum() == 15
    assert not seen[: 20 - 15].any()


def test_block_projects_scales_and_takes_a_condition() -> None:
    block = GatedResidualBlock(3, 5, 3, norm=None, scale=0.5, condition_channels=2)
    x, condition = torch.randn(2, 3, 4), torch.randn(2, 2)
    assert block.condition is not None
    h = x + block.condition(condition).unsqueeze(2)
    expected = 0.5 * (block.skip(x) + reference(block.gated, h))
    torch.testing.assert_close(block(x, condition=condition), expected)


def test_pooling_ignores_padding_and_empty_rows() -> None:
    x = torch.randn(3, 2, 5)
    mask = torch.arange(5) < torch.tensor([[5], [2], [0]])
    torch.testing.assert_close(masked_mean(x, mask)[1], x[1, :, :2].mean(dim=1))
    torch.testing.assert_close(masked_max(x, mask)[1], x[1, :, :2].amax(dim=1))
    assert masked_mean(x, mask)[2].eq(0).all()
    assert masked_max(x, mask)[2].eq(0).all()
    torch.testing.assert_close(masked_mean(x), x.mean(dim=2))
    torch.testing.assert_close(masked_max(x), x.amax(dim=2))


def test_attention_pool_is_a_weighted_mean_of_the_real_positions() -> None:
    pool = AttentionPool(3, 2)
    x, mask = torch.randn(2, 3, 5), torch.arange(5) < torch.tensor([[5], [2]])
    pooled = pool(x, mask).unflatten(1, (3, 2))
    for head in range(2):
        scores = x[1, :, :2].T @ pool.scores.weight[head]
        expected = x[1, :, :2] @ scores.softmax(dim=0)
        torch.testing.assert_close(pooled[1, :, head], expected)
    torch.testing.assert_close(pool(x[1:, :, :2]), pool(x, mask)[1:])


def test_autocast_keeps_the_values() -> None:
    stack = GCNN(16, 2)
    x = torch.randn(2, 16, 10)
    with torch.autocast("cpu", torch.bfloat16):
        y = stack(x)
    assert y.dtype == torch.float32 or y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), stack(x), atol=0.1, rtol=0.1)


class Example(nn.Module):
    """A stack with a mask, as somebody else would use it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = GCNN(4, 2, dilations=(1, 2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return masked_mean(self.stack(x, mask), mask)


@pytest.mark.filterwarnings("default")  # the exporter's own libraries warn
def test_onnx_export_runs_in_onnxruntime(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = Example().eval()
    x, mask = torch.randn(2, 4, 7), torch.arange(7) < torch.tensor([[7], [3]])
    torch.onnx.export(
        model,
        (x, mask),
        tmp_path / "gcnn.onnx",
        dynamo=True,
        input_names=["x", "mask"],
        dynamic_shapes={"x": {2: "length"}, "mask": {1: "length"}},
        verbose=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "gcnn.onnx")
    for t in (7, 12):
        x, mask = torch.randn(2, 4, t), torch.arange(t) < torch.tensor([[t], [3]])
        (y,) = session.run(None, {"x": x.numpy(), "mask": mask.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), model(x, mask), atol=1e-5, rtol=1e-4)


def test_compile_traces_without_a_break() -> None:
    model = Example().eval()
    x, mask = torch.randn(2, 4, 7), torch.ones(2, 7, dtype=torch.bool)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, mask), model(x, mask))


def test_gcnn_is_one_file_that_needs_torch_alone() -> None:
    import poetvae.nn.gated_conv as module

    imported = set()
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or "").split(".")[0])
    assert imported <= {"__future__", "collections", "torch"}

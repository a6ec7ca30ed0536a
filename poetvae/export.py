"""A model as ONNX, for programs without torch, without this package, without Python.

Two files, decoder and encoder. What else it takes to write a poem is in their metadata: characters
by id, what may stand in a form, the values of labels.
"""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import torch

from . import __version__
from .errors import ConfigError
from .files import check_suffix, write_file
from .generation.generate import allowed_tokens
from .i18n import _
from .models import TextModel
from .models.base import ExportPart
from .poet import Poet
from .runtime import silenced
from .text.codec import PoemCodec

OPSET = 18
_LARGEST = 2**31 - 2**24  # bytes; a file of protobuf ends at 2 GiB


def export_onnx(poet: Poet, out: str | Path, passes: int | None = None) -> list[Path]:
    """Write decoder and encoder of a model as ONNX files; the batch is as large as one likes.

    Shapes: B poems, T = max_len positions, D latent, L labels, V tokens. The decoder, `out`, gives
    `logits` (B, T, V) of `z` (B, D). The encoder, `out` with -encoder before the suffix, gives
    `mean` and `logvar` (B, D) of `tokens` (B, T) int64 and `mask` (B, T) bool; or `z` (B, D),
    where the posterior is a point. Where the model has them there are further inputs, all int64:
    `labels` (B, L), 0 = unknown, the last of a model with themes always 0 (they move p(z), which is
    no part of the files); `observed` (B, T), the characters that are given; and, with more
    than one pass, `history` (B, T), those that earlier passes decided: pass t of P decides
    positions t, t + P, t + 2P... The mask token in them means unknown. A decoder that learnt from
    poems of one length at a time has a `mask` (B, T) bool, too, True at the positions of a poem. An
    autoregressive model has no encoder; its logits are of `tokens` and `labels`, at each position
    given those before it.

    `out` ends in .onnx, and an existing file is replaced; the decoder writes in `passes`, absent =
    the most it was trained for. Returns the files written, the decoder first.

    Raises:
        ConfigError: onnx or onnxscript is missing, a name that does not end in .onnx, passes that
            the model was not trained for, more than 2 GiB, or a file that cannot be written.
    """
    out = Path(out)
    check_suffix(out, (".onnx",))
    if not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxscript")):
        raise ConfigError(_("ONNX takes two more packages: pip install 'poetvae[onnx]'"))
    if 4 * poet.model.num_parameters() > _LARGEST:
        raise ConfigError(
            _(
                "{n:,} parameters: an ONNX file takes 2 GiB",
                n=poet.model.num_parameters(),
            )
        )
    model = copy.deepcopy(poet.model).cpu().float().eval()
    model.fold_sounds()
    metadata = _metadata(model, poet.codec, passes)
    paths = {"decoder": out, "encoder": out.with_name(f"{out.stem}-encoder{out.suffix}")}
    parts = model.export_parts(passes)
    for part in parts:
        part.module(**part.inputs)  # so that the model refuses in its own words
    files = {paths[part.name]: _export(part, metadata) for part in parts}
    for path, data in files.items():
        write_file(path, data, ConfigError)
    return list(files)


def _export(part: ExportPart, metadata: dict[str, Any]) -> bytes:
    """The file of a part."""
    inputs = {name: value.clone() for name, value in part.inputs.items()}  # what is one stays one
    batch = torch.export.Dim("batch")
    with silenced("torch.onnx"):
        program = torch.onnx.export(
            part.module.eval(),
            kwargs=inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(part.outputs),
            dynamic_shapes={name: {0: batch} for name in inputs},
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
    # Where the exporter fails at a free dimension it falls back to a fixed one.
    sizes = {put.name: put.type.tensor_type.shape.dim[0].dim_param for put in proto.graph.input}
    assert sizes == dict.fromkeys(inputs, "batch"), sizes
    for key, value in {"part": part.name, **metadata}.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        proto.metadata_props.add(key=key, value=text)
    return bytes(proto.SerializeToString(deterministic=True))


def _metadata(model: TextModel, codec: PoemCodec, passes: int | None) -> dict[str, Any]:
    """What a program has to know of the numbers: JSON by key."""
    tokenizer = codec.tokenizer
    forms = [str(form) for form in codec.forms]
    labels = {"form": forms} if len(forms) > 1 else {}
    labels |= {name: list(values) for name, values in codec.fields.items()}
    allowed = allowed_tokens(codec, codec.check_form(None))
    metadata: dict[str, Any] = {
        "poetvae": __version__,
        "kind": model.config.kind,
        "forms": forms,
        "labels": labels,
        "vocabulary": [tokenizer.decode([i]) for i in range(len(tokenizer))],
        "writable": allowed[-1].nonzero().flatten().tolist(),
        "special": {"pad": tokenizer.pad_id, "eos": tokenizer.eos_id, "mask": model.mask_id},
    }
    if not forms:
        metadata["writable_first"] = allowed[0].nonzero().flatten().tolist()
    return metadata | model.export_metadata(passes)

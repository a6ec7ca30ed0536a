"""Model and run folders: written whole or not at all, verified when read.

A model folder holds `config.json`, `model.safetensors`, `tokenizer.model`, `README.md` and
`manifest.json`, which has size and sha256 of the others and is written last. A run folder is a
model folder (the best on held-out poems) with `train.json`, `metrics.jsonl`, `samples.jsonl` and
`checkpoints/step-N/`: model folders with the training state, `state.pt`, beside the weights, whose
manifest names the run and the step; `checkpoints/latest` names the last that was written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .. import files as disk
from ..config import MODELS, ModelConfig, from_dict
from ..errors import MALFORMED, CheckpointError, PoetVAEError, either, reason_of
from ..files import (
    MANIFEST,
    check_regular,
    manifest_bytes,
    manifest_entry,
    new_folder,
    read_limited,
    read_manifest,
    temporary_folder,
    write_file,
    write_files,
)
from ..i18n import N_, _
from ..models import TextModel, build
from ..text.codec import PoemCodec
from ..text.tokenizer import PoemTokenizer

FORMAT_VERSION = 1
_PRETRAINED = Path(__file__).parent.parent / "pretrained"
PACKAGED = {name: _PRETRAINED / name for name in ("chinese", "english")}
"""The weights that come with the package, by name; the first are those for who names none."""
"""The weights that come with the package: a model folder."""
CARD = "README.md"  # for people, who may edit it: not in the manifest
MODEL_FILES = frozenset({"config.json", "model.safetensors", "tokenizer.model"})
_WAITS = (0.0, 0.02, 0.05, 0.1, 0.2)  # seconds, before a folder is read, and read again
PICKLES = (".pt", ".pth", ".bin", ".pkl", ".ckpt")


@dataclass(frozen=True)
class Saved:
    """What a model folder holds: the network, and how its texts are numbered."""

    model: TextModel
    codec: PoemCodec


def save_folder(
    folder: str | Path,
    saved: Saved,
    card: str,
    overwrite: bool = False,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model folder.

    A new folder appears at once, complete. In one that exists (with `overwrite`) the files are
    replaced one by one, the manifest last, so that a torn state is noticed. The weights in the file
    are of `dtype`; a model is computed in float32 whatever they are stored in.

    Raises CheckpointError: it exists and may not be overwritten, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise CheckpointError(
            _("{folder} exists; choose another name, or overwrite it", folder=folder)
        )
    _write(folder, _model_files(saved, card, dtype))


def load_folder(folder: str | Path, device: str | torch.device = "cpu") -> Saved:
    """The model of a model or run folder, verified, on a device, ready to use; of a run whose own
    weights are missing or torn, its newest checkpoint that verifies, with a warning.

    Raises CheckpointError: no folder, files missing, torn or of another version, or not a model.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(
            _("{folder}: no such model folder; check the path, or train one", folder=folder)
        )
    # While a run is trained its files are replaced, one right after the other, and old checkpoints
    # go: what is torn, or gone, is whole in a moment.
    for wait in _WAITS if (folder / "train.json").exists() else _WAITS[:1]:
        time.sleep(wait)
        try:
            return _load(folder, device)
        except CheckpointError as error:
            failed = error
    while newest := latest_checkpoint(folder):
        try:
            saved = _load(newest, device)
        except CheckpointError:
            if newest.exists():
                raise
            continue
        if (folder / MANIFEST).exists():
            using = _("{error}; using {name} instead", error=failed, name=newest.name)
            warnings.warn(using, stacklevel=2)
        return saved
    raise failed


def verify(folder: Path) -> None:
    """CheckpointError where a file of a model folder is missing, or not as its manifest says."""
    _read_files(folder, MODEL_FILES)


def save_checkpoint(
    run: Path, step: int, saved: Saved, card: str, state: Mapping[str, Any], keep: int
) -> Path:
    """Write `run/checkpoints/step-N`, of the run that the state names, then remove all but the
    newest `keep` of that run.
    Raises CheckpointError: it cannot be written; older checkpoints are as they were."""
    folder, of_run = run / "checkpoints" / f"step-{step}", str(state.get("run", ""))
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    files = {**_model_files(saved, card), "state.pt": buffer.getvalue()}
    try:
        if os.path.lexists(folder):  # it did not verify, or this run would have begun there
            with temporary_folder(folder.parent) as aside:
                os.rename(folder, aside / folder.name)
    except OSError as error:
        raise CheckpointError(
            _("{folder}: cannot be replaced ({reason})", folder=folder, reason=reason_of(error))
        ) from error
    _write(folder, files, run=of_run, step=step)
    write_file(folder.with_name("latest"), f"{folder.name}\n".encode())
    # Later ones did not verify either: they take no place.
    ours = [old for n, old in checkpoints(run) if n < step and _origin(old)[0] in (of_run, None)]
    for old in ours[::-1][keep - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def sweep(run: Path) -> None:
    """Remove what a process that was killed while writing has left half-written in a run."""
    for folder in (run, run / "checkpoints", *(folder for __, folder in checkpoints(run))):
        disk.sweep(folder)


def checkpoints(run: Path) -> list[tuple[int, Path]]:
    """The checkpoints of a run by step, oldest first, whether they verify or not."""
    folders = (path for path in (run / "checkpoints").glob("step-*") if path.is_dir())
    named = ((re.fullmatch(r"step-([0-9]+)", path.name), path) for path in folders)
    return sorted((int(match[1]), path) for match, path in named if match)


def latest_checkpoint(run: str | Path) -> Path | None:
    """The newest checkpoint whose files all verify, and that is of this run and of the step that it
    is named by; a warning for each one passed over."""
    expected = _run_id(Path(run))
    for step, path in reversed(checkpoints(Path(run))):
        try:
            _read_files(path, set(_read_manifest(path)))
            of_run, of_step = _origin(path)
            if expected is not None and (of_run or "") != expected:
                raise CheckpointError(_("{path} is of another run", path=path))
            if of_step not in (step, None):
                raise CheckpointError(_("{path} is of step {of_step}", path=path, of_step=of_step))
            return path
        except CheckpointError as error:
            warnings.warn(_("{error}; trying the one before", error=error), stacklevel=2)
    return None


def _run_id(run: Path) -> str | None:
    """What its `train.json` calls a run, "" in older versions; None where there is none to read."""
    with contextlib.suppress(OSError, *MALFORMED):
        return str(dict(json.loads(read_limited(run / "train.json"))).get("id", ""))
    return None


def _origin(folder: Path) -> tuple[str | None, int | None]:
    """The run and the step that the manifest of a checkpoint names; None where it does not."""
    with contextlib.suppress(OSError, *MALFORMED):
        values = dict(json.loads(read_limited(folder / MANIFEST)))
        return values.get("run"), values.get("step")
    return None, None


def load_state(folder: Path) -> dict[str, Any]:
    """The training state of a checkpoint: tensors and plain values alone.
    Raises CheckpointError: missing, torn, or holding anything else."""
    data = _read_files(folder, {"state.pt"})["state.pt"]
    try:
        return dict(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds here; all mean the same to a reader
        raise CheckpointError(
            _("{folder}/state.pt is not a training state; remove it", folder=folder)
        ) from error


def _model_files(saved: Saved, card: str, dtype: torch.dtype = torch.float32) -> dict[str, bytes]:
    config = {
        "format": "poetvae",
        "version": FORMAT_VERSION,
        "kind": saved.model.config.kind,
        "model": dataclasses.asdict(saved.model.config),
        "text": saved.codec.to_dict(),
    }
    weights = {
        name: t.detach().to("cpu", dtype if t.is_floating_point() else t.dtype).contiguous()
        for name, t in saved.model.tensors().items()
    }
    return {
        "config.json": json.dumps(config, indent=2, ensure_ascii=False).encode() + b"\n",
        "tokenizer.model": saved.codec.tokenizer.to_bytes(),
        CARD: card.encode(),
        # Last, right before the manifest: while a run is trained these two alone change.
        "model.safetensors": safetensors.torch.save(weights, {"format": "pt"}),
    }


def _write(folder: Path, files: dict[str, bytes], **about: Any) -> None:
    """The files and their manifest as a new folder, or into one that exists."""
    listed = {name: manifest_entry(data) for name, data in files.items() if name != CARD}
    files = {**files, MANIFEST: manifest_bytes(listed, **about)}
    if folder.exists():
        write_files(folder, files)
        return
    try:
        with new_folder(folder) as temporary:
            write_files(temporary, files)
    except OSError as error:
        raise CheckpointError(
            _("{folder}: cannot be written ({reason})", folder=folder, reason=reason_of(error))
        ) from error


def _read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    if not (folder / MANIFEST).exists():
        why = _(
            "{folder} has no {manifest}: not a poetvae model, or torn",
            folder=folder,
            manifest=MANIFEST,
        )
        names = (path.name for path in folder.glob("*"))
        hint = pickle_hint(names, N_("{name} may run code and is not loaded"))
        raise CheckpointError(_("; ").join([why, *hint]))
    return read_manifest(folder, CheckpointError, _("fetch the model again"))


def pickle_hint(names: Iterable[str], text: str) -> list[str]:
    """What is said, a text with {name}, where there are pickles instead of a model."""
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    return [_(text, name=name) for name in pickles[:1]]


def _read_files(folder: Path, names: Set[str]) -> dict[str, bytes]:
    """Files of a folder, each as its manifest says."""
    listed = _read_manifest(folder)
    files = {}
    for name in sorted(names):
        if name not in listed:
            raise CheckpointError(
                _(
                    "{folder}/{manifest} lists no {name}; fetch the model again",
                    folder=folder,
                    manifest=MANIFEST,
                    name=name,
                )
            )
        data = _read_bytes(folder / name, listed[name]["size"])
        if manifest_entry(data) != listed[name]:
            why = _(
                "size or sha256 differ from {manifest}; fetch or save the model again",
                manifest=MANIFEST,
            )
            raise CheckpointError(
                _("{folder}/{name} is damaged: {why}", folder=folder, name=name, why=why)
            )
        files[name] = data
    return files


def _read_bytes(path: Path, size: int) -> bytes:
    """A file of that size; nothing of another, which is noticed then, not loaded."""
    try:
        return read_limited(path) if check_regular(path) == size else b""
    except OSError as error:
        raise CheckpointError(
            _("{path}: cannot be read ({reason})", path=path, reason=reason_of(error))
        ) from error


def _load(folder: Path, device: str | torch.device) -> Saved:
    files = _read_files(folder, MODEL_FILES)
    try:
        config = json.loads(files["config.json"])
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise CheckpointError(
            _("{folder}/config.json is not a JSON object; fetch the model again", folder=folder)
        )
    found = config.get("format"), config.get("version"), config.get("kind")
    if found[:2] != ("poetvae", FORMAT_VERSION) or found[2] not in [*MODELS]:
        raise CheckpointError(
            _(
                "{folder}/config.json says format, version, kind = {found}; this version "
                "of poetvae reads ('poetvae', {version}, {kinds})",
                folder=folder,
                found=found,
                version=FORMAT_VERSION,
                kinds=either(map(repr, MODELS)),
            )
        )
    try:
        model_config = from_dict(ModelConfig, config.get("model") or {})
        if model_config.kind != found[2]:
            raise CheckpointError(
                _(
                    "its kind is {kind!r}, its model's {other!r}",
                    kind=found[2],
                    other=model_config.kind,
                )
            )
        tokenizer = PoemTokenizer.from_bytes(files["tokenizer.model"])
        if len(tokenizer) != model_config.vocab_size:
            raise CheckpointError(
                _(
                    "its tokenizer has {n} tokens, its model {vocab_size}",
                    n=len(tokenizer),
                    vocab_size=model_config.vocab_size,
                )
            )
        codec = PoemCodec.from_dict(tokenizer, model_config.max_len, config.get("text") or {})
        if codec.label_sizes != model_config.label_sizes:
            raise CheckpointError(
                _(
                    "its labels have {sizes} values; its forms and fields have {others}",
                    sizes=model_config.label_sizes,
                    others=codec.label_sizes,
                )
            )
        if codec.theme_len != model_config.theme_len:
            raise CheckpointError(
                _(
                    "its themes have {n} characters; its text has {other}",
                    n=model_config.theme_len,
                    other=codec.theme_len,
                )
            )
        model = _load_weights(model_config, files["model.safetensors"])
    except PoetVAEError as error:
        raise CheckpointError(_("{folder}: {error}", folder=folder, error=error)) from error
    return Saved(model.to(device).eval(), codec)


def _load_weights(config: ModelConfig, data: bytes) -> TextModel:
    """A network with these weights; its size is checked before memory is taken for it."""
    try:
        weights = current_names(safetensors.torch.load(data))
    except safetensors.SafetensorError as error:
        raise CheckpointError(_("model.safetensors is malformed ({error})", error=error)) from error
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in build(config).tensors().items()}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if (there := shapes.get(name)) != (wanted := expected.get(name)):
            raise CheckpointError(
                _(
                    "model.safetensors: {name} is {there}; config.json says {wanted}",
                    name=name,
                    there=there,
                    wanted=wanted,
                )
            )
    if not all(torch.isfinite(w.float()).all() for w in weights.values()):
        raise CheckpointError(_("model.safetensors holds numbers that are not finite"))
    model = build(config)
    with torch.no_grad():
        for name, tensor in model.tensors().items():
            tensor.copy_(weights[name])
    model.check_sounds()
    return model


# Where the weights of a prior were, before it was a module of its own; of the passes, before their
# blocks were in one list.
_RENAMED = {
    r"^prior_mean\.": "prior_module.mean.",
    r"^component_": "prior_module.",
    r"^decoder\.weave\.layers\.(\d+)\.blocks\.0\.": r"decoder.weave.stack.blocks.\1.",
}


def current_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names that the models of this version have for them."""
    names = {name: name for name in weights}
    for old, new in _RENAMED.items():
        names = {name: re.sub(old, new, current) for name, current in names.items()}
    return {names[name]: weight for name, weight in weights.items()}

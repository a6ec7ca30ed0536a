"""Folders are whole or refused: torn, forged, hostile and half-written ones."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, Mock

import pytest
import safetensors.torch
import torch
from folders import contents, forge, forge_entry, names
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.checkpoints.hub import load_model
from poetvae.checkpoints.model_folder import (
    Saved,
    checkpoints,
    current_names,
    latest_checkpoint,
    load_folder,
    load_state,
    save_checkpoint,
    save_folder,
)
from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import CheckpointError
from poetvae.files import write_file
from poetvae.models.vae import VAE
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.sounds import sounds_of
from poetvae.text.tokenizer import PoemTokenizer

FILES = ["README.md", "config.json", "manifest.json", "model.safetensors", "tokenizer.model"]
VERIFIED = FILES[1:]  # a card is there to be edited
CONFIG = ModelConfig(
    max_len=4, embed_dim=8, d_model=8, latent_dim=2, encoder_layers=1, decoder_layers=1
)
COUPLET, TWO_FORMS = {Form(2, 2): 3}, {Form(2, 2): 3, Form(1, 4): 1}


def make(
    seed: int,
    config: ModelConfig = CONFIG,
    forms: dict[Form, int] = COUPLET,
    text: str = "山月風清",
) -> Saved:
    """A model that nobody trained."""
    torch.manual_seed(seed)
    codec = PoemCodec(PoemTokenizer.train([text]), config.max_len, forms)
    size = len(codec.tokenizer)
    sounds = sounds_of(codec) if config.sounds else None
    config = replace(config, vocab_size=size, label_sizes=codec.label_sizes)
    model = VAE(replace(config, sound_sizes=sounds.sizes if sounds else ()))
    model.set_sounds(sounds)
    return Saved(model, codec)


ONE, OTHER = make(1), make(2, replace(CONFIG, latent_dim=3), text="水石花鳥")


def same(a: Saved, b: Saved) -> bool:
    """Whether two models are equal, bit for bit."""
    ours, theirs = (one.model.tensors() for one in (a, b))
    return list(ours) == list(theirs) and all(torch.equal(p, theirs[n]) for n, p in ours.items())


def forge_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change config.json, and have the manifest say that it is right."""
    config = json.loads((folder / "config.json").read_bytes())
    change(config)
    forge(folder, "config.json", json.dumps(config).encode())


def forge_weights(folder: Path, changes: dict[str, Tensor | None]) -> None:
    """Replace weights, or remove them, and have the manifest say that they are right."""
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    kept = {k: w for k, w in {**weights, **changes}.items() if w is not None}
    forge(folder, "model.safetensors", safetensors.torch.save(kept))


def refused(folder: Path) -> str:
    """The one line with which a folder is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fill(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The model ONE in a folder."""
    save_folder(tmp_path / "model", ONE, "A card.\n")
    return tmp_path / "model"


@pytest.fixture
def run(folder: Path) -> Path:
    """The model ONE in a run with checkpoints of three others."""
    for step in (5, 10, 15):
        save_checkpoint(folder, step, make(step), "A card.\n", {"step": step}, keep=3)
    return folder


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the model ONE."""
    where = tmp_path_factory.mktemp("originals") / "model"
    save_folder(where, ONE, "A card.\n")
    return contents(where)


# Round trips


@pytest.mark.parametrize("forms", [COUPLET, TWO_FORMS, {}], ids=["form", "forms", "free"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tied": False},
        {"norm": "none", "positions": False, "inject": False},
        {"sounds": True},
        {"sounds": True, "tied": False},
    ],
    ids=["base", "untied", "plain", "sounds", "untied sounds"],
)
def test_saved_and_loaded(tmp_path: Path, forms: dict[Form, int], change: dict[str, Any]) -> None:
    saved = make(3, replace(CONFIG, **change), forms)
    save_folder(tmp_path / "model", saved, "card")
    loaded = load_folder(tmp_path / "model")
    assert same(saved, loaded)
    assert (loaded.model.config, loaded.codec.forms) == (saved.model.config, forms)
    assert loaded.codec.tokenizer.to_bytes() == saved.codec.tokenizer.to_bytes()
    assert not loaded.model.training
    labels = torch.ones(3, 1, dtype=torch.int64) if len(forms) > 1 else None
    batch = Batch.whole(torch.randint(5, 9, (3, 4)), labels)
    ours, theirs = (each.model.latent.encode(batch).mode for each in (loaded, saved))
    assert torch.equal(ours, theirs)


def test_saving_what_was_loaded_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_folder(tmp_path / "again", load_folder(folder), "A card.\n")
    assert contents(tmp_path / "again") == contents(folder)
    assert same(Saved(load_model(str(folder)), ONE.codec), ONE)


def test_sounds_are_kept_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever the weights are stored; whatever a later table of readings says; or refused."""
    saved, folder = make(3, replace(CONFIG, sounds=True)), tmp_path / "model"
    facts = dict(saved.model.named_buffers())
    assert set(facts) == {"embedding.readings", "embedding.heard"}
    assert all(int(fact.max()) > 1 for fact in facts.values())
    save_folder(folder, saved, "card", dtype=torch.float16)
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    assert {stored[name].dtype for name in facts} == {torch.int16}
    assert stored["embedding.sounds"].dtype == torch.float16
    monkeypatch.setattr("poetvae.text.sounds.readings", lambda *_: frozenset())
    loaded = load_folder(folder).model
    assert loaded.num_parameters() == sum(p.numel() for p in saved.model.parameters())
    for name, fact in facts.items():
        assert torch.equal(loaded.tensors()[name], fact)
    for name, fact in facts.items():
        for wrong in (fact + 100, -fact):
            save_folder(folder, saved, "card", overwrite=True)
            forge_weights(folder, {name: wrong})
            what = f"{name.removeprefix('embedding.')} of the tokens is not within 0 to"
            assert what in refused(folder)


OLD_NAMES = {
    "mixture": {
        "prior_module.logits": "component_logits",
        "prior_module.mean": "component_mean",
        "prior_module.logvar": "component_logvar",
    },
    "label": {"prior_module.mean.tables.0.weight": "prior_mean.tables.0.weight"},
    "normal": {},
}


@pytest.mark.parametrize("prior", OLD_NAMES)
def test_weights_of_a_prior_load_by_the_names_they_had(tmp_path: Path, prior: str) -> None:
    saved = make(3, replace(CONFIG, prior=prior), TWO_FORMS)
    save_folder(tmp_path / "model", saved, "card")
    weights = dict(saved.model.named_parameters())
    old = {OLD_NAMES[prior].get(name, name): p.detach() for name, p in weights.items()}
    assert not any(name.startswith("prior_module") for name in old)
    assert current_names(old).keys() == current_names(weights).keys() == weights.keys()
    forge_weights(tmp_path / "model", {**dict.fromkeys(weights), **old})
    assert same(load_folder(tmp_path / "model"), saved)


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077, 0o000])
def test_a_folder_holds_these_files_for_whom_the_umask_lets_read(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        save_folder(tmp_path / "model", ONE, "A card.\n")
        save_folder(tmp_path / "model", ONE, "Another one.\n", overwrite=True)
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "model").iterdir()}
    assert modes == dict.fromkeys(FILES, 0o666 & ~mask)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o777 & ~mask
    assert names(tmp_path) == {"model"}


def test_an_existing_folder_is_refused_unless_it_may_be_overwritten(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="exists; choose another name"):
        save_folder(folder, OTHER, "card")
    assert same(load_folder(folder), ONE)
    save_folder(folder, OTHER, "card", overwrite=True)
    assert same(load_folder(folder), OTHER)
    assert names(folder) == {*FILES}


def test_a_new_folder_may_lie_deep_but_not_below_a_file(tmp_path: Path) -> None:
    save_folder(tmp_path / "a" / "b", ONE, "card")
    assert same(load_folder(tmp_path / "a" / "b"), ONE)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_folder(tmp_path / "file" / "b", ONE, "card")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_file(tmp_path / "file" / "b", b"")
    assert names(tmp_path) == {"a", "file"}


# Torn folders


DAMAGES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "truncated": lambda data, other: data[: len(data) // 2],
    "extended": lambda data, other: data + b"\0",
    "zeroed": lambda data, other: bytes(len(data)),
    "emptied": lambda data, other: b"",
    "swapped": lambda data, other: other,
}


@pytest.mark.parametrize("name", VERIFIED)
@pytest.mark.parametrize("damage", [*DAMAGES, "missing", "folder"])
def test_a_damaged_file_is_named(folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    save_folder(tmp_path / "other", OTHER, "Another card.\n")
    data, other = ((where / name).read_bytes() for where in (folder, tmp_path / "other"))
    (folder / name).unlink()
    if damage in DAMAGES:
        (folder / name).write_bytes(DAMAGES[damage](data, other))
    elif damage == "folder":
        (folder / name).mkdir()
    message = refused(folder)
    assert str(folder) in message
    assert name in message


@given(st.sampled_from(VERIFIED), st.integers(0, 10**9), st.booleans())
@settings(deadline=None, max_examples=100)
def test_any_flipped_bit_and_any_torn_end_is_noticed(
    originals: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    place: int,
    torn: bool,
) -> None:
    where = tmp_path_factory.getbasetemp() / "bits"
    fill(where, originals)
    byte, bit = divmod(place % (8 * len(originals[name])), 8)
    flipped = bytearray(originals[name])
    flipped[byte] ^= 1 << bit
    # The last byte of the manifest is a line break: JSON is whole without it.
    short = originals[name][: min(byte, len(flipped) - 2)]
    (where / name).write_bytes(short if torn else flipped)
    assert name in refused(where)


def test_no_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "none").endswith("no such model folder; check the path, or train one")
    (tmp_path / "file").write_text("")
    assert "no such model folder" in refused(tmp_path / "file")
    assert "has no manifest.json" in refused(tmp_path)


SIZES = ("535", None, 1.5, -2, 10**12, 10**40)


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 7, [], {}, {"size": 1}, {"size": 535, "sha256": None}),
        *({"size": size, "sha256": "x"} for size in SIZES),
    ],
    ids=json.dumps,
)
def test_a_manifest_that_says_nonsense(folder: Path, entry: object) -> None:
    forge_entry(folder, "config.json", entry)
    assert "manifest.json" in refused(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"files": []}', "{" * 100_000, "\xff", "[" * 9999]
)
def test_a_manifest_that_is_none(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    assert "manifest.json" in refused(folder)


# Forged folders: the manifest is right, what it vouches for is not


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("version", 2), ("version", "1"), ("version", None)),
        *(("kind", "gan"), ("kind", ["vae"]), ("format", "other")),
    ],
)
def test_another_version_kind_or_format(folder: Path, key: str, value: object) -> None:
    forge_config(folder, lambda config: config.update({key: value}))
    message = refused(folder)
    assert "config.json says format, version, kind" in message
    assert repr(value) in message


@pytest.mark.parametrize(
    ("part", "change"),
    [
        *((part, None) for part in ("version", "kind", "format", "model", "text")),  # left out
        *(("model", {"d_model": size}) for size in (10**9, 10**400)),
        *(("model", {"dropout": share}) for share in (10**400, float("nan"))),
        *(("model", {"vocab_size": size}) for size in (10**12, 1_000_000)),
        *(("model", {name: 4096}) for name in ("max_len", "latent_dim")),
        ("model", {"max_len": 0}),
        ("model", {"label_sizes": [100_000] * 1000}),
        ("model", {"d_model": 4096, "embed_dim": 4096, "kernel_size": 63}),
        ("model", {"d_model": 4096, "encoder_layers": 64, "decoder_layers": 64, "kernel_size": 63}),
        *(("model", {name: []}) for name in ("dilations", "unheard_of")),
        *(("text", {"forms": forms}) for forms in ({"99x999": 1}, {"2x2": 10**12, "1x4": 1})),
        *(("text", {"forms": forms}) for forms in ({"2x2": True}, {"sonnet": 1}, [1], None)),
        *(("model", {"sound_sizes": [size] * 3}) for size in (1, 32_767, 10**9)),
        ("model", {"sound_sizes": [1]}),
        ("text", {"more": 1}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hostile_values(folder: Path, part: str, change: dict[str, Any] | None) -> None:
    forge_config(folder, lambda c: c[part].update(change) if change else c.pop(part))
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    message = refused(folder)
    assert time.process_time() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 2**17  # KiB: 128 MiB
    assert str(folder) in message


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS)
KEYS = [
    *(("model", name) for name in vars(CONFIG)),
    *(("text", "forms"), ("model", ""), ("text", ""), ("version", ""), ("kind", "")),
]


@pytest.mark.slow
@given(st.sampled_from(KEYS), JSON)
@settings(deadline=None, max_examples=100)
def test_any_value_anywhere_in_a_config_loads_or_is_refused(
    originals: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    key: tuple[str, str],
    value: object,
) -> None:
    where = tmp_path_factory.getbasetemp() / "values"
    fill(where, originals)
    config = json.loads(originals["config.json"])
    config[key[0]] = {**config[key[0]], key[1]: value} if key[1] else value
    forge(where, "config.json", json.dumps(config).encode())
    try:
        assert same(load_folder(where), ONE)
    except CheckpointError:
        assert str(where) in refused(where)


NOT_FINITE = "model.safetensors holds numbers that are not finite"
NAN = torch.tensor([0.5, float("nan")])


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("mean.bias", NAN, NOT_FINITE),
        ("mean.bias", torch.tensor([0.5, float("inf")]), NOT_FINITE),
        ("mean.bias", torch.tensor([0.5, -float("inf")]), NOT_FINITE),
        ("mean.bias", NAN.to(torch.float8_e4m3fn), NOT_FINITE),  # a rare type
        ("mean.bias", torch.zeros(3), "mean.bias is (3,); config.json says (2,)"),
        ("mean.bias", torch.zeros(2, 1), "mean.bias is (2, 1); config.json says (2,)"),
        ("mean.bias", None, "mean.bias is None; config.json says (2,)"),
        ("another", torch.zeros(1), "another is (1,); config.json says None"),
    ],
    ids=str,
)
def test_other_weights(folder: Path, name: str, tensor: Tensor | None, says: str) -> None:
    forge_weights(folder, {name: tensor})
    assert refused(folder).endswith(says)


def header(values: object) -> bytes:
    """A safetensors file with this header and no data."""
    text = json.dumps(values).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        (2**62).to_bytes(8, "little") + b"{}",
        header([]),
        header({"mean.bias": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}),
        header({"mean.bias": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}),
        header({"mean.bias": {"dtype": "nonsense", "shape": [0], "data_offsets": [0, 0]}}),
    ],
    ids=["empty", "ff", "long header", "list", "huge", "negative", "type"],
)
def test_weights_in_a_malformed_file(folder: Path, data: bytes) -> None:
    forge(folder, "model.safetensors", data)
    assert "model.safetensors is malformed" in refused(folder)


def test_a_forged_tokenizer(folder: Path) -> None:
    for data in (b"", b"\0" * 99, b"not a model"):
        forge(folder, "tokenizer.model", data)
        assert str(folder) in refused(folder)
    forge(folder, "tokenizer.model", PoemTokenizer.train(["山月"]).to_bytes())
    assert "its tokenizer has 8 tokens, its model 10" in refused(folder)


# Pickles


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.fixture
def bomb(tmp_path: Path) -> Bomb:
    """A bomb that works: it has been tried."""
    bomb = Bomb(tmp_path / "boom")
    pickle.loads(pickle.dumps(bomb)).close()
    bomb.path.unlink()
    return bomb


@pytest.mark.parametrize("name", ["model.pt", "pytorch_model.bin", "a.pth", "b.pkl", "last.ckpt"])
def test_a_folder_with_a_pickle_alone(tmp_path: Path, bomb: Bomb, name: str) -> None:
    (tmp_path / "theirs").mkdir()
    torch.save(bomb, tmp_path / "theirs" / name)
    assert refused(tmp_path / "theirs").endswith(f"{name} may run code and is not loaded")
    assert not bomb.path.exists()


def test_a_pickle_in_place_of_the_weights_is_not_run(folder: Path, bomb: Bomb) -> None:
    forge(folder, "model.safetensors", pickle.dumps(bomb))
    assert "model.safetensors is malformed" in refused(folder)
    assert not bomb.path.exists()


@pytest.mark.parametrize("old", [False, True], ids=["zip", "plain pickle"])
def test_a_training_state_that_is_a_pickle_is_not_run(run: Path, bomb: Bomb, old: bool) -> None:
    state = run / "checkpoints" / "step-15"
    torch.save({"step": 15, "model": bomb}, run / "x", _use_new_zipfile_serialization=not old)
    forge(state, "state.pt", pickle.dumps(bomb) if old else (run / "x").read_bytes())
    assert latest_checkpoint(run) == state  # its manifest is right
    with pytest.raises(CheckpointError, match=r"step-15/state\.pt is not a training state"):
        load_state(state)
    assert not bomb.path.exists()


@pytest.mark.parametrize("value", [[1, 2], 7, "text", None, torch.zeros(3)], ids=str)
def test_a_training_state_that_is_none(run: Path, value: object) -> None:
    state = run / "checkpoints" / "step-15"
    torch.save(value, run / "x")
    forge(state, "state.pt", (run / "x").read_bytes())
    with pytest.raises(CheckpointError, match="is not a training state"):
        load_state(state)


def test_a_training_state_comes_back_and_a_torn_one_does_not(run: Path) -> None:
    state = {"step": 3, "best": float("inf"), "model": {"a": torch.randn(2)}, "list": [1, 2.5]}
    folder = save_checkpoint(run, 20, ONE, "card", state, keep=9)
    loaded = load_state(folder)
    assert torch.equal(loaded["model"]["a"], state["model"]["a"])  # type: ignore[index]
    assert {**loaded, "model": 0} == {**state, "model": 0}
    (folder / "state.pt").write_bytes((folder / "state.pt").read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        load_state(folder)


# Runs


@pytest.mark.parametrize("name", VERIFIED)
def test_a_torn_run_gives_its_newest_checkpoint_with_a_warning(run: Path, name: str) -> None:
    assert same(load_folder(run), ONE)  # whole, it gives its own weights in silence
    (run / name).write_bytes((run / name).read_bytes()[:-2])
    with pytest.warns(UserWarning, match=f"{name}.*; using step-15 instead"):
        loaded = load_folder(run)
    assert same(loaded, make(15))


def test_a_run_that_has_saved_no_best_model_yet_gives_its_checkpoint(run: Path) -> None:
    (run / "manifest.json").unlink()
    assert same(load_folder(run), make(15))


def test_torn_checkpoints_are_passed_over_with_a_warning_each(run: Path) -> None:
    (run / "model.safetensors").unlink()
    (run / "checkpoints" / "step-15" / "manifest.json").unlink()
    (run / "checkpoints" / "step-10" / "state.pt").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"step-\d+") as caught:
        loaded = load_folder(run)
    assert same(loaded, make(5))
    messages = [str(warning.message) for warning in caught]
    says = "step-15 has no manifest.json", "step-10/state.pt is damaged", "model.safetensors"
    assert all(part in message for part, message in zip(says, messages, strict=True))
    assert "using step-5 instead" in messages[2]
    assert "\n" not in "".join(messages)


def test_a_run_that_is_torn_throughout_is_refused(run: Path) -> None:
    (run / "config.json").write_bytes(b"")
    for step in (5, 10, 15):
        (run / "checkpoints" / f"step-{step}" / "config.json").unlink()
    with pytest.warns(UserWarning, match="trying the one before"):
        assert f"{run}/config.json is damaged" in refused(run)
    with pytest.warns(UserWarning, match="trying the one before"):
        assert latest_checkpoint(run) is None


@pytest.mark.parametrize("keep", [1, 2, 4])
def test_the_newest_checkpoints_are_kept(tmp_path: Path, keep: int) -> None:
    for number, step in enumerate((8, 9, 10, 100, 101), 1):
        folder = save_checkpoint(tmp_path, step, ONE, "card", {"step": step}, keep)
        assert folder == tmp_path / "checkpoints" / f"step-{step}"
        steps = [there for there, _ in checkpoints(tmp_path)]
        assert steps == [8, 9, 10, 100, 101][max(0, number - keep) : number]
        assert latest_checkpoint(tmp_path) == folder


@pytest.mark.parametrize("keep", [1, 2])
def test_a_torn_newer_checkpoint_does_not_push_out_a_whole_one(run: Path, keep: int) -> None:
    (run / "checkpoints" / "step-15" / "config.json").unlink()
    folder = save_checkpoint(run, 12, ONE, "card", {"step": 12}, keep)
    with pytest.warns(UserWarning, match="step-15.*trying the one before"):
        assert latest_checkpoint(run) == folder
    assert [n for n, _ in checkpoints(run)] == [5, 10, 12, 15][2 - keep + 1 :]
    torn = save_checkpoint(run, 15, OTHER, "card", {"step": 15}, keep)
    assert same(load_folder(torn), OTHER)  # written over


def test_other_things_among_the_checkpoints_are_left_alone(run: Path) -> None:
    (run / "checkpoints" / "step-x").mkdir()
    (run / "checkpoints" / "step-99").write_text("a file")
    save_checkpoint(run, 20, ONE, "card", {"step": 20}, keep=1)
    assert latest_checkpoint(run) == run / "checkpoints" / "step-20"
    assert names(run / "checkpoints") == {"latest", "step-20", "step-99", "step-x"}


# A full disk


def full(real: Callable[..., Any], calls: int) -> Mock:
    """Stands for a function of `os` that finds the disk full after so many calls."""
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return Mock(wraps=real, side_effect=[*[DEFAULT] * calls, *[error] * 99])


@pytest.mark.parametrize("calls", range(5))
def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    before = contents(folder)
    for target in (folder.with_name("new"), folder):
        monkeypatch.setattr(os, "fsync", full(os.fsync, calls))
        with pytest.raises(CheckpointError, match=r"cannot be written .No space left on device"):
            save_folder(target, OTHER, "card", overwrite=True)
        monkeypatch.undo()
    assert contents(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("calls", range(1, 5))
def test_half_a_folder_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(os, "replace", full(os.replace, calls))
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_folder(folder, OTHER, "card", overwrite=True)
    assert "is damaged" in refused(folder)
    assert names(folder) == {*FILES}


@pytest.mark.parametrize("calls", range(6))
def test_full_with_checkpoints(run: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    monkeypatch.setattr(os, "fsync", full(os.fsync, calls))
    with pytest.raises(CheckpointError, match="No space left on device"):
        save_checkpoint(run, 20, OTHER, "card", {"step": 20}, keep=1)
    assert names(run / "checkpoints") == {"latest", "step-10", "step-15", "step-5"}
    assert (run / "checkpoints" / "latest").read_text() == "step-15\n"
    assert latest_checkpoint(run) == run / "checkpoints" / "step-15"


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full(os.fsync, 0))
    with pytest.raises(CheckpointError, match="file: cannot be written"):
        write_file(tmp_path / "file", b"new")
    assert contents(tmp_path) == {"file": b"old"}


def test_files_that_may_not_grow_so_large(folder: Path) -> None:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))
    try:
        for target in (folder.with_name("new"), folder):
            with pytest.raises(CheckpointError, match=r"cannot be written \(File too large\)$"):
                save_folder(target, OTHER, "card", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert same(load_folder(folder), ONE)
    assert list(folder.parent.iterdir()) == [folder]
    assert names(folder) == {*FILES}

"""What users import: an explicit list, and light until something of it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import poetvae

PUBLIC = (
    "VAE VQVAE Autoregressive CheckpointError ConfigError Constraint ConstraintError CorpusError"
    " Form Generated Poem Poet PoetVAEError TokenizerError load_model read_poems train"
)
HEAVY = {"numpy", "pandas", "pyarrow", "safetensors", "sentencepiece", "torch", "tqdm"}
HEAVY |= {"datasets", "opencc"}


def python(*arguments: str) -> str:
    """What a new Python, in which warnings are errors, prints; it must be content and quiet."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_public_names_are_these() -> None:
    assert " ".join(poetvae.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC.split())
def test_a_public_name_is_there_documented_and_ours(name: str) -> None:
    value = getattr(poetvae, name)
    assert value.__name__ == name
    assert value.__doc__
    assert value.__module__.startswith("poetvae.")
    assert name in dir(poetvae)


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from poetvae import *", names)
    assert names.keys() - {"__builtins__"} == set(PUBLIC.split())


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'poetvae' has no attribute 'Verse'"):
        _ = poetvae.Verse


def test_the_version_is_a_version() -> None:
    assert all(part.isdecimal() for part in poetvae.__version__.split("."))


def test_bricks_come_from_nn() -> None:
    from poetvae.nn import GCNN, GatedConv1d, GatedResidualBlock

    for brick in (GCNN, GatedConv1d, GatedResidualBlock):
        assert brick.__module__ == "poetvae.nn.gated_conv"


def test_bricks_do_not_bring_the_poems() -> None:
    loaded = python("-c", "import poetvae.nn, sys; print(*sys.modules)").split()
    bricks = {"gated_conv", "distributions", "noise", "pooling", "cross_entropy", "quantizer"}
    ours = {name for name in loaded if name.startswith("poetvae")}
    assert ours == {"poetvae", "poetvae.nn", *(f"poetvae.nn.{name}" for name in bricks)}


def test_importing_the_package_is_light() -> None:
    loaded = python("-c", "import poetvae, sys; print(*sys.modules)").split()
    assert "poetvae" in loaded
    assert not (HEAVY | {"click", "asyncio", "json", "email"}) & set(loaded)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_does_not_wait_for_heavy_modules(arguments: list[str]) -> None:
    script = (
        f"import sys; sys.argv = {['poetvae', *arguments]!r}\n"
        "from poetvae.cli import main; main(); print(*sys.modules)"
    )
    loaded = python("-c", script).splitlines()[-1].split()
    assert "click" in loaded
    assert not HEAVY & set(loaded)


def test_reading_poems_does_not_need_torch() -> None:
    loaded = python("-c", "from poetvae import read_poems; import sys; print(*sys.modules)").split()
    assert "poetvae.data.corpus" in loaded
    assert not {"torch", "datasets", "click"} & set(loaded)


def test_importing_the_whole_is_quiet() -> None:
    names = "training.trainer, poetvae.cli, poetvae.evaluation.likelihood, poetvae.data.corpus"
    assert python("-c", f"import poetvae.{names}") == ""

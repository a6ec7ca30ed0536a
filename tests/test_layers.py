"""Imports go strictly downward, and each library is known to the one module that needs it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import poetvae

PACKAGE = Path(str(poetvae.__file__)).parent
SCRIPTS = PACKAGE.parent / "scripts"

# The layers of the architecture, each in ranks: a module imports from ranks before its own alone.
# `poetvae` itself is the door: it imports nothing until a name of it is used.
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "L0": (("", "errors", "schedules"), ("config", "files")),
    "L1 nn": (
        ("nn.gcnn", "nn.gaussian", "nn.mixture", "nn.quantizer"),
        ("nn.cross_entropy",),
        ("nn",),
    ),
    "L1 text": (
        ("text", "text.poem"),
        ("text.cleaning", "text.tokenizer", "text.ngram", "text.metrics", "text.prosody"),
        ("text.sources", "text.codec", "text.attributes", "text.script"),
        ("text.corpus",),
        ("text.items",),
        ("text.spool",),
    ),
    "L2": (
        ("runtime", "models.networks"),
        ("parallel", "data", "models.vae", "models.autoregressive"),
        ("models.vqvae",),
        ("models",),
    ),
    "L3": (("objective", "checkpoint", "constraints", "lexicon"), ("wishes",)),
    "L4": (
        ("evaluation", "sampling", "clusters", "classifier", "latent", "properties"),
        ("particles",),
        ("conditional",),
        ("generation",),
        ("quality", "diagnosis", "gap", "search", "ascent"),
        ("directions",),
        ("poet",),
        ("damage",),
    ),
    "L5": (
        ("store", "history", "maps"),
        ("job", "step", "plots"),
        ("prepare", "plots_map", "plots_models"),
        ("run",),
        ("trainer",),
    ),
    "L6": (
        ("cli.terminal", "checks"),
        ("cli.common", "page"),
        ("markup",),
        ("demo",),
        ("cli.completion", "cli.core", "cli.latent", "cli.pictures", "cli.write"),
        ("cli",),
        ("__main__",),
    ),
}
RANKS = {
    module: rank
    for rank, modules in enumerate(group for layer in LAYERS.values() for group in layer)
    for module in modules
}


def path_of(module: str) -> Path:
    """The file of a module, given by its name inside the package."""
    stem = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def name_of(path: Path) -> str:
    """The name inside the package of a module, given by its file."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = sorted(name_of(path) for path in PACKAGE.rglob("*.py"))


def imports_of_source(source: str, package: str) -> set[str]:
    """Full names of everything that a source imports, wherever in it; `from x import y` is x.y.

    `package` is the package that the source stands in, for relative imports.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Full names of everything that a module of the package imports."""
    path = path_of(module)
    inside = module if path.name == "__init__.py" else module.rpartition(".")[0]
    package = f"poetvae.{inside}".rstrip(".")
    return frozenset(imports_of_source(path.read_text(encoding="utf-8"), package))


def own(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    found = set()
    for name in imports(module):
        if name.split(".")[0] == "poetvae":
            inside = name.removeprefix("poetvae").removeprefix(".")
            found.add(inside if inside in MODULES else inside.rpartition(".")[0])
    return found


def foreign(module: str) -> set[str]:
    """The top-level names of other packages that a module imports."""
    return {name.split(".")[0] for name in imports(module)} - {"poetvae"}


def users(library: str) -> list[str]:
    """The modules that import a library."""
    return [module for module in MODULES if library in foreign(module)]


def test_the_reader_of_imports_reads_every_spelling() -> None:
    source = """
import a.b, c as d
from e.f import g
from . import h
from .i import j
from .. import k
from ..l.m import n as o
def late():
    import p
    if True:
        from q import *
"""
    names = {"a.b", "c", "e.f.g", "x.y.h", "x.y.i.j", "x.k", "x.l.m.n", "p", "q.*"}
    assert imports_of_source(source, "x.y") == names


def test_every_module_is_in_the_table_and_every_one_of_the_table_exists() -> None:
    assert sorted(RANKS) == MODULES


@pytest.mark.parametrize("module", [m for m in MODULES if m])
def test_imports_go_strictly_downward(module: str) -> None:
    upward = {other for other in own(module) if RANKS[other] >= RANKS[module]}
    assert not upward, f"{module} imports {upward}"


def test_the_table_has_the_edges_it_should() -> None:
    assert {"poet", "evaluation", "checkpoint", "job", "models"} <= own("trainer")
    members = {"models.vae", "models.vqvae", "models.autoregressive"}
    assert own("models") == members | {"models.networks", "config"}
    assert "models" in own("evaluation") & own("generation") & own("checkpoint") & own("poet")
    assert own("nn.cross_entropy") == {"nn.gcnn"}
    assert {"trainer", "evaluation", "text.corpus", ""} <= own("cli.core")


def test_the_package_imports_nothing_of_itself_before_a_name_is_used() -> None:
    tree = ast.parse(path_of("").read_text(encoding="utf-8"))
    top = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert top == {"__future__", "importlib", "typing"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[0] == "text"])
def test_text_knows_errors_and_itself_alone(module: str) -> None:
    others = {name for name in own(module) if name.split(".")[0] != "text"}
    assert others <= {"errors"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[0] == "nn"])
def test_nn_knows_torch_and_itself_alone(module: str) -> None:
    assert {name.split(".")[0] for name in own(module)} <= {"nn"}
    assert foreign(module) <= {
        "__future__",
        "collections",
        "functools",
        "math",
        "threading",
        "typing",
        "torch",
    }


def test_torch_is_not_in_the_lowest_layer_nor_in_text() -> None:
    low = [module for group in LAYERS["L0"] + LAYERS["L1 text"] for module in group]
    assert not set(low) & set(users("torch"))
    assert {"models.vae", "models.autoregressive"} <= set(users("torch"))


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("datasets", ["text.sources"]),
        ("sentencepiece", ["text.tokenizer"]),
        ("opencc", ["text.script"]),
        ("matplotlib", ["plots", "plots_map", "plots_models"]),
        ("gradio", ["demo"]),
    ],
)
def test_a_library_is_known_to_its_modules_alone(library: str, home: list[str]) -> None:
    assert users(library) == home


def test_opencc_waits_until_a_text_is_converted() -> None:
    tree = ast.parse(path_of("text.script").read_text(encoding="utf-8"))
    top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert "functools" in top
    assert "opencc" not in top


def test_click_is_known_to_the_command_line_alone() -> None:
    assert {module.split(".")[0] for module in users("click")} == {"cli"}


@pytest.mark.parametrize("library", ["pickle", "dill", "joblib", "subprocess", "requests"])
def test_nothing_that_runs_what_it_reads(library: str) -> None:
    assert users(library) == []


def unsafe_calls(source: str) -> list[str]:
    """Calls that would run what a file says: eval, exec, loads of torch that allow pickles."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            safe = any(
                k.arg == "weights_only" and isinstance(k.value, ast.Constant) and k.value.value
                for k in node.keywords
            )
            if name in {"eval", "exec"} or (name == "torch.load" and not safe):
                found.append(ast.unparse(node))
    return found


def test_unsafe_calls_are_seen() -> None:
    source = "torch.load(f)\ntorch.load(f, weights_only=False)\neval('1')\nmodel.eval()\n"
    assert len(unsafe_calls(source + "torch.load(f, weights_only=True)")) == 3


@pytest.mark.parametrize(
    "path", sorted([*PACKAGE.rglob("*.py"), *SCRIPTS.rglob("*.py")]), ids=lambda path: path.stem
)
def test_no_file_can_make_us_run_code(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert unsafe_calls(source) == []
    assert "from torch import load" not in source

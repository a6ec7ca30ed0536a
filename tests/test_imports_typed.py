"""What is imported by name has a type for those who check theirs."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import poetvae

ROOT = Path(str(poetvae.__file__)).parent


def test_each_public_name_is_imported_for_type_checkers_from_where_it_is() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes.keys() == set(poetvae.__all__)
    for name, home in homes.items():
        module = importlib.import_module(f"poetvae.{home}")
        assert getattr(module, name) is getattr(poetvae, name)
    assert (ROOT / "py.typed").exists()

"""The order of the packages: each imports from those before it alone."""

from __future__ import annotations

import ast
from pathlib import Path

import poetvae

ROOT = Path(str(poetvae.__file__)).parent
ORDER = "i18n errors config files progress runtime nn text data constraints models checkpoints"
ORDER += " generation evaluation latent poet export training plotting web cli __main__"
RANK = {name: i for i, name in enumerate(ORDER.split())}


def test_imports_between_packages_go_down() -> None:
    for path in ROOT.rglob("*.py"):
        here = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if here[1:] else ():
            if isinstance(node, ast.ImportFrom) and node.level == len(here):
                names = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
                for name in names:
                    assert RANK.get(name, -1) < RANK[here[0]], f"{path}: {name}"

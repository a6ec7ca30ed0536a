"""Shared by all tests: a small corpus, a small trained model, nothing from outside."""

from __future__ import annotations

import json
import os
from pathlib import Path

# One thread, here and in the processes started: the networks are tiny, sums have one order.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"  # a name that is no path is not asked for outside
# What is said is English, wherever the tests run, unless a test asks for another language.
os.environ["LANGUAGE"] = "en"

import pytest
import torch

from poetvae.poet import Poet
from poetvae.training import trainer

SMALL = {"d_model": 16, "embed_dim": 16, "latent_dim": 4, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(autouse=True)
def _seed() -> None:
    """What fails once fails again."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the couplets of the embedded sample."""
    folder = tmp_path_factory.mktemp("runs") / "couplets"
    trainer.train(
        out=folder,
        preset="tiny",
        settings={**SMALL, "validate_every": 10, "log_every": 5},
        forms=["5x2"],
        steps=20,
        quiet=True,
    )
    return folder


@pytest.fixture(scope="session")
def poet(run: Path) -> Poet:
    """The model of `run`."""
    return Poet.from_pretrained(run)


@pytest.fixture(scope="session")
def themed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on couplets that say at their head what they are about, with 春 or 秋 in them."""
    folder = tmp_path_factory.mktemp("runs") / "themed"
    corpus = folder.parent / "poems.jsonl"
    chars = "山水風月雲雨花鳥江河"
    rows = []
    for i in range(240):
        verse = "".join(chars[i * step % 10] for step in (1, 3, 7, 9))
        char, title = (("春", "春山"), ("秋", "秋水 二首"))[i % 2]
        rows.append({"text": f"{char}{verse}，{verse}{chars[i // 24]}。", "title": title})
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    corpus.write_text(text, encoding="utf-8")
    trainer.train(
        [corpus],
        folder,
        preset="tiny",
        settings={**SMALL, "held_out": 0.2},
        forms=["5x2"],
        theme="title",
        steps=60,
        quiet=True,
    )
    return folder


@pytest.fixture(scope="session")
def free_poet(tmp_path_factory: pytest.TempPathFactory) -> Poet:
    """A model of English poems in free form."""
    folder = tmp_path_factory.mktemp("runs") / "free"
    corpus = folder.parent / "poems.txt"
    corpus.write_text("\n\n".join(f"a rose is a rose\nsaid number {i}" for i in range(40)))
    return trainer.train(
        [corpus],
        folder,
        preset="tiny",
        settings={**SMALL, "max_len": 40},
        steps=20,
        quiet=True,
    )

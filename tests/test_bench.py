"""The benchmark runs, and says what it is documented to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "bench.py"


def test_the_benchmark_reports_every_contestant() -> None:
    """Ours, plain PyTorch and the matrix products, each with its throughput and shares."""
    options = "--preset seed --batch-size 4 --vocab 20 --length 4 --rounds 2"
    options += " --seconds 0.001 --threads 1 --no-keras --json"
    command = [sys.executable, str(SCRIPT), "train", *options.split()]
    results = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert results["command"].endswith(options)
    assert (results["threads"], results["vocab_size"], results["rounds"]) == (1, 20, 2)
    products, others = results["rows"][:2], results["rows"][2:]
    assert [row["name"] for row in products] == ["matrix product, bf16", "matrix product, fp32"]
    assert [row["name"] for row in others] == [
        "seed, bf16",
        "seed, fp32",
        "plain PyTorch seed, fp32",
    ]
    for row in others:
        assert 0 < row["low"] <= row["couplets_per_s"] <= row["high"]
        assert row["gflops_per_s"] > 0
        assert {"batch", "of_bf16", "of_fp32"} <= row.keys()

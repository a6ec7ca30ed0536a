"""Pictures of a run: what is on them, what is refused, and that a file is whole or untouched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from numpy.typing import NDArray

from poetvae import cli
from poetvae.errors import CheckpointError, ConfigError
from poetvae.plotting.comparison import plot_ladder, plot_rate_distortion
from poetvae.plotting.curves import COLOURS, SUFFIXES, apart, picture, plot_curves
from poetvae.poet import Poet
from poetvae.training.log import History, read_history

PANELS = {
    "-ELBO = distortion + rate",
    "Distortion: what is left to guess",
    "Rate (KL): what z carries",
    "Active units of z, held out",
    "Learning rate",
    "Beta",
    "training",
    "held out",
}
BLUE, RED = "#0072b2", "#d55e00"
SVG_LINE = re.compile(r'<g id="line2d_\d+">\s*<path d="([^"]*)"[^>]*stroke: (#\w{6})')


def training(step: int) -> dict[str, Any]:
    """A line of metrics that training writes."""
    values = {"nll": 80 - step / 50, "kl": 5 + step / 100, "loss": 85 - step / 50}
    return {"step": step, **values, "beta": step / 400, "lr": 6e-4, "seconds": 0.1 * step}


def validation(step: int) -> dict[str, Any]:
    """A line of metrics that a validation writes."""
    parts = {"valid_recon_per_poem": 79 - step / 50, "valid_kl_per_poem": 5 + step / 100}
    return {
        "step": step,
        "valid_score": 7 - step / 400,
        "valid_elbo_per_char": 7 - step / 400,
        **parts,
        "valid_active_units": step // 50,
    }


TRAINING = [training(step) for step in range(50, 401, 50)]
VALIDATION = [validation(step) for step in (200, 400)]


def make_run(folder: Path, lines: list[dict[str, Any]], tail: bytes = b"") -> Path:
    """A run folder that has these metrics."""
    folder.mkdir()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_bytes(text.encode() + tail)
    return folder


def curves(svg: str, colour: str) -> list[NDArray[np.float64]]:
    """The lines of a colour in a drawing, each as its corners (n, 2) in pixels, y downward."""
    paths = [path for path, found in SVG_LINE.findall(svg) if found == colour and "L" in path]
    return [np.array(re.findall(r"-?[\d.]+", path), dtype=float).reshape(-1, 2) for path in paths]


def texts(svg: str) -> list[str]:
    """What is written on a drawing."""
    return re.findall(r"<text[^>]*>([^<]*)<", svg)


def drawn(*runs: Path) -> str:
    """The picture of runs as SVG."""
    out = runs[0] / "curves.svg"
    plot_curves(out, [read_history(run) for run in runs])
    return out.read_text(encoding="utf-8")


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """A run folder of a finished training."""
    return make_run(tmp_path / "my-run", TRAINING + VALIDATION)


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The picture of such a run."""
    return drawn(make_run(tmp_path_factory.mktemp("runs") / "my-run", TRAINING + VALIDATION))


def blank(out: str | Path) -> None:
    """A small picture of nothing."""
    with picture(out, SUFFIXES, (1, 1)):
        pass


# What a run recorded


def test_what_a_run_tells(run: Path, poet: Poet) -> None:
    found = read_history(run)
    train = json.loads((run / "train.json").read_text(encoding="utf-8"))
    assert (found.name, found.beta, found.corpus) == ("couplets", 1.0, train["fingerprint"])
    assert found.parameters == poet.model.num_parameters()
    assert found.rows[-1]["step"] == 20
    assert found.negative_elbo() == min(
        row["valid_elbo_per_char"] for row in found.rows if "valid_score" in row
    )


@pytest.mark.parametrize("text", ["", "[]", "null", '{"config": 1}', "[" * 10**5])
def test_what_a_run_does_not_tell(
    metrics: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(metrics)
    assert read_history(".").name == "my-run"  # the folder that we stand in has a name
    (metrics / "train.json").write_text(text)
    (metrics / "model.safetensors").write_bytes(text.encode())
    found = read_history(metrics)
    assert (found.parameters, found.beta, found.corpus) == (None, None, None)
    assert len(found.rows) == len(TRAINING + VALIDATION)


def test_the_best_is_the_one_that_is_kept() -> None:
    scores = [{"step": 1.0, "valid_score": 7.0}, {"step": 2.0, "valid_score": 6.0}]
    assert History("a", [*scores, {"step": 3.0, "valid_score": 6.5}]).best() == scores[1]
    assert History("a", [{"step": 1.0}]).best() is None
    assert History("a", scores).negative_elbo() is None  # an autoencoder


# Curves


def test_the_picture_names_the_run_the_panels_and_the_best(svg: str) -> None:
    title = "my-run: 6.000 nats a character held out (-ELBO), best at step 400 of 400"
    assert {*texts(svg)} >= {*PANELS, title}
    assert "nothing recorded" not in svg


def test_the_curves_go_where_the_numbers_say(svg: str) -> None:
    blue, red = curves(svg, BLUE), curves(svg, RED)
    assert [len(curve) for curve in blue] == [8] * 5  # sum, nll, kl, lr, beta
    assert [len(curve) for curve in red] == [2] * 4  # their held-out ones, and active units
    falling = [bool(curve[0, 1] < curve[-1, 1]) for curve in blue]  # pixels count downward
    assert falling == [True, True, False, False, False]
    nll = blue[1]
    straight = np.asarray(np.corrcoef(nll.T))[0, 1]
    assert straight == pytest.approx(1, abs=1e-6)


def test_it_needs_neither_torch_nor_pyplot(metrics: Path) -> None:
    code = (
        "import sys; from poetvae.plotting.curves import plot_curves\n"
        "from poetvae.training.log import *\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot_curves(sys.argv[2], [read_history(sys.argv[1])])\n"
        "print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    out = metrics / "curves.png"
    arguments = [sys.executable, "-W", "error", "-c", code, str(metrics), str(out)]
    done = subprocess.run(arguments, capture_output=True, check=False)
    assert (done.stdout.decode().strip(), done.stderr) == ("set()", b"")
    assert image.imread(out).shape == (768, 1320, 4)


@pytest.mark.parametrize(
    ("name", "magic"),
    [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")],
)
def test_the_suffix_names_the_format(tmp_path: Path, name: str, magic: bytes) -> None:
    blank(str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_an_autoencoder_and_a_name_that_is_not_ascii(tmp_path: Path) -> None:
    lines = [{**line, "kl": 0.0, "beta": 0.0} for line in TRAINING]
    held_out = {"step": 400, "valid_score": 6.0, "valid_active_units": None}
    svg = drawn(make_run(tmp_path / "山月 $a_b$ <x>", [*lines, held_out]))
    assert "An autoencoder has no ELBO" in texts(svg)
    assert "nothing recorded" in texts(svg)  # of active units
    title = "山月 $a_b$ &lt;x&gt;: 6.000 nats a character held out (reconstruction alone)"
    assert f"{title}, best at step 400 of 400" in texts(svg)


def test_several_runs_have_a_colour_and_their_name_each(tmp_path: Path) -> None:
    runs = []
    for i, name in enumerate(("one", "two", "three")):
        lines = [{**v, "valid_elbo_per_char": v["valid_score"] + i / 100} for v in VALIDATION]
        runs.append(make_run(tmp_path / name, [*TRAINING, *lines]))
    svg = drawn(*runs)
    assert {"one  6.000", "two  6.010", "three  6.020"} <= {*texts(svg)}
    assert "one is the best of 3: 6.000 nats a character on held-out poems" in texts(svg)
    for colour in COLOURS[:3]:
        assert len(curves(svg, colour.lower())) == 4
    (score, *_), (last, *_) = curves(svg, BLUE), curves(svg, COLOURS[2].lower())
    assert score[-1, 1] > last[-1, 1]  # lower is better


@pytest.mark.parametrize("runs", [2, 40])
def test_runs_without_a_bound_and_very_many(tmp_path: Path, runs: int) -> None:
    svg = tmp_path / "a.svg"
    lines = VALIDATION if runs > 2 else TRAINING
    plot_curves(svg, [History(f"run{i}", lines) for i in range(runs)])
    assert ("is the best of" in svg.read_text()) is (runs > 2)


@pytest.mark.parametrize(
    ("draw", "line"),
    [
        (plot_curves, "no runs to draw; give at least one"),
        (plot_ladder, "no bounds to draw; give at least one model"),
        (plot_rate_distortion, "no rates to draw; give at least one row"),
    ],
)
def test_nothing_to_draw(tmp_path: Path, draw: Any, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        draw(tmp_path / "a.svg", [])
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.floats(0.01, 10))
def test_places_move_apart_and_no_further_than_they_must(places: list[float], step: float) -> None:
    found = apart(places, step)
    gaps = np.diff(found)
    assert (gaps >= step - 1e-9).all()
    assert sum(found) == pytest.approx(sum(places), abs=1e-6)
    if (np.diff(sorted(places)) > step).all():
        assert found == pytest.approx(sorted(places))
    assert apart([1.0, 1.0, 9.0], 2.0) == [0.0, 2.0, 9.0]


WILD = {"step": 450, "nll": float("nan"), "kl": float("inf"), "loss": 1e38, "lr": 0, "beta": 0}


@pytest.mark.parametrize("lines", [TRAINING[:1], VALIDATION, [*TRAINING, WILD], [{"step": 1}]])
def test_a_run_of_few_or_strange_numbers(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    assert ">nothing recorded<" in drawn(make_run(tmp_path / "short", lines))


@pytest.mark.parametrize(
    "tail", [b'{"step": 450, "nl', b"\xe5\xb1", json.dumps(TRAINING[0]).encode()]
)
def test_a_torn_last_line_is_left_out(tmp_path: Path, tail: bytes) -> None:
    rows = read_history(make_run(tmp_path / "run", TRAINING, tail)).rows
    unread = {"seconds", "loss"}
    assert rows == [{k: v for k, v in line.items() if k not in unread} for line in TRAINING]


BROKEN = [
    b"", b'{"step": 450, "nl', b"\xff", b"[1]", b"null", b'{"nll": 1}', b'{"step": null}',
    b'{"step": 1, "nll": "low"}', b'{"step": 1, "kl": []}', b'{"step": 1' + b"0" * 400 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("line", BROKEN)
def test_any_other_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    run = make_run(tmp_path / "run", TRAINING[:2], line + b"\n")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl, line 3: expected a JSON object"):
        read_history(run)


def test_no_run_and_no_metrics(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    make_run(tmp_path / "empty", [])
    make_run(tmp_path / "torn", [], b'{"step": 5')
    for name, line in (
        ("nowhere", "nowhere: no such run folder"),
        ("none", r"metrics\.jsonl: cannot be read"),
        ("empty", "has no lines yet"),
        ("torn", "has no lines yet"),
    ):
        with pytest.raises(CheckpointError, match=line):
            read_history(tmp_path / name)


@pytest.mark.parametrize("name", ["curves", "curves.gif", ".png", ""])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        blank(name)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for out in ("nowhere/a.png", "folder.png", "file/a.png", "a" * 300 + ".png"):
        with pytest.raises(ConfigError, match="cannot be written"):
            blank(tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    out = tmp_path / "curves.png"
    out.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError if isinstance(error, OSError) else KeyboardInterrupt):
        blank(out)
    with pytest.raises(KeyError), picture(out, SUFFIXES, (1, 1)):
        raise KeyError
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_matplotlib_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'poetvae\[plot\]'"):
        blank(tmp_path / "curves.png")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> object:
    """Run a command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["poetvae", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as stop:
        return stop.code
    return 0


def test_the_command(
    metrics: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = metrics / "curves.png"
    assert command(monkeypatch, "plot", metrics, "--out", out) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr() == (f"{out}\n", "")
    assert command(monkeypatch, "plot", metrics, "--out", "curves.gif") == 2
    assert command(monkeypatch, "plot", metrics / "none", "--out", out) == 1
    assert command(monkeypatch, "plot", metrics) == 2
    gif, missing, *usage = capsys.readouterr().err.splitlines()
    assert gif.startswith("error: curves.gif: expected a name that ends in")
    assert missing.startswith(f"error: {metrics / 'none'}: no such run folder")
    assert "Missing option '--out'" in usage[-1]


def test_the_command_compares_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(tmp_path / name, VALIDATION) for name in ("one", "two")]
    blind = make_run(tmp_path / "blind", [{"step": 1, "valid_score": 1.0}])
    out = tmp_path / "a.svg"
    says = {"rate-distortion": "What z carries", "ladder": "one guesses best: 6.000"}
    for kind in says:
        assert command(monkeypatch, "plot", *runs, blind, "--kind", kind, "--out", out) == 0
        svg = out.read_text()
        assert says[kind] in svg
        assert {"one", "two"} <= {*texts(svg)}
        assert "blind" not in svg
        told = "left out: blind, which recorded no bound of held-out poems\n"
        assert capsys.readouterr() == (f"{out}\n", told)
    for name in ("one", "two"):
        (tmp_path / name / "train.json").write_text(json.dumps({"fingerprint": name}))
    make_run(tmp_path / "two" / "one", VALIDATION)
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "plot", "one", "two/one", "--kind", "ladder", "--out", out) == 0
    assert {"one", "two/one"} <= {*texts(out.read_text())}
    assert capsys.readouterr().err.startswith("warning: these runs learnt from different poems")
    assert command(monkeypatch, "plot", blind, "--kind", "ladder", "--out", out) == 2
    assert "no bounds to draw; give at least one model" in capsys.readouterr().err


# Ladder


def test_the_ladder_has_the_best_on_top(tmp_path: Path) -> None:
    rows = [
        {"name": "worst", "nats": 7.0, "parameters": 999},
        {"name": "best", "nats": 5.5, "parameters": 1_737_856},
        {"name": "山", "nats": 6.0, "parameters": None},
        {"name": "large", "nats": 6.5, "parameters": 2 * 10**9},
    ]
    plot_ladder(tmp_path / "a.svg", rows)
    found = texts((tmp_path / "a.svg").read_text())
    places = [found.index(name) for name in ("best", "山", "large", "worst")]
    assert places == sorted(places)
    assert {"5.500", "1.74 M", "6.000", "6.500", "2 B", "7.000", "999"} <= {*found}
    assert "best guesses best: 5.500 nats a character" in found
    for count in (1, 2):  # one alone, and equals
        plot_ladder(tmp_path / "a.svg", [{"name": "a", "nats": 6.0, "parameters": None}] * count)
        assert "parameters" not in texts((tmp_path / "a.svg").read_text())


# Rate and distortion

RATES = [
    {"name": "base", "beta": beta, "rate": 20 / beta, "distortion": 40 + 5 * beta}
    for beta in (0.25, 0.5, 1, 2)
]


def test_rate_and_distortion(tmp_path: Path) -> None:
    other = {"name": "山 $x$ <b>", "beta": 4.0, "rate": 5.0, "distortion": 61.0}
    plot_rate_distortion(tmp_path / "a.svg", [*RATES, other])
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    axes = {"rate: nats per poem in z", "distortion: nats per poem left to guess"}
    named = {"base, beta 2", "beta 1", "beta 0.5", "beta 0.25"}
    assert axes | named | {"山 $x$ &lt;b&gt;, beta 4"} <= {*texts(svg)}
    # Lines in grey, along which the sum is constant: all of one slope.
    paths = [path for path, colour in SVG_LINE.findall(svg) if colour == "#d9d3c5"]
    ends = np.array([re.findall(r"-?[\d.]+", path)[:4] for path in paths], dtype=float)
    slopes = (ends[:, 3] - ends[:, 1]) / (ends[:, 2] - ends[:, 0])
    assert len(ends) >= 4
    assert slopes == pytest.approx(np.full(len(slopes), slopes[0]), rel=1e-3)


def test_names_beside_points_do_not_cover_each_other(tmp_path: Path) -> None:
    plot_rate_distortion(tmp_path / "a.pdf", RATES[:1])  # one alone is a picture, too
    crowd = [
        {"name": f"model-{i}", "beta": 1.0, "rate": 5.0 + i / 50, "distortion": 60.0}
        for i in range(8)
    ]
    plot_rate_distortion(tmp_path / "a.svg", [*crowd, {**RATES[0], "name": "far"}])
    svg = (tmp_path / "a.svg").read_text()
    places = re.findall(r"transform: translate\(([\d.]+)px, ([\d.]+)px\)[^>]*>model-", svg)
    places += re.findall(r'<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>model-', svg)
    boxes = np.array(places, dtype=float)
    assert len(boxes) == 8
    for i, (x, y) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert abs(x - other[0]) > 30 or abs(y - other[1]) >= 9

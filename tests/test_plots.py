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
from matplotlib import get_data_path, image
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from poetvae import cli, plots, plots_map
from poetvae.errors import CheckpointError, ConfigError
from poetvae.plots import plot_rate_distortion, plot_run
from poetvae.plots_map import plot_map
from poetvae.text.poem import has_han

LABELS = ("nats per poem", "active units", "held-out nats per character", "learning rate", "beta")
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


def colours(svg: str) -> list[str]:
    """Colours of the lines of a drawing, in its order, the grid's and the legends' among them."""
    return [colour for path, colour in SVG_LINE.findall(svg) if "L" in path]


def drawn(run: Path) -> str:
    """The picture of a run as SVG."""
    plot_run(run, run / "curves.svg")
    return (run / "curves.svg").read_text(encoding="utf-8")


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """A run folder of a finished training."""
    return make_run(tmp_path / "my-run", TRAINING + VALIDATION)


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The picture of such a run."""
    return drawn(make_run(tmp_path_factory.mktemp("runs") / "my-run", TRAINING + VALIDATION))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[dict[str, float]], str]]:
    """Draw nothing, which is quick; what was to be drawn: rows and name."""
    asked = []

    def draw(rows: list[dict[str, float]], name: str) -> Figure:
        asked.append((rows, name))
        return Figure(figsize=(1, 1))

    monkeypatch.setattr(plots, "_draw", draw)
    return asked


def test_the_picture_names_the_run_the_axes_and_the_curves(svg: str) -> None:
    for text in ("my-run", *LABELS, "loss", "nll, held-out", "best: 6.000 at step 400"):
        assert f">{text}<" in svg
    assert "nothing recorded" not in svg


def test_the_curves_go_where_the_numbers_say_without_torch_or_pyplot(metrics: Path) -> None:
    code = (
        "import sys; from poetvae.plots import plot_run\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot_run(*sys.argv[1:])\n"
        "print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    out = metrics / "curves.png"
    arguments = [sys.executable, "-W", "error", "-c", code, str(metrics), str(out)]
    done = subprocess.run(arguments, capture_output=True, check=False)
    assert (done.stdout.decode().strip(), done.stderr) == ("set()", b"")
    pixels = image.imread(out)
    assert pixels.shape == (840, 1200, 4)
    # The nll falls: among the blue points of its panel, those further right are further down.
    blue = np.abs(pixels[:400, :580, :3] - [0x1F / 255, 0x77 / 255, 0xB4 / 255]).max(-1) < 0.02
    rows, columns = np.nonzero(blue[80:])  # below the legend
    assert np.corrcoef(rows, columns)[0, 1] > 0.99


def test_every_key_has_a_curve(svg: str) -> None:
    counts = {colour: colours(svg).count(colour) for colour in set(colours(svg))}
    # training twice and the learning rate; held out thrice; units; beta; loss and the best score
    curves = {"#1f77b4": 3, "#ff7f0e": 3, "#2ca02c": 1, "#d62728": 1, "#7f7f7f": 2}
    # Each has another path in its panel's legend.
    assert {colour: counts[colour] for colour in curves} == {c: 2 * n for c, n in curves.items()}


@pytest.mark.parametrize(
    ("name", "magic"),
    [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")],
)
@pytest.mark.usefixtures("calls")
def test_the_suffix_names_the_format(metrics: Path, name: str, magic: bytes) -> None:
    plot_run(str(metrics), str(metrics / name))
    assert (metrics / name).read_bytes().startswith(magic)


def test_a_run_without_a_latent_space_and_a_name_that_is_not_ascii(tmp_path: Path) -> None:
    lines = [{**line, "kl": 0.0, "beta": 0.0} for line in TRAINING]
    held_out = {"step": 400, "valid_score": 6.0, "valid_active_units": None}
    svg = drawn(make_run(tmp_path / "山月 $a_b$ <x>", [*lines, held_out]))
    assert ">KL<" in svg
    assert "active units" not in svg
    assert ">\\u5c71\\u6708 $a_b$ &lt;x&gt;<" in svg
    assert svg.isascii()


WILD = {"step": 450, "nll": float("nan"), "kl": float("inf"), "loss": 1e38, "lr": 0, "beta": 0}


@pytest.mark.parametrize("lines", [TRAINING[:1], VALIDATION, [*TRAINING, WILD], [{"step": 1}]])
def test_a_run_of_few_or_strange_numbers(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    assert ">nothing recorded<" in drawn(make_run(tmp_path / "short", lines))


def test_the_folder_we_stand_in_has_a_name(
    metrics: Path, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[object, str]]
) -> None:
    monkeypatch.chdir(metrics)
    plot_run(".", "curves.png")
    assert [name for _, name in calls] == ["my-run"]


@pytest.mark.parametrize(
    "tail", [b'{"step": 450, "nl', b"\xe5\xb1", json.dumps(TRAINING[0]).encode()]
)
def test_a_torn_last_line_is_left_out(
    tmp_path: Path, calls: list[tuple[list[dict[str, float]], str]], tail: bytes
) -> None:
    plot_run(make_run(tmp_path / "run", TRAINING, tail), tmp_path / "curves.png")
    ((rows, _),) = calls
    assert rows == [{k: v for k, v in line.items() if k != "seconds"} for line in TRAINING]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"step": 450, "nl',
        b"\xff",
        b"[1]",
        b"null",
        b'{"nll": 1}',
        b'{"step": null}',
        b'{"step": 1, "nll": "low"}',
        b'{"step": 1, "kl": []}',
        b'{"step": 1' + b"0" * 400 + b"}",
    ],
)
def test_any_other_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    run = make_run(tmp_path / "run", TRAINING[:2], line + b"\n")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl, line 3: expected a JSON object"):
        plot_run(run, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("text", [b"", b'{"step": 5'])
def test_metrics_without_a_line(tmp_path: Path, text: bytes) -> None:
    run = make_run(tmp_path / "run", [], text)
    with pytest.raises(CheckpointError, match="has no lines yet"):
        plot_run(run, tmp_path / "curves.png")


def test_no_run_and_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere: no such run folder"):
        plot_run(tmp_path / "nowhere", tmp_path / "curves.png")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl: cannot be read"):
        plot_run(tmp_path, tmp_path / "curves.png")


@pytest.mark.parametrize("name", ["curves", "curves.gif", ".png", ""])
def test_other_suffixes_are_refused(metrics: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        plot_run(metrics, name)


@pytest.mark.usefixtures("calls")
def test_a_place_that_cannot_be_written(metrics: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for out in ("nowhere/a.png", "folder.png", "file/a.png", "a" * 300 + ".png"):
        with pytest.raises(ConfigError, match="cannot be written"):
            plot_run(metrics, tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png", "my-run"]


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(
    metrics: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    out = metrics / "curves.png"
    out.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError if isinstance(error, OSError) else KeyboardInterrupt):
        plot_run(metrics, out)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in metrics.iterdir()) == ["curves.png", "metrics.jsonl"]


def test_matplotlib_is_missing(metrics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'poetvae\[plot\]'"):
        plot_run(metrics, metrics / "curves.png")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> object:
    """Run a command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["poetvae", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.mark.usefixtures("calls")
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


# Rate and distortion

RATES = [
    {"name": "base", "beta": beta, "rate": 20 / beta, "distortion": 40 + 5 * beta}
    for beta in (0.25, 0.5, 1, 2)
]


def test_rate_and_distortion(tmp_path: Path) -> None:
    other = {"name": "山 $x$ <b>", "beta": 4.0, "rate": 5.0, "distortion": 61.0}
    plot_rate_distortion(tmp_path / "a.svg", [*RATES, other])
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert svg.isascii()
    for text in ("rate, nats per poem", "distortion, nats per poem", "base", "0.25", "4"):
        assert f">{text}<" in svg
    assert ">\\u5c71 $x$ &lt;b&gt;<" in svg
    # Lines in grey, along which the sum is constant: all of one slope.
    paths = [path for path, colour in SVG_LINE.findall(svg) if colour == "#d9d9d9"]
    ends = np.array([re.findall(r"-?[\d.]+", path)[:4] for path in paths], dtype=float)
    slopes = (ends[:, 3] - ends[:, 1]) / (ends[:, 2] - ends[:, 0])
    assert len(ends) >= 4
    assert slopes == pytest.approx(np.full(len(slopes), slopes[0]), rel=1e-3)


@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
def test_one_rate_is_a_picture(tmp_path: Path, name: str) -> None:
    plot_rate_distortion(tmp_path / name, RATES[:1])
    assert (tmp_path / name).stat().st_size > 1000


def test_no_rates_and_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rates to draw; give at least one row"):
        plot_rate_distortion(tmp_path / "a.svg", [])
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        plot_rate_distortion(tmp_path / "a.gif", RATES)
    assert list(tmp_path.iterdir()) == []


# Maps

POINTS = np.random.default_rng(0).normal(size=(60, 2))
AXES = ("one", "two")
FONT_FOLDER = Path(get_data_path()) / "fonts" / "ttf"


def mapped(
    out: Path,
    grid: list[tuple[float, float, str]],
    groups: list[str] | None = None,
    font: Path | None = None,
) -> str:
    """A map as SVG."""
    plot_map(out / "map.svg", POINTS, groups, grid, AXES, font)
    return (out / "map.svg").read_text(encoding="utf-8")


def test_a_map_has_its_poems_axes_and_labels(tmp_path: Path) -> None:
    groups = ["tang"] * 30 + ["$song$"] * 20 + [""] * 10
    svg = mapped(tmp_path, [(0.0, 0.0, "a rose, $is$ <a>\nrose")], groups)
    for text in ("one", "two", "a rose, $is$ &lt;a&gt;", "rose", "tang", "$song$", "other"):
        assert f">{text}<" in svg
    fills = {c: svg.count(f"fill: {c}") for c in ("#1f77b4", "#ff7f0e", "#b2b2b2")}
    assert list(fills.values()) == [31, 21, 11]  # and one in the legend


def test_the_ten_most_frequent_values_have_a_colour(tmp_path: Path) -> None:
    groups = [f"v{min(i, 11 * 5 - 1) // 5}" for i in range(60)]
    svg = mapped(tmp_path, [], groups)
    assert [f">v{i}<" in svg for i in range(11)].count(True) == 10
    assert ">v10<" in svg  # the most frequent one, of ten poems
    assert ">other<" in svg
    assert ">other<" not in mapped(tmp_path, [], ["x"] * 60)


def test_characters_without_a_font_are_left_out_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots_map, "FONTS", ())
    grid = [(0.0, 0.0, "山月臨窗白"), (1.0, 0.0, "溪風入座清"), (0.0, 1.0, "a rose")]
    with pytest.warns(UserWarning) as caught:  # noqa: PT030
        svg = mapped(tmp_path, grid, ["唐"] * 60)
    (warning,) = caught
    assert str(warning.message).startswith("2 of 3 texts are left out: no font here has")
    assert "install fonts-noto-cjk" in str(warning.message)
    assert warning.filename == __file__
    assert not has_han(svg)
    assert ">a rose<" in svg
    assert ">\\u5510<" in svg


def test_the_first_font_that_has_most_characters_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, other = FT2Font(FONT_FOLDER / "DejaVuSans.ttf"), FT2Font(FONT_FOLDER / "STIXGeneral.ttf")
    rare = "".join(map(chr, sorted(other.get_charmap().keys() - usual.get_charmap().keys())[-3:]))
    monkeypatch.setattr(plots_map, "FONTS", ("/missing.ttc", str(other.fname)))
    svg = mapped(tmp_path, [(0.0, 0.0, rare)])
    assert f">{rare}<" in svg
    assert "font-family: 'STIXGeneral'" in svg
    assert "STIXGeneral" not in mapped(tmp_path, [(0.0, 0.0, "a rose")])
    assert "STIXGeneral" in mapped(tmp_path, [(0.0, 0.0, "a")], font=Path(str(other.fname)))


@pytest.mark.parametrize("content", [b"", b"no font"])
def test_a_font_that_is_none(tmp_path: Path, content: bytes) -> None:
    font = tmp_path / "font.ttf"
    font.write_bytes(content)
    with pytest.raises(ConfigError, match=r"font\.ttf: cannot be read as a font; give another"):
        mapped(tmp_path, [(0.0, 0.0, "a")], font=font)
    with pytest.raises(ConfigError, match="cannot be read as a font"):
        mapped(tmp_path, [], font=tmp_path / "missing.ttf")


def test_texts_of_a_grid_leave_each_other_room(tmp_path: Path) -> None:
    words = "verse one, which is far too long\nverse two\n\nthree\nfour\nfive"
    dense = [(x / 10, y / 10, words) for x in range(-20, 20) for y in range(-20, 20)]
    svg = mapped(tmp_path, dense)
    assert ">verse one, which is…<" in svg
    assert ">four<" in svg
    assert ">five<" not in svg
    assert 9 <= svg.count(">verse two<") <= 400


def test_many_points_are_an_image_in_an_svg(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(6000, 2))
    plot_map(tmp_path / "map.svg", points, None, [], AXES)
    assert (tmp_path / "map.svg").stat().st_size < 1_000_000
    plot_map(tmp_path / "map.png", points, None, [], AXES)
    assert image.imread(tmp_path / "map.png").shape == (1440, 1760, 4)


def test_a_map_is_no_pdf(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg$"):
        plot_map(tmp_path / "map.pdf", POINTS, None, [], AXES)

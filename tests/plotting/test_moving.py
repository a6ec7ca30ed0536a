"""A walk that moves, and the story of a training: frames, their times, what stands on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import COUPLETS, shell
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image, ImageChops
from test_curves import make_run, validation
from test_map_image import check

from poetvae.errors import CheckpointError, ConfigError
from poetvae.i18n import speaking
from poetvae.plotting import story as stories
from poetvae.plotting.colours import ACCENT, PAPER
from poetvae.plotting.story import chosen, write_story
from poetvae.plotting.walk import FADE, FADES, HOLD, REST, new_in, write_walk
from poetvae.training.log import read_history, read_samples

POEMS = ["山月臨窗白，溪風入座清。", "山月臨江白，溪風入座清。", "江月臨江白，秋風入座清。"]


def frames(path: Path) -> list[tuple[Image.Image, float]]:
    """Each picture of a moving one, and for how long it stands."""
    found = []
    with Image.open(path) as moving:
        assert moving.info.get("loop") == 0  # for ever
        for i in range(getattr(moving, "n_frames", 1)):
            moving.seek(i)
            moving.load()
            found.append((moving.convert("RGB"), moving.info["duration"]))
    return found


def near(picture: Image.Image, colour: str) -> int:
    """How many pixels are close to a colour."""
    wanted = Image.new("RGB", picture.size, colour)
    red, green, blue = ImageChops.difference(picture, wanted).split()
    worst = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return sum(worst.histogram()[:60])


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_a_walk_holds_each_poem_and_fades_between(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"walk.{suffix}"
    write_walk(out, POEMS)
    found = frames(out)
    fade = [FADE] * FADES
    assert [time for _, time in found] == [REST, *fade, HOLD, *fade, REST]
    first, second, third = (found[i][0] for i in (0, FADES + 1, 2 * FADES + 2))
    red = [near(picture, ACCENT) for picture in (first, second, third)]
    assert red[0] < red[1] < red[2]  # a mark alone; and one character, and two
    assert near(first, PAPER) > 0.7 * first.size[0] * first.size[1]
    middle = found[1 + FADES // 2][0]
    assert ImageChops.difference(first, middle).getbbox()
    assert out.stat().st_size < 200_000


def test_verse_of_letters_is_marked_by_words(tmp_path: Path) -> None:
    assert new_in("And the sea is blue", "And the sky is blue", True) == {8, 9, 10}
    assert new_in("江月", "山月", True) == {0}
    assert new_in("江月", "", True) == {0, 1}
    write_walk(
        tmp_path / "a.gif", ["The sea is blue\nand cold", "The sky is blue\nand cold"], False
    )
    assert len(frames(tmp_path / "a.gif")) == 2 + FADES


@given(st.lists(st.sampled_from("ab c山"), max_size=8), st.lists(st.sampled_from("ab c山")))
def test_marks_stand_on_the_verse(verse: list[str], before: list[str]) -> None:
    line = "".join(verse)
    assert new_in(line, "".join(before), True) <= {*range(len(line))}
    assert new_in(line, line, True) == set()


def test_what_is_no_walk(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.gif, \.png$"):
        write_walk(tmp_path / "a.svg", POEMS)
    for poems in (POEMS[:1], POEMS * 200):
        with pytest.raises(ConfigError, match=r"poems to walk through; expected 2 to 250"):
            write_walk(tmp_path / "a.gif", poems)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_walk(tmp_path / "nowhere" / "a.gif", POEMS)
    assert list(tmp_path.iterdir()) == []


def test_the_command_walks(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.gif"
    line = "interpolate --steps 3 --model"
    done = shell(line, run, COUPLETS[0], COUPLETS[1], "--out", out)
    assert done.code == 0
    assert done.out == shell(line, run, COUPLETS[0], COUPLETS[1]).out
    assert len(frames(out)) >= 2
    refused = shell(line, run, COUPLETS[0], COUPLETS[1], "--out", tmp_path / "walk.svg")
    assert (refused.code, "ends in .gif, .png" in refused.err) == (2, True)


# The story


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A run that wrote two poems at every validation."""
    steps = range(20, 401, 20)
    folder = make_run(tmp_path / "my-run", [validation(step) for step in steps])
    lines = [{"step": s, "text": COUPLETS[(s // 20 + i) % 20]} for s in steps for i in (0, 1)]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (folder / "samples.jsonl").write_text(text + '\n{"step": 9', encoding="utf-8")
    return folder


def test_a_story_tells_from_the_first_step_to_the_last(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    real = stories._Book._draw

    def kept(book: object, axes: object, figure: Figure, shown: int) -> None:
        figures.append(figure)
        real(book, axes, figure, shown)  # type: ignore[arg-type]

    monkeypatch.setattr(stories._Book, "_draw", kept)
    out = told / "story.svg"
    assert shell("plot --kind story --out", out, told).out == f"{out}\n"
    svg = out.read_text("utf-8")
    assert "How verse emerges: what my-run wrote from step 20 to step 400" in svg
    assert svg.count(">step ") == 7
    assert ">step 20<" in svg
    assert ">step 400<" in svg
    check(figures[-1])
    with speaking("zh_TW"):
        write_story(out, read_history(told), read_samples(told))
    assert "詩是怎樣煉成的" in out.read_text("utf-8")
    check(figures[-1])


def test_a_story_that_moves_has_a_frame_for_each_poem(told: Path) -> None:
    out = told / "story.gif"
    write_story(out, read_history(told), read_samples(told))
    found = frames(out)
    assert [time for _, time in found] == [stories.STANDS] * 6 + [stories.ENDS]
    assert sorted(told.iterdir()) == [
        told / n for n in ("metrics.jsonl", "samples.jsonl", out.name)
    ]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.integers(2, 9))
def test_chapters_are_in_order_with_first_and_last(steps: list[int], most: int) -> None:
    ordered = sorted(steps)
    found = [step for step, _ in chosen([(step, "x") for step in ordered], most)]
    assert found == sorted(set(found))
    assert len(found) == min(most, len(set(steps)))
    assert (found[0], found[-1]) == (ordered[0], ordered[-1])


def test_what_has_no_story(told: Path) -> None:
    def refused(says: str, *runs: Path) -> None:
        done = shell("plot --kind story --out", told / "a.gif", *runs)
        assert (done.code in (1, 2), says in done.err, done.out) == (True, True, ""), done.err

    refused("2 runs; a story is told of one: give one", told, told)
    (told / "samples.jsonl").write_text('{"step": 1}\n[]\n', encoding="utf-8")
    refused("has no poems yet; train the run for more steps", told)
    (told / "samples.jsonl").unlink()
    refused("samples.jsonl: cannot be read", told)
    (told / "metrics.jsonl").write_text('{"step": 1}\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="my-run has recorded no costs yet"):
        write_story(told / "a.png", read_history(told), [(1, "山月")])
    with pytest.raises(ConfigError, match="expected a name that ends in"):
        write_story(told / "a.jpg", read_history(told), [(1, "山月")])

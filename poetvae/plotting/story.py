"""The training of a model as a story: what it wrote, step by step, below what a poem cost it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CheckpointError, ConfigError
from ..files import check_suffix, write_file
from ..i18n import _
from ..training.log import History
from .colours import ACCENT, FAINT, INK, QUIET, VALUES
from .curves import SUFFIXES as STILL
from .curves import picture
from .fonts import Faces, drawable, faces
from .lettering import extent, is_upright, verses_of, write_verses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

SUFFIXES = (*STILL, ".gif")
CHAPTERS = 7, 4  # poems, of upright verse and of lines
WIDTH, MARGIN, HEAD, CURVE, GAP = 720.0, 44.0, 70.0, 210.0, 76.0  # of the picture, in points
POEM, SMALL, TITLE = 16.0, 9.0, 17.0  # type, in points
STANDS, ENDS = 1400, 4000  # milliseconds of a chapter, and of the last


class Chapter(NamedTuple):
    """A step, a poem that was written at it, and what a character or poem cost then, in nats."""

    step: int
    text: str
    cost: float


def write_story(out: str | Path, run: History, samples: Sequence[tuple[int, str]]) -> None:
    """Draw what a run wrote as it learnt, with the curve of its costs above, to a picture; a .gif
    tells one poem after the other.

    Raises:
        CheckpointError: the run recorded no costs, or no poem that can be drawn.
        ConfigError: as `curves.picture` does.
    """
    out = Path(out)
    suffix = check_suffix(out, SUFFIXES)
    curve, what = _curve(run)
    if not curve:
        message = _("{run} has recorded no costs yet; train it for more steps", run=run.name)
        raise CheckpointError(message)
    known = faces([run.name, *(text for _step, text in samples)])
    can = set(drawable([text for _step, text in samples], known))
    told = [(max(step, 1), text) for step, text in samples if text in can]
    if not told:
        raise CheckpointError(_("{run} has no poem that can be drawn", run=run.name))
    upright = all(is_upright(text) for _step, text in told)
    chapters = [
        Chapter(step, text, min(curve, key=lambda point: abs(point[0] - step))[1])
        for step, text in chosen(told, CHAPTERS[not upright])
    ]
    book = _Book(run, curve, what, chapters, upright, known)
    if suffix != ".gif":
        book.write(out, len(chapters))
        return
    from PIL import Image

    frames = []
    for shown in range(1, len(chapters) + 1):
        data = io.BytesIO()
        book.write(out.with_suffix(".png"), shown, data)
        frames.append(Image.open(data).convert("RGB"))
    palette = frames[-1].quantize(64)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [STANDS] * (len(small) - 1) + [ENDS]
    data = io.BytesIO()
    small[0].save(
        data, format="GIF", save_all=True, append_images=small[1:], duration=times, loop=0
    )
    write_file(out, data.getvalue(), ConfigError)


def chosen(samples: Sequence[tuple[int, str]], most: int) -> list[tuple[int, str]]:
    """At most so many poems, one a step, the first and the last among them, between them as evenly
    as may be by the logarithm of the step: what is learnt first is learnt fast."""
    first = dict[int, str]()
    for step, text in samples:
        first.setdefault(step, text)
    steps = sorted(first)
    if len(steps) > most:
        low, high = math.log(steps[0]), math.log(steps[-1])
        aims = [math.exp(low + (high - low) * i / (most - 1)) for i in range(most)]
        kept = list[int]()
        for i, aim in enumerate(aims):
            # So many are left that each later one has a step of its own.
            start = steps.index(kept[-1]) + 1 if kept else 0
            open_ = steps[start : len(steps) - (most - 1 - i)]
            kept.append(min(open_, key=lambda step: abs(step - aim)))
        steps = kept
    return [(step, first[step]) for step in steps]


def _curve(run: History) -> tuple[list[tuple[float, float]], str]:
    """The costs by step that can be drawn, and what they are: of held-out characters, or poems."""
    for key, what in (
        ("valid_elbo_per_char", _("nats a character of held-out poems, -ELBO")),
        ("nll", _("nats a poem left to guess, in training")),
    ):
        points = [(max(row["step"], 1), row[key]) for row in run.rows if key in row]
        points = [point for point in points if math.isfinite(point[1])]
        if len(points) > 1:
            return sorted(points), what
    return [], ""


class _Book:
    """A story that can be drawn up to any of its chapters."""

    def __init__(
        self,
        run: History,
        curve: list[tuple[float, float]],
        what: str,
        chapters: Sequence[Chapter],
        upright: bool,
        known: Faces,
    ) -> None:
        self.run, self.curve, self.what, self.chapters = run, curve, what, chapters
        self.upright, self.known = upright, known
        self.slot = (WIDTH - 2 * MARGIN) / len(chapters)
        length = 12 if upright else (self.slot - 12) / (POEM - 6)
        self.verses = [verses_of(chapter.text, length=length) for chapter in chapters]
        sizes = [extent(verses, upright) for verses in self.verses]
        wide, high = (max(size[i] for size in sizes) for i in (0, 1))
        self.size = min(POEM if upright else POEM - 6, (self.slot - 10) / max(wide, 1))
        self.height = HEAD + CURVE + GAP + high * self.size + MARGIN

    def write(self, out: Path, shown: int, data: io.BytesIO | None = None) -> None:
        """Draw the first chapters, so many, to a file, or to memory."""
        inches = (WIDTH / 72, self.height / 72)
        with picture(out, STILL, inches, 130, self.known, data) as figure:
            figure.set_layout_engine("none")
            self._write(figure, MARGIN, 40, self._title(), TITLE, INK)
            self._write(figure, MARGIN, 59, self.what, SMALL, QUIET)
            area = (
                MARGIN / WIDTH,
                1 - (HEAD + CURVE) / self.height,
                1 - 2 * MARGIN / WIDTH,
                CURVE / self.height,
            )
            self._draw(figure.add_axes(area), figure, shown)

    def _title(self) -> str:
        first, last = self.chapters[0], self.chapters[-1]
        return _(
            "How verse emerges: what {run} wrote from step {first:,} to step {last:,}",
            run=self.known.plain(self.run.name, 30),
            first=first.step,
            last=last.step,
        )

    def _draw(self, axes: Axes, figure: Figure, shown: int) -> None:
        from matplotlib.lines import Line2D

        until = self.chapters[shown - 1].step
        there = [point for point in self.curve if point[0] <= until] or self.curve[:1]
        axes.set_xscale("log")
        if len(self.chapters) > shown:
            axes.plot(*zip(*self.curve, strict=True), color=FAINT, linewidth=1.2)
        axes.plot(*zip(*there, strict=True), color=VALUES[1], linewidth=1.6)
        steps = [step for step, _cost in self.curve] + [chapter.step for chapter in self.chapters]
        costs = [cost for _step, cost in self.curve]
        room = max(costs) - min(costs) or 1
        axes.set_xlim(min(steps) / 1.12, max(steps) * 1.12)
        axes.set_ylim(min(costs) - 0.12 * room, max(costs) + 0.08 * room)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_color(FAINT)
        axes.tick_params(axis="y", labelsize=SMALL, length=2)
        axes.tick_params(axis="x", which="both", length=0, labelbottom=False)
        for i, (chapter, verses) in enumerate(zip(self.chapters, self.verses, strict=True)):
            if i >= shown:
                break
            middle = MARGIN + (i + 0.5) * self.slot
            x, y = axes.transData.transform((chapter.step, chapter.cost))
            w, h = figure.bbox.size
            foot = HEAD + CURVE + GAP - 34
            xs = [x / w, x / w, middle / WIDTH]
            ys = [
                (y - 6 * figure.dpi / 72) / h,
                1 - (HEAD + CURVE - 6) / self.height,
                1 - foot / self.height,
            ]
            figure.add_artist(Line2D(xs, ys, color=FAINT, linewidth=0.8))
            dot = ACCENT if i == shown - 1 else VALUES[1]
            axes.plot(chapter.step, chapter.cost, "o", color=dot, markersize=6, clip_on=False)
            said = _("step {n:,}", n=chapter.step)
            label = self._write(figure, middle, foot + 14, said, SMALL, QUIET)
            wide = extent(verses, self.upright)[0] * self.size
            left = middle - (wide if self.upright else self.slot - 12) / 2
            label.set(ha="center")
            at = (left, HEAD + CURVE + GAP - 4)
            write_verses(figure, verses, self.upright, at, self.size, color=INK)

    def _write(
        self, figure: Figure, x: float, y: float, text: str, size: float, colour: str
    ) -> Text:
        drawn = figure.text(x / WIDTH, 1 - y / self.height, text, fontsize=size, color=colour)
        drawn.set_parse_math(False)
        return drawn

"""A walk through the latent space as a moving picture: one poem fades into the next."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..files import check_suffix, write_file
from ..i18n import _
from ..text.diff import changed
from .colours import ACCENT, FAINT, INK, PAPER, QUIET
from .fonts import Faces, drawable, faces
from .lettering import COLUMN, LINE, PITCH, extent, is_upright, verses_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

SUFFIXES = (".gif", ".png")
HOLD, REST, FADE = 1100, 2200, 60  # milliseconds that a poem, the first or last, a fade stands
FADES = 7  # pictures between two poems
MOST_FRAMES = 2000
UPRIGHT, FLAT = 40, 24  # pixels of type, of columns and of lines
MARGIN, TRACK = 44, 56  # pixels around the poem, and below it for the way
COLOURS = 48  # of the file: paper, ink and one accent, and what lies between


def write_walk(out: str | Path, texts: Sequence[str], fixed: bool = True) -> None:
    """Write poems, each fading into the next, to a .gif or an animated .png; it repeats for ever.

    What is new in a poem is red; a line below shows how far the way has come. If `fixed`, the poems
    have one form. A poem that no font here can draw is left out with a warning.

    Raises ConfigError: another suffix, fewer than two poems, too many, no way to write, no pillow.
    """
    out = Path(out)
    suffix = check_suffix(out, SUFFIXES)
    try:
        from PIL import Image
    except ImportError as error:
        message = _("pictures need matplotlib: pip install 'poetvae[plot]'")
        raise ConfigError(message) from error
    known = faces(texts)
    poems = drawable(texts, known)
    most = MOST_FRAMES // (FADES + 1)
    if not 2 <= len(poems) <= most:
        message = _("{n} poems to walk through; expected 2 to {most}", n=len(poems), most=most)
        raise ConfigError(message)
    page = _Sheet(poems, known)
    stills = [page.poem(poems[0], None, fixed)]
    stills += [page.poem(after, before, fixed) for before, after in pairwise(poems)]
    frames: list[Image.Image] = []
    times: list[int] = []
    for i, still in enumerate(stills):
        frames.append(page.on_the_way(still, i / (len(stills) - 1)))
        times.append(REST if i in (0, len(stills) - 1) else HOLD)
        if i + 1 < len(stills):
            for step in range(1, FADES + 1):
                share = step / (FADES + 1)
                eased = share * share * (3 - 2 * share)
                blended = Image.blend(still, stills[i + 1], eased)
                frames.append(page.on_the_way(blended, (i + eased) / (len(stills) - 1)))
                times.append(FADE)
    # One palette for all: that of every poem side by side, so that nothing flickers.
    strip = Image.new("RGB", (page.size[0], page.size[1] * 2), PAPER)
    strip.paste(frames[0], (0, 0))
    strip.paste(frames[len(frames) // 2], (0, page.size[1]))
    palette = strip.quantize(COLOURS)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    data = io.BytesIO()
    small[0].save(
        data,
        format=suffix[1:].upper(),
        save_all=True,
        append_images=small[1:],
        duration=times,
        loop=0,
        optimize=False,
        disposal=1 if suffix == ".gif" else 0,
    )
    write_file(out, data.getvalue(), ConfigError)


def new_in(verse: str, before: str, fixed: bool) -> set[int]:
    """The places of a verse whose characters differ from the one before; of words whole words."""
    if is_upright(verse):
        return set(changed(before, verse, fixed))
    words = list(re.finditer(r"\S+", verse))
    new = changed(before.split(), [word.group() for word in words], fixed=False)
    return {place for i in new for place in range(*words[i].span())}


class _Sheet:
    """Paper large enough for each of some poems, and what is written on it."""

    def __init__(self, poems: Sequence[str], known: Faces) -> None:
        self.known = known
        self.upright = all(map(is_upright, poems))
        self.type = UPRIGHT if self.upright else FLAT
        self.laid = {text: verses_of(text, 16, 60) for text in poems}
        sizes = [extent(verses, self.upright) for verses in self.laid.values()]
        wide, high = (max(size[i] for size in sizes) * self.type for i in (0, 1))
        self.size = (round(max(wide, 240) + 2 * MARGIN), round(high + 2 * MARGIN + TRACK - 16))
        self.left = (self.size[0] - wide) / 2

    def poem(self, text: str, before: str | None, fixed: bool) -> Image:
        """The sheet with a poem, in red where it differs from the one before."""
        from PIL import Image, ImageDraw

        sheet = Image.new("RGB", self.size, PAPER)
        draw = ImageDraw.Draw(sheet)
        old = self.laid[text if before is None else before]
        for i, verse in enumerate(self.laid[text]):
            self._verse(draw, i, verse, new_in(verse, old[i] if i < len(old) else "", fixed))
        return sheet

    def _verse(self, draw: ImageDraw, i: int, verse: str, marked: set[int]) -> None:
        size = self.type
        x, y = self.left, MARGIN + (i + 0.5) * LINE * size
        for k, char in enumerate(verse):
            colour = ACCENT if k in marked else INK
            font = self._font(char)
            if self.upright:
                x = self.size[0] - self.left - (i + 0.5) * COLUMN * size
                y = MARGIN + (k + 0.5) * PITCH * size
            draw.text((x, y), char, colour, font, "mm" if self.upright else "lm")
            if not self.upright:
                x += draw.textlength(char, font)

    def _font(self, char: str) -> FreeTypeFont:
        return _face(self.known.path(char) or self.known.paths[0], self.type)

    def on_the_way(self, sheet: Image, share: float) -> Image:
        """The same with a mark on the line from the first poem to the last."""
        from PIL import ImageDraw

        drawn = sheet.copy()
        draw = ImageDraw.Draw(drawn)
        left, right, y = MARGIN, self.size[0] - MARGIN, self.size[1] - 26
        draw.line((left, y, right, y), FAINT, 2)
        x = left + share * (right - left)
        draw.line((left, y, x, y), QUIET, 2)
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), ACCENT)
        return drawn


@cache
def _face(path: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)

"""The faces that pictures are lettered in: one in the package, and what else the machine has.

The package brings a serif face with the characters of its tokenizers and of what it says
(`scripts/make_font.py`). A character that it lacks is drawn in DejaVu, which matplotlib brings, or
else in the first known font of the machine that has most of what is lacking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import ConfigError
from ..i18n import _

BUNDLED = Path(__file__).parent / "fonts" / "PoetvaeSerif.ttf"
FAMILY = "Poetvae Serif"

# Where systems keep a font of many Chinese characters.
SYSTEM = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-zenhei/wqy-zenhei.ttc",
    "/System/Library/Fonts/Supplemental/Songti.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/simsun.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)


@dataclass(frozen=True)
class Faces:
    """Faces in the order in which a character is looked for: their files, and what they have."""

    paths: tuple[str, ...]
    families: tuple[str, ...]
    characters: tuple[frozenset[str], ...]

    def draw(self, text: str) -> bool:
        """Whether there is a shape for each character of a text."""
        return all(char == "\n" or self.path(char) for char in text)

    def path(self, char: str) -> str | None:
        """The file of the face that a character is drawn in."""
        found = zip(self.paths, self.characters, strict=True)
        return next((path for path, has in found if char in has), None)

    def plain(self, name: str, most: int = 80) -> str:
        """A name of at most so many characters, with an escape for each that has no shape."""
        return "".join(c if self.path(c) else ascii(c)[1:-1] for c in name)[:most]


def faces(texts: Iterable[str] = (), font: str | Path | None = None) -> Faces:
    """The faces for these texts, `font` before all others if it is given.

    Raises ConfigError: the font cannot be read.
    """
    from matplotlib import get_data_path

    own = [str(font)] if font else []
    paths = [*own, str(BUNDLED), f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf"]
    lacking = {char for text in texts for char in text} - {"\n"}
    for path in paths:
        lacking -= _read(path)[1]
    there = [path for path in SYSTEM if lacking and Path(path).exists()]
    best = max(there, key=lambda path: len(lacking & _read(path)[1]), default=None)
    if best is not None and lacking & _read(best)[1]:
        paths.append(best)
    families, characters = zip(*map(_read, paths), strict=True)
    return Faces(tuple(paths), families, characters)


@cache
def _read(path: str) -> tuple[str, frozenset[str]]:
    """The family of a font, by which matplotlib knows it from now on, and its characters."""
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(path)
        fontManager.addfont(path)
    except (OSError, RuntimeError) as error:
        message = _("{path}: cannot be read as a font; give another", path=path)
        raise ConfigError(message) from error
    return face.family_name, frozenset(filter(str.isprintable, map(chr, face.get_charmap())))


def drawable(texts: Sequence[str], known: Faces) -> list[str]:
    """The texts that can be drawn; one warning tells how many are not."""
    import warnings

    found = [text for text in texts if known.draw(text)]
    if missing := len(texts) - len(found):
        message = _(
            "{missing} of {all} texts are left out: no font here has their characters; install "
            "fonts-noto-cjk or fonts-wqy-zenhei, or write an .html map",
            missing=missing,
            all=len(texts),
        )
        warnings.warn(message, stacklevel=3)
    return found

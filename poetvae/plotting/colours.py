"""Colours that the pictures share, told apart by colour-blind readers, on paper and by night."""

from __future__ import annotations

PAPER, INK, QUIET, FAINT = "#fbf8f1", "#25221d", "#6b655b", "#d9d3c5"
ACCENT = "#b5301c"
"""Cinnabar, as of a seal: what changed."""

# Found by search for a large least distance between any two, in OKLab, the same for eyes
# that see all hues, for those without red and for those without green. The first differ most.
VALUES = (
    *("#b5301c", "#1f3f8f", "#c98f1e", "#559eff", "#550000"),
    *("#24b692", "#242449", "#5561ce", "#0092aa", "#0c6d6d"),
)
"""Of groups, the largest first, on paper."""
OTHER = "#b9b3a6"
NIGHT = (
    *("#e8694f", "#7c93ea", "#e6b450", "#61e7ff", "#923186"),
    *("#61ffb6", "#6d61db", "#3dc2b6", "#b66192", "#aa240c"),
)
"""The same where the paper is dark."""
NIGHT_PAPER, NIGHT_OTHER = "#191816", "#6b675f"


def luminance(colour: str) -> float:
    """The relative luminance of an #rrggbb colour, from 0 to 1 (WCAG 2.2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def legible(colour: str, paper: str = PAPER, least: float = 4.5) -> str:
    """The colour, as much darker, or lighter on dark paper, as letters of it need to be read."""
    end = 0 if luminance(paper) > 0.2 else 255
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = ([round(c + (end - c) * step / 50) for c in channels] for step in range(51))
    shades = ("#" + "".join(f"{c:02x}" for c in shade) for shade in mixed)
    return next(shade for shade in shades if contrast(shade, paper) >= least)

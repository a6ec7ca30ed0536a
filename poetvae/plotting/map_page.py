"""Maps of a latent space: the plane that poems lie on, and a page to walk about on it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ConfigError, CorpusError
from ..files import check_suffix, write_file
from ..i18n import N_, _, spoken
from ..latent.plane import GridPoint
from .colours import NIGHT, NIGHT_OTHER, NIGHT_PAPER, OTHER, PAPER, VALUES, legible

MOST_VALUES = 2**16
WORDS = (
    *(N_("Colour"), N_("Grid"), N_("Find"), N_("none"), N_("other"), N_("cluster"), N_("poems")),
    *(N_("Zoom in"), N_("Zoom out"), N_("Show all"), N_("decoded from this point of the plane")),
    N_(
        "Map of poems. Plus and minus zoom, arrows move, Home shows all, Enter reads the poem in "
        "the middle, Escape closes it."
    ),
)
"""What the page says, as it stands in map.html."""


def write_map(
    out: str | Path,
    points: Tensor,
    texts: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    grid: Sequence[GridPoint],
    title: str,
    axes: tuple[str, str],
) -> None:
    """Write the map as one .html file that needs nothing else, not even a network.

    Args:
        out, title, axes: the file, what stands above the map, and the names of its axes.
        points, texts: (N, 2), where each poem lies, kept to 1/65535 of their range; the N poems.
        groups: by the name of a label, its value for each poem; "" = unknown. The first one
            colours the poems until another is chosen.
        grid: poems decoded at points of the plane.

    Raises:
        ConfigError: another suffix, a label of more than 65,536 values, or no way to write.
        CorpusError: fewer than two poems.
    """
    out = Path(out)
    check_suffix(out, (".html",))
    if len(texts) < 2:
        raise CorpusError(_("{n} poems to map; expected at least 2: give more poems", n=len(texts)))
    places = points.detach().cpu().double().numpy()
    low, high = places.min(0), places.max(0)
    span = np.where(high > low, high - low, 1)
    content = {
        "title": title,
        "language": spoken().replace("_", "-"),
        "words": {word: _(word) for word in WORDS},
        "light": _theme(PAPER, VALUES, OTHER),
        "dark": _theme(NIGHT_PAPER, NIGHT, NIGHT_OTHER),
        "axes": axes,
        "low": low.tolist(),
        "high": high.tolist(),
        "points": _packed(np.rint((places - low) / span * 65535)),
        "texts": list(texts),
        "groups": [_group(name, values) for name, values in groups.items()],
        "grid": list(grid),
    }
    # Of all characters only < could end the element that the data stand in.
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", r"\u003c")
    page = resources.files(__package__).joinpath("map.html").read_text(encoding="utf-8")
    for element in ("style", "script"):
        page = page.replace(f"{{{element} hash}}", _digest(page, element))
    # A lone surrogate has no UTF-8; its backslash escape is what JSON calls it, too.
    write_file(out, page.replace("{data}", data).encode("utf-8", "backslashreplace"), ConfigError)


def _theme(paper: str, values: Sequence[str], other: str) -> dict[str, object]:
    """Colours of points and, for their names, of letters that can be read on this paper."""
    letters = [legible(colour, paper) for colour in values]
    return {"paper": paper, "values": values, "letters": letters, "other": other}


def _group(name: str, values: Sequence[str]) -> dict[str, object]:
    """A label as its values, the most frequent first, and each poem's place among them."""
    counts = Counter(values)
    if len(counts) > MOST_VALUES:
        raise ConfigError(
            _(
                "label {name} has {n} values; expected at most {most}: give another",
                name=name,
                n=len(counts),
                most=MOST_VALUES,
            )
        )
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    place = {value: i for i, value in enumerate(ordered)}
    codes = np.fromiter((place[value] for value in values), dtype=np.uint16, count=len(values))
    return {"name": name, "values": ordered, "codes": _packed(codes)}


def _packed(numbers: NDArray[np.generic]) -> str:
    """Numbers of 16 bits, little-endian, as base64."""
    return base64.b64encode(numbers.astype("<u2").tobytes()).decode()


def _digest(page: str, element: str) -> str:
    """How a content security policy names the one inline element of a kind: by its sha256."""
    (inline,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()

"""What the page answers. Whatever a browser sent is checked here, before a model sees it.

Each value comes as an `object`: it may be of any type. What it should not be is a ConfigError of
one line; what no poem can be, or no model can read, the errors of `Poet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constraints.options import WHERE
from ..constraints.rules import BLANKS
from ..data.corpus import read_poems, sample_folder
from ..errors import ConfigError, CorpusError
from ..generation.generate import Generated
from ..latent.plane import Plane
from ..poet import Poet
from ..text.poem import LACUNA, Poem, content, select
from ..text.prosody import RHYMES
from ..text.variants import to_simplified, to_traditional
from . import validation as checks

MOST_SCORED = 60  # poems
MOST_POEMS = 8
MOST_CANDIDATES = 64
MOST_DRAWN = 128  # poems times candidates, a few seconds of one core
MOST_STEPS = 32
MOST_ON_MAP = 600
TONES = ("none", "lenient", "strict")
SCRIPTS: dict[str, Callable[[str], str]] = {
    "as written": str,
    "simplified": to_simplified,
    "traditional": to_traditional,
}


@dataclass(frozen=True)
class Written:
    """Poems, and the seed that writes them again."""

    poems: list[Generated]
    seed: int


@dataclass(frozen=True)
class Scored:
    """A poem with how far its nats per character are above the mean, in standard deviations, and
    the nats of each of its characters; None for a mark that is not learnt."""

    text: str
    nll_per_char: float
    anomaly: float
    nats: list[tuple[str, float | None]]


@dataclass(frozen=True)
class Atlas:
    """A plane of latent space with N poems on it.

    Attributes:
        plane: of their first two principal components.
        points: where they lie, (N, 2).
        texts: of the poems.
        forms: "5x2", or "free".
        own: whether the model wrote them, since no poem of the sample fits it.
    """

    plane: Plane
    points: Tensor
    texts: list[str]
    forms: list[str]
    own: bool

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        """The lower and the upper corner of what is shown: the poems with a margin of 5 %."""
        low, high = self.points.amin(0), self.points.amax(0)
        margin = (high - low).clamp(min=1e-3) / 20
        return (low - margin).tolist(), (high + margin).tolist()


def forms_of(poet: Poet) -> list[str]:
    """The model's forms, the most frequent first; none = free form."""
    counts = poet.codec.forms
    return [str(form) for form in sorted(counts, key=lambda form: -counts[form])]


def passes_of(poet: Poet) -> list[int]:
    """The numbers of passes that the model was trained for; none where it has no choice."""
    return list(poet.model.pass_choices)


def has_latent(poet: Poet) -> bool:
    """Whether there is a latent space to walk in."""
    return poet.model.has_latent


def in_script(text: str, script: object) -> str:
    """The text in one of `SCRIPTS`."""
    return SCRIPTS[checks.choice("script", script, SCRIPTS)](text)


def write(
    poet: Poet,
    *,
    form: object = None,
    first_line: object = None,
    acrostic: object = None,
    where: object = "heads",
    rhyme: object = None,
    tones: object = "none",
    keyword: object = None,
    labels: Mapping[str, object] | None = None,
    temperature: object = 0.8,
    passes: object = None,
    candidates: object = 1,
    n: object = 1,
    seed: object = None,
) -> Written:
    """Poems that meet all that is asked for; see `Poet.generate`.

    Args:
        poet: who writes.
        form: one of the model's; None or "" = the most frequent one.
        first_line, acrostic: texts; where: the acrostic stands.
        rhyme: a class, "any", or none.
        tones: one of `TONES`.
        keyword: a text in one line; several with spaces between them, four at most.
        labels: values by field; None or "" = unknown.
        temperature: from 0 to 2.
        passes: one of `passes_of`; None = the most.
        candidates, n: at most 64, 8, and 128 together.
        seed: see `checks.seed`.

    Raises:
        ConfigError: a value that is none of these.
        ConstraintError: what no poem can meet.
    """
    n = checks.whole("poems", n, 1, MOST_POEMS)
    candidates = checks.whole("candidates", candidates, 1, MOST_CANDIDATES)
    if n * candidates > MOST_DRAWN:
        raise ConfigError(
            f"{n} poems of {candidates} candidates each are {n * candidates}; expected at most"
            f" {MOST_DRAWN}: take fewer of one"
        )
    keywords = checks.text("keyword", keyword).split()
    if len(keywords) > 4:
        raise ConfigError(f"keyword: {len(keywords)} came; expected at most 4")
    tones = checks.choice("tones", tones, TONES)
    known = {name: checks.text(name, value) for name, value in (labels or {}).items()}
    seed = checks.seed(seed)
    poems = poet.generate(
        n,
        form=_form(poet, form),
        first_line=checks.text("first line", first_line) or None,
        acrostic=checks.text("acrostic", acrostic) or None,
        where=checks.choice("acrostic at", where, WHERE),
        rhyme=checks.choice("rhyme", rhyme, ["any", *"".join(RHYMES.values())]) if rhyme else None,
        tones=None if tones == "none" else tones,
        contains=keywords,
        labels={name: value for name, value in known.items() if value},
        temperature=checks.number("temperature", temperature, 0, 2),
        passes=_passes(poet, passes),
        candidates=candidates,
        seed=seed,
    )
    return Written(poems, seed)


def read(poet: Poet, value: object) -> Poem | None:
    """A text as a poem that can be revised; None where it has blanks or lacks lines.

    Raises:
        ConfigError: no text.
        CorpusError: a text without any character of writing.
    """
    text = checks.text("poem", value)
    if not text:
        raise ConfigError("there is no poem yet; write or paste one")
    if any(mark in text for mark in BLANKS):
        return None
    poem = poet.codec.read(text)
    return poem if poet.codec.fits(poem) else None


def complete(
    poet: Poet,
    value: object,
    *,
    temperature: object = 0.8,
    n: object = MOST_POEMS,
    seed: object = None,
) -> Written:
    """Poems with this text in them: blanks (_) are filled, lines that lack are written.

    Raises:
        ConfigError: as `write` does.
        ConstraintError: a text that opens no form of the model.
    """
    text = checks.text("poem", value)
    if not text:
        raise ConfigError("there is no text yet; paste a line, or a poem with _ for what is open")
    seed = checks.seed(seed)
    temperature = checks.number("temperature", temperature, 0, 2)
    n = checks.whole("poems", n, 1, MOST_POEMS)
    return Written(poet.complete(text, n, temperature=temperature, seed=seed), seed)


def alternatives(
    poet: Poet,
    value: object,
    first: object,
    last: object,
    *,
    temperature: object = 0.8,
    n: object = MOST_POEMS,
    seed: object = None,
) -> tuple[list[str], int]:
    """Other poems that differ from one in its learnt characters from first to last, counted from 0.

    Returns:
        The n likeliest of three times as many, the likeliest first; and the seed.

    Raises:
        ConfigError: no such characters, and as `write` does.
        CorpusError: a text that is no whole poem of a form of the model.
        ConstraintError: characters that the model lacks.
    """
    poem = read(poet, value)
    if poem is None:
        raise CorpusError(f"{checks.text('poem', value)!r} is no whole poem of the model's forms")
    form = poet.codec.form_of(poem)
    chars = content(poem, form)
    first = checks.whole("first character", first, 0, len(chars) - 1)
    last = checks.whole("last character", last, first, len(chars) - 1)
    blank = "".join(LACUNA if char != "\n" else char for char in chars[first : last + 1])
    opened = chars[:first] + blank + chars[last + 1 :]
    n = checks.whole("poems", n, 1, MOST_POEMS)
    known = checks.seed(seed)
    found = poet.complete(
        form.punctuate(opened) if form else opened,
        3 * n,
        form=str(form) if form else None,
        temperature=checks.number("temperature", temperature, 0, 2),
        seed=known,
    )
    found.sort(key=lambda other: -other.log_prob)
    # In free form a text is the opening of what is written; what came after it is not asked for.
    texts = [other.text if form else other.text[: len(chars)] for other in found]
    return [text for text in dict.fromkeys(texts) if text != poem.text][:n], known


def bridges(poet: Poet) -> bool:
    """Whether the way between poems is a bridge: z says little where much is left to passes."""
    return bool(poet.forms and passes_of(poet))


def walk(poet: Poet, a: object, b: object, steps: object = 9) -> list[str]:
    """The poems on the way from a to b, or on a bridge, see `Poet.interpolate`.

    Raises:
        ConfigError: values that are no texts or steps, or a model without a latent space.
        CorpusError: texts of no form of the model, or of two.
    """
    start, end = checks.text("from", a), checks.text("to", b)
    if not (start and end):
        raise ConfigError("two poems are needed: one to go from, one to go to")
    mode = "bridge" if bridges(poet) else "lerp"
    steps = checks.whole("steps", steps, 3, MOST_STEPS)
    return [poem.text for poem in poet.interpolate(start, end, steps, mode)]


def familiar(poet: Poet) -> tuple[list[Poem], bool]:
    """Poems of the embedded sample, at most 600; or, where fewer than three fit the model, some
    that it writes, and True."""
    poems = select(read_poems(sample_folder()), poet.forms)
    fitting = [poem for poem in poems if poet.codec.fits(poem)]
    own = len(fitting) < 3
    if own:
        written = (poem.poem for poem in poet.generate(100, seed=0))
        fitting = [poem for poem in written if poet.codec.fits(poem)]
    return fitting[:: max(1, -(-len(fitting) // MOST_ON_MAP))], own


def examples(poet: Poet, n: int = 2) -> list[str]:
    """At most n poems of one form, to begin with."""
    poems, _ = familiar(poet)
    alike = [poem.text for poem in poems if poem.form == poems[0].form]
    return alike[:: max(1, len(alike) // n)][:n]


def atlas(poet: Poet) -> Atlas:
    """The map of `familiar` poems.

    Raises:
        ConfigError: a model without a latent space.
    """
    poems, own = familiar(poet)
    z = poet.latents(poems)
    plane = Plane.fit(z)
    forms = [poem.value("form") for poem in poems]
    return Atlas(plane, plane.project(z), [poem.text for poem in poems], forms, own)


def look(
    poet: Poet, atlas: Atlas, x: object, y: object, form: object = None, n: int = 5
) -> tuple[str, list[str]]:
    """The poem that the model writes at a point of the map, and the n poems nearest to it there.

    Raises:
        ConfigError: a place that is not on the map, or no form of the model.
    """
    (left, low), (right, high) = atlas.bounds
    at = torch.tensor([[checks.number("x", x, left, right), checks.number("y", y, low, high)]])
    (poem,) = poet.decode(atlas.plane.lift(at), form=_form(poet, form))
    distance = (atlas.points - at.to(atlas.points)).norm(dim=1)
    nearest = distance.argsort(stable=True)[:n].tolist()
    return poem.text, [atlas.texts[i] for i in nearest]


def score(poet: Poet, value: object) -> list[Scored]:
    """Each line as a poem, the least likely first; see `Poet.score` and `Poet.surprise`.

    Raises:
        ConfigError: no line, too many, or one that is too long.
        CorpusError: a line that is no poem of the model's forms.
    """
    text = checks.text("poems", value, MOST_SCORED * (checks.MOST_TEXT + 1))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_SCORED:
        raise ConfigError(f"{len(lines)} poems came; expected 1 to {MOST_SCORED}, a line each")
    for i, line in enumerate(lines, 1):
        checks.text(f"poem {i}", line)
    rows = poet.score(lines, seed=0)
    scored = [
        Scored(row["text"], row["nll_per_char"], row["anomaly"], _nats(poet, row["text"]))
        for row in rows
    ]
    return sorted(scored, key=lambda row: -row.anomaly)


def _nats(poet: Poet, text: str) -> list[tuple[str, float | None]]:
    """The characters of a text, those that are learnt with their nats."""
    if not has_latent(poet):
        return [(char, None) for char in text]
    learnt = iter(poet.surprise(text))
    char, nats = next(learnt, ("", 0.0))
    found: list[tuple[str, float | None]] = []
    for seen in text:
        if seen != char:
            found.append((seen, None))
            continue
        found.append((seen, nats))
        char, nats = next(learnt, ("", 0.0))
    return found


def _form(poet: Poet, value: object) -> str | None:
    forms = forms_of(poet)
    if value in (None, ""):
        return forms[0] if forms else None
    return checks.choice("form", value, forms) if forms else None


def _passes(poet: Poet, value: object) -> int | None:
    known = passes_of(poet)
    if value is None or not known:
        return None
    passes = checks.whole("passes", value, known[0], known[-1])
    if passes not in known:
        raise ConfigError(f"passes: {passes} came; expected one of {', '.join(map(str, known))}")
    return passes

"""What the page answers. Whatever a browser sent is checked here, before a model sees it.

Each value comes as an `object`: it may be of any type. What it should not be is a ConfigError of
one line; what no poem can be, or no model can read, the errors of `Poet`, as of its methods.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ..constraints.options import Conditions
from ..constraints.room import BLANKS
from ..constraints.vocabulary import language_for
from ..data.corpus import read_poems, sample_folder
from ..errors import ConfigError, listed
from ..generation.couplet import ROUNDS, Couplet
from ..generation.generate import Generated
from ..generation.options import CANDIDATES as ANSWERS
from ..generation.options import CHOSEN, SamplingOptions
from ..i18n import ENGLISH, N_, _, spoken
from ..poet import Poet
from ..text.form import all_tunes
from ..text.menus import form_words
from ..text.names import called, value_key
from ..text.poem import Form, Poem, has_han, select
from ..text.prosody import LENIENT, STRICT, STRICTNESS, USUAL, check_all
from ..text.prosody.chinese import books
from ..text.prosody.interface import SOUND
from ..text.prosody.report import Report
from ..text.variants import to_simplified, to_traditional
from . import validation

TEMPERATURE = SamplingOptions().temperature
MOST_SCORED = 60  # poems
MOST_CHECKED = 2000  # characters
POEMS, MOST_POEMS = 4, 8
CANDIDATES, MOST_CANDIDATES = CHOSEN, 64
MOST_DRAWN = 128  # poems times candidates, a few seconds of one core
MOST_ANSWERS = 64  # drawn of couplets, which are ranked by many likelihoods each
MOST_WORDS = 4  # of a condition that can repeat
MOST_STEPS = 32
MOST_ON_MAP = 600
MOST_QUERY = 4000  # characters
OPENING = {"seed": "4"}  # of the poem that a page opens with
USUAL_FORMS = "7x4", "10x4"  # the first that a model has; else its most frequent
NUMBERS = "n", "candidates", "temperature", "passes", "chosen"

Field = dataclasses.Field[Any]
CONDITIONS: dict[str, Field] = {
    field.name: field for field in dataclasses.fields(Conditions) if field.metadata["label"]
}
"""What can be asked of a poem on the page: the conditions that have a label, where the language of
the poem has them, see `conditions_of`."""
NOTHING = "none"
# Menus that have more than the values that are declared, or other words for them, by value.
MENUS = {
    "where": {"heads": N_("heads of lines"), "ends": N_("ends"), "diagonal": N_("diagonal")},
    "tones": {name: name for name in (NOTHING, USUAL, STRICT, LENIENT)},
}
WORDS = (
    *(N_("none"), N_("any"), N_("usual"), N_("strict"), N_("lenient"), N_("iambic")),
    *(N_("trochaic"), N_("Dynasty"), N_("Author"), N_("Title")),
)
"""Of values and fields, as a menu has them."""

BOOKS = dict(
    zip(
        books.BOOKS,
        (
            N_("平水韻, of regulated verse"),
            N_("詞林正韻, of tunes"),
            N_("中華新韻, of today's speech"),
        ),
        strict=True,
    )
)
"""The books of rhymes to check by, each by its name and what rhymes by it."""


@dataclass(frozen=True)
class Scored:
    """A poem: its anomaly, see `Poet.score`, and the nats of each character; None: not learnt."""

    text: str
    nll_per_char: float
    anomaly: float
    nats: list[tuple[str, float | None]]


@dataclass(frozen=True)
class Walked:
    """The way from a poem to another, both as they were typed, with the poems of the model between:
    the first and the last of these are the two as the model reads them back, or the two again."""

    start: str
    poems: list[str]
    end: str


def forms_of(poet: Poet) -> list[Form]:
    """The model's forms, the most frequent first; none = free form."""
    counts = poet.codec.forms
    return sorted(counts, key=lambda form: -counts[form])


def checked_forms() -> list[Form]:
    """What a poem may be checked as: the forms of regulated verse, and all tunes."""
    return [Form(length, lines) for length in (5, 7) for lines in (2, 4, 8)] + [*all_tunes()]


def usual_form(poet: Poet) -> str:
    """The form that a page has at first; "" in free form."""
    forms = [str(form) for form in forms_of(poet)]
    return next((form for form in USUAL_FORMS if form in forms), forms[0] if forms else "")


def form_name(form: Form) -> str:
    """A form as people call it, and as they ask for it: 七言絕句 7x4."""
    name = str(form) if form.tune else f"{_(called(form.lengths))} {form}".strip()
    return as_read(name)


def as_read(name: str) -> str:
    """A Chinese name or poem in simplified characters where these are read."""
    return to_simplified(name) if spoken() == "zh_CN" else name


def form_label(form: Form) -> str:
    """A form as a menu has it, see `form_words`, in the characters that are read."""
    return as_read(form_words(form))


def field_name(name: str) -> str:
    """A label of poems as a menu has it."""
    return _(name.title())


def value_name(value: str) -> str:
    """A value of a label as a menu has it: 唐 for tang where Chinese is spoken."""
    key = value_key(value)
    if spoken() == ENGLISH or not has_han(key):
        return value.title()
    return to_traditional(key) if spoken() == "zh_TW" else key


def conditions_of(poet: Poet) -> dict[str, Field]:
    """The conditions that a model's language has."""
    unasked = SOUND - language_for(poet.codec.tokenizer).ASKS
    return {name: field for name, field in CONDITIONS.items() if name not in unasked}


def menu(poet: Poet, field: Field) -> dict[str, str]:
    """The words for each value that a condition can have; none where it is typed or ticked."""
    if field.name == "rhyme":
        names = language_for(poet.codec.tokenizer).rhyme_names()
        names = {value: as_read(name) for value, name in names.items()}
        return {NOTHING: _(NOTHING), "any": _("any"), **names} if names else {}
    among = field.metadata["among"]
    plain = {NOTHING: NOTHING} if among and field.default is None else {}
    words = MENUS.get(field.name, plain | {value: value for value in among})
    return {value: _(word) for value, word in words.items()}


def asked(poet: Poet, field: Field, value: object) -> Any:
    """A value of a condition, as its declaration has it; None where nothing is asked."""
    name = _(field.metadata["label"]).lower()
    if field.default is False:
        return validation.truth(name, value)
    if choices := menu(poet, field):
        absent = field.default is None and value in (None, "", NOTHING)
        return None if absent else validation.choice(name, value, choices)
    if field.metadata["repeat"]:
        return validation.texts(name, value, MOST_WORDS)
    return validation.text(name, value) or None


def write(poet: Poet, values: Mapping[str, object]) -> list[Generated]:
    """Poems that meet all that is asked for, the best first; see `Poet.generate`.

    Args:
        poet: who writes.
        values: of `CONDITIONS` by name, and of `n`, `form` (None or "" = the most frequent one),
            `labels` by field and `about` (None or "" = unknown), `temperature`, `passes` (None =
            the most), `candidates` and `seed` (None or "" = a drawn one); any may be absent.
    """
    given = dict(values)
    n = validation.whole(N_("poems"), given.pop("n", 1), 1, MOST_POEMS)
    candidates = given.pop("candidates", CANDIDATES)
    candidates = validation.whole(N_("candidates"), candidates, 1, MOST_CANDIDATES)
    if n * candidates > MOST_DRAWN:
        raise ConfigError(
            _(
                "{n} poems of {candidates} candidates each are {drawn}; expected at most {most}: "
                "take fewer of one",
                n=n,
                candidates=candidates,
                drawn=n * candidates,
                most=MOST_DRAWN,
            )
        )
    labels: Any = given.pop("labels", {})
    known = {name: validation.text(name, value) for name, value in labels.items()}
    found = poet.generate(
        n,
        form=form_asked(poet, given.pop("form", None)),
        labels={name: value for name, value in known.items() if value},
        about=validation.text(N_("about"), given.pop("about", "")) or None,
        temperature=validation.number(
            N_("temperature"), given.pop("temperature", TEMPERATURE), 0, 2
        ),
        passes=_passes(poet, given.pop("passes", None)),
        candidates=candidates,
        seed=validation.seed(given.pop("seed", None)),
        **{name: asked(poet, CONDITIONS[name], value) for name, value in given.items()},
    )
    return sorted(found, key=lambda poem: -(poem.score or 0.0))


@lru_cache(maxsize=4)
def opening(poet: Poet) -> tuple[dict[str, object], list[Generated]]:
    """The poems that a page opens with, and what was asked for them."""
    wanted: dict[str, object] = {**OPENING, "form": usual_form(poet), "n": POEMS}
    return wanted, write(poet, wanted)


def query(poet: Poet, values: Mapping[str, object], seed: int) -> str:
    """What was asked for as the query of an address: what differs from what a page has at first,
    and always the form and the seed."""
    usual: dict[str, object] = {name: field.default for name, field in CONDITIONS.items()}
    usual |= {"n": POEMS, "candidates": CANDIDATES, "temperature": TEMPERATURE}
    usual["passes"] = max(poet.model.pass_choices, default=1)
    absent = (None, "", False, NOTHING)
    kept = {
        name: value for name, value in values.items() if value not in (*absent, usual.get(name))
    }
    return urlencode({**kept, "seed": seed})


def of_query(value: object, names: Collection[str]) -> dict[str, Any]:
    """What the query of an address asks for, of these names; numbers and True are such, all others
    texts."""
    given = dict(parse_qsl(validation.text(N_("query"), value, MOST_QUERY)))
    return {name: _typed(name, text) for name, text in given.items() if name in names}


def _typed(name: str, text: str) -> object:
    if name in NUMBERS and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text) if "." in text else int(text)
    return True if text == "True" else text


def chosen(value: object, poems: Sequence[Generated]) -> int:
    """The place of the poem to show, the first where there is no such."""
    return value if type(value) is int and value < len(poems) else 0


def read(poet: Poet, value: object) -> Poem | None:
    """A text as a poem that can be revised; None where it has blanks or lacks lines."""
    text = validation.text(N_("poem"), value)
    if not text:
        raise ConfigError(_("there is no poem yet; write or paste one"))
    if any(mark in text for mark in BLANKS):
        return None
    poem = poet.codec.typed(text)
    return poem if poet.codec.fits(poem) else None


def complete(
    poet: Poet, value: object, n: int = MOST_POEMS, seed: int | None = None
) -> list[Generated]:
    """Poems with this text in them: blanks (_) are filled, lines that lack are written."""
    text = validation.text(N_("poem"), value)
    if not text:
        raise ConfigError(
            _("there is no text yet; paste a line, or a poem with _ for what is open")
        )
    return poet.complete(text, n, temperature=TEMPERATURE, seed=validation.seed(seed))


def walk(poet: Poet, a: object, b: object, steps: object = 9) -> Walked:
    """The poems on the way from a to b, or on a bridge; see `Poet.interpolate`."""
    start, end = validation.text(_("from"), a), validation.text(_("to"), b)
    if not (start and end):
        raise ConfigError(_("two poems are needed: one to go from, one to go to"))
    steps = validation.whole(_("steps"), steps, 3, MOST_STEPS)
    poems = [poem.text for poem in poet.interpolate(start, end, steps)]
    return Walked(start, poems, end)


def answers_couplets(poet: Poet) -> bool:
    """Whether a model has lower lines for upper ones: a form of two lines, in Chinese or in
    English."""
    asks = language_for(poet.codec.tokenizer).ASKS
    return any(form.lines == 2 for form in poet.forms) and (poet.codec.spelt or "tones" in asks)


def couplets(
    poet: Poet, value: object, tones: object = USUAL, n: object = 4, seed: int | None = None
) -> list[Couplet]:
    """Couplets with an upper line, the best answer first; see `Poet.couplet`."""
    text = validation.text(_("upper line"), value)
    if not text:
        raise ConfigError(_("there is no line yet; type the one to be answered"))
    strictness = validation.choice(_("tones"), tones, STRICTNESS)
    n = validation.whole(_("couplets"), n, 1, MOST_POEMS)
    most = MOST_ANSWERS // (n * (ROUNDS if poet.codec.spelt else 1))
    how: dict[str, Any] = {"candidates": min(ANSWERS, most), "seed": validation.seed(seed)}
    return poet.couplet(text, n, tones=strictness, **how)


@lru_cache(maxsize=4)
def familiar(poet: Poet) -> tuple[list[Poem], bool]:
    """At most 600 poems of the embedded sample; or, where fewer than three fit the model, some
    that it writes, and True."""
    poems = select(read_poems(sample_folder()), poet.forms)
    fitting = [poem for poem in poems if poet.codec.fits(poem)]
    own = len(fitting) < 3
    if own:
        written = (poem.poem for poem in poet.generate(100, plain=True, seed=0))
        fitting = [poem for poem in written if poet.codec.fits(poem)]
    return fitting[:: max(1, -(-len(fitting) // MOST_ON_MAP))], own


def examples(poet: Poet, n: int = 2) -> list[str]:
    """At most n poems of one form, to begin with, in simplified characters where these are read."""
    poems = familiar(poet)[0]
    alike = [poem.text for poem in poems if poem.form == poems[0].form]
    found = alike[:: max(1, len(alike) // n)][:n]
    return list(map(as_read, found))


def score(poet: Poet, value: object) -> list[Scored]:
    """Each line as a poem, the least likely first; see `Poet.score` and `Poet.surprise`."""
    text = validation.text(N_("poems"), value, MOST_SCORED * (validation.MOST_TEXT + 1))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_SCORED:
        raise ConfigError(
            _("{n} poems came; expected 1 to {most}, a line each", n=len(lines), most=MOST_SCORED)
        )
    lines = [validation.text(_("poem {n}", n=i), line) for i, line in enumerate(lines, 1)]
    rows = poet.score(lines, seed=0)
    scored = [
        Scored(row["text"], row["nll_per_char"], row["anomaly"], _nats(poet, row["text"]))
        for row in rows
    ]
    return sorted(scored, key=lambda row: -row.anomaly)


def check(value: object, form: object = None, book: object = None) -> list[Report]:
    """What is wrong with the poems of a text, see `prosody.check_all`; form and book None or "":
    as the poem asks."""
    text = validation.text(N_("poem"), value, MOST_CHECKED)
    if not text:
        raise ConfigError(_("there is no poem yet; paste one"))
    forms = {str(one): one for one in checked_forms()}
    chosen = forms[validation.choice(N_("form"), form, forms)] if form else None
    named = validation.choice(N_("rhyme book"), book, books.BOOKS) if book else None
    return check_all(text, chosen, named)


def _nats(poet: Poet, text: str) -> list[tuple[str, float | None]]:
    """The characters of a text, those that are learnt with their nats."""
    text = poet.codec.typed(text).text
    learnt = poet.surprise(text)[::-1] if poet.model.has_latent else []
    found: list[tuple[str, float | None]] = []
    place = 0
    while place < len(text):
        unit = learnt[-1][0] if learnt else ""
        here = text[place : place + max(len(unit), 1)]
        told = bool(unit) and here.casefold() == unit.casefold()
        found.append((here, learnt.pop()[1]) if told else (text[place], None))
        place += len(found[-1][0])
    return found


def form_asked(poet: Poet, value: object) -> str | None:
    """One of the forms of a model by its name; None or "": the most frequent, if there is one."""
    forms = [str(form) for form in forms_of(poet)]
    if value in (None, ""):
        return next(iter(forms), None)
    return validation.choice(N_("form"), value, forms) if forms else None


def _passes(poet: Poet, value: object) -> int | None:
    known = poet.model.pass_choices
    if value is None or not known:
        return None
    passes = validation.whole(N_("passes"), value, known[0], known[-1])
    if passes not in known:
        raise ConfigError(
            _("passes: {n} came; expected one of {known}", n=passes, known=listed(known))
        )
    return passes

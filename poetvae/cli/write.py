"""The commands that write: poems of a form, with what is asked of them, and the rest of a text."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ..constraints.options import LINES as LINES
from ..constraints.options import Conditions
from ..errors import ConfigError, CorpusError
from ..generation.options import CANDIDATES, SamplingOptions
from ..i18n import N_, _
from ..text.prosody import USUAL
from . import common
from .common import ModelChoice, Texts, form_names, options_of
from .terminal import Command, known, note, option

if TYPE_CHECKING:
    from ..generation.generate import Generated

CONDITIONS = tuple(field.name for field in dataclasses.fields(Conditions))
_DIGITS, _SHOWN = 9, 40  # of the number of a line; of an option that is quoted


@dataclasses.dataclass(frozen=True)
class Manner:
    """How poems are drawn and printed."""

    pairs: Texts
    script: str | None
    seed: int | None
    as_json: bool

    def drawn(self) -> dict[str, Any]:
        """The labels and the seed; absent: a drawn one."""
        labels = common.named(self.pairs, "--label", "dynasty=tang")
        return {"labels": labels, "seed": common.drawn_seed() if self.seed is None else self.seed}

    def print(self, poems: Iterable[Generated], mixed: bool = False) -> None:
        """Poems on stdout in a script, as they come; what is told of them is told of what the model
        wrote. Where they are of several forms, an empty line sets apart those of one line, too."""
        for poem in poems:
            shown = poem.respelled(poem.in_script(self.script))
            text = common.paragraph(shown.text, mixed)
            common.output(shown.as_dict(), text, self.as_json)


class Writing(Command):
    """A command whose help sets apart what can be asked of a poem."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        titles = (_("What to ask of a poem; all combine"), True), (_("Options"), False)
        for title, asked in titles:
            params = [p for p in self.get_params(ctx) if (p.name in CONDITIONS) is asked]
            records = (param.get_help_record(ctx) for param in params)
            with formatter.section(title):
                formatter.write_dl([record for record in records if record])


form_option = option(
    "--form", metavar="5x2", shell_complete=known(form_names), help="One of the model's forms."
)
manner_options = common.options(
    common.texts("--label", "pairs", "FIELD=VALUE", "As dynasty=tang; can repeat."),
    option(
        "--script",
        type=click.Choice(["simplified", "traditional"]),
        help="Of what is printed; absent: that of what you type, which may be either.",
    ),
    common.seed_option,
    common.json_option,
    common.gathered("manner", Manner, "pairs", "script", "seed", "as_json"),
)
count_option = option("-n", "n", type=click.IntRange(min=1), default=1, help="How many poems.")


@common.command(
    "poetvae generate --model my-poet -n 4 --seed 1 --acrostic 山水 --contains 明月 --no-repeat",
    cls=Writing,
)
@common.model_options
@count_option
@options_of(Conditions)
@form_option
@options_of(SamplingOptions, leave_out=("labels", "seed"), defaults={"candidates": None})
@manner_options
def generate(model: ModelChoice, n: int, lines: Texts, manner: Manner, **wanted: Any) -> None:
    """Write poems. What is asked of them holds in every one, or an error says why it cannot.

    Of several candidates for each the best is kept: likely, rhymed, with few characters again.
    """
    poet, drawn = model.load(), manner.drawn()
    poems = poet.stream(n, lines=_numbered(lines), **drawn, **wanted)
    with common.working(_("writing")):
        first = next(poems)  # what goes wrong is told alone
    if manner.seed is None:
        note(_("seed {seed}", seed=drawn["seed"]))
    mixed = wanted["form"] is None and len(poet.forms) > 1
    bar = common.progress_bar(_("poem"), printing=True)
    manner.print(bar(itertools.chain([first], poems), total=n), mixed)


@common.command(
    "poetvae complete --model my-poet 瀑響分雲出 -n 3 --seed 1 --no-repeat", cls=Writing
)
@click.argument("text")
@common.model_options
@count_option
@options_of(Conditions, leave_out=LINES)
@form_option
@options_of(SamplingOptions, leave_out=("labels", "seed", "plain"))
@manner_options
def complete(text: str, model: ModelChoice, n: int, manner: Manner, **wanted: Any) -> None:
    """Fill the blanks (_) in TEXT, or give a line its partner or the rest of its poem.

    - reads texts from stdin, one a line. The completions of a text are all different; with
    --candidates the best comes first.
    """
    texts, drawn = _texts(text), manner.drawn()
    poet = model.load()
    for i, one in enumerate(texts):
        with common.working(_("writing")):
            poems = poet.complete(one, n, **drawn, **wanted)
        if manner.seed is None and not i:
            note(_("seed {seed}", seed=drawn["seed"]))
        manner.print(poems)
        if len(poems) < n:
            what = N_("{text}: only {n} different completions came of {draws} draws")
            note(_(what, text=one, n=len(poems), draws=5 * n))


@common.command("poetvae couplet --model my-poet 瀑響分雲出 -n 3 --seed 1")
@click.argument("text")
@common.model_options
@count_option
@options_of(Conditions, only=("tones",), defaults={"tones": USUAL})
@options_of(
    SamplingOptions, leave_out=("labels", "seed", "plain"), defaults={"candidates": CANDIDATES}
)
@manner_options
def couplet(text: str, model: ModelChoice, n: int, manner: Manner, **how: Any) -> None:
    """Answer TEXT, the upper line of a couplet (對聯), with lower lines, the best first.

    TEXT has 4 to 11 characters, with marks inside it or without. Tones of the answer are opposite
    at the even places and at the end; no character of TEXT comes again, and where TEXT repeats one,
    the answer does. - reads texts from stdin, one a line.
    """
    texts, drawn = _texts(text), manner.drawn()
    poet = model.load()
    for i, one in enumerate(texts):
        with common.working(_("writing")):
            found = poet.couplet(one, n, **drawn, **how)
        if manner.seed is None and not i:
            note(_("seed {seed}", seed=drawn["seed"]))
        manner.print(found)
        if found[0].ends_level:
            what = N_(
                "{text} ends level, as lower lines do: read the answer, which ends oblique, first"
            )
            note(_(what, text=one))
        if len(found) < n:
            what = N_("{text}: only {n} different answers came of {draws} draws")
            note(_(what, text=one, n=len(found), draws=n * how["candidates"]))


def _texts(text: str) -> list[str]:
    """A text, or those of stdin. Raises CorpusError: none came."""
    texts = list(common.stdin()) if text == "-" else [text]
    if not texts:
        raise CorpusError(_("no text came; give one on each line"))
    return texts


def _numbered(pairs: Texts) -> list[tuple[int, str]]:
    """Texts of lines, each with its number."""
    common.named(pairs, "--line", "2=TEXT")  # each has an equals sign
    lines = [(pair, *pair.partition("=")[::2]) for pair in pairs]
    for pair, number, _text in lines:
        if not (number.strip().isdecimal() and len(number) <= _DIGITS):
            shown = pair if len(pair) <= _SHOWN else f"{pair[:_SHOWN]}…"
            what = N_("--line {text}: expected N=TEXT, as --line 2=TEXT")
            raise ConfigError(_(what, text=shown))
    return [(int(number), text) for _, number, text in lines]

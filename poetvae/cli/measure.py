"""The commands that measure: models on poems, poems by a model or by the rules of verse."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..config import PRESETS, fields
from ..errors import ConfigError, CorpusError
from ..i18n import N_, _
from ..text.prosody.chinese.books import BOOKS
from . import common
from .common import CorpusChoice, ModelChoice, Texts
from .tables import by_form, evaluation, information
from .terminal import files, known, note, option, quiet

if TYPE_CHECKING:
    from ..text.poem import Poem


@common.command("poetvae evaluate --model my-poet --iw 10 --samples 500")
@common.model_options
@common.corpus_options
@common.number("--iw", 100, "Samples of the importance-weighted bound.", least=1)
@common.number("--curve", 100, "Poems to show the bound on with 1 to 1000 samples; 0 = none.")
@common.number("--samples", 10_000, "Poems to write and compare with human ones; 0 = none.")
@common.number("--gap", 0, "Poems to split log p(x) - ELBO on, which takes minutes; 0 = none.")
@common.decimal("--temperature", 1.0, "Of the samples.")
@common.passes_option
@option("--judge", metavar="MODEL", help="An autoregressive model that scores the samples.")
@common.texts("--against", "against", "CORPUS", "Training text, where MODEL is no run.")
@common.number("--limit", None, "Score only so many poems, evenly spread.", least=1)
@common.fixed_seed_option
@common.json_option
def evaluate(
    model: ModelChoice,
    corpus: CorpusChoice,
    iw: int,
    curve: int,
    samples: int,
    gap: int,
    temperature: float,
    passes: int | None,
    judge: str | None,
    against: Texts,
    limit: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Score CORPUS: the likelihood in nats, what z carries, and how samples compare with it.

    Absent, with a run folder as MODEL: the poems it held out to test with.
    """
    from ..data.dataset import encode_poems
    from ..evaluation.inference_gap import inference_gap
    from ..evaluation.likelihood import evaluate
    from ..evaluation.samples import sample_quality
    from ..latent.attributes import spread
    from ..training.spec import read_run

    poet = model.load()
    if gap and not poet.model.has_latent:
        what = N_("an autoregressive model's likelihood is exact; leave out --gap")
        raise ConfigError(_(what))
    referee = None
    if judge is not None:
        judging = ModelChoice(judge, model.device).load()
        if judging.model.has_latent:
            what = N_("{judge} is no autoregressive model; train one with --preset ar")
            raise ConfigError(_(what, judge=judge))
        referee = judging.model.causal, judging.codec
    learned = read_run(model.run) if model.run else None
    if learned is None and not corpus.sources:
        what = N_("{model} has no train.json: nothing is held out; give a CORPUS")
        raise CorpusError(_(what, model=model))
    known = learned.train if learned else []
    if against:
        known = corpus.read(poet, against).train
    if learned and not corpus.sources:
        read, poems = learned, learned.test or learned.valid
    else:
        read = corpus.read(poet)
        poems = read.train
    for line in read.report.lines():
        note(line)
    human = spread(common.fitting(poet, poems), limit)
    store = encode_poems(poet.codec, human)
    shared: dict[str, Any] = {"seed": seed, "passes": passes}
    progress = common.progress_bar(_("batch"))
    values = evaluate(
        poet.model, poet.codec, store, samples=iw, curve_poems=curve, progress=progress, **shared
    ).as_dict()
    values["near_copies"] = _near_copies(human, known) if known else None
    if gap:
        latent = poet.model.latent
        how: Any = {"poems": gap, "seed": seed, "progress": common.progress_bar(_("step"))}
        values["gap"] = inference_gap(latent, poet.codec, store, **how).as_dict()
    if samples:
        shared |= {"n": samples, "temperature": temperature, "judge": referee, "quiet": quiet()}
        known = [poem for poem in known if poet.codec.fits(poem)]
        try:
            values |= sample_quality(poet.model, poet.codec, human, known, **shared)
        except CorpusError as error:  # the likelihood stands without them
            note(_("no samples: {why}", why=error))
    if as_json:
        for line in by_form(values):
            note(line)
    common.output(values, evaluation(values), as_json)


def _near_copies(human: Sequence[Poem], known: Sequence[Poem]) -> int:
    """How many poems are nearly among those that a model was trained on; noted, if any."""
    from ..data.repeated import near_copies
    from ..text.poem import content

    texts, others = ([content(poem, poem.form) for poem in side] for side in (human, known))
    with common.working(_("looking for copies of training text")):
        n = int(near_copies(texts, others).sum())
    if n:
        what = N_("{n} of {all} poems are copies or near-copies of training text: they flatter")
        note(_(what, n=n, all=len(human)))
    return n


@common.command("poetvae score --model my-poet poems.txt")
@click.argument("source", default="-", shell_complete=files)
@common.model_options
@common.number("--iw", 10, "Samples of the importance-weighted bound.", least=1)
@option("--sort", is_flag=True, help="Strangest first.")
@common.fixed_seed_option
@common.json_option
def score(source: str, model: ModelChoice, iw: int, sort: bool, seed: int, as_json: bool) -> None:
    """Score the lines of SOURCE, a poem each (absent: of stdin): which do not belong?

    Prints nats per character, anomaly, poem and form. nll is in nats a poem; anomaly is
    nll_per_char in standard deviations above the mean of the lines given.
    """
    poet = model.load()
    lines = list(common.lines_of(source))
    if not lines:
        raise CorpusError(_("{source}: no text came; give a poem on each line", source=source))
    progress = common.progress_bar(_("batch"))
    scores = poet.score(lines, samples=iw, seed=seed, progress=progress)
    if sort:
        scores.sort(key=lambda one: -one["anomaly"])
    for one in scores:
        text = f"{one['nll_per_char']:.3f}\t{one['anomaly']:+.2f}\t{one['text']}\t{one['form']}"
        common.output(one, text, as_json)


@common.command("poetvae check poems.txt --form 5x2")
@click.argument("source", default="-", metavar="[FILE|-]", shell_complete=files)
@option(
    "--form",
    metavar="7x4",
    shell_complete=known(common.form_names),
    help="What the poems ought to be; absent = told by each.",
)
@option("--book", type=click.Choice(BOOKS), help="Of rhymes; absent = 平水.")
@option("--strict", is_flag=True, help="Exit with 1 where a fault stands.")
@common.json_option
def check(source: str, form: str | None, book: str | None, strict: bool, as_json: bool) -> None:
    """Scan the poems of FILE, blank lines between them, or of JSON: tones, rhyme, every fault.

    A fault is marked ✗, and · what is only to be remarked, since good poets allow it. Under each
    character stands its tone as it is read here, 平 or 仄, and then what else it may be; over each
    syllable of an English poem, which may have blank lines in it, / where the beat falls, or x.
    """
    from ..data.sources import poems_in
    from ..text.poem import Form
    from ..text.prosody import check_all, language_of

    text = "\n".join(common.lines_of(source, blank=True))
    if not text.strip():
        raise CorpusError(_("{source}: no text came; give a poem", source=source))
    wanted, sound = Form.parse(form) if form else None, True
    poems = [*filter(language_of, poems_in(text, source))] or [""]
    for poem in common.progress_bar(_("poem"), printing=True)(poems):
        for one in check_all(poem, wanted, book):
            common.output(one.as_dict(), common.paragraph(str(one)), as_json)
            sound &= not one.faults
    if strict and not sound:
        sys.exit(1)


@common.command("poetvae info")
@common.model_options
@common.json_option
def info(model: ModelChoice, as_json: bool) -> None:
    """What the model is; without --model also versions, presets and settings."""
    import torch

    values: dict[str, Any] = {}
    if model.name is None:
        values = {
            "poetvae": __version__,
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "cuda": torch.cuda.is_available(),
            "threads": torch.get_num_threads(),
            "presets": list(PRESETS),
            "settings": {n: f.metadata["doc"] for n, f in fields().items()},
        }
    poet = model.load()
    settings = vars(poet.model.config)
    values |= {
        "model": model.name or "the packaged model",
        "parameters": poet.model.num_parameters(),
        "forms": {str(form): count for form, count in poet.codec.forms.items()},
        "fields": {name: list(values) for name, values in poet.codec.fields.items()},
        "theme": poet.codec.theme,
    }
    told = information({**values, "model": str(model)}, settings)
    common.output(values | settings, told, as_json)

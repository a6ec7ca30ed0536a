"""A ladder of models of verse by syllables: nats a syllable, and a letter, held out by book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from common import table

from poetvae import Poet
from poetvae.data.dataset import encode_poems
from poetvae.evaluation.likelihood import evaluate
from poetvae.evaluation.metrics import bootstrap
from poetvae.evaluation.samples import fit_judge, judged
from poetvae.text.poem import Poem

COLUMNS = "form|model|poems|nats a syllable (95 %)|a letter"


def letters(poems: Sequence[Poem]) -> int:
    """The letters of all poems."""
    return sum(map(str.isalpha, "".join(poem.text for poem in poems)))


def rungs(
    poets: Sequence[Poet], known: Sequence[Poem], test: Sequence[Poem], samples: int
) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Of poems of one form: a model, its nats a syllable, and their 95 % interval, by book."""
    codec = poets[0].codec
    nats = judged(fit_judge(codec, known), codec, test)
    yield "4-gram", float(nats.mean()), bootstrap(nats, 0, groups=[p.value("book") for p in test])
    for poet in poets:
        store = encode_poems(poet.codec, test)
        known_passes = (1, 8, 0) if poet.model.has_latent else (None,)
        for passes in known_passes:
            report = evaluate(poet.model, poet.codec, store, samples=samples, passes=passes)
            figures = report.as_dict()
            name = "one after another" if passes is None else f"{passes or 'all'} passes"
            yield name, figures["nll_per_char"], figures["ci"]["nll_per_char"]


def ladder(poets: Sequence[Poet], known: Sequence[Poem], test: Sequence[Poem], samples: int) -> str:
    """The table of all forms of the first model."""
    rows = []
    for form in poets[0].forms:
        some = [p for p in test if p.form == form and all(q.codec.fits(p) for q in poets)]
        learnt = [p for p in known if p.form == form]
        if len(some) > 1 and learnt:
            share = len(some) * form.size / letters(some)
            for name, nats, (low, high) in rungs(poets, learnt, some, samples):
                interval = f"{nats:.3f} ({low:.3f}–{high:.3f})"
                rows.append([str(form), name, f"{len(some):,}", interval, f"{nats * share:.3f}"])
    return table(COLUMNS, rows)

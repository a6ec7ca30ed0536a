"""The commands that look at corpora, and make them ready to train on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..errors import ConfigError
from ..i18n import N_, _
from . import common
from .common import CorpusChoice, ModelChoice, Texts
from .terminal import note, option


@common.cli.group(epilog="poetvae corpus stats poems.txt")
def corpus() -> None:
    """Look at corpora, and make them ready to train on."""


@common.command("poetvae corpus stats poems.txt", group=corpus)
@common.corpus_options
@common.json_option
def stats(corpus: CorpusChoice, as_json: bool) -> None:
    """What is in CORPUS, what was dropped and why; absent = the embedded sample.

    Of a folder that `corpus tokenize` wrote: what was counted when it was made.
    """
    from ..data.corpus import CorpusReport, read_corpus, read_spec
    from ..data.store import describe
    from ..text.form import parse_forms

    spec = corpus.spec(forms=parse_forms(corpus.forms))
    if spec.tokenized:
        report = describe(spec.tokenized).report
    elif spec.forms:
        with common.working(_("reading the corpus")):
            report = read_corpus(spec).report
    else:
        report = CorpusReport()
        for _poem in common.progress_bar(_("poem"))(read_spec(spec, report)):
            pass
    common.output(report.as_dict(), "\n".join(report.lines()), as_json)


@common.command("poetvae corpus tokenize --form 5x2 --out couplets", group=corpus)
@option("--out", required=True, metavar="FOLDER", help="The folder to write.")
@common.corpus_options
@common.label_option
@common.theme_option
@common.valid_option
@common.set_option
@common.number("--workers", None, "Processes; one a core, at most 8, if absent.", least=1)
def tokenize(
    corpus: CorpusChoice,
    out: str,
    labels: Texts,
    theme: str,
    valid: Texts,
    pairs: Texts,
    workers: int | None,
) -> None:
    """Number CORPUS once, for many runs to train on; absent = the embedded sample.

    What is learnt, held out and known is settled here: max_len, held_out, min_count and min_label
    can be --set. Memory does not grow with the corpus, neither here nor in training.
    """
    from ..config import configure
    from ..data.tokenize import build
    from ..training.spec import RunSpec

    config = configure("base", {"max_len": 0, **common.settings_of(None, pairs)})
    what = corpus.sources, valid, corpus.forms, labels, corpus.strict
    spec = RunSpec.plan(config, *what, corpus.reading, theme=theme)
    spec.check()
    with common.working(_("numbering the corpus")):
        described = build(spec.corpus, Path(out), workers)
    for line in described.lines():
        note(line)
    common.output(None, out, False)
    again = f"poetvae train {out} --out my-poet"
    note(_("done; now train on it with: {command}", command=again))


@common.command("poetvae corpus themes --model my-poet --clusters 4", group=corpus)
@common.model_options
@common.corpus_options
@common.number(
    "--clusters", 0, "So many clusters of k-means; 0 = those of the model's mixture prior."
)
@common.fixed_seed_option
@common.json_option
def themes(
    model: ModelChoice, corpus: CorpusChoice, clusters: int, seed: int, as_json: bool
) -> None:
    """The clusters of CORPUS in latent space, by what is more frequent in them than elsewhere.

    Their purity is given for each field of the poems with at most 50 values, beside the share of
    the commonest value, which one cluster alone would have. CORPUS absent: the embedded sample.
    """
    from ..latent.clusters import characteristic, clusters_of, purity

    poet = model.load()
    poems = corpus.poems(poet)
    z = poet.latents(poems, common.progress_bar(_("batch")))
    with common.working(_("looking for clusters")):
        places = clusters_of(poet.model, z, clusters, seed)
    if not places:
        what = N_("this model's prior is no mixture; say how many --clusters to look for")
        raise ConfigError(_(what))
    words = characteristic([poem.text for poem in poems], places)
    for cluster, size in Counter(places).most_common():
        shown = next(p.text for p, c in zip(poems, places, strict=True) if c == cluster)
        row = {"cluster": cluster, "poems": size, "characters": words[cluster], "example": shown}
        line = shown.replace("\n", " / ")
        text = f"{cluster}\t{size / len(poems):.1%}\t{words[cluster]}\t{line}"
        common.output(row, text, as_json)
    for name in sorted({"form", *(name for poem in poems for name in poem.meta)}):
        values = [poem.value(name) for poem in poems]
        if 2 <= len(set(values)) <= 50:
            share = Counter(values).most_common(1)[0][1] / len(values)
            pure = purity(places, values)
            what = N_("purity by {name}: {pure:.3f}; commonest value {share:.3f}")
            note(_(what, name=name, pure=pure, share=share))

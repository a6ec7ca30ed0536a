"""What commands tell people in tables: the figures of an evaluation, and what a model is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..i18n import N_, _
from .terminal import Formatter, table

COUNT, NATS, SHARE, RATIO = "{:,}", "{:.3f}", "{:.1%}", "{:.3f}"
MOST_FORMS, WIDTH = 20, 78
INTERVAL = N_("95 % interval")
Figures = dict[str, tuple[str, str]]
"""By key of the JSON, what a figure is called and how it is written."""

LIKELIHOOD: Figures = {
    "poems": (N_("poems"), COUNT),
    "chars": (N_("characters"), COUNT),
    "unknown_chars": (N_("characters that the model does not know"), COUNT),
    "near_copies": (N_("poems that are copies or near-copies of training text"), COUNT),
    "nll_per_char": (N_("nats a character"), NATS),
    "elbo_per_char": (N_("nats a character, by the ELBO"), NATS),
    "bits_per_char": (N_("bits a character"), NATS),
    "recon_per_poem": (N_("nats a poem, to reconstruct it"), "{:.1f}"),
    "kl_per_poem": (N_("nats a poem, KL"), "{:.2f}"),
}
LATENT: Figures = {
    "mutual_information": (N_("nats z tells of a poem (mutual information)"), "{:.2f}"),
    "mi_cap": (N_("the most that so many poems can show, nats"), "{:.2f}"),
    "marginal_kl": (N_("nats from the prior (marginal KL)"), "{:.2f}"),
    "active_units": (N_("active units"), COUNT),
    "active_units_01": (N_("units of more than 0.1 nats"), COUNT),
    "recon_char_accuracy": (N_("characters restored"), SHARE),
    "recon_poem_accuracy": (N_("poems restored"), SHARE),
    "codes_used": (N_("codes in use"), COUNT),
    "codebook_perplexity": (N_("perplexity of the codes"), "{:.1f}"),
    "cluster_perplexity": (N_("perplexity of the clusters"), "{:.1f}"),
    "theme_nats": (N_("nats that themes tell of z"), "{:.2f}"),
    "theme_top10": (N_("themes found among the ten nearest"), SHARE),
}
MODEL: Figures = {
    "parameters": (N_("parameters"), COUNT),
    "passes": (N_("passes to write a poem"), COUNT),
}
GAP: Figures = {
    "elbo": (N_("ELBO"), "{:.2f}"),
    "refined_elbo": (N_("ELBO, each poem's q refined"), "{:.2f}"),
    "log_likelihood": (N_("log-likelihood"), "{:.2f}"),
    "gap": (N_("inference gap"), "{:.2f}"),
    "amortisation": (N_("of it amortisation"), "{:.2f}"),
    "approximation": (N_("of it approximation"), "{:.2f}"),
}
SAMPLES: Figures = {
    "n": (N_("poems"), COUNT),
    "temperature": (N_("temperature"), "{:.2f}"),
    "form_accuracy": (N_("keep the form"), SHARE),
    "tone_accuracy": (N_("keep the tones"), SHARE),
    "tone_accuracy_strict": (N_("keep them by every reading"), SHARE),
    "tone_accuracy_lenient": (N_("keep them by some reading"), SHARE),
    "tone_chance": (N_("would by chance"), SHARE),
    "tone_unknown": (N_("have a character whose tone is not known"), SHARE),
    "rhyme_accuracy": (N_("rhyme"), SHARE),
    "rhyme_chance": (N_("would by chance"), SHARE),
    "first_verse_rhymes": (N_("rhyme with the first line, too"), SHARE),
    "first_verse_chance": (N_("would by chance"), SHARE),
    "self_rhyme_rate": (N_("rhyme a character with itself"), SHARE),
    "self_rhyme_chance": (N_("would by chance"), SHARE),
    "repeat_rate": (N_("have a character twice"), SHARE),
    "repeat_chance": (N_("would by chance"), SHARE),
    "novelty": (N_("are new, not of the training text"), SHARE),
    "copied_lines": (N_("lines copied from it"), SHARE),
    "judge_nll_per_char": (N_("nats a character, by an n-gram judge"), NATS),
    "judge_ar_nll_per_char": (N_("nats a character, by the judge given"), NATS),
    "reverse_nll_per_char": (N_("nats a character of human poems, by a judge of these"), NATS),
    "reverse_of": (N_("poems that this judge learnt from"), COUNT),
    "compared": (N_("poems compared below"), COUNT),
    **{f"distinct_{k}": (N_("distinct runs of {k}"), SHARE) for k in range(1, 5)},
    **{f"self_bleu_{k}": (N_("self-BLEU of runs of {k}"), RATIO) for k in range(2, 5)},
    "two_sample_auc": (N_("told apart from human ones (AUC; 0.5 = not)"), RATIO),
}
BY_FORM = {
    "tone_accuracy": (N_("tones"), N_("tones, human")),
    "rhyme_accuracy": (N_("rhyme"), N_("rhyme, human")),
    "repeat_rate": (N_("repeats"), N_("repeats, human")),
}
INSTALLED = {"poetvae": "poetvae", "python": "Python", "torch": "PyTorch", "cuda": "CUDA"}
INSTALLED["threads"] = N_("threads")
SPOKEN = {"chinese": N_("Chinese"), "english": N_("English"), "japanese": N_("Japanese")}
"""Languages of poems by their names in JSON."""


def evaluation(values: Mapping[str, Any]) -> str:
    """The figures of `evaluate`, section by section."""
    sections = {
        _("Likelihood ({bound})", bound=values["bound"]): _measured(LIKELIHOOD, values),
        _("What z carries"): _measured(LATENT, values),
        _("The model"): _measured(MODEL, values),
        _("The bound by the samples that it takes"): _curve(values["iw_curve"]),
        _("Why the bound is not tight"): _gap(values["gap"]) if "gap" in values else [],
        _("Samples beside human poems"): _beside(values) if "samples" in values else [],
    }
    parts = {heading: table(rows) for heading, rows in sections.items() if rows}
    if rows := by_form(values):
        parts[_("By form")] = rows
    return "\n\n".join("\n  ".join([heading, *rows]) for heading, rows in parts.items())


def _curve(points: Sequence[Mapping[str, float]]) -> list[list[str]]:
    """The bound by the number of samples, if it was measured."""
    head = [_("samples of z"), _("nats a character"), _("effective samples")]
    rows = [
        [f"{x['k']:,.0f}", _nats(x["nll_per_char"]), f"{x['effective_samples']:,.1f}"]
        for x in points
    ]
    return [head, *rows] if rows else []


def _gap(gap: Mapping[str, Any]) -> list[list[str]]:
    """The inference gap and its parts."""
    head = [_("{n} poems, nats", n=gap["poems"]), _("a poem"), _("a character"), _(INTERVAL)]
    rows = [
        [_(name), how.format(gap[key]), _nats(gap["per_char"][key]), _between(gap, key)]
        for key, (name, how) in GAP.items()
    ]
    return [head, *rows]


def _beside(values: Mapping[str, Any]) -> list[list[str]]:
    """The figures of samples, and of human poems; those that apply to either."""
    sides = [values[side] for side in ("samples", "human")]
    rows = [["", _("samples"), _("human")]]
    for key, (name, how) in SAMPLES.items():
        cells = [_cell(side.get(key), how) for side in sides]
        if set(cells) != {"-"}:
            rows.append([_(name, k=key[-1]) if "{k}" in name else _(name), *cells])
    return rows


def by_form(values: Mapping[str, Any]) -> list[str]:
    """A table of the most frequent forms, where there are several: likelihoods, and how many of the
    samples keep form, tones and rhyme or repeat a character, beside human poems."""
    forms = values["forms"]
    if len(forms) < 2:
        return []
    columns: list[tuple[str, str, str]] = []
    if "samples" in values:
        columns = [("samples", "form_accuracy", N_("form"))]
        columns += [("samples", key, name) for key, (name, _human) in BY_FORM.items()]
        columns += [("human", key, name) for key, (_sample, name) in BY_FORM.items()]
    told = [_(name) for _side, _key, name in columns]
    rows = [[_("form"), _("poems"), _("nats/char"), "kl", *told]]
    for form, own in list(forms.items())[:MOST_FORMS]:
        nats = [_nats(own[key]) for key in ("nll_per_char", "kl_per_poem")]
        rates = (values[side]["forms"].get(form, {}).get(key) for side, key, _name in columns)
        rows.append([form, f"{own['poems']:,}", *nats, *(_cell(one, SHARE) for one in rates)])
    more = len(forms) - MOST_FORMS
    return table(rows) + ([_("and {n} more forms; --json has all", n=more)] if more > 0 else [])


def information(values: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What `info` tells: of the installation, where `values` have it, of a model, its settings."""
    sections = {
        _("Installed"): [
            (_(name), _plain(values[key])) for key, name in INSTALLED.items() if key in values
        ],
        _("The model"): [
            (_("name"), values["model"]),
            (_("parameters"), f"{values['parameters']:,}"),
            *([(_("theme"), values["theme"])] if values["theme"] else []),
            *((name, _plain(among)) for name, among in values["fields"].items()),
        ],
        _("Poems it learnt from, by form"): [
            (form, f"{n:,}") for form, n in values["forms"].items()
        ],
        _("Its settings"): [(name, _plain(value)) for name, value in settings.items()],
        _("Presets"): [("--preset", _plain(values["presets"]))] if "presets" in values else [],
        _("Settings, for --set"): [
            (name, _(about)) for name, about in values.get("settings", {}).items()
        ],
    }
    return definitions(sections)


def definitions(sections: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Names and what they stand for, by heading, aligned as in `--help`; no empty ones."""
    formatter = Formatter(width=WIDTH)
    for heading, rows in sections.items():
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)
    return formatter.getvalue().rstrip("\n")


def _measured(figures: Figures, values: Mapping[str, Any]) -> list[list[str]]:
    """Those of these figures that apply, with their intervals, if any has one."""
    there = {key: names for key, names in figures.items() if values.get(key) is not None}
    rows = [[_(name), how.format(values[key])] for key, (name, how) in there.items()]
    intervals = [_between(values, key) for key in there]
    if any(intervals):
        rows = [[*row, told] for row, told in zip(rows, intervals, strict=True)]
        rows.insert(0, ["", "", _(INTERVAL)])
    return rows


def _between(values: Mapping[str, Any], key: str) -> str:
    return "–".join(map(_nats, values["ci"].get(key, ())))


def _nats(value: float | None) -> str:
    return _cell(value, NATS)


def _cell(value: float | None, how: str) -> str:
    return "-" if value is None else how.format(value)


def _plain(value: object) -> str:
    """A setting as people write it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "-"
    return str(value)

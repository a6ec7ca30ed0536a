"""What samples are like, beside the same figures of human poems: no figure means much alone.

The judge of forward and reverse likelihood is an interpolated Kneser-Ney n-gram model of the
tokens, which is fitted in seconds and gives the same answer every time; a trained model can be a
second judge. Forward likelihood alone rewards saying the likeliest thing always, reverse likelihood
alone does not see nonsense: read them together (systems that report one can be gamed by it).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ..data.dataset import derive_seed, encode_poems
from ..errors import CorpusError
from ..generation.generate import generate
from ..generation.options import SamplingOptions
from ..i18n import _
from ..models import Autoregressive, TextModel
from ..runtime import without_bar
from ..text.codec import PoemCodec
from ..text.graphemes import SYLLABLE, clusters
from ..text.poem import Form, Poem, content, has_verses
from ..text.prosody import (
    LENIENT,
    LEVEL,
    STRICT,
    USUAL,
    first_rhymes,
    regulated,
    rhyme_ok,
    rhymes_of,
    said,
    self_rhymes,
    unknown,
)
from .metrics import Text, bootstrap, copied_lines, distinct, novel, repeats, self_bleu
from .ngram import NGram
from .two_sample import area_under_curve, two_sample_auc

__all__ = [
    "area_under_curve",
    "compare",
    "fit_judge",
    "judged",
    "lettered",
    "poem_ids",
    "sample_quality",
    "two_sample_auc",
]
ORDER = 4  # of the n-gram judge
LETTERS = 0xF0000  # stand for tokens of several letters
SELF_BLEU = 1000  # texts that self-BLEU compares; it depends on how many they are
Values = NDArray[np.float64]
Chance = dict[str, float | None]
BY_FORM = ["form_accuracy", "tone_accuracy", "tone_accuracy_strict", "tone_accuracy_lenient"]
BY_FORM += ["rhyme_accuracy", "first_verse_rhymes", "self_rhyme_rate", "repeat_rate", "novelty"]


def sample_quality(
    model: TextModel,
    codec: PoemCodec,
    human: Sequence[Poem],
    known: Sequence[Poem],
    *,
    n: int = 10_000,
    temperature: float = 1.0,
    passes: int | None = None,
    seed: int = 0,
    judge: tuple[Autoregressive, PoemCodec] | None = None,
    quiet: bool = True,
) -> dict[str, dict[str, Any]]:
    """`compare` n samples of a model with human poems; "samples" has their `temperature`, too.

    Args:
        model, codec: of a model folder.
        human, known, judge: as of `compare`.
        n: how many samples.
        temperature: of the samples; 1 is the model's own distribution.
        passes: to write in, as of `generation.generate`.
        seed: of samples, classifier and bootstrap.
        quiet: no progress bar.

    Raises:
        ConfigError: a number out of bounds.
        CorpusError: fewer than four human poems to compare with.
    """
    _comparable(codec, n, human)
    options = SamplingOptions(temperature=temperature, passes=passes)
    written, asked = _write(model, codec, n, seed, quiet, options)
    sides = compare(codec, written, human, known, asked=asked, seed=seed, judge=judge)
    sides["samples"]["temperature"] = temperature
    return sides


def compare(
    codec: PoemCodec,
    written: Sequence[Poem],
    human: Sequence[Poem],
    known: Sequence[Poem],
    *,
    asked: Sequence[Form | None] = (),
    seed: int = 0,
    judge: tuple[Autoregressive, PoemCodec] | None = None,
) -> dict[str, dict[str, Any]]:
    """Figures of what was written under "samples", the same of held-out poems under "human".

    Human poems with a character that the model does not know are left out: no sample has one. What
    depends on how many texts there are (`distinct_1` to `distinct_4`, `self_bleu_2` to
    `self_bleu_4`, `two_sample_auc`) is measured on equally many of both, `compared` of them, and
    `reverse_nll_per_char` with judges fitted on `reverse_of` texts: samples there, training poems
    here; both are tested on the human poems.

    Args:
        codec: of the model.
        written: its samples.
        human: held-out poems that fit the model.
        known: the poems it was trained on; without any, what needs them is None.
        asked: the form that each sample was to have.
        seed: of classifier and bootstrap.
        judge: an autoregressive model and its codec, for `judge_ar_nll_per_char`.

    Returns:
        For each side `n`, `compared`, `form_accuracy`, `tone_accuracy` (regulated with some choice
        of usual readings), `tone_accuracy_strict` (with every choice of readings),
        `tone_accuracy_lenient` (with some), `rhyme_accuracy` (`prosody.rhyme_ok`),
        `first_verse_rhymes` (`prosody.first_rhymes`), `self_rhyme_rate` (`prosody.self_rhymes`),
        `repeat_rate` (a character stands twice in a poem), all `by_chance`, `distinct_1..4`,
        `self_bleu_2..4`, `novelty`, `copied_lines`, `judge_nll_per_char`, `judge_ar_nll_per_char`,
        `reverse_nll_per_char`, `reverse_of`, `two_sample_auc` (a classifier of samples and human
        poems; for human poems, of their two halves), and `ci`: 95 % bootstrap intervals of what is
        a mean over poems, those of one key drawn together where they are human; and under `forms`
        by name `n` and the figures of `BY_FORM`, the most frequent first. None where a figure does
        not apply: rhyme of couplets, form in free form.

    Raises:
        CorpusError: fewer than four poems on a side.
    """
    n, human = len(written), _comparable(codec, len(written), human)
    rng = np.random.default_rng(derive_seed(seed, "quality"))
    shuffled = [human[i] for i in rng.permutation(len(human))]
    compared, reverse_of = min(n, len(human)), min(n, len(known)) if known else n
    sides: dict[str, dict[str, Any]] = {}
    chosen = [known[i] for i in rng.permutation(len(known))[:reverse_of]]
    forward = fit_judge(codec, known) if known else None
    half = len(shuffled) // 2
    for name, poems, texts, others in (
        ("samples", written, written[:reverse_of], (written[:compared], shuffled[:compared])),
        ("human", shuffled, chosen, (shuffled[:half], shuffled[half:])),
    ):
        values = _by_poem(codec, poems, known, forward, judge)
        wanted = asked if name == "samples" and asked else [p.form for p in poems]
        if codec.forms:
            kept = [p.form == f and f in codec.forms for p, f in zip(poems, wanted, strict=True)]
            values["form_accuracy"] = np.array(kept, dtype=np.float64)
        told = {key: v for key, v in values.items() if not np.isnan(v).all()}
        keys = np.array([poem.key if name == "human" else i for i, poem in enumerate(poems)])
        verses = lettered(codec, poems[:compared])
        chance = by_chance(poems, seed)
        reverse = judged(fit_judge(codec, texts), codec, human) if texts else None
        lines = {line for verses in lettered(codec, known) for line in verses}
        sides[name] = {
            "n": len(poems),
            "compared": compared,
            **{key: float(np.nanmean(v)) if key in told else None for key, v in values.items()},
            **chance.pop("", {}),
            **{f"distinct_{k}": distinct(verses, k) for k in range(1, 5)},
            **{f"self_bleu_{k}": self_bleu(verses[:SELF_BLEU], k) for k in range(2, 5)},
            "copied_lines": copied_lines(lettered(codec, poems), lines) if known else None,
            "reverse_nll_per_char": None if reverse is None else float(reverse.mean()),
            "reverse_of": len(texts),
            "two_sample_auc": two_sample_auc(
                *([poem_ids(codec, p) for p in side] for side in others),
                vocab_size=len(codec.tokenizer),
                seed=seed,
            ),
            "ci": {
                k: bootstrap(v[~np.isnan(v)], seed, groups=keys[~np.isnan(v)].tolist())
                for k, v in told.items()
            },
            "forms": _by_form(values, wanted, chance) if codec.forms else {},
        }
    return sides


def _by_form(
    values: dict[str, Values], forms: Sequence[Form | None], chance: dict[str, Chance]
) -> dict[str, dict[str, Any]]:
    """The figures of `BY_FORM` of the poems that were to have each form."""
    names = np.array([str(form or "free") for form in forms])
    found = {}
    for form, n in Counter(names.tolist()).most_common():
        own = {key: values[key][names == form] for key in BY_FORM}
        means = {k: None if np.isnan(v).all() else float(np.nanmean(v)) for k, v in own.items()}
        found[form] = {"n": n, **means, **chance.get(form, {})}
    return found


def by_chance(poems: Sequence[Poem], seed: int = 0, deals: int = 5000) -> dict[str, Chance]:
    """What tones, repeats and rhyme are by chance, by form, and under "" of all of them, in about
    so many deals: `tone_chance` and `repeat_chance`, how many poems keep the tones and repeat a
    character when all characters are dealt out anew among those of their form; `rhyme_chance`,
    `first_verse_chance` and `self_rhyme_chance`, how many rhyme, with their first verse, and with
    one character twice, when the characters are that they rhyme with: those that end the even
    verses, or the verses of a tune that have one rhyme in one tone. None where a figure does not
    apply."""
    forms: dict[Form, list[str]] = {}
    for poem in poems:
        if poem.form:
            forms.setdefault(poem.form, []).append(content(poem, poem.form))
    rng, times = np.random.default_rng(derive_seed(seed, "chance")), -(-deals // len(poems))
    flags: dict[str, dict[str, list[bool | None]]] = {"": {key: [] for key in (*_ALL, *_ENDS)}}
    for form, texts in forms.items():
        rows, own = np.array([clusters(text) for text in texts]), flags.setdefault(str(form), {})
        for told, groups in ((_ALL, [range(form.size)]), (_ENDS, _rhyming(form))):
            own |= {key: [] for key in told}
            for __ in range(times):
                some = rows.copy()
                for dealt in groups:
                    some[:, dealt] = rng.permutation(rows[:, dealt].ravel()).reshape(len(rows), -1)
                verses = [form.lay_out("".join(row)) for row in some[:deals]]
                for key, tell in told.items():
                    own[key] += [tell(text, form) for text in verses]
            for key in told:
                flags[""][key] += own[key]
    known = {
        form: {key: [flag for flag in told if flag is not None] for key, told in by_key.items()}
        for form, by_key in flags.items()
    }
    return {
        form: {key: float(np.mean(told)) if told else None for key, told in by_key.items()}
        for form, by_key in known.items()
    }


# What is told of poems whose characters are all dealt out anew, or those that rhyme.
_ALL: dict[str, Callable[[Text, Form], bool | None]] = {
    "tone_chance": lambda verses, form: regulated(verses, form=form),
    "repeat_chance": lambda verses, _: _repeats(verses),
}
_ENDS: dict[str, Callable[[Text, Form], bool | None]] = {
    "rhyme_chance": lambda verses, form: rhyme_ok(verses, form=form),
    "first_verse_chance": lambda verses, form: first_rhymes(verses, form=form),
    "self_rhyme_chance": self_rhymes,
}


def _rhyming(form: Form) -> list[list[int]]:
    """The positions whose characters rhyme with each other in one tone."""
    if not form.tune:
        return [list(form.ends[1::2])]
    groups: dict[tuple[int, bool], list[int]] = {}
    for i, rhyme in enumerate(rhymes_of(form)):
        for verse, readings in next(iter(rhyme.sounds.values())).items():
            level = any(reading.tone == LEVEL for reading in readings)
            groups.setdefault((i, level), []).append(form.ends[verse])
    return list(groups.values())


def fit_judge(codec: PoemCodec, poems: Sequence[Poem]) -> NGram:
    """The n-gram judge, fitted on the tokens of poems."""
    return NGram.fit([poem_ids(codec, poem) for poem in poems], len(codec.tokenizer), ORDER)


def judged(judge: NGram | Autoregressive, codec: PoemCodec, poems: Sequence[Poem]) -> Values:
    """Nats of each poem over the mean number of characters: their mean is nats per character.

    Args:
        judge: from `fit_judge`, or a trained model, which leaves out poems that it cannot read.
        codec: of the judge.
        poems: by whomever.
    """
    if isinstance(judge, NGram):
        return judge.nll([poem_ids(codec, poem) for poem in poems]) / _mean_chars(codec, poems)
    poems = [poem for poem in poems if codec.fits(poem)]
    return _exact_nll(judge, codec, poems) / _mean_chars(codec, poems) if poems else np.empty(0)


def poem_ids(codec: PoemCodec, poem: Poem) -> list[int]:
    """The tokens of a poem that need not fit: a sample may have run on to its last position."""
    if codec.forms:
        return codec.ids(content(poem, poem.form))
    return [*codec.ids(poem.text), codec.tokenizer.eos_id]


def _comparable(codec: PoemCodec, n: int, human: Sequence[Poem]) -> list[Poem]:
    """The human poems without a character that the model does not know."""
    known = [poem for poem in human if codec.tokenizer.unk_id not in poem_ids(codec, poem)]
    if min(len(known), n) < 4:
        raise CorpusError(
            _(
                "{n} samples, {known} held-out poems: give at least 4 of both to compare them",
                n=n,
                known=len(known),
            )
        )
    return known


def _write(
    model: TextModel, codec: PoemCodec, n: int, seed: int, quiet: bool, options: SamplingOptions
) -> tuple[list[Poem], list[Form | None]]:
    """Samples as poems, and the form that each was asked for."""
    poems, asked = [], []
    bar = tqdm(total=n, unit="sample", disable=without_bar(quiet), file=sys.stderr)
    with bar:
        for part, start in enumerate(range(0, n, 1000)):
            count = min(1000, n - start)
            seeded = replace(options, seed=derive_seed(seed, "samples", part))
            for one in generate(model, codec, count, options=seeded):
                poems.append(one.poem)
                asked.append(Form.parse(one.form) if one.form else None)
            bar.update(count)
    return poems, asked


def _by_poem(
    codec: PoemCodec,
    poems: Sequence[Poem],
    known: Sequence[Poem],
    forward: NGram | None,
    judge: tuple[Autoregressive, PoemCodec] | None,
) -> dict[str, Values]:
    """A value for each poem; NaN where a figure does not apply."""
    verses = [poem.verses for poem in poems]
    pairs = [(poem.verses, poem.form) for poem in poems]
    never = np.full(len(poems), np.nan)

    def applicable(flags: list[bool | None]) -> Values:
        return np.array([np.nan if flag is None else flag for flag in flags], dtype=np.float64)

    def kept(strictness: str = USUAL) -> Values:
        return applicable([regulated(v, strictness=strictness, form=f) for v, f in pairs])

    exact = never.copy()
    if judge:
        exact[[judge[1].fits(poem) for poem in poems]] = judged(*judge, poems)
    return {
        "form_accuracy": never,
        "tone_accuracy": kept(),
        "tone_accuracy_strict": kept(STRICT),
        "tone_accuracy_lenient": kept(LENIENT),
        "tone_unknown": np.array([bool(unknown("".join(v))) for v in verses], dtype=np.float64),
        "rhyme_accuracy": applicable([rhyme_ok(v, form=f) for v, f in pairs]),
        "first_verse_rhymes": applicable([first_rhymes(v, form=f) for v, f in pairs]),
        "self_rhyme_rate": applicable([self_rhymes(v, f) for v, f in pairs]),
        "repeat_rate": np.array(list(map(_repeats, verses)), dtype=np.float64),
        "novelty": (
            novel(lettered(codec, poems), lettered(codec, known)).astype(np.float64)
            if known
            else never
        ),
        "judge_nll_per_char": judged(forward, codec, poems) if forward else never,
        "judge_ar_nll_per_char": exact,
    }


@torch.no_grad()
def _exact_nll(judge: Autoregressive, codec: PoemCodec, poems: Sequence[Poem]) -> Values:
    batches = (batch.to(judge.device) for batch in encode_poems(codec, poems).batches(500))
    nll = [judge.nll(batch).double().cpu() for batch in batches]
    return torch.cat(nll).numpy()


def _repeats(verses: Text) -> bool:
    """Whether a character comes twice, or a word that says something, see `Language.said`."""
    if SYLLABLE.search(verses[0]) or not has_verses("".join(verses)):
        words = [word for verse in verses for word in said(verse)]
        return len(set(words)) < len(words)
    return bool(repeats([verses])[0])


def lettered(codec: PoemCodec, poems: Sequence[Poem]) -> list[Text]:
    """The verses of poems, a character a token, also where tokens are syllables."""
    if not codec.spelt:
        return [poem.verses for poem in poems]
    return [
        form.lay_out("".join(chr(LETTERS + i) for i in codec.ids(content(poem, form))))
        if (form := poem.form)
        else poem.verses
        for poem in poems
    ]


def _mean_chars(codec: PoemCodec, poems: Sequence[Poem]) -> float:
    texts = (content(poem, poem.form if codec.forms else None) for poem in poems)
    return sum(len(clusters(text.replace("\n", ""))) for text in texts) / max(len(poems), 1)

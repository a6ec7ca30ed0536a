"""Which of several poems to keep: the one that is likeliest to be of a human hand.

The likeliest poem is not the best: it repeats itself, and models keep rhyme and tones less often
than poets do. So a poem is told by its likelihood *and* by what a reader minds, weighed by a
logistic regression of human poems against a model's plain samples (`python scripts/study choosing`
fits it, on poems that nothing is reported on). Its log-odds estimate log p_human(x) / p_model(x)
(Sugiyama et al. 2012, Density Ratio Estimation in Machine Learning, section 4.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..text.form import Form
from ..text.graphemes import clusters
from ..text.prosody import first_rhymes, levels, regulated, rhyme_ok, self_rhymes

WEIGHTS: Mapping[str, float] = {
    "bound": 0.02,
    "repeats": -0.7,
    "rhyme": 4.7,
    "self_rhyme": -0.8,
    "first_verse": 1.4,
    "tones": 2.1,
}
"""Of each of `features`, in nats."""


def features(verses: Sequence[str], bound: float, form: Form | None = None) -> dict[str, float]:
    """What a poem is told by.

    Args:
        verses: without punctuation.
        bound: of log p(verses), in nats.
        form: theirs; absent: told by their lengths.

    Returns:
        `bound`; `repeats`, how many characters of known sound stand in several verses, since
        within one poets repeat as often as models; and, each 1, or 0 where not so or where the form
        does not ask: `rhyme` (`prosody.rhyme_ok`), `self_rhyme`, `first_verse`
        (`prosody.first_rhymes`), `tones` (`prosody.regulated`).
    """
    verses_of = Counter(char for verse in verses for char in set(clusters(verse)))
    return {
        "bound": bound,
        "repeats": float(sum(n > 1 and bool(levels(char)) for char, n in verses_of.items())),
        "rhyme": float(bool(rhyme_ok(verses, form=form))),
        "self_rhyme": float(bool(self_rhymes(verses, form))),
        "first_verse": float(bool(first_rhymes(verses, form=form))),
        "tones": float(bool(regulated(verses, form=form))),
    }


def score(verses: Sequence[str], bound: float, form: Form | None = None) -> float:
    """How much a poem speaks for a human hand, in nats, up to a constant of its form: the sum of
    its `features`, by their `WEIGHTS`."""
    found = features(verses, bound, form)
    return sum(weight * found[name] for name, weight in WEIGHTS.items())

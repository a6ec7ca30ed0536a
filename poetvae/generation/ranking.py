"""Which of several poems to keep: the one that speaks most for a human hand.

The likeliest poem is not the best: it repeats itself. So a poem is told by what a reader minds, as
a logistic regression of human poems against a model's samples weighs it (Sugiyama et al. 2012,
Density Ratio Estimation in Machine Learning, section 4.2), *and* by its likelihood, without which
nothing tells whether it makes sense: with the largest weight that leaves repeats at what they are
in human poems. `python scripts/study choosing` finds both, on poems that nothing is reported on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..text.form import Form
from ..text.prosody import first_rhymes, regulated, rhyme_ok, said, self_rhymes

WEIGHTS: Mapping[str, float] = {
    "bound": 0.01,
    "repeats": -0.58,
    "rhyme": 1.22,
    "self_rhyme": -4.48,
    "first_verse": 0.14,
    "tones": 0.45,
}
"""Of each of `features`: nats of log-odds."""
MOST = 3  # repeats that count; who has more means it


def features(verses: Sequence[str], bound: float, form: Form | None = None) -> dict[str, float]:
    """What a poem is told by.

    Args:
        verses: without punctuation.
        bound: of log p(verses), in nats.
        form: theirs; absent: told by their lengths.

    Returns:
        `bound`; `repeats`, how many characters or words come again, see `Language.said`, save side
            by side (年年), up to `MOST`; and, each 1, or 0 where not so or where the form does not
            ask: `rhyme` (`prosody.rhyme_ok`), `self_rhyme`, `first_verse`
            (`prosody.first_rhymes`), `tones` (`prosody.regulated`).
    """
    heard = [said(verse) for verse in verses]
    doubled = sum(a == b for chars in heard for a, b in pairwise(chars))
    again = sum(map(len, heard)) - len(set().union(*heard)) - doubled
    return {
        "bound": bound,
        "repeats": float(min(again, MOST)),
        "rhyme": float(bool(rhyme_ok(verses, form=form))),
        "self_rhyme": float(bool(self_rhymes(verses, form))),
        "first_verse": float(bool(first_rhymes(verses, form=form))),
        "tones": float(bool(regulated(verses, form=form))),
    }


def score(
    verses: Sequence[str], bound: float, form: Form | None = None, told: float = 0.0
) -> float:
    """How much a poem speaks for a human hand, in nats, up to a constant: the sum of its
    `features`, by their `WEIGHTS`, and how many nats speak for what it was to be about, see
    `evaluation.themes.told`; the other arguments as of the features."""
    found = features(verses, bound, form)
    return told + sum(weight * found[name] for name, weight in WEIGHTS.items())

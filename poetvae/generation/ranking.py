"""Which of several poems to keep: the one that speaks most for a human hand.

The likeliest poem is not the best: it repeats itself. A logistic regression of human poems against
a model's samples (Sugiyama et al. 2012, Density Ratio Estimation in Machine Learning, section 4.2)
says what gives samples away. A good model keeps the rules of its form nearly as often as people do,
so that little of it is left; but who asks for a poem wants one that keeps them all. So a rule of
the form outweighs what likelihood differs by among a few candidates, and among those that keep the
rules the likelier is kept, against repeats weighed so that these are what they are in human poems.
`python scripts/study choosing` measures it, on poems that nothing is reported on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..text.form import Form
from ..text.prosody import first_rhymes, regulated, rhyme_ok, said, self_rhymes

WEIGHTS: Mapping[str, float] = {
    "bound": 0.07,
    "repeats": -0.9,
    "rhyme": 3.5,
    "self_rhyme": -4.5,
    "first_verse": 1.0,
    "tones": 1.0,
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

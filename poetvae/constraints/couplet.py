"""The lower line of a couplet (對聯) for an upper one: what it has to be, as a constraint.

The lines answer each other place by place. Tones are opposite at the even places of each part
between marks, and where it ends; the upper line ends oblique, the lower level. No character is in
both; where the upper line repeats one, the lower repeats one of its own, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from ..errors import ConstraintError, cut
from ..i18n import _
from ..text.cleaning import clean
from ..text.codec import PoemCodec
from ..text.poem import HAN, Form
from ..text.prosody import FREE, LENIENT, LEVEL, OBLIQUE, USUAL, levels
from ..text.prosody.interface import OPPOSITE
from .automaton import Automaton
from .constraint import Condition, Constraint
from .room import BLANKS
from .rules import of_form
from .vocabulary import mask, slot_masks, tokens_of, unknown

SHORTEST, LONGEST = 4, 11  # characters of a line
SAME = "々"  # it repeats what stands before it
COMMON = 300  # characters of which one that comes again is chosen
_PART = re.compile(f"[{HAN}]+")


@dataclass(frozen=True)
class Upper:
    """An upper line as it was typed, with the marks inside it, and its characters as a model knows
    them."""

    text: str
    chars: str

    @classmethod
    def read(cls, codec: PoemCodec, typed: str) -> Upper:
        """What somebody typed, for a model.
        Raises ConstraintError: not 4 to 11 Han characters, or one that the model cannot write."""
        text = (clean(typed)[0] or typed).strip().replace(" ", "")
        chars = "".join(_PART.findall(text))
        rest = _PART.sub("", text)
        others = "".join(char for char in rest if char.isalnum() or char in f"{BLANKS}\n")
        if others or not SHORTEST <= len(chars) <= LONGEST:
            has = _("{n} Han characters", n=len(chars))
            if others:
                has = _("{has} beside {others!r}", has=has, others=cut(others, 12))
            wanted = _(
                "one line of {shortest} to {longest}, such as 海闊憑魚躍",
                shortest=SHORTEST,
                longest=LONGEST,
            )
            raise ConstraintError(
                _(
                    "the upper line {typed!r} has {has}; expected {wanted}",
                    typed=cut(typed, 24),
                    has=has,
                    wanted=wanted,
                )
            )
        known = codec.spell(chars)
        ids = zip(chars, codec.ids(known), strict=True)
        if lacking := [char for char, token in ids if token == codec.tokenizer.unk_id]:
            raise unknown(lacking)
        places = [place for place, char in enumerate(text) if _PART.match(char)]
        return cls(text[places[0] : places[-1] + 1], known)

    @property
    def typed(self) -> str:
        """Its characters as they were typed, without marks."""
        return "".join(_PART.findall(self.text))

    @property
    def lengths(self) -> tuple[int, ...]:
        """The characters of each part between marks."""
        return tuple(map(len, _PART.findall(self.text)))

    @property
    def opposed(self) -> list[int]:
        """The places, from 0, at which the lower line has the opposite tone."""
        ends = accumulate(self.lengths)
        parts = [range(end - n, end) for n, end in zip(self.lengths, ends, strict=True)]
        return sorted({t for part in parts for t in (*part[1::2], part[-1])})

    @property
    def groups(self) -> list[list[int]]:
        """The places, from 0, of each of its characters: those of one of the lower line, too."""
        found: dict[str, list[int]] = {}
        for place, char in enumerate(self.chars):
            found.setdefault(char, []).append(place)
        return list(found.values())

    @property
    def ends_level(self) -> bool:
        """Whether it ends level by all usual readings, as lower lines do: the answer then ends
        oblique, and comes before it."""
        return levels(self.chars[-1], usual=True) == {LEVEL}

    def wanted(self, t: int, usual: bool = True) -> frozenset[str]:
        """The tones of which the lower line has one at place t, of `opposed`, by the usual readings
        of what this line has there, or by all; any tone fits where there is none, or both."""
        if t == len(self.chars) - 1:
            return frozenset({OBLIQUE if self.ends_level else LEVEL})
        return frozenset(OPPOSITE[tone] for tone in levels(self.chars[t], usual))

    def tones_ok(self, lower: str) -> bool:
        """Whether the tones of a lower line, of characters alone, are opposite where they must be,
        in some usual reading; a character that is not known fits."""
        pairs = ((self.wanted(t), levels(lower[t], usual=True)) for t in self.opposed)
        return all(not (wanted and found) or bool(wanted & found) for wanted, found in pairs)

    def answered(self, chars: str) -> str:
        """The characters of a lower line, with marks where this line has them."""
        rest = iter(chars)
        return _PART.sub(lambda part: "".join(next(rest) for _ in part.group()), self.text)

    def form(self, codec: PoemCodec) -> Form:
        """The model's form of two such lines: of their parts, or of two whole lines.
        Raises ConstraintError: there is none."""
        whole = Form(len(self.chars), 2)
        for form in (Form(self.lengths, 2), whole):
            if form in codec.forms:
                return form
        why = _(
            "{text} has {n} characters, a line of {whole}",
            text=self.text,
            n=len(self.chars),
            whole=whole,
        )
        what = _("this model writes {forms}", forms=codec.known_forms)
        raise ConstraintError(
            _(
                "{why}; {what}: give a line of those, or train with --form {whole}",
                why=why,
                what=what,
                whole=whole,
            )
        )


def couplet(codec: PoemCodec, upper: Upper, strictness: str = USUAL) -> Constraint:
    """The first half of the poem is the upper line, and the second answers it.

    Where the upper line has a usual reading (in "lenient" any) of either tone, so may the lower. Of
    its own characters every reading fits ("strict"), some usual one ("usual") or some reading
    ("lenient"). One that comes again is one of the 300 commonest that fit; where several do, each
    has a share of the characters to itself, so that no two of them are the same.

    Raises:
        ConstraintError: as of `Upper.form`; this model has no characters that would do.
    """
    form, size = upper.form(codec), len(upper.chars)
    base, given = of_form(codec, form), codec.ids(upper.chars)
    allowed = base.allowed.clone()
    banned = {*given, *(i for ids in tokens_of(codec, upper.typed, missing=True) for i in ids)}
    allowed[size : 2 * size] &= ~mask(codec, banned | set(codec.ids(SAME)))
    for t, fits in _opposite(codec, upper, strictness):
        allowed[size + t] &= fits
    for group in upper.groups:
        allowed[[size + t for t in group]] &= allowed[[size + t for t in group]].all(dim=0)
    for t, token in enumerate(given):
        if not allowed[size + t].any():
            raise ConstraintError(
                _(
                    "this model has no character for place {n} of the line after {text}; take "
                    "another line",
                    n=t + 1,
                    text=upper.text,
                )
            )
        allowed[t] = mask(codec, [token])
    places = torch.arange(len(allowed))
    parts = [Automaton.of(allowed, [[places.unsqueeze(0)]])]
    again = [group for group in upper.groups if len(group) > 1]
    for i, group in enumerate(again):
        common = allowed[size + group[0]].nonzero().flatten()  # in order of frequency
        common = common[common % len(again) == i][:COMMON]
        if not len(common):
            raise ConstraintError(
                _("this model has too few characters to answer {text}", text=upper.text)
            )
        rows = places.repeat(len(common), 1)
        rows[:, [size + t for t in group]] = len(places) + torch.arange(len(common)).unsqueeze(1)
        alone = torch.eye(len(codec.tokenizer), dtype=torch.bool)[common]
        parts.append(Automaton.of(torch.cat([allowed, alone]), [[rows]]))
    distinct = frozenset(size + group[0] for group in upper.groups)
    answers = Constraint(tuple(parts), distinct, form=form)
    return replace(answers, says=(Condition(_("the answer to {text}", text=upper.text), answers),))


def _opposite(codec: PoemCodec, upper: Upper, strictness: str) -> Iterator[tuple[int, Tensor]]:
    """The places where tones are opposite, each with the tokens that answer there, (V,) bool."""
    sets = slot_masks(codec.tokenizer, strictness)
    for t in upper.opposed:
        wanted = upper.wanted(t, usual=strictness != LENIENT)
        tone = min(wanted) if len(wanted) == 1 else FREE
        if tone in sets:
            yield t, sets[tone]

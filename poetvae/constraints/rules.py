"""What people ask of a poem, as constraints: lines, blanks, acrostics, words, tones, rhymes.

Every function takes the codec of a model and the form of the poem, None in free form, and gives a
`Constraint` over all positions of the model. For the characters of texts see `vocabulary`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial, reduce
from itertools import chain
from operator import and_

import torch
from torch import Tensor

from ..errors import ConstraintError, brief, cut, either, listed
from ..i18n import N_, _
from ..text.cleaning import clean
from ..text.codec import PoemCodec
from ..text.graphemes import clusters
from ..text.poem import LACUNA, Form
from ..text.prosody import FREE, LEVEL, STRICT, UNHEARD, USUAL, Reading, Rhyme
from ..text.prosody.chinese.books import GROUPS
from ..text.prosody.interface import ANY, END, HEAD, WHOLE
from ..text.tokenizer import PoemTokenizer
from .automaton import Automaton
from .constraint import Condition, Constraint
from .options import WHERE, Conditions
from .room import column, opened, typed_chars, typed_units
from .vocabulary import (
    language_for,
    mask,
    reading_masks,
    slot_masks,
    sound,
    sounds_alike,
    tokens_of,
)


def of_form(codec: PoemCodec, form: Form | None) -> Constraint:
    """All that may be written in a form: characters alone in a fixed one; in free form also blanks,
    line breaks and the end mark, but not at the first position, so that no poem is empty.

    Raises:
        ConfigError: a form that the model does not write.
    """
    if form is not None:
        codec.check_form(form)
    return _all_of(codec.tokenizer, codec.max_len, tuple(codec.writable()), form)


@lru_cache(maxsize=16)
def _all_of(
    tokenizer: PoemTokenizer, max_len: int, writable: tuple[int, ...], form: Form | None
) -> Constraint:
    # Every condition starts from it, so that one request needs it many times.
    allowed = torch.zeros(max_len, len(tokenizer), dtype=torch.bool)
    allowed[:, list(writable)] = True
    if form is None:
        allowed[0, [i for i in writable if not tokenizer.decode([i]).strip()]] = False
    return Constraint.union(allowed, torch.arange(max_len).unsqueeze(0), form=form)


def first_line(codec: PoemCodec, form: Form | None, text: str) -> Constraint:
    """Line 1 is the text, or opens with it; see `line`."""
    return line(codec, form, 1, text)


def line(codec: PoemCodec, form: Form | None, n: int, text: str) -> Constraint:
    """Line n, counted from 1, is the text; line 1 may go on after it. In free form line 1 alone,
    and a line break after it.

    Raises:
        ConstraintError: no such line, a text of another length, characters that the model lacks.
    """
    name = _("the first line") if n == 1 else _("line {n}", n=brief(n))
    if form is None and n == 1:
        chars = typed_chars(text)
        _check_length(name, chars, 1, codec.max_len - 2)
        return _fixed(codec, form, dict(enumerate((*chars, "\n"))), name)
    form = _fixed_form(form, name)
    if not 1 <= n <= form.lines:
        raise ConstraintError(
            _("{name} of {form}: expected 1 to {lines}", name=name, form=form, lines=form.lines)
        )
    span = form.spans[n - 1]
    chars = typed_units(codec, text, form, n - 1)[0]
    _check_length(name, chars, 1 if n == 1 else len(span), len(span), text)
    return _fixed(codec, form, dict(zip(span, chars, strict=False)), name)


def template(codec: PoemCodec, form: Form | None, text: str) -> Constraint:
    """The poem or its opening, with blanks: "春眠不__，處處聞啼_". Of a fixed form the last line
    may go on after it.

    Raises:
        ConstraintError: nothing but blanks, lines of other lengths or too many, unknown characters.
    """
    name = _("the template")
    typed, text = text, opened(text)
    if not text.replace(LACUNA, "").strip():
        raise ConstraintError(
            _("the template {typed!r} has no character; give at least one", typed=typed)
        )
    if form is None:
        _check_length(name, clusters(text), 1, codec.max_len - 1)
        return _fixed(codec, form, dict(enumerate(clusters(text))), name)
    chars, ends = typed_units(codec, text, form)
    for end in sorted(ends):
        if end < form.size and not form.has_ends(form.size, [end]):
            verse = form.place(end)[0]
            line, span = _("line {n} of the template", n=verse + 1), form.spans[verse]
            start = max((other for other in ends if other < end), default=0)
            part = chars[max(start, span.start) : end]
            _check_length(line, part, len(span), len(span), _as_typed(codec, part))
    if len(chars) > form.size:
        raise ConstraintError(
            _(
                "the template has {n} characters, {form} has {size} in {lines} lines",
                n=len(chars),
                form=form,
                size=form.size,
                lines=form.lines,
            )
        )
    return _fixed(codec, form, dict(enumerate(chars)), name)


def acrostic(codec: PoemCodec, form: Form | None, text: str, where: str = "heads") -> Constraint:
    """The characters of the text, one a line, at the heads of lines, their ends or the diagonal.

    Raises:
        ConstraintError: free form, more characters than lines, characters that the model lacks.
    """
    name = _("the acrostic")
    form = _fixed_form(form, name)
    if where not in WHERE:
        raise ConstraintError(
            _("an acrostic at {where!r}: expected {places}", where=where, places=listed(WHERE))
        )
    chars = language_for(codec.tokenizer).characters(clean(text)[0] or text)
    places = column(form, where)
    _check_length(name, chars, 1, len(places), text)
    part = END if where == "ends" else HEAD
    return _fixed(codec, form, dict(zip(places, chars, strict=False)), name, part)


def contains(codec: PoemCodec, form: Form | None, text: str) -> Constraint:
    """The text stands somewhere inside one line.

    Raises:
        ConstraintError: a text longer than a line, characters that the model lacks.
    """
    chars = typed_units(codec, text, form)[0] if form else typed_chars(text)
    name = _("the text {text}", text=text.strip() if codec.spelt else "".join(chars))
    masks = [mask(codec, ids) for ids in tokens_of(codec, chars)]
    most = max(form.lengths) if form else codec.max_len - 1
    _check_length(name, chars, 1, most, _as_typed(codec, chars))
    goes_on = ~mask(codec, [codec.tokenizer.eos_id])  # What comes after the end is not read.
    wants = []
    for span in form.spans if form else (range(codec.max_len),):
        for start in span[: len(span) - len(chars) + 1] if len(chars) <= len(span) else ():
            before = {} if form else dict.fromkeys(range(start), goes_on)
            wants.append(before | dict(enumerate(masks, start)))
    return _union(codec, form, [[wants]], name)


def tones(codec: PoemCodec, form: Form | None, strictness: str = USUAL) -> Constraint:
    """The tones of the form, of a tune or of regulated verse, as `prosody.regulated` has them:
    every reading of a character fits ("strict"), some usual one ("usual"), or some reading
    ("lenient"); a character that is not known fits but in the first case.

    Raises:
        ConstraintError: a form that has no tones.
    """
    how, verse = _(strictness), _("regulated verse")
    form = _fixed_form(form, _("{what} ({strictness} tones)", what=verse, strictness=how))
    language = language_for(codec.tokenizer)
    if not (schemes := language.patterns(form, "", strictness)):
        raise ConstraintError(_(language.SAYS["no tones"], form=form))
    name = _("{what} ({strictness} tones)", what=form.tune or verse, strictness=how)
    return _by_pattern(codec, form, schemes, strictness, name)


def metre(codec: PoemCodec, form: Form | None, name: str, strictness: str = USUAL) -> Constraint:
    """The lines keep a metre, as `prosody.english.metre` has it: without any liberty ("strict"),
    with the usual ones, or with all ("lenient").

    Raises:
        ConstraintError: free form, or a language without that metre.
    """
    form, language = _fixed_form(form, _("a metre")), language_for(codec.tokenizer)
    if name not in language.METRES:
        raise ConstraintError(
            _("the metre is {name!r}; {says}", name=name, says=_(language.SAYS["no metre"]))
        )
    schemes = language.patterns(form, name, strictness)
    said = _("{metre} metre ({strictness})", metre=_(name), strictness=_(strictness))
    return _by_pattern(codec, form, schemes, strictness, said)


def _by_pattern(
    codec: PoemCodec,
    form: Form,
    schemes: Sequence[Sequence[Sequence[str]]],
    strictness: str,
    name: str,
) -> Constraint:
    """Tokens that fill some pattern of each part of one of the schemes."""
    slots, strict = slot_masks(codec.tokenizer, strictness), strictness == STRICT

    def wants(parts: Sequence[Sequence[str]]) -> Iterator[list[dict[int, Tensor]]]:
        start = 0
        for part in parts:
            some = [{t: slots[c] for t, c in enumerate(one, start) if c in slots} for one in part]
            start += len(part[0])
            if all(some):  # where one is open, all may stand
                yield some

    meaning = {t: _(words) for t, words in language_for(codec.tokenizer).PLACES.items()}
    some, one = _("a known tone") if strict else _("any tone"), _("a tone of one kind")
    parts = (chain(*of_part) for of_part in zip(*schemes, strict=True))
    columns = enumerate(set(slots) for one in parts for slots in zip(*one, strict=True))
    words = {t: meaning.get("".join(c), some if FREE in c else one) for t, c in columns}
    branches = [[*wants(scheme)] for scheme in schemes]
    return _union(codec, form, branches, name, words, by_sound=True)


def rhyme(
    codec: PoemCodec, form: Form | None, name: str = "any", scheme: str | None = None
) -> Constraint:
    """The verses rhyme that have to, in usual readings and in different characters, as
    `prosody.rhyme_ok` has it: the even ones in one class, and the first with them where it ends
    level; of a tune those of each letter in one group of 詞林正韻. A couplet's second line ends in
    the class. Where a language leaves that open, as English does, those with one letter of the
    scheme rhyme, by sound, and none as a word does with itself; "none": no verse has to.

    `name` is one of the 106 classes or a final of pinyin, or another character, which stands for
    its classes, see `readings_named`, or "any"; in English a word. Of several rhymes of a form it
    is meant for the first that has its sound, as a group; the others are any. Any rhyme that a tune
    has in the entering tone is in that tone.

    Raises:
        ConstraintError: free form, odd lines, any class for a couplet, a name without a reading or
            of a tone that the tune rhymes nowhere in, a class of which the model knows too few
            characters; a scheme of another length, or where the form has its own.
    """
    if scheme and scheme.casefold() == "none":
        return of_form(codec, form)
    form, language = _fixed_form(form, _("the rhyme")), language_for(codec.tokenizer)
    found = language.rhymes_of(form, scheme or "", partial(reading_masks, codec.tokenizer))
    if not found:
        raise ConstraintError(_(language.SAYS["no rhyme"], form=form, lines=form.lines))
    if name == "any" and max(len(one.verses) for one in found) == 1:
        raise ConstraintError(
            _("{form} has one line to rhyme; name a rhyme class, such as 尤", form=form)
        )
    named = frozenset() if name == "any" else language.readings_named(name, found[0].book)
    if not named and name != "any":
        raise ConstraintError(
            _("rhyme {name!r}: expected {says}", name=name, says=_(language.SAYS["rhyme"]))
        )
    among = []
    for one in found:
        meant = tuple(x for x, ends in one.sounds.items() if _is_meant(named, x, ends.values()))
        among.append(meant or one.held)
        named = frozenset() if meant else named
    if named:
        raise ConstraintError(
            _("{form} has no rhyme that {name} fits; take another", form=form, name=name)
        )
    apart = (one for one in found if form.lines > 2 or len(one.verses) > 1)
    ends = frozenset(form.ends[i] for one in apart for i in one.verses)
    each = (_rhyme(codec, form, *pair, ends, name) for pair in zip(found, among, strict=True))
    return reduce(and_, each)


def _is_meant(named: Iterable[Reading], sound: str, ends: Iterable[Container[Reading]]) -> bool:
    """Whether some reading that is named is of a sound, and fits the end of some verse."""
    return any(one.rhyme == sound and any(one in end for end in ends) for one in named)


def _rhyme(
    codec: PoemCodec,
    form: Form,
    rhyme: Rhyme,
    among: Sequence[str],
    distinct: frozenset[int],
    name: str,
) -> Constraint:
    """The verses of a rhyme end in one of some sounds, for each of which characters are enough."""
    table = reading_masks(codec.tokenizer, rhyme.book)
    none = torch.zeros(len(codec.tokenizer), dtype=torch.bool)
    readings = {end for ends in rhyme.sounds.values() for end in ends.values()}
    masks = {end: torch.stack([table.get(one, none) for one in end]).any(0) for end in readings}

    alike = sounds_alike(codec.tokenizer, rhyme.book) if codec.spelt else None

    def many(tokens: Tensor) -> int:
        return int(tokens.sum() if alike is None else len(set(alike[tokens].tolist())))

    def known(sound: str) -> bool:
        ends = Counter(end for end in rhyme.sounds[sound].values() if UNHEARD not in end)
        return all(many(masks[end]) >= n for end, n in ends.items())

    wants = [
        {form.ends[i]: masks[end] for i, end in rhyme.sounds[sound].items()}
        for sound in filter(known, among)
    ]
    if not wants:
        least = sum(UNHEARD not in end for end in rhyme.sounds[among[0]].values())
        raise ConstraintError(
            _(
                "this model knows fewer than {n} different characters of the rhyme {name}; take "
                "another",
                n=least,
                name=name,
            )
        )
    of_tune = rhyme.book == GROUPS
    said = either(among)
    if name == "any":
        said = _("one group") if of_tune else _("one class")
    words = dict.fromkeys(map(form.ends.__getitem__, rhyme.verses), said)
    for i, end in rhyme.sounds[among[0]].items():
        if UNHEARD in end:
            words[form.ends[i]] = _("{rhyme}, one near it or no level tone", rhyme=said)
        elif of_tune:
            level = any(one.tone == LEVEL for one in end)
            text = N_("{rhyme} in a level tone") if level else N_("{rhyme} in an oblique tone")
            words[form.ends[i]] = _(text, rhyme=said)
    found = _union(codec, form, [[wants]], _("the rhyme"), words, by_sound=True, distinct=distinct)
    return found if alike is None else _alike(found, alike)


def _alike(constraint: Constraint, alike: Tensor) -> Constraint:
    """The same, in which tokens of one number count as one."""
    says = (
        replace(one, constraint=replace(one.constraint, alike=alike)) for one in constraint.says
    )
    return replace(constraint, alike=alike, says=tuple(says))


def without(codec: PoemCodec, form: Form | None, chars: str) -> Constraint:
    """None of the characters comes."""
    typed = _listed(codec, form, chars)
    ids = {i for found in tokens_of(codec, typed, missing=True, part=ANY) for i in found}
    words = _("none of {chars}", chars=cut("".join(typed), 12))
    return _everywhere(codec, form, ~mask(codec, ids), _("the ban"), words)


def only(codec: PoemCodec, form: Form | None, chars: str) -> Constraint:
    """No other characters come; in free form marks and blanks may.

    Raises:
        ConstraintError: characters that the model lacks.
    """
    typed = _listed(codec, form, chars)
    ids = {i for found in tokens_of(codec, typed, part=ANY) for i in found}
    if codec.spelt:
        others = "".join(char for char in map(chr, range(97, 123)) if char not in typed)
        ids -= {i for found in tokens_of(codec, others, missing=True, part=ANY) for i in found}
    marks = [i for i in codec.writable() if not codec.tokenizer.decode([i]).isalnum()]
    allowed = mask(codec, ids | (set(marks) if form is None else set()))
    words = _("one of {chars}", chars=cut("".join(typed), 12))
    return _everywhere(codec, form, allowed, _("the choice"), words)


def _listed(codec: PoemCodec, form: Form | None, chars: str) -> list[str]:
    """The characters, or letters, of a list that somebody typed."""
    if form is None:
        return typed_chars(chars)
    return language_for(codec.tokenizer).characters(clean(chars)[0] or chars)


def no_repeat(codec: PoemCodec, form: Form | None) -> Constraint:
    """No character comes twice; a ConstraintError in free form, where marks and blanks have to."""
    form = _fixed_form(form, _("a poem without repeats"))
    alone = replace(of_form(codec, form), distinct=frozenset(range(form.size)))
    return replace(alone, says=(Condition(_("no repeats"), alone),))


def requested(codec: PoemCodec, form: Form | None, conditions: Conditions) -> Constraint:
    """All that is asked for at once; without anything, all that may be written. What no poem can
    meet is a ConstraintError, with the conditions that exclude each other."""
    constraint = of_form(codec, form)
    for name, arguments in conditions.calls():
        constraint = constraint & globals()[name](codec, form, *arguments)
    return constraint


def _union(
    codec: PoemCodec,
    form: Form | None,
    branches: Sequence[Sequence[Sequence[Mapping[int, Tensor]]]],
    name: str,
    words: Mapping[int, str] | None = None,
    sounds: Mapping[int, str] | None = None,
    by_sound: bool = False,
    distinct: frozenset[int] = frozenset(),
) -> Constraint:
    """A union of branches, each the product of groups, each the union of wants: the sets (V,) at
    the positions where it wants one. The positions of a group lie before those of the next. Among
    those of `distinct` no token comes twice."""
    base = of_form(codec, form).parts[0]
    sets, first = list(base.sets), [int(edges[0, 1]) for edges in base.edges]
    numbers: dict[tuple[int, int], int] = {}

    def number(t: int, members: Tensor) -> int:
        key = (id(members), first[t])
        if key not in numbers:
            numbers[key] = len(sets)
            sets.append(members & base.sets[first[t]])
        return numbers[key]

    rows = []
    for groups in branches:
        blocks, start = [], 0
        for i, wants in enumerate(groups):
            last = i == len(groups) - 1
            end = len(first) if last else max(t for want in wants for t in want) + 1
            found = [{t: number(t, members) for t, members in want.items()} for want in wants]
            found = [want for want in found if all(sets[at].any() for at in want.values())]
            block = [[want.get(t, first[t]) for t in range(start, end)] for want in found]
            blocks.append(torch.tensor(block, dtype=torch.long).view(-1, end - start))
            start = end
        if all(map(len, blocks)):
            rows.append(blocks)
    if not rows:
        raise ConstraintError(
            _("this model has no characters for {name}; ask for something else", name=name)
        )
    alone = Constraint((Automaton.of(torch.stack(sets), rows),), distinct, form=form)
    condition = Condition(name, alone, words or {}, sounds or {}, by_sound)
    return replace(alone, says=(condition,))


def _fixed(
    codec: PoemCodec, form: Form | None, at: Mapping[int, str], name: str, part: str = WHOLE
) -> Constraint:
    """Characters at positions; `LACUNA` is any character, in free form none that ends a line."""
    breaks = [codec.tokenizer.eos_id, codec.tokenizer.newline_id]
    wants = dict.fromkeys((t for t in at if at[t] == LACUNA), ~mask(codec, breaks))
    at = {t: char for t, char in at.items() if char != LACUNA}
    found = dict(zip(at, tokens_of(codec, [*at.values()], part=part), strict=True))
    chars = {t: [codec.tokenizer.decode([i]) for i in ids] for t, ids in found.items()}
    wants |= {t: mask(codec, ids) for t, ids in found.items()}
    if codec.spelt:
        letters = language_for(codec.tokenizer).letters
        words = {t: at[t] if part != WHOLE else letters(options[0]) for t, options in chars.items()}
        heard = {t: options for t, options in chars.items() if part == WHOLE}
    else:
        words, heard = {t: "/".join(options) for t, options in chars.items()}, chars
    sounds = {t: sound(codec, options) for t, options in heard.items()} if form else {}
    return _union(codec, form, [[[wants]]], name, words, sounds)


def _everywhere(
    codec: PoemCodec, form: Form | None, allowed: Tensor, name: str, word: str
) -> Constraint:
    """One set at all positions of the poem."""
    places = range(form.size if form else codec.max_len)
    wants = [dict.fromkeys(places, allowed)]
    return _union(codec, form, [[wants]], name, dict.fromkeys(places, word))


def _as_typed(codec: PoemCodec, chars: Sequence[str]) -> str:
    """Characters, or syllables by their letters, end to end."""
    return "".join(codec.letters(char) for char in chars) if codec.spelt else "".join(chars)


def _check_length(
    name: str, chars: Sequence[str], least: int, most: int, typed: str | None = None
) -> None:
    if not least <= len(chars) <= most:
        wanted = str(least) if least == most else _("{least} to {most}", least=least, most=most)
        quoted = repr("".join(chars) if typed is None else typed.strip())
        raise ConstraintError(
            _(
                "{name}: {quoted} has {n} characters; expected {wanted}",
                name=name,
                quoted=quoted,
                n=len(chars),
                wanted=wanted,
            )
        )


def _fixed_form(form: Form | None, name: str) -> Form:
    """The form; a ConstraintError in free form."""
    if form is None:
        raise ConstraintError(
            _("{name} needs a fixed form, such as 5x4; this model writes free form", name=name)
        )
    return form

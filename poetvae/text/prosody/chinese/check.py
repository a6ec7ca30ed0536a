"""What is wrong with a poem, with places and reasons: verse by its rules, a ci by its tune.

    print(check("渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。"))

No model is asked. A poem of verses of five or of seven characters whose even verses end level is
taken as regulated; with too much against that, or with oblique rhymes, as old-style verse (古體),
which is free in its tones; whoever names the form has what rhymes level taken as regulated. A ci is
told by its title or its line lengths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

from ....errors import CorpusError, listed
from ....i18n import N_, _
from ...form import MAX_LINES, Form, written
from ...poem import has_han, split_verses
from ..interface import LEVEL, OBLIQUE
from ..report import Fault, Report
from .books import CLASSES, GROUPS
from .ci import Sung, named, nearest_tune, of_lengths, of_nearly
from .metre import nearest, rhyme_faults, scheme, tone_faults
from .report import report
from .scansion import Sounds, all_rhyme, common_rhyme, repeated
from .sheet import split_poems, untitled
from .shi import opens, readings, regulated, rhyme, rhyme_ok

_NUMBERS = {5: "五言", 7: "七言"}
_KINDS = {1: "句", 2: "對句", 4: "絕句", 8: "律詩"}
_MOST = 0.75  # the share of verses of one length that tells that the others are wrong
_OFF = 0.5  # so many faults a verse are too many for a ci that its lengths alone tell


def check(text: str, form: Form | None = None, book: str | None = None) -> Report:
    """What is wrong with a poem, and what is to be remarked.

    Args:
        text: a mark of punctuation or a line break behind each verse; a title may stand before.
        form: what it ought to be; absent: told by the poem.
        book: of rhymes, of `BOOKS`; absent: 平水.

    Raises:
        ConfigError: another book.
        CorpusError: there is no verse of Han characters in the text, or more than 999.
    """
    title, body = untitled(text)
    verses = [verse for verse in split_verses(body) if has_han(verse)]
    if not verses:
        raise CorpusError(_("the text has no verse of Chinese characters; expected a poem"))
    if len(verses) > MAX_LINES:
        raise CorpusError(
            _(
                "a poem of {n:,} lines; expected at most {most}; put blank lines between poems, or "
                "name their form",
                n=len(verses),
                most=MAX_LINES,
            )
        )
    simplified = _is_simplified(body)
    plain, sung = (Sounds(book or usual, simplified) for usual in (CLASSES, GROUPS))
    if found := _sung(title, verses, form, sung, plain):
        patterns, name = [fit.pattern for fit in found.fits], found.tune.name
        about = partial(report, body, name, "詞", found.verses, sung)
        apart = sum(note.name in ("字數", "句數") for note in found.notes)
        if not form and apart > max(2, len(verses) / 6):
            why = _(
                "the table has no layout of {name} like this; the nearest differs at {n} places; "
                "--form {name} lists them",
                name=name,
                n=apart,
            )
            return about([Fault("又一體", 0, 0, why, remark=True)])
        return about(found.notes, patterns, found.rhyme or None)
    wanted = form.lengths if form else _guess(verses)
    about = partial(report, body, written(wanted), verses=verses, sounds=plain)
    if not _is_plain(wanted):
        return about(N_("free verse"), notes=_missized(verses, wanted))
    return _verse(verses, wanted, form is not None, plain, about)


def _verse(
    verses: Sequence[str],
    wanted: Sequence[int],
    asked: bool,
    sounds: Sounds,
    about: Callable[..., Report],
) -> Report:
    """What is wrong with verses of five or seven characters; `asked` to be regulated, or not."""
    kind, notes = _NUMBERS[wanted[0]], _missized(verses, wanted)
    ends = [verse[-1] for verse in verses[1::2]]
    side = _side(ends, sounds)
    name = _rhyme(verses, side, sounds) if len(ends) > 1 else None
    ways = nearest(verses, wanted[0], sounds, name)
    tones = tone_faults(verses, ways, sounds)
    why = ""
    if side == OBLIQUE:
        why = _("it rhymes in an oblique tone, so its tones are free")
    elif not asked and len(ends) > 1:
        why = _too_many(tones, wanted)
    if why:
        notes = [replace(note, remark=not asked) for note in notes]  # it may mix line lengths
        taken = _("taken as old-style verse: {why}", why=why)
        notes.append(Fault("古體", 0, 0, taken, remark=True))
        kind += "古絕" if len(wanted) == 4 else "古詩"
        return about(kind, notes=notes, rhyme=_old_rhyme(ends, side, sounds))
    kind += _KINDS.get(len(wanted), "排律" if len(wanted) > 8 else "律詩")
    notes += tones + repeated(verses)
    notes += rhyme_faults(verses, ways, name, sounds) if name else []
    patterns = [way.plain for way in ways]
    return about(kind, notes=notes, patterns=patterns, rhyme=name, scheme=scheme(ways))


def _too_many(notes: Sequence[Fault], wanted: Sequence[int]) -> str:
    """Why verse is of the old style where its tones have so much against them, or "". So many
    faults are where in 全唐詩 fewer poems are than on either side. What is only to be remarked
    counts half beside faults, in more than four lines."""
    lines, faults = len(wanted), sum(not note.remark for note in notes)
    weight = faults + (len(notes) - faults) / 2 * (lines > 4)
    if not faults or weight < max(min(lines / 2, 4), lines / 4):
        return ""
    return _(
        "too much is against its tones ({names}); name the form, {form}, to see it",
        names=listed(dict.fromkeys(note.name for note in notes)),
        form=written(wanted),
    )


def _is_plain(lengths: Sequence[int]) -> bool:
    """Whether these are the lengths of verses of five or of seven characters."""
    return len(set(lengths)) == 1 and lengths[0] in _NUMBERS


def _sung(
    title: str, verses: Sequence[str], form: Form | None, sounds: Sounds, plain: Sounds
) -> Sung | None:
    """A poem beside the tune that its form or its title names, or that has its line lengths. What
    is regulated verse by its lengths and its rhyme is no ci unless it is named so: many a quatrain
    has the name of a tune that is another one now, as 浪淘沙."""
    lengths = form.lengths if form else tuple(map(len, verses))
    quatrains = _is_plain(lengths) and len(lengths) in _KINDS
    among = named(form.tune if form else title)
    if among and (form or not quatrains or lengths in {tune.lengths for tune in among}):
        return nearest_tune(verses, among, sounds)
    level = _side([verse[-1] for verse in verses[1::2]], plain) == LEVEL
    if (quatrains and level) or (form and _is_plain(lengths)):
        return None
    alike = of_lengths(lengths)
    sung = nearest_tune(verses, alike or of_nearly(lengths), sounds)
    surely = alike and len(set(lengths)) > 1
    return sung if sung and (surely or sung.cost <= _OFF * len(verses)) else None


def _side(ends: Sequence[str], sounds: Sounds) -> str:
    """Whether fewer of these characters can only be level than can only be oblique."""
    told = Counter(sounds.levels(end) for end in ends)
    return OBLIQUE if told[OBLIQUE] > told[LEVEL] else LEVEL


def _rhyme(verses: Sequence[str], side: str, sounds: Sounds) -> str | None:
    """The rhyme of most even verses; the first one, which need not rhyme, counts half."""
    ends = [verse[-1] for verse in verses[1::2]]
    return common_rhyme([(end, side) for end in (*ends, *ends, verses[0][-1])], sounds)


def _old_rhyme(ends: Sequence[str], side: str, sounds: Sounds) -> str | None:
    """The rhyme that verses of old style share: of the book, or neighbours of one group of 詞林."""
    sides = [(end, side) for end in ends]
    for book in dict.fromkeys((sounds.book, GROUPS)):
        heard = replace(sounds, book=book)
        name = common_rhyme(sides, heard)
        if name and all_rhyme(sides, name, heard):
            return name
    return None


def check_all(text: str, form: Form | None = None, book: str | None = None) -> list[Report]:
    """The reports on the poems of a text: with blank lines between them, or of one form that is
    named, or each regulated with a rhyme of its own. Raises as `check` does."""
    poems = [poem for block in split_poems(text) for poem in _series(block, form)]
    return [check(poem, form, book) for poem in poems]


def _series(text: str, form: Form | None) -> list[str]:
    """The poems that stand in a text without anything between them."""
    verses = split_verses(untitled(text)[1])
    lengths = tuple(map(len, verses))
    if not _is_plain(lengths) or (form and form.uniform != lengths[0]):
        return [text]
    for lines in (form.lines,) if form else (8, 4):
        parts = list(zip(*[iter(verses)] * lines, strict=False))
        whole = len(parts) > 1 and len(verses) % lines == 0
        if whole and (form or _are_poems(parts)):
            return [Form(lengths[0], lines).punctuate("".join(part)) for part in parts]
    return [text]


def _are_poems(parts: Sequence[Sequence[str]]) -> bool:
    """Whether each part is regulated and rhymes, and none as the one before or nearly so."""
    rhymes = [rhyme(part) if regulated(part) and rhyme_ok(part) else None for part in parts]
    return all(a and b and b not in opens(a) for a, b in pairwise(rhymes))


def _guess(verses: Sequence[str]) -> tuple[int, ...]:
    """The lengths that the verses of a poem ought to have: five or seven each, an even number of
    times, where nearly all do; else what they have."""
    lengths = tuple(map(len, verses))
    length, count = Counter(lengths).most_common(1)[0]
    if length not in _NUMBERS or count < _MOST * len(verses):
        return lengths
    n = len(verses)
    return (length,) * (n if n % 2 == 0 or n == 1 else n + 1 if n + 1 in _KINDS else n - 1)


def _missized(verses: Sequence[str], wanted: Sequence[int]) -> list[Fault]:
    """字數 and 句數: verses that are too short or too long, too many or too few verses."""
    found = [
        Fault("字數", n, 0, _("{n} characters; expected {length}", n=len(verse), length=length))
        for n, (verse, length) in enumerate(zip(verses, wanted, strict=False), 1)
        if len(verse) != length
    ]
    if len(verses) != len(wanted):
        why = _("{n} lines; expected {lines}", n=len(verses), lines=len(wanted))
        found.append(Fault("句數", 0, 0, why))
    return found


def _is_simplified(text: str) -> bool:
    """Whether a text has characters that only simplified text has."""
    return any(not readings(char, simplified=False) and readings(char) for char in text)

"""What is asked of English verse, on all strings of a few syllables: metre, rhyme, words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from poetvae.constraints import rules
from poetvae.constraints.constraint import Constraint
from poetvae.constraints.options import Conditions
from poetvae.constraints.words import Words, words_of
from poetvae.errors import ConstraintError
from poetvae.text.codec import PoemCodec
from poetvae.text.form import Form
from poetvae.text.graphemes import clusters
from poetvae.text.prosody import STRICTNESS, english
from poetvae.text.prosody.english.tokens import readings
from poetvae.text.tokenizer import PoemTokenizer

TOKEN = re.compile(r"⟨(-?)([a-z']+)(-?)([0-5])(?::([A-Z.]*):([A-Z.]+))?⟩")
Verse = tuple[str, ...]
Meets = Callable[[tuple[Verse, ...]], bool]


def spelt(*lines: str) -> str:
    """Lines in the syllables of their usual readings."""
    sizes = english.lengths(lines)
    assert sizes
    tokens = english.syllables(lines, sizes)
    assert tokens
    return tokens


@cache
def vocabulary(tokens: str) -> PoemTokenizer:
    return PoemTokenizer.train([tokens])


@cache
def words(tokens: str) -> Words:
    return Words(vocabulary(tokens))


def codec(form: Form, tokens: str) -> PoemCodec:
    return PoemCodec(vocabulary(tokens), form.size, {form: 1})


def every(
    one: PoemCodec, at: dict[int, str] | None = None
) -> tuple[Tensor, list[tuple[Verse, ...]]]:
    """All strings of the form, with these tokens at some places, and their verses."""
    (form,) = one.forms
    ids, fixed = one.writable(), at or {}
    choices = [one.ids(fixed[t]) if t in fixed else ids for t in range(form.size)]
    strings = [*product(*choices)]
    written = {i: one.tokenizer.decode([i]) for i in ids}
    verses = [
        tuple(tuple(written[some[t]] for t in span) for span in form.spans) for some in strings
    ]
    return torch.tensor(strings), verses


def agrees(
    constraint: Constraint, strings: Tensor, poems: list[tuple[Verse, ...]], meets: Meets
) -> None:
    """The strings of a constraint are just those that meet a definition: some, and not all."""
    found = constraint.satisfied(strings).tolist()
    expected = [meets(poem) for poem in poems]
    wrong = [poem for poem, a, b in zip(poems, found, expected, strict=True) if a != b]
    assert wrong == []
    assert 0 < sum(found) < len(found)


@cache
def told(token: str) -> tuple[str, bool, bool, str, tuple[str, str]]:
    """The letters of a token, whether its word begins and ends with it, its beat and its sounds."""
    match = TOKEN.fullmatch(token)
    assert match
    before, piece, behind, beat, onset, rhyme = match.groups()
    return piece, not before, not behind, beat, (onset or "", rhyme or "")


def piece(token: str) -> str:
    return told(token)[0]


# --- Metre, as the books have it ---


@cache
def scans(verse: Verse, metre: str, strictness: str) -> bool:
    """Whether a verse keeps a metre: a word's stress on the beat, what is beside it not; an
    iambic foot may begin with the stress of a word that goes on, short of the last foot."""
    foot = {"iambic": "01", "trochaic": "10", "anapaestic": "001", "dactylic": "100"}[metre]
    on = [foot[i % len(foot)] == "1" for i in range(len(verse))]

    def fits(i: int, strong: bool) -> bool:
        beat = told(verse[i])[3]
        if strong:
            return beat != "0" and not (beat == "5" and strictness == "strict")
        return beat != "1"

    def inverted(i: int) -> bool:
        if metre != "iambic" or strictness == "strict" or i + 2 >= len(verse):
            return False
        _, begins, ends, beat, _ = told(verse[i])
        _, fresh, _, after, _ = told(verse[i + 1])
        return begins and not ends and beat == "1" and not fresh and after != "1"

    def rest(i: int, free: bool) -> bool:
        """Whether the verse goes on so from i, where a foot may be inverted or may not."""
        if i >= len(verse):
            return True
        step = len(foot)
        plain = all(fits(j, on[j]) for j in range(i, min(i + step, len(verse))))
        if plain and rest(i + step, strictness == "lenient"):
            return True
        return free and inverted(i) and rest(i + step, False)

    return rest(0, True)


METRE = [
    (Form(7, 1), "river the de- light", "⟨riv-1⟩⟨-er0⟩⟨the5:DH:AH⟩⟨light3:L:AY.T⟩"),
    (Form(6, 1), "", "⟨riv-1⟩⟨-er0⟩⟨de-0⟩⟨-light1:L:AY.T⟩⟨the5:DH:AH⟩"),
    (Form(3, 2), "", "⟨riv-1⟩⟨-er0⟩⟨a5::AH⟩⟨love3:L:AH.V⟩⟨and4::AH.N.D⟩"),
    (Form((3, 2), 1), "", "⟨sun-1⟩⟨-shine2:SH:AY.N⟩⟨a-0⟩⟨-bove1:B:AH.V⟩⟨un-2⟩⟨-er0⟩⟨the5:DH:AH⟩"),
]


@pytest.mark.parametrize("strictness", STRICTNESS)
@pytest.mark.parametrize("metre", english.METRES)
@pytest.mark.parametrize(("form", "_", "tokens"), METRE, ids=lambda x: str(x)[:9])
def test_a_metre_is_kept_as_the_books_have_it(
    form: Form, _: str, tokens: str, metre: str, strictness: str
) -> None:
    one = codec(form, tokens)
    strings, poems = every(one)
    constraint = rules.metre(one, form, metre, strictness)

    def meets(poem: tuple[Verse, ...]) -> bool:
        return all(scans(verse, metre, strictness) for verse in poem)

    agrees(constraint, strings, poems, meets)


# --- Rhyme ---

ENDS = spelt("the light", "the night", "delight", "knight", "a dove", "above", "move", "river")
PAIR, FOUR = Form(2, 2), Form(2, 4)


def sound(verse: Verse) -> tuple[str, str]:
    return told(verse[-1])[4]


def rhyming(poem: Iterable[Verse], scheme: str, first: str = "") -> bool:
    """Whether verses of one letter rhyme, and no two with one sound; the first rhyme is named."""
    verses = [*poem]
    groups = [
        [v for v, x in zip(verses, scheme, strict=True) if x == one]
        for one in dict.fromkeys(scheme)
    ]
    several = [group for group in groups if len(group) > 1]
    sounds = [sound(verse) for group in several for verse in group]
    return (
        all(len({sound(v)[1] for v in group}) == 1 and sound(group[0])[1] for group in several)
        and len(set(sounds)) == len(sounds)
        and (not first or sound(several[0][0])[1] == first)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["any", "light", "LOVE", "star"])
def test_the_lines_of_a_couplet_rhyme(name: str) -> None:
    one = codec(PAIR, ENDS)
    strings, poems = every(one)
    if name == "star":
        with pytest.raises(ConstraintError, match="2x2 has no rhyme that star fits; take another"):
            rules.rhyme(one, PAIR, name)
        return
    named = {"any": "", "light": "AY.T", "LOVE": "AH.V"}[name]
    agrees(rules.rhyme(one, PAIR, name), strings, poems, lambda poem: rhyming(poem, "AA", named))


HEADS = dict.fromkeys(FOUR.starts, "⟨the5:DH:AH⟩")
MORE = "⟨the5:DH:AH⟩⟨-er0⟩" + "".join(
    f"⟨{end}⟩"
    for end in [
        "light3:L:AY.T",
        "-light1:L:AY.T",
        "night3:N:AY.T",
        "white3:W:AY.T",
        "dove3:D:AH.V",
        "love3:L:AH.V",
        "glove3:G.L:AH.V",
        "move3:M:UW.V",
    ]
)


@pytest.mark.parametrize("name", ["any", "light", "love"])
@pytest.mark.parametrize("scheme", [None, "ABAB", "aabb", "A B B A", "ABCB", "AABA", "XAXA"])
def test_lines_rhyme_by_a_scheme(scheme: str | None, name: str) -> None:
    one = codec(FOUR, MORE)
    strings, poems = every(one, HEADS)
    letters = "".join((scheme or "ABAB").upper().split())
    named = {"any": "", "light": "AY.T", "love": "AH.V"}[name]
    constraint = rules.rhyme(one, FOUR, name, scheme)
    agrees(constraint, strings, poems, lambda poem: rhyming(poem, letters, named))


def test_three_lines_of_one_rhyme_take_three_sounds() -> None:
    one = codec(FOUR, MORE)
    with pytest.raises(ConstraintError, match="knows fewer than 4 different"):
        rules.rhyme(one, FOUR, "any", "AAAA")
    strings, poems = every(one, HEADS)
    found = rules.rhyme(one, FOUR, "light", "AABA").satisfied(strings).tolist()
    kept = {tuple(sound(v)[0] for v in p) for p, ok in zip(poems, found, strict=True) if ok}
    assert all(len({a, b, d}) == 3 for a, b, _, d in kept) == bool(kept)


def test_no_scheme_leaves_all_ends_open() -> None:
    one = codec(PAIR, ENDS)
    strings, _ = every(one)
    assert rules.rhyme(one, PAIR, "any", "none").satisfied(strings).all()
    assert rules.rhyme(one, PAIR, "any", "None").satisfied(strings).all()


# --- Letters and words ---

FEW = "⟨the5:DH:AH⟩⟨light3:L:AY.T⟩⟨de-0⟩⟨-light1:L:AY.T⟩⟨riv-1⟩⟨-er0⟩⟨'tis4:T:IH.Z⟩"
LINE = Form(3, 2)


@pytest.mark.parametrize("form", [PAIR, LINE, Form((1, 3))], ids=str)
@pytest.mark.parametrize("where", ["heads", "ends", "diagonal"])
@pytest.mark.parametrize("text", ["L", "dr", "LT", "t e", "tr"])
def test_an_acrostic_is_of_letters(text: str, where: str, form: Form) -> None:
    one = codec(
        form,
        FEW if form.size < 6 else FEW.replace("⟨-er0⟩", "").replace("⟨riv-1⟩", "⟨red3:R:EH.D⟩"),
    )
    strings, poems = every(one)
    letters = text.lower().replace(" ", "")

    def meets(poem: tuple[Verse, ...]) -> bool:
        for i, letter in enumerate(letters):
            at = {"heads": 0, "ends": -1, "diagonal": i}[where]
            own = piece(poem[i][at])
            if not (
                own.endswith(letter) if where == "ends" else own.lstrip("'").startswith(letter)
            ):
                return False
        return True

    asked = [p for p in poems if meets(p)]
    if len(letters) > (form.lines if where != "diagonal" else min(form.lines, 2)):
        return
    if not asked:
        with pytest.raises(ConstraintError):
            rules.acrostic(one, form, text, where)
        return
    agrees(rules.acrostic(one, form, text, where), strings, poems, meets)


def written(verse: Verse) -> str:
    """The letters of a verse, with a hyphen on either side where a word goes on."""
    return " ".join(f"{'' if b else '-'}{p}{'' if e else '-'}" for p, b, e, *_ in map(told, verse))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("light", "light"),
        ("Light!", "light"),
        ("the light", "the light"),
        ("delight", "de- -light"),
        ("'Tis the river", "'tis the riv- -er"),
        ("river", "riv- -er"),
    ],
)
def test_words_stand_in_one_line(text: str, tokens: str) -> None:
    form = Form((4, 1)) if "Tis" in text else Form((3, 2))
    one = codec(form, FEW)
    strings, poems = every(one)
    constraint = rules.contains(one, form, text)
    agrees(constraint, strings, poems, lambda p: any(f" {tokens} " in f" {written(v)} " for v in p))


@pytest.mark.parametrize(
    ("chars", "meets"),
    [
        ("g", lambda token: "g" not in token),
        ("EV", lambda token: not set("ev") & set(token)),
        ("q", lambda token: True),
    ],
)
def test_letters_are_banned(chars: str, meets: Callable[[str], bool]) -> None:
    one = codec(PAIR, FEW)
    strings, poems = every(one)
    found = rules.without(one, PAIR, chars).satisfied(strings).tolist()
    assert found == [all(meets(piece(t)) for v in p for t in v) for p in poems]
    assert any(found)


@pytest.mark.parametrize("chars", ["light", "The Delight", "river", "tis"])
def test_no_other_letters_come(chars: str) -> None:
    one = codec(PAIR, FEW)
    strings, poems = every(one)
    among = set(chars.lower()) | {"'"}
    asked = rules.only(one, PAIR, chars)
    agrees(asked, strings, poems, lambda p: all(set(piece(t)) <= among for v in p for t in v))


@pytest.mark.parametrize(
    ("n", "text", "tokens"),
    [(1, "The river", "the riv- -er"), (2, "DELIGHT, light;", "de- -light light")],
)
def test_a_line_is_what_was_typed(n: int, text: str, tokens: str) -> None:
    one = codec(LINE, FEW.replace("⟨'tis4:T:IH.Z⟩", ""))
    strings, poems = every(one)
    agrees(rules.line(one, LINE, n, text), strings, poems, lambda p: written(p[n - 1]) == tokens)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The _ light", "the _ light _ _ _"),
        ("_ river\nThe river", "_ riv- -er the riv- -er"),
        ("The light _\n_ _ light", "the light _ _ _ light"),
        ("The", "the _ _ _ _ _"),
    ],
)
def test_a_template_leaves_open_what_is_blank(text: str, kept: str) -> None:
    one = codec(LINE, FEW.replace("⟨'tis4:T:IH.Z⟩", ""))
    strings, poems = every(one)

    def meets(poem: tuple[Verse, ...]) -> bool:
        have = " ".join(map(written, poem)).split()
        return all(want in ("_", own) for want, own in zip(kept.split(), have, strict=True))

    agrees(rules.template(one, LINE, text), strings, poems, meets)


def test_all_that_is_asked_holds_at_once() -> None:
    one = codec(FOUR, ENDS)
    strings, poems = every(one, {0: "⟨the5:DH:AH⟩", 2: "⟨a5::AH⟩", 4: "⟨de-0⟩", 6: "⟨a-0⟩"})
    asked = Conditions(rhyme_scheme="ABAB", metre="iambic", acrostic="tada", contains="the light")

    def meets(poem: tuple[Verse, ...]) -> bool:
        return (
            rhyming(poem, "ABAB")
            and all(scans(verse, "iambic", "usual") for verse in poem)
            and "the light" in map(written, poem)
        )

    agrees(rules.requested(one, FOUR, asked), strings, poems, meets)


# --- What is said ---

NO_METRE = "the metre is 'iambic'; Chinese verse has tones and no metre; ask for those"
NO_SCHEME = "the rhyme scheme is 'AA', and Chinese verse rhymes as its form has it; leave it out"
NO_TONES = "English verse has a metre and no tones; ask for one, such as iambic"
LETTERS = "the rhyme scheme is {!r}; expected a letter for each of the {} lines of {}, such as ABAB"
LETTERS += ", or none"
UNSTRESSED = "iambic metre (usual) wants a syllable without stress"
SMALL, QUATRAIN = codec(PAIR, ENDS + FEW), codec(FOUR, ENDS)
CHINESE = PoemCodec(PoemTokenizer.train(["白日依山盡黃河入海流"]), 10, {Form(5, 2): 1})


@pytest.mark.parametrize(
    ("one", "asked", "says"),
    [
        (CHINESE, {"metre": "iambic"}, NO_METRE),
        (CHINESE, {"rhyme_scheme": "AA"}, NO_SCHEME),
        (SMALL, {"tones": "usual"}, NO_TONES),
        (SMALL, {"rhyme": "zzz"}, "rhyme 'zzz': expected a word of a known sound, such as light"),
        (SMALL, {"rhyme": "star"}, "2x2 has no rhyme that star fits; take another"),
        (SMALL, {"rhyme_scheme": "ABAB"}, LETTERS.format("ABAB", 2, "2x2")),
        (QUATRAIN, {"rhyme_scheme": "AAB"}, LETTERS.format("AAB", 4, "2x4")),
        (QUATRAIN, {"rhyme_scheme": "A1B2"}, LETTERS.format("A1B2", 4, "2x4")),
        (SMALL, {"acrostic": "tea"}, "the acrostic: 'tea' has 3 characters; expected 1 to 2"),
        (SMALL, {"acrostic": "q"}, "this model cannot write q; take other characters"),
        (SMALL, {"contains": "star"}, "this model cannot write star; take other characters"),
        (SMALL, {"lines": {3: "the light"}}, "line 3 of 2x2: expected 1 to 2"),
        (SMALL, {"template": "_ _"}, "the template '_ _' has no character; give at least one"),
    ],
)
def test_what_cannot_be_is_refused_in_these_words(
    one: PoemCodec, asked: dict[str, Any], says: str
) -> None:
    (form,) = one.forms
    with pytest.raises(ConstraintError) as error:
        rules.requested(one, form, Conditions(**asked))
    assert str(error.value) == says


def test_another_metre_is_refused() -> None:
    with pytest.raises(ConstraintError) as error:
        rules.metre(SMALL, PAIR, "sapphic")
    said = "the metre is 'sapphic'; English verse may be iambic, trochaic, anapaestic, dactylic"
    assert str(error.value) == said
    with pytest.raises(ConstraintError, match="metre is 'sapphic'; expected iambic or trochaic"):
        Conditions(metre="sapphic")
    with pytest.raises(ConstraintError, match="strictness is 'loose'; expected strict or usual or"):
        Conditions(strictness="loose")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"metre": "iambic", "lines": {1: "river"}},
            f"line 1, position 1: the first line wants riv- (riv-, stressed), {UNSTRESSED}",
        ),
        (
            {"metre": "iambic", "acrostic": "r"},
            f"line 1, position 1: the acrostic wants r, {UNSTRESSED}",
        ),
        (
            {"lines": {1: "delight"}, "without": "g"},
            "line 1, position 2: the first line wants -light, the ban wants none of g",
        ),
        ({"lines": {1: "the light"}, "rhyme": "dove"}, "the rhyme wants"),
        (
            {"lines": {1: "the light", 2: "above"}, "rhyme": "any"},
            "the first line, line 2 and the rhyme cannot be met together",
        ),
        ({"lines": {1: "the light", 2: "delight"}, "rhyme": "any"}, "light"),
        ({"lines": {1: "the night", 2: "the knight"}, "rhyme": "any"}, "night"),
        (
            {"lines": {1: "the light", 2: "the light"}, "rhyme": "any"},
            "no character may come twice",
        ),
    ],
)
def test_what_excludes_each_other_is_named(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ConstraintError) as error:
        rules.requested(SMALL, PAIR, Conditions(**asked))
    assert says in str(error.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"contains": "the light love"},
        {"lines": {2: "the light of"}},
        {"template": "the light the\nnight"},
        {"template": "the light of the light of"},
        {"acrostic": "light"},
        {"lines": {1: "the river"}},
    ],
)
def test_nobody_is_shown_how_tokens_are_written(asked: dict[str, Any]) -> None:
    with pytest.raises(ConstraintError) as error:
        rules.requested(SMALL, PAIR, Conditions(**asked))
    assert "⟨" not in str(error.value)


# --- Words ---


def sized(one: PoemCodec) -> Tensor:
    """What may stand anywhere."""
    (form,) = one.forms
    return rules.of_form(one, form).allowed


def are_words(poem: Iterable[Verse]) -> bool:
    """Whether verses are made of words of the dictionary, each in the syllables of a reading."""
    for verse in poem:
        word: Verse = ()
        for token in verse:
            letters, begins, ends, *_ = told(token)
            if begins != (not word):
                return False
            word += (token,)
            if ends:
                letters = "".join(map(piece, word))
                known = {one.tokens for one in readings(letters)}
                if letters not in english.lexicon() or word not in known:
                    return False
                word = ()
        if word:
            return False
    return True


def verses_of(one: PoemCodec, tokens: Tensor) -> list[tuple[Verse, ...]]:
    (form,) = one.forms
    texts = (form.lay_out(one.tokenizer.decode(row)) for row in tokens.tolist())
    return [tuple(tuple(clusters(verse)) for verse in text) for text in texts]


PLAIN = spelt("the light of day", "delight and river", "a weary heart", "above the silver moon")
LONG = spelt("immortality and melody", "eternity of light", "the river of delight")


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("tokens", [PLAIN, LONG], ids=["short", "long"])
def test_what_is_drawn_left_to_right_is_words(tokens: str, length: int) -> None:
    """Each syllable is any of those that are left, and a word always goes on to its end."""
    form = Form(length, 2)
    one, known = codec(form, tokens), words(tokens)
    allowed, generator = sized(one), torch.Generator().manual_seed(0)
    drawn = torch.full((100, form.size), one.tokenizer.mask_id)
    for t in range(form.size):
        can = known.narrow(allowed, drawn, t, form)
        assert can.any(1).all()
        assert not (can & ~allowed[t]).any()
        noise = torch.rand(can.shape, generator=generator)
        drawn[:, t] = noise.masked_fill(~can, -1).argmax(1)
    poems = verses_of(one, drawn)
    assert known.satisfied(drawn, form, allowed).tolist() == list(map(are_words, poems))
    assert [poem for poem in poems if not are_words(poem)] == []
    assert len(set(poems)) > 10


MIX = "⟨the5:DH:AH⟩⟨de-0⟩⟨-light1:L:AY.T⟩⟨light3:L:AY.T⟩⟨riv-1⟩⟨-er0⟩"
MIX += "⟨ro-1⟩⟨-y0⟩⟨be-0⟩⟨-low0⟩⟨-low1:L:OW⟩"


def test_words_are_told_from_other_strings() -> None:
    one = codec(Form(3, 1), MIX)
    strings, poems = every(one)
    found = words(MIX).satisfied(strings, Form(3, 1), sized(one)).tolist()
    assert found == list(map(are_words, poems))
    written_ = {written(v) for (v,), ok in zip(poems, found, strict=True) if ok}
    assert {"the riv- -er", "light be- -low", "de- -light the"} < written_
    assert not {"the ro- -y", "the the de-", "-light the the", "de- -er the"} & written_


def test_a_word_is_made_of_its_own_syllables() -> None:
    """Roy has one, whatever ro-ses and wear-y begin and end with; below has its stress behind."""
    form = Form(2, 2)
    one = codec(form, MIX)

    def is_words(line: str) -> bool:
        row = one.ids("⟨be-0⟩⟨-low1:L:OW⟩" + line)
        return bool(words(MIX).satisfied(torch.tensor([row]), form, sized(one)))

    assert is_words("⟨be-0⟩⟨-low1:L:OW⟩")
    assert not is_words("⟨ro-1⟩⟨-y0⟩")
    assert not is_words("⟨be-0⟩⟨-low0⟩")


def test_what_was_given_need_be_no_word() -> None:
    form = Form(2, 2)
    one = codec(form, MIX)
    row = torch.tensor([one.ids("⟨ro-1⟩⟨-y0⟩⟨be-0⟩⟨-low1:L:OW⟩")])
    allowed = sized(one)[: form.size].clone()
    allowed[:2] = False
    allowed[[0, 1], row[0, :2]] = True
    assert words(MIX).satisfied(row, form, allowed).all()
    assert not words(MIX).satisfied(row, form, sized(one)).any()


def test_what_stands_already_is_joined() -> None:
    """A syllable that stands behind makes one before it begin its word, or end another."""
    form = Form(2, 1)
    one = codec(form, MIX)
    for behind, before in (("⟨-light1:L:AY.T⟩", {"de-"}), ("⟨light3:L:AY.T⟩", {"the", "light"})):
        tokens = torch.tensor([[one.tokenizer.mask_id, *one.ids(behind)]])
        (row,) = words(MIX).narrow(sized(one), tokens, 0, form)
        ids = row.nonzero().flatten().tolist()
        found = {english.letters(one.tokenizer.decode([i])) for i in ids}
        assert found & {"the", "light", "-light", "-er", "-y", "de-"} == before


def test_characters_make_no_words() -> None:
    assert words_of(CHINESE.tokenizer) is None
    assert words_of(vocabulary(MIX)) is words_of(vocabulary(MIX)) is not None

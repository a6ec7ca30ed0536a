"""English verse: its forms, its syllables and the way back, its metre and rhymes, what is wrong."""

from __future__ import annotations

import json
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.errors import ConfigError, CorpusError
from poetvae.text.form import Form
from poetvae.text.graphemes import clusters
from poetvae.text.poem import Poem, compose, content, form_of, select
from poetvae.text.prosody import (
    STRICTNESS,
    check_all,
    english,
    first_rhymes,
    language_of,
    regulated,
    rhyme,
    rhyme_ok,
    self_rhymes,
)
from poetvae.text.prosody.english.tokens import Token, parsed
from poetvae.text.prosody.report import Report

GRAY = """The curfew tolls the knell of parting day,
The lowing herd wind slowly o'er the lea,
The ploughman homeward plods his weary way,
And leaves the world to darkness and to me."""
SONNET_18 = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade,
Nor lose possession of that fair thou ow'st;
Nor shall death brag thou wander'st in his shade,
When in eternal lines to time thou grow'st:
So long as men can breathe or eyes can see,
So long lives this, and this gives life to thee."""
SONNET_73 = """That time of year thou mayst in me behold
When yellow leaves, or none, or few, do hang
Upon those boughs which shake against the cold,
Bare ruin'd choirs, where late the sweet birds sang.
In me thou see'st the twilight of such day
As after sunset fadeth in the west,
Which by and by black night doth take away,
Death's second self, that seals up all in rest.
In me thou see'st the glowing of such fire
That on the ashes of his youth doth lie,
As the death-bed whereon it must expire,
Consumed with that which it was nourish'd by.
This thou perceivest, which makes thy love more strong,
To love that well which thou must leave ere long."""
DICKINSON = """Because I could not stop for Death –
He kindly stopped for me –
The Carriage held but just Ourselves –
And Immortality."""
LONGFELLOW = """Tell me not, in mournful numbers,
Life is but an empty dream!
For the soul is dead that slumbers,
And things are not what they seem."""
FROST = """Whose woods these are I think I know.
His house is in the village though;
He will not see me stopping here
To watch his woods fill up with snow."""
BLAKE = """I was angry with my friend:
I told my wrath, my wrath did end.
I was angry with my foe:
I told it not, my wrath did grow."""
JERUSALEM = """And did those feet in ancient time
Walk upon England's mountains green:
And was the holy Lamb of God,
On England's pleasant pastures seen!"""
POPE = """True ease in writing comes from art, not chance,
As those move easiest who have learn'd to dance."""
TENNYSON = """I hold it true, whate'er befall;
I feel it, when I sorrow most;
'Tis better to have loved and lost
Than never to have loved at all."""
WORDSWORTH = """I wandered lonely as a cloud
That floats on high o'er vales and hills,
When all at once I saw a crowd,
A host, of golden daffodils;"""
STAR = """Twinkle, twinkle, little star,
How I wonder what you are!
Up above the world so high,
Like a diamond in the sky."""
MILTON = """Of Man's first disobedience, and the fruit
Of that forbidden tree whose mortal taste
Brought death into the World, and all our woe,
With loss of Eden, till one greater Man
Restore us, and regain the blissful Seat,
Sing, Heavenly Muse, that on the secret top
Of Oreb, or of Sinai, didst inspire
That Shepherd who first taught the chosen seed"""
HAMLET = """To be, or not to be, that is the question:
Whether 'tis nobler in the mind to suffer"""
GREEN = """Nature's first green is gold,
Her hardest hue to hold.
Her early leaf's a flower;
But only so an hour."""

FORMS = [
    (GRAY, "10x4", "ABAB"),
    (SONNET_73, "10x14", "ABABCDCDEFEFGG"),
    (DICKINSON, "8-6-8-6", "ABCB"),
    (LONGFELLOW, "8-7-8-7", "ABAB"),
    (FROST, "8x4", "AABA"),
    (JERUSALEM, "8x4", "ABCB"),
    (POPE, "10x2", "AA"),
    (WORDSWORTH, "8x4", "ABAB"),
    (STAR, "7x4", "AABB"),
    (MILTON, "10x8", None),
    (HAMLET, "11x2", None),
    (GREEN, "6x4", "AABB"),
    (BLAKE, "7-8-7-8", "AABB"),
]
KNOWN = [text for text, *_ in FORMS] + [SONNET_18, TENNYSON]
WORDS = [
    "the",
    "a",
    "and",
    "of",
    "with",
    "thou",
    "heaven",
    "fire",
    "flower",
    "every",
    "glittering",
    "power",
    "poem",
    "quiet",
    "delight",
    "light",
    "river",
    "immortality",
    "loved",
    "blessed",
    "wandering",
    "beautiful",
    "o'er",
    "'tis",
    "eternal",
    "spirit",
    "violet",
    "I",
    "moon",
]


def poem(text: str) -> Poem:
    return Poem(tuple(text.split("\n")))


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))


def check(text: str, form: str = "") -> Report:
    (report,) = check_all(text, Form.parse(form) if form else None)
    return report


def names(report: Report) -> list[tuple[str, int, bool]]:
    return [(note.name, note.line, note.remark) for note in report.notes]


# --- Forms, syllables, and the way back ---


@pytest.mark.parametrize(("text", "form", "scheme"), FORMS, ids=lambda x: str(x)[:12])
def test_what_people_know_by_heart_has_its_form_and_its_rhymes(
    text: str, form: str, scheme: str | None
) -> None:
    verses = text.split("\n")
    assert str(poem(text).form) == form
    assert form_of(verses) == Form.parse(form)
    assert rhyme(verses) == scheme


@pytest.mark.parametrize("text", KNOWN, ids=lambda text: text[:12])
def test_the_syllables_of_a_poem_are_its_letters_and_come_back_as_it(text: str) -> None:
    one = poem(text)
    form = one.form
    assert form is not None
    tokens = clusters(content(one, form))
    assert len(tokens) == form.size
    assert "".join(letters(parsed(token).piece) for token in tokens) == letters(text)
    for token in tokens:
        assert str(parsed(token)) == token
    again = poem(compose("".join(tokens), form))
    assert [letters(line) for line in again.lines] == [letters(line) for line in one.lines]
    assert again.form == form
    assert content(again, form) == "".join(tokens)
    assert [line[0].isupper() or line[:2] == "'T" for line in again.lines] == [True] * form.lines
    assert again.text.endswith(".")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
def test_a_line_is_read_at_every_number_of_syllables_that_its_words_add_up_to(
    words: list[str],
) -> None:
    line, sums = " ".join(words), {0}
    for word in words:
        counts = {len(one.syllables) for one in english.pronunciations(word)}
        sums = {old + new for old in sums for new in counts}
    for n in range(1, 21):
        tokens = english.syllables([line], [n])
        assert (tokens is not None) == (n in sums)
        if tokens:
            assert len(clusters(tokens)) == n
            assert english.titled(tokens).lower() == line.lower()
            verse = english.written([tokens], Form(n))
            assert letters(verse) == letters(line)
    assert english.syllables([line, line], [min(sums)]) is None, "lines and lengths differ"


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("Delight", {2: "⟨de-0⟩⟨-light1:L:AY.T⟩"}),
        ("THE RIVER", {3: "⟨the5:DH:AH⟩⟨riv-1⟩⟨-er0⟩"}),
        ("heaven", {1: "⟨heaven3:HH:EH.V.N⟩", 2: "⟨heav-1⟩⟨-en0⟩"}),
        ("moon-light, now", {3: "⟨moon3:M:UW.N⟩⟨light3:L:AY.T⟩⟨now3:N:AW⟩"}),
    ],
)
def test_how_a_line_is_written_in_syllables(line: str, tokens: dict[int, str]) -> None:
    found = {n: english.syllables([line], [n]) for n in range(1, 6)}
    assert {n: one for n, one in found.items() if one} == tokens


@given(
    st.text("abcdeo'é", min_size=1, max_size=5),
    st.booleans(),
    st.booleans(),
    st.sampled_from("012345"),
    st.sampled_from([("", ""), ("L", "AY.T"), ("", "OW"), ("S.T.R", "IY.M.Z")]),
)
def test_a_token_is_read_as_it_was_written(
    piece: str, begins: bool, ends: bool, beat: str, sounds: tuple[str, str]
) -> None:
    token = Token(piece, begins, ends, beat, *(sounds if ends else ("", "")))
    assert parsed(str(token)) == token
    assert clusters(str(token) * 3) == [str(token)] * 3
    assert english.joins(str(token)) == (not begins, not ends)


@pytest.mark.parametrize("text", ["", "light", "⟨light⟩", "⟨light9⟩", "⟨3⟩", "⟨light3:L⟩", "⟨a3⟩b"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="is no English syllable"):
        parsed(text)


# --- Metre ---

# One token for each way in which a beat may fall, at each place in a word.
TOKENS = [
    str(Token("x", begins, ends, beat))
    for begins in (False, True)
    for ends in (False, True)
    for beat in "012345"
]


def alternatives(length: int, metre: str, strictness: str) -> tuple[tuple[str, ...], ...]:
    """The patterns of a line of so many syllables."""
    ((line, again),) = english.patterns(Form(length, 2), metre, strictness)
    assert line == again
    found: tuple[tuple[str, ...], ...] = tuple(map(tuple, line))
    return found


def fitting(tokens: tuple[str, ...], metre: str, strictness: str) -> int:
    """How many patterns a line fits."""
    slots = [english.slots(token, strictness) for token in tokens]
    patterns = alternatives(len(tokens), metre, strictness)
    return sum(all(map(frozenset.__contains__, slots, one)) for one in patterns)


@pytest.mark.parametrize("strictness", STRICTNESS)
@pytest.mark.parametrize("metre", english.METRES)
def test_no_line_fits_two_patterns(metre: str, strictness: str) -> None:
    """Places are filled each for itself, so that two patterns have no line in common just where
    they have a place that no token fills in both."""
    slots = {english.slots(token, strictness) for token in TOKENS}
    for length in range(1, 15):
        for one, other in combinations(alternatives(length, metre, strictness), 2):
            pairs = [{a, b} for a, b in zip(one, other, strict=True)]
            assert any(not any(pair <= some for some in slots) for pair in pairs), (one, other)


@pytest.mark.parametrize("metre", english.METRES)
def test_what_is_stricter_is_kept_by_fewer_lines(metre: str) -> None:
    kinds = {tuple(english.slots(token, s) for s in STRICTNESS): token for token in TOKENS}
    for length, few in ((1, 99), (2, 99), (3, 99), (4, 6), (5, 4), (6, 3)):
        tokens = [*kinds.values()][:: max(1, len(kinds) // few)]
        for line in product(tokens, repeat=length):
            strict, usual, lenient = (fitting(line, metre, s) for s in STRICTNESS)
            assert strict <= usual <= lenient <= 1, line


@pytest.mark.parametrize(
    ("line", "keeps"),
    [
        ("The curfew tolls the knell of parting day", "strict usual lenient"),
        ("Upon the hill", "strict usual lenient"),
        ("Nature is here above", "usual lenient"),  # an inverted first foot
        ("On the high hill is a delight", "usual lenient"),  # a on the beat
        ("The moon, nature and light", "lenient"),  # an inverted second foot
        ("The moon again nature", ""),  # an inverted last one
        ("Nature, nature and light", ""),  # two beside each other
        ("Again the moon and river", ""),  # seven
        ("To the again of day", "usual lenient"),
    ],
)
def test_how_strictly_a_line_is_iambic(line: str, keeps: str) -> None:
    length = 8 if "high" in line else 4 if line.startswith("Upon") else 10 if "cur" in line else 6
    form = Form(length, 2)
    found = [s for s in STRICTNESS if regulated([line, line], strictness=s, form=form)]
    assert found == keeps.split()


def test_verses_of_other_lengths_have_no_metre_of_their_own() -> None:
    for text in (STAR, LONGFELLOW, HAMLET):
        verses = text.split("\n")
        assert [regulated(verses, strictness=s) for s in STRICTNESS] == [None] * 3
    assert regulated(GRAY.split("\n")[:3], form=Form(10, 4)) is False
    assert regulated(["The moon is light"]) is None, "one line has no form"


def test_another_strictness_is_refused() -> None:
    verses = GRAY.split("\n")
    for asked in (
        lambda: regulated(verses, strictness="loose"),
        lambda: rhyme(verses, "loose"),
        lambda: rhyme_ok(verses, "loose"),
        lambda: first_rhymes(verses, "loose"),
    ):
        with pytest.raises(ConfigError, match="strictness is 'loose'; expected strict, usual or"):
            asked()


def test_another_metre_is_refused() -> None:
    with pytest.raises(ConfigError, match="the metre is 'sapphic'; expected iambic, trochaic"):
        english.patterns(Form(4, 2), "sapphic")


def test_english_verse_has_no_tones() -> None:
    for form in (Form(10, 4), Form(5, 2), Form((8, 6), 2)):
        assert english.patterns(form) == ()
    assert english.SAYS["no tones"].startswith("English verse has a metre and no tones")


# --- Rhyme ---

COUPLES = [
    ("light", "night", True),
    ("love", "dove", True),
    ("day", "Away", True),
    ("me", "immortality", True),
    ("lea", "me", True),
    ("flower", "hour", True),
    ("numbers", "slumbers", True),
    ("train", "rain", True),
    ("hear", "near", True),
    ("one", "sun", True),
    ("light", "light", False),
    ("night", "knight", False),
    ("light", "delight", False),
    ("rose", "arose", False),
    ("sea", "see", False),
    ("love", "move", False),
    ("bough", "cough", False),
    ("said", "laid", False),
    ("moon", "light", False),
]


@pytest.mark.parametrize(("one", "other", "rhymes"), COUPLES)
def test_words_rhyme_by_sound_and_none_with_itself(one: str, other: str, rhymes: bool) -> None:
    for first, second in ((one, other), (other, one)):
        verses = [f"And so the {first}", f"Behold the {second}!"]
        assert (rhyme(verses) == "AA") == rhymes
        assert rhyme_ok(verses, form=Form(4, 2)) == rhymes
        assert self_rhymes(verses, Form(4, 2)) == (first == second)


QUATRAIN = ["The moon is {}", "The sun is {}", "The sea is {}", "The sky is {}"]


@pytest.mark.parametrize(
    ("ends", "scheme", "ok", "twice"),
    [
        ("day love way dove", "ABAB", True, False),
        ("day way love dove", "AABB", True, False),
        ("day love wood dove", "ABCB", True, False),
        ("day love dove way", "ABBA", True, False),
        ("day way stay gray", "AAAA", True, False),
        ("day way love stay", "AABA", True, False),
        ("day love way wood", "ABAC", False, False),
        ("day way love wood", "AABC", False, False),
        ("day love move way", "ABCA", False, False),
        ("day love day love", None, False, True),
        ("day dove day love", "ABCB", True, True),
        ("day love wood land", None, False, False),
    ],
)
def test_how_four_lines_rhyme(ends: str, scheme: str | None, ok: bool, twice: bool) -> None:
    verses = [line.format(end) for line, end in zip(QUATRAIN, ends.split(), strict=True)]
    assert poem("\n".join(verses)).form == Form(4, 4)
    assert (rhyme(verses), rhyme_ok(verses), self_rhymes(verses)) == (scheme, ok, twice)
    assert first_rhymes(verses) is None


def test_lines_of_two_lengths_by_turns_rhyme_where_they_are_even() -> None:
    assert rhyme_ok(DICKINSON.split("\n")) is True
    assert rhyme_ok(DICKINSON.replace("Immortality", "all eternal rest").split("\n")) is False


def test_verse_of_other_forms_need_not_rhyme() -> None:
    for text in (SONNET_73, MILTON):
        verses = text.split("\n")
        assert (rhyme_ok(verses), self_rhymes(verses)) == (None, None)


def test_lines_that_are_more_or_fewer_than_those_of_a_form_do_not_rhyme_as_it_does() -> None:
    verses = GRAY.split("\n")
    for some in (verses[:1], verses[:3], [*verses, verses[0]]):
        assert not rhyme_ok(some, form=Form(10, 4))


# --- Checks ---


def test_the_scansion_of_a_stanza() -> None:
    expected = """iambic pentameter quatrain · 10x4 · rhymes ABAB
     x   /   x    /    x    /    x   /   x   /
 1  The cur·few tolls the knell of part·ing day
     x   /   x    /    x    /   x   /   x   /
 2  The low·ing herd wind slow·ly o'er the lea
     x     /    x    /    x    /    x    /  x  /
 3  The plough·man home·ward plods his wear·y way
     x     /    x    /    x   /    x   /   x  /
 4  And leaves the world to dark·ness and to me
no faults, no remarks"""
    report = check(GRAY)
    assert [line.rstrip() for line in str(report).splitlines()] == expected.splitlines()
    assert report.faults == report.notes == ()
    assert str(check(GRAY, "10x4")) == str(report)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GRAY, "iambic pentameter quatrain"),
        (POPE, "iambic pentameter couplet"),
        (SONNET_18, "iambic pentameter sonnet"),
        (DICKINSON, "ballad stanza"),
        (FROST, "iambic tetrameter quatrain"),
        (STAR, "trochaic tetrameter quatrain"),
        (LONGFELLOW, "trochaic quatrain"),
        (HAMLET, "iambic pentameter couplet"),
        (GREEN, "iambic trimeter quatrain"),
        ("An old silent pond\nA frog jumps into the pond\nSplash! Silence again.", "haiku"),
    ],
    ids=lambda x: x[:12],
)
def test_what_a_poem_is_called(text: str, kind: str) -> None:
    assert check(text).kind == kind


@pytest.mark.parametrize("text", [GRAY, POPE, SONNET_18, DICKINSON, FROST, STAR, LONGFELLOW])
def test_what_poets_wrote_has_no_faults(text: str) -> None:
    assert check(text).faults == ()


@pytest.mark.parametrize(
    ("text", "form", "note"),
    [
        (GRAY.replace("of parting", "of the parting"), "10x4", ("length", 1, False)),
        (GRAY.replace("weary way", "way"), "10x4", ("length", 3, False)),
        (GRAY, "10x2", ("length", 0, False)),
        (GRAY.replace("slowly", "again"), "", ("stress", 2, False)),
        (GREEN, "", ("inversion", 1, True)),
        (HAMLET.split("\n")[0], "", ("feminine ending", 1, True)),
        (POPE, "", ("licence", 2, True)),
        (TENNYSON, "", ("eye rhyme", 3, True)),
        ("The dove is love\nThe love will move", "", ("eye rhyme", 2, True)),
        (GRAY.replace("weary", "xqzzic"), "", ("unknown word", 3, True)),
        (GRAY.replace("to me", "the lea"), "", ("identical rhyme", 4, True)),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    text: str, form: str, note: tuple[str, int, bool]
) -> None:
    report = check(text, form)
    assert note in names(report)
    assert note not in names(check(WORDSWORTH))
    name, line, remark = note
    (first, *_) = (one for one in report.notes if one.name == name)
    assert str(first) in str(report)
    assert (first in report.faults) != remark
    assert line == 0 or first in report.lines[line - 1].notes


def test_the_place_of_a_false_stress_is_told() -> None:
    report = check(GRAY.replace("slowly", "again"))
    assert [(one.line, one.position, one.why) for one in report.faults] == [
        (2, 6, "again is unstressed here; the metre has one"),
        (2, 7, "again is stressed here; the metre has none"),
    ]


@pytest.mark.parametrize(
    ("one", "other"), [("night", "knight"), ("light", "delight"), ("rose", "arose")]
)
def test_words_of_one_sound_are_no_rhyme_for_the_eye(one: str, other: str) -> None:
    """They sound the same, and so nobody is told that one sounds otherwise."""
    assert "eye rhyme" not in [name for name, *_ in names(check(f"The {one}\nThe {other}"))]


def test_prose_is_no_verse() -> None:
    line = "It was the best of times, it was the worst of times, it was the age of wisdom"
    with pytest.raises(CorpusError, match="line 1 has no reading of 1 to 20 syllables"):
        check(f"{line}, it was the age of foolishness")


@pytest.mark.parametrize("text", KNOWN, ids=lambda text: text[:12])
def test_a_report_as_json(text: str) -> None:
    report = check(text)
    found = json.loads(json.dumps(report.as_dict()))
    assert found.keys() >= {"text", "form", "kind", "book", "lines", "rhyme", "faults", "remarks"}
    assert found["form"] == str(poem(text).form)
    assert (found["book"], found["rhyme"]) == ("", rhyme(text.split("\n")))
    assert found["text"].split("\n") == [line["text"] for line in found["lines"]]
    form = Form.parse(found["form"])
    for line, size in zip(found["lines"], form.lengths, strict=True):
        assert len(line["tones"]) == len(line["readings"]) == len(line["pattern"]) == size
        assert set(line["tones"]) <= set("x/")
        read = zip(line["tones"], line["readings"], strict=True)
        assert line["faults"] or all("x" in may for mark, may in read if mark == "x")
    assert len(found["faults"]) == len(report.faults)
    assert all(one["line"] == 0 or 1 <= one["line"] <= form.lines for one in found["remarks"])


def test_what_cannot_be_checked() -> None:
    with pytest.raises(ConfigError, match="the book of rhymes is '平水'; English verse rhymes by"):
        check_all(GRAY, None, "平水")


# --- Languages ---


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in KNOWN),
        *(line for text in (GRAY, DICKINSON, FROST, SONNET_73) for line in text.split("\n")),
        "O Rose thou art sick",
        "The fog comes\non little cat feet.",
        "Half a league, half a league,\nHalf a league onward,",
        "⟨light3:L:AY.T⟩",
    ],
    ids=lambda text: text[:20],
)
def test_english_is_told(text: str) -> None:
    assert language_of(text) is english


@pytest.mark.parametrize(
    "text",
    [
        "Über allen Gipfeln\nIst Ruh",
        "Wer reitet so spät durch Nacht und Wind?\nEs ist der Vater mit seinem Kind",
        "Kennst du das Land, wo die Zitronen blühn",
        "Ich weiß nicht, was soll es bedeuten",
        "Was will die einsame Träne?\nSie trübt mir ja den Blick.",
        "Was will die einsame Träne?",
        "Der Mond ist aufgegangen",
        "Die Gedanken sind frei",
        "Du bist die Ruh",
        "In dem Garten",
        "Il pleure dans mon cœur",
        "Sous le pont Mirabeau coule la Seine",
        "Mais où sont les neiges d'antan",
        "Frère Jacques, Frère Jacques,\nDormez-vous? Dormez-vous?",
        "Les sanglots longs\nDes violons",
        "Arma virumque cano, Troiae qui primus ab oris",
        "Odi et amo. Quare id faciam, fortasse requiris.",
        "Dies irae, dies illa",
        "Carpe diem",
        "In medias res",
        "Do ut des",
        "Verde que te quiero verde",
        "Caminante, no hay camino",
        "A las cinco de la tarde",
        "No me mueve, mi Dios, para quererte",
        "As armas e os barões assinalados",
        "Nel mezzo del cammin di nostra vita",
        "Tanto gentile e tanto onesta pare",
        "Я помню чудное мгновенье",
        "μῆνιν ἄειδε θεά",
        "",
        " \n ",
        "12 34, …",
    ],
    ids=lambda text: text[:20],
)
def test_verse_of_other_languages_is_of_none(text: str) -> None:
    assert language_of(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("春眠不覺曉", "chinese"),
        ("はるのあめ", "japanese"),
        ("カタカナ、コーヒー", "japanese"),
        ("春の海", "chinese"),
        ("春眠 the spring is here", "chinese"),
    ],
)
def test_writing_tells_other_languages(text: str, name: str) -> None:
    found = language_of(text)
    assert found is not None
    assert name == found.NAME


@pytest.mark.parametrize("text", ["the spring はる", "the spring весна is here"])
def test_mixed_writing_is_not_english(text: str) -> None:
    assert language_of(text) is not english


# --- Parts of longer poems ---


def parts(text: str, *forms: str) -> list[tuple[str, int, int]]:
    """Of each part its form, its first line and how many there are."""
    lines = text.split("\n")
    found = select([poem(text)], [Form.parse(form) for form in forms])
    return [(str(part.form), lines.index(part.lines[0]), len(part.lines)) for part in found]


QUATRAINS, COUPLET = [("10x4", 0, 4), ("10x4", 4, 4), ("10x4", 8, 4)], [("10x2", 12, 2)]


def test_a_sonnet_is_three_quatrains_and_a_couplet() -> None:
    assert parts(SONNET_73, "10x4", "10x2") == QUATRAINS + COUPLET
    assert parts(SONNET_73, "10x2", "10x4") == QUATRAINS + COUPLET
    assert parts(SONNET_73, "10x4") == QUATRAINS
    assert parts(SONNET_73, "10x2") == COUPLET
    assert parts(SONNET_73, "8x4", "8x2") == []
    assert parts(SONNET_73, "10x14") == [("10x14", 0, 14)]
    assert parts(SONNET_18, "10x4", "10x2") == QUATRAINS[1:] + COUPLET, "temperate, date"


def test_parts_have_the_key_of_their_poem() -> None:
    whole = poem(SONNET_73)
    found = [*select([whole], [Form(10, 4), Form(10, 2)])]
    assert {part.key for part in found} == {whole.key}
    for part in found:
        assert content(part, part.form)
        assert str(part.form) in ("10x4", "10x2")


def test_blank_verse_and_other_lengths_give_nothing() -> None:
    assert parts(MILTON, "10x4", "10x2") == []
    assert parts(HAMLET, "10x2", "10x4", "8x4") == []
    assert parts(HAMLET, "11x2") == [("11x2", 0, 2)]


def test_couplets_are_taken_out_of_longer_stanzas_line_for_line_once() -> None:
    text = "\n".join([POPE, POPE.replace("True", "Great"), POPE.replace("True", "Sweet")])
    assert parts(text, "10x2") == [("10x2", 0, 2), ("10x2", 2, 2), ("10x2", 4, 2)]
    stanzas = [
        *select([poem(f"{GRAY}\n\n{GRAY.replace('The curfew', 'A curfew')}")], [Form(10, 4)])
    ]
    assert [part.lines[0] for part in stanzas] == [
        "The curfew tolls the knell of parting day,",
        "A curfew tolls the knell of parting day,",
    ]

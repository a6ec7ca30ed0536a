"""English words: their syllables, what verse makes of them, and what they rhyme with."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_english_table import table

from poetvae.text.prosody import english
from poetvae.text.prosody.english import (
    ARCHAIC,
    DICTIONARY,
    DIERESIS,
    IDENTICAL,
    LETTERS,
    LICENCES,
    PERFECT,
    PLAIN,
    RULE,
    SOUNDED,
    SOURCES,
    SYNCOPE,
    SYNERESIS,
    Pronunciation,
    dictionary,
    is_function_word,
    pronunciations,
    rhyme_kind,
    vocabulary,
)
from poetvae.text.prosody.english.table import archaic, is_vowel
from poetvae.text.prosody.english.verse import OLD_DIERESIS

_ROWS = files(english).joinpath("archaic.tsv").read_text(encoding="utf-8").splitlines()
SAMPLE = random.Random(1).sample(vocabulary(), 1500)

# What a reader may count, speech and verse together; judged by ear, not by the code.
COUNTS = {
    "1": "love thought through strengths fringe breathe tongue queue rhyme isle aisle knight "
    "wreathe squeeze o'er e'er ne'er e'en 'tis 'twas 'twixt know'st lov'd heav'n pow'r "
    "flow'r giv'n ta'en hath doth shouldst thou'rt dropt spake ye thro' tho' ease eye awe "
    "owe ewe shone wretch world girl hymn plague vague scythe",
    "2": "little people rhythm chasm prism spasm table castle mountain antique perfume "
    "beauty thousand nature creature wander'd ponders mighty chocolate wicked naked crooked "
    "wretched sacred hundred kindred business aspect therein whereof ev'ning create belov'd "
    "blessèd wand'ring thund'ring lonely lovely maketh loveth rivers roses ashes centre "
    "sombre lustre acre colour oftest moon-lit th'expanse ev'ry whate'er heav'nly aching "
    "phoenix naive coerce tyrant sceptre thyself subtle lyric Chloe Phoebe Daphne Psyche Lethe "
    "Hebe pious wherefore perfumes wherein thereof unknown unswept outworn forlorn pursuit travail "
    "presage methinks outright complete extreme divine profound obscure supreme sincere secure "
    "serene adverse exile July commerce access process edict foregone thereby twofold object "
    "wisest triumph",
    "3": "beautiful solitude idea recognise created forgotten multitude melody cherubim "
    "remember'd tomorrow unloving poesy diadem hyacinth heroic Niobe yesterday wonderful "
    "blossoming opinion companion Socrates Hercules Orestes Achates innocent "
    "enemy syllable miracle perspective revenue canonize contemplate demonstrate illustrate "
    "embassage equipage jollity carcanet attainted",
    "4": "eternity reality felicity melancholy humanity Penelope Calliope Persephone Melpomene "
    "Andromache Euripides Parmenides prefiguring cooperate",
    "45": "salutation",
    "5": "immortality",
    "12": "fire hour our flower power shower bower tower heaven seven even given driven fallen "
    "being seeing doing going dying lying poem poet ruin quiet riot lion giant science "
    "diet cruel jewel real royal trial iron choir prayer higher highest knowest seest "
    "toward aged blessed learned stretched winged loved moved called breathed tired lyre "
    "erred makest givest lovest comest risest takest basest gavest goest mayest doest goeth fliest "
    "'greeing spirit spirits whether either neither hither thither evil devil ever never over",
    "23": "every passionate wanderer wandered pondered radiant glittering flattering flowering "
    "flowery family memory reasoning listening towering traveller emperor suffering "
    "beloved desire followed scattered offering murmuring different several general "
    "natural dangerous interest poetry violet violent theatre diamond evening heavenly "
    "glorious various curious furious Indian hideous envious virtuous usual mutual "
    "influence chariot idiot audience orient happier following shadowy Romeo Juliet Israel "
    "piety quietness quivering temperate bounteous duteous plenteous beauteous piteous receivest "
    "spacious gracious precious special ocean patient nation passion ancient vision conscience "
    "buried perfumed company medicine victory history mystery misery century",
    "34": "victorious inglorious obedient experience melodious imperial ethereal society variety "
    "wonderingly literally delicious rememberest",
    "234": "heavenliest",
}
TRIPPING = [(word, digits) for digits, text in COUNTS.items() for word in text.split()]


def counts(word: str) -> set[int]:
    return {len(reading.syllables) for reading in pronunciations(word)}


def pieces(word: str) -> list[str]:
    return ["·".join(reading.pieces) for reading in pronunciations(word)]


def kinds(first: str, second: str) -> set[str | None]:
    both = [(a, b) for a in pronunciations(first) for b in pronunciations(second)]
    return {rhyme_kind(a, b) for a, b in both}


def check(word: str, readings: tuple[Pronunciation, ...]) -> None:
    for reading in readings:
        assert "".join(reading.pieces) == word
        assert all(reading.pieces)
        assert reading.source in SOURCES
        assert reading.licence in (PLAIN, *LICENCES)
        assert (reading.rhyme is None) == (reading.syllables[-1].rime is None)


def test_words_of_the_dictionary_are_cut_into_their_syllables() -> None:
    for word in SAMPLE:
        readings = pronunciations(word)
        check(word, readings)
        said = [reading for reading in readings if reading.licence == PLAIN]
        if archaic(word):
            continue
        assert {reading.source for reading in said} == {DICTIONARY}
        stresses = [tuple(one.stress for one in reading.syllables) for reading in said]
        for phones in dictionary(word):
            told = tuple(int(phone[-1]) for phone in phones if is_vowel(phone))
            assert told in stresses or (1, 1) in pairwise(told)


@given(st.sampled_from(SAMPLE), st.sampled_from([str.upper, str.title, str.swapcase]))
def test_case_is_kept_and_changes_nothing_else(word: str, cased: Callable[[str], str]) -> None:
    written = cased(word)
    check(written, pronunciations(written))
    assert [piece.lower() for piece in pieces(written)] == pieces(word)


@given(st.text(st.sampled_from("abcdeghilmnoprstuvwy'’-éA"), max_size=14))
def test_any_spelling_is_cut(text: str) -> None:
    readings = pronunciations(text)
    check(text, readings)
    assert bool(readings) == any(map(str.isalpha, text))
    assert len(set(readings)) == len(readings)


@given(st.text(max_size=8))
def test_any_text_is_cut(text: str) -> None:
    check(text, pronunciations(text))


@pytest.mark.parametrize(("word", "digits"), TRIPPING)
def test_words_that_trip_counters(word: str, digits: str) -> None:
    assert counts(word) == set(map(int, digits)), pieces(word)


CUTS = (
    "de·light rec·og·nise po·em be·ing cre·ate lit·tle hap·py wan·d'ring na·tion pas·sion spe·cial "
    "vi·sion be·lov·ed wick·ed cas·tle trou·ble pick·le ask·ing run·ning case·ment dis·trust "
    "un·known moon·beam self-·same un·der·stand who·e'er qui·et con·quer liq·uid ex·act sing·ing "
    "fin·ger rhyth·m love·ly th'ex·panse Heav·en EV·ER mak·eth col·our cher·u·bim"
)


@pytest.mark.parametrize("cut", CUTS.split())
def test_cuts(cut: str) -> None:
    assert cut in pieces(cut.replace("·", ""))


@pytest.mark.parametrize(
    ("word", "licence", "cut"),
    [
        ("heaven", SYNCOPE, "heaven"),
        ("glittering", SYNCOPE, "glit·tering"),
        ("flower", SYNERESIS, "flower"),
        ("being", SYNERESIS, "being"),
        ("poem", SYNERESIS, "poem"),
        ("lyre", DIERESIS, "ly·re"),
        ("loved", SOUNDED, "lov·ed"),
        ("Unblessed", SOUNDED, "Un·bles·sed"),
        ("glorious", SYNERESIS, "glor·ious"),
        ("virtuous", SYNERESIS, "vir·tuous"),
        ("usual", SYNERESIS, "u·sual"),
        ("quiet", SYNERESIS, "quiet"),
        ("following", SYNERESIS, "follo·wing"),
        ("givest", SYNCOPE, "givest"),
        ("ever", SYNCOPE, "ever"),
        ("ocean", OLD_DIERESIS, "o·ce·an"),
        ("mentioned", OLD_DIERESIS, "men·ti·oned"),
        ("buried", SOUNDED, "bur·i·ed"),
    ],
)
def test_verse_reads_a_word_otherwise(word: str, licence: str, cut: str) -> None:
    first, *_ = readings = pronunciations(word)
    assert first.licence == PLAIN
    assert {"·".join(one.pieces) for one in readings if one.licence == licence} == {cut}


@pytest.mark.parametrize(
    "word", ["idea", "ideas", "nationality", "oftest", "pow'r", "need", "agreed", "red", "hundred"]
)
def test_verse_leaves_other_words_alone(word: str) -> None:
    assert {reading.licence for reading in pronunciations(word)} == {PLAIN}


def test_two_licences_are_named_by_the_less_common_one() -> None:
    found = {one.pieces: one.licence for one in pronunciations("heavenliest")}
    assert found == {
        ("heav", "en", "li", "est"): PLAIN,
        ("heaven", "li", "est"): SYNCOPE,
        ("heav", "en", "liest"): SYNERESIS,
        ("heaven", "liest"): SYNERESIS,
    }
    parts = [one.licence for one in pronunciations("heaven-loved")]
    assert parts == [PLAIN, SYNCOPE, SOUNDED, SOUNDED]


@pytest.mark.parametrize(
    ("word", "cuts"),
    [
        ("loved", "loved lov·ed"),
        ("blessed", "bles·sed blessed"),
        ("beloved", "be·lov·ed be·loved"),
        ("aged", "ag·ed aged"),
        ("learned", "learn·ed learned"),
        ("winged", "winged wing·ed"),
        ("embowered", "em·bow·ered em·bowered"),
        ("crooked", "crook·ed"),
        ("wicked", "wick·ed"),
        ("hundred", "hun·dred"),
    ],
)
def test_the_natural_ending_comes_first(word: str, cuts: str) -> None:
    assert pieces(word) == cuts.split()


@pytest.mark.parametrize(
    "cut", ["Al·ca·tho·e", "A·tri·des", "A·na·phe", "Ly·can·tes", "Am·o·rites"]
)
def test_names_from_the_greek_keep_their_last_syllable(cut: str) -> None:
    name = cut.replace("·", "")
    (reading,) = pronunciations(name)
    assert reading.source == LETTERS
    assert len(reading.pieces) == len(cut.split("·")), reading.pieces


# Lines that readers know by heart, of ten syllables, or of eleven with a feminine ending.
LINES = """
10 Shall I compare thee to a summer's day
10 Thou art more lovely and more temperate
10 When to the sessions of sweet silent thought
10 Let me not to the marriage of true minds
10 Th'expense of spirit in a waste of shame
11 To be, or not to be, that is the question
11 Whether 'tis nobler in the mind to suffer
11 Tomorrow, and tomorrow, and tomorrow
11 Told by an idiot, full of sound and fury
10 These violent delights have violent ends
11 Our revels now are ended. These our actors
10 Made glorious summer by this sun of York
10 This royal throne of kings, this sceptred isle
10 Was this the face that launched a thousand ships
10 And burnt the topless towers of Ilium
10 With how sad steps, O Moon, thou climb'st the skies
10 Death be not proud, though some have called thee
10 Batter my heart, three person'd God; for, you
10 Of man's first disobedience, and the fruit
10 Sing, Heavenly Muse, that on the secret top
10 Hurled headlong flaming from th'ethereal sky
10 With hideous ruin and combustion, down
10 Better to reign in Hell than serve in Heaven
10 Shedding sweet influence: less bright the moon
11 For solitude sometimes is best society
10 What dire offence from amorous causes springs
10 What mighty contests rise from trivial things
10 A little learning is a dangerous thing
10 Some mute inglorious Milton here may rest
10 The ploughman homeward plods his weary way
10 It is a beauteous evening, calm and free
10 Milton! thou shouldst be living at this hour
10 I met a traveller from an antique land
11 O wild West Wind, thou breath of Autumn's being
10 Thou still unravished bride of quietness
11 A thing of beauty is a joy for ever
10 Much have I travell'd in the realms of gold
10 One equal temper of heroic hearts
10 Courage! he said, and pointed toward the land
10 Not like the brazen giant of Greek fame
10 The multitudinous seas incarnadine
10 Imperious Caesar, dead and turned to clay
10 Attractive, graceful, amiable, and sweet
10 In dubious battle on the plains of Heaven
10 And murmuring of innumerable bees
10 The moan of doves in immemorial elms
11 The lunatic, the lover and the poet
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_famous_line_has_its_syllables(line: str) -> None:
    digits, *words = line.split()
    sums = {0}
    for word in words:
        sums = {count + more for count in sums for more in counts(word.strip(",.:;!"))}
    assert int(digits) in sums, sums


def test_the_table_of_old_forms_is_well_formed() -> None:
    known = {phone for word in SAMPLE for phones in dictionary(word) for phone in phones}
    rows = [line for line in _ROWS if not line.startswith("#")]
    assert rows == sorted(set(rows))
    for word in (row.partition("\t")[0] for row in rows):
        assert archaic(word)
        for phones in archaic(word):
            assert set(phones) <= known
            assert 0 < sum(map(is_vowel, phones)) <= len(word)


def test_an_accent_sounds_the_ending() -> None:
    assert pieces("Blessèd") == ["Bles·sèd"]
    assert pieces("loved") == ["loved", "lov·ed"]
    assert pieces("lóved") == ["lóved", "lóv·ed"], "an accent elsewhere says nothing"
    assert pieces("burièd") == ["bur·i·èd"]
    assert pieces("wanderèd") == ["wan·der·èd"]
    assert pieces("love\u0300d") == ["lov·e\u0300d"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("object", "10 01"),
        ("record", "01 10"),
        ("antique perfumes unknown unswept wherein divine methinks", "01 10"),
        ("aspect access wherefore", "12 21"),
        ("outworn thereof foregone thereby outright twofold", "21 12"),
        ("perspective", "010 120"),
        ("canonize", "102 012"),
        ("unless until forsake", "01"),
        ("outlaw", "12"),
        ("attainted", "010"),
        ("salutation lamentation vexation's", "2010 010"),
    ],
)
def test_where_the_stress_falls(words: str, expected: str) -> None:
    for word in words.split():
        said = [one for one in pronunciations(word) if one.licence == PLAIN]
        found = dict.fromkeys("".join(str(s.stress) for s in one.syllables) for one in said)
        same_length = [one for one in expected.split() if len(one) == len(next(iter(found)))]
        assert [*found] == same_length, word


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("love", "dove", PERFECT),
        ("love", "glove", PERFECT),
        ("wandered", "pondered", PERFECT),
        ("flower", "hour", PERFECT),
        ("fire", "higher", PERFECT),
        ("hear", "near", PERFECT),
        ("day", "Away", PERFECT),
        ("ending", "bending", PERFECT),
        ("o'er", "shore", PERFECT),
        ("erred", "bird", PERFECT),
        ("presage", "rage", PERFECT),
        ("love", "move", None),
        ("night", "knight", IDENTICAL),
        ("rose", "arose", IDENTICAL),
        ("love", "Xanthippzz", None),
    ],
)
def test_rhymes(first: str, second: str, kind: str | None) -> None:
    found = kinds(first, second)
    assert kind in found
    assert found <= {kind, None}


def test_a_rhyme_from_the_last_stress_or_from_another_syllable() -> None:
    (love,), (ending, *_) = pronunciations("love"), pronunciations("ending")
    assert (love.onset, love.rhyme) == ("L", "AH V")
    assert (ending.onset, ending.rhyme) == ("", "EH N D AH NG")
    (melody, *_), (free,) = pronunciations("melody"), pronunciations("free")
    assert melody.rhyme != free.rhyme
    assert melody.rhyme_from(-1) == free.rhyme == "IY"
    assert pronunciations("buried")[-1].rhyme_from(-1) == pronunciations("dead")[0].rhyme
    assert pronunciations("happiness")[0].rhyme_from(-1) == pronunciations("bless")[0].rhyme
    assert pronunciations("render")[0].rhyme == "EH N D ER"
    with pytest.raises(IndexError):
        love.rhyme_from(1)


@pytest.mark.parametrize(
    ("word", "source"),
    [
        ("love", DICTIONARY),
        ("Whate'er", ARCHAIC),
        ("kingdom's", DICTIONARY),
        ("minstrel's", RULE),
        ("wander'd", RULE),
        ("runneth", RULE),
        ("honours", RULE),
        ("magick", RULE),
        ("wanderin'", RULE),
        ("unwept", RULE),
        ("Brzx", LETTERS),
        ("love-Brzx", LETTERS),
    ],
)
def test_sources(word: str, source: str) -> None:
    assert pronunciations(word)[0].source == source


def test_letters_alone_tell_no_stress_and_no_rhyme() -> None:
    (reading,) = pronunciations("Alcestion")
    assert reading.pieces == ("Al", "ces", "tion")
    assert {syllable.stress for syllable in reading.syllables} == {None}
    assert reading.rhyme is reading.onset is None


def test_a_long_string_is_cut_in_time() -> None:
    word = "nessless" * 5000
    check(word, pronunciations(word))


def test_function_words() -> None:
    assert all(map(is_function_word, ["The", "o'er", "o’er", "THOU"]))
    assert not any(map(is_function_word, ["love", "", "o"]))


def test_no_letters_no_reading() -> None:
    assert [pronunciations(text) for text in ("", "'", "--", "12", "。")] == [()] * 5


def test_the_script_keeps_words_that_verse_may_have() -> None:
    lines = ["a AH0", "a(2) EY1", "a. EY1", "b. B IY1", "hm HH M", "ab EY1 B IY1", "ab(2) AE1 B"]
    lines += ["a-b AE1 B", "baa B AA1 # of sheep", "baa(2) B AA1", "b B IY1 AH0"]
    lines += ["baa(3) B EY1 # old", "spring S P R IH1 NG", "spring(2) S P ER0 IH1 NG"]
    assert table(lines) == {
        "a": ["AH0", "EY1"],
        "ab": ["AE1 B"],
        "baa": ["B AA1"],
        "spring": ["S P R IH1 NG"],
    }

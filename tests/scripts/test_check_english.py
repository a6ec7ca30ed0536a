"""The checker of English verse accepts what poets wrote and names what is wrong with the rest."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import check_english
import pytest
from click.testing import CliRunner, Result

GRAY = """Here rests his head upon the lap of earth
A youth to fortune and to fame unknown.
Fair science frowned not on his humble birth,
And melancholy marked him for her own."""
POPE = """True ease in writing comes from art, not chance,
As those move easiest who have learned to dance."""
SHAKESPEARE = """So long as men can breathe or eyes can see,
So long lives this, and this gives life to thee."""
TENNYSON = """He is not here; but far away
The noise of life begins again,
And ghastly through the drizzling rain
On the bald street breaks the blank day."""
WORDSWORTH = """Continuous as the stars that shine
And twinkle on the milky way,
They stretched in never-ending line
Along the margin of a bay"""
DICKINSON = """Because I could not stop for Death—
He kindly stopped for me –
The Carriage held but just Ourselves –
And Immortality."""
LONGFELLOW = """Let us, then, be up and doing,
With a heart for any fate;
Still achieving, still pursuing,
Learn to labor and to wait."""
HIAWATHA = """Should you ask me, whence these stories?
Whence these legends and traditions,
With the odors of the forest
With the dew and damp of meadows,"""


def check(texts: list[str] | str, *flags: str, **fields: Any) -> Result:
    texts = [texts] if isinstance(texts, str) else texts
    poems = (json.dumps({"text": text, **fields}, ensure_ascii=False) for text in texts)
    return CliRunner().invoke(check_english.main, flags, input="\n".join(poems))


def first(result: Result) -> str:
    return result.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (GRAY, "--form 10x4 --rhyme-scheme ABAB"),
        (POPE, "--form 10x2 --rhyme-scheme AA"),
        (SHAKESPEARE, "--form 10x2 --rhyme-scheme AA --strictness strict"),
        (TENNYSON, "--form 8x4 --rhyme-scheme ABBA"),
        (WORDSWORTH, "--form 8x4 --rhyme-scheme ABAB"),
        (DICKINSON, "--form 8-6-8-6 --rhyme-scheme ABCB"),
        (LONGFELLOW, "--form 8-7-8-7 --rhyme-scheme ABAB --metre trochaic"),
        (HIAWATHA, "--form 8x4 --metre trochaic"),
        (SHAKESPEARE + "\n\n" + POPE, "--form 10x4 --rhyme-scheme AABB"),
    ],
)
def test_what_poets_wrote_is_accepted(text: str, flags: str) -> None:
    result = check(text, *flags.split())
    assert result.exit_code == 0, result.output
    assert first(result).startswith("1: ok")
    assert result.stdout.splitlines()[-1] == "1 of 1 accepted"


@pytest.mark.parametrize(
    ("text", "flags", "says"),
    [
        (GRAY.replace("humble", "hummble"), "", "line 3: hummble: unknown word"),
        (GRAY.replace("his head", "9 heads"), "", "line 1: 9: unknown word"),
        (GRAY.replace("the lap", "lap"), "", "line 1: -: 9 syllables, not 10"),
        (GRAY.replace("melancholy", "sad"), "", "line 4: -: 7 syllables, not 10"),
        (GRAY.replace("to fortune and", "and to fortune"), "", "line 2: fortune: stress in a weak"),
        (GRAY, "--metre trochaic", "line 1: upon: stress in a weak place"),
        (LONGFELLOW, "--form 8-7-8-7", "line 2: any: stress in a weak place"),
        (GRAY, "--form 10x2", "line 0: -: 4 lines, not the form 10x2"),
        (GRAY, "--form pentameter", "line 0: -: 4 lines, not the form pentameter"),
        (GRAY.replace("her own", "her land"), "", "line 4: land: no rhyme with unknown of line 2"),
        (GRAY.replace("her own", "the known"), "", "known: same consonants before the rhyme as un"),
        (GRAY.replace("her own", "unknown"), "", "line 4: unknown: same word as unknown"),
        (GRAY.replace("of earth", "of berth"), "", "line 3: birth: homophone of berth of line 1"),
        (GRAY, "--rhyme-scheme AABB", "line 2: unknown: no rhyme with earth of line 1"),
        (POPE, "--form 10x2 --rhyme-scheme ABAB", "line 0: -: 2 lines cannot rhyme ABAB"),
        ("Upon the hill", "--form 4 --strictness strict", "1: ok"),
        ("Hills are above", "--form 4", "1: ok"),
        ("Wonder above", "--form 4", "1: ok; line 1: wonder: inverted foot 1"),
        ("Wonder above", "--form 4 --strictness strict", "line 1: wonder: stress in a weak place"),
        ("Sunshine above", "--form 4", "1: ok; line 1: sunshine: inverted foot 1"),
        ("Above sunshine a sea", "--form 6", "sunshine: stress in a weak place"),
        ("Above sunshine a sea", "--form 6 --strictness lenient", "1: ok; line 1: sunshine"),
        ("Above, a hill", "--form 4 --strictness strict", "1: ok"),
        ("On a hill now", "--form 4 --strictness strict", "line 1: a: article in a strong place"),
        ("On a hill now", "--form 4", "1: ok"),
        ("", "--form 4", "0 lines, not the form 4"),
    ],
)
def test_each_fault_is_named(text: str, flags: str, says: str) -> None:
    scheme = "ABAB" if "\n" in text else "none"
    result = check(text, "--form", "10x4", "--rhyme-scheme", scheme, *flags.split())
    assert says in first(result)
    assert result.exit_code == (not says.startswith("1: ok"))


@pytest.mark.parametrize(
    ("word", "syllables", "licence"),
    [
        ("heaven", 1, "heaven as one syllable"),
        ("heaven’s", 1, "heaven as one syllable"),
        ("glittering", 2, "dropped vowel"),
        ("flattering", 2, "dropped vowel"),
        ("every", 2, ""),
        ("fire", 1, ""),
        ("fire", 2, ""),
        ("power", 1, "fire as one syllable"),
        ("glorious", 2, "merged vowels"),
        ("continuous", 3, "merged vowels"),
        ("wingèd", 2, "sounded -ed"),
        ("learnèd", 2, ""),
        ("winged", 2, None),
        ("garden", 1, None),
        ("banana", 2, None),
        ("fish’s", 2, ""),
        ("'tis", 1, ""),
        ("'never'", 2, ""),
    ],
)
def test_licences_are_few_and_named(word: str, syllables: int, licence: str | None) -> None:
    metre = "trochaic" if syllables > 1 and word != "continuous" else "iambic"
    result = check(word, "--form", str(syllables), "--metre", metre, "--json")
    found = json.loads(first(result))
    assert found["ok"] == (licence is not None)
    assert [note["reason"] for note in found["licences"]] == ([licence] if licence else [])


@pytest.mark.parametrize(
    ("one", "other", "form", "rhymes"),
    [
        ("the stray", "the ray", "2-2", True),
        ("the air", "the hair", "2-2", True),
        ("his memory", "his sea", "4-2", True),
        ("his memory", "his victory", "4-4", False),  # both end in -ry
        ("the light", "delight", "2-2", False),
        ("the sea", "to see", "2-2", False),
        ("where", "to wear", "1-2", False),
        ("appear", "a tear", "2-2", True),
        ("the wind", "to find", "2-2", True),  # to wind
        ("the rain", "restrain", "2-2", True),
        ("the train", "the rain", "2-2", True),
        ("a love", "to prove", "2-2", False),
        ("the fire", "desire", "2-2", True),
        ("the fire", "the higher", "2-2", True),
        ("the fire", "the higher", "2-3", False),
        ("in heaven", "the seven", "2-2", True),
        ("in heaven", "the seven", "3-2", False),  # one with its second vowel, one without
        ("a never", "for ever", "3-3", True),
    ],
)
def test_rhymes_are_heard(one: str, other: str, form: str, rhymes: bool) -> None:
    result = check(f"{one}\n{other}", "--form", form, "--rhyme-scheme", "AA")
    assert (result.exit_code == 0) == rhymes, result.output
    assert rhymes or "line 2" in first(result)


def test_unstressed_neighbours_of_a_stress_are_weak_of_themselves() -> None:
    """So that nothing is to be done for them."""
    for metre, length, start in product(["iambic", "trochaic"], range(2, 6), range(4)):
        checker = check_english.Checker({}, metre)
        for marks in product("012", repeat=length):
            if checker.licence("", list(marks), start, 99) == ():
                beside = {j for i, x in enumerate(marks) if x == "1" for j in (i - 1, i + 1)}
                unstressed = (i for i in beside if 0 <= i < length and marks[i] == "0")
                assert not any(checker.strong(start + i + 1) for i in unstressed)


def test_poems_are_counted_and_bring_their_forms(tmp_path: Path) -> None:
    result = check([POPE, GRAY, SHAKESPEARE], "--rhyme-scheme", "AA", form="10x2")
    assert result.exit_code == 1
    verdicts = [line.split(";")[0] for line in result.stdout.splitlines()]
    fault = "line 0: -: 4 lines, not the form 10x2"
    assert verdicts == ["1: ok", f"2: {fault}", "3: ok", "2 of 3 accepted"]
    assert "missing" in first(check(POPE))
    forged = check(POPE, form="10x2", lines=SHAKESPEARE.split("\n"))
    assert "the text differs from its lines" in first(forged)
    assert check(POPE, form="10x2", lines=POPE.replace(",", "").split("\n")).exit_code == 0
    assert check([]).exit_code == 1
    file = tmp_path / "poems"
    file.write_text(json.dumps({"text": POPE, "form": "10x2"}), "utf-8")
    assert CliRunner().invoke(check_english.main, [str(file)]).exit_code == 0


def test_a_raw_dictionary_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cmudict.dict"
    file.write_text(
        ";;; head\nread R EH1 D # past\nread(2) R IY1 D\nTHE  DH AH0\nhm HH M\n", "utf-8"
    )
    found = check_english.read(file)
    assert found["read"] == [("R", "EH1", "D"), ("R", "IY1", "D")]
    assert check("The read", "--form", "2", "--cmudict", str(file)).exit_code == 0
    assert "hm: unknown word" in first(check("Hm the", "--form", "2", "--cmudict", str(file)))


def test_it_has_nothing_of_the_package() -> None:
    source = Path(check_english.__file__).read_text("utf-8")
    assert "import poetvae" not in source
    assert "from poetvae" not in source

"""English poems that were asked for: an independent checker finds that they scan and rhyme."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import check_english
import pytest
from torch import nn

from poetvae import models
from poetvae.config import ModelConfig
from poetvae.errors import ConstraintError
from poetvae.generation.generate import Generated
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.form import Form
from poetvae.text.poem import Poem
from poetvae.text.prosody import english
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import trainer

# Sixty lines of eight syllables, couplet by couplet: subjects and ends that rhyme.
HEADS = """The river ran beyond the|A silver moon above the|My weary heart upon the
The sailor sang about the|And every leaf below the|Again I saw the lonely
I walked alone along the|The summer day forgot the|O bring me back the golden""".replace("\n", "|")
RHYMES = (
    "hill mill still|sea tree key|night light sight|stone bone throne|day bay way|love glove dove"
)
RHYMES += "|shade glade maid"
ENDS = [ends.split() for ends in RHYMES.split("|")]
LINES = [
    (f"{head} {ends[i % 3]}", f"{HEADS.split('|')[(i + 4) % 9]} {ends[(i + 1) % 3]}")
    for i, head in enumerate(HEADS.split("|"))
    for ends in ENDS[: 3 + i % 3]
]
TABLE = check_english.read(check_english.TABLE)
SCANSION: dict[str, Any] = {"form": "8x4", "metre": "iambic"}
SMALL = {"d_model": 16, "embed_dim": 16, "latent_dim": 4, "encoder_layers": 1, "decoder_layers": 1}
SMALL |= {"min_count": 1}
IN_PASSES = {
    "observe": 0.3,
    "passes": (1, 8),
    "pass_layers": 1,
}  # syllable after syllable of a line


def quatrains() -> list[str]:
    pairs = [*LINES, *LINES]
    return ["\n".join((*pairs[i], *pairs[i + 5])) for i in range(len(LINES))]


def faults(poems: list[Generated], scheme: str = "none", **how: str) -> list[Any]:
    """What the checker finds wrong, words apart that it does not know."""
    checker = check_english.Checker(TABLE, scheme=scheme, **how)
    found = []
    for poem in poems:
        wrong, _ = checker.check(poem.as_dict(), poem.form or "")
        found += [(poem.text, *one) for one in wrong if one[2] != "unknown word"]
    return found


def words(text: str) -> list[str]:
    return re.findall("[a-z']+", text.lower())


@pytest.fixture(scope="module")
def english_poet(tmp_path_factory: pytest.TempPathFactory) -> Poet:
    folder = tmp_path_factory.mktemp("english")
    corpus = folder / "poems.txt"
    texts = quatrains() + ["\n".join(pair) for pair in LINES]
    corpus.write_text("\n\n\n".join(texts).replace("\n\n\n", "\n\n"), encoding="utf-8")
    return trainer.train(
        [corpus],
        folder / "run",
        preset="tiny",
        settings={**SMALL, **IN_PASSES},
        forms=["8x4", "8x2"],
        steps=3,
        quiet=True,
    )


def test_the_lines_to_learn_are_verse() -> None:
    assert len({line for pair in LINES for line in pair}) >= 30
    for pair in LINES:
        assert Poem(pair).form == Form(8, 2)
    texts = [Generated(text, tuple(text.split("\n")), "8x4", 0, 0.0) for text in quatrains()]
    assert faults(texts, "AABB") == []


def test_the_model_writes_both_forms_in_english(english_poet: Poet) -> None:
    assert english_poet.codec.language is english
    assert set(english_poet.forms) == {Form(8, 4), Form(8, 2)}
    poems = [*english_poet.generate(3, form="8x4"), *english_poet.generate(3, form="8x2")]
    for poem in poems:
        assert "⟨" not in poem.text
        assert [line[:1].isupper() for line in poem.lines] == [True] * len(poem.lines)
        assert poem.text.endswith(".")


@pytest.mark.parametrize(
    ("scheme", "how"),
    [
        ("none", {}),
        ("none", {"strictness": "strict"}),
        ("AABB", {"strictness": "lenient"}),
        ("ABAB", {"acrostic": "moat", "contains": ["silver moon"]}),
        ("none", {"acrostic": "late", "where": "ends"}),
        ("ABBA", {"contains": ["river", "the sailor"]}),
        ("AABB", {"rhyme": "light"}),
    ],
)  # fmt: skip
def test_what_is_asked_is_kept(english_poet: Poet, scheme: str, how: dict[str, Any]) -> None:
    asked = {**SCANSION, "rhyme_scheme": scheme, **how}
    poems = english_poet.generate(3, **asked)
    strictness = how.get("strictness", "usual")
    assert faults(poems, scheme, strictness=strictness) == []
    for poem in poems:
        assert poem.satisfied
        assert poem.form == "8x4"
        assert poem.tones_ok is not False or strictness == "lenient"
        for text in how.get("contains", ()):
            assert any(f" {text} " in f" {' '.join(words(line))} " for line in poem.lines)
        for letter, line in zip(how.get("acrostic", ""), poem.lines, strict=False):
            letters = "".join(words(line))
            assert (letters[-1] if "where" in how else letters[0]) == letter
        if "rhyme" in how:
            assert [words(line)[-1][-4:] for line in poem.lines[:2]] == ["ight"] * 2


def test_poems_repeat_themselves_by_their_seed(english_poet: Poet) -> None:
    asked = {**SCANSION, "rhyme_scheme": "AABB", "seed": 3}
    assert english_poet.generate(2, **asked) == english_poet.generate(2, **asked)


def test_a_poem_without_little_words_is_told_to_scan_and_rhyme_too() -> None:
    text = "Again, alone,\nForgotten stone."
    poem = Generated(text, tuple(text.split("\n")), "4x2", 0, 0.0)
    assert (poem.tones_ok, poem.rhyme) == (True, "AA")


TYPED = "My Weary heart — upon the SEA"


def test_a_first_line_is_answered_by_one_that_rhymes(english_poet: Poet) -> None:
    found = english_poet.couplet(TYPED, 3, candidates=1, seed=1)
    assert found
    for one in found:
        assert one.upper == f"{TYPED},"
        assert one.text == f"{one.upper}\n{one.lower}"
        assert english.rhyme([one.upper, one.lower]) == "AA"
        assert one.tones_ok
    assert faults([*found], "AA") == []
    assert len({one.lower for one in found}) == len(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("The silver moon", "has no reading of 8 syllables"),
        ("The river ran beyond the hill\nThe sailor", "expected one line"),
    ],
)
def test_what_is_no_first_line_is_refused(english_poet: Poet, text: str, says: str) -> None:
    with pytest.raises(ConstraintError, match=says):
        english_poet.couplet(text)


def test_whole_lines_come_back_as_they_were_typed(english_poet: Poet) -> None:
    typed = "The River ran, beyond the Hill;\nthe sailor SANG about the — mill!"
    (poem,) = english_poet.complete(typed, 1, form="8x4", seed=1)
    assert poem.text.startswith(f"{typed}\n")
    assert len(poem.lines) == 4
    assert [Form.parse(poem.form or "")] == [poem.poem.form]
    (couplet,) = english_poet.complete("The river ran beyond the Hill", 1, form="8x2", seed=1)
    assert couplet.lines[0] == "The river ran beyond the Hill,"


@pytest.mark.parametrize("text", ["O bring me BACK", "The Silver _ above the SEA"])
def test_the_words_of_a_line_that_is_not_whole_come_back_too(english_poet: Poet, text: str) -> None:
    (poem,) = english_poet.complete(text, 1, form="8x2", seed=1)
    for word in re.findall("[A-Za-z]+", text):
        assert re.search(rf"\b{word}\b", poem.lines[0]), poem.lines[0]


# --- Models that learnt nothing ---

TOKENS = [english.syllables(pair, (8, 8)) or "" for pair in LINES]
TOKENIZER = PoemTokenizer.train(TOKENS)
CODEC = PoemCodec(TOKENIZER, 32, {Form(8, 4): 2, Form(8, 2): 1})
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shown": {"observe": 0.3, "passes": (1, 8)},
    "autoregressive": {"kind": "autoregressive"},
}


def random_poet(kind: str) -> Poet:
    """A small random model."""
    small: dict[str, Any] = {"embed_dim": 4, "d_model": 4, "latent_dim": 3, "encoder_layers": 0}
    small |= {"decoder_layers": 1, "tied": False, "pass_layers": 1}
    sizes = {"vocab_size": len(TOKENIZER), "max_len": 32, "label_sizes": CODEC.label_sizes}
    model = models.build(ModelConfig(**{**small, **sizes, **KINDS[kind]}))
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    return Poet(model, CODEC)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_model_writes_is_words(kind: str) -> None:
    poems = random_poet(kind).generate(4, form="8x2")
    assert {word for poem in poems for word in words(poem.text)} - english.lexicon() == set()
    assert [one for one in faults(poems) if "syllables" in one[-1]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_model_writes_scans_where_that_is_asked(kind: str) -> None:
    poems = random_poet(kind).generate(2, form="8x2", metre="iambic", rhyme_scheme="AA")
    assert faults(poems, "AA") == []
    assert {word for poem in poems for word in words(poem.text)} <= english.lexicon()


# --- Corpora of two languages ---

FIVE = ["The moon is a boat", "A light on the hill", "The night was a coat", "My heart is a mill"]
FIVE += ["A song of the sea", "The bird in the tree", "The river is still", "And you are with me"]
CHINESE = "天地日月風花雪雨江河湖海松竹梅蘭"


@pytest.mark.parametrize(("many", "few"), [("english", "chinese"), ("chinese", "english")])
def test_a_mixed_corpus_is_learnt_in_the_language_of_most(
    many: str, few: str, tmp_path: Path
) -> None:
    poems = {
        "english": [f"{a}\n{b}" for a in FIVE for b in FIVE if a != b],
        "chinese": [f"{a}上春山遠，{b}前秋水清。" for a in CHINESE for b in CHINESE if a != b],
    }
    texts = poems[many][:40] + poems[few][:12]
    corpus = tmp_path / "poems.txt"
    corpus.write_text("\n\n".join(texts), encoding="utf-8")
    poet = trainer.train(
        [corpus],
        tmp_path / "run",
        preset="tiny",
        settings=SMALL,
        forms=["5x2"],
        steps=2,
        quiet=True,
    )
    assert poet.codec.language is not None
    assert many == poet.codec.language.NAME
    written = poet.codec.tokenizer.decode(poet.codec.writable())
    assert ("⟨" in written) == (many == "english")
    assert ("春" in written) == (many == "chinese")
    assert all(Form.parse(poem.form or "") == Form(5, 2) for poem in poet.generate(2))

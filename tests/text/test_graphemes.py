"""A letter and its marks are one character, wherever characters are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.data.corpus import CorpusReport, CorpusSpec, read_poems
from poetvae.data.dataset import encode_poems
from poetvae.data.store import open_store
from poetvae.data.tokenize import build
from poetvae.text.cleaning import clean
from poetvae.text.codec import PoemCodec
from poetvae.text.graphemes import clusters
from poetvae.text.poem import Poem
from poetvae.text.tokenizer import PoemTokenizer

HEBREW = "בְּרֵאשִׁית בָּרָא"
HINDI = "क्षितिज पर स्त्री"
SYLLABLES = [
    (HEBREW, ["בְּ", "רֵ", "א", "שִׁ", "י", "ת", " ", "בָּ", "רָ", "א"]),
    (HINDI, ["क्षि", "ति", "ज", " ", "प", "र", " ", "स्त्री"]),
    ("பக்கம்", ["ப", "க்", "க", "ம்"]),  # a Tamil sign binds no consonants
    ("กำลังใจ", ["กำ", "ลั", "ง", "ใ", "จ"]),
    ("x\u0302y\n\u0301z", ["x\u0302", "y", "\n", "\u0301", "z"]),
    ("👩\u200d🚀👍🏽🇯🇵🇫🇷", ["👩\u200d🚀", "👍🏽", "🇯🇵", "🇫🇷"]),
    ("白日é", ["白", "日", "é"]),
    ("きょうのファン、っしゃー", ["きょ", "う", "の", "ファ", "ン", "、", "っ", "しゃ", "ー"]),
    ("ゃ一ゃ", ["ゃ", "一", "ゃ"]),
]


@pytest.mark.parametrize(("text", "units"), SYLLABLES)
def test_what_readers_see_as_one(text: str, units: list[str]) -> None:
    # Thai AM is a letter of its own in Unicode's categories, which readers see below no other.
    expected = [unit for unit in units if unit] if text != "กำลังใจ" else ["ก", "ำ", *units[1:]]
    assert clusters(text) == expected


marks = st.sampled_from("aא\u05b0\u05bcक\u094dष\u093f\u200d👩🇯白 \n\u0301")


@given(st.text(st.one_of(marks, st.characters())))
def test_together_they_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text
    assert all(clusters(unit) == [unit] for unit in clusters(text))


@pytest.mark.parametrize("text", [HEBREW, HINDI])
def test_a_syllable_is_a_token(text: str) -> None:
    cleaned, _ = clean(text)
    tokenizer = PoemTokenizer.train([cleaned, *"ab"])
    ids = tokenizer.encode(cleaned)
    assert len(ids) == len(clusters(cleaned))
    assert tokenizer.unk_id not in ids
    assert tokenizer.decode(ids) == cleaned
    assert [tokenizer.decode([i]) for i in ids] == clusters(cleaned)
    again = PoemTokenizer.from_bytes(tokenizer.to_bytes())
    assert again.encode(cleaned) == ids
    assert again.encode("ש\u05b8") == [again.unk_id]
    assert again.unknown("ש\u05b8ב") == ["ש\u05b8", "ב"]


def test_a_tokenizer_of_before_knows_marks_apart() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poetvae.text.tokenizer.is_mark", lambda char: False)
        model = PoemTokenizer.from_counts({"ב": 2, "\u05b8": 1}).to_bytes()
    old = PoemTokenizer.from_bytes(model)
    assert old.decode(old.encode("ב\u05b8")) == "ב\u05b8"
    assert len(old.encode("ב\u05b8")) == 2


@pytest.mark.parametrize("least", [1, 2, 9])
def test_poems_are_numbered_by_syllable(tmp_path: Path, least: int) -> None:
    texts = [clean(text)[0] for text in (HEBREW, HINDI, "a rose" * 9)]
    path, report = tmp_path / "a.txt", CorpusReport()
    path.write_text("\n".join([*texts, HINDI[::1] + "प"]), encoding="utf-8")
    poems = list(read_poems(path, report=report))
    assert report.characters == sum(len(clusters(poem.text)) for poem in poems)
    built = build(CorpusSpec([path], min_count=least), tmp_path / "store", workers=1, chunk=1)
    data = open_store(tmp_path / "store")
    expected = encode_poems(built.codec, poems)
    assert data.train.tokens.tolist() == expected.tokens.tolist()
    for place, poem in enumerate(poems):
        ids = data.train.poem(place)
        assert least > 1 or built.codec.decode(ids, None) == poem.text
        assert len(ids) == len(clusters(poem.text)) + 1
    codec = PoemCodec(built.codec.tokenizer, max_len=len(clusters(texts[0])) + 1)
    assert codec.fits(Poem((texts[0],)))
    assert not codec.fits(Poem((texts[0] + "प",)))

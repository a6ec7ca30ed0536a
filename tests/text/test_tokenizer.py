"""One character, one token, whatever the character."""

from __future__ import annotations

import io
import random
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.errors import TokenizerError
from poetvae.text.graphemes import clusters, is_mark
from poetvae.text.tokenizer import PoemTokenizer

TEXTS = ["秦川雄帝宅，函谷壯皇居。\n綺殿千尋起，離宮百雉餘。", "O my Luve is like  a rose", "𠀀□〇"]
TOKENIZER = PoemTokenizer.train(TEXTS)
KNOWN = sorted(set("".join(TEXTS)))


def test_ids() -> None:
    tok = TOKENIZER
    assert (tok.pad_id, tok.unk_id, tok.bos_id, tok.eos_id, tok.mask_id) == tok.special_ids
    assert tok.special_ids == (0, 1, 2, 3, 4)
    assert tok.encode("\n") == [tok.newline_id] == [5]
    assert len(tok) == 5 + len(KNOWN)
    assert sorted(tok.encode("".join(KNOWN))) == list(range(5, len(tok)))
    file = sentencepiece.SentencePieceProcessor(model_proto=tok.to_bytes())
    assert (file.pad_id(), file.unk_id(), file.bos_id(), file.eos_id()) == (0, 1, 2, 3)
    assert (file.piece_to_id("<mask>"), file.IsControl(4), len(file)) == (4, True, len(tok))
    assert tok.decode([2, *tok.encode("秦 川"), 4, 1, 3, 0, 0]) == "秦 川□"
    for token in (-1, 10**6):
        with pytest.raises(TokenizerError, match=f"token {token}: expected 0 to"):
            tok.decode([token])


@given(st.text(st.sampled_from(KNOWN)))
def test_known_text_round_trips_and_sentencepiece_agrees(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert len(ids) == len(clusters(text))
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.unknown(text) == []
    processor = sentencepiece.SentencePieceProcessor(model_proto=TOKENIZER.to_bytes())
    assert processor.encode(text) == ids
    assert processor.decode(ids) == text


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_keeps_its_length(text: str) -> None:
    shown = "".join(c if c in KNOWN else "□" for c in clusters(text))
    ids = TOKENIZER.encode(text)
    assert len(ids) == len(clusters(text))
    assert TOKENIZER.decode(ids) == shown
    assert set(TOKENIZER.unknown(text)) == set(clusters(text)) - set(KNOWN)


# What the corpus never has, and sentencepiece cannot: marks of its own, line ends, surrogates.
RESERVED = set("\0\t\n\r\x1f▁▅")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1), min_size=1))
def test_whatever_is_trained_on_is_known(texts: list[str]) -> None:
    units = {unit for text in texts for unit in clusters(text) if not is_mark(unit)}
    chars = {u for u in units if not RESERVED & set(u) and unicodedata.category(u[0]) != "Cs"}
    if not chars:
        with pytest.raises(TokenizerError, match="no character"):
            PoemTokenizer.train(texts)
        return
    tok = PoemTokenizer.train(texts)
    assert len(tok) == 6 + len(chars) + all(len(char) > 1 for char in chars)
    assert all(tok.decode(tok.encode(char)) == char for char in chars)
    assert PoemTokenizer.train(reversed(texts)).to_bytes() == tok.to_bytes()


@pytest.mark.slow
def test_all_of_unicode() -> None:
    text = "".join(chr(c) for c in range(0x33480) if not 0xD800 <= c <= 0xDFFF)
    tok = PoemTokenizer.train([text])
    assert set(tok.unknown(text)) == RESERVED - {"\n"}
    frequent = PoemTokenizer.train(["長" * 20_000, "江" * 2, text])
    joined = sum(len(unit) > 1 for unit in clusters(text))
    assert frequent.encode("長江") == [6 + joined, 7 + joined]


@given(st.lists(st.text("秦川雄帝宅"), min_size=1), st.integers(1, 4), st.integers(7, 11))
def test_rare_characters_are_left_out(texts: list[str], least: int, most: int) -> None:
    counts = Counter("".join(texts))
    known = sorted(c for c in counts if counts[c] >= least)
    known = sorted(known, key=lambda c: -counts[c])[: most - 6]
    if known:
        tok = PoemTokenizer.train(texts, min_count=least, max_size=most)
        assert len(tok) <= most
        assert set("秦川雄帝宅") - set(tok.unknown("秦川雄帝宅")) == set(known)
    else:
        with pytest.raises(TokenizerError):
            PoemTokenizer.train(texts, min_count=least, max_size=most)


def test_saving_and_loading(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    TOKENIZER.save(path)
    loaded = PoemTokenizer.load(path)
    assert loaded.to_bytes() == TOKENIZER.to_bytes() == path.read_bytes()
    assert loaded.encode(TEXTS[0]) == TOKENIZER.encode(TEXTS[0])
    with pytest.raises(TokenizerError, match="cannot write"):
        TOKENIZER.save(tmp_path / "no" / "folder")
    with pytest.raises(TokenizerError, match="No such file"):
        PoemTokenizer.load(tmp_path / "missing")
    with pytest.raises(TokenizerError, match="directory"):
        PoemTokenizer.load(tmp_path)


def foreign(**options: Any) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        **options,
    )
    return model.getvalue()


IDS = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3}
SYMBOLS = {"control_symbols": ["<mask>"], "user_defined_symbols": ["\n", "my Luve"]}


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (b"", "empty"),
        (b"not a model", "not a sentencepiece model"),
        (TOKENIZER.to_bytes()[:-100], "tokens|not a sentencepiece model"),
        (bytes(2**24 + 1), "at most 16,777,216"),
        (foreign(model_type="char", vocab_size=20), "first tokens"),
        (foreign(model_type="bpe", vocab_size=60, **IDS, **SYMBOLS), "single characters"),
    ],
)
def test_what_is_no_tokenizer_of_ours(tmp_path: Path, model: bytes, says: str) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model)
    with pytest.raises(TokenizerError, match=rf"{path}.*({says}).*\Z"):
        PoemTokenizer.load(path)


def test_damaged_files_are_errors_or_whole_tokenizers() -> None:
    rng = random.Random(0)
    for _ in range(500):
        model = bytearray(TOKENIZER.to_bytes())
        for _ in range(rng.randint(1, 4)):
            model[rng.randrange(len(model))] = rng.randrange(256)
        try:
            tok = PoemTokenizer.from_bytes(bytes(model))
        except TokenizerError:
            continue
        assert all(len(tok.decode([i])) == 1 for i in range(5, len(tok)))


@given(
    st.lists(st.text("ab月\n▁\ud800"), min_size=1), st.integers(1, 3), st.sampled_from([None, 8])
)
@settings(deadline=None)
def test_counts_are_all(texts: list[str], min_count: int, max_size: int | None) -> None:
    counts = dict(sorted(Counter("".join(texts)).items()))

    def made(make: Callable[..., PoemTokenizer], learnt_from: object) -> bytes | str:
        try:
            return make(learnt_from, min_count, max_size).to_bytes()
        except TokenizerError as error:
            return str(error)

    assert made(PoemTokenizer.from_counts, counts) == made(PoemTokenizer.train, texts)

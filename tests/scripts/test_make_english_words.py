"""The table of words that are written, and the rules for their readings."""

from __future__ import annotations

import gzip
from pathlib import Path

import make_english_words as script

from poetvae.text.prosody.english import lexicon, spellings


def test_the_table_has_the_readings_that_the_rules_give() -> None:
    rows = gzip.decompress(script.TABLE.read_bytes()).decode().splitlines()
    words = [row for row in rows if not row.startswith("#")]
    assert len(words) == len(lexicon()) > 20_000
    for row in words[::199]:
        assert row == script.row(row.split("\t")[0])


def test_no_licence_and_no_stress_of_verse_alone_is_written() -> None:
    letters = {word: {"".join(one) for one in spellings(word)} for word in ("heaven", "unto")}
    assert letters == {"heaven": {"⟨heav-1⟩⟨-en0⟩"}, "unto": {"⟨un-1⟩⟨-to0⟩"}}


def test_words_that_stand_often_are_kept(tmp_path: Path) -> None:
    text = "The silver moon is on the silver sea\nAnd all the night is silver unto me"
    corpus, table = tmp_path / "verse.txt", tmp_path / "words.gz"
    stanzas = (f"{text}\nAnd {n} the night" for n in ("one", "two", "ten", "six", "four"))
    corpus.write_text("\n\n".join(stanzas), "utf-8")
    script.main([str(corpus), "--out", str(table)], standalone_mode=False)
    rows = gzip.decompress(table.read_bytes()).decode().splitlines()
    words = {row.split("\t")[0] for row in rows if not row.startswith("#")}
    assert {"the", "silver", "moon", "night"} <= words
    assert "ten" not in words

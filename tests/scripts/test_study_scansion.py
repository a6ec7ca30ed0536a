"""What the study says of English sonnets is what is known of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from study import __main__ as study
from study import scansion
from study.scansion import EYE, IDENTICAL, OTHER, PERFECT, UNKNOWN

from poetvae.text.prosody.english.lines import words as words_of

QUATRAIN = [
    "Shall I compare thee to a summer's day?",
    "Thou art more lovely and more temperate:",
    "Rough winds do shake the darling buds of May,",
    "And summer's lease hath all too short a date:",
]


def test_the_number_of_a_sonnet_is_no_verse() -> None:
    assert scansion.verses_of("18\n" + "\n".join(QUATRAIN)) == QUATRAIN


def test_shuffled_lines_keep_their_words_and_how_many_they_have() -> None:
    rng = np.random.default_rng(0)
    turned, dealt = (made(QUATRAIN, rng) for made in (scansion.turned, scansion.dealt))
    said = [words_of(verse) for verse in QUATRAIN]
    assert [sorted(words_of(one)) for one in turned] == [sorted(one) for one in said]
    assert [len(words_of(one)) for one in dealt] == [len(one) for one in said]
    assert sorted(" ".join(dealt).split()) == sorted(word for one in said for word in one)


def test_pairs_follow_the_scheme_or_are_the_couplet_at_the_end() -> None:
    a, b, c, d = QUATRAIN
    assert scansion.pairs(QUATRAIN, "ABAB") == (
        [(a, c), (b, d)],
        [(a, b), (a, d), (b, c), (c, d)],
    )
    assert scansion.pairs(QUATRAIN, "ABABCC") == ([(c, d)], [])
    assert scansion.pairs(QUATRAIN[:3], "ABBA") == ([], [])


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("day May", PERFECT),
        ("light light", IDENTICAL),
        ("right write", IDENTICAL),
        ("light xqzzyv", UNKNOWN),
        ("word lord", EYE),
        ("day night", OTHER),
    ],
)
def test_pairs_are_named_by_why_they_do_not_rhyme(words: str, kind: str) -> None:
    first, second = words.split()
    assert scansion.kind_of((f"to the {first},", f"of a {second}.")) == kind


def test_the_tables_tell_verse_from_its_words_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    rows = [{"text": "\n".join(["18", *QUATRAIN]), "title": "Sonnets"}]
    rows.append({"text": "The boy stood on the burning deck,\nWhence all had fled", "title": "C"})
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    words = ["english-scansion", path, "--title", "Sonn", "--scheme", "ABAB", "--failures", 3]
    result = CliRunner().invoke(study.main, [*map(str, words)], catch_exceptions=False)
    metres, counts, rhymes, *_ = result.stdout.split("\n\n")
    assert metres.startswith("| of 4 lines of 1 texts |")
    rates = [line.split(" | ")[1:] for line in metres.splitlines()[2:]]
    assert rates[0][0] == "100.0% ± 0.0%", "each has ten syllables"
    usual = [float(rates[7][i].split("%")[0]) for i in range(3)]
    assert usual[0] == 100 > max(usual[1:]), "and is iambic, which its words need not be"
    assert "| 10 | 100.0% |" in counts
    assert "| perfect | 1 | 50.0%" in rhymes
    assert "May/" not in rhymes
    assert "day/may" in rhymes


def test_a_title_that_no_text_has_is_told(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    path.write_text(json.dumps({"text": "\n".join(QUATRAIN), "title": "Sonnets"}), "utf-8")
    result = CliRunner().invoke(study.main, ["english-scansion", str(path), "--title", "Odes"])
    assert result.exit_code == 1
    assert "no title has 'Odes' in it" in result.output

"""Haiku in kana, from a corpus to poems that were asked for: a mora is a position."""

from __future__ import annotations

import re

import pytest

from poetvae.errors import ConstraintError
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem
from poetvae.training import trainer

FIRST = ["はるのあめ", "あきのかぜ", "ゆうぐれや", "きょうもまた", "しゃくなげや", "ふゆごもり"]
SECOND = ["やまのこみちに", "かわのながれに", "ねこがちいさく"]
SECOND += ["じょうろのみずが", "いしのうえまで", "きしゃのまどから"]
THIRD = ["ひかりけり", "ねむりけり", "かねのおと", "ちょうひとつ", "くものいろ", "ひとりかな"]
HAIKU = [
    f"{first}\n{SECOND[(i + j) % 6]}\n{THIRD[(i + 2 * j) % 6]}"
    for i, first in enumerate(FIRST)
    for j in range(6)
]
FORM = Form((5, 7, 5))


@pytest.fixture(scope="module")
def haiku_poet(tmp_path_factory: pytest.TempPathFactory) -> Poet:
    folder = tmp_path_factory.mktemp("haiku")
    corpus = folder / "haiku.txt"
    corpus.write_text("\n\n".join(HAIKU), encoding="utf-8")
    small = {"d_model": 16, "embed_dim": 16, "latent_dim": 4, "min_count": 1}
    return trainer.train(
        [corpus],
        folder / "run",
        preset="tiny",
        settings=small,
        forms=["haiku"],
        steps=10,
        quiet=True,
    )


def morae(line: str) -> list[str]:
    return re.findall("[^ゃゅょ][ゃゅょ]?", line)


def test_all_are_haiku() -> None:
    assert len(set(HAIKU)) == 36
    for text in HAIKU:
        assert Poem(tuple(text.split("\n"))).form == FORM
        assert [len(morae(line)) for line in text.split("\n")] == [5, 7, 5]


@pytest.mark.parametrize(
    ("where", "places"), [("heads", (0, 0, 0)), ("ends", (4, 6, 4)), ("diagonal", (0, 1, 2))]
)
def test_an_acrostic_of_three_morae(
    haiku_poet: Poet, where: str, places: tuple[int, int, int]
) -> None:
    poems = haiku_poet.generate(20, form="haiku", acrostic="ゆじょひ", where=where)
    for poem in poems:
        lines = [morae(line) for line in poem.lines]
        assert [len(line) for line in lines] == [5, 7, 5]
        assert [line[at] for line, at in zip(lines, places, strict=True)] == ["ゆ", "じょ", "ひ"]
        assert poem.text == "\n".join(poem.lines)
        assert (poem.tones_ok, poem.rhyme) == (None, None)


def test_lines_templates_and_words_are_counted_in_morae(haiku_poet: Poet) -> None:
    poem = haiku_poet.generate(
        1, form="haiku", first_line="しゃくなげや", template="_____きしゃ", contains="ちょう"
    )[0]
    assert poem.lines[0] == "しゃくなげや"
    assert poem.lines[1].startswith("きしゃ")
    assert any("ちょう" in line for line in poem.lines)
    assert [len(morae(line)) for line in poem.lines] == [5, 7, 5]
    with pytest.raises(ConstraintError, match="'しゃくなげやや' has 6 characters; expected 1 to 5"):
        haiku_poet.generate(1, form="haiku", first_line="しゃくなげやや")
    with pytest.raises(ConstraintError, match="this model cannot write りゃ"):
        haiku_poet.generate(1, form="haiku", acrostic="りゃ")


def test_a_haiku_typed_without_breaks_is_one(haiku_poet: Poet) -> None:
    typed = HAIKU[3].replace("\n", "")
    assert haiku_poet.score([typed])[0]["nll"] == haiku_poet.score([HAIKU[3]])[0]["nll"]
    finished = haiku_poet.complete("きょうもまた\nきしゃの____\n_____")[0]
    assert finished.lines[0] == "きょうもまた"
    assert [len(morae(line)) for line in finished.lines] == [5, 7, 5]

"""The weights that come with the package, and the wheel that carries them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import check_english
import pytest
from make_pretrained import TUNES

from poetvae import Poet
from poetvae.checkpoints.card import model_card
from poetvae.checkpoints.model_folder import PACKAGED
from poetvae.latent.clusters import characteristic
from poetvae.text.poem import Form, split_verses
from poetvae.text.prosody import regulated, rhyme, rhyme_ok

ROOT = Path(__file__).parent.parent
FORMS = ["5x2", "5x4", "5x8", "7x2", "7x4", "7x8"]
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def poet() -> Poet:
    return Poet.from_pretrained()


@pytest.mark.parametrize("name", FORMS)
def test_it_writes_every_form(poet: Poet, name: str) -> None:
    form = Form.parse(name)
    poems = poet.generate(4, form=name, seed=1)
    assert len({poem.text for poem in poems}) == 4
    for poem in poems:
        verses = split_verses(poem.text)
        assert (len(verses), {len(verse) for verse in verses}) == (form.lines, {form.uniform})


def test_it_knows_its_forms_and_dynasties(poet: Poet) -> None:
    forms = [*map(Form.parse, (*FORMS, *TUNES))]
    assert set(poet.forms) == set(forms)
    assert set(poet.codec.fields) == {"dynasty"}
    assert set(poet.codec.fields["dynasty"]) == {"tang", "song"}


def test_it_writes_what_is_asked_for(poet: Poet) -> None:
    (poem,) = poet.generate(
        1, form="7x4", acrostic="春夏秋冬", rhyme="尤", tones="strict", no_repeat=True, seed=1
    )
    verses = split_verses(poem.text)
    assert "".join(verse[0] for verse in verses) == "春夏秋冬"
    assert rhyme(verses) == "尤"
    assert regulated(verses)
    assert len(set("".join(verses))) == 28


@pytest.mark.parametrize("name", TUNES)
def test_a_tune_keeps_its_tones_and_rhymes(poet: Poet, name: str) -> None:
    (poem,) = poet.generate(1, form=name, rhyme="any", tones="usual", seed=1)
    assert poem.satisfied
    assert poem.poem.form == Form.parse(name)
    assert regulated(poem.poem.verses, form=poem.poem.form)
    assert rhyme_ok(poem.poem.verses, form=poem.poem.form)


def test_z_tells_what_a_poem_is_about(poet: Poet) -> None:
    plum = "牆角數枝梅，凌寒獨自開。遙知不是雪，為有暗香來。"
    assert all("梅" in theme for theme, _ in poet.about(plum)[:3])
    parting = "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。"
    (back,) = poet.reconstruct(parting)
    shared, others = (len(set(back.text) & set(text) - set("，。")) for text in (parting, plum))
    assert shared >= 4 + others


def test_it_knows_verse_from_shuffled_verse(poet: Poet) -> None:
    """Verse that people wrote is likelier than the same characters in another order."""
    real = ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"]
    shuffled = ["白窗清入山，座臨風溪月。", "海白層山目，窮流里更一。\n河依欲千盡，日上入樓黃。"]
    scores = [[row["nll"] for row in poet.score(texts)] for texts in (real, shuffled)]
    assert all(a < b for a, b in zip(*scores, strict=True))


def test_its_card_tells_what_it_is(poet: Poet) -> None:
    card = (PACKAGED["chinese"] / "README.md").read_text("utf-8")
    for word in ("chinese-poetry", "MIT", "licence", "nats", "95 %", "copied", "nearest", "Limits"):
        assert word in card, word
    assert f"{poet.model.num_parameters():,} parameters" in card
    (manner,) = re.findall("It writes in .*? a character a pass[.]", card)
    assert manner in model_card(poet.model, poet.codec)


@pytest.fixture(scope="module")
def english() -> Poet:
    return Poet.from_pretrained("english")


@pytest.mark.parametrize("name", ["10x2", "10x4", "8x2", "8x4", "8-6-8-6", "5-7-5"])
def test_it_writes_every_form_of_english(english: Poet, name: str) -> None:
    form = Form.parse(name)
    for poem in english.generate(2, form=name, seed=1, candidates=2):
        assert len(poem.lines) == form.lines
        assert poem.poem.read_as(form).form == form


def test_english_metre_and_rhyme_hold_by_the_dictionary_alone(english: Poet) -> None:
    how: Any = {"form": "10x4", "rhyme_scheme": "ABAB", "metre": "iambic", "seed": 1}
    checker = check_english.Checker(check_english.read(check_english.TABLE), scheme="ABAB")
    for poem in english.generate(4, candidates=1, **how):
        assert poem.satisfied
        assert (poem.tones_ok, poem.rhyme) == (True, "ABAB")
        assert checker.check({"text": poem.text}, "10x4")[0] == []


def test_english_verse_is_known_from_shuffled_verse(english: Poet) -> None:
    first = "The curfew tolls the knell of parting day,"
    real = f"{first}\nAnd leaves the world to darkness all the way"
    shuffled = f"{first}\nAnd world the leaves to all darkness the way"
    a, b = (english.score(text)[0]["nll"] for text in (real, shuffled))
    assert a < b


def test_english_words_are_asked_for_and_told_apart(english: Poet) -> None:
    assert english.codec.unknown("The zxq moon is bright") == ["zxq"]
    (found,) = english.optimise("contains=silver sea", form="10x2", steps=2)
    assert english.codec.typed(found.text).verses
    texts = ["The wind is on the sea", "The sea is cold", "My love is young"]
    words = characteristic(texts, ["a", "a", "b"], 2)
    assert words["a"].split()[0] == "sea"
    assert set(words["b"].split()) <= {"love", "young"}


def test_the_packaged_weights_are_small() -> None:
    for name, most in (("chinese", 14), ("english", 12)):
        size = sum(path.stat().st_size for path in PACKAGED[name].iterdir())
        assert size < most * MEGABYTE


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


def test_the_wheel_holds_the_weights_and_no_more_than_it_should(wheel: Path) -> None:
    assert wheel.stat().st_size < 28 * MEGABYTE
    with zipfile.ZipFile(wheel) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    package = {name for name in infos if not name.split("/")[0].endswith(".dist-info")}
    tracked = subprocess.run(
        ["git", "ls-files", "poetvae", "data/sample"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if tracked:  # a source distribution has no history
        wanted = {name.replace("data/sample", "poetvae/sample") for name in tracked}
        assert package == wanted
    for name in ("config.json", "model.safetensors", "tokenizer.model", "manifest.json"):
        data = zipfile.ZipFile(wheel).read(f"poetvae/pretrained/chinese/{name}")
        assert data == (PACKAGED["chinese"] / name).read_bytes()
    for name, info in infos.items():
        assert info.external_attr >> 16 & 0o444 == 0o444, f"{name} is not for all to read"


def test_the_wheel_names_those_whose_work_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (place,) = [name for name in archive.namelist() if name.endswith("/licenses/NOTICE")]
        notice = archive.read(place).decode()
        names = ("chinese", "cilin", "tunes")
        folder = "poetvae/text/prosody/chinese"
        tables = [archive.read(f"{folder}/{name}.tsv").decode() for name in names]
        own = archive.read(place.replace("NOTICE", "LICENSE")).decode()
    lines = [line for table in tables for line in table.splitlines()]
    head = "\n".join(line for line in lines if line.startswith("#"))
    sources = {"nk2028", "rbnyng", "hulbji", "chinese-poetry"}
    assert {name for name in sources if name in head} == {
        name for name in sources if name in notice
    }
    assert len(re.findall(r"^Copyright \(c\) 20\d\d \w", notice, re.MULTILINE)) == 6
    assert own.partition("Permission is")[2] == notice.partition("Permission is")[2]


def test_the_wheel_alone_writes_a_poem_without_a_network(wheel: Path, tmp_path: Path) -> None:
    """Nothing but the wheel's own files; every attempt to reach another machine is an error."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    guard = tmp_path / "site" / "sitecustomize.py"
    guard.write_text(
        "import socket\n"
        "def refuse(*args, **kwargs):\n"
        "    raise SystemExit('somebody asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "poetvae", "generate", "--seed", "1"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    first, second = run(), run()
    assert (first.returncode, first.stderr) == (0, "")
    assert len(first.stdout.strip()) >= 12
    assert first.stdout == second.stdout

"""Every format, every flaw, and an account that adds up."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import random
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from folders import names
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.data.corpus import Corpus, CorpusReport, CorpusSpec, read_corpus, read_poems
from poetvae.errors import CorpusError
from poetvae.text.cleaning import UNBALANCED, clean
from poetvae.text.poem import Form, Poem, content

A = "秦川雄帝宅，函谷壯皇居。"
B = "綺殿千尋起，離宮百雉餘。"
C = "白日依山盡，黃河入海流。"
COUPLET = Form(5, 2)


def write(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def texts(
    *sources: str | Path, report: CorpusReport | None = None, strict: bool = False
) -> list[str]:
    return [poem.text for poem in read_poems(*sources, report=report, strict=strict)]


def stdin(text: str) -> Any:
    """While this lasts, standard input holds this text."""
    return patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def adds_up(report: CorpusReport) -> bool:
    return report.read == report.kept + sum(report.dropped.values())


# Formats


def test_chinese_poetry_files(tmp_path: Path) -> None:
    shi = {"author": "太宗", "title": "帝京篇", "paragraphs": [A, B], "id": "1", "tags": ["x"]}
    write(tmp_path / "poet.tang.0.json", json.dumps([shi]))
    ci = {"author": "和岘", "rhythmic": "导引", "paragraphs": ["气和玉烛，睿化著鸿明。"]}
    write(tmp_path / "ci.song.0.json", json.dumps([ci]))
    qu = {"dynasty": "元", "title": "天净沙", "paragraphs": ["枯藤老树昏鸦。"]}
    write(tmp_path / "yuanqu.json", json.dumps([qu]))
    song, tang, yuan = read_poems(tmp_path)
    assert tang.lines == (A, B)
    assert tang.meta == {"dynasty": "tang", "author": "太宗", "title": "帝京篇", "id": "1"}
    assert song.meta == {"dynasty": "song", "author": "和岘", "rhythmic": "导引"}
    assert yuan.meta["dynasty"] == "元"


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_text_files(tmp_path: Path, suffix: str) -> None:
    lines = write(tmp_path / f"lines{suffix}", f"\ufeff{A}\r\n首春：{B}\r\n  \r\n")
    first, second = read_poems(lines)
    assert (first.text, first.meta) == (A, {})
    assert (second.text, second.meta) == (B, {"title": "首春"})
    blocks = write(tmp_path / f"blocks{suffix}", f"\n{A}\n{B}\n \n\nLuve: a rose,\nmy love.")
    assert texts(blocks) == [f"{A}\n{B}", "Luve: a rose,\nmy love."]
    untitled = ["白日依山盡，公曰：入海流。", "O Captain: my Captain", "x" * 120 + "：" + A, "題："]
    assert texts(write(tmp_path / f"untitled{suffix}", "\n".join(untitled))) == untitled


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz"])
@pytest.mark.parametrize("key", ["text", "poem", "content", "paragraphs", "lines"])
def test_json_lines(tmp_path: Path, name: str, key: str) -> None:
    rows = [{"author": "白", key: A, "year": 700}, {key: [A, B], "other": "\x1b[31mred\n"}]
    path = write(tmp_path / name, "\n".join(map(json.dumps, rows)))
    first, second = read_poems(path)
    assert (first.text, first.meta) == (A, {"author": "白"})
    assert (second.lines, second.meta) == ((A, B), {"other": "[31mred"})


def test_the_first_text_field_is_taken(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "one.json", json.dumps({"text": A}, indent=2))) == [A]
    rows = [{"lines": B, "text": A}, {"text": None, "content": C}]
    first, second = read_poems(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert (first.text, first.meta) == (A, {"lines": B})
    assert second.text == C


def test_csv(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = f'title,text,n\r\nNA,"{A}\n{B}",1\r\nx,null,2\r\n'.encode()
    path = write(tmp_path / "a.csv", rows + b"y,\xff\xe7\xa7\x8b,3")
    report = CorpusReport()
    poems = list(read_poems(path, report=report))
    assert [p.text for p in poems] == [f"{A}\n{B}", "null"]
    assert poems[0].meta == {"title": "NA", "n": "1"}
    assert report.dropped == {"not UTF-8": 1}
    assert capfd.readouterr() == ("", "")


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"poem": [A, B], "n": [1, 2], "author": ["白", None]}), path)
    first, second = read_poems(path)
    assert (first.text, first.meta, second.meta) == (A, {"author": "白"}, {})


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(tmp_path / "a.csv", f"text\n{A}\n")
    write(tmp_path / "b.txt", B)
    assert texts(tmp_path) == [A, B]
    assert names(tmp_path) == {"a.csv", "b.txt"}


def test_hub_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets  # type: ignore[import-untyped]

    hub = Mock(return_value={"test": [{"text": B}], "train": [{"text": A, "author": "白"}]})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", hub)
    (poem,) = read_poems("owner/name")
    assert (poem.text, poem.meta) == (A, {"author": "白"})
    assert (hub.call_args.args, hub.call_args.kwargs["streaming"]) == (("owner/name",), True)
    hub.side_effect = ConnectionError("no route\nto host")
    with pytest.raises(
        CorpusError, match=r"no such file, folder or hub data set .no route.; check"
    ):
        texts("no/where")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    write(tmp_path / "owner" / "name" / "a.txt", C)
    assert texts("owner/name") == [C]
    for path in ["a/b/c", "owner/a.txt", "/x", "x/", "data", "./x"]:
        with pytest.raises(CorpusError, match="no such file or folder"):
            read_poems(path)


@pytest.mark.parametrize("text", [f"{A}\n{B}", f'\n {{"text": "{A}"}}\n{{"text": "{B}"}}'])
def test_standard_input_and_pipes(text: str) -> None:
    with stdin(text):
        assert texts("-") == [A, B]
    read, write_end = os.pipe()
    with open(write_end, "wb") as file:
        file.write(text.encode())
    with open(read, "rb"):
        assert texts(f"/dev/fd/{read}") == [A, B]


def test_folders(tmp_path: Path) -> None:
    for folder in ["b", "a", ".git"]:
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "x.txt", f"{folder}：{A if folder == 'a' else B}")
    write(tmp_path / ".hidden.txt", C)
    write(tmp_path / "LICENSE", "MIT")
    write(tmp_path / "notes.md", C)
    report = CorpusReport()
    poems = list(read_poems(tmp_path, report=report))
    assert [p.meta["title"] for p in poems] == ["a", "b"]
    assert report.ignored == {"without suffix": 1, ".md": 1}


# Flaws


@pytest.mark.parametrize(
    ("name", "data", "problem", "where", "rest"),
    [
        ("a.txt", f"{A}\n".encode() + b"\xff\xfe\n" + B.encode(), "not UTF-8", ":2", [A, B]),
        ("b.txt", b"a\n\xff\n\nb\nc", "not UTF-8", ":2", ["b\nc"]),
        ("a.json", b'[{"text": "a"}, ', "broken JSON", ":1", ["a"]),
        ("b.json", b"\xff", "not UTF-8", ":1", []),
        ("a.jsonl", b'{"text": "a"}\n{"text":\n{"text": "b"}', "broken JSON", ":2", ["a", "b"]),
        ("b.jsonl", b'{"text": "a"}\n\xff\n', "not UTF-8", ":2", ["a"]),
        ("c.jsonl", b'{"text": "a"}\n' + b"[" * 10**5, "broken JSON", ":2", ["a"]),
        ("d.jsonl", b'{"text": "a"}\n7\n', "not an object", ":2", ["a"]),
        ("c.json", b'[{"text": "a"}, {"name": "b"}]', "none of the fields", ": entry 2", ["a"]),
    ],
)
def test_what_is_broken(
    tmp_path: Path, name: str, data: bytes, problem: str, where: str, rest: list[str]
) -> None:
    write(tmp_path / "z.txt", "zzz")
    path = write(tmp_path / name, data)
    report = CorpusReport()
    assert texts(tmp_path, report=report) == [*rest, "zzz"]
    assert (report.read, sum(report.dropped.values())) == (len(rest) + 2, 1)
    assert report.problems[0].startswith(f"{path}{where}: {problem}")
    with pytest.raises(CorpusError, match=rf"^{re.escape(f'{path}{where}: {problem}')}.*\Z"):
        texts(path, strict=True)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.parquet", b"PAR1 no", "cannot be read"),
        ("a.csv", b'text\n"unclosed', "cannot be read|nothing to learn"),
        ("a.txt", b"", "nothing to learn from: 0 poems read, it is empty"),
        ("a.json", b"[]", "0 poems read"),
        ("b.txt", b"\n\xff\n,.,.\n", "2 poems read, dropped: 1 not UTF-8, 1 empty"),
        ("a.xml", b"<a/>", "unknown format; expected a name in .json, .jsonl, .txt"),
    ],
)
def test_what_cannot_be_learnt_from(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = write(tmp_path / name, data)
    with pytest.raises(CorpusError, match=rf"^{path}.*({says}).*\Z"):
        texts(path)


def test_damaged_archives_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    for data in [b"no archive", gzip.compress(A.encode() * 99)[:-12]]:
        path.write_bytes(data)
        with pytest.raises(CorpusError, match=r"a\.txt\.gz: cannot be read"):
            texts(path)
    with pytest.raises(CorpusError, match=r"missing\.txt: no such file or folder"):
        read_poems(tmp_path / "missing.txt")
    with pytest.raises(CorpusError, match="no corpus: give a file"):
        read_poems()


# Cleaning


@pytest.mark.parametrize(
    ("text", "cleaned", "alterations"),
    [
        (A, A, []),
        ("葛\U000e0100城⼭\ufe00", "葛城山", ["variation selectors", "radicals"]),
        ("豈e\u0301", "豈é", ["not NFC"]),
        ("山，？：…", "山，？：…", []),
        (
            "\ufeff a\u200b▁\0b\u2028c\r\nd",
            "ab\nc\nd",
            ["line breaks", "control characters", "blanks"],
        ),
        ("a \t  b\u3000c \n\n \n  d \n e", "a b c\n\nd\ne", ["blanks"]),
        ("a\r\r\nb\r\n\r\nc", "a\nb\n\nc", []),
        ("白日｜青天 / 明月|", "白日\n青天\n明月", ["separators", "blanks"]),
        (
            "Tiger, / burning|bright, and/or not",
            "Tiger,\nburning\nbright, and/or not",
            ["separators"],
        ),
        ("one / two\nthree", "one / two\nthree", []),
        (f"（序）{A}（見《祖堂集》。\n卷七）。\n{B}〖[一]注〗", f"{A}。\n{B}", ["notes"]),
        ("金陵詩徵。\n（見（《祖堂集》）卷七）。", "金陵詩徵。", ["notes"]),
        ("(云)來，(唱）去。［合］聽讀《離騷》。", "來，去。聽讀《離騷》。", ["notes"]),
        ("意[何如]，柳[一]。", "意何如，柳。", ["restored text", "notes"]),
        ("歸棹越南{氵雨/品}。<门便>", "歸棹越南□。□", ["described characters"]),
        ("駿⿰馬旦邪⿱艹⿲氵山火白", "駿□邪□白", ["described characters"]),
        ("{a{b}}{c" + " " * 30 + "}風", "□□風", ["described characters", "blanks"]),
        ("春○\ufffd\ue829風", "春□□□風", ["lost characters"]),
        ("a (b) [c] {d} ○", "a (b) [c] {d} ○", []),
        ("a\ud800", "a\ufffd", ["lost characters"]),
        ("，。…", "", []),
        (" \n ", "", ["blanks"]),
    ],
)
def test_cleaning(text: str, cleaned: str, alterations: list[str]) -> None:
    assert clean(text) == (cleaned, alterations)


@pytest.mark.parametrize("text", ["春（風", "春風）", "春[風", "（" * 20 + "春" + "）" * 20 + "風"])
def test_unbalanced_brackets(text: str) -> None:
    assert UNBALANCED in clean(text)[1]


marks = st.sampled_from("秦川，。（）〔〕[]{}<>⿰⿲□○ \n\t\r\0\u0301e\ufe00⼭\u2028一")


@given(st.text(st.one_of(marks, st.characters(exclude_categories=()))))
def test_clean_text_is_clean(text: str) -> None:
    cleaned, altered = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == cleaned.strip()
    assert not any(mark in cleaned for mark in ("\r", "\t", "\0", "\n\n\n", "  ", "\u2028", "▁"))
    cleaned.encode()
    assert altered or cleaned in (text, "")
    assert clean(cleaned)[0] == cleaned


@given(st.text(st.sampled_from("秦川，。？\n「」")))
def test_plain_verse_is_not_altered(text: str) -> None:
    plain = "\n".join(filter(None, text.split("\n")))
    assert clean(plain) == (plain if set(text) & {*"秦川"} else "", [])


# The account


def test_report_adds_up(tmp_path: Path) -> None:
    lines = [A, A, f"{A}（注）", f"{B}（注）", "，。", "春（風", "春□風。", "a rose", "𠀀"]
    path = write(tmp_path / "a.txt", "\n".join(lines).encode() + b"\n\xff")
    report = CorpusReport()
    kept = texts(path, report=report)
    assert kept == [A, B, "春□風。", "a rose", "𠀀"]
    assert (report.read, report.kept) == (10, 5)
    assert report.dropped == {"duplicate": 2, "empty": 1, UNBALANCED: 1, "not UTF-8": 1}
    assert report.altered == {"notes": 1}
    assert report.forms == {"5x2": 2, "free": 3}
    assert report.characters == sum(map(len, kept))
    assert adds_up(report)
    assert json.loads(json.dumps(report.as_dict()))["dropped"]["duplicate"] == 2
    assert report.lines()[0] == "poems: 10 read, 5 kept (35 characters)"
    assert report.lines()[1] == "dropped: 2 duplicate"
    assert f"dropped: 1 not UTF-8; first {path}:10: not UTF-8" in report.lines()


@given(st.lists(st.sampled_from([A, B, C, f"{A}（注）", "，", "春[風", "a", "長。"])))
def test_read_is_kept_and_dropped(lines: list[str]) -> None:
    report = CorpusReport()
    rows = "".join(json.dumps({"text": line}) + "\n" for line in lines)
    with stdin(rows):
        try:
            kept = texts("-", report=report)
        except CorpusError:
            kept = []
    assert report.read == len(lines)
    assert report.kept == len(kept) == len(set(kept))
    assert adds_up(report)


def test_a_report_adds_up_over_several_calls(tmp_path: Path) -> None:
    path, report = write(tmp_path / "a.txt", f"{A}\n{A}\n"), CorpusReport()
    for _ in range(2):
        texts(path, report=report)
    assert (report.read, report.kept, report.dropped["duplicate"]) == (4, 2, 2)
    empty = write(tmp_path / "empty.txt", "")
    with pytest.raises(CorpusError, match="0 poems read, it is empty"):
        texts(empty, report=report)


# What training needs


RARE = [chr(start + i) for start in (0x2847A, 0x28600) for i in range(300)]  # of one spelling


def numbered(i: int, verses: int = 4) -> str:
    """A poem of five-character verses that no other number gives, or nearly gives."""
    chars = random.Random(i).choices(RARE, k=5 * verses)
    return "".join("".join(chars[5 * k : 5 * k + 5]) + "，。"[k % 2] for k in range(verses))


def sides(corpus: Corpus, form: Form | None) -> tuple[set[str], set[str], set[str]]:
    parts = corpus.train, corpus.valid, corpus.test
    train, valid, test = ({content(poem, form) for poem in part} for part in parts)
    assert (len(train), len(valid), len(test)) == tuple(map(len, parts))
    assert not train & (valid | test)
    assert not valid & test
    return train, valid, test


def consistent(report: CorpusReport) -> bool:
    return (
        adds_up(report)
        and report.kept == report.used + sum(report.unused.values())
        and report.items
        == report.train + report.valid + report.test + sum(report.repeated.values())
    )


def test_couplets_are_split_by_poem(tmp_path: Path) -> None:
    poems = [numbered(i) for i in range(300)] + ["長短句。", "春（風"]
    path = write(tmp_path / "a.txt", "\n".join(poems))
    corpus = read_corpus(CorpusSpec([path], forms=[COUPLET], held_out=0.2))
    train, valid, test = sides(corpus, COUPLET)
    assert len(train) + len(valid) + len(test) == 600
    assert all(30 < len(part) < 100 for part in (valid, test))
    parts = [corpus.train, corpus.valid, corpus.test]
    for one, other in itertools.combinations([{p.key for p in part} for part in parts], 2):
        assert not one & other
    report = corpus.report
    assert (report.read, report.kept, report.used, report.items) == (302, 301, 300, 600)
    assert report.unused == {"other form": 1}
    assert consistent(report)
    again = read_corpus(CorpusSpec([path, path], forms=[COUPLET], held_out=0.2))
    assert [again.train, again.valid, again.test] == parts


def test_more_poems_move_none_to_another_part(tmp_path: Path) -> None:
    poems = [numbered(i) for i in range(200)]
    few, many = (
        read_corpus(CorpusSpec([write(tmp_path / name, "\n".join(some))], held_out=0.3))
        for name, some in (("few.txt", poems[::2]), ("many.txt", poems))
    )
    for part, whole in zip(sides(few, None), sides(many, None), strict=True):
        assert part < whole


def test_nothing_held_out_is_also_learnt(tmp_path: Path) -> None:
    common = "春眠不覺曉，處處聞啼鳥。"
    poems = [common * (i % 2 + 1) + numbered(i, 2) for i in range(100)]
    path = write(tmp_path / "a.txt", "\n".join(poems))
    corpus = read_corpus(CorpusSpec([path], forms=[COUPLET], held_out=0.3))
    train, valid, test = sides(corpus, COUPLET)
    assert min(map(len, (train, valid, test))) > 0
    assert len(train | valid | test) == 101
    assert content(Poem((common,)), COUPLET) in train
    assert corpus.report.repeated["held out, but also elsewhere"] == 2  # by both held-out parts
    assert consistent(corpus.report)
    sizes = f"{len(train)} to train, {len(valid)} to validate, {len(test)} to test"
    assert f"selected: 250; {sizes}" in corpus.report.lines()


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), min_size=1, max_size=30))
@settings(deadline=None, max_examples=40)
def test_no_couplet_stands_in_two_parts(poems: list[list[int]]) -> None:
    rows = "\n".join("".join(numbered(i, 2) for i in poem) for poem in poems)
    with stdin(rows):
        try:
            corpus = read_corpus(CorpusSpec(["-"], forms=[COUPLET], held_out=0.5))
        except CorpusError as error:
            assert "are held out" in str(error)  # noqa: PT017
            return
    train, valid, test = sides(corpus, COUPLET)
    assert len(train | valid | test) == len({i for poem in poems for i in poem})
    assert consistent(corpus.report)


def test_no_poem_to_test_with_is_nearly_one_to_train_on(tmp_path: Path) -> None:
    """Half of the poems come again with one to four of their twenty characters changed, half of
    those with five: of the former none is tested with where its original is learnt."""
    rng, originals = random.Random(0), [numbered(i) for i in range(200)]
    poems, differ = [], {}
    for original in originals:
        wrong, chars = rng.randrange(1, 6), list(original)
        for place in rng.sample([k for k, c in enumerate(chars) if c not in "，。"], wrong):
            chars[place] = "山"
        poems += [original, copy := "".join(chars)]
        differ[original], differ[copy] = (copy, wrong), (original, wrong)
    path = write(tmp_path / "a.txt", "\n".join(poems))
    spec = CorpusSpec([path], forms=[Form(5, 4)], held_out=0.4)
    corpus = read_corpus(spec)
    train, valid, test = (
        {poem.text.replace("\n", "") for poem in part}
        for part in (corpus.train, corpus.valid, corpus.test)
    )
    for poem in test:
        other, wrong = differ[poem]
        assert wrong == 5 or other not in train
    left = set(poems) - train - valid - test
    assert all(differ[poem][1] < 5 and differ[poem][0] in train for poem in left)
    assert len(left) > 20
    reason = "to test with, but a near-copy of one to train on"
    assert corpus.report.repeated == {reason: len(left)}
    assert consistent(corpus.report)
    assert f"left out: {len(left)} {reason}" in corpus.report.lines()
    assert read_corpus(CorpusSpec([path], held_out=0.4)).report.test == len(test), "in free form"


def test_whole_poems(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\n".join([A, B, "春□風。", "a rose"]))
    corpus = read_corpus(CorpusSpec([path]))
    assert [p.text for p in corpus.train] == [A, B, "a rose"]
    assert corpus.valid == corpus.test == []
    assert corpus.report.unused == {"lacuna": 1}
    assert consistent(corpus.report)


def test_poems_to_validate_with_are_none_of_those_to_train_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\n".join([A, B]))
    other = write(tmp_path / "b.txt", "\n".join([B.replace("，", "。"), C, C + A, C]))
    corpus = read_corpus(CorpusSpec([path], [other], [COUPLET], held_out=0.5))
    assert ([p.text for p in corpus.train], [p.text for p in corpus.valid]) == ([A, B], [C])
    assert corpus.test == []
    alone = read_corpus(CorpusSpec([path], forms=[COUPLET]))
    assert corpus.report == alone.report


NOTHING: list[tuple[list[str], list[Form], float, str]] = [
    ([A, B, "a rose"], [Form(7, 4)], 0, "0 poems of the form 7x4; there are 2 of 5x2: try --form"),
    (["a rose"], [COUPLET], 0, "0 poems of the form 5x2; all 1 are of free form: leave out --form"),
    (["春□風"], [], 0, "all 1 poems have lacunae; give whole poems, or select a --form"),
    ([A, B], [], 1, "all 2 poems are held out; give more poems, or hold out less"),
]


@pytest.mark.parametrize(("poems", "forms", "held_out", "says"), NOTHING)
def test_nothing_to_train_on(
    tmp_path: Path, poems: list[str], forms: list[Form], held_out: float, says: str
) -> None:
    path = write(tmp_path / "a.txt", "\n".join(poems))
    with pytest.raises(CorpusError, match=f"^{path}: {says}"):
        read_corpus(CorpusSpec([path], forms=forms, held_out=held_out))


LONG, SHORT = "白髮三千丈，緣愁似個長。", "一弹流水一弹月，半入江风半入云。"


def test_a_corpus_of_two_scripts_is_told_and_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "both.txt"
    path.write_text(f"{LONG}\n{SHORT}\n", "utf-8")
    poems = list(read_poems(path, report=(report := CorpusReport())))
    assert [poem.text for poem in poems] == [LONG, SHORT]
    told = "1 traditional, 1 simplified: --corpus-script traditional reads both as one"
    assert f"scripts: {told}" in report.lines()
    whole = {
        "traditional": "一彈流水一彈月，半入江風半入雲。",
        "simplified": "白发三千丈，缘愁似个长。",
    }
    for script, text in whole.items():
        found = read_poems(path, report=(report := CorpusReport()), corpus_script=script)
        read = list(found)
        assert text in [poem.text for poem in read]
        assert report.as_dict()["scripts"] == {script: 2}
        assert [poem.key for poem in read] == [poem.key for poem in poems]


UPPER, LOWER = (
    "一曲新詞酒一杯。去年天氣舊亭臺。夕陽西下幾時回。",
    "無可奈何花落去，似曾相識燕歸來。小園香徑獨徘徊。",
)
SOUTH = "江南好，風景舊曾諳。日出江花紅勝火，春來江水綠如藍。能不憶江南？"


@pytest.mark.parametrize("title", ["浣溪沙", "# 浣溪沙", "《浣溪沙》", "浣溪沙・春", "浣溪沙 晏殊"])
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_ci_is_found_by_the_name_before_it(tmp_path: Path, title: str, between: str) -> None:
    blocks = [f"{title}{between}{UPPER}{between}{LOWER}", f"忆江南：{SOUTH}", A, f"{B}\n{C}"]
    path = write(tmp_path / "ci.txt", "\n\n".join(blocks))
    poems = list(read_poems(path))
    assert [str(poem.form) for poem in poems] == ["浣溪沙", "憶江南", "5x2", "5x4"]
    assert poems[0].text == f"{UPPER}\n{LOWER}"
    assert poems[0].meta["title"] == " ".join(title.strip("# 《》").split())


@pytest.mark.parametrize(
    "meta",
    [
        {"rhythmic": "忆江南"},
        {"詞牌": "望江南", "title": "江南"},
        {"title": "憶江南三首・其二"},
        {"title": "【忆江南】"},
        {"title": "調寄憶江南"},
    ],
)
def test_a_field_or_a_title_names_the_tune(tmp_path: Path, meta: dict[str, str]) -> None:
    path = write(tmp_path / "ci.json", json.dumps([{**meta, "paragraphs": [SOUTH]}]))
    assert [str(poem.form) for poem in read_poems(path)] == ["憶江南"]

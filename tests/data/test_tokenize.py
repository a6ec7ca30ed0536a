"""A corpus becomes a folder of numbered poems: the same poems as when all are read at once."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import Mock

import pytest
from folders import contents, forge, names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import poetvae
from poetvae.config import configure
from poetvae.data import selection as items
from poetvae.data import store, tokenize
from poetvae.data.corpus import CorpusReport, CorpusSpec
from poetvae.data.dataset import Data, TokenStore, encode_poems
from poetvae.data.record import Record
from poetvae.data.selection import chunks_of, gather, items_of
from poetvae.data.store import load_corpus, open_store, read_store
from poetvae.data.tokenize import build, known_values
from poetvae.errors import ConfigError, CorpusError, PoetVAEError
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form, Poem, content
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.training import trainer
from poetvae.training.spec import RunSpec

COUPLET, SHORT = Form(3, 2), Form(2, 2)
T = TypeVar("T")


def spec_of(
    source: Path, forms: tuple[Form, ...] = (), labels: tuple[str, ...] = (), **more: Any
) -> CorpusSpec:
    """A corpus in which nothing is too rare."""
    return CorpusSpec([source], (), forms, labels, **{"min_count": 1, "min_label": 1, **more})


def write(path: Path, lines: list[Any]) -> Path:
    rows = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def at_once(spec: CorpusSpec) -> Data:
    """All poems read into memory, then numbered one by one."""

    def chars(poem: Poem) -> str:
        return content(poem, poem.form if spec.forms else None)

    corpus = load_corpus(spec)
    lengths = sorted(len(chars(p)) + 1 for p in corpus.train)
    needed = min(512, lengths[math.ceil(0.99 * len(lengths)) - 1]) if lengths else 1
    max_len = max((f.size for f in spec.forms), default=spec.max_len or needed)
    fitting = [p for p in corpus.train if spec.forms or len(chars(p)) < max_len]
    if not fitting:
        shortest = min(len(chars(p)) for p in corpus.train) + 1
        raise CorpusError(
            f"every poem is longer than max_len {max_len}; the shortest takes {shortest} positions:"
            f" --set max_len={shortest} or more, or select a --form"
        )
    tokenizer = PoemTokenizer.train(map(chars, fitting), spec.min_count)
    told = [poem.value(spec.theme) for poem in fitting]
    if spec.theme and not any(told):
        raise CorpusError(f"no poem has a {spec.theme}")
    there = Counter(name for poem in fitting for name in poem.meta)
    fields = {
        name: known_values(name, Counter(p.value(name) for p in fitting), 1, there)
        for name in spec.labels
        if not (name == "form" and spec.forms)
    }
    there_are = Counter(poem.form for poem in fitting)
    counts = {form: there_are[form] for form in spec.forms if there_are[form]}
    longest = max((form.size for form in counts), default=max_len)
    codec = PoemCodec(tokenizer, longest, counts, fields, spec.theme)
    if spec.theme:
        common = Counter(map(codec.theme_text, told)).most_common()
        codec = replace(codec, themes=tuple(theme for theme, n in common if theme and n > 1))
    train, valid, test = (
        encode_poems(codec, [p for p in poems if codec.fits(p)])
        for poems in (fitting, corpus.valid, corpus.test)
    )
    return Data(train, valid, test, codec)


def rows(stored: TokenStore) -> list[tuple[list[int], list[int]]]:
    labels = [[]] * len(stored) if stored.labels is None else stored.labels.tolist()
    return [(stored.poem(i), labels[i]) for i in range(len(stored))]


def same(one: Data, other: Data) -> None:
    assert one.codec.tokenizer.to_bytes() == other.codec.tokenizer.to_bytes()
    assert one.codec.to_dict() == other.codec.to_dict()
    assert one.codec.max_len == other.codec.max_len
    for side in store.SIDES:
        a, b = getattr(one, side), getattr(other, side)
        assert rows(a) == rows(b)
        assert a.fingerprint == b.fingerprint
        assert (a.max_len, a.pad_id) == (b.max_len, b.pad_id)


def or_error(make: Callable[[], T]) -> T | tuple[type, str]:
    """What is made, or the error without its counts: repeated poems are in those of a folder."""
    try:
        return make()
    except PoetVAEError as error:
        message = re.split("; there are|; the poems have|; they have", str(error))[0]
        return type(error), re.sub(r"[0-9]+", "N", message)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is not waited for."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


VERSE = st.text("山月水雲", min_size=2, max_size=3)
SENTENCE = st.lists(VERSE, min_size=1, max_size=3).map(lambda verses: "，".join(verses) + "。")
TEXT = st.one_of(
    st.lists(SENTENCE, min_size=1, max_size=2).map("\n".join),
    st.sampled_from(["", "（山", "□月水，雲山月。", "a rose", "月月\x00", "é e\u0301", "𠀀"]),
)
ROW = st.one_of(
    st.builds(
        lambda text, author, year, title: {
            "text": text,
            "author": author,
            "year": year,
            "title": title,
        },
        TEXT,
        st.sampled_from(["", "李白", "杜甫", "王維"]),
        st.sampled_from(["", "700", "701"]),
        st.sampled_from(["", "山月", "水 月一", "月山", "rose"]),
    ),
    st.sampled_from(["{", "3", '{"title": "x"}']),
)
ROWS = st.lists(ROW, min_size=1, max_size=14)


@pytest.mark.slow
@given(
    st.lists(ROWS, min_size=1, max_size=2),
    st.one_of(st.none(), ROWS),
    st.sampled_from([(), (COUPLET,), (SHORT,), (SHORT, COUPLET), (COUPLET, Form(3, 4), SHORT)]),
    st.sets(st.sampled_from(["author", "form", "year"])).map(sorted).map(tuple),
    st.sampled_from([0.0, 0.3, 0.5]),
    st.integers(1, 2),
    st.sampled_from([0, 1, 5, 9, 128]),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from(["", "title"]),
)
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_folder_holds_what_reading_at_once_gives(
    corpora: list[list[Any]],
    valid: list[Any] | None,
    forms: tuple[Form, ...],
    labels: tuple[str, ...],
    held_out: float,
    min_count: int,
    max_len: int,
    chunk: int,
    block: int,
    theme: str,
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        patch.setattr(tokenize, "BLOCK_ITEMS", block)
        patch.setattr(tokenize, "HASHES", block)
        patch.setattr(tokenize, "TESTED", block)
        sources = [write(folder / f"{i}.jsonl", rows) for i, rows in enumerate(corpora)]
        given = () if valid is None else (write(folder / "valid.jsonl", valid),)
        spec = CorpusSpec(
            sources,
            given,
            forms,
            labels,
            False,
            held_out,
            max_len,
            min_count,
            min_label=1,
            theme=theme,
        )
        expected = or_error(lambda: at_once(spec))
        built = or_error(lambda: build(spec, folder / "data", 1, chunk))
        if not isinstance(expected, Data):
            assert built == expected
            assert not any("data" in path.name for path in folder.iterdir())
            return
        same(open_store(folder / "data"), expected)
        described = store.describe(folder / "data")
        assert isinstance(built, store.Described)
        assert built.lines() == described.lines()
        report = described.report
        assert report.read == report.kept + report.dropped.total()
        assert report.kept == report.used + report.unused.total()
        sides = report.train + report.valid + report.test
        assert report.items == sides + report.repeated.total()
        there = load_corpus(spec).report
        counted = (report.read, report.train, report.valid, report.test, report.problems)
        assert counted == (there.read, there.train, there.valid, there.test, there.problems)
        near = "to test with, but a near-copy of one to train on"
        assert report.repeated[near] == there.repeated[near]


# Processes


def numbered(lines: int) -> list[str]:
    digits = "天地日月風花雪雨江河"
    return ["山" + "".join(digits[int(d)] for d in f"{i:05}") + "。" for i in range(lines)]


def test_processes_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", numbered(60))
    spec = spec_of(source, held_out=0.2)
    build(spec, tmp_path / "one", workers=1)
    build(spec, tmp_path / "two", workers=2, chunk=5)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def die(*_: object, **__: object) -> None:
    os._exit(1)


@pytest.mark.slow
def test_a_process_that_dies_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.txt", numbered(60))
    monkeypatch.setattr(items, "items_of", die)
    with pytest.raises(CorpusError, match="a process that read the corpus has died"):
        build(spec_of(source), tmp_path / "data", workers=2, chunk=5)
    assert names(tmp_path) == {"a.txt"}


def test_no_more_is_read_than_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is that of the chunks under way, however long the corpus is."""
    taken, given_back = 0, 0

    def endless(*_: object) -> Iterator[Record]:
        nonlocal taken
        for line in numbered(2000):
            taken += 1
            yield Record("", line)

    monkeypatch.setattr(items, "read_records", endless)
    for part in gather(["x"], CorpusSpec(["x"]), CorpusReport(), workers=2, chunk=5):
        given_back += len(part.lengths)
        assert taken - given_back <= 5 * (items.FEW_CHUNKS + 2 * 2 + 2)
    assert given_back == taken == 2000


def test_a_chunk_of_long_texts_is_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "CHUNK_CHARACTERS", 10)
    records = iter([Record("", "x" * n) for n in (4, 4, 4, 30, 2, 2)])
    sizes = [[len(r.text) for r in chunk] for chunk in chunks_of(records, 2, True)]
    assert sizes == [[4, 4], [4, 30], [2, 2]]


def test_items_of_a_chunk() -> None:
    texts = ["山月水，雲山月。", "（山", "山月水雲。", "山月水，雲山月！"]
    records = [Record("", text, {"author": "李白"} if i else {}) for i, text in enumerate(texts)]
    some = items_of(records, CorpusSpec([], (), (COUPLET,), ("form", "author")), side=1)
    assert "".join(map(chr, some.codes)) == "山月水雲山月" * 2
    assert some.lengths.tolist() == [6, 6]
    assert some.hashes[0] == some.hashes[1]
    assert some.sides.tolist() == [1, 1]
    values = [[some.values[i] for i in row] for row in some.columns]
    assert values == [["3x2", ""], ["3x2", "李白"]]
    assert (some.report.read, some.report.kept, some.report.used) == (4, 3, 2)
    assert some.fields == {"author": 1}
    free = items_of(records[:1], CorpusSpec([]))
    assert "".join(map(chr, free.codes)) == texts[0] + items.END
    none = items_of([], CorpusSpec([], forms=[COUPLET]))
    assert [len(a) for a in (none.codes, none.lengths, none.hashes, none.columns)] == [0] * 4


ENDLESS = """
import sys
from poetvae.data.corpus import CorpusReport, CorpusSpec
from poetvae.data.selection import gather
for _ in gather(["-"], CorpusSpec(["-"]), CorpusReport(), workers=2, chunk=5):
    print("some", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc to look into")
def test_processes_end_with_the_one_that_is_killed() -> None:
    """And a program without a guard can start them."""
    environment = {**os.environ, "PYTHONPATH": str(Path(str(poetvae.__file__)).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write("\n".join(numbered(5000)).encode())  # and more is to come
        program.stdin.flush()
        assert program.stdout.readline() == b"some\n"
        task = Path(f"/proc/{program.pid}/task")
        workers = [pid for path in task.glob("*/children") for pid in path.read_text().split()]
        assert len(workers) >= 2
        program.kill()
    for _ in range(200):
        if not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"processes {workers} are left")


# Folders


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Poems of two authors and of two forms."""
    pairs = itertools.product("天地日山水雲", "風花雪江河海")
    texts = [(f"{a}月{b}，春{b}{a}。", f"\n{b}月{a}，秋{a}{b}。") for a, b in pairs]
    rows = [
        {"text": one + other * (i % 2), "author": "李杜"[i % 2]}
        for i, (one, other) in enumerate(texts)
    ]
    return write(tmp_path / "poems.jsonl", rows)


FORMS = (COUPLET, Form(3, 4))


def test_a_tokenized_corpus_is_read_as_text(source: Path, tmp_path: Path) -> None:
    spec = spec_of(source, FORMS, ("author",), held_out=0.4, min_count=12)
    build(spec, tmp_path / "data")
    data, corpus = open_store(tmp_path / "data"), read_store(tmp_path / "data")
    assert any(data.codec.tokenizer.unk_id in data.test.poem(i) for i in range(len(data.test)))
    for side in store.SIDES:
        poems, stored = getattr(corpus, side), getattr(data, side)
        assert all(map(data.codec.fits, poems))
        assert rows(encode_poems(data.codec, poems)) == rows(stored)
    assert corpus.report == load_corpus(spec).report
    assert load_corpus(CorpusSpec([tmp_path / "data"])) == corpus
    free = [f"a rose\nis {a} rose" for a in "abcd"]
    build(spec_of(write(tmp_path / "a.txt", [f"{p}\n" for p in free])), tmp_path / "free")
    assert [p.text for p in read_store(tmp_path / "free").train] == free


def test_couplets_of_one_poem_stay_together(tmp_path: Path) -> None:
    """In numbers, and read as text; a folder of an older version has each by itself."""
    words = ["山月水", "雲山月", "水雲山", "月水雲", "山水月", "雲月山", "水月雲", "月山水"]
    rows = [
        "".join(f"{words[(i + k) % 8]}，{words[(3 * i + k) % 8]}。" for k in range(3))
        for i in range(16)
    ]
    spec = spec_of(write(tmp_path / "poems.txt", rows), (COUPLET,), held_out=0.5)
    folder = tmp_path / "data"
    build(spec, folder, 1, 2)
    expected, corpus = load_corpus(spec), read_store(folder)
    for side in ("valid", "test"):
        whole, kept = getattr(expected, side), getattr(corpus, side)
        assert [p.lines for p in whole] == [p.lines for p in kept]
        pairs = [[p.key == q.key for p in poems for q in poems] for poems in (whole, kept)]
        assert pairs[0] == pairs[1]
        groups = getattr(open_store(folder), side).groups.tolist()
        assert [a == b for a in groups for b in groups] == pairs[0]
    assert len({p.key for p in corpus.valid}) < len(corpus.valid)
    manifest = json.loads((folder / "manifest.json").read_text())
    for side in ("valid", "test"):
        del manifest["files"][f"{side}.groups"]
        (folder / f"{side}.groups").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    older = read_store(folder)
    assert open_store(folder).valid.groups is None
    assert [p.lines for p in older.valid] == [p.lines for p in corpus.valid]
    assert len({p.key for p in older.valid}) == len(older.valid)


def test_a_damaged_file_is_named(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    build(spec_of(source, FORMS, ("author",), held_out=0.4), folder)
    arrays = {f"{side}.{name}" for side in store.SIDES for name in ("tokens", "offsets", "labels")}
    arrays |= {"valid.groups", "test.groups"}
    files = contents(folder)
    assert files.keys() == arrays | {"store.json", "tokenizer.model", "manifest.json"}
    for name in sorted(files.keys() - {"manifest.json"}):
        path, data = folder / name, files[name]
        for damaged in (data[:-1], data + b"x", bytes([data[0] ^ 1]) + data[1:], None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(CorpusError, match=rf"data/{name}\b.*; remove the folder"):
                open_store(folder)
            path.write_bytes(data)
    open_store(folder)
    for text in ("", "{}", '{"files": 3}', '{"files": {"a": {}}}', "[" * 10**6):
        (folder / "manifest.json").write_text(text)
        with pytest.raises(CorpusError, match=r"manifest.json is damaged.*; remove the folder"):
            open_store(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CorpusError, match=r"manifest.json: cannot be read .*; remove the folder"):
        open_store(folder)


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"text": {}}, {"max_len": None}, {"report": {"x": 1}}, {"labels": 1}]
)
def test_a_folder_of_another_kind(source: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    folder = tmp_path / "data"
    build(spec_of(source, FORMS), folder)
    text = json.dumps({**json.loads((folder / "store.json").read_text()), **change})
    forge(folder, "store.json", text.encode())
    with pytest.raises(CorpusError, match=r"store.json describes no poems .*; remove the folder"):
        open_store(folder)


def test_a_full_disk(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    for name in ("write", "finish"):
        with monkeypatch.context() as patch:
            patch.setattr(store.ArrayFile, name, full)
            with pytest.raises(CorpusError, match=r"data: cannot be written .No space left"):
                build(spec_of(source), tmp_path / "data")
        assert names(tmp_path) == {"poems.jsonl"}


def test_what_a_killed_process_left_goes_away(source: Path, tmp_path: Path) -> None:
    left = tmp_path / ".poetvae-0123456789abcdef.tmp" / "spool"
    left.mkdir(parents=True)
    (left / "codes").write_bytes(b"abc")
    build(spec_of(source), tmp_path / "data")
    assert names(tmp_path) == {"data", "poems.jsonl"}
    with pytest.raises(CorpusError, match="data exists; remove it, or choose another name"):
        build(spec_of(source), tmp_path / "data")


@pytest.mark.parametrize(
    ("lengths", "needed", "longer"),
    [
        ([3, 5, 9], 10, 0),  # a few poems: the longest, and the end mark
        ([7] * 150 + [300], 8, 1),  # one of many is left out
        ([7] * 20 + [300] * 20, 301, 0),
        ([7] * 20 + [900] * 20, 512, 20),
    ],
)
def test_poems_have_as_many_positions_as_they_need(
    tmp_path: Path, lengths: list[int], needed: int, longer: int
) -> None:
    chars = "".join(map(chr, range(0x4E00, 0x4E00 + 997)))
    texts = [(chars[i:] + chars)[:length] for i, length in enumerate(lengths)]
    source = write(tmp_path / "a.txt", "\n\n".join(texts).split("\n"))
    described = build(spec_of(source), tmp_path / "data")
    assert (described.codec.max_len, described.longer) == (needed, longer)


def test_two_to_one_place_are_not_mixed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first to be complete is there; the other one is refused."""
    build(spec_of(source), tmp_path / "expected")
    other, count = write(tmp_path / "other.txt", numbered(9)), tokenize._count

    def meanwhile(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(tokenize, "_count", count)
            build(spec_of(source), tmp_path / "data")
        return count(*arguments)

    monkeypatch.setattr(tokenize, "_count", meanwhile)
    with pytest.raises(CorpusError, match="data exists; remove it, or choose another name"):
        build(spec_of(other), tmp_path / "data")
    assert contents(tmp_path / "data") == contents(tmp_path / "expected")
    assert names(tmp_path) == {"data", "expected", "poems.jsonl", "other.txt"}


@pytest.mark.slow
def test_a_folder_that_was_tokenized_is_the_whole_corpus(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    build(spec_of(source, FORMS, ("author",)), folder)
    plan = partial(RunSpec.plan, configure("tiny", {"precision": "fp32"}))
    spec = plan([folder])
    assert (spec.forms, spec.labels) == (FORMS, ("author",))
    assert plan([folder], forms=["3x4", "3x2"], labels=["author"]) == spec
    for wrong, says in (
        ({"forms": ["3x2"]}, "--form 3x2, 3x4; leave out --form"),
        ({"labels": ["dynasty"]}, "--label author; leave out --label"),
        ({"valid": [source]}, "leave out --valid"),
    ):
        with pytest.raises(ConfigError, match=says):
            plan([folder], **wrong)
    for sources in ([folder, source], [source, folder]):
        with pytest.raises(CorpusError, match="data is tokenized; give it alone"):
            plan(sources)
    with pytest.raises(CorpusError, match="data is tokenized already"):
        build(spec.corpus, tmp_path / "more")
    trained = trainer.train([folder], tmp_path / "run", preset="tiny", steps=1, quiet=True)
    assert trained.codec.to_dict() == open_store(folder).codec.to_dict()
    assert not (tmp_path / "run" / "data").exists()


@given(st.lists(st.sampled_from(["", "tang", "song", "ming"]), max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_known_values_are_the_frequent_ones(values: list[str], least: int) -> None:
    counts = Counter(values)
    frequent = {v: n for v, n in counts.items() if v and n >= least}
    if len(frequent) < 2:
        message = f"^label dynasty: {len(frequent)} values that {least} poems have, expected 2"
        with pytest.raises(CorpusError, match=message):
            known_values("dynasty", counts, least, Counter())
        return
    known = known_values("dynasty", counts, least, Counter())
    assert known == tuple(v for v, _ in counts.most_common() if v in frequent)


@pytest.mark.parametrize(
    ("there", "says"), [({"author": 3, "dynasty": 1}, "author, dynasty; --set min_l"), ({}, "none")]
)
def test_what_there_is_to_tell_apart_is_said(there: dict[str, int], says: str) -> None:
    with pytest.raises(CorpusError, match=f"the poems have the fields {says}"):
        known_values("title", {"": 4}, 1, Counter(there))


def test_a_known_codec_numbers_what_it_knows_in_its_own_script(tmp_path: Path) -> None:
    traditional, simplified = "一彈流水一彈月，半入江風半入雲。", "一弹流水一弹月，半入江风半入云。"
    known = PoemCodec(PoemTokenizer.train([traditional]), 14, {Form(7, 2): 1})
    source = write(tmp_path / "simplified.txt", [simplified])
    build(spec_of(source, (Form(7, 2),)), tmp_path / "numbered", known=known)
    ids = store.open_store(tmp_path / "numbered").train.poem(0)
    assert ids == known.encode(Poem((traditional,)))
    assert known.tokenizer.unk_id not in ids


def test_a_known_codec_may_know_letters_that_no_poem_has(tmp_path: Path) -> None:
    kana = Form((2, 2))
    known = PoemCodec(PoemTokenizer.train(["きょうのはな"]), 4, {kana: 1})
    source = write(tmp_path / "kana.txt", ["うの、はな。"])
    build(spec_of(source, (kana,)), tmp_path / "numbered", known=known)
    ids = store.open_store(tmp_path / "numbered").train.poem(0)
    assert known.decode(ids, kana) == "うの\nはな"

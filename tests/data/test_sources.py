"""What people have, in the layouts they have it in; and inputs that set no limits."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.data import sources
from poetvae.data.corpus import CorpusReport, read_poems
from poetvae.data.fields import likeness
from poetvae.data.reading import ReadingOptions
from poetvae.errors import ConfigError, CorpusError

A = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
B = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"
TIGER = "Tiger Tiger, burning bright,\nIn the forests of the night;"
EYE = "What immortal hand or eye,\nCould frame thy fearful symmetry?"
EACH_LINE = A.replace("。", "。\n").strip()


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def texts(path: Path, **reading: Any) -> list[str]:
    return [poem.text for poem in read_poems(path, **reading)]


def titles(path: Path, **reading: Any) -> list[str]:
    return [poem.meta.get("title", "") for poem in read_poems(path, **reading)]


# Names


@pytest.mark.parametrize(
    "name",
    [
        *("內容", "内容", "詩句", "正文", "诗文", "原文", "诗", "詞", "本文", "俳句", "본문"),
        *("para", "s", "Poem", "poem_text", "Full Text", "poem-content", "verses", "TEXTO"),
    ],
)
def test_the_text_by_its_name(tmp_path: Path, name: str) -> None:
    other = "春眠不覺曉，處處聞啼鳥。"  # as like verse as the text is
    table = write(tmp_path / "a.csv", f"譯,作者,{name}\n{other},王之渙,{A}\n{other},李白,{B}\n")
    assert texts(table) == [A, B]
    rows = [{"注": other, name: A}, {name: [B[:12], B[12:]], "注": other}]
    assert texts(write(tmp_path / "a.jsonl", "\n".join(map(dumped, rows)))) == [
        A,
        f"{B[:12]}\n{B[12:]}",
    ]


def test_title_author_and_dynasty_by_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"題目,詩人,朝代,內容\n登鸛雀樓,王之渙,唐,{A}\n")
    (poem,) = read_poems(path)
    assert poem.meta == {
        "題目": "登鸛雀樓",
        "詩人": "王之渙",
        "朝代": "唐",
        "title": "登鸛雀樓",
        "author": "王之渙",
        "dynasty": "唐",
    }


def test_the_text_by_its_likeness_to_verse(tmp_path: Path) -> None:
    note = "此詩寫作者登樓所見之景，語言質樸，而境界開闊，歷來爲人所稱道，後世登覽之作多受其影響。"
    path = write(tmp_path / "a.csv", f"序,名,說,言\n1,王之渙,{note},{A}\n2,李白,{note},{B}\n")
    assert texts(path) == [A, B]
    rows = [{"who": "Blake", "stuff": text, "about": "A poem of 1794."} for text in (TIGER, EYE)]
    assert texts(write(tmp_path / "a.json", dumped(rows))) == [TIGER, EYE]


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (A, 1, 1),
        (["碧雲天，黃葉地，", "秋色連波，波上寒煙翠。", "山映斜陽天接水，"], 0.4, 1),
        ("王之渙", 0, 0),
        ("此詩寫作者登樓所見之景，語言質樸，而境界開闊，歷來爲人稱道，後世之作多受影響。", 0, 0.3),
        ("仄仄平平仄，平平仄仄平。平平平仄仄，仄仄仄平平。", 0, 0),
        (TIGER, 1, 1),
        ("A poem by William Blake that was printed in 1794.", 0, 0),
        (None, 0, 0),
        (7, 0, 0),
    ],
)
def test_likeness_to_verse(text: Any, least: float, most: float) -> None:
    assert least <= likeness(text) <= most


def test_names_that_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"題,text,乙\n題一,{A},{B}\n")
    assert (texts(path, text_field="乙"), titles(path, title_field="乙")) == ([B], [B])
    with pytest.raises(CorpusError, match=r"none of the fields is a poem: 題, text, 乙"):
        texts(path, text_field="丙")


def test_nothing_that_fits_names_what_there_is(tmp_path: Path) -> None:
    write(tmp_path / "a.json", dumped([{"姓名": "李白", "生平": "唐人。"}, {"字": "太白"}]))
    write(tmp_path / "b.docx", "x")
    with pytest.raises(CorpusError) as error:
        texts(tmp_path)
    for words in (
        "a.json: none of the fields is a poem: 姓名, 生平, 字",
        "--text-field",
        "1 .docx",
    ):
        assert words in str(error.value)


# Layouts


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", dumped([A, B])),
        ("a.json", json.dumps([A, B], indent=2)),
        ("a.json", dumped([[A], [B]])),
        ("a.json", dumped({"data": {"poems": [{"text": A}, {"text": B}]}, "version": 2})),
        ("a.json", json.dumps({"text": A}, indent=1) + "\n" + json.dumps({"text": B}, indent=1)),
        ("a.jsonl", f"{dumped(A)}\n{dumped(B)}\n"),
        ("a.jsonl", dumped([A, B])),
        ("a.ndjson", f"{dumped([A])}\n{dumped([B])}"),
        ("a.ndjson.gz", gzip.compress(f"{dumped({'s': A})}\n{dumped({'s': B})}".encode())),
        ("a.csv.gz", gzip.compress(f"text\n{A}\n{B}\n".encode())),
        ("a.csv", f"登樓,王之渙,{A}\n靜夜思,李白,{B}\n"),
        ("a.csv", f"title;text\nx;{A}\ny;{B}\n"),
        ("a.tsv", f"title\ttext\nx\t{A}\ny\t{B}\n"),
        ("a.txt", f"{A}\r{B}\r"),
        ("a.txt", dumped([A, B])),
    ],
)
def test_layouts(tmp_path: Path, name: str, data: str | bytes) -> None:
    assert texts(write(tmp_path / name, data)) == [A, B]


def test_values_that_nothing_parts_are_no_json(tmp_path: Path) -> None:
    path, report = write(tmp_path / "a.json", f'["{A}", "{B}"\n\n"{A}""{B}"]'), CorpusReport()
    assert [poem.text for poem in read_poems(path, report=report)] == [A, B]
    assert report.problems == [f"{path}:3: broken JSON"]


def test_sections_in_sections(tmp_path: Path) -> None:
    def section(kind: str, *poems: dict[str, Any]) -> dict[str, Any]:
        return {"type": kind, "content": list(poems)}

    first = {"chapter": "登樓", "author": "王之渙", "paragraphs": [A]}
    second = {"chapter": "靜夜思", "subchapter": "其一", "paragraphs": [B]}
    content = [section("五絕", first), section("又", second)]
    book = {"title": "蒙書", "editor": "某", "content": content}
    one, two = read_poems(write(tmp_path / "a.json", dumped(book)))
    assert one.text == A
    expected = {"title": "登樓", "author": "王之渙", "type": "五絕", "book": "蒙書", "editor": "某"}
    assert expected.items() <= one.meta.items()
    assert (two.text, two.meta["title"], two.meta["type"]) == (B, "其一", "又")


def test_objects_of_poems(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", dumped({"登樓": A, "靜夜思": [B]}))
    assert (titles(path), texts(path)) == (["登樓", "靜夜思"], [A, B])
    by_author = {"王之渙": {"登樓": A, "又": B}, "李白": [{"題": "思", "內容": B[12:]}]}
    path = write(tmp_path / "b.json", dumped(by_author))
    assert (titles(path), texts(path)) == (["登樓", "又", "思"], [A, B, B[12:]])


@pytest.mark.parametrize(
    ("line", "title", "author", "text"),
    [
        (f"登樓：{A}", "登樓", "", A),
        (f"{'題' * 31}：{A}", "題" * 31, "", A),
        (f"和張五，兼寄諸公:{A}", "和張五，兼寄諸公", "", A),
        (f"登樓::王之渙::{A}", "登樓", "王之渙", A),
        (f"登樓：：{A}", "登樓", "", A),
        ("白日依山盡，公曰：入海流。", "", "", "白日依山盡，公曰：入海流。"),
        ("O Captain: my Captain, again", "", "", "O Captain: my Captain, again"),
    ],
)
def test_titles_of_lines(tmp_path: Path, line: str, title: str, author: str, text: str) -> None:
    (poem,) = read_poems(write(tmp_path / "a.txt", line))
    assert (poem.text, poem.value("title"), poem.value("author")) == (text, title, author)
    (poem,) = read_poems(write(tmp_path / "a.json", dumped([line])))
    assert (poem.text, poem.value("title"), poem.value("author")) == (text, title, author)


@pytest.mark.parametrize("mark", ["|", "｜", "/", " / ", "//", "|\n"])
def test_marks_between_verses(tmp_path: Path, mark: str) -> None:
    verses = ["猛上臨光殿", "生擒歸命侯", "師心無學術", "與子失貽謀"]
    (poem,) = read_poems(write(tmp_path / "a.jsonl", dumped({"content": mark.join(verses)})))
    assert (str(poem.form), poem.verses) == ("5x4", tuple(verses))
    (poem,) = read_poems(write(tmp_path / "b.txt", TIGER.replace("\n", " / ") + " and/or"))
    assert poem.text == f"{TIGER} and/or"


def test_a_poem_a_file(tmp_path: Path) -> None:
    write(tmp_path / "登樓.txt", EACH_LINE.replace("\n", "\n\n"))
    write(tmp_path / "夜/靜夜思.txt", f"{B}\n")
    write(tmp_path / "夜/c.json", dumped([A[:12]]))
    poems = list(read_poems(tmp_path, file_is_poem=True))
    found = {(poem.value("title"), str(poem.form)) for poem in poems}
    assert found == {("登樓", "5x4"), ("靜夜思", "5x4"), ("", "5x2")}


def test_so_many_lines_a_poem(tmp_path: Path) -> None:
    verses = [*A.replace("，", "。").split("。")[:4], *B.replace("，", "。").split("。")[:4]]
    path, report = write(tmp_path / "a.txt", "\n".join([*verses, "", "孤句"])), CorpusReport()
    poems = list(read_poems(path, lines_per_poem=4, report=report))
    assert [str(poem.form) for poem in poems] == ["5x4", "5x4"]
    assert report.problems == [f"{path}:10: too few lines for a poem: 1 of 4"]
    report = CorpusReport()
    assert len(list(read_poems(path, report=report))) == 2
    single = write(tmp_path / "b.txt", "\n".join(verses))
    report = CorpusReport()
    assert len(list(read_poems(single, report=report))) == 8
    assert "--lines-per-poem 4" in report.lines()[-1]


def test_stanzas_stay_apart(tmp_path: Path) -> None:
    ballad, other = f"{TIGER}\n\n{EYE}", f"{EYE}\n\n{TIGER}\n\n{EYE}"
    assert texts(write(tmp_path / "a.txt", f"{ballad}\n\n\n{other}\n \n\nRoses\n")) == [
        *(ballad, other, "Roses"),
    ]
    rows = [
        {"text": ballad},
        {"text": [TIGER, EYE]},
        {"text": [*TIGER.split("\n"), "", *EYE.split("\n")]},
    ]
    rows += [{"text": [TIGER.split("\n"), EYE.split("\n")]}]
    for row in rows:
        assert texts(write(tmp_path / "a.json", dumped([row]))) == [ballad]
    (poem,) = read_poems(write(tmp_path / "b.json", dumped([EACH_LINE.replace("\n", "\n\n")])))
    assert (str(poem.form), len(poem.verses)) == ("5x4", 4)
    blocks = "\n\n".join([A, B, A[:12], B[:12]]) + f"\n\n\n{B[12:]}"
    assert len(texts(write(tmp_path / "c.txt", blocks))) == 5  # each is a poem: it has a form


# Rows


@pytest.mark.parametrize(
    "bad",
    [f'x,"{A}', f"x,{A},{B}", f'x,"{A}"{B}"', b"x,\xff\xfe\x81"],
    ids=["unclosed quote", "too many fields", "text behind a quote", "not UTF-8"],
)
def test_a_bad_row_loses_a_row(tmp_path: Path, bad: str | bytes) -> None:
    rows = [f"y,{A}", f'z,"{B[:12]}\n{B[12:]}"', f"w,{B}"]
    data = [row.encode() for row in ("title,text", rows[0])] + [
        *(bad if isinstance(bad, bytes) else bad.encode(),),
        *(row.encode() for row in rows[1:]),
    ]
    path, report = write(tmp_path / "a.csv", b"\n".join(data)), CorpusReport()
    poems = list(read_poems(path, report=report))
    assert [poem.value("title") for poem in poems] == ["y", "z", "w"]
    assert report.dropped.total() == 1
    with pytest.raises(CorpusError, match="mend it, or read without strict"):
        list(read_poems(path, strict=True))


cells = st.text(st.sampled_from('山水,;"\n 。a'), max_size=8).map(str.strip)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_what_a_spreadsheet_writes_is_read(rows: list[tuple[str, str]]) -> None:
    import csv
    import io

    from poetvae.data.tables import separated_entries

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("title", "text"), *rows])
    lines = [(f"a:{i}", line) for i, line in enumerate(out.getvalue().split("\n"), 1)]
    entries = [value for _, value in separated_entries("a", iter(lines), out.getvalue())]
    assert entries == [{"title": a, "text": b} for a, b in rows if a or b]


def test_a_quote_that_nothing_closes_is_not_looked_for_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poetvae.data.tables._LONGEST_ROW", 100)
    rows = [f"{char}{A[1:]}" for char in "春夏秋冬東西南北風雨雪月"]
    path, report = tmp_path / "a.csv", CorpusReport()
    write(path, "\n".join(["text", f'"{B}', *rows]))
    assert [poem.text for poem in read_poems(path, report=report)] == rows
    assert report.problems == [f"{path}:2: broken row: a quote that nothing closes"]


def test_short_rows_and_long_fields(tmp_path: Path) -> None:
    long = "，".join([A[:5]] * 40_000)  # csv would stop at 131,072 characters
    path = write(tmp_path / "a.csv", f'title,text,note\nx,{A}\ny,"{long}"\n,,\n\nz,{B},n,,\n')
    assert [len(text) for text in texts(path)] == [len(A), len(long), len(B)]


# Reports


def test_reasons_come_by_count_each_with_its_first_place(tmp_path: Path) -> None:
    rows = [dumped({"text": f"{chr(0x4E00 + i)}{A[1:]}"}) for i in range(60)]
    rows[3] = rows[5] = rows[8] = "{"
    rows[9] = rows[11] = "7"
    path, report = write(tmp_path / "a.jsonl", "\n".join(rows)), CorpusReport()
    list(read_poems(path, report=report))
    assert report.lines()[1:3] == [
        f"dropped: 3 broken JSON; first {path}:4: broken JSON",
        f"dropped: 2 not an object; first {path}:10: not an object",
    ]


@pytest.mark.parametrize(
    ("good", "bad", "stops"),
    [(9, 1, False), (8, 2, False), (7, 2, True), (1, 1, False), (0, 5, True)],
)
def test_a_corpus_that_is_lost_stops(tmp_path: Path, good: int, bad: int, stops: bool) -> None:
    lines = [f"{chr(0x4E00 + i)}{A[1:]}".encode() for i in range(good)] + [b"\xfe\x81\xff"] * bad
    path = write(tmp_path / "a.txt", b"\n".join(lines))
    if stops:
        with pytest.raises(
            CorpusError, match=rf"{bad} of {good + bad} entries are lost: .*--encoding"
        ):
            texts(path)
    else:
        assert len(texts(path)) == good


def test_characters_that_were_lost_before_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\n".join([A, "白\ufffd依山盡", "\ufffd河入海流"]))
    with pytest.raises(CorpusError, match=r"2 of 3 entries are lost: 2 characters lost to U\+FFFD"):
        texts(path)


def test_folders_that_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.txt", A)
    write(tmp_path / "shut/b.txt", B)
    scan = os.scandir

    def guarded(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    report = CorpusReport()
    assert [poem.text for poem in read_poems(tmp_path, report=report)] == [A]
    assert report.ignored == {"folder that cannot be entered": 1}
    with pytest.raises(CorpusError, match=r"shut: cannot be entered \(Permission denied\)"):
        list(read_poems(tmp_path, strict=True))


# Inputs without limits


def test_what_is_no_file_is_passed_over_in_folders(tmp_path: Path) -> None:
    write(tmp_path / "d/a.txt", A)
    (tmp_path / "d/dead.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "d/zero.txt").symlink_to("/dev/zero")
    (tmp_path / "d/loop").symlink_to(tmp_path / "d")
    os.mkfifo(tmp_path / "d/pipe.jsonl")
    report = CorpusReport()
    assert [poem.text for poem in read_poems(tmp_path / "d", report=report)] == [A]
    assert report.ignored == {"link to nothing": 1, "no regular file": 2, "linked folder": 1}


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name, says in (("pipe.txt", "nobody writes"), ("zero.json", "is no file, folder or pipe")):
        with pytest.raises(CorpusError, match=says):
            texts(tmp_path / name)


def test_a_path_that_is_here_is_no_question_to_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("poetvae.data.sources.hub_entries", lambda name: pytest.fail(name))
    write(tmp_path / "data/a.txt", A)
    (tmp_path / "data/dead").symlink_to("nothing")
    for name, says in (("data/typo", "no such file"), ("data/dead", "is a link to nothing")):
        with pytest.raises(CorpusError, match=says):
            read_poems(name)


@pytest.mark.parametrize("unit", [b"a\n", b"[", b",a", b"\0"])
@pytest.mark.parametrize("suffix", [".txt.gz", ".json.gz", ".csv.gz"])
def test_archives_that_unpack_without_end(tmp_path: Path, unit: bytes, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(20):
            file.write(unit * (2**20 // len(unit)))
    with pytest.raises(CorpusError, match="unpacks to more than 200 times its size"):
        texts(path)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.txt", "a" * 17_000_000, "an entry of more than 16,777,216 characters"),
        ("a.json", '["' + "a" * 17_000_000, "an entry of more than 16,777,216 characters"),
        ("a.csv", ",".join(f"c{i}" for i in range(200_000)), "200,000 columns; expected at most"),
        ("a.jsonl", dumped({f"c{i}": A for i in range(2000)}), "too many fields: 2,000"),
    ],
)
def test_entries_without_end(tmp_path: Path, name: str, data: str, says: str) -> None:
    with pytest.raises(CorpusError, match=says) as error:
        texts(write(tmp_path / name, data))
    assert "\n" not in str(error.value)


def test_wide_parquet_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    pq.write_table(pa.table({f"c{i}": [A] for i in range(1001)}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="1,001 columns; expected at most 1,000"):
        texts(tmp_path / "a.parquet")


def test_numbers_of_thousands_of_digits_are_passed_over(tmp_path: Path) -> None:
    data = f'{{"n": {"9" * 9999}, "x": 1e999, "text": "{A}"}}'
    assert texts(write(tmp_path / "a.jsonl", data)) == [A]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encoding": "klingon"}, "encoding is 'klingon'; expected utf-8, gb18030"),
        ({"encoding": "base64"}, "encoding is 'base64'"),
        ({"encoding": 7}, "encoding is 7; expected a name"),
        ({"corpus_script": "latin"}, "corpus_script is 'latin'; expected traditional or"),
        ({"lines_per_poem": 0}, "lines_per_poem is 0; expected at least 1"),
        ({"lines_per_poem": 2, "file_is_poem": True}, "give one of them"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ReadingOptions(**options)

"""What bytes stand for is found where that is safe, and nothing is lost in silence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetvae.data.corpus import CorpusReport, read_poems
from poetvae.data.encoding import BROKEN, decoded, detect
from poetvae.errors import CorpusError

TANG = ["國破山河在，城春草木深。", "感時花濺淚，恨別鳥驚心。", "烽火連三月，家書抵萬金。"]
SONG = ["春花秋月何时了，往事知多少。", "小楼昨夜又东风，故国不堪回首月明中。", "问君能有几多愁。"]
HAIKU = ["古池や蛙飛びこむ水の音", "閑さや岩にしみ入る蝉の声", "菜の花や月は東に日は西に"]
WESTERN = [
    "Über allen Gipfeln ist Ruh,",
    "Où sont les neiges ?",
    "La niña se fue al río, señor.",
]
KOREAN = ["나 보기가 역겨워 가실 때에는", "말없이 고이 보내 드리우리다", "산에는 꽃 피네 꽃이 피네"]
RUSSIAN = ["Мороз и солнце; день чудесный!", "Еще ты дремлешь, друг прелестный"]
WRITTEN = [
    *(
        (lines, mark)
        for lines in (TANG, SONG, HAIKU, WESTERN)
        for mark in ("utf-8-sig", "utf-16", "utf-32")
    ),
    *((lines, "utf-8") for lines in (TANG, SONG, HAIKU, WESTERN, KOREAN, RUSSIAN)),
    *((TANG, "gb18030"), (TANG, "gbk"), (TANG, "big5"), (SONG, "gbk"), (SONG, "gb2312")),
    *((HAIKU, "shift_jis"), (HAIKU, "cp932"), (HAIKU, "euc_jp"), (HAIKU, "iso2022_jp")),
    *((WESTERN, "latin-1"), (WESTERN, "cp1252"), (KOREAN, "euc_kr"), (RUSSIAN, "cp1251")),
]


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".json"])
@pytest.mark.parametrize(("lines", "encoding"), WRITTEN)
def test_what_editors_and_spreadsheets_write(
    tmp_path: Path, lines: list[str], encoding: str, suffix: str
) -> None:
    rows = {
        ".txt": "\r\n".join(lines),
        ".csv": "\r\n".join(["title,text", *(f'x,"{line}"' for line in lines)]),
        ".json": json.dumps([{"text": line} for line in lines], ensure_ascii=False, indent=1),
    }
    path, report = tmp_path / f"a{suffix}", CorpusReport()
    path.write_bytes(rows[suffix].encode(encoding))
    assert [poem.text for poem in read_poems(path, report=report)] == lines
    assert report.encodings.total() == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a\n\xff\n\nb\nc",
        "日月光華".encode("utf-16-le"),
        ("國破山河在\n" * 9 + "\udcff國破\n").encode("utf-8", "surrogateescape"),
        "ﾊﾙﾉｳﾐ ﾋﾈﾓｽ".encode("shift_jis"),
        bytes(range(1, 256)) * 4,
        b"\x00\x01\x02\xfe",
    ],
)
def test_what_is_not_safe_to_tell_is_utf8(data: bytes) -> None:
    assert detect(data) == "utf-8"


@pytest.mark.parametrize(
    ("lines", "encoding"), [(TANG, "utf-16-le"), (TANG, "big5"), (HAIKU, "euc_jp"), (SONG, "hz")]
)
def test_an_encoding_that_is_told_holds(tmp_path: Path, lines: list[str], encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\n".join(lines).encode(encoding))
    assert [poem.text for poem in read_poems(path, encoding=encoding)] == lines
    path.write_bytes("\n".join(lines).encode())
    if encoding == "big5":
        with pytest.raises(CorpusError, match=r"entries are lost: .* not cp950"):
            list(read_poems(path, encoding=encoding))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), st.integers(1, 9))
def test_utf8_is_read_whole_however_it_comes(lines: list[str], size: int) -> None:
    data = "\n".join(lines).encode()
    source = io.BytesIO(data)
    _, parts = decoded(lambda n: source.read(min(n, size)), "utf-8")
    assert "".join(parts).removeprefix("\ufeff") == data.decode().removeprefix("\ufeff")


@given(st.binary(max_size=200))
def test_any_bytes_are_text_of_some_kind(data: bytes) -> None:
    encoding, parts = decoded(io.BytesIO(data).read)
    text = "".join(parts)
    assert "\ufffd" not in text or "\ufffd".encode(encoding) in data
    assert BROKEN not in text or text.encode(encoding, "replace") != data

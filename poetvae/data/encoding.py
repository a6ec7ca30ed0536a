"""What the bytes of a text file stand for: told by its first bytes, or by whoever gives it.

A byte order mark decides, then UTF-8. Other encodings are told by `chardet`, which is right on
single couplets, and taken where what they make of the bytes looks like writing. Where that is not
safe the text is taken as UTF-8, and each line that is not counts as lost.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

from ..errors import ConfigError
from ..i18n import N_, _

BROKEN = "\udcff"
"""Stands in decoded text for bytes that stand for nothing."""
HEAD = 2**16
"""Bytes that are read at once; the first of them tell the encoding."""
ENCODINGS = N_("utf-8, gb18030, big5, shift_jis, euc_jp, latin-1 or the like")

# Under these names spreadsheets and editors write what only the wider encoding has.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "big5hkscs": "cp950"}
_WIDER |= {"shift_jis": "cp932", "euc_kr": "cp949", "iso8859-1": "cp1252", "ascii": "utf-8"}
_WIDER |= {"euc_jis_2004": "euc_jp"}

_MARKS = {  # those of UTF-32 first, which begin as those of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MANY_BYTES = ("gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949")
_ONE_BYTE = ("cp1252", "cp1250", "cp1251", "cp1253", "koi8-r")
_JAPANESE = ("cp932", "euc_jis_2004")
_ALL = (*_MANY_BYTES, *_ONE_BYTE)
_SAFELY = 1.5  # times the score of the second best
_NEARLY = 0.8  # of the best score is enough for the usual one: French is much like Romanian
_PRINTERS = frozenset("“”‘’„–—…«»¡¿°·§\xa0")
_BLANKS = frozenset("\t\n\v\f\r\x1a")
_IN_WORD = re.compile("[A-Za-z][^\0-\x7f]|[^\0-\x7f][A-Za-z]")

codecs.register_error("poetvae", lambda error: (BROKEN, error.end))  # type: ignore[attr-defined]


def check_encoding(name: str) -> str:
    """The name of an encoding, or that of the wider one which is meant by it.
    Raises ConfigError: there is none of this name."""
    try:
        found = codecs.lookup(name)
        b"\n\0\0\0".decode(found.name, "replace")  # it is one of texts, as base64 is not
        _decode(b"\n\0\0\0", found.name)
    except (LookupError, UnicodeError, TypeError) as error:
        raise ConfigError(
            _("encoding is {name!r}; expected {encodings}", name=name, encodings=_(ENCODINGS))
        ) from error
    return _WIDER.get(found.name, found.name)


def detect(head: bytes) -> str:
    """The encoding of a text that begins with these bytes; utf-8 where that is not safe to tell."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\x1b$" in head and BROKEN not in _decode(head, "iso2022_jp"):
        return "iso2022_jp"
    if _is_utf8(_decode(head, "utf-8")):
        return "utf-8"
    import chardet

    found = chardet.detect_all(
        head,
        ignore_threshold=True,
        compat_names=False,
        include_encodings=("utf-8", *_ALL),
        no_match_encoding="utf-8",
    )
    scores = {str(each["encoding"]): each["confidence"] for each in found}
    likely = [n for n in scores if n in _ALL and _is_writing(_decode(head, n), n)]
    best = likely[0] if likely else "utf-8"
    score = scores.get(best, 0)
    if best == "utf-8" or 2 * score < max(scores.values()):  # the likeliest is no writing
        return "utf-8"
    if best in _ONE_BYTE and scores.get("cp1252", 0) >= _NEARLY * score:
        return "cp1252"
    if best in _MANY_BYTES and any(scores[n] * _SAFELY > score for n in likely[1:]):
        return "utf-8"
    return _WIDER.get(best, best)


def decoded(read: Callable[[int], bytes], encoding: str | None = None) -> tuple[str, Iterator[str]]:
    """The encoding of what is read, absent: detected; and its text, that of `HEAD` bytes at a time.
    `BROKEN` stands for bytes that are none of the encoding."""
    head = read(HEAD)
    name = encoding or detect(head)
    if name == "utf-8" and head.startswith(codecs.BOM_UTF8):
        name = "utf-8-sig"
    return name, _parts(head, read, name)


def _parts(data: bytes, read: Callable[[int], bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("poetvae")
    while data:
        yield decoder.decode(data)
        data = read(HEAD)
    yield decoder.decode(b"", final=True)


def _decode(data: bytes, encoding: str) -> str:
    """The text of the first bytes of something; where there are more it may end in a character."""
    decoder = codecs.getincrementaldecoder(encoding)("poetvae")
    return decoder.decode(data, final=len(data) < HEAD)


def _is_utf8(text: str) -> bool:
    """Whether text was UTF-8, up to some lines: those in another encoding are none by chance."""
    lines = [line for line in text.split("\n") if not line.isascii()]
    whole = [line for line in lines if BROKEN not in line]
    strange = sum(char > "\x7f" for char in text)
    return 5 * len(whole) >= len(lines) or strange >= 5 * text.count(BROKEN)


def _is_writing(text: str, encoding: str) -> bool:
    """Whether decoded text looks like some: few bytes that are nothing, no controls; Japanese with
    kana; where every byte is something, words in letters, in Latin script few with an accent."""
    strange = [char for char in text if char > "\x7f"]
    if any(char < " " and char not in _BLANKS for char in text):
        return False
    if encoding in _MANY_BYTES:
        kana = any("\u3041" <= char < "\u30fb" or "\uff66" <= char < "\uff9e" for char in strange)
        return 20 * text.count(BROKEN) <= len(strange) and kana >= (encoding in _JAPANESE)
    usual = sum(char.isalpha() or char in _PRINTERS for char in strange)
    plain = sum(char.isascii() and char.isalpha() for char in text)
    latin = plain >= 2 * len(strange) and _IN_WORD.search(text)
    other = max(strange) < "\u2100" and len({c for c in strange if "\u0370" <= c < "\u0530"}) > 5
    return 10 * usual >= 9 * len(strange) and bool(latin or other)

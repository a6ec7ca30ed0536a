"""Writes poetvae/text/prosody/chinese/modern.tsv: rhymes and tones of Mandarin by the 中華新韻.

    pip install pypinyin
    python scripts/make_modern_table.py

The readings are those of pypinyin, whose data are those of pinyin-data and phrase-pinyin-data (all
of MIT licence). A reading is usual that comes first there, or has a twentieth of the uses of its
character in the phrases. The 中華新韻 (十四韻) sorts finals into 14 rhymes; the first two tones are
level, the other two oblique, the neutral one is none.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from poetvae.text.prosody import LEVEL, OBLIQUE
from poetvae.text.prosody.chinese import shi

TABLE = Path(__file__).parents[1] / "poetvae" / "text" / "prosody" / "chinese" / "modern.tsv"
HEADER = """\
# Rhymes and tones of Mandarin by the 中華新韻; see poetvae/text/prosody/chinese/books.py. \
Written by
# scripts/make_modern_table.py from the data of pypinyin (MIT licence).
# rhyme, tab, 平 or 仄, tab, the characters that are usually read so, tab, those that are rarely
"""

RHYMES = {
    "麻": "a ia ua",
    "波": "o e uo",
    "皆": "ie ue ve",
    "開": "ai uai",
    "微": "ei ui uei",
    "豪": "ao iao",
    "尤": "ou iu iou",
    "寒": "an ian uan van",
    "文": "en in un uen vn",
    "唐": "ang iang uang",
    "庚": "eng ing ong iong ueng",
    "齊": "i er v",
    "支": "-i",
    "姑": "u",
}
_RHYME = {final: name for name, finals in RHYMES.items() for final in finals.split()}
_TONES = {"\u0304": LEVEL, "\u0301": LEVEL, "\u030c": OBLIQUE, "\u0300": OBLIQUE}
_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")
_SANDHI = "一不"  # phrases have these as they sound before other tones
_SHARE = 0.05

Reading = tuple[str, str]


def reading(pinyin: str) -> Reading | None:
    """Rhyme and tone of a syllable with marks; None for one without tone or final, as de and ń."""
    plain, tone = "", None
    for char in unicodedata.normalize("NFD", pinyin):
        tone = _TONES.get(char, tone)
        plain += "" if char in _TONES else char
    plain = unicodedata.normalize("NFC", plain).replace("ü", "v")
    initial = next((x for x in _INITIALS if plain.startswith(x)), "")
    final = plain.removeprefix(initial)
    if initial in ("zh", "ch", "sh", *"rzcs") and final == "i":
        final = "-i"
    if initial in (*"jqxy",) and final[:1] == "u":  # written u, said ü
        final = "v" + final[1:]
    if initial == "y":  # ye, yan: the vowel after a written y is that after i
        final = {"e": "ie", "an": "ian"}.get(final, final)
    name = _RHYME.get(final)
    return (name, tone) if name and tone else None


def table() -> dict[Reading, tuple[list[str], list[str]]]:
    """By rhyme and tone, the characters of the table of old sounds that are usually and rarely
    read so."""
    phrases: dict[str, Counter[Reading | None]] = defaultdict(Counter)
    told: Any = import_module("pypinyin.phrases_dict").phrases_dict
    for phrase, syllables in told.items():
        for char, said in zip(phrase, syllables, strict=False):
            phrases[char][reading(said[0])] += 1
    data: Any = import_module("pypinyin.pinyin_dict").pinyin_dict
    found: dict[Reading, tuple[list[str], list[str]]] = {
        (name, tone): ([], []) for name in RHYMES for tone in (LEVEL, OBLIQUE)
    }
    for char in sorted(shi._table()):
        said = [r for x in data.get(ord(char), "").split(",") if (r := reading(x))]
        if char in _SANDHI:
            said, phrases[char] = said[:1], Counter()
        uses = phrases[char]
        for i, one in enumerate(dict.fromkeys(said)):
            usual = i == 0 or uses[one] > _SHARE * uses.total()
            found[one][0 if usual else 1].append(char)
    return found


@click.command()
def main() -> None:
    """Write the table."""
    rows = [
        f"{name}\t{tone}\t{''.join(usual)}\t{''.join(rare)}".rstrip()
        for (name, tone), (usual, rare) in table().items()
    ]
    TABLE.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

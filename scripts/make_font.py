"""Writes poetvae/plotting/fonts/PoetvaeSerif.ttf: the face that poems are drawn in.

    npm pack @expo-google-fonts/noto-serif-tc @expo-google-fonts/noto-serif-sc   # and unpack both
    python scripts/make_font.py NotoSerifTC_400Regular.ttf NotoSerifSC_400Regular.ttf

Of Noto Serif (SIL Open Font License 1.1) these characters are kept: those of the tokenizers in the
package, in either script, of what poetvae says in Chinese, and of Latin with the marks of pinyin.
A character has its shape of the first file, or else of the second. Hints and features are dropped,
but the vertical shapes of marks. Noto is a trademark: what is left has a name of its own. The
licence, LICENSE_FONT of either package, stands beside it as OFL.txt.
"""

from __future__ import annotations

import io
import sys
import unicodedata
from pathlib import Path

import click
from babel.messages.mofile import read_mo
from fontTools.merge import Merger, Options
from fontTools.subset import Options as SubsetOptions
from fontTools.subset import Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

from poetvae.checkpoints.model_folder import PACKAGED
from poetvae.files import write_file
from poetvae.i18n import DOMAIN, LOCALES
from poetvae.plotting.fonts import BUNDLED, FAMILY
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.text.variants import to_simplified, to_traditional

SOURCE = "of Noto Serif TC and SC 2.003, of which it is a subset"
UNITS = 500  # per em, of 1000: unseen below 100 pixels, and an eighth less to carry
LATIN = "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x2010, 0x2017))))
PINYIN = "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüêńňǹḿ"
MARKS = "‘’“”†‡•…œŒ→←↑↓×−·○●◎□■△▲▽▼◇◆☆★♪"
MARKS += "〇《》〈〉「」『』【】〔〕〖〗（）［］｛｝、。，．・：；？！～—―＿／％＋－＝"
KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x3099, 0x3100))))


def wanted() -> set[str]:
    """The characters that poems and what is said of them can have."""
    chars = LATIN + PINYIN + MARKS + KANA
    for folder in PACKAGED.values():
        tokenizer = PoemTokenizer.load(folder / "tokenizer.model")
        chars += "".join(tokenizer.decode([i]) for i in range(len(tokenizer)))
    for catalogue in sorted(LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")):
        with catalogue.open("rb") as file:
            chars += "".join(str(message.string) for message in read_mo(file))
    chars += to_simplified(chars) + to_traditional(chars)
    chars += unicodedata.normalize("NFC", chars)
    return {char for char in chars if char.isprintable()}


def subset(path: str, chars: set[str]) -> TTFont:
    """A font with these characters alone."""
    options = SubsetOptions(
        hinting=False,
        layout_features=["vert"],
        name_IDs=[0, 1, 2, 4, 6, 13, 14],
        notdef_outline=True,
        drop_tables=["BASE", "GDEF", "GPOS", "STAT", "DSIG", "gasp", "prep"],
    )
    font = TTFont(path)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=map(ord, chars))
    subsetter.subset(font)
    return font


def known(path: str) -> set[str]:
    """The characters that a font has."""
    return set(map(chr, TTFont(path).getBestCmap()))


@click.command()
@click.argument("first", type=click.Path(exists=True))
@click.argument("second", type=click.Path(exists=True))
def main(first: str, second: str) -> None:
    """Write the face; prints which characters neither font has."""
    chars = wanted()
    own = chars & known(first)
    parts = [subset(first, own), subset(second, (chars - own) & known(second))]
    files = []
    for part in parts:
        file = io.BytesIO()
        part.save(file)
        files.append(io.BytesIO(file.getvalue()))
    font = Merger(options=Options()).merge(files)
    scale_upem(font, UNITS)
    for record in font["name"].names:
        if record.nameID in (1, 4):
            record.string = FAMILY
        elif record.nameID == 6:
            record.string = f"{FAMILY.replace(' ', '')}-Regular"
    font["name"].setName(f"A modified version {SOURCE}", 10, 3, 1, 0x409)
    font["head"].modified = font["head"].created  # the same whoever makes it, and when
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out)
    write_file(BUNDLED, out.getvalue())
    lacking = "".join(sorted(chars - known(str(BUNDLED))))
    size = BUNDLED.stat().st_size / 1e6
    click.echo(f"{Path(BUNDLED).name}: {len(chars) - len(lacking):,} characters, {size:.2f} MB")
    click.echo(f"without a shape: {lacking}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""The faces of pictures: which characters they have, and what is drawn where they lack one."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font

from poetvae.checkpoints.model_folder import PACKAGED
from poetvae.errors import ConfigError
from poetvae.i18n import DOMAIN, LOCALES
from poetvae.plotting import fonts
from poetvae.plotting.fonts import BUNDLED, FAMILY, drawable, faces
from poetvae.text.tokenizer import PoemTokenizer
from poetvae.text.variants import to_simplified

FOLDER = Path(get_data_path()) / "fonts" / "ttf"
KNOWN = faces()


@pytest.mark.parametrize("name", PACKAGED)
def test_the_face_has_the_characters_of_a_tokenizer(name: str) -> None:
    tokenizer = PoemTokenizer.load(PACKAGED[name] / "tokenizer.model")
    chars = {char for i in range(6, len(tokenizer)) for char in tokenizer.decode([i])}
    for written in (chars, set(to_simplified("".join(chars)))):
        lacking = {char for char in written if not KNOWN.draw(char)}
        # Of the rarest, beyond the basic plane, not all have a shape in any face of its kind.
        assert {char for char in lacking if ord(char) < 0x20000} == set()
        assert len(lacking) < 0.03 * len(written)


def test_the_face_has_what_poetvae_says_and_pinyin() -> None:
    said = "".join(path.read_text("utf-8") for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    for text in (said, to_simplified(said), "nǐ hǎo lǜ ēéěè 、。，「」○●□→"):
        assert KNOWN.draw(text.replace("\t", " "))
    assert not KNOWN.draw("\U0010ffff")


def test_the_face_has_a_licence_and_a_name_of_its_own() -> None:
    licence = (BUNDLED.parent / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    names = {record.nameID: str(record) for record in TTFont(BUNDLED)["name"].names}
    assert (names[1], KNOWN.families[0]) == (FAMILY, FAMILY)
    assert "Open Font License" in names[13]
    assert "Noto" not in names[1] + names[4] + names[6]


def test_a_character_is_looked_for_in_one_face_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = FOLDER / "STIXGeneral.ttf"
    rare = chr(max(FT2Font(str(other)).get_charmap().keys() - set(map(ord, KNOWN.characters[1]))))
    assert KNOWN.path("山") == str(BUNDLED)
    assert KNOWN.path("ж") == str(FOLDER / "DejaVuSans.ttf")
    monkeypatch.setattr(fonts, "SYSTEM", ("/missing.ttc", str(other)))
    assert faces(["a rose"]).families == KNOWN.families
    assert faces([rare]).path(rare) == str(other)
    first = faces(["a"], font=other)
    assert first.path("a") == str(other)
    assert first.path("山") == str(BUNDLED)


def test_what_no_face_has_is_escaped_in_names_and_left_out_of_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "SYSTEM", ())
    assert KNOWN.plain("山\U0010ffff") == "山\\U0010ffff"
    assert KNOWN.plain("山" * 99) == "山" * 80
    with pytest.warns(UserWarning, match="^1 of 2 texts are left out: no font here has"):
        assert drawable(["山月", "\U0010ffff"], KNOWN) == ["山月"]
    assert drawable(["山月\n溪風"], KNOWN) == ["山月\n溪風"]


@pytest.mark.parametrize("content", [None, b"", b"no font"])
def test_a_font_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    font = tmp_path / "font.ttf"
    if content is not None:
        font.write_bytes(content)
    with pytest.raises(ConfigError, match=r"font\.ttf: cannot be read as a font; give another"):
        faces(["a"], font=font)

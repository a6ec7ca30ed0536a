"""How a corpus is read, where it does not tell so itself; the command line and Python share it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from ..config import option
from ..errors import ConfigError, either
from ..i18n import N_, _
from ..text.variants import script, standard, to_simplified, to_traditional
from .encoding import check_encoding

INTO: dict[str, tuple[Callable[[str], str], int]] = {
    "traditional": (to_traditional, 1),
    "simplified": (to_simplified, -1),
}
"""What brings a text into a script, and the sign of `variants.script` of those that are in the
other."""


@dataclass(frozen=True)
class ReadingOptions:
    """How the files of a corpus are read.

    Raises:
        ConfigError: an encoding or a script that there is not, no lines, two ways to part a text
            file.
    """

    text_field: str | None = option(None, N_("The field that has the poems."), metavar="NAME")
    title_field: str | None = option(None, N_("The field that has their titles."), metavar="NAME")
    encoding: str | None = option(None, N_("As gb18030; found if absent."), metavar="NAME")
    file_is_poem: bool = option(False, N_("A text file is a poem."))
    lines_per_poem: int | None = option(None, N_("So many lines of a text file are."), metavar="N")
    corpus_script: str | None = option(None, N_("Read all poems in one script."), among=tuple(INTO))

    def __post_init__(self) -> None:
        for name in ("text_field", "title_field", "encoding"):
            if not isinstance(value := getattr(self, name), str | None):
                raise ConfigError(_("{name} is {value!r}; expected a name", name=name, value=value))
        if self.corpus_script not in (None, *INTO):
            raise ConfigError(
                _(
                    "corpus_script is {script!r}; expected {wanted}",
                    script=self.corpus_script,
                    wanted=either(INTO),
                )
            )
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.lines_per_poem is not None:
            if self.lines_per_poem < 1:
                raise ConfigError(
                    _(
                        "lines_per_poem is {lines_per_poem}; expected at least 1",
                        lines_per_poem=self.lines_per_poem,
                    )
                )
            if self.file_is_poem:
                raise ConfigError(_("file_is_poem and lines_per_poem were given; give one of them"))

    def spelled(self, text: str) -> str:
        """A text, if it is in the other script, in the one that is asked for; and where that is
        traditional in one spelling."""
        convert, other = INTO.get(self.corpus_script or "", (str, 0))
        return standard(convert(text) if script(text) * other > 0 else text)

    @property
    def given(self) -> dict[str, str | int | bool]:
        """What was asked for, by name."""
        return {name: value for name, value in vars(self).items() if value}


PLAIN = ReadingOptions()
READING = tuple(field.name for field in dataclasses.fields(ReadingOptions))

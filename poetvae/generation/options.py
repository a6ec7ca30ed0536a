"""How poems are drawn, declared once: the command line, `Poet.generate` and the page share it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import option, takes_fields
from ..constraints.options import Conditions
from ..errors import ConfigError, brief
from ..i18n import N_, _
from ..text.names import ABOUT

LARGEST_TEMPERATURE = 100
MOST_CANDIDATES = 1000
CHOSEN = 8  # candidates for each poem that people ask for; what measures takes plain samples
CANDIDATES = 32  # for each lower line of a couplet that is wanted


@dataclass(frozen=True)
class SamplingOptions:
    """How characters are drawn; the same seed writes the same poems on one machine.

    Raises:
        ConfigError: a number out of its bounds.
    """

    temperature: float = option(
        0.5, N_("0 = likeliest, 1 = as the model has it."), label=N_("Temperature")
    )
    top_k: int | None = option(None, N_("Draw from the k likeliest characters."))
    top_p: float | None = option(None, N_("Draw from the likeliest characters that make up p."))
    passes: int | None = option(
        None, N_("To write in; the most it was trained for if absent."), label=N_("Passes")
    )
    candidates: int = option(1, N_("Keep the best of so many."), label=N_("Candidates"))
    plain: bool = option(False, f"Each poem as it is drawn, not the best of {CHOSEN}.")
    about: str | None = option(None, N_("What the poem is about, in any words."), label=N_("About"))
    labels: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise ConfigError(
                _(
                    "candidates is {candidates}; expected 1 to {most}",
                    candidates=brief(self.candidates),
                    most=MOST_CANDIDATES,
                )
            )
        if self.plain and self.candidates > 1:
            raise ConfigError(
                _(
                    "candidates is {candidates} of plain poems; expected 1: they are not chosen",
                    candidates=self.candidates,
                )
            )
        if not 0 <= self.temperature <= LARGEST_TEMPERATURE:
            raise ConfigError(
                _(
                    "temperature is {temperature}; expected 0 to {most}",
                    temperature=brief(self.temperature),
                    most=LARGEST_TEMPERATURE,
                )
            )
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(_("top_k is {top_k}; expected at least 1", top_k=brief(self.top_k)))
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigError(
                _("top_p is {top_p}; expected more than 0, at most 1", top_p=brief(self.top_p))
            )

    @property
    def known(self) -> Mapping[str, str]:
        """Labels, and what the poem is about, by name."""
        return {**self.labels, **({ABOUT: self.about} if self.about else {})}

    @property
    def unfiltered(self) -> bool:
        """Whether characters are drawn from the model's own distributions."""
        return self.temperature == 1 and self.top_k is None and self.top_p is None


def read_options(options: Mapping[str, Any]) -> tuple[Conditions, SamplingOptions]:
    """Options by name as what is asked of a poem, and how it is drawn; None = the default, which
    of candidates is `CHOSEN`, or 1 of plain poems.

    Raises:
        ConfigError, ConstraintError: as the two do.
        TypeError: a name that neither has.
    """
    what = {field.name for field in dataclasses.fields(Conditions)}
    how = {field.name for field in dataclasses.fields(SamplingOptions)}
    if unknown := sorted(options.keys() - what - how):
        raise TypeError(f"no option {unknown[0]!r}; there are {', '.join(sorted(what | how))}")
    values = {name: value for name, value in options.items() if value is not None}
    values = {"candidates": 1 if values.get("plain") else CHOSEN} | values
    conditions = Conditions(**{name: values[name] for name in values.keys() & what})
    return conditions, SamplingOptions(**{name: values[name] for name in values.keys() & how})


takes_options = takes_fields(Conditions, SamplingOptions, candidates=None)

"""What a run is: its configuration, its corpus, and how long it takes; kept in `train.json`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..checkpoints.model_folder import Saved
from ..config import Config, ModelConfig, ObjectiveConfig, TrainConfig, from_dict
from ..data.corpus import Corpus, CorpusSpec, is_store, sample_folder
from ..data.reading import PLAIN, ReadingOptions
from ..data.store import describe, load_corpus, read_store
from ..errors import MALFORMED, CheckpointError, ConfigError, CorpusError, listed
from ..files import read_limited, write_file
from ..i18n import _
from ..text.form import Form, parse_forms

Log = Callable[[str], None]


@dataclass(frozen=True)
class RunSpec:
    """What a run is: all that is needed to repeat it. Kept in `train.json`."""

    config: Config
    sources: tuple[str, ...]
    valid: tuple[str, ...]
    forms: tuple[Form, ...]
    labels: tuple[str, ...]
    strict: bool
    steps: int = 0
    fingerprint: str = ""
    id: str = ""  # random; what its checkpoints are known by; none in older versions
    reading: ReadingOptions = PLAIN
    ends: tuple[int, ...] = ()  # where it was to end before it was given more steps
    init: str = ""  # the model that it goes on from, which is in its folder, too
    theme: str = ""

    @classmethod
    def plan(
        cls,
        config: Config,
        sources: Sequence[str | Path] = (),
        valid: Sequence[str | Path] = (),
        forms: Sequence[str] = (),
        labels: Sequence[str] = (),
        strict: bool = False,
        reading: ReadingOptions = PLAIN,
        init: str | Path = "",
        theme: str = "",
    ) -> RunSpec:
        """A run by what people give; where the corpus is tokenized, its forms and labels hold.

        Raises:
            ConfigError: no form; other forms or labels than those of a tokenized corpus, or poems
                to validate with beside it.
            CorpusError: a tokenized corpus that is damaged, or beside others.
        """
        paths = tuple(map(_absolute, sources)) or (str(sample_folder()),)
        held_out, parsed = tuple(map(_absolute, valid)), parse_forms(forms)
        once, start = tuple(dict.fromkeys(labels)), _absolute(init)
        what = paths, held_out, parsed, once, strict
        spec = cls(config, *what, reading=reading, init=start, theme=theme)
        folder = spec.corpus.tokenized
        if folder is None:
            for source in filter(is_store, (*spec.sources, *spec.valid)):
                raise CorpusError(_("{source} is tokenized; give it alone", source=source))
            return spec
        described = describe(folder)
        if spec.valid:
            raise ConfigError(
                _("{folder} has held-out poems of its own; leave out --valid", folder=folder)
            )
        there = tuple(described.codec.forms)
        pairs = {"form": (spec.forms, there), "label": (spec.labels, described.labels)}
        own = tuple(filter(None, [described.codec.theme]))
        pairs["theme"] = tuple(filter(None, [theme])), own
        for name, (wanted, stored) in pairs.items():
            if wanted and set(wanted) != set(stored):
                known = listed(stored) or _("none")
                raise ConfigError(
                    _(
                        "{folder} is tokenized, --{name} {known}; leave out --{name}",
                        folder=folder,
                        name=name,
                        known=known,
                    )
                )
        return replace(spec, forms=there, labels=described.labels, theme=described.codec.theme)

    @property
    def corpus(self) -> CorpusSpec:
        """What its poems are, and how they are numbered."""
        train, max_len = self.config.train, self.config.model.max_len
        learnt = self.sources, self.valid, self.forms, self.labels, self.strict
        counts = train.held_out, max_len, train.min_count, train.min_label
        return CorpusSpec(*learnt, *counts, self.reading, self.theme)

    def progress(self, step: int) -> float:
        """The share of the training that is done after so many steps. What comes after an earlier
        end is the latter half of a training once more: beta whole, the learning rate from half."""
        begun = 0
        for end in (*self.ends, self.steps):
            if step <= end:
                break
            begun = end
        share = (step - begun) / (end - begun)
        return 0.5 + share / 2 if begun else share

    def longer(self, steps: int) -> RunSpec:
        """The same run with more steps."""
        return replace(self, steps=steps, ends=(*self.ends, self.steps))

    def tuned(self, start: Saved, given: Iterable[str]) -> RunSpec:
        """The same run, going on from a model: its network, forms and labels hold. `given` names
        the settings that were asked for. Raises ConfigError: some are not the model's."""
        codec, network, asked = start.codec, start.model.config, self.config.model
        others = []
        for name in given:
            wanted, had = getattr(asked, name, 0), getattr(network, name, 0)
            if wanted not in (had, 0, ()) and name != "dropout":
                others.append(_("{name} {had}, not {wanted}", name=name, had=had, wanted=wanted))
        known = codec.known_forms if codec.forms else _("free")
        others += [
            _("form {had}, not {wanted}", had=known, wanted=form)
            for form in self.forms
            if form not in codec.forms
        ]
        if self.labels and set(self.labels) != set(codec.fields):
            had = listed(codec.fields) or _("none")
            others.append(_("label {had}, not {wanted}", had=had, wanted=listed(self.labels)))
        if self.theme not in ("", codec.theme):
            had = codec.theme or _("none")
            others.append(_("theme {had}, not {wanted}", had=had, wanted=self.theme))
        if others:
            raise ConfigError(
                _(
                    "{init} has {others}; a model that learns on keeps what it has: leave that out",
                    init=self.init,
                    others=_("; has ").join(others),
                )
            )
        dropout = asked.dropout if "dropout" in given else network.dropout
        config = replace(self.config, model=replace(network, dropout=dropout))
        forms, labels = self.forms or tuple(codec.forms), tuple(codec.fields)
        return replace(self, config=config, forms=forms, labels=labels, theme=codec.theme)

    def check(self) -> None:
        """Raises ConfigError for several passes in free form."""
        if not self.forms and max(self.config.model.passes, default=1) > 1:
            raise ConfigError(
                _(
                    "several passes need a form: where a free text ends is not known to "
                    "those that write behind it; give --form, or --set passes=1, or "
                    "passes=1,0"
                )
            )

    def save(self, run: Path) -> None:
        """Write `train.json`."""
        values = {"poetvae": __version__, "torch": torch.__version__, **vars(self)}
        values |= {"config": self.config.to_dict(), "forms": [form.full for form in self.forms]}
        values |= {"reading": self.reading.given}
        values |= {"sha256": _digest(values)}
        text = json.dumps(values, indent=2, ensure_ascii=False)
        write_file(run / "train.json", text.encode("utf-8", "surrogatepass"))  # names of files

    @classmethod
    def load(cls, run: Path) -> RunSpec:
        """Read `train.json`; raises CheckpointError where there is none, or it describes no run."""
        path = run / "train.json"
        try:
            values = json.loads(read_limited(path))
            if values.pop("sha256", None) not in (None, _digest(values)):
                raise ValueError(_("it is not as it was written"))
            parts = values["config"]
            model = from_dict(ModelConfig, parts["model"])
            objective = from_dict(ObjectiveConfig, parts["objective"])
            config = Config(model, objective, from_dict(TrainConfig, parts["train"]))
            sources, valid = tuple(values["sources"]), tuple(values["valid"])
            forms, labels = (
                tuple(map(Form.parse, values["forms"])),
                tuple(map(str, values["labels"])),
            )
            strict, steps = bool(values["strict"]), int(values["steps"])
            fingerprint, of_run = str(values["fingerprint"]), str(values.get("id", ""))
            reading = ReadingOptions(**values.get("reading", {}))  # older versions have none
            ends = tuple(map(int, values.get("ends", ())))
            if ends and sorted({0, *ends, steps}) != [0, *ends, steps]:
                raise ValueError(_("its steps are {steps}", steps=[*ends, steps]))
            learnt = sources, valid, forms, labels, strict, steps, fingerprint, of_run
            start, theme = (str(values.get(name, "")) for name in ("init", "theme"))
            return cls(config, *learnt, reading, ends, start, theme)
        except OSError as error:
            raise CheckpointError(
                _("{run} is no run to resume: it has no train.json", run=run)
            ) from error
        except MALFORMED as error:
            raise CheckpointError(
                _("{path} describes no run ({error}); start a new one", path=path, error=error)
            ) from error


def read_run(run: Path) -> Corpus:
    """The poems of a run: read again or, where they came from stdin, as its folder has them.

    Raises CheckpointError: it is no run; CorpusError: its corpus is gone or damaged.
    """
    spec = RunSpec.load(run)
    stdin = "-" in (*spec.sources, *spec.valid)
    return read_store(run / "data") if stdin else load_corpus(spec.corpus)


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _absolute(source: str | Path) -> str:
    """A path that holds from everywhere; hub names and "-" as they are."""
    return os.path.abspath(source) if os.path.exists(source) else str(source)

"""What a run is: its configuration, its corpus, and how long it takes; kept in `train.json`."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..config import Config, ModelConfig, ObjectiveConfig, TrainConfig, from_dict
from ..data.corpus import Corpus, read_corpus, sample_folder
from ..data.store import describe, is_store, read_store
from ..errors import MALFORMED, CheckpointError, ConfigError, CorpusError
from ..files import write_file
from ..text.poem import Form, Poem, content

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

    @classmethod
    def plan(
        cls,
        config: Config,
        sources: Sequence[str | Path] = (),
        valid: Sequence[str | Path] = (),
        forms: Sequence[str] = (),
        labels: Sequence[str] = (),
        strict: bool = False,
    ) -> RunSpec:
        """A job by what people give, with paths that hold from everywhere.

        Where the corpus is tokenized, its forms and labels hold.

        Raises:
            ConfigError: no form; other forms or labels than those of a tokenized corpus, or poems
                to validate with beside it.
            CorpusError: a tokenized corpus that is damaged, or beside others.
        """
        job = cls(
            config,
            tuple(map(_absolute, sources)) or (str(sample_folder()),),
            tuple(map(_absolute, valid)),
            tuple(sorted(Form.parse(form) for form in forms)),
            tuple(dict.fromkeys(labels)),
            strict,
        )
        folder = job.tokenized
        if folder is None:
            for source in (*job.sources, *job.valid):
                if is_store(source):
                    raise CorpusError(f"{source} is tokenized; give it alone")
            return job
        about = describe(folder)
        there = tuple(about.codec.forms)
        if job.valid:
            raise ConfigError(f"{folder} has held-out poems of its own; leave out --valid")
        for name, asked, found in (
            ("form", job.forms, there),
            ("label", job.labels, about.labels),
        ):
            if asked and set(asked) != set(found):
                known = ", ".join(map(str, found)) or "none"
                raise ConfigError(f"{folder} is tokenized, --{name} {known}; leave out --{name}")
        return replace(job, forms=there, labels=about.labels)

    @property
    def tokenized(self) -> Path | None:
        """The folder of numbered poems that is the corpus, where it is one."""
        source, *more = self.sources
        return Path(source) if not more and is_store(source) else None

    def chars(self, poem: Poem) -> str:
        """What is learnt of a poem."""
        return content(poem, poem.form if self.forms else None)

    def save(self, run: Path) -> None:
        """Write `train.json`."""
        values = {
            "poetvae": __version__,
            "torch": torch.__version__,
            "config": self.config.to_dict(),
            "sources": self.sources,
            "valid": self.valid,
            "forms": [str(form) for form in self.forms],
            "labels": self.labels,
            "strict": self.strict,
            "steps": self.steps,
            "fingerprint": self.fingerprint,
        }
        values = {**values, "sha256": _digest(values)}
        text = json.dumps(values, indent=2, ensure_ascii=False)
        write_file(run / "train.json", text.encode("utf-8", "surrogatepass"))  # names of files

    @classmethod
    def load(cls, run: Path) -> RunSpec:
        """Read `train.json`.

        Raises:
            CheckpointError: there is none, or it describes no run.
        """
        path = run / "train.json"
        try:
            values = json.loads(path.read_bytes())
            if values.pop("sha256", None) not in (None, _digest(values)):
                raise ValueError("it is not as it was written")
            parts = values["config"]
            return cls(
                Config(
                    from_dict(ModelConfig, parts["model"]),
                    from_dict(ObjectiveConfig, parts["objective"]),
                    from_dict(TrainConfig, parts["train"]),
                ),
                tuple(values["sources"]),
                tuple(values["valid"]),
                tuple(Form.parse(form) for form in values["forms"]),
                tuple(map(str, values["labels"])),
                bool(values["strict"]),
                int(values["steps"]),
                str(values["fingerprint"]),
            )
        except OSError as error:
            raise CheckpointError(f"{run} is no run to resume: it has no train.json") from error
        except MALFORMED as error:
            raise CheckpointError(f"{path} describes no run ({error}); start a new one") from error


def read(job: RunSpec) -> Corpus:
    """The poems of a job, to train on and held out; no text stands in two parts.

    Held-out corpora that were given are all to validate with; there is nothing to test with then.
    Of a tokenized corpus they are what can be known of them: see `store.read_store`.

    Raises:
        CorpusError: nothing to train on.
    """
    if job.tokenized is not None:
        return read_store(job.tokenized)
    held_out = 0.0 if job.valid else job.config.train.held_out
    corpus = read_corpus(job.sources, job.forms, held_out, job.strict)
    if not job.valid:
        return corpus
    known = {job.chars(poem) for poem in corpus.train}
    valid = read_corpus(job.valid, job.forms, 0.0, job.strict).train
    return replace(corpus, valid=[poem for poem in valid if job.chars(poem) not in known])


def read_run(run: Path) -> Corpus:
    """The poems of a run: read again or, where they came from stdin, as its folder has them.

    Raises:
        CheckpointError: it is no run.
        CorpusError: its corpus is gone or damaged.
    """
    job = RunSpec.load(run)
    return read_store(run / "data") if "-" in (*job.sources, *job.valid) else read(job)


def known_values(
    field: str, counts: Mapping[str, int], least: int, there: Counter[str]
) -> tuple[str, ...]:
    """The values of a field that at least so many poems have, the most frequent first.

    Args:
        counts: how many poems have each value, "" for none; equal ones stay in this order.
        there: how many poems have each field.

    Raises:
        CorpusError: there are fewer than two: nothing to tell apart.
    """
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    values = tuple(value for value, n in ordered if value and n >= least)
    if len(values) < 2:
        names = ", ".join(name for name, _ in there.most_common(8)) or "none"
        raise CorpusError(
            f"label {field}: {len(values)} values that {least} poems have, expected 2 or more; the "
            f"poems have the fields {names}; --set min_label=1 takes rare values too"
        )
    return values


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _absolute(source: str | Path) -> str:
    """A path that holds from everywhere; hub names and "-" as they are."""
    return os.path.abspath(source) if os.path.exists(source) else str(source)

"""What a run is: its configuration, its corpus, and how long it takes; kept in `train.json`."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import __version__
from .checkpoint import write_file
from .config import Config, ModelConfig, ObjectiveConfig, TrainConfig, from_dict
from .data import TokenStore, encode_poems
from .errors import CheckpointError, ConfigError, CorpusError, PoetVAEError
from .runtime import bf16_is_faster
from .text.codec import PoemCodec
from .text.corpus import Corpus, read_corpus
from .text.poem import Form, Poem, content
from .text.tokenizer import PoemTokenizer

Log = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What a run is: all that is needed to repeat it. Kept in `train.json`."""

    config: Config
    sources: tuple[str, ...]
    valid: tuple[str, ...]
    forms: tuple[Form, ...]
    labels: tuple[str, ...]
    strict: bool
    steps: int = 0
    fingerprint: str = ""

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
        write_file(run / "train.json", json.dumps(values, indent=2, ensure_ascii=False).encode())

    @classmethod
    def load(cls, run: Path) -> Job:
        """Read `train.json`.

        Raises:
            CheckpointError: there is none, or it describes no run.
        """
        path = run / "train.json"
        try:
            values = json.loads(path.read_bytes())
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
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            PoetVAEError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise CheckpointError(f"{path} describes no run ({error}); start a new one") from error


@dataclass(frozen=True)
class Data:
    """The numbered poems of a run."""

    train: TokenStore
    valid: TokenStore
    codec: PoemCodec


def read(job: Job) -> Corpus:
    """The poems of a job, to train on and held out; no text stands in two parts.

    Held-out corpora that were given are all to validate with; there is nothing to test with then.

    Raises:
        CorpusError: nothing to train on.
    """
    held_out = 0.0 if job.valid else job.config.train.held_out
    corpus = read_corpus(job.sources, job.forms, held_out, job.strict)
    if not job.valid:
        return corpus
    known = {job.chars(poem) for poem in corpus.train}
    valid = read_corpus(job.valid, job.forms, 0.0, job.strict).train
    return replace(corpus, valid=[poem for poem in valid if job.chars(poem) not in known])


def prepare(
    job: Job, device: torch.device, log: Log, folder: Path | None = None
) -> tuple[Data, Config]:
    """Read and number the corpus of a job, and complete its configuration from it.

    Raises:
        ConfigError: several passes in free form.
        CorpusError: nothing to train on.
    """
    if not job.forms and max(job.config.model.passes, default=1) > 1:
        raise ConfigError(
            "several passes need a form: where a free text ends is not known to those that write "
            "behind it; give --form, or --set passes=1"
        )
    corpus = read(job)
    for line in corpus.report.lines():
        log(line)

    max_len = max((f.size for f in job.forms), default=job.config.model.max_len)
    fitting = [p for p in corpus.train if job.forms or len(job.chars(p)) < max_len]
    if len(fitting) < len(corpus.train):
        log(f"left out: {len(corpus.train) - len(fitting):,} poems longer than max_len {max_len}")
    if not fitting:
        shortest = min(len(job.chars(p)) for p in corpus.train) + 1
        raise CorpusError(
            f"every poem is longer than max_len {max_len}; the shortest takes {shortest} positions:"
            f" --set max_len={shortest} or more, or select a --form"
        )
    tokenizer = PoemTokenizer.train(map(job.chars, fitting), job.config.train.min_count)
    counts = {form: sum(p.form == form for p in fitting) for form in job.forms}
    fields = {
        name: known_values(name, fitting, job.config.train.min_label)
        for name in job.labels
        if not (name == "form" and job.forms)  # there it is one of the forms, and always known
    }
    codec = PoemCodec(tokenizer, max_len, counts, fields)
    known = {
        "vocab_size": len(tokenizer),
        "max_len": max_len,
        "label_sizes": codec.label_sizes,
    }
    model = from_dict(ModelConfig, {**dataclasses.asdict(job.config.model), **known})
    valid = [p for p in corpus.valid if codec.fits(p)]
    data = Data(encode_poems(codec, fitting), encode_poems(codec, valid), codec)
    precision = job.config.train.precision
    if precision == "auto":
        precision = "bf16" if bf16_is_faster(device) else "fp32"
    return data, replace(
        job.config, model=model, train=replace(job.config.train, precision=precision)
    )


def known_values(field: str, poems: Sequence[Poem], least: int) -> tuple[str, ...]:
    """The values of a field that at least so many poems have, the most frequent first.

    Raises:
        CorpusError: there are fewer than two: nothing to tell apart.
    """
    counts = Counter(poem.value(field) for poem in poems)
    del counts[""]
    values = tuple(value for value, n in counts.most_common() if n >= least)
    if len(values) < 2:
        there = Counter(name for poem in poems for name in poem.meta)
        names = ", ".join(name for name, _ in there.most_common(8)) or "none"
        raise CorpusError(
            f"label {field}: {len(values)} values that {least} poems have, expected 2 or more; the "
            f"poems have the fields {names}; --set min_label=1 takes rare values too"
        )
    return values


def absolute(source: str | Path) -> str:
    """A path that holds from everywhere; hub names and "-" as they are."""
    return os.path.abspath(source) if os.path.exists(source) else str(source)

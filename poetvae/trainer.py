"""Training: one visible loop, resumable at any step, bit for bit.

The data order, the noise of a step and every schedule are functions of the seed and the step, so
the state of a run is its weights, the optimizer's moments and one integer.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from .checkpoint import (
    Saved,
    latest_checkpoint,
    load_folder,
    load_state,
    save_checkpoint,
    save_folder,
    write_file,
)
from .config import Config, TrainConfig, configure
from .data import Batch, Data, batch_index, conceal, derive_seed
from .diagnosis import diagnose
from .errors import CheckpointError, ConfigError, CorpusError, PoetVAEError
from .evaluation import Report, evaluate
from .generation import generate
from .job import Job, Log
from .models import Model, build
from .objective import beta, objective
from .poet import Poet, model_card
from .prepare import prepare
from .runtime import choose_device, interruption, keep_freed_memory, seed_noise
from .schedules import SCHEDULES

VALIDATED = (
    "elbo_per_char",
    "recon_per_poem",
    "kl_per_poem",
    "active_units",
    "codebook_perplexity",
    "cluster_perplexity",
)


class TrainingInterruptedError(PoetVAEError):
    """A signal stopped the training; a checkpoint was written."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


def train(
    sources: Sequence[str | Path] = (),
    out: str | Path = "run",
    *,
    preset: str = "base",
    settings: Mapping[str, Any] | None = None,
    forms: Sequence[str] = (),
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    labels: Sequence[str] = (),
    valid: Sequence[str | Path] = (),
    device: str = "auto",
    strict: bool = False,
    resume: bool = False,
    force: bool = False,
    log: Log | None = None,
    quiet: bool = False,
) -> Poet:
    """Train a model into a run folder, and give it back as it was best on held-out poems.

    Args:
        sources: corpora, as `read_poems` takes them; none = the embedded sample.
        out: the run folder.
        preset, settings: as for `config.configure`.
        forms: "5x2" and so on; none = whole poems in free form.
        epochs, steps, minutes: how long; at most one. Minutes are turned into steps by timing a few
            first. Absent: 10 epochs.
        labels: fields of the poems to condition on, as dynasty, author, form.
        valid: held-out corpora; none = a share of the poems, by hash of the poem.
        device: "auto" takes a GPU where there is one.
        strict: broken entries of a corpus are errors.
        resume: continue the run in `out`; its own settings hold, others may not be given.
        force: replace a run that is there.
        log: takes lines for people; absent = standard error.
        quiet: no lines and no progress bar.

    Raises:
        PoetVAEError: whatever is wrong with settings, corpus or folder, before anything is written;
            TrainingInterruptedError after a signal, with a checkpoint written.
    """
    started = time.monotonic()
    if quiet:
        log = _silence
    log = log or (lambda line: print(line, file=sys.stderr, flush=True))
    run = Path(out)
    if resume:
        if sources or valid or forms or labels or settings or epochs or steps or minutes:
            raise ConfigError("a resumed run keeps its corpus, forms and settings; give none")
        job = Job.load(run)
    else:
        _check_free(run, force)
        _check_length(epochs, steps, minutes)
        job = Job.plan(configure(preset, settings), sources, valid, forms, labels, strict)
    keep_freed_memory()
    target = choose_device(device)
    torch.manual_seed(derive_seed(job.config.train.seed, "weights"))
    # A run that is there already stays until the new corpus is known to be good.
    prepared = run / "data" if resume else run.with_name(f".{run.name}.data")
    if not resume:
        shutil.rmtree(prepared, ignore_errors=True)
    data, config = prepare(job, target, log, prepared)
    model = build(config.model).to(target)
    if not resume:
        job = replace(job, config=config, fingerprint=data.train.fingerprint)
        if minutes:
            steps = _fit_into(60 * minutes - (time.monotonic() - started), model, data, config)
        size = config.train.batch_size
        job = replace(job, steps=steps or max(1, round((epochs or 10) * len(data.train) / size)))
        try:
            if run.exists():
                shutil.rmtree(run)
            run.mkdir(parents=True)
            if prepared.exists():  # not where the corpus was tokenized before
                prepared.rename(run / "data")
        except OSError as error:
            raise CheckpointError(f"{run}: cannot be written ({error.strerror})") from error
        job.save(run)
    elif data.train.fingerprint != job.fingerprint:
        shutil.rmtree(prepared, ignore_errors=True)
        raise CorpusError(f"the corpus of {run} has changed since; restore it, or start a new run")
    for line in _preflight(job, data, model):
        log(line)
    fit(model, data, job, run, log, quiet)
    return Poet.from_pretrained(run, str(target))


def fit(model: Model, data: Data, job: Job, run: Path, log: Log, quiet: bool = False) -> None:
    """The loop: batch, update, average, log, validate, save. Starts at the newest checkpoint."""
    config, steps = job.config.train, job.steps
    optimizer = make_optimizer(model, config)
    averaged = copy.deepcopy(model) if config.ema else model  # what is evaluated and saved
    step, totals, best = restore(run, model, averaged, optimizer)
    saved, began = Saved(averaged, data.codec), time.monotonic()
    bar = tqdm(total=steps, initial=step, unit="step", disable=quiet or None, file=sys.stderr)
    with bar, interruption() as stopped:
        while step < steps:
            index = batch_index(len(data.train), config.batch_size, config.seed, step)
            batch = data.train.batch(index).to(model.device)
            seed_noise(derive_seed(config.seed, "noise", step), model.device)
            totals += update(model, optimizer, batch, job.config, (step + 1) / steps)
            if config.ema:
                average(averaged, model, min(config.ema, (1 + step) / (10 + step)))
            step += 1
            bar.update()
            last = step == steps
            due = step % config.validate_every == 0 or last
            if step % config.log_every == 0 or due:
                line = _metrics(totals, step, steps, job.config, time.monotonic() - began)
                if not math.isfinite(line["loss"]):
                    raise PoetVAEError(
                        f"the loss is {line['loss']} at step {step}; lower learning_rate, or set "
                        "precision=fp32, and start again"
                    )
                _append(run / "metrics.jsonl", line)
                bar.set_postfix(nll=f"{line['nll']:.2f}", kl=f"{line['kl']:.2f}")
                totals.zero_()
            if due:
                score, lines, report = validate(averaged, data, config, step)
                for name, entry in lines:
                    _append(run / name, entry)
                bar.clear()
                log(_summary(step, steps, lines, time.monotonic() - began))
                for advice in diagnose(report, job.config, step / steps):
                    log(f"warning: {advice}")
                if score < best:
                    best = score
                    save_folder(run, saved, _card(saved, job, step, score), overwrite=True)
            if due or stopped.signum:
                state = {
                    "step": step,
                    "model": dict(model.named_parameters()),
                    "optimizer": optimizer.state_dict(),
                    "totals": totals,
                    "best": best,
                }
                save_checkpoint(run, step, saved, _card(saved, job, step), state, config.keep)
            if stopped.signum and not last:
                raise TrainingInterruptedError(
                    f"stopped at step {step} of {steps}; continue with: "
                    f"poetvae train --out {run} --resume",
                    stopped.signum,
                )


def make_optimizer(model: Model, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019); without decay it is Adam."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=(0.9, config.adam_beta2),
        weight_decay=config.weight_decay,
        fused=True,
    )


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The learning rate when a share `progress` of the training is done."""
    return config.learning_rate * SCHEDULES[config.lr_schedule](progress, config.lr_warmup)


def update(
    model: Model, optimizer: torch.optim.Optimizer, batch: Batch, config: Config, progress: float
) -> Tensor:
    """One step of the optimizer. Returns the batch's mean nll, kl and loss, and a count of 1."""
    options = config.train
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(options, progress)
    bf16 = options.precision == "bf16"
    given = conceal(
        batch,
        model.mask_id,
        observe=config.model.observe,
        passes=config.model.passes,
        noise=config.objective.noise,
        dropout=config.objective.label_dropout,
    )
    with torch.autocast(batch.tokens.device.type, torch.bfloat16, enabled=bf16):
        draw = model(**given, samples=config.objective.iw_samples)
    terms = objective(draw, config.objective, progress)
    loss = terms.loss.mean()
    torch.autograd.backward(loss)
    if options.clip_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    one = torch.ones_like(loss)
    return torch.stack([terms.nll.mean(), terms.kl.mean(), loss, one]).detach()


@torch.no_grad()
def average(averaged: Model, model: Model, decay: float) -> None:
    """Move the averaged weights towards the model's (Polyak & Juditsky 1992)."""
    for mean, parameter in zip(averaged.parameters(), model.parameters(), strict=True):
        mean.lerp_(parameter, 1 - decay)


def validate(
    model: Model, data: Data, config: TrainConfig, step: int
) -> tuple[float, list[tuple[str, dict[str, Any]]], Report | None]:
    """Held-out nats per character, lines for `metrics.jsonl` and `samples.jsonl`, and the report.

    Without held-out poems the score falls with the step: the last model is the best known. Where
    there is no bound, in an autoencoder, the score is the reconstruction's.
    """
    score, report = -float(step), None
    lines: list[tuple[str, dict[str, Any]]] = []
    if len(data.valid):
        limit = config.validate_on
        report = evaluate(model, data.codec, data.valid, samples=1, limit=limit)
        values = report.as_dict()
        bound = values["elbo_per_char"]
        score = values["recon_per_poem"] * report.poems / report.chars if bound is None else bound
        valid = {f"valid_{key}": values[key] for key in VALIDATED if values[key] is not None}
        lines.append(("metrics.jsonl", {"step": step, "valid_score": score, **valid}))
    was_training = model.training
    model.eval()
    poems = generate(model, data.codec, 4, temperature=0.8, seed=derive_seed(config.seed, step))
    model.train(was_training)
    lines += [("samples.jsonl", {"step": step, "text": poem.text}) for poem in poems]
    return score, lines, report


def restore(
    run: Path, model: Model, averaged: Model, optimizer: torch.optim.Optimizer
) -> tuple[int, Tensor, float]:
    """Step, running sums and best score of the newest checkpoint, its state put in place."""
    folder = latest_checkpoint(run)
    if folder is None:
        step, totals, best = 0, torch.zeros(4, device=model.device), float("inf")
    else:
        state = load_state(folder)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(state["model"][name])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(load_folder(folder, model.device).model.state_dict())
        step, best = int(state["step"]), float(state["best"])
        totals = state["totals"].to(model.device)
    for name in ("metrics.jsonl", "samples.jsonl"):
        if (run / name).exists():
            lines = (run / name).read_bytes().splitlines(keepends=True)
            kept = [x for x in lines if x.endswith(b"\n") and json.loads(x)["step"] <= step]
            write_file(run / name, b"".join(kept))
    return step, totals, best


def _fit_into(seconds: float, model: Model, data: Data, config: Config) -> int:
    """How many steps take so long, validations included: measured on a copy, which is dropped."""
    began, scratch = time.monotonic(), copy.deepcopy(model)
    optimizer = make_optimizer(scratch, config.train)
    times = []
    for step in range(30):
        batch = data.train.batch(batch_index(len(data.train), config.train.batch_size, 0, step))
        times.append(time.monotonic())
        float(update(scratch, optimizer, batch.to(model.device), config, 1e-6)[0])
        if config.train.ema:
            average(scratch, model, 0.5)
    times.append(time.monotonic())
    per_step = (times[-1] - times[10]) / (len(times) - 11)
    validate(scratch, data, config.train, 0)
    per_validation = time.monotonic() - times[-1]
    left = 0.95 * (seconds - (time.monotonic() - began))  # steps get slower as a run goes on
    return max(1, int(left / (per_step + per_validation / config.train.validate_every)))


def _silence(line: str) -> None:
    pass


def _check_free(run: Path, force: bool) -> None:
    if run.exists() and not (run.is_dir() and not any(run.iterdir())):
        if not force:
            raise CheckpointError(f"{run} exists; --resume continues it, --force replaces it")
        if not (run / "train.json").exists():
            raise CheckpointError(f"{run} is not a run of poetvae; --force does not remove it")


def _check_length(epochs: float | None, steps: int | None, minutes: float | None) -> None:
    given = {"epochs": epochs, "steps": steps, "minutes": minutes}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} were given; give one of them")
    for name, value in given.items():
        if not value or not 0 < value < 10**9:
            raise ConfigError(f"{name} is {value}; expected more than 0")


def _metrics(
    totals: Tensor, step: int, steps: int, config: Config, seconds: float
) -> dict[str, Any]:
    nll, kl, loss, count = totals.tolist()
    return {
        "step": step,
        "nll": nll / count,
        "kl": kl / count,
        "loss": loss / count,
        "beta": beta(config.objective, step / steps),
        "lr": learning_rate(config.train, step / steps),
        "seconds": round(seconds, 3),
    }


def _append(path: Path, line: dict[str, Any]) -> None:
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror})") from error


def _summary(step: int, steps: int, lines: list[tuple[str, dict[str, Any]]], seconds: float) -> str:
    text = f"step {step}/{steps} ({seconds:.0f} s)"
    for name, line in lines:
        if name == "metrics.jsonl":
            text += (
                f": held-out {line['valid_score']:.3f} nats/char, "
                f"kl {line['valid_kl_per_poem']:.1f} nats, "
                f"{line['valid_active_units']} active units"
            )
        else:
            text += "\n    " + line["text"].replace("\n", "\n    ")
    return text


def _card(saved: Saved, job: Job, step: int, score: float | None = None) -> str:
    training = f"Trained for {step:,} steps of {job.config.train.batch_size} poems, seed "
    training += f"{job.config.train.seed}; corpus sha256 {job.fingerprint[:16]}.\n"
    if score is not None and score > 0:
        name = "ELBO" if saved.model.has_bound else "reconstruction"
        training += f"Held-out {name}: {score:.3f} nats per character.\n"
    config = saved.model.config
    return model_card(config, saved.codec, saved.model.num_parameters(), training)


def _preflight(job: Job, data: Data, model: Model) -> list[str]:
    config = job.config
    n, size = model.num_parameters(), config.train.batch_size
    forms = ", ".join(map(str, job.forms)) or f"free, up to {config.model.max_len} positions"
    return [
        f"forms: {forms}; {config.model.vocab_size:,} tokens",
        f"model: {n:,} parameters, {16 * n / 2**20:.0f} MiB with optimizer; "
        f"{config.train.precision} on {model.device}",
        f"training: {job.steps:,} steps of {size} poems, "
        f"{job.steps * size / len(data.train):.1f} epochs, seed {config.train.seed}",
    ]

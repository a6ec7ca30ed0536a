"""Training: one visible loop, resumable at any step, bit for bit.

The data order, the noise of a step and every schedule are functions of the seed and the step, so
the state of a run is its weights, the optimizer's moments and one integer. Several processes take a
step together, each with its slices of the batch; which takes which makes no difference.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ..checkpoints.card import model_card
from ..checkpoints.model_folder import (
    Saved,
    latest_checkpoint,
    load_folder,
    load_state,
    save_checkpoint,
    save_folder,
    sweep,
)
from ..config import Config, TrainConfig, configure, fields
from ..data.dataset import Data, derive_seed
from ..data.tokenize import prepare
from ..errors import CheckpointError, PoetVAEError
from ..evaluation.likelihood import Report, evaluate
from ..files import locked, write_file
from ..generation.generate import generate
from ..generation.options import SamplingOptions
from ..models import TextModel, build
from ..poet import Poet
from ..runtime import fits, interruption, keep_freed_memory, without_bar
from .diagnostics import diagnose
from .log import check_tensorboard, tracking
from .loss import beta
from .parallel import Group, alone, processes
from .run import Length, check_same, create, reopen
from .spec import Log, RunSpec
from .step import average, learning_rate, make_optimizer, slices, update

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
    preset: str | None = None,
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
    tensorboard: bool = False,
) -> Poet:
    """Train a model into a run folder, and give it back as it was best on held-out poems.

    Started by `torchrun` in several processes it is one training: each does its share of a batch,
    the first one writes.

    Args:
        sources: corpora, as `read_poems` takes them; none = the embedded sample.
        out: the run folder.
        preset, settings: as for `config.configure`; no preset = base.
        forms: "5x2" and so on; none = whole poems in free form.
        epochs, steps, minutes: how long; at most one. Minutes are turned into steps by timing a few
            first. Absent: 10 epochs.
        labels: fields of the poems to condition on, as dynasty, author, form.
        valid: held-out corpora; none = a share of the poems, by hash of the poem.
        device: "auto" takes a GPU where there is one.
        strict: broken entries of a corpus are errors.
        resume: continue the run in `out` as it was begun. Whatever else is given has to agree with
            that; with a corpus given, a run that is not there is begun.
        force: replace a run that is there.
        log: takes lines for people; absent = standard error.
        quiet: no lines and no progress bar.
        tensorboard: write the curves to `out`/tensorboard, too.

    Raises:
        PoetVAEError: whatever is wrong with settings, corpus or folder, before anything is written;
            TrainingInterruptedError after a signal, with a checkpoint written; LostProcessError
            when another process of the training has gone.
    """
    started = time.monotonic()
    if tensorboard:
        check_tensorboard()
    run = Path(os.path.realpath(out))
    length = Length(epochs, steps, minutes)
    asked = RunSpec.plan(
        configure(preset or "base", settings), sources, valid, forms, labels, strict
    )
    keep_freed_memory()
    with processes(device) as group, contextlib.ExitStack() as held:
        quiet = quiet or not group.main
        log = _silence if quiet else log or (lambda line: print(line, file=sys.stderr, flush=True))
        there = (run / "train.json").exists()
        resume = resume or (there and group.restarted)
        if resume and not there and not sources:
            raise CheckpointError(f"{run} is no run to resume: it has no train.json")
        if group.main and resume and there:
            held.enter_context(locked(run))
            sweep(run)
            reopen(run, group.device, _silence)
        elif group.main:
            create(run, asked, length, group, force, log, held, partial(_fit_into, started))
        group.wait()
        job = RunSpec.load(run)
        data, _ = prepare(job, group.device, _silence, run / "data")
        if resume:
            told = {"sources": sources, "valid": valid, "forms": forms, "labels": labels}
            given = [*(fields() if preset else settings or ()), *(n for n in told if told[n])]
            check_same(run, job, asked, len(data.train), length, given)
        torch.manual_seed(derive_seed(job.config.train.seed, "weights"))
        model = build(job.config.model).to(group.device)
        for line in _preflight(job, data, model, group):
            log(line)
        fit(model, data, job, run, log, quiet, group, tensorboard)
    return Poet.from_pretrained(run, str(group.device))


def fit(
    model: TextModel,
    data: Data,
    job: RunSpec,
    run: Path,
    log: Log,
    quiet: bool = False,
    group: Group | None = None,
    tensorboard: bool = False,
) -> None:
    """The loop: batch, update, average, log, validate, save. Starts at the newest checkpoint."""
    config, steps, group = job.config.train, job.steps, group or alone(model.device)
    optimizer = make_optimizer(model, config)
    averaged = copy.deepcopy(model) if config.ema else model  # what is evaluated and saved
    step, totals, best, before = restore(run, model, averaged, optimizer, group)
    saved, began = Saved(averaged, data.codec), time.monotonic() - before
    poems = data.train.to(group.device) if fits(data.train.nbytes, group.device) else data.train
    bar = tqdm(total=steps, initial=step, unit="step", disable=without_bar(quiet), file=sys.stderr)
    tracked = tracking(run, tensorboard and group.main)
    with bar, tracked as track, interruption() as stopped:
        while step < steps:
            batches = slices(poems, job.config, step, group)
            totals += update(model, optimizer, batches, job.config, (step + 1) / steps, group)
            if config.ema:
                average(averaged, model, min(config.ema, (1 + step) / (10 + step)))
            step += 1
            bar.update()
            last = step == steps
            due = step % config.validate_every == 0 or last
            signum = group.highest([stopped.signum])[0]
            if due or signum or step % config.log_every == 0:
                _check_finite(model, totals, step)
            if step % config.log_every == 0 or due:
                line = _metrics(totals, step, steps, job.config, time.monotonic() - began)
                if group.main:
                    _append(run / "metrics.jsonl", line)
                    track(line)
                bar.set_postfix_str("nll {nll:.2f}, kl {kl:.2f}, lr {lr:.1e}".format_map(line))
                totals.zero_()
            if due and group.main:
                score, lines, report = validate(averaged, data, config, step)
                for name, entry in lines:
                    _append(run / name, entry)
                    if name == "metrics.jsonl":
                        track(entry)
                bar.clear()
                log(_summary(step, steps, lines, time.monotonic() - began))
                for advice in diagnose(report, job.config, step / steps):
                    log(f"warning: {advice}")
                if score < best:
                    best = score
                    save_folder(run, saved, _card(saved, job, step, score), overwrite=True)
            if (due or signum) and group.main:
                state = {
                    "step": step,
                    "model": dict(model.named_parameters()),
                    "optimizer": optimizer.state_dict(),
                    "totals": totals,
                    "best": best,
                }
                save_checkpoint(run, step, saved, _card(saved, job, step), state, config.keep)
            if signum and not last:
                raise TrainingInterruptedError(
                    f"stopped at step {step} of {steps}; continue with: "
                    f"poetvae train --out {run} --resume",
                    signum,
                )


def validate(
    model: TextModel, data: Data, config: TrainConfig, step: int
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
    options = SamplingOptions(temperature=0.8, seed=derive_seed(config.seed, step))
    poems = generate(model, data.codec, 4, options=options)
    model.train(was_training)
    lines += [("samples.jsonl", {"step": step, "text": poem.text}) for poem in poems]
    return score, lines, report


def restore(
    run: Path, model: TextModel, averaged: TextModel, optimizer: torch.optim.Optimizer, group: Group
) -> tuple[int, Tensor, float, float]:
    """Step, running sums, best score and seconds of the newest checkpoint, its state put in place.

    All processes take the checkpoint that the first one found.
    """
    folder = latest_checkpoint(run) if group.main else None
    step = group.highest([int(folder.name.rpartition("-")[2]) if folder else 0])[0]
    if step == 0:
        totals, best = torch.zeros(4, device=model.device), float("inf")
    else:
        folder = run / "checkpoints" / f"step-{step}"
        state = load_state(folder)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(state["model"][name])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(load_folder(folder, model.device).model.state_dict())
        totals, best = state["totals"].to(model.device), float(state["best"])
    seconds = 0.0
    for name in ("samples.jsonl", "metrics.jsonl") if group.main else ():
        if (run / name).exists():
            lines = (run / name).read_bytes().splitlines(keepends=True)
            kept = list(filter(partial(_written_by, step), lines))
            write_file(run / name, b"".join(kept))
            seconds = max((json.loads(line).get("seconds", 0.0) for line in kept), default=0.0)
    return step, totals, best, seconds


def _written_by(step: int, line: bytes) -> bool:
    """Whether a line of a log is whole, and of this step or before."""
    try:
        return line.endswith(b"\n") and int(json.loads(line)["step"]) <= step
    except (LookupError, TypeError, ValueError):
        return False


def _fit_into(started: float, seconds: float, data: Data, config: Config, group: Group) -> int:
    """How many steps end so long after the start: measured on a model that is dropped."""
    scratch = build(config.model).to(group.device)
    averaged, optimizer = copy.deepcopy(scratch), make_optimizer(scratch, config.train)
    times = []
    for step in range(30):
        times.append(time.monotonic())
        float(update(scratch, optimizer, slices(data.train, config, step, group), config, 1e-6)[0])
        if config.train.ema:
            average(averaged, scratch, 0.5)
    times.append(time.monotonic())
    per_step = (times[-1] - times[10]) / (len(times) - 11)
    validate(scratch, data, config.train, 0)
    per_validation = time.monotonic() - times[-1]
    left = 0.95 * (seconds - (time.monotonic() - started))  # steps get slower as a run goes on
    return max(1, int(left / (per_step + per_validation / config.train.validate_every)))


def _silence(line: str) -> None:
    pass


def _check_finite(model: TextModel, totals: Tensor, step: int) -> None:
    """Nothing is saved of a training that has gone astray."""
    loss = float(totals[2] / totals[3])
    what = "" if math.isfinite(loss) else f"the loss is {loss}"
    if not what and not all(p.isfinite().all() for p in model.parameters()):
        what = "the weights are not finite"
    if what:
        raise PoetVAEError(
            f"{what} at step {step}; lower learning_rate, or set precision=fp32, and start again"
        )


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
            file.flush()
            os.fsync(file.fileno())  # before a checkpoint says that this step was done
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


def _card(saved: Saved, job: RunSpec, step: int, score: float | None = None) -> str:
    training = f"Trained for {step:,} steps of {job.config.train.batch_size} poems, seed "
    training += f"{job.config.train.seed}; corpus sha256 {job.fingerprint[:16]}.\n"
    if score is not None and score > 0:
        name = "ELBO" if saved.model.has_bound else "reconstruction"
        training += f"Held-out {name}: {score:.3f} nats per character.\n"
    return model_card(saved.model, saved.codec, training)


def _preflight(job: RunSpec, data: Data, model: TextModel, group: Group) -> list[str]:
    config = job.config
    n, size = model.num_parameters(), config.train.batch_size
    parts = config.train.slices
    shared = f" in {parts} slices on {group.size} processes" if parts > 1 or group.size > 1 else ""
    forms = ", ".join(map(str, job.forms)) or f"free, up to {config.model.max_len} positions"
    return [
        f"forms: {forms}; {config.model.vocab_size:,} tokens",
        f"model: {n:,} parameters, {16 * n / 2**20:.0f} MiB with optimizer; "
        f"{config.train.precision} on {model.device}",
        f"training: {job.steps:,} steps of {size} poems{shared}, "
        f"{job.steps * size / len(data.train):.1f} epochs, seed {config.train.seed}",
    ]

"""Training: one visible loop, resumable at any step, bit for bit.

The data order, the noise of a step and every schedule are functions of the seed and the step, so
the state of a run is its weights, the optimizer's moments and one integer. Several processes take a
step together, each with its slices of the batch; which takes which makes no difference.
"""

from __future__ import annotations

import copy
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ..checkpoints import model_folder
from ..checkpoints.card import model_card
from ..checkpoints.hub import locate
from ..checkpoints.model_folder import Saved, save_checkpoint, save_folder
from ..config import PRESETS, Config, TrainConfig, configure, fields, takes_fields
from ..data.dataset import Data, derive_seed
from ..data.reading import ReadingOptions
from ..errors import MALFORMED, CheckpointError, ConfigError, PoetVAEError, listed, several
from ..evaluation.likelihood import Report, evaluate
from ..generation.generate import generate
from ..generation.options import SamplingOptions
from ..i18n import N_, _
from ..models import TextModel, build, evaluating
from ..poet import Poet
from ..runtime import Aside, fits, interruption, keep_freed_memory, without_bar
from ..text.sounds import sounds_of
from .diagnostics import FEW, astray, by_heart, diagnose, weighed
from .log import METRICS, SAMPLES, VALIDATED, Line, check_tensorboard, cut_back, recording
from .loss import beta
from .parallel import Group, processes
from .run import INIT, Length, OpenRun, fill, going_on, opened, steps_in
from .spec import Log, RunSpec
from .step import average, learning_rate, make_optimizer, memory, poems_a_step, slices, update

Lines = list[tuple[str, Line]]  # to record, each with the name of its file


class TrainingInterruptedError(PoetVAEError):
    """A signal stopped the training; a checkpoint was written."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


@takes_fields(ReadingOptions)
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
    init: str | Path | None = None,
    theme: str = "",
    **reading: Any,
) -> Poet:
    """Train a model into a run folder, and give it back as it was best on held-out poems.

    Started by `torchrun` in several processes it is one training: each does its share of a batch,
    the first one writes.

    Args:
        sources: corpora, as `read_poems` takes them; none = the embedded sample.
        preset, settings: as for `config.configure`; no preset = base.
        forms: "5x2" and so on; none = whole poems in free form.
        epochs, steps, minutes: how long; at most one. Minutes are turned into steps by timing a few
            first. Absent: 10 epochs.
        labels: fields of the poems to condition on, as dynasty, author, form.
        valid: held-out corpora; none = a share of the poems, by hash of the poem.
        strict, force: broken entries of a corpus are errors; a run that is there is replaced.
        resume: continue the run in `out` as it was begun. Whatever else is given has to agree with
            that; with a corpus given, a run that is not there is begun.
        log: takes lines for people, unless `quiet`; absent = standard error.
        tensorboard: write the curves to `out`/tensorboard, too.
        init: a model to go on from, as `Poet.from_pretrained` takes it, or "packaged". Its network,
            its characters, forms and labels hold; no preset = tune.
        theme: the field that says what a poem is about, as title; "" = none.
        reading: the fields of `ReadingOptions`, how the corpora are read.

    Raises:
        PoetVAEError: whatever is wrong with settings, corpus or folder, before anything is written;
            TrainingInterruptedError after a signal, with a checkpoint written; LostProcessError
            when another process of the training has gone.
    """
    started = time.monotonic()
    if resume and force:
        raise ConfigError(_("resume and force were given; give one of them"))
    if tensorboard:
        check_tensorboard()
    run, length = Path(os.path.realpath(out)), Length(epochs, steps, minutes)
    fitted = {"max_len": 0, **(settings or {})}  # to the poems, where nothing is said
    config = configure(preset or ("tune" if init else "base"), fitted)
    read = ReadingOptions(**reading)
    what = sources, valid, forms, labels, strict
    planned = RunSpec.plan(config, *what, read, init or "", theme)
    keep_freed_memory()
    with processes(device) as group:
        quiet = quiet or not group.main
        log = log or (lambda line: print(line, file=Aside(), flush=True))
        log = (lambda line: None) if quiet else log
        there = (run / "train.json").exists()
        resume = resume or (there and group.restarted)
        goes_on, start = resume and (there or not sources), None
        asked = set(settings or ()).union(*map(PRESETS.__getitem__, (preset or "base").split(",")))
        if init and not goes_on:
            packaged = init == "packaged" and not Path(init).exists()
            start = model_folder.load_folder(locate(None if packaged else init, log=log))
            planned = planned.tuned(start, sorted(asked))
        steps_of = partial(_steps_of, length, started, group)
        begin = partial(fill, planned, start, steps_of, group, log)
        with opened(run, None if goes_on else begin, group, force) as opened_run:
            if goes_on:
                parts: dict[str, Any] = {"sources": sources, "valid": valid, "forms": forms}
                parts |= {"labels": labels, "strict": strict, "init": init, "theme": theme}
                parts |= read.given
                whole = preset and not opened_run.spec.init  # else the model's own hold
                given = [*(fields() if whole else sorted(asked)), *filter(parts.get, parts)]
                opened_run = going_on(opened_run, planned, length, given, group, log)
            spec, data = opened_run.spec, opened_run.data
            torch.manual_seed(derive_seed(spec.config.train.seed, "weights"))
            model = build(spec.config.model).to(group.device)
            for line in _preflight(spec, data, model, group):
                log(line)
            fit(model, opened_run, log, quiet, group, tensorboard)
    return Poet.from_pretrained(run, str(group.device))


def fit(
    model: TextModel, to: OpenRun, log: Log, quiet: bool, group: Group, tensorboard: bool
) -> None:
    """The loop: batch, update, average, log, validate, save. Starts at the newest checkpoint."""
    run, spec, data = to.path, to.spec, to.data
    config, options, steps = spec.config, spec.config.train, spec.steps
    optimizer = make_optimizer(model, options)
    averaged = copy.deepcopy(model) if options.ema else model  # what is evaluated and saved
    step, totals, best, worse, before = restore(to, model, averaged, optimizer, group)
    saved, began, said = Saved(averaged, data.codec), time.monotonic() - before, set[str]()
    poems = data.train.to(group.device) if fits(data.train.nbytes, group.device) else data.train
    bar = tqdm(total=steps, initial=step, unit="step", disable=without_bar(quiet), file=Aside())
    recorder = recording(run, group.main, tensorboard)
    with bar, recorder as record, interruption() as stopped:
        while step < steps and not 0 < options.patience <= worse:
            progress = spec.progress(step + 1)
            batches = slices(poems, config, step, group)
            totals += update(model, optimizer, batches, config, progress, group)
            if options.ema:
                average(averaged, model, min(options.ema, (1 + step) / (10 + step)))
            step += 1
            bar.update()
            due = step % options.validate_every == 0 or step in (*spec.ends, steps)
            logged = step % options.log_every == 0 or due
            signum = group.highest([stopped.signum])[0]
            if logged or signum:
                _check_sound(model, totals, config, progress, step)
                to.check()
            if logged:
                line = _metrics(totals, step, progress, config, time.monotonic() - began)
                record(METRICS, line)
                bar.set_postfix_str("nll {nll:.2f}, kl {kl:.2f}, lr {lr:.1e}".format_map(line))
                totals.zero_()
            if due and group.main:
                score, lines, report = validate(averaged, data, options, step)
                for name, row in lines:
                    record(name, row)
                bar.clear()
                log(_summary(step, steps, lines, time.monotonic() - began))
                trained = weighed(line["nll"], line["kl"], config, progress)
                for advice in diagnose(report, config, progress, trained):
                    if (kind := re.split("[:：]", advice)[0]) not in said or step == steps:
                        log(_("warning: {advice}", advice=advice))
                    said.add(kind)
                lost = score >= best and by_heart(report, config, progress, trained)
                worse = worse + 1 if lost else 0
                to.check()  # a validation takes its time
                if score < best:
                    best = score
                    save_folder(run, saved, _card(saved, spec, step, score), overwrite=True)
            if due:
                worse = group.highest([worse])[0]
            if (due or signum) and group.main:
                state = {"run": spec.id, "step": step, "totals": totals, "best": best}
                state |= {"worse": worse, "model": model.tensors()}
                state["optimizer"] = optimizer.state_dict()
                save_checkpoint(run, step, saved, _card(saved, spec, step), state, options.keep)
            if signum and step < steps:
                again = f"poetvae train --out {run} --resume"
                raise TrainingInterruptedError(
                    _(
                        "stopped at step {step} of {steps}; continue with: {again}",
                        step=step,
                        steps=steps,
                        again=again,
                    ),
                    signum,
                )
    if step < steps:
        log(
            _(
                "ended at step {step} of {steps}: the last {worse} validations were worse than "
                "guessing, and than the model that is kept",
                step=step,
                steps=steps,
                worse=worse,
            )
        )


def validate(
    model: TextModel, data: Data, config: TrainConfig, step: int
) -> tuple[float, Lines, Report | None]:
    """Held-out nats per character, lines for `metrics.jsonl` and `samples.jsonl`, and the report.

    Without held-out poems the score falls with the step: the last model is the best known. Where
    there is no bound, in an autoencoder, the score is the reconstruction's.
    """
    score, report = -float(step), None
    lines: Lines = []
    if len(data.valid):
        report = evaluate(model, data.codec, data.valid, samples=1, limit=config.validate_on)
        values = report.as_dict()
        bound = values["elbo_per_char"]
        score = values["recon_per_poem"] * report.poems / report.chars if bound is None else bound
        keys = (*VALIDATED, "active_units_01", "codebook_perplexity", "cluster_perplexity")
        if report.poems < FEW:
            values |= dict.fromkeys(("active_units", "active_units_01"))
        valid = {f"valid_{key}": values[key] for key in keys if values[key] is not None}
        lines.append((METRICS, {"step": step, "valid_score": score, **valid}))
    options = SamplingOptions(seed=derive_seed(config.seed, step))
    with evaluating(model):
        poems = generate(model, data.codec, 4, options=options)
    lines += [(SAMPLES, {"step": step, "text": poem.text}) for poem in poems]
    return score, lines, report


def restore(
    to: OpenRun,
    model: TextModel,
    averaged: TextModel,
    optimizer: torch.optim.Optimizer,
    group: Group,
) -> tuple[int, Tensor, float, int, float]:
    """Step, running sums, best score, validations since that were worse than guessing, and seconds
    of the newest checkpoint, its state in place.
    Raises CheckpointError: its state is not of this run and step."""
    # All processes take what the first one finds.
    folder = model_folder.latest_checkpoint(to.path) if group.main else None
    step = group.highest([int(folder.name.rpartition("-")[2]) if folder else 0])[0]
    totals, best, worse = torch.zeros(4, device=model.device), float("inf"), 0
    if step:
        folder = to.path / "checkpoints" / f"step-{step}"
        state = model_folder.load_state(folder)
        try:
            if (state.get("run", ""), state["step"]) != (to.spec.id, step):
                raise ValueError(_("it is of another run, or of another step"))
            take_up(state, model, optimizer)
            totals.copy_(state["totals"])
            best, worse = float(state["best"]), int(state.get("worse", 0))
        except (RuntimeError, *MALFORMED) as error:
            raise CheckpointError(
                _(
                    "{folder}/state.pt is not the state of this run at step {step} "
                    "({error}); remove {folder}",
                    folder=folder,
                    step=step,
                    error=error,
                )
            ) from error
        kept = model_folder.load_folder(folder, model.device)
        averaged.load_state_dict(kept.model.state_dict())
    elif to.spec.init:
        first = model_folder.load_folder(to.path / INIT, model.device).model.state_dict()
        for network in (model, averaged):
            network.load_state_dict(first)
    elif to.spec.config.model.sound_sizes:
        for network in (model, averaged):
            network.set_sounds(sounds_of(to.data.codec))
    return step, totals, best, worse, cut_back(to.path, step) if group.main else 0.0


def take_up(state: Mapping[str, Any], model: TextModel, optimizer: torch.optim.Optimizer) -> None:
    """Put weights and moments where they were; ValueError where they are not of this model."""
    weights, moments = model_folder.current_names(state["model"]), state["optimizer"]["state"]
    named = model.tensors()
    # A run of an older version may have its parameters in another order.
    places = dict(enumerate(map(list(named).index, weights)))
    for i, name in enumerate(weights):
        parts = [weights[name], *(t for t in moments.get(i, {}).values() if t.ndim)]
        if not all(part.shape == named[name].shape and part.isfinite().all() for part in parts):
            raise ValueError(_("{name} is not of this model", name=name))
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(weights[name])
    model.check_sounds()
    saved, known = (s["param_groups"] for s in (state["optimizer"], optimizer.state_dict()))
    if [g.get("momentum") for g in saved] != [g.get("momentum") for g in known]:
        raise ValueError(_("it is of another optimizer"))
    moved = {places[i]: moment for i, moment in moments.items()}
    optimizer.load_state_dict({"state": moved, "param_groups": known})


def _steps_of(length: Length, started: float, group: Group, data: Data, config: Config) -> int:
    """How many steps are so long; minutes, from the start, are measured on a model to drop."""
    if not length.minutes:
        return length.in_steps(len(data.train), poems_a_step(data.train, config))
    scratch = build(config.model).to(group.device)
    averaged, optimizer = copy.deepcopy(scratch), make_optimizer(scratch, config.train)
    for step in range(30):
        if step == 10:
            warm = time.monotonic()
        float(update(scratch, optimizer, slices(data.train, config, step, group), config, 1e-6)[0])
        if config.train.ema:
            average(averaged, scratch, 0.5)
    done = time.monotonic()
    validate(scratch, data, config.train, 0)
    over, per_step = time.monotonic(), (done - warm) / 20
    seconds = 60 * length.minutes - (over - started)
    return steps_in(seconds, len(data.train), config.train, per_step, over - done)


def _check_sound(
    model: TextModel, totals: Tensor, config: Config, progress: float, step: int
) -> None:
    """Nothing is saved of a training that has gone astray."""
    nll, kl, loss = (totals[:3] / totals[3]).tolist()
    if not math.isfinite(loss) or not all(p.isfinite().all() for p in model.parameters()):
        what = (
            _("the weights are not finite")
            if math.isfinite(loss)
            else _("the loss is {loss}", loss=loss)
        )
        raise PoetVAEError(
            _(
                "{what} at step {step}; lower learning_rate, or set precision=fp32, and start "
                "again",
                what=what,
                step=step,
            )
        )
    if what := astray(nll, kl, config, progress):
        raise PoetVAEError(
            _(
                "the training has diverged at step {step}: {what}; lower learning_rate (it is "
                "{rate:g}), and start again",
                step=step,
                what=what,
                rate=config.train.learning_rate,
            )
        )


def _metrics(totals: Tensor, step: int, progress: float, config: Config, seconds: float) -> Line:
    *sums, count = totals.tolist()
    means = {name: total / count for name, total in zip(("nll", "kl", "loss"), sums, strict=True)}
    weight, lr = beta(config.objective, progress), learning_rate(config.train, progress)
    return {"step": step, **means, "beta": weight, "lr": lr, "seconds": round(seconds, 3)}


def _summary(step: int, steps: int, lines: Lines, seconds: float) -> str:
    text = _("step {step}/{steps} ({seconds:.0f} s)", step=step, steps=steps, seconds=seconds)
    poems = [line["text"].replace("\n", "\n    ") for name, line in lines if name == SAMPLES]
    for line in (line for name, line in lines if name == METRICS):
        said = N_("held-out {score:.3f} nats/char, kl {kl:.1f} nats")
        parts = [_(said, score=line["valid_score"], kl=line["valid_kl_per_poem"])]
        if (n := line.get("valid_active_units")) is not None:
            parts.append(_("{n} active units", n=n))
        if (n := line.get("valid_active_units_01")) is not None:
            parts.append(_("{n} of more than 0.1 nats", n=n))
        text = _("{what}: {why}", what=text, why=listed(parts))
    return "\n    ".join([text, *poems])


def _card(saved: Saved, spec: RunSpec, step: int, score: float | None = None) -> str:
    train = spec.config.train
    training = f"Trained for {step:,} steps of {train.batch_size} poems, seed {train.seed}; "
    training += f"corpus sha256 {spec.fingerprint[:16]}.\n"
    if score is not None and score > 0:
        name = "ELBO" if saved.model.has_bound else "reconstruction"
        training += f"Held-out {name}: {score:.3f} nats per character.\n"
    return model_card(saved.model, saved.codec, training)


def _preflight(spec: RunSpec, data: Data, model: TextModel, group: Group) -> list[str]:
    config, options, n = spec.config.model, spec.config.train, model.num_parameters()
    parts, poems = options.slices, spec.steps * poems_a_step(data.train, spec.config)
    free = _("free, up to {n} positions", n=config.max_len)
    forms = several(spec.forms) or free
    steps = _("{n:,} steps of {poems} poems", n=spec.steps, poems=options.batch_size)
    if parts > 1 or group.size > 1:
        text = N_("{steps} in {slices} slices on {n} processes")
        steps = _(text, steps=steps, slices=parts, n=group.size)
    return [
        _("forms: {forms}; {n:,} tokens", forms=forms, n=config.vocab_size),
        _(
            "model: {n:,} parameters, {size:.0f} MiB with optimizer; {precision} on {device}",
            n=n,
            size=memory(model, options) / 2**20,
            precision=options.precision,
            device=model.device,
        ),
        _(
            "training: {steps}, {epochs:.1f} epochs, seed {seed}",
            steps=steps,
            epochs=poems / len(data.train),
            seed=options.seed,
        ),
    ]

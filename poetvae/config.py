"""Every setting, its meaning, its default and its bounds. The only home of defaults.

A configuration is three frozen dataclasses whose field names are all different, so that one flat
``key=value`` names any of them. The defaults are the preset ``base``; other presets say what they
change.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .errors import ConfigError, brief, listed
from .i18n import N_, _

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
SCHEDULES = ("constant", "linear", "cyclical", "cosine", "wsd")
OPTIMIZERS = ("adamw", "muon")
GRADIENTS = ("standard", "path", "dreg")
WAYS = ("lerp", "slerp", "bridge")  # from one poem to another, see `Poet.interpolate`

# Registries: what a configuration may name, and the class that it means.
MODELS = {
    "vae": "vae.VAE",
    "vqvae": "vqvae.VQVAE",
    "autoregressive": "autoregressive.Autoregressive",
}
PRIORS = {
    "normal": "NormalPrior",
    "mixture": "MixturePrior",
    "label": "LabelPrior",
    "theme": "ThemePrior",
}


def setting(default: Any, doc: str, low: Any = None, high: Any = None, among: Any = ()) -> Any:
    """A field with its default, one line of documentation and its bounds."""
    return field(
        default=default, metadata={"doc": doc, "low": low, "high": high, "among": tuple(among)}
    )


def option(
    default: Any,
    doc: str,
    *,
    among: Any = (),
    flag: str = "",
    bare: str | None = None,
    metavar: str | None = None,
    repeat: bool = False,
    label: str = "",
    hint: str = "",
    rule: str = "",
    companion: str = "",
    rank: int = 0,
) -> Any:
    """A field that the command line, Python and the page share.

    Args:
        flag, metavar: of the command line, where it is not the name; of the value in `--help`.
        bare: what the flag means without a value; absent: it needs one.
        repeat: whether it may be given several times.
        label, hint: of its control on the page; without a label there is none.
        rule: the function of `constraints.rules` that it asks for, where it is not the name.
        companion: another field that this function takes beside the value.
        rank: the larger, the later it is met with the others.
    """
    shown = {"flag": flag, "metavar": metavar, "repeat": repeat, "label": label, "hint": hint}
    meaning = {"doc": doc, "among": tuple(among), "companion": companion, "rank": rank}
    return field(default=default, metadata={**meaning, "rule": rule, "bare": bare, **shown})


def takes_fields(*options: type, **defaults: object) -> Callable[[F], F]:
    """Let `help` and editors see by name what a function takes as ``**options``: the fields of
    these dataclasses, all of which have defaults, some of which others here."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {p.name for p in own}
        more = [
            inspect.Parameter(
                f.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults.get(f.name, getattr(known, f.name)),
            )
            for known in (kind() for kind in options)
            for f in dataclasses.fields(known)
            if f.name not in names
        ]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        return function

    return decorate


@dataclass(frozen=True)
class ModelConfig:
    """The architecture: enough to build the network anew and load its weights."""

    kind: str = setting("vae", N_("the family's member"), among=MODELS)
    vocab_size: int = setting(0, N_("tokens; set by the tokenizer"), 0, 1_000_000)
    max_len: int = setting(
        128,
        N_("positions; set by the form where there is one; 0 = as many as the poems need"),
        0,
        4096,
    )
    label_sizes: tuple[int, ...] = setting(
        (), N_("values of each label; set by the corpus"), 1, 100_000
    )
    form_known: bool = setting(
        False, N_("whether the first label is the form, never dropped; set by the corpus")
    )
    theme_len: int = setting(
        0, N_("characters of a theme that are read; set by the corpus"), 0, 4096
    )
    lines: tuple[int, ...] = setting(
        (), N_("lengths of the lines of each form, 0 after each; set by the corpus"), 0, 4096
    )
    by_length: bool = setting(
        False, N_("poems of one length at a time, nothing computed past them; set by the corpus")
    )
    sounds: bool = setting(
        False, N_("add to a token's vector those of its tones and rhyme classes, where it has any")
    )
    sound_sizes: tuple[int, ...] = setting(
        (), N_("tones and rhymes, readings, readings of a token; set by the corpus"), 1, 32_767
    )
    embed_dim: int = setting(256, N_("width of a token's vector"), 1, 4096)
    embed_norm: bool = setting(False, N_("normalise a token's vector where it is read"))
    d_model: int = setting(256, N_("channels of the gated convolutions"), 1, 4096)
    latent_dim: int = setting(128, N_("dimensions of z"), 1, 4096)
    encoder_layers: int = setting(3, N_("gated blocks of the encoder"), 0, 64)
    decoder_layers: int = setting(4, N_("gated blocks of the decoder"), 0, 64)
    kernel_size: int = setting(3, N_("width of a convolution"), 1, 63)
    dilations: tuple[int, ...] = setting((1, 2, 4), N_("dilations, taken in turn"), 1, 1024)
    norm: str = setting("layer", N_("normalisation before a block"), among=("layer", "none"))
    dropout: float = setting(0.0, N_("dropout inside the blocks"), 0.0, 0.95)
    residual_scale: float = setting(1.0, N_("factor of each residual sum"), 0.0, 2.0)
    pooling: str = setting(
        "attention+max", N_("from positions to a poem"), among=("mean", "mean+max", "attention+max")
    )
    pooling_heads: int = setting(8, N_("weighted means that attention pooling takes"), 1, 64)
    positions: bool = setting(True, N_("add learned position vectors in the encoder"))
    inject: bool = setting(True, N_("give z to every block of the decoder, not the first alone"))
    tied: bool = setting(True, N_("softmax weights are the token vectors"))
    sample: bool = setting(True, N_("draw z from q(z | x); false = an autoencoder, z is the mean"))
    prior: str = setting(
        "normal",
        N_("p(z); label = around a mean for each label; theme = by what a poem is about"),
        among=PRIORS,
    )
    components: int = setting(10, N_("Gaussians of a mixture prior"), 1, 10_000)
    observe: float = setting(
        0.0, N_("share of poems that are learnt with a part known; 0 = never shown any"), 0.0, 1.0
    )
    passes: tuple[int, ...] = setting(
        (),
        N_(
            "numbers of passes to write in, each for a share of the batches; 0 = position by "
            "position"
        ),
        0,
        4096,
    )
    pass_layers: int = setting(6, N_("gated blocks that see earlier passes"), 1, 64)
    across: bool = setting(True, N_("each third of these looks across the positions of a pass"))
    sight: bool = setting(
        False,
        N_("show a position what stands in its place in the lines around its own"),
    )
    repeats: bool = setting(
        False, N_("learn how seldom a token comes again, by the distance of its places")
    )
    codebook_size: int = setting(512, N_("codes of a VQ-VAE"), 8, 1_000_000)
    code_dim: int = setting(32, N_("width of a code's vector"), 1, 4096)
    code_stride: int = setting(2, N_("positions that share a code"), 1, 4096)
    code_decay: float = setting(0.99, N_("decay of the codebook's moving averages"), 0.0, 0.999999)
    prior_layers: int = setting(4, N_("gated blocks of a VQ-VAE's prior over codes"), 0, 64)

    @property
    def label_width(self) -> int:
        """Numbers that tell what a poem is beside its text: its labels, then those of its theme."""
        return len(self.label_sizes) + self.theme_len


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is minimised: nll + beta * kl + penalties, in nats per poem."""

    beta: float = setting(1.0, N_("weight of the KL term"), 0.0, 1000.0)
    beta_schedule: str = setting("linear", N_("how beta comes up"), among=SCHEDULES)
    beta_warmup: float = setting(
        0.2, N_("share of the training (or cycle) until full beta"), 0.0, 1.0
    )
    rate: float = setting(
        0.0,
        N_(
            "nats of KL that the longest poems have for free, on average; shorter ones by the root "
            "of their length"
        ),
        0.0,
        10_000.0,
    )
    free_bits: float = setting(0.0, N_("nats of KL each latent unit has for free"), 0.0, 100.0)
    capacity: float = setting(
        0.0, N_("nats of KL to hold, coming up in beta's stead; 0 = none"), 0.0, 10_000.0
    )
    sparsity: float = setting(0.0, N_("weight of the L1 norm of the code"), 0.0, 1000.0)
    commitment: float = setting(0.25, N_("weight of a VQ-VAE's distance to its codes"), 0.0, 1000.0)
    iw_samples: int = setting(1, N_("samples of z of the importance-weighted objective"), 1, 1000)
    gradient: str = setting(
        "standard",
        N_("of the encoder: whole, path alone, or doubly reparameterised"),
        among=GRADIENTS,
    )
    noise: float = setting(0.0, N_("share of characters that the encoder does not see"), 0.0, 1.0)
    label_dropout: float = setting(0.1, N_("share of labels made unknown"), 0.0, 1.0)
    theme_dropout: float = setting(0.5, N_("share of themes made unknown"), 0.0, 1.0)


@dataclass(frozen=True)
class TrainConfig:
    """How it is minimised, and on what."""

    batch_size: int = setting(128, N_("poems in a step"), 1, 1_000_000)
    slices: int = setting(
        0,
        N_(
            "parts a batch is worked off in, by turns or by processes, of one length each where "
            "poems have several; 0 = one a process, on CPUs at least four of several lengths"
        ),
        0,
        4096,
    )
    optimizer: str = setting(
        "adamw",
        N_("muon = Muon for the matrices of the blocks, AdamW for the rest"),
        among=OPTIMIZERS,
    )
    learning_rate: float = setting(4e-3, N_("peak learning rate"), 0.0, 10.0)
    lr_schedule: str = setting("cosine", N_("course of the learning rate"), among=SCHEDULES)
    lr_warmup: float = setting(0.03, N_("share of the training until the peak"), 0.0, 1.0)
    adam_beta2: float = setting(0.99, N_("AdamW's decay of squared gradients"), 0.0, 0.999999)
    weight_decay: float = setting(0.01, N_("decoupled decay of the weights"), 0.0, 10.0)
    clip_norm: float = setting(1.0, N_("largest norm of the gradient; 0 = no clipping"), 0.0, 1e9)
    ema: float = setting(0.999, N_("decay of the averaged weights; 0 = none"), 0.0, 0.999999)
    precision: str = setting("auto", N_("matrix products in"), among=("auto", "bf16", "fp32"))
    seed: int = setting(0, N_("of data order, noise and first weights"), 0, 2**63 - 1)
    held_out: float = setting(0.04, N_("share of the poems held out, half to test"), 0.0, 0.5)
    min_count: int = setting(3, N_("a character seen less often is unknown"), 1, 1_000_000)
    min_label: int = setting(20, N_("a label's value seen less often is unknown"), 1, 1_000_000)
    log_every: int = setting(50, N_("steps between lines of metrics"), 1, 10**9)
    validate_every: int = setting(
        0,
        N_("steps from validation and checkpoint to the next; 0 = an epoch, by and large"),
        0,
        10**9,
    )
    validate_on: int = setting(2000, N_("held-out poems in a validation while training"), 1, 10**9)
    patience: int = setting(
        3, N_("validations running, worse than guessing, that end a training; 0 = any"), 0, 10**9
    )
    keep: int = setting(2, N_("checkpoints kept"), 1, 1000)


@dataclass(frozen=True)
class Config:
    """A whole configuration."""

    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    train: TrainConfig = TrainConfig()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Nested plain values, as stored in JSON."""
        return dataclasses.asdict(self)


# fmt: off
PRESETS: dict[str, dict[str, Any]] = {
    "base": {},
    # A third of the work of base, for comparing the members of the family.
    "small": {"embed_dim": 128, "d_model": 128, "latent_dim": 64},
    # The published demo this project grew from: 64 channels, mean pooling, Adam at 1e-3, beta 1.
    "seed": {
        "embed_dim": 64, "d_model": 64, "latent_dim": 64, "encoder_layers": 2, "decoder_layers": 1,
        "dilations": (1,), "norm": "none", "pooling": "mean", "positions": False, "inject": False,
        "tied": False, "beta_schedule": "constant", "batch_size": 64, "learning_rate": 1e-3,
        "lr_schedule": "constant", "adam_beta2": 0.999, "weight_decay": 0.0, "clip_norm": 0.0,
        "ema": 0.0,
    },
    # To go on with a model that has learnt: z tells something from the start.
    "tune": {"learning_rate": 1e-3, "beta_schedule": "constant"},
    "tiny": {
        "embed_dim": 32, "d_model": 32, "latent_dim": 16, "encoder_layers": 2, "decoder_layers": 2,
        "batch_size": 32, "learning_rate": 5e-3, "ema": 0.98, "min_count": 1,
    },
    # Members of the family: each is a few settings on top of a size, as in small,vq.
    "ae": {"sample": False, "beta": 0.0},
    "sparse-ae": {"sample": False, "beta": 0.0, "sparsity": 0.1},
    "vq": {"kind": "vqvae", "beta_schedule": "constant"},
    "cluster": {"prior": "mixture", "latent_dim": 16, "free_bits": 0.0},
    "iwae": {"iw_samples": 8, "gradient": "dreg"},
    "infill": {"observe": 0.7},
    "few": {
        "passes": (1, 2, 4, 8, 8, 8), "observe": 0.2, "encoder_layers": 1, "decoder_layers": 1,
        "pooling_heads": 2,
    },
    # The recipe for weights: sounds, lines in sight of each other, mostly position after position.
    "poet": {
        "passes": (1, 2, 4, 8, 8, 8, *(0,) * 14), "pass_layers": 9, "across": False, "sight": True,
        "sounds": True, "embed_norm": True, "repeats": True, "latent_dim": 16, "rate": 10.0,
        "observe": 0.1, "dropout": 0.2, "encoder_layers": 3, "decoder_layers": 1,
        "pooling_heads": 2, "optimizer": "muon", "lr_schedule": "wsd",
    },
    # One character after the other, as many parameters as base.
    "ar": {
        "kind": "autoregressive", "encoder_layers": 0, "decoder_layers": 9, "dropout": 0.1,
        "learning_rate": 2e-3,
    },
    "ar-large": {
        "kind": "autoregressive", "embed_dim": 512, "d_model": 768, "encoder_layers": 0,
        "decoder_layers": 17, "dropout": 0.2, "batch_size": 1024, "learning_rate": 1e-3,
        "ema": 0.9995,
    },
    "large": {
        "embed_dim": 512, "d_model": 768, "latent_dim": 256, "encoder_layers": 6,
        "decoder_layers": 9, "dropout": 0.1, "batch_size": 1024, "learning_rate": 1e-3,
        "ema": 0.9995,
    },
}
# fmt: on


def fields() -> dict[str, dataclasses.Field[Any]]:
    """Every setting by name."""
    parts = (ModelConfig, ObjectiveConfig, TrainConfig)
    return {f.name: f for part in parts for f in dataclasses.fields(part)}


def configure(preset: str = "base", settings: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a preset, or of several with commas, later ones overruling, with flat
    settings ``{key: value}`` changed; a text is read as the type of its key.

    Raises ConfigError: an unknown preset or key, a value of a wrong type or out of bounds.
    """
    values: dict[str, Any] = {}
    for name in preset.split(","):
        if name not in PRESETS:
            raise ConfigError(
                _(
                    "no preset {name!r}; there are {presets}",
                    name=name,
                    presets=listed(sorted(PRESETS)),
                )
            )
        values |= PRESETS[name]
    values |= settings or {}
    unknown = sorted(values.keys() - fields().keys())
    if unknown:
        raise ConfigError(
            _(
                "no setting {unknown!r}; there are {fields}",
                unknown=unknown[0],
                fields=listed(sorted(fields())),
            )
        )

    def part(cls: type[T]) -> T:
        names = typing.get_type_hints(cls)
        return from_dict(cls, {k: v for k, v in values.items() if k in names})

    config = Config(part(ModelConfig), part(ObjectiveConfig), part(TrainConfig))
    _check_together(config.model, config.objective)
    return config


def _check_together(model: ModelConfig, objective: ObjectiveConfig) -> None:
    """Settings that exclude each other."""
    free, capacity, several = objective.free_bits, objective.capacity, objective.iw_samples > 1
    point = model.kind == "vae" and not model.sample
    # A noisy estimate of the KL must not be clamped or taken the absolute value of: the mean of
    # max(estimate, bits) is not max(KL, bits). A mixture has no KL by unit at all.
    estimated = objective.gradient != "standard" or model.prior not in ("normal", "label")
    vq = model.kind == "vqvae"
    excluded = {
        N_("iw_samples above 1 weighs whole samples: set free_bits and capacity to 0"): (
            several and (free or capacity)
        ),
        N_("passes lacks 1, on which the others build: set passes=1,..."): (
            model.passes and 1 not in model.passes
        ),
        N_(
            "free_bits and capacity need a KL in closed form: set gradient=standard, and "
            "prior=normal or label"
        ): model.kind == "vae" and estimated and (free or capacity),
        N_("free_bits and capacity both hold the KL up: set one of them"): free and capacity,
        N_("an autoencoder (sample=false) has no KL: set beta=0, capacity=0 and iw_samples=1"): (
            point and (objective.beta or capacity or several)
        ),
        N_("a VQ-VAE has one code for a poem: set iw_samples=1, free_bits=0 and prior=normal"): (
            vq and (several or free or model.prior != "normal")
        ),
    }
    for message, holds in excluded.items():
        if holds:
            raise ConfigError(_(message))


def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass of settings from plain values, strictly.
    Raises ConfigError: an unknown key, a value of a wrong type or out of bounds."""
    if not isinstance(values, Mapping):
        raise ConfigError(
            _(
                "{name} is {values}; expected settings by name",
                name=cls.__name__,
                values=brief(values),
            )
        )
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(str(key) for key in values.keys() - known.keys())
    if unknown:
        raise ConfigError(
            _(
                "{name} has no {unknown!r}; it has {known}",
                name=cls.__name__,
                unknown=unknown[0],
                known=listed(known),
            )
        )
    types = typing.get_type_hints(cls)
    return cls(**{k: _read(known[k], types[k], v) for k, v in values.items()})


def _read(item: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    """The value as its field's type, within its bounds."""
    several = kind == tuple[int, ...]
    try:
        if several:
            parts = value.split(",") if isinstance(value, str) else value
        read = tuple(_scalar(int, part) for part in parts) if several else _scalar(kind, value)
    except (TypeError, ValueError, OverflowError):
        wanted = _("whole numbers, as 1,2,4") if several else _(_KINDS[kind])
        raise ConfigError(
            _(
                "{name} is {value}; expected {wanted}",
                name=item.name,
                value=brief(value),
                wanted=wanted,
            )
        ) from None
    low, high, among = (item.metadata[k] for k in ("low", "high", "among"))
    if among and read not in among:
        raise ConfigError(
            _(
                "{name} is {value}; expected one of {among}",
                name=item.name,
                value=brief(value),
                among=listed(among),
            )
        )
    for number in read if several else (read,):
        if low is not None and not low <= number <= high:
            raise ConfigError(
                _(
                    "{name} is {value}; expected {low} to {high}",
                    name=item.name,
                    value=brief(value),
                    low=low,
                    high=high,
                )
            )
    if item.name == "dilations" and not read:
        raise ConfigError(_("dilations is empty; give at least one, as 1,2,4"))
    return read


_KINDS = {int: N_("int"), float: N_("float"), bool: N_("bool"), str: N_("str")}


def _scalar(kind: type, value: Any) -> Any:
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        if not isinstance(value, bool):
            raise TypeError
        return value
    takes = {str: str, int: str | int}.get(kind, str | int | float)
    if isinstance(value, bool) or not isinstance(value, takes):
        raise TypeError
    return kind(value)

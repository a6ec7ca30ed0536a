"""A model that reads and writes poems: the few calls most people need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoints import hub
from .checkpoints.card import licensed, model_card, read_card
from .checkpoints.model_folder import Saved, load_folder, save_folder
from .config import takes_fields
from .constraints.constraint import Constraint
from .constraints.room import BLANKS, form_for, form_opened_by
from .constraints.rules import requested
from .data.dataset import Batch, derive_seed, encode_poems
from .errors import ConfigError, CorpusError
from .evaluation import likelihood
from .evaluation.themes import told
from .generation.couplet import Couplet, couplets
from .generation.generate import Forms, Generated, decode, distinct, given, stream
from .generation.options import CANDIDATES, SamplingOptions, read_options, takes_options
from .generation.ranking import score
from .generation.spelling import as_typed
from .i18n import _
from .latent import optimise, paths
from .latent.attributes import Attribute, Direction, codes
from .latent.index import Index
from .models import TextModel
from .nn.distributions import DiagonalGaussian, Posterior
from .runtime import choose_device
from .text.codec import PoemCodec
from .text.graphemes import clusters
from .text.poem import Form, Poem, content
from .text.prosody import USUAL

TELLING = 5.0  # nats from which on z says what a poem is about
DRAWN = 0.5  # temperature of draws beside the likeliest poem, which says the same again
ROUNDS = 5  # of draws for as many different completions as are wanted


class Poet:
    """A trained model with its characters and forms."""

    def __init__(self, model: TextModel, codec: PoemCodec, card: str = "") -> None:
        self.model = model.eval()
        self.codec = codec
        self.card = card

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        device: str = "cpu",
        *,
        revision: str | None = None,
        log: hub.Log | None = None,
    ) -> Poet:
        """The model of a model or run folder, or of a hub, on a device ("auto": a GPU, if any).

        Args:
            name: a folder, or `owner/name` or `owner/name@revision` on the hub, see `hub.locate`;
                absent = the weights that come with the package.
            revision: of a hub name: a branch, tag or commit.
            log: takes a line before a hub is asked.

        Raises:
            CheckpointError: as `hub.locate` and `load_folder` do.
            ConfigError: the device cannot be used here.
        """
        folder = hub.locate(name, revision, log)
        saved = load_folder(folder, choose_device(device))
        return cls(saved.model, saved.codec, read_card(folder))

    def save_pretrained(
        self, folder: str | Path, overwrite: bool = False, dtype: torch.dtype = torch.float32
    ) -> None:
        """Write a model folder, its weights in this type (float16 takes half the space).
        Raises CheckpointError: it exists and may not be overwritten, or cannot be written."""
        save_folder(folder, Saved(self.model, self.codec), self._card(), overwrite, dtype)

    def push_to_hub(
        self,
        name: str,
        *,
        license: str | None = None,
        private: bool = False,
        token: str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> str:
        """Put the model on the hub as `owner/name`, with its card; gives the address of its page.

        Arguments and errors as of `hub.push`; `license`, as the hub calls it (mit, cc-by-4.0...),
        takes the place of the card's.
        """
        card = licensed(self._card(), license) if license else self._card()
        saved = Saved(self.model, self.codec)
        return hub.push(saved, card, name, private=private, token=token, dtype=dtype)

    @property
    def forms(self) -> list[Form]:
        """The fixed forms it writes; none = free form."""
        return list(self.codec.forms)

    @takes_options
    def generate(
        self,
        n: int = 1,
        *,
        form: str | None = None,
        constraint: Constraint | None = None,
        **options: Any,
    ) -> list[Generated]:
        """Write n poems, which meet all that is asked for; the first are the same for every n.

        Args:
            form: one of the model's; absent = drawn as often as it was trained on, or, where
                anything is asked for, the most frequent one that has room for it.
            constraint: any other condition, on poems of one form.
            options: the fields of `Conditions` and `SamplingOptions`: first_line="...",
                acrostic="春夏秋冬", temperature=0.8, seed=1.

        Raises:
            ConfigError: as `generation.generate` does.
            ConstraintError: what no poem can meet, with what excludes each other.
            TypeError: an option of another name.
        """
        return list(self.stream(n, form=form, constraint=constraint, **options))

    @takes_options
    def stream(
        self,
        n: int,
        start: int = 0,
        *,
        form: str | None = None,
        constraint: Constraint | None = None,
        **options: Any,
    ) -> Iterator[Generated]:
        """The poems of `generate` from place `start` on, as they are written: any number."""
        conditions, sampling = read_options(options)
        chosen = Form.parse(form) if form else None
        if conditions:
            chosen = chosen or (constraint.form if constraint else form_for(self.codec, conditions))
            chosen = self.codec.check_form(chosen)
            asked = requested(self.codec, chosen, conditions)
            constraint = asked if constraint is None else asked & constraint
        how: Any = {"form": chosen, "constraint": constraint, "options": sampling}
        spell = as_typed(self.codec, conditions.typed)
        return (p.respelled(spell(p.text)) for p in stream(self.model, self.codec, n, start, **how))

    @takes_options
    def complete(
        self, text: str, n: int = 1, *, form: str | None = None, seed: int = 0, **options: Any
    ) -> list[Generated]:
        """Up to n distinct poems with this text in them, fewer where 5 * n draws have no more.

        Args:
            text: blanks (_) are filled; a text without blanks is the first lines of what is
                written. In free form it is the opening, and blanks are filled.
            form: absent = of the model's forms with lines of this length, the one with the fewest
                lines that leaves anything to write.
            options: as of `generate`. With candidates, 1 if absent, the best comes first.

        Raises:
            ConstraintError: no form that the text fits; and as `generate` does.
        """
        chosen = Form.parse(form) if form else form_opened_by(self.codec, text)
        if text.strip(BLANKS + " \n"):
            options["template"] = text
        options = {"candidates": 1} | options | {"form": chosen and str(chosen), "seed": seed}
        rounds = (self.stream(n, start, **options) for start in range(0, ROUNDS * n, n))
        return sorted(distinct(rounds, n), key=lambda poem: -(poem.score or 0.0))

    @takes_fields(SamplingOptions, candidates=CANDIDATES)
    def couplet(
        self, text: str, n: int = 1, *, tones: str = USUAL, **options: Any
    ) -> list[Couplet]:
        """Up to n distinct couplets with this upper line, of 4 to 11 characters, the best lower
        line first; arguments and errors as of `generation.couplet.couplets`."""
        how = SamplingOptions(**{"candidates": CANDIDATES} | options)
        return couplets(self.model, self.codec, text, n, tones=tones, options=how)

    def encode(self, texts: str | Sequence[str]) -> Posterior:
        """q(z | text) for each text (a lone one is a batch of one): a distribution over (B, D).

        Raises:
            CorpusError: a text that is empty, too long, or of none of the model's forms.
            ConfigError: the model has no latent.
        """
        return self._encode(self._read(texts))

    @torch.no_grad()
    def latents(self, poems: Iterable[Poem], progress: paths.Progress = iter) -> Tensor:
        """Where poems lie in latent space: the modes of their posteriors, (N, D) on the CPU.

        `progress` wraps the iterator of batches, as tqdm does; errors as of `encode`.
        """
        return paths.means(self.model.latent, encode_poems(self.codec, poems), progress)

    def decode(
        self,
        z: Tensor,
        *,
        form: str | None = None,
        labels: Mapping[str, str] | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Generated]:
        """The poem at each z (B, D); temperature 0: of the likeliest characters."""
        chosen = self.codec.check_form(Form.parse(form) if form else None)
        options = SamplingOptions(temperature=temperature, labels=labels or {}, seed=seed)
        return decode(self.model.latent, self.codec, z, [chosen] * len(z), options)

    def reconstruct(self, texts: str | Sequence[str]) -> list[Generated]:
        """Each text through the latent space and back: the likeliest characters at its mean."""
        typed = [texts] if isinstance(texts, str) else texts
        forms = [self.codec.form_of(poem) for poem in self._read(typed)]
        return self._write(self.encode(typed).mode, forms, typed)

    def rate(self, texts: str | Sequence[str]) -> list[float]:
        """How much z tells of each text, KL(q(z | text) || p(z)) in nats: from `TELLING` on its
        subject comes back. Infinite of an autoencoder. Errors as of `encode`."""
        posterior = self.encode(texts)
        if isinstance(posterior, DiagonalGaussian):
            return [float(nats) for nats in posterior.kl()]
        return [float("inf")] * len(posterior.mode)

    def way(self, *texts: str) -> str:
        """The mode in which `interpolate` goes between texts where none is asked for: "bridge" of
        a model in several passes whose z says little of them, else "lerp"."""
        bridges = self.forms and self.model.pass_choices
        silent = bridges and sum(self.rate(texts)) < TELLING * len(texts)
        return "bridge" if silent else "lerp"

    def interpolate(
        self, a: str, b: str, steps: int = 8, mode: str | None = None
    ) -> list[Generated]:
        """Poems on the way from a text to another of its form, ends included.

        Mode "lerp" takes the straight line between the posterior means, "slerp" the great circle:
        the reconstructions of both stand at the ends. In "bridge", for models whose z says little,
        characters of b take the place of those of a, and what is open between is written. Absent:
        as `way` says.

        Raises:
            ConfigError: fewer than two steps, or an unknown mode; a bridge in free form.
            CorpusError: as `encode` does, and for texts of two forms.
        """
        poems = self._read([a, b])
        form, other = map(self.codec.form_of, poems)
        if form != other:
            raise CorpusError(_("{a} and {b} have two forms; give texts of one", a=a, b=b))
        if (mode := mode or self.way(a, b)) == "bridge":
            return self._bridge(a, b, form, steps)
        start, end = self._encode(poems).mode
        return self._write(
            paths.path(start, end, steps, mode), [form] * steps, [f"{a}\n{b}"] * steps
        )

    def _bridge(self, a: str, b: str, form: Form | None, steps: int) -> list[Generated]:
        if form is None:
            raise ConfigError(_("a bridge leads between poems of a fixed form; take lerp or slerp"))
        found = []
        start, end = (content(self.codec.typed(text), form) for text in (a, b))
        for chars in paths.bridge(start, end, steps, BLANKS[0]):
            whole, text = BLANKS[0] not in chars, form.punctuate(chars)
            how: Any = {"form": str(form), "template": text, "temperature": 0.0, "plain": True}
            found += [given(text, form)] if whole else self.generate(**how)
        return found

    def vary(
        self, text: str, n: int = 1, *, distance: float = 1.0, seed: int = 0
    ) -> list[Generated]:
        """Up to n distinct poems around a text, at posterior mean + distance * stddev * noise.

        Distance 1 draws from q(z | text). How much of the text comes back is what z tells of it,
        see `rate`. Fewer are given where 20 * n draws did not have n.

        Raises:
            ConfigError: n below 1, or a distance that is negative or not finite.
            CorpusError: as `encode` does.
        """
        if n < 1 or not 0 <= distance < float("inf"):
            raise ConfigError(
                _(
                    "n is {n} and distance {distance}; expected at least 1, 0 or more",
                    n=n,
                    distance=distance,
                )
            )
        batch, form = self._one(text)
        generator = torch.Generator(self.model.device).manual_seed(derive_seed(seed, "vary"))
        how: Any = (self.model.latent, batch, n, distance, generator)
        rounds = (self._write(paths.variations(*how), [form] * n, [text] * n) for _ in range(20))
        return distinct(rounds, n)

    def index(self, poems: Iterable[Poem], progress: paths.Progress = iter) -> Index:
        """Poems at their posterior means, to search with `neighbours`; errors as of `Index`."""
        poems = list(poems)
        store = encode_poems(self.codec, poems)
        return Index.build(self.model.latent, store, [poem.text for poem in poems], progress)

    def neighbours(self, text: str, index: Index, n: int = 10) -> list[tuple[str, float]]:
        """The n poems of an index nearest to a text, each with its distance, nearest first.
        Raises CorpusError: as `encode` does."""
        distances, places = index.search(self.encode(text).mode, n)
        texts = (index.texts[i] for i in places[0].tolist())
        return list(zip(texts, distances[0].tolist(), strict=True))

    @torch.no_grad()
    def about(
        self, text: str, n: int = 10, *, among: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """The n themes that say most of a text, of those given, absent: of the commonest that the
        model was trained on; each with the nats that it saves, see `evaluation.themes.told`.

        Raises:
            ConfigError: the model has no themes, knows none by name, or no character of one given.
            CorpusError: as `encode` does.
        """
        self.codec.check_themed()
        checked = [self.codec.check_theme(theme) for theme in among]
        if not (names := list(dict.fromkeys(checked)) or list(self.codec.theme_names)):
            raise ConfigError(_("no theme was common in training; give some to choose among"))
        blank = self.codec.labels(None)[: -self.codec.theme_len]
        rows = [(*blank, *self.codec.theme_ids(name)) for name in names]
        posterior, model = self.encode(text), self.model.latent
        assert isinstance(posterior, DiagonalGaussian)
        nats = told(model, posterior, torch.tensor(rows, device=model.device))[0]
        best = nats.argsort(descending=True)[:n].tolist()
        return [(names[i], float(nats[i])) for i in best]

    def direction(
        self, attribute: str, poems: Iterable[Poem], limit: int | None = 5000
    ) -> Direction:
        """The way from poems without an attribute to those with it.

        Args:
            attribute: as of `latent.attributes`: author=李白, contains=月, tones=regulated.
            poems: a corpus with both kinds.
            limit: take at most so many of each, spread evenly.

        Raises:
            ConfigError: what is no attribute.
            CorpusError: fewer than two poems of a kind, or one that does not fit the model.
        """
        latent, wanted = self.model.latent, Attribute.parse(attribute)
        sides = wanted.divide(poems, limit, least=2)
        return Direction.between(*(codes(latent, self.codec, side, wanted.key) for side in sides))

    def edit(self, text: str, direction: Direction, strength: float = 1.0) -> Generated:
        """A text moved along a direction; strength 1 is the whole way between the class means."""
        (poem,) = self._read(text)
        step, form = direction.vector.to(self.model.device), self.codec.form_of(poem)
        return self._write(self._encode([poem]).mode + strength * step, [form], [text])[0]

    def optimise(
        self,
        toward: str,
        text: str | None = None,
        *,
        n: int = 1,
        form: str | None = None,
        poems: Iterable[Poem] = (),
        limit: int | None = 5000,
        seed: int = 0,
        steps: int = 100,
        near: float = 0.1,
        progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    ) -> list[optimise.Optimised]:
        """Up to n distinct poems, moved towards a property of the decoder's output by gradient
        ascent on z; fewer where 5 * n beginnings lead to no more.

        Args:
            toward: an attribute. contains=月 and tones=regulated ask for the log probability of
                just that, any other for the log-odds of naive Bayes in `poems`, `limit` of a side.
            text: where to begin, at its posterior mean; absent: at n draws from the prior, in this
                form or the most frequent one.
            steps, near, progress: as of `latent.optimise.ascend`.

        Raises:
            ConfigError: what is no attribute, a number out of its bounds, n or form with a text.
            ConstraintError: a keyword that cannot stand in a poem.
            CorpusError: as `encode` and `direction` do.
        """
        if n < 1 or (text is not None and (n > 1 or form)):
            raise ConfigError(
                _("n is {n}; expected 1 or more, and with a text neither n nor form", n=n)
            )
        latent, codec = self.model.latent, self.codec
        begun: Iterable[Tensor]
        if text is None:
            chosen = codec.check_form(Form.parse(form) if form else None)
            places = (range(first, first + n) for first in range(0, ROUNDS * n, n))
            begun = (optimise.start(latent, codec, chosen, some, seed) for some in places)
        else:
            (poem,) = self._read(text)
            chosen, begun = codec.form_of(poem), [self._encode([poem]).mode]
        wanted = optimise.toward(Attribute.parse(toward), codec, chosen, poems, limit)
        how = chosen, wanted, steps, near, progress
        found = distinct((optimise.optimise(latent, codec, z, *how) for z in begun), n)
        spell = as_typed(self.codec, f"{text or ''}{toward}")
        return [replace(one, text=spell(one.text), start=spell(one.start)) for one in found]

    def surprise(self, text: str) -> list[tuple[str, float]]:
        """Each character that is learnt of a text, with -log p(character | z) in nats, z being its
        posterior mean; in several passes given the characters of earlier ones, too.
        Raises CorpusError: as `encode` does."""
        batch, form = self._one(text)
        nats = paths.surprise(self.model.latent, batch)[0].tolist()
        tokens = clusters(content(self.codec.typed(text), form))
        return list(zip(map(self.codec.letters, tokens), nats, strict=False))

    def evaluate(
        self, poems: Iterable[Poem], *, samples: int = 100, seed: int = 0
    ) -> likelihood.Report:
        """Bounds and accuracies on poems; see `evaluation.likelihood.evaluate`."""
        store = encode_poems(self.codec, poems)
        return likelihood.evaluate(self.model, self.codec, store, samples=samples, seed=seed)

    def score(
        self, texts: str | Sequence[str], *, samples: int = 10, seed: int = 0
    ) -> list[dict[str, Any]]:
        """How likely each text is: which do not belong?

        For each its `text` as typed, its `form`, and in nats `nll` (importance-weighted bound with
        so many samples, or exact by an autoregressive model), `recon`, `kl`, `nll_per_char`; and
        `anomaly`, that in standard deviations above the mean of the texts given.
        Raises CorpusError: as `encode` does."""
        typed = [texts] if isinstance(texts, str) else texts
        rows = likelihood.anomalies(self.model, self.codec, self._read(typed), samples, seed)
        return [{"text": text, **row} for text, row in zip(typed, rows, strict=True)]

    def _read(self, texts: str | Sequence[str]) -> list[Poem]:
        return [self.codec.read(text) for text in ([texts] if isinstance(texts, str) else texts)]

    def _one(self, text: str) -> tuple[Batch, Form | None]:
        """A text as a batch of one, and its form."""
        poem = self.codec.read(text)
        batch = encode_poems(self.codec, [poem]).batch([0])
        return batch.to(self.model.device), self.codec.form_of(poem)

    def _write(self, z: Tensor, forms: Forms, typed: Sequence[str]) -> list[Generated]:
        """The likeliest poem at each z (B, D), in the form given for each, for what was typed.

        Where tokens are syllables the likeliest words are the same ones again and again: there it
        is one of several draws that is chosen as candidates are, see `ranking.score`.
        """
        found = decode(self.model.latent, self.codec, z, forms)
        if self.codec.spelt:
            draws = [SamplingOptions(temperature=DRAWN, seed=seed) for seed in range(CANDIDATES)]
            tries = [decode(self.model.latent, self.codec, z, forms, how) for how in draws]
            found = [max(some, key=_told) for some in zip(found, *tries, strict=True)]
        pairs = zip(found, typed, strict=True)
        return [poem.respelled(as_typed(self.codec, text)(poem.text)) for poem, text in pairs]

    @torch.no_grad()
    def _encode(self, poems: Sequence[Poem]) -> Posterior:
        batch = encode_poems(self.codec, poems).batch(range(len(poems)))
        return self.model.latent.encode(batch.to(self.model.device))

    def _card(self) -> str:
        """That of the folder it came from, which may tell of its training; or a new one."""
        return self.card or model_card(self.model, self.codec)


def _told(poem: Generated) -> float:
    """How much a poem that was drawn at its z speaks for a human hand."""
    return score(poem.poem.verses, poem.log_prob, poem.poem.form)

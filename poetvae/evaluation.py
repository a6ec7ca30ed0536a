"""How good a model is, in nats: bounds on the likelihood, what z carries, what comes back.

Everything is per poem and per character; a character is what a reader sees: the line breaks and end
marks of free form are paid for in nats but not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from .data import Batch, TokenStore, derive_seed
from .errors import CorpusError
from .models.vae import VAE
from .text.codec import PoemCodec

ACTIVE = 0.01  # variance of a unit's posterior mean from which on it counts as active


@dataclass(frozen=True)
class Report:
    """The likelihood part of an evaluation, keys as in `evaluate --json`.

    Attributes:
        poems, chars: what was scored; `unknown_chars` of them the model does not know.
        elbo_per_char: negative evidence lower bound, nats per character.
        nll_per_char: importance-weighted bound with `iw_samples` samples (Burda et al. 2016,
            arXiv 1509.00519, equation 8), nats per character; the smaller, the better.
        bits_per_char: the same in bits.
        recon_per_poem, kl_per_poem: the two parts of the ELBO, nats per poem.
        active_units: latent units whose posterior mean varies by more than 0.01 over the poems
            (Burda et al. 2016, section 4).
        recon_char_accuracy, recon_poem_accuracy: what the likeliest characters at z = mean restore.
        parameters: of the model.
        passes: decoding passes.
    """

    poems: int
    chars: int
    unknown_chars: int
    elbo_per_char: float
    nll_per_char: float
    iw_samples: int
    bits_per_char: float
    recon_per_poem: float
    kl_per_poem: float
    active_units: int
    recon_char_accuracy: float
    recon_poem_accuracy: float
    parameters: int
    passes: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values by key."""
        return asdict(self)


@torch.no_grad()
def importance_weights(
    model: VAE, batch: Batch, samples: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x, z) - log q(z | x) for samples of z, with nll and KL.

    Returns:
        log weights (K, B), nll of the first sample (B,), exact KL (B,), in nats.
    """
    posterior = model.encode(batch.tokens, batch.mask, batch.labels)
    prior = model.prior(len(batch))
    weights, first = [], None
    for _ in range(samples):
        z = posterior.sample(generator)
        nll = model.nll(z, batch.tokens, batch.mask, labels=batch.labels)
        first = nll if first is None else first
        weights.append(-nll + prior.log_prob(z) - posterior.log_prob(z))
    assert first is not None
    return torch.stack(weights), first, posterior.kl()


def iwae(log_weights: Tensor) -> Tensor:
    """log mean of the weights over samples: (K, B) -> (B,), a lower bound of log p(x)."""
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


@torch.no_grad()
def evaluate(
    model: VAE,
    codec: PoemCodec,
    store: TokenStore,
    *,
    samples: int = 100,
    seed: int = 0,
    batch_size: int = 500,
    limit: int | None = None,
    progress: Callable[[Iterator[Batch]], Iterable[Batch]] = iter,
) -> Report:
    """Score every poem of a store (or the first `limit`).

    Args:
        model: is put into evaluation mode and left as it was.
        codec: says which tokens are characters.
        store: the poems.
        samples: K of the importance-weighted bound.
        seed: of the samples of z.
        batch_size: poems at once.
        limit: score only so many.
        progress: wraps the iterator of batches, as tqdm does.

    Raises:
        CorpusError: no poem to score.
    """
    if not len(store):
        raise CorpusError("no poem to score; give some of the model's forms")
    was_training = model.training
    model.eval()
    device = model.device
    generator = torch.Generator(device).manual_seed(derive_seed(seed, "evaluate"))
    tokenizer = codec.tokenizer
    layout = torch.tensor([tokenizer.newline_id, tokenizer.eos_id], device=device)
    sums = torch.zeros(7, dtype=torch.float64)
    poems, means = 0, []
    for batch in progress(store.batches(batch_size, limit)):
        batch = batch.to(device)
        log_weights, nll, kl = importance_weights(model, batch, samples, generator)
        mean = model.encode(batch.tokens, batch.mask, batch.labels).mode
        guess = model.decode(mean, labels=batch.labels).argmax(dim=2)
        right = (guess == batch.tokens) | ~batch.mask
        character = batch.mask & ~torch.isin(batch.tokens, layout)
        unknown = batch.mask & (batch.tokens == tokenizer.unk_id)
        parts = (
            nll.sum(),
            kl.sum(),
            -iwae(log_weights).sum(),
            character.sum(),
            unknown.sum(),
            (right & character).sum(),
            right.all(dim=1).sum(),
        )
        sums += torch.stack([p.double().cpu() for p in parts])
        poems += len(batch)
        means.append(mean.cpu())
    model.train(was_training)
    recon, kl_sum, bound, chars, unknown_chars, right_chars, right_poems = sums.tolist()
    active = int((torch.cat(means).var(dim=0) > ACTIVE).sum()) if poems > 1 else 0
    return Report(
        poems=poems,
        chars=int(chars),
        unknown_chars=int(unknown_chars),
        elbo_per_char=(recon + kl_sum) / chars,
        nll_per_char=bound / chars,
        iw_samples=samples,
        bits_per_char=bound / chars / math.log(2),
        recon_per_poem=recon / poems,
        kl_per_poem=kl_sum / poems,
        active_units=active,
        recon_char_accuracy=right_chars / chars,
        recon_poem_accuracy=right_poems / poems,
        parameters=model.num_parameters(),
    )

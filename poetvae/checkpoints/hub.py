"""Models on the Hugging Face hub: `owner/name`, fetched once, then read without asking anybody.

The only home of huggingface_hub. Of what a hub has it fetches the files of a model folder alone,
never a pickle, and trusts none of them: they are verified and read as any model folder is.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from .. import __version__
from ..errors import CheckpointError
from ..files import MANIFEST
from ..i18n import N_, _
from ..models import TextModel
from ..runtime import silenced
from .model_folder import (
    CARD,
    MODEL_FILES,
    PACKAGED,
    Saved,
    load_folder,
    pickle_hint,
    save_folder,
    verify,
)

Log = Callable[[str], None]
Name = str | Path | None
_NEEDED = (*sorted(MODEL_FILES), MANIFEST)
_FILES = [*_NEEDED, CARD]
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.-]+(?:/[\w.-]+)*))?", re.ASCII)


def load_model(
    name: Name = None, device: str | torch.device = "cpu", *, revision: str | None = None
) -> TextModel:
    """The network alone of what `Poet.from_pretrained` takes.
    Raises CheckpointError: as `locate` and `model_folder.load_folder` do."""
    return load_folder(locate(name, revision), device).model


def locate(name: Name = None, revision: str | None = None, log: Log | None = None) -> Path:
    """The folder of a model: what exists as a path, or leads through a link, is one; else what is
    packaged has its name, and `owner/name` is a hub name.

    What begins with `.`, `/` or `~`, or is a `Path`, is no hub name. None is the first of the
    packaged models.

    Raises CheckpointError: as `fetch` does; or a revision of a folder, which has none.
    """
    if name is None or (name in PACKAGED and not _is_path(str(name))):
        name = PACKAGED[str(name or next(iter(PACKAGED)))]
    if isinstance(name, Path) or _is_path(name) or not _NAME.fullmatch(name):
        if revision is not None:
            raise CheckpointError(
                _(
                    "{name} is no name on a hub; leave out revision {revision!r}",
                    name=name,
                    revision=revision,
                )
            )
        return Path(name)
    return fetch(name, revision, log)


def _is_path(name: str) -> bool:
    """Whether there is a file of this name, or it leads through a link that leads nowhere."""
    ways = [name, *map(str, Path(name).parents)]
    return os.path.exists(name) or any(map(os.path.islink, ways))


def fetch(name: str, revision: str | None = None, log: Log | None = None) -> Path:
    """The folder of a model on the hub: from the local cache, or fetched into it.

    What was fetched once is used without asking the hub, and a newer one has a revision to ask for
    it by. The hub is asked with the time limit of `HF_HUB_ETAG_TIMEOUT` (10 s), and not at all
    where `HF_HUB_OFFLINE` is set.

    The name is `owner/name` or `owner/name@revision`; a revision is a branch, tag or commit, absent
    = main. `log` takes a line before the hub is asked.

    Raises:
        CheckpointError: no such name, model or revision; no access; no network; or no model
            folder of poetvae, or a damaged one.
    """
    repo, revision = _parse(name, revision)
    where = f"{repo}@{revision}" if revision else repo
    from huggingface_hub import HfApi, constants, snapshot_download

    damaged = None
    if (kept := _cached(repo, revision)) is not None:
        try:
            verify(kept)
            return kept
        except CheckpointError as error:
            damaged = error
    if constants.HF_HUB_OFFLINE:
        raise damaged or CheckpointError(
            _(
                "{where}: no such folder, nor was it fetched before; HF_HUB_OFFLINE is set, so no "
                "hub is asked: unset it, or check the path",
                where=where,
            )
        )
    if log is not None:
        hub = constants.ENDPOINT
        log(_("{where}: no such folder; asking the hub {hub}", where=where, hub=hub))
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    with _asking(N_("{name}: no such folder, and the hub {hub} {why}"), where), _quiet():
        api = HfApi(library_name="poetvae", library_version=__version__)
        # First this: snapshot_download would ask without a time limit.
        siblings = api.model_info(repo, revision=revision, timeout=timeout).siblings or []
        names = {sibling.rfilename for sibling in siblings}
        if missing := ", ".join(name for name in _NEEDED if name not in names):
            why = _(
                "{where} on the hub is no model of poetvae: it has no {missing}",
                where=where,
                missing=missing,
            )
            raise CheckpointError(
                _("; ").join(
                    [why, *pickle_hint(names, N_("{name} may run code and is not fetched"))]
                )
            )
        fetched = Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=_FILES,
                etag_timeout=timeout,
                force_download=damaged is not None,
                library_name="poetvae",
                library_version=__version__,
            )
        )
    verify(fetched)
    return fetched


def push(
    saved: Saved,
    card: str,
    name: str,
    *,
    private: bool = False,
    token: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> str:
    """Write a model folder and put it on the hub, as `owner/name`, in one commit; returns where it
    can be looked at. The repository is made if need be.

    Args:
        private: a new repository is seen by its owner alone.
        token: with the right to write; absent = the one that `hf auth login` stored.
        dtype: of the weights in the file.

    Raises CheckpointError: what is no name, no access, or no network.
    """
    repo, revision = _parse(name, None)
    if revision is not None:
        raise CheckpointError(
            _(
                "{name}: a model is put on the main branch; leave out @{revision}",
                name=name,
                revision=revision,
            )
        )
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory(prefix="poetvae-") as scratch:
        folder = Path(scratch) / "model"
        save_folder(folder, saved, card, dtype=dtype)
        with _asking(N_("{name}: the hub {hub} {why}"), repo), _quiet():
            api = HfApi(token=token, library_name="poetvae", library_version=__version__)
            url = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repo,
                folder_path=folder,
                allow_patterns=_FILES,
                commit_message=f"A model of poetvae {__version__}",
            )
    return str(url)


def _parse(name: str, revision: str | None) -> tuple[str, str | None]:
    """`owner/name` and the revision of a hub name, which may not have two."""
    text = f"{name}@{revision}" if revision is not None else name
    match = _NAME.fullmatch(text)
    if match is None or ".." in text:
        raise CheckpointError(
            _(
                "{text!r} is no name on a hub; expected owner/name or owner/name@revision",
                text=text,
            )
        )
    return match[1], match[2]


def _cached(repo: str, revision: str | None) -> Path | None:
    """What was fetched before, whole or not."""
    from huggingface_hub import snapshot_download

    with contextlib.suppress(Exception), _quiet():  # many kinds, which all mean that it is not
        return Path(
            snapshot_download(repo, revision=revision, allow_patterns=_FILES, local_files_only=True)
        )
    return None


@contextlib.contextmanager
def _asking(text: str, name: str) -> Iterator[None]:
    """Whatever goes wrong with a hub as one line, a text with {name}, {hub} and {why}."""
    from huggingface_hub import constants, errors

    # In this order: the first error is one of the second kind, too.
    known = {
        errors.GatedRepoError: N_(
            "has it for those alone who were granted access; ask its owner, then `hf auth login`"
        ),
        errors.RepositoryNotFoundError: N_(
            "has no such model, or keeps it private; check the name, or `hf auth login`"
        ),
        errors.RevisionNotFoundError: N_("has no such revision of it; check that"),
    }
    try:
        yield
    except CheckpointError:
        raise
    # huggingface_hub passes on what its HTTP client, the disk and its own checks raise; there is no
    # common base.
    except Exception as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        other = N_(
            "gave no answer that could be used ({reason}); check the name, the network, and "
            "`hf auth login`"
        )
        why = next((why for kind, why in known.items() if isinstance(error, kind)), other)
        values = {"name": name, "hub": constants.ENDPOINT, "why": _(why, reason=reason)}
        raise CheckpointError(_(text, **values)) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no log lines of huggingface_hub; afterwards all is as it was."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled as without_bars
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    were_absent = without_bars()
    disable_progress_bars()
    try:
        with silenced("huggingface_hub"):
            yield
    finally:
        if not were_absent:
            enable_progress_bars()

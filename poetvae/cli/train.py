"""The command to train."""

from __future__ import annotations

import os
from typing import Any

from ..config import PRESETS
from ..i18n import _
from . import common
from .common import Texts
from .terminal import files, known, note, option, quiet


@common.command("poetvae train --out my-poet --form 5x2 --preset tiny --minutes 1")
@common.corpus_argument
@option(
    "--out", required=True, metavar="RUN", shell_complete=files, help="The run folder to write."
)
@option(
    "--preset",
    metavar="NAME[,NAME]",
    shell_complete=known(PRESETS),
    help=f"{', '.join(PRESETS)}; base if absent; later overrule.",
)
@option("--epochs", type=float, help="Train so many times through the corpus (10 if absent).")
@option("--steps", type=int, help="Or so many steps.")
@option("--minutes", type=float, help="Or about so many minutes.")
@option("--batch-size", type=int, help="Poems in a step.")
@common.device_option
@common.seed_option
@common.valid_option
@common.set_option
@option("--config", metavar="FILE.toml", shell_complete=files, help="Settings from a file.")
@common.forms_option
@common.strict_option
@common.reading_flags
@common.label_option
@common.theme_option
@option(
    "--init",
    metavar="MODEL",
    shell_complete=files,
    help="Go on from a model: a run or model folder, a hub name, or packaged.",
)
@option("--resume", is_flag=True, help="Continue the run in --out, if there is one.")
@option("--force", is_flag=True, help="Replace the run in --out.")
@option("--tensorboard", is_flag=True, help="Write the curves to RUN/tensorboard, too.")
def train(corpus: Texts, out: str, pairs: Texts, config: str | None, **how: Any) -> None:
    """Train a model on CORPUS: files, folders, hub names or - ; absent = the embedded sample.
    Or a folder that `corpus tokenize` wrote, with the forms and labels that it has.

    Settings: --config FILE.toml is overruled by --set, and that by the options.
    """
    settings = common.settings_of(config, pairs)
    for name in ("batch_size", "seed"):
        if (value := how.pop(name)) is not None:
            settings[name] = value
    from ..training import trainer

    trainer.train(corpus, out, settings=settings, log=note, quiet=quiet(), **how)
    if os.environ.get("RANK", "0") == "0":
        again = f"poetvae generate --model {out} -n 4"
        note(_("done; now write poems with: {command}", command=again))

"""The commands that share: a page, a model for other programs, completion in shells."""

from __future__ import annotations

from typing import Any

import click

from . import common
from .common import ModelChoice
from .terminal import note


@common.command("poetvae demo --model my-poet --port 0 --check")
@common.model_options
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 = every one of this machine.",
)
@common.number(
    "--port",
    7860,
    "Where it is taken, the next free one of the ten after it; 0 = any.",
    most=65535,
)
@common.texts("--trust", "trust", "NAME", "Answer to this host name too; can repeat.")
@click.option("--check", is_flag=True, help="Ask the page once, and end.")
@click.option("--access-log", is_flag=True, help="Tell of every request on stderr.")
def demo(model: ModelChoice, host: str, port: int, access_log: bool, **how: Any) -> None:
    """Serve a page to write verse on; prints its address.

    It works offline and answers this machine alone, unless --host says otherwise: then give the
    names under which others know it with --trust. Ctrl-C ends it.
    """
    from ..checkpoints.model_folder import PACKAGED
    from ..poet import Poet
    from ..web.server import serve

    given = model.name
    packaged = [name for name in PACKAGED if given in (None, name)]
    names: dict[str, str | None] = {name: name for name in packaged} or {"model": given}
    # Not by `load`: memory kept for the next step of a training would grow with many threads.
    poets = {name: Poet.from_pretrained(one, model.device, log=note) for name, one in names.items()}
    serve(poets, host, port, verbose=access_log, **how)


@common.command("poetvae export --model my-poet --to onnx --out my-poet.onnx")
@common.model_options
@click.option("--to", "kind", type=click.Choice(["onnx"]), required=True, help="The format.")
@click.option("--out", required=True, metavar="FILE", help="The decoder; ends in .onnx.")
@common.passes_option
def export(model: ModelChoice, kind: str, out: str, passes: int | None) -> None:
    """Write a model for programs without torch or Python; prints the names of the files.

    FILE is the decoder, from z to logits; the encoder, from tokens to a Gaussian over z, lies
    beside it with -encoder before the suffix. The batch is as large as one likes. The vocabulary,
    the forms and the labels are in the metadata of the files, as JSON.
    """
    from ..export import export_onnx

    for path in export_onnx(model.load(), out, passes):
        common.output(None, str(path), False)


@common.command("poetvae models")
@common.json_option
def models(as_json: bool) -> None:
    """The weights in the package: their names for --model, languages, forms and sizes."""
    from ..checkpoints.model_folder import PACKAGED
    from ..poet import Poet

    for name, folder in PACKAGED.items():
        poet = Poet.from_pretrained(folder)
        language = poet.codec.language
        values = {
            "name": name,
            "language": language.NAME if language else None,
            "forms": list(map(str, poet.forms)),
            "parameters": poet.model.num_parameters(),
            "megabytes": round(sum(x.stat().st_size for x in folder.iterdir()) / 1e6, 1),
        }
        size = f"{values['parameters']:,} parameters, {values['megabytes']} MB"
        common.output(values, f"{name}: {size}; {' '.join(map(str, poet.forms))}", as_json)


@common.command("poetvae completion bash")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete the commands, options and values of poetvae.

    Put it where your shell starts: ~/.bashrc, ~/.zshrc, or
    ~/.config/fish/completions/poetvae.fish.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(common.cli, {}, "poetvae", "_POETVAE_COMPLETE").source())

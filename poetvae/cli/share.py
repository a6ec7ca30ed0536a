"""The commands that share: a page, an API, a model for other programs, completion in shells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ..i18n import _
from . import common
from .common import ModelChoice
from .tables import SPOKEN, definitions
from .terminal import note, option

if TYPE_CHECKING:
    from ..poet import Poet
    from ..web.models import Served

address_options = common.options(
    option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        help="The address to listen on; 0.0.0.0 = every one of this machine.",
    ),
    common.number(
        "--port",
        7860,
        "Where it is taken, the next free one of the ten after it; 0 = any.",
        most=65535,
    ),
    common.texts("--trust", "trust", "NAME", "Answer to this host name too; can repeat."),
    option("--check", is_flag=True, help="Ask it once, and end."),
    option("--access-log", is_flag=True, help="Tell of every request on stderr."),
)


@common.command("poetvae demo --model my-poet --port 0 --check")
@common.model_options
@address_options
def demo(model: ModelChoice, host: str, port: int, access_log: bool, **how: Any) -> None:
    """Serve a page to write verse on; prints its address.

    It works offline and answers this machine alone, unless --host says otherwise: then give the
    names under which others know it with --trust. Ctrl-C ends it.
    """
    from ..web import server
    from ..web.models import served

    models = served(model.name, model.device, note)
    server.serve(server.page(_pages(models)), host, port, verbose=access_log, **how)


@common.command("poetvae serve --api --model my-poet --port 0 --check")
@option("--api", "alone", is_flag=True, help="The API without the page, and without gradio.")
@common.model_options
@address_options
def serve(
    alone: bool, model: ModelChoice, host: str, port: int, access_log: bool, **how: Any
) -> None:
    """Serve the page and an API for programs; prints the address.

    The API takes and gives JSON: /v1/generate, /v1/complete, /v1/check, /v1/score, /v1/models;
    /openapi.json tells of all that they take. Without --model it has all packaged weights. Who may
    ask is as of demo. Ctrl-C ends it.
    """
    from ..web import server
    from ..web.models import served

    models = served(model.name, model.device, note)
    site = server.api(models)
    if not alone:
        site = site.beside(server.page(_pages(models)))
    server.serve(site, host, port, verbose=access_log, **how)


def _pages(models: Mapping[str, Served]) -> dict[str, Poet]:
    """The models by the name that the address of a page has."""
    from ..checkpoints.model_folder import PACKAGED

    return {name if name in PACKAGED else "model": one.poet for name, one in models.items()}


@common.command("poetvae export --model my-poet --to onnx --out my-poet.onnx")
@common.model_options
@option("--to", "kind", type=click.Choice(["onnx"]), required=True, help="The format.")
@option("--out", required=True, metavar="FILE", help="The decoder; ends in .onnx.")
@common.passes_option
def export(model: ModelChoice, kind: str, out: str, passes: int | None) -> None:
    """Write a model for programs without torch or Python; prints the names of the files.

    FILE is the decoder, from z to logits; the encoder, from tokens to a Gaussian over z, lies
    beside it with -encoder before the suffix. The batch is as large as one likes. The vocabulary,
    the forms and the labels are in the metadata of the files, as JSON.
    """
    from ..export import export_onnx

    poet = model.load()
    with common.working(_("writing the files")):
        paths = export_onnx(poet, out, passes)
    for path in paths:
        common.output(None, str(path), False)


@common.command("poetvae models")
@common.json_option
def models(as_json: bool) -> None:
    """The weights in the package: their names for --model, languages, forms and sizes."""
    from ..web.models import served

    with common.working(_("reading the model")):
        packaged = served(None)
    for name, one in packaged.items():
        values = one.as_dict(name)
        told = {
            _("language"): _(SPOKEN.get(str(values["language"]), str(values["language"]))),
            _("parameters"): f"{values['parameters']:,}",
            _("size"): f"{values['megabytes']} MB",
            _("forms"): ", ".join(values["forms"]),
            _("taken by"): f"--model {name}",
        }
        text = definitions({name: list(told.items())})
        common.output(values, common.paragraph(text), as_json)


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

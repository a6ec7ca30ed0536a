"""The command that serves the page."""

from __future__ import annotations

import click

from .common import cli, example, model_options, note


@example("poetvae demo --model my-poet --port 0 --check")
@cli.command()
@model_options
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 = every one of this machine.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="Where it is taken, the next free one of the ten after it; 0 = any.",
)
@click.option(
    "--trust", multiple=True, metavar="NAME", help="Answer to this host name too; can repeat."
)
@click.option("--check", is_flag=True, help="Ask the page once, and end.")
@click.option("--access-log", is_flag=True, help="Tell of every request on stderr.")
def demo(
    model: str | None,
    device: str,
    host: str,
    port: int,
    trust: tuple[str, ...],
    check: bool,
    access_log: bool,
) -> None:
    """Serve a page to write verse on; prints its address.

    It works offline and answers this machine alone, unless --host says otherwise: then give the
    names under which others know it with --trust. Ctrl-C ends it.
    """
    from ..poet import Poet
    from ..web.server import serve

    # Not by `load`: memory that is kept for the next step of a training grows with many threads.
    serve(
        Poet.from_pretrained(model, device, log=note),
        host,
        port,
        trust=trust,
        check=check,
        verbose=access_log,
    )

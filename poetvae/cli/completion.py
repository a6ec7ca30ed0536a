"""The command that makes shells complete the others."""

from __future__ import annotations

import click

from .common import cli, example


@example("poetvae completion bash")
@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete the commands, options and values of poetvae.

    Put it where your shell starts: ~/.bashrc, ~/.zshrc, or
    ~/.config/fish/completions/poetvae.fish.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(cli, {}, "poetvae", "_POETVAE_COMPLETE").source())

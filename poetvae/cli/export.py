"""The command that hands a model to other programs."""

from __future__ import annotations

import click

from .common import cli, example, load, model_options


@example("poetvae export --model my-poet --to onnx --out my-poet.onnx")
@cli.command()
@model_options
@click.option("--to", "kind", type=click.Choice(["onnx"]), required=True, help="The format.")
@click.option("--out", required=True, metavar="FILE", help="The decoder; ends in .onnx.")
@click.option("--passes", type=int, help="To write in; the most it was trained for if absent.")
def export(model: str | None, device: str, kind: str, out: str, passes: int | None) -> None:
    """Write a model for programs without torch or Python; prints the names of the files.

    FILE is the decoder, from z to logits; the encoder, from tokens to a Gaussian over z, lies
    beside it with -encoder before the suffix. The batch is as large as one likes. The vocabulary,
    the forms and the labels are in the metadata of the files, as JSON.
    """
    from ..export import export_onnx

    for path in export_onnx(load(model, device), out, passes):
        click.echo(path)

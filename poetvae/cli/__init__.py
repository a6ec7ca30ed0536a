"""The command line. Results go to stdout, everything else to stderr.

Bodies of commands import late, so that ``poetvae --help`` does not wait for torch.
"""

from . import completion, core, demo, export, latent, pictures, write
from .common import cli, main

__all__ = ["cli", "completion", "core", "demo", "export", "latent", "main", "pictures", "write"]

"""The command line. Results go to stdout, everything else to stderr.

Bodies of commands import late, so that ``poetvae --help`` does not wait for torch.
"""

from . import completion, core, latent, pictures, write
from .common import cli, main

__all__ = ["cli", "completion", "core", "latent", "main", "pictures", "write"]

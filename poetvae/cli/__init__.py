"""The command line. Results go to stdout, everything else to stderr.

Bodies of commands import late, so that ``poetvae --help`` does not wait for torch.
"""

from . import corpus, latent, measure, pictures, share, train, write
from .common import cli, main

__all__ = ["cli", "corpus", "latent", "main", "measure", "pictures", "share", "train", "write"]

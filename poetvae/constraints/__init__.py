"""Sets of strings: what a poem must be, so that it holds by construction."""

"""Weights on disk and on a hub: model folders, written whole or not at all, verified when read."""

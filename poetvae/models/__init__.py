"""The model family."""

"""Colours that colour-blind readers tell apart, and that are dark enough to be read as letters."""

from __future__ import annotations

# With Okabe and Ito's (2008) those of Tol (2021).
VALUES = (
    *("#0072B2", "#D55E00", "#007A5A", "#AA3377", "#9A6A00"),
    *("#332288", "#117799", "#661100", "#666633", "#000000"),
)
OTHER = "#b2b2b2"

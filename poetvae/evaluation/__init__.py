"""Figures: likelihood, what z carries, what samples are like beside human poems."""

"""Weights multiplied by a potential, and populations resampled by them."""

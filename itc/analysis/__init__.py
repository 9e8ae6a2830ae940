"""Means, intervals and comparisons of finished runs."""

"""Strategies as values: operators, contexts, text form."""

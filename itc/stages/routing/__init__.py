"""Whom to ask and how much, by what a few draws told."""

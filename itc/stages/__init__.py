"""The leaves of a strategy."""

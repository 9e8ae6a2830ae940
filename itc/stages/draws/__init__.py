"""A candidate drawn, stepped, rewritten or written on: where text comes from."""

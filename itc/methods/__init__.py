"""One published method a file; each a composition of stages."""

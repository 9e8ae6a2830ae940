"""The commands of ``itc``: composing a configuration, running jobs, and showing what came of them."""

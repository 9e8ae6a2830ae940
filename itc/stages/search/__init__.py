"""Trees of steps: which nodes go on, how widely, judged how far ahead."""

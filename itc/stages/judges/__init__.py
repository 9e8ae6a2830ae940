"""Models that grade, rank and compare candidates."""

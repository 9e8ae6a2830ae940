"""Models that see what models wrote: notes, revisions, answers made of several."""

"""The leaves of a strategy, in folders.

What draws: `draws`, `layers`. How much of it: `stopping`, `routing`, `search`. What rates: `score`, `judges`.
What chooses: `selection`, `particles`.
"""

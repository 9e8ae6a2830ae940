"""Engines, and middleware around them."""

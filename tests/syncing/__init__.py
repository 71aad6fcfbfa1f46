"""A reference client of the feed of changes, and the proof that it ends with what a fresh read shows."""

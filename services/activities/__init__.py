"""What we did with whom, and how long it took."""

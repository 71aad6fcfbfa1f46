"""What is taken away: deleted with what hangs on it, and restored."""

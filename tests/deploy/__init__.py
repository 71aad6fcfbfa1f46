"""The laptop stack: what starts, what ends, and what is said when it cannot."""

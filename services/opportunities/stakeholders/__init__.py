"""The map of people of a deal: who holds which role, where they stand, and what that adds up to."""

"""A service that is not ours: one resource in the usual rooms, which follows every rule without the kit knowing it."""

"""The contract of events, held from both sides: services tell what the examples show, and consumers handle it."""

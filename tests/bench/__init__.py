"""Measurements: what a request and an event cost, as ratios to floors taken in the same run. No test times anything."""

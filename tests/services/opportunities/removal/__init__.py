"""Tests of what is taken away."""

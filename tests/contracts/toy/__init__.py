"""Whom we compete with."""

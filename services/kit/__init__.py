"""Mechanism that every service shares; it knows no deal and no visit, and imports no service."""

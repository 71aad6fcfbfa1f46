"""Accounts, the people in them, and how well we stand with them."""

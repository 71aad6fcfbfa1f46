"""Deals: the five-stage funnel, and what each person at the customer thinks of each deal."""

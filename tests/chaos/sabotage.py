"""Sabotage."""


def plant(mistake: str) -> None:
    raise ValueError(mistake)

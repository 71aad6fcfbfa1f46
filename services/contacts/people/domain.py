"""The vocabulary of people at the customer (docs/method.md, people)."""

from enum import StrEnum


class Department(StrEnum):
    """Where in the customer's house a person works."""

    PROCUREMENT = "PROCUREMENT"
    FINANCE = "FINANCE"
    TECHNICAL = "TECHNICAL"
    USER = "USER"
    MANAGEMENT = "MANAGEMENT"
    OTHER = "OTHER"


class Level(StrEnum):
    """How high in the customer's house a person stands."""

    TOP = "TOP"
    MIDDLE = "MIDDLE"
    BASE = "BASE"


class RealInfluence(StrEnum):
    """How much a person really moves, whatever the title says."""

    L = "L"
    M = "M"
    H = "H"


class LinkKind(StrEnum):
    """How one person at the customer stands to another."""

    REPORTS_TO = "REPORTS_TO"
    INFLUENCES = "INFLUENCES"
    ALLY = "ALLY"
    CONFLICT = "CONFLICT"


class PreferredChannel(StrEnum):
    """How a person likes to be reached."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    MESSENGER = "MESSENGER"
    LETTER = "LETTER"
    IN_PERSON = "IN_PERSON"

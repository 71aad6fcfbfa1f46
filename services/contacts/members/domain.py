"""The vocabulary of members (docs/method.md, the account team)."""

from enum import StrEnum


class MemberFunction(StrEnum):
    """What one of our people does; the zipper lets a function meet the matching one at the customer."""

    SALES = "SALES"
    SALES_MANAGER = "SALES_MANAGER"
    EXECUTIVE = "EXECUTIVE"
    RND = "RND"
    PRESALES = "PRESALES"
    SERVICE = "SERVICE"
    FINANCE = "FINANCE"
    MARKETING = "MARKETING"
    OTHER = "OTHER"

"""The vocabulary of accounts (docs/method.md, accounts)."""

from enum import StrEnum


class AccountKind(StrEnum):
    """Whether we sell projects to the account or through it to others."""

    PROJECT = "PROJECT"
    CHANNEL = "CHANNEL"


class TargetType(StrEnum):
    """What kind of new customer the account is."""

    FIRST_TIME_TARGET = "FIRST_TIME_TARGET"
    MODIFIED_REBUY_TARGET = "MODIFIED_REBUY_TARGET"

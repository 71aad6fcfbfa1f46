"""Why a person is erased: the grounds on which somebody may ask for it."""

from enum import StrEnum


class ErasureReason(StrEnum):
    """A ground of erasure. It is a code, for words would name the person again."""

    REQUESTED = "REQUESTED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    NOT_NEEDED = "NOT_NEEDED"
    UNLAWFUL = "UNLAWFUL"

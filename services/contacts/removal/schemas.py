"""What requests of erasure send."""

from pydantic import Field

from services.contacts.removal.domain import ErasureReason
from services.kit.fields import Body


class ErasureCreate(Body):
    """Why a person is to be erased."""

    reason: ErasureReason = Field(description="A code, for words would name the person again.")

"""The codes of contacts are the method's: they never change, whatever the labels do."""

from enum import StrEnum

import pytest

from services.contacts.accounts.domain import AccountKind, TargetType
from services.contacts.members.domain import MemberFunction
from services.contacts.people.domain import Department, Level, LinkKind, PreferredChannel, RealInfluence


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (MemberFunction, "SALES SALES_MANAGER EXECUTIVE RND PRESALES SERVICE FINANCE MARKETING OTHER"),
        (AccountKind, "PROJECT CHANNEL"),
        (TargetType, "FIRST_TIME_TARGET MODIFIED_REBUY_TARGET"),
        (Department, "PROCUREMENT FINANCE TECHNICAL USER MANAGEMENT OTHER"),
        (Level, "TOP MIDDLE BASE"),
        (RealInfluence, "L M H"),
        (LinkKind, "REPORTS_TO INFLUENCES ALLY CONFLICT"),
        (PreferredChannel, "PHONE EMAIL MESSENGER LETTER IN_PERSON"),
    ],
)
def test_every_code_stays_as_it_is(words: type[StrEnum], codes: str) -> None:
    assert list(words) == codes.split()
    assert all(word.name == word.value for word in words)

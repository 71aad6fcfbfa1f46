"""Where people write freely, a person's name is looked for: whatever holds text is looked at, or is no free text."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import ARRAY, Column, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.activities.main import SERVICE as ACTIVITIES
from services.activities.removal.queries import TEXTS as IN_ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.contacts.removal.queries import TEXTS as IN_CONTACTS
from services.kit.descriptor import Service
from services.kit.mentions import FreeText
from services.opportunities.main import SERVICE as OPPORTUNITIES
from services.opportunities.removal.queries import TEXTS as IN_OPPORTUNITIES

NO_FREE_TEXT: Mapping[str, frozenset[str]] = {
    "ids, and what other systems call the row": frozenset(
        (
            "created_by", "updated_by", "external_ids", "member.subject", "team", "deal_team_ids", "contact_ids",
            "our_attendees",
        )
    ),
    "a code of an enumeration, or of a currency": frozenset(
        (
            "account_kind", "award_status", "budget_status", "buy_class", "category", "changeable", "currency",
            "department", "entry_strategy", "erasure_reason", "function", "go_decision", "influence", "kind", "level",
            "lost_reason", "preferred_channel", "procurement_mode", "real_influence", "robber", "roles", "stage",
            "stance", "stance_reason", "status", "tactic", "target_type", "type",
        )
    ),
    "computed": frozenset(("foothold", "network", "next_move", "rating", "surface", "warnings")),
    "what somebody else is called, and how they are reached": frozenset(
        ("contact.name", "contact.phones", "contact.emails", "member.name", "member.email")
    ),
}  # fmt: skip
"""Columns that hold text and are not looked at, by the reason; some by their name wherever they are."""


def texts(service: Service) -> set[str]:
    """The columns of what the service tells of that hold text, as `table.column`."""
    return {
        f"{aggregate.table_name}.{name}"
        for aggregate in service.aggregates
        for name in (*aggregate.fields, *aggregate.kept)
        if _holds_text(aggregate.columns[name])
    }


def _holds_text(column: Column[Any]) -> bool:
    return isinstance(column.type, Text | JSONB | ARRAY) or column.type.python_type is str


@pytest.mark.parametrize(
    ("service", "looked_at"),
    [(CONTACTS, IN_CONTACTS), (OPPORTUNITIES, IN_OPPORTUNITIES), (ACTIVITIES, IN_ACTIVITIES)],
    ids=lambda each: each.name if isinstance(each, Service) else "",
)
def test_every_text_that_people_write_is_looked_at(service: Service, looked_at: tuple[FreeText, ...]) -> None:
    held = {f"{each.relation}.{name}" for each in looked_at for name in each.fields}
    excepted = frozenset[str]().union(*NO_FREE_TEXT.values())
    free = {each for each in texts(service) if not excepted & {each, each.partition(".")[2]}}
    assert free == held


def test_a_column_of_text_is_known_as_one() -> None:
    """As planted: a column of words, one of JSON, one of a list; a number is none."""
    words, listed = Column("a", Text()), Column("b", ARRAY(Text()))
    assert [_holds_text(each) for each in (words, listed, Column("c", JSONB()), Column("d", Integer()))] == [
        True, True, True, False,
    ]  # fmt: skip

"""This service's part of an account's view."""

from uuid import UUID

from services.contacts.accounts.schemas import AccountRead
from services.contacts.people.schemas import ContactRead
from services.kit.fields import Read, Stamped


class StandingRead(Stamped):
    """What is derived about an account: whose open deals put them on its team."""

    id: UUID
    deal_team_ids: list[UUID]


class AccountView(Read):
    """The account, its standing (null before the first deal) and up to 200 of its people, by name."""

    account: AccountRead
    standing: StandingRead | None
    people: list[ContactRead]

"""The profiles by which files of accounts are read."""

from services.contacts.accounts.domain import AccountKind
from services.contacts.accounts.queries import ACCOUNT, HIERARCHY_LOCK
from services.kit.cells import money, whole, words
from services.kit.profiles import Column, Import, Profile, Reference, Walk, of

MILLION_DOLLARS = 100_000_000
"""In cents."""

MAVEN_CRM = Profile(
    name="maven-crm",
    columns={
        "account": Column(words(200), required=True),
        "sector": Column(words(500), mends={"technolgy": "technology"}),
        "year_established": Column(whole(1, 9999)),
        "revenue": Column(money(MILLION_DOLLARS)),
        "employees": Column(whole(0, 2**31 - 1)),
        "office_location": Column(words(500), mends={"Philipines": "Philippines"}),
        "subsidiary_of": Column(words(200)),
    },
    walks=(
        Walk(
            identity="account",
            # Nobody owns an account before somebody is given it.
            born={"account_kind": AccountKind.PROJECT, "currency": "USD"},
            fields={
                "name": of("account"),
                "industry": of("sector"),
                "founded_year": of("year_established"),
                "annual_revenue": of("revenue"),
                "employees": of("employees"),
                "office_location": of("office_location"),
            },
        ),
        Walk(
            identity="account",
            references={
                "parent_account_id": Reference("subsidiary_of", "account", lock=HIERARCHY_LOCK),
            },
            links=True,
        ),
    ),
)

IMPORT = Import("accounts", ACCOUNT, (MAVEN_CRM,))

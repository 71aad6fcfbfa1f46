"""`foothold events parked`: what it shows, and what it says of what it drove."""

import io

import psycopg
import pytest
from psycopg.types.json import Jsonb
from rich.console import Console

from deploy.local import parked
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES
from services.contacts.main import SERVICE
from services.kit import migrations
from tests.conftest import DatabaseUrl

KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def prepare(url: str) -> None:
    migrations.upgrade(SERVICE, url)


@pytest.fixture
def addresses(database_url: DatabaseUrl) -> parked.Addresses:
    """Databases of the three services, of which contacts has a deal that no handler could read."""
    urls = {service: database_url(prepare=prepare) for service in SERVICES}
    with psycopg.connect(urls["contacts"]) as connection:
        connection.execute(
            "INSERT INTO parked_key (consumer, topic, key, partition, reason)"
            " VALUES ('contacts', 'opportunities.events', %s, 0, 'ValueError: planted')",
            [KEY],
        )
        headers = {
            "ce_type": "opportunity.updated.v1", "ce_id": KEY, "ce_source": "/opportunities",
            "ce_subject": f"opportunities/{KEY}", "ce_sequence": "1", "ce_position": "1",
            "ce_time": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        for value in (b'{"data": {}, "changed": null}', _deal("OPEN")):
            connection.execute(
                "INSERT INTO parked_record (consumer, topic, partition, record_offset, key, headers, value)"
                " VALUES ('contacts', 'opportunities.events', 0, 1, %s, %s, %s)",
                [KEY, Jsonb(list(headers.items())), value],
            )
    return urls


def _deal(status: str) -> bytes:
    deal = f'{{"id": "{KEY}", "account_id": null, "owner_id": null, "status": "{status}"}}'
    return f'{{"data": {deal}, "changed": null}}'.encode()


def shown(addresses: parked.Addresses) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(parked.shown(addresses))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_is_parked_is_shown_and_what_fails_again_stays(addresses: parked.Addresses) -> None:
    assert "contacts-1" in shown(addresses)
    assert "ValueError: planted" in shown(addresses)
    said = parked.said("contacts-1", parked.retry(addresses, "contacts-1"))
    assert said.startswith("contacts-1: 0 records handled, 2 still parked: ValidationError")
    assert "ValidationError" in shown(addresses)


def test_giving_up_the_first_lets_the_rest_go_on(addresses: parked.Addresses) -> None:
    said = parked.said("contacts-1", parked.discard(addresses, "contacts-1", "it was never a deal"))
    assert said == "contacts-1: 1 record handled; the key is free."
    assert "contacts-1" not in shown(addresses)
    with pytest.raises(StackProblem, match="Nothing is parked as contacts-1"):
        parked.retry(addresses, "contacts-1")
    with psycopg.connect(addresses["contacts"]) as connection:
        found = connection.execute("SELECT status FROM opportunity").fetchall()
    assert found == [("OPEN",)]


def test_nothing_is_given_up_without_a_reason_or_by_a_wrong_name(addresses: parked.Addresses) -> None:
    with pytest.raises(StackProblem, match="--why"):
        parked.discard(addresses, "contacts-1", " ")
    for name in ("contacts", "contacts-0", "accounts-1", "contacts-1; x"):
        with pytest.raises(StackProblem, match="is no id of a parked key"):
            parked.retry(addresses, name)


def test_a_database_that_is_not_there_is_told_in_a_sentence() -> None:
    nowhere = dict.fromkeys(list[str](SERVICES), "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StackProblem, match="does not answer"):
        parked.retry(nowhere, "contacts-1")

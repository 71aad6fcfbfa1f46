"""What somebody does with the generated Python client: `use.py BASE_URL TOKEN`, checked for its types and run.

A misuse stands here where a type checker refuses it, and the check fails where it does not.
"""

import sys
import time
from uuid import UUID, uuid4

from foothold_client import AuthenticatedClient
from foothold_client.api.accounts import create_account, get_account, list_accounts, update_account
from foothold_client.api.changes import list_changes
from foothold_client.api.contacts import create_contact, get_personal_data
from foothold_client.api.views import get_account_view
from foothold_client.models.account_create import AccountCreate
from foothold_client.models.account_list import AccountList
from foothold_client.models.account_read import AccountRead
from foothold_client.models.account_update import AccountUpdate
from foothold_client.models.account_view import AccountView
from foothold_client.models.changes import Changes
from foothold_client.models.contact_create import ContactCreate
from foothold_client.models.contact_held import ContactHeld
from foothold_client.models.contact_read import ContactRead
from foothold_client.models.problem import Problem


def open_one(client: AuthenticatedClient, name: str) -> UUID:
    body = AccountCreate(name=name, account_kind="CHANNEL", employees=12)
    key = str(uuid4())
    made = [create_account.sync_detailed(client=client, body=body, idempotency_key=key) for _ in range(2)]
    ids = {answer.parsed.id for answer in made if isinstance(answer.parsed, AccountRead)}
    assert len(ids) == 1, made
    assert made[1].headers["Idempotency-Replayed"] == "true"
    return ids.pop()


def find(client: AuthenticatedClient, name: str) -> None:
    page = list_accounts.sync(
        client=client,
        account_kindin=["CHANNEL", "PROJECT"],
        namecontains=name,
        sort=["-name"],
        fields=["id", "name"],
    )
    assert isinstance(page, AccountList), page
    assert [set(row.to_dict()) for row in page.items] == [{"id", "name"}]
    wrong = list_accounts.sync(client=client, sort=["name", "name"])
    assert isinstance(wrong, Problem)
    assert (wrong.code, [error.field for error in wrong.errors]) == ("invalid", ["sort"])


def change(client: AuthenticatedClient, id: UUID) -> None:
    read = get_account.sync_detailed(id, client=client)
    assert isinstance(read.parsed, AccountRead), read
    tag = read.headers["ETag"]
    changed = update_account.sync(id, client=client, body=AccountUpdate(industry="Wind"), if_match=tag)
    assert isinstance(changed, AccountRead), changed
    assert (changed.industry, changed.employees, changed.version) == ("Wind", 12, read.parsed.version + 1)
    late = update_account.sync(id, client=client, body=AccountUpdate(industry=None), if_match=tag)
    assert isinstance(late, Problem)
    assert (late.status, late.code) == (412, "version_conflict")


def look(client: AuthenticatedClient, account: UUID, person: UUID) -> None:
    view = get_account_view.sync(account, client=client)
    assert isinstance(view, AccountView), view
    assert view.account is not None
    assert (view.account.id, [each.id for each in view.people or ()]) == (account, [person])
    held = get_personal_data.sync(person, client=client)
    while isinstance(held, Problem) and held.code == "parts_missing":
        time.sleep(0.2)
        held = get_personal_data.sync(person, client=client)
    assert isinstance(held, ContactHeld), held
    assert (held.contact.id, held.known_to_activities.id, held.stakeholders) == (person, person, [])
    feed = list_changes.sync(client=client)
    assert isinstance(feed, Changes), feed
    assert feed.next_


def misuse(client: AuthenticatedClient) -> None:
    AccountCreate(name=1)  # pyright: ignore[reportArgumentType]
    AccountCreate(name="x", account_kind="DOOR")  # pyright: ignore[reportArgumentType]
    list_accounts.sync(client=client, sort=["colour"])  # pyright: ignore[reportArgumentType]
    update_account.sync(uuid4(), client=client, body=AccountUpdate())  # pyright: ignore[reportCallIssue]


def main(base_url: str, token: str) -> None:
    name = f"Client {uuid4()}"
    with AuthenticatedClient(base_url=base_url, token=token) as client:
        account = open_one(client, name)
        person = create_contact.sync(client=client, body=ContactCreate(account_id=account, name="Ada Yun"))
        assert isinstance(person, ContactRead), person
        find(client, name)
        change(client, account)
        look(client, account, person.id)
    with AuthenticatedClient(base_url=base_url, token="none") as stranger:
        refused = get_account.sync(account, client=stranger)
        assert isinstance(refused, Problem)
        assert (refused.status, refused.code) == (401, "token_malformed")


if __name__ == "__main__":
    main(*sys.argv[1:])

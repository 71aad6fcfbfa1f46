"""Each service with something in it, its callers of every kind, and how each of its operations is asked."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit import journal
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.descriptor import Service
from services.kit.events import ERASED
from services.kit.handlers import Batch
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.opportunities.main import SERVICE as OPPORTUNITIES
from services.opportunities.products.queries import PRODUCT
from tests.apis import Callers, api_of, as_, callers
from tests.services.elsewhere import Owners, event_of

# The owner of what is there, the manager above, nobody in particular, and roles that see all and write all or nothing.
KINDS = ("seller", "boss", "stranger", "admin", "reporting")

Bodies: TypeAlias = Mapping[str, Sequence[Any]]


@dataclass
class Ground:
    """A service under the sweep: `ids` fill paths, by the noun before them; `bodies` are what operations are sent."""

    service: Service
    client: AsyncClient
    callers: Callers
    statements: list[str]
    url: str
    ids: dict[str, str] = field(default_factory=lambda: {"by-external-id": "crm"})
    bodies: Bodies = field(default_factory=dict[str, Sequence[Any]])

    async def ask(self, who: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Sends a request as the named caller."""
        changes = method in ("PATCH", "PUT", "DELETE") and "/by-external-id/" not in path
        headers = as_(who, **({"if_match": "*"} if changes else {}))
        return await self.client.request(method, path, json=body, headers=headers, **more)

    async def make(self, path: str, body: Any, who: str = "seller") -> str:
        """Makes a row; gives its id."""
        answer = await self.ask(who, "POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def sent(self, method: str, path: str) -> dict[str, Any]:
        """What the operation is sent at first, as the client takes it: its body, or a file without rows."""
        for importing in self.service.imports:
            if f"{method} {path}" == f"POST /v1/{importing.noun}/imports":
                profile = importing.profiles[0]
                head = ",".join(profile.columns).encode() + b"\n"
                return {"files": {"file": ("rows.csv", head)}, "data": {"profile": profile.name}}
        return {} if method == "GET" else {"json": self.bodies[f"{method} {path}"][0]}

    async def queue_imports(self) -> dict[str, int]:
        """Sends a file without rows to every import; gives the operations with what they answered."""
        statuses: dict[str, int] = {}
        for importing in self.service.imports:
            path = f"/v1/{importing.noun}/imports"
            answer = await self.ask("admin", "POST", path, **self.sent("POST", path))
            statuses[f"POST {path}"] = answer.status_code
            self.ids[f"{importing.noun}/imports"] = answer.json().get("id", "")
        return statuses

    async def hear(self, aggregate: str, fact: str = "created", version: int = 1, **data: Any) -> str:
        """Hands an event to the service's handler and gives its subject's id."""
        told: dict[str, Any] = {"id": str(new_id())} | data
        handler = self.service.handlers[aggregate]
        assert isinstance(handler, Batch)
        async with await psycopg.AsyncConnection.connect(self.url, options="-c timezone=UTC") as session:
            await handler.handle(session, [event_of(aggregate, fact, version, told)])
        return told["id"]

    async def hear_members(self) -> None:
        """Tells of the callers that are members: a boss, a seller below, a stranger."""
        for name in ("boss", "seller", "stranger"):
            told: dict[str, Any] = {
                "name": name,
                "email": f"{name}@example.com",
                "function": "SALES",
                "active": True,
            }
            manager = self.ids["boss"] if name == "seller" else None
            self.ids[name] = await self.hear("member", manager_id=manager, external_ids={}, **told)
            self.callers.add(name, "rep", member_id=UUID(self.ids[name]))

    async def hear_account(self) -> None:
        """Tells of an account of the seller's with two people, and a third who was erased."""
        owner = self.ids["seller"]
        self.ids["accounts"] = await self.hear(
            "account", name="云山电网", owner_id=owner, team=[], external_ids={}
        )
        told: dict[str, Any] = {
            "account_id": self.ids["accounts"],
            "title": None,
            "level": "TOP",
            "department": "USER",
        }
        for name in ("contacts", "other", "erased"):
            self.ids[name] = await self.hear("contact", name=name, **told)
        await self.hear("contact", ERASED, 2, id=self.ids["erased"], name="", **told)


def filled(path: str, ids: Mapping[str, str]) -> str:
    """The path with an id for each of its parameters: that of the noun before it, imports by what they import."""
    if path.endswith("/erasure"):
        ids = {**ids, "contacts": ids["erased"]}
    return re.sub(r"([a-z-]+(?:/imports)?)/\{\w+\}", lambda found: f"{found[1]}/{ids[found[1]]}", path)


def _taken_away(*nouns: str) -> Bodies:
    """How the deletes and restorations of these nouns are asked."""
    asked = ("DELETE /v1/{}/{{id}}", "POST /v1/{}/{{id}}/restoration")
    return {form.format(noun): [None] for noun in nouns for form in asked}


Open: TypeAlias = Callable[[str], AbstractAsyncContextManager[Ground]]


@asynccontextmanager
async def _opened(service: Service, url: str) -> AsyncGenerator[Ground]:
    known, statements = callers(), list[str]()
    peers = AsyncClient(transport=ASGITransport(Owners()))
    async with api_of(service, url, known, peers=peers, on_statement=statements.append) as client:
        yield Ground(service, client, known, statements, url)


@asynccontextmanager
async def contacts(url: str) -> AsyncGenerator[Ground]:
    """Contacts with an account of the seller's, two people there, a link between them, and a third who was erased."""
    async with _opened(CONTACTS, url) as ground:
        ids = ground.ids
        for name in ("boss", "seller", "stranger"):
            member = {"email": f"{name}@example.com", "name": name, "manager_id": ids.get("boss")}
            ids[name] = await ground.make("/v1/members", member, "admin")
            ground.callers.add(name, "rep", member_id=UUID(ids[name]))
        # Whoever owns or manages anything is not deleted.
        ids["members"] = await ground.make(
            "/v1/members", {"email": "other@example.com", "name": "other"}, "admin"
        )
        ids["owner_id"] = ids["seller"]
        group = await ground.make("/v1/accounts", {"name": "云山集团"})
        ids["accounts"] = ids["account_id"] = await ground.make("/v1/accounts", {"name": "云山电网"})
        for name in ("contacts", "other"):
            person = {"name": name, "account_id": ids["accounts"]}
            ids[name] = await ground.make("/v1/contacts", person)
        ids["erased"] = await ground.make("/v1/contacts", {"name": "erased", "account_id": ids["accounts"]})
        erased = await ground.ask(
            "admin", "POST", f"/v1/contacts/{ids['erased']}/erasure", {"reason": "REQUESTED"}
        )
        assert erased.status_code == 200, erased.text
        link = {"to_contact_id": ids["other"], "kind": "ALLY"}
        ids["links"] = await ground.make(f"/v1/contacts/{ids['contacts']}/links", link)
        wanted = {"ids": [ids["accounts"]], "external_ids": [{"source": "crm", "id": "1"}]}
        ground.bodies = {
            "POST /v1/members": [{"email": "new@example.com", "name": "新"}],
            "PATCH /v1/members/{id}": [{"name": "更名"}, {"manager_id": ids["stranger"]}],
            "POST /v1/members/lookup": [wanted],
            "PUT /v1/members/by-external-id/{source}/{external_id}": [
                {"email": "put@example.com", "name": "新"},
                {"email": "put@example.com", "name": "更名"},
            ],
            "PUT /v1/accounts/by-external-id/{source}/{external_id}": [
                {"name": "新"},
                {"name": "更名", "parent_account_id": group},
            ],
            "PUT /v1/contacts/by-external-id/{source}/{external_id}": [
                {"name": "新", "account_id": ids["accounts"]}
            ],
            "POST /v1/accounts": [
                {"name": "子公司", "parent_account_id": group, "owner_id": ids["seller"]},
                {"name": "甲", "team": [{"member_id": ids["boss"], "function": "RND"}]},
            ],
            "PATCH /v1/accounts/{id}": [
                {"name": "乙"},
                {"owner_id": ids["boss"]},
                {"parent_account_id": None},
            ],
            "POST /v1/accounts/lookup": [wanted],
            "POST /v1/contacts": [{"name": "新", "account_id": ids["accounts"]}],
            "PATCH /v1/contacts/{id}": [{"name": "更名"}],
            "POST /v1/contacts/lookup": [wanted],
            "POST /v1/contacts/{id}/links": [
                {"to_contact_id": ids["other"], "kind": "REPORTS_TO"},
                {"to_contact_id": ids["other"], "kind": "CONFLICT", "note": "两派"},
            ],
            "POST /v1/contacts/{id}/erasure": [{"reason": "REQUESTED"}],
            "DELETE /v1/contacts/{id}/links/{link_id}": [None],
            "POST /v1/contacts/{id}/links/{link_id}/restoration": [None],
            **_taken_away("members", "accounts", "contacts"),
        }
        yield ground


async def _product(url: str) -> str:
    values: dict[str, Any] = {
        "name": "GTX",
        "series": "GTX",
        "list_price": 5500,
        "currency": "USD",
        "external_ids": {},
    }
    async with await psycopg.AsyncConnection.connect(url) as session:
        row = await journal.create(session, PRODUCT, values, Cause(actor="sub:test"))
    assert row is not None
    return str(row.id)


@asynccontextmanager
async def opportunities(url: str) -> AsyncGenerator[Ground]:
    """Opportunities with a deal of the seller's and a map of two people."""
    async with _opened(OPPORTUNITIES, url) as ground:
        await ground.hear_members()
        await ground.hear_account()
        ids = ground.ids
        ids["owner_id"], ids["account_id"] = ids["seller"], ids["accounts"]
        ids["opportunities"] = await ground.make(
            "/v1/opportunities", {"name": "变电站改造", "account_id": ids["accounts"]}
        )
        ids["stakeholders"] = ids["contacts"]
        ids["products"] = ids["product_id"] = await _product(url)
        held = {"roles": ["EVALUATOR"], "influence": "H", "stance": "SUPPORTER", "degree": 2}
        people = [{"contact_id": ids["contacts"]} | held, {"contact_id": ids["other"]} | held]
        drawn = await ground.ask(
            "seller", "PUT", f"/v1/opportunities/{ids['opportunities']}/stakeholders", {"items": people}
        )
        assert drawn.status_code == 200, drawn.text
        wanted = {"ids": [ids["opportunities"]], "external_ids": [{"source": "crm", "id": "1"}]}
        ground.bodies = {
            "POST /v1/opportunities": [
                {"name": "二期", "account_id": ids["accounts"], "owner_id": ids["seller"]}
            ],
            "PUT /v1/opportunities/by-external-id/{source}/{external_id}": [
                {"name": "三期", "account_id": ids["accounts"]},
                {"name": "更名", "owner_id": ids["seller"]},
            ],
            "POST /v1/products": [{"name": "GTX Pro", "list_price": 4821}],
            "PATCH /v1/products/{id}": [{"series": "GTX"}],
            "PUT /v1/products/by-external-id/{source}/{external_id}": [{"name": "GTX Basic"}],
            "PATCH /v1/opportunities/{id}": [
                {"name": "更名"},
                {"amount": 100, "account_id": ids["accounts"]},
                {"owner_id": ids["boss"]},
            ],
            "POST /v1/opportunities/lookup": [wanted],
            "POST /v1/opportunities/{id}/stage": [{"to": "ENGAGEMENT"}, {"to": "TARGETING", "note": "退回"}],
            "PUT /v1/opportunities/{id}/stakeholders": [{"items": people}],
            "PUT /v1/opportunities/{id}/stakeholders/{contact_id}": [held],
            "DELETE /v1/opportunities/{id}/stakeholders/{contact_id}": [None],
            "POST /v1/relationship/evaluate": [
                {"stage": "ENGAGEMENT", "people": [{"id": "a"} | held], "links": []}
            ],
            "POST /v1/products/lookup": [wanted],
            **_taken_away("opportunities", "products"),
        }
        yield ground


@asynccontextmanager
async def activities(url: str) -> AsyncGenerator[Ground]:
    """Activities with a visit of the seller's and a time log for it."""
    async with _opened(ACTIVITIES, url) as ground:
        await ground.hear_members()
        await ground.hear_account()
        ids = ground.ids
        ids["owner_id"] = ids["member_id"] = ids["seller"]
        ids["account_id"] = ids["accounts"]
        ids["opportunity_id"] = await ground.hear(
            "opportunity",
            name="改造",
            account_id=ids["accounts"],
            owner_id=ids["seller"],
            stage="BIDDING",
            status="OPEN",
        )
        visit = {
            "type": "VISIT",
            "subject": "拜访",
            "planned_start_at": "2030-01-01T08:00:00Z",
            "opportunity_id": ids["opportunity_id"],
            "contact_ids": [ids["contacts"], ids["other"]],
            "our_attendees": [{"member_id": ids["boss"], "function": "SALES"}],
        }
        log = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 30}
        ids["activities"] = ids["activity_id"] = await ground.make("/v1/activities", visit)
        ids["time-logs"] = await ground.make("/v1/time-logs", log | {"activity_id": ids["activities"]})
        wanted = {"ids": [ids["activities"]], "external_ids": [{"source": "crm", "id": "1"}]}
        ground.bodies = {
            "POST /v1/activities": [
                visit,
                visit | {"owner_id": ids["seller"], "account_id": ids["accounts"]},
            ],
            "POST /v1/activities/lookup": [wanted],
            "PUT /v1/activities/by-external-id/{source}/{external_id}": [visit, visit | {"minutes": 5}],
            "PATCH /v1/activities/{id}": [
                {"subject": "更名"},
                {"contact_ids": [ids["other"]], "account_id": ids["accounts"]},
                {"owner_id": ids["boss"]},
                {"status": "DONE", "started_at": "2026-01-01T08:00:00Z"},
            ],
            "POST /v1/time-logs": [
                log | {"activity_id": ids["activities"]},
                log | {"account_id": ids["accounts"]},
            ],
            **_taken_away("activities", "time-logs"),
            "PATCH /v1/time-logs/{id}": [
                {"minutes": 5},
                {"activity_id": None},
                {"account_id": ids["accounts"]},
            ],
        }
        yield ground


GROUNDS: Mapping[str, tuple[Service, Open]] = {
    "contacts": (CONTACTS, contacts),
    "opportunities": (OPPORTUNITIES, opportunities),
    "activities": (ACTIVITIES, activities),
}

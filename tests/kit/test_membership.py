"""Which member a token's bearer is: by subject, else by verified address."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest

from services.kit.db import Database
from services.kit.identity import Verifier
from services.kit.membership import MEMBER_FOR, Membership, member_lookup
from services.kit.problems import Forbidden, Unavailable
from tests.conftest import DatabaseUrl
from tests.kit.issuing import SETTINGS, StubIssuer


class Members:
    """A table of members that counts how often it is asked."""

    def __init__(self) -> None:
        self.found: dict[str, Membership] = {}
        self.asked = 0

    def hire(self) -> UUID:
        """Makes somebody@example.com a member."""
        self.found["somebody@example.com"] = Membership(uuid4(), active=True)
        return self.found["somebody@example.com"].member_id

    async def __call__(self, subject: str, email: str | None) -> Membership | None:
        self.asked += 1
        return self.found.get(subject) or self.found.get(email or "")


async def test_a_member_is_joined_by_verified_address(issuer: StubIssuer) -> None:
    members = Members()
    member = members.hire()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        joined = await verifier.viewer(f"Bearer {issuer.token()}")
        stranger = await verifier.viewer(f"Bearer {issuer.token(email_verified=False)}")
    assert (joined.member_id, joined.actor) == (member, str(member))
    assert (stranger.member_id, stranger.actor) == (None, "sub:somebody")


async def test_a_member_is_joined_by_subject_whatever_the_address(issuer: StubIssuer) -> None:
    members = Members()
    members.hire()
    members.found["somebody"] = bound = Membership(uuid4(), active=True)
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        for token in (issuer.token(), issuer.token(email_verified=False), issuer.token(email=None)):
            assert (await verifier.viewer(f"Bearer {token}")).member_id == bound.member_id


async def test_a_member_who_has_left_is_nobody_whatever_the_roles(issuer: StubIssuer) -> None:
    members = Members()
    members.found["somebody"] = Membership(uuid4(), active=False)
    settings = SETTINGS.model_copy(update={"access_contact": "sales-ops@example.com"})
    async with Verifier(settings, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        with pytest.raises(Forbidden, match=r"ask sales-ops@example\.com") as refused:
            await verifier.viewer(f"Bearer {issuer.token(roles=['executive', 'admin'])}")
    assert refused.value.code == "member_inactive"


async def test_members_are_asked_for_twice_in_a_second(issuer: StubIssuer) -> None:
    members = Members()
    members.hire()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        for _ in range(3):
            await verifier.viewer(f"Bearer {issuer.token()}")
        assert members.asked == 1
        issuer.clock.now += MEMBER_FOR
        await verifier.viewer(f"Bearer {issuer.token()}")
    assert members.asked == 2


async def test_somebody_who_becomes_a_member_is_let_in_within_a_second(issuer: StubIssuer) -> None:
    members = Members()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id is None
        member = members.hire()
        issuer.clock.now += MEMBER_FOR
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id == member


class SlowMembers(Members):
    """Members who are found when `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.come, self.go = asyncio.Event(), asyncio.Event()
        self.failing = False

    async def __call__(self, subject: str, email: str | None) -> Membership | None:
        self.come.set()
        await self.go.wait()
        found = await super().__call__(subject, email)
        if self.failing:
            raise ConnectionError
        return found


async def test_many_requests_at_once_ask_once_and_who_leaves_takes_nothing_away(issuer: StubIssuer) -> None:
    members = SlowMembers()
    members.found["somebody"] = member = Membership(uuid4(), active=True)
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        first, *others = [asyncio.create_task(verifier.viewer(f"Bearer {issuer.token()}")) for _ in range(16)]
        await members.come.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        members.go.set()
        found = await asyncio.gather(*others)
    assert (members.asked, {each.member_id for each in found}) == (1, {member.member_id})


async def test_a_lookup_that_fails_fails_for_all_who_ask_and_is_made_anew(issuer: StubIssuer) -> None:
    members = SlowMembers()
    members.failing = True
    members.go.set()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        asked = (verifier.viewer(f"Bearer {issuer.token()}") for _ in range(3))
        failed = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in failed] == [ConnectionError] * 3
        members.failing = False
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id is None
    assert members.asked == 2


MEMBERS = """
CREATE TABLE member (id uuid, email text, subject text, active boolean, deleted_at timestamptz);
INSERT INTO member VALUES
  ('00000000-0000-0000-0000-000000000001', 'Anna@Example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000002', 'gone@example.com', 'sub-gone', true, now()),
  ('00000000-0000-0000-0000-000000000003', 'idle@example.com', NULL, false, NULL),
  ('00000000-0000-0000-0000-000000000004', 'two@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000005', 'Two@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000006', 'bound@example.com', 'sub-bound', true, NULL),
  ('00000000-0000-0000-0000-000000000007', 'left@example.com', 'sub-left', false, NULL),
  ('00000000-0000-0000-0000-000000000008', 'back@example.com', NULL, false, NULL),
  ('00000000-0000-0000-0000-000000000009', 'Back@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000010', 'dropped@example.com', NULL, true, now()),
  ('00000000-0000-0000-0000-000000000011', 'new@example.com', NULL, true, now()),
  ('00000000-0000-0000-0000-000000000012', 'New@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000013', 'idle@example.com', NULL, true, now()),
  ('00000000-0000-0000-0000-000000000014', 'term@example.com', NULL, true, now() - interval '29 days'),
  ('00000000-0000-0000-0000-000000000015', 'over@example.com', 'sub-over', true, now() - interval '31 days')"""


@pytest.mark.parametrize(
    ("subject", "email", "found"),
    [
        ("x", "anna@example.com", (1, True)),
        ("x", "gone@example.com", None),
        ("sub-gone", None, (2, False)),
        ("sub-gone", "anna@example.com", (1, True)),
        ("x", "idle@example.com", (3, False)),
        ("x", "two@example.com", None),
        ("x", "nobody@example.com", None),
        ("x", None, None),
        ("sub-bound", None, (6, True)),
        ("sub-bound", "anna@example.com", (6, True)),
        ("SUB-BOUND", None, None),
        ("x", "bound@example.com", None),
        ("sub-left", "anna@example.com", (7, False)),
        ("x", "back@example.com", (9, True)),
        ("x", "dropped@example.com", (0x10, False)),
        ("sub-gone", "new@example.com", (0x12, True)),
        ("x", "new@example.com", (0x12, True)),
        ("x", "term@example.com", (0x14, False)),
        ("sub-over", None, None),
        ("sub-over", "anna@example.com", (1, True)),
    ],
)
async def test_lookup_joins_by_subject_or_else_by_address(
    subject: str, email: str | None, found: tuple[int, bool] | None, database_url: DatabaseUrl
) -> None:
    url = database_url("members", _with_members)
    db = Database(url, name="lookup", size=1)
    await db.open()
    told = await member_lookup(db, 30)(subject, email)
    await db.close()
    assert told == (None if found is None else Membership(UUID(int=found[0]), found[1]))


async def test_a_copy_of_who_was_purged_is_found_no_more_than_the_row_that_is_gone(
    database_url: DatabaseUrl,
) -> None:
    db = Database(database_url("copies", _with_copies), name="lookup", size=1)
    await db.open()
    found = [await member_lookup(db, 30)("x", f"{name}@example.com") for name in ("dropped", "new", "anna")]
    await db.close()
    assert found == [None, Membership(UUID(int=0x12), active=True), Membership(UUID(int=1), active=True)]


async def test_where_nothing_is_purged_who_was_deleted_stays_inactive(database_url: DatabaseUrl) -> None:
    db = Database(database_url("members", _with_members), name="lookup", size=1)
    await db.open()
    assert await member_lookup(db, 0)("sub-over", None) == Membership(UUID(int=0x15), active=False)
    await db.close()


def _with_copies(url: str) -> None:
    _with_members(url)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER TABLE member ADD COLUMN erased boolean NOT NULL DEFAULT false")
        session.execute("UPDATE member SET erased = true WHERE deleted_at IS NOT NULL")


def _with_members(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(MEMBERS)


async def test_a_database_that_is_silent_is_asked_anew_after_a_while(
    issuer: StubIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.kit.membership.ASKED_FOR", 0.05)
    silent, member = True, Membership(uuid4(), active=True)

    async def member_of(*_: object) -> Membership | None:
        await asyncio.sleep(60 if silent else 0)
        return member

    async with Verifier(SETTINGS, member_of, transport=issuer.transport, clock=issuer.clock) as verifier:
        with pytest.raises(Unavailable, match="does not answer"):
            await verifier.viewer(f"Bearer {issuer.token()}")
        silent = False
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id == member.member_id

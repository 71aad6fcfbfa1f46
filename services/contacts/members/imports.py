"""The profiles by which files of members are read."""

import re
import unicodedata

from services.contacts.members.domain import MemberFunction
from services.contacts.members.queries import LINE_LOCK, MEMBER
from services.kit.cells import words
from services.kit.profiles import Column, Import, Profile, Reference, Walk, of

DOMAIN = "example.com"
_APART = re.compile(r"[^a-z0-9]+")


def mail_of(name: str) -> str:
    """A mail address made of a name whose file has none: first.last@example.com, in lower-case ASCII.

    Raises ValueError for a name without a Latin letter or digit.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    local = _APART.sub(".", plain).strip(".")
    if not local:
        raise ValueError("must have Latin letters, of which a mail address can be made")
    return f"{local[:64].rstrip('.')}@{DOMAIN}"


# The file names a manager beside each of their people and nowhere else; it tells regions, which members do not have.
MAVEN_CRM = Profile(
    name="maven-crm",
    columns={
        "sales_agent": Column(words(200), required=True),
        "manager": Column(words(200)),
        "regional_office": Column(words(200)),
    },
    walks=(
        Walk(
            identity="manager",
            born={"function": MemberFunction.SALES_MANAGER, "active": True},
            fields={"name": of("manager"), "email": of("manager", make=mail_of)},
            once=True,
        ),
        Walk(
            identity="sales_agent",
            born={"function": MemberFunction.SALES, "active": True},
            fields={"name": of("sales_agent"), "email": of("sales_agent", make=mail_of)},
            references={"manager_id": Reference("manager", "member", lock=LINE_LOCK)},
        ),
    ),
)

IMPORT = Import("members", MEMBER, (MAVEN_CRM,))

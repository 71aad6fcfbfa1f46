"""What activities does when others speak: keeps its copies of members, accounts, people and deals."""

from collections.abc import Mapping

from services.activities.copies import ACCOUNTS, CONTACTS, MEMBERS, OPPORTUNITIES
from services.kit.delivery import Batch, Handler

HANDLERS: Mapping[str, Handler | Batch] = {
    "member": Batch(MEMBERS.fold, MEMBERS),
    "account": Batch(ACCOUNTS.fold, ACCOUNTS),
    "contact": Batch(CONTACTS.fold, CONTACTS),
    "opportunity": Batch(OPPORTUNITIES.fold, OPPORTUNITIES),
}

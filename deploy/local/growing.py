"""`foothold events new-generation`: a topic made anew with as many partitions as are declared, and filled again.

A key would change its partition in a topic that grows, and its events their order. So the topic begins anew: when all
that it holds was read, and while nobody publishes, it is deleted and made; a republish then makes it sufficient to
start from nothing. Writes go on meanwhile, in the journal. Stopped half-way, the same command goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kafka import TopicPartition

from deploy.local import topics
from deploy.local.databases import Addresses, using_all
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, service_of
from deploy.local.topics import Topic
from services.kit import rebuilding
from services.kit import republish as republishing
from services.kit.db import Database
from services.kit.delivery import Delivery
from services.kit.events import topic_of
from services.kit.journal import Cause
from services.kit.kafka import end_offsets, ranges
from services.kit.numbering import dedicated
from services.kit.publishing import take_lock
from services.kit.topics import declare

Say = Callable[[str], None]


def new_generation(
    addresses: Addresses, bootstrap_servers: str, service: str, declared: Sequence[Topic], say: Say
) -> None:
    """Makes the service's topic anew as it is declared, where it has another number of partitions.

    Raises StackProblem while a relay of the service publishes, or while a reader of ours is behind.
    """
    if service not in SERVICES:
        raise StackProblem(f"There is no service {service[:100]}; there is: {', '.join(SERVICES)}.")
    topic = next(each for each in declared if each.name == topic_of(service))
    readers = [name for name in SERVICES if service in service_of(name).consumes]

    async def work(databases: Mapping[str, Database]) -> None:
        generation = Generation(topic, bootstrap_servers, databases, readers, say)
        async with await dedicated(addresses[service], "new-generation") as session:
            if not await take_lock(session):
                raise StackProblem(f"A relay of {service} publishes; end the workers of {service} first.")
            await generation.make()
        async with databases[service].transaction() as tx:
            await republishing.submit(tx, Cause(actor="operator:new-generation"))

    using_all(addresses, work)
    say(
        f"{topic.name} has {topic.partitions} partitions; once the workers of {service} run, all is told once more."
    )


@dataclass(frozen=True)
class Generation:
    """A topic made anew, while nobody publishes to it."""

    topic: Topic
    bootstrap_servers: str
    databases: Mapping[str, Database]
    readers: Sequence[str]
    say: Say

    async def make(self) -> None:
        """Deletes the topic, makes it as it is declared, and lets everybody know where it begins and how wide it is."""
        ends = end_offsets(self.bootstrap_servers, [self.topic.name])
        if ends and len(ends) != self.topic.partitions:
            for reader in self.readers:
                await self._require_read(reader, ends)
            topics.remove(self.bootstrap_servers, self.topic.name)
            self.say(f"{self.topic.name} with {len(ends)} partitions is gone.")
        topics.apply(self.bootstrap_servers, [self.topic])
        await self._announce()

    async def _require_read(self, reader: str, ends: Mapping[TopicPartition, int]) -> None:
        places = await Delivery(reader, self.databases[reader]).places(list(ends))
        behind = sum(end - (places[at].next_offset if at in places else 0) for at, end in ends.items())
        if behind:
            raise StackProblem(
                f"{reader} has yet to read {behind} records of {self.topic.name}; wait for it."
            )

    async def _announce(self) -> None:
        offsets = ranges(self.bootstrap_servers, [self.topic.name])
        for name, db in self.databases.items():
            async with db.transaction() as tx:
                await declare(tx, {self.topic.name: self.topic.partitions})
                if name in self.readers:
                    await rebuilding.find_places(tx, name, offsets)

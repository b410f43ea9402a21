"""One committer for each shard in this process: what waits for a shard is decided together and written as one batch.

Not applied means that another process was faster: what is remembered is dropped, the rows are read and everything is
decided again. An answer that never came is settled in the same way, by reading at LOCAL_SERIAL: holds, markers and
notes say what has been done, and operations that find theirs change nothing. Should a lost batch come after all, its
condition on the versions fails: they are the same that the second one changed.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from store_kit.cassandra import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.cassandra_errors import Patience, still_unknown
from store_kit.clock import Clock
from store_kit.groups import Groups
from store_kit.problems import Problem

from store_catalog.adapters.cassandra_feed import CassandraChangeFeed
from store_catalog.adapters.cassandra_kept import Kept, Turn
from store_catalog.adapters.cassandra_operations import Adjust, Draft, End, Hold, Step
from store_catalog.adapters.cassandra_shards import Shards
from store_catalog.adapters.cassandra_shelf import Key, Shelf
from store_catalog.domain import OrderId, ProductId

T = TypeVar("T")
Operation = Step | Hold | End | Adjust
_GROUP: Final = 256
_MOST_IN_A_BATCH: Final = 1_000
"""Products, and lines of reservations: 1 MB at most."""
_REMEMBERED: Final = 32_768
"""Rows that a process remembers, 20 MB."""
_EAGER: Final = 10
"""Tries without a pause between them: others are faster only now and then."""


class Shelves:
    """The shelves of all shards.

    Args:
        db: the keyspace.
        shards: which shard a product is in.
        feed: told of what goes in or out of stock before it does.
        clock: decides whether a hold comes too late.
    """

    def __init__(self, db: Cassandra, shards: Shards, feed: CassandraChangeFeed, clock: Clock) -> None:
        self._db = db
        self._feed = feed
        self._clock = clock
        self.shards = shards
        self._shelves: dict[int, Shelf] = {}
        self._moments = itertools.count(1)
        self._groups: Groups[int, Operation] = Groups(self._commit, _GROUP)

    def now(self) -> int:
        """Return a number that is greater than those of everything read so far."""
        return next(self._moments)

    def of(self, shard: int) -> Shelf:
        """Return the shelf of a shard."""
        known = self._shelves.get(shard)
        if known is None:
            most = max(256, _REMEMBERED // self.shards.count)
            known = self._shelves[shard] = Shelf(self._db, shard, self._moments, most)
        return known

    def by_shard(self, things: Mapping[ProductId, T]) -> dict[int, dict[ProductId, T]]:
        """Divide what is keyed by product."""
        divided: dict[int, dict[ProductId, T]] = {}
        for product_id, thing in things.items():
            divided.setdefault(self.shards.of(product_id), {})[product_id] = thing
        return divided

    def available(self, product_id: ProductId) -> int | None:
        """Return how much there was of a product when last heard of; None when nothing is known."""
        return self.of(self.shards.of(product_id)).available(product_id)

    async def step(
        self, order_id: OrderId, turn: Turn, *, blind: bool = False, weight: int = 1
    ) -> tuple[Kept | None, bool]:
        """Take the reservation of an order a step further; return what is kept then, and whether this changed it.

        Raises:
            Conflict: the turn refuses.
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: nobody knows.
        """
        step = Step(order_id, turn, blind, weight)
        outcome: tuple[Kept | None, bool] = await self.submit(self.shards.of(order_id), step)
        return outcome

    async def submit(self, shard: int, operation: Operation) -> Any:
        """Return what an operation comes to (see its `decide`), once that is durable.

        Raises:
            Problem: it is refused.
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: nobody knows.
        """
        return await self._groups.submit(shard, operation)

    async def _commit(self, shard: int, waiting: Sequence[Operation]) -> list[Any]:
        outcomes: list[Any] = []
        for group in _parts(waiting):
            try:
                outcomes += await self._commit_group(self.of(shard), group)
            except Exception as error:  # noqa: BLE001 - it is handed to those who wait; other parts have theirs
                outcomes += [error] * len(group)
        return outcomes

    async def _commit_group(self, shelf: Shelf, group: Sequence[Operation]) -> list[Any]:
        patience: Patience | None = None
        in_doubt = False
        for tries in itertools.count(1):
            try:
                outcomes = await self._try(shelf, group, careful=tries > 1, serial=in_doubt)
                if outcomes is not None:
                    return outcomes
            except (DatabaseUnavailable, DatabaseOutcomeUnknown) as error:
                in_doubt = in_doubt or isinstance(error, DatabaseOutcomeUnknown)
                if not in_doubt:
                    raise
            shelf.forget(subject for operation in group for subject in operation.subjects)
            if in_doubt or tries > _EAGER:
                patience = patience or self._db.patience()
                if not await patience.pause():
                    break
        if in_doubt:
            raise still_unknown()
        raise DatabaseUnavailable("Too many change this stock at once; try again.")

    async def _try(
        self, shelf: Shelf, group: Sequence[Operation], *, careful: bool, serial: bool
    ) -> list[Any] | None:
        """Decide and write; None when somebody else was faster."""
        draft, outcomes = await self._decide(shelf, group, careful=careful, serial=serial)
        if draft.changed:
            await self._feed.announce(draft.announcements())
            if not await self._db.apply("shelves.commit", *draft.statements(shelf.shard)):
                return None
            shelf.remember(draft.changed)
        return outcomes

    async def _decide(
        self, shelf: Shelf, group: Sequence[Operation], *, careful: bool, serial: bool
    ) -> tuple[Draft, list[Any]]:
        facts = await shelf.facts(group, careful=careful, serial=serial)
        draft = Draft(facts, self._clock.now_ms())
        resting: set[Key] = set()
        outcomes = [_outcome(operation, draft, resting) for operation in group]
        # What is refused or answered without a change sets no condition, so memory is not good enough for it.
        if resting - facts.read - draft.changed.keys():
            return await self._decide(shelf, group, careful=True, serial=serial)
        return draft, outcomes


def _outcome(operation: Operation, draft: Draft, resting: set[Key]) -> Any:
    """Decide an operation; if it changes nothing, note the rows that this rests on."""
    before = draft.changes
    try:
        return operation.decide(draft)
    except Problem as refusal:
        return refusal
    finally:
        if draft.changes == before:
            resting.update(operation.subjects)


def _parts(waiting: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Divide what waits, so that no batch becomes too large."""
    part: list[Operation] = []
    size = 0
    for operation in waiting:
        if part and size + operation.weight > _MOST_IN_A_BATCH:
            yield part
            part, size = [], 0
        part.append(operation)
        size += operation.weight
    yield part

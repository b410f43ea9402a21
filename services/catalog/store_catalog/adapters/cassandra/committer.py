"""One committer for each shard in this process: what waits for a shard is decided together and written as one batch.

Not applied means that another process was faster: what is remembered is dropped, the rows are read and everything is
decided again. An answer that never came is resolved in the same way, by reading at LOCAL_SERIAL: holds, markers and
notes say what has been done, and operations that find theirs change nothing. Should a lost batch come after all, its
condition on the versions fails: they are the same that the second one changed.

Remembered are the row of a product and that of a reservation that has not ended, each at a version. They may be out of
date: the conditions on the versions in the batch find that out. What orders hold changes only together with the version
of the product. So it need not be read if this process has written it since it last read the product; nor if it opened
the order's reservation after it read the product: whatever has been held for it since has changed the version.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cachetools import LRUCache
from store_kit.backoff import Backoff
from store_kit.cassandra.errors import still_unknown
from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.clock import Clock
from store_kit.group_commit import GroupCommit
from store_kit.problems import Problem

from store_catalog.adapters.cassandra.feed import CassandraChangeFeed
from store_catalog.adapters.cassandra.operations import ChangeSet, Operation, Step
from store_catalog.adapters.cassandra.shard_rows import (
    HOLD,
    PRODUCT,
    RESERVATION,
    HoldRow,
    Key,
    ProductRow,
    Ref,
    Snapshot,
    VersionedRow,
    read_rows,
    statements_of,
)
from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.domain import HoldState, OrderId, ProductId, ReservationRecord, Transition

_GROUP: Final = 256
_MOST_IN_A_BATCH: Final = 1_000
"""Products, and lines of reservations: 1 MB at most."""
_REMEMBERED: Final = 32_768
"""Products and lines of reservations that a process remembers, 20 MB; and as many holds, 10 MB."""
_EAGER: Final = 10
"""Tries without a pause between them: others are faster only now and then."""


class ShardCache:
    """What this process remembers of one shard, and reads where it remembers nothing.

    Args:
        db: the keyspace.
        shard: its number.
        moments: numbers that only grow, shared by all shards.
        most: how many products and lines of reservations are remembered.
    """

    def __init__(self, db: Cassandra, shard: int, moments: Iterator[int], most: int) -> None:
        self._db = db
        self.shard = shard
        self._moments = moments
        self._known: LRUCache[Key, tuple[VersionedRow, int]] = LRUCache(most, getsizeof=_size)
        """Each row with the moment after it was read."""
        self._holds: LRUCache[Ref, tuple[HoldRow, int]] = LRUCache(most)
        """Each active hold with the moment after it was written."""

    async def snapshot(
        self, operations: Sequence[Operation], *, reread: bool = False, serial: bool = False
    ) -> Snapshot:
        """Return what operations are decided by; what is not remembered is read now, with `reread` everything.

        Raises:
            DatabaseUnavailable: it could not be read.
        """
        remembered: dict[Key, VersionedRow] = {}
        written: dict[Key, dict[Ref, HoldRow]] = {}
        unknown: dict[Key, None] = {}
        also: dict[Key, None] = {}
        for operation in operations:
            for subject in operation.subjects:
                known = self._known.get(subject)
                holds = {} if known is None else self._written(operation.also_read(subject), known[1])
                fresh = operation.assume_absent if known is None else known[1] < operation.fresh_since
                if reread or not (fresh or holds):
                    unknown[subject] = None
                elif known is not None:
                    remembered[subject] = known[0]
                    written.setdefault(subject, {}).update(holds)
        for operation in operations:
            for subject in operation.subjects:
                if subject in unknown:
                    also |= dict.fromkeys(operation.also_read(subject))
        found = await self._read([*unknown, *also], serial=serial) if unknown else Snapshot()
        found.read = frozenset(unknown)
        for subject in remembered.keys() - unknown.keys():
            row = remembered[subject]
            if isinstance(row, ProductRow):
                found.products[subject[1]] = row
                found.holds |= written[subject]
            else:
                found.reservations[subject[1]] = row
        return found

    async def read_products(self, product_ids: Iterable[ProductId]) -> Mapping[ProductId, ProductRow]:
        """Return those of the products that exist, as they are now."""
        return (await self._read([(PRODUCT, product_id, "") for product_id in product_ids])).products

    async def read_reservations(self, order_ids: Iterable[OrderId]) -> Mapping[OrderId, ReservationRecord]:
        """Return what is kept for orders now, half-done changes ended first."""
        keys = [(RESERVATION, order_id, "") for order_id in order_ids]
        return (await self._read(keys, serial=True)).reservations

    def available(self, product_id: ProductId) -> int | None:
        """Return how many could be held when last heard of; None when nothing is known."""
        known = self._known.get((PRODUCT, product_id, ""))
        return known[0].available if known and isinstance(known[0], ProductRow) else None

    def remember(self, changes: ChangeSet) -> None:
        """Take over rows as they were just written by this process."""
        moment = next(self._moments)
        for ref, hold in changes.holds.items():
            if hold.state is not HoldState.HELD:
                self._holds.pop(ref, None)
            elif hold != changes.found.holds.get(ref):
                self._holds[ref] = (hold, moment)
        for key, row in changes.changed.items():
            if isinstance(row, ReservationRecord):
                if row.state.ended or _size((row, 0)) > self._known.maxsize:
                    self._known.pop(key, None)
                else:
                    self._known[key] = (row, 0)
            elif key in self._known:
                # As of when it was read, not of now: what others hold was not looked at since.
                self._known[key] = (row, self._known[key][1])

    def forget(self, subjects: Iterable[Key]) -> None:
        """Believe nothing about these rows any more."""
        for subject in subjects:
            self._known.pop(subject, None)

    def _written(self, keys: Iterable[Key], since: int) -> dict[Ref, HoldRow]:
        """Return those of some holds that were written here since a moment."""
        refs = [(about, ref) for kind, about, ref in keys if kind == HOLD]
        return {ref: hold[0] for ref in refs if (hold := self._holds.get(ref)) and since < hold[1]}

    async def _read(self, keys: Sequence[Key], *, serial: bool = False) -> Snapshot:
        found = await read_rows(self._db, self.shard, keys, serial=serial)
        moment = next(self._moments)
        for product_id, row in found.products.items():
            self._known[PRODUCT, product_id, ""] = (row, moment)
        return found


class ShardCommitter:
    """Decides and writes operations on all shards.

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
        self._caches: dict[int, ShardCache] = {}
        self._moments = itertools.count(1)
        self._groups: GroupCommit[int, Operation] = GroupCommit(self._commit, _GROUP)

    def now(self) -> int:
        """Return a number that is greater than those of everything read so far."""
        return next(self._moments)

    def cache(self, shard: int) -> ShardCache:
        """Return what is remembered of a shard."""
        known = self._caches.get(shard)
        if known is None:
            most = max(256, _REMEMBERED // self.shards.count)
            known = self._caches[shard] = ShardCache(self._db, shard, self._moments, most)
        return known

    def available(self, product_id: ProductId) -> int | None:
        """Return how much there was of a product when last heard of; None when nothing is known."""
        return self.cache(self.shards.of(product_id)).available(product_id)

    async def step(
        self, order_id: OrderId, transition: Transition, *, assume_absent: bool = False, weight: int = 1
    ) -> tuple[ReservationRecord | None, bool]:
        """Take the reservation of an order a step further; return it after that, and whether this changed it.

        Raises:
            Conflict: the transition refuses.
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: the outcome is not known.
        """
        step = Step(order_id, transition, assume_absent, weight)
        outcome: tuple[ReservationRecord | None, bool] = await self.submit(self.shards.of(order_id), step)
        return outcome

    async def submit(self, shard: int, operation: Operation) -> Any:
        """Return what an operation comes to (see its `decide`), once that is durable.

        Raises:
            Problem: it is refused.
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: the outcome is not known.
        """
        return await self._groups.submit(shard, operation)

    async def _commit(self, shard: int, waiting: Sequence[Operation]) -> list[Any]:
        outcomes: list[Any] = []
        for group in _parts(waiting):
            try:
                outcomes += await self._commit_group(self.cache(shard), group)
            except Exception as error:  # noqa: BLE001 - it is handed to those who wait; other parts have theirs
                outcomes += [error] * len(group)
        return outcomes

    async def _commit_group(self, cache: ShardCache, group: Sequence[Operation]) -> list[Any]:
        backoff: Backoff | None = None
        in_doubt = False
        for tries in itertools.count(1):
            try:
                outcomes = await self._try(cache, group, reread=tries > 1, serial=in_doubt)
                if outcomes is not None:
                    return outcomes
            except (DatabaseUnavailable, DatabaseOutcomeUnknown) as error:
                in_doubt = in_doubt or isinstance(error, DatabaseOutcomeUnknown)
                if not in_doubt:
                    raise
            cache.forget(subject for operation in group for subject in operation.subjects)
            if in_doubt or tries > _EAGER:
                backoff = backoff or self._db.backoff()
                if not await backoff.pause():
                    break
        if in_doubt:
            raise still_unknown()
        raise DatabaseUnavailable("Too many change this stock at once; try again.")

    async def _try(
        self, cache: ShardCache, group: Sequence[Operation], *, reread: bool, serial: bool
    ) -> list[Any] | None:
        """Decide and write; None when another process was faster."""
        changes, outcomes = await self._decide(cache, group, reread=reread, serial=serial)
        if changes.changed:
            await self._feed.announce(changes.announcements())
            statements = statements_of(cache.shard, changes.found, changes, changes.changed)
            if not await self._db.apply("shelves.commit", *statements):
                return None
            cache.remember(changes)
        return outcomes

    async def _decide(
        self, cache: ShardCache, group: Sequence[Operation], *, reread: bool, serial: bool
    ) -> tuple[ChangeSet, list[Any]]:
        found = await cache.snapshot(group, reread=reread, serial=serial)
        changes = ChangeSet(found, self._clock.now_ms())
        unchanged: set[Key] = set()
        outcomes = [_outcome(operation, changes, unchanged) for operation in group]
        # What is refused or answered without a change sets no condition, so memory is not good enough for it.
        if unchanged - found.read - changes.changed.keys():
            return await self._decide(cache, group, reread=True, serial=serial)
        return changes, outcomes


def _size(known: tuple[VersionedRow, int]) -> int:
    row = known[0]
    return len(row.lines) + 1 if isinstance(row, ReservationRecord) else 1


def _outcome(operation: Operation, changes: ChangeSet, unchanged: set[Key]) -> Any:
    """Decide an operation; if it changes nothing, note the rows that this rests on."""
    before = changes.count
    try:
        return operation.decide(changes)
    except Problem as refusal:
        return refusal
    finally:
        if changes.count == before:
            unchanged.update(operation.subjects)


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

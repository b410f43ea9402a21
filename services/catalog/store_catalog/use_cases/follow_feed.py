"""Keep this process' read model up to date with the truth (PROTOCOLS, section 5)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from store_kit.clock import Clock

from store_catalog.domain import FeedEntry, ProductId
from store_catalog.ports import ChangeFeed, FeedExpired, FollowedIndex, ProductStore

BATCH: Final = 1_000
"""Feed entries per step."""
SCANNED: Final = 1_000
"""Products of a scan per step; two such lots are in memory at a time."""
GIVE_UP_MS: Final = 120_000
"""An entry whose change has not shown up after this never will: its writer died between the two."""
SAVE_EVERY_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Pending:
    """What the feed announced of a product and the truth has not shown yet; `position` is the first of it."""

    announced: FeedEntry
    position: int
    noticed_ms: int

    def joined(self, entry: FeedEntry) -> "_Pending":
        """Return both announcements as one."""
        version = max(self.announced.version, entry.version)
        stock_version = max(self.announced.stock_version, entry.stock_version)
        return replace(self, announced=replace(self.announced, version=version, stock_version=stock_version))


@dataclass(slots=True)
class FollowFeed:
    """One step: read what the feed announces, take the products from the truth, show them.

    An entry is written before the change it announces, so it stays pending until the truth shows that version
    or a newer one. What this process wrote is in the index already and is not read again.
    """

    feed: ChangeFeed
    products: ProductStore
    index: FollowedIndex
    clock: Clock
    _position: int = -1
    _pending: dict[ProductId, _Pending] = field(default_factory=dict)
    _polled_ms: int = 0
    _saved_ms: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> int:
        """Catch up by one batch; return how much there was when there may be more."""
        async with self._lock:
            started_ms = self.clock.now_ms()
            try:
                entries = await self._entries()
            except FeedExpired:
                await self._rebuild()
                return 1
            behind = self._position
            self._note(entries, started_ms)
            await self._settle(started_ms)
            await self._save(started_ms)
            more = len(entries) >= BATCH and self._position > behind
            if not more:
                self._polled_ms = started_ms
            return len(entries) if more else 0

    def lag_s(self) -> float:
        """Return by how many seconds the lists may be behind the truth."""
        oldest = min((p.announced.at_ms for p in self._pending.values()), default=self._polled_ms)
        backlog = self.index.backlog_since_ms
        since = min(oldest, self._polled_ms, self._polled_ms if backlog is None else backlog)
        return max(0, self.clock.now_ms() - since) / 1000

    async def _entries(self) -> list[FeedEntry]:
        if not self.index.ready:
            await self._rebuild()
        if self.index.lost() or self._position < 0:
            self._position = self.index.position
        return await self.feed.since(self._position, BATCH)

    async def _rebuild(self) -> None:
        """Fill an empty index; what changes meanwhile is in the feed behind the position noted first."""
        position = await self.feed.head()
        self._pending.clear()
        await self.index.start_over()
        found = await self.products.scan("", SCANNED)
        while found:
            # The next ones are read while these are stored.
            ahead = asyncio.create_task(self.products.scan(found[-1].id, SCANNED))
            try:
                await self.index.apply(found)
                found = await ahead
            finally:
                ahead.cancel()
        await self.index.finish(position)
        self._position = position

    def _note(self, entries: Iterable[FeedEntry], now_ms: int) -> None:
        for entry in entries:
            self._position = max(self._position, entry.position)
            known = self._pending.get(entry.product_id)
            if known is not None:
                self._pending[entry.product_id] = known.joined(entry)
            elif not self.index.shows(entry):
                self._pending[entry.product_id] = _Pending(entry, entry.position, now_ms)

    async def _settle(self, now_ms: int) -> None:
        waiting = iter(list(self._pending))
        while some := list(islice(waiting, BATCH)):
            found = {product.id: product for product in await self.products.many(some)}
            await self.index.apply(list(found.values()))
            for product_id in some:
                pending, truth = self._pending[product_id], found.get(product_id)
                shown = truth is not None and pending.announced.settled_by(truth)
                if shown or now_ms - pending.noticed_ms > GIVE_UP_MS:
                    del self._pending[product_id]

    async def _save(self, now_ms: int) -> None:
        """Remember the position now and then, never past what still waits; a restart reads the rest again."""
        if now_ms - self._saved_ms >= SAVE_EVERY_MS and self.index.backlog_since_ms is None:
            done = min((p.position - 1 for p in self._pending.values()), default=self._position)
            await self.index.save_position(done)
            self._saved_ms = now_ms

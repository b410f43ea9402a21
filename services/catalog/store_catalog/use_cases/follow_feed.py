"""Keep this process' read model up to date with the truth (docs/protocols.md, Read model)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from store_kit.clock import Clock

from store_catalog.domain import FeedEntry, Product, ProductId
from store_catalog.ports import ChangeFeed, FeedExpired, FollowedIndex, ProductStore

BATCH: Final = 1_000
"""Feed entries per step."""
SCANNED: Final = 1_000
"""Products of a scan per step; three such lots are in memory at a time."""
GIVE_UP_MS: Final = 120_000
"""An entry whose change has not shown up after this never will: its writer died between the two."""
SAVE_EVERY_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Pending:
    """What the feed announced of a product and the truth has not shown yet; `position` is the first of it."""

    announced: FeedEntry
    position: int
    noticed_at_ms: int

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
    _polled_at_ms: int = 0
    _saved_at_ms: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> int:
        """Catch up by one batch; return how much there was when there may be more."""
        async with self._lock:
            started_at_ms = self.clock.now_ms()
            try:
                entries = await self._entries()
            except FeedExpired:
                await self._rebuild()
                return 1
            behind = self._position
            self._note(entries, started_at_ms)
            await self._show_pending(started_at_ms)
            await self._save(started_at_ms)
            more = len(entries) >= BATCH and self._position > behind
            if not more:
                self._polled_at_ms = started_at_ms
            return len(entries) if more else 0

    def lag_s(self) -> float:
        """Return by how many seconds the lists may be behind the truth."""
        oldest = min((p.announced.at_ms for p in self._pending.values()), default=self._polled_at_ms)
        backlog = self.index.backlog_since_ms
        since = min(oldest, self._polled_at_ms, self._polled_at_ms if backlog is None else backlog)
        return max(0, self.clock.now_ms() - since) / 1000

    async def _entries(self) -> list[FeedEntry]:
        if not self.index.ready:
            await self._rebuild()
        if self.index.lost() or self._position < 0:
            self._position = self.index.position
        return await self.feed.list_entries(self._position, BATCH)

    async def _rebuild(self) -> None:
        """Fill an empty index; what changes meanwhile is in the feed behind the position noted first."""
        position = await self.feed.newest_position()
        self._pending.clear()
        await self.index.start_over()
        found = await self.products.scan_products("", SCANNED)
        stored: asyncio.Task[None] | None = None
        ahead: asyncio.Task[list[Product]] | None = None
        try:
            while found:
                # The next ones are read while these are prepared and those before are stored.
                ahead = asyncio.create_task(self.products.scan_products(found[-1].id, SCANNED))
                before, stored = stored, asyncio.create_task(self.index.apply_products(found))
                if before is not None:
                    await before
                found = await ahead
            if stored is not None:
                await stored
        finally:
            if ahead is not None:
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

    async def _show_pending(self, now_ms: int) -> None:
        waiting = iter(list(self._pending))
        while some := list(islice(waiting, BATCH)):
            found = {product.id: product for product in await self.products.find_products(some)}
            await self.index.apply_products(list(found.values()))
            for product_id in some:
                pending, truth = self._pending[product_id], found.get(product_id)
                shown = truth is not None and pending.announced.shown_by(truth)
                if shown or now_ms - pending.noticed_at_ms > GIVE_UP_MS:
                    del self._pending[product_id]

    async def _save(self, now_ms: int) -> None:
        """Remember the position now and then, never past what still waits; a restart reads the rest again."""
        if now_ms - self._saved_at_ms >= SAVE_EVERY_MS and self.index.backlog_since_ms is None:
            done = min((p.position - 1 for p in self._pending.values()), default=self._position)
            await self.index.save_position(done)
            self._saved_at_ms = now_ms

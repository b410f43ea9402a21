"""How products come into the read model: what a caller waits for first, what was offered when there is time.

Products are prepared in the event loop in small slices and stored by the file's writer thread.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from store_kit.clock import Clock
from store_kit.telemetry.metrics import Metrics

from store_catalog.adapters.read_model import writer
from store_catalog.adapters.read_model.file import IndexFile
from store_catalog.adapters.read_model.rows import incoming
from store_catalog.domain import FeedEntry, Product, ProductId

Batch = dict[ProductId, Product]

CHUNK: Final = 1_000
"""Products per transaction of the index: some 40 ms. With half as many, each of them costs half as much again."""
_SLICE: Final = 50
"""Products prepared before other requests get their turn: about a millisecond."""
_BEHIND_S: Final = 1.5
"""With more work than this waiting to be shown, those who bring more wait too."""
_CROWDED: Final = 8_000
"""So many products are too many, however fast they are stored."""
_OFFERED: Final = 2 * _CROWDED
"""Products that may wait to be shown, whoever brings them."""
_PATIENCE_S: Final = 5.0
"""How long one who brings products waits for the others to be shown."""


class IndexApplier(IndexFile):
    """The file, and the products that wait to be stored in it."""

    def __init__(self, path: Path, *, currency: str, clock: Clock, metrics: Metrics | None = None) -> None:
        super().__init__(path, currency=currency, clock=clock, metrics=metrics)
        self._waiting: deque[tuple[Sequence[Product], asyncio.Future[None]]] = deque()
        self._offered: deque[Product] = deque()
        self._backlog_since_ms: int | None = None
        self._in_hand = 0
        """Batches that were taken and are not stored yet."""
        self._crowded = _CROWDED
        """So many products waiting are some `_BEHIND_S` of work, by the pace of the last batches."""
        self._room = asyncio.Event()
        self._room.set()
        self._applying: asyncio.Task[None] | None = None
        self.on_change: Callable[[Sequence[Product]], None] = lambda _: None
        """Told of products that have changed in the truth, before the lists show it: set by the composition root."""

    async def close(self) -> None:
        """Store what waits, then close the file."""
        if self._applying is not None:
            await self._applying
        await super().close()

    async def apply_products(self, products: Sequence[Product]) -> None:
        """Show these products, unless newer ones are known; returns when the next list sees them.

        It never fails: the products are safe in the truth, and a damaged index is built again from there.
        """
        if not products:
            return
        self.on_change(products)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((products, done))
        self._wake()
        await asyncio.shield(done)

    def offer_products(self, products: Sequence[Product]) -> None:
        """Show these products soon, after those that a caller waits for; returns at once.

        When too many wait already they are left to the change feed, which announces them in any case.
        """
        if len(self._offered) < _OFFERED and products:
            if self._backlog_since_ms is None:
                self._backlog_since_ms = self._clock.now_ms()
            self._offered.extend(products)
            self._remember(products)
            self._tell_of_room()
            self._wake()

    async def wait_for_room(self) -> None:
        """Return when not too many products wait to be shown, or after a few seconds all the same.

        Who writes faster than lists can follow is slowed down to their pace. What does not find room would have to be
        read from the truth again, which costs more than the wait.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), _PATIENCE_S)

    @property
    def backlog_since_ms(self) -> int | None:
        """Since when something that was offered has been waiting, None when nothing does."""
        return self._backlog_since_ms

    def shows(self, entry: FeedEntry) -> bool:
        """Whether what the entry announces was applied lately, or offered: it need not be read again."""
        version, stock_version = self._recent.get(entry.product_id, (-1, -1))
        return version >= entry.version and stock_version >= entry.stock_version

    def _wake(self) -> None:
        if self._applying is None or self._applying.done():
            self._applying = asyncio.create_task(self._apply_waiting(), name="apply to catalogue index")

    async def _apply_waiting(self) -> None:
        """Store what waits, batch by batch; each is prepared while the one before is written."""
        before: asyncio.Task[None] | None = None
        while self._waiting or self._offered or before is not None:
            following: asyncio.Task[None] | None = None
            if self._waiting or self._offered:
                batch, answered = self._next_batch()
                self._in_hand += 1
                following = asyncio.create_task(self._apply(batch, answered, before))
            if before is not None:
                await before
            before = following

    def _keep_pace(self, stored: int, seconds: float) -> None:
        """Note how long a full batch took; half of it counts, as a single one may be a chance."""
        now = _BEHIND_S * stored / max(seconds, 1e-3)
        self._crowded = round(min(_CROWDED, max(CHUNK, (self._crowded + now) / 2)))

    def _tell_of_room(self) -> None:
        if len(self._offered) < self._crowded:
            self._room.set()
        else:
            self._room.clear()

    def _next_batch(self) -> tuple[Batch, list[asyncio.Future[None]]]:
        """Take what callers wait for; otherwise some of what was offered."""
        batch: Batch = {}
        answered: list[asyncio.Future[None]] = []
        while self._waiting and len(batch) < CHUNK:
            products, done = self._waiting.popleft()
            answered.append(done)
            _keep_newest(batch, products)
        while self._offered and not answered and len(batch) < CHUNK:
            _keep_newest(batch, [self._offered.popleft()])
        self._tell_of_room()
        return batch, answered

    async def _apply(
        self, batch: Batch, answered: Sequence[asyncio.Future[None]], before: asyncio.Task[None] | None
    ) -> None:
        """Prepare a batch, store it behind the one before, answer those who wait for it; it never fails."""
        try:
            rows = await self._prepared(list(batch.values()))
            if before is not None:
                await before
            begun = time.monotonic()
            for start in range(0, len(rows), CHUNK):
                async with self._lock:
                    some, now_ms = rows[start : start + CHUNK], self._clock.now_ms()
                    work = partial(writer.apply, rows=some, now_ms=now_ms)
                    self._counts.change(await self._db.write("products.apply", work))
            self._remember(batch.values())
            if len(rows) >= CHUNK:
                self._keep_pace(len(rows), time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - whatever kept it out: the index lacks something now
            self._note_write_error(error)
        self._in_hand -= 1
        if not self._offered and not self._in_hand:
            self._backlog_since_ms = None
        for done in answered:
            done.set_result(None)

    def _remember(self, products: Iterable[Product]) -> None:
        """Keep in mind what was applied, so that the follower does not read it again."""
        for product in products:
            version, stock_version = self._recent.get(product.id, (-1, -1))
            versions = max(version, product.version), max(stock_version, product.stock_version)
            self._recent[product.id] = versions

    async def _prepared(self, products: Sequence[Product]) -> list[tuple[str | int, ...]]:
        rows: list[tuple[str | int, ...]] = []
        for start in range(0, len(products), _SLICE):
            if start:
                await asyncio.sleep(0)
            rows += (incoming(product, self._currency) for product in products[start : start + _SLICE])
        return rows


def _keep_newest(batch: Batch, products: Sequence[Product]) -> None:
    for product in products:
        known = batch.get(product.id)
        if known is None or known.revision < product.revision:
            batch[product.id] = product

"""The catalogue's read model: one SQLite file per process that follows the change feed.

It can always be deleted: whatever cannot be opened, belongs to other code or is damaged is built again from a scan.
Products are prepared in the event loop in small slices and stored by the file's writer thread; lists are read in
the loop, except the few that would take long.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final

from store_kit.clock import Clock
from store_kit.logs import get_logger
from store_kit.metrics import Metrics
from store_kit.migrations import SchemaError
from store_kit.problems import DatabaseUnavailable
from store_kit.sqlite import Sqlite
from store_kit.sqlite_errors import UnusableDisk, tells_of_damage, unusable

from store_catalog.adapters import read_model_pages as pages
from store_catalog.adapters import read_model_writer as writer
from store_catalog.adapters.read_model_aside import Aside
from store_catalog.adapters.read_model_facets import Cube
from store_catalog.adapters.read_model_queries import CENSUS
from store_catalog.adapters.read_model_rows import incoming
from store_catalog.domain import FeedEntry, Product, ProductId
from store_catalog.listing import CatalogueLoading, CategoryCount, Facets, ListQuery, Page, Position

FORMAT: Final = 2
"""Raise it when what is stored changes its meaning without the schema changing: every copy is then rebuilt."""
CHUNK: Final = 1_000
"""Products per transaction of the index: some 40 ms. With half as many, each of them costs half as much again."""
_SLICE: Final = 50
"""Products prepared before other requests get their turn: about a millisecond."""
_REMEMBERED: Final = 25_000
"""Products whose last applied versions are kept in mind."""
_OFFERED: Final = 5_000
"""Products that may wait to be shown without anyone waiting for it."""


class ReadModel:
    """Lists, search and facets of this process.

    Args:
        path: the file; it is made when missing.
        currency: the shop's currency, which every item names.
        clock: when deletions were seen.
        metrics: where the time of each query is counted.
    """

    def __init__(self, path: Path, *, currency: str, clock: Clock, metrics: Metrics | None = None) -> None:
        self._path = path
        self._currency = currency
        self._clock = clock
        self._metrics = metrics
        self._format = f"{FORMAT}/{currency}"
        self._db = self._sqlite()
        self._aside = Aside(path)
        self._cube = Cube()
        self._ready = False
        self._position = 0
        self._waiting: deque[tuple[Sequence[Product], asyncio.Future[None]]] = deque()
        self._offered: deque[Product] = deque()
        self._backlog_since_ms: int | None = None
        self._applying: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._recent: dict[ProductId, tuple[int, int]] = {}
        self._incomplete: Exception | None = None
        self._lost = False
        self._log = get_logger("catalogue.index")
        self.on_nudge: Callable[[], None] = lambda: None
        """What `nudge` does: set by the composition root, which knows the worker that follows the feed."""
        self.on_change: Callable[[Sequence[Product]], None] = lambda _: None
        """Told of products that the truth shows anew, before the lists do: set by the composition root."""

    # ---------------------------------------------------------------------------------------------- life

    async def open(self) -> None:
        """Open the file; what is not usable is replaced by an empty one, which is not ready."""
        try:
            await self._open()
            self._load()
        except UnusableDisk:
            raise  # an empty file would fare no better
        except (SchemaError, DatabaseUnavailable, sqlite3.DatabaseError) as error:
            self._log.warning("index.unusable", error=str(error))
            await self.start_over()

    async def close(self) -> None:
        """Store what waits, then close the file."""
        if self._applying is not None:
            await self._applying
        await self._aside.close()
        await self._db.close()

    @property
    def ready(self) -> bool:
        """Whether it shows the whole catalogue."""
        return self._ready

    @property
    def position(self) -> int:
        """Up to where of the change feed everything is applied, as far as it was saved."""
        return self._position

    async def check(self) -> None:
        """Pass when lists can be served; for the health page.

        Raises:
            CatalogueLoading: the catalogue is being read.
        """
        self._must_be_ready()

    # ------------------------------------------------------------------------------------------- writing

    async def apply(self, products: Sequence[Product]) -> None:
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

    def offer(self, products: Sequence[Product]) -> None:
        """Show these products soon, behind those that somebody waits for; returns at once.

        When too many wait already they are left to the change feed, which announces them in any case.
        """
        if len(self._offered) < _OFFERED and products:
            if self._backlog_since_ms is None:
                self._backlog_since_ms = self._clock.now_ms()
            self._offered.extend(products)
            self._remember(products)
            self._wake()

    @property
    def backlog_since_ms(self) -> int | None:
        """Since when something that was offered has been waiting, None when nothing does."""
        return self._backlog_since_ms

    def shows(self, entry: FeedEntry) -> bool:
        """Whether what the entry announces was applied lately, or offered: it need not be read again."""
        version, stock_version = self._recent.get(entry.product_id, (-1, -1))
        return version >= entry.version and stock_version >= entry.stock_version

    def lost(self) -> bool:
        """Whether something could not be stored since this was asked: follow again from `position`."""
        lost, self._lost = self._lost, False
        return lost

    def nudge(self) -> None:
        """Follow the change feed now instead of at the next poll."""
        self.on_nudge()

    async def start_over(self) -> None:
        """Begin an empty file; it is not ready until `finish`."""
        async with self._lock:
            self._ready = False
            await self._aside.reset()
            await self._db.close()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._sqlite()
            await self._open()
            self._cube = Cube()
            self._recent.clear()
            self._incomplete, self._lost = None, False

    async def finish(self, position: int) -> None:
        """Say that the whole catalogue as of `position` of the feed is in.

        Raises:
            DatabaseUnavailable: some of it could not be stored, for the disk is full.
            RuntimeError: some of it could not be stored for another reason.
        """
        if isinstance(self._incomplete, DatabaseUnavailable):
            raise self._incomplete
        if self._incomplete:
            raise RuntimeError(f"{self._path} could not be filled; see the error logged before.")
        async with self._lock:
            await self._db.write("products.index", writer.create_indexes)
            await self._db.write("meta.put", partial(writer.put_meta, key="format", value=self._format))
            await self._db.write("meta.put", partial(writer.put_meta, key="position", value=position))
            self._position = position
            self._ready = True

    async def save_position(self, position: int) -> None:
        """Remember that everything up to `position` is applied; a restart goes on from there."""
        if position == self._position or self._lost:
            return
        async with self._lock:
            await self._db.write("meta.put", partial(writer.put_meta, key="position", value=position))
            self._position = position

    # ------------------------------------------------------------------------------------------- reading

    async def page(self, query: ListQuery, behind: Position | None, limit: int) -> Page:
        """Return the products of a page.

        Raises:
            CatalogueLoading: the catalogue is being read.
            InvalidCursor: `behind` is no position in this order.
        """
        self._must_be_ready()
        ask = self._ask(query, behind, limit)
        if ask is None:
            return pages.EMPTY
        try:
            page = pages.quick(ask, self._db.all)
            return page if page is not None else await self._aside.run(partial(pages.patient, ask))
        except (DatabaseUnavailable, sqlite3.DatabaseError) as error:
            raise self._damaged(error) from error

    async def facets(self, query: ListQuery) -> Facets:
        """Return how all matches of a query divide.

        Raises:
            CatalogueLoading: the catalogue is being read.
        """
        self._must_be_ready()
        ask = self._ask(query, None, 0)
        if ask is None:
            return self._cube.divide([], capped=False)
        if not query.search and not query.priced:
            return self._cube.facets(ask.category, in_stock=query.in_stock)
        try:
            cells, capped = await self._aside.run(partial(pages.division, ask))
        except (DatabaseUnavailable, sqlite3.DatabaseError) as error:
            raise self._damaged(error) from error
        return self._cube.divide(cells, capped=capped)

    def categories(self) -> list[CategoryCount]:
        """Return every category that has products.

        Raises:
            CatalogueLoading: the catalogue is being read.
        """
        self._must_be_ready()
        return self._cube.categories()

    # ------------------------------------------------------------------------------------------- private

    def _sqlite(self) -> Sqlite:
        schema = files("store_catalog") / "schema" / "index"
        return Sqlite(self._path, schema, metrics=self._metrics, synchronous="NORMAL")

    async def _open(self) -> None:
        await self._db.open()
        try:
            await self._db.write("meta.tune", writer.tune)
        except BaseException:
            await self._db.close()
            raise

    def _load(self) -> None:
        meta: dict[str, Any] = dict(self._db.all("meta.all", "SELECT key, value FROM meta"))
        if meta.get("format") != self._format or "position" not in meta:
            return
        categories = [writer.Category(*row) for row in self._db.all("category.all", writer.ALL_CATEGORIES)]
        census = self._db.all("products.census", CENSUS)
        self._cube.load(census, categories)
        self._position = int(meta["position"])
        self._ready = True

    def _must_be_ready(self) -> None:
        if not self._ready:
            raise CatalogueLoading("The catalogue is being read from the database; try again in a moment.")

    def _damaged(self, error: Exception) -> Exception:
        """Return what to raise: a damaged file is rebuilt by the worker, any other fault is ours or the disk's."""
        if not tells_of_damage(error):
            return unusable(error) or error
        self._log.error("index.damaged", error=str(error))
        self._ready = False
        self.nudge()
        return CatalogueLoading("The list is being built anew; try again in a moment.")

    def _ask(self, query: ListQuery, behind: Position | None, limit: int) -> pages.Ask | None:
        """Return what to read, None when the category has never had a product."""
        category = None
        if query.category is not None:
            category = self._cube.category(query.category)
            if category is None:
                return None
        prices = (query.min_price, query.max_price)
        under = self._cube.count(category, in_stock=query.in_stock, prices=prices)
        return pages.Ask(query, category, behind, limit, under, self._cube.count())

    def _wake(self) -> None:
        if self._applying is None or self._applying.done():
            self._applying = asyncio.create_task(self._apply_waiting(), name="apply to catalogue index")

    async def _apply_waiting(self) -> None:
        while self._waiting or self._offered:
            batch, answered = self._next_batch()
            try:
                await self._apply(list(batch.values()))
            except Exception as error:  # noqa: BLE001 - whatever kept it out: the index lacks something now
                self._damaged_by_writing(error)
            if not self._offered:
                self._backlog_since_ms = None
            for done in answered:
                done.set_result(None)

    def _next_batch(self) -> tuple[dict[ProductId, Product], list[asyncio.Future[None]]]:
        """Take what somebody waits for; else some of what was offered."""
        batch: dict[ProductId, Product] = {}
        answered: list[asyncio.Future[None]] = []
        while self._waiting and len(batch) < CHUNK:
            products, done = self._waiting.popleft()
            answered.append(done)
            _keep_newest(batch, products)
        while self._offered and not answered and len(batch) < CHUNK:
            _keep_newest(batch, [self._offered.popleft()])
        return batch, answered

    async def _apply(self, products: Sequence[Product]) -> None:
        for start in range(0, len(products), CHUNK):
            rows = await self._prepared(products[start : start + CHUNK])
            async with self._lock:
                work = partial(writer.apply, rows=rows, now_ms=self._clock.now_ms())
                self._cube.change(await self._db.write("products.apply", work))
            self._remember(products[start : start + CHUNK])

    def _remember(self, products: Sequence[Product]) -> None:
        """Keep in mind what was applied, so that the follower does not read it again; bounded, oldest out."""
        for product in products:
            version, stock_version = self._recent.pop(product.id, (-1, -1))
            versions = max(version, product.version), max(stock_version, product.stock_version)
            self._recent[product.id] = versions
        for forgotten in list(islice(self._recent, max(0, len(self._recent) - _REMEMBERED))):
            del self._recent[forgotten]

    async def _prepared(self, products: Sequence[Product]) -> list[tuple[str | int, ...]]:
        rows: list[tuple[str | int, ...]] = []
        for start in range(0, len(products), _SLICE):
            if start:
                await asyncio.sleep(0)
            rows += (incoming(product, self._currency) for product in products[start : start + _SLICE])
        return rows

    def _damaged_by_writing(self, error: Exception) -> None:
        """Whatever kept products out of the index: it is no longer complete, so it is built again.

        Unless the disk is full: what is there stays right, and what is missing is in the feed.
        """
        self._recent.clear()
        if self._ready and isinstance(error, DatabaseUnavailable) and not tells_of_damage(error):
            self._lost = True
            return
        self._log.error("index.damaged", error=str(error))
        self._ready = False
        self._incomplete = error
        self.nudge()


def _keep_newest(batch: dict[ProductId, Product], products: Sequence[Product]) -> None:
    for product in products:
        known = batch.get(product.id)
        if known is None or known.revision < product.revision:
            batch[product.id] = product

"""The file of the read model: how it is opened, filled for the first time, found damaged and begun again.

It can always be deleted: whatever cannot be opened, belongs to other code or is damaged is built again from a scan.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cachetools import LRUCache
from store_kit.clock import Clock
from store_kit.problems import DatabaseUnavailable
from store_kit.sqlite.database import Sqlite
from store_kit.sqlite.errors import UnusableDisk, tells_of_damage, unusable
from store_kit.stores.migrations import SchemaError
from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics

from store_catalog.adapters.read_model import writer
from store_catalog.adapters.read_model.facets import FacetCounts
from store_catalog.adapters.read_model.queries import CENSUS
from store_catalog.adapters.read_model.slow_reads import SlowReads
from store_catalog.domain import ProductId
from store_catalog.problems import CatalogueLoading

FORMAT: Final = 3
"""Raise it when what is stored changes its meaning without the schema changing: every copy is then rebuilt."""
_REMEMBERED: Final = 25_000
"""Products whose last applied versions are kept in mind."""


class IndexFile:
    """The read model's SQLite file.

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
        self._slow_reads = SlowReads(path)
        self._counts = FacetCounts()
        self._ready = False
        self._position = 0
        self._lock = asyncio.Lock()
        self._recent: LRUCache[ProductId, tuple[int, int]] = LRUCache(_REMEMBERED)
        """Version and stock version of the products that were applied lately."""
        self._incomplete: Exception | None = None
        self._lost = False
        self._log = get_logger("catalogue.index")
        self.on_nudge: Callable[[], None] = lambda: None
        """Called when the change feed should be followed now: set by the composition root, which knows the worker."""

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
        """Close the file."""
        await self._slow_reads.close()
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

    def lost(self) -> bool:
        """Whether something could not be stored since this was asked: follow again from `position`."""
        lost, self._lost = self._lost, False
        return lost

    async def start_over(self) -> None:
        """Begin an empty file; it is not ready until `finish`."""
        async with self._lock:
            self._ready = False
            await self._slow_reads.reset()
            await self._db.close()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._sqlite()
            await self._open()
            self._counts = FacetCounts()
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

    def _sqlite(self) -> Sqlite:
        schema = files("store_catalog") / "schema" / "index"
        return Sqlite(self._path, schema, metrics=self._metrics, synchronous="NORMAL")

    async def _open(self) -> None:
        await self._db.open()
        try:
            await self._db.write("meta.tune", writer.set_pragmas)
        except BaseException:
            await self._db.close()
            raise

    def _load(self) -> None:
        meta: dict[str, Any] = dict(self._db.all("meta.all", "SELECT key, value FROM meta"))
        if meta.get("format") != self._format or "position" not in meta:
            return
        categories = [writer.Category(*row) for row in self._db.all("category.all", writer.ALL_CATEGORIES)]
        census = self._db.all("products.census", CENSUS)
        self._counts.load(census, categories)
        self._position = int(meta["position"])
        self._ready = True

    def _must_be_ready(self) -> None:
        if not self._ready:
            raise CatalogueLoading("The catalogue is being read from the database; try again in a moment.")

    def _read_error(self, error: Exception) -> Exception:
        """Return what to raise: a damaged file is rebuilt by the worker, any other fault is ours or the disk's."""
        if not tells_of_damage(error):
            return unusable(error) or error
        self._log.error("index.damaged", error=str(error))
        self._ready = False
        self.on_nudge()
        return CatalogueLoading("The list is being rebuilt; try again in a moment.")

    def _note_write_error(self, error: Exception) -> None:
        """Note that products could not be stored: the index is no longer complete, so it is built again.

        Unless the disk is full: what is there stays right, and what is missing is in the feed.
        """
        self._recent.clear()
        if self._ready and isinstance(error, DatabaseUnavailable) and not tells_of_damage(error):
            self._lost = True
            return
        self._log.error("index.damaged", error=str(error))
        self._ready = False
        self._incomplete = error
        self.on_nudge()
